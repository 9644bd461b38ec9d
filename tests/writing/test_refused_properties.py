"""What cannot be JSON, deep inside extra_properties: refused on every way in, with its place, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
import pytest

from localcat import AttributeValidationError, Catalog, CorruptCatalogError, Image, Product
from tests.small_catalog import make_product, new_image

NAN = float("nan")
REFUSED: dict[str, tuple[Any, str]] = {
    "nan": ({"b": [1, {"c": NAN}]}, r"at \['a'\]\['b'\]\[1\]\['c'\], not nan$"),
    "infinity": ([[Decimal("Infinity")]], r"at \['a'\]\[0\]\[0\], not Decimal\('Infinity'\)$"),
    "numpy's nan": ({"b": numpy.float32("nan")}, r"at \['a'\]\['b'\], not np.float32\(nan\)$"),
    "a set": ({"b": {1}}, r"at \['a'\]\['b'\], not \{1\}$"),
    "bytes": ([b"x"], r"at \['a'\]\[0\], not b'x'$"),
    "an array": ({"b": numpy.zeros(2)}, r"at \['a'\]\['b'\], not array\(\[0., 0.\]\)$"),
    "a time": ({"b": datetime(2024, 1, 1)}, r"at \['a'\]\['b'\], not datetime.datetime\(2024, 1, 1, 0, 0\)$"),
    "a half of a letter": ({"b": "\ud800"}, r"at \['a'\]\['b'\], not '\\ud800'$"),
    "more than 64 bits": ({"b": 2**63}, r"at \['a'\]\['b'\], not 9223372036854775808$"),
    "a number as a key": ({"b": [{7: 1}]}, r"has keys of text at \['a'\]\['b'\]\[0\], not 7$"),
    "a key that cannot be stored": ({"b": {"\x00": 1}}, r"has keys of text at \['a'\]\['b'\], not '\\x00'$"),
}


@pytest.fixture
def product(catalog: Catalog) -> Product:
    return make_product("p", catalog=catalog)


def _assigned(product: Product, bad: Any) -> None:
    new_image(product).extra_properties = {"a": bad}


def _updated(product: Product, bad: Any) -> None:
    image = new_image(product, "there", storage_state="remote", extra_properties={"a": 1})
    image.save()
    try:
        image.update(extra_properties={"a": bad})
    finally:
        assert Image.get(image.id).extra_properties == {"a": 1}
        image.delete()


def _put_in(product: Product, bad: Any) -> None:
    new_image(product, extra_properties={}).extra_properties["a"] = bad


def _put_in_with_others(product: Product, bad: Any) -> None:
    new_image(product, extra_properties={}).extra_properties.update(b=1, a=bad)


ON_OBJECTS: dict[str, Callable[[Product, Any], object]] = {
    "constructor": lambda product, bad: new_image(product, extra_properties={"a": bad}),
    "constructor of a product": lambda product, bad: Product(id="q", name="q", extra_properties={"a": bad}),
    "assignment": _assigned,
    "an item of what an image has": _put_in,
    "several items of it": _put_in_with_others,
    "update": _updated,
}


@pytest.mark.parametrize("way", ON_OBJECTS.values(), ids=ON_OBJECTS)
@pytest.mark.parametrize(("bad", "message"), REFUSED.values(), ids=REFUSED)
def test_objects_refuse_it_at_once(product: Product, way: Callable[[Product, Any], object], bad: Any, message: str):
    """Choice 23."""
    with pytest.raises(AttributeValidationError, match=message):
        way(product, bad)
    assert (Product.search().count(), Image.search().count()) == (1, 0)


@pytest.mark.parametrize(("bad", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_put_in_below_is_refused_when_it_is_stored(catalog: Catalog, product: Product, bad: Any, message: str):
    """Choice 23: below the first level there are plain lists and mappings."""
    image = new_image(product, storage_state="remote", extra_properties={"z": [0]})
    image.extra_properties["z"][0] = {"a": bad}
    below = message.replace("at ", r"at \['z'\]\[0\]", 1)
    with pytest.raises(AttributeValidationError, match=below):
        image.save()
    (failed,) = catalog.add_images([image]).failed
    with pytest.raises(AttributeValidationError, match=below):
        raise failed.error
    assert Image.search().count() == 0


def record(product: Product, name: str, **more: Any) -> dict[str, Any]:
    return {"product_id": product.id, "name": name, "acquired": "2024-01-01", "storage_state": "remote", **more}


@pytest.mark.parametrize(("bad", "message"), REFUSED.values(), ids=REFUSED)
def test_a_load_takes_the_records_beside_it(catalog: Catalog, product: Product, bad: Any, message: str) -> None:
    """Choice 23; kind 10 of the rules: one bad record never ends a load."""
    good = record(product, "good", extra_properties={"a": {"b": 1}})
    report = catalog.add_images([good, record(product, "bad", extra_properties={"a": bad}), {**good, "name": "last"}])
    ((at, error),) = [(one.index, one.error) for one in report.failed]
    assert (report.added, at) == (2, 1)
    with pytest.raises(AttributeValidationError, match=message):
        raise error
    assert [image.name for image in Image.search()] == ["good", "last"]


@pytest.mark.parametrize(("bad", "message"), REFUSED.values(), ids=REFUSED)
def test_an_item_of_stac_is_refused_alone(catalog: Catalog, product: Product, bad: Any, message: str) -> None:
    """Choice 23."""
    items = [
        {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": name,
            "collection": product.name,
            "geometry": None,
            "properties": {"datetime": "2024-01-01T00:00:00Z", "x:a": value},
            "links": [],
            "assets": {},
        }
        for name, value in (("good", {"b": 1}), ("bad", bad))
    ]
    report = catalog.from_stac({"type": "FeatureCollection", "features": items})
    assert report.added == 1
    (failed,) = report.failed
    with pytest.raises(AttributeValidationError, match=message.replace(r"\['a'\]", r"\['x:a'\]", 1)):
        raise failed.error
    assert [image.name for image in Image.search()] == ["good"]


COLUMNS: dict[str, tuple[pyarrow.Array, str]] = {
    "nan in a struct": (
        pyarrow.array([{"a": {"b": 1.0}}, {"a": {"b": NAN}}]),
        r"at \['a'\]\['b'\], not nan$",
    ),
    "infinity in a list": (
        pyarrow.array([{"a": [1.0]}, {"a": [float("inf")]}]),
        r"at \['a'\]\[0\], not inf$",
    ),
    "a number that is too large, in JSON": (
        pyarrow.array(['{"a": {"b": 1}}', '{"a": {"b": 1e999}}']),
        r"at \['a'\]\['b'\], not inf$",
    ),
    "NaN in JSON": (
        pyarrow.array(['{"a": {"b": 1}}', '{"a": {"b": NaN}}']),
        r"""is a mapping, not '{"a": {"b": NaN}}'$""",
    ),
    "bytes": (pyarrow.array([{"a": {"b": b"1"}}, {"a": {"b": b"x"}}]).slice(1), r"at \['a'\]\['b'\], not b'x'$"),
}


@pytest.mark.parametrize(("column", "message"), COLUMNS.values(), ids=COLUMNS)
def test_a_row_of_a_table_is_refused_alone(catalog: Catalog, product: Product, column: pyarrow.Array, message: str):
    """Choice 23."""
    names = ["good", "bad"][-len(column) :]
    rows = [record(product, name) for name in names]
    table = pyarrow.Table.from_pylist(rows).append_column("extra_properties", column)
    report = catalog.add_images(table)
    (failed,) = report.failed
    with pytest.raises(AttributeValidationError, match=message):
        raise failed.error
    assert [image.name for image in Image.search()] == names[:-1]


def test_a_row_of_geoparquet_is_refused_alone(catalog: Catalog, product: Product, tmp_path: Path) -> None:
    """Choice 23."""
    for name in ("one", "other"):
        new_image(product, name, storage_state="remote", extra_properties={"q": {"r": [1.5]}}).save()
    catalog.to_geoparquet(tmp_path / "all.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "all.parquet")
    at = table.column_names.index("q")
    table = table.set_column(at, "q", pyarrow.array([{"r": [1.5]}, {"r": [float("inf")]}]))
    pyarrow.parquet.write_table(table, tmp_path / "changed.parquet")
    with Catalog.temporary(org="acme") as other:
        report = other.from_geoparquet(tmp_path / "changed.parquet")
        (failed,) = report.failed
        with pytest.raises(AttributeValidationError, match=r"at \['q'\]\['r'\]\[0\], not inf$"):
            raise failed.error
        assert [image.extra_properties["q"] for image in other.images] == [{"r": [1.5]}]


@pytest.mark.parametrize("text", ['{"a": {"b": 1e999}}', '{"a": {"b": NaN}}', '{"a": ["\\u0000"]}'])
def test_a_catalog_that_holds_it_is_not_merged(catalog: Catalog, tmp_path: Path, text: str) -> None:
    """Choice 23: only another program can have written it there."""
    with Catalog.create(tmp_path / "theirs.gpkg", org="acme") as theirs:
        product = make_product("p", catalog=theirs)
        new_image(product, storage_state="remote", extra_properties={"a": 1}, catalog=theirs).save()
        with theirs.writable_db() as db:
            db.execute("UPDATE image SET extra_properties = ?", [text])
    with pytest.raises((AttributeValidationError, CorruptCatalogError), match="extra_properties"):
        catalog.merge(tmp_path / "theirs.gpkg")
    assert (Product.search().count(), Image.search().count()) == (0, 0)
