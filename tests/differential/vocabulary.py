"""What random clients say: steps in the notation of the scripts, made from a seed.

Every client works in tables, locks and channels of its own (`@t` in the notation), so what it is
answered does not depend on the others. `@n` is a number that is its own too: what it sets, nobody
else does. Nothing here depends on time, and rows come in an order.
"""

import random

NAMES = ["s0", "s1", "s2", "-", "-"]
PORTALS = ["-", "-", "-", "p0", "p1"]

# Texts and values that go with them; None: without parameters.
PREPARED = [
    ("", None),
    ("select $1::int + 1", ["1", "NULL", "x", "41"]),
    ("select id, v from @t where id >= $1 order by id, v", ["1", "3", "\"\"", "0"]),
    ("insert into @t values ($1, 'p')", ["1", "2", "7", "x"]),
    ("insert into @t values ($1, 'r') returning id, v", ["4", "5"]),
    ("update @t set v = v || $1", ["a", "\"b c\""]),
    ("delete from @t where id = $1", ["1", "4"]),
    # With a plan for these values alone PostgreSQL divides as early as in Bind, if it can; a server
    # that has executed the statement five times, for whomever, has another one.
    ("select 10 / ($1::int + count(*)) from @t where false", ["2", "0", "5"]),
    ("select i, repeat('z', 20) from generate_series(1, 30) i", None),
    ("select 10 / (3 - i) from generate_series(1, 5) i", None),
    ("select v from @t order by id, v", None),
    ("select count(*) from @t", None),
    ("select nothing", None),
    ("selec", None),
    ("begin", None),
    ("commit", None),
    ("rollback", None),
    ("savepoint a", None),
    ("rollback to a", None),
]
SIMPLE = [
    "select 1", "select id, v from @t order by id, v", "select count(*) from @t",
    "insert into @t values (1, 'q'), (2, null)", "update @t set id = id + 1", "delete from @t",
    "select 1; select 2", "insert into @t values (8, 'm'); select 1/0", "select nothing", "",
    "selec", "select 1/0", "insert into @t values (9, 'n'); commit; select 2",
    "select repeat('x', 9000)", "drop table if exists nothing_there",
    "declare c cursor for select id from @t order by id", "fetch 2 from c", "close c",
    "begin; insert into @t values (6, 'b')", "select 3; begin",
]
TRANSACTION = ["begin", "begin", "begin", "begin isolation level repeatable read",
               "start transaction read only", "commit", "commit", "rollback", "end", "abort",
               "savepoint a", "savepoint a", "rollback to a", "release a", "rollback and chain",
               "commit and chain"]
SETTINGS = [
    "set application_name = 'it''s @t'", "set application_name = 'b'", "set work_mem = '5@nMB'",
    "set work_mem = '6@nMB'", "show work_mem", "show application_name", "show timezone",
    "set timezone = 'Asia/Tokyo'", "set timezone = '<T@n>-02:30'", "set timezone = 'UTC'",
    "set local work_mem = '7@nMB'", "set local timezone = 'Asia/Tokyo'", "reset work_mem",
    "reset timezone", "reset application_name", "set work_mem = 'x'", "set my.own = '@t'",
    "select nullif(current_setting('my.own', true), '')",
    "select set_config('work_mem', '8@nMB', false)",
    "select set_config('work_mem', '9@nMB', true)", "set datestyle = german",
    "select '2024-02-03'::date", "reset datestyle", "set search_path = pg_catalog, public",
    "show search_path", "reset search_path", "set role reader", "reset role",
    "select current_user", "set lock_timeout = '@nmin'; select 1",
    "set work_mem = '11@nMB'; select 1/0", "reset all", "set statement_timeout = '5@ns'",
    "show statement_timeout", "show transaction_isolation",
    "set session characteristics as transaction isolation level serializable",
    "reset default_transaction_isolation",
]
SQL_PREPARE = [
    "prepare s0 as select 's0 of @t'", "prepare s1 (int) as select $1 * 2",
    "prepare s2 as select id from @t order by id", "execute s0", "execute s1 (4)", "execute s1",
    "execute s2", "deallocate s0", "deallocate s1", "deallocate s2", "deallocate all",
    "discard plans", "discard all", "prepare s0 as select nothing",
    "prepare s1 as select 5; execute s1", "execute s0; select 1/0", "deallocate prepare s2",
]
STATE = [
    "create temp table own_@t (id int)", "insert into own_@t values (1)", "select id from own_@t",
    "drop table own_@t", "discard temp", "select pg_advisory_lock(hashtext('@t'))",
    "select pg_try_advisory_lock(hashtext('@t'))", "select pg_advisory_unlock(hashtext('@t'))",
    "select pg_advisory_unlock_all()", "listen @t", "notify @t, 'n'", "unlisten *",
    "select pg_notify('@t', 'f')",
    "declare h cursor with hold for select id from @t order by id", "fetch h", "close h",
    "close all",
]
HIDDEN = [
    "select one_more(3)", "select one_more(id) from @t order by id", "select fails(0)",
    "select fails(2)", "do $$ begin null; end $$", "do $$ begin perform 1/0; end $$",
    "call nothing_done()", "call nothing_done(); select one_more(1); select fails(0)",
    "select hidden_lock(hashtext('@t'))", "select pg_advisory_unlock_all()",
    "do $$ begin create temp table own_@t (id int); end $$", "drop table if exists own_@t",
]
FUNCTION_CALLS = ["F 177 [1 2]", "F 177 [x00000001 x00000002] f=1 r=1", "F 154 [1 0]",
                  "F 177 [NULL 1]", "F 177 [1]", "F 999999 []"]
COPY_DATA = ['d "1\\tc\\n"; c', 'd "1\\tc\\n2\\t"; d "d\\n"; c', 'd "x\\ty\\n"; d "1\\tz\\n"; c',
             'd "3\\te\\n"; f "no"', "c", 'f "never"']

# Made in both databases before the first run;
FIXTURE = """
create function one_more(a int) returns int language plpgsql as
  $$ begin return a + 1; end $$;
create function fails(a int) returns int language plpgsql as
  $$ begin raise notice 'a is %', a; return 10 / a; end $$;
create procedure nothing_done() language plpgsql as $$ begin null; end $$;
create function hidden_lock(k int) returns int language plpgsql as
  $$ begin perform pg_advisory_lock(k); return 1; end $$;
alter default privileges grant select, insert, update, delete on tables to reader;
"""

# What a program is made of: name, weight in a program that has it, whether every program has it.
GROUPS = {
    "pipeline": (8, True),
    "simple": (4, True),
    "transaction": (4, True),
    "settings": (4, False),
    "prepare": (3, False),
    "copy": (2, False),
    "call": (1, False),
    "state": (3, False),
    "hidden": (2, False),
}
TEXTS = {"simple": SIMPLE, "transaction": TRANSACTION, "settings": SETTINGS,
         "prepare": SQL_PREPARE, "state": STATE, "hidden": HIDDEN}
# How many programs have a group that not every one has.
PORTION = {"settings": 0.5, "prepare": 0.4, "copy": 0.4, "call": 0.3, "state": 0.15, "hidden": 0.2}
LOGINS = ["connect", "connect", "connect work_mem=3@nMB", "connect my.start=@t"]
# RESET and DISCARD report the server's values first (docs/limits.md), so programs that log in
# with these do neither, and are the last ones on their connection.
REPORTED_LOGINS = ["connect application_name=@t", "connect DateStyle=german",
                   'connect options="-c timezone=Asia/Tokyo"']
RESETTING = {"settings", "prepare"}
# So that the next program of this connection starts as on a new one.
END = ['Q "rollback"', 'Q "discard all"', 'Q "delete from @t"']
END_OF_CONNECTION = ['Q "rollback"', 'Q "delete from @t"', "X => EOF"]


class Program:
    """One client's program: its steps, each a line of the notation without the client's name."""

    def __init__(self, seed, groups):
        self._random = random.Random(seed)
        self.seed = seed
        chosen = [name for name in groups
                  if GROUPS[name][1] or self._random.random() < PORTION[name]] or groups
        self.steps, end = [], END
        if self._random.random() < 0.2:
            self.steps.append(self._random.choice(LOGINS))
        elif self._random.random() < 0.15:
            self.steps.append(self._random.choice(REPORTED_LOGINS))
            chosen = [name for name in chosen if name not in RESETTING]
            end = END_OF_CONNECTION
        weights = [GROUPS[name][0] for name in chosen]
        for _ in range(self._random.randint(4, 16)):
            group = self._random.choices(chosen, weights)[0]
            self.steps += (self._query(TEXTS[group]) if group in TEXTS
                           else getattr(self, f"_{group}")())
        self.steps += end

    def _query(self, texts):
        """Mostly simple; else as the unnamed statement. At times several in one write."""
        parts = []
        for _ in range(self._random.choice([1, 1, 1, 1, 2, 3])):
            text = self._random.choice(texts)
            if self._random.random() < 0.75:
                parts.append(f'Q "{text}"')
            else:
                parts.append(f'P - "{text}"; B - -; D P -; E -; S')
                if "execute" in text:  # bound to the statement of this time: known.py
                    parts.append("C S -; S")
        return ["; ".join(parts)]

    def _call(self):
        return [self._random.choice(FUNCTION_CALLS)]

    def _copy(self):
        """The unnamed statement is closed in a batch of its own: what PostgreSQL answers to the
        messages of a later batch that starts the COPY once more depends on when they come."""
        data = self._random.choice(COPY_DATA)
        return self._random.choice([
            [f'Q "copy @t from stdin"; {data}'],
            ['Q "copy @t from stdin"', f"{data} => -"],
            [f'P - "copy @t from stdin"; B - -; D P -; E -; {data}; S; C S -; S'],
            ['P - "copy @t from stdin"; B - -; D P -; E -; S', f"{data}; S; C S -; S"],
            ['Q "copy (select * from @t order by id, v) to stdout"'],
            ['P - "copy (select * from @t order by id, v) to stdout"; B - -; E -; S'],
            [f'Q "copy nothing_there from stdin"; {data}'],
        ])

    def _pipeline(self):
        parts = []
        for _ in range(self._random.choice([1, 1, 1, 2, 4])):
            if self._random.random() < 0.6:
                parts += self._sensible()
            else:
                parts += self._messages()
            parts.append("S")
        return ["; ".join(parts)]

    def _sensible(self):
        """Parse, Bind and Execute, as a driver does it."""
        text, values = self._random.choice(PREPARED)
        name = self._random.choice(NAMES)
        parts = [f'P {name} "{text}"']
        if name != "-" and self._random.random() < 0.5:
            parts.insert(0, f"C S {name}")
        if self._random.random() < 0.3:
            parts.append(f"D S {name}")
        for _ in range(self._random.choice([0, 1, 1, 1, 2])):
            parts.append(f"B - {name} {self._values(values)}{self._result_formats()}")
            if self._random.random() < 0.5:
                parts.append("D P -")
            parts.append("E -")
        return parts

    def _values(self, values):
        return "[]" if values is None else f"[{self._random.choice(values)}]"

    def _result_formats(self):
        return " r=1" if self._random.random() < 0.1 else ""

    def _messages(self):
        """Whatever comes to mind. The unnamed portal is not touched before it is bound: the one
        that a failed Query leaves in a transaction crashes PostgreSQL 15 when it is executed."""
        parts, bound = [], False
        for _ in range(self._random.randint(1, 6)):
            part = self._any_message()
            bound = bound or part.startswith("B - ")
            if bound or not part.startswith(("E - ", "D P -")):
                parts.append(part)
        return parts

    def _any_message(self):
        kind = self._random.choice("PBBBDDEEECCHd")
        name, portal = self._random.choice(NAMES), self._random.choice(PORTALS)
        text, values = self._random.choice(PREPARED)
        if kind == "P":
            return f'P {name} "{text}"'
        if kind == "B":
            return f"B {portal} {name} {self._values(values)}"
        if kind == "E":
            return f"E {portal} {self._random.choice([0, 0, 1, 2])}"
        if kind in "DC":
            what = self._random.choice("SP")
            return f"{kind} {what} {name if what == 'S' else portal}"
        return 'd "stray\\n"' if kind == "d" else "H"
