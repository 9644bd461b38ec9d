"""The pixels of images on a plan's grid: one image, or several laid over each other, a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from os import fspath
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy

from localcat.disk.archive import Location, size_of
from localcat.disk.paths import is_local
from localcat.errors import (
    CorruptImageError,
    ImageDeletedError,
    RasterError,
    StorageError,
    UnsavedObjectError,
)
from localcat.models.band import Band
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.rasters.files.dtypes import is_representable
from localcat.rasters.files.environment import read_errors
from localcat.rasters.reading.cutline import outside_cutline
from localcat.rasters.reading.mosaic import Canvas, clear, masked_zeros
from localcat.rasters.reading.read import BandSource, read_bands
from localcat.rasters.reading.scaling import apply_scaling
from localcat.rasters.warping.alignment import overlap
from localcat.reading.plan import BandChoice, ReadPlan, native_grid
from localcat.reading.stated import scales_by_file

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from localcat.models.attributes.values import File
    from localcat.rasters.warping.pieces import Region

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

Failures: TypeAlias = dict[int, tuple[str, Exception]]
"""Images that could not be read: by position, the id and the reason."""

R = TypeVar("R")

FAILURES = (RasterError, StorageError)  # of one image; a fault of the request raises in any case
_TRIES = 3  # a replaced image has other files; how often to look again before giving up


class _SpoiledError(Exception):
    """An image changed or failed after some rows were made of it: they are read again."""


def assembled(plan: ReadPlan, read: Callable[[ReadPlan, MaskedArray], object], out: MaskedArray) -> None:
    """Fill an array with the scaled pixels of a plan.

    Parameters
    ----------
    plan : ReadPlan
    read : function
        Fills an array, which is masked throughout, with the stored pixels of a plan that is a part of this one; called
        for one part after the other.
    out : masked array, shape (band, row, column)
        Masked zeros of the plan's data type.
    """
    scales = plan.later_scales
    if not plan.is_scaled:
        for rows, part in plan.strips():
            read(part, out[:, rows])
    elif scales is not None and () in scales:  # from the smallest to the largest value of all
        stored = masked_zeros(out.shape, plan.layer_dtype)
        for rows, part in plan.strips():
            read(part, stored[:, rows])
        apply_scaling(stored, scales, out.dtype, out=out)
    else:
        for rows, part in plan.strips():
            stored = masked_zeros(out[:, rows].shape, plan.layer_dtype)
            read(part, stored)
            apply_scaling(stored, scales, out.dtype, out=out[:, rows])
    if plan.cutline is not None:
        for rows, part in plan.strips():
            _clear_outside(part, plan.cutline, out[:, rows])


def _clear_outside(plan: ReadPlan, cutline: BaseGeometry, out: MaskedArray) -> None:
    """Put nodata, or else 0, and full transparency where pixels are outside of a geometry: they are not of the area."""
    outside = outside_cutline(cutline, plan.grid, all_touched=plan.all_touched)
    for at, band in enumerate(plan.any_choice.kept):
        nodata = None if band is plan.any_choice.alpha else plan.nodata(at)
        fill = nodata if nodata is not None and is_representable(nodata, out.dtype) else 0
        numpy.ma.getdata(out)[at][outside] = fill


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

    def read(self, out: MaskedArray) -> None:
        """Fill masked zeros of the plan's data type with the scaled pixels of the whole.

        Raises
        ------
        RasterError, StorageError
            If an image cannot be read and may not be left out, or if none can.
        """
        while True:
            try:
                return assembled(self.plan, self._read_part, out)
            except _SpoiledError:
                clear(out)

    def _read_part(self, part: ReadPlan, out: MaskedArray) -> None:
        canvas, positions = Canvas(out), range(len(self.images))[::-1]
        if part.request.mask_nodata or len(self.images) == 1:
            todo = [(position, part) for position in positions]
        else:
            # Nodata never covers valid pixels. Where all images have it, it is taken from beneath the alpha bands only.
            valid = replace(part, request=replace(part.request, mask_nodata=True))
            todo = [(position, each) for each in (valid, part) for position in positions]
        for position, each in todo:
            if canvas.is_full:
                break
            if position not in self.failures:
                self._lay(position, each, canvas)
        if len(self.failures) == len(self.images):
            raise self.failures[0][1]

    def _lay(self, position: int, part: ReadPlan, canvas: Canvas) -> None:
        image = self.images[position]
        try:
            if position in self._presents:
                self._lay_again(position, part, canvas)
            else:
                self._presents[position] = of_present(image, lambda present: _lay_present(present, part, canvas))
        except FAILURES as error:
            if part.request.on_error == "raise":
                raise
            self.failures[position] = str(image.id), error
            if position in self._presents:  # pixels of it are laid
                raise _SpoiledError from error
        finally:
            self.advance()

    def _lay_again(self, position: int, part: ReadPlan, canvas: Canvas) -> None:
        try:
            _lay_present(self._presents[position], part, canvas)
        except ImageDeletedError as error:  # perhaps replaced: then all rows are to be of the new one
            del self._presents[position]
            self._tries -= 1
            if not self._tries:
                raise
            raise _SpoiledError from error


def _lay_present(image: Image, part: ReadPlan, canvas: Canvas) -> Image:
    """Read an image where it has pixels that are missing, and return it; where it has none, no file is opened."""
    require_pixels(image)
    region: Region | None = slice(0, part.grid.height), slice(0, part.grid.width)
    # What is not masked by alpha or nodata shows the file's own nodata outside it, too.
    if part.is_masked and image.geotrans is not None:
        region = overlap(native_grid(image), part.grid)
    missing = None if region is None else canvas.missing_within(region)
    if missing is not None:
        canvas.lay(missing, lambda out: image_layer(image, part.part(*missing), out))
    return image


def of_present(image: Image, read: Callable[[Image], R]) -> R:
    """Call a function with an image as it is in the catalog now, again if it is replaced meanwhile.

    A replaced image gives its new pixels, a deleted one an error; neither ever its old pixels.
    """
    if image._row is None and not image._is_deleted:  # as its state says, which compares all attributes to know more
        raise UnsavedObjectError(f"image '{image.id}' was never saved; upload its pixels first")
    for remaining in reversed(range(_TRIES)):
        present = Image.get(str(image.id), catalog=image._catalog)
        if present is None or present.id != image.id:
            raise ImageDeletedError(f"image '{image.id}' is not in the catalog any more; nothing was read")
        try:
            return read(present)
        except ImageDeletedError as error:
            if remaining:
                continue
            told = _gone_in_place(present)
            if told is None:
                raise
            raise told from error
    raise AssertionError("the last try returns or raises")


def _gone_in_place(image: Image) -> ImageDeletedError | None:
    """Return the error of an image whose file was indexed in place and is gone; None if none is."""
    for file in image.files or ():
        if not file.owned and file.href is not None and is_local(file.href):
            path = image._catalog.file.path_of(file)
            if size_of(path) is None:
                return ImageDeletedError(
                    f"'{path}' of image '{image.id}', which is indexed in place, is not there; bring it back, or say "
                    "where it is now with Catalog.relocate"
                )
    return None


def image_layer(image: Image, plan: ReadPlan, out: MaskedArray | None = None) -> MaskedArray:
    """Return the pixels of one image on the plan's grid, without the alpha band unless it was asked for.

    They are as they are stored, but for the bands whose physical value is wanted: their scale may be the file's own.
    `out`, of the plan's `layer_dtype`, is filled and returned instead of a new array.
    """
    choice = plan.choice_of(image)
    sources = sources_of(image, choice.bands)
    pixels = read_bands(
        sources,
        plan.whole or plan.grid,
        region=plan.region,
        alpha=None if choice.alpha is None else len(choice.bands) - 1,
        resampling=plan.resampling,
        mask_nodata=plan.request.mask_nodata,
        mask_alpha=plan.request.mask_alpha is not False,
        declared_alphas=declared_alphas(choice, sources),
        dtype=plan.dtype,
        cutline=plan.cutline,
        all_touched=plan.all_touched,
        max_bytes=plan.max_bytes,
        threads=plan.threads,
        out=None if choice.drops_alpha or any(plan.is_physical) else out,
    )
    kept = masked_by_alpha(pixels, choice)
    if any(plan.is_physical):
        declared = plan.scales or [None] * len(plan.is_physical)
        now = [scale if is_now else None for scale, is_now in zip(declared, plan.is_physical, strict=True)]
        return apply_scaling(kept, scales_by_file(now, plan.is_physical, sources), plan.layer_dtype, out=out)
    if out is None or kept is out:
        return kept
    numpy.copyto(numpy.ma.getdata(out), numpy.ma.getdata(kept))
    numpy.copyto(numpy.ma.getmaskarray(out), numpy.ma.getmaskarray(kept))
    return out


def masked_by_alpha(pixels: MaskedArray, choice: BandChoice) -> MaskedArray:
    """Mask all bands where the alpha band, which comes last, is 0 or itself masked; return those that are kept."""
    if choice.alpha is not None:
        alpha, mask = pixels[-1], numpy.ma.getmaskarray(pixels)
        mask |= numpy.ma.getmaskarray(alpha) | (numpy.ma.getdata(alpha) == 0)
    kept: MaskedArray = pixels[:-1] if choice.drops_alpha else pixels
    return kept


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
    """Return in which files the bands of an image are.

    Raises
    ------
    RasterError
        If the image has no pixels here, or lacks a file that a band needs.
    CorruptImageError
        If a file's size is not what the catalog says.
    """
    files = require_pixels(image)
    locations: dict[int, Location] = {}
    found = []
    for band in bands:
        position = band.file_position
        if position >= len(files):
            raise RasterError(f"band '{band.name}' is in file {position} and image '{image.id}' has {len(files)} files")
        if position not in locations:
            locations[position] = _location_of(files[position], image)
        path, is_codes, is_mask = locations[position], band.holds_codes, band.is_mask
        found.append(BandSource(path, band.position + 1, band.nodata, is_categorical=is_codes, is_mask=is_mask))
    return found


def declared_alphas(choice: BandChoice, sources: Sequence[BandSource]) -> list[tuple[str, int]]:
    """Return path and number of each alpha band of the product in the files of some bands."""
    paths = {band.file_position: fspath(source.path) for band, source in zip(choice.bands, sources, strict=True)}
    return [(paths[at.file_position], at.position + 1) for at in choice.opacities if at.file_position in paths]


def _location_of(file: File, image: Image) -> Location:
    """Return where a file of an image is; raises if its size differs from the catalog's."""
    path = image._catalog.file.location_of(file)
    with read_errors(path):
        size = size_of(path)
    if size is not None and file.size_bytes not in (None, size):
        raise CorruptImageError(
            f"'{path}' has {size:,} bytes and should have {file.size_bytes:,}; restore it from a copy"
        )
    return path
