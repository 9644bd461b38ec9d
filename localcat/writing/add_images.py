"""Adding many images at once: one transaction, bounded memory, an outcome for each.

First all records are checked like objects, attribute by attribute, and footprints a chunk at a time: this runs code of
the caller, who makes the records, while nobody has to wait. What was checked waits in a temporary file, as plain
values. Then one transaction writes it: rows and index entries in the same order, without triggers, which halves the
time.
"""

from __future__ import annotations

import itertools
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcat.disk.faults import write_errors
from localcat.disk.steps import reached
from localcat.earth.geometry import as_footprints, boxes_of, to_wkbs
from localcat.errors import (
    AttributeValidationError,
    BadRequestError,
    ClientError,
    DuplicateError,
    NotFoundError,
)
from localcat.expressions.fields import nearest
from localcat.models.attributes.values import File
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.progress import shown
from localcat.store import rows
from localcat.timestamps import now_microseconds
from localcat.writing.report import AddReport, FailedRecord, require_conflict_rule

if TYPE_CHECKING:
    import sqlite3

    from localcat.earth.geometry import Box
    from localcat.store.catalog_file import CatalogFile

_CHUNK = 2000  # records checked and written together
_IN_MEMORY = 16 * 2**20  # bytes of checked records that wait there
_ODD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)  # of the caller's values
_COMPUTED = ("id", "product_id", "name", "created", "modified", "files", "geometry")  # not taken over as they are


@dataclass(slots=True)
class _Record:
    """A record that was checked, in plain values."""

    index: int
    uid: str
    name: str
    product: str
    values: dict[str, Any]  # stored form by attribute
    files: list[tuple[Any, ...]]  # the columns of their rows
    box: Box | None = None  # of the footprint


class _Spool:
    """Checked records, in chunks: in memory while they are few, else in a file without a name beside the catalog."""

    def __init__(self, catalog: CatalogFile) -> None:
        self._path = catalog.path
        self._count = 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(catalog.path.parent))  # noqa: SIM115  # see close

    def put(self, chunk: list[_Record]) -> None:
        """Keep a chunk."""
        with write_errors(self._path.parent):
            pickle.dump(chunk, self._file, pickle.HIGHEST_PROTOCOL)
        self._count += 1

    def chunks(self) -> Iterator[list[_Record]]:
        """Yield what was kept."""
        self._file.seek(0)
        for _ in range(self._count):
            with write_errors(self._path.parent):
                chunk: list[_Record] = pickle.load(self._file)  # noqa: S301  # of this process, and of nobody else
            yield chunk

    def close(self) -> None:
        """Forget all."""
        self._file.close()


class _Checker:
    """Checks records as `Image.save` would, outside of any transaction."""

    def __init__(self, report: AddReport) -> None:
        self._report = report
        self._attributes = {name: attribute for name, attribute in Image._attributes.items() if name not in _COMPUTED}

    def checked(self, chunk: list[tuple[int, Any]]) -> list[_Record]:
        """Return what can be added of a chunk of (index, record)."""
        records: list[_Record] = []
        footprints: list[Any] = []
        for index, given in chunk:
            try:
                record, footprint = self._checked(index, given)
            except ClientError as error:
                self._fail(index, given, error)
            except _ODD as error:  # what the caller's own values raise
                told = f"it cannot be read ({type(error).__name__}: {error}); pass a dictionary of plain values"
                self._fail(index, given, BadRequestError(told))
            else:
                records.append(record)
                footprints.append(footprint)
        return self._with_footprints(records, footprints)

    def _fail(self, index: int, given: Any, error: ClientError) -> None:
        self._report.failed.append(FailedRecord(index, _id_of(given), error))

    def _checked(self, index: int, given: Any) -> tuple[_Record, Any]:
        """Return a record but for its footprint, and that as it was given."""
        record = _as_mapping(given)
        product_id, name = _identity(record)
        values: dict[str, Any] = {}
        for key, value in record.items():
            attribute = self._attributes.get(key)
            if attribute is None:
                if key in _COMPUTED or key == "product":
                    continue
                raise BadRequestError(f"Image has no attribute {key}{nearest(str(key), Image._attributes)}")
            if value is not None:
                values[key] = attribute.dump(attribute.coerce(value))
        values.setdefault("storage_state", StorageState.REMOTE.value)
        uid, given_files = f"{product_id}:{name}", record.get("files")
        files: list[File] = Image._attributes["files"].coerce(given_files) or [] if given_files is not None else []
        if any(file.owned for file in files):
            raise BadRequestError("only uploads put files into the data folder; set owned=False on the files")
        Image._require_sense(values)
        Image.require_files(uid, values["storage_state"], files)
        values["size_bytes"] = sum(file.size_bytes or 0 for file in files)
        columns = [(one.href, one.size_bytes, one.hash, one.provider_id, one.provider_href) for one in files]
        return _Record(index, uid, name, product_id, values, columns), record.get("geometry")

    def _with_footprints(self, records: list[_Record], footprints: list[Any]) -> list[_Record]:
        """Put the footprints, checked together, into the records' values."""
        names = [f"record {record.index}, image '{record.uid}'" for record in records]
        shapes = as_footprints(footprints, names)
        usable = [None if isinstance(shape, ClientError) else shape for shape in shapes]
        passed = []
        for record, shape, blob, box in zip(records, shapes, to_wkbs(usable), boxes_of(usable), strict=True):
            if isinstance(shape, ClientError):
                error = AttributeValidationError(f"geometry: {shape}")
                self._report.failed.append(FailedRecord(record.index, record.uid, error))
                continue
            if blob is not None:
                record.values["geometry"] = blob
                record.box = box
            passed.append(record)
        return passed


class _Writer:
    """Writes checked records, inside a transaction."""

    def __init__(self, connection: sqlite3.Connection, on_conflict: str, report: AddReport) -> None:
        self._connection = connection
        self._on_conflict = on_conflict
        self._report = report
        self.discarded: list[str] = []
        self._now = now_microseconds()
        self._products: dict[str, int | None] = {}
        (highest,) = connection.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'image'"
        ).fetchone()
        self._row_ids = itertools.count(highest + 1)

    def write(self, records: list[_Record]) -> None:
        """Write what has a product, and an id that is free or may be replaced."""
        accepted = self._without_conflicts([record for record in records if self._has_product(record)])
        if accepted:
            self._insert(accepted)

    def _has_product(self, record: _Record) -> bool:
        if record.product not in self._products:
            self._products[record.product] = rows.product_row_id(self._connection, record.product)
        if self._products[record.product] is not None:
            return True
        error = NotFoundError(f"there is no product '{record.product}' in the catalog; save it first")
        self._report.failed.append(FailedRecord(record.index, record.uid, error))
        return False

    def _without_conflicts(self, records: list[_Record]) -> list[_Record]:
        """Resolve records whose id is taken, in the catalog or by an earlier record."""
        taken = rows.row_ids(self._connection, "image", [record.uid for record in records])
        accepted: dict[str, _Record] = {}
        for record in records:
            is_taken = record.uid in taken or record.uid in accepted
            if is_taken and self._on_conflict == "error":
                raise _duplicate(record)
            if is_taken and self._on_conflict == "skip":
                self._report.skipped += 1
                continue
            self._report.replaced += is_taken
            self._report.added += not is_taken
            accepted[record.uid] = record  # a later record of the chunk replaces an earlier one
        replaced = [taken[uid] for uid in accepted if uid in taken]
        if replaced:
            self.discarded += rows.discard_files(self._connection, replaced)
            rows.delete(self._connection, "image", replaced)
        return list(accepted.values())

    def _insert(self, records: list[_Record]) -> None:
        names = sorted({name for record in records for name in record.values})
        numbered = [(next(self._row_ids), record) for record in records]
        rows.insert_images(
            self._connection,
            ("uid", "product_id", "name", "created", "modified", *names),
            [
                (
                    row_id,
                    record.uid,
                    self._products[record.product],
                    record.name,
                    self._now,
                    self._now,
                    *[record.values.get(name) for name in names],
                )
                for row_id, record in numbered
            ],
            [
                (row_id, position, 0, *columns)
                for row_id, record in numbered
                for position, columns in enumerate(record.files)
            ],
            [record.box for record in records],
        )


def add_images(
    catalog: CatalogFile, records: Iterable[Any], *, on_conflict: str = "error", progress: bool | None = None
) -> AddReport:
    """Add many images in one transaction; `Catalog.add_images` says how."""
    require_conflict_rule(on_conflict)
    if isinstance(records, str | bytes | Mapping | Image) or not isinstance(records, Iterable):
        raise BadRequestError(f"records are several dictionaries or images, not {type(records).__name__}")
    catalog.database.require_writable(creates=True)  # before a million records are looked at
    report, objects = AddReport(), list[Image]()
    with closing(_Spool(catalog)) as spool:
        checker = _Checker(report)
        numbered = enumerate(shown(records, "adding images", "images", progress))
        while chunk := list(itertools.islice(numbered, _CHUNK)):
            objects += [record for _, record in chunk if isinstance(record, Image) and record._catalog.file is catalog]
            checked = checker.checked(chunk)
            if on_conflict == "error":
                _require_free(catalog, checked)
            spool.put(checked)
        with catalog.database.write() as transaction:
            writer = _Writer(transaction.connection, on_conflict, report)
            for records_of_chunk in spool.chunks():
                writer.write(records_of_chunk)
                reached("chunk written")
                transaction.bound_memory()
            transaction.on_commit.append(lambda: catalog.delete_files(writer.discarded))
    report.failed.sort(key=lambda failure: failure.index)
    if report.failed:
        with catalog.database.read() as connection:
            there = rows.row_ids(connection, "image", [str(image.id) for image in objects])
        objects = [image for image in objects if image.id in there]
    for image in objects:
        image._refresh()
    return report


def _require_free(catalog: CatalogFile, records: list[_Record]) -> None:
    """Refuse records whose id is taken by now, before all others are looked at."""
    with catalog.database.read() as connection:
        taken = rows.row_ids(connection, "image", [record.uid for record in records])
    for record in records:
        if record.uid in taken:
            raise _duplicate(record)


def _duplicate(record: _Record) -> DuplicateError:
    return DuplicateError(
        f"image '{record.uid}' (record {record.index}) already exists; nothing was added. "
        "Pass on_conflict='skip' or 'replace'"
    )


def _as_mapping(given: Any) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    if isinstance(given, Image):
        given._require_not_deleted()
        values = {name: given._value(name) for name in Image._attributes}
        return {name: value for name, value in values.items() if value is not None}
    raise BadRequestError(f"a record is a dictionary or an Image, not {given!r:.200}")


def _identity(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return product id and name, from whichever of id, product, product_id and name are given."""
    product_id, name, uid = record.get("product_id"), record.get("name"), record.get("id")
    product = record.get("product")
    if product is not None:
        if not isinstance(product, Product | str):
            raise AttributeValidationError(f"product is a Product or its id, not {product!r:.200}")
        of_product = product if isinstance(product, str) else product.id
        if product_id not in (None, of_product):
            raise AttributeValidationError(f"product '{of_product}' contradicts product_id {product_id!r:.200}")
        product_id = of_product
    if uid is not None:
        known = Image._attributes["id"].coerce(uid)
        from_id, _, from_name = known.rpartition(":")
        if product_id not in (None, from_id) or name not in (None, from_name):
            raise AttributeValidationError(
                f"id {uid!r:.200} contradicts product_id {product_id!r:.200} and name {name!r:.200}"
            )
        product_id, name = from_id, from_name
    if not product_id or not name:
        raise BadRequestError("a record has an id, or a product_id and a name")
    return Image._attributes["product_id"].coerce(product_id), Image._attributes["name"].coerce(name)


def _id_of(given: Any) -> str | None:
    """Return the id that a refused record would have had, if it tells."""
    if isinstance(given, Image):
        return given.id
    if not isinstance(given, Mapping):
        return None
    try:
        uid, product_id, name = given.get("id"), given.get("product_id"), given.get("name")
        if isinstance(uid, str):
            return uid
        return f"{product_id}:{name}" if isinstance(product_id, str) and isinstance(name, str) else None
    except _ODD:
        return None
