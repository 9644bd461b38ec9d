"""The pixels of images on a plan's grid: one image, or several laid over each other, a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy

from localcat.errors import (
    CorruptImageError,
    ImageDeletedError,
    RasterError,
    StorageError,
    UnsavedObjectError,
)
from localcat.filesystem import exists
from localcat.models.band import Band, ClassBand, MaskBand
from localcat.models.enums import DocumentState, StorageState
from localcat.models.image import Image
from localcat.pixels.plan import BandChoice, ReadPlan, native_grid
from localcat.rasters import mosaic
from localcat.rasters.dtypes import numpy_dtype
from localcat.rasters.read import BandSource, read_bands
from localcat.rasters.scaling import apply_scaling
from localcat.rasters.warping import overlap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.models.values import File

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

Failures: TypeAlias = dict[int, tuple[str, Exception]]
"""Images that could not be read: by position, the id and the reason."""

_Placed: TypeAlias = "tuple[tuple[slice, slice], MaskedArray]"
R = TypeVar("R")

FAILURES = (RasterError, StorageError)  # of one image; what is wrong with the question raises in any case
_TRIES = 3  # a replaced image has other files; how often to look again before giving up


class _SpoiledError(Exception):
    """An image changed or failed after some rows were made of it: they are read again."""


def assembled(plan: ReadPlan, read: Callable[[ReadPlan], MaskedArray]) -> MaskedArray:
    """Return the scaled pixels of a plan.

    Parameters
    ----------
    plan : ReadPlan
    read : function
        Returns the stored pixels of a plan that is a part of this one; called for one part after the other.
    """
    parts = list(plan.strips())
    if len(parts) == 1:
        return _scaled(read(plan), plan)
    stretches = plan.scales is not None and () in plan.scales  # from the smallest to the largest value of all
    dtype = plan.dtype if stretches else numpy_dtype(plan.data_type)
    values = numpy.empty((len(plan.any_choice.kept), *plan.grid.shape), dtype=dtype)
    mask = numpy.empty(values.shape, dtype=bool)
    for rows, part in parts:
        pixels = read(part) if stretches else _scaled(read(part), plan)
        values[:, rows], mask[:, rows] = numpy.ma.getdata(pixels), numpy.ma.getmaskarray(pixels)
    whole: MaskedArray = numpy.ma.MaskedArray(values, mask=mask)
    return _scaled(whole, plan) if stretches else whole


@dataclass(slots=True)
class Mosaic:
    """Images laid over each other: each pixel is that of the last image in which it is valid.

    Parameters
    ----------
    images : sequence of Image
    plan : ReadPlan
        Of the whole result.
    advance : function
        Called after each layer of each part.
    failures : dict
        Is filled with the images that could not be read, where the request lets them be left out.
    """

    images: Sequence[Image]
    plan: ReadPlan
    advance: Callable[[], object] = bool
    failures: Failures = field(default_factory=dict)
    _presents: dict[int, Image] = field(default_factory=dict)  # what each image is, for all parts
    _tries: int = _TRIES
    _has_rows: bool = False

    def pixels(self) -> MaskedArray:
        """Return the scaled pixels of the whole.

        Raises
        ------
        RasterError, StorageError
            If an image cannot be read and may not be left out, or if none can.
        """
        while True:
            self._has_rows = False
            try:
                return assembled(self.plan, self._part)
            except _SpoiledError:
                continue

    def _part(self, part: ReadPlan) -> MaskedArray:
        positions = range(len(self.images))
        layers: list[Callable[[NDArray[numpy.bool_]], _Placed | None]] = []
        if not part.request.mask_nodata and len(self.images) > 1:
            # Nodata never covers valid pixels. Where all images have it, it is taken from beneath the alpha bands only.
            layers += [partial(self._layer, position, part) for position in positions]
            part = replace(part, request=replace(part.request, mask_nodata=True))
        layers += [partial(self._layer, position, part) for position in positions]
        pixels = mosaic.mosaic(layers, (len(part.any_choice.kept), *part.grid.shape), part.dtype)
        if len(self.failures) == len(self.images):
            raise self.failures[0][1]
        self._has_rows = True
        return pixels

    def _layer(self, position: int, part: ReadPlan, missing: NDArray[numpy.bool_]) -> _Placed | None:
        if position in self.failures:
            return None
        image = self.images[position]
        try:
            if position in self._presents:
                return self._again(position, part, missing)
            return of_present(image, lambda present: self._first(position, present, part, missing))
        except FAILURES as error:
            if part.request.on_error == "raise":
                raise
            self.failures[position] = str(image.id), error
            if self._has_rows:
                raise _SpoiledError from error
            return None
        finally:
            self.advance()

    def _first(self, position: int, present: Image, part: ReadPlan, missing: NDArray[numpy.bool_]) -> _Placed | None:
        placed = self._placed(present, part, missing)
        self._presents[position] = present
        return placed

    def _again(self, position: int, part: ReadPlan, missing: NDArray[numpy.bool_]) -> _Placed | None:
        try:
            return self._placed(self._presents[position], part, missing)
        except ImageDeletedError as error:  # perhaps replaced: then all rows are to be of the new one
            del self._presents[position]
            self._tries -= 1
            if not self._tries:
                raise
            raise _SpoiledError from error

    def _placed(self, image: Image, part: ReadPlan, missing: NDArray[numpy.bool_]) -> _Placed | None:
        """Read an image where it has pixels that are missing; where it has none, its files are not opened."""
        require_pixels(image)
        rows, columns = slice(0, part.grid.height), slice(0, part.grid.width)
        # What is not masked by alpha or nodata shows the file's own nodata outside it, too.
        if self.plan.is_masked and image.geotrans is not None:
            place = overlap(native_grid(image), part.grid)
            if place is None or not missing[:, place[0], place[1]].any():
                return None
            rows, columns = place
        return (rows, columns), image_layer(image, part.part(rows, columns))


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


def image_layer(image: Image, plan: ReadPlan) -> MaskedArray:
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
        whole=plan.whole,
        threads=plan.threads,
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
