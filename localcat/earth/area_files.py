"""Areas of interest in files: GeoJSON, WKT and WKB; other vector formats by pyogrio, if it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import shapely

from localcat.earth import wkb
from localcat.earth.contexts.projection import crs_of
from localcat.earth.geometry import as_geometry
from localcat.earth.offline import proj_offline
from localcat.earth.wkt import as_area
from localcat.errors import BadRequestError, CorruptCatalogError, InvalidGeometryError
from localcat.json_text import loads

if TYPE_CHECKING:
    import os

    from rasterio.crs import CRS
    from shapely.geometry.base import BaseGeometry

_LARGEST = 64 * 2**20  # bytes of a text; a coastline in full detail has some
_TEXTS = (".json", ".geojson", ".wkt", ".txt")
_WKB = (".wkb",)


def area_from_file(path: str | os.PathLike[str]) -> BaseGeometry:
    """Return the geometry of a file, in longitude and latitude; of several features all together.

    Parameters
    ----------
    path : path
        GeoJSON (``.geojson``, ``.json``), well-known text (``.wkt``, ``.txt``) or well-known binary (``.wkb``). Other
        formats, such as GeoPackage, Shapefile and KML, are read by pyogrio if it is installed; their CRS is minded.

    Raises
    ------
    BadRequestError
        If the file cannot be read, is larger than 64 MiB, or needs pyogrio.
    InvalidGeometryError
        If it holds no usable geometry.
    """
    file = Path(path)
    try:
        size = file.stat().st_size
        if size > _LARGEST:
            raise BadRequestError(f"'{file}' has {size:,} bytes, too many for an area; simplify it below 64 MiB")
        if file.suffix.lower() in _TEXTS:
            return area_from_text(file.read_text(encoding="utf-8-sig"), name=str(file))
        if file.suffix.lower() in _WKB:
            blob = file.read_bytes()
            wkb.check_depth(blob)
            return as_geometry(shapely.from_wkb(blob))
    except OSError as error:
        raise BadRequestError(f"the area '{file}' cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidGeometryError(f"'{file}' is not text in UTF-8, so neither GeoJSON nor WKT") from error
    except (*wkb.UNREADABLE, CorruptCatalogError) as error:
        raise InvalidGeometryError(f"'{file}' is not the well-known binary of a geometry: {error}") from error
    shapes, crs = _by_pyogrio(file)
    return as_geometry(shapes, crs=crs)


def area_from_text(text: str, *, name: str = "the text") -> BaseGeometry:
    """Return the geometry of a string that is GeoJSON or well-known text.

    Parameters
    ----------
    text : str
        GeoJSON if it begins with a brace, else WKT.
    name : str
        What the text is called in errors.

    Raises
    ------
    InvalidGeometryError
        If it is neither, or the geometry is not usable.
    """
    if not text.lstrip().startswith("{"):
        return as_area(text.strip())
    try:
        document = loads(text)
    except ValueError as error:
        raise InvalidGeometryError(f"{name} is not GeoJSON: {error}") from error
    return as_geometry(document)


def _by_pyogrio(file: Path) -> tuple[BaseGeometry, CRS | None]:
    """Return the geometries of the first layer of a file, and the CRS of their coordinates, if it names one."""
    try:
        from pyogrio.errors import DataLayerError, DataSourceError  # optional: GeoJSON and WKT need no library
        from pyogrio.raw import read
    except ImportError as error:
        raise BadRequestError(
            f"'{file}' is read by pyogrio, which is not installed; install it, or write the area as GeoJSON"
        ) from error
    try:
        with proj_offline():
            meta, _, geometries, _ = read(file, columns=[])
    except (DataSourceError, DataLayerError, ValueError) as error:
        told = f"'{file}' is not a file of areas that can be read; write the area as GeoJSON"
        raise InvalidGeometryError(told) from error
    shapes = [] if geometries is None else [shape for shape in shapely.from_wkb(geometries) if shape is not None]
    if not shapes:
        raise InvalidGeometryError(f"'{file}' holds no geometry")
    return shapely.GeometryCollection(shapes), None if meta["crs"] is None else crs_of(meta["crs"])
