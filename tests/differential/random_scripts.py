"""Random client programs, eight at a time on two servers, each also on PostgreSQL directly.

Both sides of a client run by themselves, a step as soon as the one before is answered; a
program's replies are compared when both sides have come to its end. A program depends on its seed
alone: `--random 1 --seed SEED` repeats it, though not what the others did meanwhile. A program
that differs is tried again alone and without each of its steps, for as long as it still differs.
"""

import select
import time

import known
import notation
import wire
from compare import first_difference, normalised_all, show_difference
from vocabulary import END, FIXTURE, GROUPS, Program

CLIENTS = 8
# With so many clients on two servers a client waits for a server, too.
STEP_SECONDS = 40
ALONE_SECONDS = 8
DIFFERENCES_MAX = 15
SHRINKS_MAX = 4
COPY_IN = "G"


def parse_program(seed, lines, slot):
    """Steps of the notation; `slot` makes their names and numbers."""
    return seed, lines, [notation.step(f"c{slot}", line.replace("@n", str(11 + slot)),
                                       f"slot{slot}") for line in lines]


class Runner:
    """One side of one client."""

    def __init__(self, stage, side):
        self._stage = stage
        self._side = side
        self._connection = None
        self._steps = []
        self._ready = 0
        self._carried = 0
        self._kinds_seen = 0
        self.deadline = 0.0
        self.at = 0
        self.record = []

    def start(self, steps):
        """Begins a program; a new connection if it has none that is usable."""
        self._steps = steps
        self.at = 0
        self.record = []
        if steps[0].login is None and self.is_new():
            self.connect({})
        else:
            self._send()

    def connect(self, login):
        """A new connection; its greeting is not a step of its own."""
        self.drop()
        packet = {"user": "app", "database": self._stage.database(self._side, 2), **login}
        self._connection = wire.Connection(self._stage.ports()[self._side], wire.startup(packet))
        self._await_ready(1)

    def _await_ready(self, ready):
        self._ready = ready
        self._carried = 0
        self._kinds_seen = 0
        self.deadline = time.monotonic() + STEP_SECONDS

    def _send(self):
        if self.ended():
            return
        step = self._steps[self.at]
        if step.login is not None:
            self.connect(step.login)
        else:
            self._connection.send(step.data)
            self._await_ready(step.ready + self._carried)

    @property
    def connection(self):
        """What it talks through."""
        return self._connection

    def ended(self):
        """Whether the program is over."""
        return self.at >= len(self._steps)

    def advance(self):
        """Takes what came; the next steps if that was all of one."""
        self._connection.pump()
        while not self.ended() and self._answered():
            replies = self._connection.take()
            step = self._steps[self.at]
            greeting = step.login is None and replies and replies[0][0] == "R"
            if not greeting:
                self.record.append(replies)
                self.at += 1
            self._send()

    def _answered(self):
        if self._connection.over:
            return True
        step = self._steps[self.at]
        if step.awaited == ["EOF"]:
            return False
        replies = self._connection.replies
        for index in range(self._kinds_seen, len(replies)):
            kind = replies[index][0]
            self._ready -= kind == "Z"
            if kind == COPY_IN and not step.ends_copy:
                # A Query's ReadyForQuery comes behind the data; a Sync is ignored.
                self._carried = int(step.data[:1] == b"Q")
                self._ready = 0
        self._kinds_seen = len(replies)
        return self._ready <= 0

    def give_up(self):
        """Ends the program here, with what came."""
        self.record.append(self._connection.take())
        self.at = len(self._steps)
        self.drop()

    def is_new(self):
        """Whether the next program has a new connection."""
        return self._connection is None or self._connection.over

    def drop(self):
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def compare(direct, pooled):
    """How two records part, as (step, index, direct's replies, the pooler's), or None; and how
    many of their steps differ as known.FAILED says."""
    count = 0
    for at in range(max(len(direct), len(pooled))):
        if at >= len(direct) or at >= len(pooled):
            return (at, 0, [], []), count
        if direct[at] == pooled[at]:
            continue
        ours, theirs = normalised_all(direct[at]), normalised_all(pooled[at])
        index = first_difference(ours, theirs)
        if index is None:
            continue
        accounted = known.failed_transaction(ours, theirs)
        if accounted is None:
            return (at, index, ours, theirs), count
        count += 1
        if not accounted:
            break
    return None, count


class Client:
    """Both sides of one client, and the program that they are at."""

    def __init__(self, stage, slot):
        self.slot = slot
        self.sides = [Runner(stage, side) for side in range(2)]
        self.program = None
        self.before = []  # the lines of the programs that this connection has run before

    def start(self, program):
        """Begins a program on both sides."""
        if self.program is not None:
            self.before += self.program[1]
        if program[2][0].login is not None or self.sides[1].is_new():
            self.before = []
        self.program = program
        for side in self.sides:
            side.start(program[2])

    def ended(self):
        """Whether both sides are through."""
        return all(side.ended() for side in self.sides)

    def difference(self):
        """What compare() says about the two sides."""
        return compare(self.sides[0].record, self.sides[1].record)

    def drop(self):
        """Closes both connections."""
        for side in self.sides:
            side.drop()


class Loop:
    """Runs clients until each has no more programs."""

    def __init__(self, stage, slots, programs, found):
        self._clients = [Client(stage, slot) for slot in slots]
        self._programs = programs  # an iterator of functions of the slot
        self._found = found  # called with (client, difference); False: stop
        self._active = set()
        self.ran = 0
        self.known = 0  # runs with a known difference

    def run(self, seconds=STEP_SECONDS):
        """All programs."""
        try:
            for client in self._clients:
                self._next(client)
            while self._active:
                self._poll()
                self._check_deadlines(seconds)
        finally:
            for client in self._clients:
                client.drop()

    def _next(self, client):
        make = next(self._programs, None)
        if make is None:
            self._active.discard(client)
            client.drop()
            return
        client.start(make(client.slot))
        self._active.add(client)

    def _poll(self):
        waiting, poll = {}, select.poll()
        for client in self._active:
            for side in client.sides:
                if not side.ended():
                    number = side.connection.fileno()
                    waiting[number] = (client, side)
                    out = select.POLLOUT if side.connection.has_unsent else 0
                    poll.register(number, select.POLLIN | out)
        for number, _ in poll.poll(1000):
            client, side = waiting[number]
            side.advance()
            if client.ended():
                self._finish(client)

    def _check_deadlines(self, seconds):
        now = time.monotonic() + STEP_SECONDS - seconds
        for client in list(self._active):
            late = [side for side in client.sides if not side.ended() and now > side.deadline]
            for side in late:
                side.give_up()
            if late and client.ended():
                self._finish(client)

    def _finish(self, client):
        self.ran += 1
        difference, count = client.difference()
        self.known += count > 0
        if difference is not None:
            goes_on = self._found(client, difference)
            client.drop()
            if not goes_on:
                self._programs = iter(())
        self._next(client)


def _differs_alone(stage, lines):
    """How a program differs when nothing else runs, or None."""
    found = []

    def note(client, difference):
        found.append((client.program, difference))
        return False

    lines = ["connect", *lines, *END]
    Loop(stage, [0], iter([lambda slot: parse_program(0, lines, slot)]), note).run(ALONE_SECONDS)
    return found[0] if found else None


def _shrink(stage, lines):
    """The fewest steps found that still differ alone; [] if they do not."""
    if _differs_alone(stage, lines) is None:
        return []
    at = len(lines) - 1
    while at >= 0:
        fewer = lines[:at] + lines[at + 1:]
        if _differs_alone(stage, fewer) is not None:
            lines = fewer
        at -= 1
    return lines


def _report(stage, program, difference, before, shrink):
    seed, lines, _ = program
    at, index, direct, pooled = difference
    print(f"DIFFERENT random program: --seed {seed} --random 1, step {at + 1} of {len(lines)}")
    if shrink:
        print("\n".join(f"    c1: {line}" for line in lines[:at + 1]))
    else:
        print(f"    … c1: {lines[at]}")
    print("\n".join(show_difference(direct, pooled, index)))
    if not shrink:
        return
    fewest = _shrink(stage, lines[:at + 1]) or _shrink(stage, before + lines[:at + 1])
    if not fewest:
        print(f"    (equal when it runs alone, with the {len(before)} steps before it too)")
        return
    print("    alone it takes only:")
    print("\n".join(f"    c1: {line}" for line in fewest))
    alone = _differs_alone(stage, fewest)
    if alone is not None:
        _, index, direct, pooled = alone[1]
        print("\n".join(show_difference(direct, pooled, index)))


def _set_up(stage):
    for postgres in stage.clusters:
        connection = postgres.connect("app", "app")
        try:
            with connection.cursor() as cursor:
                cursor.execute(FIXTURE)
                for slot in range(CLIENTS):
                    cursor.execute(f"create table t_slot{slot} (id int, v text)")
        finally:
            connection.close()


def run(stage, seed, runs, groups=None):
    """Runs so many programs; whether all were equal."""
    _set_up(stage)
    groups = groups or list(GROUPS)
    differences = []

    def found(client, difference):
        differences.append((client.program, difference, list(client.before)))
        return len(differences) < DIFFERENCES_MAX and not stage.complaint()

    def programs():
        for number in range(runs):
            program = Program(seed + number, groups)
            yield lambda slot, p=program: parse_program(p.seed, p.steps, slot)

    begin = time.monotonic()
    loop = Loop(stage, range(CLIENTS), programs(), found)
    loop.run()
    seconds = time.monotonic() - begin
    for number, (program, difference, before) in enumerate(differences):
        _report(stage, program, difference, before, number < SHRINKS_MAX and not stage.complaint())
    if stage.complaint():
        print(stage.complaint())
    if loop.known:
        print(f"known: {loop.known} random client runs: {known.REASONS[known.FAILED]}")
    print(f"{loop.ran} random client runs, {len(differences)} different, "
          f"{loop.ran / seconds:.0f} runs a second, seeds {seed} to {seed + loop.ran - 1}")
    return not differences and not stage.complaint()
