"""Empty figures to draw in, and colours for numbers, times and kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy

from localcat.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from numpy.typing import NDArray

KINDS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")  # told apart by the colour-blind
UNKNOWN = "#999999"
_UNSET = "not set"
_MAP = "viridis"
_LONGEST = 32  # letters of a text in a legend


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of a size in inches that belongs to no window.

    Raises
    ------
    MissingLibraryError
        If matplotlib is not installed.
    """
    require("matplotlib", "plot", "to draw pictures")
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # an extra
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def colors_of(values: Sequence[Any], axes: Axes, label: str) -> NDArray[Any]:
    """Return a colour (RGBA) for each value, and explain them beside the axes.

    Parameters
    ----------
    values : sequence
        Numbers, times, or texts for kinds; None is grey. Of many kinds the most frequent have colours of their own.
    axes : Axes
        Gets a colour bar or a legend, and a word on what is grey.
    label : str
        What the values are.
    """
    known = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in known):
        return _of_kinds(values, axes, label)
    numbers = [_number(value) for value in values]
    return _of_numbers(numbers, axes, label, are_times=any(isinstance(value, datetime) for value in known))


def _number(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp() / 86_400  # days since 1970, as matplotlib counts
    return numpy.nan if value is None else float(value)


def _of_numbers(numbers: Sequence[float], axes: Axes, label: str, *, are_times: bool) -> NDArray[Any]:
    from matplotlib import colormaps  # an extra
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize, to_rgba
    from matplotlib.dates import AutoDateFormatter, AutoDateLocator

    array = numpy.asarray(numbers, dtype=float)
    valid = array[numpy.isfinite(array)]
    colors = numpy.tile(to_rgba(UNKNOWN), (len(array), 1))
    if len(valid) < len(array):
        axes.legend(handles=[_patch(UNKNOWN, f"{label} {_UNSET}")], fontsize="small", loc="lower left")
    if not valid.size:
        return colors
    low, high = float(valid.min()), float(valid.max())
    scale = Normalize(low, high) if low < high else Normalize(low - 0.5, low + 0.5)
    is_known = numpy.isfinite(array)
    colors[is_known] = colormaps[_MAP](scale(array[is_known]))
    locator = AutoDateLocator(minticks=3, maxticks=10) if are_times else None  # type: ignore[no-untyped-call]
    bar = axes.figure.colorbar(
        ScalarMappable(scale, _MAP),
        ax=axes,
        label=label,
        shrink=0.7,
        ticks=locator if low < high else [low],
        format=None if locator is None else AutoDateFormatter(locator),  # type: ignore[no-untyped-call]
    )
    bar.outline.set_visible(False)
    return colors


def _of_kinds(values: Sequence[Any], axes: Axes, label: str) -> NDArray[Any]:
    from matplotlib.colors import to_rgba  # an extra

    counts = Counter(sorted(str(value) for value in values if value is not None))
    named = len(KINDS) if len(counts) <= len(KINDS) else len(KINDS) - 1
    kinds = sorted(kind for kind, _ in counts.most_common(named))
    color = dict(zip(kinds, KINDS, strict=False))
    handles = [_patch(color[kind], shortened(kind)) for kind in kinds]
    if len(counts) > named:
        handles.append(_patch(UNKNOWN, f"{len(counts) - named:,} others"))
    if None in values:
        handles.append(_patch(UNKNOWN, _UNSET))
    axes.legend(handles=handles, title=label, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return numpy.array([to_rgba(UNKNOWN if value is None else color.get(str(value), UNKNOWN)) for value in values])


def _patch(color: str, label: str) -> Patch:
    """Return an entry of a legend."""
    from matplotlib.patches import Patch  # an extra

    return Patch(color=color, label=label)


def shortened(text: str) -> str:
    """Return a text that leaves room for the picture beside it."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
