"""How bands are shown: which, in which range from black to white, with which colours."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from localcat.errors import BadRequestError
from localcat.models.band import Band
from localcat.models.enums import ResampleAlgorithm
from localcat.rasters.writing.picture import encoded_picture
from localcat.reading.plan import bands_by_name
from localcat.reading.preview import ranges_of, shown_bands
from localcat.reading.shades import colored, is_grey
from localcat.serve.parameters import Parameters, numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.earth.contexts import GeoContext
    from localcat.models.image import Image

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

PARAMETERS = ("bands", "range", "resampler")
"""The parameters of a look."""

Range = tuple[float, float]

_BYTE = (0, 255)
_FAST = 1  # of 9, how hard a PNG is compressed
_MOST_KEPT = 512  # ranges
_RANGE = re.compile(r"[^,;]+,[^,;]+(;[^,;]+,[^,;]+)*")


class Ranges:
    """Ranges of bands that declare none, as they were found in pixels: all tiles of a picture have the same."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[object, ...], list[Range]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: tuple[object, ...], images: Callable[[], Sequence[Image]], bands: Sequence[Band]) -> list[Range]:
        """Return the range of each band, found in some images if need be."""
        declared = [band.display_range for band in bands]
        if all(declared):
            return [(one[0], one[1]) for one in declared if one]
        with self._lock:
            known = self._found.get(key)
        if known is None:
            known = ranges_of(images(), bands)
            with self._lock:
                self._found[key] = known
                while len(self._found) > _MOST_KEPT:
                    self._found.popitem(last=False)
        return known


@dataclass(frozen=True, slots=True)
class Look:
    """How bands are shown.

    Parameters
    ----------
    bands : sequence of Band
        One or three.
    mask_alpha : str, optional
        The band whose zeros are transparent; None for the product's own.
    ranges : sequence of (float, float)
        The values of each band that are black and white.
    resampler : str
        How pixels are made on the grid of the picture.
    """

    bands: Sequence[Band]
    mask_alpha: str | None
    ranges: Sequence[Range]
    resampler: str

    @classmethod
    def of(
        cls, query: Parameters, image: Image, ranges: Ranges, images: Callable[[], Sequence[Image]], key: object
    ) -> Look:
        """Read the parameters of a request about an image, or about several of one product.

        Parameters
        ----------
        query : Parameters
            ``bands``, ``range`` and ``resampler``; what is left out is that of the product.
        image : Image
            The image, or one of them.
        ranges : Ranges
            What was found before.
        images : callable
            Returns the images in which ranges are found.
        key : object
            What the ranges are kept by.

        Raises
        ------
        BadRequestError
            If there is no such band, or there are not one or three of them; if a range is not one.
        """
        names = query.words("bands") or list(shown_bands(image))
        available = bands_by_name(image)
        for name in names:
            if name not in available:
                raise BadRequestError(f"product '{image.product_id}' has no band {name!r:.100}; {_known(available)}")
        has_alpha = len(names) in (2, 4) and available[names[-1]].is_opacity
        shown = [available[name] for name in (names[:-1] if has_alpha else names)]
        if len(shown) not in (1, 3):
            raise BadRequestError(f"a picture shows 1 or 3 bands, and perhaps an alpha band, not {len(names)} bands")
        given = _ranges(query.text("range"), len(shown))
        resamplers = [str(one.value) for one in ResampleAlgorithm]
        found = given or ranges.of((key, *names), images, shown)
        return cls(shown, names[-1] if has_alpha else None, found, query.choice("resampler", resamplers))

    def read(self, image: Image, context: GeoContext) -> MaskedArray:
        """Return the pixels of an image, shape (band, row, column): shades from 0 to 255, or codes as they are."""
        scaling = [(*one, *_BYTE) for one in self.ranges] if self.is_scaled else None
        pixels: MaskedArray = image.ndarray(
            [str(band.name) for band in self.bands],
            context,
            mask_alpha=self.mask_alpha,
            resampler=self.resampler,
            scaling=scaling,
            data_type="Byte" if scaling else None,
        )
        return pixels

    def png(self, pixels: MaskedArray) -> bytes:
        """Return pixels as a PNG, transparent where they are masked."""
        is_masked = numpy.ma.getmaskarray(pixels).any(axis=0)
        if self.is_scaled:
            shades = numpy.ma.getdata(pixels)
            colors = numpy.concatenate([*([shades] * (3 // len(shades))), numpy.full((1, *is_masked.shape), 255)])
        else:
            colors = colored(pixels, self.bands, self.ranges)
        picture: NDArray[numpy.uint8] = numpy.where(is_masked, 0, colors).astype(numpy.uint8)
        return encoded_picture(picture, "PNG", level=_FAST)

    @property
    def is_scaled(self) -> bool:
        """Whether values become shades; else they have colours of their own."""
        return len(self.bands) == 3 or is_grey(self.bands)


def _known(available: dict[str, Band]) -> str:
    return f"it has {', '.join(list(available)[:50])}"


def _ranges(text: str | None, count: int) -> list[Range] | None:
    if text is None:
        return None
    told = f"a range is two numbers, low before high, for all bands or for each: 0,30;0,25;0,20, not {text!r:.100}"
    if not _RANGE.fullmatch(text):
        raise BadRequestError(told)
    found = [(low, high) for low, high in (numbers("range", one.split(",")) for one in text.split(";"))]
    if len(found) not in (1, count) or any(low >= high for low, high in found):
        raise BadRequestError(told)
    return found * (count // len(found))
