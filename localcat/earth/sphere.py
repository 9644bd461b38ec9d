"""Distances between shapes on the sphere, in metres.

The sphere has the mean radius of the Earth; on the ellipsoid distances differ by up to 0.6 %. Edges are straight in
longitude and latitude, as everywhere in localcat, and are followed in steps. From a point to an edge, a distance is
right to a few parts in a million; between two edges that bend towards each other it may be too long, by a metre.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy
import shapely

from localcat.earth.geometry import Box, intersecting
from localcat.earth.globe import RADIUS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

FARTHEST = math.pi * RADIUS  # metres; no two places are further apart

_FIRST_STEP, _LAST_STEP = 1.0, 0.05  # degrees
_PIECES = 5  # that a step is cut into for the next
_TURNS = (-360.0, 0.0, 360.0)
_ARCS_AT_ONCE = 256
_PAIRS_AT_ONCE = 200_000


def grown_box(box: Box, metres: float) -> Box:
    """Return a box around all places within a distance of those in a box; around a pole it has all longitudes."""
    west, east, south, north = _grown(numpy.array([box]), metres)[0].tolist()
    return west, east, south, north


def within_reach(area: BaseGeometry, footprints: NDArray[Any], metres: float) -> NDArray[numpy.bool_]:
    """Return which footprints are within a distance of an area; False for None.

    Parameters
    ----------
    area : shapely geometry
        In longitude and latitude, split at the antimeridian.
    footprints : ndarray of shapely geometries
        One dimension.
    metres : float
        From 0.
    """
    hits = intersecting(area, footprints)
    # The straight way on the map, with degrees of longitude as long as those of latitude, is never too short.
    hits |= shapely.dwithin(area, footprints, math.degrees(metres / RADIUS) * (1 - 1e-9))
    left = numpy.flatnonzero(~hits & ~shapely.is_missing(footprints))
    if left.size:
        hits[left] = _distances(area, footprints[left], metres, enough=metres) <= metres
    return hits


def distances(area: BaseGeometry, footprints: NDArray[Any], longest: float = FARTHEST) -> NDArray[numpy.float64]:
    """Return the distances of footprints from an area in metres: 0 if they share a point, infinity for None.

    Parameters
    ----------
    area, footprints
        As in `within_reach`.
    longest : float
        Distances above it may be given as infinity, which spares much work.
    """
    found = numpy.where(intersecting(area, footprints), 0.0, numpy.inf)
    apart = numpy.flatnonzero((found > 0) & ~shapely.is_missing(footprints))
    if apart.size:
        found[apart] = _distances(area, footprints[apart], longest)
    return found


def _distances(area: BaseGeometry, shapes: NDArray[Any], longest: float, enough: float = 0.0) -> NDArray[numpy.float64]:
    """Return the distances of shapes that share no point with an area; infinity beyond `longest`.

    Below `enough` a distance may be given too long. Edges are compared in long steps first; the pairs that may be the
    nearest of their shape are compared again, in shorter ones.
    """
    of_shapes, of_area = _arcs(shapes, _FIRST_STEP), _arcs(numpy.array([area], dtype=object), _FIRST_STEP)
    found = numpy.full(len(shapes), numpy.inf)
    pairs = _pairs(of_shapes, of_area, longest)
    step = _FIRST_STEP
    while True:
        bend = RADIUS * math.radians(step) ** 2 / 3  # by so much two edges bend within a step, at most
        kept = []
        for ones, others in pairs:
            metres = _between(ones, others)
            numpy.minimum.at(found, ones.owners, metres)
            near = metres <= _worth(found, longest, enough, bend)[ones.owners]
            kept.append((ones.take(near), others.take(near), metres[near]))
        if step <= _LAST_STEP:
            found[found > longest] = numpy.inf
            return found
        step /= _PIECES
        worth = _worth(found, longest, enough, bend)
        pairs = (
            pieces
            for ones, others, metres in kept
            for pieces in _pieces(ones, others, numpy.flatnonzero(metres <= worth[ones.owners]))
        )


def _worth(found: NDArray[numpy.float64], longest: float, enough: float, bend: float) -> NDArray[numpy.float64]:
    """Return up to which distance a pair of edges is worth a closer look, for each shape."""
    worth = numpy.minimum(found, longest) + bend
    return numpy.where(found + bend <= enough, -1.0, worth)


@dataclass(frozen=True, slots=True)
class _Arcs:
    """Short edges: both ends in degrees, one row an edge, and the number of the shape that each belongs to."""

    starts: NDArray[numpy.float64]
    ends: NDArray[numpy.float64]
    owners: NDArray[numpy.intp]

    def take(self, positions: NDArray[Any]) -> _Arcs:
        return _Arcs(self.starts[positions], self.ends[positions], self.owners[positions])

    def cut(self) -> _Arcs:
        """Return each edge cut into pieces of the same length, one after the other."""
        shares = numpy.arange(_PIECES + 1)[None, :, None] / _PIECES
        places = self.starts[:, None, :] + shares * (self.ends - self.starts)[:, None, :]
        starts, ends = places[:, :-1].reshape(-1, 2), places[:, 1:].reshape(-1, 2)
        return _Arcs(starts, ends, numpy.repeat(self.owners, _PIECES))

    def boxes(self) -> NDArray[numpy.float64]:
        """Return (west, east, south, north) of each edge."""
        low, high = numpy.minimum(self.starts, self.ends), numpy.maximum(self.starts, self.ends)
        return numpy.column_stack((low[:, 0], high[:, 0], low[:, 1], high[:, 1]))


def _arcs(shapes: NDArray[Any], step: float) -> _Arcs:
    """Return the edges of shapes in steps; a point is an edge that ends where it starts."""
    parts, owners = shapely.get_parts(shapes, return_index=True)
    while (kinds := shapely.get_type_id(parts)).size and (kinds >= 4).any():  # collections within collections
        parts, inner = shapely.get_parts(parts, return_index=True)
        owners = owners[inner]
    is_polygon = shapely.get_type_id(parts) == 3
    rings, of_polygon = shapely.get_rings(parts[is_polygon], return_index=True)
    lines = numpy.concatenate((parts[~is_polygon], rings))
    owners = numpy.concatenate((owners[~is_polygon], owners[is_polygon][of_polygon]))
    places, line = shapely.get_coordinates(shapely.segmentize(lines, step), return_index=True)
    goes_on = line[1:] == line[:-1]
    lonely = numpy.flatnonzero(shapely.get_type_id(lines)[line] == 0)
    starts = numpy.concatenate((places[:-1][goes_on], places[lonely]))
    ends = numpy.concatenate((places[1:][goes_on], places[lonely]))
    return _Arcs(starts, ends, owners[numpy.concatenate((line[:-1][goes_on], line[lonely]))])


def _pairs(of_shapes: _Arcs, of_area: _Arcs, longest: float) -> Iterator[tuple[_Arcs, _Arcs]]:
    """Yield the pairs of edges that may be so near to each other, also across the antimeridian."""
    edges: NDArray[Any] = numpy.asarray(shapely.linestrings(numpy.stack((of_area.starts, of_area.ends), axis=1)))
    tree, boxes = shapely.STRtree(edges), _grown(of_shapes.boxes(), longest)
    for turn in _TURNS:
        west, east = boxes[:, 0] + turn, boxes[:, 1] + turn
        on_map = numpy.flatnonzero((west <= 180) & (east >= -180))
        for first in range(0, len(on_map), _ARCS_AT_ONCE):
            some = on_map[first : first + _ARCS_AT_ONCE]
            ones, others = tree.query(shapely.box(west[some], boxes[some, 2], east[some], boxes[some, 3]))
            for start in range(0, len(ones), _PAIRS_AT_ONCE):
                part = slice(start, start + _PAIRS_AT_ONCE)
                yield of_shapes.take(some[ones[part]]), of_area.take(others[part])


def _pieces(ones: _Arcs, others: _Arcs, chosen: NDArray[numpy.intp]) -> Iterator[tuple[_Arcs, _Arcs]]:
    """Yield the pairs of pieces of chosen pairs of edges."""
    at_once = _PAIRS_AT_ONCE // _PIECES**2
    for start in range(0, len(chosen), at_once):
        some = chosen[start : start + at_once]
        cut, other_cut = ones.take(some).cut(), others.take(some).cut()
        rows = numpy.arange(len(some))[:, None, None] * _PIECES
        one, other = numpy.broadcast_arrays(
            rows + numpy.arange(_PIECES)[:, None], rows + numpy.arange(_PIECES)[None, :]
        )
        yield cut.take(one.ravel()), other_cut.take(other.ravel())


def _grown(boxes: NDArray[numpy.float64], metres: float) -> NDArray[numpy.float64]:
    """Return boxes of (west, east, south, north) around all places within a distance.

    Notes
    -----
    A circle of angular radius r around a place at latitude φ reaches asin(sin r / cos φ) of longitude to both sides.
    """
    angle = min(metres / RADIUS, math.pi) * (1 + 1e-9) + 1e-12
    west, east, south, north = boxes.T
    south, north = south - math.degrees(angle), north + math.degrees(angle)
    highest = numpy.maximum(numpy.abs(boxes[:, 2]), numpy.abs(boxes[:, 3]))
    reaches_pole = numpy.maximum(-south, north) >= 90
    cosines = numpy.where(reaches_pole, 1.0, numpy.cos(numpy.radians(highest)))
    reach = numpy.degrees(numpy.arcsin(numpy.minimum(math.sin(angle) / cosines, 1.0))) * (1 + 1e-9)
    west, east = numpy.where(reaches_pole, -180.0, west - reach), numpy.where(reaches_pole, 180.0, east + reach)
    return numpy.column_stack((west, east, south, north))


def _between(ones: _Arcs, others: _Arcs) -> NDArray[numpy.float64]:
    """Return the distances between edges that do not cross, pair by pair: from an end of one to the other."""
    ends = [(ones.starts, others), (ones.ends, others), (others.starts, ones), (others.ends, ones)]
    found = numpy.full(len(ones.starts), numpy.inf)
    for places, arcs in ends:
        point, start, end = _on_sphere(places), _on_sphere(arcs.starts), _on_sphere(arcs.ends)
        along = end - start
        length = (along**2).sum(axis=1)
        share = ((point - start) * along).sum(axis=1) / numpy.where(length > 0, length, 1.0)
        share = numpy.clip(share, 0.0, 1.0)[:, None]
        # The chord gives the position along the edge; the nearest place is on the edge as it is drawn.
        foot = _on_sphere(arcs.starts + share * (arcs.ends - arcs.starts))
        found = numpy.minimum(found, ((point - foot) ** 2).sum(axis=1))
    metres: NDArray[numpy.float64] = 2 * RADIUS * numpy.arcsin(numpy.minimum(numpy.sqrt(found) / 2, 1.0))
    return metres


def _on_sphere(places: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
    """Return places as vectors of length 1."""
    longitude, latitude = numpy.radians(places).T
    around = numpy.cos(latitude)
    return numpy.column_stack((around * numpy.cos(longitude), around * numpy.sin(longitude), numpy.sin(latitude)))
