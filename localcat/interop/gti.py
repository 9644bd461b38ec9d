"""Tile indexes of GDAL (GTI): a product as one mosaic, for GDAL from 3.9 on and QGIS.

Each is a GeoPackage with one layer: a rectangle for each file, in the CRS of the files, with its path and its rank. See
https://gdal.org/en/stable/drivers/raster/gti.html and https://www.geopackage.org/spec131/
"""

from __future__ import annotations

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
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from localcat.disk.faults import write_errors
from localcat.disk.paths import absolute, href_between
from localcat.disk.staging import staged
from localcat.disk.system import flush_folder, rename, replace
from localcat.errors import BadRequestError, LocalcatError, NotFoundError
from localcat.expressions.properties import properties as p
from localcat.models.backend import bands_of
from localcat.models.product import Product
from localcat.progress import shown

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

_NOT_IN_NAMES = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Tile:
    """An image as a rectangle of a mosaic."""

    image_id: str
    acquired: str | None  # as ISO 8601
    rank: int
    bounds: tuple[float, float, float, float]  # west, south, east, north, in the CRS
    sources: tuple[Path, ...]  # its files, by position


@dataclass
class Index:
    """The tiles of a product that have one CRS."""

    crs: CRS
    tiles: list[Tile] = field(default_factory=list)
    resolution: tuple[float, float] = (0.0, 0.0)  # of the finest

    def add(self, tile: Tile, resolution: tuple[float, float]) -> None:
        """Take a tile in."""
        self.resolution = min(self.resolution, resolution) if self.tiles else resolution
        self.tiles.append(tile)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The box of all tiles."""
        west, south, east, north = zip(*(tile.bounds for tile in self.tiles), strict=True)
        return min(west), min(south), max(east), max(north)


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
    bands = list(bands_of(catalog, str(found.id)))
    folder = catalog.file.path.parent if dest is None else absolute(dest)
    if not folder.is_dir():
        raise BadRequestError(f"'{folder}' is not a folder to write tile indexes into; make it first")
    indexes = _indexes(catalog, _ordered(catalog, str(found.id), search), progress)
    if not bands or not indexes:
        raise BadRequestError(
            f"product '{found.id}' has no bands, or no images with files here on a grid that is not turned"
        )
    slug = _NOT_IN_NAMES.sub("-", str(found.id).lower())[:60]
    stem = f"{catalog.file.path.stem}.{slug}"
    return [
        _write(index, bands, folder, stem if len(indexes) == 1 else f"{stem}.{crs_slug}") for crs_slug, index in indexes
    ]


def _ordered(catalog: Backend, product_id: str, search: ImageSearch | None) -> ImageSearch:
    """Return the images of a product, the last one on top: by time, unless the search has an order of its own."""
    images = (catalog.images if search is None else search).filter(p.product_id == product_id)
    if images._order:
        return images
    if images._limit is not None:  # which images these are must not depend on the order of the tiles
        images = catalog.images.filter(p.id.any_of(images.ids()))
    return images.sort("acquired")


def _indexes(catalog: Backend, images: ImageSearch, progress: bool | None) -> list[tuple[str, Index]]:
    """Return the tiles of images by CRS, each with a word for its CRS."""
    from localcat.earth.crs import crs_code, parse_crs  # brings rasterio

    by_text: dict[str, Index] = {}
    for rank, image in enumerate(shown(images, "indexing tiles", "images", progress, total=images.number_found)):
        text, grid = image.cs_code or image.projection, image.geotrans
        if text is None or grid is None or image.x_pixels is None or image.y_pixels is None or grid[2] or grid[4]:
            continue
        try:
            paths = tuple(catalog.file.path_of(file) for file in image.files or ())
            index = by_text.get(text) or by_text.setdefault(text, Index(parse_crs(text)))
        except LocalcatError:  # a remote image, or one whose files may not be opened
            continue
        if not paths:
            continue
        xs = sorted((grid[0], grid[0] + image.x_pixels * grid[1]))
        ys = sorted((grid[3], grid[3] + image.y_pixels * grid[5]))
        acquired = None if image.acquired is None else image.acquired.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        tile = Tile(str(image.id), acquired, rank, (xs[0], ys[0], xs[1], ys[1]), paths)
        index.add(tile, (abs(grid[1]), abs(grid[5])))
    made = []
    for number, index in enumerate(one for one in by_text.values() if one.tiles):
        code = crs_code(index.crs)
        made.append((f"crs{number}" if code is None else code.lower().replace(":", "-"), index))
    return made


def _write(index: Index, bands: Sequence[Band], folder: Path, stem: str) -> Path:
    """Write an index, and the virtual files that it needs, and give them their names at last.

    The virtual files of each writing have a folder of their own, so that the index of before keeps its own until the
    new one has its name.
    """
    target, tiles = folder / f"{stem}.gti.gpkg", folder / f"{stem}.tiles"
    layout = [(band.file_position, band.position) for band in bands]
    is_plain = layout == [(0, position) for position in range(len(bands))]
    views = tiles / uuid.uuid4().hex[:8]
    with staged(target) as staging, write_errors(target):
        file, staged_views = staging / target.name, staging / views.name
        places = []
        if not is_plain:
            staged_views.mkdir()
        for tile in index.tiles:
            if is_plain:
                places.append(href_between(tile.sources[0], folder))
            else:
                name = f"{tile.rank}.vrt"
                (staged_views / name).write_text(_view(tile, index, bands, views), encoding="utf-8")
                places.append(f"{tiles.name}/{views.name}/{name}")
        with closing(sqlite3.connect(file)) as connection:
            _fill(connection, index, bands, places)
        try:
            if not is_plain:
                tiles.mkdir(exist_ok=True)
                rename(staged_views, views)
            replace(file, target)
        except BaseException:
            shutil.rmtree(views, ignore_errors=True)
            with suppress(OSError):
                tiles.rmdir()  # unless it has those of an older index
            raise
        flush_folder(folder)
    _remove_others(tiles, None if is_plain else views)
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


def _view(tile: Tile, index: Index, bands: Sequence[Band], folder: Path) -> str:
    """Return a virtual file that has the bands of an image in their order, though they are in several files."""
    from localcat.rasters.files.describe import describe  # brings rasterio

    files = {position: describe(tile.sources[position]) for position in {band.file_position for band in bands}}
    height, width = max((one.shape for one in files.values()), key=math.prod)
    west, south, east, north = tile.bounds
    transform = (west, (east - west) / width, 0.0, north, 0.0, -(north - south) / height)
    parts = [
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>{escape(index.crs.to_wkt())}</SRS>'
        f"<GeoTransform>{', '.join(repr(number) for number in transform)}</GeoTransform>"
    ]

    def source(position: int, name: str) -> str:
        one = files[position]
        place = escape(href_between(tile.sources[position], folder))
        return (
            f'<SimpleSource><SourceFilename relativeToVRT="1">{place}</SourceFilename><SourceBand>{name}</SourceBand>'
            f'<SrcRect xOff="0" yOff="0" xSize="{one.shape[1]}" ySize="{one.shape[0]}"/>'
            f'<DstRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/></SimpleSource>'
        )

    for number, band in enumerate(bands, start=1):
        nodata = "" if band.nodata is None else f"<NoDataValue>{band.nodata!r}</NoDataValue>"
        text = source(band.file_position, str(band.position + 1))
        parts.append(f'<VRTRasterBand dataType="{band.data_type}" band="{number}">{nodata}{text}</VRTRasterBand>')
    masked = [position for position in sorted(files) if files[position].has_internal_mask]
    if masked:
        parts.append(
            f'<MaskBand><VRTRasterBand dataType="Byte">{source(masked[0], "mask,1")}</VRTRasterBand></MaskBand>'
        )
    return "".join([*parts, "</VRTDataset>"])


def _fill(connection: sqlite3.Connection, index: Index, bands: Sequence[Band], places: Iterable[str]) -> None:
    """Write the tables of an index."""
    connection.executescript(_SCHEMA)
    epsg = index.crs.to_epsg() if index.crs.to_authority() else None
    srs = 100_000 if epsg is None else int(epsg)
    organization = "NONE" if epsg is None else "EPSG"
    connection.execute(
        "INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, NULL)",
        ("the CRS of the tiles", srs, organization, srs, index.crs.to_wkt()),
    )
    connection.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, min_x, min_y, max_x, max_y, srs_id) "
        "VALUES ('tiles', 'features', 'tiles', ?, ?, ?, ?, ?)",
        (*index.bounds, srs),
    )
    connection.execute("INSERT INTO gpkg_geometry_columns VALUES ('tiles', 'geom', 'POLYGON', ?, 0, 0)", (srs,))
    for tile, place in zip(index.tiles, places, strict=True):
        row = (_rectangle(tile.bounds, srs), place, tile.rank, tile.image_id, tile.acquired)
        fid = connection.execute(
            "INSERT INTO tiles (geom, location, rank, image_id, acquired) VALUES (?, ?, ?, ?, ?)", row
        ).lastrowid
        west, south, east, north = tile.bounds
        connection.execute("INSERT INTO rtree_tiles_geom VALUES (?, ?, ?, ?, ?)", (fid, west, east, south, north))
    items = "".join(f'<MDI key="{name}">{escape(value)}</MDI>' for name, value in _settings(index, bands))
    text = f"<GDALMultiDomainMetadata><Metadata>{items}</Metadata></GDALMultiDomainMetadata>"
    connection.execute(
        "INSERT INTO gpkg_metadata (id, md_standard_uri, metadata) VALUES (1, 'http://gdal.org', ?)", (text,)
    )
    connection.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, table_name, md_file_id) VALUES ('table', 'tiles', 1)"
    )
    connection.commit()


def _settings(index: Index, bands: Sequence[Band]) -> Iterator[tuple[str, str]]:
    """Yield what GDAL asks an index for, so that it opens no tile to find it out."""
    (across, down), (west, south, east, north) = index.resolution, index.bounds
    yield "XSIZE", str(_count((east - west) / across))  # GDAL itself would count 48.00000000001 pixels as 49
    yield "YSIZE", str(_count((north - south) / down))
    yield "GEOTRANSFORM", ",".join(repr(number) for number in (west, across, 0.0, north, 0.0, -down))
    yield "BAND_COUNT", str(len(bands))
    yield "DATA_TYPE", ",".join(str(band.data_type) for band in bands)
    yield "SORT_FIELD", "rank"
    yield "SORT_FIELD_ASC", "YES"
    yield "LOCATION_FIELD", "location"
    nodata = [band.nodata for band in bands]
    if all(value is not None for value in nodata):
        yield "NODATA", ",".join(repr(value) for value in nodata)
    else:
        yield "MASK_BAND", "YES"


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
