"""Runs the hand-written scripts: first on PostgreSQL, to know what each step brings, then on the
other side, which has to bring the same."""

import glob
import os

import known
import notation
import wire
from compare import first_difference, normalised_all, show_difference, shown
from harness import HarnessError

# A step brings its replies within this, on either side.
REPLY_SECONDS = 10
# What must follow a Terminate.
END_SECONDS = 10


class ScriptError(Exception):
    """A script does not do on PostgreSQL what it says."""


class Player:
    """Plays a script on one side; `record` has the replies of each step, (step's text, replies)."""

    def __init__(self, stage, side, script):
        self._stage = stage
        self._side = side
        self._script = script
        self._connections = {}
        self._step = None
        self.known = set()  # what of known.py was met
        self.record = []

    def play(self, expected=None):
        """All steps, then each client's end. With `expected`, the other side's record, it stops
        behind the first step that differs."""
        try:
            for step in self._script.steps:
                if step.client not in self._connections and step.login is None:
                    self._login(notation.Step(step.client, "", login={}))
                self._step = step
                self._play_step(step, expected)
                if expected is not None and self.differs(expected):
                    return
            self._step = None
            for client in list(self._connections):
                self._finish(client)
                if expected is not None and self.differs(expected):
                    return
        finally:
            for connection in self._connections.values():
                connection.close()

    def differs(self, expected):
        """Whether the last step's replies are other ones."""
        at = len(self.record) - 1
        if at >= len(expected):
            return True
        wanted, replies = expected[at][1], self.record[at][1]
        if first_difference(wanted, replies) is None:
            return False
        name = self._step.known if self._step is not None else ""
        if not name or not known.accepts(name, wanted, replies):
            return True
        self.known.add(name)
        return False

    def _keep(self, text, replies):
        self.record.append((text, normalised_all(replies)))

    def _login(self, step):
        if step.client in self._connections:
            self._connections.pop(step.client).close()
        login = {"user": "app", "database": self._stage.database(self._side, self._script.servers)}
        login.update(step.login)
        connection = wire.Connection(self._stage.ports()[self._side], wire.startup(login))
        self._connections[step.client] = connection
        connection.read_until(lambda replies: any(kind == "Z" for kind, _ in replies),
                              REPLY_SECONDS)
        self._keep(f"{step.client}: connect", connection.take())

    def _play_step(self, step, expected):
        if step.login is not None:
            self._login(step)
            if not step.data:
                return
        connection = self._connections[step.client]
        if step.cut:
            connection.close()
            del self._connections[step.client]
            self._stage.wait_for_clients(self._side, len(self._connections))
            self._keep(step.text, [])
            return
        connection.send(step.data)
        if expected is None:
            done = connection.read_until(self._complete(step), REPLY_SECONDS)
            if not done and not connection.over:
                raise ScriptError(f"{step.client}: {step.text}: only these replies came: "
                                  f"{[kind for kind, _ in connection.replies]}")
        else:
            self._read_as_many(connection, expected[len(self.record)][1])
        self._keep(f"{step.client}: {step.text}", connection.take())

    @staticmethod
    def _complete(step):
        """When the replies of a step are all there, on PostgreSQL."""
        def in_order(replies):
            kinds = iter([kind for kind, _ in replies])
            return all(kind in kinds for kind in step.awaited)

        def ready(replies):
            kinds = [kind for kind, _ in replies]
            return kinds.count("Z") >= step.ready or ("G" in kinds and not step.ends_copy)

        return ready if step.awaited is None else in_order

    @staticmethod
    def _read_as_many(connection, wanted):
        """Reads as many replies as PostgreSQL sent. A last ReadyForQuery ends it too, however
        many came: what is missing then does not come any more."""
        ready = sum(kind == "Z" for kind, _ in wanted)
        by_ready = wanted and wanted[-1][0] == "Z"

        def complete(replies):
            if by_ready:
                return sum(kind == "Z" for kind, _ in replies) >= ready
            return sum(kind != "K" for kind, _ in replies) >= len(wanted)

        connection.read_until(complete, REPLY_SECONDS)

    def _finish(self, client):
        """Nothing may come behind the last step's replies, and the end comes when it is asked
        for."""
        connection = self._connections[client]
        connection.send(wire.TERMINATE)
        connection.read_until(lambda replies: bool(replies) and replies[-1] == wire.END,
                              END_SECONDS)
        self._keep(f"{client}: (end)", connection.take())


def _play(stage, script):
    """The lines that say how the two sides differ, empty if they do not, and both players."""
    direct = Player(stage, 0, script)
    direct.play()
    pooled = Player(stage, 1, script)
    pooled.play(direct.record)
    if not pooled.differs(direct.record):
        return [], direct, pooled
    at = len(pooled.record) - 1
    text, replies = pooled.record[at]
    if at >= len(direct.record):
        return [f"    {text}: more steps than on PostgreSQL"], direct, pooled
    wanted = direct.record[at][1]
    index = first_difference(wanted, replies)
    return [f"    {text}", *show_difference(wanted, replies, index)], direct, pooled


def _run_one(stage, script, verbose):
    """"ok", "known", "different" or "bad"."""
    try:
        lines, direct, pooled = _play(stage, script)
    except (ScriptError, HarnessError) as error:
        print(f"BAD SCRIPT {script.name} ({script.place})\n    {error}")
        return "bad"
    if verbose:
        print(f"{script.name}: {script.why}")
        for text, replies in direct.record:
            print(f"    {text}")
            for reply in replies:
                print(f"        {shown(reply)}")
    complaint = stage.complaint()
    if lines or complaint:
        print(f"DIFFERENT {script.name} ({script.place})\n    {script.why}")
        print("\n".join([*lines, complaint]).rstrip())
        return "different"
    if stage.pooler is not None:
        for name in {step.known for step in script.steps if step.known} - pooled.known:
            print(f"note: {script.name} does not differ any more: {known.REASONS[name]}")
    for name in sorted(pooled.known):
        print(f"known: {script.name}: {known.REASONS[name]}")
    return "known" if pooled.known else "ok"


def run(stage, pattern, only, verbose):
    """Runs the scripts of these files with `only` in their names; whether all was well."""
    found = [script for path in sorted(glob.glob(pattern))
             for script in notation.load(os.path.relpath(path))]
    names = [script.name for script in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ScriptError(f"names that two scripts have: {', '.join(sorted(twice))}")
    unknown = {step.known for script in found for step in script.steps} - {"", *known.REASONS}
    if unknown:
        raise ScriptError(f"not in known.py: {', '.join(sorted(unknown))}")
    version = stage.version()
    counts = {"ok": 0, "known": 0, "bad": 0, "different": 0}
    for script in found:
        if only not in script.name or script.needs > version:
            continue
        result = _run_one(stage, script, verbose)
        if result in ("bad", "different"):
            # Nothing of it may reach the next script; and does it depend on the ones before it?
            stage.fresh()
        if result == "different" and not only:
            lines, _, _ = _play(stage, script)
            print("    (alone, with a new pooler: " + ("the same)" if lines else "equal)"))
            stage.fresh()
        counts[result] += 1
    print(f"{counts['ok']} scripts equal, {counts['known']} but for known differences, "
          f"{counts['different']} different, {counts['bad']} bad")
    return counts["bad"] + counts["different"] == 0
