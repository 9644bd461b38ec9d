"""Empty figures to draw in, and colours for numbers, times and kinds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy

from localcat.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

KINDS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")  # told apart by the colour-blind
UNKNOWN = "#999999"
_MAP = "viridis"


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
        Numbers, times, or texts for kinds; None is grey.
    axes : Axes
        Gets a colour bar or a legend.
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
    from matplotlib.patches import Patch

    kinds = sorted({str(value) for value in values if value is not None})
    color = {kind: KINDS[at % len(KINDS)] for at, kind in enumerate(kinds)}
    handles = [Patch(color=color[kind], label=kind) for kind in kinds[: len(KINDS)]]
    axes.legend(handles=handles, title=label, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return numpy.array([to_rgba(UNKNOWN if value is None else color[str(value)]) for value in values])
