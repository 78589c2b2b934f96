#!/usr/bin/python3 -B
"""Writes <type>.txt beside this file: what a real PostgreSQL makes of keys of each type.

    tests/golden/sharding/make_vectors.py

Asks the server that PGHOST names (with PGPORT, PGUSER, …), else one that it starts. The keys come
from a seed, so the files change only if PostgreSQL does. A line is, separated by tabs: the key as
text (a backslash and bytes outside of printable ASCII as \\xHH), its binary form in hex, and the
remainders for MODULI. Each remainder is computed from the server's own hash function and then
asked of satisfies_hash_partition; none is written that the server does not confirm.

Needs python3-psycopg2 of Debian: run it with /usr/bin/python3.
"""

import contextlib
import datetime
import os
import random
import sys

import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support", "py"))

from harness import Workspace  # noqa: E402  pylint: disable=wrong-import-position

SEED = 7
KEYS = 2200
MODULI = (1, 2, 3, 5, 12, 16, 1024)
# partbounds.c, and hash_combine64 of hashfn.h for the row hash 0.
PARTITION_SEED = 0x7A5B22367996DCFD
COMBINED = 0x49A0F4DD15E5A8E3

# The seeded hash of `k` in SQL. What the operator classes of dates and timestamptz call takes
# other types, or has another name from PostgreSQL 18 on: there it is the hash of the number.
HASHES = {
    "smallint": "hashint2extended(k, {seed})",
    "integer": "hashint4extended(k, {seed})",
    "bigint": "hashint8extended(k, {seed})",
    "text": "hashtextextended(k, {seed})",
    "varchar": "hashtextextended(k, {seed})",
    "uuid": "uuid_hash_extended(k, {seed})",
    "date": "hashint4extended(('x' || encode(date_send(k), 'hex'))::bit(32)::int4, {seed})",
    "timestamp": "timestamp_hash_extended(k, {seed})",
    "timestamptz":
        "hashint8extended(('x' || encode(timestamptz_send(k), 'hex'))::bit(64)::int8, {seed})",
}
SENDS = {"smallint": "int2send", "integer": "int4send", "bigint": "int8send", "text": "textsend",
         "varchar": "varcharsend", "uuid": "uuid_send", "date": "date_send",
         "timestamp": "timestamp_send", "timestamptz": "timestamptz_send"}


def numbers(bits):
    """Edges and their neighbours, then spellings, then numbers of every length."""
    def make(rng):
        least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        for power in range(bits):
            for near in (-1, 0, 1):
                for number in ((1 << power) + near, -(1 << power) + near):
                    if least <= number <= most:
                        yield str(number)
        yield from ("+5", " 7", "8 ", "\t9\n", "\v\f\r10\r", "007", "-0", "+0", " -11 ",
                    f"  {least}  ", f"+{most}", f"0000000000000000000000000{most}")
        while True:
            yield str(rng.randint(least, most) >> rng.randrange(bits))
    return make


def texts(rng):
    """Every length about the chunk of 12 bytes, signs of all kinds, some long ones."""
    yield ""
    for length in range(1, 50):
        yield "x" * length
        yield "abcdefghijklmnopqrstuvwxyz"[:length]
    yield from (chr(code) for code in range(1, 127))
    yield from ("user_42", "0123456789abcdef", "\\", "'", "a\tb\nc", " ", "NULL", "Grüße", "ключ",
                "鍵", "🗝", "\u00e9", "e\u0301", "\uffff", "\U0010ffff", "z" * 255, "ä" * 128,
                "9" * 1000)
    alphabets = ("abcdefghijklmnopqrstuvwxyz0123456789_-.@", "0123456789", "aäöüßéκλμж鍵🗝 ")
    while True:
        alphabet = rng.choice(alphabets)
        yield "".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 30)))


def uuid_texts(rng):
    """The usual spelling mostly; hyphens after any group of four, braces, either case."""
    for digits in ("0" * 32, "f" * 32, "123e4567e89b12d3a456426614174000", "0" * 31 + "1"):
        groups = [digits[at:at + 4] for at in range(0, 32, 4)]
        yield from (digits, "-".join(groups), "{" + "-".join(groups).upper() + "}",
                    "{" + digits + "}", "-".join((digits[:16], digits[16:])))
    while True:
        groups = [f"{rng.getrandbits(16):04x}" for _ in range(8)]
        if rng.random() < 0.9:
            hyphens = ["", "-", "-", "-", "-", "", ""]
        else:
            hyphens = [rng.choice(("", "-")) for _ in range(7)]
        text = groups[0] + "".join(map("".join, zip(hyphens, groups[1:])))
        style = rng.randrange(20)
        yield "{" + text + "}" if style == 0 else text.upper() if style == 1 else text


LAST_DAY = "294276-12-31"
DATE_EDGES = ("0001-01-01", "0001-12-31", "0004-02-29", "0099-12-31", "0100-02-28", "0400-02-29",
              "1582-10-04", "1582-10-10", "1600-02-29", "1900-02-28", "1900-03-01", "1969-12-31",
              "1970-01-01", "1999-12-31", "2000-01-01", "2000-02-29", "2000-03-01", "2024-02-29",
              "2100-02-28", "9999-12-31", "10000-01-01", "32767-12-31", "32768-01-01",
              "99999-12-31", "100000-02-29", "294276-01-01", LAST_DAY, "010000-05-06",
              "002024-05-06")
INFINITIES = ("infinity", "-infinity", "Infinity", "-INFINITY")


def random_date(rng):
    """Half of them of our days, the others of the whole range; YYYY-MM-DD."""
    day = datetime.date.fromordinal(rng.randint(1, 400 * 365))
    year = rng.randint(1970, 2100) if rng.random() < 0.5 else rng.randint(1, 294275)
    return f"{year:04}-{day.month:02}-{min(day.day, 28):02}"


def dates(rng):
    """Edges of calendars and of the range, then random ones."""
    yield from DATE_EDGES + INFINITIES
    while True:
        yield random_date(rng)


TIME_EDGES = ("00:00", "00:00:00", "23:59", "24:00", "24:00:00", "24:00:00.0000001", "23:59:60",
              "12:34:60", "12:34:60.5", "23:59:59.999999", "23:59:59.9999994", "23:59:59.9999995",
              "23:59:59.9999996", "23:59:59.9999999", "00:00:00.0", "00:00:00.000001",
              "00:00:00.1234565", "00:00:00.1234575", "00:00:00." + "3" * 80)


def random_time(rng):
    """HH:MM with or without seconds, those with up to nine digits behind the point."""
    text = f"{rng.randrange(24):02}:{rng.randrange(60):02}"
    if rng.random() < 0.1:
        return text
    text += f":{rng.randrange(60):02}"
    digits = rng.choice((0, 0, 3, 6, 6, 7, rng.randint(1, 9)))
    fraction = f"{rng.getrandbits(30) % 10 ** digits:0{digits}}" if digits else ""
    if digits == 7 and rng.random() < 0.7:
        fraction = fraction[:6] + "5"  # half a microsecond: the rounding is the server's own
    return text + ("." + fraction if digits else "")


OFFSET_EDGES = ("Z", "+00", "-00", "+01", "-01", "+0530", "-0330", "+05:45", "-09:30", "+14",
                "+15:59:59", "-15:59:59", "+15", "-1559", "+00:19:32", "-00:00:01")


def no_offset(_):
    """Of a timestamp without time zone."""
    return ""


def random_offset(rng):
    """In each of the forms."""
    sign, hours, minutes = rng.choice("+-"), f"{rng.randrange(16):02}", f"{rng.randrange(60):02}"
    return rng.choice(("Z", sign + hours, sign + hours + minutes, f"{sign}{hours}:{minutes}",
                       f"{sign}{hours}:{minutes}:{rng.randrange(60):02}"))


def timestamps(offset_edges, offset_of):
    """Edges of date, time and zone, then random ones."""
    def make(rng):
        yield from INFINITIES
        for offset in offset_edges:
            for day in DATE_EDGES:
                if day != LAST_DAY:  # most offsets lead out of the range
                    yield f"{day} 12:00:00{offset}"
        yield f"{LAST_DAY} 23:59:59.999999{offset_edges[0]}"
        for time in TIME_EDGES:
            yield f"2024-02-29T{time}{offset_of(rng)}"
            yield f"0001-01-01 {time}{offset_of(rng)}"
        while True:
            yield random_date(rng) + rng.choice("   T") + random_time(rng) + offset_of(rng)
    return make


GENERATORS = {"smallint": numbers(16), "integer": numbers(32), "bigint": numbers(64),
              "text": texts, "varchar": texts, "uuid": uuid_texts, "date": dates,
              "timestamp": timestamps(("",), no_offset),
              "timestamptz": timestamps(OFFSET_EDGES, random_offset)}


def keys_of(key_type):
    """The first KEYS different texts."""
    found = {}
    for text in GENERATORS[key_type](random.Random(f"{SEED} {key_type}")):
        found[text] = None
        if len(found) == KEYS:
            return list(found)
    raise AssertionError("generators do not end")


def remainders(row_hash):
    """Of the unsigned row hash, for all MODULI."""
    return [row_hash % modulus for modulus in MODULI]


def confirm(cursor, key_type, asked):
    """Has the server say that each (text, modulus, remainder) is right and the next one wrong."""
    cursor.execute(f"create temp table parent_{key_type} (k {key_type}) partition by hash (k)")
    cursor.execute(
        f"""select text, m, r from unnest(%s::text[], %s::int[], %s::int[]) as asked(text, m, r)
            where not satisfies_hash_partition('parent_{key_type}'::regclass, m, r,
                                               text::{key_type})
               or m > 1 and satisfies_hash_partition('parent_{key_type}'::regclass, m,
                                                     (r + 1) %% m, text::{key_type})""",
        [list(column) for column in zip(*asked)])
    wrong = cursor.fetchall()
    if wrong:
        raise SystemExit(f"{key_type}: the server does not confirm {wrong[:5]}")


def vectors(cursor, key_type):
    """(text, binary form, remainders) of each key, as the server has them."""
    hashed = HASHES[key_type].format(seed=PARTITION_SEED)
    cursor.execute(
        f"""select text, {SENDS[key_type]}(k), {hashed}
            from unnest(%s) with ordinality as keys(text, place),
                 lateral (select text::{key_type} as k) as typed order by place""",
        (keys_of(key_type),))
    rows = [(text, bytes(binary), remainders((number + COMBINED) % 2 ** 64))
            for text, binary, number in cursor.fetchall()]
    confirm(cursor, key_type, [(text, modulus, remainder) for text, _, found in rows
                               for modulus, remainder in zip(MODULI, found)])
    return rows


def escaped(text):
    """As it stands in a file."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7f and byte != ord("\\") else f"\\x{byte:02x}"
                   for byte in text.encode())


def write(key_type, rows):
    """The file of one type."""
    with open(os.path.join(HERE, f"{key_type}.txt"), "w", encoding="ascii", newline="\n") as file:
        file.write(f"# Keys of type {key_type} by make_vectors.py: text, binary form, remainders "
                   f"for moduli {' '.join(map(str, MODULI))}\n")
        for text, binary, found in rows:
            file.write(f"{escaped(text)}\t{binary.hex()}\t{' '.join(map(str, found))}\n")


@contextlib.contextmanager
def server():
    """A connection to the server that the environment names, or to a new one."""
    with contextlib.ExitStack() as stack:
        if "PGHOST" in os.environ:
            connection = psycopg2.connect("")
        else:
            connection = stack.enter_context(Workspace()).postgres().connect()
        stack.callback(connection.close)
        yield connection


def main():
    """Writes all files."""
    with server() as connection, connection.cursor() as cursor:
        connection.set_client_encoding("UTF8")
        cursor.execute("set datestyle = 'ISO, MDY'")
        for key_type in GENERATORS:
            rows = vectors(cursor, key_type)
            write(key_type, rows)
            print(f"{key_type}: {len(rows)} keys")


if __name__ == "__main__":
    main()
