"""Peak memory of large rasters: what a child process takes beside its result, by the system's own count."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")

CHILD = """
import sys
from pathlib import Path

import numpy
import rasterio
from affine import Affine

from localcat import Catalog, Image, ImageCollection, ImageUploadOptions, MaskBand, Product, SpectralBand
from localcat.reading import plan
from localcat.rasters.files import environment
from localcat.rasters.warping import pieces
from localcat.rasters.writing import strips

what, side, tile, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
if tile < 512:  # everything smaller by the same factor
    strips.BLOCK = pieces.BLOCK = tile
    pieces.MOST_COLUMNS = 4 * tile
    strips.STRIP_BYTES = plan._STRIP_BYTES = environment.CACHE_BYTES = 2**22
TILED = {"tiled": True, "blockxsize": tile, "blockysize": tile}
META = {"geoTransform": [500_000, 10, 0, 4_000_000, 0, -10], "coordinateSystem": {"epsg": 32618}}


def resident(field):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def sparse_file(name, side, layout):
    # Of nothing but nodata, apart from one row of tiles: as large as any when decoded, and small on the disk.
    path = folder / f"{name}-{side}.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=2, dtype="uint16", crs="EPSG:32618", nodata=0,
        transform=Affine.from_gdal(*META["geoTransform"]), interleave="band", compress="deflate", sparse_ok=True,
        **layout,
    ) as dataset:
        for band in (1, 2):
            dataset.write(numpy.full((tile, side), 7, "uint16"), band, window=((0, tile), (0, side)))
    return path


def masked_array(side):
    array = numpy.full((2, side, side), 5, "uint16")
    mask = numpy.zeros(array.shape, bool)
    mask[:, :tile] = True
    return numpy.ma.MaskedArray(array, mask=mask)


def make(product, name, side, layout=TILED, **options):
    image = Image(product=product, name=f"{name}{side}", acquired="2020-01-01")
    image.upload(sparse_file(name, side, layout), **options).raise_for_status()
    assert abs(image.fill_fraction - tile / side) < 1e-9
    return image


def run(product, side):
    # Returns the bytes of the result that are new, and those taken beside.
    if what.startswith("array"):
        array = masked_array(side)
        before, new = resident("VmRSS"), 0
        image = Image(product=product, name=f"a{side}", acquired="2020-01-01")
        image.upload_ndarray(array, raster_meta=META, overviews=[2, 4]).raise_for_status()
    elif what == "file":
        before, new = resident("VmRSS"), 0
        image = make(product, "file", side)
        assert image.files[0].size_bytes == (folder / f"file-{side}.tif").stat().st_size
    elif what == "rewritten file":
        before, new = resident("VmRSS"), 0
        options = ImageUploadOptions(overviews=[2, 4], blocksize=tile)
        image = make(product, "strips", side, {"blockysize": 16}, upload_options=options, cog=True)
        with rasterio.open(catalog.path_of(image.files[0])) as dataset:
            assert dataset.block_shapes[0] == (tile, tile) and dataset.overviews(2) == [2, 4]
    else:
        images = ImageCollection([make(product, name, side) for name in ("below", "above")])
        before = resident("VmRSS")
        context = images[0].geocontext.assign(geometry=None)
        result = images.mosaic("a b", context, scaling="display")
        assert result.mask[:, tile:].all() and not result.mask[:, :tile].any()
        new = result.data.nbytes + result.mask.nbytes
    return new, resident("VmHWM") - before - new


with Catalog.temporary(org="a") as catalog, catalog.as_default():
    product = Product(id="p", name="P")
    product.save()
    for index, name in enumerate("ab"):
        SpectralBand(
            name=name, product=product, data_type="UInt16", data_range=(0, 9), nodata=0, band_index=index
        ).save()
    if what == "array lacking alpha":
        MaskBand(name="alpha", product=product, is_alpha=True, data_type="UInt16", band_index=2).save()
    run(product, 2 * tile)  # loads what is loaded once
    for image in product.images():
        image.delete()
    print(*run(product, side))
"""

SMALL = (4352, 128, 84)  # columns and rows, edge of a tile: 76 MB decoded; MB that may be taken beside the result
LARGE = (16_384, 512, 300)  # 1 GiB


@pytest.mark.parametrize("what", ["array", "array lacking alpha", "file", "rewritten file", "mosaic"])
@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.campaign)], ids=["small", "1 GiB"])
def test_memory_is_bounded_by_the_result_and_a_few_blocks(tmp_path: Path, what: str, size: tuple[int, int]) -> None:
    side, tile, allowed = size
    command = [sys.executable, "-c", CHILD, what, str(side), str(tile), str(tmp_path)]
    run = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    new, beside = map(int, run.stdout.split())
    raster = 2 * 2 * side * side
    assert new == (raster if what == "mosaic" else 0)
    assert beside < allowed * 2**20, f"{beside / 2**20:.0f} MB beside the result"
