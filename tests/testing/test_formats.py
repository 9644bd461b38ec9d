"""The tiny Earth through other formats: what goes out comes back equal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import rasterio
from numpy.testing import assert_array_equal

from localcat import (
    AOI,
    BadRequestError,
    Band,
    Catalog,
    CatalogExistsError,
    Image,
    ImageCollection,
    MissingLibraryError,
    Product,
)
from localcat import properties as p
from localcat.testing import write_earth

with rasterio.Env() as environment:
    needs_gti = pytest.mark.skipif("GTI" not in environment.drivers(), reason="GDAL before 3.9 has no tile indexes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_earth(tmp_path_factory.mktemp("earth") / "deep" / "earth").parent


@pytest.fixture(scope="module")
def written(folder: Path) -> Iterator[Catalog]:
    with Catalog.open(folder / "catalog.gpkg") as catalog:
        yield catalog


def said(one: Any) -> dict[str, Any]:
    """Return what an object says, without when it was saved and where its files are."""
    found = {name: value for name, value in one.serialize().items() if name not in ("created", "modified")}
    files = [(file["size_bytes"], file.get("hash")) for file in found.pop("files", [])]
    extra = found.pop("extra_properties", None) or {}
    return {
        **found,
        "id": one.id,
        "files": files,
        "extra": {k: extra[k] for k in extra.keys() - {"created", "updated"}},
    }


def pixels_of(image: Image) -> Any:
    bands = [str(band.name) for band in image.product.bands()]
    return image.ndarray(bands, mask_alpha=False)


def require_equal(one: Catalog, other: Catalog) -> None:
    """Compare all objects and all pixels of two catalogs."""
    assert [one.products.count(), one.bands.count(), one.images.count()] == [4, 10, 40]
    for kind in (Product, Band, Image):
        first, second = list(one.search(kind).sort("id")), list(other.search(kind).sort("id"))
        assert [said(found) for found in second] == [said(found) for found in first]
    for image in one.images.filter(p.storage_state == "available"):
        ours, theirs = pixels_of(image), pixels_of(Image.get(image.id, catalog=other))
        assert_array_equal(numpy.ma.getmaskarray(theirs), numpy.ma.getmaskarray(ours))
        assert_array_equal(theirs.filled(0), ours.filled(0))


def documents(folder: Path) -> dict[str, Any]:
    """Return the JSON files of a STAC catalog, without the random part of file names."""
    found = {path.relative_to(folder).as_posix(): json.loads(path.read_bytes()) for path in folder.rglob("*.json")}
    for document in found.values():
        for asset in document.get("assets", {}).values():
            asset["href"] = Path(asset["href"]).suffix
    return found


@pytest.mark.parametrize("copy", [True, False])
def test_it_goes_out_as_stac_and_comes_back_equal(folder: Path, written: Catalog, tmp_path: Path, copy: bool) -> None:
    with Catalog.create(tmp_path / "back.gpkg", org="tiny", user="tiny") as back:
        report = back.from_stac(folder / "stac", copy=copy, progress=False)
        assert (report.added, report.failed, report.notes) == (40, [], [])
        require_equal(written, back)
        back.to_stac(tmp_path / "again", copy=True, progress=False)
        first, second = documents(folder / "stac"), documents(tmp_path / "again")
        assert second.keys() == first.keys()
        del first["catalog.json"], second["catalog.json"]  # which name the catalog file
        assert second == first


@pytest.mark.parametrize("copy", [True, False])
def test_it_goes_out_as_geoparquet_and_comes_back_equal(
    folder: Path, written: Catalog, tmp_path: Path, copy: bool
) -> None:
    with Catalog.create(tmp_path / "back.gpkg", org="tiny", user="tiny") as back:
        report = back.from_geoparquet(folder / "images.parquet", copy=copy, progress=False)
        assert (report.added, report.failed) == (40, [])
        require_equal(written, back)


def test_without_pyarrow_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match=r"pyarrow is not installed, .* pip install '\.\[arrow\]'"):
        write_earth(tmp_path / "earth")
    assert list(tmp_path.iterdir()) == []


@needs_gti
def test_tile_indexes_show_the_mosaics_of_all_products(folder: Path, written: Catalog) -> None:
    names = sorted(path.name.removeprefix("catalog.").removesuffix(".gti.gpkg") for path in folder.glob("*.gti.gpkg"))
    assert names == [
        *("tiny-landcover.epsg-3035", "tiny-landcover.epsg-4326", "tiny-optical.epsg-3031", "tiny-optical.epsg-32632"),
        *("tiny-optical.epsg-32636", "tiny-optical.epsg-32701", "tiny-optical.epsg-32719", "tiny-optical.epsg-32760"),
        *("tiny-optical.epsg-3413", "tiny-radar.epsg-32633", "tiny-radar.epsg-4326", "tiny-temperature"),
    ]
    for name in names:
        product = "tiny:" + name.split(".")[0].removeprefix("tiny-")
        with rasterio.open(folder / f"catalog.{name}.gti.gpkg") as index:
            crs = index.crs.to_string()
            area = AOI(bounds=index.bounds, bounds_crs=crs, crs=crs, resolution=index.res[0], align_pixels=False)
            here = written.images.filter(p.product_id == product).filter(p.cs_code == crs)
            here = here.filter(p.storage_state == "available").sort("acquired")
            upright = ImageCollection([image for image in here if not image.geotrans[2]])
            bands = list(Product.get(product, catalog=written).bands())
            seen = [index.read(number, masked=True) for number in index.indexes]
        for band, found in zip(bands, seen, strict=True):
            (ours,) = upright.mosaic(str(band.name), area)
            assert_array_equal(numpy.ma.getmaskarray(found), numpy.ma.getmaskarray(ours), f"{name} {band.name}")
            assert_array_equal(found.filled(0), ours.filled(0), f"{name} {band.name}")


def test_the_catalog_itself_is_whole(written: Catalog) -> None:
    assert written.verify("full", progress=False).ok
    assert written.images.count() == 40


def test_only_what_is_asked_for_is_written(tmp_path: Path) -> None:
    assert write_earth(tmp_path / "one", formats="stac") == tmp_path / "one" / "catalog.gpkg"
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [
        "catalog.data",
        "catalog.gpkg",
        "scenes",
        "stac",
    ]
    write_earth(tmp_path / "two", formats=[])
    assert not (tmp_path / "two" / "stac").exists()


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BadRequestError, match="'kml' is not a format of the tiny Earth; choose among stac, geoparquet, gti"
    ):
        write_earth(tmp_path / "earth", formats=["stac", "kml"])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(CatalogExistsError, match="name an empty folder, or a new one"):
        write_earth(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
