"""Three catalogs that are changed, copied and merged in any order come to agree; `tests.laptops` has their world."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laptops import World, laptop_steps, run_history

steps = st.lists(laptop_steps, min_size=8, max_size=24)


@given(steps)
@settings(max_examples=30, deadline=None)
def test_any_history_converges_and_loses_nothing_unless_it_is_listed(history) -> None:
    """20, three-way merge."""
    run_history(World, history)
