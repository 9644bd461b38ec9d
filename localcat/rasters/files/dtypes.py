"""The seven pixel types of a catalog, their names, and the type that holds several of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy

from localcat.errors import BadRequestError, InvalidArrayError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

DATA_TYPES: Final = {
    "Byte": "uint8",
    "UInt16": "uint16",
    "Int16": "int16",
    "UInt32": "uint32",
    "Int32": "int32",
    "Float32": "float32",
    "Float64": "float64",
}
"""numpy's name of each data type, from the least general to the most general one."""

_CASTS: Final = {
    "Byte": {"Byte", "UInt16", "Int16", "UInt32", "Int32", "Float32", "Float64"},
    "UInt16": {"UInt16", "UInt32", "Int32", "Float32", "Float64"},
    "Int16": {"Int16", "Int32", "Float32", "Float64"},
    "UInt32": {"UInt32", "Float64"},
    "Int32": {"Int32", "Float32", "Float64"},
    "Float32": {"Float32", "Float64"},
    "Float64": {"Float64"},
}
_NAMES: Final = {numpy.dtype(name): data_type for data_type, name in DATA_TYPES.items()}


def numpy_dtype(data_type: str) -> numpy.dtype[Any]:
    """Return numpy's dtype of a data type name such as ``"UInt16"``.

    Raises
    ------
    BadRequestError
        If no data type has that name.
    """
    if data_type not in DATA_TYPES:
        raise BadRequestError(f"{data_type!r} is not a data type; choose one of {', '.join(DATA_TYPES)}")
    return numpy.dtype(DATA_TYPES[data_type])


def data_type_name(dtype: DTypeLike) -> str:
    """Return the name of a numpy dtype, such as ``"UInt16"`` for ``uint16``; the byte order does not matter.

    Raises
    ------
    InvalidArrayError
        If a catalog cannot hold pixels of that dtype.
    """
    given = numpy.dtype(dtype)
    name = _NAMES.get(given.newbyteorder("="))
    if name is None:
        raise InvalidArrayError(
            f"pixels of dtype {given} cannot be stored; use one of {', '.join(DATA_TYPES.values())}"
        )
    return name


def common_dtype(names: Iterable[str]) -> str:
    """Return the least general data type that every named one can be cast to; the order does not matter.

    Parameters
    ----------
    names : iterable of str
        Data type names; at least one.

    Raises
    ------
    BadRequestError
        If a name is unknown, or there is none.
    """
    distinct = set(names)
    if not distinct:
        raise BadRequestError("no data types were given; pass at least one")
    for name in distinct:
        numpy_dtype(name)
    targets = set.intersection(*(_CASTS[name] for name in distinct))
    return next(name for name in DATA_TYPES if name in targets)  # Float64 is a target of all


def is_representable(value: float, dtype: DTypeLike) -> bool:
    """Return whether a number can be stored in a dtype: integers exactly, floats rounded if that keeps them finite.

    So -3.4028235e+38, as programs print the lowest float32, is one.
    """
    kind = numpy.dtype(dtype)
    if kind.kind == "f":
        return not numpy.isfinite(value) or bool(numpy.isfinite(as_stored(value, kind)))
    if not numpy.isfinite(value) or value != int(value):
        return False
    bounds = numpy.iinfo(kind)
    return bounds.min <= int(value) <= bounds.max


def is_lossless(dtype: DTypeLike, target: DTypeLike) -> bool:
    """Return whether one dtype holds all values of another: a wider integer, or floats with enough digits."""
    return bool(numpy.can_cast(numpy.dtype(dtype), numpy.dtype(target), casting="safe"))


def misfit(array: NDArray[Any], dtype: DTypeLike) -> float | None:
    """Return a value of an array that a dtype cannot hold exactly; None if it holds all of them."""
    if is_lossless(array.dtype, dtype):
        return None
    with numpy.errstate(over="ignore", invalid="ignore"):
        is_other = saturated(array, dtype).astype(array.dtype) != array
    found = array[is_other][:1]
    return float(found[0]) if found.size else None


def as_stored(value: float, dtype: DTypeLike) -> float:
    """Return the number that a dtype keeps of one that it can represent."""
    with numpy.errstate(over="ignore"):
        return float(numpy.asarray(value, dtype=numpy.float64).astype(dtype))


def equals_nodata(
    array: NDArray[Any], nodata: float | None, *, out: NDArray[numpy.bool_] | None = None
) -> NDArray[numpy.bool_]:
    """Return which pixels equal a nodata value, NaN included; none do when it is None or does not fit the dtype.

    Parameters
    ----------
    out : ndarray of bool, optional
        Is filled and returned instead of a new array.
    """
    if out is None:
        out = numpy.empty(array.shape, dtype=bool)
    if nodata is None or not is_representable(nodata, array.dtype):
        out[...] = False
    elif numpy.isnan(nodata):
        numpy.isnan(array, out=out)
    else:
        numpy.equal(array, array.dtype.type(nodata), out=out)
    return out


def saturated(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Cast pixels; towards an integer type they are rounded and clipped to its range, and NaN becomes 0."""
    target = numpy.dtype(dtype)
    if target == array.dtype:
        return array
    if target.kind == "f" or numpy.can_cast(array.dtype, target):
        with numpy.errstate(over="ignore"):
            return array.astype(target)
    bounds = numpy.iinfo(target)
    if array.dtype.kind == "f":
        array = numpy.nan_to_num(numpy.rint(array.astype(numpy.float64)), nan=0.0, posinf=bounds.max, neginf=bounds.min)
    return array.clip(bounds.min, bounds.max).astype(target)
