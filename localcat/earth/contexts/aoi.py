"""An area of interest: the geo context whose every part can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from rasterio.crs import CRS
from shapely.geometry.base import BaseGeometry

from localcat.earth.area_files import area_from_file, area_from_text
from localcat.earth.contexts.base import UNSET, Bounds, GeoContext, Unchanged, assigned, is_unchanged, to_geojson
from localcat.earth.contexts.checks import four_numbers, positive_resolution, row_and_column_count
from localcat.earth.contexts.extent import central_longitude, footprint_of_bounds, grid_of_resolution, grid_of_shape
from localcat.earth.contexts.grid import Grid
from localcat.earth.contexts.projection import crs_of, reproject_bounds, unwrapped
from localcat.earth.crs import WGS84, crs_code, exact_wkt, parse_crs
from localcat.earth.geometry import as_geometry, footprint_box
from localcat.earth.projecting import turn_of
from localcat.errors import BadRequestError, GeoContextWarning, warn_caller

if TYPE_CHECKING:
    import os

    from localcat.earth.forms import Area

_LONLAT = "EPSG:4326"
_ORDER = "(min_x, min_y, max_x, max_y)"
_SLACK = 1e-9  # degrees, or parts of a pixel; the noise of a sum


class AOI(GeoContext):
    """An area of interest, with the grid on which its pixels are wanted.

    Everything may be left out; what a read needs is checked when it is needed.

    Parameters
    ----------
    geometry : GeoJSON, shapely geometry, object with ``__geo_interface__`` or (min_lon, min_lat, max_lon, max_lat)
        In longitude and latitude, EPSG:4326. Pixels outside it are masked. None masks none.
    resolution : float, optional
        Edge of a pixel in units of `crs`, positive. Not together with `shape`.
    crs : str, optional
        CRS of the pixels: a code like ``"EPSG:32618"``, WKT or PROJ.4 text.
    align_pixels : bool, optional
        Move the edges of the grid outwards to multiples of the resolution, which can add a row and a column. None
        means: exactly when there is a resolution.
    bounds : sequence of 4 float, or "update", optional
        (min_x, min_y, max_x, max_y) in units of `bounds_crs`. In a geographic CRS min_x > max_x crosses the
        antimeridian; max_x lies beyond 180 only in bounds of the whole globe, such as (0, -90, 360, 90). None takes the
        bounds of the geometry if there is one; "update" does too, and refuses another `bounds_crs`.
    bounds_crs : str, optional
        CRS of the bounds; EPSG:4326, whatever is passed, when they come from the geometry.
    shape : tuple of int, optional
        (rows, columns) of the grid, positive.
    all_touched : bool
        Whether pixels that the geometry only touches count as inside; otherwise their centres decide.

    Raises
    ------
    TypeError
        If the resolution is not a number, the shape is not two whole numbers, or the bounds are not four numbers.
    BadRequestError
        If values are out of range, resolution and shape are both set, the geometry lies outside the bounds, or the
        bounds are smaller than a pixel and `all_touched` is False.
    InvalidCRSError
        If a CRS is not known.

    Warns
    -----
    GeoContextWarning
        If the bounds look like degrees and `bounds_crs` is projected.
    """

    __slots__ = (
        "_align_pixels",
        "_all_touched",
        "_bounds",
        "_bounds_crs",
        "_crs",
        "_geometry",
        "_resolution",
        "_shape",
    )

    _fields = ("geometry", "resolution", "crs", "align_pixels", "bounds", "bounds_crs", "shape", "all_touched")
    _shown = _fields

    _geometry: BaseGeometry | None
    _resolution: float | None
    _crs: str | None
    _align_pixels: bool | None
    _bounds: Bounds | None
    _bounds_crs: str | None
    _shape: tuple[int, int] | None
    _all_touched: bool

    def __init__(
        self,
        geometry: Area = None,
        resolution: float | None = None,
        crs: str | int | CRS | None = None,
        align_pixels: bool | None = None,
        bounds: Sequence[float] | Literal["update"] | None = None,
        bounds_crs: str | int | CRS | None = _LONLAT,
        shape: Sequence[int] | None = None,
        all_touched: bool = False,
    ) -> None:
        area = None if geometry is None else as_geometry(geometry)
        box, box_crs = None, _checked_crs(bounds_crs)
        if isinstance(bounds, str) and bounds != "update":
            raise TypeError(f"bounds are four numbers, {_ORDER}, or 'update', not {bounds!r}")
        if isinstance(bounds, str):
            box, box_crs = _updated_bounds(area, box_crs), _LONLAT
        elif bounds is None and area is not None:
            box, box_crs = _bounds_of(area), _LONLAT
        elif bounds is not None:
            box = four_numbers(bounds)
        parts = {
            "_geometry": area,
            "_resolution": None if resolution is None else positive_resolution(resolution),
            "_crs": _checked_crs(crs),
            "_align_pixels": None if align_pixels is None else bool(align_pixels),
            "_bounds": box,
            "_bounds_crs": box_crs,
            "_shape": None if shape is None else row_and_column_count(shape),
            "_all_touched": bool(all_touched),
        }
        for name, value in parts.items():
            object.__setattr__(self, name, value)
        self._check()

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **parts: Any) -> Self:
        """Return an area whose geometry is that of a file: GeoJSON, WKT or WKB, or what pyogrio reads if it is there.

        Parameters
        ----------
        path : path
            The file; several features make one area. A CRS other than longitude and latitude is minded.
        **parts
            The other parameters of the class.

        Raises
        ------
        BadRequestError, InvalidGeometryError
            If the file cannot be read, or holds no geometry.
        """
        return cls(area_from_file(path), **parts)

    @classmethod
    def from_text(cls, text: str, **parts: Any) -> Self:
        """Return an area whose geometry is written as GeoJSON or well-known text (WKT); `parts` as in `from_file`."""
        return cls(area_from_text(text), **parts)

    @property
    def geometry(self) -> BaseGeometry | None:
        """The area in longitude and latitude; pixels outside it are masked. None masks none."""
        return self._geometry

    @property
    def resolution(self) -> float | None:
        """The edge of a pixel in units of `crs`."""
        return self._resolution

    @property
    def crs(self) -> str | None:
        """The CRS of the pixels."""
        return self._crs

    @property
    def align_pixels(self) -> bool:
        """Whether the edges of the grid are multiples of the resolution; True if not chosen and there is one."""
        return self._resolution is not None if self._align_pixels is None else self._align_pixels

    @property
    def bounds(self) -> Bounds | None:
        """(min_x, min_y, max_x, max_y) in units of `bounds_crs`; min_x > max_x crosses the antimeridian."""
        return self._bounds

    @property
    def bounds_crs(self) -> str | None:
        """The CRS of the bounds."""
        return self._bounds_crs

    @property
    def shape(self) -> tuple[int, int] | None:
        """(rows, columns) of the grid."""
        return self._shape

    @property
    def cutline(self) -> BaseGeometry | None:
        """The geometry: pixels outside it are masked."""
        return self._geometry

    @property
    def all_touched(self) -> bool:
        """Whether pixels that the geometry only touches count as inside."""
        return self._all_touched

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """GeoJSON of the geometry, or of the area of the bounds if there is none.

        Raises
        ------
        RuntimeError
            If the context has neither geometry nor bounds with a CRS.
        """
        if self._geometry is not None:
            return to_geojson(self._geometry)
        if self._bounds is None or self._bounds_crs is None:
            raise RuntimeError("this AOI has no geometry and no bounds; assign one of the two")
        return to_geojson(footprint_of_bounds(self._bounds, crs_of(self._bounds_crs)))

    def assign(
        self,
        geometry: Area | Unchanged = UNSET,
        resolution: float | Unchanged | None = UNSET,
        crs: str | int | CRS | Unchanged | None = UNSET,
        align_pixels: bool | Unchanged | None = UNSET,
        bounds: Sequence[float] | Literal["update"] | Unchanged | None = UNSET,
        bounds_crs: str | int | CRS | Unchanged | None = UNSET,
        shape: Sequence[int] | Unchanged | None = UNSET,
        all_touched: bool | Unchanged = UNSET,
    ) -> AOI:
        """Return a copy with some parts replaced; the parameters are those of the class.

        A part that is left out, or ``"unchanged"``, stays as it is.
        Bounds stay when the geometry changes; ``bounds="update"`` takes those of the geometry, in EPSG:4326. A
        resolution takes the place of a shape.

        Raises
        ------
        TypeError, BadRequestError, InvalidCRSError
            As the class does; also if ``bounds="update"`` comes with another `bounds_crs`, or without a geometry.
        """
        area: Area = assigned(geometry, self._geometry)
        box = assigned(bounds, self._bounds)
        is_replaced = not (is_unchanged(resolution) or resolution is None)  # a resolution takes a shape's place
        from_geometry = isinstance(box, str) or (box is None and area is not None)
        return type(self)(
            geometry=area,
            resolution=assigned(resolution, self._resolution),
            crs=assigned(crs, self._crs),
            align_pixels=assigned(align_pixels, self._align_pixels),
            bounds=box,
            bounds_crs=assigned(bounds_crs, _LONLAT if from_geometry else self._bounds_crs),
            shape=assigned(shape, None if is_replaced else self._shape),
            all_touched=assigned(all_touched, self._all_touched),
        )

    def _raster_params(self) -> dict[str, Any]:
        parts = {
            "resolution": self._resolution,
            "srs": self._crs,
            "bounds": self._bounds,
            "bounds_srs": self._bounds_crs,
            "dimensions": None if self._shape is None else self._shape[::-1],
            "cutline": None if self._geometry is None else to_geojson(self._geometry),
            "align_pixels": self.align_pixels,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def grid(self) -> Grid:
        """Return the pixel grid that covers the bounds.

        With a shape, the outer edges of the grid are the bounds, seen from `crs`. With a resolution and `align_pixels`
        it is the smallest grid of multiples of the resolution that covers them. Without `align_pixels` it begins in
        their upper left corner and has the nearest whole number of pixels. Bounds in another CRS are first replaced by
        the box around their densified edges. A geographic grid across the antimeridian continues beyond 180°.

        Raises
        ------
        BadRequestError
            If bounds, bounds_crs, crs, or both of resolution and shape are missing; if the bounds cannot be seen from
            `crs`, or have no extent to fill with a shape; if the resolution is finer than coordinates are.
        """
        if self._bounds is None or self._bounds_crs is None or self._crs is None:
            raise self._incomplete()
        crs = crs_of(self._crs)
        box = reproject_bounds(self._bounds, crs_of(self._bounds_crs), crs)
        if self._shape is not None:
            return grid_of_shape(box, crs, self._shape)
        if self._resolution is not None:
            return grid_of_resolution(box, crs, self._resolution, align=self.align_pixels)
        raise self._incomplete()

    def _incomplete(self) -> BadRequestError:
        missing = [name for name in ("bounds", "bounds_crs", "crs") if getattr(self, name) is None]
        if self._resolution is None and self._shape is None:
            missing.append("resolution or shape")
        return BadRequestError(f"this AOI has no {', no '.join(missing)}; assign what is missing to read pixels on it")

    def _check(self) -> None:
        if self._resolution is not None and self._shape is not None:
            raise BadRequestError(
                f"Cannot set both resolution and shape; there are {self._resolution} and {self._shape}, "
                "set one of them to None"
            )
        if self._bounds is None or self._bounds_crs is None:
            return
        bounds, bounds_crs = self._bounds, crs_of(self._bounds_crs)
        if bounds[1] > bounds[3]:
            raise BadRequestError(f"the bounds {bounds} have min_y above max_y; the order is {_ORDER}")
        if bounds_crs.is_geographic:
            self._check_degrees(bounds, self._bounds_crs)
        elif bounds[0] > bounds[2]:
            raise BadRequestError(f"the bounds {bounds} have min_x right of max_x; the order is {_ORDER}")
        elif bounds_crs.is_projected and max(map(abs, bounds[::2])) <= 180 and max(map(abs, bounds[1::2])) <= 90:
            text = f"the bounds {bounds} look like degrees, but bounds_crs is projected: {self._bounds_crs[:100]!r}"
            warn_caller(GeoContextWarning(f"{text}; for longitudes and latitudes pass bounds_crs={_LONLAT!r}"))
        if (
            self._geometry is not None
            and bounds_crs == WGS84
            and not footprint_of_bounds(bounds, bounds_crs).intersects(self._geometry)
        ):
            raise BadRequestError(
                f"the geometry does not intersect the bounds {bounds}; assign bounds='update' to take those of the "
                f"geometry, {_bounds_of(self._geometry)}"
            )
        if self._resolution is not None and not self._all_touched and self._crs is not None:
            self._check_extent(bounds, bounds_crs, self._resolution, self._crs)

    def _check_degrees(self, bounds: Bounds, bounds_crs: str) -> None:
        degrees = 360 / turn_of(crs_of(bounds_crs))  # of a unit; some datums count in grads
        west, south, east, north = (number * degrees for number in bounds)
        centre = central_longitude(bounds_crs)
        if not -180 <= centre <= 180:
            raise BadRequestError(f"+lon_wrap={centre:g} in bounds_crs is beyond ±180°")
        width, height = self._pixel_in_degrees(bounds)
        is_globe = abs(east - west - 360) <= width + _SLACK  # wherever it begins
        for longitude in (west,) if is_globe else (west, east):
            if abs(longitude - centre) > 180 + width / 2 + _SLACK:
                raise BadRequestError(
                    f"longitude {longitude:g} of the bounds {bounds} is beyond {centre - 180:g}…{centre + 180:g}°; "
                    "bounds across the antimeridian have min_x > max_x"
                )
        for latitude in (south, north):
            if abs(latitude) > 90 + height / 2 + _SLACK:
                raise BadRequestError(
                    f"latitude {latitude:g} of the bounds {bounds} is beyond ±90°; the order is {_ORDER}"
                )

    def _pixel_in_degrees(self, bounds: Bounds) -> tuple[float, float]:
        """Return (width, height) of a pixel of bounds in degrees; 0 where it is not known in degrees."""
        if self._crs is None or not crs_of(self._crs).is_geographic:
            return 0.0, 0.0
        if self._shape is not None:
            west, south, east, north = unwrapped(bounds, crs_of(self._crs))
            width, height = (east - west) / self._shape[1], (north - south) / self._shape[0]
        else:
            width = height = self._resolution or 0.0
        degrees = 360 / turn_of(crs_of(self._crs))
        return width * degrees, height * degrees

    def _check_extent(self, bounds: Bounds, bounds_crs: CRS, resolution: float, crs: str) -> None:
        if crs_of(crs) != bounds_crs:
            return
        min_x, min_y, max_x, max_y = unwrapped(bounds, bounds_crs)
        if min(max_x - min_x, max_y - min_y) < resolution * (1 - _SLACK):
            raise BadRequestError(
                f"the bounds {bounds} are smaller than one pixel of {resolution:g}; choose a finer resolution, wider "
                "bounds, or all_touched=True"
            )


def _bounds_of(geometry: BaseGeometry) -> Bounds:
    west, east, south, north = footprint_box(geometry)
    return (west, south, east - 360 if east > 180 else east, north)


def _updated_bounds(geometry: BaseGeometry | None, bounds_crs: str | None) -> Bounds:
    if geometry is None:
        raise BadRequestError("bounds='update' takes the bounds of the geometry, but there is none; assign one")
    if bounds_crs is not None and crs_of(bounds_crs) != WGS84:
        raise BadRequestError(
            f"bounds that come from the geometry are in {_LONLAT}, not in bounds_crs={bounds_crs[:100]!r}; leave "
            "bounds_crs out, or pass bounds in it"
        )
    return _bounds_of(geometry)


def _checked_crs(value: str | int | CRS | None) -> str | None:
    """Return a CRS as the text that contexts keep: what was given, or else the code, or else WKT."""
    if value is None:
        return None
    if isinstance(value, CRS):
        return crs_code(value) or exact_wkt(value)
    if isinstance(value, str):
        crs_of(value)
        return value
    return crs_code(parse_crs(value)) or f"EPSG:{value}"
