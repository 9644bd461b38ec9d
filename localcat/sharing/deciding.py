"""Whose state of an object counts when two catalogs meet, and whether that is a conflict.

Each catalog knows changes: its own, and those of the catalogs that it took in. What one side has and the other knows is
old news there: the other has it too, or changed or deleted it since. So a state that only one side knows is a change on
one side, and is taken without a question. Where neither knows the state of the other, both changed the object: that is
a conflict.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Policy: TypeAlias = Literal["newer", "ours", "theirs"]
Whose: TypeAlias = Literal["ours", "theirs"]

Stamp: TypeAlias = tuple[str, int]
"""Who made a change, and in the how-manyeth transaction: the same in all catalogs that have it."""


class Knowledge(dict[str, int]):
    """The last change by each replica that a catalog has, or had."""

    def has(self, stamp: Stamp | None) -> bool:
        """Return whether a change is among them; one without a stamp is not known to be."""
        return stamp is not None and stamp[1] <= self.get(stamp[0], 0)

    def with_base(self, base: Knowledge) -> Knowledge:
        """Return what is known of an object that came along when that was known."""
        return Knowledge({name: max(self.get(name, 0), base.get(name, 0)) for name in {*self, *base}}) if base else self

    def lacks(self, other: Knowledge) -> bool:
        """Return whether another one knows anything more."""
        return any(not self.has(stamp) for stamp in other.items() if stamp[1] > 0)


class State(NamedTuple):
    """What a catalog has of an object: its row, or the mark of its deletion.

    Parameters
    ----------
    is_there : bool
        Whether it is a row.
    when : int
        When it was changed or deleted; microseconds since 1970.
    stamp : tuple, optional
        Of this change; None where it is not known.
    has_pixels : bool
        Whether it has files of its own.
    """

    is_there: bool
    when: int
    stamp: Stamp | None
    has_pixels: bool = False


class Verdict(NamedTuple):
    """Whose state counts, and whether both sides had changed the object."""

    taken: Whose
    is_conflict: bool = False


def decide(
    ours: State | None,
    theirs: State | None,
    known_here: Knowledge,
    known_there: Knowledge,
    *,
    policy: Policy = "newer",
    deletions: bool = True,
) -> Verdict:
    """Return whose state of an object counts.

    Parameters
    ----------
    ours, theirs : State, optional
        What each side has; None for neither a row nor the mark of a deletion.
    known_here, known_there : Knowledge
        What each side knows.
    policy : str
        Decides conflicts. By ``"newer"`` all catalogs decide alike, whichever takes in the other.
    deletions : bool
        Whether deletions count; if not, an object that one side has is a conflict that it wins.
    """
    found = _by_knowledge(ours, theirs, known_here, known_there)
    is_there_here, is_there_there = ours is not None and ours.is_there, theirs is not None and theirs.is_there
    if is_there_here != is_there_there and not deletions:
        holder: Whose = "ours" if is_there_here else "theirs"
        return found if found == Verdict(holder) else Verdict(holder, is_conflict=True)
    if ours is None or theirs is None:
        return found
    is_old_news = not is_there_here and not is_there_there  # two deletions
    if is_there_here and is_there_there and found == Verdict("theirs") and ours.has_pixels and not theirs.has_pixels:
        found = Verdict("ours", is_conflict=True)
    if not found.is_conflict:
        return found
    if policy == "newer" or is_old_news:
        return Verdict("theirs" if _rank(theirs, ours) > _rank(ours, theirs) else "ours", not is_old_news)
    return Verdict(policy, is_conflict=True)


def _by_knowledge(ours: State | None, theirs: State | None, known_here: Knowledge, known_there: Knowledge) -> Verdict:
    if theirs is None:  # they never had it, or deleted what they know
        return Verdict("theirs" if ours is not None and known_there.has(ours.stamp) else "ours")
    if ours is None:
        return Verdict("ours" if known_here.has(theirs.stamp) else "theirs")
    is_known_here, is_known_there = known_here.has(theirs.stamp), known_there.has(ours.stamp)
    if is_known_here != is_known_there:
        return Verdict("ours" if is_known_here else "theirs")
    return Verdict("ours", is_conflict=True)


def _rank(state: State, other: State) -> tuple[bool, int, bool, Stamp]:
    """Return what two states are compared by: pixels are not given up for a record; then the later one."""
    has_more = state.has_pixels and other.is_there and not other.has_pixels
    return has_more, state.when, state.is_there, state.stamp or ("", 0)
