"""A catalog as it was: a copy of the file whose later changes are undone, with the pixels of the present one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from localcat.errors import BadRequestError, CatalogNotFoundError, NotFoundError
from localcat.history.changes import Change, change_of
from localcat.models.attributes.values import File, in_place_by_content
from localcat.models.image import Image
from localcat.models.state import DAMAGE
from localcat.store import rows, states
from localcat.store.catalog_file import CatalogFile
from localcat.store.file.database import Database
from localcat.timestamps import iso_text, now_microseconds, to_microseconds

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from localcat.disk.data_folder import DataFolder
    from localcat.store.catalog_file import FileReference
    from localcat.store.clauses import Parameter
    from localcat.store.file.connection import OpenOptions

_KINDS: Final = ("product", "band", "image")  # each behind what it refers to


class PastFile(CatalogFile):
    """A catalog file as it was, whose pixels are in the data folder of the present one.

    Parameters
    ----------
    copy : CatalogFile
        A copy of the file as it was, which goes when this is closed.
    present : CatalogFile
        The file as it is.
    """

    def __init__(self, copy: CatalogFile, present: CatalogFile) -> None:
        options = replace(copy.database.options, read_only=True)
        super().__init__(Database(copy.path, options=options, durable=False))
        self._copy = copy
        self._present = present

    def path_of(self, file: FileReference, *, bring_back: bool = True) -> Path:
        """Return the absolute path of a file of an image, where the present catalog has or keeps it."""
        return self._present.path_of(file, bring_back=False)

    @property
    def data_folder(self) -> DataFolder:
        """The folder of the pixels, which is that of the present catalog."""
        return self._present.data_folder

    def why_read_only(self) -> str | None:
        """Return why the catalog may not be changed."""
        return f"this is catalog '{self._present.path}' as it was, which can only be read; change the present one"

    @classmethod
    def attached_to(cls, path: Path, present: Path, options: OpenOptions) -> PastFile:
        """Return what another process has open as a copy, which stays its owner."""
        if not path.exists():
            raise CatalogNotFoundError(
                f"catalog '{present}' as it was is closed already in the program that called at(); call at() again, or "
                "keep it open as long as its objects are used elsewhere"
            )
        return cls(CatalogFile.attached(path), CatalogFile.open(present, options))

    def reopening(self) -> tuple[Any, ...]:
        """Return a function that opens the same in another process while it is open here, and its arguments."""
        return PastFile.attached_to, self.path, self._present.path, self._present.database.options

    def close(self) -> None:
        """Close the copy, which is deleted."""
        super().close()
        self._copy.close()
        self._present.close()


def as_of(catalog: CatalogFile, moment: object) -> PastFile:
    """Return a catalog as it was at a moment; `Catalog.at` says how."""
    when = to_microseconds(moment)
    if when > now_microseconds():
        raise BadRequestError(f"{iso_text(when)} is still to come; at() takes a moment of the past")
    if catalog.database.in_transaction:
        raise BadRequestError("the past is read from what is committed; call at() outside of the transaction")
    catalog.database.require_file()
    with catalog.database.read() as connection:
        since = states.complete_since(connection)
    if when < since:
        raise NotFoundError(
            f"the history of catalog '{catalog.path}' reaches back to {iso_text(since)}, not to {iso_text(when)}; an "
            "older backup may have what was there then"
        )
    copy = catalog.copied_aside()
    try:
        with copy.database.write() as transaction:
            transaction.expect_much()
            _go_back(transaction.connection, when)
        copy.database.close()
        return PastFile(copy, CatalogFile.open(catalog.path, replace(catalog.database.options, read_only=True)))
    except BaseException:
        copy.close()
        raise


def _go_back(connection: sqlite3.Connection, when: int) -> None:
    """Make every object what it was: as the first change after the moment found it, or gone if it came later."""
    entries = states.first_after(connection, when)
    for kind in _KINDS:
        for change in (change_of(entry) for entry in entries if entry.kind == kind):
            state = change.state()
            if state is not None:
                _put_back(connection, change, states.values_of(connection, kind, state))
    later = {(entry.kind, entry.uid) for entry in entries if entry.state is None}
    earlier = states.there_at(connection, when)  # made elsewhere, by a clock that may be ahead of ours
    for kind in reversed(_KINDS):
        made = connection.execute(f"SELECT id, uid, created FROM {kind}").fetchall()  # noqa: S608  # one of ours
        gone = [
            row_id
            for row_id, uid, created in made
            if (kind, uid) in later or (created > when and (kind, uid) not in earlier)
        ]
        if kind == "product":  # what an older localcat merged is not in the history, and was made before it was here
            for product in gone:
                rows.delete(connection, "image", rows.images_of_product(connection, product))
                rows.delete(connection, "band", rows.bands_of_product(connection, product))
        rows.delete(connection, kind, gone)
    connection.execute("DELETE FROM history WHERE at > ?", (when,))  # those of going back among them
    connection.execute("DELETE FROM tombstone WHERE deleted > ?", (when,))
    connection.execute("DELETE FROM frozen WHERE frozen > ?", (when,))


def _put_back(connection: sqlite3.Connection, change: Change, values: dict[str, Parameter]) -> None:
    found = rows.find(connection, change.kind, (rows.FILES,) if change.kind == "image" else (), change.id)
    if found is not None:
        if change.kind == "image":
            try:
                values[rows.FILES] = _where_they_are(values[rows.FILES], found[2])
            except DAMAGE as error:
                raise change.damaged(error) from error
        rows.update(connection, change.kind, int(found[0] or 0), values)
        return
    values["id"] = change.id
    if change.kind != "product":
        values["product_id"] = rows.product_row_id(connection, change.id.rpartition(":")[0])
        if values["product_id"] is None:
            return  # of a product of which the history knows nothing
    rows.insert(connection, change.kind, values)


def _where_they_are(then: Parameter, now: Parameter) -> Parameter:
    """Return the files of an earlier state of an image, as they are stored; those in place with the paths of now.

    They are known by size and hash, as `relocate` knows them; a file that the image has no more keeps its path.
    """
    if then is None or now is None or then == now:
        return then
    stored = Image._attributes[rows.FILES]
    moved = in_place_by_content(stored.load(now))
    files: list[File] = stored.load(then)
    for file in files:
        if not file.owned and file.href not in moved.values():
            file.href = moved.get((file.size_bytes, file.hash), file.href)
    return stored.dump(files)
