"""Tests as a user of the plugin writes them."""

import subprocess
import sys

import numpy
import pytest
from ndvi import mean_ndvi, usable

import localcat
from localcat import Image, Product
from localcat import properties as p
from localcat.testing import pattern


def test_an_empty_catalog_has_nothing_usable(localcat_catalog):
    assert usable(1.0) == []
    assert localcat.default_catalog() is localcat_catalog


def test_the_mean_of_an_image(localcat_catalog, make_image):
    pixels = numpy.stack([numpy.full((20, 30), 30, "uint16"), numpy.full((20, 30), 90, "uint16")])
    image = make_image("field", pixels, bands=["red", "nir"], cloud_fraction=0.1)
    assert mean_ndvi(image) == 0.5
    assert usable(0.2) == ["field"]


def test_a_file_is_taken_in(localcat_catalog, make_raster):
    path = make_raster("field.tif", pattern((2, 20, 30)), names=["red", "nir"])
    report = localcat_catalog.ingest(path, progress=False)
    assert report.added == 1
    assert Image.search().first().ndarray("red")[0, 1, 2] == 1 + 5 + 2


def test_each_raster_has_a_name_of_its_own(make_raster, tmp_path):
    assert [make_raster().name, make_raster().name] == ["raster-1.tif", "raster-2.tif"]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("clouds", [number / 20 for number in range(21)])
def test_fewer_clouds_fewer_images(localcat_earth, clouds):
    """Each changes its copy: no other test, in this process or another one, may see that."""
    assert Image.search().count() == 40
    names = usable(clouds)
    assert names[:2] == ["sinai-1", "sinai-2"]
    for image in Image.search().filter(p.cloud_fraction <= clouds):
        image.delete()
    assert usable(clouds) == []
    Product(id="mine", name="Mine").save()


def test_the_users_own_catalog_is_out_of_reach():
    with pytest.raises(localcat.CatalogError, match=r"ask for the fixture localcat_catalog or localcat_earth"):
        usable(1.0)
    with pytest.raises(localcat.CatalogError, match=r"'localcat_home = true' in pytest's settings allows it"):
        Product(id="x", name="X").save()
    program = [sys.executable, "-c", "import localcat; localcat.Image.search().count()"]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert "ask for the fixture localcat_catalog" in ended.stderr


def test_a_catalog_that_was_chosen_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "mine.gpkg"))
    with localcat.Catalog.default() as own, pytest.warns(localcat.DefaultCatalogWarning, match=r"mine\.gpkg"):
        Product(id="x", name="X", catalog=own).save()
    with localcat.Catalog.temporary() as catalog:
        localcat.set_default_catalog(catalog)
        try:
            assert usable(1.0) == []
        finally:
            localcat.set_default_catalog(None)
