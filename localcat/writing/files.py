"""Files as the pixels of an image: copied or rewritten into the data folder, or indexed in place."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from localcat.disk.filesystem import exists, is_link
from localcat.disk.paths import in_place_href
from localcat.earth.crs import crs_name, parse_crs
from localcat.earth.geometry import area_km2
from localcat.errors import BadRequestError, GridMismatchError, RasterError, RasterWarning
from localcat.models.band import Band
from localcat.rasters.files.describe import RasterDescription, describe
from localcat.rasters.files.dtypes import is_lossless, numpy_dtype
from localcat.rasters.files.georeferencing import agrees
from localcat.rasters.files.validate import validate_cog
from localcat.rasters.warping.straight import Straight, straight_of
from localcat.rasters.writing.copying import as_cog, copy_raster, digest_raster
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import departures
from localcat.writing.commit import Step, Written, ground_of
from localcat.writing.options import cog_options, layer_of, tags_of, warn_of

if TYPE_CHECKING:
    from localcat.earth.contexts.grid import Grid
    from localcat.models.image import Image
    from localcat.models.requests import UploadRequest
    from localcat.rasters.writing.checks import BandLayer
    from localcat.store.catalog_file import CatalogFile
    from localcat.writing.log import UploadRecord

_SUFFIXES = {"GTiff": ".tif", "JP2OpenJPEG": ".jp2"}
_SIDECARS = (".msk", ".aux.xml", ".ovr")  # of GDAL: a mask, what a format has no place for, overviews


def file_steps(
    catalog: CatalogFile,
    image: Image,
    request: UploadRequest,
    bands: list[Band],
    record: UploadRecord,
    *,
    threads: int,
    known: Sequence[RasterDescription] = (),
) -> list[Step]:
    """Return for each file the step that takes it in; those that rewrite use that many threads of GDAL.

    Who has read the headers of the files already passes them as `known`, and has looked where the files are.
    """
    names = [path.name for path in request.files]
    record.options = replace(request.options, upload_type="file", image_files=names)
    # Without ".." in it, but not resolved: a path through a link keeps to where the link points.
    paths = [Path(os.path.abspath(path)) for path in request.files]  # noqa: PTH100
    if request.copy:  # of a link, the file that it leads to is copied
        paths = [Path(os.path.realpath(path)) if is_link(path) else path for path in paths]
    for path in paths:
        _warn_of_sidecars(path, record)
    found = [*known, *itertools.repeat(None, len(paths) - len(known))]
    in_files = [
        _File(path, [band for band in bands if band.file_position == position], found[position])
        for position, path in enumerate(paths)
    ]
    if request.cog:
        options = cog_options(request.options, bands, threads, record)
        for text in departures((), options):
            warn_of(RasterWarning(text), record)
        return [_rewrite_step(catalog, image, file, options) for file in in_files]
    if request.copy:
        return [_copy_step(catalog, image, file) for file in in_files]
    for path in () if known else paths:
        if path.resolve().is_relative_to(catalog.data_folder.path.resolve()):
            raise BadRequestError(
                f"'{path}' is in the catalog's own data folder, where files come and go with their images; "
                "move it elsewhere to index it in place, or leave out copy=False"
            )
    return [_index_step(catalog, image, file) for file in in_files]


@dataclass(frozen=True, slots=True)
class _File:
    """A file to take in, the bands that are declared to be in it, and its header, if that was read."""

    path: Path
    bands: list[Band]
    known: RasterDescription | None


def _warn_of_sidecars(path: Path, record: UploadRecord) -> None:
    """Name the files beside a raster in which other programs keep a part of what it says."""
    beside = [f"{path.name}{suffix}" for suffix in _SIDECARS] + [f"{path.stem}{suffix}" for suffix in _SIDECARS]
    found = [name for name in dict.fromkeys(beside) if exists(path.with_name(name))]
    if found:
        text = (
            f"beside '{path}' there is {' and '.join(found)}, which is not read: what it says of masks, nodata and "
            "overviews does not count; write that into the file itself, for example with gdal_translate"
        )
        warn_of(RasterWarning(text), record)


def _copy_step(catalog: CatalogFile, image: Image, file: _File) -> Step:
    def copy(stack: ExitStack) -> Written:
        found, grid = _checked(image, file)
        ground = ground_of(grid)
        folder = catalog.data_folder
        folder.require_space(found.size_bytes)
        suffix = _SUFFIXES[found.driver]
        temporary = stack.enter_context(folder.temporary(suffix))
        digest = copy_raster(file.path, temporary, declared=_declared(file.bands))
        folder.sync(temporary)
        return Written(digest, grid, ground, temporary=temporary, suffix=suffix)

    return copy


def _rewrite_step(catalog: CatalogFile, image: Image, file: _File, options: CogOptions) -> Step:
    copy = _copy_step(catalog, image, file)

    def rewrite(stack: ExitStack) -> Written:
        found, grid = _checked(image, file, is_rewritten=True)
        straight = _straight(file.path, found)
        if straight is None and found.driver == "GTiff" and validate_cog(file.path).is_valid:
            return copy(stack)
        ground = ground_of(grid) if straight is None else (straight.outline, area_km2(straight.outline))
        folder = catalog.data_folder
        folder.require_space(found.count * grid.height * grid.width * numpy_dtype(found.data_type).itemsize)
        temporary = stack.enter_context(folder.temporary(".tif"))
        declared = _declared(file.bands)
        digest = as_cog(file.path, temporary, options=options, tags=tags_of(image), declared=declared)
        folder.sync(temporary)
        return Written(digest, grid, ground, temporary=temporary, suffix=".tif")

    return rewrite


def _index_step(catalog: CatalogFile, image: Image, file: _File) -> Step:
    def index(stack: ExitStack) -> Written:
        _, grid = _checked(image, file)
        ground = ground_of(grid)
        digest = digest_raster(file.path, declared=_declared(file.bands))
        return Written(digest, grid, ground, in_place=in_place_href(file.path, catalog.path.parent))

    return index


def _declared(bands: list[Band]) -> dict[int, BandLayer]:
    """Return what the bands of a file say of their pixels, by GDAL's number of the band."""
    return {band.position + 1: layer_of(band) for band in bands}


def _checked(image: Image, file: _File, *, is_rewritten: bool = False) -> tuple[RasterDescription, Grid]:
    """Compare a file's header with the image's CRS, if it has one, and with the bands declared to be in the file."""
    path = file.path
    if not os.path.lexists(path):
        raise RasterError(f"{path} is not there; pass the path of a GeoTIFF or JPEG 2000 file to upload")
    found = file.known or describe(path)
    grid = grid_of(path, found, is_rewritten=is_rewritten)
    declared_crs = image.cs_code or image.projection
    if declared_crs is not None and not agrees(grid, parse_crs(declared_crs)):
        raise GridMismatchError(
            f"image '{image.id}' has the CRS {declared_crs!r} but '{path}' has "
            f"{crs_name(grid.crs)!r}; leave cs_code and projection unset"
        )
    require_bands(path, found, file.bands)
    return found, grid


def _straight(path: Path, found: RasterDescription) -> Straight | None:
    """Return where the pixels of a file with control points are; None for one that has a grid, or neither."""
    if found.control_points is None:
        return None
    try:
        return straight_of(found.control_points, found.shape)
    except RasterError as error:
        raise type(error)(f"'{path}': {error}") from error


def grid_of(path: Path, found: RasterDescription, *, is_rewritten: bool = False) -> Grid:
    """Return the grid of a file, or the one that it will be brought onto.

    Raises
    ------
    RasterError
        If it has none; with the way to one.
    """
    if found.grid is not None:
        return found.grid
    straight = _straight(path, found)
    if straight is None:
        how = "rational polynomials (RPC) and no grid; bring it onto one, for example with gdalwarp -rpc"
        other = "no georeferencing; give it a CRS and a transform, or upload an array"
        raise RasterError(f"'{path}' has {how if found.has_rpc else other}")
    if not is_rewritten:
        raise RasterError(
            f"'{path}' has ground control points and no grid; ingest it with cog=True, which brings its pixels onto a "
            "grid in the data folder"
        )
    return straight.grid


def require_bands(path: Path, found: RasterDescription, bands: Sequence[Band]) -> None:
    """Refuse a file that lacks a band which is declared to be in it, or has it in a type that does not fit.

    Raises
    ------
    RasterError
        With the band.
    """
    for band in bands:
        position = band.position
        if position >= found.count:
            raise RasterError(
                f"'{path}' has {found.count} bands and band '{band.name}' is declared as number {position}"
            )
        if band.data_type is None or band.is_mask:  # all its pixels are compared when they are decoded
            continue
        declared = numpy_dtype(band.data_type).name
        if not is_lossless(found.dtypes[position], declared):
            raise RasterError(f"band '{band.name}' stores {declared} but '{path}' has {found.dtypes[position]}")
