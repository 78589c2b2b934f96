"""The PostgreSQL protocol, version 3, from the client's side: as little as is needed to send any
message at any time and to keep every reply. Nothing here understands what it sends; the replies
are what is compared.

A message is a pair (type, body), the type one letter. The end of a connection is the message
END. Logins are by `trust`: what is compared begins behind them.
"""

import collections
import select
import socket
import struct
import time

END = ("EOF", b"")
PROTOCOL_3 = 196608
READ_BYTES = 1 << 18


def frame(kind, body=b""):
    """A message of the client."""
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


def cstring(value):
    """Text with its final zero."""
    return value.encode() + b"\0"


def startup(parameters, protocol=PROTOCOL_3):
    """The startup packet."""
    body = struct.pack("!I", protocol)
    for name, value in parameters.items():
        body += cstring(name) + cstring(value)
    body += b"\0"
    return struct.pack("!I", len(body) + 4) + body


def parse(name, sql, types=()):
    """Parse."""
    body = cstring(name) + cstring(sql) + struct.pack("!H", len(types))
    return frame("P", body + b"".join(struct.pack("!I", oid) for oid in types))


def _values(values):
    body = struct.pack("!H", len(values))
    for value in values:
        if value is None:
            body += struct.pack("!i", -1)
        else:
            body += struct.pack("!i", len(value)) + value
    return body


def _formats(formats):
    return struct.pack(f"!H{len(formats)}H", len(formats), *formats)


def bind(portal, name, values=(), formats=(), results=()):
    """Bind; a value is bytes, or None for NULL."""
    return frame("B", cstring(portal) + cstring(name) + _formats(formats) + _values(values)
                 + _formats(results))


def describe(what, name):
    """Describe; `what` is S (statement) or P (portal)."""
    return frame("D", what.encode() + cstring(name))


def execute(portal, rows_max=0):
    """Execute."""
    return frame("E", cstring(portal) + struct.pack("!I", rows_max))


def close(what, name):
    """Close; `what` as for describe()."""
    return frame("C", what.encode() + cstring(name))


def query(sql):
    """Query."""
    return frame("Q", cstring(sql))


def function_call(oid, values=(), formats=(), result=0):
    """FunctionCall."""
    return frame("F", struct.pack("!I", oid) + _formats(formats) + _values(values)
                 + struct.pack("!H", result))


SYNC = frame("S")
FLUSH = frame("H")
COPY_DONE = frame("c")
TERMINATE = frame("X")


class Splitter:
    """Cuts what came into messages."""

    def __init__(self):
        self._bytes = b""

    def feed(self, data):
        """The messages that are complete now."""
        data = self._bytes + data if self._bytes else data
        messages, at, end = [], 0, len(data)
        while end - at >= 5:
            length = int.from_bytes(data[at + 1:at + 5], "big")
            if at + 1 + length > end:
                break
            messages.append((chr(data[at]), data[at + 5:at + 1 + length]))
            at += 1 + length
        self._bytes = data[at:]
        return messages


class Connection:
    """One connection; `replies` is all that came and was not taken by take()."""

    def __init__(self, port, packet):
        self.replies = collections.deque()
        self.over = False
        self._splitter = Splitter()
        self._unsent = b""
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self.send(packet)

    def fileno(self):
        """For selectors."""
        return self._socket.fileno()

    def send(self, data):
        """Sends; what the socket does not take now goes with the next pump()."""
        self._unsent += data
        self._push()

    def _push(self):
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent):]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""  # the end of the replies says why

    def pump(self):
        """Takes what has come, without waiting."""
        self._push()
        while not self.over:
            try:
                data = self._socket.recv(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.over = True
                self.replies.append(END)
                return
            self.replies.extend(self._splitter.feed(data))
            if len(data) < READ_BYTES:
                return

    def read_until(self, complete, seconds):
        """Reads until complete(replies); whether that came about in time."""
        deadline = time.monotonic() + seconds
        while True:
            self.pump()
            if complete(self.replies):
                return True
            left = deadline - time.monotonic()
            if left <= 0 or self.over:
                return False
            poll = select.poll()
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            poll.poll(left * 1000)

    def take(self):
        """The replies up to now, which are no longer kept."""
        taken = list(self.replies)
        self.replies.clear()
        return taken

    @property
    def has_unsent(self):
        """Whether there is something to send that the socket did not take."""
        return bool(self._unsent)

    def close(self):
        """Leaves without a word."""
        self._socket.close()
