"""Projects of QGIS: what they show, in which colours, by paths that can be moved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy
import pytest
import rasterio

from localcat import Catalog, ClassBand
from localcat.errors import BadRequestError, UnsafePathError
from tests import qgis_opens
from tests.small_catalog import META, PIXELS, alpha, make_product, new_image, spectral, upload

CLASSES = numpy.arange(64 * 48, dtype="uint8").reshape(1, 64, 48) % 3
COLORS = [(0, 0, 255, 255), (0, 0, 0, 0), (0, 128, 0, 255)]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Two images in colours that overlap, one of classes, one of two files, and one without."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as made:
        names = ["red", "green", "blue"]
        bands = (spectral(name, display_range=(0, 3000)) for name in names)
        colors = make_product("rgb", *bands, alpha(), catalog=made, default_display_bands=[*names, "alpha"])
        for number, west in enumerate((500_000, 501_200)):
            values = numpy.ma.concatenate([PIXELS + numpy.uint16(1000 * number)] * 3)
            meta = {**META, "geoTransform": [west, 60, 0, 4_000_000, 0, -60]}
            upload(colors, f"day-{number}", values, meta=meta, acquired=f"2020-01-0{number + 1}")
        labels = ["water", None, "wood"]
        band = partial(ClassBand, name="class", data_range=(0, 2), class_labels=labels, colormap=COLORS)
        upload(make_product("land", band, catalog=made, data_type="Byte"), "map", CLASSES)
        two = make_product("two", spectral("b10"), spectral("b20", file_index=1, band_index=0), catalog=made)
        upload(two, "both", [PIXELS, PIXELS + numpy.uint16(5)])
        new_image(two, "far", acquired="2019-01-01").save()
        yield made


def test_each_product_is_a_mosaic_with_the_newest_on_top(catalog: Catalog, tmp_path: Path) -> None:
    assert catalog.to_qgis(tmp_path / "survey.qgs", progress=False) == tmp_path / "survey.qgs"
    with rasterio.open(tmp_path / "survey.acme-rgb.vrt") as mosaic:
        assert (mosaic.count, mosaic.shape, mosaic.crs.to_epsg()) == (4, (64, 68), 32618)
        red, mask = mosaic.read(1), mosaic.dataset_mask()
    expected = PIXELS[0].filled(0)
    assert numpy.array_equal(red[3:, :20], expected[3:, :20])
    assert numpy.array_equal(red[3:, 20:], expected[3:] + 1000)
    assert (mask[:3] == 0).all()
    assert (mask[3:] == 255).all()
    with rasterio.open(tmp_path / "survey.acme-two.vrt") as mosaic:
        assert numpy.array_equal(mosaic.read(2)[3:], expected[3:] + 5)


def test_the_project_names_everything_relative_to_itself(catalog: Catalog, tmp_path: Path) -> None:
    catalog.to_qgis(tmp_path / "survey.qgs", progress=False)
    text = (tmp_path / "survey.qgs").read_text()
    assert str(tmp_path) not in text
    assert text.startswith("<!DOCTYPE qgis ")
    project = ElementTree.fromstring(text.partition("\n")[2])
    sources = [layer.findtext("datasource") for layer in project.iter("maplayer")]
    assert sources == [
        "./survey.gpkg|layername=footprints",
        "./survey.acme-land.vrt",
        "./survey.acme-rgb.vrt",
        "./survey.acme-two.vrt",
    ]
    for path in tmp_path.glob("*.vrt"):
        assert str(tmp_path) not in path.read_text()
    renderers = [(one.get("type"), one.get("redBand"), one.get("band")) for one in project.iter("rasterrenderer")]
    assert renderers == [("paletted", None, "1"), ("multibandcolor", "1", None), ("singlebandgray", None, None)]
    entries = [
        (one.get("value"), one.get("color"), one.get("alpha"), one.get("label")) for one in project.iter("paletteEntry")
    ]
    assert entries == [
        ("0", "#0000ff", "255", "water"),
        ("1", "#000000", "0", "1"),
        ("2", "#008000", "255", "wood"),
    ]
    assert [one.text for one in project.iter("maxValue")] == ["3000.0"] * 3 + ["10000.0"]


def test_a_bundle_has_one_that_opens_after_unpacking(catalog: Catalog, tmp_path: Path) -> None:
    report = catalog.bundle(tmp_path / "kit.zip", progress=False)
    assert report.size_bytes == pytest.approx(report.estimated_bytes, rel=0.05)
    with Catalog.unpack(tmp_path / "kit.zip", progress=False) as kit:
        folder = kit.path.parent
        with rasterio.open(folder / "kit.acme-rgb.vrt") as mosaic, rasterio.open(folder / "kit.acme-land.vrt") as land:
            assert mosaic.read(1).sum() > 0
            assert numpy.array_equal(land.read(), CLASSES)
        assert (folder / "kit.qgs").exists()
    names = "a project of QGIS names files"
    with Catalog.open(tmp_path / "kit.zip") as kit, pytest.raises(UnsafePathError, match=names):
        kit.to_qgis(tmp_path / "other.qgs")


@pytest.mark.skipif(not qgis_opens.is_installed(), reason="the system's Python has no PyQGIS")
def test_qgis_opens_it_with_all_layers(catalog: Catalog, tmp_path: Path) -> None:
    catalog.bundle(tmp_path / "kit.zip", progress=False)
    Catalog.unpack(tmp_path / "kit.zip", tmp_path / "elsewhere", progress=False).close()
    (tmp_path / "survey.gpkg").rename(tmp_path / "gone.gpkg")
    (tmp_path / "room").mkdir()
    found = qgis_opens.opened(tmp_path / "elsewhere" / "kit.qgs", tmp_path / "room")
    assert (found["is_read"], found["crs"]) == (True, "EPSG:4326")
    shown = [
        tuple(layer[name] for name in ("name", "is_valid", "crs", "count", "renderer")) for layer in found["layers"]
    ]
    assert shown == [  # QGIS counts the mask of a mosaic as a band
        ("footprints", True, "EPSG:4326", 5, "singleSymbol"),
        ("land", True, "EPSG:32618", 2, "paletted"),
        ("rgb", True, "EPSG:32618", 5, "multibandcolor"),
        ("two", True, "EPSG:32618", 3, "singlebandgray"),
    ]
    assert {"#0000ff", "#008000", "#ffffff"} < set(found["colors"])


@pytest.mark.parametrize(
    ("name", "message"),
    [("survey.qgz", "a project of QGIS is a file such as 'survey.qgs'"), ("no/survey.qgs", "is not a folder to write")],
)
def test_what_is_no_place_for_it_is_refused(catalog: Catalog, tmp_path: Path, name: str, message: str) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadRequestError, match=message):
        catalog.to_qgis(tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before
