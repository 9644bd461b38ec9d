"""The picture of the page of `localcat serve` in docs/serving.md: ``python -m tests.page_picture`` takes it.

Browsers and fonts differ, so the file has in it what is to be read on it, and a test compares that.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from localcat import Catalog
from tests import browser, pictures
from tests.small_catalog import make_product

FILE = pictures.FOLDER / "page.png"
QUERY = "?time=2024-03-01/2024-06-30&view=49,13,4"
_SIZE = {"width": 1240, "height": 720}
_COLORS = 128  # of the file, which is half of its size without them


@contextmanager
def catalog() -> Iterator[Catalog]:
    """Give a catalog with 300 images of three satellites over Europe."""
    with Catalog.temporary(org="survey") as made:
        for name in ("aerial", "optical", "radar"):
            make_product(name, catalog=made)
        records = [
            {
                "product_id": f"survey:{('optical', 'radar', 'aerial')[n % 5 % 3]}",
                "name": f"scene-{n:03}",
                "acquired": f"2024-{n * 7 % 12 + 1:02}-{n % 28 + 1:02}T10:{n % 60:02}:00Z",
                "cloud_fraction": n * 37 % 100 / 100,
                "geometry": (n % 20 * 2.6 - 14, n // 20 * 2.1 + 37, n % 20 * 2.6 - 11, n // 20 * 2.1 + 39.4),
            }
            for n in range(300)
            if n % 11 and n * 7 % 12 not in (0, 11)
        ]
        made.add_images(records, progress=False)
        yield made


def words_on(page: Any) -> str:
    """Return what is to be read on the page, once it shows what is found."""
    for part in ("results", "place"):
        page.wait_for_selector(f"#{part}[aria-busy=false]", state="attached")
    seen = [page.locator("#count"), page.locator("#map-told"), page.locator("#histogram .told")]
    listed = [*page.locator("#product-list label").all()[:3], *page.locator("#list button").all()[:8]]
    return "\n".join(" ".join(one.inner_text().split()) for one in (*seen, *listed))


def words_of_file() -> str:
    """Return what is to be read on the picture, as it was when it was taken."""
    with Image.open(FILE) as picture:
        return str(picture.info["Description"])


def write() -> None:
    """Take the picture."""
    with catalog() as made, browser.served(made) as address, browser.opened() as chromium:
        page = chromium.new_page(viewport=_SIZE)
        page.goto(f"{address}/{QUERY}")
        notes = PngInfo()
        notes.add_itxt("Description", words_on(page))
        with Image.open(io.BytesIO(page.screenshot())) as taken:
            few = taken.convert("RGB").quantize(_COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            few.save(FILE, optimize=True, pnginfo=notes)


if __name__ == "__main__":
    write()
