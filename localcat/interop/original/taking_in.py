"""Documents of the original into a catalog: all in one transaction, products first, then bands, then images."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from localcat.errors import ClientError, DuplicateError, ValidationError
from localcat.expressions.properties import properties as p
from localcat.interop.original.attributes import Understood, product_id_of, understood
from localcat.interop.original.documents import KINDS, Document, documents
from localcat.interop.original.outcome import OriginalReport
from localcat.interop.refused import Refused
from localcat.models.band import Band
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.models.object import times_elsewhere
from localcat.models.product import Product
from localcat.store import rows
from localcat.writing.bulk.add_images import add_images
from localcat.writing.bulk.report import require_conflict_rule

if TYPE_CHECKING:
    from localcat.models.backend import Backend
    from localcat.models.object import CatalogObjectBase

    T = TypeVar("T", bound=CatalogObjectBase)

_CHUNK = 500  # images looked up together
_OF_FILES = {"files", "storage_state", "cs_code", "projection", "geotrans", "x_pixels", "y_pixels"}


def from_original(catalog: Backend, source: Any, *, on_conflict: str, progress: bool | None) -> OriginalReport:
    """Take in documents of the original; see `Catalog.from_original`."""
    require_conflict_rule(on_conflict)
    if isinstance(source, Iterable) and not isinstance(source, str | os.PathLike | Mapping):
        source = list(source)  # it is gone through twice
    work = _Import(catalog, source, on_conflict)
    with catalog.database.transaction(creates=True):
        work.run(progress)
    return work.report


class _Import:
    def __init__(self, catalog: Backend, source: Any, on_conflict: str) -> None:
        self.catalog = catalog
        self.source = source
        self.on_conflict = on_conflict
        self.report = OriginalReport()
        self._seen: dict[str, bytes] = {}  # a digest of each document, by kind and id
        self._times: list[tuple[int, int, str]] = []  # created, modified and id of new images

    def run(self, progress: bool | None) -> None:
        products, bands = list[Understood](), list[Understood]()
        wanted: dict[str, None] = {}  # the products of bands and images, in the order in which they are met
        for document in documents(self.source):
            if document.error is not None:
                self.report.failed.append(Refused(document.where, document.id, document.error))
            elif document.kind not in KINDS:
                self.report.note(f"{document.where}: an object of the type {document.kind!r:.100} is passed over")
            elif document.kind == "image":
                wanted[product_id_of(document) or ""] = None
            else:
                found = self._understood(document)
                if found is not None:
                    (products if found.kind is Product else bands).append(found)
                    wanted[str(found.attributes.get("product_id", ""))] = None
        for found in products:
            self._take(found)
        for uid in wanted:
            if uid and self._there(Product, uid) is None:
                self._take(Understood(Product, uid, {"id": uid, "name": uid}))
                self.report.note(f"no document describes product '{uid}'; it is made, with its id as its name")
        for found in bands:
            self._take(found)
        added = add_images(self.catalog.file, self._images(), progress=progress)
        self.report.images += added.added
        self.report.failed += [Refused(str(one.id), one.id, one.error) for one in added.failed]
        with self.catalog.database.write() as transaction:
            rows.set_times(transaction.connection, "image", self._times)

    def _understood(self, document: Document) -> Understood | None:
        """Return what an object can have of a document; None for one that is refused, or was met before."""
        try:
            found = understood(document)
            is_new = self._is_new(document, found)
        except ClientError as error:
            self.report.failed.append(Refused(document.where, document.id, error))
            return None
        return found if is_new else None

    def _is_new(self, document: Document, found: Understood) -> bool:
        """Return whether an object was not met before; pages of searches repeat products, for one.

        Raises
        ------
        ValidationError
            If it was met with other attributes.
        """
        text = json.dumps(document.attributes, sort_keys=True, default=repr)
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = self._seen.setdefault(f"{document.kind} {found.id}", digest)
        if known is digest:
            return True
        if known != digest:
            raise ValidationError(
                f"{document.where} has the id {found.id!r:.200} of another {document.kind} of the source, and says "
                "something else; remove one of them"
            )
        return False

    # Products and bands

    def _take(self, found: Understood) -> None:
        """Save a product or a band."""
        try:
            with self.catalog.database.transaction():
                known = self._there(Product if found.kind is Product else Band, found.id)
                if known is not None:
                    self._meet(known, found)
                    return
                found.kind(catalog=self.catalog, **found.attributes)._take_over(found.created, found.modified)
        except DuplicateError:
            raise
        except ClientError as error:
            self.report.failed.append(Refused(f"{found.kind.__name__} {found.id}", found.id, error))
            return
        if found.kind is Product:
            self.report.products += 1
        else:
            self.report.bands += 1
        self._count_left(found)

    def _there(self, kind: type[T], uid: str) -> T | None:
        """Return the object of an id, exactly as it is."""
        return self.catalog.search(kind).filter(p.id == uid).first()

    def _meet(self, known: CatalogObjectBase, found: Understood) -> None:
        """Deal with a document whose object is there already.

        Raises
        ------
        DuplicateError
            If that ends the import.
        """
        if self.on_conflict == "error":
            raise DuplicateError(
                f"{found.kind.__name__} '{found.id}' already exists; nothing was added. Pass on_conflict='skip' or "
                "'replace'"
            )
        if self.on_conflict == "skip":
            self.report.skipped += 1
            return
        if type(known) is not found.kind:
            raise ValidationError(
                f"{found.kind.__name__} '{found.id}' is a {type(known).__name__} here; delete it first"
            )
        left_alone = {"id"} if found.kind is Product else {"id", "name", "product_id"}
        if isinstance(known, Image) and known.storage_state != StorageState.REMOTE:
            left_alone |= _OF_FILES
        for name, value in found.attributes.items():
            if name not in left_alone:
                setattr(known, name, value)
        known.save()
        self.report.replaced += 1
        self._count_left(found)

    def _count_left(self, found: Understood) -> None:
        kind = "band" if issubclass(found.kind, Band) else found.kind.__name__.lower()
        self.report.not_understood.update(f"{kind}.{name}" for name in found.left)

    # Images

    def _images(self) -> Iterator[dict[str, Any]]:
        """Yield the records of images that are not there yet."""
        images = (document for document in documents(self.source) if document.kind == "image")
        while chunk := list(itertools.islice(images, _CHUNK)):
            read = [found for document in chunk if (found := self._understood(document)) is not None]
            with self.catalog.database.read() as connection:
                there = rows.row_ids(connection, "image", [found.id for found in read])
            for found in read:
                if found.id in there:
                    self._meet_image(found)
                    continue
                self._count_left(found)
                self._times.append((*times_elsewhere(found.created, found.modified), found.id))
                yield found.attributes

    def _meet_image(self, found: Understood) -> None:
        known = self._there(Image, found.id)
        try:
            if known is not None:
                self._meet(known, found)
        except DuplicateError:
            raise
        except ClientError as error:
            self.report.failed.append(Refused(f"Image {found.id}", found.id, error))
