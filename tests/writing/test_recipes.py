"""The built-in recipes, each on a folder of true names: scenes, products, bands, times, clouds, the sun."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy
import pytest
from rasterio.enums import ColorInterp

from localcat import Catalog, Image, Product
from localcat.writing.ingest.outcome import IngestReport
from localcat.writing.ingest.sources.library import recipes
from tests.scene_folders import (
    LONLAT,
    MANIFEST,
    OLI_L2,
    landsat_l1,
    landsat_oli_l2,
    landsat_tm_l2,
    sentinel2_l1c,
    sentinel2_l2a,
    tiny,
)

L2SP = "LC08_L2SP_008059_20191201_20200825_02_T1"
COLORS = ["red", "green", "blue"]


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def ingested(catalog: Catalog, folder: Path) -> tuple[IngestReport, Image]:
    """Take a folder in; return the report and the first image, of which nothing failed."""
    report = catalog.ingest(folder, progress=False)
    assert [(item.name, str(item.error)) for item in report.failed] == []
    return report, Image.get(report.items[0].image_id, catalog=catalog)


def band_names(catalog: Catalog, product_id: str) -> list[str]:
    return [band.name for band in Product.get(product_id, catalog=catalog).bands()]


def test_every_recipe_has_a_title_a_test_and_a_line_in_the_documents() -> None:
    names = {recipe.name for recipe in recipes()}
    text = Path(__file__).read_text(encoding="utf-8")
    page = (Path(__file__).parents[2] / "docs" / "ingesting.md").read_text(encoding="utf-8")
    assert [name for name in names if f'"{name}"' not in text or f"`{name}`" not in page] == []
    assert all(recipe.title and recipe.description for recipe in recipes())
    assert recipes()[-1].name == "generic"


@pytest.mark.parametrize("form", ["txt", "json", "xml"])
def test_landsat_8_level_2(catalog: Catalog, tmp_path: Path, form: str) -> None:
    landsat_oli_l2(tmp_path, form=form)
    report, image = ingested(catalog, tmp_path)
    (item,) = report.items
    assert (item.recipe, item.image_id) == ("landsat-c2-l2-oli", f"acme:landsat-8-9-c2-l2sp:{L2SP}")
    assert image.acquired == at(2019, 12, 1, 15, 13, 51, 861099)
    assert item.acquired_from == f"sidecar {L2SP}_MTL.{form}"
    assert (image.cloud_fraction, image.roll_angle) == (0.8102, -0.001)
    assert (image.solar_azimuth_angle, image.solar_elevation_angle) == (136.31696044, 57.08727307)
    assert (image.satellite_id, image.provider_id) == ("LANDSAT_8", L2SP)
    assert image.published == at(2020, 8, 25, 0, 59, 51)
    assert image.processing_pipeline_id == "LPGS_15.3.1c"
    assert image.extra_properties == {
        "acquired_from": f"sidecar {L2SP}_MTL.{form}",
        "collection_category": "T1",
        "ingest_recipe": "landsat-c2-l2-oli",
        "wrs_path": "008",
        "wrs_row": "059",
    }
    bands = band_names(catalog, "acme:landsat-8-9-c2-l2sp")
    assert bands[:10] == [
        "coastal",
        "blue",
        "green",
        "red",
        "nir",
        "swir1",
        "swir2",
        "thermal",
        "qa_pixel",
        "qa_radsat",
    ]
    assert len(bands) == 19
    assert item.bands["green"] == (f"{L2SP}_SR_B3.TIF", 0)
    red = Product.get("acme:landsat-8-9-c2-l2sp").get_band("red")
    assert (red.type, red.data_type, red.nodata, red.data_range) == ("spectral", "UInt16", 0, (1, 65535))
    assert (red.wavelength_nm_min, red.wavelength_nm_max, red.resolution.value) == (636, 673, 30)
    assert red.physical_range == pytest.approx((-0.1999725, 1.6022125))
    thermal = Product.get("acme:landsat-8-9-c2-l2sp").get_band("thermal")
    assert (thermal.physical_range_unit, thermal.vendor_band_name) == ("K", "ST_B10")
    assert Product.get("acme:landsat-8-9-c2-l2sp").default_display_bands == COLORS
    assert image.ndarray("red nir qa_pixel").shape == (3, 64, 48)
    assert [one.path.name for one in report.passed_over] == [f"{L2SP}_ANG.txt"]


def test_landsat_level_2_without_metadata_is_dated_by_its_name(catalog: Catalog, tmp_path: Path) -> None:
    for layer in OLI_L2:
        tiny(tmp_path / f"LC09_L2SR_084024_20220111_20220116_02_T2_{layer}.TIF")
    report, image = ingested(catalog, tmp_path)
    assert report.items[0].product_id == "acme:landsat-8-9-c2-l2sr"
    assert (image.acquired, image.cloud_fraction, image.satellite_id) == (at(2022, 1, 11), None, "LANDSAT_9")
    assert image.extra_properties["acquired_from"] == "pattern of recipe landsat-c2-l2-oli"
    assert image.extra_properties["acquired_precision"] == "day"


@pytest.mark.parametrize(
    "scene", ["LT05_L2SP_010067_19860424_20200918_02_T2", "LE07_L2SP_021030_20100109_20200911_02_T1"]
)
def test_landsat_5_and_7_level_2(catalog: Catalog, tmp_path: Path, scene: str) -> None:
    landsat_tm_l2(tmp_path, scene)
    report, image = ingested(catalog, tmp_path)
    product_id = f"acme:landsat-{int(scene[2:4])}-c2-l2sp"
    assert (report.items[0].recipe, image.product_id) == ("landsat-c2-l2-tm", product_id)
    assert band_names(catalog, product_id)[:7] == ["blue", "green", "red", "nir", "swir1", "swir2", "thermal"]
    assert report.items[0].bands["nir"] == (f"{scene}_SR_B4.TIF", 0)
    assert image.cloud_fraction is None  # CLOUD_COVER is -1: not known


@pytest.mark.parametrize(
    ("scene", "layers", "dtype", "recipe", "bands"),
    [
        (
            "LC08_L1TP_193027_20200714_20200912_02_T1",
            [*(f"B{number}" for number in range(1, 12)), "QA_PIXEL", "QA_RADSAT", "SAA", "SZA", "VAA", "VZA"],
            "uint16",
            "landsat-c2-l1-oli",
            ["coastal", "blue", "green", "red", "nir", "swir1", "swir2", "pan", "cirrus", "thermal1", "thermal2"],
        ),
        (
            "LE07_L1TP_021030_20100109_20200911_02_T1",
            ["B1", "B2", "B3", "B4", "B5", "B6_VCID_1", "B6_VCID_2", "B7", "B8", "QA_PIXEL"],
            "uint8",
            "landsat-c2-l1-tm",
            ["blue", "green", "red", "nir", "swir1", "swir2", "pan", "thermal_low", "thermal_high", "qa_pixel"],
        ),
        (
            "LT05_L1GS_010067_19860424_20200918_02_T2",
            ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "QA_PIXEL"],
            "uint8",
            "landsat-c2-l1-tm",
            ["blue", "green", "red", "nir", "swir1", "swir2", "thermal", "qa_pixel"],
        ),
    ],
)
def test_landsat_level_1(
    catalog: Catalog, tmp_path: Path, scene: str, layers: list[str], dtype: str, recipe: str, bands: list[str]
) -> None:
    landsat_l1(tmp_path, scene, layers, dtype)
    report, image = ingested(catalog, tmp_path)
    assert report.items[0].recipe == recipe
    assert band_names(catalog, image.product_id)[: len(bands)] == bands
    assert (image.acquired.time().isoformat(), image.cloud_fraction) == ("10:07:31.500000", 0.035)
    if "pan" in bands:  # mixed resolutions
        assert image.ndarray("pan").shape == image.ndarray("red").shape
        assert Product.get(image.product_id).get_band("pan").resolution.value == 15


AFTER = "S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126"
BEFORE = "S2A_MSIL2A_20190212T192651_N0212_R013_T07HFE_20201007T160857"
BANDS_L2A = """coastal blue green red rededge1 rededge2 rededge3 nir nir_narrow water_vapour swir1 swir2 aot wvp scl"""


def test_sentinel_2_level_2a(catalog: Catalog, tmp_path: Path) -> None:
    sentinel2_l2a(tmp_path / "archive", AFTER)
    report, image = ingested(catalog, tmp_path)
    (item,) = report.items
    assert (item.recipe, item.image_id) == ("sentinel-2-l2a", f"acme:sentinel-2-l2a:{AFTER}")
    assert (image.acquired, item.acquired_from) == (at(2022, 4, 13, 15, 7, 59, 24000), "sidecar MTD_MSIL2A.xml")
    assert (image.cloud_fraction, image.solar_elevation_angle, image.solar_azimuth_angle) == (0.98944211, 19.5, 195.25)
    assert (image.satellite_id, image.provider_id) == ("Sentinel-2B", AFTER)
    assert image.extra_properties["processing_baseline"] == "04.00"
    assert image.extra_properties["mgrs_tile"] == "33XWJ"
    assert band_names(catalog, "acme:sentinel-2-l2a") == BANDS_L2A.split()
    assert item.bands["blue"] == ("T33XWJ_20220413T150759_B02_10m.jp2", 0)
    assert item.bands["coastal"] == ("T33XWJ_20220413T150759_B01_60m.jp2", 0)
    assert item.bands["swir1"] == ("T33XWJ_20220413T150759_B11_20m.jp2", 0)
    product = Product.get("acme:sentinel-2-l2a")
    assert [product.get_band(name).resolution.value for name in ("red", "swir1", "coastal", "scl")] == [10, 20, 60, 20]
    assert product.get_band("red").physical_range == (-0.1, 0.9)  # baseline 04.00: an offset of 1000
    scl = product.get_band("scl")
    assert (scl.type, scl.class_labels[4], scl.colormap[4]) == ("class", "Vegetation", (0, 160, 0, 255))
    assert image.ndarray("red", scaling="physical")[0, 0, 0] == pytest.approx(0.05)
    assert numpy.unique(image.ndarray("scl")).tolist() == [4]
    unused = [one.path.name for one in report.passed_over if one.reason == "unused"]
    assert "T33XWJ_20220413T150759_B02_20m.jp2" in unused
    assert "T33XWJ_20220413T150759_TCI_10m.jp2" in unused


def test_sentinel_2_before_the_offset_is_a_product_of_its_own(catalog: Catalog, tmp_path: Path) -> None:
    """JPEG 2000 files do not state their offset, which came with baseline 04.00."""
    sentinel2_l2a(tmp_path, BEFORE, "02.12", ".tif")
    _, image = ingested(catalog, tmp_path)
    assert image.product_id == "acme:sentinel-2-l2a-before-0400"
    assert image.ndarray("red", scaling="physical")[0, 0, 0] == pytest.approx(0.15)


def test_sentinel_2_cogs_and_loose_files(catalog: Catalog, tmp_path: Path) -> None:
    for layer in ("B02", "B03", "B04", "B08", "SCL"):
        tiny(tmp_path / "S2B_33XWJ_20220413_0_L2A" / f"{layer}.tif", "uint8" if layer == "SCL" else "uint16")
        tiny(tmp_path / f"S2A_33XWJ_20220410_0_L2A_{layer}.tif", "uint8" if layer == "SCL" else "uint16")
    for layer in ("B02_10m", "B03_10m", "B04_10m", "SCL_20m"):
        tiny(tmp_path / f"T33XWJ_20220413T150759_{layer}.jp2", "uint8" if layer == "SCL_20m" else "uint16")
    report, _ = ingested(catalog, tmp_path)
    assert [(item.image_id, item.acquired) for item in report.items] == [
        ("acme:sentinel-2-l2a-cogs:S2A_33XWJ_20220410_0_L2A", at(2022, 4, 10)),
        ("acme:sentinel-2-l2a-cogs:S2B_33XWJ_20220413_0_L2A", at(2022, 4, 13)),
        ("acme:sentinel-2-l2a-files:T33XWJ_20220413T150759_L2A", at(2022, 4, 13, 15, 7, 59)),
    ]
    assert band_names(catalog, "acme:sentinel-2-l2a-cogs") == ["blue", "green", "red", "nir", "scl"]
    assert {item.recipe for item in report.items} == {"sentinel-2-l2a"}


def test_sentinel_2_level_1c(catalog: Catalog, tmp_path: Path) -> None:
    name = "S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248"
    sentinel2_l1c(tmp_path, name)
    report, image = ingested(catalog, tmp_path)
    assert (report.items[0].recipe, image.product_id) == ("sentinel-2-l1c", "acme:sentinel-2-l1c-before-0400")
    assert (image.acquired, image.cloud_fraction) == (at(2021, 9, 8, 4, 27, 1, 24000), 0.882972)
    assert report.items[0].bands["cirrus"] == ("T46RER_20210908T042701_B10.jp2", 0)
    assert image.ndarray("red swir1 coastal").shape[0] == 3


GRD = "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13_6FF8"


def test_sentinel_1_by_polarisation(catalog: Catalog, tmp_path: Path) -> None:
    measurement = tmp_path / f"{GRD}.SAFE" / "measurement"
    for number, layer in ((1, "vv"), (2, "vh")):
        tiny(measurement / f"s1a-iw-grd-{layer}-20210809t173953-20210809t174018-039156-049f13-00{number}.tiff")
    (measurement.parent / "manifest.safe").write_text(MANIFEST)
    for layer in ("VV", "VH"):
        tiny(tmp_path / "rtc" / f"S1A_IW_20210809T173953_DVP_RTC30_G_gpuned_6FF8_{layer}.tif", "float32")
    tiny(tmp_path / "rtc" / "S1A_IW_20210809T173953_DVP_RTC30_G_gpuned_6FF8_ls_map.tif", "uint8")
    single = GRD.replace("1SDV", "1SSH")
    tiny(tmp_path / f"{single}_HH.tif", "float32")
    report, image = ingested(catalog, tmp_path)
    assert [item.image_id for item in report.items] == [
        f"acme:sentinel-1-grd-iw-dv:{GRD}",
        f"acme:sentinel-1-tc-iw-sh:{single}",
        "acme:sentinel-1-rtc-iw-dv:S1A_IW_20210809T173953_DVP_RTC30_G_gpuned_6FF8",
    ]
    assert [set(item.bands) for item in report.items] == [{"vv", "vh"}, {"hh"}, {"vv", "vh"}]
    assert (image.acquired, image.acquired_end) == (
        at(2021, 8, 9, 17, 39, 53, 153776),
        at(2021, 8, 9, 17, 40, 18, 152800),
    )
    assert image.extra_properties["orbit_direction"] == "ASCENDING"
    assert image.extra_properties["ingest_recipe"] == "sentinel-1"
    vv = Product.get(image.product_id).get_band("vv")
    assert (vv.type, vv.frequency) == ("microwave", 5.405)
    assert [one.path.name for one in report.passed_over if one.reason == "unused"] == [
        "S1A_IW_20210809T173953_DVP_RTC30_G_gpuned_6FF8_ls_map.tif"
    ]


@pytest.mark.parametrize(("kind", "nir"), [("L30", "B05"), ("S30", "B8A")], ids=["hls-l30", "hls-s30"])
def test_hls(catalog: Catalog, tmp_path: Path, kind: str, nir: str) -> None:
    scene = f"HLS.{kind}.T32TPT.2020196T101559.v2.0"
    tags = {"cloud_coverage": "17", "MEAN_SUN_ZENITH_ANGLE": "30.5", "MEAN_SUN_AZIMUTH_ANGLE": "140.25"}
    for layer in ("B02", "B03", "B04", nir):
        tiny(tmp_path / f"{scene}.{layer}.tif", "int16", nodata=-9999, tags=tags)
    tiny(tmp_path / f"{scene}.Fmask.tif", "uint8", nodata=255)
    report, image = ingested(catalog, tmp_path)
    assert image.id == f"acme:hls-{kind.lower()}:{scene}"
    assert (image.acquired, image.cloud_fraction) == (at(2020, 7, 14, 10, 15, 59), 0.17)
    assert (image.solar_elevation_angle, image.solar_azimuth_angle) == (59.5, 140.25)
    assert report.items[0].bands["nir"] == (f"{scene}.{nir}.tif", 0)
    assert band_names(catalog, image.product_id) == ["blue", "green", "red", "nir", "fmask"]


def test_modis_layers_and_periods(catalog: Catalog, tmp_path: Path) -> None:
    for layer in ("250m_16_days_NDVI", "250m_16_days_EVI"):
        tiny(tmp_path / f"MOD13Q1.A2020193.h18v04.061.2020340012345_{layer}.tif", "int16", nodata=-3000)
    tiny(tmp_path / "MOD09GA.A2021128.tif", "int16", 2)
    tiny(tmp_path / "MCD12Q1.A2019001.h18v04.006.tif", "uint8")
    tiny(tmp_path / "MYD11A2.061_LST_Day_1km_doy2021145_aid0001.tif", "uint16", nodata=0)
    report, _ = ingested(catalog, tmp_path)
    assert [(item.image_id, item.acquired, item.acquired_end) for item in report.items] == [
        ("acme:mcd12q1:MCD12Q1.A2019001.h18v04.006", at(2019, 1, 1), at(2019, 12, 31, 23, 59, 59, 999999)),
        ("acme:mod09ga:MOD09GA.A2021128", at(2021, 5, 8), at(2021, 5, 8, 23, 59, 59, 999999)),
        (
            "acme:mod13q1:MOD13Q1.A2020193.h18v04.061.2020340012345",
            at(2020, 7, 11),
            at(2020, 7, 26, 23, 59, 59, 999999),
        ),
        ("acme:myd11a2-aid0001:MYD11A2.A2021145.aid0001", at(2021, 5, 25), None),
    ]
    assert {item.recipe for item in report.items} == {"modis"}
    assert band_names(catalog, "acme:mod13q1") == ["250m_16_days_evi", "250m_16_days_ndvi"]
    assert band_names(catalog, "acme:mod09ga") == ["b1", "b2"]
    assert band_names(catalog, "acme:myd11a2-aid0001") == ["lst_day_1km"]


ITEM = (
    '{"id": "20210508_101112_23_2413", '
    '"properties": {"acquired": "2021-05-08T10:11:12.34Z", "cloud_cover": 0.04, "sun_elevation": 51.5}}'
)


def test_planetscope(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "20210508_101112_23_2413_3B_AnalyticMS_SR_harmonized_clip.tif", count=4, nodata=0)
    tiny(tmp_path / "20210508_101112_23_2413_3B_udm2_clip.tif", "uint8", 8)
    (tmp_path / "20210508_101112_23_2413_metadata.json").write_text(ITEM)
    tiny(tmp_path / "20220601_093000_55_24b0_3B_AnalyticMS_8b.tif", count=8, nodata=0)
    report, image = ingested(catalog, tmp_path)
    assert [(item.recipe, item.image_id) for item in report.items] == [
        ("planetscope-4b", "acme:planetscope-4b-sr:20210508_101112_23_2413"),
        ("planetscope-udm2", "acme:planetscope-udm2:20210508_101112_23_2413"),
        ("planetscope-8b", "acme:planetscope-8b:20220601_093000_55_24b0"),
    ]
    assert (image.acquired, image.cloud_fraction) == (at(2021, 5, 8, 10, 11, 12, 340000), 0.04)
    assert image.solar_elevation_angle == 51.5
    assert report.items[2].acquired == at(2022, 6, 1, 9, 30)
    assert band_names(catalog, "acme:planetscope-4b-sr") == ["blue", "green", "red", "nir"]
    assert Product.get("acme:planetscope-8b").get_band("red").band_index == 5
    assert Product.get("acme:planetscope-4b-sr").get_band("red").physical_range == (0, 1)


def test_naip(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "m_3008601_ne_16_1_20150804.tif", "uint8", 4, pixel=20)
    tiny(tmp_path / "m_4207009_ne_19_060_20180906_20181231.tif", "uint8", 4, pixel=20, crs="EPSG:32619")
    report, _ = ingested(catalog, tmp_path)
    assert [(item.recipe, item.product_id, item.acquired) for item in report.items] == [
        ("naip", "acme:naip", at(2015, 8, 4)),
        ("naip", "acme:naip", at(2018, 9, 6)),
    ]
    assert band_names(catalog, "acme:naip") == ["red", "green", "blue", "nir"]
    assert sorted(image.cs_code for image in catalog.images) == ["EPSG:32619", UTM] == ["EPSG:32619", "EPSG:32633"]


UTM = "EPSG:32633"
RGBA = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]


def test_opendronemap(catalog: Catalog, tmp_path: Path) -> None:
    project = tmp_path / "flights" / "wiese-2021-05-08"
    tiny(project / "odm_orthophoto" / "odm_orthophoto.tif", "uint8", 4, value=255, colors=RGBA)
    tiny(project / "odm_dem" / "dsm.tif", "float32", nodata=-9999)
    tiny(project / "odm_dem" / "dtm.tif", "float32", nodata=-9999)
    report, _ = ingested(catalog, tmp_path)
    assert {item.recipe for item in report.items} == {"opendronemap"}
    assert [(item.image_id, item.acquired) for item in report.items] == [
        ("acme:odm-dsm:wiese-2021-05-08", at(2021, 5, 8)),
        ("acme:odm-dtm:wiese-2021-05-08", at(2021, 5, 8)),
        ("acme:odm-orthophoto:wiese-2021-05-08", at(2021, 5, 8)),
    ]
    assert report.items[0].acquired_from == "name wiese-2021-05-08"
    assert band_names(catalog, "acme:odm-orthophoto") == [*COLORS, "alpha"]
    assert Product.get("acme:odm-orthophoto").default_display_bands == [*COLORS, "alpha"]
    assert Product.get("acme:odm-orthophoto").get_band("alpha").is_alpha
    dsm = Product.get("acme:odm-dsm").get_band("dsm")
    assert (dsm.data_type, dsm.nodata, dsm.physical_range_unit) == ("Float32", -9999, "m")


def test_copernicus_dem(catalog: Catalog, tmp_path: Path) -> None:
    for tile in ("N47_00_E011_00", "N48_00_E011_00"):
        tiny(tmp_path / f"Copernicus_DSM_COG_10_{tile}_DEM.tif", "float32", crs=LONLAT)
    tiny(tmp_path / "Copernicus_DSM_COG_30_N47_00_E011_00_DEM.tif", "float32", crs=LONLAT)
    report, image = ingested(catalog, tmp_path)
    assert [(item.recipe, item.product_id, item.acquired) for item in report.items] == [
        ("copernicus-dem", "acme:copernicus-dem-glo-30", None),
        ("copernicus-dem", "acme:copernicus-dem-glo-30", None),
        ("copernicus-dem", "acme:copernicus-dem-glo-90", None),
    ]
    elevation = Product.get("acme:copernicus-dem-glo-30").get_band("elevation")
    assert (elevation.data_type, elevation.resolution.unit) == ("Float32", "degrees")
    assert image.extra_properties["tile"] == "N47_00_E011_00"


LEGEND = "10  Tree cover\n20  Shrubland\n95  Mangroves"
TABLE = {10: (0, 100, 0, 255), 20: (255, 187, 34, 255), 95: (0, 207, 117, 255)}


def test_esa_worldcover(catalog: Catalog, tmp_path: Path) -> None:
    tags = {"time_start": "2021-01-01T00:00:00Z", "time_end": "2021-12-31T23:59:59Z", "legend": LEGEND}
    tiny(
        tmp_path / "ESA_WorldCover_10m_2021_v200_N45E009_Map.tif",
        "uint8",
        crs=LONLAT,
        nodata=0,
        value=10,
        colormap=TABLE,
        tags=tags,
    )
    report, image = ingested(catalog, tmp_path)
    assert (report.items[0].recipe, image.product_id) == ("esa-worldcover", "acme:esa-worldcover-v200")
    assert (image.acquired, image.acquired_end) == (at(2021, 1, 1), at(2021, 12, 31, 23, 59, 59))
    band = Product.get("acme:esa-worldcover-v200").get_band("map")
    assert (band.type, len(band.class_labels), len(band.colormap)) == ("class", 96, 96)
    assert (band.class_labels[10], band.class_labels[11], band.class_labels[95]) == ("Tree cover", None, "Mangroves")
    assert (band.colormap[10], band.colormap[95]) == (TABLE[10], TABLE[95])
    assert image.preview_array()[20, 20].tolist() == [0, 100, 0, 255]


@pytest.mark.parametrize(
    ("name", "product_id", "year"),
    [
        ("ESACCI-LC-L4-LCCS-Map-300m-P1Y-2015-v2.0.7.tif", "acme:cci-land-cover", 2015),
        ("C3S-LC-L4-LCCS-Map-300m-P1Y-2020-v2.1.1.tif", "acme:cci-land-cover", 2020),
        ("U2018_CLC2018_V2020_20u1.tif", "acme:corine-land-cover", 2018),
        ("nlcd_2019_land_cover_l48_20210604.tif", "acme:nlcd", 2019),
        ("2021_30m_cdls.tif", "acme:cropland-data-layer", 2021),
    ],
)
def test_class_maps(catalog: Catalog, tmp_path: Path, name: str, product_id: str, year: int) -> None:
    tiny(tmp_path / name, "uint8", value=10, colormap=TABLE)
    report, image = ingested(catalog, tmp_path)
    assert (report.items[0].recipe, image.product_id) == ("class-maps", product_id)
    assert (image.acquired, image.acquired_end) == (at(year, 1, 1), at(year, 12, 31, 23, 59, 59, 999999))
    assert Product.get(product_id).get_band("map").colormap[20] == TABLE[20]
    assert image.extra_properties["acquired_precision"] == "year"
