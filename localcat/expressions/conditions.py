"""One function for each kind of condition: the rules on what it may be about and may compare with.

Handles (`properties`) and readers of text (`serialize`, `cql2`) build their trees from these alone, so a condition
means the same and is refused alike however it was written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from numbers import Real

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.names import brief
from localcat.expressions.nodes import ListRelation, Node, Op, Ref, Relation
from localcat.expressions.numbers import is_int64, is_masked, number, plain
from localcat.expressions.patterns import check_pattern

_PRODUCT = Ref("product")
_PRODUCT_ID = Ref("product_id")


def compare(ref: Ref, op: Op, value: object) -> Node:
    """Make a comparison; with None, the question whether the attribute is unset or set.

    ``product`` compares by ``==`` and ``!=`` with a product or its id, and becomes a condition on ``product_id``.
    """
    if value is not None and ref.attribute != _PRODUCT.attribute:  # as in most comparisons
        is_plain = type(value) is str and value.isascii()
        return nodes.Comparison(ref, op, value if is_plain else plain_value(ref, value))
    if value is None and not op.is_range:
        return is_null(ref) if op is Op.EQ else is_not_null(ref)
    if op.is_range:
        ref = _no_product(ref)
    return nodes.Comparison(*_operand(ref, op, value))


def any_of(ref: Ref, values: Iterable[object]) -> Node:
    """Make the condition that the attribute equals one of the values; without values it matches nothing."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable) or getattr(values, "shape", None) == ():
        raise BadRequestError(f"any_of takes several values, as in any_of(['a', 'b']), not {values!r}")
    operands = [_operand(ref, Op.EQ, value) for value in values]
    return nodes.AnyOf(_PRODUCT_ID if ref == _PRODUCT else ref, tuple(value for _, _, value in operands))


def is_null(ref: Ref) -> Node:
    """Make the condition that the attribute is unset."""
    return nodes.IsNull(_no_product(ref))


def is_not_null(ref: Ref) -> Node:
    """Make the condition that the attribute is set."""
    return nodes.IsNotNull(_no_product(ref))


def like(ref: Ref, pattern: object, *, fold: bool, accents: bool = True) -> Node:
    """Make the condition that the attribute fits a pattern."""
    text = plain_text(_no_product(ref), pattern)
    check_pattern(text)
    return nodes.Like(ref, text, fold, accents)


def list_test(ref: Ref, relation: ListRelation, values: Iterable[object]) -> Node:
    """Make the condition that a list has a relation to values."""
    return nodes.ListTest(_no_product(ref), relation, tuple([plain_value(ref, value) for value in values]))


def prefix(ref: Ref, text: object) -> Node:
    """Make the condition that the attribute begins with a string."""
    return nodes.Prefix(_no_product(ref), plain_text(ref, text))


def spatial(ref: Ref, relation: Relation, geometry: object, metres: object = None) -> nodes.Spatial:
    """Make the condition that a footprint has a relation to a geometry; only `Relation.WITHIN_DISTANCE` takes `metres`.

    Raises
    ------
    InvalidGeometryError
        If the value is not a geometry.
    BadRequestError
        If the distance is negative or not finite.
    """
    from localcat.earth.wkt import as_area  # brings shapely, which conditions without a place do not need

    if relation is not Relation.WITHIN_DISTANCE:
        return nodes.Spatial(ref, relation, as_area(geometry))
    distance = number(metres)
    if distance is None or not 0 <= distance < math.inf:
        raise BadRequestError(f"within_distance takes metres, a finite number from 0, not {brief(metres)}")
    return nodes.Spatial(ref, relation, as_area(geometry), float(distance))


def _operand(ref: Ref, op: Op, value: object) -> tuple[Ref, Op, object]:
    if ref.attribute != _PRODUCT.attribute or ref != _PRODUCT:
        return ref, op, plain_value(ref, value)
    ident = value if isinstance(value, str) else getattr(value, "id", None)
    if not isinstance(ident, str):
        raise BadRequestError(f"p.product compares with a product or its id, not with {value!r}")
    return _PRODUCT_ID, op, plain_text(_PRODUCT_ID, ident)


def _no_product(ref: Ref) -> Ref:
    if ref.attribute == _PRODUCT.attribute and ref == _PRODUCT:
        raise BadRequestError("p.product can be compared by ==, != and any_of only; for the rest use p.product_id")
    return ref


def plain_value(ref: Ref, value: object) -> object:
    """Return a value as a tree keeps it.

    Enum members become their values, numbers of other libraries Python's own, aware datetimes ones of a fixed offset,
    mappings a copy. Whether the value fits the attribute is for `Field.bind` to say, when the class is known.

    Raises
    ------
    BadRequestError
        If the value is None, a number that is not finite, text that is not Unicode, or several values at once.
    """
    if (type(value) is str and value.isascii()) or (type(value) is float and math.isfinite(value)):  # as most are
        return value
    value = plain(value)
    if value is None:
        raise BadRequestError(f"{ref} compares with a value; to ask whether it is set use isnull or isnotnull")
    if isinstance(value, str):
        return plain_text(ref, value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not is_int64(value):
            raise BadRequestError(f"{ref} compares with a whole number of at most 64 bits, not with one of more")
        return value
    if isinstance(value, Real | Decimal):
        found = number(value)
        if found is None or not math.isfinite(found):
            raise BadRequestError(f"{ref} compares with a finite number, not with {brief(value)}")
        return found
    if is_masked(value):
        raise BadRequestError(f"{ref} compares with a value, not with a masked one; fill it or leave the condition out")
    if isinstance(value, datetime):
        if value != value:  # pandas' NaT, which is a datetime without parts
            raise BadRequestError(
                f"{ref} compares with a time, not with {value!r}; to ask whether it is set use isnull"
            )
        return _plain_datetime(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        raise BadRequestError(
            f"{ref} compares with one value at a time, not with {value!r}; use any_of for several "
            "(an attribute that is a tuple, such as geotrans, cannot be filtered)"
        )
    return value


def plain_text(ref: Ref, text: object) -> str:
    """Return text as a tree keeps it; raise `BadRequestError` for anything else."""
    if not isinstance(text, str):
        raise BadRequestError(f"{ref} is matched with text, not with {text!r}")
    text = str.__str__(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequestError(f"{ref} compares with Unicode text, and {text!r} holds half a surrogate pair") from None
    return text


def _plain_datetime(value: datetime) -> datetime:
    offset = value.utcoffset()
    return datetime(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        tzinfo=None if offset is None else timezone(offset),
    )
