from __future__ import annotations

import pytest
from affine import Affine
from rasterio.crs import CRS

from localcat import geo
from localcat.earth import contexts as geocontext
from localcat.earth.contexts import Grid

UTM_18 = CRS.from_epsg(32618)


def test_a_north_up_grid() -> None:
    grid = Grid(UTM_18, Affine(10.0, 0.0, 500000.0, 0.0, -20.0, 4600000.0), (48, 64))
    assert (grid.height, grid.width) == (48, 64)
    assert grid.geotransform == (500000.0, 10.0, 0.0, 4600000.0, 0.0, -20.0)
    assert grid.corners == ((500000, 4600000), (500640, 4600000), (500640, 4599040), (500000, 4599040))
    assert grid.bounds == (500000, 4599040, 500640, 4600000)
    assert grid.resolution == (10.0, 20.0)


def test_a_rotated_grid() -> None:
    grid = Grid(UTM_18, Affine(6.0, 8.0, 500000.0, 8.0, -6.0, 4600000.0), (10, 20))
    assert grid.geotransform == (500000.0, 6.0, 8.0, 4600000.0, 8.0, -6.0)
    assert grid.resolution == (10.0, 10.0)
    assert grid.bounds == (500000, 4599940, 500200, 4600160)


def test_grids_are_values() -> None:
    grid = Grid(UTM_18, Affine(10.0, 0.0, 500000.0, 0.0, -10.0, 4600000.0), (48, 64))
    assert grid == Grid(CRS.from_epsg(32618), Affine(10.0, 0.0, 500000.0, 0.0, -10.0, 4600000.0), (48, 64))
    with pytest.raises(AttributeError, match="shape"):
        grid.shape = (1, 1)  # type: ignore[misc]


@pytest.mark.parametrize("module", [geo, geocontext])
def test_public_names_exist(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    assert all(hasattr(module, name) for name in names)
    assert {"AOI", "DLTile", "GeoContext", "XYZTile"} <= set(names)
