"""Tile indexes: GDAL sees a product as the mosaic that we make of it, pixel for pixel."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy
import pytest
import rasterio
from numpy.testing import assert_array_equal

from localcat import AOI, Catalog, ImageSearch
from localcat import properties as p
from localcat.errors import BadRequestError, NotFoundError, StorageError
from tests.small_catalog import alpha, make_product, new_image, spectral, upload
from tests.systems import posix

with rasterio.Env() as environment:
    needs_gti = pytest.mark.skipif("GTI" not in environment.drivers(), reason="GDAL before 3.9 has no tile indexes")

CORNERS = [(500_000, 4_000_000), (501_200, 3_998_800), (500_600, 4_000_600)]  # of tiles that overlap


def meta(corner: tuple[int, int], epsg: int = 32618, size: int = 60) -> dict[str, Any]:
    return {"geoTransform": [corner[0], size, 0, corner[1], 0, -size], "coordinateSystem": {"epsg": epsg}}


def pixels(seed: int, count: int = 2) -> Any:
    """Return (band, row, column) with a third of the pixels masked, the same in all bands."""
    random = numpy.random.default_rng(seed)
    mask = numpy.broadcast_to(random.random((64, 48)) < 0.3, (count, 64, 48))
    return numpy.ma.MaskedArray(random.integers(1, 1000, (count, 64, 48)).astype("uint16"), mask=mask)


def check(catalog: Catalog, path: Path, product: str, bands: list[str]) -> None:
    """Compare what GDAL reads of an index with our mosaic of the same grid."""
    with rasterio.open(path) as index:
        assert index.driver == "GTI"
        seen, bounds, crs = index.read(masked=True), tuple(index.bounds), index.crs.to_string()
        area = AOI(bounds=bounds, bounds_crs=crs, crs=crs, resolution=index.res[0], align_pixels=False)
    ours = catalog.images.filter(p.product_id == product).sort("acquired").collect().mosaic(bands, area)
    assert_array_equal(numpy.ma.getmaskarray(seen[: len(bands)]), numpy.ma.getmaskarray(ours))
    assert_array_equal(seen[: len(bands)].filled(0), ours.filled(0))
    assert 0 < numpy.ma.getmaskarray(ours).mean() < 1


@needs_gti
@pytest.mark.parametrize("kind", ["nodata", "alpha", "internal mask"])
def test_gdal_reads_our_mosaic(tmp_path: Path, kind: str) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        nodata = {"nodata": 0} if kind == "nodata" else {}
        bands = [spectral("red", **nodata), spectral("nir", **nodata), *([alpha()] if kind == "alpha" else [])]
        product = make_product("a", *bands, catalog=catalog)
        for day, corner in enumerate(CORNERS):
            upload(product, f"s{day}", pixels(day), meta=meta(corner), acquired=f"2020-01-0{3 - day}")
        (path,) = catalog.to_gti("a", progress=False)
        assert path == tmp_path / "survey.acme-a.gti.gpkg"
        check(catalog, path, "acme:a", ["red", "nir"])


GRIDS = {  # of the image on top, beside others of 60 m at 500,000 and 4,000,000
    "rows to the north": (500_600, 60, 3_996_760, 60),
    "columns to the west": (503_480, -60, 4_000_600, -60),
    "half a pixel beside": (500_630, 60, 4_000_570, -60),
    "a third of a pixel beside": (500_620, 60, 4_000_580, -60),
    "coarser": (500_600, 120, 4_000_600, -120),
    "coarser, by no whole number": (500_625, 140, 4_000_575, -140),
    "finer": (500_610, 25, 4_000_590, -25),
}


@needs_gti
@pytest.mark.parametrize("kind", ["nodata", "alpha", "internal mask"])
@pytest.mark.parametrize("grid", GRIDS)
def test_images_on_other_grids_are_seen_as_the_mosaic_has_them(tmp_path: Path, grid: str, kind: str) -> None:
    """Before, GDAL left out those that do not run from north to south, and saw others half a pixel beside."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        nodata = {"nodata": 0} if kind == "nodata" else {}
        bands = [spectral("red", **nodata), spectral("nir", **nodata), *([alpha()] if kind == "alpha" else [])]
        product = make_product("a", *bands, catalog=catalog)
        for day, corner in enumerate(CORNERS[:2]):
            upload(product, f"s{day}", pixels(day), meta=meta(corner), acquired=f"2020-01-0{day + 1}")
        x, across, y, down = GRIDS[grid]
        other = {"geoTransform": [x, across, 0, y, 0, down], "coordinateSystem": {"epsg": 32618}}
        upload(product, "other", pixels(2), meta=other, acquired="2020-01-03")
        (path,) = catalog.to_gti("a", progress=False)
        check(catalog, path, "acme:a", ["red", "nir"])


@needs_gti
def test_longitudes_beyond_180_are_where_they_are(tmp_path: Path) -> None:
    """Before, a grid of 0 to 360 degrees beside one of -180 to 180 made a mosaic of 540 degrees."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        product = make_product("a", spectral("red", nodata=0), catalog=catalog)
        random = numpy.random.default_rng(5)
        for day, west in enumerate((0, -180, 170)):
            array = random.integers(0, 9, (1, 6, 8 if west == 170 else 36)).astype("uint16")
            place = {"geoTransform": [west, 10, 0, 30, 0, -10], "coordinateSystem": {"epsg": 4326}}
            upload(product, f"s{day}", array, meta=place, acquired=f"2020-01-0{day + 1}")
        (path,) = catalog.to_gti("a", progress=False)
        with rasterio.open(path) as index:
            assert tuple(index.bounds) == (-180, -30, 180, 30)
        check(catalog, path, "acme:a", ["red"])


@needs_gti
def test_two_ways_to_write_a_crs_are_one_index(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        product = make_product("a", spectral("red", nodata=0), catalog=catalog)
        for day, corner in enumerate(CORNERS[:2]):
            image = upload(product, f"s{day}", pixels(day, count=1), meta=meta(corner), acquired=f"2020-01-0{day + 1}")
        image.cs_code, image.projection = None, rasterio.CRS.from_epsg(32618).to_wkt()
        image.save()
        (path,) = catalog.to_gti("a", progress=False)
        assert path.name == "survey.acme-a.gti.gpkg"
        check(catalog, path, "acme:a", ["red"])


@needs_gti
def test_bands_in_several_files(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        nir = spectral("nir", nodata=0, file_index=1, band_index=0)
        product = make_product("a", spectral("red", nodata=0, file_index=0), nir, catalog=catalog)
        for day, corner in enumerate(CORNERS):
            files = [pixels(10 * day + number, count=1) for number in range(2)]
            upload(product, f"s{day}", files, meta=meta(corner), acquired=f"2020-01-0{day + 1}")
        (path,) = catalog.to_gti("acme:a", progress=False)
        check(catalog, path, "acme:a", ["red", "nir"])
        assert len(list((tmp_path / "survey.acme-a.tiles").rglob("*.vrt"))) == 3
        assert catalog.to_gti("a", progress=False) == [path]  # again
        check(catalog, path, "acme:a", ["red", "nir"])
        assert len(list((tmp_path / "survey.acme-a.tiles").rglob("*.vrt"))) == 3


@needs_gti
def test_an_index_moves_with_its_catalog(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    with Catalog.create(tmp_path / "here" / "survey.gpkg", org="acme") as catalog:
        product = make_product("a", spectral("red", nodata=0), catalog=catalog)
        for day, corner in enumerate(CORNERS):
            upload(product, f"s{day}", pixels(day, count=1), meta=meta(corner), acquired=f"2020-01-0{day + 1}")
        (path,) = catalog.to_gti("a", progress=False)
    shutil.move(tmp_path / "here", tmp_path / "there")
    with Catalog.open(tmp_path / "there" / "survey.gpkg") as catalog:
        check(catalog, tmp_path / "there" / path.name, "acme:a", ["red"])


@needs_gti
def test_one_index_for_each_crs(catalog: Catalog, tmp_path: Path) -> None:
    product = make_product("a", spectral("red", nodata=0), catalog=catalog)
    for zone in (32618, 32619):
        upload(product, f"z{zone}", pixels(zone, count=1), meta=meta(CORNERS[0], zone))
    paths = catalog.to_gti("a", tmp_path, progress=False)
    assert [path.name for path in paths] == [
        f"{catalog.path.stem}.acme-a.epsg-32618.gti.gpkg",
        f"{catalog.path.stem}.acme-a.epsg-32619.gti.gpkg",
    ]
    for path, zone in zip(paths, (32618, 32619), strict=True):
        with rasterio.open(path) as index:
            assert (index.crs.to_epsg(), index.shape) == (zone, (64, 48))


def test_images_without_pixels_here_are_left_out(catalog: Catalog, tmp_path: Path) -> None:
    product = make_product("a", spectral("red", nodata=0), catalog=catalog)
    upload(product, "here", pixels(1, count=1), meta=meta(CORNERS[0]))
    new_image(product, "remote", cs_code="EPSG:32618", geotrans=(0, 1, 0, 0, 0, -1), x_pixels=1, y_pixels=1).save()
    (path,) = catalog.to_gti("a", tmp_path, progress=False)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT image_id, rank, acquired FROM tiles").fetchall() == [
        ("acme:a:here", 0, "2020-01-01T00:00:00.000Z")
    ]
    connection.close()


@pytest.mark.parametrize(
    ("ask", "names"),
    [
        (lambda images: images.filter(p.name != "s1"), ["s2", "s0"]),
        (lambda images: images.sort("name"), ["s0", "s1", "s2"]),
        (lambda images: images.limit(2), ["s1", "s0"]),  # the first two by id; the newest on top
    ],
)
def test_a_search_says_which_images_and_in_which_order(
    catalog: Catalog, tmp_path: Path, ask: Callable[[ImageSearch], ImageSearch], names: list[str]
) -> None:
    product = make_product("a", spectral("red", nodata=0), catalog=catalog)
    for day, corner in enumerate(CORNERS):
        upload(product, f"s{day}", pixels(day, count=1), meta=meta(corner), acquired=f"2020-01-0{3 - day}")
    (path,) = catalog.to_gti("a", tmp_path, search=ask(catalog.images), progress=False)
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT image_id FROM tiles ORDER BY rank").fetchall()
    assert [uid.rpartition(":")[2] for (uid,) in found] == names


def test_what_cannot_be_an_index_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no product 'none'"):
        catalog.to_gti("none", tmp_path)
    make_product("a", spectral("red"), catalog=catalog)
    with pytest.raises(BadRequestError, match="no images with files here"):
        catalog.to_gti("a", tmp_path)
    with pytest.raises(BadRequestError, match="is not a folder"):
        catalog.to_gti("a", tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


@posix
def test_an_index_that_does_not_fit_leaves_nothing(catalog: Catalog, tmp_path: Path) -> None:
    """SQLite writes it, and says in a class of its own that it could not."""
    import resource  # Windows has none

    upload(make_product("p", spectral("red"), catalog=catalog))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StorageError, match=r"p.gti.gpkg' .*(disk is full|cannot be read or written)"):
            catalog.to_gti("p", tmp_path, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert list(tmp_path.glob("*.gti.gpkg")) == []
    assert list(tmp_path.glob(".*")) == []
