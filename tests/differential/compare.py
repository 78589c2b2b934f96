"""What makes two replies equal, and how they are shown.

Masked, because no two servers agree on it: keys and process ids, object ids of what a script has
made itself, the order of the ParameterStatus in a row. In an error that the pooler makes itself,
and in 25P02: the fields F, L and R, which name a place in PostgreSQL's sources.
"""

import struct

# The first object id that is not PostgreSQL's own.
FIRST_NORMAL_OID = 16384
SOURCE_FIELDS = "FLR"
SHOWN_BYTES = 300


def fields(body):
    """The fields of an ErrorResponse or NoticeResponse."""
    return {part[:1].decode(): part[1:].decode("utf-8", "replace")
            for part in body.split(b"\0") if part}


def _oid(value):
    return value if value < FIRST_NORMAL_OID else "own"


def _row_description(body):
    columns, at = [], 2
    for _ in range(struct.unpack_from("!H", body)[0]):
        end = body.index(b"\0", at)
        table, number, kind, size, modifier, form = struct.unpack_from("!IHIhiH", body, end + 1)
        columns.append((body[at:end], _oid(table), number, _oid(kind), size, modifier, form))
        at = end + 19
    return tuple(columns)


def _parameter_description(body):
    count = struct.unpack_from("!H", body)[0]
    return tuple(_oid(oid) for oid in struct.unpack_from(f"!{count}I", body, 2))


def normalised(message):
    """The message without what may differ; None: it does not count."""
    kind, body = message
    if kind in "DCZ123":  # by far the most
        return message
    if kind == "K":
        return None
    if kind in ("E", "N"):
        return kind, fields(body)
    if kind == "T":
        return kind, _row_description(body)
    if kind == "t":
        return kind, _parameter_description(body)
    if kind == "A":
        return kind, body[4:]
    return message


def normalised_all(messages):
    """All that count, runs of ParameterStatus in the order of their names."""
    result, settings = [], []
    for message in messages:
        if message[0] == "S":
            settings.append(message)
            continue
        if settings:
            result += sorted(settings)
            settings = []
        one = normalised(message)
        if one is not None:
            result.append(one)
    return result + sorted(settings)


def equal(direct, pooled):
    """Whether two normalised messages are the same to a client."""
    if direct == pooled:
        return True
    if direct[0] != pooled[0] or direct[0] not in ("E", "N"):
        return False
    ours, theirs = pooled[1], direct[1]
    made_by_pooler = "F" not in ours and "L" not in ours
    # In a transaction that failed, what is refused may be the pooler's Parse ahead of the Bind.
    refused = ours.get("C") == "25P02"
    if not (made_by_pooler or refused):
        return False
    return _without_source(ours) == _without_source(theirs)


def _without_source(error):
    return {field: text for field, text in error.items() if field not in SOURCE_FIELDS}


def first_difference(direct, pooled):
    """The index at which two lists of normalised messages part, or None."""
    for index, (ours, theirs) in enumerate(zip(direct, pooled)):
        if not equal(ours, theirs):
            return index
    return None if len(direct) == len(pooled) else min(len(direct), len(pooled))


def shown(message):
    """A normalised message for a person."""
    kind, body = message
    if isinstance(body, dict):
        text = " ".join(f"{field}={value!r}" for field, value in sorted(body.items())
                        if field not in "S")
    else:
        text = repr(body) if body not in (b"", ()) else ""
    if len(text) > SHOWN_BYTES:
        text = f"{text[:SHOWN_BYTES]}… ({len(text)})"
    return f"{kind} {text}".rstrip()


def show_difference(direct, pooled, index, before=2, after=4):
    """Lines that show where two lists part."""
    lines = [f"      = {shown(message)}" for message in direct[max(0, index - before):index]]
    for mark, messages in (("direct", direct), ("pglynx", pooled)):
        part = messages[index:index + after]
        lines += [f"      {mark} {shown(message)}" for message in part]
        if not part:
            lines.append(f"      {mark} (nothing)")
        if len(messages) > index + after:
            lines.append(f"      {mark} … {len(messages) - index - after} more")
    return lines
