"""Where pglynx is not meant to answer as PostgreSQL does: this list, each with its reason, and
nothing else (docs/limits.md tells users the same). A script marks the very step (`known NAME`
behind it); how the replies may then differ stands here, and all else in that step has to be equal.
FAILED is looked for in random programs too.

A pattern is matched against the replies from the first that differs on, a line for each: its
type, of an error or a notice also the SQLSTATE, of a row the values (NULL as \\N), of a
ReadyForQuery the status. What stands behind what it takes has to be equal.
"""

import re
import struct

from compare import equal, first_difference

FAILED = "failed-transaction"
REASONS = {
    FAILED: "in a failed transaction a server cannot be given a statement that it lacks, so its "
            "Bind or Describe is 25P02",
    "statements-view": "pg_prepared_statements is the server's: the pooler's names, all clients",
    "startup-options": "options in other forms than -c and -- are refused in the pooler's words",
    "startup-notice": "no notice at login says that a name was cut to 63 bytes",
    "custom-unset": "a parameter of an application's own is empty, not unknown, on a server on "
                    "which another client has set it",
    "hidden-setting": "what a function sets unseen is undone when its server changes hands",
    "execute-parsed": "an EXECUTE that came in a Parse is bound to the statement of that time",
    "cached-plan": "cached plan must not change result type: prepared again and tried once more",
}
ROWS = r"(D .*\n)+"
# (PostgreSQL's, pglynx's) replies.
PATTERNS = {
    FAILED: [(r"E 08P01\n", r"E 25P02\n"), (r"t\n[Tn]\n", r"E 25P02\n"),
             (r"t\n[Tn]\nE 08P01\n", r"E 25P02\n"), (r"t\n[Tn]\nE 25P02\n", r"E 25P02\n")],
    "statements-view": [(rf"({ROWS})?C\n", rf"{ROWS}C\n")],
    "startup-options": [(r"E 42601\n", r"E 42601\n")],
    "startup-notice": [(r"N 42622\n", r"")],
    "custom-unset": [(r"D \\N\n", r"D \n"), (r"E 42704\n", r"T\nD \nC\n")],
    "hidden-setting": [(r"D 5MB(\|yes)?\n", r"D 4MB(\|)?\n")],
    "execute-parsed": [(rf"2\n(T\n)?{ROWS}C\n", r"E 0A000\n"), (r"2\n(n\n)?", r"E 26000\n"),
                       (r"2\n", r""), (r"E 26000\n", r"T\n")],
    "cached-plan": [(r"E 0A000\n", r"T\n")],
}


def row(body):
    """The values of a DataRow as one line, NULL as \\N."""
    values, at = [], 2
    for _ in range(struct.unpack_from("!H", body)[0]):
        length = struct.unpack_from("!i", body, at)[0]
        values.append(body[at + 4:at + 4 + length].decode("utf-8", "replace")
                      if length >= 0 else r"\N")
        at += 4 + max(length, 0)
    return "|".join(values).replace("\n", " ")


def _line(message):
    kind, body = message
    if kind in "EN" and isinstance(body, dict):
        return f"{kind} {body.get('C')}\n"
    if kind == "D":
        return f"D {row(body)}\n"
    if kind == "Z":
        return f"Z {body.decode()}\n"
    return f"{kind}\n"


def _taken(pattern, messages):
    """In how many ways the pattern takes the first of the messages, as numbers of them."""
    match = re.match(pattern, "".join(map(_line, messages)))
    return match and match.group(0).count("\n")


def accepts(name, direct, pooled):
    """Whether two lists of normalised replies differ as this one says."""
    index = first_difference(direct, pooled)
    for of_direct, of_pooled in PATTERNS[name]:
        ours, theirs = _taken(of_direct, direct[index:]), _taken(of_pooled, pooled[index:])
        if ours is not None and theirs is not None and \
                first_difference(direct[index + ours:], pooled[index + theirs:]) is None:
            return True
    return False


def batches(replies):
    """The replies cut behind each ReadyForQuery."""
    found, begin = [], 0
    for index, (kind, _) in enumerate(replies, 1):
        if kind == "Z":
            found.append(replies[begin:index])
            begin = index
    return found + ([replies[begin:]] if begin < len(replies) else [])


def failed_transaction(direct, pooled):
    """How the replies of a step differ that FAILED accounts for: None, it does not; True, both
    sides are then as they were; False, PostgreSQL has gone on in that batch, pglynx has not, so
    that nothing behind it can be compared."""
    ours, theirs = batches(direct), batches(pooled)
    if len(ours) != len(theirs):
        return None
    for one, other in zip(ours, theirs):
        index = first_difference(one, other)
        if index is None:
            continue
        if one[-1] != ("Z", b"E") or not equal(one[-1], other[-1]):
            return None
        if not accepts(FAILED, one, other):
            described = [kind for kind, _ in one[index:index + 2]] in (["t", "T"], ["t", "n"])
            stopped = "".join(map(_line, other[index:])) == "E 25P02\nZ E\n"
            return False if described and stopped else None
    return True
