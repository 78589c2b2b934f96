#!/usr/bin/python3
"""The same bytes to PostgreSQL and to pglynx in transaction mode; the replies have to be equal.

    tests/differential/differential.py [--scripts] [--random N] [--seed S] [--only NAME]
                                       [--profile NAME] [--postgres BINDIR|18] [--self]

Without --scripts and --random: the scripts. --only takes the scripts whose names contain NAME.
--postgres 18 is the server that tests/support/postgres18.sh fetches.
--self compares PostgreSQL with a second PostgreSQL, which says whether the scripts are sound.
Exit status: 0 equal, 1 not, 77 something that is needed is missing, with the reason.
"""

import argparse
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, f"{HERE}/../support/py"]
sys.dont_write_bytecode = True

SKIPPED = 77


def arguments():
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--scripts", action="store_true", help="run the hand-written scripts")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="N random client runs")
    parser.add_argument("--seed", type=int, default=1, help="of the first of them")
    parser.add_argument("--groups", help="what they are made of: "
                        "pipeline,simple,transaction,settings,prepare,copy,call,state,hidden")
    parser.add_argument("--only", default="", help="scripts whose name contains this")
    parser.add_argument("--file", default=f"{HERE}/scripts/*.txt", metavar="PATTERN",
                        help="files of scripts; those of scripts/ otherwise")
    parser.add_argument("--profile", help="plain or deferred (BEGIN); all that pglynx knows")
    parser.add_argument("--postgres", metavar="BINDIR",
                        help="a PostgreSQL server's programs; 18: of tests/support/postgres18.sh")
    parser.add_argument("--self", action="store_true", help="PostgreSQL against PostgreSQL")
    parser.add_argument("--verbose", action="store_true", help="name each script; all replies")
    asked = parser.parse_args()
    asked.scripts = asked.scripts or not asked.random
    return asked


def main():
    """Runs what is asked for."""
    asked = arguments()
    if asked.postgres == "18":
        fetched = subprocess.run([f"{HERE}/../support/postgres18.sh"], capture_output=True,
                                 text=True, check=False)
        if fetched.returncode != 0:
            print(fetched.stderr.strip())
            return SKIPPED if fetched.returncode == SKIPPED else 1
        asked.postgres = fetched.stdout.strip()
    if asked.postgres:
        os.environ["PGLYNX_POSTGRES_BINDIR"] = asked.postgres
    try:
        import psycopg2  # noqa: F401  pylint: disable=import-outside-toplevel,unused-import
    except ImportError:
        print("skipped: python3-psycopg2 is not installed for this Python")
        return SKIPPED
    # pylint: disable=import-outside-toplevel
    import harness
    import random_scripts
    import scripts
    import world
    try:
        harness.postgres_bin()
        ways = [None] if asked.self else world.profiles()
    except harness.HarnessError as error:
        print(f"skipped: {error}")
        return SKIPPED
    if asked.profile:
        if asked.profile not in ways:
            print(f"skipped: this pglynx does not know the profile {asked.profile}")
            return SKIPPED
        ways = [asked.profile]
    good, begin = True, time.monotonic()
    for way in ways:
        with world.World(way) as stage:
            print(f"== {way or 'PostgreSQL against itself'}, PostgreSQL {stage.version()}")
            if asked.scripts:
                good &= scripts.run(stage, asked.file, asked.only, asked.verbose)
            if asked.random:
                if asked.scripts:
                    stage.fresh()
                good &= random_scripts.run(stage, asked.seed, asked.random,
                                           asked.groups and asked.groups.split(","))
    print(f"{'equal' if good else 'NOT EQUAL'}, {time.monotonic() - begin:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
