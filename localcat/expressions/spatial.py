"""Relations of footprints to an area: the exact tests of spatial conditions, and the boxes to ask an index for.

The predicates are those of simple features (OGC 06-103r4, DE-9IM) on the map of longitude and latitude, on which -180°
and 180° are one line: parts that a split at the antimeridian made count as joined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy
import shapely

from localcat.earth.geometry import INDEX_EAST, INDEX_WEST, Box, footprint_box, meeting, poles_at, poles_of
from localcat.earth.sphere import grown_box, within_reach
from localcat.expressions.nodes import Relation, Spatial

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

Test: TypeAlias = "Callable[[NDArray[Any]], NDArray[numpy.bool_]]"
"""Returns which footprints of an array fulfil a condition; None fulfils none."""


def test_of(condition: Spatial) -> Test:
    """Return the exact test of a condition, with its area prepared; keep it and use it for many footprints."""
    relation, area, metres = condition.relation, condition.area, condition.metres
    match relation:
        case Relation.INTERSECTS:
            return meeting(area)
        case Relation.DISJOINT:
            meets = meeting(area)
            return lambda footprints: ~(meets(footprints) | shapely.is_missing(footprints))
        case Relation.WITHIN_DISTANCE:
            return lambda footprints: within_reach(area, footprints, metres or 0.0)
        case Relation.WITHIN | Relation.COVERED_BY:
            return _inside(area, on_boundary=relation is Relation.COVERED_BY)
        case Relation.CONTAINS:
            return _around(area)
        case Relation.EQUALS | Relation.TOUCHES | Relation.OVERLAPS | Relation.CROSSES:
            return _related(area, relation)


def _related(area: BaseGeometry, relation: Relation) -> Test:
    """Return the test of a relation that looks at boundaries.

    Where both sides reach the antimeridian each is unrolled, so that the edge along which it was split is none.
    """
    relate: Callable[[Any, Any], NDArray[numpy.bool_]] = {
        Relation.EQUALS: shapely.equals,
        Relation.TOUCHES: shapely.touches,
        Relation.OVERLAPS: shapely.overlaps,
        Relation.CROSSES: shapely.crosses,
    }[relation]
    unrolled = _unrolled(area)
    is_collection, is_at_seam = _are_collections(area), _is_at_seam(area)
    shapely.prepare(area)

    def test(footprints: NDArray[Any]) -> NDArray[numpy.bool_]:
        bounds = shapely.bounds(footprints)
        at_seam = ((bounds[:, 0] <= -180) | (bounds[:, 2] >= 180)) & is_at_seam
        special = (at_seam | _are_collections(footprints) | is_collection) & ~shapely.is_missing(footprints)
        hits: NDArray[numpy.bool_] = numpy.asarray(relate(_without(footprints, special), area))
        for position in _positions(special):
            footprint, other = footprints[position], area
            if at_seam[position]:
                footprint, other = _unrolled(footprint), unrolled
            hits[position] = bool(relate(_merged(footprint), _merged(other)))
        return hits

    return test


def _merged(geometry: BaseGeometry) -> BaseGeometry:
    """Return a collection as the union of its parts, which GEOS can relate to others where they are of one kind."""
    return shapely.union_all([geometry]) if _are_collections(geometry) else geometry


def _inside(area: BaseGeometry, *, on_boundary: bool) -> Test:
    """Return the test whether footprints are in an area."""
    outer = _unrolled(area) if _is_at_seam(area) else area
    shapely.prepare(outer)
    relates = shapely.covers if on_boundary else shapely.contains
    poles, is_pole = poles_of(area), _is_pole(area)

    def test(footprints: NDArray[Any]) -> NDArray[numpy.bool_]:
        special = _are_collections(footprints) | _are_collections(outer)
        hits: NDArray[numpy.bool_] = relates(outer, _without(footprints, special))
        for position in _positions(special):
            hits[position] = _lies_in(footprints[position], outer, on_boundary=on_boundary)
        if poles and (on_boundary or is_pole):
            hits |= numpy.isin(_pole_of(footprints), poles)
        return hits

    return test


def _around(area: BaseGeometry) -> Test:
    """Return the test whether footprints contain an area."""
    shapely.prepare(area)
    poles, is_pole = poles_of(area), _is_pole(area)

    def test(footprints: NDArray[Any]) -> NDArray[numpy.bool_]:
        special = _are_collections(footprints) | _are_collections(area)
        if _is_at_seam(area):
            bounds = shapely.bounds(footprints)
            special |= (bounds[:, 0] <= -180) | (bounds[:, 2] >= 180)
        hits: NDArray[numpy.bool_] = shapely.within(area, _without(footprints, special))
        for position in _positions(special & ~shapely.is_missing(footprints)):
            hits[position] = _lies_in(area, _unrolled(footprints[position]), on_boundary=False)
        if is_pole:
            hits |= numpy.isin(_pole_of(footprints), poles)
        return hits

    return test


def _lies_in(inner: BaseGeometry | None, outer: BaseGeometry, *, on_boundary: bool) -> bool:
    """Return whether a geometry is in another one, where either may be a collection.

    Each part has to lie in the polygons, in the lines or in the points of the other. GEOS before 3.13 takes no
    collections, and 3.14 errs about those of several kinds: it finds (-1, 0, 0, 1) outside of one that is made of
    (-2, 0, 0, 1) and the point (5, 5).
    """
    if inner is None:
        return False
    kinds = [shapely.union_all(parts) for parts in _by_dimension(outer) if parts]
    parts = [part for parts in _by_dimension(inner) for part in parts]
    if not all(any(shapely.covers(kind, part) for kind in kinds) for part in parts):
        return False
    return on_boundary or any(shapely.relate_pattern(part, kind, "T********") for kind in kinds for part in parts)


def _by_dimension(geometry: BaseGeometry) -> list[list[BaseGeometry]]:
    """Return the points, the lines and the polygons of a geometry."""
    parts = numpy.array([geometry], dtype=object)
    while (shapely.get_type_id(parts) > shapely.GeometryType.POLYGON).any():
        parts = shapely.get_parts(parts)
    return [parts[shapely.get_dimensions(parts) == dimension].tolist() for dimension in range(3)]


def _are_collections(shapes: BaseGeometry | NDArray[Any]) -> NDArray[numpy.bool_]:
    return numpy.asarray(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)


def _without(footprints: NDArray[Any], mask: NDArray[numpy.bool_]) -> NDArray[Any]:
    """Return footprints with None in the place of some."""
    if not mask.any():
        return footprints
    others = footprints.copy()
    others[numpy.broadcast_to(mask, others.shape)] = None
    return others


def _positions(mask: NDArray[numpy.bool_]) -> list[int]:
    found: list[int] = numpy.flatnonzero(mask).tolist()
    return found


def boxes_of(condition: Spatial) -> list[Box] | None:
    """Return boxes in the index, of which a matching footprint meets at least one; None if it may be anywhere."""
    if condition.relation is Relation.DISJOINT:
        return None
    box = footprint_box(condition.area)
    poles = poles_at(*box[2:])
    if condition.relation is Relation.WITHIN_DISTANCE:
        box = grown_box(box, condition.metres or 0.0)
    west, east, south, north = box
    if east - west >= 360:
        return [(INDEX_WEST, INDEX_EAST, south, north)]
    if west > -180 and east < 180:
        boxes = [box, (west + 360, east + 360, south, north)]
    else:
        boxes = [
            (west + turn, east + turn, south, north)
            for turn in (-720, -360, 0, 360, 720)
            if west + turn <= INDEX_EAST and east + turn >= INDEX_WEST
        ]
    return boxes + [(INDEX_WEST, INDEX_EAST, pole, pole) for pole in poles] if poles else boxes


def _pole_of(footprints: NDArray[Any]) -> NDArray[numpy.float64]:
    """Return the latitude of the pole that each footprint is, NaN for all others."""
    _, south, _, north = shapely.bounds(footprints).T
    return numpy.where((south == north) & (numpy.abs(south) == 90), south, numpy.nan)


def _is_pole(area: BaseGeometry) -> bool:
    return not numpy.isnan(_pole_of(numpy.array([area], dtype=object))[0])


def _is_at_seam(geometry: BaseGeometry) -> bool:
    return bool(geometry.bounds[0] <= -180 or geometry.bounds[2] >= 180)


def _unrolled(geometry: BaseGeometry) -> BaseGeometry:
    """Return a geometry with its copies a turn to the east and to the west, joined: a map without the seam at ±180°."""
    return shapely.union_all([_turned(geometry, turn) for turn in (-360.0, 0.0, 360.0)])


def _turned(geometry: BaseGeometry, turn: float) -> BaseGeometry:
    return shapely.transform(geometry, lambda lonlat: lonlat + numpy.array([turn, 0.0])) if turn else geometry
