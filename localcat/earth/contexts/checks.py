"""What the numbers of a geo context may be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real

from localcat.errors import BadRequestError


def whole_number(name: str, value: object, *, least: int | None = None, most: int | None = None) -> int:
    """Return a whole number within limits; TypeError if it is none, BadRequestError if it is beyond them."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} is a whole number, not {value!r}")
    number = int(value)
    if least is not None and number < least:
        raise BadRequestError(f"{name} is at least {least}, not {number}")
    if most is not None and number > most:
        raise BadRequestError(f"{name} is at most {most}, not {number}")
    return number


def positive_resolution(value: object) -> float:
    """Return a resolution; TypeError if it is not a number, BadRequestError unless it is positive and finite."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"a resolution is a number of CRS units per pixel, not {value!r}")
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise BadRequestError(f"a resolution is positive and finite, not {value!r}")
    return number


def row_and_column_count(value: object) -> tuple[int, int]:
    """Return a shape; TypeError unless it is two whole numbers, BadRequestError unless they are positive."""
    items = _items(value)
    if len(items) != 2:
        raise TypeError(f"a shape is two whole numbers, (rows, columns), not {value!r}")
    return whole_number("rows of a shape", items[0], least=1), whole_number("columns of a shape", items[1], least=1)


def four_numbers(value: object) -> tuple[float, float, float, float]:
    """Return bounds; TypeError unless they are four numbers, BadRequestError unless these are finite."""
    items = _items(value)
    numbers = [float(item) for item in items if not isinstance(item, bool) and isinstance(item, Real)]
    if len(items) != 4 or len(numbers) != 4:
        raise TypeError(f"bounds are four numbers, (min_x, min_y, max_x, max_y), not {value!r}")
    if not all(map(math.isfinite, numbers)):
        raise BadRequestError(f"bounds are finite numbers, not {value!r}")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _items(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else ()
