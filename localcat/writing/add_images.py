"""Adding many images at once: one transaction, bounded memory, an outcome for each.

Records are checked like objects, attribute by attribute; footprints are checked a chunk at a time. Rows and index
entries are written in the same order, without triggers, which halves the time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
from localcat.progress import shown
from localcat.store import rows
from localcat.store.file.faults import sqlite_errors
from localcat.timestamps import now_microseconds
from localcat.writing.report import AddReport, FailedRecord

if TYPE_CHECKING:
    import sqlite3

    from localcat.earth.geometry import Box
    from localcat.store.catalog_file import CatalogFile

_CHUNK = 2000  # records checked and written together
_CONFLICTS = ("error", "skip", "replace")
_COMPUTED = ("id", "product_id", "name", "created", "modified", "files", "geometry")  # not taken over as they are


@dataclass(slots=True)
class _Record:
    """A record that was checked, but for its footprint."""

    index: int
    uid: str
    name: str
    product: int
    values: dict[str, Any]  # stored form by attribute
    files: list[File]
    footprint: Any  # as given
    box: Box | None = None  # of the footprint, once that was checked


class _Loader:
    """The state of one call of `add_images`."""

    def __init__(self, catalog: CatalogFile, connection: sqlite3.Connection, on_conflict: str) -> None:
        self.catalog = catalog
        self.connection = connection
        self.on_conflict = on_conflict
        self.report = AddReport()
        self.discarded: list[str] = []
        self.now = now_microseconds()
        self._products: dict[str, int] = {}
        self._attributes = {name: attribute for name, attribute in Image._attributes.items() if name not in _COMPUTED}
        (highest,) = connection.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'image'"
        ).fetchone()
        self._row_ids = itertools.count(highest + 1)

    def add(self, chunk: list[tuple[int, Any]]) -> None:
        """Check and write a chunk of (index, record)."""
        checked: list[_Record] = []
        for index, given in chunk:
            try:
                checked.append(self._checked(index, given))
            except ClientError as error:
                self._fail(index, _id_of(given), error)
        accepted = self._without_conflicts(self._with_footprints(checked))
        if accepted:
            self._write(accepted)

    def _fail(self, index: int, uid: str | None, error: ClientError) -> None:
        self.report.failed.append(FailedRecord(index, uid, error))

    def _checked(self, index: int, given: Any) -> _Record:
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
        files = record.get("files")
        checked: list[File] = Image._attributes["files"].coerce(files) if files else []
        if any(file.owned for file in checked):
            raise BadRequestError("only uploads put files into the data folder; set owned=False on the files")
        Image._require_sense(values)
        values["size_bytes"] = sum(file.size_bytes or 0 for file in checked)
        product = self._product(product_id)
        return _Record(index, f"{product_id}:{name}", name, product, values, checked, record.get("geometry"))

    def _product(self, product_id: str) -> int:
        row_id = self._products.get(product_id)
        if row_id is None:
            row_id = rows.product_row_id(self.connection, product_id)
            if row_id is None:
                raise NotFoundError(f"there is no product '{product_id}' in the catalog; save it first")
            self._products[product_id] = row_id
        return row_id

    def _with_footprints(self, records: list[_Record]) -> list[_Record]:
        """Put the footprints, checked together, into the records' values."""
        shapes = as_footprints(
            [record.footprint for record in records],
            [f"record {record.index}, image '{record.uid}'" for record in records],
        )
        usable = [None if isinstance(shape, ClientError) else shape for shape in shapes]
        passed = []
        for record, shape, blob, box in zip(records, shapes, to_wkbs(usable), boxes_of(usable), strict=True):
            if isinstance(shape, ClientError):
                self._fail(record.index, record.uid, AttributeValidationError(f"geometry: {shape}"))
                continue
            if blob is not None:
                record.values["geometry"] = blob
                record.box = box
            passed.append(record)
        return passed

    def _without_conflicts(self, records: list[_Record]) -> list[_Record]:
        """Resolve records whose id is taken, in the catalog or by an earlier record."""
        taken = rows.row_ids(self.connection, "image", [record.uid for record in records])
        accepted: dict[str, _Record] = {}
        for record in records:
            is_taken = record.uid in taken or record.uid in accepted
            if is_taken and self.on_conflict == "error":
                raise DuplicateError(
                    f"image '{record.uid}' (record {record.index}) already exists; nothing was added. "
                    "Pass on_conflict='skip' or 'replace'"
                )
            if is_taken and self.on_conflict == "skip":
                self.report.skipped += 1
                continue
            self.report.replaced += is_taken
            self.report.added += not is_taken
            accepted[record.uid] = record  # a later record of the chunk replaces an earlier one
        replaced = [taken[uid] for uid in accepted if uid in taken]
        if replaced:
            self.discarded += rows.discard_files(self.connection, replaced)
            rows.delete(self.connection, "image", replaced)
        return list(accepted.values())

    def _write(self, records: list[_Record]) -> None:
        names = sorted({name for record in records for name in record.values})
        numbered = [(next(self._row_ids), record) for record in records]
        rows.insert_images(
            self.connection,
            ("uid", "product_id", "name", "created", "modified", *names),
            [
                (
                    row_id,
                    record.uid,
                    record.product,
                    record.name,
                    self.now,
                    self.now,
                    *[record.values.get(name) for name in names],
                )
                for row_id, record in numbered
            ],
            [
                (row_id, position, 0, file.href, file.size_bytes, file.hash, file.provider_id, file.provider_href)
                for row_id, record in numbered
                for position, file in enumerate(record.files)
            ],
            [record.box for record in records],
        )


def add_images(
    catalog: CatalogFile, records: Iterable[Any], *, on_conflict: str = "error", progress: bool | None = None
) -> AddReport:
    """Add many images in one transaction; `Catalog.add_images` says how."""
    if on_conflict not in _CONFLICTS:
        raise BadRequestError(f"on_conflict is 'error', 'skip' or 'replace', not {on_conflict!r}")
    if isinstance(records, str | bytes | Mapping | Image) or not isinstance(records, Iterable):
        raise BadRequestError(f"records are several dictionaries or images, not {type(records).__name__}")
    objects: list[Image] = []
    with catalog.database.transaction(creates=True) as transaction:  # the records may come from code of the user's own
        with sqlite_errors(catalog.path):
            loader = _Loader(catalog, transaction.connection, on_conflict)
        numbered = enumerate(shown(records, "adding images", "images", progress))
        while chunk := list(itertools.islice(numbered, _CHUNK)):
            objects += [record for _, record in chunk if isinstance(record, Image)]
            with sqlite_errors(catalog.path):
                loader.add(chunk)
            reached("chunk written")
        transaction.on_commit.append(lambda: catalog.delete_files(loader.discarded))
    failed = {failure.index for failure in loader.report.failed}
    if failed:
        with catalog.database.read() as connection:
            there = rows.row_ids(connection, "image", [str(image.id) for image in objects])
        objects = [image for image in objects if image.id in there]
    for image in objects:
        image._refresh()
    return loader.report


def _as_mapping(given: Any) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    if isinstance(given, Image):
        return {**given._values, "product_id": given.product_id, "name": given.name}
    raise BadRequestError(f"a record is a dictionary or an Image, not {given!r}")


def _identity(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return product id and name, from whichever of id, product, product_id and name are given."""
    product = record.get("product")
    product_id = record.get("product_id") if product is None else product.id
    name = record.get("name")
    uid = record.get("id")
    if uid is not None:
        known = Image._attributes["id"].coerce(uid)
        from_id, _, from_name = known.rpartition(":")
        if (product_id is not None and product_id != from_id) or (name is not None and name != from_name):
            raise AttributeValidationError(f"id {uid!r} contradicts product_id {product_id!r} and name {name!r}")
        product_id, name = from_id, from_name
    if not product_id or not name:
        raise BadRequestError("a record has an id, or a product_id and a name")
    return Image._attributes["product_id"].coerce(product_id), Image._attributes["name"].coerce(name)


def _id_of(given: Any) -> str | None:
    uid = given.get("id") if isinstance(given, Mapping) else getattr(given, "id", None)
    if uid is None and isinstance(given, Mapping) and given.get("product_id") and given.get("name"):
        uid = f"{given['product_id']}:{given['name']}"
    return uid if isinstance(uid, str) else None
