"""JSON is read alike whichever Python reads it, and wherever it is called."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from localcat import json_text

DEEPEST = 500


def nested(levels: int) -> str:
    return '{"a":[' * (levels // 2) + "[" * (levels % 2) + "1" + "]" * (levels % 2) + "]}" * (levels // 2)


@pytest.mark.parametrize("read", [json_text.loads, json_text.first_of_keys])
def test_what_nests_deep_is_refused_by_every_python(read):
    assert json.dumps(read(nested(DEEPEST)), separators=(",", ":")) == nested(DEEPEST)
    for text in (nested(DEEPEST + 1), nested(3000), "[" * 100_000, '{"a":' * 100_000):
        with pytest.raises(ValueError, match="it is nested too deep, more than 500 levels"):
            read(text)


def test_brackets_side_by_side_and_in_texts_are_no_levels():
    wide: list[Any] = [[]] * 2000
    assert json_text.loads(json.dumps(wide)) == wide
    texts = ["[" * 2000, '"[\\', "]}" * 2000, '\\"{' * 600]
    assert json_text.loads(json.dumps(texts)) == texts


@pytest.mark.parametrize("text", ['"' + '\\"[' * 200_000, '["' * 200_000, "[1" * 400 + '"' + "[" * 200_000])
def test_text_that_never_ends_is_refused_in_one_pass(text):
    with pytest.raises(ValueError, match=r"nested too deep|Unterminated|delimiter|Expecting"):
        json_text.loads(text)


def test_a_caller_that_is_deep_in_calls_is_told_the_same():
    def called(levels: int) -> Any:
        return called(levels - 1) if levels else json_text.loads(nested(DEEPEST))

    if sys.version_info >= (3, 12):  # decoders written in C have room of their own
        assert called(700) == json.loads(nested(DEEPEST))
    else:
        with pytest.raises(ValueError, match="it is nested too deep, more than 500 levels"):
            called(700)


@pytest.mark.parametrize("value", [5, None, 2.5])
def test_what_is_no_text_is_no_json(value: Any) -> None:
    with pytest.raises(ValueError, match="it is no text, but"):
        json_text.loads(value)
