"""Issue: objects and collections in notebooks are a small table, with a drawing of the footprint."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

import pytest
from rasterio.io import MemoryFile

from localcat import Catalog, Image, Product
from localcat import properties as p
from localcat.interop.stac.report import StacReport
from localcat.rasters.files.opening import quiet_georeferencing
from localcat.testing import earth, make_image, pattern


@pytest.fixture
def product(catalog: Catalog) -> Product:
    product = Product(id="x", name="<script>alert('x')</script>", tags=["a & b"])
    product.save()
    return product


def parsed(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html)


def test_an_object_is_a_table_of_what_is_set(product: Product) -> None:
    html = product._repr_html_()
    rows = {row[0].text: row[1].text for row in parsed(html).iter("tr")}
    assert rows["state"] == "saved"
    assert rows["name"] == "<script>alert('x')</script>"
    assert rows["tags"] == "['a & b']"
    assert "description" not in rows
    assert "<script>" not in html


@pytest.mark.parametrize(
    ("geometry", "path"),
    [
        ((0, 0, 10, 5), "M120.0 90.0L120.0 30.0L0.0 30.0L0.0 90.0L120.0 90.0Z"),
        ({"type": "Point", "coordinates": [3, 4]}, "M60.0 60.0L60.0 60.0"),
        ({"type": "LineString", "coordinates": [[0, 0], [2, 2]]}, "M0.0 120.0L120.0 0.0"),
    ],
)
def test_an_image_is_drawn(product: Product, geometry: object, path: str) -> None:
    image = Image(product=product, name="i", acquired="2020-01-01", geometry=geometry)
    drawing = next(parsed(image._repr_html_()).iter("{http://www.w3.org/2000/svg}path"))
    assert drawing.attrib["d"] == path


def test_holes_and_parts_are_drawn(product: Product) -> None:
    shape = {
        "type": "MultiPolygon",
        "coordinates": [
            [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]], [[3, 3], [6, 3], [6, 6], [3, 6], [3, 3]]],
            [[[20, 0], [21, 0], [21, 1], [20, 0]]],
        ],
    }
    html = Image(product=product, name="i", geometry=shape)._repr_html_()
    assert next(parsed(html).iter("{http://www.w3.org/2000/svg}path")).attrib["d"].count("Z") == 3


def test_nothing_comes_from_elsewhere(product: Product) -> None:
    html = Image(product=product, name="i", geometry=(0, 0, 1, 1))._repr_html_()
    assert "src=" not in html
    assert "href=" not in html.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_a_collection_shows_its_first_items(catalog: Catalog, product: Product) -> None:
    for number in range(25):
        Image(product=product, name=f"i{number:02d}", acquired="2020-01-01").save()
    table = parsed(Image.search().collect()._repr_html_())
    rows = [[cell.text for cell in row] for row in table.iter("tr")]
    assert rows[0] == ["id", "acquired", "cloud_fraction", "storage_state"]
    assert rows[1] == ["acme:x:i00", "2020-01-01 00:00:00+00:00", "None", "remote"]
    assert len(rows) == 21
    assert table.find("p").text == "… and 5 more"
    assert "Product" in Product.search().collect()._repr_html_()


def test_an_image_with_pixels_has_a_thumbnail() -> None:
    with earth() as catalog:
        html = Image.get("optical:alps-2", catalog=catalog)._repr_html_()
        (source,) = [found.attrib["src"] for found in parsed(html).iter("img")]
        head, _, data = source.partition(",")
        assert head == "data:image/png;base64"
        png = base64.b64decode(data)
        with quiet_georeferencing(), MemoryFile(png) as file, file.open() as picture:
            assert (picture.count, picture.shape) == (4, (32, 48))
        assert "<svg" in html, "and its footprint"


@pytest.mark.parametrize("name", ["lisbon-1", "gone", "no pixels", "unsaved", "deleted"])
def test_an_image_without_pixels_here_has_none(name: str) -> None:
    with earth() as catalog, catalog.as_default():
        image = Image.get("optical:lisbon-1" if name == "lisbon-1" else "optical:alps-3")
        if name == "gone":
            catalog.path_of(image.files[0]).unlink()
        elif name == "no pixels":
            image = Image(product_id="tiny:optical", name="new")
            image.save()
        elif name == "unsaved":
            image = Image(product_id="tiny:optical", name="new")
        elif name == "deleted":
            image.delete()
        assert "<img" not in image._repr_html_()


def test_a_large_file_without_overviews_is_not_read_for_a_thumbnail(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = make_image(array=pattern((1, 300, 400)))
    assert "<img" in image._repr_html_()
    monkeypatch.setattr("localcat.reading.preview._MOST_PIXELS", 300 * 400 - 1)
    assert "<img" not in image._repr_html_()


def test_a_turned_image_warns_nobody() -> None:
    with earth() as catalog:
        assert "<img" in Image.get("optical:lombardy-turned", catalog=catalog)._repr_html_()


def test_a_search_shows_its_first_objects_and_where_they_are() -> None:
    with earth() as catalog:
        table = parsed(catalog.images.filter(p.cloud_fraction < 0.2).sort("name")._repr_html_())
        assert table.find("strong").text == "8 found by ImageSearch: p.cloud_fraction < 0.2; by name"
        rows = [[cell.text for cell in row] for row in table.iter("tr")]
        assert rows[0] == ["id", "acquired", "cloud_fraction", "storage_state"]
        assert [row[0] for row in rows[1:3]] == ["tiny:optical:alps-3", "tiny:optical:alps-6"]
        assert len(rows) == 9
        land, dots = (one.attrib for one in table.iter("{http://www.w3.org/2000/svg}path"))
        assert land["d"].count("Z") == 24
        assert (dots["d"].count("M"), dots["stroke-width"]) == (8, "4"), "footprints are hardly a pixel"
        pacific = parsed(catalog.images.filter(p.name == "pacific")._repr_html_())
        land, areas = (one.attrib for one in pacific.iter("{http://www.w3.org/2000/svg}path"))
        assert areas["d"].count("Z") == 2, "one on either side"
        many = parsed(catalog.images._repr_html_())
        assert many.find("p").text == "… and 20 more"
        assert "5 found" in parsed(catalog.images.limit(5)._repr_html_()).find("strong").text
        assert [row[0].text for row in parsed(catalog.products._repr_html_()).iter("tr")][1] == "tiny:landcover"
        assert "0 found" in parsed(catalog.bands.filter(p.name == "none")._repr_html_()).find("strong").text


def test_a_series_shows_bars() -> None:
    with earth() as catalog:
        series = catalog.images.filter(p.product_id == "tiny:radar").summary_interval(interval="month")
        table = parsed(series._repr_html_())
    assert table.find("strong").text == "8 images by month"
    rows = [[cell.text for cell in row][:2] for row in table.iter("tr")]
    assert rows == [["2023-01-01", "6"], ["2023-02-01", "2"]]
    widths = [
        found.attrib["style"].rsplit("width:", 1)[1]
        for found in table.iter("div")
        if "height" in found.get("style", "")
    ]
    assert widths == ["240px", "80px"]


def test_a_summary_is_a_table() -> None:
    with earth() as catalog:
        html = catalog.images.filter(p.product_id == "tiny:radar").summary()._repr_html_()
    rows = {row[0].text: row[1].text for row in parsed(html).iter("tr")}
    assert (rows["images"], rows["products"]) == ("8", "tiny:radar")


def test_reports_are_shown_as_they_are_printed() -> None:
    with earth() as catalog:
        make_image(catalog=catalog, tags=["<b>"])
        reports = [
            catalog.add_images([{"id": "tiny:optical:<b>"}], progress=False),
            catalog.gc(dry_run=True),
            catalog.info(),
            catalog.optimize(progress=False),
            catalog.verify(progress=False),
        ]
    for report in reports:
        text = "".join(parsed(report._repr_html_()).itertext())
        assert str(report).splitlines()[0] in text
    assert reports[0]._repr_html_() == "<pre>AddReport: 0 added, 0 replaced, 0 skipped, 1 failed</pre>"
    assert "failed\n  &lt;b&gt;</pre>" in StacReport(notes=["<b>"])._repr_html_()
