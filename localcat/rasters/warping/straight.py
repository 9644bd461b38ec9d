"""Files with ground control points brought onto a grid: which one, and their pixels on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy
import rasterio
import shapely
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import GCPTransformer
from rasterio.warp import reproject
from shapely.geometry.base import BaseGeometry

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import WGS84, exact_wkt
from localcat.earth.ground import ground_of
from localcat.earth.projecting import project
from localcat.errors import CorruptImageError, InvalidGeometryError, TooLargeError
from localcat.forks import keep_in_children
from localcat.rasters.files.control_points import ControlPoints
from localcat.rasters.files.dtypes import data_type_name
from localcat.rasters.files.environment import raster_environment, read_errors
from localcat.rasters.warping.pieces import pieces_of
from localcat.rasters.warping.vrt import simple_source

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader

_MOST_SPLINED = 500  # control points; with more of them a spline takes long, and a polynomial of the third order does
_STEPS = 32  # along each side of the outline
_WIDEST = 20.0  # degrees of longitude on a UTM map
_POLES = (84.0, -80.0)  # degrees of latitude, beyond which UTM has no zones
_UPS = {True: 32661, False: 32761}  # EPSG codes of the maps of the poles, by whether it is the northern one
_THINNEST = 1e-6  # width of what points cover, as a share of its length
_ROUND = 0.01  # share by which the size of a pixel may change to become a round number
_MOST_GROWN = 8  # times as many pixels as the file has; a turned one has up to twice as many


@dataclass(frozen=True, slots=True)
class Straight:
    """Where the pixels of a file with control points are.

    Parameters
    ----------
    grid : Grid
        A grid with rows from west to east that holds them all: on the map of the control points, or if these are in
        degrees on that of their UTM zone; its pixels are as large as the file's.
    outline : shapely geometry
        The ground that they cover, in longitude and latitude, EPSG:4326.
    points : ControlPoints
        In the CRS of the grid.
    """

    grid: Grid
    outline: BaseGeometry
    points: ControlPoints


@lru_cache(maxsize=64)
def straight_of(points: ControlPoints, shape: tuple[int, int]) -> Straight:
    """Return where the pixels of a file are, given its control points and its (height, width).

    Between the points a spline goes through all of them; heights do not count.

    Raises
    ------
    CorruptImageError
        If the points place no area on the Earth, such as points on a line.
    TooLargeError
        If the grid would be much larger than the file.
    """
    height, width = shape
    with raster_environment():
        placed = _on_map(points)
        side = numpy.linspace(0, 1, _STEPS, endpoint=False)
        columns = numpy.concatenate((side, numpy.ones(_STEPS), 1 - side, numpy.zeros(_STEPS))) * width
        rows = numpy.concatenate((numpy.zeros(_STEPS), side, numpy.ones(_STEPS), 1 - side)) * height
        xs, ys = _placed(placed, columns, rows)
        size = _pixel_size(placed, shape)
        left, top = math.floor(xs.min() / size), math.ceil(ys.max() / size)
        right, bottom = math.ceil(xs.max() / size), math.floor(ys.min() / size)
        if (right - left) * (top - bottom) > _MOST_GROWN * height * width:
            raise TooLargeError(
                f"the control points spread {height} × {width} pixels over {top - bottom} × {right - left}; check them"
            )
        area = shapely.make_valid(shapely.Polygon(numpy.column_stack((xs, ys))))
        try:
            outline = ground_of(area, placed.crs)
        except InvalidGeometryError as error:
            raise _senseless(str(error)) from error
    transform = Affine(size, 0, left * size, 0, -size, top * size)
    return Straight(Grid(placed.crs, transform, (top - bottom, right - left)), outline, placed)


def _senseless(why: str) -> CorruptImageError:
    return CorruptImageError(f"the ground control points place no area on the Earth: {why}; write the file again")


def _on_map(points: ControlPoints) -> ControlPoints:
    """Return control points on a map that has straight rows: their own, or the UTM zone of their middle."""
    columns, rows, xs, ys = numpy.array(points.points).T
    if points.crs.is_geographic:
        xs = (xs - xs[0] + 180) % 360 - 180 + xs[0]  # in one piece across the antimeridian
        if xs.max() - xs.min() > _WIDEST and _POLES[1] < ys.mean() < _POLES[0]:
            crs = points.crs
        else:
            lons, lats = project(points.crs, WGS84, xs, ys)
            crs = _map_of(lons, lats)
            xs, ys = project(points.crs, crs, xs, ys)
    else:
        crs = points.crs
    if not (numpy.isfinite(xs).all() and numpy.isfinite(ys).all()):
        raise _senseless("some of them are beyond the edge of the map")
    if _is_line(columns, rows) or _is_line(xs, ys):
        raise _senseless("they are all on one line")
    flat = numpy.column_stack((columns, rows, xs, ys)).tolist()
    return ControlPoints(crs, tuple(tuple(point) for point in flat))


def _is_line(xs: NDArray[Any], ys: NDArray[Any]) -> bool:
    """Return whether points are on one line, or at one place."""
    long, short = numpy.linalg.svd(numpy.stack((xs - xs.mean(), ys - ys.mean())), compute_uv=False)
    return bool(short <= _THINNEST * long)


def _map_of(lons: NDArray[Any], lats: NDArray[Any]) -> CRS:
    if not (numpy.isfinite(lons).all() and numpy.isfinite(lats).all()):
        raise _senseless("some of them have no longitude and latitude")
    lat = float(lats.mean())
    if not _POLES[1] <= lat <= _POLES[0]:
        return CRS.from_epsg(_UPS[lat > 0])
    lon = (float(((lons - lons[0] + 180) % 360 - 180).mean()) + float(lons[0]) + 180) % 360
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + min(int(lon // 6) + 1, 60))


def _placed(
    points: ControlPoints, columns: NDArray[Any], rows: NDArray[Any]
) -> tuple[NDArray[numpy.float64], NDArray[numpy.float64]]:
    """Return where positions between pixels are."""
    try:
        with GCPTransformer(_gcps(points), tps=_is_splined(points)) as transformer:
            xs, ys = transformer.xy(list(rows), list(columns), offset="ul")
    except Exception as error:  # rasterio and GDAL have many names for this
        raise _senseless(str(error)) from error
    found = numpy.asarray(xs, dtype=float), numpy.asarray(ys, dtype=float)
    if not (numpy.isfinite(found[0]).all() and numpy.isfinite(found[1]).all()):
        raise _senseless("they leave some pixels without a place")
    return found


def _pixel_size(points: ControlPoints, shape: tuple[int, int]) -> float:
    """Return the side of a pixel, in units of the map: the shorter one, in the middle of the file, made round."""
    height, width = shape
    middle_row, middle_column = height / 2, width / 2
    columns = numpy.array([0, width, middle_column, middle_column])
    rows = numpy.array([middle_row, middle_row, 0, height])
    xs, ys = _placed(points, columns, rows)
    across = math.hypot(xs[1] - xs[0], ys[1] - ys[0]) / width
    down = math.hypot(xs[3] - xs[2], ys[3] - ys[2]) / height
    size = min(across, down)
    if not size > 0:
        raise _senseless("a side of the file has no length")
    digits = -math.floor(math.log10(size))
    return next(
        (near for more in (0, 1) if abs((near := round(size, digits + more)) - size) <= _ROUND * size),
        round(size, digits + 3),
    )


def _gcps(points: ControlPoints) -> list[GroundControlPoint]:
    return [GroundControlPoint(row=row, col=column, x=x, y=y) for column, row, x, y in points.points]


def _is_splined(points: ControlPoints) -> bool:
    return len(points.points) <= _MOST_SPLINED


class StraightPixels:
    """The pixels of an open file on the grid that its control points lead to; each is one of the file's, the nearest.

    Parameters
    ----------
    dataset : DatasetReader
        The file.
    straight : Straight
        Where its pixels are.
    dtype : numpy.dtype
        Holds the pixels of all bands.
    nodata : sequence of float or None
        What marks pixels outside of the file, per band. If a band has none, the file gets an internal mask.
    has_internal_mask : bool
        Whether the file has one.
    """

    def __init__(
        self,
        dataset: DatasetReader,
        straight: Straight,
        dtype: numpy.dtype[Any],
        nodata: Sequence[float | None],
        *,
        has_internal_mask: bool,
    ) -> None:
        self._dataset, self._straight, self._dtype, self._nodata = dataset, straight, dtype, nodata
        self._is_masked = has_internal_mask
        self._text = _with_presence(dataset, straight, is_masked=has_internal_mask)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(band, row, column)."""
        return self._dataset.count, *self._straight.grid.shape

    @property
    def dtype(self) -> numpy.dtype[Any]:
        """Of the pixels."""
        return self._dtype

    @property
    def has_internal_mask(self) -> bool:
        """Whether some pixels are invalid that no nodata marks."""
        return self._is_masked or None in self._nodata

    def rows(self, rows: slice) -> tuple[NDArray[Any], NDArray[numpy.bool_] | None]:
        """Return the pixels of some rows, and which of them are outside of the file, or masked there."""
        count, height, width = self.shape
        top, bottom, _ = rows.indices(height)
        pixels = numpy.zeros((count, bottom - top, width), self._dtype)
        present = numpy.zeros((bottom - top, width), bool)
        whole = slice(0, height), slice(0, width)
        wanted = slice(top, bottom), slice(0, width)
        with read_errors(self._dataset.name), ExitStack() as stack:
            source = stack.enter_context(rasterio.open(self._text, driver="VRT", sharing=False))
            for down, across in pieces_of((height, width), whole, wanted, count + 1):
                piece = self._piece(source, down, across)
                inside = slice(max(down.start, top), min(down.stop, bottom))
                at = slice(inside.start - top, inside.stop - top)
                part = piece[:, inside.start - down.start : inside.stop - down.start]
                pixels[:, at, across], present[at, across] = part[:-1], part[-1] > 0
        for band, nodata in zip(pixels, self._nodata, strict=True):
            if nodata is not None:
                numpy.copyto(band, self._dtype.type(nodata), where=~present)
        return pixels, ~present if self.has_internal_mask else None

    def _piece(self, source: DatasetReader, rows: slice, columns: slice) -> NDArray[Any]:
        """Return the bands of a part of the grid, and behind them one that is 0 outside of the file."""
        straight = self._straight
        grid = straight.grid.part(rows, columns)
        found = numpy.zeros((source.count, *grid.shape), self._dtype)
        reproject(
            rasterio.band(source, source.indexes),
            found,
            gcps=_gcps(straight.points),
            src_crs=grid.crs,
            dst_crs=grid.crs,
            dst_transform=grid.transform,
            resampling=Resampling.nearest,
            SRC_METHOD="GCP_TPS" if _is_splined(straight.points) else "GCP_POLYNOMIAL",
        )
        return found


def _with_presence(dataset: DatasetReader, straight: Straight, *, is_masked: bool) -> str:
    """Return a virtual dataset of a file's bands, without their nodata, and one that is 1 or 255 where they count."""
    whole = (0, 0, dataset.width, dataset.height)
    wkt = escape(exact_wkt(straight.grid.crs), {'"': "&quot;"})
    points = "".join(
        f'<GCP Id="{at}" Pixel="{column!r}" Line="{row!r}" X="{x!r}" Y="{y!r}"/>'
        for at, (column, row, x, y) in enumerate(straight.points.points)
    )
    bands = [
        (data_type_name(dataset.dtypes[at]), simple_source(dataset.name, str(at + 1), whole, whole))
        for at in range(dataset.count)
    ]
    all_there = "<NoDataValue>1</NoDataValue><HideNoDataValue>1</HideNoDataValue>"
    bands.append(("Byte", simple_source(dataset.name, "mask,1", whole, whole) if is_masked else all_there))
    inside = "".join(
        f'<VRTRasterBand dataType="{data_type}" band="{number}">{content}</VRTRasterBand>'
        for number, (data_type, content) in enumerate(bands, start=1)
    )
    return (
        f'<VRTDataset rasterXSize="{dataset.width}" rasterYSize="{dataset.height}">'
        f'<GCPList Projection="{wkt}">{points}</GCPList>{inside}</VRTDataset>'
    )


keep_in_children(straight_of)
