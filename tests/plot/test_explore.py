"""The page to look around in: one file, without a network, with what the search found."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from localcat import BadRequestError, Catalog, Image, StorageError
from localcat import properties as p
from tests.small_catalog import make_product

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def data_of(page: Path) -> dict[str, Any]:
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_it_has_all_images_with_their_places(planet: Catalog, tmp_path: Path) -> None:
    page = planet.images.sort("acquired").explore(tmp_path / "a.html")
    assert page == tmp_path / "a.html"
    data = data_of(page)
    assert (data["title"], data["more"], len(data["images"])) == ("40 images", 0, 40)
    assert data["products"] == ["tiny:landcover", "tiny:optical", "tiny:radar", "tiny:temperature"]
    images = {entry["name"]: entry for entry in data["images"]}
    corners = [{tuple(point) for point in ring} for ring in images["pacific"]["rings"]]
    assert sorted(map(sorted, corners)) == [
        [(-180, -20), (-180, 30), (-150, -20), (-150, 30)],
        [(150, -20), (150, 30), (180, -20), (180, 30)],
    ]
    assert images["no-time"]["acquired"] is None
    assert images["no-footprint"]["rings"] == []
    assert images["no-footprint"]["place"] is None
    assert images["nairobi-2020"]["place"] == [36.824, -1.286]
    assert images["lisbon-1"]["picture"] is None
    assert images["alps-2"]["picture"].startswith("data:image/png;base64,iVBOR")


def test_it_asks_nothing_of_anybody(planet: Catalog, tmp_path: Path) -> None:
    page = planet.images.explore(tmp_path / "a.html").read_text(encoding="utf-8")
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page
    assert re.search(r'\b(src|href)="', page) is None


def test_what_strangers_wrote_stays_text(catalog: Catalog, tmp_path: Path) -> None:
    product = make_product("p</script><script>alert(1)</script>", catalog=catalog)
    Image(product=product, name="x", geometry=(0, 0, 1, 1)).save()
    page = catalog.images.explore(tmp_path / "a.html")
    assert "</script><script>" not in page.read_text(encoding="utf-8")
    assert data_of(page)["products"] == ["acme:p</script><script>alert(1)</script>"]


def test_only_some_get_a_thumbnail(planet: Catalog, tmp_path: Path) -> None:
    page = planet.images.filter(p.name.like("alps-%")).sort("name").explore(tmp_path / "a.html", thumbnails=2)
    assert [entry["picture"] is not None for entry in data_of(page)["images"]] == [True, True, *[False] * 4]


def test_of_very_many_the_first_are_there(planet: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcat.search.images._MOST_PLOTTED", 3)
    data = data_of(planet.images.explore(tmp_path / "a.html", thumbnails=0))
    assert (len(data["images"]), data["more"], data["title"]) == (3, 40, "40 images")
    data = data_of(planet.images.limit(5).explore(tmp_path / "a.html", thumbnails=0))
    assert (len(data["images"]), data["more"], data["title"]) == (3, 5, "5 images")
    data = data_of(planet.images.limit(2).explore(tmp_path / "a.html", thumbnails=0))
    assert (len(data["images"]), data["more"], data["title"]) == (2, 0, "2 images")


def test_an_old_page_is_replaced_by_a_whole_one(planet: Catalog, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("old")
    (tmp_path / ".a.html.part").write_text("of the user's own")
    planet.images.limit(2).explore(tmp_path / "a.html")
    assert data_of(tmp_path / "a.html")["title"] == "2 images"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.html.part", "a.html"]
    assert (tmp_path / ".a.html.part").read_text() == "of the user's own"


def test_what_is_wrong_is_refused(planet: Catalog, tmp_path: Path) -> None:
    for wrong in (-1, 2.5, True, "3"):
        with pytest.raises(BadRequestError, match="thumbnails is a whole number from 0, not"):
            planet.images.explore(tmp_path / "a.html", thumbnails=wrong)
    with pytest.raises(StorageError, match="cannot be written"):
        planet.images.explore(tmp_path / "missing" / "a.html")
    assert list(tmp_path.iterdir()) == []


def seen_in_browser(page: Path, folder: Path) -> str:
    """Return the document as a browser has it when its program has run."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    command = [str(BROWSER), *options, "--virtual-time-budget=4000", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here, which opens the page")
def test_a_browser_shows_it(planet: Catalog, tmp_path: Path) -> None:
    seen = seen_in_browser(planet.images.sort("acquired").explore(tmp_path / "a.html"), tmp_path)
    assert 'data-ready="40"' in seen
    assert 'data-box="-180.00 -90.00 180.00 90.00"' in seen
    assert len(re.findall(r"<li ", seen)) == 40
    assert "tiny:optical · 2023-02-14 10:20 · 50" in seen
    assert seen.count("<option") == 5


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here, which opens the page")
def test_a_browser_shows_nothing_and_what_is_across_the_antimeridian(planet: Catalog, tmp_path: Path) -> None:
    nothing = planet.images.filter(p.name == "nothing").explore(tmp_path / "nothing.html")
    assert '<li class="none">no images</li>' in seen_in_browser(nothing, tmp_path)
    island = planet.images.filter(p.name.like("taveuni-%")).explore(tmp_path / "island.html")
    assert 'data-box="179.90 -16.92 180.10 -16.83"' in seen_in_browser(island, tmp_path)
