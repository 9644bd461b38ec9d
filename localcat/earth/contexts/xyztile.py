"""The square tiles of web maps."""

from __future__ import annotations

import math
from typing import Any

import shapely
from affine import Affine
from shapely.geometry.base import BaseGeometry

from localcat.earth.contexts.base import Bounds, TileContext
from localcat.earth.contexts.checks import whole_number
from localcat.earth.contexts.grid import Grid
from localcat.earth.contexts.projection import crs_of
from localcat.errors import BadRequestError

TILESIZE = 256  # pixels
DEEPEST = 30  # zoom level; a pixel is 0.15 mm there
_HALF_WORLD = math.pi * 6_378_137  # metres; half the equator of WGS 84, the edge of the map on each side of its middle
_WEB_MERCATOR = "EPSG:3857"


class XYZTile(TileContext):
    """A tile of a web map: 256 x 256 pixels of Web Mercator, EPSG:3857.

    Parameters
    ----------
    x, y : int
        Column from the west and row from the north, 0 to 2**z - 1.
    z : int
        Zoom level, 0 to 30; the world is 2**z tiles wide.
    all_touched : bool
        Kept, and part of the value; a tile is filled to its edges either way.

    Raises
    ------
    TypeError
        If a value is not a whole number.
    BadRequestError
        If there is no such tile.

    Notes
    -----
    The numbering is that of OpenStreetMap's "slippy map"; the resolution is ``2 * pi * 6378137 / 2**z / 256``.
    """

    _fields = ("x", "y", "z", "all_touched")
    _shown = ("x", "y", "z", "bounds", "crs", "bounds_crs", "resolution", "tilesize", "all_touched")

    __slots__ = ("_all_touched", "_x", "_y", "_z")

    _x: int
    _y: int
    _z: int

    def __init__(self, x: int, y: int, z: int, all_touched: bool = False) -> None:
        zoom = whole_number("the zoom level of a tile", z, least=0, most=DEEPEST)
        last = (1 << zoom) - 1
        object.__setattr__(self, "_x", whole_number(f"x of a tile at zoom level {zoom}", x, least=0, most=last))
        object.__setattr__(self, "_y", whole_number(f"y of a tile at zoom level {zoom}", y, least=0, most=last))
        object.__setattr__(self, "_z", zoom)
        object.__setattr__(self, "_all_touched", bool(all_touched))

    @property
    def x(self) -> int:
        """Column, counted from the west."""
        return self._x

    @property
    def y(self) -> int:
        """Row, counted from the north."""
        return self._y

    @property
    def z(self) -> int:
        """Zoom level."""
        return self._z

    @property
    def tilesize(self) -> int:
        """256: edge of the tile in pixels."""
        return TILESIZE

    @property
    def resolution(self) -> float:
        """Edge of a pixel in metres of the map, which are metres on the ground at the equator only."""
        return 2 * _HALF_WORLD / (1 << self._z) / TILESIZE

    @property
    def crs(self) -> str:
        """``"EPSG:3857"``."""
        return _WEB_MERCATOR

    @property
    def bounds(self) -> Bounds:
        """(min_x, min_y, max_x, max_y) in metres of the map."""
        # From fractions of the world, which are exact: neighbours share their edges to the last bit.
        west, south, east, north = (2 * edge / (1 << self._z) - 1 for edge in self._edges())
        return west * _HALF_WORLD, -south * _HALF_WORLD, east * _HALF_WORLD, -north * _HALF_WORLD

    @property
    def bounds_crs(self) -> str:
        """``"EPSG:3857"``."""
        return _WEB_MERCATOR

    @property
    def shape(self) -> tuple[int, int]:
        """(256, 256)."""
        return TILESIZE, TILESIZE

    @property
    def geotrans(self) -> tuple[float, float, float, float, float, float]:
        """The six numbers of the tile's transform in GDAL's order: (min_x, resolution, 0, max_y, 0, -resolution)."""
        min_x, _, _, max_y = self.bounds
        return min_x, self.resolution, 0.0, max_y, 0.0, -self.resolution

    def _raster_params(self) -> dict[str, Any]:
        return {
            "resolution": self.resolution,
            "srs": self.crs,
            "bounds": self.bounds,
            "bounds_srs": self.bounds_crs,
            "align_pixels": False,
        }

    @property
    def geometry(self) -> BaseGeometry:
        """The tile in longitude and latitude: a box, since meridians and parallels are straight in Web Mercator."""
        west, south, east, north = self._edges()
        count = 1 << self._z
        return shapely.box(
            west / count * 360 - 180, _latitude(south / count), east / count * 360 - 180, _latitude(north / count)
        )

    def grid(self) -> Grid:
        """Return the pixel grid of the tile."""
        return Grid(crs_of(_WEB_MERCATOR), Affine.from_gdal(*self.geotrans), self.shape)

    def parent(self) -> XYZTile:
        """Return the tile one zoom level up that holds this one.

        Raises
        ------
        BadRequestError
            If this is the tile of the whole world.
        """
        if self._z == 0:
            raise BadRequestError("the tile of the whole world has no parent")
        return type(self)(self._x // 2, self._y // 2, self._z - 1, self._all_touched)

    def children(self) -> list[XYZTile]:
        """Return the four tiles one zoom level down: north-west, north-east, south-west, south-east.

        Raises
        ------
        BadRequestError
            If the deepest zoom level is reached.
        """
        x, y, z = 2 * self._x, 2 * self._y, self._z + 1
        return [type(self)(x + i, y + j, z, self._all_touched) for j in (0, 1) for i in (0, 1)]

    def _edges(self) -> tuple[int, int, int, int]:
        """Return (west, south, east, north) in tiles from the upper left corner of the world."""
        return self._x, self._y + 1, self._x + 1, self._y


def _latitude(fraction: float) -> float:
    """Return the latitude, in degrees, at a fraction of the map's height from the north: inverse of Mercator."""
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * fraction))))
