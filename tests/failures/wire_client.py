"""A client that speaks the protocol itself: it sees what libpq hides at a login (SQLSTATE), and
when each message came. For pools with auth.method = "trust"."""

import dataclasses
import itertools
import socket
import struct
import threading
import time

ANSWER_SECONDS_MAX = 60
_names = itertools.count(1)


@dataclasses.dataclass
class Outcome:
    """How a login or a query ended."""

    began: float  # time.monotonic()
    ended: float = 0.0
    ok: bool = False
    severity: str = ""
    sqlstate: str = ""
    message: str = ""
    rows: list = dataclasses.field(default_factory=list)
    closed: bool = False  # by the other end
    notices: list = dataclasses.field(default_factory=list)

    @property
    def ms(self):
        """From the question to the answer."""
        return (self.ended - self.began) * 1000

    def since(self, moment):
        """From `moment` to the answer, in ms."""
        return (self.ended - moment) * 1000

    @property
    def verdict(self):
        """`answered`, `FATAL 08001`, or `closed` without a word."""
        if self.ok:
            return "answered"
        return f"{self.severity} {self.sqlstate}" if self.sqlstate else "closed"

    def cell(self, moment=None):
        """For the table."""
        ms = self.ms if moment is None else self.since(moment)
        return f"{self.verdict}, {format_ms(ms)}"


def format_ms(ms):
    """Milliseconds for a person: no more digits than can be believed."""
    if ms < 1000:
        return f"{max(1, round(ms))} ms"
    return f"{ms / 1000:.1f} s"


class Client:
    """One connection to pglynx. `login` says how the login went; nothing raises for it."""

    def __init__(self, port, database="app", name=None):
        """`name`: its application_name. One that the pool has not seen needs a server at the
        login; without one the login needs a server only if the pool has never had any."""
        self.parameters = {}
        self.login = Outcome(began=time.monotonic())
        self._buffer = b""
        self._began = 0.0
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS_MAX)
        settings = {"user": "app", "database": database}
        if name is not None:
            settings["application_name"] = name
        body = struct.pack("!I", 196608)
        for key, value in settings.items():
            body += key.encode() + b"\0" + value.encode() + b"\0"
        body += b"\0"
        self._socket.sendall(struct.pack("!I", len(body) + 4) + body)
        self._read(self.login)

    @classmethod
    def stranger(cls, port, database="app"):
        """A client whose login needs a server."""
        return cls(port, database, f"stranger {next(_names)}")

    def send(self, sql):
        """Asks, and does not wait."""
        self._began = time.monotonic()
        body = sql.encode() + b"\0"
        try:
            self._socket.sendall(b"Q" + struct.pack("!I", len(body) + 4) + body)
        except OSError:
            pass  # receive() says so

    def receive(self):
        """The answer to what was sent last; for a client that did not ask: what it is told."""
        outcome = Outcome(began=self._began)
        self._read(outcome)
        return outcome

    def ask(self, sql):
        """Asks and waits."""
        self.send(sql)
        return self.receive()

    def close(self):
        """Leaves without a word."""
        self._socket.close()

    def _read(self, outcome):
        try:
            self._read_until_ready(outcome)
        except TimeoutError:
            outcome.message = f"no answer within {ANSWER_SECONDS_MAX} s"
        except OSError:
            outcome.closed = True
        outcome.ended = outcome.ended or time.monotonic()

    def _read_until_ready(self, outcome):
        while True:
            kind, body = self._message()
            if kind == b"":
                outcome.closed = True
                return
            if kind == b"Z":
                outcome.ok = not outcome.sqlstate
                return
            if kind == b"E":
                fields = _fields(body)
                outcome.ended = time.monotonic()
                outcome.severity = fields[b"S"]
                outcome.sqlstate = fields[b"C"]
                outcome.message = fields[b"M"]
            elif kind == b"N":
                outcome.notices.append(_fields(body)[b"M"])
            elif kind == b"S":
                name, value = body.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
            elif kind == b"D":
                outcome.rows.append(_columns(body))

    def _message(self):
        while len(self._buffer) < 5 or len(self._buffer) < 1 + self._length():
            got = self._socket.recv(65536)
            if not got:
                return b"", b""
            self._buffer += got
        end = 1 + self._length()
        kind, body = self._buffer[:1], self._buffer[5:end]
        self._buffer = self._buffer[end:]
        return kind, body

    def _length(self):
        return struct.unpack("!I", self._buffer[1:5])[0]


def _fields(body):
    return {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}


def _columns(body):
    values, at = [], 2
    for _ in range(struct.unpack("!H", body[:2])[0]):
        length = struct.unpack("!i", body[at:at + 4])[0]
        at += 4
        values.append(None if length < 0 else body[at:at + length].decode())
        at += max(length, 0)
    return values


class Later:
    """The result of a call that runs on a thread of its own."""

    def __init__(self, function, *arguments):
        self._result = None
        self._error = None

        def run():
            try:
                self._result = function(*arguments)
            except Exception as error:  # pylint: disable=broad-except
                self._error = error  # result() raises it

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def done(self):
        """Whether it has ended."""
        return not self._thread.is_alive()

    def result(self, seconds=ANSWER_SECONDS_MAX + 5):
        """Waits for it."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"a call did not end within {seconds} s")
        if self._error is not None:
            raise self._error
        return self._result
