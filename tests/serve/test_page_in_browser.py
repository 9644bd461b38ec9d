"""The page in a real browser, without a network: what a person sees and does. What it shows is asserted, not pixels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import rasterio

from localcat import Catalog, Image
from tests import browser, page_picture
from tests.small_catalog import make_product

playwright = pytest.importorskip("playwright.sync_api", reason="there is no playwright here, which drives a browser")
pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason="there is no Chromium here, which opens the page")
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def address(tiny: Catalog) -> Iterator[str]:
    with browser.served(tiny) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser.opened() as chromium:
        yield chromium


@pytest.fixture
def visit(chromium: Any, address: str) -> Iterator[Open]:
    """Opens the page and waits for what it shows; in the end nothing may have gone wrong on it."""
    watch, contexts = browser.Watch(), []

    def visit(query: str = "", *, at: str = address, width: int = 1200, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 800}, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        watch.on(page)
        page.goto(f"{at}/{query}")
        return ready(page)

    yield visit
    for context in contexts:
        context.close()
    assert watch.faults == []


def ready(page: Any) -> Any:
    """Wait until what is found is listed and drawn."""
    page.wait_for_selector("#results[aria-busy=false]", state="attached")
    page.wait_for_selector("#place[aria-busy=false]", state="attached")
    return page


def count(page: Any, told: str) -> None:
    """Wait until the number of images is told."""
    playwright.expect(page.locator("#count")).to_have_text(told, timeout=20_000)
    ready(page)


def names(page: Any) -> list[str]:
    """Return the names in the list."""
    return page.locator("#list strong").all_inner_texts()


def test_it_shows_the_catalog(visit: Open) -> None:
    page = visit()
    assert page.title() == "catalog.gpkg · localcat"
    count(page, "40 images")
    assert page.locator("#map-told").inner_text() == "39 footprints"
    assert page.locator("#product-list label").all_inner_texts() == [
        "tiny:landcover\n5",
        "tiny:optical\n21",
        "tiny:radar\n8",
        "tiny:temperature\n6",
    ]
    assert names(page)[:3] == ["sinai-3", "south-pole", "no-footprint"]
    assert page.locator("#histogram .told").inner_text() == "39 images, by month"


def test_products_are_chosen_and_back_undoes_it(visit: Open) -> None:
    page = visit()
    page.get_by_label("tiny:radar").check()
    count(page, "8 of 40 images")
    assert names(page)[0] == "etna"
    assert page.locator("#map-told").inner_text() == "8 footprints"
    page.get_by_label("tiny:landcover").check()
    count(page, "13 of 40 images")
    assert "product=tiny%3Alandcover&product=tiny%3Aradar" in page.url
    page.go_back()
    count(page, "8 of 40 images")
    assert not page.get_by_label("tiny:landcover").is_checked()
    page.get_by_role("button", name="Clear filters").click()
    count(page, "40 images")


def test_words_and_clouds_filter(visit: Open) -> None:
    page = visit()
    page.get_by_label("Text").fill("snow")
    count(page, "5 of 40 images")
    page.get_by_label("At most").focus()
    for _ in range(8):
        page.keyboard.press("PageDown")  # 10 % each
    count(page, "1 of 40 images")
    assert names(page) == ["alps-3"]
    page.get_by_label("also images without a value").check()
    count(page, "3 of 40 images")
    assert names(page) == ["south-pole", "north-pole", "alps-3"]
    assert "cloud=20&unset=yes&text=snow" in page.url


def test_time_is_brushed_by_mouse(visit: Open) -> None:
    page = visit()
    strip = page.locator("#histogram .strip").bounding_box()
    middle = strip["y"] + strip["height"] / 2
    page.mouse.move(strip["x"] + 8, middle)
    page.mouse.down()
    page.mouse.move(strip["x"] + 0.3 * strip["width"], middle, steps=4)
    page.mouse.up()
    count(page, "1 of 40 images")
    assert names(page) == ["nairobi-2019"]
    assert page.get_by_label("From").input_value().startswith("2018-0")
    assert page.get_by_label("To", exact=True).input_value() == "2019-11-30"


def test_time_is_brushed_by_keyboard(visit: Open) -> None:
    page = visit()
    begin = page.get_by_role("slider", name="Begin of the time")
    begin.focus()
    page.keyboard.press("End")
    count(page, "1 of 40 images")
    assert (begin.get_attribute("aria-valuetext"), names(page)) == ("2024-02-01", ["sinai-3"])
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    count(page, "2 of 40 images")
    assert page.get_by_label("From").input_value() == "2023-12-01"
    page.keyboard.press("Home")
    count(page, "40 images")


def test_a_box_is_drawn(visit: Open) -> None:
    page = visit("?view=47,12,5")
    page.get_by_label("in a box").check()
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 - 170, box["y"] + box["height"] / 2 - 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 20, box["y"] + box["height"] / 2 + 120, steps=5)
    page.mouse.up()
    count(page, "13 of 40 images")  # the Alps, Lombardy, and five of the whole globe
    assert {name.split("-")[0] for name in names(page)} == {"alps", "lombardy", "globe", "no"}
    edges = [float(page.get_by_label(side).input_value()) for side in ("West", "South", "East", "North")]
    assert edges == pytest.approx([4.5, 43.3, 12.9, 48.8], abs=0.1)
    page.get_by_label("East").fill("8.5")
    page.keyboard.press("Tab")
    count(page, "5 of 40 images")
    page.get_by_label("everywhere").check()
    count(page, "40 images")


def test_the_view_is_an_area_that_follows_the_map(visit: Open) -> None:
    page = visit("?view=37.7,15,8")
    page.get_by_label("in the view of the map").check()
    count(page, "7 of 40 images")
    page.get_by_label("tiny:radar").check()
    count(page, "2 of 40 images")
    for west in ("13", "12"):
        page.locator("#map").press("Shift+ArrowLeft")
        page.wait_for_url(re.compile(rf"view=37\.\d+%2C{west}\."))
    count(page, "0 of 40 images")


def test_a_click_lists_what_is_there_and_enter_does_too(visit: Open) -> None:
    page = visit("?view=47.81,15,9&product=tiny:radar")
    page.locator("#map").click()
    page.get_by_role("heading", name="Images at this place").wait_for()
    assert names(page) == [f"styria-{number}" for number in range(6, 0, -1)]
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("heading", name="Images", exact=True).wait_for()
    page.locator("#map").press("Enter")
    page.get_by_role("heading", name="Images at this place").wait_for()
    assert len(names(page)) == 6


def loaded(page: Any) -> int:
    """Wait until the picture is there, and return its width."""
    picture = page.locator("img.picture")
    playwright.expect(picture).to_be_visible()
    playwright.expect(picture).to_have_js_property("complete", True)
    return picture.evaluate("one => one.naturalWidth")


def test_an_image_shows_its_picture_attributes_and_files(visit: Open) -> None:
    page = visit("?view=46.91,9,10&text=snow")
    page.get_by_role("button", name="alps-2").click()
    playwright.expect(page.get_by_role("heading", name="alps-2")).to_be_focused()
    assert loaded(page) == 48
    assert page.locator("img.picture").get_attribute("alt") == "Picture of alps-2, bands red, green, blue"
    attributes = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True))
    assert [attributes[name] for name in ("tags", "cs_code", "cloud_fraction")] == ["snow", "EPSG:32632", "0.5"]
    with page.expect_download() as saved:
        page.locator(".files a").click()
    assert re.fullmatch(r"alps-2-[0-9a-f]+\.tif", saved.value.suggested_filename)
    page.get_by_role("button", name="← All images").click()
    playwright.expect(page.get_by_role("button", name="alps-2")).to_be_focused()


def test_bands_and_stretch_are_chosen_and_put_on_the_map(visit: Open) -> None:
    page = visit("?view=46.91,9,10&image=tiny:optical:alps-2")
    loaded(page)
    page.get_by_label("Red").select_option("nir")
    playwright.expect(page.locator("img.picture")).to_have_attribute("alt", re.compile("bands nir, green, blue$"))
    page.get_by_label("Stretch").select_option("own")
    page.get_by_label("to value").fill("3000")
    page.keyboard.press("Tab")
    playwright.expect(page.locator("img.picture")).to_have_attribute("src", re.compile("range=0%2C3000"))
    assert loaded(page) == 48
    page.get_by_label("show it on the map").check()
    page.locator("img.leaflet-tile-loaded[src*='tiles/image/tiny:optical:alps-2/10/']").first.wait_for()
    page.get_by_label("Show", exact=True).select_option("1")
    playwright.expect(page.locator("img.picture")).to_have_attribute("alt", re.compile("band nir$"))
    assert "band=nir&stretch=0%2C3000" in page.url
    assert loaded(page) == 48


def test_a_part_is_downloaded(visit: Open) -> None:
    page = visit("?view=46.91,9,13&image=tiny:optical:alps-3&band=red")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download GeoTIFF").click()
    assert saved.value.suggested_filename == "alps-3.tif"
    with rasterio.open(saved.value.path()) as cut:
        assert (cut.count, str(cut.crs)) == (1, "EPSG:32632")
        assert 10 < cut.width < 48
        assert (cut.res, cut.read(1).any()) == ((300, 300), True)
    page.get_by_label("Part").select_option("all")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download GeoTIFF").click()
    with rasterio.open(saved.value.path()) as whole:
        assert whole.width in (48, 49)
    elsewhere = visit("?view=10,10,8&image=tiny:optical:alps-3")
    elsewhere.get_by_text("The image is somewhere else.").wait_for()
    assert elsewhere.get_by_role("button", name="Download GeoTIFF").is_disabled()
    elsewhere.get_by_role("button", name="Go there").click()
    playwright.expect(elsewhere.get_by_role("button", name="Download GeoTIFF")).to_be_enabled()


def test_searches_and_images_are_copied(visit: Open) -> None:
    page = visit("?product=tiny:radar&view=47.8,15,9", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy search").click()
    page.get_by_role("button", name="Copy as a command").click()
    page.get_by_text("Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#shell").inner_text()
    assert copied.endswith("search --product tiny:radar --sort=-acquired")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="styria-6").click()
    page.get_by_role("button", name="Copy as code").click()
    page.get_by_role("heading", name="Copy styria-6").wait_for()
    assert "image = Image.get('tiny:radar:styria-6', catalog=catalog)" in page.locator("#python").inner_text()


def test_an_image_without_pixels_here_says_so(visit: Open) -> None:
    page = visit("?image=tiny:optical:lisbon-1")
    page.get_by_text("Its pixels are not here, so there is no picture.").wait_for()
    assert page.get_by_role("button", name="Download GeoTIFF").count() == 0


def test_why_nothing_is_found_is_told(visit: Open) -> None:
    page = visit("?product=tiny:optical&time=2025-01-01/..&cloud=5")
    assert page.locator("#count").inner_text() == "0 of 40 images"
    assert page.locator("#nothing .title").inner_text() == "No image fits. Why nothing?"
    assert page.locator("#nothing .lost").inner_text().split() == [
        "0",
        "acquired",
        ">=",
        "'2025-01-01'",
        "1",
        "without",
        "a",
        "value",
        "for",
        "it",
    ]
    page.get_by_role("button", name=re.compile("tiny:optical:sinai-3, acquired 2024-02-29")).click()
    page.get_by_role("heading", name="sinai-3").wait_for()


def test_the_address_has_all_that_is_chosen(visit: Open) -> None:
    chosen = "product=tiny:optical&time=2023-01-01/2023-06-30&cloud=50&unset=yes&area=box&box=8,46,10,48&view=47,9,7"
    page = visit(f"?{chosen}")
    for _ in range(2):
        count(page, "5 of 40 images")
        assert names(page) == ["alps-6", "alps-5", "alps-4", "alps-3", "alps-2"]
        assert page.get_by_label("tiny:optical").is_checked()
        assert page.get_by_label("To", exact=True).input_value() == "2023-06-30"
        assert page.locator("#cloud-told").inner_text() == "50 %"
        assert page.get_by_label("North").input_value() == "48"
        assert unquote(page.url.partition("?")[2]) == chosen
        page.reload()


def test_it_fits_a_phone(visit: Open) -> None:
    page = visit(width=380)
    assert page.evaluate("document.documentElement.scrollWidth") == 380
    assert not page.get_by_label("Text").is_visible()
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("tiny:radar").check()
    count(page, "8 of 40 images")
    assert page.evaluate("document.documentElement.scrollWidth") == 380


def test_everything_has_a_name_for_a_screen_reader(visit: Open) -> None:
    page = visit()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, a[href], [role]')]
            .filter(one => one.offsetParent && !one.labels?.length && !one.innerText?.trim()
                && !one.ariaLabel && !one.title && !one.getAttribute('aria-labelledby') && one.id !== 'count')
            .map(one => one.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_picture_in_the_documents_is_of_this_page(visit: Open) -> None:
    with page_picture.catalog() as catalog, browser.served(catalog) as address:
        page = visit(page_picture.QUERY, at=address)
        assert page_picture.words_on(page) == page_picture.words_of_file(), "run python -m tests.page_picture"


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    '" onfocus=alert(3) autofocus x="',
    "{{7*7}} ${alert(4)} `",
    "javascript:alert(5)",
    "‮evil‬\u0000"[:-1],
    "x" * 300,
    "😀 Ünïcode & entities &lt;b&gt;",
]


def test_what_strangers_wrote_stays_text(catalog: Catalog, visit: Open) -> None:
    for number, text in enumerate(HOSTILE):
        product = make_product(f"p{number}{text}"[:150], name=text, catalog=catalog)
        Image(
            product=product,
            name=f"i{number}",
            acquired="2020-01-01",
            geometry=(0, 0, 1, 1),
            tags=[text],
            extra_properties={text: text},
        ).save()
    with browser.served(catalog) as address:
        page = visit(at=address)
        count(page, f"{len(HOSTILE)} images")
        assert sorted(page.locator("#product-list .name").all_inner_texts()) == sorted(
            [re.sub(r"\s+", " ", f"acme:p{number}{text}"[: 150 + 5]) for number, text in enumerate(HOSTILE)]
        )
        page.get_by_role("button", name="i0").click()
        page.get_by_role("heading", name="i0").wait_for()
        attributes = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True))
        assert attributes["tags"] == HOSTILE[0]
        assert attributes[HOSTILE[0]] == HOSTILE[0]
        assert page.locator("main img[src=x], main script").count() == 0
        page.get_by_role("button", name="Copy search").click()
        page.get_by_role("heading", name="Copy this search").wait_for()
        assert page.locator("#python").inner_text().startswith("from localcat import Catalog")
