"""Checks of predecessor.py: commands, comments, keys and the file."""

import os
import subprocess

import wire
from checks import ask, check, error_of, expect
from harness import PASSWORD, pooler_binary, postgres_bin
from stand import SHARDS

PLACE = "select shard from place"
EXIT_CONFIG = 78
# Keys whose remainder is their index, of modulus 5; the reference has them.
PG_HASH_OF_5 = ((1, 4, 5, 14, 19), (2, 3, 11, 17, 21), (6, 7, 15, 16, 18), (8, 12, 13, 22, 29),
                (9, 10, 24, 26, 27))
SHA1_OF_12 = (4, 7, 8, 3, 6, 0, 0, 10, 3, 11, 1, 7, 4, 4, 11, 2, 5, 0, 8, 3)


# ----- commands -----

@check("a command may have any blanks, comments and newlines around and in it")
def loose_forms(stage):
    with stage.client() as client:
        for sql in ("\tset  shard\nto 1 ;\n", "/* a */ SET SHARD TO/**/'1'",
                    "-- a\nset shard to 1;;"):
            ask(client, "SET SHARD TO 0")
            expect(ask(client, sql), "SET SHARD", sql)
            expect(ask(client, "SHOW SHARD"), [("1",)], sql)


@check("one quote without the other is no value")
def half_quote(stage):
    with stage.client() as client:
        ask(client, "SET SHARD TO 1")
        expect(ask(client, "SET SHARDING KEY TO '5") in ("22023", "42601"), True)
        expect(ask(client, "SHOW SHARD"), [("1",)])


@check("values of roles and reads are taken in any case, with quotes or without")
def any_case(stage):
    with stage.client() as client:
        expect(ask(client, "set server role to Replica"), "SET SERVER ROLE")
        expect(ask(client, "SHOW SERVER ROLE"), [("replica",)])
        for value in ("off", "on"):
            expect(ask(client, f"SET PRIMARY READS TO '{value.upper()}'"), "SET PRIMARY READS")
            expect(ask(client, "SHOW PRIMARY READS"), [(value,)])


@check("the role is shown as it was chosen, whatever ran since")
def role_shown(stage):
    with stage.client("sticky") as client:
        ask(client, "SET SERVER ROLE TO 'auto'")
        for sql in ("SET SHARD TO 0", PLACE, "COPY nothing FROM nowhere",
                    "delete from place where false"):
            ask(client, sql)
            expect(ask(client, "SHOW SERVER ROLE"), [("auto",)], sql)


@check("after a statement that nobody can parse writes still go where the client said")
def unparsable(stage):
    with stage.client("sticky") as client:
        ask(client, "SET SHARD TO 0")
        expect(ask(client, PLACE), [(0,)])
        expect(ask(client, "selekt ' \" $$ --"), "42601")
        expect(ask(client, "select server from place for update"), [("primary",)])


@check("keys may be negative, and have the shard of PostgreSQL")
def signed_keys(stage):
    with stage.client() as client:
        for key in (-1, -5, -2**63, 2**63 - 1, 0):
            expect(ask(client, f"SET SHARDING KEY TO {key}"), "SET SHARDING KEY", str(key))
            rows = stage.primary.execute(
                f"select n::text from generate_series(0, {SHARDS - 1}) n where "
                f"satisfies_hash_partition('keys'::regclass, {SHARDS}, n, '{key}'::bigint)",
                "shard0")
            expect(ask(client, "SHOW SHARD"), rows, str(key))


@check("a number that is too long, a NULL and a value of no sense are errors, and the client lives")
def hostile_values(stage):
    with stage.client() as client:
        ask(client, "SET SHARD TO 1")
        for sql in ("SET SHARDING KEY TO 99999999999999999999", "SET SHARD TO 99999999999999999999",
                    f"SET SHARDING KEY TO {'9' * 100000}", "SET SHARDING KEY TO ''",
                    "SET SHARD TO $1", "SET SERVER ROLE TO 'both'"):
            expect(ask(client, sql), "22023", sql[:60])
            expect(ask(client, "SHOW SHARD"), [("1",)], sql[:60])
    for value in (None, b"", b"x", b"\0\0\0"):
        for formats in ((0,), (1,)):
            refused, after = stage.talk(
                wire.parse("", "SET SHARDING KEY TO $1", [20]) +
                wire.bind("", "", [value], formats) + wire.execute(""), wire.query("SHOW SHARD"))
            expect([kind for kind, _ in refused], ["1", "2", "E", "Z"], str(value))
            expect([kind for kind, _ in after], ["T", "D", "C", "Z"], str(value))


@check("a shard that does not exist is an ERROR, and the earlier choice stays")
def out_of_range(stage):
    with stage.client() as client:
        ask(client, "SET SHARD TO 1")
        for shard in (SHARDS, -1, 9):
            error = error_of(client, f"SET SHARD TO {shard}")
            expect((error.diag.severity, error.pgcode), ("ERROR", "22023"))
        expect(ask(client, PLACE), [(1,)])


@check("ANY draws once, and keeps what it drew")
def any_shard(stage):
    with stage.client("sticky") as client:
        drawn = set()
        for _ in range(40):
            expect(ask(client, "SET SHARD TO ANY"), "SET SHARD")
            [(shard,)] = ask(client, "SHOW SHARD")
            expect([ask(client, PLACE) for _ in range(3)], [[(int(shard),)]] * 3)
            drawn.add(shard)
        expect(drawn, {"0", "1", "2"})


@check("inside a transaction every command is refused, aborts it, and chooses nothing")
def inside_transaction(stage):
    with stage.client("sticky") as client:
        for sql in ("SET SHARD TO 2", "SET SHARDING KEY TO 5", "SET SERVER ROLE TO 'replica'",
                    "SET PRIMARY READS TO on", "SHOW SHARD", "SHOW SERVER ROLE"):
            ask(client, "SET SHARD TO 1")
            ask(client, "begin")
            expect(ask(client, PLACE), [(1,)], sql)
            expect(ask(client, sql), "25001", sql)
            expect(ask(client, PLACE), "25P02", sql)
            ask(client, "rollback")
            expect(ask(client, "select server, shard from place"), [("primary", 1)], sql)


@check("in session mode the first statement decides for good")
def session_mode(stage):
    with stage.client("fixed") as client:
        for shard in (0, 2, 1):
            expect(ask(client, f"SET SHARD TO {shard}"), "SET SHARD")
        expect(ask(client, PLACE), [(1,)])
        for sql in ("SET SHARD TO 2", "SET SERVER ROLE TO 'replica'"):
            expect(ask(client, sql), "25001", sql)
        expect(ask(client, "select server, shard from place"), [("primary", 1)])


@check("a command and a statement in one message are an error, and choose nothing")
def in_one_message(stage):
    with stage.client("sticky") as client:
        ask(client, "SET SHARD TO 1")
        expect(ask(client, "SET SHARD TO 2; SELECT 1"), "42704")
        expect(ask(client, PLACE), [(1,)])


@check("commands that are prepared choose when they are bound; psql -c and \\bind can use them")
def prepared_commands(stage):
    prepare = wire.parse("choose", "SET SHARD TO $1")
    run = wire.bind("", "choose", [b"2"]) + wire.describe("P", "") + wire.execute("")
    prepared, chosen, found = stage.talk(prepare, run, wire.query(PLACE))
    expect([kind for kind, _ in prepared], ["1", "Z"])
    expect([kind for kind, _ in chosen], ["2", "n", "C", "Z"])
    expect([body[-1:] for kind, body in found if kind == "D"], [b"2"])
    said = subprocess.run(
        [f"{postgres_bin()}/psql", "-XqAt", "-h", "127.0.0.1", "-p", str(stage.pooler.port), "-U",
         "app", "-c", "SET SHARD TO 2", "-c", PLACE, "shop"],
        env=dict(os.environ, PGPASSWORD=PASSWORD), capture_output=True, text=True, check=False)
    expect((said.stdout, said.stderr), ("2\n", ""))


@check("a choice lasts for one transaction, or until another, as the file says")
def scope(stage):
    with stage.client() as client:
        ask(client, "SET SHARD TO 2")
        expect(ask(client, "begin; select shard from place; commit") and ask(client, "SHOW SHARD"),
               [("unset",)])
        error = error_of(client, PLACE)
        expect(error.pgcode, "22023")
        expect("SET SHARDING KEY" in (error.diag.message_hint or ""), True, "the hint")
    with stage.client("sticky") as client:
        ask(client, "SET SHARD TO 2")
        expect([ask(client, PLACE) for _ in range(3)], [[(2,)]] * 3)


# ----- comments -----

@check("a comment is for its statement alone")
def comment_alone(stage):
    with stage.client("sticky") as client:
        ask(client, "SET SHARD TO 0")
        expect(ask(client, f"/* shard_id: 2 */ {PLACE}"), [(2,)])
        expect(ask(client, PLACE), [(0,)])
        expect(ask(client, "SHOW SHARD"), [("0",)])


@check("what looks like a comment in a string, a name or another comment is none")
def no_comment(stage):
    with stage.client("sticky") as client:
        ask(client, "SET SHARD TO 1")
        for text in ("'/* shard_id: 2 */'", "$$/* shard_id: 2 */$$", "$x$'-- shard_id: 2\n$x$",
                     "E'\\'/* shard_id: 2 */'", "1 as \"/* shard_id: 2 */\""):
            with client.cursor() as cursor:
                cursor.execute(f"select shard, {text} from place")
                expect(cursor.fetchone()[0], 1, text)


@check("a comment whose value does not fit is an error, and the client is not stuck")
def bad_comment(stage):
    with stage.client("sticky") as client:
        ask(client, "SET SHARD TO 1")
        for comment in ("shard_id: 9", "shard_id: 99999999999999999999", "sharding_key: five",
                        "shard_id: -1"):
            expect(ask(client, f"/* {comment} */ {PLACE}"), "22023", comment)
            expect(ask(client, PLACE), [(1,)], comment)


@check("a comment before a command does not keep it from being one")
def comment_and_command(stage):
    with stage.client() as client:
        expect(ask(client, "/* shard_id: 2 */ SET SHARD TO 1"), "SET SHARD")
        expect(ask(client, PLACE), [(1,)])


@check("comments are found in Parse, in its text and not in the statement's name")
def comment_in_parse(stage):
    def ran(name, sql):
        choice, found = stage.talk(
            wire.query("SET SHARD TO 1"),
            wire.parse(name, sql) + wire.bind("", name) + wire.execute(""), pool="sticky")
        expect([kind for kind, _ in choice], ["C", "Z"])
        return [body[-1:] for kind, body in found if kind == "D"]

    expect(ran("", f"{PLACE} /* shard_id: 2 */"), [b"2"])
    expect(ran("/* shard_id: 2 */", PLACE), [b"1"])


# ----- keys and the file -----

@check("the hashes are those of the reference, of pg_bigint_hash and of sha1")
def vectors(stage):
    with stage.client("five") as client:
        for remainder, keys in enumerate(PG_HASH_OF_5):
            for key in keys:
                ask(client, f"SET SHARDING KEY TO {key}")
                expect(ask(client, "SHOW SHARD"), [(str(remainder),)], str(key))
    with stage.client("twelve") as client:
        for key, remainder in enumerate(SHA1_OF_12):
            ask(client, f"SET SHARDING KEY TO '{key}'")
            expect(ask(client, "SHOW SHARD"), [(str(remainder),)], str(key))


def refusal(stage, more):
    """What is said of a file with this in its pool."""
    path = f"{stage.pooler.directory}/refused.toml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"""
[general]
port = {stage.pooler.port}
admin_username = "admin"
admin_password = "{PASSWORD}"
[pools.shop]
{more}
[pools.shop.users.0]
username = "app"
password = "{PASSWORD}"
pool_size = 1
""")
    os.chmod(path, 0o600)
    done = subprocess.run([pooler_binary(), "--check", "--config", path], capture_output=True,
                          text=True, check=False)
    expect(done.returncode, EXIT_CONFIG, more)
    return done.stdout + done.stderr


SHARD = """[pools.shop.shards.{0}]
database = "shard{0}"
servers = [["127.0.0.1", 5432, "primary"]]
"""


@check("shards with gaps, and keys that would lead rows elsewhere, are refused with their place")
def refused_files(stage):
    whole = SHARD.format(0)
    for more, word in (
            (SHARD.format(1) + SHARD.format(2), "shards"),
            (whole + SHARD.format(2), "shards"),
            ('automatic_sharding_key = "orders.key"\n' + whole, "automatic_sharding_key"),
            ("query_parser_read_write_splitting = true\n" + whole, "query_parser"),
            ("shard_scoop = 1\n" + whole, "shard_scoop"),
            ('default_shard = "shard_1"\n' + whole, "default_shard"),
            (whole.replace('"primary"', '"primary"], ["127.0.0.1", 5433, "primary"'), "primary"),
            (whole + 'mirrors = [["127.0.0.1", 5433, 0]]\n', "mirrors")):
        said = refusal(stage, more)
        expect(word in said and "refused.toml:" in said, True, said)
