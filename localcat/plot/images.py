"""Images as pictures with axes, and many of them side by side with their dates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from localcat.errors import BadRequestError, LocalcatError
from localcat.expressions.numbers import number
from localcat.models.pictures import Picture
from localcat.plot.figures import new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from localcat.models.image import Image

_PIXELS = 1024  # of the longer side of one picture; of many this is shared out
_LEAST_PIXELS = 128
_INCHES = 7.0
_MOST = 100  # pictures side by side
_MOST_CLASSES = 24  # in a legend
_SLIM = 0.15  # height for width, or width for height


def of_image(image: Image, bands: str | Sequence[str] | None) -> Picture:
    """Return a picture of an image in its CRS; `Image.plot` says more."""
    colors = image.preview_array(_PIXELS, bands=bands)
    height, width = colors.shape[:2]
    figure = new_figure(_INCHES, _INCHES * min(max(height / width, 0.2), 3.0) + 0.6)
    axes = figure.add_subplot()
    _draw(axes, image, colors)
    axes.set_title(" · ".join(part for part in (str(image.name), _date(image)) if part))
    if _box(image) is not None:
        axes.set_xlabel(f"x, {image.cs_code or 'its CRS'}")
        axes.set_ylabel("y")
        axes.ticklabel_format(useOffset=False, style="plain")
        axes.tick_params(labelsize="small")
        axes.tick_params(axis="x", rotation=20)
        _thin_out(axes)
    else:
        axes.set_axis_off()
    _explain(axes, image, bands)
    return Picture(figure)


def of_images(images: Sequence[Image], bands: str | Sequence[str] | None, columns: int) -> Picture:
    """Return pictures of images side by side; `ImageCollection.plot` says more."""
    most = number(columns)
    if not isinstance(most, int) or most < 1:
        raise BadRequestError(f"columns is a whole number from 1, not {columns!r}")
    if not images:
        raise BadRequestError("there are no images to show; look at the search that found none")
    shown = images[:_MOST]
    across = min(most, len(shown))
    down = math.ceil(len(shown) / across)
    side = max(_LEAST_PIXELS, _PIXELS // across)
    inches = max(1.6, 2 * _INCHES / max(across, 4))
    tall = sorted(_height(image) for image in shown)[len(shown) // 2]
    figure = new_figure(inches * across, (inches * tall + 0.35) * down)
    for position, image in enumerate(shown, start=1):
        axes = figure.add_subplot(down, across, position)
        axes.set_axis_off()
        axes.set_title(_date(image) or str(image.name), fontsize="small")
        try:
            _draw(axes, image, image.preview_array(side, bands=bands))
        except LocalcatError as error:  # a remote image, or one whose file is gone: the others are shown
            _say(axes, f"{image.name}\n{type(error).__name__}")
    if len(images) > len(shown):
        figure.suptitle(f"the first {len(shown)} of {len(images):,} images", fontsize="small")
    _explain(figure.axes[across - 1], shown[0], bands)
    return Picture(figure)


def _draw(axes: Axes, image: Image, colors: Any) -> None:
    """Draw a picture, which is upright, where it is in the CRS of its image."""
    axes.imshow(colors, extent=_box(image), origin="upper", interpolation="nearest")
    if not colors[..., 3].any():
        _say(axes, "no valid pixels")


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize="x-small", transform=axes.transAxes)


def _thin_out(axes: Axes) -> None:
    """Leave one label where an image is so slim that several would lie upon each other."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    if top - bottom < _SLIM * (right - left):
        axes.set_yticks([(bottom + top) / 2])
    elif right - left < _SLIM * (top - bottom):
        axes.set_xticks([(left + right) / 2])


def _box(image: Image) -> tuple[float, float, float, float] | None:
    """Return the left, right, bottom and top edge of an image in its CRS; None where its grid is not known."""
    grid, columns, rows = image.geotrans, image.x_pixels, image.y_pixels
    if grid is None or columns is None or rows is None:
        return None
    corners = [(column, row) for column in (0, columns) for row in (0, rows)]
    xs = [grid[0] + grid[1] * column + grid[2] * row for column, row in corners]
    ys = [grid[3] + grid[4] * column + grid[5] * row for column, row in corners]
    return min(xs), max(xs), min(ys), max(ys)


def _height(image: Image) -> float:
    """Return how high an image is for its width, within limits."""
    box = _box(image)
    return 1.0 if box is None else min(max((box[3] - box[2]) / (box[1] - box[0]), 0.4), 1.6)


def _explain(axes: Axes, image: Image, bands: str | Sequence[str] | None) -> None:
    """Add a legend of the classes, if a class map is shown."""
    from matplotlib.patches import Patch  # an extra

    product = image.product
    if product is None:
        return
    found = list(product.bands())
    names = [bands] if isinstance(bands, str) else list(bands or product.default_display_bands or [])
    measured = [band for band in found if not band.is_mask]
    shown = [band for band in found if band.name in names] if names else measured[:1]
    if len(shown) != 1 or not shown[0].colors:
        return
    labels = getattr(shown[0], "class_labels", None) or []
    classes = [
        ((color[0] / 255, color[1] / 255, color[2] / 255), str(labels[value] if value < len(labels) else value))
        for value, color in enumerate(shown[0].colors)
        if color[3] and (not labels or (value < len(labels) and labels[value]))
    ]
    handles = [Patch(color=color, label=shortened(label)) for color, label in classes[:_MOST_CLASSES]]
    if len(classes) > len(handles):
        handles.append(Patch(alpha=0, label=f"… and {len(classes) - len(handles)} more"))
    axes.legend(handles=handles, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _date(image: Image) -> str:
    return "" if image.acquired is None else f"{image.acquired:%Y-%m-%d}"
