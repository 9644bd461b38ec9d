"""Reading and writing rows, keeping their entries in the indexes and the chosen properties in step with them."""

from __future__ import annotations

import functools
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from localcat.errors import ConflictError
from localcat.store import indexes, properties, stamps, states
from localcat.store.clauses import Parameter
from localcat.store.file import schema
from localcat.store.query.columns import column

if TYPE_CHECKING:
    from localcat.earth.geometry import Box

Row: TypeAlias = tuple[Parameter, ...]
"""(row id, version, then the attributes in the order of `selected`)."""

FILES = "files"  # an attribute of images that is kept in a table of its own
_BUILT_AT_ONCE = ("image_by_time", "image_without_footprint", "image_file_by_href")
_IN_MEMORY = 2  # as SQLite numbers the places of temporary files
HYDRATION_CHUNK = 1000  # rows read at once
_RENUMBERED = "renumbered_after"  # in the table meta: the last row id of an image before all were given new ones
_HEADS_CHUNK = 5000  # of the small rows of `heads`
_STATEMENTS = 500  # that are kept: one for each choice of attributes that are changed together


@functools.cache
def selected(table: str, attributes: tuple[str, ...]) -> str:
    """Return the SELECT list of a `Row`."""
    return ", ".join((f"{table}.id", f"{table}.version", *(column(table, name).select for name in attributes)))


def find(connection: sqlite3.Connection, table: str, attributes: tuple[str, ...], uid: str) -> Row | None:
    """Return the row with a public id, or None."""
    row: Row | None = connection.execute(_finding(table, attributes), (uid,)).fetchone()
    return row


@functools.cache
def _finding(table: str, attributes: tuple[str, ...]) -> str:
    """Return the statement of `find`; the very same string, which SQLite's module recognises without reading it."""
    return f"SELECT {selected(table, attributes)} FROM {table} WHERE {table}.uid = ?"


def find_bands(connection: sqlite3.Connection, attributes: tuple[str, ...], product_uid: str) -> list[Row]:
    """Return the rows of the bands of a product, in their order."""
    sql = (
        f"SELECT {selected('band', attributes)} FROM band WHERE product_id = (SELECT id FROM product WHERE uid = ?) "
        "ORDER BY sort_order NULLS LAST, name"
    )
    return connection.execute(sql, (product_uid,)).fetchall()


def renewed(
    connection: sqlite3.Connection, table: str, attributes: tuple[str, ...], row: Row, changed: tuple[str, ...]
) -> Row:
    """Return a row, as `find` gave it, after `update` changed some of its attributes: only these are read again."""
    version, *stored = connection.execute(_renewing(table, changed), (row[0],)).fetchone()
    values = [row[0], version, *row[2:]]
    for name, value in zip(changed, stored, strict=True):
        values[2 + attributes.index(name)] = value
    return tuple(values)


@functools.lru_cache(_STATEMENTS)
def _renewing(table: str, changed: tuple[str, ...]) -> str:
    columns = ", ".join(column(table, name).select for name in changed)
    return f"SELECT {table}.version, {columns} FROM {table} WHERE {table}.id = ?"


def find_many(
    connection: sqlite3.Connection, table: str, attributes: tuple[str, ...], uids: Sequence[str]
) -> dict[str, Row]:
    """Return the rows with the given public ids, by id; missing ones are left out."""
    by_uid = column(table, "id").compare
    sql = (
        f"SELECT {by_uid}, {selected(table, attributes)} FROM {table} "
        f"WHERE {by_uid} IN (SELECT value FROM json_each(?))"
    )
    found = connection.execute(sql, (json.dumps(list(uids), ensure_ascii=False),))
    return {row[0]: row[1:] for row in found}


def hydrate(
    connection: sqlite3.Connection, table: str, attributes: tuple[str, ...], row_ids: Sequence[int]
) -> Iterator[Row]:
    """Yield the rows of many row ids in the order given; rows that were deleted since are left out."""
    for found in _in_order(connection, table, selected(table, attributes), row_ids):
        yield from found


def values_of(
    connection: sqlite3.Connection, table: str, attributes: tuple[str, ...], row_ids: Sequence[int]
) -> list[tuple[Parameter, ...]]:
    """Return the stored values of attributes alone, as `hydrate` yields rows."""
    columns = ", ".join(column(table, name).select for name in attributes) or "NULL"
    found: list[tuple[Parameter, ...]] = []
    for some in _in_order(connection, table, columns, row_ids):
        found += some
    return found


def files_of(connection: sqlite3.Connection, row_ids: Sequence[int]) -> list[tuple[Parameter, ...]]:
    """Return the files of images in the order given, and of each in their order.

    Returns
    -------
    list of tuple
        (row id of the image, owned, href, size_bytes, hash, provider_id, provider_href)
    """
    sql = (
        "SELECT f.image_id, f.owned, f.href, f.size_bytes, f.hash, f.provider_id, f.provider_href "
        "FROM json_each(?) AS wanted CROSS JOIN image_file AS f INDEXED BY sqlite_autoindex_image_file_1 "
        "ON f.image_id = wanted.value"
    )  # the outer loop and the index give the order; SQLite would sort all the columns once more
    found: list[tuple[Parameter, ...]] = []
    for start in range(0, len(row_ids), HYDRATION_CHUNK):
        found += connection.execute(sql, (json.dumps(list(row_ids[start : start + HYDRATION_CHUNK])),))
    return found


def available(connection: sqlite3.Connection, row_ids: Sequence[int]) -> set[int]:
    """Return the row ids, of some images, of those whose files are on this machine."""
    sql = "SELECT id FROM image WHERE id IN (SELECT value FROM json_each(?)) AND storage_state = 'available'"
    return {row_id for (row_id,) in connection.execute(sql, (json.dumps(list(row_ids)),))}


def _in_order(
    connection: sqlite3.Connection, table: str, columns: str, row_ids: Sequence[int]
) -> Iterator[list[tuple[Parameter, ...]]]:
    # CROSS JOIN keeps the wanted ids as the outer loop, and so their order.
    sql = f"SELECT {columns} FROM json_each(?) AS wanted CROSS JOIN {table} ON {table}.id = wanted.value"
    for start in range(0, len(row_ids), HYDRATION_CHUNK):
        chunk = row_ids[start : start + HYDRATION_CHUNK]
        found = connection.execute(sql, (json.dumps(list(chunk)),)).fetchall()
        if len(found) < len(chunk) and table == "image" and was_renumbered(connection, min(chunk)):
            raise ConflictError(
                "the images of the catalog were put in another order while a search was under way; search again"
            )
        yield found


def note_renumbered(connection: sqlite3.Connection, last: int) -> None:
    """Note that all images have row ids above the last one of before, so that who knows an older one is told."""
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_RENUMBERED, str(last)))


def was_renumbered(connection: sqlite3.Connection, row_id: int) -> bool:
    """Return whether an image with a row id has another one by now, if it is still there."""
    found = connection.execute("SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?", (_RENUMBERED,)).fetchone()
    return found is not None and row_id <= found[0]


def insert(
    connection: sqlite3.Connection,
    table: str,
    values: Mapping[str, Parameter],
    *,
    box: Box | None = None,
    stamp: stamps.Stamp | None = None,
    is_from_elsewhere: bool = False,
) -> int:
    """Insert a row and its entries in the indexes; return its row id.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    table : str
        Where to.
    values : mapping
        Stored value by column name.
    box : tuple of float, optional
        The box of an image's footprint for the space-time index; found from its WKB when left out.
    stamp : Stamp, optional
        Of the change that made it elsewhere, if it comes from another catalog; else that of the transaction.
    is_from_elsewhere : bool
        Whether it was made in another catalog, so that its `created` does not say since when it is here: the history
        does then.
    """
    values = dict(values)
    files = values.pop(FILES, None)
    if table in stamps.KINDS:
        values |= _stamped(connection, stamp)
        uid = str(values["id"])
        returned = stamps.unbury(connection, table, [uid])
        states.note_restored(connection, table, [uid] if is_from_elsewhere else returned)
    row_id = connection.execute(_inserting(table, tuple(values)), tuple(values.values())).lastrowid
    if row_id is None:
        raise AssertionError("an INSERT into a rowid table gives a row id")
    if files is not None:
        write_files(connection, row_id, str(files))
    indexes.add(connection, table, row_id, box)
    if table == "image":
        properties.add(connection, [(row_id, values.get("extra_properties"))])
    return row_id


@functools.lru_cache(_STATEMENTS)
def _inserting(table: str, names: tuple[str, ...]) -> str:
    columns = ", ".join(column(table, name).name for name in names)
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})"


def insert_images(
    connection: sqlite3.Connection,
    row_ids: Sequence[int],
    columns: Mapping[str, Sequence[Parameter]],
    files: Sequence[Sequence[tuple[Parameter, ...]]],
    *,
    has_texts: bool = True,
) -> None:
    """Insert many images and their entries in the indexes but for that of space and time, in one pass each.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    row_ids : sequence of int
        Of the images.
    columns : mapping
        Their stored values by column.
    files : sequence of sequences
        Of each image: (href, size_bytes, hash, provider_id, provider_href), one tuple a file. None of them is ours.
    has_texts : bool
        Whether to write the entries of the full text; if not, `rebuild_texts` does it later.
    """
    names = ", ".join(("id", *(column("image", name).name for name in columns), "replica", "counter"))
    marks = ", ".join("?" * (len(columns) + 3))
    stamp = stamps.own(connection)
    # As iterators: a list of so many tuples would be looked through by the garbage collector, again and again.
    values = zip(row_ids, *columns.values(), *map(itertools.repeat, stamp))  # noqa: B905  # stamps end with the others
    connection.executemany(f"INSERT INTO image ({names}) VALUES ({marks})", values)
    returned = stamps.unbury(connection, "image", [str(uid) for uid in columns["uid"]])
    states.note_restored(connection, "image", returned)
    tags = columns.get("tags") or [None] * len(row_ids)
    if has_texts:
        connection.executemany(
            "INSERT INTO image_text (rowid, name, tags) VALUES (?, ?, ?)",
            zip(row_ids, columns["name"], tags, strict=True),
        )
    if "tags" in columns:
        connection.executemany(
            "INSERT OR IGNORE INTO image_tag (tag, image_id) VALUES (?, ?)",
            (
                (tag, row_id)
                for row_id, several in zip(row_ids, tags, strict=True)
                if several is not None
                for tag in json.loads(str(several))
            ),
        )
    connection.executemany(
        "INSERT INTO image_file (image_id, position, owned, href, size_bytes, hash, provider_id, provider_href) "
        "VALUES (?, ?, 0, ?, ?, ?, ?, ?)",
        (
            (row_id, position, *parts)
            for row_id, several in zip(row_ids, files, strict=True)
            for position, parts in enumerate(several)
        ),
    )
    if "extra_properties" in columns:
        properties.add(connection, zip(row_ids, columns["extra_properties"], strict=True))


def rebuild_texts(connection: sqlite3.Connection, table: str) -> None:
    """Build the full text of a table again from its rows."""
    connection.execute(f"INSERT INTO {table}_text ({table}_text) VALUES ('rebuild')")


def drop_indexes(connection: sqlite3.Connection) -> bool:
    """Drop the indexes of images that are quicker built at once, at the end of a large load, by `build_indexes`.

    Nothing is done, and False returned, where sorting takes memory, or the thread is reading from the same connection.
    """
    if connection.execute("PRAGMA temp_store").fetchone() == (_IN_MEMORY,):
        return False
    try:
        for name in _BUILT_AT_ONCE:
            connection.execute(f"DROP INDEX {name}")
    except sqlite3.OperationalError:  # which the first of them raises, or none
        return False
    return True


def build_indexes(connection: sqlite3.Connection) -> None:
    """Build the indexes that were dropped."""
    for name in _BUILT_AT_ONCE:
        connection.execute(schema.statement_of(name))


def row_ids(connection: sqlite3.Connection, table: str, uids: Sequence[str]) -> dict[str, int]:
    """Return the row ids of those of the public ids that exist."""
    sql = f"SELECT uid, id FROM {table} WHERE uid IN (SELECT value FROM json_each(?))"
    return dict(connection.execute(sql, (json.dumps(list(uids), ensure_ascii=False),)))


def all_row_ids(connection: sqlite3.Connection, table: str) -> list[int]:
    """Return the row ids of a table, in the order of the public ids."""
    return [row_id for (row_id,) in connection.execute(f"SELECT id FROM {table} ORDER BY uid")]


def heads(connection: sqlite3.Connection, table: str, after: str) -> list[tuple[Any, ...]]:
    """Return the next rows behind a public id, in the order of the public ids.

    Returns
    -------
    list of tuple
        (public id, row id, version, modified, name of the replica that changed it last, its counter)
    """
    sql = (
        "SELECT uid, id, version, modified, "
        f"(SELECT replica.uid FROM replica WHERE replica.id = {table}.replica), counter "
        f"FROM {table} WHERE uid > ? ORDER BY uid LIMIT ?"
    )
    return connection.execute(sql, (after, _HEADS_CHUNK)).fetchall()


def update(
    connection: sqlite3.Connection,
    table: str,
    row_id: int,
    changes: Mapping[str, Parameter],
    *,
    box: Box | None = None,
    stamp: stamps.Stamp | None = None,
    before: tuple[tuple[str, ...], Row] | None = None,
) -> None:
    """Change columns of a row, counting its version up, and its entries in the indexes.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    table : str
        Its table.
    row_id : int
        The row.
    changes : mapping
        Stored value by column name.
    box, stamp
        As in `insert`.
    before : tuple, optional
        All its attributes, and the row as it is, for the history; read when left out.
    """
    is_indexed = not changes.keys().isdisjoint({*indexes.TEXT_COLUMNS.get(table, ()), "geometry", "acquired"})
    columns = {name: value for name, value in changes.items() if name != FILES}
    if table in stamps.KINDS:
        row = _kept(connection, table, row_id, before)
        if is_indexed and row is not None:
            indexes.remove_single(connection, table, row_id, row)
        columns |= _stamped(connection, stamp)
    connection.execute(_updating(table, tuple(columns)), (*columns.values(), row_id))
    if FILES in changes:
        files = changes[FILES]
        write_files(connection, row_id, None if files is None else str(files))
    if is_indexed:
        indexes.add(connection, table, row_id, box)
    if table == "image" and "extra_properties" in changes:
        properties.remove(connection, [(row_id,)])
        properties.add(connection, [(row_id, changes["extra_properties"])])


def _kept(
    connection: sqlite3.Connection, table: str, row_id: int, before: tuple[tuple[str, ...], Row] | None
) -> dict[str, Parameter] | None:
    """Write into the history what a row is, and return that; None if there is none."""
    if before is None:
        return states.keep_single(connection, table, row_id, "changed")
    names, row = before
    states.keep_one(connection, table, names, row)
    return dict(zip(names, row[2:], strict=True))


@functools.lru_cache(_STATEMENTS)
def _updating(table: str, names: tuple[str, ...]) -> str:
    assignments = ", ".join(f"{column(table, name).name} = ?" for name in names)
    return f"UPDATE {table} SET {assignments}, version = version + 1 WHERE id = ?"


def set_times(connection: sqlite3.Connection, table: str, times: Iterable[tuple[int, int, str]]) -> None:
    """Say of objects that come from another catalog when they were created and changed there.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    table : str
        Theirs.
    times : iterable of tuple
        (created, modified, public id); microseconds since 1970.
    """
    connection.executemany(f"UPDATE {table} SET created = ?, modified = ? WHERE uid = ?", times)


def delete(
    connection: sqlite3.Connection,
    table: str,
    row_ids: Iterable[int],
    *,
    stamp: stamps.Stamp | None = None,
    replaced: bool = False,
    portion: int | None = None,
) -> None:
    """Delete rows and their entries in the indexes.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    table : str
        Theirs.
    row_ids : iterable of int
        Which.
    stamp : Stamp, optional
        Of the deletion, if it was done in another catalog; else that of the transaction.
    replaced : bool
        Whether the same transaction inserts rows of the same ids: that is a change of the objects, and no deletion.
    portion : int, optional
        As in `states.keep`.
    """
    row_ids = sorted(row_ids)
    if table in stamps.KINDS and len(row_ids) == 1:
        delete_single(connection, table, row_ids[0], stamp=stamp, replaced=replaced, portion=portion)
        return
    if table in stamps.KINDS and row_ids:
        states.keep(connection, table, row_ids, "changed" if replaced else "deleted", portion=portion)
        if not replaced:
            stamps.bury(connection, table, row_ids, stamp or stamps.own(connection))
    gone = [(row_id,) for row_id in row_ids]
    indexes.remove(connection, table, gone)
    if table == "image":
        properties.remove(connection, gone)
    connection.executemany(f"DELETE FROM {table} WHERE id = ?", gone)


def delete_single(
    connection: sqlite3.Connection,
    table: str,
    key: int | str,
    *,
    stamp: stamps.Stamp | None = None,
    replaced: bool = False,
    portion: int | None = None,
) -> dict[str, Any] | None:
    """As `delete`, of one object by its row id or its public id; return its row as it was, None if there is none."""
    row = states.keep_single(connection, table, key, "changed" if replaced else "deleted", portion=portion)
    if row is None:
        return None
    row_id = row["id"]
    if not replaced:
        stamps.bury_single(connection, table, row, stamp or stamps.own(connection))
    indexes.remove_single(connection, table, row_id, row)
    if table == "image" and row["extra_properties"] is not None:
        properties.remove(connection, [(row_id,)])
    connection.execute(f"DELETE FROM {table} WHERE id = ?", (row_id,))
    return row


def _stamped(connection: sqlite3.Connection, stamp: stamps.Stamp | None) -> dict[str, Parameter]:
    replica, counter = stamp or stamps.own(connection)
    return {"replica": replica, "counter": counter}


def count_of_product(connection: sqlite3.Connection, product_id: int) -> tuple[int, int]:
    """Return how many bands and images a product has."""
    bands, images = connection.execute(
        "SELECT (SELECT count(*) FROM band WHERE product_id = ?), (SELECT count(*) FROM image WHERE product_id = ?)",
        (product_id, product_id),
    ).fetchone()
    return bands, images


def owned_files(connection: sqlite3.Connection, *image_ids: int) -> list[str]:
    """Return the paths of the owned files of images."""
    if len(image_ids) == 1:
        found = connection.execute("SELECT href FROM image_file WHERE owned AND image_id = ?", image_ids)
    else:
        found = connection.execute(
            "SELECT href FROM image_file WHERE owned AND image_id IN (SELECT value FROM json_each(?))",
            (json.dumps(image_ids),),
        )
    return [href for (href,) in found]


def discard_files(connection: sqlite3.Connection, image_ids: Sequence[int], *, kept: Sequence[str] = ()) -> list[str]:
    """Give up the owned files of images, but for some; return those to be unlinked after the commit."""
    hrefs = [href for href in owned_files(connection, *image_ids) if href not in kept]
    return states.release_files(connection, hrefs)


def put_in_trash(connection: sqlite3.Connection, hrefs: Iterable[str]) -> None:
    """Put owned files that no row needs any more into the trash, to be unlinked after the commit."""
    connection.executemany("INSERT OR IGNORE INTO trash (href) VALUES (?)", ((href,) for href in hrefs))


def bands_of_product(connection: sqlite3.Connection, product_id: int) -> list[int]:
    """Return the row ids of a product's bands."""
    return [row[0] for row in connection.execute("SELECT id FROM band WHERE product_id = ?", (product_id,))]


def product_of_band(connection: sqlite3.Connection, band_id: int) -> int:
    """Return the row id of a band's product."""
    (product_id,) = connection.execute("SELECT product_id FROM band WHERE id = ?", (band_id,)).fetchone()
    return int(product_id)


def uids_of_product(connection: sqlite3.Connection, table: str, product_id: int) -> list[str]:
    """Return the public ids of a product's bands, or of its images."""
    return [uid for (uid,) in connection.execute(f"SELECT uid FROM {table} WHERE product_id = ?", (product_id,))]


def images_of_product(connection: sqlite3.Connection, product_id: int, most: int | None = None) -> list[int]:
    """Return the row ids of a product's images: all, or some if there are more than `most`."""
    found = connection.execute(
        "SELECT id FROM image WHERE product_id = ? LIMIT ?", (product_id, -1 if most is None else most)
    )
    return [row[0] for row in found]


def next_sort_order(connection: sqlite3.Connection, product_id: int) -> int:
    """Return the position after the last of a product's bands."""
    (highest,) = connection.execute("SELECT max(sort_order) FROM band WHERE product_id = ?", (product_id,)).fetchone()
    return 1 if highest is None else highest + 1


def write_files(connection: sqlite3.Connection, image_id: int, files: str | None) -> None:
    """Replace the file rows of an image.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    image_id : int
        The image's row id.
    files : str, optional
        JSON: a list of objects with the keys href, size_bytes, hash, provider_id, provider_href and owned.
    """
    connection.execute("DELETE FROM image_file WHERE image_id = ?", (image_id,))
    if files is not None:
        _insert_files(connection, image_id, files)
    connection.execute(
        "UPDATE image SET size_bytes = (SELECT coalesce(sum(size_bytes), 0) FROM image_file WHERE image_id = image.id) "
        "WHERE id = ?",
        (image_id,),
    )


def _insert_files(connection: sqlite3.Connection, image_id: int, files: str) -> None:
    connection.execute(
        """
        INSERT INTO image_file (image_id, position, owned, href, size_bytes, hash, provider_id, provider_href)
        SELECT ?, file.key, json_extract(file.value, '$.owned'), json_extract(file.value, '$.href'),
            json_extract(file.value, '$.size_bytes'), json_extract(file.value, '$.hash'),
            json_extract(file.value, '$.provider_id'), json_extract(file.value, '$.provider_href')
        FROM json_each(?) AS file
        """,
        (image_id, files),
    )


def refresh_resolutions(connection: sqlite3.Connection, product_id: int) -> None:
    """Set a product's finest and coarsest resolution to those of its bands, if they changed."""
    finest, coarsest = (
        connection.execute(
            "SELECT resolution FROM band WHERE product_id = ? AND resolution IS NOT NULL "
            f"ORDER BY resolution_metres {direction}, id LIMIT 1",
            (product_id,),
        ).fetchone()
        or (None,)
        for direction in ("ASC", "DESC")
    )
    connection.execute(
        "UPDATE product SET resolution_min = ?, resolution_max = ?, version = version + 1 "
        "WHERE id = ? AND (resolution_min, resolution_max) IS NOT (?, ?)",
        (finest[0], coarsest[0], product_id, finest[0], coarsest[0]),
    )


def product_row_id(connection: sqlite3.Connection, uid: str) -> int | None:
    """Return the row id of a product, or None."""
    found = connection.execute("SELECT id FROM product WHERE uid = ?", (uid,)).fetchone()
    return None if found is None else found[0]
