"""Scalars as Python's own, whatever library they come from: the one rule of filters and of attributes.

A number may be an ``IntEnum``, a numpy scalar or an array of no dimensions, a `Decimal` or a `Fraction`.
Numbers of other libraries compare, hash, and convert in ways of their own; after this module they are plain.
"""

from __future__ import annotations

import operator
from datetime import datetime
from decimal import Decimal
from enum import Enum
from numbers import Real
from typing import Any

LEAST_INT64, MOST_INT64 = -(2**63), 2**63 - 1  # what SQLite keeps as an integer


def is_int64(number: int) -> bool:
    """Return whether a whole number can be stored as one.

    By two comparisons: ``in range(...)`` walks through all numbers of the range for a subclass of int.
    """
    return LEAST_INT64 <= number <= MOST_INT64


def plain(value: object) -> Any:
    """Return Python's own object for a scalar of a subclass or of numpy; all other values as they are.

    What has no Python twin stays as it is, for the caller to refuse: masked values, and moments finer than a
    microsecond.
    """
    if type(value) in (str, int, float, bool, type(None)):
        return value
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return operator.index(value)
    if isinstance(value, float):
        return float.__float__(value)
    return _item_of(value) if hasattr(value, "dtype") and not is_masked(value) else value


def number(value: object) -> int | float | None:
    """Return the number that a value is; None for anything else, truth values and text included.

    It may be infinite or not a number, where the value is. What is too large for a float is None.
    """
    if type(value) is float or type(value) is int:  # as nearly all are
        return value
    value = plain(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, Real | Decimal) or is_masked(value):
        return None
    try:
        return float(value)
    except (ArithmeticError, ValueError):  # a signalling NaN, or a Fraction that no float can hold
        return None


def is_masked(value: object) -> bool:
    """Return whether a value is numpy's masked constant, or an array of no dimensions that is masked."""
    return hasattr(value, "mask") and getattr(value, "shape", None) == () and bool(value.mask)


def _item_of(array: Any) -> Any:
    """Return Python's twin of a numpy scalar, or of the one in an array of no dimensions."""
    if getattr(array, "shape", None) != () or not hasattr(array, "item"):
        return array
    item = array.item()
    if array.dtype.kind == "M" and not isinstance(item, datetime):  # too fine, a whole day, or no time at all
        return array[()] if type(array).__name__ == "ndarray" else array
    return item
