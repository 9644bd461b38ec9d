"""Bringing pixels into a catalog: files first, row last.

The order of the steps is what keeps the promise that a row's files exist, whole, whenever the power goes: write under a
temporary name, sync, rename, sync the folder, insert the row, commit. Nothing is unlinked before its commit.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy
from affine import Affine

from localcat.crs import crs_code, parse_crs
from localcat.errors import (
    BadRequestError,
    ClientError,
    CommitUnknownError,
    ConflictError,
    DuplicateError,
    InvalidArrayError,
    RasterError,
    UploadOptionWarning,
)
from localcat.geocontext.grid import Grid
from localcat.geometry import area_km2
from localcat.models.band import Band, ClassBand, MaskBand
from localcat.models.enums import ImageUploadEventSeverity as Severity
from localcat.models.enums import ImageUploadEventType as EventType
from localcat.models.enums import ImageUploadStatus, StorageState
from localcat.models.upload import ImageUpload
from localcat.models.values import File
from localcat.rasters.arrays import BandLayer, check_array
from localcat.rasters.copying import copy_raster
from localcat.rasters.describe import describe
from localcat.rasters.dtypes import numpy_dtype
from localcat.rasters.footprint import footprint
from localcat.rasters.write import CogOptions, FileDigest, write_cog
from localcat.store import rows
from localcat.timestamps import iso_text, now_microseconds, to_microseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.catalog import Catalog
    from localcat.models.image import Image
    from localcat.models.requests import ImageUploadOptions, UploadRequest
    from localcat.store.database import Transaction

_COMPONENT = "localcat"
_SUFFIXES = {"GTiff": ".tif", "JP2OpenJPEG": ".jp2"}


@dataclass(frozen=True, slots=True)
class _ArrayFile:
    """An array that is to become a file, checked and with its bands known."""

    pixels: NDArray[Any]
    mask: NDArray[numpy.bool_] | None
    layers: Sequence[BandLayer]
    grid: Grid


@dataclass(frozen=True, slots=True)
class _Written:
    """A file under its temporary name, whole and on the disk."""

    temporary: Path
    digest: FileDigest
    grid: Grid
    suffix: str
    fill_fraction: float | None


@dataclass(slots=True)
class _Log:
    """The events of an upload, kept until they can be stored."""

    events: list[tuple[int, EventType, Severity, str]] = field(default_factory=list)

    def add(self, kind: EventType, message: str, severity: Severity = Severity.INFO) -> None:
        self.events.append((now_microseconds(), kind, severity, message))


def run_upload(catalog: Catalog, image: Image, request: UploadRequest) -> ImageUpload:
    """Take in files or arrays as the pixels of a new image.

    What is wrong with the arguments raises; what goes wrong later ends in an upload whose status is ``"failure"``, and
    leaves neither a row of the image nor a file.
    """
    bands = list(catalog.bands_of(str(image.product_id)))
    if not bands:
        raise BadRequestError(f"product '{image.product_id}' has no bands; declare what its files hold first")
    uid = uuid4().hex
    log = _Log()
    log.add(EventType.QUEUE, f"upload of '{image.id}' accepted")
    jobs: list[Callable[[ExitStack], _Written]]
    if request.arrays:
        files = _array_files(image, request, bands, log)
        options = _cog_options(request.options, bands)
        tags = {"TIFFTAG_DATETIME": _tiff_time(image), "LOCALCAT_IMAGE_ID": str(image.id)}
        jobs = [_array_job(catalog, file, options, tags, log) for file in files]
        stored_options = replace(
            request.options, upload_type="ndarray", upload_size=sum(f.pixels.nbytes for f in files)
        )
    else:
        jobs = [_file_job(catalog, path, position, bands) for position, path in enumerate(request.files)]
        names = [path.name for path in request.files]
        stored_options = replace(request.options, upload_type="file", image_files=names)
    try:
        with ExitStack() as stack:
            log.add(EventType.RUN, "writing pixels")
            written = [job(stack) for job in jobs]
            upload = _commit(catalog, image, written, request.overwrite, _UploadRow(uid, stored_options, log))
    except CommitUnknownError:
        raise
    except ClientError as error:
        upload = _failed(catalog, image, _UploadRow(uid, stored_options, log), error)
    return upload


# Arrays


def _array_files(image: Image, request: UploadRequest, bands: list[Band], log: _Log) -> list[_ArrayFile]:
    """Check the arrays against the product, and give each its grid, mask and bands."""
    crs, transform = _georeferencing(image, request.raster_meta)
    files = []
    for position, given in enumerate(request.arrays):
        pixels = check_array(numpy.asanyarray(given))
        declared = sorted((band for band in bands if (band.file_index or 0) == position), key=_band_index)
        if not declared:
            raise InvalidArrayError(
                f"{len(request.arrays)} arrays were given; product '{image.product_id}' has no bands in file {position}"
            )
        height, width = pixels.shape[1:]
        coarsest = max(request.options.overviews or [0])
        if coarsest > max(height, width):
            raise BadRequestError(f"an overview of factor {coarsest} of {width} × {height} pixels would have none")
        if 5 * len(pixels) > min(height, width):
            warnings.warn(
                f"an array of shape {given.shape} looks like it might not have the band axis as the first dimension",
                UploadOptionWarning,
                stacklevel=6,
            )
        mask = None
        if isinstance(given, numpy.ma.MaskedArray) and given.mask is not numpy.ma.nomask:
            mask = numpy.ma.getmaskarray(given).reshape(pixels.shape)
        pixels, mask = _with_alpha(pixels, mask, declared, image)
        _check_types(pixels, declared, image)
        _warn_of_values(pixels, mask, declared, log)
        grid = Grid(crs, transform, (height, width))
        files.append(_ArrayFile(pixels, mask, [_layer(band) for band in declared], grid))
    return files


def _georeferencing(image: Image, meta: Mapping[str, Any]) -> tuple[Any, Affine]:
    """Return CRS and transform: the image's own, else those of the raster_meta."""
    if image.cs_code is not None and image.projection is not None:
        warnings.warn("both cs_code and projection are set; cs_code is used", UploadOptionWarning, stacklevel=6)
    geotrans = image.geotrans or meta.get("geoTransform")
    if geotrans is None or len(geotrans) != 6:
        raise BadRequestError(
            f"image '{image.id}' has no georeferencing: set geotrans to six numbers, or pass raster_meta"
        )
    system = meta.get("coordinateSystem") or {}
    text = image.cs_code or image.projection or system.get("epsg") or system.get("wkt") or system.get("proj4")
    if text is None:
        raise BadRequestError(f"image '{image.id}' has no CRS: set cs_code such as 'EPSG:32618', or pass raster_meta")
    transform = Affine.from_gdal(*(float(number) for number in geotrans))
    if transform.is_degenerate:
        raise BadRequestError(f"geotrans {tuple(geotrans)!r} of image '{image.id}' has pixels without extent")
    return parse_crs(text), transform


def _with_alpha(
    pixels: NDArray[Any], mask: NDArray[numpy.bool_] | None, declared: list[Band], image: Image
) -> tuple[NDArray[Any], NDArray[numpy.bool_] | None]:
    """Add the alpha band that the product declares and the array lacks, made of the array's mask."""
    expected = _band_index(declared[-1]) + 1
    last = declared[-1]
    if len(pixels) == expected:
        return pixels, mask
    if len(pixels) != expected - 1 or not (isinstance(last, MaskBand) and last.is_alpha):
        names = ", ".join(str(band.name) for band in declared)
        raise InvalidArrayError(
            f"product '{image.product_id}' declares {expected} bands ({names}) and the array has {len(pixels)}; "
            "pass one array with all of them"
        )
    invalid = numpy.zeros(pixels.shape[1:], dtype=bool) if mask is None else mask.any(axis=0)
    alpha = (~invalid).astype(pixels.dtype)[numpy.newaxis]
    if mask is not None:  # under the alpha band nothing else is masked, and what lies there is no data
        pixels = numpy.where(invalid, numpy.zeros((), pixels.dtype), pixels)
        if any(band.nodata is not None for band in declared[:-1]):
            return numpy.concatenate((pixels, alpha)), numpy.concatenate((mask, numpy.zeros_like(mask[:1])))
    return numpy.concatenate((pixels, alpha)), None


def _check_types(pixels: NDArray[Any], declared: list[Band], image: Image) -> None:
    for band in declared:
        wanted = None if band.data_type is None or isinstance(band, MaskBand) else numpy_dtype(band.data_type)
        if wanted is not None and pixels.dtype != wanted:
            raise InvalidArrayError(
                f"band '{band.name}' of product '{image.product_id}' stores {wanted.name} but the array is "
                f"{pixels.dtype.name}; cast it with array.astype('{wanted.name}')"
            )


def _warn_of_values(pixels: NDArray[Any], mask: NDArray[numpy.bool_] | None, declared: list[Band], log: _Log) -> None:
    for band in declared:
        layer = pixels[_band_index(band)]
        values = layer if mask is None else layer[~mask[_band_index(band)]]
        if band.data_range is None or not values.size:
            continue
        low, high = float(numpy.nanmin(values)), float(numpy.nanmax(values))
        if low < band.data_range[0] or high > band.data_range[1]:
            log.add(
                EventType.LOG,
                f"band '{band.name}' has values from {low:g} to {high:g}, outside its data_range {band.data_range}",
                Severity.WARNING,
            )


def _layer(band: Band) -> BandLayer:
    colormap = band.colormap if isinstance(band, ClassBand) else None
    return BandLayer(
        description=band.name,
        nodata=band.nodata,
        is_alpha=isinstance(band, MaskBand) and bool(band.is_alpha),
        is_categorical=isinstance(band, ClassBand | MaskBand),
        colormap=None if colormap is None else dict(enumerate(colormap)),
    )


def _cog_options(options: ImageUploadOptions, bands: list[Band]) -> CogOptions:
    resampler = options.overview_resampler
    if resampler not in (None, "nearest", "mode") and any(isinstance(band, ClassBand) for band in bands):
        warnings.warn(
            f"overviews by {resampler!r} mix the values of class bands; 'mode' or 'nearest' keep them",
            UploadOptionWarning,
            stacklevel=5,
        )
    return CogOptions(
        overviews=None if options.overviews is None else tuple(options.overviews),
        overview_resampling=resampler,
        threads=os.cpu_count() or 1,
    )


def _tiff_time(image: Image) -> str:
    """Return `acquired` as TIFF 6.0 writes times."""
    return iso_text(to_microseconds(image.acquired))[:19].replace("-", ":").replace("T", " ")


def _array_job(
    catalog: Catalog, file: _ArrayFile, options: CogOptions, tags: Mapping[str, str], log: _Log
) -> Callable[[ExitStack], _Written]:
    def write(stack: ExitStack) -> _Written:
        folder = catalog.data_folder
        folder.require_space(file.pixels.nbytes)
        temporary = stack.enter_context(folder.temporary(".tif"))
        digest = write_cog(
            file.pixels, temporary, grid=file.grid, options=options, bands=file.layers, mask=file.mask, tags=tags
        )
        folder.sync(temporary)
        log.add(EventType.LOG, f"{digest.size_bytes:,} bytes written")
        return _Written(temporary, digest, file.grid, ".tif", _fill_fraction(file))

    return write


def _fill_fraction(file: _ArrayFile) -> float:
    """Return the share of pixels that are valid in all bands."""
    valid = numpy.ones(file.grid.shape, dtype=bool)
    if file.mask is not None:
        valid &= ~file.mask.any(axis=0)
    for number, layer in enumerate(file.layers):
        if layer.is_alpha:
            valid &= file.pixels[number] != 0
    return float(valid.mean())


# Files


def _file_job(catalog: Catalog, path: Path, position: int, bands: list[Band]) -> Callable[[ExitStack], _Written]:
    def copy(stack: ExitStack) -> _Written:
        found = describe(path)
        if found.grid is None:
            raise RasterError(f"'{path}' has no georeferencing; give it a CRS and a transform, or upload an array")
        for band in bands:
            if (band.file_index or 0) != position:
                continue
            if _band_index(band) >= found.count:
                raise RasterError(
                    f"'{path}' has {found.count} bands and band '{band.name}' is declared as number {_band_index(band)}"
                )
            dtype = found.dtypes[_band_index(band)]
            if (
                band.data_type is not None
                and numpy_dtype(band.data_type).name != dtype
                and not isinstance(band, MaskBand)
            ):
                raise RasterError(
                    f"band '{band.name}' stores {numpy_dtype(band.data_type).name} but '{path}' has {dtype}"
                )
        folder = catalog.data_folder
        folder.require_space(found.size_bytes)
        suffix = _SUFFIXES[found.driver]
        temporary = stack.enter_context(folder.temporary(suffix))
        digest = copy_raster(path, temporary)
        folder.sync(temporary)
        return _Written(temporary, digest, found.grid, suffix, None)

    return copy


# The commit


@dataclass(frozen=True, slots=True)
class _UploadRow:
    """What is recorded about an upload itself."""

    uid: str
    options: ImageUploadOptions
    log: _Log

    def insert(self, catalog: Catalog, transaction: Transaction, image: Image, status: ImageUploadStatus) -> None:
        now = now_microseconds()
        options = ImageUpload._attributes["image_upload_options"]
        upload_id = rows.insert(
            transaction.connection,
            "upload",
            {
                "id": self.uid,
                "product_id": str(image.product_id),
                "image_id": str(image.id),
                "user": catalog.user,
                "status": status.value,
                "image_upload_options": options.dump(self.options),
                "created": self.log.events[0][0],
                "modified": now,
            },
        )
        transaction.connection.executemany(
            "INSERT INTO upload_event "
            "(upload_id, event_datetime, component, component_id, event_type, severity, message) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (upload_id, moment, _COMPONENT, str(os.getpid()), kind.value, severity.value, message)
                for moment, kind, severity, message in self.log.events
            ),
        )


def _commit(catalog: Catalog, image: Image, written: list[_Written], overwrite: bool, row: _UploadRow) -> ImageUpload:
    """Publish the files and insert the rows, in one transaction."""
    folder = catalog.data_folder
    before = dict(image._values)
    hrefs = [folder.new_href(str(image.product_id), str(image.name), file.suffix) for file in written]
    try:
        with catalog.database.write() as transaction:
            replaced = _discard_old(transaction, image, overwrite)
            with _unpublished_on_error(folder, hrefs):
                for file, href in zip(written, hrefs, strict=True):
                    folder.publish(file.temporary, href)
                _describe_image(image, written, hrefs)
                image.save()
                row.log.add(EventType.USAGE, f"{sum(file.digest.size_bytes for file in written):,} bytes stored")
                row.log.add(EventType.COMPLETE, f"image '{image.id}' is in the catalog")
                row.insert(catalog, transaction, image, ImageUploadStatus.SUCCESS)
            transaction.on_rollback.append(lambda: _remove(folder, hrefs))
            transaction.on_commit.append(lambda: catalog.delete_files(replaced))
    except CommitUnknownError as error:
        _settle(catalog, image, before, hrefs, error)
        raise
    except BaseException:
        image._restore(None, before)
        raise
    upload = _reread(catalog, row.uid)
    upload._image = image
    return upload


def _discard_old(transaction: Transaction, image: Image, overwrite: bool) -> list[str]:
    """Delete the rows of an image that is replaced; return its files, to be unlinked after the commit."""
    found = rows.find(transaction.connection, "image", (), str(image.id))
    if found is None:
        return []
    if not overwrite:
        raise DuplicateError(f"image '{image.id}' was created meanwhile; use a new image id or overwrite=True")
    row_id = int(found[0] or 0)
    hrefs = rows.discard_files(transaction.connection, [row_id])
    rows.delete(transaction.connection, "image", [row_id])
    return hrefs


@contextmanager
def _unpublished_on_error(folder: Any, hrefs: list[str]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _remove(folder, hrefs)
        raise


def _remove(folder: Any, hrefs: list[str]) -> None:
    for href in hrefs:
        folder.remove(href)


def _describe_image(image: Image, written: list[_Written], hrefs: list[str]) -> None:
    """Fill in what the pixels say of the image, where the user has not."""
    grid = written[0].grid
    code = crs_code(grid.crs)
    outline = footprint(grid)
    files = [
        File(href=href, size_bytes=file.digest.size_bytes, hash=file.digest.sha256, owned=True)
        for file, href in zip(written, hrefs, strict=True)
    ]
    bits = tuple(8 * file.digest.size_bytes / (file.grid.width * file.grid.height) for file in written)
    facts = {
        "geometry": outline,
        "geotrans": grid.geotransform,
        "x_pixels": grid.width,
        "y_pixels": grid.height,
        "area": area_km2(outline),
        "bits_per_pixel": bits,
        "fill_fraction": written[0].fill_fraction,
    }
    for name, value in facts.items():
        if getattr(image, name) is None:
            setattr(image, name, value)
    if image.cs_code is None and image.projection is None:
        if code is not None:
            image.cs_code = code
        else:
            image.projection = grid.crs.to_wkt()
    image.files = files
    image.storage_state = StorageState.AVAILABLE
    image._uploaded = frozenset(files)


def _settle(
    catalog: Catalog, image: Image, before: dict[str, Any], hrefs: list[str], error: CommitUnknownError
) -> None:
    """Find out whether a failed COMMIT reached the disk, and unlink the new files only if it surely did not."""
    try:
        with catalog.database.write() as transaction:
            found = rows.find(transaction.connection, "image", ("files",), str(image.id))
            error.committed = found is not None and hrefs[0] in str(found[2])
            if not error.committed:
                transaction.connection.executemany(
                    "INSERT OR IGNORE INTO trash (href) VALUES (?)", ((h,) for h in hrefs)
                )
                transaction.on_commit.append(lambda: catalog.delete_files(hrefs))
    except ClientError:
        error.committed = None  # a later gc decides by the rows it finds
    if not error.committed:
        image._restore(None, before)


def _failed(catalog: Catalog, image: Image, row: _UploadRow, error: ClientError) -> ImageUpload:
    """Record why an upload failed; where even that cannot be stored, the error itself is raised."""
    row.log.add(EventType.COMPLETE, str(error), Severity.ERROR)
    try:
        with catalog.database.write() as transaction:
            row.insert(catalog, transaction, image, ImageUploadStatus.FAILURE)
    except ClientError:
        raise error from None
    upload = _reread(catalog, row.uid)
    upload._image = image
    upload._error = error
    return upload


def _reread(catalog: Catalog, uid: str) -> ImageUpload:
    upload = ImageUpload.get(uid, catalog=catalog)
    if upload is None:
        raise ConflictError(f"upload '{uid}' was deleted meanwhile")
    return upload


def _band_index(band: Band) -> int:
    return band.band_index or 0
