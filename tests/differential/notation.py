"""The language of the scripts in scripts/*.txt.

    script NAME: one line that says why it is there
      servers 1                    one server instead of two
      needs 17                     the oldest PostgreSQL that it makes sense on
      c1: P s1 "select $1::int" 23; B - s1 [1]; D P -; E - 0; S
          continued where a line does not begin with a client's name
        known NAME                 the line above differs, as this name in known.py says
      c2: Q "select 1" => Z

A line is what one client sends in one piece; then the replies are read: as many ReadyForQuery as
there are Sync, Query and FunctionCall in it, or up to a CopyInResponse if the line neither ends
nor fails the COPY. `=>` says it differently: read until messages of these types have come, in
this order, others between them (EOF: the end); `=> -`: read nothing now. A line may be `=>` alone.

    P NAME SQL [OID…]   B PORTAL NAME [VALUES] [f=FORMATS] [r=FORMATS]   D|C S|P NAME
    E PORTAL [ROWS]   S   H   Q SQL   d BYTES   c   f TEXT   F OID [VALUES] [f=…] [r=…]   X
    connect [NAME=VALUE…]   logs in with these besides user and database (at first use otherwise)
    raw BYTES               as they are        cut   the connection is closed without Terminate

`-` is the empty name. VALUES are `[a "b c" NULL x00ff]`. Text is in "…", with the escapes
\\" \\\\ \\n \\t \\xHH and \\*N("…") for N times the text. `@t` in it becomes a name that
only this script has.
"""

import dataclasses
import re

import wire

TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*"(?:\*\d+)?)|([;\[\]])|([^\s;\[\]"]+))')
ESCAPES = {"n": "\n", "t": "\t"}
TERMINALS = "SQF"


class NotationError(Exception):
    """A script cannot be read; the message says where."""


@dataclasses.dataclass
class Step:
    """What one client sends in one piece, and what is awaited then."""

    client: str
    text: str
    data: bytes = b""
    login: dict | None = None  # parameters of a startup packet that goes ahead
    cut: bool = False
    ready: int = 0  # ReadyForQuery to be read
    ends_copy: bool = False
    awaited: list | None = None  # types that are read instead
    known: str = ""


@dataclasses.dataclass
class Script:
    """One script."""

    name: str
    why: str
    place: str
    servers: int = 2
    needs: int = 0
    steps: list = dataclasses.field(default_factory=list)


def unquote(token):
    """The bytes of "…", or of a bare word."""
    if not token.startswith('"'):
        return token.encode()
    times = 1
    if not token.endswith('"'):
        token, _, count = token.rpartition("*")
        times = int(count)
    out, at, text = bytearray(), 0, token[1:-1]
    while at < len(text):
        if text[at] != "\\":
            out += text[at].encode()
            at += 1
        elif text[at + 1] == "x":
            out.append(int(text[at + 2:at + 4], 16))
            at += 4
        else:
            out += ESCAPES.get(text[at + 1], text[at + 1]).encode()
            at += 2
    return bytes(out) * times


def tokens(text):
    """The words, strings and signs of a line."""
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise NotationError(f"cannot read {text[at:at + 40]!r}")
        found.append(match.group(0).strip())
        at = match.end()
    return found


class _Words:
    """The words of one message, taken from the left."""

    def __init__(self, words, name):
        self._words = words
        self._name = name

    def __bool__(self):
        return bool(self._words)

    def bytes(self):
        """The next word."""
        if not self._words:
            raise NotationError("a word is missing")
        return unquote(self._words.pop(0)).replace(b"@t", b"t_" + self._name)

    def text(self):
        """The next word as text."""
        return self.bytes().decode("utf-8", "surrogateescape")

    def name(self):
        """The next word; `-` is nothing."""
        word = self.text()
        return "" if word == "-" else word

    def number(self, default=None):
        """The next word as a number."""
        return int(self.text()) if self._words or default is None else default

    def values(self):
        """`[…]`, if it comes next."""
        found = []
        if self._words and self._words[0] == "[":
            self._words.pop(0)
            while self._words and self._words[0] != "]":
                word = self._words[0]
                value = self.bytes()
                if word == "NULL":
                    value = None
                elif re.fullmatch("x([0-9a-f]{2})*", word):
                    value = bytes.fromhex(word[1:])
                found.append(value)
            self._words.pop(0)
        return found

    def formats(self, letter):
        """`f=0,1`, if it comes next."""
        if self._words and self._words[0].startswith(letter + "="):
            return [int(number) for number in self._words.pop(0)[2:].split(",")]
        return []


def _parse(words):
    name, sql, types = words.name(), words.bytes(), []
    while words:
        types.append(words.number())
    body = name.encode() + b"\0" + sql + b"\0" + len(types).to_bytes(2, "big")
    return wire.frame("P", body + b"".join(oid.to_bytes(4, "big") for oid in types))


def _bind(words):
    portal, name, values = words.name(), words.name(), words.values()
    return wire.bind(portal, name, values, words.formats("f"), words.formats("r"))


def _function(words):
    oid, values, formats = words.number(), words.values(), words.formats("f")
    result = words.formats("r")
    return wire.function_call(oid, values, formats, result[0] if result else 0)


MESSAGES = {
    "P": _parse,
    "B": _bind,
    "D": lambda words: wire.describe(words.text(), words.name()),
    "C": lambda words: wire.close(words.text(), words.name()),
    "E": lambda words: wire.execute(words.name(), words.number(0)),
    "Q": lambda words: wire.frame("Q", words.bytes() + b"\0"),
    "d": lambda words: wire.frame("d", words.bytes()),
    "f": lambda words: wire.frame("f", words.bytes() + b"\0"),
    "F": _function,
    "S": lambda words: wire.SYNC,
    "H": lambda words: wire.FLUSH,
    "c": lambda words: wire.COPY_DONE,
    "X": lambda words: wire.TERMINATE,
    "raw": lambda words: words.bytes(),
}


def _login(words):
    parameters = {}
    while words:
        name, _, value = words.text().partition("=")
        parameters[name] = value if value else words.text()
    return parameters


def step(client, text, name):
    """One line of a client; `name` is what `@t` becomes."""
    made = Step(client, text)
    found = tokens(text)
    if "=>" in found:
        at = found.index("=>")
        made.awaited = re.findall("EOF|[^-]", found[at + 1])
        found = found[:at]
    while found:
        end = found.index(";") if ";" in found else len(found)
        kind, words = found[0], _Words(found[1:end], name.replace("-", "_").encode())
        found = found[end + 1:]
        if kind == "connect":
            made.login = _login(words)
        elif kind == "cut":
            made.cut = True
        elif kind in MESSAGES:
            made.data += MESSAGES[kind](words)
            made.ready += kind in TERMINALS
            made.ends_copy |= kind in "cf"
        else:
            raise NotationError(f"no message is called {kind!r}")
        if words:
            raise NotationError(f"too many words for {kind}")
    if made.awaited is None and made.ready == 0 and made.login is None and not made.cut:
        raise NotationError("nothing here brings a ReadyForQuery: => is missing")
    return made


def _logical_lines(lines):
    """(number, text) with continuations joined and comments gone."""
    result = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if re.match(r"script |\s*(\w+: |servers |needs |known )", line):
            result.append([number, line.strip()])
        else:
            result[-1][1] += " " + line.strip()
    return result


def load(path):
    """The scripts of one file."""
    scripts = []
    with open(path, encoding="utf-8") as file:
        lines = _logical_lines(file)
    for number, line in lines:
        word, _, rest = line.partition(" ")
        try:
            if word == "script":
                name, _, why = rest.partition(": ")
                scripts.append(Script(name, why, f"{path}:{number}"))
            elif word == "servers":
                scripts[-1].servers = int(rest)
            elif word == "needs":
                scripts[-1].needs = int(rest)
            elif word == "known":
                scripts[-1].steps[-1].known = rest
            else:
                scripts[-1].steps.append(step(word.rstrip(":"), rest, scripts[-1].name))
        except (NotationError, ValueError, IndexError) as error:
            raise NotationError(f"{path}:{number}: {error}: {line}") from error
    return scripts
