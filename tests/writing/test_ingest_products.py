"""The products of an ingest: existing ones that are checked, and those that are made of recipes and files."""

from __future__ import annotations

import importlib
import itertools
import json
import math
import re
from pathlib import Path

import numpy
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from localcat import BadRequestError, Catalog, GenericBand, Image, Product, SpectralBand
from localcat.writing.ingest.content.headers import ranges
from localcat.writing.ingest.content.sidecars import ItemFacts
from localcat.writing.ingest.intake import ingest
from localcat.writing.ingest.settings import IngestOptions
from tests.scene_folders import LONLAT, OLI_L2, landsat_oli_l2, tiny
from tests.small_catalog import make_product, spectral

L2SP = "LC08_L2SP_008059_20191201_20200825_02_T1"
PLACELESS = {"driver": "GTiff", "width": 8, "height": 8, "count": 1, "dtype": "float32"}


def test_a_product_of_ones_own_gets_its_bands_by_their_names(catalog: Catalog, tmp_path: Path) -> None:
    """As a scientist declares them: another order, other names, and only the bands that are needed."""
    landsat_oli_l2(tmp_path)
    bands = [
        spectral("NIR08", file_index=0, band_index=0),
        spectral("green", file_index=1, band_index=0),
        spectral("B4", file_index=2, band_index=0),
    ]
    product = make_product("mine", *bands, data_type="UInt16")
    report = catalog.ingest(tmp_path, product=product, progress=False)
    (item,) = report.items
    assert (item.outcome, item.image_id) == ("added", f"acme:mine:{L2SP}")
    assert [path.name for path in item.files] == [f"{L2SP}_SR_B{number}.TIF" for number in (5, 3, 4)]
    assert (item.bands["B4"], Image.get(item.image_id).cloud_fraction) == ((f"{L2SP}_SR_B4.TIF", 0), 0.8102)
    assert catalog.ingest(tmp_path, product=product, progress=False).skipped == 1


def test_a_product_that_knows_no_layers_takes_each_file_as_an_image(catalog: Catalog, tmp_path: Path) -> None:
    for layer in OLI_L2[:3]:
        tiny(tmp_path / f"{L2SP}_{layer}.TIF")
    product = make_product("plain", spectral("value"))
    report = catalog.ingest(tmp_path, product=product, progress=False)
    assert [(item.name, item.outcome) for item in report.items] == [(f"{L2SP}_SR_B{n}", "added") for n in (1, 2, 3)]
    assert {image.acquired.isoformat()[:10] for image in catalog.images} == {"2019-12-01"}
    assert catalog.ingest(tmp_path, product=product, progress=False).skipped == 3


def test_an_incomplete_scene_says_which_file_is_missing(catalog: Catalog, tmp_path: Path) -> None:
    for day in (1, 2, 3):
        for layer in OLI_L2:
            if (day, layer) != (2, "SR_B5"):
                tiny(tmp_path / f"LC08_L2SR_084024_2016010{day}_20201016_02_T1_{layer}.TIF")
    report = catalog.ingest(tmp_path, progress=False)
    assert [item.outcome for item in report.items] == ["added", "failed", "added"]
    assert str(report.failed[0].error) == (
        "the scene is incomplete: it has no file for 'nir' of product 'acme:landsat-8-9-c2-l2sr'; add the files, or "
        "ingest it into a product of its own"
    )
    assert report.products[0].notes[0] == "1 of 3 scenes have other bands or data types"
    tiny(tmp_path / "LC08_L2SR_084024_20160102_20201016_02_T1_SR_B5.TIF")
    report = catalog.ingest(tmp_path, progress=False)
    assert [item.outcome for item in report.items] == ["skipped", "added", "skipped"]


def test_a_file_that_does_not_fit_the_product_fails_alone(catalog: Catalog, tmp_path: Path) -> None:
    product = make_product("two", spectral("a"), spectral("b"))
    tiny(tmp_path / "good.tif", count=2)
    tiny(tmp_path / "one.tif")
    tiny(tmp_path / "real.tif", "float32", 2)
    report = catalog.ingest(tmp_path, product=product, dry_run=True, progress=False)
    assert [item.outcome for item in report.items] == ["added", "failed", "failed"]
    assert "has 1 bands and band 'b' is declared as number 1" in str(report.failed[0].error)
    assert "band 'a' stores uint16 but" in str(report.failed[1].error)


def test_bands_in_other_positions_are_refused(catalog: Catalog, tmp_path: Path) -> None:
    for layer in ("SR_B3", "SR_B4"):
        tiny(tmp_path / f"{L2SP}_{layer}.TIF")
    bands = [spectral("green", file_index=0, band_index=0), spectral("red", file_index=0, band_index=1)]
    product = make_product("stacked", *bands)
    (item,) = catalog.ingest(tmp_path, product=product, progress=False).failed
    assert "band 'red' of product 'acme:stacked' is number 1 of file 0, and in the scene it is number 0" in str(
        item.error
    )


def test_one_damaged_or_odd_file_does_not_decide_for_the_others(catalog: Catalog, tmp_path: Path) -> None:
    for number in range(4):
        tiny(tmp_path / "in" / f"heat_{number}.tif", "float32")
    damaged = tmp_path / "in" / "heat_0.tif"
    damaged.write_bytes(damaged.read_bytes()[:-3000])
    for day, dtype in ((1, "float32"), (2, "uint16"), (3, "uint16")):
        tiny(tmp_path / "in" / f"LC08_L2SR_084024_2016010{day}_20201016_02_T1_SR_B4.TIF", dtype)
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert [item.name for item in report.failed] == ["LC08_L2SR_084024_20160101_20201016_02_T1", "heat_0"]
    assert report.added == 5


def test_a_file_that_no_band_needs_may_be_damaged(catalog: Catalog, tmp_path: Path) -> None:
    for layer in ("B02_10m", "B03_10m", "B02_20m", "TCI_10m"):
        tiny(tmp_path / f"T33XWJ_20220413T150759_{layer}.tif")
    for layer in ("B02_20m", "TCI_10m"):
        (tmp_path / f"T33XWJ_20220413T150759_{layer}.tif").write_bytes(b"II*\0 damaged")
    report = catalog.ingest(tmp_path, progress=False)
    assert [(item.outcome, list(item.bands)) for item in report.items] == [("added", ["blue", "green"])]
    (tmp_path / "T33XWJ_20220413T150759_B03_10m.tif").write_bytes(b"II*\0 damaged too")
    (item,) = catalog.ingest(tmp_path, progress=False).failed
    assert "T33XWJ_20220413T150759_B03_10m.tif" in str(item.error)
    assert catalog.images.count() == 1  # the image of before, whose file is not what it was


def test_a_file_that_became_another_kind_is_an_image_of_another_product(catalog: Catalog, tmp_path: Path) -> None:
    path = tiny(tmp_path / "in" / "a.tif")
    catalog.ingest(tmp_path / "in", progress=False)
    tiny(path, "float32")
    (item,) = catalog.ingest(tmp_path / "in", progress=False).items
    assert (item.outcome, item.image_id) == ("added", "acme:in-1-float32:a")
    assert item.notes[-1] == "image 'acme:in:a' was made of what the files held before; delete it"


def test_several_crs_are_one_product(catalog: Catalog, tmp_path: Path) -> None:
    for zone in (32, 33):
        tiny(tmp_path / "in" / f"a_{zone}.tif", crs=f"EPSG:326{zone}")
    tiny(tmp_path / "in" / "b.tif", crs=LONLAT)
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert [product.id for product in report.products] == ["acme:in"]
    assert sorted(image.cs_code for image in catalog.images) == ["EPSG:32632", "EPSG:32633", "EPSG:4326"]


def test_the_bands_of_any_file_are_what_it_says(catalog: Catalog, tmp_path: Path) -> None:
    colors = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    tiny(tmp_path / "in" / "photo.tif", "uint8", 4, value=255, colors=colors)
    tiny(tmp_path / "in" / "heat.tif", "int16", nodata=-9999, scale=0.1)
    tiny(tmp_path / "in" / "ndvi.tif", "float32", nodata=math.nan)
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert [item.outcome for item in report.items] == ["added"] * 3
    products = {item.name: Product.get(item.product_id) for item in report.items}
    photo, heat, ndvi = (products[name] for name in ("photo", "heat", "ndvi"))
    assert [(band.name, band.type) for band in photo.bands()][-1] == ("alpha", "mask")
    assert photo.default_display_bands == ["red", "green", "blue", "alpha"]
    (band,) = heat.bands()
    assert (band.data_type, band.nodata, band.data_range) == ("Int16", -9999, (-32768, 32767))
    assert band.physical_range == pytest.approx((-3276.8, 3276.7))
    (band,) = ndvi.bands()
    assert math.isnan(band.nodata)
    assert (band.data_type, band.data_range) == ("Float32", (5, 5))


def test_a_folder_that_is_ingested_again_keeps_its_products(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "in" / "a.tif")
    first = catalog.ingest(tmp_path / "in", progress=False)
    tiny(tmp_path / "in" / "b.tif", "float32")
    tiny(tmp_path / "in" / "c.tif")
    second = catalog.ingest(tmp_path / "in", progress=False)
    assert [(product.id, product.outcome) for product in first.products] == [("acme:in", "created")]
    assert [(product.id, product.outcome) for product in second.products] == [
        ("acme:in-1-float32", "created"),
        ("acme:in", "found"),
    ]
    assert catalog.images.sort("id").ids() == ["acme:in-1-float32:b", "acme:in:a", "acme:in:c"]


def test_a_product_keeps_the_bands_that_its_owner_changed(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "in" / "a_20200101.tif")
    catalog.ingest(tmp_path / "in", progress=False)
    band = Product.get("acme:in").get_band("b1")
    band.display_range = (3, 4)
    band.save()
    tiny(tmp_path / "in" / "b_20200102.tif")
    catalog.ingest(tmp_path / "in", progress=False)
    assert Product.get("acme:in").get_band("b1").display_range == (3, 4)


def test_a_recipe_of_ones_own(catalog: Catalog, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        """
title = "Mine"
[[product]]
file = '(?P<day>day\\d+)/(?P<layer>near|far)_(?P<date>\\d{8})\\.tif'
id = "mine-{folder}"
image = "{day}"
period = "1 month"
[attributes]
acquired = "{date}"
view_angle = { value = "{tag:angle}", valid = [0, 90] }
[[band]]
name = "near"
layer = "near"
index = 1
data_range = [0, 10]
[[band]]
name = "far"
layer = "far"
data_range = [0, 10]
"""
    )
    for day in (1, 2):
        tiny(tmp_path / "in" / f"day{day}" / f"near_2020010{day}.tif", count=2, tags={"angle": "30"})
        tiny(tmp_path / "in" / f"day{day}" / f"far_2020010{day}.tif")
    tiny(tmp_path / "in" / "other.tif")
    report = catalog.ingest(tmp_path / "in", recipe=recipe, progress=False)
    assert [(item.image_id, item.outcome) for item in report.items] == [
        ("acme:mine-in:day1", "added"),
        ("acme:mine-in:day2", "added"),
    ]
    assert report.items[0].acquired_end.isoformat() == "2020-01-31T23:59:59.999999+00:00"
    assert Image.get("acme:mine-in:day1").view_angle == 30
    assert [(one.path.name, one.detail) for one in report.passed_over] == [
        ("other.tif", "the name fits no pattern of recipe 'mine'")
    ]
    assert Image.get("acme:mine-in:day2").ndarray("near far").shape[0] == 2


def test_items_beside_the_files_are_asked_for(catalog: Catalog, tmp_path: Path) -> None:
    """Whoever knows STAC reads them; here that is a stand-in which knows one file."""
    folder = tmp_path / "in"
    tiny(folder / "a_20200101.tif")
    tiny(folder / "b_20200102.tif")
    (folder / "item.json").write_text("{}")
    (folder / "other.json").write_text("{}")
    asked = []

    def read_item(path: Path) -> ItemFacts | None:
        asked.append(path.name)
        if path.name == "other.json":
            return None
        attributes = {"acquired": "2020-06-01T10:00:00Z", "cloud_fraction": 0.5, "view_angle": "steep"}
        return ItemFacts(frozenset({"a_20200101.tif"}), attributes, {"eo:snow": "little"})

    report = ingest(catalog, folder, IngestOptions(progress=False), read_item=read_item)
    assert asked == ["item.json", "other.json"]
    first, second = report.items
    assert (first.acquired.isoformat(), first.acquired_from) == ("2020-06-01T10:00:00+00:00", "item item.json")
    assert second.acquired_from == "name b_20200102"
    image = Image.get(first.image_id)
    assert (image.cloud_fraction, image.extra_properties["eo:snow"]) == (0.5, "little")
    assert any(note.startswith("view_angle was left out") for note in first.notes)


def test_values_that_an_image_cannot_have_are_left_out_and_said(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "HLS.S30.T32TPT.2020196T101559.v2.0.B04.tif", tags={"cloud_coverage": "170"})
    report = catalog.ingest(tmp_path, progress=False)
    assert Image.get(report.items[0].image_id).cloud_fraction is None
    assert report.products[0].notes == ("nodata -9999 is not a value of band 'red', and was left out",)


def test_a_report_is_json(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "in" / "a_2020.tif")
    (tmp_path / "in" / "b.tif").write_text("no raster")
    (tmp_path / "in" / "c.zip").write_bytes(b"PK")
    said = json.loads(json.dumps(catalog.ingest(tmp_path / "in", progress=False).to_dict()))
    assert {key: said[key] for key in ("added", "replaced", "skipped", "failed", "vanished", "dry_run")} == {
        "added": 1,
        "replaced": 0,
        "skipped": 0,
        "failed": 1,
        "vanished": 0,
        "dry_run": False,
    }
    scene = said["scenes"][0]
    assert scene["bands"] == {"b1": {"file": "a_2020.tif", "index": 0}}
    assert (scene["acquired"], scene["acquired_end"]) == (
        "2020-01-01T00:00:00+00:00",
        "2020-12-31T23:59:59.999999+00:00",
    )
    assert "neither a GeoTIFF nor a JPEG 2000" in said["scenes"][1]["error"]
    assert said["passed_over"][0]["detail"].endswith("; unpack it to take in what it holds")
    assert said["products"][0]["bands"] == {"b1": "generic UInt16"}


@pytest.mark.parametrize("how", [{}, {"copy": True}])
def test_an_ingest_inside_a_transaction_is_part_of_it(catalog: Catalog, tmp_path: Path, how: dict[str, bool]) -> None:
    for number in range(5):
        tiny(tmp_path / "in" / f"a_{number}.tif")
    with pytest.raises(KeyError, match="undone"), catalog.transaction():
        assert catalog.ingest(tmp_path / "in", workers=2, progress=False, **how).added == 5
        raise KeyError("undone")
    assert (catalog.images.count(), catalog.products.count()) == (0, 0)
    assert list(catalog.data_folder.hrefs()) == []
    with catalog.transaction():
        catalog.ingest(tmp_path / "in", workers=2, progress=False, **how)
    assert (catalog.images.count(), catalog.verify("full").ok) == (5, True)


def test_a_batch_of_images_reads_as_it_was_written(catalog: Catalog, tmp_path: Path) -> None:
    for number in range(30):
        tiny(tmp_path / "in" / f"a_{number:02}.tif", value=number)
    catalog.ingest(tmp_path / "in", copy=True, workers=4, progress=False)
    values = [int(image.ndarray("b1")[0, 0, 0]) for image in catalog.images.sort("name")]
    assert values == list(range(30))
    assert catalog.verify("full").ok
    assert numpy.all([image.image_uploads().count() == 1 for image in catalog.images])


def test_products_that_a_file_cannot_make_are_refused(catalog: Catalog, tmp_path: Path) -> None:
    product = Product(id="odd", name="Odd")
    product.save()
    SpectralBand(name="a", product=product, data_type="UInt16", data_range=(0, 1), band_index=0, file_index=0).save()
    GenericBand(name="b", product=product, data_type="UInt16", data_range=(0, 1), band_index=0, file_index=1).save()
    tiny(tmp_path / "x.tif")
    (item,) = catalog.ingest(tmp_path, product=product, progress=False).failed
    assert isinstance(item.error, BadRequestError)
    assert "an image of product 'acme:odd' has 2 files, and nothing says which files are a scene" in str(item.error)


def landsat_scene_with_an_index(folder: Path, layer: str = "A_NDVI") -> None:
    """Write a scene with a file that the recipe does not know, first of all by its name."""
    for name in (*OLI_L2, layer):
        tiny(folder / f"{L2SP}_{name}.TIF", value=9 if name == layer else 5)


def test_a_band_that_the_recipe_does_not_know_is_the_layer_of_its_name(catalog: Catalog, tmp_path: Path) -> None:
    landsat_scene_with_an_index(tmp_path)
    make_product("landsat-8-9-c2-l2sp", spectral("a_ndvi"), data_type="UInt16")
    (item,) = catalog.ingest(tmp_path, progress=False).items
    assert (item.outcome, dict(item.bands)) == ("added", {"a_ndvi": (f"{L2SP}_A_NDVI.TIF", 0)})
    assert Image.get(item.image_id).ndarray("a_ndvi").data.max() == 9


def test_a_scene_without_a_layer_for_the_only_band_fails_alone(catalog: Catalog, tmp_path: Path) -> None:
    landsat_scene_with_an_index(tmp_path)
    tiny(tmp_path / "plain_20200101.tif")
    make_product("landsat-8-9-c2-l2sp", spectral("water"), data_type="UInt16")
    report = catalog.ingest(tmp_path, progress=False)
    assert (report.added, len(report.failed)) == (1, 1)
    assert str(report.failed[0].error) == (
        "the scene is incomplete: it has no file for 'water' of product 'acme:landsat-8-9-c2-l2sp'; add the files, or "
        "ingest it into a product of its own"
    )


def test_two_kinds_of_scenes_of_one_product_are_bound_as_each_of_them_says(catalog: Catalog, tmp_path: Path) -> None:
    recipe = tmp_path / "two.toml"
    recipe.write_text(
        "title = 'x'\n"
        "[[product]]\nfile = '(?P<scene>A\\d+)_(?P<layer>\\w+)\\.tif'\nid = 'both'\nimage = '{scene}'\n"
        "bands = ['one']\n"
        "[[product]]\nfile = '(?P<scene>B\\d+)_(?P<layer>\\w+)\\.tif'\nid = 'both'\nimage = '{scene}'\n"
        "bands = ['other']\n"
        "[[band]]\nname = 'one'\ntype = 'generic'\nlayer = 'x'\n"
        "[[band]]\nname = 'other'\ntype = 'generic'\nlayer = 'y'\naliases = ['one']\n"
    )
    for name, value in (("A1_x", 1), ("A1_y", 2), ("B1_x", 3), ("B1_y", 4)):
        tiny(tmp_path / "in" / f"{name}.tif", value=value)
    report = catalog.ingest(tmp_path / "in", recipe=recipe, progress=False)
    assert [(item.name, item.outcome) for item in report.items] == [("A1", "added"), ("B1", "added")]
    assert {image.name: int(image.ndarray("one").max()) for image in catalog.images} == {"A1": 1, "B1": 4}


SCENE = r"scene 'a_20200101' of '.*a_20200101\.tif'"


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("planning.facts_of", SCENE),
        ("planning.read_header", SCENE),
        ("taking.file_steps", SCENE),
        ("taking.note_sources", "image 'acme:test.*:a_20200101'"),
    ],
)
def test_what_nobody_foresaw_of_a_scene_ends_no_other_one(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, what: str
) -> None:
    module, name = place.split(".")
    target = f"localcat.writing.ingest.{module}.{name}"
    right = importlib.import_module(f"localcat.writing.ingest.{module}").__dict__[name]
    calls = itertools.count()

    def odd(*arguments: object, **options: object) -> object:
        if next(calls) == 0:
            raise KeyError("odd")
        return right(*arguments, **options)

    monkeypatch.setattr(target, odd)
    for day in (1, 2, 3):
        tiny(tmp_path / f"a_2020010{day}.tif", value=day)
    report = catalog.ingest(tmp_path, workers=1, progress=False)
    assert [item.outcome for item in report.items] == ["failed", "added", "added"]
    told = rf"{what} cannot be taken in \(KeyError: 'odd'\); leave it out, or write its files again"
    assert re.fullmatch(told, str(report.failed[0].error))
    assert [image.name for image in catalog.images] == ["a_20200102", "a_20200103"]


def test_a_product_is_made_of_the_next_scene_if_one_is_odd(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = itertools.count()

    def odd(*arguments: object) -> object:
        if next(calls) == 0:
            raise ArithmeticError("odd")
        return ranges(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("localcat.writing.ingest.products.ranges", odd)
    for day in (1, 2):
        tiny(tmp_path / f"a_2020010{day}.tif", value=day)
    report = catalog.ingest(tmp_path, progress=False)
    assert (report.added, report.products[0].notes[0][-14:]) == (2, "a_20200102.tif")


def test_a_dry_run_leaves_out_a_product_that_would_not_be_made(catalog: Catalog, tmp_path: Path) -> None:
    """Its only scene says no CRS, which is noticed only once its product is known."""
    tiny(tmp_path / "in" / "a_20200101.tif")
    with (
        pytest.warns(NotGeoreferencedWarning, match="no geotransform"),
        rasterio.open(tmp_path / "in" / "b_20200101.tif", "w", **PLACELESS) as file,
    ):
        file.write(numpy.full((1, 8, 8), 5, "float32"))
    plan = catalog.ingest(tmp_path / "in", dry_run=True, progress=False)
    done = catalog.ingest(tmp_path / "in", progress=False)
    assert [item.outcome for item in done.items] == ["added", "failed"]
    assert [product.id for product in plan.products] == ["acme:in"]
    assert [product.to_dict() for product in plan.products] == [product.to_dict() for product in done.products]


def damaged(path: Path, dtype: str) -> Path:
    """Write a file whose header can be read and whose pixels cannot."""
    tiny(path, dtype)
    path.write_bytes(path.read_bytes()[:-1000])
    return path


def test_a_damaged_file_ends_the_ingest_of_no_file_that_is_unlike_it(catalog: Catalog, tmp_path: Path) -> None:
    """A product of its own would be made of it; the others are told nothing of its fault."""
    wrong = damaged(tmp_path / "in" / "a_20200101.tif", "float32")
    also_wrong = damaged(tmp_path / "in" / "b_20200101.tif", "float32")
    tiny(tmp_path / "in" / "c_20200101.tif")
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert [(item.name, item.outcome) for item in report.items] == [
        ("a_20200101", "failed"),
        ("b_20200101", "failed"),
        ("c_20200101", "added"),
    ]
    for item, path in zip(report.failed, (wrong, also_wrong), strict=True):
        assert str(item.error).startswith(f"{path} cannot be read as a raster")


def test_a_product_is_made_of_the_scenes_that_can_be_read(catalog: Catalog, tmp_path: Path) -> None:
    """Most scenes have two bands and are damaged; the product has what is left."""
    recipe = tmp_path / "own.toml"
    recipe.write_text(
        "title = 'x'\n[[product]]\nfile = '(?P<scene>\\w_(?P<date>\\d+))_(?P<layer>\\w+)\\.tif'\nid = 'own'\n"
        "image = '{scene}'\nother_layers = true\n"
    )
    for name in "ab":
        damaged(tmp_path / "in" / f"{name}_20200101_x.tif", "uint8")
        damaged(tmp_path / "in" / f"{name}_20200101_y.tif", "uint8")
    tiny(tmp_path / "in" / "c_20200101_x.tif")
    report = catalog.ingest(tmp_path / "in", recipe=recipe, progress=False)
    assert [item.outcome for item in report.items] == ["failed", "failed", "added"]
    assert [item.files[0].name in str(item.error) for item in report.failed] == [True, True]
    assert report.products[0].to_dict()["bands"] == {"x": "generic UInt16"}


def test_notes_of_a_file_that_cannot_be_read_are_not_those_of_the_product(catalog: Catalog, tmp_path: Path) -> None:
    for name in ("a", "b"):
        tiny(tmp_path / "in" / f"{name}_20200101_x.tif")
        tiny(tmp_path / "in" / f"{name}_20200101_y.tif")
    damaged = tmp_path / "in" / "a_20200101_y.tif"
    damaged.write_bytes(damaged.read_bytes()[:-1000])  # of its pixels
    recipe = tmp_path / "own.toml"
    recipe.write_text(
        "title = 'x'\n[[product]]\nfile = '(?P<scene>\\w_(?P<date>\\d+))_(?P<layer>\\w+)\\.tif'\nid = 'own'\n"
        "image = '{scene}'\nother_layers = true\n"
    )
    report = catalog.ingest(tmp_path / "in", recipe=recipe, progress=False)
    assert [item.outcome for item in report.items] == ["failed", "added"]
    assert report.products[0].notes == (
        "data_range and display_range of band 'x' are from b_20200101_x.tif",
        "data_range and display_range of band 'y' are from b_20200101_y.tif",
    )
