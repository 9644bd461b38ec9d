"""Every EPSG code of a map: reads on it and on others, `point()` and footprints are at one place, whatever the datums.

Takes an hour of processor time. One part is a hundredth of the codes, and a turn one place of each: the places
inside, at and beyond the area of use take turns, and so do `OTHERS`, so that each code is read on four of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.report import Tally
from tests.places_of_crs import Somewhere, codes, places_of

pytestmark = pytest.mark.campaign

PARTS, TURNS = 100, 4
OTHERS = [3857, 4326, 32633, 27700, 23031, 4267, 2393, 20256, 4807]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("turn", range(TURNS))
def test_places_of_every_code(tmp_path: Path, tally: Tally, turn: int, part: int) -> None:
    """3.9, ours."""
    chosen, tried, wrong = codes(seed=8)[part::PARTS], 0, list[str]()
    for number, code in enumerate(chosen):
        places = places_of(code)
        if not places:  # its area is around a pole
            continue
        place, other = places[(number + turn) % len(places)], OTHERS[(number + turn) % len(OTHERS)]
        somewhere = Somewhere.at(tmp_path, code, place)
        tried += somewhere.has_place
        try:
            somewhere.check([other])
            somewhere.check_from(other)
        except AssertionError as error:
            wrong.append(f"{code} at {place}: {error!s:.200}")
    tally.add("places", f"turn {turn}, part {part}", codes=len(chosen), places=tried, wrong=len(wrong))
    assert wrong == []
