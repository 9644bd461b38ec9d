"""Writes localcat/plot/land.json, the outline of the land: ``python -m tests.land_outline land-110m.json``.

The source is Natural Earth's 1:110m land, which is in the public domain, as the npm package world-atlas 2.0.2 has it
(TopoJSON). Coordinates are rounded to a hundredth of a degree, and each is stored as the step from the one before.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import shapely

import localcat

TARGET = Path(localcat.__file__).parent / "plot" / "land.json"
PER_DEGREE = 100
QUARTER_TURN, HALF_TURN = 90 * PER_DEGREE, 180 * PER_DEGREE


def rings_of(topology: dict[str, Any]) -> list[list[tuple[int, int]]]:
    """Return all rings of the land, in hundredths of a degree; those of lakes run the other way."""
    scale, origin = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        place, points = [0, 0], []
        for step in arc:
            place = [place[0] + step[0], place[1] + step[1]]
            points.append(tuple(round(PER_DEGREE * (place[at] * scale[at] + origin[at])) for at in range(2)))
        arcs.append(points)
    rings = []
    for shape in topology["objects"]["land"]["geometries"]:
        for polygon in [shape["arcs"]] if shape["type"] == "Polygon" else shape["arcs"]:
            for ring in polygon:
                points = []
                for number in ring:
                    arc = arcs[number] if number >= 0 else arcs[~number][::-1]
                    points += arc[1:] if points else arc
                rings += _cut(points)
    return [ring for ring in rings if len(ring) > 3]


def _cut(points: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return a ring as rings between -180° and 180°; one around the South Pole is closed along the edge of the map."""
    turn, unrolled = 0, [points[0]]
    for before, after in itertools.pairwise(points):
        turn -= round((after[0] - before[0]) / (2 * HALF_TURN)) * 2 * HALF_TURN
        unrolled.append((after[0] + turn, after[1]))
    if unrolled[0][0] != unrolled[-1][0]:
        south = -QUARTER_TURN
        unrolled += [(unrolled[-1][0], south), (unrolled[0][0], south), unrolled[0]]
    whole, pieces = shapely.make_valid(shapely.Polygon(unrolled)), []
    is_lake = shapely.LinearRing(unrolled).is_ccw  # the source winds land clockwise, as maps on a sphere do
    for offset in (-2 * HALF_TURN, 0, 2 * HALF_TURN):
        world = shapely.box(-HALF_TURN + offset, -QUARTER_TURN, HALF_TURN + offset, QUARTER_TURN)
        for part in shapely.get_parts(shapely.intersection(whole, world)):
            if part.geom_type == "Polygon":
                ring = shapely.get_coordinates(shapely.orient_polygons(part, exterior_cw=is_lake).exterior)
                pieces.append([(round(x) - offset, round(y)) for x, y in ring])
    return [_without_repeats(piece) for piece in pieces]


def _without_repeats(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [point for at, point in enumerate(points) if at == 0 or point != points[at - 1]]


def render(rings: list[list[tuple[int, int]]]) -> str:
    """Return the outline as JSON, a line a ring: the first point, then steps."""
    lines = []
    for ring in rings:
        steps = [*ring[0]]
        for before, after in itertools.pairwise(ring):
            steps += [after[0] - before[0], after[1] - before[1]]
        lines.append(json.dumps(steps, separators=(",", ":")))
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    source = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    TARGET.write_text(render(rings_of(source)), encoding="utf-8", newline="\n")
