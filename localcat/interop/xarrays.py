"""Stacks of images as xarray: labelled, and read when they are needed, block by block.

The CRS is told as rioxarray and CF have it: a coordinate ``spatial_ref`` with the WKT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy
import xarray
from xarray.backends import BackendArray
from xarray.core import indexing

from localcat.earth.contexts import AOI, GeoContext
from localcat.earth.crs import exact_wkt
from localcat.errors import BadRequestError, InvalidGeometryError, NotFoundError
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.models.backend import bands_of
from localcat.models.product import Product
from localcat.models.requests import ReadRequest
from localcat.rasters.files.dtypes import is_representable, numpy_dtype
from localcat.reading.arrays import read_stack
from localcat.reading.plan import band_names, scaling_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.earth.contexts.grid import Grid
    from localcat.models.backend import Backend
    from localcat.models.image import Image

_AXES = ("time", "band", "y", "x")
NODATA = "nodata"
"""Stands for the value that all the bands declare for no data."""


class LazyStack(BackendArray):
    """Images as layers of one array of which parts are read when they are asked for; it can be pickled.

    Parameters
    ----------
    images : sequence of Image
        One layer each.
    request : ReadRequest
        How; its geocontext is complete.
    dtype : numpy.dtype
        Of the result.
    fill_value : float
        What invalid pixels are.
    """

    def __init__(
        self, images: Sequence[Image], request: ReadRequest, dtype: numpy.dtype[Any], fill_value: float
    ) -> None:
        self.images = list(images)
        self.request = request
        self.names = band_names(request.bands)
        self.dtype = dtype
        self.fill_value = fill_value
        self.shape = (len(self.images), len(self.names), *self.grid.shape)

    @property
    def grid(self) -> Grid:
        """The grid of the pixels."""
        context: GeoContext = self.request.geocontext
        return context.grid()

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a part: a whole number drops its axis, a slice may have any step."""
        ranges = [
            range(size)[part : part + 1] if isinstance(part, int) and part >= 0 else range(size)[part]
            for part, size in zip(key, self.shape, strict=True)
        ]
        spans = [one if isinstance(one, range) else range(one, one + 1) for one in ranges]
        part = self._pixels(*spans)
        return part[tuple(0 if isinstance(one, int | numpy.integer) else slice(None) for one in key)]

    def _pixels(self, layers: range, bands: range, rows: range, columns: range) -> NDArray[Any]:
        shape = tuple(map(len, (layers, bands, rows, columns)))
        if 0 in shape:
            return numpy.empty(shape, self.dtype)
        whole_rows, whole_columns = _covering(rows), _covering(columns)
        request = replace(
            self.request,
            bands=[self.names[position] for position in bands],
            geocontext=self._part(whole_rows, whole_columns),
            bands_axis=1,
        )
        groups = [[self.images[position]] for position in layers]
        if request.geocontext is None:
            return numpy.full(shape, self.fill_value, self.dtype)
        read: Any = read_stack(groups, request)
        filled = numpy.ma.filled(numpy.ma.asarray(read).astype(self.dtype), self.fill_value)
        down = slice(rows[0] - whole_rows.start, None, rows.step)
        across = slice(columns[0] - whole_columns.start, None, columns.step)
        part: NDArray[Any] = filled[:, :, down, across]
        return part

    def _part(self, rows: slice, columns: slice) -> GeoContext | None:
        """Return the context of some of the pixels; None if they are all outside the geometry."""
        context: GeoContext = self.request.geocontext
        grid = self.grid
        if (rows.start, rows.stop, columns.start, columns.stop) == (0, grid.height, 0, grid.width):
            return context
        part, crs = grid.part(rows, columns), str(context.crs)
        fixed: dict[str, Any] = {"bounds": part.bounds, "bounds_crs": crs, "crs": crs, "shape": part.shape}
        fixed |= {"align_pixels": False, "all_touched": context.all_touched}
        try:
            return AOI(geometry=context.cutline, **fixed)
        except (BadRequestError, InvalidGeometryError, ValueError):  # the geometry does not meet this part
            AOI(**fixed)
            return None


def _covering(wanted: range) -> slice:
    """Return the positions from the first to the last of a range, whichever way it goes."""
    first, last = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1])
    return slice(first, last + 1)


def to_dataarray(
    images: Sequence[Image], request: ReadRequest, *, fill_value: float | str | None, chunks: Any
) -> xarray.DataArray:
    """Return images as a DataArray of (time, band, y, x); see `ImageCollection.to_xarray`."""
    array = _lazy(images, request, fill_value)
    return array.load() if chunks is None else array.chunk(chunks)


@dataclass(frozen=True, slots=True)
class Opening:
    """What `xarray.open_dataset` was given; `localcat.interop.xarray_engine` says what each part means."""

    product: str | None
    bands: str | Sequence[str] | None
    dropped: set[str]
    where: Any
    datetime: str | None
    area: Any
    crs: str | None
    resolution: float | None
    resampler: str
    fill_value: float | str | None


def to_dataset(catalog: Backend, opening: Opening) -> xarray.Dataset:
    """Return images of a product as a Dataset of (time, y, x), of which nothing is read yet."""
    product = _product(catalog, opening.product)
    images = catalog.images.filter(p.product_id == product).sort("acquired")
    if opening.where is not None:
        where = opening.where
        images = images.filter(where if isinstance(where, Expression) else Expression.from_cql2(where))
    if opening.datetime is not None:
        images = images.during(opening.datetime)
    if opening.area is not None:
        images = images.intersects(opening.area)
    found = images.collect(None if opening.area is None else _context(opening))
    if not found:
        raise BadRequestError(f"no image of product '{product}' is found; ask for fewer conditions, or another area")
    context = found.geocontext if opening.area is not None else _around_all(list(found), opening)
    declared = [band for band in bands_of(catalog, product) if not getattr(band, "is_alpha", False)]
    names = [str(band.name) for band in declared] if opening.bands is None else band_names(opening.bands)
    variables = {}
    for name in names:
        if name in opening.dropped:
            continue
        request = ReadRequest(bands=name, geocontext=context, resampler=opening.resampler, progress=False)
        variables[name] = _lazy(list(found), request, opening.fill_value).isel(band=0, drop=True)
    return xarray.Dataset(variables, attrs={"product_id": product})


def _product(catalog: Backend, given: str | None) -> str:
    if given is not None:
        found = Product.get(given, catalog=catalog)
        if found is None:
            raise NotFoundError(f"there is no product '{given}' in catalog '{catalog.file.path}'")
        return str(found.id)
    ids = catalog.search(Product).ids()
    if len(ids) != 1:
        shown = ", ".join(ids[:10]) or "none"
        raise BadRequestError(f"catalog '{catalog.file.path}' has {len(ids):,} products ({shown}); pass product=")
    return ids[0]


def _context(opening: Opening) -> GeoContext:
    """Return the area that was given as a context; the collection completes it."""
    made = opening.area if isinstance(opening.area, GeoContext) else AOI(geometry=opening.area)
    changed = {name: value for name in ("crs", "resolution") if (value := getattr(opening, name)) is not None}
    if changed and not isinstance(made, AOI):
        raise BadRequestError(f"a tile has its CRS and resolution; pass it without {' and '.join(changed)}")
    return made.assign(**changed) if isinstance(made, AOI) and changed else made


def _around_all(images: Sequence[Image], opening: Opening) -> GeoContext:
    """Return the smallest grid that has all images, in their CRS."""
    grids = [image.geocontext.grid() for image in images]
    codes = {exact_wkt(grid.crs) for grid in grids}
    if len(codes) != 1:
        raise BadRequestError(f"the images have {len(codes)} CRSs; pass an area, and crs and resolution if need be")
    west, south, east, north = (list(edge) for edge in zip(*(grid.bounds for grid in grids), strict=True))
    crs = images[0].cs_code or images[0].projection
    whole = AOI(
        bounds=(min(west), min(south), max(east), max(north)),
        bounds_crs=crs,
        crs=crs,
        resolution=min(abs(grid.geotransform[1]) for grid in grids),
        align_pixels=False,
    )
    changed = {name: value for name in ("crs", "resolution") if (value := getattr(opening, name)) is not None}
    return whole.assign(**changed) if changed else whole


def _lazy(images: Sequence[Image], request: ReadRequest, fill_value: float | str | None) -> xarray.DataArray:
    """Return images as a DataArray of which nothing is read yet."""
    names = band_names(request.bands)
    dtype, fill = _type_of(images, request, fill_value)
    lazy = LazyStack(images, request, dtype, fill)
    array = xarray.DataArray(
        xarray.Variable(_AXES, indexing.LazilyIndexedArray(lazy)), coords=_coordinates(images, names, lazy.grid)
    )
    array.encoding["grid_mapping"] = "spatial_ref"
    array.attrs["long_name"] = ", ".join(names)
    if fill == fill:  # a number: the values keep their type, and other programs read the attribute
        array.attrs["_FillValue"] = dtype.type(fill)
    return array


def _type_of(
    images: Sequence[Image], request: ReadRequest, fill_value: float | str | None
) -> tuple[numpy.dtype[Any], float]:
    """Return the type of the result, and what invalid pixels are in it."""
    _, name = scaling_of(images, request)
    dtype = numpy_dtype(name)
    if fill_value is None:
        as_float = dtype if dtype.kind == "f" else numpy.dtype("float32" if dtype.itemsize <= 2 else "float64")
        return as_float, float("nan")
    if fill_value == NODATA:
        wanted = set(band_names(request.bands))
        declared = {
            band.nodata
            for product in {(image._catalog, image.product_id) for image in images}
            for band in bands_of(product[0], str(product[1]))
            if band.name in wanted
        }
        if len(declared) != 1 or None in declared:
            raise BadRequestError(
                f"the bands {', '.join(sorted(wanted))} have no common nodata value; pass a number as fill_value"
            )
        fill_value = declared.pop()
    if isinstance(fill_value, bool | str) or fill_value is None or not is_representable(fill_value, dtype):
        raise BadRequestError(f"fill_value is a value of type {dtype}, 'nodata' or None, not {fill_value!r}")
    return dtype, float(fill_value)


def _coordinates(images: Sequence[Image], names: Sequence[str], grid: Grid) -> dict[str, Any]:
    x0, dx, skew_x, y0, skew_y, dy = grid.geotransform
    if skew_x or skew_y:
        raise BadRequestError("a grid that is turned has no coordinates x and y; pass a geocontext, such as an AOI")
    times = [numpy.datetime64("NaT") if image.acquired is None else _naive(image.acquired) for image in images]
    unit = "degrees" if grid.crs.is_geographic else "metre"
    return {
        "time": ("time", numpy.array(times, "datetime64[ns]")),
        "id": ("time", [str(image.id) for image in images]),
        "band": list(names),
        "y": ("y", y0 + dy * (numpy.arange(grid.height) + 0.5), {"units": unit, "axis": "Y"}),
        "x": ("x", x0 + dx * (numpy.arange(grid.width) + 0.5), {"units": unit, "axis": "X"}),
        "spatial_ref": (
            (),
            0,
            {
                "crs_wkt": exact_wkt(grid.crs),
                "spatial_ref": exact_wkt(grid.crs),
                "GeoTransform": " ".join(repr(float(number)) for number in grid.geotransform),
            },
        ),
    }


def _naive(moment: Any) -> numpy.datetime64:
    from localcat.timestamps import to_microseconds

    return numpy.datetime64(to_microseconds(moment), "us")
