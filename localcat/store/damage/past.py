"""Whether what a catalog knows of its past holds together: stamps, deletions, the history, frozen questions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

from localcat.errors import CorruptCatalogError
from localcat.store import stamps, states
from localcat.store.damage.problem_kinds import Problem, ProblemKind
from localcat.timestamps import iso_text

_STAMPED: Final = (*stamps.KINDS, "tombstone", "history")
_UNSTAMP: Final = "Catalog.reindex() removes it; for a merge it is then not known who changed the object"
_BEGIN: Final = "Catalog.forget_history(...) with a moment of the past begins the history again"
FREEZE_AGAIN: Final = "its ids are still there: freeze a search for them again, or delete it from catalog.frozen"

# One half of a stamp, a writer that is not there, or a transaction that it has not made. Of a writer whose changes came
# in a bundle none is counted, since most of them did not come along.
_WRONG_STAMP: Final = (
    "(replica IS NULL) <> (counter IS NULL) OR replica IS NOT NULL AND NOT EXISTS ("
    "SELECT 1 FROM replica WHERE replica.id = {table}.replica AND {table}.counter >= 1 "
    "AND ({table}.counter <= replica.counter OR replica.counter = 0))"
)
_HISTORY: Final = (
    "SELECT id, kind, uid, what, CASE typeof(at) WHEN 'integer' THEN at ELSE 0 END, "
    "CASE typeof(bytes) WHEN 'integer' THEN bytes ELSE -1 END, CASE WHEN state IS NULL THEN 'none' "
    "WHEN json_valid(state) THEN json_type(state) ELSE 'no JSON' END FROM history ORDER BY id"
)
_WRONG_HASH: Final = "length({hash}) <> 64 OR {hash} GLOB '*[^0-9a-f]*'"


def check_stamps(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the rows whose stamp nobody can have written, and the marks of deletions of objects that are there."""
    for table in _STAMPED:
        sql = f"SELECT uid, replica, counter FROM {table} WHERE {_WRONG_STAMP.format(table=table)}"
        for uid, replica, counter in connection.execute(sql):
            found = f"transaction {counter} of writer {replica}"
            where = "" if table in stamps.KINDS else f", in table {table}"
            yield Problem(ProblemKind.STAMPS, _UNSTAMP, uid, expected="one of a known writer", found=found + where)
    for kind in stamps.KINDS:
        sql = f"SELECT uid FROM tombstone WHERE kind = ? AND uid IN (SELECT uid FROM {kind})"
        for (uid,) in connection.execute(sql, (kind,)):
            advice, state = "Catalog.reindex() removes the mark", f"the {kind}, and the mark that it was deleted"
            yield Problem(ProblemKind.STAMPS, advice, uid, expected="one of both", found=state)


def mend_stamps(connection: sqlite3.Connection) -> None:
    """Remove what `check_stamps` finds, inside a write transaction."""
    for table in _STAMPED:
        wrong = _WRONG_STAMP.format(table=table)
        connection.execute(f"UPDATE {table} SET replica = NULL, counter = NULL WHERE {wrong}")
    for kind in stamps.KINDS:
        connection.execute(f"DELETE FROM tombstone WHERE kind = ? AND uid IN (SELECT uid FROM {kind})", (kind,))


def check_history(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the changes that are missing between others, and those that do not say what an object was before."""
    since = None
    try:
        since = states.complete_since(connection)
    except CorruptCatalogError as error:
        yield Problem(ProblemKind.HISTORY, _BEGIN, expected="since when it is complete", found=str(error.__cause__))
    for key, stored in connection.execute("SELECT key, value FROM meta WHERE key GLOB 'history_*'"):
        if key in states.LIMITS and not states.is_limit(stored):
            state, advice = f"{key} {stored:.40}", "set it again, with Catalog.keep_history(...)"
            yield Problem(ProblemKind.HISTORY, advice, expected="a limit of the history", found=state)
    last, total = None, 0
    for number, kind, uid, what, at, size, form in connection.execute(_HISTORY):
        if last is not None and number != last + 1 and not (since is not None and at < since):
            missing = f"changes {last + 1:,} to {number - 1:,}" if number > last + 2 else f"change {last + 1:,}"
            yield Problem(ProblemKind.HISTORY, forgetting(at), expected=missing, found="none")
        if size < total:
            state = f"{size:,} bytes up to change {number:,}, and {total:,} up to the one before it"
            yield Problem(ProblemKind.HISTORY, forgetting(at + 1), expected="sizes that add up", found=state)
        if form != ("none" if what == "restored" else "object"):
            state = f"change {number:,} ({what}): {form}"
            expected = "nothing" if what == "restored" else f"the {kind} before"
            yield Problem(ProblemKind.HISTORY, forgetting(at + 1), uid, expected=expected, found=state)
        last, total = number, max(size, total)


def forgetting(moment: int) -> str:
    """Return as advice how to forget what was before a moment, given in microseconds since 1970."""
    try:
        return f"Catalog.forget_history('{iso_text(moment)}') forgets all until then, so that nothing wrong is undone"
    except CorruptCatalogError:
        return _BEGIN


def check_frozen(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the frozen questions in whose answers an image is missing, or has a hash that is none."""
    wrong = " OR ".join(_WRONG_HASH.format(hash=name) for name in ("row_hash", "files_hash"))
    sql = (
        f"SELECT name, count(*), max(position) + 1, min(position), sum({wrong}) "
        "FROM frozen_image JOIN frozen ON frozen.id = frozen_id GROUP BY frozen_id"
    )
    for name, count, places, first, hurt in connection.execute(sql):
        if count != places or first != 0:
            yield Problem(ProblemKind.FROZEN, FREEZE_AGAIN, name, expected=f"{places:,} images", found=f"{count:,}")
        if hurt:
            state = f"other text in {hurt:,} images"
            yield Problem(ProblemKind.FROZEN, FREEZE_AGAIN, name, expected="hashes of rows and files", found=state)


class KeptFile(NamedTuple):
    """A file that only the history needs, as the states of its image have it; the size is None if none has it."""

    href: str
    size_bytes: int | None
    sha256: str | None


_FILES: Final = "iif(json_valid(state), json_extract(state, '$.files'), '[]')"
_KEPT: Final = f"""
    SELECT kept_file.href, max(found.size_bytes), max(found.sha256) FROM kept_file LEFT JOIN (
        SELECT json_extract(file.value, '$.href') AS href, json_extract(file.value, '$.size_bytes') AS size_bytes,
            json_extract(file.value, '$.hash') AS sha256
        FROM history, json_each(iif(json_valid({_FILES}), {_FILES}, '[]')) AS file
        WHERE kind = 'image' AND file.type = 'object' AND json_extract(file.value, '$.owned')
    ) AS found ON found.href = kept_file.href GROUP BY kept_file.href
"""  # constants


def kept_files(connection: sqlite3.Connection) -> list[KeptFile]:
    """Return the files that only the history needs, with the size and sha256 that they should have."""
    if connection.execute("SELECT 1 FROM kept_file LIMIT 1").fetchone() is None:
        return []
    return [KeptFile(*row) for row in connection.execute(_KEPT)]
