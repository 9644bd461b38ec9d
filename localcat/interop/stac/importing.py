"""Collections and Items into a catalog: products with their bands, and images with their files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcat.disk.paths import below_roots
from localcat.errors import BadRequestError, ClientError, DuplicateError, ValidationError
from localcat.interop.refused import Refused
from localcat.interop.stac.assets import KEPT, KEYS, OWN, Layout, default_keys, layout_of
from localcat.interop.stac.bands import ASSUMED, MOST_BANDS, assets_with_bands, bands_of_assets, scaled_otherwise
from localcat.interop.stac.items import attributes_of, extra_properties_of, not_attributes, stac_item
from localcat.interop.stac.report import StacReport
from localcat.interop.stac.sources import Found, documents, local_file
from localcat.models.band import Band
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.models.requests import ImageUploadOptions, UploadRequest
from localcat.progress import shown
from localcat.writing.bulk.add_images import add_images
from localcat.writing.bulk.report import require_conflict_rule

if TYPE_CHECKING:
    from localcat.models.backend import Backend

LOOKED_AT = 100
"""Items whose assets are looked at where a Collection does not say which there are."""

_LEFT = "items"  # the product of Items without a Collection


@dataclass
class Seen:
    """What the first pass found of a Collection."""

    collection: dict[str, Any] | None = None
    assets: list[Mapping[str, Any]] = field(default_factory=list)  # of its Items

    def all_assets(self) -> list[Mapping[str, Any]]:
        """Return the assets that the Collection declares; those of its Items where it declares none."""
        declared = (self.collection or {}).get("item_assets")
        return [declared] if declared else self.assets


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How Items are taken in; `Catalog.from_stac` says more."""

    product: str | None = None
    copy: bool = False
    within: Path | None = None
    on_conflict: str = "error"
    dry_run: bool = False
    progress: bool | None = None

    def __post_init__(self) -> None:
        require_conflict_rule(self.on_conflict)


def from_stac(catalog: Backend, source: Any, options: ImportOptions) -> StacReport:
    """Take Collections and Items into a catalog; see `Catalog.from_stac`."""
    if isinstance(source, Iterable) and not isinstance(source, str | Path | Mapping):
        source = list(source)  # it is gone through twice
    return Import(catalog, source, options).run()


class Import:
    """Takes what a source has into a catalog; `Catalog.from_stac` says how."""

    def __init__(self, catalog: Backend, source: Any, options: ImportOptions) -> None:
        self.catalog = catalog
        self.source = source
        self.options = options
        self.within = options.within if options.within is not None else folder_of(source)
        self.report = StacReport()
        self.layouts: dict[str, tuple[str, Layout]] = {}  # product id and layout, by id of the Collection
        self.local: dict[str, tuple[Found, dict[str, Any], list[Path]]] = {}  # Items whose files are here, by image id

    def run(self) -> StacReport:
        """Make the products, and take in the Items."""
        for collection_id, seen in self.survey().items():
            try:
                with self.catalog.database.transaction():
                    self.layouts[collection_id] = self._product(collection_id, seen)
            except ClientError as error:
                self.report.failed.append(Refused(f"Collection {collection_id}", collection_id, error))
        try:
            added = add_images(
                self.catalog.file,
                self.records(),
                on_conflict=self.options.on_conflict,
                progress=self.options.progress,
            )
        except BaseException:
            self._remove_products()
            raise
        self.report.added, self.report.replaced, self.report.skipped = added.added, added.replaced, added.skipped
        self.report.failed += [Refused(str(one.id), one.id, one.error) for one in added.failed]
        for found, record, paths in shown(self.local.values(), "taking in files", "items", self.options.progress):
            self._upload(found, record, paths)
        return self.report

    # Products

    def survey(self) -> dict[str, Seen]:
        """Return what there is of each Collection, and report what cannot be used."""
        seen: dict[str, Seen] = {}
        for found in documents(self.source):
            if found.error is not None or found.document is None:
                self.fail(found, found.error or ValidationError(f"{found.where} is empty"))
            elif found.is_item:
                of = seen.setdefault(self.collection_id(found.document), Seen())
                if len(of.assets) < LOOKED_AT:
                    of.assets.append(found.document.get("assets") or {})
            else:
                seen.setdefault(self.options.product or found.document["id"], Seen()).collection = found.document
        return seen

    def collection_id(self, item: Mapping[str, Any]) -> str:
        """Return the id of the Collection that an Item belongs to."""
        return self.options.product or item.get("collection") or _LEFT

    def _product(self, collection_id: str, seen: Seen) -> tuple[str, Layout]:
        """Return the product that a Collection is, made or widened where needed, and its layout."""
        product = Product.get(collection_id, catalog=self.catalog)
        if product is None:
            product = self._new_product(collection_id, seen)
            self.report.products.append(str(product.id))
        elif KEPT in (product.extra_properties or {}):  # it came from STAC, and Items may have other assets now
            self._add_bands(product, collection_id, assets_with_bands(seen.all_assets()))
        return str(product.id), layout_of(self.catalog, str(product.id))

    def _new_product(self, collection_id: str, seen: Seen) -> Product:
        said = seen.collection or {}
        own, own_bands = said.get(f"{OWN}product"), said.get(f"{OWN}bands")
        is_own = isinstance(own, dict) and isinstance(own_bands, list)
        attributes = _product_attributes(said, own if isinstance(own, dict) and is_own else {})
        product = Product(id=_product_id(collection_id), catalog=self.catalog, **attributes)
        product.name = product.name or collection_id
        product.extra_properties = _product_extra(said, collection_id, is_own=is_own)
        if self.options.product is None and collection_id != _LEFT:
            product._take_over(None, None)  # under the id that it has elsewhere, without the namespace of this catalog
        else:
            product.save()
        if isinstance(own_bands, list) and is_own:
            for band in own_bands:
                _own_band(band, product).save()
        else:
            self._add_bands(product, collection_id, assets_with_bands(seen.all_assets()))
        return product

    def _add_bands(self, product: Product, collection_id: str, assets: Mapping[str, Mapping[str, Any]]) -> None:
        """Give a product the bands of assets that it has no place for yet."""
        layout = layout_of(self.catalog, str(product.id))
        new = {key: asset for key, asset in assets.items() if key not in layout.keys}
        taken = {str(band.name) for band in layout.bands}
        bands, assumed = bands_of_assets(new, taken, first=len(layout.keys))
        if len(bands) + len(layout.bands) > MOST_BANDS:
            raise ValidationError(
                f"{collection_id} would have {len(bands) + len(layout.bands):,} bands, more than {MOST_BANDS:,}; its "
                "assets are not those of one sensor. Give its Items several Collections"
            )
        if assumed:
            names = ", ".join(assumed)
            self.report.note(f"{collection_id}: nothing says the data type of {names}; {ASSUMED.value} is assumed")
        made = [kind(product=product, **attributes) for kind, attributes in bands]
        for band in made:
            band.save()
        keys = [*layout.keys, *new]
        if keys != default_keys([*layout.bands, *made]):
            product.extra_properties = {**(product.extra_properties or {}), KEYS: keys}
            product.save()

    def _remove_products(self) -> None:
        """Remove the products that were made for Items of which none was added."""
        for uid in self.report.products:
            product = Product.get(uid, catalog=self.catalog)
            if product is not None and product.images().first() is None:
                for band in product.bands():
                    band.delete()
                product.delete()

    # Images

    def records(self) -> Iterator[Any]:
        """Yield the records of Items without files here; the others wait in `local`."""
        for found in documents(self.source):
            if found.document is not None and found.is_item:
                yield from self.record_of(found)

    def record_of(self, found: Found) -> Iterator[dict[str, Any]]:
        """Yield the record of an Item, unless it is refused or its files are here."""
        known = self.layouts.get(self.collection_id(found.document or {}))
        if known is None:
            self.fail(found, BadRequestError("its product could not be made"))
            return
        try:
            record, paths = self._record(found, *known)
        except ClientError as error:
            self.fail(found, error)
            return
        if paths:
            self._wait(found, record, paths)
        else:
            yield record

    def _record(self, found: Found, product_id: str, layout: Layout) -> tuple[dict[str, Any], list[Path]]:
        item: dict[str, Any] = found.document or {}
        attributes = attributes_of(item, layout)
        name = image_name(item["id"])
        paths = self._paths(found, layout)
        record = {"product_id": product_id, "name": name, **attributes}
        if "geometry" not in attributes and item.get("geometry") is not None:
            self.report.note(f"{found.where}: its geometry is not usable as a footprint, and is kept as it is")
        for name, given in not_attributes(item).items():
            self.report.note(f"{found.where}: {name} is {given}; it is kept as a property, and no attribute has it")
        others = scaled_otherwise(layout.bands, layout.keys, item.get("assets") or {})
        if others:
            self.report.note(
                f"{found.where}: it states another scale or offset of {', '.join(others)} than the product's bands; "
                "scaling='physical' uses theirs where its files state none"
            )
        record["extra_properties"] = extra_properties_of(item, is_own=True)
        probe = Image(catalog=self.catalog, **record)
        again = stac_item(probe, layout, locate=lambda file, _: str(file.href or file.provider_href))
        if name != item["id"] or not _says_the_same(again, item):
            record["extra_properties"] = extra_properties_of(item, is_own=False)
            Image._attributes["extra_properties"].coerce(record["extra_properties"])
        record["storage_state"] = StorageState.REMOTE.value
        return record, paths

    def _wait(self, found: Found, record: dict[str, Any], paths: list[Path]) -> None:
        """Keep an Item whose files are here for later, unless its id is taken.

        Raises
        ------
        DuplicateError
            If it is, and that ends the import.
        """
        uid = f"{record['product_id']}:{record['name']}"
        is_twice, rule = uid in self.local, self.options.on_conflict
        if rule == "error" and (is_twice or Image.exists(uid, catalog=self.catalog)):
            raise DuplicateError(
                f"image '{uid}' ({found.where}) already exists; nothing was added. Pass on_conflict='skip' or 'replace'"
            )
        if is_twice and rule == "skip":
            self.report.skipped += 1
            return
        self.report.replaced += is_twice  # the later one counts, as it does among those without files here
        self.local[uid] = (found, record, paths)

    def _paths(self, found: Found, layout: Layout) -> list[Path]:
        """Return where the files of an Item are, if all that hold bands are here."""
        paths: list[Path | None] = []
        options, within = self.catalog.database.options, self.within or found.within or found.folder
        for file in layout.files_of((found.document or {}).get("assets") or {}):
            path = None if file.href is None else local_file(file.href, found.folder, within)
            if path is not None and not options.trusted:
                below_roots(str(path), self.catalog.file.path.parent, options.allowed_roots)
            paths.append(path if path is not None and _is_file(path) else None)
        here = [path for path in paths if path is not None]
        if here and len(here) < len(paths):
            self.report.note(
                f"{found.where}: {len(paths) - len(here)} of its {len(paths)} files are not here; it is remote"
            )
        return here if len(here) == len(paths) else []

    def _upload(self, found: Found, record: dict[str, Any], paths: list[Path]) -> None:
        grid = ("cs_code", "projection", "geotrans", "x_pixels", "y_pixels", "files", "storage_state")
        image = Image(catalog=self.catalog, **{name: value for name, value in record.items() if name not in grid})
        there = Image.exists(str(image.id), catalog=self.catalog)
        if there and self.options.on_conflict == "skip":
            self.report.skipped += 1
            return
        try:
            if not self.options.dry_run:
                self._index(image, paths, overwrite=there)
        except (ClientError, OSError) as error:
            self.fail(found, error if isinstance(error, ClientError) else BadRequestError(str(error)))
            return
        self.report.replaced += there
        self.report.added += not there

    def _index(self, image: Image, paths: list[Path], *, overwrite: bool) -> None:
        """Save an image with its files; what its Item leaves open, a time or a footprint, stays open."""
        request = UploadRequest(
            options=ImageUploadOptions(),
            overwrite=overwrite,
            copy=self.options.copy,
            files=tuple(paths),
            outlined=image.geometry is not None,
        )
        self.catalog.uploader.upload(image, request).raise_for_status()

    def fail(self, found: Found, error: ClientError) -> None:
        """Report what was refused."""
        named = found.document.get("id") if found.document is not None else found.named
        self.report.failed.append(Refused(found.where, named, error))


def folder_of(source: Any) -> Path | None:
    """Return the folder that local files of a source may lie in; None where there is none."""
    if isinstance(source, str | Path):
        path = Path(source)
        return path if path.is_dir() else path.parent
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _product_id(collection_id: str) -> str:
    return "".join(character if character.isprintable() else "_" for character in collection_id).strip() or _LEFT


def image_name(item_id: str) -> str:
    """Return the name of the image that an Item is; one that a name cannot have gets a digest, so that none collide."""
    name = Image.make_valid_name(item_id)
    if name == item_id and len(name) <= 2000:
        return name
    return f"{name[:200]}-{hashlib.sha256(item_id.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _product_attributes(said: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field_name in (("name", "title"), ("description", "description")):
        text = said.get(field_name)
        if isinstance(text, str) and text and "\x00" not in text:
            found[name] = text[: 2000 if name == "name" else 80_000]
    for name, value in own.items():
        attribute = Product._attributes.get(name)
        if attribute is not None and not attribute.readonly and name not in ("id", "extra_properties"):
            found[name] = attribute.coerce(value)
    if own and "description" not in own:
        found.pop("description", None)
    return found


def _product_extra(said: Mapping[str, Any], collection_id: str, *, is_own: bool) -> dict[str, Any] | None:
    mine = said.get(f"{OWN}extra_properties") if is_own else None
    extra = dict(mine) if isinstance(mine, dict) else {}
    if not is_own:
        extra[KEPT] = dict(said) or {"id": collection_id}
    return extra or None


def _own_band(said: Any, product: Product) -> Band:
    if not isinstance(said, dict):
        raise ValidationError(f"{OWN}bands holds bands as objects, not {said!r:.100}")
    kind = Band._classes.get(str(said.get("type")))
    if kind is None:
        raise ValidationError(f"{OWN}bands has a band of the unknown type {said.get('type')!r:.100}")
    known = {name: value for name, value in said.items() if name in kind._attributes}
    return kind(
        product=product, **{name: value for name, value in known.items() if not kind._attributes[name].readonly}
    )


_STRUCTURAL = {"root", "parent", "self", "collection"}


def _says_the_same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Return whether an Item says nothing that attributes do not: then there is nothing to keep."""
    links = theirs.get("links") or []
    if not all(isinstance(link, dict) and link.get("rel") in _STRUCTURAL for link in links):
        return False
    return {**ours, "links": None} == {**theirs, "links": None}
