"""Which squares of the UTM zones meet a shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy
import shapely
from shapely.geometry.base import BaseGeometry

from localcat.earth.contexts.utm import FALSE_EASTING, to_utm, zone_edges, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_LONGEST_EDGE = 0.02  # degrees; straight in degrees and straight in UTM then differ by less than half a metre


def tile_indices(area: BaseGeometry, edge: float) -> Iterator[tuple[int, int, int]]:
    """Yield (zone, ti, tj) of the squares that intersect a shape, each once, sorted.

    Parameters
    ----------
    area : shapely geometry
        In longitude and latitude, within ±180° and ±90°.
    edge : float
        Edge of a square in metres.

    Notes
    -----
    The shape is cut along the zones' edges before it is projected, so a zone gets only squares that meet the shape
    within its own 6°. A part that lies on the edge of two zones belongs to the eastern one.
    """
    west, _, east, _ = area.bounds
    parts = numpy.array(_parts(area), dtype=object)
    boxes = shapely.bounds(parts)
    for zone in range(zone_of(west), zone_of(east) + 1):
        zone_west, zone_east = zone_edges(zone)
        near = parts[(boxes[:, 0] <= zone_east) & (boxes[:, 2] >= zone_west)]
        pieces = [piece for part in near for piece in _within_zone(part, zone)]
        # One dimension at a time: the overlay of collections is not defined everywhere.
        found: set[tuple[int, int]] = set()
        for dimension in sorted({int(shapely.get_dimensions(piece)) for piece in pieces}):
            alike = [piece for piece in pieces if shapely.get_dimensions(piece) == dimension]
            found.update(_squares(_projected(shapely.union_all(alike), zone), edge))
        yield from ((zone, ti, tj) for ti, tj in sorted(found))


def _parts(area: BaseGeometry) -> list[BaseGeometry]:
    if isinstance(area, shapely.GeometryCollection):
        return [leaf for part in area.geoms for leaf in _parts(part)]
    return list(shapely.get_parts(area))


def _within_zone(part: BaseGeometry, zone: int) -> list[BaseGeometry]:
    """Return what a zone gets of a point, line or polygon: pieces of the same dimension, no mere touch."""
    west, east = zone_edges(zone)
    cut = shapely.intersection(part, shapely.box(west, -90, east, 90))
    dimension = shapely.get_dimensions(part)
    return [
        piece
        for piece in _parts(cut)
        if not piece.is_empty and shapely.get_dimensions(piece) == dimension and zone_of(piece.bounds[0]) == zone
    ]


def _projected(piece: BaseGeometry, zone: int) -> BaseGeometry:
    dense = shapely.segmentize(piece, _LONGEST_EDGE)
    projected = shapely.transform(dense, lambda lonlat: to_utm(lonlat[:, 0], lonlat[:, 1], zone))
    return projected if projected.is_valid else shapely.make_valid(projected)


def _squares(area: BaseGeometry, edge: float) -> Iterator[tuple[int, int]]:
    """Yield (ti, tj) of the squares that intersect points, lines or polygons in UTM."""
    if shapely.get_dimensions(area) == 0:
        # A point on an edge belongs to one square only, the one that from_latlon finds.
        for x, y in shapely.get_coordinates(area):
            yield math.floor((x - FALSE_EASTING) / edge), math.floor(y / edge)
        return
    min_x, min_y, max_x, max_y = area.bounds
    for ti in _range(min_x - FALSE_EASTING, max_x - FALSE_EASTING, edge):
        left = FALSE_EASTING + ti * edge
        # The part in this column of squares is small, however large the shape is.
        column = shapely.intersection(area, shapely.box(left, min_y, left + edge, max_y))
        if column.is_empty:
            continue
        tjs = _range(column.bounds[1], column.bounds[3], edge)
        bottoms = numpy.arange(tjs.start, tjs.stop) * edge
        lefts = numpy.full_like(bottoms, left)
        squares: NDArray[Any] = shapely.box(lefts, bottoms, lefts + edge, bottoms + edge)
        shapely.prepare(column)
        for tj in numpy.flatnonzero(shapely.intersects(column, squares)):
            yield ti, tjs.start + int(tj)


def _range(low: float, high: float, edge: float) -> range:
    return range(math.floor(low / edge), math.floor(high / edge) + 1)
