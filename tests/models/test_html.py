"""Issue: objects and collections in notebooks are a small table, with a drawing of the footprint."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from localcat import Catalog, Image, Product


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
