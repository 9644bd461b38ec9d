"""The guide's flow on real pixels, step by step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy
from affine import Affine

from localcat.catalog import Catalog
from localcat.disk.faults import temporary_directory
from localcat.disk.ownership import data_path
from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import parse_crs
from localcat.errors import CatalogExistsError, RasterError
from localcat.expressions.properties import properties as p
from localcat.models.attributes.values import Resolution
from localcat.models.band import Band, MaskBand, SpectralBand
from localcat.models.enums import OverviewResampler
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.rasters.files.describe import RasterDescription, describe
from localcat.rasters.files.dtypes import data_type_name
from localcat.rasters.files.environment import write_errors
from localcat.rasters.writing.checks import BandLayer
from localcat.rasters.writing.write import write_cog

Say = Callable[[str], None]

_SHAPE = (768, 1024)  # rows, columns
_PIXEL = 30.0  # metres
_NODATA = 0


def run_demo(raster: Path | None, keep: Path | None, say: Say) -> None:
    """Create a catalog, fill it, search it and read it back.

    Parameters
    ----------
    raster : Path, optional
        A georeferenced GeoTIFF to use; without it a scene of three bands is made up.
    keep : Path, optional
        Where to leave the catalog; without it everything is removed at the end.
    say : callable
        Takes each line of the story.

    Raises
    ------
    CatalogExistsError
        If `keep` holds a demo catalog already.
    RasterError
        If the raster has no georeferencing, or cannot be read.
    """
    if raster is not None:
        describe(raster)  # a file that is not a raster is refused before anything is made
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(temporary_directory("localcat-demo-")))
        with write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        path = folder / "demo.gpkg"
        if path.exists():
            raise CatalogExistsError(f"'{path}' is there already; choose another folder for --keep")
        if raster is None:
            raster = Path(stack.enter_context(temporary_directory("localcat-demo-"))) / "scene.tif"
            say("No raster given: making up a scene of three bands, 1024 × 768 pixels of 30 m.")
            _make_scene(raster)
        description = describe(raster)
        if description.grid is None:
            raise RasterError(f"'{raster}' has no georeferencing; choose a GeoTIFF with a CRS and a transform")
        with Catalog.create(path, org="demo") as catalog, catalog.as_default():
            say(f"1. A catalog: {catalog.path.name}, pixels in {data_path(catalog.path).name}/")
            _tell(catalog, raster, description, say)
        if keep is not None:
            say(f"\nThe catalog stays in {path}; open it with localcat.Catalog.open, or in QGIS as a GeoPackage.")


def _tell(catalog: Catalog, raster: Path, description: RasterDescription, say: Say) -> None:
    source = _source_product(description)
    say(f"2. A product for the scene: {source.id}, created {source.created:%Y-%m-%d %H:%M:%S} UTC")
    say(f"   with bands {', '.join(str(band.name) for band in source.bands())}")

    scene = Image(product=source, name="scene1", acquired="2018-10-25T07:51:20Z", cloud_fraction=0.1)
    upload = scene.upload(raster)
    upload.raise_for_status()
    say(f"3. The file uploaded: {scene.id}, {upload.status}, {scene.files[0].size_bytes if scene.files else 0:,} bytes")

    coarse = 2 * max(description.grid.resolution) if description.grid is not None else None
    first = str(next(iter(source.bands())).name)
    pixels, meta = scene.ndarray(first, resolution=coarse, raster_info=True)
    say(f"4. Band {first} read back at half the resolution: {_shown(pixels)}")

    derived = _derived_product(source, first)
    say(f"5. A product for what is derived: {derived.id}, whose alpha band shares the Resolution of band {first}")
    second = Image(product=derived, name="scene2")
    second.acquired = "2012-01-02"
    overviews = [factor for factor in (2, 4) if factor <= min(pixels.shape[1:])]
    upload = second.upload_ndarray(
        pixels, raster_meta=meta, overviews=overviews, overview_resampler=OverviewResampler.AVERAGE
    )
    upload.wait_for_completion()
    upload.raise_for_status()
    written = describe(catalog.path_of((second.files or [])[0]))
    say(f"6. The array uploaded: {second.id}, {upload.status}; a COG with overviews {list(written.overviews)}")

    again = Image.get(str(second.id))
    if again is None:
        raise AssertionError("an image just uploaded is in the catalog")
    same = again.ndarray(first)
    is_equal = numpy.array_equal(same.filled(_NODATA), pixels.filled(_NODATA))
    say(f"7. Read again, it has the same pixels and mask: {is_equal and bool((same.mask == pixels.mask).all())}")

    search = Image.search().intersects(scene.geometry).filter((p.acquired > "2012-01-01") & (p.acquired < "2019-01-01"))
    say(f"8. Searching by place and time finds {search.count()}: {', '.join(search.ids())}")
    clear = search.filter(p.cloud_fraction < 0.2)
    say(f"   and with cloud_fraction < 0.2, which scene2 does not set: {', '.join(clear.ids())}")
    say(f"9. In all:{search.summary()!r}")
    for month in search.summary_interval(interval="month", start_datetime="2012-01-01", end_datetime="2019-01-01"):
        say(repr(month))


def _source_product(description: RasterDescription) -> Product:
    product = Product(id="example-scenes")
    product.name = "Example scenes"
    product.save()
    resolution = Resolution(value=max(description.grid.resolution) if description.grid else 1, unit="meters")
    if description.crs is not None and description.crs.is_geographic:
        resolution = Resolution(resolution.value, "degrees")
    names = _band_names(description)
    for index, name in enumerate(names):
        band: Band = (
            MaskBand(product=product, name=name, is_alpha=True)
            if name == "alpha"
            else SpectralBand(product=product, name=name, data_range=_range(description.dtypes[index]))
        )
        band.update(
            band_index=index,
            data_type=data_type_name(description.dtypes[index]),
            resolution=resolution,
            nodata=description.nodata[index],
        )
        band.save()
    product.reload()
    return product


def _band_names(description: RasterDescription) -> list[str]:
    """Return what the file calls its bands, else their colours, else numbers."""
    described = [SpectralBand.make_valid_name(text) for text in description.descriptions if text]
    if len(set(described)) == description.count:
        return described
    colours = ("red", "green", "blue")
    names = [
        colour if colour in (*colours, "alpha") else f"band{number}"
        for number, colour in enumerate(description.color_interpretations, start=1)
    ]
    return names if len(set(names)) == len(names) else [f"band{number}" for number in range(1, len(names) + 1)]


def _range(dtype: str) -> tuple[float, float]:
    if dtype.startswith("float"):
        return 0.0, 1.0
    limits = numpy.iinfo(dtype)
    return float(limits.min), float(limits.max)


def _derived_product(source: Product, band_name: str) -> Product:
    product = Product(id="example-product", name="Example product")
    product.save()
    product.start_datetime = "2012-01-01"
    product.end_datetime = "2015-01-01"
    product.save()
    original = source.get_band(band_name)
    if original is None or original.resolution is None:
        raise AssertionError("the demo's own product has the band")
    band = SpectralBand(name=band_name, product=product)
    band.data_type = original.data_type
    band.data_range = original.data_range
    band.resolution = Resolution(2 * original.resolution.value, original.resolution.unit)
    band.band_index = 0
    band.save()
    alpha = MaskBand(name="alpha", product=product)
    alpha.is_alpha = True
    alpha.data_type = original.data_type
    alpha.resolution = band.resolution
    alpha.band_index = 1
    alpha.save()
    product.reload()
    return product


def _make_scene(path: Path) -> None:
    """Write a scene that looks a little like land: smooth hills, a river, and a slanted edge without data."""
    rows, columns = numpy.mgrid[0 : _SHAPE[0], 0 : _SHAPE[1]].astype("float32")
    random = numpy.random.default_rng(20181025)
    hills = numpy.zeros(_SHAPE, dtype="float32")
    for _ in range(24):
        x, y, width, height = (*(random.random(2) * _SHAPE[::-1]), *(40 + 160 * random.random(2)))
        hills += numpy.exp(-(((columns - x) / width) ** 2) - ((rows - y) / height) ** 2)
    river = numpy.abs(columns - 512 - 160 * numpy.sin(rows / 120)) < 8
    outside = columns + 0.2 * rows < 60
    bands = []
    for brightness in (900, 1100, 700):
        band = brightness + 600 * hills + random.normal(0, 20, _SHAPE)
        band[river] = 0.3 * brightness
        bands.append(numpy.clip(band, 1, 10_000).astype("uint16"))
    pixels = numpy.stack(bands)
    pixels[:, outside] = _NODATA
    write_cog(
        pixels,
        path,
        grid=Grid(parse_crs("EPSG:32632"), Affine(_PIXEL, 0, 600_000, 0, -_PIXEL, 5_300_000), _SHAPE),
        bands=[BandLayer(description=name, nodata=_NODATA) for name in ("red", "green", "blue")],
    )


def _shown(pixels: numpy.ma.MaskedArray[tuple[int, ...], numpy.dtype[numpy.generic]]) -> str:
    masked = int(numpy.ma.getmaskarray(pixels).sum())
    return f"shape {pixels.shape}, {pixels.dtype}, {masked:,} of {pixels.size:,} pixels masked"
