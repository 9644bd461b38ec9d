"""The pictures of the documents, which ``python -m tests.pictures`` writes to docs/pictures/.

They are what the code of the pages saves. Fonts and pixels differ from one machine to the next, so each file has in it
what is drawn, as text, and a test compares that.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from localcat.models.pictures import Picture
from tests.markdown import run

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
PAGES = (ROOT / "README.md", ROOT / "docs" / "tutorial.md", ROOT / "docs" / "pictures.md")
IN_A_BROWSER = (ROOT / "docs" / "serving.md",)  # whose picture `tests.page_picture` takes
_DOTS_AN_INCH = 80
_COLORS = 256  # of a file, which is a third of its size without them
_KEY = "Description"


def shown_on(page: Path) -> dict[str, str]:
    """Return the names of the pictures that a page shows, with the text for those who do not see them."""
    found = re.findall(r"!\[([^\]]*)\]\((?:docs/)?pictures/([\w-]+\.png)\)", page.read_text(encoding="utf-8"))
    return {name: text for text, name in found}


def drawn_by(page: Path) -> dict[str, Figure]:
    """Run the code of a page in an empty folder; return what it saves as pictures, by name."""
    figures: dict[str, Figure] = {}

    def save(self: Picture, path: Any, **options: Any) -> None:
        figures[Path(path).name] = self.figure

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(Picture, "save", save):
        run(page, Path(folder))
    return figures


def content(figure: Figure) -> str:
    """Return what a figure shows, as JSON: words, how many things of each kind, and colours, coarsely."""
    return json.dumps([_of_axes(axes) for axes in figure.axes], ensure_ascii=False)


def _of_axes(axes: Any) -> dict[str, Any]:
    legend = axes.get_legend()
    return {
        "title": axes.get_title(),
        "labels": [axes.get_xlabel(), axes.get_ylabel()],
        "legend": [] if legend is None else [text.get_text() for text in legend.get_texts()],
        "texts": [text.get_text() for text in axes.texts],
        "bars": [round(float(bar.get_height()), 3) for bar in axes.patches if hasattr(bar, "get_height")],
        "footprints": [len(one.get_paths()) for one in axes.collections if one.get_zorder() == 3],
        "dots": [len(one.get_offsets()) for one in axes.collections if one.get_zorder() == 5],
        "images": [_coarse(one.get_array()) for one in axes.get_images()],
    }


def _coarse(pixels: Any) -> list[Any]:
    """Return the shape of an array, and the means of its quarters in steps that no version of GDAL changes."""
    layers = numpy.atleast_3d(numpy.ma.filled(pixels, 0)).astype(float)
    halves = [half for rows in numpy.array_split(layers, 2) for half in numpy.array_split(rows, 2, axis=1)]
    step = max(float(layers.max()) / 16, 1e-9)
    return [*layers.shape, *(round(float(half.mean() / step)) for half in halves)]


def content_of_file(path: Path) -> str:
    """Return what a picture in docs/pictures/ shows, as it was when it was written."""
    with Image.open(path) as picture:
        return str(picture.info[_KEY])


def write() -> None:
    """Write the pictures of all pages."""
    FOLDER.mkdir(exist_ok=True)
    for page in PAGES:
        figures = drawn_by(page)
        for name in shown_on(page):
            drawn = io.BytesIO()
            figures[name].savefig(drawn, format="png", dpi=_DOTS_AN_INCH, bbox_inches="tight")
            notes = PngInfo()
            notes.add_itxt(_KEY, content(figures[name]))
            with Image.open(drawn) as picture:
                few = picture.convert("RGB").quantize(_COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
                few.save(FOLDER / name, optimize=True, pnginfo=notes)


if __name__ == "__main__":
    write()
