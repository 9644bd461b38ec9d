"""Records of images, dictionaries or objects, checked as `Image.save` checks them; outside of any transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from localcat.earth.geometry import as_footprints, footprint_boxes, to_wkbs
from localcat.errors import AttributeValidationError, BadRequestError, ClientError
from localcat.expressions.fields import nearest
from localcat.models.attributes.values import File
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.writing.bulk.blocks import Block
from localcat.writing.bulk.report import AddReport, FailedRecord

ODD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What values of the caller raise that are not what they seem."""

COMPUTED = ("id", "product_id", "name", "created", "modified", "files", "geometry")
"""The attributes that are not taken over as they are."""


class Records:
    """Checks records.

    Parameters
    ----------
    report : AddReport
        Is told of those that are refused.
    """

    def __init__(self, report: AddReport) -> None:
        self._report = report
        self._attributes = {name: attribute for name, attribute in Image._attributes.items() if name not in COMPUTED}

    def checked(self, chunk: Sequence[tuple[int, Any]]) -> Block:
        """Return what can be added of a chunk of (index, record)."""
        block = Block()
        values: list[dict[str, Any]] = []
        footprints: list[Any] = []
        for index, given in chunk:
            try:
                product_id, name, stored, files, footprint = self._checked(given)
            except ClientError as error:
                self._fail(index, given, error)
            except ODD as error:
                told = f"it cannot be read ({type(error).__name__}: {error}); pass a dictionary of plain values"
                self._fail(index, given, BadRequestError(told))
            else:
                block.indexes.append(index)
                block.products.append(product_id)
                block.names.append(name)
                block.uids.append(f"{product_id}:{name}")
                block.files.append(files)
                values.append(stored)
                footprints.append(footprint)
        names = sorted({name for stored in values for name in stored})
        block.columns = {name: [stored.get(name) for stored in values] for name in names}
        return self.with_footprints(block, footprints)

    def _fail(self, index: int, given: Any, error: ClientError) -> None:
        self._report.failed.append(FailedRecord(index, _id_of(given), error))

    def _checked(self, given: Any) -> tuple[str, str, dict[str, Any], list[tuple[Any, ...]], Any]:
        """Return product id, name, stored values and files of a record, and its footprint as it was given."""
        record = _as_mapping(given)
        product_id, name = _identity(record)
        values: dict[str, Any] = {}
        for key, value in record.items():
            attribute = self._attributes.get(key)
            if attribute is None:
                if key in COMPUTED or key == "product":
                    continue
                raise BadRequestError(f"Image has no attribute {key}{nearest(str(key), Image._attributes)}")
            if value is not None:
                values[key] = attribute.to_stored(value)
        values.setdefault("storage_state", StorageState.REMOTE.value)
        given_files = record.get("files")
        files: list[File] = Image._attributes["files"].coerce(given_files) or [] if given_files is not None else []
        if any(file.owned for file in files):
            raise BadRequestError("only uploads put files into the data folder; set owned=False on the files")
        Image._require_sense(values)
        Image.require_files(f"{product_id}:{name}", values["storage_state"], files)
        values["size_bytes"] = sum(file.size_bytes or 0 for file in files)
        columns = [(one.href, one.size_bytes, one.hash, one.provider_id, one.provider_href) for one in files]
        return product_id, name, values, columns, record.get("geometry")

    def with_footprints(self, block: Block, footprints: Sequence[Any]) -> Block:
        """Return a block of what has a footprint that can be used, or none, with these; the rest has failed.

        Parameters
        ----------
        block : Block
            All but the footprints and their boxes.
        footprints : sequence
            As they were given, one an image.
        """
        named = zip(block.indexes, block.uids, strict=True)
        shapes = as_footprints(footprints, [f"record {index}, image '{uid}'" for index, uid in named])
        usable = [None if isinstance(shape, ClientError) else shape for shape in shapes]
        if any(shape is not None for shape in usable):
            block.columns["geometry"] = to_wkbs(usable)
        block.boxes = footprint_boxes(numpy.array(usable, dtype=object))
        passed = []
        for position, shape in enumerate(shapes):
            if isinstance(shape, ClientError):
                error = AttributeValidationError(f"geometry: {shape}")
                self._report.failed.append(FailedRecord(block.indexes[position], block.uids[position], error))
            else:
                passed.append(position)
        return block if len(passed) == len(shapes) else block.chosen(passed)


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
    except ODD:
        return None
