"""The values of images at places: of one image, as a series in time, or of many images at many places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy

from localcat.errors import BadRequestError, RasterError
from localcat.models.points import PointSeries, PointStack, PointValues
from localcat.models.requests import ReadRequest
from localcat.rasters.files.dtypes import numpy_dtype
from localcat.rasters.reading.point import pixels_of, places_in, read_points
from localcat.rasters.reading.scaling import apply_scaling
from localcat.reading.arrays import in_threads, report_failures
from localcat.reading.layers import FAILURES, declared_alphas, masked_by_alpha, of_present, require_pixels, sources_of
from localcat.reading.plan import (
    ALPHA,
    agreed_scaling,
    bands_of_products,
    choices_among,
    native_grid,
    physical_of,
    product_key,
    stored_data_type,
)
from localcat.reading.stated import scales_by_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.models.image import Image
    from localcat.rasters.reading.scaling import Scale
    from localcat.reading.plan import BandChoice, ProductKey

    MaskedArray = numpy.ma.MaskedArray[Any, Any]


def point_values(image: Image, lon: float, lat: float, request: ReadRequest) -> PointValues:
    """Return the values of an image at a place; `Image.point` says how."""
    lon, lat = _checked(lon, lat)

    def read(present: Image) -> PointValues:
        reading = _Reading.of([present], numpy.array([[lon, lat]]), request)
        values = reading.of_image(present)[:, 0]
        return PointValues(str(present.id), present.acquired, lon, lat, reading.bands, tuple(values.tolist()))

    return of_present(image, read)


def point_series(images: Sequence[Image], lon: float, lat: float, request: ReadRequest) -> PointSeries:
    """Return the values of images at a place; `ImageCollection.point_series` says how."""
    lon, lat = _checked(lon, lat)
    found = _stacked(images, numpy.array([[lon, lat]]), request, "point series")
    return PointSeries(lon, lat, found.bands, found.image_ids, found.times, found.values[:, :, 0])


def point_stack(images: Sequence[Image], places: Any, request: ReadRequest) -> PointStack:
    """Return the values of images at many places; `ImageCollection.point_stack` says how."""
    given = list(places) if isinstance(places, Iterable) and not isinstance(places, str | bytes) else None
    if not given:
        raise BadRequestError(f"places are pairs of longitude and latitude, one or more, not {places!r:.200}")
    try:
        pairs = [_checked(lon, lat) for lon, lat in given]
    except (TypeError, ValueError) as error:
        if isinstance(error, BadRequestError):
            raise
        raise BadRequestError(f"places are pairs of longitude and latitude in degrees, not {places!r:.200}") from error
    return _stacked(images, numpy.array(pairs), request, "values at places")


def _stacked(images: Sequence[Image], places: NDArray[numpy.float64], request: ReadRequest, what: str) -> PointStack:
    reading = _Reading.of(images, places, request)
    there = sorted(_holding(images, places), key=_time_and_id)
    failures: dict[int, tuple[str, Exception]] = {}

    def read(position: int) -> MaskedArray:
        try:
            return of_present(there[position], reading.of_image)
        except FAILURES as error:
            if request.on_error == "raise":
                raise
            failures[position] = str(there[position].id), error
            return reading.nothing((), len(places))

    rows = in_threads(read, range(len(there)), request, what)
    if failures and len(failures) == len(there):
        raise failures[0][1]
    report_failures(failures[position] for position in sorted(failures))
    kept = [at for at in range(len(there)) if at not in failures or request.on_error == "mask"]
    values = reading.nothing((len(kept),), len(places))
    for row, at in enumerate(kept):
        values[row] = rows[at]
    times = [_datetime64(there[at].acquired) for at in kept]
    ids = tuple(str(there[at].id) for at in kept)
    return PointStack(places, reading.bands, ids, numpy.array(times, dtype="datetime64[us]"), values)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How pixels at places are read, decided for all images together."""

    places: NDArray[numpy.float64]
    mask_nodata: bool
    mask_alpha: bool
    choices: dict[ProductKey, BandChoice]
    scales: list[Scale] | None
    is_physical: list[bool]
    data_type: str
    stored_type: str

    @classmethod
    def of(cls, images: Sequence[Image], places: NDArray[numpy.float64], request: ReadRequest) -> _Reading:
        available = bands_of_products(images)  # once for all, since reading them takes as long as reading a pixel
        if request.bands is None:
            # Alpha masks, and is a value only for those who ask for it.
            names = [name for name in available[product_key(images[0])] if name != ALPHA]
            request = replace(request, bands=names)
        choices = choices_among(available, request)
        scales, data_type = agreed_scaling(choices, request)
        mask_alpha = request.mask_alpha is not False
        is_physical, stored_type = physical_of(choices, request), stored_data_type(choices)
        return cls(places, request.mask_nodata, mask_alpha, choices, scales, is_physical, data_type, stored_type)

    @property
    def bands(self) -> tuple[str, ...]:
        return tuple(str(band.name) for band in next(iter(self.choices.values())).kept)

    def nothing(self, shape: tuple[int, ...], places: int) -> MaskedArray:
        """Return masked values, shape (…, band, place)."""
        zeros = numpy.zeros((*shape, len(self.bands), places), numpy_dtype(self.data_type))
        return numpy.ma.MaskedArray(zeros, mask=True)

    def of_image(self, image: Image) -> MaskedArray:
        """Return the values of one image, shape (band, place)."""
        require_pixels(image)
        choice = self.choices[product_key(image)]
        sources = sources_of(image, choice.bands)
        pixels = read_points(
            sources,
            *self.places.T,
            data_type=self.stored_type,
            mask_nodata=self.mask_nodata,
            mask_alpha=self.mask_alpha,
            declared_alphas=declared_alphas(choice, sources),
        )
        kept = masked_by_alpha(pixels, choice)
        scales = scales_by_file(self.scales, self.is_physical, sources)
        values: MaskedArray = apply_scaling(kept, scales, numpy_dtype(self.data_type))[:, 0]
        return values


def _checked(lon: Any, lat: Any) -> tuple[float, float]:
    try:
        place = float(lon), float(lat)
    except (TypeError, ValueError, OverflowError):
        raise BadRequestError(f"a place is a longitude and a latitude in degrees, not {lon!r}, {lat!r}") from None
    if not (math.isfinite(place[0]) and -90 <= place[1] <= 90):
        raise BadRequestError(f"a place has a finite longitude and a latitude from -90 to 90, not {lon!r}, {lat!r}")
    return place


def _holding(images: Sequence[Image], places: NDArray[numpy.float64]) -> list[Image]:
    """Return the images whose grids hold one of the places, and those without georeferencing."""
    found = []
    known: dict[str, tuple[NDArray[numpy.float64], NDArray[numpy.float64]]] = {}  # most images share few CRSs
    for image in images:
        try:
            grid = native_grid(image)
        except RasterError:
            found.append(image)
            continue
        crs = str(image.cs_code or image.projection)
        if crs not in known:
            known[crs] = places_in(grid.crs, *places.T)
        if (pixels_of(grid, *known[crs])[0] >= 0).any():
            found.append(image)
    return found


def _time_and_id(image: Image) -> tuple[bool, float, str]:
    acquired = image.acquired
    return acquired is None, 0.0 if acquired is None else acquired.timestamp(), str(image.id)


def _datetime64(moment: datetime | None) -> numpy.datetime64:
    """Return a moment in UTC, as numpy counts it without a zone."""
    if moment is None:
        return numpy.datetime64("NaT", "us")
    return numpy.datetime64(moment.replace(tzinfo=None), "us")
