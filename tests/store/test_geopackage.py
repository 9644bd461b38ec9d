"""The catalog as a GeoPackage, seen by programs that know nothing of localcat."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path

import pyogrio
import pytest

from localcat import Catalog
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
