"""Images as arrays: one, a mosaic of several, a stack of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy
from tqdm import tqdm

from localcat.errors import (
    BadRequestError,
    CorruptImageError,
    FailedImagesWarning,
    ImageDeletedError,
    RasterError,
    StorageError,
    UnsavedObjectError,
)
from localcat.filesystem import exists
from localcat.models.band import Band, ClassBand, MaskBand
from localcat.models.enums import DocumentState, StorageState
from localcat.models.image import Image
from localcat.pixels.plan import BandChoice, ReadPlan, plan_for
from localcat.rasters import mosaic
from localcat.rasters.describe import band_info, raster_info
from localcat.rasters.dtypes import numpy_dtype
from localcat.rasters.opening import quiet_threads
from localcat.rasters.read import BandSource, read_bands
from localcat.rasters.scaling import apply_scaling
from localcat.warn import warn_caller

if TYPE_CHECKING:
    from localcat.models.requests import ReadRequest
    from localcat.models.values import File

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

Failures: TypeAlias = dict[int, tuple[str, Exception]]
"""Images that could not be read: by position, the id and the reason."""

T = TypeVar("T")
R = TypeVar("R")

FAILURES = (RasterError, StorageError)  # of one image; what is wrong with the question raises in any case
_TRIES = 3  # a replaced image has other files; how often to look again before giving up
_MOST_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """Pixels, and what they are.

    Parameters
    ----------
    pixels : masked array, shape (band, row, column)
        Scaled; only the bands that were asked for.
    plan : ReadPlan
        How they were read.
    images : sequence of Image
        Where they are from.
    """

    pixels: MaskedArray
    plan: ReadPlan
    images: Sequence[Image]


def read_image(image: Image, request: ReadRequest) -> Any:
    """Read bands of an image onto a grid; `Image.ndarray` says how."""
    axis = _axis(request.bands_axis)
    reading = read_one(image, request)
    array = numpy.moveaxis(_as_asked(reading.pixels, reading.plan), 0, axis)
    return (array, _info(reading.plan, reading.images)) if request.raster_info else array


def read_mosaic(images: Sequence[Image], request: ReadRequest) -> Any:
    """Read bands of images onto one grid, the last one on top; `ImageCollection.mosaic` says how."""
    axis = _axis(request.bands_axis)
    reading = read_many(images, request)
    array = numpy.moveaxis(_as_asked(reading.pixels, reading.plan), 0, axis)
    return (array, _info(reading.plan, images)) if request.raster_info else array


def read_stack(groups: Sequence[Sequence[Image]], request: ReadRequest) -> Any:
    """Read a mosaic of each group of images, as layers of one array; `ImageCollection.stack` says how."""
    if request.bands_axis in (0, -4):
        raise NotImplementedError("bands cannot be the first axis of a stack, which is that of images")
    if request.bands_axis not in range(-3, 4):
        raise BadRequestError(f"bands_axis of a stack is 1, 2, 3, -1, -2 or -3, not {request.bands_axis!r}")
    plan = plan_for([image for group in groups for image in group], request)
    plan.require_room(len(groups))
    shape = (len(groups), len(plan.any_choice.kept), *plan.grid.shape)
    values = numpy.zeros(shape, dtype=numpy_dtype(plan.data_type))
    mask = numpy.ones(shape, dtype=bool)
    failed: list[Failures] = [{} for _ in groups]

    def read_layer(position: int) -> bool:
        try:
            layer = _scaled(_laid_over(groups[position], plan, failed[position]), plan)
        except FAILURES:
            if request.on_error == "raise":
                raise
            return False
        values[position], mask[position] = numpy.ma.getdata(layer), numpy.ma.getmaskarray(layer)
        return True

    is_read = in_threads(read_layer, range(len(groups)), request, "stack")
    failures = [failure for layer in failed for failure in layer.values()]
    if failures and not any(is_read):
        raise failures[0][1]
    report_failures(failures)
    if request.on_error == "skip" and not all(is_read):
        values, mask = values[is_read], mask[is_read]
        groups = [group for group, was_read in zip(groups, is_read, strict=True) if was_read]
    array: Any = numpy.ma.MaskedArray(values, mask=mask) if plan.is_masked or request.on_error == "mask" else values
    array = numpy.moveaxis(array, 1, request.bands_axis)
    return (array, [_info(plan, group) for group in groups]) if request.raster_info else array


def read_one(image: Image, request: ReadRequest) -> Reading:
    """Read bands of an image as it is in the catalog now."""

    def read(present: Image) -> Reading:
        require_pixels(present)
        plan = plan_for([present], request)
        plan.require_room()
        return Reading(_scaled(_layer(present, plan), plan), plan, [present])

    return of_present(image, read)


def read_many(images: Sequence[Image], request: ReadRequest) -> Reading:
    """Read a mosaic of images."""
    plan = plan_for(images, request)
    plan.require_room()
    failures: Failures = {}
    with progress_bar(len(images), request, "mosaic") as advance:
        pixels = _laid_over(images, plan, failures, advance)
    report_failures(failures.values())
    return Reading(_scaled(pixels, plan), plan, images)


def in_threads(function: Callable[[T], R], items: Iterable[T], request: ReadRequest, label: str) -> list[R]:
    """Return what a function makes of each item, in order; the first error stops what has not begun."""
    todo = list(items)
    workers = request.max_workers
    if workers is None:
        workers = min(os.cpu_count() or 1, _MOST_WORKERS)
    elif isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise BadRequestError(f"max_workers is a whole number from 1, not {workers!r}")
    results: list[R] = []
    if workers == 1 or len(todo) == 1:  # in the caller's thread, which sees its own open transaction
        with progress_bar(len(todo), request, label) as advance:
            for item in todo:
                results.append(function(item))
                advance()
        return results
    with progress_bar(len(todo), request, label) as advance, quiet_threads(), ThreadPoolExecutor(workers) as pool:
        futures: list[Future[R]] = [pool.submit(function, item) for item in todo]
        try:
            for future in futures:
                results.append(future.result())
                advance()
        finally:
            for future in futures:
                future.cancel()
    return results


@contextmanager
def progress_bar(total: int, request: ReadRequest, label: str) -> Iterator[Callable[[], object]]:
    """Show progress on the terminal, if there is one or the request says so; yields what to call after each step."""
    disable = None if request.progress is None else not request.progress  # tqdm's None: on terminals only
    with tqdm(total=total, desc=label, disable=disable, leave=False) as bar:
        yield bar.update


def _axis(bands_axis: int) -> int:
    if bands_axis not in range(-2, 3):
        raise BadRequestError(f"bands_axis is from -2 to 2, not {bands_axis!r}")
    return bands_axis


def of_present(image: Image, read: Callable[[Image], R]) -> R:
    """Call a function with an image as it is in the catalog now, again if it is replaced meanwhile.

    A replaced image gives its new pixels, a deleted one an error; neither ever its old pixels.
    """
    if image.state is DocumentState.UNSAVED:
        raise UnsavedObjectError(f"image '{image.id}' was never saved; upload its pixels first")
    for remaining in reversed(range(_TRIES)):
        present = Image.get(str(image.id), catalog=image._catalog)
        if present is None or present.id != image.id:
            raise ImageDeletedError(f"image '{image.id}' is not in the catalog any more; nothing was read")
        try:
            return read(present)
        except ImageDeletedError:
            if not remaining:
                raise
    raise AssertionError("the last try returns or raises")


def _laid_over(
    images: Sequence[Image], plan: ReadPlan, failures: Failures, advance: Callable[[], object] = bool
) -> MaskedArray:
    """Return the stored pixels of images, each from the last one in which it is valid."""

    def read(position: int, layer_plan: ReadPlan) -> MaskedArray:
        image = images[position]
        try:
            return of_present(image, lambda present: _layer(present, layer_plan))
        except FAILURES as error:
            if plan.request.on_error == "raise":
                raise
            failures[position] = str(image.id), error
            shape = (len(plan.any_choice.kept), *plan.grid.shape)
            return numpy.ma.MaskedArray(numpy.zeros(shape, plan.dtype), mask=True)
        finally:
            advance()

    layers: list[Callable[[], MaskedArray]] = []
    if not plan.request.mask_nodata and len(images) > 1:
        # Nodata never covers valid pixels. Where all images have it, it is taken from beneath the alpha bands alone.
        layers += [partial(read, position, plan) for position in range(len(images))]
        plan_on_top = replace(plan, request=replace(plan.request, mask_nodata=True))
        layers += [partial(read, position, plan_on_top) for position in range(len(images))]
    else:
        layers = [partial(read, position, plan) for position in range(len(images))]
    pixels = mosaic.mosaic(layers)
    if len(failures) == len(images):
        raise failures[0][1]
    return pixels


def _layer(image: Image, plan: ReadPlan) -> MaskedArray:
    """Return the stored pixels of one image on the plan's grid, without the alpha band unless it was asked for."""
    choice = plan.choice_of(image)
    pixels = read_bands(
        sources_of(image, choice.bands),
        plan.grid,
        resampling=plan.resampling,
        mask_nodata=plan.request.mask_nodata,
        dtype=plan.dtype,
        cutline=plan.cutline,
        all_touched=plan.all_touched,
        max_bytes=plan.max_bytes,
    )
    return masked_by_alpha(pixels, choice)[: len(choice.kept)]


def masked_by_alpha(pixels: MaskedArray, choice: BandChoice) -> MaskedArray:
    """Mask all bands where the alpha band, which comes last, is 0 or itself masked."""
    if choice.alpha is None:
        return pixels
    alpha = pixels[-1]
    transparent = numpy.ma.getmaskarray(alpha) | (numpy.ma.getdata(alpha) == 0)
    return numpy.ma.MaskedArray(numpy.ma.getdata(pixels), mask=numpy.ma.getmaskarray(pixels) | transparent)


def require_pixels(image: Image) -> Sequence[File]:
    """Return the files of an image whose pixels are here.

    Raises
    ------
    RasterError
        If they are not.
    """
    files: Sequence[File] = image.files or []
    if image.storage_state != StorageState.AVAILABLE or not files:
        raise RasterError(f"image '{image.id}' has no pixels in this catalog (storage_state '{image.storage_state}')")
    return files


def sources_of(image: Image, bands: Sequence[Band]) -> list[BandSource]:
    """Return where the bands of an image lie on the disk.

    Raises
    ------
    RasterError
        If the image has no pixels here, or lacks a file that a band needs.
    CorruptImageError
        If a file's size is not what the catalog says.
    """
    files = require_pixels(image)
    found = []
    for band in bands:
        position = band.file_index or 0
        if position >= len(files):
            raise RasterError(
                f"band '{band.name}' lies in file {position} and image '{image.id}' has {len(files)} files"
            )
        file = files[position]
        path = image._catalog.path_of(file)
        size = path.stat().st_size if exists(path) else None
        if size is not None and file.size_bytes not in (None, size):
            raise CorruptImageError(
                f"'{path}' has {size:,} bytes and should have {file.size_bytes:,}; restore it from a copy"
            )
        is_code = isinstance(band, ClassBand | MaskBand)
        found.append(BandSource(path, (band.band_index or 0) + 1, band.nodata, is_categorical=is_code))
    return found


def _scaled(pixels: MaskedArray, plan: ReadPlan) -> MaskedArray:
    dtype = numpy_dtype(plan.data_type)
    return pixels if plan.scales is None and pixels.dtype == dtype else apply_scaling(pixels, plan.scales, dtype)


def _as_asked(pixels: MaskedArray, plan: ReadPlan) -> Any:
    return pixels if plan.is_masked else numpy.ma.getdata(pixels)


def _info(plan: ReadPlan, images: Sequence[Image]) -> dict[str, Any]:
    """Return the georeferencing of a result, and where it is from."""
    ids = [str(image.id) for image in images]
    bands = [
        band_info(position + 1, name=str(band.name), data_type=plan.data_type, nodata=plan.nodata(position))
        for position, band in enumerate(plan.any_choice.kept)
    ]
    return raster_info(
        plan.grid,
        bands=bands,
        files=[str(file.href) for image in images for file in image.files or []],
        metadata={"id": ids[0]} if len(ids) == 1 else {"ids": ids},
    )


def report_failures(failures: Iterable[tuple[str, Exception]]) -> None:
    """Warn of images that were left out."""
    listed = list(failures)
    if listed:
        warn_caller(FailedImagesWarning(listed))
