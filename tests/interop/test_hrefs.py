"""Addresses of files that strangers write: text where the image is remote, paths that are judged where it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from localcat import Catalog, Image, ImageCollection
from localcat.errors import LocalcatError, RasterError
from localcat.serve import app
from tests.asgi import Client
from tests.interop.some_items import item_of
from tests.small_catalog import make_product, spectral
from tests.small_rasters import make_tif

GRID = {"proj:code": "EPSG:32618", "proj:transform": [60, 0, 500_000, 0, -60, 4_000_000], "proj:shape": [64, 48]}
REMOTE = [
    *("GTI:secret.tif", 'NETCDF:"secret.tif"', "GTIFF_DIR:1:secret.tif", "MEM:::DATAPOINTER=1", "STACIT:secret.tif"),
    *("<VRTDataset/>", "vrt://secret.tif", "zip://secret.zip!secret.tif", "data:image/tiff;base64,AAAA"),
    *("%2e%2e/secret.tif", "../secret.tif", "./secret.tif", "secret.tif", "..\\secret.tif", "C:\\secret.tif"),
    *("file:../secret.tif", "file://host/secret.tif", "//host/share/secret.tif", "~/secret.tif", " secret.tif"),
]
READS: dict[str, Callable[[Image], Any]] = {
    "ndarray": lambda image: image.ndarray("x"),
    "point": lambda image: image.point(-75, 36, "x"),
    "stack": lambda image: ImageCollection([image]).stack("x", image.geocontext),
    "mosaic": lambda image: ImageCollection([image]).mosaic("x", image.geocontext),
    "download": lambda image: image.download("x", dest="out.tif"),
    "preview": lambda image: image.preview(),
    "to_xarray": lambda image: image.to_xarray("x"),
}


def remote_item(href: str) -> dict[str, Any]:
    asset = {"href": href, "type": "image/tiff; application=geotiff", "raster:bands": [{"data_type": "uint16"}]}
    return item_of("a", properties={"datetime": "2020-01-01T00:00:00Z", **GRID}, assets={"x": asset})


@pytest.mark.parametrize("href", REMOTE)
def test_the_address_of_a_remote_file_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, href: str) -> None:
    """Before, copies, backups and the server took the address of a remote file that reads like a path for one."""
    here = tmp_path / "here"
    for folder in (tmp_path, here, here / "work"):
        make_tif(folder / "secret.tif")
    monkeypatch.chdir(here / "work")
    with Catalog.create(here / "survey.gpkg", org="acme") as catalog:
        assert catalog.from_stac(remote_item(href), progress=False).failed == []
        (image,) = catalog.images
        assert (image.storage_state, image.files[0].href) == ("remote", href)
        for name, read in READS.items():
            with pytest.raises(RasterError, match="has no pixels in this catalog"):
                pytest.fail(f"{name} gave {read(image)!r}")
        with pytest.raises(LocalcatError, match="no images with files here"):
            catalog.to_gti("items", tmp_path)
        assert image.to_stac_item() == remote_item(href)
        assert catalog.to_stac(tmp_path / "tree", copy=True, progress=False).files == 0
        catalog.to_geoparquet(tmp_path / "items.parquet", progress=False)
        catalog.backup(tmp_path / "copy.gpkg", copy_in_place=True)
        assert catalog.verify("full", progress=False).ok
        assert Client(app(catalog)).get("/files/acme:items:a/0/secret.tif").status == 404
        (assets,) = parquet.read_table(tmp_path / "items.parquet")["assets"].to_pylist()
        assert assets["x"]["href"] == href
    copied = [path.name for folder in ("tree", "copy.data") for path in (tmp_path / folder).rglob("*.tif")]
    assert copied == []


NOT_PATHS = [href for href in REMOTE if href != "../secret.tif"]  # which is one, in a catalog that is trusted


@pytest.mark.parametrize(
    ("href", "trusted"),
    [
        *((href, True) for href in [*NOT_PATHS, "/vsizip/secret.zip", "zip+file:///secret.zip!/a", "/proc/self/mem"]),
        ("../secret.tif", False),
        ("\\\\host\\secret.tif", False),
    ],
)
def test_a_row_that_says_such_a_file_is_here_reads_nothing(tmp_path: Path, href: str, *, trusted: bool) -> None:
    size = make_tif(tmp_path / "secret.tif").stat().st_size
    folder = tmp_path / "here"
    folder.mkdir()
    row = {"name": "x", "storage_state": "available", "cs_code": "EPSG:32618", "x_pixels": 48, "y_pixels": 64}
    row |= {"geotrans": (500_000, 60, 0, 4_000_000, 0, -60), "acquired": "2020-01-01", "product_id": "acme:a"}
    with Catalog.create(folder / "survey.gpkg", org="acme") as catalog:
        make_product("a", spectral("x"), catalog=catalog)
        files = [{"href": href, "size_bytes": size, "hash": "0" * 64}]
        assert catalog.add_images([{**row, "files": files}], progress=False).added == 1
    with Catalog.open(folder / "survey.gpkg", trusted=trusted) as catalog:
        (image,) = catalog.images
        for name, read in READS.items():
            with pytest.raises(LocalcatError, match=r"secret|VRTDataset|DATAPOINTER|AAAA|proc"):
                pytest.fail(f"{name} gave {read(image)!r}")
        with pytest.raises(LocalcatError, match=r"secret|VRTDataset|DATAPOINTER|AAAA|proc"):
            catalog.to_gti("a", tmp_path)


def test_paths_of_dictionaries_are_those_of_the_roots_in_a_catalog_that_is_not_trusted(tmp_path: Path) -> None:
    """Choice 16. Before, an Item as a dictionary could name any file for a copy."""
    secret = make_tif(tmp_path / "secret.tif")
    (tmp_path / "here").mkdir()
    Catalog.create(tmp_path / "here" / "survey.gpkg", org="acme").close()
    items = [remote_item(address) for address in (str(secret), secret.as_uri())]
    for number, item in enumerate(items):
        item["id"] = f"i{number}"
    with Catalog.open(tmp_path / "here" / "survey.gpkg", trusted=False) as catalog:
        report = catalog.from_stac(items, copy=True, progress=False)
        assert ["lies outside of the folders" in str(one.error) for one in report.failed] == [True, True]
    with Catalog.open(tmp_path / "here" / "survey.gpkg", trusted=False, allowed_roots=[tmp_path]) as catalog:
        assert catalog.from_stac(items, copy=True, progress=False).added == 2
