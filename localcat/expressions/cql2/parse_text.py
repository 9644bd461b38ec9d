"""CQL2 text (OGC 21-065r2, its BNF in annex B) as CQL2 JSON, from the loosest operator to the tightest.

Conditions and values are read by one grammar, since both may stand in parentheses; `read_json` says where one stands in
the place of the other. Keywords may be in any case.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from localcat.errors import BadRequestError
from localcat.expressions.cql2.read_json import FUNCTIONS, LIST_RELATIONS, from_cql2_json, too_deep, unknown_function
from localcat.expressions.cql2.tokens import GEOMETRIES, KEYWORDS, Token, tokens_of
from localcat.expressions.names import MAX_NESTING, Json, brief
from localcat.expressions.nodes import Node

_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


def from_cql2_text(source: str) -> Node:
    """Return the tree that a CQL2 text stands for.

    Raises
    ------
    BadRequestError
        If it is not CQL2, or uses a function that is not known; the message says where or which.
    """
    return from_cql2_json(_Parser(source).whole())


class _Parser:
    """Reads OR, AND, NOT, comparisons, ``+ -``, ``* / % DIV``, ``^``, and what stands between them."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._left = tokens_of(source)[::-1]  # the next token last

    @property
    def _next(self) -> Token:
        return self._left[-1]

    def _take(self) -> Token:
        return self._left.pop() if len(self._left) > 1 else self._left[-1]

    def _error(self, wanted: str, token: Token | None = None) -> BadRequestError:
        token = token or self._next
        hint = "; write = for equal" if token.kind == "sign" and token.text == "=" else ""
        told = f"CQL2 text has {token.shown} at character {token.position}, where {wanted} should be"
        return BadRequestError(f"{told}{hint}")

    def _accept(self, *words: str) -> str | None:
        """Take the next token if it is one of these keywords or signs."""
        token = self._next
        if token.word in words or (token.kind == "sign" and token.text in words):
            self._take()
            return token.word or token.text
        return None

    def _expect(self, word: str) -> None:
        if self._accept(word) is None:
            raise self._error(repr(word))

    # Conditions

    def condition(self, levels: int) -> Json:
        """Read conditions joined by OR and AND, or a value."""
        return self._joined("OR", self._all, levels)

    def whole(self) -> Json:
        """Read the condition that the text is."""
        found = self._require_condition(self.condition(MAX_NESTING))
        if self._next.kind != "end":
            raise self._error("the end, AND or OR")
        return found

    def _all(self, levels: int) -> Json:
        return self._joined("AND", self._factor, levels)

    def _joined(self, word: str, read: Callable[[int], Json], levels: int) -> Json:
        parts = [read(levels)]
        while self._next.word == word:
            self._require_condition(parts[-1])
            self._take()
            parts.append(self._require_condition(read(levels)))
        return parts[0] if len(parts) == 1 else {"op": word.lower(), "args": parts}

    def _factor(self, levels: int) -> Json:
        negations = 0
        while self._accept("NOT"):
            negations += 1
        if levels - negations <= 0:
            raise too_deep()
        found = self._predicate(levels - negations - 1)
        if negations:
            self._require_condition(found)
        for _ in range(negations):
            found = {"op": "not", "args": [found]}
        return found

    def _predicate(self, levels: int) -> Json:
        left = self._sum(levels)
        for sign in _COMPARISONS:
            if self._accept(sign):
                return {"op": sign, "args": [left, self._sum(levels)]}
        if self._accept("IS"):
            negated = self._accept("NOT")
            self._expect("NULL")
            return _negated(negated, {"op": "isNull", "args": [left]})
        negated = self._accept("NOT")
        match self._accept("LIKE", "IN", "BETWEEN"):
            case "LIKE":
                if self._next.kind == "word" and self._next.word not in ("CASEI", "ACCENTI"):
                    raise self._error("a pattern in single quotes, such as 'S2%',")
                return _negated(negated, {"op": "like", "args": [left, self._sum(levels)]})
            case "IN":
                if self._next.text != "(":
                    raise self._error("'('")
                return _negated(negated, {"op": "in", "args": [left, self._list("(", ")", levels)]})
            case "BETWEEN":
                low = self._sum(levels)
                self._expect("AND")
                return _negated(negated, {"op": "between", "args": [left, low, self._sum(levels)]})
        if negated:
            raise self._error("LIKE, IN or BETWEEN")
        return left

    def _require_condition(self, found: Json) -> Json:
        """Refuse a value where a condition should be: something is missing behind it."""
        if isinstance(found, str | int | float | list) and not isinstance(found, bool):
            raise self._error("a comparison, LIKE, IN, BETWEEN or IS NULL")
        return found

    # Values

    def _sum(self, levels: int) -> Json:
        return self._binary(("+", "-"), self._product, levels)

    def _product(self, levels: int) -> Json:
        return self._binary(("*", "/", "%", "DIV"), self._power, levels)

    def _power(self, levels: int) -> Json:
        return self._binary(("^",), self._signed, levels)

    def _binary(self, signs: tuple[str, ...], read: Callable[[int], Json], levels: int) -> Json:
        left = read(levels)
        count = 0
        while sign := self._accept(*signs):
            count += 1
            if count > levels:
                raise too_deep()
            left = {"op": sign.lower(), "args": [left, read(levels)]}
        return left

    def _signed(self, levels: int) -> Json:
        token = self._next
        if token.kind == "sign" and token.text in "+-":
            self._take()
            if levels <= 0:
                raise too_deep()
            inner = self._signed(levels - 1)
            if isinstance(inner, int | float) and not isinstance(inner, bool):
                return -inner if token.text == "-" else inner
            return {"op": "*", "args": [-1, inner]} if token.text == "-" else inner
        return self._primary(levels)

    def _primary(self, levels: int) -> Json:
        if levels <= 0:
            raise too_deep()
        token = self._take()
        match token.kind:
            case "number":
                return _number(token.text)
            case "text":
                return _unquoted(token.text)
            case "quoted":
                return {"property": token.text[1:-1].replace('""', '"')}
            case "sign" if token.text in "([":
                closing = ")" if token.text == "(" else "]"
                found = [self.condition(levels - 1)]
                while self._accept(","):
                    found.append(self.condition(levels - 1))
                self._expect(closing)
                return found[0] if len(found) == 1 and closing == ")" else found
            case "word" if token.word in KEYWORDS:
                return self._keyword(token, levels)
            case "word" if self._next.text == "(" and self._next.kind == "sign":
                return self._function(token, levels)
            case "word":
                return {"property": token.text}
            case _:
                raise self._error("a property or a value", token)

    def _list(self, opening: str, closing: str, levels: int) -> list[Json]:
        self._expect(opening)
        found: list[Json] = []
        if not self._accept(closing):
            found.append(self._sum(levels))
            while self._accept(","):
                found.append(self._sum(levels))
            self._expect(closing)
        return found

    def _function(self, token: Token, levels: int) -> Json:
        name = token.text.lower()
        if name not in FUNCTIONS:
            raise BadRequestError(f"{unknown_function(token.text)} (at character {token.position})")
        args: list[Json] = self._list("(", ")", levels - 1)
        if name in LIST_RELATIONS:  # a list of one value looks like a value in parentheses
            args = [arg if isinstance(arg, list | dict) else [arg] for arg in args]
        return {"op": name, "args": args}

    def _keyword(self, token: Token, levels: int) -> Json:
        match token.word:
            case "TRUE" | "FALSE":
                return token.word == "TRUE"
            case "CASEI" | "ACCENTI":
                self._expect("(")
                inner = self._sum(levels - 1)
                self._expect(")")
                return {"op": token.word.lower(), "args": [inner]}
            case "DATE" | "TIMESTAMP":
                self._expect("(")
                if self._next.kind != "text":
                    raise self._error("a quoted date")
                text = _unquoted(self._take().text)
                self._expect(")")
                return {token.word.lower(): text}
            case "INTERVAL":
                return {"interval": self._list("(", ")", levels - 1)}
            case "BBOX" | "ENVELOPE":
                return {"bbox": self._list("(", ")", levels - 1)}
            case word if word in GEOMETRIES:
                return self._geometry(token)
            case _:
                raise self._error("a property or a value", token)

    def _geometry(self, token: Token) -> Json:
        """Read well-known text, whose keyword was taken."""
        depth = 0
        while True:
            part = self._take()
            depth += {"(": 1, ")": -1}.get(part.text, 0)
            if part.kind == "end":
                raise self._error("')'", part)
            if part.text == ")" and depth <= 0:
                return _geojson(self._source[token.position : part.position + 1])


def _geojson(text: str) -> Json:
    from localcat.earth.wkt import as_geojson, as_shape  # brings shapely, which other conditions do not need

    return as_geojson(as_shape(text))


def _unquoted(text: str) -> str:
    return re.sub(r"''|\\'", "'", text[1:-1])


def _negated(negated: str | None, condition: dict[str, Json]) -> Json:
    return {"op": "not", "args": [condition]} if negated else condition


def _number(text: str) -> int | float:
    if text.isdecimal():
        if len(text) > 40:
            raise BadRequestError(f"the number {brief(text)} in CQL2 text has more than 40 digits")
        return int(text)
    return float(text)
