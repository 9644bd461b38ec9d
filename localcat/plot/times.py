"""Time series as bars, and gaps as a strip."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy

from localcat.models.pictures import Picture
from localcat.plot.figures import KINDS, UNKNOWN, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 9.0  # inches
_GOOD, _BAD = KINDS[2], KINDS[1]


def of_periods(starts: Sequence[datetime], counts: Sequence[int], interval: str) -> Picture:
    """Return how many images each interval has, as bars."""
    figure = new_figure(_WIDTH, 3.0)
    from matplotlib.ticker import MaxNLocator  # an extra, which `new_figure` asks for

    axes = figure.add_subplot()
    axes.set_title(f"{sum(counts):,} images by {interval}", fontsize="medium")
    axes.set_ylabel("images")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if starts:
        days = _days(starts)
        width = min((after - before for before, after in itertools.pairwise(days)), default=1.0)
        axes.bar(days, counts, width=width * 0.9, align="edge", color=KINDS[0])
        _dates(axes)
    else:
        _say_empty(axes)
    axes.margins(x=0.01)
    return Picture(figure)


def of_gaps(
    starts: Sequence[datetime], ends: Sequence[datetime], fractions: Sequence[float], least: float, title: str
) -> Picture:
    """Return the covered fraction of each period, as a strip: those with too little are marked."""
    figure = new_figure(_WIDTH, 2.6)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize="medium")
    begins = _days(starts)
    widths = [end - begin for begin, end in zip(begins, _days(ends), strict=True)]
    colors = [_GOOD if fraction >= least else _BAD for fraction in fractions]
    axes.bar(begins, numpy.ones(len(begins)), width=widths, align="edge", color=colors, alpha=0.25, linewidth=0)
    axes.bar(begins, fractions, width=widths, align="edge", color=colors, edgecolor="white", linewidth=0.4)
    axes.axhline(least, color=UNKNOWN, linestyle="--", linewidth=1)
    axes.set(ylim=(0, 1), ylabel="covered")
    axes.margins(x=0)
    if begins:
        _dates(axes)
    else:
        _say_empty(axes)
    return Picture(figure)


def _days(moments: Sequence[datetime]) -> list[float]:
    """Return times as matplotlib counts them: days since 1970."""
    return [moment.timestamp() / 86_400 for moment in moments]


def _dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # an extra

    locator = AutoDateLocator(maxticks=12)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _say_empty(axes: Axes) -> None:
    axes.set_xticks([])
    axes.text(0.5, 0.5, "no images", ha="center", va="center", transform=axes.transAxes, color=UNKNOWN)
