"""A tree as CQL2 in text, and back: OGC 21-065r2, its BNF in annex B.

Reading goes through the JSON form, so both mean and refuse the same; the notes in `cql2_json` hold here too. Keywords
may be in any case. Names that are no plain identifiers, or are keywords, stand in double quotes, and a double quote in
one is doubled. A quote in a text is doubled; a backslash before a quote also escapes it, and the standard has no way to
write a backslash that means itself there, so a text that ends in one, or has one before a quote, is refused in writing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import assert_never

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.cql2_json import (
    escape,
    from_cql2_json,
    lacking,
    literal_value,
    no_empty_any_of,
    spatial_operator,
    timestamp_text,
)
from localcat.expressions.names import brief, write_name
from localcat.expressions.nodes import Node, Ref, check_size
from localcat.expressions.serialize import MAX_NESTING, Json

_GEOMETRIES = {
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
_KEYWORDS = {"ACCENTI", "CASEI", "DATE", "FALSE", "INTERVAL", "NULL", "TIMESTAMP", "TRUE", *_GEOMETRIES, *_OPERATORS}
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_ARITHMETIC = ("+", "-", "*", "/", "^", "%")

_PLAIN_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:.]*")
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<word>[^\W\d][\w:.]*|:[\w:.]*)
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<text>'(?:[^'\\]|''|\\'|\\(?!'))*')
    | (?P<sign><>|<=|>=|[=<>(),\[\]+\-*/^%])
    )""",
    re.VERBOSE,
)


def to_cql2_text(node: Node) -> str:
    """Return a tree as CQL2 text; it raises what `to_cql2_json` does."""
    check_size(node)
    return _write(node)


def _write(node: Node) -> str:
    match node:
        case nodes.Comparison(ref, op, value):
            return f"{_name(ref)} {op.value} {_literal(ref, value)}"
        case nodes.AnyOf(ref, ()):
            raise no_empty_any_of(ref)
        case nodes.AnyOf(ref, values):
            return f"{_name(ref)} IN ({', '.join(_literal(ref, value) for value in values)})"
        case nodes.IsNull(ref):
            return f"{_name(ref)} IS NULL"
        case nodes.IsNotNull(ref):
            return f"{_name(ref)} IS NOT NULL"
        case nodes.Like(ref, pattern, True):
            return f"CASEI({_name(ref)}) LIKE CASEI({_text(ref, pattern)})"
        case nodes.Like(ref, pattern, _):
            return f"{_name(ref)} LIKE {_text(ref, pattern)}"
        case nodes.Prefix(ref, prefix):
            return f"{_name(ref)} LIKE {_text(ref, escape(prefix) + '%')}"
        case nodes.Spatial(ref, relation, area):
            from localcat.earth.wkt import as_text  # brings shapely, which other conditions do not need

            return f"{spatial_operator(ref, relation).upper()}({_name(ref)}, {as_text(area)})"
        case nodes.And(parts):
            return " AND ".join(_operand(part) for part in parts)
        case nodes.Or(parts):
            return " OR ".join(_operand(part) for part in parts)
        case nodes.Not(part):
            return f"NOT ({_write(part)})"
        case _:
            assert_never(node)


def _operand(node: Node) -> str:
    return f"({_write(node)})" if isinstance(node, nodes.And | nodes.Or) else _write(node)


def _name(ref: Ref) -> str:
    name = write_name(ref)
    if _PLAIN_NAME.fullmatch(name) and name.upper() not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def _literal(ref: Ref, value: object) -> str:
    plain = literal_value(ref, value)
    if isinstance(plain, str):
        return _text(ref, plain)
    if isinstance(plain, bool):
        return str(plain).upper()
    if isinstance(plain, datetime):
        return f"TIMESTAMP('{timestamp_text(plain)}')"
    return f"DATE('{plain.isoformat()}')" if isinstance(plain, date) else repr(plain)


def _text(ref: Ref, text: str) -> str:
    if text.endswith("\\") or "\\'" in text:
        raise BadRequestError(
            f"the text {brief(text)} that {ref} compares with has no form in CQL2 text, which takes a backslash before "
            "a quote for an escape; its JSON form has no such limit"
        )
    return "'" + text.replace("'", "''") + "'"


# Reading


def from_cql2_text(source: str) -> Node:
    """Return the tree that a CQL2 text stands for.

    Raises
    ------
    BadRequestError
        If it is not CQL2, or uses an operator that filters here lack; the message says where or which.
    """
    parser = _Parser(source)
    tree = parser.condition(MAX_NESTING)
    parser.end()
    return from_cql2_json(tree)


_MOST_TOKENS = 200_000  # a polygon of 66,000 vertices has as many


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # number, word, quoted, text, sign or end
    text: str
    position: int  # characters from the start

    @property
    def word(self) -> str:
        """The keyword that this token may be, in upper case."""
        return self.text.upper() if self.kind == "word" else ""


def _tokens(source: str) -> list[_Token]:
    found: list[_Token] = []
    position, end = 0, len(source.rstrip())
    while position < end:
        match = _TOKEN.match(source, position)
        if match is None or match.lastgroup is None:
            position += len(source[position:]) - len(source[position:].lstrip())
            raise BadRequestError(
                f"CQL2 text cannot be read at character {position}: {brief(source[position : position + 30])}"
            )
        if len(found) == _MOST_TOKENS:
            raise BadRequestError(f"CQL2 text has at most {_MOST_TOKENS:,} words and signs; use JSON, or any_of")
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        position = match.end()
    return [*found, _Token("end", "", end)]


class _Parser:
    """Turns CQL2 text into CQL2 JSON, from the loosest operator to the tightest: OR, AND, NOT, predicates."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._left = _tokens(source)[::-1]  # the next token last

    @property
    def _next(self) -> _Token:
        return self._left[-1]

    def _take(self) -> _Token:
        return self._left.pop() if len(self._left) > 1 else self._left[-1]

    def _error(self, wanted: str, token: _Token | None = None) -> BadRequestError:
        token = token or self._next
        seen = "the end" if token.kind == "end" else brief(token.text)
        return BadRequestError(f"CQL2 text has {seen} at character {token.position}, where {wanted} should be")

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

    def end(self) -> None:
        """Make sure that nothing is left."""
        if self._next.kind != "end":
            raise self._error("the end, AND or OR")

    def condition(self, levels: int) -> Json:
        """Read conditions joined by OR and AND."""
        either = [self._all(levels)]
        while self._accept("OR"):
            either.append(self._all(levels))
        return either[0] if len(either) == 1 else {"op": "or", "args": either}

    def _all(self, levels: int) -> Json:
        each = [self._factor(levels)]
        while self._accept("AND"):
            each.append(self._factor(levels))
        return each[0] if len(each) == 1 else {"op": "and", "args": each}

    def _factor(self, levels: int) -> Json:
        negations = 0
        while self._accept("NOT"):
            negations += 1
        if levels - negations <= 0:
            raise BadRequestError(f"the CQL2 filter is nested more than {MAX_NESTING} levels deep")
        if self._accept("("):
            found = self.condition(levels - negations - 1)
            self._expect(")")
        else:
            found = self._predicate()
        for _ in range(negations):
            found = {"op": "not", "args": [found]}
        return found

    def _predicate(self) -> Json:
        if self._next.word and self._next.word not in _KEYWORDS and self._left[-2].text == "(":
            return self._function(self._take().text)
        left = self._operand()
        for sign in _COMPARISONS:
            if self._accept(sign):
                return {"op": sign, "args": [left, self._operand()]}
        if self._accept("IS"):
            negated = self._accept("NOT")
            self._expect("NULL")
            return _negated(negated, {"op": "isNull", "args": [left]})
        negated = self._accept("NOT")
        match self._accept("LIKE", "IN", "BETWEEN"):
            case "LIKE":
                return _negated(negated, {"op": "like", "args": [left, self._operand()]})
            case "IN":
                return _negated(negated, {"op": "in", "args": [left, self._list("(", ")")]})
            case "BETWEEN":
                low = self._operand()
                self._expect("AND")
                return _negated(negated, {"op": "between", "args": [left, low, self._operand()]})
        if isinstance(left, bool) and not negated:
            return left  # a constant condition: refused by name when the JSON is read
        raise self._error("a comparison, LIKE, IN, BETWEEN or IS NULL")

    def _function(self, name: str) -> Json:
        """Read an array operator or a spatial one; refuse any other function by name."""
        op = name.lower()
        if op in ("s_intersects", "s_within", "s_contains", "s_disjoint"):
            self._expect("(")
            left = self._geometry_or_property()
            self._expect(",")
            right = self._geometry_or_property()
            self._expect(")")
            return {"op": op, "args": [left, right]}
        if op not in ("a_contains", "a_overlaps"):
            raise lacking(name)
        self._expect("(")
        left = self._operand()
        self._expect(",")
        # The standard's drafts write arrays in brackets, its final text in parentheses.
        values = self._list("[", "]") if self._next.text == "[" else self._list("(", ")")
        self._expect(")")
        return {"op": op, "args": [left, values]}

    def _geometry_or_property(self) -> Json:
        """Read a property, a bounding box, or well-known text of a geometry."""
        token = self._next
        if token.word == "BBOX":
            self._take()
            return {"bbox": self._list("(", ")")}
        if token.word not in _GEOMETRIES or token.word == "ENVELOPE":
            return self._operand()
        depth = 0
        while True:
            part = self._take()
            depth += {"(": 1, ")": -1}.get(part.text, 0)
            if part.kind == "end":
                raise self._error("')'", part)
            if part.text == ")" and depth <= 0:
                return _geojson(self._source[token.position : part.position + 1])

    def _list(self, opening: str, closing: str) -> list[Json]:
        self._expect(opening)
        found: list[Json] = []
        if not self._accept(closing):
            found.append(self._operand())
            while self._accept(","):
                found.append(self._operand())
            self._expect(closing)
        return found

    def _operand(self) -> Json:
        """Read a property, a value, or ``CASEI`` of one."""
        token = self._take()
        found: Json
        match token.kind:
            case "number":
                found = _number(token.text)
            case "sign" if token.text in "+-" and self._next.kind == "number":
                number = _number(self._take().text)
                found = -number if token.text == "-" else number
            case "text":
                found = re.sub(r"''|\\'", "'", token.text[1:-1])
            case "quoted":
                found = {"property": token.text[1:-1].replace('""', '"')}
            case "word" if token.word not in _KEYWORDS and not self._next_opens():
                found = {"property": token.text}
            case "word":
                found = self._keyword(token)
            case _:
                raise self._error("a property or a value", token)
        if self._next.word == "DIV" or (self._next.kind == "sign" and self._next.text in _ARITHMETIC):
            raise lacking(self._next.text)
        return found

    def _next_opens(self) -> bool:
        return self._next.kind == "sign" and self._next.text == "("

    def _keyword(self, token: _Token) -> Json:
        match token.word:
            case "TRUE" | "FALSE":
                return token.word == "TRUE"
            case "CASEI":
                self._expect("(")
                if self._next.word == "CASEI":  # once is enough, and a thousand would be too deep to read
                    raise self._error("a property or a string")
                inner = self._operand()
                self._expect(")")
                return {"op": "casei", "args": [inner]}
            case "DATE" | "TIMESTAMP":
                self._expect("(")
                if self._next.kind != "text":
                    raise self._error("a quoted date")
                text = self._take().text[1:-1]
                self._expect(")")
                return {token.word.lower(): text}
            case "INTERVAL":
                raise BadRequestError("the CQL2 interval has no form in a filter here")
            case word if word in _GEOMETRIES:
                raise BadRequestError(f"the CQL2 geometry {word} has no form in a filter here")
            case word if word == "ACCENTI" or word not in _KEYWORDS:
                raise lacking(token.text)
            case _:
                raise self._error("a property or a value", token)


def _geojson(text: str) -> Json:
    from localcat.earth.wkt import as_geojson, as_shape  # brings shapely, which other conditions do not need

    return as_geojson(as_shape(text))


def _negated(negated: str | None, condition: dict[str, Json]) -> Json:
    return {"op": "not", "args": [condition]} if negated else condition


def _number(text: str) -> int | float:
    if text.isdecimal():
        if len(text) > 40:
            raise BadRequestError(f"the number {brief(text)} in CQL2 text has more than 40 digits")
        return int(text)
    return float(text)
