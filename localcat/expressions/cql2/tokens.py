"""The words, numbers, strings and signs of CQL2 text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from localcat.errors import BadRequestError
from localcat.expressions.names import brief

GEOMETRIES = {
    "BBOX",
    "ENVELOPE",
    "GEOMETRYCOLLECTION",
    "LINESTRING",
    "MULTILINESTRING",
    "MULTIPOINT",
    "MULTIPOLYGON",
    "POINT",
    "POLYGON",
}
_OPERATORS = {"AND", "BETWEEN", "DIV", "IN", "IS", "LIKE", "NOT", "OR"}
KEYWORDS = {"ACCENTI", "CASEI", "DATE", "FALSE", "INTERVAL", "NULL", "TIMESTAMP", "TRUE", *GEOMETRIES, *_OPERATORS}

_MOST_TOKENS = 200_000  # a polygon of 66,000 vertices has as many
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<day>[0-9]{4}-(?:0[0-9]|1[0-2](?=-))(?:-[0-9]{2}(?:[Tt][0-9:.]*[Zz]?)?)?(?![0-9]))
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<word>[^\W\d][\w:.]*|:[\w:.]*)
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<text>'(?:[^'\\]|''|\\'|\\(?!'))*')
    | (?P<sign><>|<=|>=|[=<>(),\[\]+\-*/^%])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One of them, and where it is."""

    kind: str  # number, word, quoted, text, sign or end
    text: str
    position: int  # characters from the start

    @property
    def word(self) -> str:
        """The keyword that this token may be, in upper case."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def shown(self) -> str:
        """The token in a message."""
        return "the end" if self.kind == "end" else brief(self.text)


def tokens_of(source: str) -> list[Token]:
    """Return the tokens of a text, and one for its end.

    Raises
    ------
    BadRequestError
        If it has something else, a date without quotes, or too many of them.
    """
    found: list[Token] = []
    position, end = 0, len(source.rstrip())
    while position < end:
        match = _TOKEN.match(source, position)
        if match is None or match.lastgroup is None:
            position += len(source[position:]) - len(source[position:].lstrip())
            raise BadRequestError(
                f"CQL2 text cannot be read at character {position}: {brief(source[position : position + 30])}"
                f"{_advice(source[position:])}"
            )
        if len(found) == _MOST_TOKENS:
            raise BadRequestError(f"CQL2 text has at most {_MOST_TOKENS:,} words and signs; use JSON, or any_of")
        token = Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
        if token.kind == "day":
            raise _bare_day(token)
        found.append(token)
        position = match.end()
    return [*found, Token("end", "", end)]


def _advice(rest: str) -> str:
    if rest.startswith("'"):
        return "; the string has no closing quote"
    if rest.startswith(("!=", "!")):
        return "; write <> for unequal, and NOT to negate"
    return "; write AND for both, and OR for either" if rest.startswith(("&", "|")) else ""


def _bare_day(token: Token) -> BadRequestError:
    day = token.text[:10]
    numbers = [int(part) for part in day.split("-")]
    return BadRequestError(
        f"{token.text} at character {token.position} is arithmetic without quotes: "
        f"{' - '.join(map(str, numbers))} = {numbers[0] - sum(numbers[1:])}; quote a date, as in '{token.text}' or "
        f"DATE('{day if len(day) == 10 else f'{day}-01'}')"
    )
