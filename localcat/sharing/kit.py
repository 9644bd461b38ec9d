"""A small catalog of chosen images: their products, bands and rows, and their files, whole or cut.

Nobody else sees it while it is made, so its rows are written as they come, one image after the other with its files.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcat.disk.archive import Location, size_of
from localcat.disk.data_folder import DataFolder
from localcat.disk.names import CUT_SUFFIX, suffix_of
from localcat.disk.ownership import Marker, data_path
from localcat.disk.paths import is_local
from localcat.earth.geometry import area_km2
from localcat.errors import CorruptImageError
from localcat.maintenance.backup import copy_checked
from localcat.models.attributes.values import File, Resolution
from localcat.models.backend import bands_of
from localcat.models.band import Band
from localcat.models.enums import ResolutionUnit, StorageState
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.rasters.files.footprint import footprint
from localcat.rasters.writing.cutting import cut_raster
from localcat.sharing.comparing import BASE_KEY, CUT_KEY, base_of, is_cut, knowledge_of, values_of
from localcat.sharing.cuts import Cut, Layout, Wish, cuts_of
from localcat.store import frozen, rows, stamps
from localcat.store.catalog_file import CatalogFile
from localcat.store.file.database import Database
from localcat.writing.options import layer_of

if TYPE_CHECKING:
    import sqlite3

    from localcat.models.attributes.scalars import Stored
    from localcat.models.backend import Backend
    from localcat.models.object import CatalogObjectBase

_GROWTH_STEP = 16  # images, after which a growing catalog is measured again
_SETTINGS = ("namespace", "org", "user", "created")


@dataclass(frozen=True, slots=True)
class Chosen:
    """An image that may go along, and what of its files.

    Parameters
    ----------
    image : Image
        As the search found it.
    product_id : str
        Its product.
    cuts : list of Cut or None
        The parts of its files; None if they are copied whole, or are not here.
    files : tuple of File
        Those that are copied whole.
    size_bytes : int
        How many bytes its files take, about.
    """

    image: Image
    product_id: str
    cuts: list[Cut] | None
    files: tuple[File, ...]
    size_bytes: int

    @property
    def has_pixels(self) -> bool:
        """Whether any file goes along."""
        return bool(self.cuts or self.files)


class Layouts:
    """The bands of each product, and where they are in files that are cut."""

    def __init__(self, catalog: Backend, wish: Wish) -> None:
        self._catalog, self._wish = catalog, wish
        self._bands: dict[str, list[Band]] = {}
        self._found: dict[str, Layout] = {}

    def bands(self, product_id: str) -> list[Band]:
        """Return the bands of a product that go along."""
        if product_id not in self._bands:
            found = bands_of(self._catalog, product_id)
            self._bands[product_id] = [band for band in found if self._wish.keeps(band)]
        return self._bands[product_id]

    def of(self, product_id: str) -> Layout:
        """Return where its bands come to be."""
        if product_id not in self._found:
            self._found[product_id] = Layout.of(self.bands(product_id), self._wish)
        return self._found[product_id]

    def chosen(self, image: Image) -> Chosen | None:
        """Return what of an image goes along; None if it has no pixel in the area, or none of the bands."""
        product_id, files = str(image.product_id), list(image.files or ())
        if self._wish.bands is not None and not self.bands(product_id):
            return None
        here = [file for file in files if _is_here(image, file)]
        if not here or not self._wish.changes_files:
            sizes = [file.size_bytes or size_of(self._catalog.file.location_of(file)) or 0 for file in here]
            return Chosen(image, product_id, None, tuple(here), sum(sizes))
        paths = [self._catalog.file.location_of(file) for file in files]
        missing = next((path for path in paths if not path.is_file()), None)
        if missing is not None:
            raise _damaged(image, missing, "is missing")
        cuts = cuts_of(paths, self.of(product_id), self._wish)
        return None if cuts is None else Chosen(image, product_id, cuts, (), sum(cut.estimate for cut in cuts))


def _is_here(image: Image, file: File) -> bool:
    """Return whether a file is on this machine, and not only text about one elsewhere."""
    is_available = image.storage_state == StorageState.AVAILABLE
    return is_available and (file.owned or (file.href is not None and is_local(file.href)))


class Kit:
    """A small catalog in the making.

    Parameters
    ----------
    source : Backend
        The catalog whose images it gets.
    path : Path
        Its file, which is made.
    wish : Wish
        What is done to files.
    """

    def __init__(self, source: Backend, path: Path, wish: Wish) -> None:
        self._source, self._wish = source, wish
        settings = {name: source.file.setting(name) for name in _SETTINGS}
        self._is_cut = wish.changes_files or is_cut(source.file)
        # What is read later and is newer than this is not known to be in it; that is only a conflict more.
        base = knowledge_of(source.file).with_base(base_of(source.file))
        kind = {CUT_KEY: "1"} if self._is_cut else {BASE_KEY: json.dumps(base)}
        database = Database(path, durable=False, settings={**settings, "uuid": uuid.uuid4().hex, **kind})
        database.create()
        self.file = CatalogFile(database)
        self._folder = DataFolder(data_path(path), durable=False, marker=Marker(self.file.setting("uuid"), path.name))
        try:
            self._folder.make()
        except BaseException:
            self.file.close()  # Windows removes no file that is open
            raise
        self._products: dict[str, int] = {}

    def add_product(self, product_id: str, bands: Sequence[Band], layout: Layout) -> None:
        """Write a product and those of its bands that go along."""
        with self.file.database.write() as transaction:
            connection = transaction.connection
            for values, _ in self._rows_of(Product, [product_id]):
                _change(values, {"default_display_bands": self._still_shown(values["default_display_bands"])})
                self._products[product_id] = self._inserted(connection, "product", values)
            for values, _ in self._rows_of(Band, [str(band.id) for band in bands]):
                values["product_id"] = self._products[product_id]
                if self._wish.changes_files:
                    file, position = layout.places[str(values["name"])]
                    places = {"file_index": file, "band_index": position, "jpx_layer_index": None}
                    _change(values, {**places, "resolution": self._coarser(values["resolution"])})
                self._inserted(connection, "band", values)
            rows.refresh_resolutions(connection, self._products[product_id])

    def _still_shown(self, stored: Stored) -> Stored:
        """Return the bands that a product is shown by; None if one of them does not go along."""
        kept = self._wish.bands
        names = Product._attributes["default_display_bands"].load(stored) if stored is not None else ()
        return stored if kept is None or {*names} <= {*kept} else None

    def _coarser(self, stored: Stored) -> Stored:
        """Return the resolution of a band as it is now: that which was asked for, if that is coarser."""
        metres = self._wish.metres
        resolution = Band._attributes["resolution"].load(stored) if stored is not None else None
        if metres is None or resolution is None or resolution.metres >= metres:
            return stored
        return _dumped(Band, "resolution", Resolution(value=metres, unit=ResolutionUnit.METERS))

    def add_image(self, chosen: Chosen) -> int | None:
        """Write an image with its files; return how many bytes these have, or None if it was deleted meanwhile.

        Raises
        ------
        CorruptImageError
            If a file is missing, or not what was written.
        """
        found = list(self._rows_of(Image, [str(chosen.image.id)]))
        if not found:
            return None
        (values, files) = found[0]
        size = 0
        if chosen.cuts is not None:
            cut_files, changes = self._cut(chosen, chosen.cuts, values)
            size = sum(file.size_bytes or 0 for file in cut_files)
            values |= changes
        elif files:
            whole = [self._copied(chosen, file) if file in chosen.files else file for file in files]
            size = sum(file.size_bytes or 0 for file in whole if file.owned)
            values[rows.FILES] = _dumped(Image, rows.FILES, whole)
        self._insert(chosen, values)
        return size

    def add_row(self, chosen: Chosen) -> None:
        """Write an image without its files, for a trial: it is said to be somewhere else."""
        for values, _ in self._rows_of(Image, [str(chosen.image.id)]):
            values["storage_state"] = StorageState.REMOTE.value
            self._insert(chosen, values)

    def _insert(self, chosen: Chosen, values: dict[str, Any]) -> None:
        values["product_id"] = self._products[chosen.product_id]
        with self.file.database.write() as transaction:
            self._inserted(transaction.connection, "image", values)

    def _inserted(self, connection: sqlite3.Connection, table: str, values: dict[str, Any]) -> int:
        """Insert a row as the change that it is in the source, unless its files are cut: then it is another image."""
        stamp = None
        if not self._is_cut:
            uid = str(values["id"])
            with self._source.database.read() as source:
                found = stamps.stamps_of(source, table, [uid]).get(uid, stamps.UNKNOWN)
                name = stamps.names(source).get(found.replica or 0)
            # Nothing is known of the replica: what it made and is not in the kit was not deleted there.
            stamp = (
                stamps.UNKNOWN
                if name is None
                else stamps.Stamp(stamps.learn(connection, {name: 0})[name], found.counter)
            )
        return rows.insert(connection, table, values, stamp=stamp)

    def growth(self, images: int) -> list[tuple[int, int]]:
        """Return (images, bytes) of the catalog file as it grows, if many like those in it come.

        Parameters
        ----------
        images : int
            How many are written for that, and taken back.
        """
        columns = Image._columns()
        with self.file.database.write() as transaction:
            connection = transaction.connection
            found = list(rows.hydrate(connection, "image", columns, rows.all_row_ids(connection, "image")))
            sizes = [(len(found), _bytes_of(connection))]
            connection.execute("SAVEPOINT growth")
            copies = (row for row in found for _ in range(-(-images // len(found))))  # neighbours come together
            for number, row in enumerate(itertools.islice(copies, images), start=1):
                values = dict(zip(columns, row[2:], strict=True))
                product_id, name = str(values["product_id"]), f"{str(values['name'])[:-4]}~{number:03x}"
                values |= {"id": f"{product_id}:{name}", "name": name, "product_id": self._products[product_id]}
                connection.execute("SAVEPOINT image")  # the full text is written out with each, as in the kit
                rows.insert(connection, "image", values)
                connection.execute("RELEASE image")
                if number % _GROWTH_STEP == 0:
                    sizes.append((len(found) + number, _bytes_of(connection)))
            connection.execute("ROLLBACK TO growth")
            connection.execute("RELEASE growth")
        return sizes

    def add_frozen(self) -> None:
        """Write the frozen questions of the catalog whose images are all in it, as far as they still are anywhere."""
        with self._source.database.snapshot() as source, self.file.database.write() as transaction:
            for name in frozen.names(source):
                question, answer = frozen.head(source, name), list(frozen.images(source, name))
                here = rows.row_ids(source, "image", [image.uid for image in answer])
                along = rows.row_ids(transaction.connection, "image", list(here))
                if question is not None and len(along) == len(here):
                    frozen.put(transaction.connection, question, answer)
                else:
                    frozen.remove(transaction.connection, name)

    def drop(self, chosen: Chosen) -> int:
        """Take an image out again; return how many bytes its files had."""
        with self.file.database.write() as transaction:
            found = rows.row_ids(transaction.connection, "image", [str(chosen.image.id)])
            hrefs = rows.discard_files(transaction.connection, list(found.values()))
            rows.delete(transaction.connection, "image", found.values())
            for emptying in ("DELETE FROM trash", "DELETE FROM tombstone", "DELETE FROM history"):  # it never was here
                transaction.connection.execute(emptying)
        sizes = [self._folder.resolve(href).stat().st_size for href in hrefs]
        for href in hrefs:
            self._folder.remove(href)
        return sum(sizes)

    def _rows_of(
        self, kind: type[CatalogObjectBase], uids: Sequence[str]
    ) -> Iterator[tuple[dict[str, Any], list[File]]]:
        """Yield the attributes of objects as they are stored, and their files, in the order of the ids."""
        with self._source.database.read() as connection:
            found = rows.find_many(connection, kind.table, kind._columns(), list(uids))
        for uid in uids:
            if uid in found:
                yield values_of(self._source.file, kind, uid, found[uid])

    def _copied(self, chosen: Chosen, file: File) -> File:
        """Copy a file whole; return it as it is named here."""
        source = self._source.file.location_of(file)
        href = self._href(chosen, suffix_of(str(file.href)) if file.owned else source.suffix)
        if not source.is_file():
            raise _damaged(chosen.image, source, "is missing")
        size, sha256 = copy_checked(source, self._folder, href)
        if file.size_bytes not in (None, size) or file.hash not in (None, sha256):
            raise _damaged(chosen.image, source, "is not what was written")
        return replace(file, href=href, size_bytes=size, hash=sha256, owned=True)

    def _cut(
        self, chosen: Chosen, cuts: Sequence[Cut], values: Mapping[str, Stored]
    ) -> tuple[list[File], dict[str, Stored]]:
        """Write the parts of an image's files; return these, and the attributes that change with them."""
        files, bits, filled = [], [], []
        for cut in cuts:
            href = self._href(chosen, CUT_SUFFIX)
            path = self._folder.resolve(href)
            path.parent.mkdir(parents=True, exist_ok=True)
            digest = cut_raster(
                cut.path,
                path,
                part=cut.part,
                indexes=[band.position + 1 for band in cut.bands],
                declared={band.position + 1: layer_of(band) for band in cut.bands},
            )
            files.append(File(href=href, size_bytes=digest.size_bytes, hash=digest.sha256, owned=True))
            bits.append(8 * digest.size_bytes / (cut.grid.width * cut.grid.height))
            filled.append(digest.fill_fraction)
        grid = cuts[0].grid
        outline = chosen.image.geometry
        if outline is not None:
            cut_outline = outline.intersection(footprint(grid))
            outline = footprint(grid) if cut_outline.is_empty or not cut_outline.area else cut_outline
        changes: dict[str, Any] = {
            rows.FILES: files,
            "geotrans": grid.geotransform,
            "x_pixels": grid.width,
            "y_pixels": grid.height,
            "geometry": outline,
            "area": None if outline is None or values["area"] is None else area_km2(outline),
            "bits_per_pixel": tuple(bits),
            "fill_fraction": filled[0],
        }
        return files, {name: _dumped(Image, name, value) for name, value in changes.items()}

    def _href(self, chosen: Chosen, suffix: str) -> str:
        return self._folder.new_href(chosen.product_id, str(chosen.image.name), suffix)


def _change(values: dict[str, Stored], changes: Mapping[str, Stored]) -> None:
    """Change what a product or a band of cut files cannot keep, as a change from before the last one.

    So the original counts where both come together in a third catalog, and nobody changed either since.
    """
    if any(values[name] != value for name, value in changes.items()):
        values |= {**changes, "modified": int(values["modified"] or 0) - 1}


def _bytes_of(connection: sqlite3.Connection) -> int:
    """Return how many bytes a catalog file will have when what is written is committed."""
    (pages,), (page,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages) * int(page)


def _dumped(kind: type[CatalogObjectBase], name: str, value: Any) -> Stored:
    return None if value is None else kind._attributes[name].dump(value)


def _damaged(image: Image, source: Location, state: str) -> CorruptImageError:
    return CorruptImageError(
        f"the file '{source}' of image '{image.id}' {state}, and no bundle was made; restore it, or leave the "
        "image out; `localcat verify` lists all that is damaged"
    )


def products_of(images: Iterable[Chosen]) -> list[str]:
    """Return the ids of the products of images, each once, in the order in which they come."""
    return list(dict.fromkeys(one.product_id for one in images))
