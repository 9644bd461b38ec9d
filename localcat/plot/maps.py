"""Maps in longitude and latitude: the land, a graticule, and footprints or counts over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy
import shapely

from localcat.models.pictures import Picture
from localcat.plot.figures import colors_of, new_figure
from localcat.plot.land import land

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_WIDTH = 9.0  # inches
_LAND, _COAST, _SEA = "#ece7db", "#b5ab97", "#f7fafc"
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45, 60)  # degrees between the lines of a graticule
_LEAST = 0.02  # degrees that a map shows at least
_SLIMMEST = 0.5  # of a map: its shorter side as a part of the longer one
_MOST_LINES = 8  # of a graticule, from the left to the right
_FILLING = 0.9  # of the map's width: of a larger footprint the outline alone is shown
_DOT = 1 / 150  # of the map's width: a smaller footprint is a dot


def of_footprints(shapes: Sequence[Any], values: Sequence[Any], label: str, title: str) -> Picture:
    """Return footprints on a map, coloured by a value each; `ImageSearch.plot` says more.

    Parameters
    ----------
    shapes : sequence of shapely geometry
        In longitude and latitude.
    values : sequence
        Numbers, times, texts, or None, one for each.
    label, title : str
        What the values are; and what is shown.
    """
    bounds = shapely.bounds(numpy.asarray(shapes, dtype=object)).reshape(-1, 4)
    west, south, east, north, turn = _window(bounds, shapes)
    figure, axes = _map(west, south, east, north, title)
    if len(shapes):
        colors = colors_of(values, axes, label)
        order = numpy.argsort(-shapely.area(numpy.asarray(shapes, dtype=object)), kind="stable")  # small ones on top
        pairs = ((shapes[at], colors[at]) for at in order)
        parts = [(part, color) for shape, color in pairs for part in (_joined if turn else shapely.get_parts)(shape)]
        _fill(axes, parts, east - west)
    return Picture(figure)


def of_coverage(counts: NDArray[Any], bounds: tuple[float, float, float, float], title: str) -> Picture:
    """Return counts of cells on a map, the first row in the north; cells without an image are transparent."""
    west, south, east, north = bounds
    figure, axes = _map(west, south, east, north, title)
    shown = axes.imshow(
        numpy.ma.masked_equal(counts, 0),
        extent=(west, east, south, north),
        origin="upper",
        interpolation="nearest",
        cmap="viridis",
        alpha=0.85,
        vmin=1,
        vmax=max(2, int(counts.max(initial=0))),
        zorder=2,
    )
    axes.set_aspect(_aspect(south, north))
    if counts.any():
        from matplotlib.ticker import MaxNLocator  # an extra

        figure.colorbar(shown, ax=axes, label="images", shrink=0.7, ticks=MaxNLocator(integer=True))
    return Picture(figure)


def _window(bounds: NDArray[Any], shapes: Sequence[Any]) -> tuple[float, float, float, float, bool]:
    """Return the box that a map shows, and whether it goes on beyond 180° where the west of the globe is moved to."""
    bounds = bounds[~numpy.isnan(bounds).any(axis=1)]
    if not len(bounds):
        return -180, -90, 180, 90, False
    west, south = (float(edge) for edge in bounds[:, :2].min(axis=0))
    east, north = (float(edge) for edge in bounds[:, 2:].max(axis=0))
    turn = False
    if east - west > 180:
        parts = shapely.bounds(shapely.get_parts(numpy.asarray(shapes, dtype=object)))
        moved = numpy.where(parts[:, [0, 2]] < 0, parts[:, [0, 2]] + 360, parts[:, [0, 2]])
        if not ((parts[:, 0] < 0) & (parts[:, 2] > 0)).any():  # none goes across the prime meridian
            turn = float(moved.max() - moved.min()) < east - west
            if turn:
                west, east = float(moved[:, 0].min()), float(moved[:, 1].max())
    margin = max(0.08 * max(east - west, north - south), _LEAST)
    west, east = west - margin, east + margin
    if not turn:
        west, east = max(west, -180.0), min(east, 180.0)
    south, north = max(south - margin, -90.0), min(north + margin, 90.0)
    aspect = _aspect(south, north)
    wider = (_SLIMMEST * (north - south) * aspect - (east - west)) / 2
    if wider > 0:
        west, east = west - wider, east + wider
    taller = (_SLIMMEST * (east - west) / aspect - (north - south)) / 2
    if taller > 0:
        south, north = max(south - taller, -90.0), min(north + taller, 90.0)
    return west, south, east, north, turn


def _map(west: float, south: float, east: float, north: float, title: str) -> tuple[Any, Axes]:
    aspect = _aspect(south, north)
    tall = (north - south) * aspect / (east - west)
    figure = new_figure(_WIDTH, min(max(_WIDTH * tall * 0.85, 2.5), 12) + 0.6)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize="medium")
    axes.set_facecolor(_SEA)
    for offset in (-360, 0, 360):
        if west < 180 + offset and east > -180 + offset:
            _draw_land(axes, offset)
    axes.set(xlim=(west, east), ylim=(south, north), aspect=aspect)
    _graticule(axes, east - west, north - south)
    return figure, axes


def _aspect(south: float, north: float) -> float:
    """Return how much longer a degree of latitude is than one of longitude in the middle; at most three times."""
    return min(1 / max(float(numpy.cos(numpy.radians((south + north) / 2))), 1e-9), 3.0)


def _draw_land(axes: Axes, offset: float) -> None:
    from matplotlib.patches import PathPatch  # an extra
    from matplotlib.path import Path

    paths = [Path(_moved(ring, offset), closed=True) for ring in land()]
    axes.add_patch(
        PathPatch(Path.make_compound_path(*paths), facecolor=_LAND, edgecolor=_COAST, linewidth=0.5, zorder=0)
    )


def _moved(places: NDArray[Any], offset: float) -> NDArray[Any]:
    moved: NDArray[Any] = places + numpy.array([offset, 0.0])
    return moved


def _graticule(axes: Axes, wide: float, tall: float) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator  # an extra

    step = next((step for step in _STEPS if max(wide, tall) / step <= _MOST_LINES), _STEPS[-1])

    def named(value: float, positive: str, negative: str) -> str:
        size = abs(value)
        return f"{size:.10g}°" if size in (0, 180) else f"{size:.10g}° {positive if value > 0 else negative}"

    def longitude(value: float, _: int) -> str:
        return named(round((value + 180) % 360 - 180, 6), "E", "W")

    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.yaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(longitude))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: named(round(value, 6), "N", "S")))
    axes.grid(visible=True, color="#9aa7b1", linewidth=0.4, alpha=0.6, zorder=1)
    axes.tick_params(labelsize="small", length=2)


def _fill(axes: Axes, parts: Sequence[tuple[Any, Any]], wide: float) -> None:
    """Draw footprints, each with its colour: of one that fills the map only the outline, of a very small one a dot."""
    from matplotlib.collections import LineCollection, PathCollection  # an extra
    from matplotlib.path import Path

    areas, faces, edges = [], [], []
    lines, line_colors, dots, dot_colors = [], [], [], []
    for part, color in parts:
        west, south, east, north = part.bounds
        across = max(east - west, north - south)
        if across < _DOT * wide:
            dots.append(shapely.get_coordinates(part.centroid)[0])
            dot_colors.append(color)
        elif part.geom_type == "Polygon":
            rings = (Path(shapely.get_coordinates(ring), closed=True) for ring in (part.exterior, *part.interiors))
            areas.append(Path.make_compound_path(*rings))
            faces.append((*color[:3], 0.35 if across < _FILLING * wide else 0.0))
            edges.append(color)
        else:
            lines.append(shapely.get_coordinates(part))
            line_colors.append(color)
    # One collection each: so many patches and markers one by one took ten times as long.
    if areas:
        axes.add_collection(PathCollection(areas, facecolors=faces, edgecolors=edges, linewidths=1, zorder=3))
    if lines:
        axes.add_collection(LineCollection(lines, colors=line_colors, zorder=4))
    if dots:
        x, y = numpy.array(dots).T
        axes.scatter(x, y, s=16, c=dot_colors, zorder=5)


def _joined(shape: Any) -> NDArray[Any]:
    """Return the parts of a footprint, those in the west moved beyond 180°, where they join the others."""
    parts = [
        shapely.transform(part, lambda places: _moved(places, 360)) if part.bounds[0] < 0 else part
        for part in shapely.get_parts(shape)
    ]
    joined: NDArray[Any] = shapely.get_parts(shapely.union_all(parts))
    return joined
