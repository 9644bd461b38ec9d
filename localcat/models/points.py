"""The values of images at places: of one image, as a series in time, or of many images at many places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from localcat.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Any

    import numpy
    from numpy.typing import NDArray

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
            moment = time.item()  # None for not-a-time
            acquired = None if moment is None else moment.replace(tzinfo=UTC)
            yield PointValues(image_id, acquired, self.lon, self.lat, self.bands, tuple(row.tolist()))

    def __repr__(self) -> str:
        seconds = self.times.astype("datetime64[s]")
        span = f", {seconds[0]} to {seconds[-1]}" if len(self) else ""
        return f"PointSeries of {len(self)} image(s) at ({self.lon:g}, {self.lat:g}): {', '.join(self.bands)}{span}"


@dataclass(frozen=True, slots=True, eq=False)
class PointStack:
    """The values of images at many places, in the order of their times.

    Parameters
    ----------
    places : ndarray of float, shape (place, 2)
        Longitude and latitude of each; degrees.
    bands : tuple of str
        Names of the bands.
    image_ids : tuple of str
        The images that have a pixel at one of them.
    times : ndarray of datetime64[us], shape (image,)
        When they were captured, in UTC; not-a-time where that is unknown.
    values : masked array, shape (image, band, place)
        Masked where an image has no valid pixel.
    """

    places: NDArray[numpy.float64]
    bands: tuple[str, ...]
    image_ids: tuple[str, ...]
    times: NDArray[numpy.datetime64]
    values: MaskedArray

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, band: str) -> MaskedArray:
        """Return the values of a band by its name, shape (image, place)."""
        found: MaskedArray = self.values[:, _position(self.bands, band)]
        return found

    def __repr__(self) -> str:
        return f"PointStack of {len(self)} image(s) at {len(self.places)} place(s): {', '.join(self.bands)}"


def _position(bands: tuple[str, ...], band: str) -> int:
    if band not in bands:
        raise BadRequestError(f"there are no values of band {band!r}, only of {', '.join(bands)}")
    return bands.index(band)
