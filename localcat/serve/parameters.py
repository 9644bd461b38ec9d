"""The parameters of requests, read within limits."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from localcat.errors import BadRequestError
from localcat.json_text import loads

_LONGEST = 8000  # characters of a parameter
_WHOLE = re.compile(r"[+-]?\d{1,18}")


class Parameters:
    """What is behind the question mark of an address.

    Parameters
    ----------
    given : iterable of (str, str)
        Names and values, in order.

    Raises
    ------
    BadRequestError
        If a name is there twice, or a value is too long.
    """

    def __init__(self, given: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, str] = {}
        for name, value in given:
            if name in self._values:
                raise BadRequestError(f"the parameter {name!r:.100} is there twice; join its values with commas")
            if len(value) > _LONGEST or "\x00" in value:
                raise BadRequestError(
                    f"the parameter {name!r:.100} has {len(value):,} characters; "
                    f"it may have {_LONGEST:,}, and no NUL among them"
                )
            self._values[name] = value

    def only(self, *known: str) -> None:
        """Refuse parameters that a route does not know."""
        for name in self._values:
            if name not in known:
                told = f"it knows {', '.join(known)}" if known else "it knows none"
                raise BadRequestError(f"there is no parameter {name!r:.100} here; {told}")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        """Return a value; None if it is not given, or empty."""
        return self._values.get(name) or None

    def words(self, name: str) -> list[str] | None:
        """Return values that are joined by commas; None if there are none."""
        text = self.text(name)
        return None if text is None else [word.strip() for word in text.split(",")]

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within bounds."""
        if name not in self._values:
            return default
        return whole(name, self._values[name], least=least, most=most)

    def number(self, name: str, *, least: float = -math.inf, most: float = math.inf) -> float | None:
        """Return a finite number within bounds; None if it is not given."""
        text = self.text(name)
        if text is None:
            return None
        (found,) = numbers(name, [text])
        if not least <= found <= most:
            raise BadRequestError(f"{name} is a number from {least:g} to {most:g}, not {text!r:.100}")
        return found

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Return one of some words; the first if it is not given."""
        text = self.text(name)
        if text is None:
            return choices[0]
        if text not in choices:
            raise BadRequestError(f"{name} is one of {', '.join(choices)}, not {text!r:.100}")
        return text


def whole(name: str, value: Any, *, least: int, most: int) -> int:
    """Return a whole number within bounds, of text or JSON."""
    found = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
    if isinstance(found, bool) or not isinstance(found, int) or not least <= found <= most:
        raise BadRequestError(f"{name} is a whole number from {least:,} to {most:,}, not {value!r:.100}")
    return found


def numbers(name: str, values: Sequence[Any]) -> list[float]:
    """Return finite numbers, of texts or JSON."""
    found = []
    for value in values:
        try:
            one = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
        except (ValueError, OverflowError):
            one = math.nan
        if not math.isfinite(one):
            raise BadRequestError(f"{name} has numbers, and {value!r:.100} is not a finite one")
        found.append(one)
    return found


def json_of(name: str, text: str | bytes) -> Any:
    """Return the JSON of a parameter or a body."""
    try:
        return loads(text)
    except (ValueError, UnicodeError) as error:
        raise BadRequestError(f"{name} is not JSON that every program reads alike: {error}") from error


def body_of(body: bytes) -> dict[str, Any]:
    """Return the object in the body of a POST; an empty one if it is empty."""
    found = json_of("the body of the request", body) if body.strip() else {}
    if not isinstance(found, dict):
        raise BadRequestError(f"the body of the request is a JSON object, not {found!r:.100}")
    return found
