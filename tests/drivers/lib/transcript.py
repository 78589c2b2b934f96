"""What the Python drivers' scripts share: clients at the same time, and a transcript of each.

A script calls main(version, client): `client(number, transcript)` is one logical client, run in
a thread of its own, or as a task if it is a coroutine function. Nothing that changes from run to
run may get into a transcript: no pids, oids of tables, addresses or times.
"""

import asyncio
import datetime
import decimal
import faulthandler
import inspect
import os
import sys
import threading
import traceback

CLIENTS = int(os.environ.get("CLIENTS", "8"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
# Below the time limit of matrix.py: the dump at its end says where each thread hangs.
STUCK_SECONDS = int(os.environ.get("SCRIPT_SECONDS", "280"))


def show(value):
    """A value as text that is the same in every run and says its type."""
    if isinstance(value, (memoryview, bytearray)):
        return show(bytes(value))
    if isinstance(value, bytes) and len(value) > 60:
        return f"{len(value)} bytes {show(value[:10])}…"
    if isinstance(value, str) and len(value) > 300:
        return f"{len(value)} characters {value[:20]!r}…"
    if isinstance(value, decimal.Decimal):
        return f"decimal {value}"
    if isinstance(value, datetime.datetime):
        return f"datetime {value.isoformat()} {value.tzname()}"
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return f"{type(value).__name__} {value}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{show(k)}: {show(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        if len(value) > 40:
            return f"{len(value)} items {show(value[:2])} … {show(value[-2:])}"
        return "[" + ", ".join(show(item) for item in value) + "]"
    return repr(value)


class Transcript:
    """The lines of one client."""

    def __init__(self, number):
        self.number = number
        self.failed = False
        self.lines = []
        self.lock = threading.Lock()

    def say(self, label, *values):
        """One line: what was done, and what came of it."""
        text = " ".join([str(label)] + [v if isinstance(v, Verbatim) else show(v) for v in values])
        with self.lock:
            self.lines.append(f"[{self.number}] " + text.replace("\n", "\n    "))

    def unexpected(self, error):
        """The script does not know this error: the run is not good."""
        self.failed = True
        place = traceback.extract_tb(error.__traceback__)
        mine = [f"{os.path.basename(f.filename)}:{f.name}" for f in place]
        self.say("UNEXPECTED", Verbatim(f"{type(error).__name__}: {error} in {' '.join(mine)}"))
        traceback.print_exception(error)


class Verbatim(str):
    """Text that a transcript takes without quotes."""


def rotated(steps, number):
    """Each client begins with another step, so that different things meet on the servers."""
    start = number * 3 % len(steps)
    return steps[start:] + steps[:start]


def _in_thread(client, transcript):
    try:
        client(transcript.number, transcript)
    except BaseException as error:  # pylint: disable=broad-exception-caught
        transcript.unexpected(error)


async def _in_task(client, transcript):
    try:
        await client(transcript.number, transcript)
    except Exception as error:  # pylint: disable=broad-exception-caught
        transcript.unexpected(error)


async def _tasks(client, transcripts):
    await asyncio.gather(*(_in_task(client, transcript) for transcript in transcripts))


def run(client, transcripts):
    """All clients at the same time, to the end of the last."""
    if inspect.iscoroutinefunction(client):
        asyncio.run(_tasks(client, transcripts))
        return
    threads = [threading.Thread(target=_in_thread, args=(client, transcript))
               for transcript in transcripts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main(version, client, before=None):
    """The whole script; `before()` runs alone, ahead of the clients. Returns the exit status."""
    if "--version" in sys.argv:
        print(version)
        return 0
    faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
    if before is not None:
        before()
    transcripts = [Transcript(number) for number in range(CLIENTS)]
    run(client, transcripts)
    for transcript in transcripts:
        print("\n".join(transcript.lines))
    return 1 if any(transcript.failed for transcript in transcripts) else 0
