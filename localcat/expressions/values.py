"""What a condition may compare with, brought to plain Python values so that a tree prints, hashes and pickles alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real

from localcat.errors import BadRequestError
from localcat.expressions.nodes import Ref


def plain_value(ref: Ref, value: object) -> object:
    """Return a value as a tree keeps it.

    Enum members become their values, numbers of other libraries Python's own, aware datetimes ones of a fixed offset,
    mappings a copy. Whether the value fits the attribute is for `Field.bind` to say, when the class is known.

    Raises
    ------
    BadRequestError
        If the value is None, a number that is not finite, text that is not Unicode, or several values at once.
    """
    if isinstance(value, Enum):
        value = value.value
    if hasattr(value, "dtype") and getattr(value, "shape", None) == () and hasattr(value, "item"):
        # A numpy scalar; of its datetimes only those of a microsecond or more have a Python twin.
        item = value.item()
        value = value if type(value).__name__ == "datetime64" and not isinstance(item, datetime) else item
    if value is None:
        raise BadRequestError(f"{ref} compares with a value; to ask whether it is set use isnull or isnotnull")
    if isinstance(value, str):
        return plain_text(ref, value)
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real | Decimal):
        number = float(value)
        if not math.isfinite(number):
            raise BadRequestError(f"{ref} compares with a finite number, not with {value!r}")
        return number
    if isinstance(value, datetime):
        return _plain_datetime(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        raise BadRequestError(f"{ref} compares with one value at a time, not with {value!r}; use any_of for several")
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
