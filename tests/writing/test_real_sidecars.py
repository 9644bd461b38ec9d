"""The metadata of real scenes, beside tiny pixels with the true names."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from localcat import Catalog, Image
from tests.real_data import REAL_DATA, needs_real_data
from tests.scene_folders import OLI_L2, tiny

SIDECARS = REAL_DATA / "sidecars"
pytestmark = needs_real_data


@pytest.mark.parametrize(
    ("name", "acquired", "clouds", "azimuth"),
    [
        ("LC08_L2SP_005009_20150710_20200908_02_T2_MTL.json", "2015-07-10T14:34:35.978", 0.5465, 177.8846007),
        ("LC08_L2SP_008059_20191201_20200825_02_T1_MTL.txt", "2019-12-01T15:13:51.861", 0.8102, 136.31696044),
        ("LE07_L2SP_021030_20100109_20200911_02_T1_MTL.xml", "2010-01-09T16:13:46.040", 0.08, 156.98419323),
        ("LT05_L2SP_010067_19860424_20200918_02_T2_MTL.xml", "1986-04-24T14:54:18.179", 0.23, 58.47866092),
    ],
)
def test_landsat(catalog: Catalog, tmp_path: Path, name: str, acquired: str, clouds: float, azimuth: float) -> None:
    scene = name[: name.index("_MTL")]
    shutil.copy(SIDECARS / "landsat" / name, tmp_path)
    for layer in OLI_L2 if scene.startswith("LC") else ["SR_B1", "SR_B2", "SR_B3", "SR_B4"]:
        tiny(tmp_path / f"{scene}_{layer}.TIF")
    (item,) = catalog.ingest(tmp_path, progress=False).items
    image = Image.get(item.image_id)
    assert item.acquired_from == f"sidecar {name}"
    assert abs(image.acquired - datetime.fromisoformat(acquired).replace(tzinfo=UTC)).total_seconds() < 0.001
    assert (image.cloud_fraction, image.solar_azimuth_angle) == (clouds, azimuth)


@pytest.mark.parametrize("folder", sorted(path.name for path in (SIDECARS / "sentinel2").glob("*.SAFE")))
def test_sentinel_2(catalog: Catalog, tmp_path: Path, folder: str) -> None:
    shutil.copytree(SIDECARS / "sentinel2" / folder, tmp_path / folder)
    (granule,) = (tmp_path / folder / "GRANULE").iterdir()
    level, tile, date = folder[7:10], folder.split("_")[5], folder.split("_")[2]
    root = ElementTree.parse(granule / "MTD_TL.xml").getroot()
    crs = next(found.text for found in root.iter("HORIZONTAL_CS_CODE"))
    for layer in ("B02", "B03", "B04"):
        name = f"R10m/{tile}_{date}_{layer}_10m.jp2" if level == "L2A" else f"{tile}_{date}_{layer}.jp2"
        tiny(granule / "IMG_DATA" / name, crs=crs, pixel=10)
    report = catalog.ingest(tmp_path, progress=False)
    (item,) = report.items
    image = Image.get(item.image_id)
    metadata = ElementTree.parse(tmp_path / folder / f"MTD_MSI{level}.xml").getroot()
    said = {key: next(metadata.iter(key)).text for key in ("PRODUCT_START_TIME", "Cloud_Coverage_Assessment")}
    assert image.acquired == datetime.fromisoformat(said["PRODUCT_START_TIME"])
    assert image.cloud_fraction == round(float(said["Cloud_Coverage_Assessment"]) / 100, 12)
    zenith = next(root.iter("Mean_Sun_Angle")).find("ZENITH_ANGLE").text
    assert image.solar_elevation_angle == round(90 - float(zenith), 12)
    is_old = folder.split("_")[3] < "N0400"
    assert image.product_id == f"acme:sentinel-2-{level.lower()}{'-before-0400' if is_old else ''}"


def test_sentinel_1(catalog: Catalog, tmp_path: Path) -> None:
    (folder,) = (SIDECARS / "sentinel1").iterdir()
    shutil.copytree(folder, tmp_path / folder.name)
    for number, layer in ((1, "vv"), (2, "vh")):
        name = f"s1a-iw-grd-{layer}-20210809t173953-20210809t174018-039156-049f13-00{number}.tiff"
        tiny(tmp_path / folder.name / "measurement" / name)
    (item,) = catalog.ingest(tmp_path, progress=False).items
    image = Image.get(item.image_id)
    assert image.acquired == datetime(2021, 8, 9, 17, 39, 53, 153776, tzinfo=UTC)
    assert image.acquired_end == datetime(2021, 8, 9, 17, 40, 18, 152800, tzinfo=UTC)
    assert image.extra_properties["orbit_direction"] == "ASCENDING"
