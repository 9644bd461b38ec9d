"""Every EPSG code of a map: reads on other CRSs, `point()` and footprints are at one place, whatever the datums are.

Takes some hours on two cores; one part is a hundredth of the codes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.places_of_crs import Somewhere, codes, places_of

pytestmark = pytest.mark.campaign

PARTS = 100
OTHERS = [3857, 4326, 32633, 27700, 23031, 4267, 2393, 20256, 4807]


@pytest.mark.parametrize("part", range(PARTS))
def test_places_of_every_code(tmp_path: Path, part: int) -> None:
    """3.9, ours."""
    wrong = []
    for code in codes(seed=8)[part::PARTS]:
        for place in places_of(code):
            try:
                Somewhere.at(tmp_path, code, place).check(OTHERS)
            except AssertionError as error:
                wrong.append((code, place, str(error)[:200]))
    assert wrong == []
