"""Every EPSG code of a map: reads on other CRSs, `point()` and footprints are at one place, whatever the datums are.

Takes half an hour of processor time; one part is a hundredth of the codes. `OTHERS` take turns: each code is read on
four of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.report import Tally
from tests.places_of_crs import Somewhere, codes, places_of

pytestmark = pytest.mark.campaign

PARTS = 100
OTHERS = [3857, 4326, 32633, 27700, 23031, 4267, 2393, 20256, 4807]


@pytest.mark.parametrize("part", range(PARTS))
def test_places_of_every_code(tmp_path: Path, tally: Tally, part: int) -> None:
    """3.9, ours."""
    chosen, tried, wrong = codes(seed=8)[part::PARTS], 0, list[str]()
    for code in chosen:
        for number, place in enumerate(places_of(code)):
            somewhere = Somewhere.at(tmp_path, code, place)
            tried += somewhere.has_place
            try:
                somewhere.check([OTHERS[(code + number) % len(OTHERS)]])
            except AssertionError as error:
                wrong.append(f"{code} at {place}: {error!s:.200}")
    tally.add("places", f"part {part}", codes=len(chosen), places=tried, wrong=len(wrong))
    assert wrong == []
