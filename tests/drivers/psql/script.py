"""psql: one process per client that reads steps.sql, short ones with their settings in the
environment, and one that is interrupted.
"""

import os
import re
import signal
import subprocess
import sys
import time

import transcript
from transcript import ROUNDS, Verbatim

HERE = os.path.dirname(os.path.abspath(__file__))
PSQL = ["psql", "-X", "-q"]
SECONDS = 120


def psql(client, arguments, standard_input="", **environment):
    """One psql to its end: its exit status and all that it printed."""
    ran = subprocess.run(PSQL + arguments, input=standard_input, text=True, timeout=SECONDS * 2,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                         cwd=HERE, env={**os.environ, **environment})
    text = re.sub(r"PID \d+", "PID …", ran.stdout)
    text = re.sub(r"connection to server .* failed: ", "connection failed: ", text)
    for line in text.splitlines():
        client.say(Verbatim(line))
    client.say("exit status", ran.returncode)


def with_environment(client, number):
    """What users give psql without a word of SQL."""
    show = ["-At", "-c", "select current_setting('TimeZone'), current_setting('DateStyle'), "
            "current_setting('application_name'), current_setting('search_path'), "
            "current_setting('client_encoding'), current_setting('statement_timeout'), "
            "current_setting('geqo')", "-c", "select 'now'::timestamptz is null, 'ü'"]
    psql(client, show)
    psql(client, show, PGTZ="Asia/Tokyo", PGDATESTYLE="German", PGAPPNAME="O'Reilly", PGGEQO="off")
    psql(client, show, PGOPTIONS=f"-c search_path=s{number},public --statement-timeout=7s")
    psql(client, show, PGCLIENTENCODING="SQL_ASCII")
    psql(client, show, PGOPTIONS="-c no_such_setting=1")
    psql(client, show, PGTZ="Nowhere/City")
    psql(client, ["-c", "selec"])
    psql(client, ["-1", "-c", f"create table once{number} (id int)", "-c", "select 1/0"])
    psql(client, ["-c", f"select count(*) from once{number}"])
    psql(client, ["-v", "ON_ERROR_STOP=1"], "select 1;\nselect 1/0;\nselect 'unreached';\n")


def waits(process):
    """Whether it sleeps: it has read all its input, so it waits for the server, or is a zombie."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", maxsplit=1)[1].split()[0] in "SZ"


def interrupted(client):
    """Ctrl-C in a statement: cancelled, and psql ends. Nothing is asked of the server about it: in
    the pool there may be no connection left for that."""
    with subprocess.Popen(PSQL, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, cwd=HERE) as process:
        process.stdin.write("\\echo begins\nselect pg_sleep(60);\nselect 'unreached';\n")
        process.stdin.close()
        client.say("interrupted", process.stdout.readline())
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if waits(process):
                process.send_signal(signal.SIGINT)
            try:
                process.wait(0.2)  # a cancel that comes before its statement is lost
            except subprocess.TimeoutExpired:
                pass
        text = process.stdout.read()
        client.say(Verbatim(re.sub("(Cancel request sent\n)+", "Cancel request sent\n", text)))
    client.say("exit status", process.returncode)


def steps(number):
    """The file for this client and for this psql."""
    version = subprocess.run(["psql", "--version"], capture_output=True, text=True, check=True)
    old = int(re.search(r"\d+", version.stdout)[0]) < 16
    with open(os.path.join(HERE, "steps.sql"), encoding="utf-8") as file:
        lines = [line for line in file if not (old and r"\bind" in line)]
    return "".join(lines).replace("TABLE", f"t{number}")


def run_client(number, client):
    """One client: the file in every round, and short processes between."""
    for turn in range(ROUNDS):
        client.say("== steps.sql", turn)
        psql(client, ["-v", f"n={number}"], steps(number))
        client.say("== environment", turn)
        with_environment(client, number)
        client.say("== interrupted", turn)
        interrupted(client)


if __name__ == "__main__":
    sys.exit(transcript.main("", run_client))
