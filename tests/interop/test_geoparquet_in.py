"""GeoParquet of Items into a catalog: ours comes back as it went, others' as from STAC, hostile files not at all."""

from __future__ import annotations

import asyncio
import json
import random
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from localcat import Catalog, File
from localcat import properties as p
from localcat.errors import BadRequestError, DuplicateError, MissingLibraryError
from tests.images_with_everything import fill, items_of
from tests.interop.random_catalogs import files
from tests.interop.some_items import item_of, scene
from tests.small_catalog import AREA, fill_guide, make_product, new_image, spectral
from tests.stac_items import real_items

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402  # as pyarrow itself


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.create(tmp_path / "other.gpkg", org="") as other:
        yield other


def test_a_folder_of_files_comes_in_like_one_file(tmp_path: Path, other: Catalog) -> None:
    """Before, the files of images were outside of the folder of parts, and all Items were refused."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        fill_guide(catalog)
        assert len(catalog.to_geoparquet(tmp_path / "parts", partition_by="product", progress=False).paths) == 1
        pixels = catalog.images.first().ndarray("blue")
    report = other.from_geoparquet(tmp_path / "parts", progress=False)
    assert (report.added, report.failed) == (4, [])
    assert (other.images.first().ndarray("blue") == pixels).all()
    with Catalog.temporary() as listed:
        assert listed.from_geoparquet([tmp_path / "parts"], progress=False).failed == []
    index, report = Catalog.index(tmp_path / "parts", tmp_path / "index.gpkg", progress=False)
    with index:
        assert (report.added, report.failed) == (4, [])


def test_a_folder_of_files_names_none_outside_of_the_one_that_it_is_in(tmp_path: Path, other: Catalog) -> None:
    (tmp_path / "elsewhere").mkdir()
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        fill_guide(catalog)
        catalog.to_geoparquet(tmp_path / "elsewhere" / "parts", partition_by="product", progress=False)
    report = other.from_geoparquet(tmp_path / "elsewhere" / "parts", progress=False)
    assert report.added == 2  # those whose files are not here
    assert ["leads out of" in str(one.error) for one in report.failed] == [True, True]


def facts(catalog: Catalog) -> list[dict[str, Any]]:
    """Return all that a catalog knows of its products, bands and images, but for when it learned it."""
    found: list[dict[str, Any]] = []
    for search in (catalog.products, catalog.bands, catalog.images):
        for one in search.sort("id"):
            said = one.serialize()
            found.append({"id": one.id, **{name: said[name] for name in said if name not in ("created", "modified")}})
    return found


@pytest.mark.parametrize("is_plain", [True, False])
@pytest.mark.parametrize("partition_by", [None, "product"])
def test_what_went_out_comes_back_equal(
    catalog: Catalog, other: Catalog, tmp_path: Path, is_plain: bool, partition_by: str | None
) -> None:
    fill(catalog, random.Random(11), 120, is_plain=is_plain)
    catalog.to_geoparquet(tmp_path / "out", partition_by=partition_by)
    report = other.from_geoparquet(tmp_path / "out", within="/", progress=False)
    assert (report.added, report.failed, report.notes) == (120, [], [])
    assert items_of(other, tmp_path) == items_of(catalog, tmp_path)
    other.to_geoparquet(tmp_path / "again", partition_by=partition_by)
    with Catalog.temporary(org="") as third:
        third.from_geoparquet(tmp_path / "again", within="/")
        assert facts(third) == facts(other)


@given(files=st.lists(files, min_size=2, max_size=4))
def test_files_of_each_image_come_back_as_they_were(files: list[list[dict[str, Any]]]) -> None:
    """Images differ in their files alone, so that nothing else tells their rows apart."""
    with Catalog.temporary(org="") as catalog, Catalog.temporary(org="") as other:
        make_product("p", spectral("red"), catalog=catalog)
        records = [{"product_id": "p", "name": f"i{at}", "files": one} for at, one in enumerate(files)]
        catalog.add_images({**one, "storage_state": "remote", "acquired": "2024-01-01"} for one in records)
        path = catalog.path.parent / "items.parquet"
        catalog.to_geoparquet(path, progress=False)
        assert other.from_geoparquet(path, progress=False).failed == []
        found, expected = ({image.name: image.files for image in one.images} for one in (other, catalog))
        assert found == expected


def test_the_provider_of_one_file_is_not_that_of_another(catalog: Catalog, other: Catalog, tmp_path: Path) -> None:
    product = make_product("p", catalog=catalog)
    known = {
        "a": {"href": "https://x.org/a.tif", "provider_id": "A-1", "hash": "ab" * 32},
        "b": {"href": "https://x.org/b.tif", "provider_id": "B-2", "hash": "md5 of it"},
        "c": {"href": "https://x.org/c.tif"},
        "d": {"provider_href": "archive/d.tif"},
    }
    catalog.add_images(
        {"product_id": product.id, "name": name, "storage_state": "remote", "acquired": "2024", "files": [file]}
        for name, file in known.items()
    )
    catalog.to_geoparquet(tmp_path / "items.parquet")
    other.from_geoparquet(tmp_path / "items.parquet")
    assert {image.name: image.files for image in other.images} == {name: [File(**file)] for name, file in known.items()}


def test_columns_become_what_items_become(catalog: Catalog, other: Catalog, tmp_path: Path) -> None:
    """The way by columns and the way of single Items make the same."""
    fill(catalog, random.Random(5), 80, is_plain=True)
    catalog.to_geoparquet(tmp_path / "items.parquet")
    other.from_geoparquet(tmp_path / "items.parquet")
    catalog.to_stac(tmp_path / "tree")
    with Catalog.temporary(org="") as third:
        third.from_stac(tmp_path / "tree")
        found, expected = facts(other), facts(third)
    for one in (*found, *expected):
        one.get("extra_properties", {}).get("stac:item", {}).pop("links", None)  # a tree has links of its own
    assert found == expected


def test_files_here_are_indexed_in_place(catalog: Catalog, other: Catalog, tmp_path: Path) -> None:
    fill_guide(catalog)
    catalog.to_geoparquet(tmp_path / "items.parquet")
    report = other.from_geoparquet(tmp_path / "items.parquet", within="/")
    assert (report.added, report.failed) == (catalog.images.count(), [])
    for image in catalog.images.filter(p.storage_state == "available"):
        (there,) = other.images.filter(p.name == image.name)
        bands = [str(band.name) for band in image.product.bands()]
        assert (there.ndarray(bands) == image.ndarray(bands)).all()


def test_rules_of_conflicts(catalog: Catalog, other: Catalog, tmp_path: Path) -> None:
    fill(catalog, random.Random(2), 30, is_plain=True)
    catalog.to_geoparquet(tmp_path / "items.parquet")
    other.from_geoparquet(tmp_path / "items.parquet")
    with pytest.raises(DuplicateError, match="already exists; nothing was added"):
        other.from_geoparquet(tmp_path / "items.parquet")
    assert other.from_geoparquet(tmp_path / "items.parquet", on_conflict="skip").skipped == 30
    assert other.from_geoparquet(tmp_path / "items.parquet", on_conflict="replace").replaced == 30
    report = other.from_geoparquet(tmp_path / "items.parquet", on_conflict="replace", dry_run=True)
    assert (report.replaced, other.images.count()) == (30, 30)


def test_a_product_with_other_bands_keeps_the_item(catalog: Catalog, other: Catalog, tmp_path: Path) -> None:
    """Its images cannot say what the Items said; so these are kept."""
    product = make_product("x", spectral("red", nodata=7), catalog=catalog)
    files = [{"href": "https://x.org/a.tif"}]
    new_image(product, "a", files=files).save()
    catalog.to_geoparquet(tmp_path / "items.parquet")
    make_product("acme:x", spectral("red", nodata=0), catalog=other)
    other.from_geoparquet(tmp_path / "items.parquet")
    assert items_of(other) == items_of(catalog)


def test_changed_columns_are_heeded(catalog: Catalog, other: Catalog, tmp_path: Path) -> None:
    """A program that changes a file of ours keeps our mark in it."""
    product = make_product("x", spectral("red"), catalog=catalog)
    new_image(product, "a", cloud_fraction=0.25, files=[{"href": "https://x.org/a.tif"}]).save()
    catalog.to_geoparquet(tmp_path / "items.parquet")
    table = parquet.read_table(tmp_path / "items.parquet")
    at = table.schema.get_field_index("eo:cloud_cover")
    table = table.set_column(at, "eo:cloud_cover", pyarrow.array([50.0])).append_column("score", pyarrow.array([7]))
    parquet.write_table(table, tmp_path / "changed.parquet")
    other.from_geoparquet(tmp_path / "changed.parquet")
    (image,) = other.images
    assert image.cloud_fraction == 0.5
    assert image.to_stac_item()["properties"]["score"] == 7


# Files of others


def by_stac_geoparquet(items: list[dict[str, Any]], path: Path) -> None:
    arrow = pytest.importorskip("stac_geoparquet").arrow
    arrow.to_parquet(arrow.parse_stac_items_to_arrow(items), path)


def by_rustac(items: list[dict[str, Any]], path: Path) -> None:
    rustac = pytest.importorskip("rustac")

    async def write() -> None:
        await rustac.write(str(path), {"type": "FeatureCollection", "features": items})

    asyncio.run(write())


@pytest.mark.parametrize("write", [by_stac_geoparquet, by_rustac])
def test_files_of_other_programs(
    other: Catalog, tmp_path: Path, write: Callable[[list[dict[str, Any]], Path], None]
) -> None:
    items = [scene(), {**scene(), "id": "S2A_2"}]
    for item in items:
        item["stac_version"] = "1.1.0"
        del item["properties"]["s2:nested"]  # a list of several types, which they cannot write
    write(items, tmp_path / "theirs.parquet")
    report = other.from_geoparquet(tmp_path / "theirs.parquet")
    assert (report.added, report.failed) == (2, [])
    with Catalog.temporary(org="") as third:
        third.from_stac(items)
        names = ("product_id", "acquired", "cloud_fraction", "satellite_id", "cs_code", "geometry", "files", "tags")
        found, expected = (
            [{name: image.serialize().get(name) for name in names} for image in one.images.sort("id")]
            for one in (other, third)
        )
        assert [str(one["acquired"])[:23] for one in found] == [str(one["acquired"])[:23] for one in expected]
        for one in (*found, *expected):
            del one["acquired"]  # rustac keeps milliseconds
        assert found == expected
        assert [band.serialize()["name"] for band in other.bands] == [band.serialize()["name"] for band in third.bands]


def test_real_items_through_stac_geoparquet(other: Catalog, tmp_path: Path) -> None:
    items = real_items()
    if not items:
        pytest.skip("the folder of real items is not here")
    taken = 0
    for number, item in enumerate(items):
        try:
            by_stac_geoparquet([item], tmp_path / f"{number}.parquet")
        except Exception:  # noqa: BLE001  # an item that its own program cannot write
            (tmp_path / f"{number}.parquet").unlink(missing_ok=True)
            continue
        taken += 1
    report = other.from_geoparquet(tmp_path, progress=False)
    assert (report.added, report.failed) == (taken, [])
    assert taken > len(items) / 2


def test_an_older_file_has_one_collection_and_a_list_for_a_box(other: Catalog, tmp_path: Path) -> None:
    """As the first files of the Planetary Computer."""
    collection = {"type": "Collection", "id": "old", "title": "Old ones", "links": [], "item_assets": {}}
    table = pyarrow.table(
        {
            "id": ["a"],
            "collection": ["old"],
            "geometry": [shapely.to_wkb(shapely.Polygon([(179, 0), (-179, 0), (-179, 1)]))],
            "bbox": [[179.0, 0.0, -179.0, 1.0]],
            "datetime": pyarrow.array([1_588_327_200_000_000_001], pyarrow.timestamp("ns", "UTC")),
            "gsd": [float("nan")],
            "assets": [{"B1": {"href": "https://x.org/a.tif", "type": "image/tiff", "title": None}}],
        },
        metadata={"stac-geoparquet": json.dumps({"collection": collection})},
    )
    parquet.write_table(table, tmp_path / "old.parquet")
    other.from_geoparquet(tmp_path / "old.parquet")
    (image,) = other.images
    assert (image.product_id, str(image.acquired), image.extra_properties["stac:item"]["id"]) == (
        "old",
        "2020-05-01 10:00:00+00:00",
        "a",
    )
    assert image.geometry.bounds == (-180, 0, 180, 1)
    assert other.products.first().name == "Old ones"


# Hostile files


def rows(**columns: Any) -> Any:
    """Return a table of one good Item, with some columns changed."""
    good = {
        "id": ["a"],
        "geometry": [shapely.to_wkb(shapely.Point(1, 2))],
        "datetime": ["2020-01-01T00:00:00Z"],
        "collection": ["c"],
        "assets": [{"x": {"href": "https://x.org/a.tif"}}],
    }
    return pyarrow.table({name: value for name, value in {**good, **columns}.items() if value is not None})


BOMB = struct.pack("<BII", 1, 7, 1) * 100_000
DEEP = json.dumps([[["properties", "x"], "y"]]).replace('"y"', "[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"id": [None]}, "has no id"),
        ({"id": [7]}, "has no id, or one that is not text: 7"),
        ({"geometry": [b"\x01\x02"]}, "not well-known binary"),
        ({"geometry": [BOMB]}, "nested more than 64 levels deep"),
        ({"collection": [7]}, "a collection that is not text: 7"),
        ({"assets": ["x"]}, "assets of the wrong type"),
        ({"links": [{"a": 1}]}, "links of the wrong type"),
        ({"assets": [{"x": {"href": "/vsicurl/https://x.org/a.tif", "type": "image/tiff"}}]}, "virtual file system"),
        ({"assets": [{"x": {"href": "../../etc/passwd", "type": "image/tiff"}}]}, "leads out of"),
        ({"localcat:changes": ["x"]}, "is not an Item: .*Expecting value"),
        ({"localcat:changes": ["[[]]"]}, "a change is a list of a way and a value"),
        ({"localcat:changes": ['[[["properties", "a", "b"], 1]]']}, "there is no 'a' on the way"),
        ({"localcat:changes": ['[[["properties"], 1]]']}, "an Item without properties"),
        ({"localcat:changes": [DEEP]}, "is not an Item"),
        ({"data": [b"\x00"]}, "has JSON values"),
    ],
)
def test_a_hostile_row_is_refused_by_name(other: Catalog, tmp_path: Path, columns: dict[str, Any], told: str) -> None:
    parquet.write_table(rows(**columns), tmp_path / "bad.parquet")
    good = rows(id=["good"])
    parquet.write_table(good, tmp_path / "good.parquet")
    report = other.from_geoparquet([tmp_path / "bad.parquet", tmp_path / "good.parquet"])
    assert report.added == 1
    (failed,) = report.failed
    assert re.search(told, str(failed.error)), str(failed.error)
    assert failed.where in ("bad.parquet, row 0", "c:a")


def test_ids_that_are_there_twice(other: Catalog, tmp_path: Path) -> None:
    table = pyarrow.concat_tables([rows(), rows()])
    parquet.write_table(table, tmp_path / "twice.parquet")
    with pytest.raises(DuplicateError, match="image 'c:a'"):
        other.from_geoparquet(tmp_path / "twice.parquet")
    assert (other.images.count(), other.products.count()) == (0, 0)


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.9])
def test_a_truncated_file_is_refused(other: Catalog, tmp_path: Path, share: float) -> None:
    parquet.write_table(rows(), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(BadRequestError, match=r"cut.parquet' cannot be read as Parquet"):
        other.from_geoparquet(tmp_path / "cut.parquet")


def test_damaged_files_raise_our_errors_alone(other: Catalog, tmp_path: Path) -> None:
    rng = random.Random(4)
    box = [10, 0, 12, 3]
    items = [item_of(f"i{n}", geometry=AREA, bbox=box, properties={"datetime": None, "x": n}) for n in range(40)]
    by_stac_geoparquet(items, tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 20)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        (tmp_path / "damaged.parquet").write_bytes(damaged)
        try:
            other.from_geoparquet(tmp_path / "damaged.parquet", on_conflict="replace")
        except BadRequestError:
            continue
    assert other.verify("quick").ok


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "there is no file or folder"),
        (lambda path: path.mkdir(), "there is no .parquet file in the folder"),
        (
            lambda path: parquet.write_table(pyarrow.table({"a": [1]}), path),
            "has no columns of STAC Items .*but a; add its rows",
        ),
        (
            lambda path: parquet.write_table(rows().replace_schema_metadata({"geo": "{"}), path),
            "the metadata 'geo' of .* is not JSON",
        ),
        (
            lambda path: parquet.write_table(
                rows().replace_schema_metadata(
                    {
                        "geo": json.dumps(
                            {"columns": {"geometry": {"crs": {"id": {"authority": "EPSG", "code": 32633}}}}}
                        )
                    }
                ),
                path,
            ),
            "not in longitude and latitude",
        ),
    ],
)
def test_what_is_no_source(other: Catalog, tmp_path: Path, make: Callable[[Path], Any], told: str) -> None:
    make(tmp_path / "x.parquet")
    with pytest.raises(BadRequestError, match=told):
        other.from_geoparquet(tmp_path / "x.parquet")
    with pytest.raises(BadRequestError, match="a GeoParquet source is a path, or a list of paths, not 7"):
        other.from_geoparquet(7)  # type: ignore[arg-type]  # what is tried


def test_geoparquet_needs_pyarrow(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for call in (catalog.to_geoparquet, catalog.from_geoparquet):
        with pytest.raises(MissingLibraryError, match="pyarrow is not installed, which is needed for GeoParquet"):
            call(tmp_path / "x.parquet")
