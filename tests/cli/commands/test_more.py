"""Commands about localcat itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcat import Catalog
from tests.real_data import REAL_DATA, needs_real_data
from tests.shell import complaint, run


def test_the_demo_tells_the_flow_and_leaves_nothing() -> None:
    output = run("demo")
    assert "1. A catalog: demo.gpkg, pixels in demo.data/" in output
    assert "a COG with overviews [2, 4]" in output
    assert "7. Read again, it has the same pixels and mask: True" in output
    assert "8. Searching by place and time finds 2: demo:example-product:scene2, demo:example-scenes:scene1" in output
    assert "which scene2 does not set: demo:example-scenes:scene1" in output
    assert " - Interval start: 2018-10-01 00:00:00+00:00" in output


def test_the_demo_keeps_its_catalog_where_told(tmp_path: Path) -> None:
    output = run("demo", "--keep", tmp_path / "here")
    assert "The catalog stays in" in output
    with Catalog.open(tmp_path / "here" / "demo.gpkg") as catalog:
        assert catalog.images.count() == 2
        assert {str(image.storage_state) for image in catalog.images} == {"available"}
    before = sorted(path.name for path in tmp_path.rglob("*"))
    complaint("demo", "--keep", tmp_path / "here")
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@needs_real_data
@pytest.mark.parametrize("name", ["RGB.byte.tif", "shade.tif", "alpha.tif"])
def test_the_demo_takes_a_raster_of_the_users(name: str) -> None:
    output = run("demo", "--raster", REAL_DATA / "rasters" / name)
    assert "7. Read again, it has the same pixels and mask: True" in output
