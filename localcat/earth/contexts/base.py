"""The base of all geo contexts: the area, the resolution and the grid on which pixels are wanted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

import shapely.geometry
from shapely.geometry.base import BaseGeometry

from localcat.earth.contexts.grid import Grid

Bounds: TypeAlias = tuple[float, float, float, float]
"""(min_x, min_y, max_x, max_y) in the units of a CRS; in a geographic one, min_x > max_x crosses the antimeridian."""


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unchanged"  # the text with which the original's `assign` says the same

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Stands for an argument that was not given, where None is itself an answer."""

Unchanged: TypeAlias = Unset | Literal["unchanged"]
"""What `assign` takes for a part that stays as it is."""


class GeoContext(ABC):
    """Where to put pixels: an area, a CRS and a resolution or a shape.

    A context is a value: it never changes, two contexts with equal parts are equal and have equal hashes, and it can
    be pickled.
    """

    __slots__: tuple[str, ...] = ()

    _fields: ClassVar[tuple[str, ...]]
    """The attributes that make up the value."""
    _shown: ClassVar[tuple[str, ...]]
    """The attributes that are shown, in this order."""

    @property
    @abstractmethod
    def geometry(self) -> BaseGeometry | None:
        """The area of interest in longitude and latitude, EPSG:4326; None where there is no limit."""

    @property
    @abstractmethod
    def resolution(self) -> float | None:
        """The edge of a pixel in units of `crs`; None where the shape decides or nothing does."""

    @property
    @abstractmethod
    def crs(self) -> str | None:
        """The CRS of the pixels, as a code, WKT or PROJ.4 text."""

    @property
    @abstractmethod
    def bounds(self) -> Bounds | None:
        """(min_x, min_y, max_x, max_y) of the pixels, in units of `bounds_crs`."""

    @property
    @abstractmethod
    def bounds_crs(self) -> str | None:
        """The CRS of `bounds`, as a code, WKT or PROJ.4 text."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int] | None:
        """(rows, columns) in pixels; None where the resolution decides or nothing does."""

    @property
    @abstractmethod
    def cutline(self) -> BaseGeometry | None:
        """The geometry outside which pixels are masked; None where every pixel of the grid is wanted."""

    @property
    @abstractmethod
    def all_touched(self) -> bool:
        """Whether a pixel that `cutline` only touches counts as inside; if False, its centre must be inside."""

    @property
    @abstractmethod
    def align_pixels(self) -> bool:
        """Whether the grid's origin is moved outwards to a multiple of the resolution."""

    @property
    @abstractmethod
    def __geo_interface__(self) -> dict[str, Any]:
        """GeoJSON geometry of the context, in longitude and latitude."""

    @property
    def raster_params(self) -> dict[str, Any]:
        """The parts that are set, under the names that the original's raster service gives them."""
        params = self._raster_params()
        if self.all_touched:
            params["cutline_all_touched"] = True
        return params

    @abstractmethod
    def _raster_params(self) -> dict[str, Any]:
        """Return a new mapping of the parts that are set."""

    @abstractmethod
    def grid(self) -> Grid:
        """Return the pixel grid that the context describes.

        Raises
        ------
        BadRequestError
            If the context is not complete; the message names what is missing.
        """

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self).__name__, *self._values()))

    def __repr__(self) -> str:
        lines = (f"    {name}={_shown(getattr(self, name))}" for name in self._shown)
        return f"{type(self).__name__}(\n" + ",\n".join(lines) + ",\n)"

    if not TYPE_CHECKING:  # type checkers know the properties, and would take these for all names

        def __setattr__(self, name, value):
            raise AttributeError(f"a {type(self).__name__} never changes: {name!r} cannot be set; make a new one")

        def __delattr__(self, name):
            raise AttributeError(f"a {type(self).__name__} never changes: {name!r} cannot be deleted")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), {name: getattr(self, name) for name in self.__slots__})


class TileContext(GeoContext):
    """A tile with a fixed grid, all of whose pixels are wanted."""

    __slots__: tuple[str, ...] = ()

    _all_touched: bool

    @property
    @abstractmethod
    def geometry(self) -> BaseGeometry:
        """The tile in longitude and latitude, EPSG:4326."""

    @property
    def cutline(self) -> None:
        """None: a tile is filled to its edges."""
        return

    @property
    def all_touched(self) -> bool:
        """As it was chosen; it changes no pixel, since a tile is filled to its edges."""
        return self._all_touched

    @property
    def align_pixels(self) -> bool:
        """False: a tile has a grid of its own."""
        return False

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """GeoJSON of `geometry`."""
        return to_geojson(self.geometry)


def is_unchanged(value: object) -> bool:
    """Return whether an argument of `assign` was not given, or says ``"unchanged"``."""
    return value is UNSET or (isinstance(value, str) and value == UNSET.value)


def assigned(value: Any, current: Any) -> Any:
    """Return the part that an argument of `assign` asks for, where there is a current one."""
    return current if is_unchanged(value) else value


def _restored(kind: type[GeoContext], state: dict[str, Any]) -> GeoContext:
    """Return an unpickled context; what was checked once is not checked, and not warned about, again."""
    context = object.__new__(kind)
    for name, value in state.items():
        object.__setattr__(context, name, value)
    return context


def _shown(value: object) -> str:
    return value.wkt if isinstance(value, BaseGeometry) else repr(value)


def to_geojson(geometry: BaseGeometry) -> dict[str, Any]:
    """Return a geometry as a new GeoJSON mapping."""
    return dict(shapely.geometry.mapping(geometry))
