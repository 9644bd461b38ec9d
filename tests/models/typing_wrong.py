"""A user's program that is wrong in each line marked so; both type checkers find all of them, and nothing else."""

from __future__ import annotations

from datetime import datetime

import numpy
from numpy.typing import NDArray

from localcat import (
    AOI,
    Band,
    Catalog,
    ClassBand,
    DLTile,
    Expression,
    File,
    GenericBand,
    Image,
    ImageCollection,
    ImageSearch,
    ImageUpload,
    ImageUploadOptions,
    MaskBand,
    MicrowaveBand,
    Product,
    ProductCollection,
    Resolution,
    Search,
    SpectralBand,
    XYZTile,
)
from localcat import properties as p
from localcat.scenes import Scene, SceneCollection, search


def of_one_id(product: Product, catalog: Catalog) -> None:
    Product.get_or_create("a", nme="A")  # wrong
    Product.get_or_create(5)  # wrong
    Product.get_or_create("a", tags="lake")  # wrong
    Product.get_or_create("a", created="2020-01-01")  # wrong
    Product.get_or_create("a", catalog="survey.gpkg")  # wrong
    SpectralBand.get_or_create("a:red", frequency=5.4)  # wrong
    SpectralBand.get_or_create("a:red", data_type=5)  # wrong
    MicrowaveBand.get_or_create("a:vv", wavelength_nm_min=450)  # wrong
    MaskBand.get_or_create("a:valid", is_alpha="yes")  # wrong
    ClassBand.get_or_create("a:cover", class_labels="water")  # wrong
    GenericBand.get_or_create("a:t", physical_range_unit=1)  # wrong
    Image.get_or_create(name="b", product="landsat")  # wrong
    Image.get_or_create("a:b", cloudy=0.5)  # wrong
    Image.get_or_create("a:b", geometry="POINT (1 2)")  # wrong
    Image.get_or_create("a:b", acquired=2020)  # wrong
    print(Image.get_or_create("a:b").cloudy)  # wrong
    SpectralBand(product=Image.get_or_create("a:b"))  # wrong


def constructors(product: Product, catalog: Catalog) -> None:
    Product(nme="A")  # wrong
    Product(id=5)  # wrong
    Product(id="a", name=["A"])  # wrong
    Product(id="a", tags="lake")  # wrong
    Product(id="a", tags=[1, 2])  # wrong
    Product(id="a", start_datetime=2020)  # wrong
    Product(id="a", is_core="perhaps")  # wrong
    Product(id="a", extra_properties=["a"])  # wrong
    Product(id="a", created="2020-01-01")  # wrong
    Product(id="a", catalog="survey.gpkg")  # wrong
    Product("a")  # wrong
    SpectralBand(data_type=5)  # wrong
    SpectralBand(product=product, name="red", band_index="first")  # wrong
    SpectralBand(product="landsat")  # wrong
    SpectralBand(data_range=10_000)  # wrong
    SpectralBand(data_range=("0", "1"))  # wrong
    SpectralBand(resolution=60)  # wrong
    SpectralBand(wavelength_nm_min="short")  # wrong
    SpectralBand(frequency=5.4)  # wrong
    MicrowaveBand(wavelength_nm_min=450)  # wrong
    MaskBand(is_alpha="yes")  # wrong
    MaskBand(colormap=[(0, 0, 0, 0)])  # wrong
    ClassBand(class_labels="water")  # wrong
    ClassBand(colormap=["red", "green"])  # wrong
    GenericBand(physical_range_unit=1)  # wrong
    Image(name=3)  # wrong
    Image(acquired=5)  # wrong
    Image(cloud_cover=0.2)  # wrong
    Image(geometry=5)  # wrong
    Image(geotrans="0 60 0 0 0 -60")  # wrong
    Image(files=["a.tif"])  # wrong
    Image(x_pixels=1.5)  # wrong
    ImageUploadOptions(overview=[2])  # wrong
    ImageUploadOptions(overviews=2)  # wrong
    File(href=5)  # wrong
    File(path="a.tif")  # wrong
    Resolution(60, unit=5)  # wrong
    Resolution(metres=60)  # wrong
    Search("products")  # wrong
    ProductCollection([5])  # wrong


def attributes(product: Product, band: Band, image: Image, upload: ImageUpload) -> None:
    print(image.cloudy)  # wrong
    print(product.nmae)  # wrong
    print(band.wavelength)  # wrong
    print(upload.state_of_it)  # wrong
    image.cloudy = 0.5  # wrong
    image.cloud_fraction = "much"  # wrong
    image.acquired = 2020  # wrong
    image.created = "2020-01-01"  # wrong
    image.files = "a.tif"  # wrong
    product.tags = "lake"  # wrong
    product.resolution_min = "60m"  # wrong
    band.type = "spectral"  # wrong
    band.data_range = 5  # wrong
    upload.status = "success"  # wrong
    print(image.acquired.year)  # wrong
    print(image.x_pixels * 2)  # wrong
    year: str = image.acquired  # wrong
    name: int = product.name  # wrong
    product.update(nme="A")  # wrong
    SpectralBand().update(data_type=5)  # wrong
    image.update(acquired=5)  # wrong
    Resolution(60, "m").unt = "degrees"  # wrong
    print(Resolution(60, "m").size, year, name)  # wrong
    File("a").hreff = "b"  # wrong


def pixels(image: Image, images: ImageCollection) -> None:
    number: int = image.ndarray("red")  # wrong
    array: NDArray[numpy.uint16] = image.ndarray("red", raster_info=True)  # wrong
    pair: tuple[NDArray[numpy.uint16], object] = images.mosaic("red")  # wrong
    print(image.ndarray("red", raster_info=True).shape)  # wrong
    print(image.ndarray("red", AOI((0, 0, 1, 1))).msak)  # wrong
    print(image.ndarray("red", mask_nodata=False).mask)  # wrong
    print(images.mosaic("red", raster_info=True).mask)  # wrong
    print(images.stack("red", raster_info=True).shape)  # wrong
    print(images.stack("red", raster_info=True)[1]["size"])  # wrong
    image.ndarray("red", "EPSG:32618")  # wrong
    image.ndarray("red", maks_nodata=False)  # wrong
    image.ndarray(5)  # wrong
    image.ndarray("red", resolution="60m")  # wrong
    image.ndarray("red", bands_axis="first")  # wrong
    image.ndarray("red", scaling=5)  # wrong
    image.ndarray("red", scaling=[5])  # wrong
    image.ndarray("red", scaling={"red": 5})  # wrong
    images.mosaic("red", scaling=(0, 4000))  # wrong
    images.stack("red", scaling=[(0, None)])  # wrong
    images.mosaic("red", on_eror="skip")  # wrong
    images.stack("red", max_workers="all")  # wrong
    images.stack(["red", 5])  # wrong
    size: int = image.download("red")  # wrong
    image.download("red", format=5)  # wrong
    image.download("red", dst="a.tif")  # wrong
    paths: str = images.download("red")  # wrong
    image.point("0", "0")  # wrong
    print(number, array, pair, size, paths)


def others(product: Product, catalog: Catalog, image: Image) -> None:
    found: Image = Image.get("a:b")  # wrong
    bands: ProductCollection = product.bands().collect()  # wrong
    print(bands, ImageCollection(Product.search().collect()))  # wrong
    images: list[Product] = Image.get_many(["a:b"])  # wrong
    Product.get(5)  # wrong
    Product.delete(5)  # wrong
    product.delete("a")  # wrong
    product.bands().mosaic("red")  # wrong
    Product.search().intersects((0, 0, 1, 1))  # wrong
    Image.search().filter("cloud_fraction < 0.2")  # wrong
    Image.search().limit("10")  # wrong
    moment: datetime = Image.search().summary().interval_start  # wrong
    product.images().collect().append(product)  # wrong
    image.upload_ndarry(numpy.zeros((64, 48), "uint8"))  # wrong
    image.upload(5)  # wrong
    catalog.add_image([])  # wrong
    print(DLTile.from_key("2048:16:30.0:15:3:80").pdd)  # wrong
    DLTile.from_key("2048:16:30.0:15:3:80").pad = 5  # wrong
    XYZTile(1, 1, 2).zoom = 3  # wrong
    p.acquired.year_of_it = 2020  # wrong
    (p.acquired > "2020").negated = True  # wrong
    Scene(image).ndarray("red")  # wrong
    print(Scene(image).ndarray("red", AOI(), raster_info=True).mask)  # wrong
    AOI(resolution="60m")  # wrong
    AOI().assign(resolutoin=60)  # wrong
    (p.cloud_fraction < 0.2) & 5  # wrong
    (p.cloud_fraction < 0.2) | "acquired"  # wrong
    print(found, images, moment, p.cloud_fraction.acquierd < 5)  # wrong


def places_and_moments(
    catalog: Catalog, image: Image, images: ImageCollection, found: ImageSearch, scenes: SceneCollection, ctx: AOI
) -> None:
    catalog.add_images(5)  # wrong
    catalog.add_images("a")  # wrong
    catalog.add_images({"id": "a"})  # wrong
    catalog.add_images([5])  # wrong
    catalog.add_images([], on_conflict=5)  # wrong
    found.intersects(5)  # wrong
    found.within(image.acquired)  # wrong
    found.intersects(geom=(0, 0, 1, 1))  # wrong
    found.within_distance(ctx, "100 m")  # wrong
    found.nearest(5)  # wrong
    found.collect(5)  # wrong
    found.summary_interval(start_datetime=2017)  # wrong
    found.gaps(every=16)  # wrong
    images.filter_coverage(5)  # wrong
    images.mosaic("red", 5)  # wrong
    images.stack("red", 5)  # wrong
    print(scenes.mosaic("red", ctx, raster_info=True).mask)  # wrong
    scenes.mosaic("red")  # wrong
    scenes.mosaic("red", "EPSG:4326")  # wrong
    scenes.stack("red", ctx, max_wrkers=3)  # wrong
    scenes.mosaic(5, ctx)  # wrong
    print(scenes.mosaic("red", ctx, mask_nodata=False).mask)  # wrong
    search(5)  # wrong
    search(ctx, start_datetime=2017)  # wrong
    search(ctx, limit="10")  # wrong
    search(ctx)[0].images.bands()  # wrong
    catalog.at(5)  # wrong
    print(catalog.verify().problem)  # wrong
    DLTile.from_latlon("1", 2, 10, 2, 0)  # wrong
    ctx.assign(geometry=5)  # wrong
    AOI(geometry=5)  # wrong
    AOI(shape="10")  # wrong
    image.coverage(5)  # wrong
    image.coverage("POINT (1 2)")  # wrong
    AOI(geometry="POINT (1 2)")  # wrong
    images.mosaic("red", "EPSG:32618")  # wrong
    search("POINT (1 2)")  # wrong
    print(search(image.geometry)[1].tilesize)  # wrong
    tile: DLTile = search(ctx)[1]  # wrong
    image.upload_ndarray("x")  # wrong
    Expression.from_cql2(5)  # wrong
    catalog.transaction(5)  # wrong
    print(scenes.mosaic("red", ctx).msak)  # wrong
    number: int = scenes.stack("red", ctx)  # wrong
    print(scenes.stack("red", ctx, raster_info=True)[1]["size"], number, tile)  # wrong
