"""Which pixels are invalid: the union of what a file and its product say, compared with the same in plain numpy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rasterio.enums import ColorInterp, Resampling
from rasterio.vrt import WarpedVRT

from localcat import AOI, Catalog, Image
from localcat.rasters.files.resampling import method_of
from localcat.rasters.reading.read import BandSource, read_bands
from tests.drawing import examples
from tests.small_catalog import alpha, make_product, new_image, spectral, upload
from tests.small_rasters import make_grid, placed, shifted

ROWS, COLUMNS = 24, 36
GRID = make_grid((ROWS, COLUMNS))
AREAS = ("average", "mode", "max", "min", "med", "q1", "q3")
TYPES = {"uint8": "Byte", "int16": "Int16", "float32": "Float32"}


@dataclass(frozen=True)
class Case:
    """What is said about one measured band, b, which the file's own opacity and a declared alpha band may follow."""

    dtype: str
    declared: float | None  # nodata of the band
    own: float | None  # nodata of the file
    has_mask: bool  # whether the file has an internal mask
    has_opacity: bool  # whether the file has a band of the colour alpha, which the product does not declare
    has_alpha: bool  # whether the product declares an alpha band
    mask_nodata: bool
    mask_alpha: bool | None
    seed: int

    @property
    def values(self) -> Any:
        """The pixels of the band: few values, among them each nodata, and NaN where the type has it."""
        values = numpy.random.default_rng(self.seed).choice([0, 1, 2, 3, 50], (ROWS, COLUMNS)).astype(self.dtype)
        if self.dtype == "float32":
            values[values == 3] = numpy.nan
        return values

    def hidden(self, number: int) -> Any:
        """Return a mask: of the file (0), of its opacity (1), of the declared alpha band (2)."""
        return numpy.random.default_rng([self.seed, number]).random((ROWS, COLUMNS)) < 0.2

    @property
    def nodata(self) -> Any:
        """Where the band is invalid by its values."""
        values = self.values
        found = numpy.isnan(values) if self.dtype == "float32" else numpy.zeros(values.shape, dtype=bool)
        for number in (self.declared, self.own):
            if number is not None:
                found = found | (values == number)
        return found

    @property
    def transparent(self) -> Any:
        """Where the band is invalid by a mask or by opacity."""
        kinds = (self.has_mask, self.has_opacity, self.has_alpha)
        found = [self.hidden(number) for number, is_there in enumerate(kinds) if is_there]
        return numpy.logical_or.reduce(found) if found else numpy.zeros((ROWS, COLUMNS), dtype=bool)

    @property
    def invalid(self) -> Any:
        """Where a read masks the band."""
        found = self.nodata if self.mask_nodata else numpy.zeros((ROWS, COLUMNS), dtype=bool)
        return found if self.mask_alpha is False else found | self.transparent

    def write(self, path: Path) -> Path:
        layers = [self.values]
        layers += [numpy.where(self.hidden(1), 0, 7)] if self.has_opacity else []
        layers += [numpy.where(self.hidden(2), 0, 1)] if self.has_alpha else []
        colors = [ColorInterp.gray, *[ColorInterp.alpha] * self.has_opacity, *[ColorInterp.undefined] * self.has_alpha]
        profile = {"driver": "GTiff", "count": len(layers), "dtype": self.dtype, "nodata": self.own, **placed(GRID)}
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as file:
            file.colorinterp = colors
            file.write(numpy.stack(layers).astype(self.dtype))
            if self.has_mask:
                file.write_mask(~self.hidden(0))
        return path

    def image(self, catalog: Catalog, path: Path) -> Image:
        bands = [spectral("b", nodata=self.declared)]
        bands += [alpha(band_index=1 + self.has_opacity)] if self.has_alpha else []
        image = new_image(make_product("p", *bands, catalog=catalog, data_type=TYPES[self.dtype]))
        image.upload(self.write(path), copy=False).raise_for_status()
        return image

    def read(self, image: Image, context: AOI | None = None, resampler: str = "near") -> Any:
        return image.ndarray(
            "b", context, mask_nodata=self.mask_nodata, mask_alpha=self.mask_alpha, resampler=resampler
        )


CASES = st.builds(
    Case,
    dtype=st.sampled_from(sorted(TYPES)),
    declared=st.sampled_from([None, 0, 1]),
    own=st.sampled_from([None, 0, 2]),
    has_mask=st.booleans(),
    has_opacity=st.booleans(),
    has_alpha=st.booleans(),
    mask_nodata=st.booleans(),
    mask_alpha=st.sampled_from([None, False]),
    seed=st.integers(0, 99),
)
SETTINGS = settings(
    max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def coarse(factor: int) -> AOI:
    west, north = GRID.transform.c, GRID.transform.f
    box = (west, north - 10 * ROWS, west + 10 * COLUMNS, north)
    shape = (ROWS // factor, COLUMNS // factor)
    return AOI(bounds=box, bounds_crs="EPSG:32618", crs="EPSG:32618", shape=shape, align_pixels=False)


def blocks(array: Any, factor: int) -> Any:
    """Return an array whose last axis holds the pixels below each coarse one."""
    parts = array.reshape(ROWS // factor, factor, COLUMNS // factor, factor)
    return parts.swapaxes(1, 2).reshape(ROWS // factor, COLUMNS // factor, -1)


@SETTINGS
@given(case=CASES)
def test_a_pixel_is_invalid_where_the_file_or_the_product_says_so(tmp_path, case: Case) -> None:
    """Choice 25; 3.6."""
    with Catalog.temporary(org="acme") as catalog:
        image = case.image(catalog, tmp_path / "x.tif")
        found = case.read(image)
        if case.mask_nodata or (case.has_alpha and case.mask_alpha is None):
            assert_array_equal(found.mask[0], case.invalid)
        assert_array_equal(numpy.ma.getdata(found)[0], case.values)
        assert image.fill_fraction == pytest.approx(1 - (case.nodata | case.transparent).mean())


@SETTINGS
@given(case=CASES, factor=st.sampled_from([2, 3, 4]), name=st.sampled_from(["average", "max", "min"]))
def test_an_area_is_valid_where_any_pixel_is_and_made_of_the_valid_ones(tmp_path, case: Case, factor, name) -> None:
    """Choice 26."""
    with Catalog.temporary(org="acme") as catalog:
        found = case.read(case.image(catalog, tmp_path / "x.tif"), coarse(factor), name)
    invalid = case.nodata | (False if case.mask_alpha is False else case.transparent)
    values = numpy.ma.MaskedArray(blocks(case.values.astype("float64"), factor), mask=blocks(invalid, factor))
    counts = (~values.mask).sum(axis=-1) > 0
    if case.mask_nodata:
        assert_array_equal(found.mask[0], ~counts)
    function = {"average": numpy.ma.mean, "max": numpy.ma.max, "min": numpy.ma.min}[name]
    expected = function(values, axis=-1).filled(0)
    rounding = 1e-4 if case.dtype == "float32" else 0.5001
    assert (numpy.abs(numpy.ma.getdata(found)[0] - expected)[counts] < rounding).all()


@SETTINGS
@given(case=CASES, name=st.sampled_from(["near", "bilinear", "cubic"]))
def test_others_keep_the_mask_of_the_nearest_pixel(tmp_path, case: Case, name) -> None:
    """Choice 26: three times finer, the nearest pixel is the one that it lies in."""
    with Catalog.temporary(org="acme") as catalog:
        image = case.image(catalog, tmp_path / "x.tif")
        fine = image.geocontext.assign(shape=(3 * ROWS, 3 * COLUMNS), geometry=None)
        found = case.read(image, fine, name)
    if case.mask_nodata or (case.has_alpha and case.mask_alpha is None):
        assert_array_equal(found.mask[0], case.invalid.repeat(3, 0).repeat(3, 1))
    is_valid = ~(case.nodata | case.transparent).repeat(3, 0).repeat(3, 1)
    assert set(numpy.unique(numpy.ma.getdata(found)[0][is_valid])).isdisjoint({numpy.nan})
    assert numpy.isfinite(numpy.ma.getdata(found)[0][is_valid].astype("float64")).all()


def of_sevens(product: str, valid: Any, kind: str, overviews: list[int]) -> Image:
    """An image whose valid pixels are 7; what hides the others is nodata, an alpha band or an internal mask."""
    pixels = numpy.where(valid, 7, 1).astype("uint16")[numpy.newaxis]
    bands = [spectral("b", nodata=1 if kind == "nodata" else None), *([alpha()] if kind == "alpha" else [])]
    if kind == "alpha":
        pixels = numpy.concatenate((pixels, valid[numpy.newaxis].astype("uint16")))
    if kind == "internal mask":
        pixels = numpy.ma.MaskedArray(pixels, mask=~valid[numpy.newaxis])
    meta = {"geoTransform": [500_000, 10, 0, 4_000_000, 0, -10], "coordinateSystem": {"epsg": 32618}}
    return upload(make_product(product, *bands), "x", pixels, meta=meta, options={"overviews": overviews})


@pytest.mark.parametrize("overviews", [[], [2, 4]])
@pytest.mark.parametrize("name", AREAS)
@pytest.mark.parametrize("kind", ["nodata", "alpha", "internal mask"])
def test_thin_features_stay_with_and_without_overviews(catalog: Catalog, kind, name, overviews) -> None:
    """Choice 26: one valid column in eight."""
    valid = numpy.zeros((128, 192), dtype=bool)
    valid[:, 3::8] = True
    image = of_sevens("p", valid, kind, overviews)
    for resolution in (20, 40, 80):
        context = image.geocontext.assign(resolution=resolution, geometry=None)
        found = image.ndarray("b", context, resampler=name)
        share = {20: 0.25, 40: 0.5, 80: 1.0}[resolution]
        assert 1 - found.mask.mean() == share
        assert set(found.compressed()) == {7}


def scattered(kind: str, overviews: list[int]) -> Image:
    """Three pixels in a hundred are valid."""
    valid = numpy.random.default_rng(8).random((120, 180)) < 0.03
    return of_sevens(f"p{len(overviews)}", valid, kind, overviews)


@pytest.mark.parametrize("kind", ["nodata", "alpha", "internal mask"])
@pytest.mark.parametrize(
    "changes",
    [
        {"resolution": 30},
        {"resolution": 50},
        {"resolution": 44.4},
        {"bounds": (500_010, 3_998_890, 501_690, 3_999_990), "resolution": 40},
        {"bounds": (500_020, 3_998_880, 501_700, 4_000_000), "resolution": 80},
        {"crs": "EPSG:3857", "bounds_crs": "EPSG:4326", "resolution": 70},
        {"crs": "EPSG:4326", "bounds_crs": "EPSG:4326", "resolution": 0.0006},
    ],
    ids=lambda changes: str(changes.get("crs", "")) + str(changes["resolution"]),
)
def test_averages_are_there_where_any_valid_pixel_is_on_every_grid(catalog: Catalog, kind, changes) -> None:
    """Choice 26: with overviews, too, of which a pixel would count as a whole."""
    plain, reduced = scattered(kind, []), scattered(kind, [2, 4, 8])
    if "crs" in changes:
        place = AOI(plain.geometry, bounds="update").assign(geometry=None, **changes)
    else:
        place = plain.geocontext.assign(geometry=None, align_pixels=False, shape=None, **changes)
    expected, found = (image.ndarray("b", place, resampler="average") for image in (plain, reduced))
    assert 0.1 < expected.mask.mean() < 0.9
    assert_array_equal(found.mask, expected.mask)
    assert set(found.compressed()) == {7}


def test_averages_of_a_third_are_there_where_any_of_nine_pixels_is(catalog: Catalog) -> None:
    image = scattered("nodata", [2, 4])
    valid = (numpy.random.default_rng(8).random((120, 180)) < 0.03).reshape(40, 3, 60, 3).any(axis=(1, 3))
    place = image.geocontext.assign(geometry=None, resolution=30)
    assert_array_equal(image.ndarray("b", place, resampler="average").mask[0], ~valid)


@pytest.mark.parametrize("name", [*AREAS, "bilinear", "cubic"])
@pytest.mark.parametrize("nodata", [None, 5])
@pytest.mark.parametrize("ratio", [1.5, 2.25, 4])
def test_reads_equal_those_of_gdal_that_is_told_its_scale(tmp_path, name, nodata, ratio) -> None:
    """Choice 26."""
    path, values = tmp_path / "x.tif", numpy.random.default_rng(3).integers(5, 60, (ROWS, COLUMNS)).astype("uint8")
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", nodata=nodata, **placed(GRID)) as file:
        file.write(values, 1)
    grid = shifted(GRID, 0, 0, scale=ratio, shape=(int(ROWS / ratio), int(COLUMNS / ratio)))
    found = read_bands([BandSource(path, 1)], grid, resampling=name)
    told = {"XSCALE": str(1 / ratio), "YSCALE": str(1 / ratio)}
    with (
        rasterio.open(path) as file,
        WarpedVRT(file, resampling=method_of(name), add_alpha=True, **placed(grid), **told) as view,
    ):
        expected, opacity = view.read(1), view.read(2)
    if method_of(name) in (Resampling.bilinear, Resampling.cubic):
        both = ~found.mask[0] & (opacity > 0)
        assert_array_equal(found.data[0][both], expected[both])
    else:
        assert_array_equal(found.mask[0], opacity == 0)
        assert_array_equal(found.data[0][opacity > 0], expected[opacity > 0])
