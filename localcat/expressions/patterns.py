"""The patterns of ``like`` and ``ilike``: ``%`` any run, ``_`` any one character, backslash the next literally.

No regular expression stands behind them: a hostile pattern costs time in proportion to text times pattern at worst,
and the usual ones (no ``_``) run at the speed of ``str.find``.

Case folding is Unicode's full folding, `str.casefold`, of the whole text and of the whole pattern; ``_`` then stands
for one character of the folded text. So ``ilike('STRASSE')`` matches ``'Straße'``, and so does ``'stra__e'``, since
``'ß'`` folds to two letters. Texts are not normalised: an accent in one code point differs from one in two.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from localcat.errors import BadRequestError

MAX_PATTERN = 10_000  # characters


def like_matches(text: str, pattern: str, fold: bool = False, accents: bool = True) -> bool:
    """Return whether a pattern matches the whole of a string.

    Parameters
    ----------
    text : str
        The text.
    pattern : str
        Text with ``%``, ``_`` and backslash escapes.
    fold : bool
        Whether to ignore case, for all of Unicode.
    accents : bool
        Whether marks on letters count.

    Raises
    ------
    BadRequestError
        If the pattern ends within an escape or is longer than `MAX_PATTERN` characters.
    """
    if not accents:
        text, pattern = unaccented(text), unaccented(pattern)
    return _compiled(pattern, fold).matches(text.casefold() if fold else text)


def unaccented(text: str) -> str:
    """Return text without the marks on its letters; letters that only look alike, such as ``ø``, stay."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join([part for part in parts if not unicodedata.combining(part)]))


def check_pattern(pattern: str) -> None:
    """Raise `BadRequestError` for a pattern that cannot be used."""
    if len(pattern) > MAX_PATTERN:
        raise BadRequestError(f"a pattern has at most {MAX_PATTERN} characters, not {len(pattern)}")
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise BadRequestError(
            f"the pattern {pattern!r} ends in a lone backslash; write two to match one backslash at the end"
        )


def tokens(pattern: str) -> list[tuple[str, bool]]:
    """Split a pattern into ``(character, is_wildcard)`` pairs; an escaped character comes without its backslash."""
    check_pattern(pattern)
    found: list[tuple[str, bool]] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            found.append((next(characters), False))
        else:
            found.append((character, character in "%_"))
    return found


@dataclass(frozen=True, slots=True)
class _Runs:
    """A pattern without ``_``: the first run begins the text, the last ends it, the others follow in order."""

    runs: tuple[str, ...]

    def matches(self, text: str) -> bool:
        if len(self.runs) == 1:
            return text == self.runs[0]
        first, *middle, last = self.runs
        if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
            return False
        # The leftmost position for each run is the best one, as it leaves most room for those that follow.
        start, end = len(first), len(text) - len(last)
        for run in middle:
            start = text.find(run, start, end)
            if start < 0:
                return False
            start += len(run)
        return True


@dataclass(frozen=True, slots=True)
class _Steps:
    """A pattern with ``_``, as an automaton whose states are the bits of one number (Shift-And).

    Bit i says that the first i elements have matched the text so far. A ``%`` after i elements lets bit i stay.
    """

    accepting: dict[str, int]  # character: the bits that may be reached by reading it
    any_character: int  # the same for a character that the pattern does not name
    staying: int
    final: int

    def matches(self, text: str) -> bool:
        state = 1
        for character in text:
            state = (state << 1 & self.accepting.get(character, self.any_character)) | (state & self.staying)
            if not state:
                return False
        return bool(state & self.final)


@lru_cache(maxsize=256)  # a search asks with one pattern for each of its rows
def _compiled(pattern: str, fold: bool) -> _Runs | _Steps:
    runs: list[str] = [""]
    elements: list[str | None] = []  # None: any character
    staying = 0
    for character, is_wildcard in tokens(pattern):
        if is_wildcard and character == "%":
            staying |= 1 << len(elements)
            runs.append("")
        elif is_wildcard:
            elements.append(None)
        else:
            folded = character.casefold() if fold else character
            elements.extend(folded)
            runs[-1] += folded
    if None not in elements:
        return _Runs(tuple(runs))
    any_character = sum(2 << position for position, element in enumerate(elements) if element is None)
    accepting: dict[str, int] = {}
    for position, element in enumerate(elements):
        if element is not None:
            accepting[element] = accepting.get(element, any_character) | 2 << position
    return _Steps(accepting, any_character, staying, 1 << len(elements))
