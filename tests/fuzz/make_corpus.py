#!/usr/bin/env python3
"""Writes the hand-made seeds of the fuzz targets: corpus/<target>/seed_*.

    tests/fuzz/make_corpus.py [--check]

Deterministic: the same files every time. --check writes nothing and exits with 1 if a file
differs. Files of other names are findings of the fuzzers and are left alone. A seed is one
thing that a target can be given, as the comment at the top of its source lays it out; the
lists below say what, their order names the files.
"""

import base64
import hashlib
import hmac
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "corpus")
END = b"\xff"  # of a text inside an input
NO_CUTS = b"\x00"
CUTS = b"\x03\x01\x05\xfd"  # behind byte 1, behind 5 more, and 126 before the end


def message(kind, body=b""):
    return kind + struct.pack(">I", len(body) + 4) + body


def cstring(text):
    return (text.encode() if isinstance(text, str) else text) + b"\0"


def u16(number):
    return struct.pack(">H", number)


def u32(number):
    return struct.pack(">I", number)


# --- SCRAM with the constants of the targets: password, salt and a nonce of 18 times 'Z' ---

SALT = b"0123456789abcdef"
OUR_NONCE = base64.b64encode(b"Z" * 18).decode()


def hmac_of(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


SALTED = hashlib.pbkdf2_hmac("sha256", b"pencil", SALT, 1)
CLIENT_KEY = hmac_of(SALTED, b"Client Key")
STORED_KEY = hashlib.sha256(CLIENT_KEY).digest()
SERVER_KEY = hmac_of(SALTED, b"Server Key")
VERIFIER = "SCRAM-SHA-256$1:%s$%s:%s" % tuple(
    base64.b64encode(part).decode() for part in (SALT, STORED_KEY, SERVER_KEY))


def b64(data):
    return base64.b64encode(data).decode()


def scram(client_nonce, server_nonce, gs2="n,,", user=""):
    """The four messages of an exchange that succeeds."""
    bare = f"n={user},r={client_nonce}"
    server_first = f"r={client_nonce}{server_nonce},s={b64(SALT)},i=1"
    final = f"c={b64(gs2.encode())},r={client_nonce}{server_nonce}"
    auth = f"{bare},{server_first},{final}".encode()
    signature = hmac_of(STORED_KEY, auth)
    proof = bytes(a ^ b for a, b in zip(CLIENT_KEY, signature))
    return (gs2 + bare, server_first, f"{final},p={b64(proof)}",
            "v=" + b64(hmac_of(SERVER_KEY, auth)))


def md5_hex(data):
    return hashlib.md5(data).hexdigest()


def md5_response(user, salt):
    return "md5" + md5_hex(md5_hex(b"pencil" + user).encode() + salt)


# --- startup packets ---

def untyped(body):
    return u32(len(body) + 4) + body


def startup(*pairs, version=0x30000):
    return untyped(u32(version) + b"".join(cstring(p) for p in pairs) + b"\0")


SSL = untyped(u32(80877103))
GSS = untyped(u32(80877104))
CANCEL = untyped(u32(80877102) + u32(4711) + b"\1\2\3\4")
PLAIN_STARTUP = startup("user", "alice", "database", "app")

STARTUP_PACKETS = [
    SSL, GSS, CANCEL, PLAIN_STARTUP, startup("user", "alice"), startup(),
    untyped(u32(80877102) + u32(1) + b"k" * 256), untyped(u32(80877102) + u32(1) + b"k" * 257),
    untyped(u32(80877102) + b"\0\0"), untyped(u32(80877103) + b"\0"),
    startup("user", "a", "user", "b", "options", "-c x=1", "replication", "database"),
    startup("user", "a", "_pq_.one", "1", "_pq_.two", "2", version=0x30002),
    startup("user", "a", version=0x30063), startup("user", "a", version=0x20000),
    u32(3), u32(8), u32(10004) + u32(0x30000) + b"user\0", u32(10005), b"\0\0", b"",
    untyped(u32(0x30000) + b"user\0alice\0"), untyped(u32(0x30000) + b"user\0alice\0\0more"),
    untyped(u32(0x30000) + b"user"), PLAIN_STARTUP + b"trailing",
    startup("user", "\u00e4\u00f6", "application_name", "x" * 200, "client_encoding", "UTF8"),
]

OPTIONS = [
    "", "-c a=b", "-ca=b", "--a=b", "-c a=b -c c=d", "--search-path=a,b --work_mem=64MB",
    "-c a=x\\ y", "-c a=\\\\", "-c a=b\\", " \t -c\ta=b\n", "-c", "-c a", "--=x", "-c =x",
    "-x", "-c geqo=off --statement-timeout=5min", "-c a=", "--a==", "-c\\ a=b", "plain",
    "-c a=b -d 5", "--" + "n" * 90, "-c \u00e4=\u00f6", "true", "database", "on", "0", "Off", "fal",
]


# --- logins ---

def client_logins():
    first = PLAIN_STARTUP
    client_first, _, client_final, _ = scram("client+nonce", OUR_NONCE)

    def initial(text, mechanism="SCRAM-SHA-256"):
        return message(b"p", cstring(mechanism) + u32(len(text)) + text.encode())

    scram_login = first + initial(client_first) + message(b"p", client_final.encode())
    y_first, _, y_final, _ = scram("n", OUR_NONCE, gs2="y,,", user="ignored")
    md5_login = first + message(b"p", cstring(md5_response(b"alice", b"ZZZZ")))
    wrong_md5 = first + message(b"p", cstring("md5" + "0" * 32))
    streams = [
        (0, first), (0, SSL + first), (0, SSL + GSS + first + b"Q"), (0, SSL + SSL), (0, CANCEL),
        (0, startup("user", "")), (0, startup("user", "a", "_pq_.x", "1", version=0x30009)),
        (1, scram_login), (1, scram_login + b"trailing"),
        (1, first + initial(y_first) + message(b"p", y_final.encode())),
        (1, first + initial("p=tls-server-end-point,,n=,r=x", "SCRAM-SHA-256-PLUS")),
        (1, first + initial("n,a=me,n=,r=x")), (1, first + initial("n,,m=x,n=,r=x")),
        (1, first + message(b"p", cstring("SCRAM-SHA-256") + u32(0xffffffff))),
        (1, first + initial(client_first) + message(b"p", client_final[:-2].encode())),
        (1, first + initial(client_first) + message(b"p", b"c=biws,r=other,p=AAAA")),
        (2, scram_login), (3, md5_login), (3, wrong_md5), (3, first + message(b"p", b"no end")),
        (4, md5_login), (4, first + message(b"p", cstring("md5" + "0" * 32))), (5, md5_login),
        (3, first + message(b"Q", cstring("select 1"))), (3, first + b"p" + u32(5000)),
        (1, first + b"p" + u32(3)), (0xf8, first), (0, startup("user", "a", version=0x20000)),
        (1, first[:9]), (0, u32(10005)),
    ]
    return [bytes([choice]) + (NO_CUTS if number % 2 else CUTS) + stream
            for number, (choice, stream) in enumerate(streams)]


def server_logins():
    def auth(code, data=b""):
        return message(b"R", u32(code) + data)

    def error(*fields):
        return message(b"E", b"".join(cstring(f) for f in fields) + b"\0")

    _, server_first, _, server_final = scram(OUR_NONCE, "+server")
    sasl = auth(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
    ready = (auth(0) + message(b"S", b"server_version\00016.4\0") +
             message(b"S", b"TimeZone\0UTC\0") + message(b"K", u32(99) + b"\1\2\3\4") +
             message(b"Z", b"I"))
    scram_login = sasl + auth(11, server_first.encode()) + auth(12, server_final.encode()) + ready
    refusal = error("SFATAL", "VFATAL", "C28P01", "Mpassword authentication failed", "Freal")
    streams = [
        (0, ready), (0, ready + b"trailing"), (1, scram_login), (3, scram_login),
        (2, scram_login), (0, scram_login), (1, auth(3) + ready), (2, auth(5, b"salt") + ready),
        (1, auth(5, b"salt") + ready), (3, auth(5, b"salt")), (0, auth(3)), (1, refusal),
        (1, error("SFATAL", "C53300", "Mline one\nline two", "Dd", "Hh")), (1, message(b"E", b"M")),
        (1, auth(7)), (1, auth(11, b"r=x")), (1, auth(10, b"OTHER\0\0")), (1, auth(10, b"X")),
        (1, sasl + auth(11, b"r=other,s=AAAA,i=1")), (1, sasl + auth(0)),
        (1, sasl + auth(11, server_first.replace("i=1", "i=10000001").encode())),
        (1, sasl + auth(11, server_first.encode()) + auth(0)),
        (1, sasl + auth(11, server_first.encode()) + auth(12, b"e=other-error")),
        (1, sasl + auth(11, server_first.encode()) + auth(12, b"v=" + b"A" * 43 + b"=")),
        (0, message(b"v", u32(0x30000) + u32(1) + b"_pq_.x\0") + ready),
        (0, message(b"N", b"SNOTICE\0\0") + ready), (0, auth(0) + message(b"Z", b"T")),
        (0, auth(0) + message(b"K", u32(1) + b"abc")),
        (0, auth(0) + message(b"K", u32(1) + b"k" * 256)),
        (0, auth(0) + message(b"S", b"name")), (0, auth(0) + message(b"D", b"")),
        (0, b"R" + u32(3)), (0, b"R" + u32(65536)), (0, b"H" + u32(1949)),
    ]
    return [bytes([choice]) + (NO_CUTS if number % 2 else CUTS) + stream
            for number, (choice, stream) in enumerate(streams)]


def scram_clients():
    _, server_first, _, server_final = scram(OUR_NONCE, "+server")
    change = [b"\0\0\x01", b"\1\5\x10", b"\2\x09\xf1", b"\3\x2c\xe0", b"\0\2\x17", b"\3\7\x2c"]
    texts = [
        (server_first, server_final), (server_first, "e=invalid-proof"), (server_first, "e=\n\0"),
        (server_first, server_final + ","), (server_first, server_final[:-1]),
        (server_first, "v=" + "A" * 43 + "="), (server_first + ",", ""),
        ("m=x," + server_first, ""),
        ("r=" + OUR_NONCE + ",s=AAAA,i=1", ""), ("r=" + OUR_NONCE + "x,s=,i=1", ""),
        ("r=" + OUR_NONCE + "x,s=AB==,i=1", ""), ("r=" + OUR_NONCE + "x,s=AAAA,i=0", ""),
        ("r=" + OUR_NONCE + "x,s=AAAA,i=10000000", ""), ("r=" + OUR_NONCE + "x,s=AAAA,i=+1", ""),
        ("r=" + OUR_NONCE + "x,s=AAAA,i=99999999999", ""), ("r=" + OUR_NONCE + " x,s=AAAA,i=1", ""),
        ("r=" + OUR_NONCE + "y" * 1100 + ",s=AAAA,i=1", ""), ("", ""), ("r=", "v="), (",", ","),
    ]
    return [change[n % len(change)] + first.encode() + END + last.encode()
            for n, (first, last) in enumerate(texts)]


def scram_servers():
    first, _, final, _ = scram("client+nonce", OUR_NONCE)
    y_first, _, y_final, _ = scram("n", OUR_NONCE, gs2="y,,", user="name")
    change = [b"\0\0\x01", b"\1\5\x10", b"\2\x09\xf1", b"\3\x2c\xe0", b"\x80\2\x17", b"\3\7\x2c"]
    texts = [
        (first, final), (y_first, y_final), (first, final + ","), (first, final + "x"),
        (first, final.replace("c=biws", "c=eSws")), (first, final.replace(",p=", ",m=1,p=")),
        (first, final.replace(",p=", ",x=1,p=")), (first, "c=biws"), (first, ""), ("", final),
        (first, final[:-4] + "AAA="), ("p=x,,n=,r=a", ""), ("n,a=b,n=,r=a", ""), ("x,,n=,r=a", ""),
        ("n,,n=,r=", ""), ("n,,n=,r=a b", ""), ("n,,r=a", ""), ("n,,n=,r=a,", ""),
        ("n,,n=,r=a,x=1", ""), ("n,,m=1,n=,r=a", ""), ("n,,n=" + "u" * 4090 + ",r=a", ""),
        ("n", ""),
    ]
    return [change[n % len(change)] + one.encode() + END + two.encode()
            for n, (one, two) in enumerate(texts)]


SCRAM_VERIFIERS = [
    VERIFIER, VERIFIER.replace("$1:", "$4096:"), VERIFIER.replace("$1:", "$0001:"),
    VERIFIER.replace("$1:", "$10000000:"), VERIFIER.replace("$1:", "$10000001:"),
    VERIFIER.replace("$1:", "$-1:"), VERIFIER.replace("$1:", "$+1:"), VERIFIER.replace("$1:", "$:"),
    VERIFIER[:-1], VERIFIER + "=", VERIFIER + " ", VERIFIER.replace("$", "%"), "SCRAM-SHA-256$",
    "SCRAM-SHA-256$1:$a:b", "SCRAM-SHA-256$1:AA==$" + "A" * 43 + "=:" + "A" * 43 + "=",
    "SCRAM-SHA-256$1:AB==$" + "A" * 43 + "=:" + "A" * 43 + "=", "scram-sha-256$1:x", "",
    "md5" + "0123456789abcdef" * 2, "md5" + "0123456789ABCDEF" * 2, "md5" + "0" * 31, "hunter2",
    VERIFIER.replace(":", "$"), VERIFIER + ":x", VERIFIER.replace("=", "A"),
]

MD5 = [
    b"\0\1pencil" + END + b"alice" + END + b"md5" + b"0" * 32, b"\5\xf0" + END + END,
    b"\1\xe0p" + END,
    b"\7\x20p\0q" + END + b"u\xc3\xa4" + END + b"md5" + b"f" * 32,
    b"\x22\xe3a" + END + b"b" + END + b"md5",
    b"\0\1pencil" + END + b"alice" + END + md5_response(b"alice", b"\x01\x80\xffz").encode(),
    b"\0\1pencil" + END + b"alice" + END +
    md5_response(b"alice", b"\x01\x80\xffz").upper().encode(),
    b"\3\4" + b"x" * 200 + END + b"y" * 63 + END + b"z", b"", b"\0",
]


# --- bodies of login messages ---

AUTHENTICATION = [
    u32(0), u32(0) + b"x", u32(3), u32(5) + b"salt", u32(5) + b"sal", u32(7), u32(8) + b"data",
    u32(10) + b"SCRAM-SHA-256\0\0", u32(10) + b"A\0B\0\0", u32(10) + b"\0", u32(10) + b"A\0\0x",
    u32(10) + b"A", u32(11) + b"r=x,s=AAAA,i=1", u32(12) + b"v=AAAA", u32(0xffffffff), b"\0\0",
    b"password\0", b"\0", b"password", b"pass\0word\0", b"SCRAM-SHA-256\0" + u32(5) + b"n,,n=",
    b"SCRAM-SHA-256\0" + u32(0xffffffff), b"SCRAM-SHA-256\0" + u32(6) + b"short",
    b"SCRAM-SHA-256\0" + u32(0), u32(0x30000) + u32(0), u32(2) + u32(1) + b"_pq_.a\0",
    u32(0x30002) + u32(2) + b"_pq_.a\0\0", u32(0x30000) + u32(0xffffffff) + b"a\0",
    u32(0x20000) + u32(0), b"",
]

SERVER_ERRORS = [
    b"SERROR\0VERROR\0C42601\0Msyntax error\0Dd\0Hh\0P12\0Fscan.l\0L1\0Rf\0\0", b"\0", b"", b"M",
    b"Mx\0",
    b"SFEHLER\0VERROR\0Mx\0\0", b"VERROR\0SFEHLER\0Mx\0\0", b"Mone\0Mtwo\0\0", b"Mx\0\0more",
    b"\xffx\0\0",
    b"M\0\0", b"Mline\nline\0\0", b"C\0M\0D\0H\0\0", b"Mx\0\0\0",
]


def collectors():
    typed = message(b"p", b"one") + message(b"Q", b"") + message(b"X", b"x" * 40)
    plain = untyped(b"one") + untyped(b"") + untyped(b"y" * 50)
    streams = [(0x81, typed), (0x80, plain), (0x11, typed), (0x10, plain), (0xff, b"p" + u32(3)),
               (0xfe, u32(0)), (0xff, b"p" + u32(0xffffffff)), (0x01, b"p" + u32(4)),
               (0x00, u32(4)),
               (0x09, message(b"p", b"12345678") + message(b"p", b"123456789")), (0xff, typed[:-1])]
    return [bytes([choice]) + (NO_CUTS if n % 2 else CUTS) + s for n,
        (choice, s) in enumerate(streams)]


# --- framing ---

def framings(streams):
    limits = [255, 64, 20]
    return [bytes([limits[n % 3]]) + (NO_CUTS if n % 2 else CUTS) + s for n,
        s in enumerate(streams)]


def bind(portal, statement, size=0):
    return message(b"B", cstring(portal) + cstring(statement) + u16(0) + u16(1) + u32(size) +
        b"v" * size + u16(0))


FRONTEND = [
    message(b"Q", b"select 1\0"), message(b"Q", b"select 1\0") * 3, message(b"S"), message(b"X"),
    message(b"P", b"s\0select $1\0" + u16(0)) + bind("", "s", 3) + message(b"D", b"P\0") +
    message(b"E", b"\0" + u32(0)) + message(b"S"), bind("p", "s", 3000) + message(b"S"),
    message(b"d", b"1\t2\n") * 5 + message(b"c"), message(b"f", b"reason\0"), message(b"H"),
    message(b"C", b"Ss\0") + message(b"S"), message(b"F", u32(1) + u16(0) + u16(0) + u16(0)),
    message(b"d", b"x" * 300) + message(b"Q", b"q\0"), message(b"Q", b"q" * 100 + b"\0"),
    b"Q" + u32(3),
    b"Q" + u32(0x40000000), b"d" + u32(0x3fffffff) + b"data", b"p" + u32(8) + b"pass",
    b"\0" + u32(4),
    b"Q" + u32(100) + b"cut", b"Q\0\0", b"", message(b"d") * 20,
    bind("p" * 70, "s", 2100) + message(b"Q", b"\0"),
    message(b"S") + b"z" + u32(4),
]

BACKEND = [
    message(b"Z", b"I"), message(b"1") + message(b"2") + message(b"C", b"SELECT 1\0") +
    message(b"Z", b"T"),
    message(b"T", u16(1) + b"a\0" + b"\0" * 18) + message(b"D", u16(1) + u32(1) + b"1") * 3 +
    message(b"C", b"SELECT 3\0") + message(b"Z", b"I"),
    message(b"D", b"r" * 500) + message(b"Z", b"I"),
    message(b"E", b"SERROR\0C42601\0Mx\0\0") + message(b"Z", b"E"),
    message(b"E", b"M" + b"x" * 400 + b"\0\0"),
    message(b"N", b"SNOTICE\0\0"), message(b"A", u32(7) + b"channel\0payload\0"), message(b"n"),
    message(b"s"),
    message(b"S", b"TimeZone\0UTC\0"), message(b"K", u32(5) + b"abcd"),
    message(b"G", b"\0" + u16(0)),
    message(b"H", b"\0" + u16(0)) + message(b"d", b"copy") * 4 + message(b"c") +
    message(b"C", b"COPY 4\0"),
    message(b"W", b"\0" + u16(0)), message(b"V", u32(0xffffffff)),
    message(b"I") + message(b"Z", b"I"),
    message(b"t", u16(0)), message(b"3"), b"Z" + u32(3), b"Z" + u32(0x40000000),
    b"R" + u32(8) + u32(0),
    b"D" + u32(0x3fffffff) + b"row", b"\xff" + u32(4), b"Z\0\0\0", b"",
    message(b"C", b"t" * 80 + b"\0"),
    message(b"T", b"c" * 300) + message(b"D", b"") * 10,
]

# Statements of the simulator's server are mostly free text; these reach the pooler's own cases.
def client_relays():
    def query(text):
        return message(b"Q", cstring(text))

    def parse(name, text):
        return message(b"P", cstring(name) + cstring(text) + u16(0))

    sync, execute = message(b"S"), message(b"E", b"\0" + u32(0))
    streams = [
        query("select 1"), query("begin") + query("select 1") + query("commit"), query("begin"),
        query("set timezone to 'UTC'"),
        parse("s", "select 1") + bind("", "s") + execute + sync,
        parse("s", "select 1") + sync + parse("s", "select 2") + sync,
        parse("", "select 1") + bind("", "") + message(b"D", b"P\0") + execute + sync,
        bind("", "none") + execute + sync,
        parse("s", "select 1") + message(b"D", b"Ss\0") + message(b"H") + message(b"C", b"Ss\0") +
        sync, bind("", "s") + query("q"),
        query("discard all"), query("listen x"), query("prepare p as select 1"),
        query("copy t from stdin") + message(b"d", b"1\n") +
        message(b"c"), message(b"d", b"late") + message(b"c") + sync,
        message(b"f", b"no\0") + query("select 1"), message(b"X"),
        message(b"F", u32(1) + u16(0) + u16(0) + u16(0)), message(b"P", b"no end"),
        message(b"B", b"x"), message(b"Q", b""),
        message(b"C", b"Xs\0") + sync, message(b"D", b"S") + sync, query("\x01") + b"?" + u32(4),
        b"Q" + u32(3), b"Q" + u32(1 << 29),
        parse("s" * 3000, "select 1") + sync, query("reset all; set x.y = 1; reset x.y"), sync * 5,
        parse("s", "listen x") + sync,
        query("select pg_advisory_lock(1)") + query("rollback"),
        parse("", "deallocate all") + bind("", "") + execute + sync,
    ]
    return [bytes([n % 5 == 4]) + (NO_CUTS if n % 2 else CUTS) + s for n, s in enumerate(streams)]


def server_relays():
    ready, failed, done = message(b"Z", b"I"), message(b"Z", b"E"), message(b"C", b"SELECT 1\0")
    row = message(b"T", u16(1) + b"a\0" + b"\0" * 18) + message(b"D", u16(1) + u32(1) + b"1")
    error = message(b"E", b"SERROR\0VERROR\0C42601\0Mno\0\0")
    extended = message(b"1") + message(b"2") + row[-11:] + done + ready
    fatal = message(b"E", b"SFATAL\0VFATAL\0C57P01\0Mend\0\0")
    talks = [
        [row + done + ready, extended, extended, done + message(b"Z", b"T")],
        [error + ready, error + ready, error + ready, error + ready],
        [row + done + failed, message(b"1") + error + failed, error], [ready, ready, ready],
        [fatal], [row[:9], row[9:] + done, ready],
        [message(b"S", b"TimeZone\0UTC\0") + done + ready,
            extended[:-6] + message(b"S", b"application_name\0x\0") + ready],
        [message(b"G", b"\0" + u16(0)), done + ready],
        [message(b"H", b"\0" + u16(0)) + message(b"d", b"x") + message(b"c") + done + ready],
        [message(b"A", u32(1) + b"c\0p\0") + done + ready],
        [message(b"N", b"SNOTICE\0\0") + done + ready, extended],
        [b"?" + u32(4)], [b"Z" + u32(3)], [message(b"Z", b"?")], [message(b"Z", b"")],
        [b"D" + u32(0x3fffffff) + b"x"],
        [message(b"S", b"no end")], [message(b"1")], [message(b"3") + done + ready, message(b"3")],
        [message(b"K", u32(1) + b"abcd")],
        [done + ready, message(b"1") + message(b"2") + message(b"s") + ready,
            message(b"2") + message(b"I") + ready], [], [b""],
        [done + ready + done + ready, extended + extended], [message(b"R", u32(0)) + done + ready],
        [message(b"E", b"") + ready],
    ]
    # The login's question about DateStyle is answered in several ways.
    value = row[:-1] + b"ISO, DMY"
    asked = (message(b"T", u16(1) + b"a\0" + b"\0" * 18) +
             message(b"D", u16(1) + u32(8) + b"ISO, DMY"))
    logins = [
        [asked + message(b"C", b"SELECT 1\0") + ready, done + ready], [error + ready], [ready],
        [value], [done], [asked[:-4]],
        [message(b"S", b"DateStyle\0ISO, DMY\0") + asked + done + ready, done + ready, extended],
        [message(b"D", b"\xfe")],
        [message(b"C", b"SET\0") + asked + done + ready, extended], [fatal],
        [message(b"D", u16(1) + u32(999)) + ready],
    ]
    return ([bytes([n % 5 == 4]) + END.join(talk) for n, talk in enumerate(talks)] +
            [bytes([2 + n % 2]) + END.join(talk) for n, talk in enumerate(logins)])


# Requests are bytes below 0x80 by their place in the target's table, 0x80 and one more byte
# lets the server work, 0xC0 delivers a reply.
REPLY_TRACKER = [
    b"\0\0\x80\x09\xc0\xc0\xc0\xc0", b"\0\3\5\7\2\x80\0\x80\0\x80\0\x80\0\xc0\xc0\xc0\xc0\xc0",
    b"\0\3\x80\7\5\7\xc0\2\x80\0\xc0", b"\0\3\5\7\x80\0\x80\7\x80\0\2\xc0\xc0\xc0\x80\0\xc0\0",
    b"\0\x0a\0\x80\1\x80\1" + b"\xc0" * 9, b"\0\x0b\5\7\2" + b"\x80\0" * 4 + b"\xc0" * 8,
    b"\0\x0b\5\7\2\x80\7" + b"\x80\0" * 3 + b"\xc0" * 8, b"\0\x0d\x80\0\xc0\xc0",
    b"\0\x0e\5\7\x80\0\xc0\2\x80\0\xc0",
    b"\0\x0f\2\x80\0\x80\x10\xc0\xc0", b"\0\1\x80\1\xc0\xc0", b"\0\3\0\x80\7\x80\0\xc0\2\x80\0\xc0",
    b"\0\6\x80\3\xc0\xc0\2\x80\x20\xc0", b"\0\x08\x09\x0c\2" + b"\x80\0" * 4 + b"\xc0" * 5,
    b"\0" + b"\3\5\6\7" * 20 + b"\2" + b"\x80\1" * 90 + b"\xc0" * 200,
    b"\1\0\x84\0\x85\0", b"\1\3\5\7\x86\0\x87\0\x8a\0\2\x84\0",
    b"\1" + b"\x11" * 5 + b"\x8d\0\x85\0",
    b"\1\0\x8d\0\2\x11\x85\0\x84\0", b"\1\7\x8d\0\2\2\x11\x85\0\x84\0\x84\0",
    b"\1\x12\x84\2\x12\x85\0\x84\2",
    b"\1\2\2\2\x84\0\x84\1\x84\2", b"\1\x84\0\x85\0", b"\1",
]


# --- SQL: lines of text, one seed each ---

SQL = r"""
select 1
select 'a''b', E'a\'b', N'n', B'01', X'ff', U&'d\0061t', U&"d\0061t" uescape '!', "Quo""ted"
select $1, $2::int[], $$dollar$$, $tag$a $$ b$tag$ -- comment
select /* nested /* comment */ here */ 1.5e-3, .5, 1., 0x1F, 1_000, 1..2, a<=-1, b@>+c, d->>'x'
select 'open
select "open
select $$open
/* open /* deeper */
set timezone to 'UTC'; reset timezone; reset all; discard all
SET SESSION AUTHORIZATION DEFAULT; set local work_mem = '1MB'; set time zone local
set search_path to pg_temp, public; set names 'utf8'; set schema 'x'; SET x.y = default
begin; set transaction isolation level serializable; commit
prepare p as select 1; execute p(1); deallocate p; deallocate prepare all
prepare transaction 'x'; listen a; unlisten *; notify a, 'b'; load 'lib'
declare c cursor with hold for select 1; fetch all from c; close c; move 5 in c
create temp table t (a int); create table pg_temp.t(); select 1 into temp t; drop table t
create index i on t using btree (lower(a), (a + 1)) where b in (1, 2); analyze t (a)
do $$begin perform 1; end$$; call p(1, 2); select f(1), pg_catalog.now(), count(*)
select pg_advisory_lock(1), nextval('s'), currval('s'), set_config('a', 'b', true)
with recursive a(x) as (values (1) union all select x + 1 from a) select * from a group by rollup (x)
insert into t (a, b) values (1, default) on conflict (a) do update set b = excluded.b returning *
merge into t using s on (t.a = s.a) when matched then delete when not matched then insert (a) values (1)
copy t (a, b) from stdin with (format csv, force_null (a)); copy (select 1) to stdout
explain (analyze, buffers) select 1; explain analyze verbose create temp table x as select 1
create function f() returns int begin atomic select 1; end
select case when a then b end, cast(a as numeric(3, 1)), interval '1' day, array[1, 2][1], row(1)
select operator(pg_catalog.+)(1, 2), 1 operator(public.@@) 2, a collate "C", (t).f
select distinct on (a) a from t join u using (a) where exists (select 1) and a = any (array[1])
lock table t in access exclusive mode; vacuum (full) t; cluster; checkpoint; security label
select 'a'   'b', 'c' -- x
  'd', E'e'
'f\'', $1a, 1e, 1e+, 0x, 0xg, a$b, $a, ::, :=, .., [:]
"""
SQL_SEEDS = [line.encode() for line in SQL.strip("\n").split("\n")] + [
    "select \u00fc, '\u20ac', $\u00e4$x$\u00e4$".encode(), b"select \x80\xff, '\xfe'", b"\0;\0",
    b"", b";;;",
    b"select 'a'\n'b', 'c' -- x\r'd'", b"(" * 100 + b"f(1" + b")" * 100,
    b"select " + b"a." * 100 + b"b(1)",
    b"\\ ` ? # @ ~ ! ^ & | % { }", b"set \"TimeZone\" = e'\\x41'",
]
RESETS = [
    "reset all", "reset timezone", "RESET \"TimeZone\"; set timezone = 'x'",
    "reset a.b; reset \"A\".b",
    "reset time zone", "reset all; set a = 1; reset a", "discard all; set x to y", "discard plans",
    "set a to default", "set session a = default; set local b = default", "set time zone local",
    "set time zone default", "set time zone 'x'; reset all", "set timezone = local", "reset",
    "reset ;",
    "set", "set a", "set a =", "reset role", "reset session authorization",
    "set session authorization default",
    "set role none", "explain reset all", "prepare x as reset all",
    "reset all/**/; /* reset b */ reset -- c\n d",
    "set names default", "set xml option document", "set a = default, b", "discard all x",
    "reset a b",
]

SET_STATEMENTS = [
    ("TimeZone", "UTC"), ("a\"b", "it's"), ("search_path", "\"$user\", public"), ("", ""),
    ("x.y", "\\'"),
    ("Search_Path", "'"), ("temp_tablespaces", "a, b"), ("a;b", "c;d"), ("--", "/*"), ("a", "x\ny"),
    ("application_name", "\u00e4\u00f6"), ("a", "$$"), ("local_preload_libraries", "$libdir/x"),
]


def assignments(*items):
    """Each: which name (a number, or a text of one's own), wanted or actual or dropped, value."""
    out = b""
    for name, kind, value in items:
        flags = {"actual": 0, "wanted": 8, "drop": 16, "unwanted": 24}[kind]
        if isinstance(name, int):
            out += bytes([name | flags]) + value.encode() + END
        else:
            out += bytes([7 | flags]) + name.encode() + END + value.encode() + END
    return out


PARAMETER_CHANGES = [
    assignments((4, "actual", "UTC"), (4, "wanted", "CET")), assignments((4, "wanted", "it's")),
    assignments((1, "actual", "x"), (3, "wanted", "back\\slash'")),
    assignments((1, "wanted", "x"), (5, "wanted", "\\")),
    assignments((1, "actual", "x"), (1, "wanted", "x"), (5, "wanted", "\\'")),
    assignments((1, "actual", "x"), (1, "wanted", ""), (5, "wanted", "a")),
    assignments((1, "actual", "x")),
    assignments((1, "actual", "x"), (2, "actual", "a"), (2, "wanted", "\"$user\", x")),
    assignments((0, "actual", "UTF8"), (0, "wanted", "LATIN1"), (1, "wanted", "x"),
        (6, "wanted", "t")),
    assignments(("my.own", "wanted", "v"), ("My.Own", "actual", "w")),
    assignments((5, "actual", "a"), (5, "drop", "")),
    assignments(("a\"b", "actual", "1")), assignments((5, "wanted", "a"), (5, "unwanted", "")), b"",
    b"\xff",
    assignments((5, "actual", "\x01?"), (5, "wanted", "app")),
    assignments((3, "actual", "ISO"), (3, "wanted", "ISO")),
]


# --- the console ---

COMMANDS = [
    "show pools", "SHOW STATS;", "select pools", "show \"clients\"", "show nothing", "show",
    "show help;;",
    "show timezone", "show time zone", "show transaction isolation level", "SELECT 1",
    "select version()",
    "select pg_catalog.version()", "set client_encoding to 'utf8'", "set session timezone = 'x'",
    "set time zone 'UTC'",
    "set x = 1", "set", "shutdown", "shutdown wait_for_clients", "shutdown now", "reload",
    "reload x", "begin",
    "start transaction read only", "commit work", "rollback", "end", "abort transaction",
    "discard all",
    "deallocate all", "reset all", "show pools; show stats", "/* c /* d */ */ show -- x\n lists",
    "'open", "\"open",
    "/* open", "", ";", "1", "sh\u00f6w", "select " + "a " * 70, "show 'pools'", "x" * 100,
    "set a to",
]


def console_messages():
    def query(text):
        return b"Q" + cstring(text) + END

    def parse(name, text):
        return b"P" + cstring(name) + cstring(text) + u16(0) + END

    def bind_one(portal, name, formats=b"\0\0"):
        return b"B" + cstring(portal) + cstring(name) + u16(0) + u16(0) + formats + END

    def execute(portal, rows=0):
        return b"E" + cstring(portal) + u32(rows) + END

    sync = b"S" + END
    extended = parse("", "show pools") + bind_one("", "") + b"DP\0" + END + execute("") + sync
    talks = [
        query("show pools"), query("show clients;"), query("reload"), query("shutdown"), query(""),
        query("x"),
        query("show config") + query("show lists") + query("show help"), extended, extended * 2,
        parse("s", "show stats") + b"DSs\0" + END + bind_one("p", "s", u16(1) + u16(1)) +
        execute("p", 1) + execute("p") + sync,
        parse("s", "show lists") + parse("s", "show lists") + sync,
        bind_one("", "none") + execute("") + sync + query("select 1"),
        execute("none") + sync, b"CSs\0" + END + b"CPp\0" + END + sync, b"H" + END, b"X" + END,
        b"F" + u32(1) + END,
        b"d" + b"data" + END + b"c" + END + b"f\0" + END, b"Qno end" + END, b"?" + END,
        b"DX\0" + END + sync,
        parse("", "begin") + bind_one("", "") + execute("") + sync,
        parse("", "discard all") + bind_one("", "") + execute("") + sync,
        b"".join(parse("s%d" % n, "show state") for n in range(20)) + sync,
        parse("n" * 200, "show state") + sync,
        parse("", "show pools") + bind_one("", "", u16(2) + u16(0) + u16(7)) + sync, b"S\0" + END,
        query("show stats") + b"p" + END,
        parse("", "reload") + bind_one("", "") + execute("") + sync,
        query("set timezone to 'x'") + query("show timezone"),
    ]
    return [bytes([n % 3 == 0]) + talk for n, talk in enumerate(talks)]


# --- the configuration ---

POOL = """
[pools.app]
database = "app"
servers = [{ host = "db", port = 5433 }]
[[pools.app.users]]
username = "app"
password = "Zq9secret"
"""

CONFIGS = [
    POOL, "[general]\nport = 6432\nhost = [\"10.0.0.1\", \"::1\"]\nlog_level = \"debug\"\n" + POOL,
    "[general]\nconnect_timeout = \"250ms\"\nidle_timeout = 0\nmax_query_bytes = \"1MiB\"\n" + POOL,
    "[general]\nport = 0\nworkers = 2\nunknown = 1\nmax_client_conn = -1\n" + POOL,
    "[admin]\npassword = \"Zq9secret\"\nusername = \"root\"\nstats_users = [\"app\"]\n" +
    POOL.replace("Zq9secret", "pw"),
    "[admin]\nport = 6432\npassword_env = \"SECRET\"\n[auth]\nmethod = \"md5\"\n" + POOL,
    "[auth]\nmethod = \"trust\"\n" + POOL.replace("password = \"Zq9secret\"\n", ""),
    "[auth]\nmethod = \"scram-sha-256\"\n" + POOL.replace("Zq9secret", VERIFIER),
    POOL.replace("Zq9secret", "SCRAM-SHA-256$1:broken"),
    POOL.replace("Zq9secret", "md5" + "0" * 32),
    POOL.replace("\"db\"", "\"${HOST}\""), POOL.replace("\"db\"", "\"${NONE}\""),
    POOL.replace("\"db\"", "\"$${HOST}\""),
    POOL.replace("pools.app", "pools.\"*\"").replace("database = \"app\"\n", ""),
    POOL.replace("\"db\"", "\"/run/pg\""),
    POOL + "[[pools.app.users]]\nusername = \"app\"\npassword = \"x\"\n", POOL + POOL,
    POOL.replace("]]", "]"),
    POOL.replace("password = \"", "password = "), "password = \"Zq9secret",
    "a = [[[[[[" + "[" * 40 + "]" * 46, "", "x",
    "\ufeff" + POOL, POOL.replace("\n", "\r\n"), "[general\n", "a = 1\na = 2\n",
    "a.b = 1979-05-27T07:32:00Z\nb = 1.5\n",
    POOL + "pool_size = 10\npool_mode = \"session\"\n"
    "server_username = \"u\"\nserver_password = \"p\"\nidle_timeout = \"1h\"\n",
    "[general]\nport = 6432\nadmin_username = \"a\"\nadmin_password = \"b\"\n"
    "worker_threads = 4\n[pools.app]\n"
    "pool_mode = \"transaction\"\n[pools.app.users.0]\nusername = \"u\"\n"
    "password = \"p\"\npool_size = 3\n"
    "[pools.app.shards.0]\nservers = [[\"127.0.0.1\", 5432, \"primary\"]]\ndatabase = \"db\"\n",
    "[pools.app]\nconnect_query = \"select '\\u0000'\"\n"
    "prepared_statements_cache_size = 9999999\n" + POOL.split("\n", 2)[2],
    "[general]\nhost = \"a b\"\nlog_format = \"xml\"\nserver_retry_min = \"3s\"\n"
    "server_retry_max = \"2s\"\n" + POOL,
    "include_ = [\"x\"]\n[pools]\n",
    "[pools.app]\nservers = []\n[pools.b]\nusers = 1\n[pools.\"\"]\n",
]

CONFIG_VALUES = [
    "250ms", "0s", "1d", "10m", "99999999999999999999d", "9223372036854775807us", "1 s", "s", "-1s",
    "1.5s",
    "64KiB", "1GiB", "1000kB", "18446744073709551615GB", "1KB", "0MiB", "42", "-7",
    "9223372036854775808", "+1", "0x10",
    "localhost", "10.0.0.1", "10.0.0.300", "[::1]", "::1", "fe80::1%eth0", "a_b-c.example", "a b",
    "", "[]", "[host]",
    "/run/postgresql", "${HOST}", "$${HOST}", "${}", "${NONE}", "$${${HOST}", "a${EMPTY}b", "${",
    VERIFIER,
    "md5" + "a" * 32, "SCRAM-SHA-256$", "::ffff:1.2.3.4", "x" * 300,
]


def encoded(items):
    return [item.encode() if isinstance(item, str) else item for item in items]


TARGETS = {
    "authentication": AUTHENTICATION,
    "backend_framing": framings(BACKEND),
    "client_login": client_logins(),
    "client_relay": client_relays(),
    "config_text": CONFIGS,
    "config_values": CONFIG_VALUES,
    "console_command": COMMANDS,
    "console_messages": console_messages(),
    "frontend_framing": framings(FRONTEND),
    "md5": MD5,
    "message_collector": collectors(),
    "parameter_changes": PARAMETER_CHANGES,
    "reply_tracker": REPLY_TRACKER,
    "scram_client": scram_clients(),
    "scram_server": scram_servers(),
    "scram_verifier": SCRAM_VERIFIERS,
    "server_error": SERVER_ERRORS,
    "server_login": server_logins(),
    "server_relay": server_relays(),
    "set_statement": [n.encode() + END + v.encode() for n, v in SET_STATEMENTS],
    "sql_judge": SQL_SEEDS,
    "sql_lexer": SQL_SEEDS,
    "sql_resets": RESETS,
    "startup_options": OPTIONS,
    "startup_packet": STARTUP_PACKETS,
}


def wanted_files():
    return {os.path.join(CORPUS, target, "seed_%02d" % number): data
            for target, items in TARGETS.items() for number, data in enumerate(encoded(items))}


def present_files():
    found = {}
    for folder, _, names in os.walk(CORPUS):
        if "known_defects" in folder:
            continue
        for name in names:
            if re.fullmatch(r"seed_\d+", name):
                path = os.path.join(folder, name)
                with open(path, "rb") as handle:
                    found[path] = handle.read()
    return found


def main():
    wanted, present = wanted_files(), present_files()
    differing = sorted(path for path in wanted.keys() | present.keys()
                       if wanted.get(path) != present.get(path))
    if "--check" in sys.argv[1:]:
        print("\n".join(differing + [f"{len(differing)} seeds differ from make_corpus.py"]))
        return 1 if differing else 0
    for path in differing:
        if path not in wanted:
            os.remove(path)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as handle:
            handle.write(wanted[path])
    print(f"{len(wanted)} seeds of {len(TARGETS)} targets, {sum(map(len, wanted.values()))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
