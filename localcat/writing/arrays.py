"""Arrays as the pixels of an image: checked against its product, put on a grid, written as files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy
from affine import Affine

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import parse_crs
from localcat.errors import BadRequestError, InvalidArrayError, RasterWarning, UploadOptionWarning, warn_caller
from localcat.models.band import Band
from localcat.models.enums import ImageUploadEventSeverity as Severity
from localcat.models.enums import ImageUploadEventType as EventType
from localcat.rasters.files.dtypes import data_type_name, equals_nodata, is_lossless, misfit, numpy_dtype
from localcat.rasters.writing.checks import BandLayer, check_array, check_layers
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.strips import ArrayPixels, differ, row_strips, strips_of
from localcat.rasters.writing.telling import free_value
from localcat.rasters.writing.write import check_overviews, departures, write_pixels
from localcat.writing.commit import Step, Written, ground_of
from localcat.writing.options import cog_options, layers_of, tags_of, warn_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.models.image import Image
    from localcat.models.requests import UploadRequest
    from localcat.store.catalog_file import CatalogFile
    from localcat.writing.log import UploadRecord


@dataclass(frozen=True, slots=True)
class _ArrayFile:
    """An array that is to become a file, checked and with its bands known."""

    pixels: NDArray[Any]
    mask: NDArray[numpy.bool_] | None
    layers: Sequence[BandLayer]
    grid: Grid
    lacks_alpha: bool

    @property
    def nbytes(self) -> int:
        """Bytes of all bands, with an alpha band that the array lacks."""
        return int(self.pixels.nbytes) // len(self.pixels) * (len(self.pixels) + self.lacks_alpha)

    def source(self) -> ArrayPixels:
        """Return the pixels as they are to be written; raises if the file cannot hold their masks."""
        return ArrayPixels(self.pixels, self.mask, self.layers, adds_alpha=self.lacks_alpha)


def array_steps(
    catalog: CatalogFile, image: Image, request: UploadRequest, bands: list[Band], record: UploadRecord, *, threads: int
) -> list[Step]:
    """Check arrays, and return for each the step that writes it.

    Parameters
    ----------
    catalog : CatalogFile
        Where to.
    image : Image
        Whose pixels they become.
    request : UploadRequest
        The arrays, and how they are to be written.
    bands : list of Band
        Those of the image's product.
    record : UploadRecord
        Gets the size, and warnings of values out of range.
    threads : int
        Threads that GDAL may use for each file.
    """
    files = _array_files(image, request, bands, record)
    options = cog_options(request.options, bands, threads, record)
    for text in dict.fromkeys(text for file in files for text in departures(file.layers, options)):
        warn_of(RasterWarning(text), record)
    tags = tags_of(image)
    size = sum(file.nbytes for file in files)
    record.options = replace(request.options, upload_type="ndarray", upload_size=size)
    return [_step(catalog, file, options, tags, record) for file in files]


def _array_files(image: Image, request: UploadRequest, bands: list[Band], record: UploadRecord) -> list[_ArrayFile]:
    """Check the arrays against the product, and give each its grid, mask and bands."""
    crs, transform = _georeferencing(image, request.raster_meta)
    product = image.product
    shown = (product.default_display_bands if product is not None else None) or []
    files = []
    for position, given in enumerate(request.arrays):
        pixels = check_array(numpy.asanyarray(given))
        declared = sorted((band for band in bands if band.file_position == position), key=lambda band: band.position)
        if not declared:
            raise InvalidArrayError(
                f"{len(request.arrays)} arrays were given; product '{image.product_id}' has no bands in file {position}"
            )
        height, width = pixels.shape[1:]
        check_overviews(request.options.overviews, (height, width))
        if 5 * len(pixels) > min(height, width):
            text = "looks like it might not have the band axis as the first dimension"
            warn_of(UploadOptionWarning(f"an array of shape {given.shape} {text}"), record)
        mask = None
        if isinstance(given, numpy.ma.MaskedArray) and given.mask is not numpy.ma.nomask:
            mask = numpy.ma.getmaskarray(given).reshape(pixels.shape)
        lacks_alpha = _lacks_alpha(pixels, declared, image)
        pixels = _as_declared(pixels, mask, declared, image)
        _warn_of_values(pixels, mask, declared, record)
        grid = Grid(crs, transform, (height, width))
        layers = layers_of(declared, shown)
        check_layers((len(pixels) + lacks_alpha, height, width), pixels.dtype, grid, layers)
        if mask is not None and not lacks_alpha:
            layers = _telling_masks_apart(layers, pixels, mask)
        files.append(_ArrayFile(pixels, mask, layers, grid, lacks_alpha))
    return files


def _georeferencing(image: Image, meta: Mapping[str, Any]) -> tuple[Any, Affine]:
    """Return CRS and transform: the image's own, else those of the raster_meta."""
    if image.cs_code is not None and image.projection is not None:
        warn_caller(UploadOptionWarning("both cs_code and projection are set; cs_code is used"))
    geotrans = image.geotrans or meta.get("geoTransform")
    try:
        numbers = None if geotrans is None else tuple(float(number) for number in geotrans)
    except (TypeError, ValueError, OverflowError):
        raise BadRequestError(f"raster_meta['geoTransform'] is six numbers, not {geotrans!r}") from None
    if numbers is None or len(numbers) != 6:
        raise BadRequestError(
            f"image '{image.id}' has no georeferencing: set geotrans to six numbers, or pass raster_meta"
        )
    system = meta.get("coordinateSystem") or {}
    if not isinstance(system, Mapping):
        raise BadRequestError(f"raster_meta['coordinateSystem'] is a mapping such as {{'epsg': 32618}}, not {system!r}")
    text = image.cs_code or image.projection or system.get("epsg") or system.get("wkt") or system.get("proj4")
    if text is None:
        raise BadRequestError(f"image '{image.id}' has no CRS: set cs_code such as 'EPSG:32618', or pass raster_meta")
    transform = Affine.from_gdal(*numbers)
    if transform.is_degenerate:
        raise BadRequestError(f"geotrans {numbers!r} of image '{image.id}' has pixels without extent")
    return parse_crs(text), transform


def _lacks_alpha(pixels: NDArray[Any], declared: list[Band], image: Image) -> bool:
    """Return whether an array lacks the alpha band that its product declares last; no other may be lacking."""
    last = declared[-1]
    expected = last.position + 1
    lacks_alpha = len(pixels) == expected - 1 and last.is_opacity
    if len(pixels) != expected and not lacks_alpha:
        named = {band.position: str(band.name) for band in declared}
        names = ", ".join(named.get(at, "one without a name") for at in range(expected))
        raise InvalidArrayError(
            f"product '{image.product_id}' declares {expected} bands ({names}) and the array has {len(pixels)}; "
            "pass one array with all of them"
        )
    return lacks_alpha


def _as_declared(
    pixels: NDArray[Any], mask: NDArray[numpy.bool_] | None, declared: list[Band], image: Image
) -> NDArray[Any]:
    """Return pixels in the type that their bands share, or as they are where the bands' types differ.

    Raises where a band's own type would not hold them; of bands of masks, which share the type of an array with
    others, the values decide.
    """
    types = set()
    for band in declared:
        wanted = None if band.data_type is None else numpy_dtype(band.data_type)
        if wanted is None or band.position == len(pixels):  # the alpha band that is made
            continue
        if band.is_mask:
            _require_held(pixels[band.position], None if mask is None else mask[band.position], band, image)
            continue
        types.add(wanted)
        if not is_lossless(pixels.dtype, wanted):
            raise InvalidArrayError(
                f"band '{band.name}' of product '{image.product_id}' stores {wanted.name} but the array is "
                f"{pixels.dtype.name}; cast it with array.astype('{wanted.name}')"
            )
    return pixels.astype(types.pop(), copy=False) if len(types) == 1 else pixels


def _require_held(layer: NDArray[Any], mask: NDArray[numpy.bool_] | None, band: Band, image: Image) -> None:
    """Raise an error if a valid pixel is no value of the type that its band declares."""
    for rows in row_strips(layer.shape, layer.itemsize):
        values = layer[rows] if mask is None else layer[rows][~mask[rows]]
        beyond = misfit(values, numpy_dtype(str(band.data_type)))
        if beyond is not None:
            raise InvalidArrayError(
                f"band '{band.name}' of product '{image.product_id}' stores {band.data_type} but the array holds "
                f"{beyond:g} there; declare the band as {data_type_name(layer.dtype)}, or change the array"
            )


def _warn_of_values(
    pixels: NDArray[Any], mask: NDArray[numpy.bool_] | None, declared: list[Band], record: UploadRecord
) -> None:
    for band in declared:
        at = band.position
        if band.data_range is None or at == len(pixels):  # the alpha band that is made
            continue
        least, most = band.data_range
        is_nodata_within = band.nodata is None or least <= band.nodata <= most
        low, high = _extremes(
            pixels[at], None if mask is None else mask[at], nodata=None if is_nodata_within else band.nodata
        )
        if low < least or high > most:
            record.add(
                EventType.LOG,
                f"band '{band.name}' has values from {low:g} to {high:g}, outside its data_range {band.data_range}",
                Severity.WARNING,
            )


def _extremes(layer: NDArray[Any], mask: NDArray[numpy.bool_] | None, *, nodata: float | None) -> tuple[float, float]:
    """Return the smallest and the largest valid value of a band; infinite, and the wrong way round, without any."""
    low, high = math.inf, -math.inf
    for rows in row_strips(layer.shape, layer.itemsize):
        values = layer[rows] if mask is None or not mask[rows].any() else layer[rows][~mask[rows]]
        if nodata is not None:
            values = values[~equals_nodata(values, nodata)]
        if values.size:
            low = min(low, float(numpy.fmin.reduce(values, axis=None)))  # which, unlike min, leaves out not-a-number
            high = max(high, float(numpy.fmax.reduce(values, axis=None)))
    return low, high


def _telling_masks_apart(layers: list[BandLayer], pixels: NDArray[Any], mask: NDArray[numpy.bool_]) -> list[BandLayer]:
    """Give a file a nodata of its own where its bands declare none and differ in their masks.

    A file has one internal mask for all its bands. The nodata is a value that no valid pixel has; where all are taken
    the layers stay as they are, for the writer to refuse.
    """
    shown = [at for at, layer in enumerate(layers) if not layer.is_alpha]
    if len(shown) < 2 or any(layers[at].nodata is not None for at in shown):
        return layers
    if not differ([mask[at] for at in shown]):
        return layers
    free = free_value([pixels[at] for at in shown], [mask[at] for at in shown])
    return [layer if layer.is_alpha else replace(layer, nodata=free) for layer in layers]


def _step(
    catalog: CatalogFile, file: _ArrayFile, options: CogOptions, tags: Mapping[str, str], record: UploadRecord
) -> Step:
    def write(stack: ExitStack) -> Written:
        folder = catalog.data_folder
        ground = ground_of(file.grid)
        folder.require_space(file.nbytes)
        temporary = stack.enter_context(folder.temporary(".tif"))
        source = file.source()
        digest = write_pixels(source, temporary, grid=file.grid, options=options, bands=file.layers, tags=tags)
        folder.sync(temporary)
        record.add(EventType.LOG, f"{digest.size_bytes:,} bytes written")
        digest = replace(digest, fill_fraction=_fill_fraction(source, file.layers))
        return Written(digest, file.grid, ground, temporary=temporary, suffix=".tif")

    return write


def _fill_fraction(source: ArrayPixels, layers: Sequence[BandLayer]) -> float:
    """Return the share of pixels that are valid in all bands."""
    valid = 0
    for _, pixels, mask in strips_of(source):
        invalid = numpy.zeros(pixels.shape[1:], dtype=bool) if mask is None else mask.copy()
        for values, layer in zip(pixels, layers, strict=True):
            invalid |= values == 0 if layer.is_alpha else equals_nodata(values, layer.nodata)
            if values.dtype.kind == "f":
                invalid |= numpy.isnan(values)
        valid += invalid.size - int(numpy.count_nonzero(invalid))
    _, height, width = source.shape
    return valid / (height * width)
