"""A client that costs next to nothing: it reads what a server sends in large pieces, looks at the
end of it alone, and counts bytes. For pools with auth.method = "trust"."""

import socket
import struct

PROTOCOL_3 = 196608
PIECE = 1 << 18
TAIL = 256
READY = b"Z\0\0\0\5I"
SECONDS_MAX = 120


class ClientError(Exception):
    """The other end said something else than it should have."""


def message(kind, body):
    """With its length."""
    return kind + struct.pack("!I", len(body) + 4) + body


class RawClient:
    """One connection, logged in."""

    def __init__(self, port, user="app", database="app"):
        self._socket = socket.create_connection(("127.0.0.1", port), SECONDS_MAX)
        self._piece = bytearray(PIECE)
        body = struct.pack("!I", PROTOCOL_3) + b"".join(
            text.encode() + b"\0" for text in ("user", user, "database", database)) + b"\0"
        self._socket.sendall(struct.pack("!I", len(body) + 4) + body)
        self.read_answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        """As it is."""
        self._socket.sendall(data)

    def ask(self, sql):
        """Sends a simple query and does not wait."""
        self.send(message(b"Q", sql.encode() + b"\0"))

    def read_some(self, bytes_max=PIECE):
        """What is there; waits for the first byte."""
        size = self._socket.recv_into(self._piece, bytes_max)
        if size == 0:
            raise ClientError("the connection was closed")
        return memoryview(self._piece)[:size]

    def read_answer(self, so_far=b""):
        """Until ReadyForQuery, without a transaction: (bytes, the tag of the last command).
        `so_far` is what was read before, or its end."""
        size, tail = 0, bytes(so_far[-TAIL:])
        while not tail.endswith(READY):
            piece = self.read_some()
            size += len(piece)
            tail = (tail + piece[-TAIL:])[-TAIL:]
            if not so_far and size == len(piece) and piece[:1] == b"E":
                raise ClientError(bytes(piece[:TAIL]).decode(errors="replace"))
        return size, _tag(tail)

    def query(self, sql):
        """Asks and reads all of it: (bytes, tag)."""
        self.ask(sql)
        return self.read_answer()

    def copy_in(self, sql, data):
        """A COPY FROM STDIN of CopyData messages that are ready; the tag."""
        self.ask(sql)
        begun = b""
        while b"G" not in begun[:1]:
            begun = bytes(self.read_some())
            if begun[:1] == b"E":
                raise ClientError(begun.decode(errors="replace"))
        self.send(data)
        self.send(message(b"c", b""))
        return self.read_answer()[1]

    def close(self):
        """With a Terminate."""
        with self._socket:
            try:
                self.send(message(b"X", b""))
            except OSError:
                pass


def _tag(tail):
    """Of the last CommandComplete before the end; "" if there was none."""
    body = tail[:-len(READY)]
    at = body.rfind(b"C\0\0\0")
    return body[at + 5:].rstrip(b"\0").decode(errors="replace") if at >= 0 else ""
