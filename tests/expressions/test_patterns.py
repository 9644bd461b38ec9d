import sqlite3
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from localcat.errors import BadRequestError
from localcat.expressions.patterns import MAX_PATTERN, like_matches
from tests.drawing import examples
from tests.strategies import odd_texts, patterns


@pytest.fixture(scope="module")
def sqlite() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA case_sensitive_like = ON")
    yield connection
    connection.close()


@given(text=odd_texts, pattern=patterns)
@settings(derandomize=True, max_examples=examples(800), deadline=None)
def test_patterns_match_as_in_sqlite(sqlite, text, pattern):
    (expected,) = sqlite.execute(r"SELECT ? LIKE ? ESCAPE '\'", (text, pattern)).fetchone()
    assert like_matches(text, pattern) is bool(expected)


@given(text=odd_texts, pattern=patterns)
@settings(derandomize=True, max_examples=examples(800), deadline=None)
def test_folding_folds_both_sides(sqlite, text, pattern):
    row = sqlite.execute(r"SELECT ? LIKE ? ESCAPE '\'", (text.casefold(), pattern.casefold())).fetchone()
    assert like_matches(text, pattern, fold=True) is bool(row[0])


@pytest.mark.parametrize(
    ("text", "pattern", "fold", "expected"),
    [
        ("abc", "abc", False, True),
        ("abc", "ABC", False, False),
        ("abc", "ABC", True, True),
        ("abc", "a%", False, True),
        ("abc", "a_c", False, True),
        ("abc", "_", False, False),
        ("", "%", False, True),
        ("", "", False, True),
        ("", "_", False, False),
        ("100%", r"100\%", False, True),
        ("1000", r"100\%", False, False),
        ("a_b", r"a\_b", False, True),
        ("axb", r"a\_b", False, False),
        ("a\\b", r"a\\b", False, True),
        ("ab", r"\a\b", False, True),
        ("aXbXc", "a%X%X%c", False, True),
        ("aXc", "a%X%X%c", False, False),
        ("ab", "ab%ab", False, False),
        ("line\nbreak", "line%break", False, True),
        ("line\nbreak", "line_break", False, True),
        ("Straße", "STRASSE", True, True),
        ("Straße", "stra_e", True, False),
        ("Straße", "stra__e", True, True),
        ("ΟΔΟΣ", "οδος", True, True),
        ("\U0001f6f0", "_", False, True),
        ("_", "%_", False, True),
    ],
)
def test_known_matches(text, pattern, fold, expected):
    assert like_matches(text, pattern, fold) is expected


def test_no_wildcard_or_escape_appears_by_folding():
    assert [c for c in map(chr, range(0x110000)) if set(c.casefold()) & set("%_\\")] == ["%", "\\", "_"]


@pytest.mark.parametrize("pattern", ["\\", "a\\", "a\\\\\\"])
def test_a_lone_backslash_at_the_end_is_refused(pattern):
    with pytest.raises(BadRequestError, match="ends in a lone backslash"):
        like_matches("a", pattern)


def test_a_pattern_may_be_long_but_not_longer():
    assert like_matches("a" * MAX_PATTERN, "a" * MAX_PATTERN)
    with pytest.raises(BadRequestError, match="at most 10000 characters, not 10001"):
        like_matches("a", "a" * (MAX_PATTERN + 1))


@pytest.mark.parametrize("pattern", ["%a" * 4999 + "%b", "%a_" * 3333 + "b", "_" * 5000 + "%" + "_a" * 2499 + "b"])
def test_a_hostile_pattern_takes_no_exponential_time(pattern):
    started = time.perf_counter()
    assert not like_matches("a" * 40_000, pattern)
    assert time.perf_counter() - started < 5
