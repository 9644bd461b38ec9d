"""Catalogs as datasets of xarray, opened by its own function; and Dask's processes that compute with them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from numpy.testing import assert_array_equal

from localcat import AOI, Catalog, MaskBand
from localcat import properties as p
from localcat.errors import BadRequestError, CatalogNotFoundError, NotFoundError
from localcat.interop.xarray_engine import LocalcatBackend
from tests.small_catalog import make_product, spectral, upload

xarray = pytest.importorskip("xarray")

ROOT = Path(__file__).resolve().parents[2]
GRID = {"geoTransform": [500_000, 60, 0, 4_000_000, 0, -60], "coordinateSystem": {"epsg": 32618}}
BOUNDS = (500_000, 4_000_000 - 64 * 60, 500_000 + 48 * 60, 4_000_000)
AREA = AOI(bounds=BOUNDS, bounds_crs="EPSG:32618", crs="EPSG:32618", resolution=60, align_pixels=False)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of five days with two bands of different types, a third of whose pixels are masked."""
    path, random = tmp_path_factory.mktemp("engine") / "survey.gpkg", numpy.random.default_rng(5)
    with Catalog.create(path, org="acme") as catalog:
        product = make_product("a", spectral("red", nodata=0), spectral("nir", nodata=0), catalog=catalog)
        for day in range(1, 6):
            array = random.integers(1, 1000, (2, 64, 48)).astype("uint16")
            array[random.random(array.shape) < 0.3] = 0
            upload(product, f"d{day}", array, meta=GRID, acquired=f"2020-01-0{day}T10:00:00Z", cloud_fraction=day / 10)
    return path


@pytest.fixture
def stack(path: Path) -> Iterator[numpy.ma.MaskedArray]:
    with Catalog.open(path, read_only=True) as catalog:
        yield catalog.images.sort("acquired").collect().stack(["red", "nir"], AREA)


def opened(path: Path, **options: object) -> xarray.Dataset:
    return xarray.open_dataset(path, engine=LocalcatBackend, **options)


def test_values_are_those_of_stack(path: Path, stack: numpy.ma.MaskedArray) -> None:
    with opened(path) as dataset:
        assert list(dataset.data_vars) == ["red", "nir"]
        assert (dataset.red.dims, dataset.red.shape, dataset.red.dtype) == (("time", "y", "x"), (5, 64, 48), "float32")
        for position, name in enumerate(("red", "nir")):
            expected = numpy.ma.filled(stack[:, position].astype("float32"), numpy.nan)
            assert_array_equal(dataset[name].values, expected)
        assert dataset.attrs == {"product_id": "acme:a"}
        assert list(dataset.id.values) == [f"acme:a:d{day}" for day in range(1, 6)]
        assert dataset.spatial_ref.attrs["crs_wkt"].startswith("PROJCS")
        assert (dataset.x.values[0], dataset.y.values[0]) == (500_030, 3_999_970)


def test_nothing_is_read_before_it_is_needed(
    path: Path, stack: numpy.ma.MaskedArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from localcat.interop import xarrays

    read: list[object] = []
    original = xarrays.read_stack
    monkeypatch.setattr(
        xarrays, "read_stack", lambda groups, request: read.append(request) or original(groups, request)
    )
    with opened(path, fill_value="nodata") as dataset:
        assert read == []
        part = dataset.nir.isel(time=2, y=slice(10, 20), x=slice(None, None, 7)).values
        assert len(read) == 1
        assert read[0].geocontext.shape == (10, 43)
        assert_array_equal(part, stack[2, 1, 10:20, ::7].filled(0))
        assert part.dtype == numpy.uint16


def test_which_images_and_which_bands(path: Path) -> None:
    with opened(path, bands="nir", where="eo:cloud_cover < 35", datetime="2020-01-02/..") as dataset:
        assert list(dataset.data_vars) == ["nir"]
        assert list(dataset.id.values) == ["acme:a:d2", "acme:a:d3"]
    with opened(path, drop_variables="nir", where=p.name == "d1") as dataset:
        assert (list(dataset.data_vars), dataset.sizes["time"]) == (["red"], 1)


def test_an_area_and_a_grid(path: Path) -> None:
    with Catalog.open(path, read_only=True) as catalog:
        coarse = AREA.assign(resolution=120)
        expected = catalog.images.sort("acquired").collect().to_xarray("red", coarse)
        box = catalog.images.first().geometry.bounds
    with opened(path, bands="red", area=coarse) as dataset:
        assert_array_equal(dataset.red.values, expected.values[:, 0])
    with opened(path, bands="red", area=box, resolution=240) as dataset:
        assert dataset.red.sizes == {"time": 5, "y": 17, "x": 13}  # aligned, it grows outwards


def test_alpha_bands_are_no_variables(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "c.gpkg", org="acme") as catalog:
        product = make_product("a", spectral("red"), catalog=catalog)
        MaskBand(product=product, name="alpha", is_alpha=True, data_type="UInt16", band_index=1).save()
        upload(product, "x", numpy.ones((2, 64, 48), "uint16"), meta=GRID)
    with opened(tmp_path / "c.gpkg", product="a") as dataset:
        assert list(dataset.data_vars) == ["red"]


def test_what_cannot_be_opened(path: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogNotFoundError, match="there is no catalog at '.*missing.gpkg'"):
        opened(tmp_path / "missing.gpkg")
    with pytest.raises(NotFoundError, match="there is no product 'b' in catalog"):
        opened(path, product="b")
    with pytest.raises(BadRequestError, match="no image of product 'acme:a' is found; ask for fewer conditions"):
        opened(path, where=p.cloud_fraction > 0.9)
    with Catalog.create(tmp_path / "two.gpkg", org="acme") as catalog:
        for name in "xy":
            make_product(name, catalog=catalog)
    with pytest.raises(BadRequestError, match=r"has 2 products \(acme:x, acme:y\); pass product="):
        opened(tmp_path / "two.gpkg")


def test_only_catalogs_are_opened_without_a_word(path: Path, tmp_path: Path) -> None:
    guess = LocalcatBackend().guess_can_open
    (tmp_path / "other.gpkg").write_bytes(b"x" * 4096)
    assert guess(str(path))
    assert not any(map(guess, (tmp_path / "other.gpkg", tmp_path / "x.nc", object(), path.with_suffix(".data"))))


def run(program: str, folder: Path, *words: str) -> str:
    """Run a program with the entry point of this checkout, whatever is installed, and where sockets may be opened."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    installed = folder / "localcat_engine-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: localcat-engine\nVersion: 1\n")
    lines = [f"{name} = {value}" for name, value in points["xarray.backends"].items()]
    (installed / "entry_points.txt").write_text("\n".join(["[xarray.backends]", *lines]))
    (folder / "program.py").write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, str(folder / "program.py"), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(folder)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_xarray_finds_the_engine_by_its_name(path: Path, tmp_path: Path) -> None:
    program = """
        import sys
        import xarray
        engines = xarray.backends.list_engines()
        print("localcat" in engines, {"localcat.catalog", "localcat.models.image"} & set(sys.modules))
        with xarray.open_dataset(sys.argv[1], engine="localcat", bands="red") as dataset:
            print(dataset.red.shape)
        with xarray.open_dataset(sys.argv[1]) as dataset:
            print(list(dataset.data_vars))
    """
    assert run(program, tmp_path, str(path)).splitlines() == ["True set()", "(5, 64, 48)", "['red', 'nir']"]


def test_two_processes_of_dask_compute_a_median(path: Path, stack: numpy.ma.MaskedArray, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    program = """
        import sys
        import numpy
        import xarray
        from dask.distributed import Client, LocalCluster

        if __name__ == "__main__":
            with (
                LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
                Client(cluster) as client,
                xarray.open_dataset(sys.argv[1], engine="localcat", chunks={"time": -1, "y": 32, "x": 24}) as dataset,
            ):
                median = dataset[["red", "nir"]].to_array("band").median("time", skipna=True)
                assert len(client.scheduler_info()["workers"]) == 2
                numpy.save(sys.argv[2], median.compute().transpose("band", "y", "x").values)
    """
    run(program, tmp_path, str(path), str(tmp_path / "median.npy"))
    expected = numpy.ma.median(stack, axis=0)
    found = numpy.load(tmp_path / "median.npy")
    assert found.shape == (2, 64, 48)
    assert_array_equal(numpy.isnan(found), numpy.ma.getmaskarray(expected))
    assert_array_equal(found[~numpy.isnan(found)], expected.compressed())
