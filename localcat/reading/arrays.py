"""Images as arrays: one, a mosaic of several, a stack of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeVar

import numpy
from tqdm import tqdm

from localcat.errors import BadRequestError, FailedImagesWarning, warn_caller
from localcat.models.image import Image
from localcat.rasters.files.describe import band_info, raster_info
from localcat.rasters.files.environment import usable_threads
from localcat.rasters.files.opening import quiet_threads
from localcat.rasters.reading.mosaic import clear
from localcat.reading.layers import FAILURES, Failures, Mosaic, assembled, image_layer, of_present, require_pixels
from localcat.reading.plan import ReadPlan, plan_for

if TYPE_CHECKING:
    from localcat.models.requests import ReadRequest

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

T = TypeVar("T")
R = TypeVar("R")

_MOST_WORKERS = 8
_AXES = range(-2, 3)
_STACK_AXES = (-3, -2, -1, 1, 2, 3)


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
    axis = _axis(request, _AXES)
    reading = read_one(image, request)
    array = numpy.moveaxis(_as_asked(reading.pixels, reading.plan), 0, axis)
    return (array, _info(reading.plan, reading.images)) if request.raster_info else array


def read_mosaic(images: Sequence[Image], request: ReadRequest) -> Any:
    """Read bands of images onto one grid, the last one on top; `ImageCollection.mosaic` says how."""
    axis = _axis(request, _AXES)
    reading = read_many(images, request)
    array = numpy.moveaxis(_as_asked(reading.pixels, reading.plan), 0, axis)
    return (array, _info(reading.plan, images)) if request.raster_info else array


def read_stack(groups: Sequence[Sequence[Image]], request: ReadRequest) -> Any:
    """Read a mosaic of each group of images, as layers of one array; `ImageCollection.stack` says how."""
    axis = _axis(request, _STACK_AXES)
    plan = plan_for([image for group in groups for image in group], request)
    plan.require_room(len(groups))
    workers = _workers(request, len(groups))
    plan = replace(plan, threads=usable_threads(workers) if workers > 1 else 1)
    array: Any = plan.nothing(len(groups))
    failed: list[Failures] = [{} for _ in groups]

    def read_layer(position: int) -> bool:
        layer = array[position]
        try:
            Mosaic(groups[position], plan, failures=failed[position]).read(layer)
        except FAILURES:
            if request.on_error == "raise":
                raise
            clear(layer)
            return False
        return True

    is_read = in_threads(read_layer, range(len(groups)), request, "stack")
    failures = [failure for layer in failed for failure in layer.values()]
    if failures and not any(is_read):
        raise failures[0][1]
    report_failures(failures)
    if request.on_error == "skip" and not all(is_read):
        array = array[is_read]
        groups = [group for group, was_read in zip(groups, is_read, strict=True) if was_read]
    if not plan.is_masked and request.on_error != "mask":
        array = numpy.ma.getdata(array)
    array = numpy.moveaxis(array, 1, axis)
    return (array, [_info(plan, group) for group in groups]) if request.raster_info else array


def read_one(image: Image, request: ReadRequest) -> Reading:
    """Read bands of an image as it is in the catalog now."""

    def read(present: Image) -> Reading:
        require_pixels(present)
        plan = plan_for([present], request)
        plan.require_room()
        pixels = plan.nothing()
        with progress_bar(plan.strip_count, request, "read") as advance:

            def read_part(part: ReadPlan, out: MaskedArray) -> None:
                image_layer(present, part, out)
                advance()

            assembled(plan, read_part, pixels)
        return Reading(pixels, plan, [present])

    return of_present(image, read)


def read_many(images: Sequence[Image], request: ReadRequest) -> Reading:
    """Read a mosaic of images."""
    plan = plan_for(images, request)
    plan.require_room()
    pixels = plan.nothing()
    with progress_bar(len(images) * plan.strip_count, request, "mosaic") as advance:
        laid = Mosaic(images, plan, advance)
        laid.read(pixels)
    report_failures(laid.failures.values())
    return Reading(pixels, plan, images)


def in_threads(function: Callable[[T], R], items: Iterable[T], request: ReadRequest, label: str) -> list[R]:
    """Return what a function makes of each item, in order; the first error stops what has not begun."""
    todo = list(items)
    workers = _workers(request, len(todo))
    results: list[R] = []
    if workers == 1:  # in the caller's thread, which sees its own open transaction
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


def _workers(request: ReadRequest, tasks: int) -> int:
    """Return how many threads carry out a number of tasks."""
    workers = request.max_workers or min(os.cpu_count() or 1, _MOST_WORKERS)
    return max(1, min(workers, tasks))


@contextmanager
def progress_bar(total: int, request: ReadRequest, label: str) -> Iterator[Callable[[], object]]:
    """Show progress on the terminal, if there is one or the request says so; yields what to call after each step."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if request.progress or (request.progress is None and is_terminal):
        with tqdm(total=total, desc=label, leave=False) as bar:
            yield bar.update
    else:  # even a bar that is not shown would start a thread that watches it
        yield bool


def _axis(request: ReadRequest, allowed: Sequence[int]) -> int:
    axis: Any = request.bands_axis
    is_whole = isinstance(axis, Integral)
    if is_whole and axis in (0, -4) and 0 not in allowed:
        raise NotImplementedError("bands cannot be the first axis of a stack, which is that of images")
    if not is_whole or axis not in allowed:
        raise BadRequestError(f"bands_axis is one of {', '.join(map(str, allowed))}, not {axis!r}")
    return int(axis)


def _as_asked(pixels: MaskedArray, plan: ReadPlan) -> Any:
    return pixels if plan.is_masked else numpy.ma.getdata(pixels)


def _info(plan: ReadPlan, images: Sequence[Image]) -> dict[str, Any]:
    """Return the georeferencing of a result, and where it is from."""
    ids = [str(image.id) for image in images]
    bands = [
        band_info(
            position + 1,
            name=str(band.name),
            data_type=plan.data_type,
            color_interpretation="alpha" if band is plan.any_choice.alpha else "undefined",
            nodata=plan.nodata(position),
        )
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
