"""Scenes whose files have ground control points and no grid, such as Sentinel-1 GRD as ESA delivers it."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy
import pytest
import rasterio
import shapely
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning
from rasterio.rpc import RPC
from rasterio.warp import transform

from localcat import Catalog, Image, Product
from tests.scene_folders import GRD, SWATH, UTM33, sentinel1_grd, swath, swath_place, tiny
from tests.small_catalog import make_product, spectral

ADVICE = "has ground control points and no grid; ingest it with cog=True, which brings its pixels onto a grid"


@pytest.mark.parametrize("how", [{}, {"copy": True}], ids=["in place", "copy"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_without_a_grid_they_are_refused_with_the_way_to_one(
    catalog: Catalog, tmp_path: Path, how: dict[str, bool], dry_run: bool
) -> None:
    sentinel1_grd(tmp_path)
    (item,) = catalog.ingest(tmp_path, dry_run=dry_run, progress=False, **how).failed
    assert item.name == GRD
    assert ADVICE in str(item.error)
    assert "-vv-20210809t173953-" in str(item.error)
    assert (catalog.products.count(), catalog.bands.count(), list(catalog.data_folder.hrefs())) == (0, 0, [])


def test_sentinel_1_grd_comes_in_on_a_grid(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    sentinel1_grd(folder)
    plan = catalog.ingest(folder, cog=True, dry_run=True, progress=False)
    report = catalog.ingest(folder, cog=True, progress=False)
    assert [(item.outcome, item.image_id) for item in report.items] == [("added", f"acme:sentinel-1-grd-iw-dv:{GRD}")]
    assert (plan.added, plan.products[0].to_dict()["bands"]) == (
        1,
        {"vv": "microwave UInt16", "vh": "microwave UInt16"},
    )
    image = Image.get(report.items[0].image_id)
    assert image.acquired == datetime(2021, 8, 9, 17, 39, 53, 153776, tzinfo=UTC)
    assert image.acquired_end == datetime(2021, 8, 9, 17, 40, 18, 152800, tzinfo=UTC)
    assert (image.cs_code, image.satellite_id, image.provider_id) == (UTM33, "Sentinel-1A", GRD)
    assert image.processing_pipeline_id == "Sentinel-1 IPF 003.31"
    assert image.extra_properties == {
        "acquired_from": "sidecar manifest.safe",
        "ingest_recipe": "sentinel-1",
        "mode": "IW",
        "orbit": "39156",
        "orbit_direction": "ASCENDING",
        "polarisation": "DV",
        "relative_orbit": "59",
    }
    vv = Product.get(image.product_id).get_band("vv")
    assert (vv.resolution.value, vv.resolution.unit, vv.nodata) == (10, "meters", 0)
    assert (image.x_pixels, image.y_pixels) == (90, 74)
    xs, ys = swath_place(numpy.array([0, 80, 80, 0]), numpy.array([0, 0, 60, 60]))
    expected = shapely.Polygon(numpy.column_stack(transform(UTM33, "EPSG:4326", 600_000 + xs, 5_300_000 + ys)))
    assert image.geometry.symmetric_difference(expected).area < expected.area / 1000
    assert image.area == pytest.approx(0.48, rel=0.01)
    pixels = image.ndarray("vv vh")
    assert pixels.shape == (2, 74, 90)
    assert image.fill_fraction == pytest.approx(pixels[0].count() / (74 * 90))
    assert pixels[0].count() == pytest.approx(SWATH[0] * SWATH[1], rel=0.03)
    lon, lat = expected.centroid.coords[0]
    middle = 30 * 80 + 40 + 1
    assert abs(int(image.point(lon, lat, "vv").values[0]) - middle) in (0, 1, 79, 80, 81)
    assert catalog.verify("full").ok
    assert catalog.ingest(folder, cog=True, progress=False).skipped == 1
    assert catalog.ingest(folder, progress=False).skipped == 1  # it is in the catalog, however it got there
    assert Image.search().intersects(shapely.Point(lon, lat)).count() == 1
    assert Image.search().intersects(shapely.Point(*shapely.box(*expected.bounds).exterior.coords[0])).count() == 0


def test_both_kinds_of_files_in_one_folder(catalog: Catalog, tmp_path: Path) -> None:
    swath(tmp_path / "in" / "radar.tif", nodata=0)
    tiny(tmp_path / "in" / "map.tif", nodata=0)
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert [(item.name, item.outcome) for item in report.items] == [("map", "added"), ("radar", "failed")]
    report = catalog.ingest(tmp_path / "in", cog=True, progress=False)
    assert [(item.name, item.outcome) for item in report.items] == [("map", "skipped"), ("radar", "added")]


def test_points_without_sense_are_told_with_the_file(catalog: Catalog, tmp_path: Path) -> None:
    points = [GroundControlPoint(row=at, col=at, x=10 + at, y=48 + at) for at in range(6)]
    path = swath(tmp_path / "in" / "radar.tif", gcps=points)
    (item,) = catalog.ingest(tmp_path / "in", cog=True, progress=False).failed
    assert str(item.error).startswith(f"'{path}': the ground control points place no area on the Earth")
    assert catalog.products.count() == 0


def test_rational_polynomials_are_refused_by_name(catalog: Catalog, tmp_path: Path) -> None:
    names = ("line_num_coeff", "line_den_coeff", "samp_num_coeff", "samp_den_coeff")
    offsets = {"height": (100, 50), "lat": (48, 1), "long": (10, 1), "line": (30, 60), "samp": (40, 80)}
    rpc = RPC(
        **{name: [1.0] + 19 * [0.0] for name in names},
        **{f"{name}_off": float(pair[0]) for name, pair in offsets.items()},
        **{f"{name}_scale": float(pair[1]) for name, pair in offsets.items()},
    )
    path = tmp_path / "in" / "pleiades.tif"
    path.parent.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", width=80, height=60, count=1, dtype="uint16", rpcs=rpc) as file:
            file.write(numpy.ones((1, 60, 80), "uint16"))
    (item,) = catalog.ingest(tmp_path / "in", cog=True, progress=False).failed
    assert str(item.error) == (
        f"'{path}' has rational polynomials (RPC) and no grid; bring it onto one, for example with gdalwarp -rpc"
    )


def test_an_upload_of_one_says_the_same(catalog: Catalog, tmp_path: Path) -> None:
    product = make_product("plain", spectral("value"))
    path = swath(tmp_path / "radar.tif")
    upload = Image(product=product, name="x", acquired="2020-01-01").upload(path)
    assert upload.status == "failure"
    assert ADVICE in upload.events[-1].message


@pytest.mark.parametrize("how", [{}, {"copy": True}, {"cog": True}], ids=["in place", "copy", "cog"])
def test_nobody_waits_for_a_footprint(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, bool]
) -> None:
    """It is found before the catalog is locked, also that of pixels which are brought onto a grid."""
    waiting = list[bool]()

    def area(outline: shapely.Geometry) -> float:
        waiting.append(catalog.database.in_transaction)
        return 7.0

    for module in ("commit", "files"):
        monkeypatch.setattr(f"localcat.writing.{module}.area_km2", area)
    tiny(tmp_path / "a_20210809.tif", pixel=31 + len(how) + how.get("copy", 0))  # grids of which none is known yet
    swath(tmp_path / "b_20210809.tif")
    catalog.ingest(tmp_path, progress=False, **how)
    assert waiting == [False] * (2 if "cog" in how else 1)
    assert {image.area for image in catalog.images} == {7.0}
