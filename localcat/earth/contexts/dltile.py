"""Square tiles on a fixed grid in each zone of UTM, each with a key that determines it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from numbers import Real
from typing import Any, Literal, TypeAlias, overload

import numpy
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from localcat.earth.contexts.base import UNSET, Bounds, TileContext, Unchanged, assigned
from localcat.earth.contexts.checks import positive_resolution, whole_number
from localcat.earth.contexts.extent import footprint_of_bounds
from localcat.earth.contexts.grid import Grid
from localcat.earth.contexts.tiling import tile_indices
from localcat.earth.contexts.utm import (
    FALSE_EASTING,
    NORTHING_OF_POLE,
    ZONES,
    to_lonlat,
    to_utm,
    zone_code,
    zone_crs,
    zone_of,
)
from localcat.earth.crs import proj4_text
from localcat.earth.geometry import as_geometry
from localcat.errors import BadRequestError, GeoContextWarning, warn_caller

MANY_TILES = 50_000  # from here on a program probably meant a coarser tiling

Numbers: TypeAlias = Sequence[float] | NDArray[Any]

_NUMBER = r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
_KEY = re.compile(rf"(\d{{1,9}}):(\d{{1,9}}):({_NUMBER}):(\d{{1,2}}):(-?\d{{1,9}}):(-?\d{{1,9}})", re.ASCII)


class DLTile(TileContext):
    """A square tile of a UTM zone.

    Tile (ti, tj) begins, without its pad, ``ti * tilesize * resolution`` metres east of the central meridian and
    ``tj * tilesize * resolution`` metres north of the equator. Zones are northern in both hemispheres: south of the
    equator northings are negative.

    Parameters
    ----------
    tilesize : int
        Edge of the tile in pixels, without pad; positive.
    pad : int
        Pixels added on each side; 0 or more.
    resolution : float
        Edge of a pixel in metres; positive.
    zone : int
        UTM zone, 1 to 60.
    ti, tj : int
        Index of the tile, to the east and to the north.
    all_touched : bool
        Kept, and part of the value, but not of the key; a tile is filled to its edges either way.

    Raises
    ------
    TypeError
        If a value is not a number, or not a whole number where one is asked for.
    BadRequestError
        If a value is out of range.

    See Also
    --------
    DLTile.from_key, DLTile.from_latlon, DLTile.from_shape
    """

    _fields = ("tilesize", "pad", "resolution", "zone", "ti", "tj", "all_touched")
    _shown = ("key", "resolution", "tilesize", "pad", "crs", "bounds", "bounds_crs", "zone", "ti", "tj", "all_touched")

    __slots__ = tuple(f"_{name}" for name in _fields)

    _tilesize: int
    _pad: int
    _resolution: float
    _zone: int
    _ti: int
    _tj: int

    def __init__(
        self, tilesize: int, pad: int, *, resolution: float, zone: int, ti: int, tj: int, all_touched: bool = False
    ) -> None:
        parts = {
            "_tilesize": whole_number("tilesize", tilesize, least=1),
            "_pad": whole_number("pad", pad, least=0),
            "_resolution": positive_resolution(resolution),
            "_zone": whole_number("zone", zone, least=1, most=ZONES),
            "_ti": whole_number("ti", ti),
            "_tj": whole_number("tj", tj),
            "_all_touched": bool(all_touched),
        }
        for name, value in parts.items():
            object.__setattr__(self, name, value)
        south = self._tj * self._tilesize * self._resolution
        if not -NORTHING_OF_POLE - self._tilesize * self._resolution < south < NORTHING_OF_POLE:
            raise BadRequestError(f"a tile with tj={self._tj}, at northing {south:g}, lies beyond the pole")

    @classmethod
    def from_key(cls, dltile_key: str, all_touched: bool = False) -> DLTile:
        """Return the tile with a key.

        Parameters
        ----------
        dltile_key : str
            ``"tilesize:pad:resolution:zone:ti:tj"``, as in ``"2048:16:30.0:15:3:80"``.
        all_touched : bool
            As in the class.

        Raises
        ------
        BadRequestError
            If the text is not a key, or a part of it is out of range.
        """
        found = _KEY.fullmatch(dltile_key) if isinstance(dltile_key, str) else None
        if found is None:
            raise BadRequestError(
                f"{str(dltile_key)[:100]!r} is not a tile key; one looks like '2048:16:30.0:15:3:80', "
                "tilesize:pad:resolution:zone:ti:tj"
            )
        tilesize, pad, resolution, zone, ti, tj = found.groups()
        return cls(
            int(tilesize),
            int(pad),
            resolution=float(resolution),
            zone=int(zone),
            ti=int(ti),
            tj=int(tj),
            all_touched=all_touched,
        )

    @classmethod
    def from_latlon(
        cls, lat: float, lon: float, resolution: float, tilesize: int, pad: int, all_touched: bool = False
    ) -> DLTile:
        """Return the tile that holds a point, in the point's own zone.

        Parameters
        ----------
        lat, lon : float
            Degrees; latitude within ±90, any longitude.
        resolution : float
            Metres per pixel.
        tilesize, pad : int
            Pixels.
        all_touched : bool
            As in the class.

        Raises
        ------
        TypeError, BadRequestError
            As the class does; also if the latitude is beyond ±90° or a coordinate is not finite.
        """
        place: tuple[object, object] = lat, lon
        if not all(isinstance(degrees, Real) for degrees in place):
            raise TypeError(f"latitude and longitude are numbers, not {lat!r}, {lon!r}")
        if not (abs(lon) < math.inf and -90 <= lat <= 90):
            raise BadRequestError(f"latitude {lat!r}, longitude {lon!r} is not a point on Earth; latitude comes first")
        if abs(lon) > 180:
            lon = (lon + 180) % 360 - 180
        origin = cls(tilesize, pad, resolution=resolution, zone=zone_of(lon), ti=0, tj=0, all_touched=all_touched)
        x, y = to_utm([lon], [lat], origin.zone)[0]
        edge = origin.tilesize * origin.resolution
        return origin._neighbour(math.floor((x - FALSE_EASTING) / edge), math.floor(y / edge))

    @overload
    @classmethod
    def from_shape(
        cls,
        shape: object,
        resolution: float,
        tilesize: int,
        pad: int,
        keys_only: Literal[False] = False,
        all_touched: bool = False,
    ) -> list[DLTile]: ...

    @overload
    @classmethod
    def from_shape(
        cls,
        shape: object,
        resolution: float,
        tilesize: int,
        pad: int,
        keys_only: Literal[True],
        all_touched: bool = False,
    ) -> list[str]: ...

    @overload
    @classmethod
    def from_shape(
        cls,
        shape: object,
        resolution: float,
        tilesize: int,
        pad: int,
        keys_only: bool,
        all_touched: bool = False,
    ) -> list[DLTile] | list[str]: ...

    @classmethod
    def from_shape(
        cls,
        shape: object,
        resolution: float,
        tilesize: int,
        pad: int,
        keys_only: bool = False,
        all_touched: bool = False,
    ) -> list[DLTile] | list[str]:
        """Return the tiles, without their pads, that intersect a shape.

        Each part of the shape is tiled in the zone in whose 6° band it lies: a tile of a zone is there only if it
        meets the shape within that band.

        Parameters
        ----------
        shape : GeoJSON, shapely geometry, geo context or (min_lon, min_lat, max_lon, max_lat)
            In longitude and latitude, its edges straight in degrees.
        resolution : float
            Metres per pixel.
        tilesize, pad : int
            Pixels; the pad is given to the tiles, and plays no part in the choice.
        keys_only : bool
            Return keys instead of tiles.
        all_touched : bool
            As in the class.

        Returns
        -------
        list of DLTile or list of str
            By zone, then from west to east, then from south to north; each once.

        Raises
        ------
        TypeError, BadRequestError
            As the class does; `InvalidGeometryError` for a shape that is none.

        Warns
        -----
        GeoContextWarning
            If there are more than 50,000 tiles; `iter_from_shape` yields them one by one.
        """
        tiles: list[Any] = []
        chosen = cls._chosen(shape, resolution, tilesize, pad, all_touched)
        for tile in chosen:
            tiles.append(tile.key if keys_only else tile)
            if len(tiles) == MANY_TILES + 1:
                text = f"the shape has more than {MANY_TILES:,} tiles; choose larger ones, or use iter_from_shape"
                warn_caller(GeoContextWarning(text))
        return tiles

    @overload
    @classmethod
    def iter_from_shape(
        cls,
        shape: object,
        resolution: float,
        tilesize: int,
        pad: int,
        keys_only: Literal[False] = False,
        all_touched: bool = False,
    ) -> Iterator[DLTile]: ...

    @overload
    @classmethod
    def iter_from_shape(
        cls,
        shape: object,
        resolution: float,
        tilesize: int,
        pad: int,
        keys_only: Literal[True],
        all_touched: bool = False,
    ) -> Iterator[str]: ...

    @overload
    @classmethod
    def iter_from_shape(
        cls,
        shape: object,
        resolution: float,
        tilesize: int,
        pad: int,
        keys_only: bool,
        all_touched: bool = False,
    ) -> Iterator[DLTile] | Iterator[str]: ...

    @classmethod
    def iter_from_shape(
        cls,
        shape: object,
        resolution: float,
        tilesize: int,
        pad: int,
        keys_only: bool = False,
        all_touched: bool = False,
    ) -> Iterator[DLTile] | Iterator[str]:
        """Yield the tiles that `from_shape` returns, one by one and without a warning."""
        tiles = cls._chosen(shape, resolution, tilesize, pad, all_touched)
        return (tile.key for tile in tiles) if keys_only else tiles

    @classmethod
    def _chosen(cls, shape: object, resolution: float, tilesize: int, pad: int, all_touched: bool) -> Iterator[DLTile]:
        # Not a generator itself: a wrong argument is found by the call, not by the first tile that is asked for.
        area = as_geometry(shape)
        sample = cls(tilesize, pad, resolution=resolution, zone=1, ti=0, tj=0, all_touched=all_touched)
        indices = tile_indices(area, sample.tilesize * sample.resolution)
        return (sample._neighbour(ti, tj, zone) for zone, ti, tj in indices)

    @property
    def key(self) -> str:
        """``"tilesize:pad:resolution:zone:ti:tj"``, from which `from_key` makes the tile again."""
        return f"{self._tilesize}:{self._pad}:{self._resolution!r}:{self._zone}:{self._ti}:{self._tj}"

    @property
    def tilesize(self) -> int:
        """Edge of the tile in pixels, without pad."""
        return self._tilesize

    @property
    def pad(self) -> int:
        """Pixels added on each side."""
        return self._pad

    @property
    def resolution(self) -> float:
        """Edge of a pixel in metres."""
        return self._resolution

    @property
    def zone(self) -> int:
        """UTM zone, 1 to 60."""
        return self._zone

    @property
    def ti(self) -> int:
        """Index of the tile to the east, from the zone's central meridian."""
        return self._ti

    @property
    def tj(self) -> int:
        """Index of the tile to the north, from the equator."""
        return self._tj

    @property
    def tile_extent(self) -> int:
        """Edge of the tile in pixels, with its pads."""
        return self._tilesize + 2 * self._pad

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the tile, with its pads."""
        return self.tile_extent, self.tile_extent

    @property
    def crs(self) -> str:
        """Code of the zone's CRS, always northern: ``"EPSG:32615"`` for zone 15."""
        return zone_code(self._zone)

    @property
    def bounds(self) -> Bounds:
        """(min_x, min_y, max_x, max_y) of the tile with its pads, in metres."""
        # In whole pixels first: neighbours then share their edges to the last bit.
        first_column, first_row = self._ti * self._tilesize - self._pad, self._tj * self._tilesize - self._pad
        return (
            FALSE_EASTING + first_column * self._resolution,
            first_row * self._resolution,
            FALSE_EASTING + (first_column + self.tile_extent) * self._resolution,
            (first_row + self.tile_extent) * self._resolution,
        )

    @property
    def bounds_crs(self) -> str:
        """The same as `crs`."""
        return self.crs

    @property
    def geotrans(self) -> tuple[float, float, float, float, float, float]:
        """The six numbers of the tile's transform in GDAL's order: (min_x, resolution, 0, max_y, 0, -resolution)."""
        min_x, _, _, max_y = self.bounds
        return min_x, self._resolution, 0.0, max_y, 0.0, -self._resolution

    def _raster_params(self) -> dict[str, Any]:
        return {"dltile": self.key, "align_pixels": False}

    @property
    def wkt(self) -> str:
        """The zone's CRS as well-known text."""
        return str(zone_crs(self._zone).to_wkt())

    @property
    def proj4(self) -> str:
        """The zone's CRS as PROJ.4 text."""
        return proj4_text(zone_crs(self._zone))

    @property
    def geometry(self) -> BaseGeometry:
        """The tile with its pads in longitude and latitude; the edges of large tiles have points between the corners.

        Raises
        ------
        BadRequestError
            If the tile is beyond the Earth.
        """
        return _footprint(self.bounds, self._zone)

    def grid(self) -> Grid:
        """Return the pixel grid of the tile with its pads."""
        return Grid(zone_crs(self._zone), Affine.from_gdal(*self.geotrans), self.shape)

    def assign(self, pad: int | Unchanged = UNSET) -> DLTile:
        """Return the same tile with another pad, in pixels; ``"unchanged"`` keeps that of this one."""
        return self._with(_pad=whole_number("pad", assigned(pad, self._pad), least=0))

    @overload
    def subtile(
        self, subdivide: int, resolution: float | None = None, pad: int | None = None, keys_only: Literal[False] = False
    ) -> list[DLTile]: ...

    @overload
    def subtile(
        self, subdivide: int, resolution: float | None = None, pad: int | None = None, *, keys_only: Literal[True]
    ) -> list[str]: ...

    @overload
    def subtile(
        self, subdivide: int, resolution: float | None = None, pad: int | None = None, keys_only: bool = False
    ) -> list[DLTile] | list[str]: ...

    def subtile(
        self, subdivide: int, resolution: float | None = None, pad: int | None = None, keys_only: bool = False
    ) -> list[DLTile] | list[str]:
        """Return the smaller tiles that fill this one, without its pad: `subdivide` along each edge.

        Parameters
        ----------
        subdivide : int
            Tiles along an edge; divides `tilesize`.
        resolution : float, optional
            Metres per pixel of the new tiles; divides their edge. None keeps that of this tile.
        pad : int, optional
            Pixels added on each side of the new tiles. None keeps the number of this tile.
        keys_only : bool
            Return keys instead of tiles.

        Returns
        -------
        list of DLTile or list of str
            From west to east, then from south to north.

        Raises
        ------
        TypeError, BadRequestError
            If `subdivide` does not divide `tilesize`, or the edge of a new tile is not a whole number of pixels.
        """
        n = whole_number("subdivide", subdivide, least=1)
        if self._tilesize % n:
            raise BadRequestError(f"a tile of {self._tilesize} pixels cannot be divided into {n} x {n} tiles")
        size = self._tilesize // n
        step = self._resolution if resolution is None else positive_resolution(resolution)
        pixels = size * self._resolution / step
        if round(pixels) < 1 or not math.isclose(pixels, round(pixels), rel_tol=1e-9):
            raise BadRequestError(
                f"an edge of {size * self._resolution:g} metres is not a whole number of pixels of {step:g} metres"
            )
        corner = type(self)(
            round(pixels),
            self._pad if pad is None else pad,
            resolution=step,
            zone=self._zone,
            ti=self._ti * n,
            tj=self._tj * n,
            all_touched=self._all_touched,
        )
        tiles = [corner._neighbour(corner.ti + i, corner.tj + j) for i in range(n) for j in range(n)]
        return [tile.key for tile in tiles] if keys_only else tiles

    @overload
    def rowcol_to_latlon(self, row: float, col: float) -> tuple[float, float]: ...

    @overload
    def rowcol_to_latlon(self, row: Numbers, col: Numbers) -> tuple[NDArray[Any], NDArray[Any]]: ...

    def rowcol_to_latlon(
        self, row: float | Numbers, col: float | Numbers
    ) -> tuple[float, float] | tuple[NDArray[Any], NDArray[Any]]:
        """Return the latitude and longitude of the centres of pixels.

        Parameters
        ----------
        row, col : number, or sequence of numbers
            Counted from 0 at the upper left pixel, with pads. Fractions are parts of a pixel.

        Returns
        -------
        tuple
            (lat, lon) in degrees: two floats for two numbers, two arrays for two sequences of equal length.

        Raises
        ------
        BadRequestError
            If the sequences differ in length, or a pixel lies beyond the Earth.
        """
        rows, cols = _pair("row", row, "col", col)
        x, _, _, y = self.bounds
        lonlat = to_lonlat(x + (cols + 0.5) * self._resolution, y - (rows + 0.5) * self._resolution, self._zone)
        if numpy.ndim(row) == 0:
            return float(lonlat[0, 1]), float(lonlat[0, 0])
        return lonlat[:, 1], lonlat[:, 0]

    @overload
    def latlon_to_rowcol(self, lat: float, lon: float) -> tuple[int, int]: ...

    @overload
    def latlon_to_rowcol(self, lat: Numbers, lon: Numbers) -> tuple[NDArray[Any], NDArray[Any]]: ...

    def latlon_to_rowcol(
        self, lat: float | Numbers, lon: float | Numbers
    ) -> tuple[int, int] | tuple[NDArray[Any], NDArray[Any]]:
        """Return the row and column of the pixels that hold points.

        Parameters
        ----------
        lat, lon : number, or sequence of numbers
            Degrees.

        Returns
        -------
        tuple
            (row, col), counted from 0 at the upper left pixel, with pads; negative, or beyond the shape, for points
            outside the tile. Two ints for two numbers, two integer arrays for two sequences of equal length.

        Raises
        ------
        BadRequestError
            If the sequences differ in length, a latitude is beyond ±90°, or a point lies too far from the tile's zone
            to be projected.
        """
        lats, lons = _pair("lat", lat, "lon", lon)
        if not (numpy.abs(lats) <= 90).all():
            raise BadRequestError("some of the latitudes are beyond ±90°; latitude comes first, are the two swapped?")
        x, _, _, y = self.bounds
        eastings, northings = to_utm(lons, lats, self._zone).T
        rows = numpy.floor((y - northings) / self._resolution).astype(numpy.int64)
        cols = numpy.floor((eastings - x) / self._resolution).astype(numpy.int64)
        if numpy.ndim(lat) == 0:
            return int(rows[0]), int(cols[0])
        return rows, cols

    def _neighbour(self, ti: int, tj: int, zone: int | None = None) -> DLTile:
        """Return the tile of the same tiling at another index."""
        return self._with(_ti=ti, _tj=tj, _zone=self._zone if zone is None else zone)

    def _with(self, **changed: int) -> DLTile:
        """Return a copy with some parts changed, without checking the rest again."""
        tile = object.__new__(type(self))
        for name in self.__slots__:
            object.__setattr__(tile, name, changed.get(name, getattr(self, name)))
        return tile


@lru_cache(maxsize=1024)
def _footprint(bounds: Bounds, zone: int) -> BaseGeometry:
    return footprint_of_bounds(bounds, zone_crs(zone))


def _pair(
    first_name: str, first: float | Numbers, second_name: str, second: float | Numbers
) -> tuple[NDArray[Any], NDArray[Any]]:
    if numpy.shape(first) != numpy.shape(second) or numpy.ndim(first) > 1:
        raise BadRequestError(
            f"{first_name} and {second_name} are two numbers or two sequences of equal length, not of shapes "
            f"{numpy.shape(first)} and {numpy.shape(second)}"
        )
    return numpy.atleast_1d(numpy.asarray(first, float)), numpy.atleast_1d(numpy.asarray(second, float))
