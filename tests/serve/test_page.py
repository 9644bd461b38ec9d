"""The page and what its scripts ask, in process; tests/serve/test_page_in_browser.py opens it."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path

import numpy
import pytest
import shapely

from localcat import Catalog, Image
from localcat import properties as p
from localcat.serve import app
from localcat.serve.page import drawing
from tests.asgi import Client
from tests.drawings import Drawing
from tests.shell import run
from tests.small_catalog import make_product, new_image, spectral, upload

STATIC = Path(drawing.__file__).parent.parent / "static"
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_browser_gets_the_page_and_a_program_the_api(client: Client) -> None:
    page = client.get("/", BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert client.get("/").json()["type"] == "Catalog"


def test_the_page_comes_with_all_that_was_chosen_in_its_address(client: Client) -> None:
    for chosen in ("product=tiny%3Aradar&product=tiny%3Aoptical", "text=%00", "text=" + "a" * 9000):
        page = client.get(f"/?{chosen}", BROWSER)
        assert page.status == 200, chosen[:40]
        assert page.body.startswith(b"<!DOCTYPE html>")


def test_the_page_has_no_script_and_no_style_of_its_own() -> None:
    """And names no address but its own; a Content-Security-Policy sees to it, too."""
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8")
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == [], file.name
        assert re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text) is None
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page) is None


def test_its_files_and_those_of_leaflet_are_there(client: Client) -> None:
    for file in STATIC.iterdir():
        assert client.get(f"/static/{file.name}").body == file.read_bytes()
    assert client.get("/leaflet/leaflet-src.esm.js").headers["content-type"].startswith("text/javascript")
    assert b".leaflet-container" in client.get("/leaflet/leaflet.css").body
    for path in (
        "/static/../page/site.py",
        "/static/..%2fapp.py",
        "/leaflet/../../apps.py",
        "/static/none.js",
        "/static/",
    ):
        assert client.get(path).status == 404, path
    assert len(client.document("/page/land")) > 100


def test_the_catalog_is_told(client: Client) -> None:
    told = client.document("/page/catalog")
    assert {product["id"]: product["images"] for product in told["products"]} == {
        "tiny:landcover": 5,
        "tiny:optical": 21,
        "tiny:radar": 8,
        "tiny:temperature": 6,
    }
    assert (told["name"], told["images"], told["products_in_all"]) == ("catalog.gpkg", 40, 4)
    assert (told["first"], told["last"]) == ("2018-01-01T00:00:00+00:00", "2024-02-29T12:00:00+00:00")
    assert told["extent"] == [-180, -90, 210, 90]  # one reaches across the antimeridian


def test_an_empty_catalog_is_told(catalog: Catalog) -> None:
    client = Client(app(catalog))
    told = client.document("/page/catalog")
    assert [told[name] for name in ("images", "products", "first", "last", "extent")] == [0, [], None, None, None]
    counts = client.document("/page/counts")
    assert (counts["found"], counts["products"], counts["begins"], counts["bars"]) == (0, {}, [None, None], [])
    assert client.document("/page/images") == {"images": [], "more": False}
    assert Drawing.of(client.get("/page/drawing").body).outlines() == []
    assert client.document("/page/explanation")["steps"][0]["left"] == 0


def test_counts_leave_out_the_filter_that_they_are_for(client: Client) -> None:
    """So that the form shows what another choice would find."""
    chosen = client.document("/page/counts", products='["tiny:radar"]', datetime="2023-02-01/2023-02")
    assert chosen["found"] == 2
    assert chosen["products"] == {"tiny:optical": 1, "tiny:radar": 2, "tiny:temperature": 1}
    assert chosen["interval"] == "month"
    assert chosen["bars"] == [["2023-01-01T00:00:00+00:00", 6], ["2023-02-01T00:00:00+00:00", 2]]
    assert chosen["begins"] == ["2018-01-01T00:00:00+00:00", "2024-02-01T00:00:00+00:00"]


@pytest.mark.parametrize(
    ("days", "interval"), [(0, "minute"), (4, "hour"), (100, "day"), (1000, "week"), (4000, "month"), (9000, "quarter")]
)
def test_a_histogram_has_not_too_many_bars(catalog: Catalog, days: int, interval: str) -> None:
    product = make_product("a", catalog=catalog)
    for name, time in (
        ("first", "2000-01-01"),
        ("last", f"{2000 + days // 366:04}-{1 + days % 366 // 31:02}-{1 + days % 31:02}"),
    ):
        Image(product=product, name=name, acquired=time).save()
    assert Client(app(catalog)).document("/page/counts")["interval"] == interval


def test_the_list_is_the_newest_first_and_goes_on(catalog: Catalog) -> None:
    product = make_product("a", catalog=catalog)
    for number in range(60):
        Image(product=product, name=f"i{number:02}", acquired=f"2020-03-01T00:{number:02}:00Z").save()
    client = Client(app(catalog))
    first = client.document("/page/images")
    rest = client.document("/page/images", skip=50)
    names = [image["name"] for image in first["images"] + rest["images"]]
    assert names == [f"i{number:02}" for number in range(59, -1, -1)]
    assert (len(first["images"]), first["more"], rest["more"]) == (50, True, False)
    assert first["images"][0] == {
        "id": "acme:a:i59",
        "name": "i59",
        "product": "acme:a",
        "acquired": "2020-03-01T00:59:00+00:00",
        "cloud": None,
    }


def test_a_place_lists_what_meets_it(client: Client) -> None:
    found = client.document("/page/images", at="9,46.9,9.01,46.91", products='["tiny:optical"]', cloud="0.2")
    assert [image["name"] for image in found["images"]] == ["alps-6", "alps-5", "alps-3"]


def test_footprints_are_drawn_as_numbers(client: Client, tiny: Catalog) -> None:
    found = Drawing.of(client.get("/page/drawing", products='["tiny:radar", "tiny:temperature"]').body)
    assert {name: found.head[name] for name in ("kind", "all", "images", "outlines_from", "products")} == {
        "kind": "footprints",
        "all": True,
        "images": 14,
        "outlines_from": 0,
        "products": ["tiny:radar", "tiny:temperature"],
    }
    outlines = found.outlines()
    assert [product for product, _ in outlines] == ["tiny:temperature"] * 6 + ["tiny:radar"] * 8
    pacific = outlines[5][1]
    assert sorted(sorted(set(line)) for line in pacific) == [
        [(-180, -20), (-180, 30), (-150, -20), (-150, 30)],
        [(150, -20), (150, 30), (180, -20), (180, 30)],
    ]


def test_points_lines_and_holes_are_drawn(catalog: Catalog) -> None:
    product = make_product("a", catalog=catalog)
    holed = "POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (3 3, 3 6, 6 6, 6 3, 3 3))"
    for name, shape in (("holed", holed), ("line", "LINESTRING (20 0, 21 3)"), ("point", "POINT (30 5)")):
        Image(product=product, name=name, geometry=shapely.from_wkt(shape)).save()
    outlines = [lines for _, lines in Drawing.of(Client(app(catalog)).get("/page/drawing").body).outlines()]
    assert [[len(line) for line in lines] for lines in outlines] == [[5, 5], [2], [1]]
    assert outlines[2] == [[(30, 5)]]


def test_very_many_are_drawn_as_counts(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    make_product("a", catalog=catalog)
    boxes = [(lon, lat, lon + 1, lat + 1) for lon in range(0, 20, 2) for lat in range(0, 20, 2)]
    records = [{"product_id": "acme:a", "name": f"i{at}", "geometry": box} for at, box in enumerate(boxes)]
    catalog.add_images(records, progress=False)
    monkeypatch.setattr(drawing, "MOST_FOOTPRINTS", 50)
    client = Client(app(catalog))

    def asked(**query: object) -> Drawing:
        return Drawing.of(client.get("/page/drawing", **query).body)

    world = asked(zoom=1)
    assert (world.head["kind"], world.head["zoom"], world.head["all"]) == ("cells", 4, False)
    assert world.cells() == {(8, 7): 100}  # 22.5° a side
    assert sum(asked(zoom=4).cells().values()) == 100
    near = asked(zoom=6, view="0,0,5,5")
    assert (near.head["kind"], near.head["all"], len(near.outlines())) == ("footprints", False, 9)
    few = asked(zoom=1, bbox="0,0,5,5")
    assert (few.head["kind"], few.head["all"], len(few.outlines())) == ("footprints", True, 9)


def test_footprints_of_very_many_points_are_simplified(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_product("a", catalog=catalog)
    for name, middle in (("a", (10, 10)), ("b", (30, 30))):
        Image(product=product, name=name, geometry=shapely.Point(middle).buffer(3, quad_segs=500)).save()
    client = Client(app(catalog))
    exact = Drawing.of(client.get("/page/drawing").body)
    monkeypatch.setattr(drawing, "_MOST_POINTS", 400)
    simpler = Drawing.of(client.get("/page/drawing").body)
    assert (len(exact.arrays["coordinates"]), len(simpler.outlines())) == (2 * 2 * 2001, 2)
    assert 20 < len(simpler.arrays["coordinates"]) <= 800


def test_why_nothing_is_found_is_told(client: Client) -> None:
    told = client.document("/page/explanation", products='["tiny:optical"]', datetime="2025", cloud="0.1")
    assert told["found"] == 0
    assert [(step["condition"], step["left"], step["is_last"]) for step in told["steps"]][:3] == [
        ("every image", 40, False),
        ("product_id IN ('tiny:optical')", 21, False),
        ("acquired >= '2025-01-01'", 0, True),
    ]
    assert told["near"][0]["id"] == "tiny:optical:sinai-3"
    assert "before the range" in told["near"][0]["told"]


FILTERS = [
    {},
    {"products": '["tiny:optical", "tiny:radar"]'},
    {"datetime": "2023-01-15/2023-03"},
    {"datetime": "../2022"},
    {"cloud": "0.3"},
    {"cloud": "0.3", "unset": "yes", "products": '["tiny:optical"]'},
    {"bbox": "-10,30,20.5,48"},
    {"bbox": "170,-30,-170,30"},
    {"text": "snow"},
    {"text": 'it\'s "-x" $HOME `ls`'},
    {"text": "-snow"},
    {"products": '["no\'such", "-p", "a\\"b"]', "text": "\\"},
    {"products": '["tiny:optical"]', "datetime": "2023", "cloud": "0.5", "bbox": "-70,-25,40,50", "text": "alps"},
]


@pytest.mark.parametrize("query", FILTERS, ids=str)
def test_a_copied_search_finds_the_same(client: Client, tiny: Catalog, query: dict[str, str]) -> None:
    told = client.document("/page/snippets", **query)
    wanted = [image["id"] for image in client.document("/page/images", **query)["images"]]
    assert client.document("/page/counts", **query)["found"] == len(wanted)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(told["python"], {})
    assert printed.getvalue().split() == wanted
    command = shlex.split(told["shell"])
    assert command[0] == "localcat"
    if "no'such" not in query.get("products", ""):  # the command tells of it, where a search finds nothing
        assert run(*command[1:], "--ids").split() == wanted


def test_an_image_is_told(client: Client, tiny: Catalog) -> None:
    told = client.document("/page/image", id="tiny:optical:alps-2")
    assert [told[name] for name in ("name", "product", "acquired", "cloud", "here", "shown")] == [
        "alps-2",
        "tiny:optical",
        "2023-02-14T10:20:00+00:00",
        0.5,
        True,
        ["red", "green", "blue"],
    ]
    assert [band["name"] for band in told["bands"]] == ["blue", "green", "red", "nir", "clouds", "alpha"]
    assert told["bands"][0] == {"name": "blue", "told": "spectral, 490 nm", "range": [0, 10000]}
    attributes = dict(told["attributes"])
    assert attributes["tags"] == "snow"
    assert attributes["geotrans"] == "492800, 300, 0, 5200000, 0, -300"
    assert attributes["acquired"] == "2023-02-14 10:20:00"
    (file,) = told["files"]
    image = Image.get("tiny:optical:alps-2", catalog=tiny)
    assert file["bytes"] == image.files[0].size_bytes
    assert file["href"] == f"files/tiny:optical:alps-2/0/{file['name']}"
    assert told["links"]["cut"] == "cut/tiny:optical:alps-2.tif"
    assert told["geometry"]["type"] == "Polygon"
    assert told["bounds"] == list(image.geometry.bounds)
    assert client.document("/page/image", id="tiny:temperature:pacific")["bounds"] == [150, -20, -150, 30]


def test_an_image_without_pixels_here_is_told(client: Client) -> None:
    told = client.document("/page/image", id="tiny:optical:lisbon-1")
    assert told["here"] is False
    assert [file["href"] for file in told["files"]] == [None]
    told = client.document("/page/image", id="tiny:optical:no-footprint")
    assert (told["geometry"], told["bounds"]) == (None, None)
    gone = client.get("/page/image", id="tiny:optical:none")
    assert (gone.status, gone.json()["description"]) == (
        404,
        "there is no image 'tiny:optical:none'; it may have been deleted since it was listed",
    )


def test_what_is_very_long_is_cut(catalog: Catalog) -> None:
    product = make_product("a", spectral("x"), catalog=catalog)
    extra = {f"key{number:03}": "x" * 5000 for number in range(150)} | {
        f"k{number}": {"a": [1]} for number in range(100)
    }
    new_image(product, extra_properties=extra, geometry=(0, 0, 1, 1)).save()
    answer = Client(app(catalog)).get("/page/image", id="acme:a:x")
    extra = answer.json()["extra"]
    assert len(answer.body) < 150_000
    assert extra[-1] == ["…", "and 50 keys more"]
    assert {len(text) for key, text in extra if key.startswith("key")} == {601}


def test_pixels_are_read_as_the_copied_code_says(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product("a", spectral("red"), spectral("nir"), catalog=catalog)
    pixels = numpy.stack([numpy.arange(64 * 48, dtype="uint16").reshape(64, 48)] * 2)
    west, south, east, north = upload(product, "x", pixels).geometry.bounds
    client = Client(app(catalog))
    whole = client.document("/page/image/snippets", id="acme:a:x", bands="red,nir")
    read: dict[str, numpy.ma.MaskedArray] = {}
    exec(whole["python"], read)
    assert read["pixels"].tolist() == pixels.tolist()
    monkeypatch.chdir(tmp_path)
    run(*shlex.split(whole["shell"])[1:])
    assert (tmp_path / "image.tif").exists()
    box = f"{west},{south},{(west + east) / 2},{(south + north) / 2}"
    part = client.document("/page/image/snippets", id="acme:a:x", bands="red", bbox=box)
    exec(part["python"], read)
    assert read["pixels"].shape in {(1, rows, columns) for rows in (32, 33) for columns in (24, 25)}
    assert set(read["pixels"].compressed()) <= set(pixels[0].ravel())
    run(*shlex.split(part["shell"])[1:])


def test_the_copied_code_of_an_image_without_pixels_shows_it(client: Client) -> None:
    told = client.document("/page/image/snippets", id="tiny:optical:lisbon-1")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(told["python"], {})
    assert printed.getvalue().startswith("Image: lisbon-1\n  id: tiny:optical:lisbon-1\n")
    assert run(*shlex.split(told["shell"])[1:]).startswith("Image tiny:optical:lisbon-1\n")


WRONG = [
    ("/page/counts", {"products": "acme:a"}, "products is not JSON"),
    ("/page/counts", {"products": '{"a": 1}'}, "products is a JSON list of at most 500 ids of products"),
    ("/page/counts", {"products": json.dumps(["x"] * 501)}, "products is a JSON list of at most 500 ids"),
    ("/page/counts", {"cloud": "20"}, "cloud is a number from 0 to 1, not '20'"),
    ("/page/counts", {"cloud": "nan"}, "cloud has numbers, and 'nan' is not a finite one"),
    ("/page/counts", {"unset": "maybe"}, "unset is one of no, yes, not 'maybe'"),
    ("/page/counts", {"datetime": "06.05.2024"}, "06.05.2024"),
    ("/page/counts", {"datetime": "2024/2023"}, "2024/2023"),
    ("/page/counts", {"bbox": "1,2,3"}, "bbox is west,south,east,north in degrees, not '1,2,3'"),
    ("/page/counts", {"bbox": "0,0,400,1"}, "bbox is west,south,east,north within ±180° and ±90°"),
    ("/page/counts", {"bbox": "0,9,1,8"}, "bbox is west,south,east,north within ±180° and ±90°"),
    ("/page/counts", {"text": "x" * 9000}, "8,000"),
    ("/page/counts", {"zoom": "1"}, "there is no parameter 'zoom' here"),
    ("/page/drawing", {"zoom": "20"}, "zoom is a whole number from 0 to 19, not '20'"),
    ("/page/drawing", {"view": "inf,0,1,1"}, "view has numbers, and 'inf' is not a finite one"),
    ("/page/images", {"skip": "-1"}, "skip is a whole number from 0 to 1,000, not '-1'"),
    ("/page/images", {"at": "1,1,x,1"}, "at has numbers, and 'x' is not a finite one"),
    ("/page/catalog", {"x": "1"}, "there is no parameter 'x' here; it knows none"),
]


@pytest.mark.parametrize(("path", "query", "told"), WRONG)
def test_what_cannot_be_asked_is_refused(client: Client, path: str, query: dict[str, str], told: str) -> None:
    answer = client.get(path, **query)
    assert answer.status == 400
    assert told in answer.json()["description"]


def test_the_page_changes_nothing(tiny: Catalog, client: Client) -> None:
    before = tiny.path.read_bytes()
    for path in ("catalog", "counts", "images", "explanation", "snippets", "drawing", "land"):
        assert client.get(f"/page/{path}").status == 200
        assert client.ask("POST", f"/page/{path}").status == 405
    assert tiny.path.read_bytes() == before


def test_a_search_of_the_form_is_a_search_of_the_library(client: Client, tiny: Catalog) -> None:
    ids = [image["id"] for image in client.document("/page/images", cloud="0.2", datetime="2023")["images"]]
    assert ids == tiny.images.filter(p.cloud_fraction <= 0.2).during("2023").sort("-acquired").ids()
