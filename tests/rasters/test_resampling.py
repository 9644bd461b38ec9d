"""The names of resamplings: one table, and the enumerations that users pass."""

from __future__ import annotations

import pytest
from rasterio.enums import Resampling

from localcat import OverviewResampler, ResampleAlgorithm
from localcat.rasters.files.resampling import OVERVIEW_RESAMPLINGS, READ_RESAMPLINGS, method_of


def test_the_enumerations_have_the_names_of_the_table() -> None:
    assert set(OverviewResampler) == set(OVERVIEW_RESAMPLINGS)
    assert set(ResampleAlgorithm) == set(READ_RESAMPLINGS) - {"nearest", "cubic_spline"}


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("nearest", Resampling.nearest),
        ("near", Resampling.nearest),
        ("cubicspline", Resampling.cubic_spline),
        ("cubic_spline", Resampling.cubic_spline),
        ("gauss", Resampling.gauss),
        ("med", Resampling.med),
        ("average_mp", Resampling.average),
    ],
)
def test_each_name_has_a_method(name: str, method: Resampling) -> None:
    assert method_of(name) is method
    assert all(isinstance(method_of(known), Resampling) for known in (*READ_RESAMPLINGS, *OVERVIEW_RESAMPLINGS))
