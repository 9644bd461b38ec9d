from __future__ import annotations

import pickle

import pytest
from rasterio.crs import CRS
from shapely.geometry import box

from localcat.errors import BadRequestError
from localcat.geocontext import AOI, Grid

UTM_TILE = (499980.0, 4490220.0, 609780.0, 4600020.0)  # a Sentinel-2 tile of 10980 x 10980 pixels of 10 m


def native_context(**parts: object) -> AOI:
    return AOI(
        geometry=box(-75.0, 40.6, -73.8, 41.5),
        crs="EPSG:32618",
        bounds=UTM_TILE,
        bounds_crs="EPSG:32618",
        shape=(10980, 10980),
        align_pixels=False,
    ).assign(**parts)


def test_a_shape_gives_back_the_transform_of_the_image() -> None:
    grid = native_context().grid()
    assert grid.crs == CRS.from_epsg(32618)
    assert grid.geotransform == (499980.0, 10.0, 0.0, 4600020.0, 0.0, -10.0)
    assert grid.shape == (10980, 10980)
    assert isinstance(grid, Grid)


def test_a_resolution_takes_the_place_of_the_shape() -> None:
    coarse = native_context().assign(resolution=60)
    assert coarse.shape is None
    assert coarse.align_pixels is False
    assert coarse.grid().geotransform == (499980.0, 60.0, 0.0, 4600020.0, 0.0, -60.0)
    assert coarse.grid().shape == (1830, 1830)


def test_both_resolution_and_shape_are_refused() -> None:
    with pytest.raises(BadRequestError, match="Cannot set both resolution and shape"):
        AOI(resolution=10, shape=(3, 4))
    with pytest.raises(ValueError, match="Cannot set both resolution and shape"):
        AOI(resolution=10).assign(shape=(3, 4))


def test_pickle_and_equality() -> None:
    context = native_context()
    again = pickle.loads(pickle.dumps(context))
    assert again == context
    assert hash(again) == hash(context)
    assert again.assign(resolution=60) != context
