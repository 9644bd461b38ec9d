"""Files with ground control points on a grid: each pixel is where its points say, and nothing is outside of them."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.transform import rowcol
from rasterio.warp import transform

from localcat.errors import CorruptImageError, TooLargeError
from localcat.rasters.files.control_points import ControlPoints
from localcat.rasters.files.describe import describe
from localcat.rasters.warping.straight import straight_of
from localcat.rasters.writing.checks import BandLayer
from localcat.rasters.writing.copying import as_cog
from localcat.rasters.writing.options import CogOptions
from tests.scene_folders import SWATH, UTM33, swath, swath_place

HEIGHT, WIDTH = SWATH
NUMBERS = numpy.arange(1, 1 + HEIGHT * WIDTH).reshape(SWATH)


def written(path: Path, **options: object) -> tuple[numpy.ma.MaskedArray, rasterio.DatasetReader]:
    as_cog(path, path.with_suffix(".cog.tif"), **options)  # type: ignore[arg-type]
    with rasterio.open(path.with_suffix(".cog.tif")) as file:
        return file.read(masked=True), file


@pytest.mark.parametrize(
    ("crs", "origin", "epsg"),
    [
        ("EPSG:32633", (600_000, 5_300_000), 32633),
        ("EPSG:32733", (600_000, 8_300_000), 32733),
        ("EPSG:32601", (169_000, 896_500), 32601),  # across the antimeridian, where zone 1 begins
        ("EPSG:32661", (2_000_100, 2_000_050), 32661),  # at the North Pole
        ("EPSG:32761", (2_000_100, 2_000_050), 32761),
    ],
)
def test_each_pixel_is_where_its_points_say(tmp_path: Path, crs: str, origin: tuple[float, float], epsg: int) -> None:
    path = swath(tmp_path / "a.tif", crs=crs, origin=origin)
    pixels, file = written(path, declared={1: BandLayer(nodata=0)})
    if epsg == 32601:
        assert file.crs.to_epsg() in (32601, 32660)
        epsg = file.crs.to_epsg()
    assert (file.crs.to_epsg(), file.transform.a, file.transform.e) == (epsg, 10, -10)
    assert (file.transform.c % 10, file.transform.f % 10) == (0, 0)
    rows, columns = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    xs, ys = swath_place(columns.ravel() + 0.5, rows.ravel() + 0.5)
    xs, ys = transform(crs, f"EPSG:{epsg}", origin[0] + xs, origin[1] + ys)
    found = pixels[0][rowcol(file.transform, xs, ys)]
    is_there = ~found.mask  # but for some at the edge, where the middle of the grid's pixel is outside
    at_rows, at_columns = numpy.divmod(found.compressed().astype(int) - 1, WIDTH)
    assert is_there.mean() > 0.97
    assert abs(at_rows - rows.ravel()[is_there]).max() <= 1  # the nearest pixel of a turned grid
    assert abs(at_columns - columns.ravel()[is_there]).max() <= 1
    assert (at_rows == rows.ravel()[is_there]).mean() > 0.75
    assert pixels.count() == pytest.approx(HEIGHT * WIDTH, rel=0.03)
    assert set(numpy.unique(pixels.compressed())) <= set(NUMBERS.ravel())


def test_the_outline_is_that_of_the_pixels(tmp_path: Path) -> None:
    found = describe(swath(tmp_path / "a.tif"))
    straight = straight_of(found.control_points, found.shape)
    xs, ys = swath_place(numpy.array([0, WIDTH, WIDTH, 0]), numpy.array([0, 0, HEIGHT, HEIGHT]))
    corners = transform(UTM33, "EPSG:4326", 600_000 + xs, 5_300_000 + ys)
    expected = shapely.Polygon(numpy.column_stack(corners))
    assert straight.outline.symmetric_difference(expected).area < expected.area / 1000
    assert (found.grid, straight.grid.shape) == (None, (74, 90))


def test_an_outline_across_the_antimeridian_has_two_parts(tmp_path: Path) -> None:
    found = describe(swath(tmp_path / "a.tif", crs="EPSG:32601", origin=(169_000, 896_500)))
    outline = straight_of(found.control_points, found.shape).outline
    assert (outline.geom_type, outline.bounds[0], outline.bounds[2]) == ("MultiPolygon", -180, 180)


def test_points_on_a_map_keep_it(tmp_path: Path) -> None:
    _, file = written(swath(tmp_path / "a.tif", points_in="EPSG:3035"))
    assert (file.crs.to_epsg(), file.transform.a) == (3035, 10)


@pytest.mark.parametrize("options", [CogOptions(), CogOptions(small_bytes=0)], ids=["in memory", "over the disk"])
@pytest.mark.parametrize(
    ("dtype", "profile", "nodata"),
    [
        ("uint16", {}, None),
        ("uint16", {"nodata": 7}, 7),
        ("float32", {"nodata": float("nan")}, float("nan")),
        ("int16", {"count": 2}, None),
    ],
)
def test_pixels_outside_of_the_file_are_invalid(
    tmp_path: Path, dtype: str, profile: dict[str, object], nodata: float | None, options: CogOptions
) -> None:
    pixels, file = written(swath(tmp_path / "a.tif", dtype, **profile), options=options)
    assert (repr(file.nodata), pixels.dtype) == (repr(None if nodata is None else float(nodata)), dtype)
    marked = 1 if nodata == 7 else 0  # the file's own pixel of that value
    assert pixels[0].count() == pytest.approx(HEIGHT * WIDTH, rel=0.03)
    assert pixels.mask[0, 0, 0]
    assert pixels.mask[0, -1, -1]
    assert 7 not in pixels.compressed() if marked else 7 in pixels.compressed()


def test_an_internal_mask_comes_along(tmp_path: Path) -> None:
    path = swath(tmp_path / "a.tif")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(numpy.where(NUMBERS <= WIDTH * 30, 0, 255).astype("uint8"))
    pixels, _ = written(path)
    assert pixels.compressed().min() > WIDTH * 30
    assert pixels.count() == pytest.approx(HEIGHT * WIDTH / 2, rel=0.03)


def lattice(place: object, count: int = 4) -> ControlPoints:
    sides = [(column, row) for row in range(count) for column in range(count)]
    return ControlPoints(CRS.from_epsg(4326), tuple((c * 20.0, r * 20.0, *place(c, r)) for c, r in sides))


@pytest.mark.parametrize(
    ("place", "error", "words"),
    [
        (lambda c, r: (10.0, 48.0), CorruptImageError, "place no area on the Earth"),
        (lambda c, r: (10 + c / 1000, 48 + c / 1000), CorruptImageError, "place no area on the Earth"),
        (lambda c, r: (500 + c, 480.0 + r), CorruptImageError, "place no area on the Earth"),
        (
            lambda c, r: (10 + c / 1e4 + (1 if (c, r) == (3, 3) else 0), 48 - r / 1e4),
            TooLargeError,
            "spread 60 × 60 pixels over",
        ),
    ],
    ids=["one place", "a line", "off the Earth", "a point far off"],
)
def test_points_without_sense_are_refused(place: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        straight_of(lattice(place), (60, 60))


def test_many_points_are_taken_as_a_polynomial(tmp_path: Path) -> None:
    pixels, file = written(swath(tmp_path / "a.tif", lattice=(30, 40)), declared={1: BandLayer(nodata=0)})
    assert file.shape == (75, 90)
    assert pixels.count() == pytest.approx(HEIGHT * WIDTH, rel=0.03)
