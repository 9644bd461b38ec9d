"""The values of images at one place: of one image, or as a series in time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy

from localcat.errors import BadRequestError, RasterError
from localcat.models.requests import ReadRequest
from localcat.rasters.files.dtypes import numpy_dtype
from localcat.rasters.reading.point import pixel_of, place_in, read_point
from localcat.rasters.reading.scaling import apply_scaling
from localcat.reading.arrays import in_threads, report_failures
from localcat.reading.layers import FAILURES, masked_by_alpha, of_present, require_pixels, sources_of
from localcat.reading.plan import (
    ALPHA,
    bands_by_name,
    choices_of,
    native_grid,
    product_key,
    scaling_of,
    stored_data_type,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.models.image import Image
    from localcat.rasters.reading.scaling import Scale
    from localcat.reading.plan import BandChoice, ProductKey

    MaskedArray = numpy.ma.MaskedArray[Any, Any]


@dataclass(frozen=True, slots=True)
class PointValues:
    """The values of one image at one place.

    Parameters
    ----------
    image_id : str
        The image.
    acquired : datetime, optional
        When it was captured; aware UTC.
    lon, lat : float
        The place; degrees.
    bands : tuple of str
        Names of the bands.
    values : tuple of float, int or None
        One for each band; None where the image has no valid pixel there.
    """

    image_id: str
    acquired: datetime | None
    lon: float
    lat: float
    bands: tuple[str, ...]
    values: tuple[float | None, ...]

    def __getitem__(self, band: str) -> float | None:
        """Return the value of a band by its name."""
        return self.values[_position(self.bands, band)]


@dataclass(frozen=True, slots=True, eq=False)
class PointSeries:
    """The values of images at one place, in the order of their times.

    Parameters
    ----------
    lon, lat : float
        The place; degrees.
    bands : tuple of str
        Names of the bands.
    image_ids : tuple of str
        The images that have a pixel there.
    times : ndarray of datetime64[us], shape (image,)
        When they were captured, in UTC; not-a-time where that is unknown.
    values : masked array, shape (image, band)
        Masked where an image has no valid pixel.
    """

    lon: float
    lat: float
    bands: tuple[str, ...]
    image_ids: tuple[str, ...]
    times: NDArray[numpy.datetime64]
    values: MaskedArray

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, band: str) -> MaskedArray:
        """Return the values of a band by its name, shape (image,)."""
        column: MaskedArray = self.values[:, _position(self.bands, band)]
        return column

    def __iter__(self) -> Iterator[PointValues]:
        """Yield the values of one image after the other."""
        for image_id, time, row in zip(self.image_ids, self.times, self.values, strict=True):
            acquired = None if numpy.isnat(time) else time.item().replace(tzinfo=UTC)
            yield PointValues(image_id, acquired, self.lon, self.lat, self.bands, _or_none(row))

    def __repr__(self) -> str:
        seconds = self.times.astype("datetime64[s]")
        span = f", {seconds[0]} to {seconds[-1]}" if len(self) else ""
        return f"PointSeries of {len(self)} image(s) at ({self.lon:g}, {self.lat:g}): {', '.join(self.bands)}{span}"


def point_values(image: Image, lon: float, lat: float, request: ReadRequest) -> PointValues:
    """Return the values of an image at a place; `Image.point` says how."""
    lon, lat = _checked(lon, lat)

    def read(present: Image) -> PointValues:
        reading = _Reading.of([present], lon, lat, request)
        values = reading.of_image(present)
        return PointValues(str(present.id), present.acquired, lon, lat, reading.bands, _or_none(values))

    return of_present(image, read)


def point_series(images: Sequence[Image], lon: float, lat: float, request: ReadRequest) -> PointSeries:
    """Return the values of images at a place; `ImageCollection.point_series` says how."""
    lon, lat = _checked(lon, lat)
    reading = _Reading.of(images, lon, lat, request)
    there = sorted(_holding(images, lon, lat), key=_time_and_id)
    failures: dict[int, tuple[str, Exception]] = {}

    def read(position: int) -> MaskedArray:
        try:
            return of_present(there[position], reading.of_image)
        except FAILURES as error:
            if request.on_error == "raise":
                raise
            failures[position] = str(there[position].id), error
            return reading.nothing(())

    rows = in_threads(read, range(len(there)), request, "point series")
    if failures and len(failures) == len(there):
        raise failures[0][1]
    report_failures(failures[position] for position in sorted(failures))
    kept = [at for at in range(len(there)) if at not in failures or request.on_error == "mask"]
    values = reading.nothing((len(kept),))
    for row, at in enumerate(kept):
        values[row] = rows[at]
    times = [_datetime64(there[at].acquired) for at in kept]
    ids = tuple(str(there[at].id) for at in kept)
    return PointSeries(lon, lat, reading.bands, ids, numpy.array(times, dtype="datetime64[us]"), values)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How pixels at a place are read, decided for all images together."""

    lon: float
    lat: float
    mask_nodata: bool
    choices: dict[ProductKey, BandChoice]
    scales: list[Scale] | None
    data_type: str
    stored_type: str

    @classmethod
    def of(cls, images: Sequence[Image], lon: float, lat: float, request: ReadRequest) -> _Reading:
        if request.bands is None:
            # Alpha masks, and is a value only for those who ask for it.
            names = [name for name in bands_by_name(images[0]) if name != ALPHA]
            request = replace(request, bands=names)
        choices = choices_of(images, request)
        scales, data_type = scaling_of(images, request)
        return cls(lon, lat, request.mask_nodata, choices, scales, data_type, stored_data_type(choices))

    @property
    def bands(self) -> tuple[str, ...]:
        return tuple(str(band.name) for band in next(iter(self.choices.values())).kept)

    def nothing(self, shape: tuple[int, ...]) -> MaskedArray:
        """Return masked values, shape (…, band)."""
        return numpy.ma.MaskedArray(numpy.zeros((*shape, len(self.bands)), numpy_dtype(self.data_type)), mask=True)

    def of_image(self, image: Image) -> MaskedArray:
        """Return the values of one image, shape (band,)."""
        require_pixels(image)
        choice = self.choices[product_key(image)]
        pixels = read_point(
            sources_of(image, choice.bands),
            self.lon,
            self.lat,
            data_type=self.stored_type,
            mask_nodata=self.mask_nodata,
        )
        kept = masked_by_alpha(pixels, choice)
        values: MaskedArray = apply_scaling(kept, self.scales, numpy_dtype(self.data_type))[:, 0, 0]
        return values


def _checked(lon: Any, lat: Any) -> tuple[float, float]:
    try:
        place = float(lon), float(lat)
    except (TypeError, ValueError, OverflowError):
        raise BadRequestError(f"a place is a longitude and a latitude in degrees, not {lon!r}, {lat!r}") from None
    if not (math.isfinite(place[0]) and -90 <= place[1] <= 90):
        raise BadRequestError(f"a place has a finite longitude and a latitude from -90 to 90, not {lon!r}, {lat!r}")
    return place


def _holding(images: Sequence[Image], lon: float, lat: float) -> list[Image]:
    """Return the images whose grids hold a place, and those that do not say where theirs lies."""
    found = []
    places: dict[str, tuple[float, float]] = {}  # most images share few CRSs
    for image in images:
        try:
            grid = native_grid(image)
        except RasterError:
            found.append(image)
            continue
        crs = str(image.cs_code or image.projection)
        if crs not in places:
            places[crs] = place_in(grid.crs, lon, lat)
        if pixel_of(grid, places[crs]) is not None:
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


def _or_none(values: MaskedArray) -> tuple[float | None, ...]:
    """Return numbers, with None for those that are masked."""
    return tuple(values.tolist())


def _position(bands: tuple[str, ...], band: str) -> int:
    if band not in bands:
        raise BadRequestError(f"there are no values of band {band!r}, only of {', '.join(bands)}")
    return bands.index(band)
