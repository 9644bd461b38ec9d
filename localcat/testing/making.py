"""Small rasters and images whose every pixel is known."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import rasterio
from affine import Affine

from localcat.client import default_catalog
from localcat.earth.crs import exact_wkt, parse_crs
from localcat.errors import BadRequestError, InvalidArrayError
from localcat.models.band import SpectralBand
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.rasters.files.dtypes import data_type_name, is_representable, numpy_dtype
from localcat.rasters.files.environment import raster_environment, write_errors
from localcat.rasters.files.opening import quiet_georeferencing
from localcat.rasters.writing.checks import COLORMAP_DTYPES, check_array

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from localcat.catalog import Catalog

SHAPE = (48, 64)  # rows, columns; unequal sides catch swapped axes
CRS = "EPSG:32633"
TRANSFORM = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 5_300_000.0)  # pixels of 10 m, 15° E, 47.85° N
ACQUIRED = "2024-06-01T10:00:00Z"
_BAND_NAMES = ("red", "green", "blue", "nir")


def pattern(shape: Sequence[int] = (1, *SHAPE), dtype: DTypeLike = "uint16", *, seed: int = 0) -> NDArray[Any]:
    """Return pixels of known values: ``1 + (31 * band + 5 * row + column + seed) % 100``.

    So they are 1 to 100, and swapped axes or bands are noticed. Bands, rows and columns count from 0.

    Parameters
    ----------
    shape : sequence of int
        (band, row, column), or (row, column).
    dtype : dtype
        The type of the pixels.
    seed : int
        Moves the values, so that the arrays of two images differ.

    Returns
    -------
    ndarray
        Of the shape and type asked for.

    Raises
    ------
    InvalidArrayError
        If the shape has other than two or three axes, or a catalog holds no pixels of that type.
    """
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise InvalidArrayError(f"a shape is (band, row, column) or (row, column), each at least 1, not {shape!r}")
    data_type_name(dtype)
    bands, rows, columns = numpy.ogrid[tuple(slice(side) for side in (1, *shape)[-3:])]
    values: NDArray[Any] = 1 + (31 * bands + 5 * rows + columns + seed) % 100
    return values.reshape(shape).astype(dtype)


def make_raster(
    path: str | os.PathLike[str],
    array: Any = None,
    *,
    crs: str | None = CRS,
    transform: Affine | None = TRANSFORM,
    nodata: float | None = None,
    names: Sequence[str] = (),
    colors: Mapping[int, tuple[int, int, int, int]] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Write a small GeoTIFF, as any program may have written it.

    Parameters
    ----------
    path : path
        The file. Its folder is made if need be, and a file of that name is written over.
    array : ndarray or masked array, optional
        Shape (band, row, column) or (row, column); `pattern` when left out. Masked pixels are stored as `nodata`, or
        where that is None in an internal mask, in which a pixel is invalid if any band masks it.
    crs : str, optional
        Code, WKT or PROJ.4 text; None for a file that does not say it.
    transform : Affine, optional
        From (column, row) to coordinates; None for a file that does not say it. South-up and turned ones are taken.
    nodata : float, optional
        The value that means no data.
    names : sequence of str
        Descriptions of the first bands.
    colors : mapping, optional
        A colour table, (red, green, blue, alpha) by value, of a single band of uint8 or uint16.
    tags : mapping, optional
        Metadata, text by name.

    Returns
    -------
    Path
        The absolute path of the file.

    Raises
    ------
    InvalidArrayError
        If rank, type or size of the array does not fit, or there are more names than bands.
    InvalidCRSError
        If the CRS is not known.
    BadRequestError
        If `nodata` is not a value of the array's type, or `transform` is not an Affine.
    StorageError
        If the file cannot be written.
    """
    file = Path(os.path.abspath(path))  # noqa: PTH100  # links stay as they are written
    given = numpy.ma.asarray(pattern() if array is None else array)
    pixels = check_array(given.filled(nodata) if nodata is not None and _fits(nodata, given) else given.data)
    if nodata is not None and not _fits(nodata, given):
        raise BadRequestError(f"nodata {nodata:g} is not a value of {given.dtype}; choose another, or None")
    if len(names) > len(pixels):
        raise InvalidArrayError(f"{len(names)} names do not fit an array of {len(pixels)} bands; leave some out")
    if colors is not None and (len(pixels) > 1 or pixels.dtype.name not in COLORMAP_DTYPES):
        raise InvalidArrayError(f"colors need one band of uint8 or uint16, not {len(pixels)} of {pixels.dtype}")
    if transform is not None and not isinstance(transform, Affine):
        raise BadRequestError(f"transform is an affine.Affine, not {transform!r}; see Affine.from_gdal")
    profile = {
        "driver": "GTiff",
        "count": len(pixels),
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "dtype": pixels.dtype,
        "crs": None if crs is None else parse_crs(crs),
        "transform": transform,
        "nodata": nodata,
    }
    with write_errors(file), raster_environment(), quiet_georeferencing():
        file.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(file, "w", **{key: value for key, value in profile.items() if value is not None}) as dataset:
            dataset.write(pixels)
            if nodata is None and numpy.ma.is_masked(given):
                valid = ~numpy.ma.getmaskarray(given).reshape(pixels.shape).any(axis=0)
                dataset.write_mask(valid)
            for number, name in enumerate(names, start=1):
                dataset.set_band_description(number, name)
            if colors is not None:
                dataset.write_colormap(1, dict(colors))
            dataset.update_tags(**(tags or {}))
    return file


def make_image(
    name: str | None = None,
    array: Any = None,
    *,
    product: Product | str = "sample",
    bands: Sequence[str] = (),
    crs: str = CRS,
    transform: Affine = TRANSFORM,
    catalog: Catalog | None = None,
    **attributes: Any,
) -> Image:
    """Save an image with pixels; its product and bands are made if they are missing.

    Parameters
    ----------
    name : str, optional
        ``"image-1"``, and so on, when left out.
    array : ndarray or masked array, optional
        Shape (band, row, column) or (row, column). When left out `pattern`, of as many bands of UInt16 as there are, or
        one, and 48 × 64 pixels.
    product : Product or str
        The product, or its id with or without the namespace. A new one is made if there is none.
    bands : sequence of str
        Names for the bands of a product that has none; ``red``, ``green``, ``blue``, ``nir``, ``band5``, and so on when
        left out. They are spectral bands.
    crs : str
        Code, WKT or PROJ.4 text.
    transform : Affine
        From (column, row) to coordinates; by default pixels of 10 m in Austria.
    catalog : Catalog, optional
        The default catalog when left out.
    **attributes
        Of `Image`; `acquired` is 2024-06-01 10:00 UTC when left out.

    Returns
    -------
    Image
        Saved.

    Raises
    ------
    BadRequestError
        If the number of `bands` does not fit, the name is taken, or an attribute is refused.
    InvalidArrayError
        If rank, type or number of bands of the array does not fit.
    InvalidCRSError, GridMismatchError
        If the CRS is not known, or a GeoTIFF cannot keep the grid.
    """
    home = default_catalog() if catalog is None and isinstance(product, str) else catalog
    owner = product if isinstance(product, Product) else Product.get(product, catalog=home)
    known = [] if owner is None else list(owner.bands())
    if array is None:
        dtype = numpy_dtype(str(known[0].data_type)) if known else "uint16"
        array = pattern((len(known) or len(bands) or 1, *SHAPE), dtype)
    pixels = check_array(array)
    if bands and len(bands) != len(pixels):
        raise BadRequestError(f"{len(bands)} names of bands do not fit an array of {len(pixels)}; name each band")
    meta = {"geoTransform": list(transform.to_gdal()), "coordinateSystem": {"wkt": exact_wkt(parse_crs(crs))}}
    with nullcontext() if home is None else home.transaction():
        if owner is None:
            owner = Product(id=str(product), name=str(product), catalog=home)
            owner.save()
        if not known:
            _make_bands(owner, bands, pixels)
        image = Image(product=owner, name=name or _free_name(owner), **{"acquired": ACQUIRED, **attributes})
        image.upload_ndarray(array, raster_meta=meta).raise_for_status()
    return image


def _make_bands(product: Product, names: Sequence[str], pixels: NDArray[Any]) -> None:
    """Save a spectral band for each layer of an array."""
    limits: Any = numpy.iinfo(pixels.dtype) if pixels.dtype.kind in "iu" else None
    for index in range(len(pixels)):
        default = _BAND_NAMES[index] if index < len(_BAND_NAMES) else f"band{index + 1}"
        SpectralBand(
            product=product,
            name=names[index] if names else default,
            band_index=index,
            data_type=data_type_name(pixels.dtype),
            data_range=(0.0, 1.0) if limits is None else (float(limits.min), float(limits.max)),
        ).save()
    product.reload()


def _free_name(product: Product) -> str:
    names = (f"image-{number}" for number in itertools.count(1 + product.images().count()))
    return next(name for name in names if product.get_image(name) is None)


def _fits(value: float, array: NDArray[Any]) -> bool:
    return array.dtype.kind in "iuf" and is_representable(value, array.dtype)
