"""How smoothly the map of the page moves: frames a second while it is dragged, counted in a real browser."""

from __future__ import annotations

import itertools
import statistics

import pytest

from localcat import Catalog
from tests import browser

pytest.importorskip("playwright", reason="there is no playwright here, which drives a browser")
pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason="there is no Chromium here, which opens the page")

_COUNT = """() => {
    window.frames_ = [];
    const note = time => { window.frames_.push(time); requestAnimationFrame(note); };
    requestAnimationFrame(note);
}"""
_DRAGS, _STEPS = 4, 60


@pytest.mark.parametrize("zoom", [2, 3, 4, 6])
def test_frames_while_the_map_is_dragged(big: Catalog, zoom: int, capsys: pytest.CaptureFixture[str]) -> None:
    """From right to left by 400 pixels, again and again, so that new tiles are drawn all the time."""
    with browser.served(big) as address, browser.opened() as chromium:
        page = chromium.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{address}/?view=20,10,{zoom}")
        for part in ("results", "place"):
            page.wait_for_selector(f"#{part}[aria-busy=false]", state="attached", timeout=120_000)
        told = page.locator("#map-told").inner_text()
        assert "footprints" in told
        box = page.locator("#map").bounding_box()
        x, y = box["x"] + box["width"] / 2 + 200, box["y"] + box["height"] / 2 + 100
        page.evaluate(_COUNT)
        for _ in range(_DRAGS):
            page.mouse.move(x, y)
            page.mouse.down()
            for step in range(_STEPS):
                page.mouse.move(x - 400 * step / _STEPS, y - 200 * step / _STEPS)
            page.mouse.up()
        times = page.evaluate("window.frames_")
    lengths = sorted(after - before for before, after in itertools.pairwise(times))
    assert len(lengths) > _DRAGS
    with capsys.disabled():
        rate, slow = 1000 * len(lengths) / (times[-1] - times[0]), lengths[int(0.95 * len(lengths))]
        median = statistics.median(lengths)
        print(f"\nzoom {zoom}, {told}: {rate:.0f} frames a second; median {median:.0f} ms, 95 % below {slow:.0f} ms")
