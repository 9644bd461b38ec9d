"""Tiles, previews, legends, values and cuts: the pixels of the library, behind an address."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy
import pytest
import rasterio
from rasterio.io import MemoryFile

from localcat import AOI, Catalog, Image, ImageCollection, XYZTile
from localcat import properties as p
from localcat.rasters.files.opening import quiet_georeferencing
from localcat.serve import app
from tests.asgi import Answer, Client
from tests.small_catalog import make_guide, upload


def decoded(answer: Answer) -> numpy.ndarray:
    """Return a picture, shape (4, row, column)."""
    assert answer.status == 200, answer.body
    with MemoryFile(answer.body) as file, quiet_georeferencing(), file.open(driver="PNG") as dataset:
        return dataset.read()


def tile_over(image: Image, zoom: int) -> XYZTile:
    lon, lat = image.geometry.centroid.coords[0]
    wide = 2**zoom
    row = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * wide
    return XYZTile(int((lon + 180) / 360 * wide), int(row), zoom)


def address(tile: XYZTile) -> str:
    return f"{tile.z}/{tile.x}/{tile.y}.png"


NAMES = ("alps-1", "sinai-1", "atacama-south-up", "lombardy-turned", "taveuni-east", "south-pole")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("zoom", [0, 9, 12])
def test_a_tile_has_the_pixels_that_the_library_reads(client: Client, tiny: Catalog, name: str, zoom: int) -> None:
    image = Image.get(f"tiny:optical:{name}", catalog=tiny)
    tile = tile_over(image, zoom) if "pole" not in name else XYZTile(0, 2**zoom - 1, zoom)
    expected = image.ndarray("red green blue", tile, scaling="display")
    found = decoded(client.get(f"/tiles/image/{image.id}/{address(tile)}"))
    is_masked = numpy.ma.getmaskarray(expected).any(axis=0)
    assert (found[3] == numpy.where(is_masked, 0, 255)).all()
    assert (found[:3][:, ~is_masked] == expected.data[:, ~is_masked]).all()


def test_bands_ranges_and_resamplers_are_those_asked_for(client: Client, tiny: Catalog) -> None:
    image = Image.get("tiny:optical:alps-2", catalog=tiny)
    tile = tile_over(image, 11)
    asked = {"bands": "nir,red,green", "range": "100,4000;0,3000;50,2500", "resampler": "bilinear"}
    scaling = [(100, 4000, 0, 255), (0, 3000, 0, 255), (50, 2500, 0, 255)]
    expected = image.ndarray("nir red green", tile, scaling=scaling, data_type="Byte", resampler="bilinear")
    found = decoded(client.get(f"/tiles/image/{image.id}/{address(tile)}", **asked))
    is_masked = numpy.ma.getmaskarray(expected).any(axis=0)
    assert (found[:3][:, ~is_masked] == expected.data[:, ~is_masked]).all()


def test_classes_have_their_colours(client: Client, tiny: Catalog) -> None:
    image = Image.get("tiny:landcover:brussels-2020", catalog=tiny)
    tile = tile_over(image, 12)
    values = image.ndarray("class", tile)[0]
    found = decoded(client.get(f"/tiles/image/{image.id}/{address(tile)}"))
    colors = next(band for band in tiny.bands if band.name == "class").colormap
    expected = numpy.array(colors)[values.filled(0)]
    expected[numpy.ma.getmaskarray(values)] = 0
    assert (numpy.moveaxis(found, 0, -1) == expected).all()


@pytest.mark.parametrize(("top", "order"), [("last", "-acquired"), ("least-cloud", "cloud_fraction")])
def test_a_tile_of_a_product_is_the_mosaic_of_a_search(client: Client, tiny: Catalog, top: str, order: str) -> None:
    search = tiny.images.filter(p.product_id == "tiny:optical").filter(p.cloud_fraction <= 0.9).sort(order)
    tile = tile_over(Image.get("tiny:optical:alps-1", catalog=tiny), 11)
    on_top_first = list(search.intersects(tile))
    expected = ImageCollection(on_top_first[::-1], geocontext=tile).mosaic("red green blue", scaling="display")
    assert len(on_top_first) > 3
    found = decoded(client.get(f"/tiles/product/tiny:optical/{address(tile)}", top=top, cloud="0.9"))
    is_masked = numpy.ma.getmaskarray(expected).any(axis=0)
    assert not is_masked.all()
    assert (found[3] == numpy.where(is_masked, 0, 255)).all()
    assert (found[:3][:, ~is_masked] == expected.data[:, ~is_masked]).all()


def test_a_tile_of_a_product_takes_only_images_of_the_period(client: Client, tiny: Catalog) -> None:
    image = Image.get("tiny:optical:alps-3", catalog=tiny)
    tile = tile_over(image, 11)
    alone = client.get(f"/tiles/image/{image.id}/{address(tile)}")
    moment = image.acquired.isoformat()
    assert client.get(f"/tiles/product/tiny:optical/{address(tile)}", datetime=moment).body == alone.body
    none = decoded(client.get(f"/tiles/product/tiny:optical/{address(tile)}", datetime="1999-01-01T00:00:00Z"))
    assert (none == 0).all()


def test_all_tiles_of_an_image_have_one_range(tiny: Catalog, client: Client) -> None:
    image = Image.get("tiny:radar:etna", catalog=tiny)
    legend = client.document("/legend/tiny:radar.json", bands="vv")
    assert len(legend["bands"][0]["range"]) == 2
    tiles = [address(tile_over(image, zoom)) for zoom in (8, 12)]
    pictures = [decoded(client.get(f"/tiles/image/{image.id}/{tile}", bands="vv", range="0,1")) for tile in tiles]
    assert all(picture[3].any() for picture in pictures)


def test_a_preview_is_all_of_an_image(client: Client, tiny: Catalog) -> None:
    image = Image.get("tiny:optical:alps-1", catalog=tiny)
    found = decoded(client.get(f"/preview/{image.id}.png", size="24"))
    assert found.shape == (4, *image.preview_array(24).shape[:2])


def test_a_legend_says_what_colours_mean(client: Client) -> None:
    classes = client.document("/legend/tiny:landcover.json")["classes"]
    assert classes[1] == {"value": 1, "label": "water", "color": [0, 100, 200, 255]}
    strip = decoded(client.get("/legend/tiny:landcover.png"))
    assert strip.shape == (4, 16, 256)
    shown = {tuple(int(one) for one in color) for color in strip[:, 0].T}
    assert {tuple(one["color"]) for one in classes} == shown
    grey = decoded(client.get("/legend/tiny:optical.png", bands="red"))
    assert grey[:, 0, 0].tolist() == [0, 0, 0, 255]
    assert grey[:, 0, -1].tolist() == [255, 255, 255, 255]


def test_values_at_a_point_are_those_of_the_library(client: Client, tiny: Catalog) -> None:
    image = Image.get("tiny:optical:alps-1", catalog=tiny)
    expected = image.point(9.0, 46.9, ["red", "nir"])
    found = client.document(f"/point/{image.id}", lon=9.0, lat=46.9, bands="red,nir")
    assert found["values"] == dict(zip(expected.bands, expected.values, strict=True))
    assert found["acquired"] == "2023-01-15T10:20:00+00:00"
    outside = client.document(f"/point/{image.id}", lon=-9.0, lat=0, bands="red")
    assert outside["values"] == {"red": None}


def test_a_cut_is_a_geotiff_of_the_box(client: Client, tiny: Catalog) -> None:
    image = Image.get("tiny:optical:alps-1", catalog=tiny)
    answer = client.get(f"/cut/{image.id}.tif", bbox="8.95,46.9,9,46.92", bands="nir,red")
    assert answer.headers["content-disposition"] == 'attachment; filename="alps-1-cut.tif"'
    with rasterio.open(io.BytesIO(answer.body)) as dataset:
        area = AOI(bounds=(8.95, 46.9, 9, 46.92), crs=image.cs_code, resolution=300)
        assert dataset.crs.to_epsg() == 32632
        assert (dataset.read() == image.ndarray("nir red", area).filled(0)).all()


def test_cuts_leave_nothing_behind(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert client.get("/cut/tiny:optical:alps-1.tif", bbox="8.95,46.9,9,46.92").status == 200
    assert client.get("/cut/tiny:optical:alps-1.tif", bbox="8.95,46.9,9,46.92", bands="nix").status == 400
    assert list(tmp_path.iterdir()) == []


def test_of_several_images_one_that_cannot_be_read_is_left_out(catalog: Catalog) -> None:
    product = make_guide()
    good, bad = upload(product, "good"), upload(product, "bad", acquired="2021-01-01")
    catalog.path_of(bad.files[0]).write_bytes(b"no TIFF" * 200)
    client, tile = Client(app(catalog)), address(tile_over(good, 13))
    assert decoded(client.get(f"/tiles/product/{product.id}/{tile}", bands="blue"))[3].any()
    assert client.get(f"/tiles/image/{bad.id}/{tile}", bands="blue").status == 500


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/tiles/image/none/0/0/0.png", 404, "there is no image 'none'"),
        ("/tiles/product/none/0/0/0.png", 404, "there is no product 'none' with pixels here"),
        ("/tiles/image/tiny:optical:alps-1/1/5/0.png", 400, "x of a tile at zoom level 1 is at most 1, not 5"),
        ("/tiles/image/tiny:optical:alps-1/99/5/0.png", 400, "the zoom level of a tile is at most 30, not 99"),
        ("/tiles/image/tiny:optical:alps-1/1/a/0.png", 400, "x of a tile is a whole number, not 'a'"),
        ("/tiles/image/tiny:optical:alps-1/0/0/0.png?bands=x", 400, "product 'tiny:optical' has no band 'x'; it has"),
        ("/tiles/image/tiny:optical:alps-1/0/0/0.png?bands=red,nir", 400, "a picture shows 1 or 3 bands"),
        ("/tiles/image/tiny:optical:alps-1/0/0/0.png?range=5,1", 400, "a range is two numbers, low before high"),
        ("/tiles/image/tiny:optical:alps-1/0/0/0.png?range=0,1;0,1", 400, "a range is two numbers, low before high"),
        ("/tiles/image/tiny:optical:alps-1/0/0/0.png?resampler=magic", 400, "resampler is one of near,"),
        ("/tiles/product/tiny:optical/0/0/0.png?cloud=2", 400, "cloud is a number from 0 to 1, not '2'"),
        ("/tiles/product/tiny:optical/0/0/0.png?top=best", 400, "top is one of last, least-cloud, not 'best'"),
        ("/preview/tiny:optical:alps-1.png?size=5000", 400, "size is a whole number from 1 to 2,048, not '5000'"),
        ("/point/tiny:optical:alps-1?lon=200&lat=0", 400, "lon is a number from -180 to 180, not '200'"),
        ("/point/tiny:optical:alps-1?lon=2", 400, "the values at a point need lon and lat"),
        ("/cut/tiny:optical:alps-1.tif", 400, "a cut needs a bbox"),
        (
            "/cut/tiny:optical:alps-1.tif?bbox=0,0,1,1&crs=EPSG:4326",
            400,
            "a cut with a crs of its own needs",
        ),
        ("/cut/tiny:optical:alps-1.tif?bbox=8,46,10,48&resolution=0.1", 413, ""),
        ("/cut/tiny:optical:alps-1.tif?bbox=8,46,10,48&resolution=1e-300", 400, "pixels of 1e-300 at ("),
        (
            "/cut/tiny:optical:alps-1.tif?bbox=0,0,1,1&resolution=1&crs=mars",
            400,
            "'mars' is not a coordinate reference",
        ),
        ("/cut/tiny:optical:alps-1.tif?bbox=0,0,1,1&resolution=1&crs=EPSG:1", 400, "unknown coordinate reference"),
    ],
)
def test_what_cannot_be_drawn_says_why(client: Client, path: str, status: int, told: str) -> None:
    answer = client.get(path)
    assert answer.status == status, answer.body
    assert answer.json()["description"].startswith(told)


def test_an_image_without_pixels_here_has_no_picture(catalog: Catalog, product: Any) -> None:
    Image(product=product, name="far", acquired="2024-01-01", storage_state="remote").save()
    answer = Client(app(catalog)).get(f"/preview/{product.id}:far.png")
    assert answer.status == 404
    assert answer.json()["description"] == f"image '{product.id}:far' has no pixels here; they are remote"
