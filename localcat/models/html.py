"""Objects in notebooks: a small table and, for what has a footprint, a drawing of it. No external resources."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    LandWithin = Callable[[tuple[float, float, float, float], float], BaseGeometry]

_SIDE = 120  # pixels of the drawing
_LONGEST_TEXT = 200  # characters of a value that are shown
_MOST_ROWS = 20  # of a collection's table
_MOST_BARS = 60
_BARS = 240  # pixels of the longest bar
_FILL, _GREY = "#4488cc", "#888888"  # seen on white and on black
_DOT = 4  # pixels
_MARGIN = 0.1  # of a map around what is on it, as a part of its longer side
_LEAST_MARGIN = 2.0  # degrees, which a coast comes to be seen in


class Printed:
    """What a notebook shows as it is printed, in lines of one width."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return f"<pre>{_escaped(str(self))}</pre>"


def attribute_table(title: str, values: Mapping[str, Any], drawing: str = "") -> str:
    """Return a title, a drawing and a table of attributes as HTML, everything escaped."""
    rows = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in values.items())
    return f"<div><strong>{_text(title)}</strong>{drawing}<table>{rows}</table></div>"


def thumbnail(png: bytes) -> str:
    """Return a PNG as an image inside the HTML."""
    return f'<img src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}" alt="" style="margin:4px"/>'


def bars(title: str, rows: Iterable[tuple[str, int]]) -> str:
    """Return labelled counts as HTML, each with a bar; of many the first ones, and how many more there are."""
    listed = list(rows)
    most = max((count for _, count in listed), default=0) or 1
    shown = "".join(
        f'<tr><th style="text-align:left">{_text(label)}</th><td style="text-align:right">{count:,}</td>'
        f'<td style="width:{_BARS}px"><div style="height:0.8em;background:{_FILL};width:{_BARS * count / most:.0f}px">'
        "</div></td></tr>"
        for label, count in listed[:_MOST_BARS]
    )
    more = f"<p>… and {len(listed) - _MOST_BARS:,} more</p>" if len(listed) > _MOST_BARS else ""
    return f"<div><strong>{_text(title)}</strong><table>{shown}</table>{more}</div>"


def listing(title: str, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]], total: int, drawing: str = "") -> str:
    """Return a table with a row an object as HTML; of many the first ones, and how many more there are."""
    head = "".join(f"<th>{_text(name)}</th>" for name in names)
    shown = [
        "<tr>" + "".join(f"<td>{_text(value)}</td>" for value in row) + "</tr>"
        for row, _ in zip(rows, range(_MOST_ROWS), strict=False)
    ]
    more = f"<p>… and {total - _MOST_ROWS:,} more</p>" if total > _MOST_ROWS else ""
    table = f"<table><tr>{head}</tr>{''.join(shown)}</table>"
    return f"<div><strong>{_text(title)}</strong>{drawing}{table}{more}</div>"


def small_map(geometries: Sequence[BaseGeometry], land_within: LandWithin) -> str:
    """Return footprints over the outline of the land as an inline SVG; those that are hardly a pixel are dots.

    Parameters
    ----------
    geometries : sequence of shapely geometry
        In longitude and latitude, at least one.
    land_within : callable
        Returns the land in a box (west, south, east, north), simplified by some degrees.
    """
    import shapely  # searches do not need it

    west, south, east, north = (float(edge) for edge in shapely.total_bounds(list(geometries)))
    margin = max(_MARGIN * max(east - west, north - south), _LEAST_MARGIN)
    west, south, east, north = (
        max(west - margin, -180),
        max(south - margin, -90),
        min(east + margin, 180),
        min(north + margin, 90),
    )
    scale = min(2 * _SIDE / (east - west), _SIDE / (north - south))
    width, height = (east - west) * scale, (north - south) * scale

    def path(shapes: Iterable[BaseGeometry], style: str) -> str:
        lines = (line for shape in shapes for line in _lines(shape))
        traced = "".join(
            "M" + "L".join(f"{(x - west) * scale:.1f} {(north - y) * scale:.1f}" for x, y, *_ in ring) + close
            for ring, close in lines
        )
        return f'<path d="{traced}" fill-rule="evenodd" {style}/>' if traced else ""

    parts = [part for geometry in geometries for part in shapely.get_parts(geometry)]
    is_small = [max(part.bounds[2] - part.bounds[0], part.bounds[3] - part.bounds[1]) * scale < _DOT for part in parts]
    dots = [part.centroid for part, small in zip(parts, is_small, strict=True) if small]
    areas = [part for part, small in zip(parts, is_small, strict=True) if not small]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 2:.0f}" height="{height + 2:.0f}" '
        f'viewBox="-1 -1 {width + 2:.1f} {height + 2:.1f}">'
        + path([land_within((west, south, east, north), 1 / scale)], f'fill="{_GREY}" fill-opacity="0.35"')
        + path(areas, f'fill="{_FILL}" fill-opacity="0.3" stroke="{_FILL}"')
        + path(dots, f'fill="none" stroke="{_FILL}" stroke-width="{_DOT}" stroke-linecap="round"')
        + f'<rect width="{width:.1f}" height="{height:.1f}" fill="none" stroke="{_GREY}" stroke-width="0.5"/></svg>'
    )


def drawing(geometry: BaseGeometry) -> str:
    """Return a geometry as an inline SVG, north up, fitted into a square."""
    west, south, east, north = geometry.bounds
    size = max(east - west, north - south) or 1.0
    scale = _SIDE / size
    x0, y0 = (west + east - size) / 2, (south + north + size) / 2
    path = "".join(
        "M" + "L".join(f"{(x - x0) * scale:.1f} {(y0 - y) * scale:.1f}" for x, y, *_ in ring) + close
        for ring, close in _lines(geometry)
    )
    frame = f'width="{_SIDE}" height="{_SIDE}" viewBox="-4 -4 {_SIDE + 8} {_SIDE + 8}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame}><path d="{path}" fill="{_FILL}" fill-opacity="0.4" '
        f'fill-rule="evenodd" stroke="{_FILL}" stroke-linecap="round"/></svg>'
    )


def _lines(geometry: BaseGeometry) -> Iterable[tuple[list[tuple[float, ...]], str]]:
    """Yield the rings and lines of a geometry, with the letter that closes a ring."""
    parts = getattr(geometry, "geoms", None)
    if parts is not None:
        for part in parts:
            yield from _lines(part)
    elif geometry.geom_type == "Polygon":
        for ring in (geometry.exterior, *geometry.interiors):  # type: ignore[attr-defined]  # what polygons have
            yield list(ring.coords), "Z"
    elif geometry.geom_type == "Point":
        yield [*geometry.coords, *geometry.coords], ""  # a line of no length is drawn as a dot
    else:
        yield list(geometry.coords), ""


def _text(value: Any) -> str:
    text = str(value)
    return _escaped(text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…")


def _escaped(text: str) -> str:
    from html import escape  # takes a while to import; few programs run in notebooks

    return escape(text)
