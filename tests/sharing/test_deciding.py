"""Whose state of an object counts: by what each side knows, then by the policy."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from localcat.sharing.deciding import Knowledge, State, Verdict, decide

A, B = ("a", 1), ("b", 1)  # the change that each side made
NOTHING, BOTH = Knowledge(), Knowledge(a=1, b=1)
OF_A, OF_B = Knowledge(a=1), Knowledge(b=1)


def row(when, stamp, has_pixels=False):
    return State(True, when, stamp, has_pixels)


def grave(when, stamp):
    return State(False, when, stamp)


@pytest.mark.parametrize(
    ("ours", "theirs", "known_here", "known_there", "verdict"),
    [
        (row(1, A), row(2, B), BOTH, OF_B, Verdict("ours")),
        (row(2, A), row(1, B), OF_A, BOTH, Verdict("theirs")),
        (row(1, A), row(2, B), OF_A, OF_B, Verdict("theirs", is_conflict=True)),
        (row(2, A), row(1, B), BOTH, BOTH, Verdict("ours", is_conflict=True)),
        (row(1, A), row(1, B), OF_A, OF_B, Verdict("theirs", is_conflict=True)),  # b is after a
        (row(1, None), row(1, B), NOTHING, OF_B, Verdict("theirs", is_conflict=True)),
        (row(1, A), None, OF_A, NOTHING, Verdict("ours")),  # they never had it
        (row(1, A), None, OF_A, OF_A, Verdict("theirs")),  # and here they had
        (None, row(1, B), NOTHING, OF_B, Verdict("theirs")),
        (None, row(1, B), OF_B, OF_B, Verdict("ours")),
        (row(1, A), grave(2, B), OF_A, BOTH, Verdict("theirs")),
        (row(3, A), grave(2, B), BOTH, OF_B, Verdict("ours")),  # made again
        (row(3, A), grave(2, B), OF_A, OF_B, Verdict("ours", is_conflict=True)),
        (row(2, A), grave(3, B), OF_A, OF_B, Verdict("theirs", is_conflict=True)),
        (row(2, A), grave(2, B), OF_A, OF_B, Verdict("ours", is_conflict=True)),
        (grave(2, A), row(3, B), OF_A, OF_B, Verdict("theirs", is_conflict=True)),
        (grave(1, A), grave(2, B), OF_A, OF_B, Verdict("theirs")),
        (row(1, A, True), row(2, B), OF_A, BOTH, Verdict("ours", is_conflict=True)),  # pixels are not given up
        (row(2, A), row(1, B, True), OF_A, OF_B, Verdict("theirs", is_conflict=True)),
    ],
)
def test_what_only_one_side_knows_counts_and_else_the_later(ours, theirs, known_here, known_there, verdict) -> None:
    assert decide(ours, theirs, known_here, known_there) == verdict


@pytest.mark.parametrize("policy", ["ours", "theirs"])
def test_a_policy_decides_conflicts_alone(policy) -> None:
    assert decide(row(1, A), row(2, B), OF_A, OF_B, policy=policy) == Verdict(policy, is_conflict=True)
    assert decide(row(1, A), row(2, B), BOTH, OF_B, policy=policy) == Verdict("ours")
    assert decide(row(1, A, True), row(2, B), OF_A, BOTH, policy=policy) == Verdict(policy, is_conflict=True)


def test_without_deletions_who_has_it_keeps_it() -> None:
    assert decide(row(1, A), None, OF_A, OF_A, deletions=False) == Verdict("ours", is_conflict=True)
    assert decide(None, row(1, B), OF_B, OF_B, deletions=False) == Verdict("theirs", is_conflict=True)
    assert decide(None, row(1, B), NOTHING, OF_B, deletions=False) == Verdict("theirs")


changes = st.none() | st.tuples(st.sampled_from("abc"), st.integers(1, 3))
states = st.builds(State, st.booleans(), st.integers(0, 3), changes, st.just(False))
knowledge = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)).map(Knowledge)


@given(states, states, knowledge, knowledge)
def test_both_sides_decide_alike(ours, theirs, known_here, known_there) -> None:
    """By ``newer``, whoever takes in the other, unless nothing tells the two apart."""
    assume((ours.when, ours.is_there, ours.stamp) != (theirs.when, theirs.is_there, theirs.stamp))
    here = decide(ours, theirs, known_here, known_there)
    there = decide(theirs, ours, known_there, known_here)
    assert (here.taken, here.is_conflict) == ({"ours": "theirs", "theirs": "ours"}[there.taken], there.is_conflict)
