"""The catalog as a GeoPackage, seen by programs that know nothing of localcat."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pyogrio
import pytest

from localcat import Catalog
from localcat import properties as p
from tests.small_catalog import make_product, new_image

SYSTEM_PYTHON = "/usr/bin/python3"  # the one that a distribution's GDAL bindings are installed for


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "survey.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        product = make_product("x", name="X", catalog=catalog)
        for name, geometry in (("a", (1, 2, 3, 4)), ("b", (170, -5, -170, 5)), ("c", None)):
            new_image(product, name, acquired="2020-02-29T12:00:00.5Z", geometry=geometry).save()
    return path


def test_readers_find_two_layers(path: Path) -> None:
    assert pyogrio.list_layers(path).tolist() == [["footprints", "Unknown"], ["products", None]]


def test_the_footprints_are_typed_and_have_geometry(path: Path) -> None:
    info = pyogrio.read_info(path, layer="footprints")
    assert info["crs"] == "EPSG:4326"
    assert dict(zip(info["fields"], info["ogr_types"], strict=True)) == {
        "image_id": "OFTString",
        "product_id": "OFTString",
        "name": "OFTString",
        "acquired": "OFTDateTime",
        "cloud_fraction": "OFTReal",
        "fill_fraction": "OFTReal",
        "satellite_id": "OFTString",
        "storage_state": "OFTString",
        "size_bytes": "OFTInteger64",
        "href": "OFTString",
    }
    meta, _, geometry, fields = pyogrio.raw.read(path, layer="footprints")
    columns = dict(zip(meta["fields"], fields, strict=True))
    assert columns["image_id"].tolist() == ["acme:x:a", "acme:x:b", "acme:x:c"]
    assert str(columns["acquired"][0]) == "2020-02-29T12:00:00.500"
    assert [shape is None for shape in geometry] == [False, False, True]


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [((0, 0, 1.5, 2.5), ["acme:x:a"]), ((175, 0, 176, 1), ["acme:x:b"]), ((-176, 0, -175, 1), ["acme:x:b"])],
)
def test_readers_filter_by_our_index(path: Path, bbox: tuple[float, ...], expected: list[str]) -> None:
    info = pyogrio.read_info(path, layer="footprints")
    assert info["capabilities"]["fast_spatial_filter"]
    _, _, _, fields = pyogrio.raw.read(path, layer="footprints", bbox=bbox, columns=["image_id"])
    assert fields[0].tolist() == expected


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM footprints", "UPDATE footprints SET name = 'x'", "INSERT INTO footprints (name) VALUES ('x')"],
)
def test_the_layer_refuses_edits(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="the layer footprints is read-only"):
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("acquired", "shown"),
    [
        ("2001-01-01T23:59:59.999500Z", "2001-01-01T23:59:59.999Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
        ("2020-06-30T11:22:33.123600Z", "2020-06-30T11:22:33.123Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999Z"),
        ("1931-05-06T07:08:09.000001Z", "1931-05-06T07:08:09.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_cut_to_milliseconds_and_never_rounded(acquired: str, shown: str) -> None:
    with Catalog.temporary(org="") as catalog:
        product = make_product("x", name="X", catalog=catalog)
        new_image(product, "a", acquired=acquired, geometry=(0, 0, 1, 1)).save()
        assert catalog.sql("SELECT acquired FROM footprints") == [{"acquired": shown}]


def extent_of(path: Path) -> tuple[float | None, ...]:
    query = "SELECT min_x, min_y, max_x, max_y FROM gpkg_contents WHERE table_name = 'footprints'"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return tuple(connection.execute(query).fetchone())


def test_the_extent_is_that_of_the_footprints(tmp_path: Path) -> None:
    """It grows with every write, and shrinks when the catalog is tidied up."""
    path = tmp_path / "survey.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        assert extent_of(path) == (None,) * 4
        product = make_product("x", name="X", catalog=catalog)
        new_image(product, "unset", acquired="2020-01-01").save()
        assert extent_of(path) == (None,) * 4
        records = [
            {"product_id": "acme:x", "name": f"n{n}", "geometry": (10.1 + n, 47, 11.1 + n, 48)} for n in range(3)
        ]
        catalog.add_images(records)
        assert extent_of(path) == (10.1, 47, 13.1, 48)
        far = new_image(product, "far", acquired="2020-01-01", geometry=(170, -5, -170, 5))
        far.save()
        assert extent_of(path) == (-180, -5, 180, 48)
        far.delete()
        assert extent_of(path) == (-180, -5, 180, 48)
        catalog.optimize()
        assert extent_of(path) == (10.1, 47, 13.1, 48)
        catalog.images.filter(p.name == "n0").collect()[0].delete()
        catalog.reindex()
        catalog.optimize()
        assert extent_of(path) == (11.1, 47, 13.1, 48)
        for image in catalog.images.collect():
            image.delete()
        catalog.optimize()
        assert extent_of(path) == (None,) * 4


def test_a_read_layer_has_row_numbers_by_which_programs_count(path: Path) -> None:
    """QGIS counts the features of a view by max(rowid) - min(rowid)."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT min(rowid), max(rowid) FROM footprints").fetchone() == (1, 3)
        assert next(row[1] for row in connection.execute("PRAGMA table_info(footprints)")) == "rowid"
    _, fids, _, _ = pyogrio.raw.read(path, layer="footprints", return_fids=True)
    assert fids.tolist() == [1, 2, 3]
    assert pyogrio.read_info(path, layer="footprints")["features"] == 3
    assert pyogrio.read_bounds(path, layer="footprints")[0].tolist() == [1, 2, 3]
    assert pyogrio.read_info(path, layer="footprints", force_total_bounds=True)["total_bounds"] == (-180, -5, 180, 5)


def has_validator() -> bool:
    command = [SYSTEM_PYTHON, "-c", "import osgeo_utils.samples.validate_gpkg"]
    return (
        bool(shutil.which(SYSTEM_PYTHON)) and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not has_validator(), reason="the system's GDAL bindings are not installed")
def test_the_validator_of_gdal_accepts_the_file(path: Path) -> None:
    command = [SYSTEM_PYTHON, "-m", "osgeo_utils.samples.validate_gpkg", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr


def test_a_catalog_stays_valid_when_gdal_has_read_it(path: Path) -> None:
    pyogrio.raw.read(path, layer="footprints")
    assert sorted(item.name for item in path.parent.iterdir()) == ["survey.data", "survey.gpkg"]
    with Catalog.open(path) as catalog:
        assert catalog.images.count() == 3
