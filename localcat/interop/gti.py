"""Tile indexes of GDAL (GTI): a product as one mosaic, for GDAL from 3.9 on and QGIS.

Each is a GeoPackage with one layer: a rectangle for each file, in the CRS of the files, with its path and its rank. See
https://gdal.org/en/stable/drivers/raster/gti.html and https://www.geopackage.org/spec131/
"""

from __future__ import annotations

import functools
import math
import os
import re
import shutil
import sqlite3
import struct
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from dataclasses import replace as with_values
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from affine import Affine

from localcat.disk.faults import write_errors
from localcat.disk.paths import absolute, href_between
from localcat.disk.staging import staged
from localcat.disk.system import flush, flush_folder, rename, replace
from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import crs_code, exact_wkt, parse_crs
from localcat.earth.projecting import turn_of
from localcat.errors import BadRequestError, NotFoundError
from localcat.expressions.properties import properties as p
from localcat.interop.chosen import chosen_images
from localcat.interop.gti_validity import Validity, content_of, validity_of
from localcat.interop.gti_views import Tile, write_views
from localcat.models.backend import bands_of
from localcat.models.enums import StorageState
from localcat.models.product import Product
from localcat.progress import shown
from localcat.rasters.warping.alignment import native_window
from localcat.rasters.warping.longitudes import moved
from localcat.reading.layers import declared_alphas, sources_of
from localcat.reading.plan import ALPHA, BandChoice, choose_bands
from localcat.store.file.faults import sqlite_errors

if TYPE_CHECKING:
    from rasterio.crs import CRS

    from localcat.models.backend import Backend
    from localcat.models.band import Band
    from localcat.search import ImageSearch

_SCHEMA = """
PRAGMA application_id = 1196444487;
PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (
    srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL,
    organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT
);
INSERT INTO gpkg_spatial_ref_sys VALUES ('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', NULL);
INSERT INTO gpkg_spatial_ref_sys VALUES ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', NULL);
CREATE TABLE gpkg_contents (
    table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
    last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER REFERENCES gpkg_spatial_ref_sys (srs_id)
);
CREATE TABLE gpkg_geometry_columns (
    table_name TEXT NOT NULL UNIQUE REFERENCES gpkg_contents (table_name), column_name TEXT NOT NULL,
    geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL REFERENCES gpkg_spatial_ref_sys (srs_id),
    z TINYINT NOT NULL, m TINYINT NOT NULL, PRIMARY KEY (table_name, column_name)
);
CREATE TABLE gpkg_extensions (
    table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
    UNIQUE (table_name, column_name, extension_name)
);
CREATE TABLE gpkg_metadata (
    id INTEGER PRIMARY KEY, md_scope TEXT NOT NULL DEFAULT 'dataset', md_standard_uri TEXT NOT NULL,
    mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT ''
);
CREATE TABLE gpkg_metadata_reference (
    reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
    timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    md_file_id INTEGER NOT NULL REFERENCES gpkg_metadata (id), md_parent_id INTEGER REFERENCES gpkg_metadata (id)
);
CREATE TABLE tiles (
    fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POLYGON, location TEXT, rank INTEGER, image_id TEXT,
    acquired DATETIME
);
CREATE VIRTUAL TABLE rtree_tiles_geom USING rtree (id, minx, maxx, miny, maxy);
INSERT INTO gpkg_extensions VALUES
    ('tiles', 'geom', 'gpkg_rtree_index', 'http://www.geopackage.org/spec120/#extension_rtree', 'write-only'),
    ('gpkg_metadata', NULL, 'gpkg_metadata', 'http://www.geopackage.org/spec120/#extension_metadata', 'read-write'),
    (
        'gpkg_metadata_reference', NULL, 'gpkg_metadata', 'http://www.geopackage.org/spec120/#extension_metadata',
        'read-write'
    );
"""

_CLOSE = 1e-6  # pixels within which a middle is on an edge
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_-]+")


@dataclass
class Index:
    """The tiles of a product that have one CRS."""

    crs: CRS
    tiles: list[Tile] = field(default_factory=list)
    resolution: tuple[float, float] = (0.0, 0.0)  # of the finest

    def add(self, tile: Tile) -> None:
        """Take a tile in."""
        self.resolution = min(self.resolution, tile.grid.resolution) if self.tiles else tile.grid.resolution
        self.tiles.append(tile)

    def settled(self) -> tuple[Grid, list[Tile]]:
        """Return the grid of the mosaic, and its tiles: no more than once around the Earth, where its ends meet."""
        wests, souths, easts, norths = zip(*(tile.grid.bounds for tile in self.tiles), strict=True)
        (across, down), north = self.resolution, max(norths)
        west, width, tiles, turn = min(wests), max(easts) - min(wests), self.tiles, turn_of(self.crs)
        if turn and width > turn + across / 2:  # some count from 0 to 360, and others from −180 to 180
            west += round((-turn / 2 - west) / across) * across
            tiles, width = [copy for tile in tiles for copy in _around(tile, west, west + turn, turn)], turn
        shape = _count((north - min(souths)) / down), _count(width / across)
        return Grid(self.crs, Affine(across, 0.0, west, 0.0, -down, north), shape), tiles


def _around(tile: Tile, west: float, east: float, turn: float) -> Iterator[Tile]:
    """Yield a tile moved by whole turns to where it reaches between two lengths."""
    left, _, right, _ = tile.grid.bounds
    for turns in range(math.ceil((west - right) / turn), math.floor((east - left) / turn) + 1):
        if right + turns * turn > west and left + turns * turn < east:
            yield with_values(tile, grid=moved(tile.grid, turns * turn), turns=turns)


def to_gti(
    catalog: Backend,
    product: str,
    dest: str | os.PathLike[str] | None,
    *,
    search: ImageSearch | None,
    progress: bool | None,
) -> list[Path]:
    """Write the tile indexes of a product; see `Catalog.to_gti`."""
    found = Product.get(product, catalog=catalog)
    if found is None:
        raise NotFoundError(f"there is no product '{product}' in the catalog")
    catalog.file.require_paths("an index names files")
    bands = list(bands_of(catalog, str(found.id)))
    folder = catalog.file.path.parent if dest is None else absolute(dest)
    if not folder.is_dir():
        raise BadRequestError(f"'{folder}' is not a folder to write tile indexes into; make it first")
    indexes = indexes_of(bands, ordered(catalog, str(found.id), search), progress) if bands else []
    if not indexes:
        raise BadRequestError(
            f"product '{found.id}' has no bands, or no images with files here on a grid that is not turned"
        )
    stem = f"{catalog.file.path.stem}.{slug_of(str(found.id))}"
    return [
        _write(index, bands, folder, stem if len(indexes) == 1 else f"{stem}.{crs_slug}") for crs_slug, index in indexes
    ]


@functools.cache
def empty_index_bytes() -> int:
    """Return how many bytes an index without tiles has."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_SCHEMA)
        (pages,), (page,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages) * int(page)


def slug_of(product_id: str) -> str:
    """Return the id of a product as a part of the name of a file."""
    return _NOT_IN_NAMES.sub("-", product_id.lower())[:60]


def ordered(catalog: Backend, product_id: str, search: ImageSearch | None) -> ImageSearch:
    """Return the images of a product, the last one on top: by time, unless the search has an order of its own."""
    images = chosen_images(catalog, search).filter(p.product_id == product_id)
    if images._order:
        return images
    if images._limit is not None:  # which images these are must not depend on the order of the tiles
        images = catalog.images.filter(p.id.any_of(images.ids()))
    return images.sort("acquired")


def indexes_of(bands: Sequence[Band], images: ImageSearch, progress: bool | None) -> list[tuple[str, Index]]:
    """Return the tiles of images by CRS, each with a word for its CRS.

    Raises
    ------
    RasterError
        If a file that is here cannot be read, or lacks a band.
    """
    crs_of = functools.cache(parse_crs)
    indexes: list[Index] = []
    choice = _choice(bands)
    for rank, image in enumerate(shown(images, "indexing tiles", "images", progress, total=images.number_found)):
        text, grid = image.cs_code or image.projection, image.geotrans
        if text is None or grid is None or image.x_pixels is None or image.y_pixels is None or grid[2] or grid[4]:
            continue
        if image.storage_state != StorageState.AVAILABLE or not image.files:
            continue
        crs = crs_of(text)
        sources = sources_of(image, choice.bands)
        alpha = None if choice.alpha is None else choice.bands.index(choice.alpha)
        content = content_of(sources, alpha, declared_alphas(choice, sources))
        index = next((one for one in indexes if one.crs == crs), None)
        if index is None:
            index = Index(crs)
            indexes.append(index)
        acquired = None if image.acquired is None else image.acquired.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        pixels = Grid(crs, Affine.from_gdal(*grid), (image.y_pixels, image.x_pixels))
        index.add(Tile(str(image.id), acquired, rank, pixels, content))
    made = []
    for number, index in enumerate(indexes):
        code = crs_code(index.crs)
        made.append((f"crs{number}" if code is None else code.lower().replace(":", "-"), index))
    return made


def _choice(bands: Sequence[Band]) -> BandChoice:
    """Return all bands of a product in their order, with the alpha band that a mosaic uses."""
    available = {str(band.name): band for band in bands}
    names = [name for name in available if name != ALPHA] or list(available)
    choice = choose_bands(available, names, None, "the product")
    return with_values(choice, bands=list(bands))


def _write(index: Index, bands: Sequence[Band], folder: Path, stem: str) -> Path:
    """Write an index, and the virtual files that it needs, and give them their names at last.

    The virtual files of each writing have a folder of their own, so that the index of before keeps its own until the
    new one has its name.
    """
    target, views_folder = folder / f"{stem}.gti.gpkg", folder / f"{stem}.tiles"
    grid, tiles = index.settled()
    validity = validity_of(bands, [tile.content for tile in tiles])
    views = views_folder / uuid.uuid4().hex[:8]
    with staged(target) as staging, write_errors(target):
        file, staged_views = staging / target.name, staging / views.name
        staged_views.mkdir()
        placed = []
        for number, tile in enumerate(tiles):
            wanted = None if native_window(grid, tile.grid) is not None else _under(grid, tile.grid)
            if wanted is not None and 0 in wanted.shape:  # it lies between the middles of pixels
                continue
            if wanted is None and not tile.turns and validity.is_shown_by_itself(tile.content):
                placed.append((tile, href_between(tile.content.files[0].path, folder)))
            else:
                name = write_views(tile, wanted, validity, staged_views, views, str(number))
                placed.append((tile, f"{views_folder.name}/{views.name}/{name}"))
        has_views = any(staged_views.iterdir())
        with sqlite_errors(target), closing(sqlite3.connect(file)) as connection:
            connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")  # one that fails goes away
            _fill(connection, grid, validity, placed)
        with file.open("r+b") as stream:
            flush(stream.fileno())
        try:
            if has_views:
                views_folder.mkdir(exist_ok=True)
                rename(staged_views, views)
            replace(file, target)
        except BaseException:
            shutil.rmtree(views, ignore_errors=True)
            with suppress(OSError):
                views_folder.rmdir()  # unless it has those of an older index
            raise
        flush_folder(folder)
    _remove_others(views_folder, views if has_views else None)
    return target


def _remove_others(tiles: Path, kept: Path | None) -> None:
    """Remove the virtual files of indexes that are replaced, and of one whose writing was interrupted."""
    if tiles.is_dir():
        for one in tiles.iterdir():
            if one != kept:
                shutil.rmtree(one, ignore_errors=True) if one.is_dir() else one.unlink(missing_ok=True)
        if kept is None:
            with suppress(OSError):
                tiles.rmdir()


def _under(grid: Grid, tile: Grid) -> Grid:
    """Return the part of a grid whose pixels have their middles in a tile."""
    t, (west, south, east, north) = grid.transform, tile.bounds
    left, right = (math.ceil((x - t.c) / t.a - 0.5 - _CLOSE) for x in (west, east))
    top, bottom = (math.ceil((y - t.f) / t.e - 0.5 - _CLOSE) for y in (north, south))
    start = Affine(t.a, 0.0, t.c + left * t.a, 0.0, t.e, t.f + top * t.e)
    return Grid(grid.crs, start, (max(bottom - top, 0), max(right - left, 0)))


def _fill(connection: sqlite3.Connection, grid: Grid, validity: Validity, placed: Iterable[tuple[Tile, str]]) -> None:
    """Write the tables of an index."""
    connection.executescript(_SCHEMA)
    epsg = grid.crs.to_epsg() if grid.crs.to_authority() else None
    srs = 100_000 if epsg is None else int(epsg)
    organization = "NONE" if epsg is None else "EPSG"
    connection.execute(
        "INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, NULL)",
        ("the CRS of the tiles", srs, organization, srs, exact_wkt(grid.crs)),
    )
    connection.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, min_x, min_y, max_x, max_y, srs_id) "
        "VALUES ('tiles', 'features', 'tiles', ?, ?, ?, ?, ?)",
        (*grid.bounds, srs),
    )
    connection.execute("INSERT INTO gpkg_geometry_columns VALUES ('tiles', 'geom', 'POLYGON', ?, 0, 0)", (srs,))
    for tile, place in placed:
        row = (_rectangle(tile.grid.bounds, srs), place, tile.rank, tile.image_id, tile.acquired)
        fid = connection.execute(
            "INSERT INTO tiles (geom, location, rank, image_id, acquired) VALUES (?, ?, ?, ?, ?)", row
        ).lastrowid
        west, south, east, north = tile.grid.bounds
        connection.execute("INSERT INTO rtree_tiles_geom VALUES (?, ?, ?, ?, ?)", (fid, west, east, south, north))
    items = "".join(f'<MDI key="{name}">{escape(value)}</MDI>' for name, value in _settings(grid, validity))
    text = f"<GDALMultiDomainMetadata><Metadata>{items}</Metadata></GDALMultiDomainMetadata>"
    connection.execute(
        "INSERT INTO gpkg_metadata (id, md_standard_uri, metadata) VALUES (1, 'http://gdal.org', ?)", (text,)
    )
    connection.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, table_name, md_file_id) VALUES ('table', 'tiles', 1)"
    )
    connection.commit()


def _settings(grid: Grid, validity: Validity) -> Iterator[tuple[str, str]]:
    """Yield what GDAL asks an index for, so that it opens no tile to find it out."""
    yield "XSIZE", str(grid.width)  # GDAL itself would count 48.00000000001 pixels as 49
    yield "YSIZE", str(grid.height)
    yield "GEOTRANSFORM", ",".join(repr(number) for number in grid.geotransform)
    yield "BAND_COUNT", str(len(validity.data_types))
    yield "DATA_TYPE", ",".join(validity.data_types)
    yield "SORT_FIELD", "rank"
    yield "SORT_FIELD_ASC", "YES"
    yield "LOCATION_FIELD", "location"
    if validity.nodata is None:
        yield "MASK_BAND", "YES"
    else:
        yield "NODATA", ",".join(map(repr, validity.nodata))


def _count(pixels: float) -> int:
    """Return how many pixels hold a length, which is a whole number of them but for the rounding of coordinates."""
    return round(pixels) if math.isclose(pixels, round(pixels), rel_tol=1e-9, abs_tol=1e-6) else math.ceil(pixels)


def _rectangle(bounds: tuple[float, float, float, float], srs: int) -> bytes:
    """Return a rectangle as a GeoPackage has it: a header, and WKB."""
    west, south, east, north = bounds
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    header = b"GP\x00\x01" + struct.pack("<i", srs)
    points = b"".join(struct.pack("<dd", *point) for point in ring)
    return header + b"\x01" + struct.pack("<III", 3, 1, len(ring)) + points
