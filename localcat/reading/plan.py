"""What is to be read before anything is: bands, grid, scaling and size, for images of one or more products."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy
from affine import Affine

from localcat.earth.contexts import AOI, GeoContext
from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import parse_crs
from localcat.errors import BadRequestError, ProcessingLevelWarning, RasterError, TooLargeError, warn_caller
from localcat.models.attributes.processing import ProcessingLevelsAttribute
from localcat.models.band import Band
from localcat.models.enums import ResampleAlgorithm
from localcat.rasters.files.dtypes import common_dtype, numpy_dtype
from localcat.rasters.files.environment import usable_threads
from localcat.rasters.reading.mosaic import masked_zeros
from localcat.rasters.reading.read import MAX_RESULT_BYTES
from localcat.rasters.reading.scaling import BandScaling, Scale, physical_bands, scaling_parameters
from localcat.rasters.writing.strips import row_strips

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from localcat.models.image import Image
    from localcat.models.requests import ReadRequest
    from localcat.rasters.warping.pieces import Region

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

ProductKey: TypeAlias = tuple[Path, str]
"""The catalog file and the id of a product: images of several catalogs can be read together."""

ALPHA = "alpha"
"""The name by which a product's alpha band is found."""

_ON_ERROR = ("raise", "mask", "skip")
_STRIP_BYTES = 64 * 2**20  # of stored pixels that are read at once
_DEFAULT_DATA_TYPE = "UInt16"  # of a band that declares none


@dataclass(frozen=True, slots=True)
class BandChoice:
    """Which bands of a product are read.

    Parameters
    ----------
    bands : list of Band
        Those asked for, in order, with the alpha band last where it is read.
    alpha : Band or None
        The band whose zeros are transparent.
    drops_alpha : bool
        Whether the alpha band was not asked for, and is left out of the result.
    opacities : list of Band
        All bands of the product that are opacity, whether they mask or not.
    """

    bands: list[Band]
    alpha: Band | None
    drops_alpha: bool
    opacities: list[Band]

    @property
    def kept(self) -> list[Band]:
        """The bands of the result."""
        return self.bands[:-1] if self.drops_alpha else self.bands


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """All that is decided before pixels are read."""

    request: ReadRequest
    grid: Grid  # of the result
    cutline: BaseGeometry | None  # in longitude and latitude; pixels outside it are masked
    all_touched: bool  # whether pixels that the cutline only touches are inside
    resampling: str  # one that `read_bands` knows
    choices: Mapping[ProductKey, BandChoice]  # the bands of each product
    dtype: numpy.dtype[Any]  # holds the stored pixels of all bands of all products
    scales: list[Scale] | None  # one for each band of the result; None scales nothing
    is_physical: list[bool]  # which bands are scaled as each file states, before all others are
    data_type: str  # of the result
    whole: Grid | None = None  # the grid of the whole result, if this plan is a part of one
    region: Region | None = None  # the rows and columns of the whole that this part is
    threads: int = field(default_factory=usable_threads)  # that decode the blocks of one file

    def choice_of(self, image: Image) -> BandChoice:
        """Return the bands to read of an image."""
        return self.choices[product_key(image)]

    @property
    def any_choice(self) -> BandChoice:
        """The bands of the first product, which stand for those of all in what a result says of itself."""
        return next(iter(self.choices.values()))

    @property
    def is_masked(self) -> bool:
        """Whether the result is a masked array."""
        return self.request.mask_nodata or self.any_choice.alpha is not None

    @property
    def is_scaled(self) -> bool:
        """Whether the result holds other values, or another type, than is stored."""
        return self.scales is not None or any(self.is_physical) or self.dtype != numpy_dtype(self.data_type)

    @property
    def layer_dtype(self) -> numpy.dtype[Any]:
        """Of the pixels of one image, before they are scaled together: stored ones, or some physical values."""
        return numpy.dtype("float64") if any(self.is_physical) else self.dtype

    @property
    def later_scales(self) -> list[Scale] | None:
        """The scales of the bands that are scaled together."""
        if self.scales is None or not any(self.is_physical):
            return self.scales
        return [None if is_done else scale for scale, is_done in zip(self.scales, self.is_physical, strict=True)]

    @property
    def max_bytes(self) -> int:
        """How large a result may be."""
        return MAX_RESULT_BYTES if self.request.max_bytes is None else self.request.max_bytes

    def strips(self) -> Iterator[tuple[slice, ReadPlan]]:
        """Yield plans that make up this one, each of rows whose stored pixels take a bounded number of bytes."""
        shape = (len(self.any_choice.bands), *self.grid.shape)
        for rows in row_strips(shape, self.dtype.itemsize, most_bytes=_STRIP_BYTES):
            yield rows, self.part(rows)

    def part(self, rows: slice, columns: slice = slice(None)) -> ReadPlan:
        """Return the plan of some of the rows and columns."""
        (top, bottom, _), (left, right, _) = rows.indices(self.grid.height), columns.indices(self.grid.width)
        above, before = (0, 0) if self.region is None else (self.region[0].start, self.region[1].start)
        region = slice(above + top, above + bottom), slice(before + left, before + right)
        return replace(self, grid=self.grid.part(rows, columns), whole=self.whole or self.grid, region=region)

    @property
    def strip_count(self) -> int:
        """How many plans `strips` yields."""
        return sum(1 for _ in self.strips())

    def nothing(self, *layers: int) -> MaskedArray:
        """Return a result of which no pixel is valid, to be filled; with that many layers, if a number is given."""
        return masked_zeros((*layers, len(self.any_choice.kept), *self.grid.shape), numpy_dtype(self.data_type))

    def nodata(self, position: int) -> float | None:
        """Return the nodata of a band of the result: where it is not scaled, and all products agree."""
        if self.is_scaled_band(position):
            return None
        values = {repr(choice.kept[position].nodata): choice.kept[position].nodata for choice in self.choices.values()}
        return next(iter(values.values())) if len(values) == 1 else None

    def is_scaled_band(self, position: int) -> bool:
        """Return whether a band of the result holds other values than are stored."""
        return self.is_physical[position] or (self.scales is not None and self.scales[position] is not None)

    def require_room(self, layers: int = 1) -> None:
        """Raise TooLargeError if the result, or one image of it as it is stored, would be larger than allowed."""
        if min(self.grid.shape) < 1:  # in a damaged row
            raise RasterError(f"an image of {self.grid.shape} rows and columns cannot be read; restore its catalog")
        pixels = self.grid.height * self.grid.width
        result = layers * len(self.any_choice.kept) * pixels * (numpy_dtype(self.data_type).itemsize + 1)
        needed = max(result, len(self.any_choice.bands) * pixels * (self.dtype.itemsize + 1))
        if needed > self.max_bytes:
            counted = f"{layers} layers of " if layers > 1 else ""
            raise TooLargeError(
                f"{counted}{len(self.any_choice.kept)} bands of {self.grid.height:,} × {self.grid.width:,} pixels take "
                f"{needed:,} bytes and {self.max_bytes:,} are allowed; choose a coarser resolution or a smaller area, "
                "or pass max_bytes"
            )


def plan_for(images: Sequence[Image], request: ReadRequest) -> ReadPlan:
    """Decide how images are read together; their geocontext is that of the first one if the request has none.

    Raises
    ------
    BadRequestError
        If a band is unknown, the products contradict each other, or an argument is out of range.
    """
    if not isinstance(request.on_error, str) or request.on_error not in _ON_ERROR:
        raise BadRequestError(f"on_error is one of {', '.join(map(repr, _ON_ERROR))}, not {request.on_error!r}")
    choices = choices_of(images, request)
    scales, data_type = agreed_scaling(choices, request)
    grid, cutline, all_touched = _target(images[0], request)
    return ReadPlan(
        request=request,
        grid=grid,
        cutline=cutline,
        all_touched=all_touched,
        resampling=_resampling(request.resampler),
        choices=choices,
        dtype=numpy_dtype(stored_data_type(choices)),
        scales=scales,
        is_physical=physical_of(choices, request),
        data_type=data_type,
    )


def scaling_of(images: Sequence[Image], request: ReadRequest) -> tuple[list[Scale] | None, str]:
    """Return the scale of each band, and the data type, of images of one or more products."""
    return agreed_scaling(choices_of(images, request), request)


def physical_of(choices: Mapping[ProductKey, BandChoice], request: ReadRequest) -> list[bool]:
    """Return of which bands the physical value is asked, which files may state the scale of."""
    kept = next(iter(choices.values())).kept
    return physical_bands([_band_scaling(band) for band in kept], request.scaling)


def product_key(image: Image) -> ProductKey:
    """Return what identifies an image's product among all catalogs."""
    return image._catalog.database.path, str(image.product_id)


def band_names(bands: str | Sequence[str] | None) -> list[str]:
    """Return the names in what a user calls bands: text with spaces, or a list.

    Raises
    ------
    TypeError
        If it is neither.
    BadRequestError
        If it names none.
    """
    if isinstance(bands, str):
        names = bands.split()
    elif isinstance(bands, list | tuple) and all(isinstance(name, str) for name in bands):
        names = list(bands)
    else:
        raise TypeError(f"bands is a string or a list of strings, not {bands!r}")
    if not names:
        raise BadRequestError("bands names no band; pass for example 'red green blue'")
    return names


def bands_by_name(image: Image) -> dict[str, Band]:
    """Return the bands of an image's product, in their order."""
    bands = Band._of_product(image._catalog, str(image.product_id))
    return {str(band.name): band for band in bands}


def choose_bands(
    available: Mapping[str, Band], names: list[str], mask_alpha: bool | str | None, owner: str
) -> BandChoice:
    """Return the bands to read, and which of them masks.

    Raises
    ------
    BadRequestError
        If a band is not available, an alpha band is required and missing, or it is asked for and not last.
    """
    for name in names:
        if name not in available:
            raise BadRequestError(
                f"Invalid bands: band '{name}' is not available in {owner}; it has {', '.join(available) or 'none'}"
            )
    bands = [available[name] for name in names]
    opacities = [band for band in available.values() if band.is_opacity]
    alpha_name = mask_alpha if isinstance(mask_alpha, str) else ALPHA
    if mask_alpha is False or (mask_alpha is None and alpha_name not in available):
        return BandChoice(bands, None, drops_alpha=False, opacities=opacities)
    if alpha_name not in available:
        raise BadRequestError(
            f"Cannot mask alpha: no alpha band '{alpha_name}' for {owner}. Try setting 'mask_alpha=False'."
        )
    alpha = available[alpha_name]
    if alpha_name not in names:
        return BandChoice([*bands, alpha], alpha, drops_alpha=True, opacities=opacities)
    if names[-1] != alpha_name:
        raise BadRequestError("Alpha must be the last band in order to reduce rasterization errors")
    return BandChoice(bands, alpha, drops_alpha=False, opacities=opacities)


def native_grid(image: Image) -> Grid:
    """Return the grid of an image's own pixels.

    Raises
    ------
    RasterError
        If the image has no georeferencing, or its geotrans maps all pixels onto one line.
    """
    crs = image.cs_code or image.projection
    geotrans, columns, rows = image.geotrans, image.x_pixels, image.y_pixels
    if crs is None or geotrans is None or columns is None or rows is None:
        raise RasterError(f"image '{image.id}' has no georeferencing; set cs_code, geotrans, x_pixels and y_pixels")
    transform = Affine.from_gdal(*geotrans)
    if not transform.determinant:
        raise RasterError(f"the geotrans {geotrans} of image '{image.id}' gives its pixels no area; set the right one")
    return Grid(parse_crs(crs), transform, (rows, columns))


def bands_of_products(images: Sequence[Image]) -> dict[ProductKey, dict[str, Band]]:
    """Return the bands of each product of some images, as `bands_by_name` returns them."""
    return {key: bands_by_name(image) for key, image in {product_key(image): image for image in images}.items()}


def choices_of(images: Sequence[Image], request: ReadRequest) -> dict[ProductKey, BandChoice]:
    """Return the bands to read of each product of some images."""
    return choices_among(bands_of_products(images), request)


def choices_among(
    available: Mapping[ProductKey, Mapping[str, Band]], request: ReadRequest
) -> dict[ProductKey, BandChoice]:
    """Return the bands to read of each of some products, whose bands are known."""
    mask_alpha = request.mask_alpha
    if not (mask_alpha is None or isinstance(mask_alpha, bool | str)):
        raise BadRequestError(f"mask_alpha is True, False, None or the name of a band, not {mask_alpha!r}")
    names = band_names(request.bands)
    if mask_alpha is None and not all(ALPHA in bands for bands in available.values()):
        mask_alpha = False
    return {key: choose_bands(bands, names, mask_alpha, f"product '{key[1]}'") for key, bands in available.items()}


def agreed_scaling(choices: Mapping[ProductKey, BandChoice], request: ReadRequest) -> tuple[list[Scale] | None, str]:
    """Return the scales of the bands that are kept, which all products have to agree on, and a type for all."""
    _check_level(choices, request.processing_level)
    found = {
        key[1]: scaling_parameters([_band_scaling(band) for band in choice.kept], request.scaling, request.data_type)
        for key, choice in choices.items()
    }
    (first, (scales, _)), *others = found.items()
    for product_id, (other, _) in others:
        if other == scales:
            continue
        for band, ours, theirs in zip(
            band_names(request.bands),
            scales or [None] * len(other or []),
            other or [None] * len(scales or []),
            strict=True,
        ):
            if ours != theirs:
                raise BadRequestError(
                    f"band '{band}' would be scaled by {ours} in product '{first}' and by {theirs} in '{product_id}'; "
                    "pass scaling with the ranges to use"
                )
    return scales, common_dtype(data_type for _, data_type in found.values())


def _check_level(choices: Mapping[ProductKey, BandChoice], level: str | None) -> None:
    """Refuse a processing level that a band does not know, and warn of one that would change its pixels."""
    if level is None:
        return
    for band in (band for choice in choices.values() for band in choice.kept):
        levels = band.processing_levels or ProcessingLevelsAttribute()
        if levels.steps(level):
            warn_caller(
                ProcessingLevelWarning(
                    f"band '{band.id}' declares steps for the processing level {level!r}; levels are stored and not "
                    "computed, its pixels are read as they are"
                )
            )


def stored_data_type(choices: Mapping[ProductKey, BandChoice]) -> str:
    """Return the data type that holds the stored pixels of all bands of all products."""
    return common_dtype(_data_type(band) for choice in choices.values() for band in choice.bands)


def _data_type(band: Band) -> str:
    return band.data_type or _DEFAULT_DATA_TYPE


def _band_scaling(band: Band) -> BandScaling:
    return BandScaling(
        name=str(band.name),
        data_type=_data_type(band),
        data_range=_pair(band.data_range),
        display_range=_pair(band.display_range),
        physical_range=_pair(getattr(band, "physical_range", None)),
        is_scalable=not band.holds_codes,
    )


def _pair(values: tuple[float, ...] | None) -> tuple[float, float] | None:
    return None if values is None else (values[0], values[1])


def _resampling(resampler: str) -> str:
    try:
        return ResampleAlgorithm(resampler).value
    except ValueError:
        allowed = ", ".join(repr(str(choice.value)) for choice in ResampleAlgorithm)
        raise BadRequestError(f"resampler is one of {allowed}, not {resampler!r}") from None


def _target(image: Image, request: ReadRequest) -> tuple[Grid, BaseGeometry | None, bool]:
    """Return the grid to read onto, the geometry outside which pixels are masked, and how its edge counts."""
    changes: dict[str, Any] = {
        name: value
        for name, value in (
            ("crs", request.crs),
            ("resolution", request.resolution),
            ("all_touched", request.all_touched),
        )
        if value is not None
    }
    context = request.geocontext
    if context is None:
        if not changes:
            return native_grid(image), None, False
        context = image.geocontext.assign(geometry=None, **changes)
    elif not isinstance(context, GeoContext):
        raise BadRequestError(f"geocontext is an AOI, a DLTile or an XYZTile, not {type(context).__name__}")
    elif changes:
        if not isinstance(context, AOI):
            raise BadRequestError(f"{type(context).__name__} geocontext does not support modifying crs or resolution")
        context = context.assign(**changes)
    return context.grid(), context.cutline, context.all_touched
