from __future__ import annotations

import itertools

import numpy
import pytest

from localcat.errors import BadRequestError, InvalidArrayError
from localcat.rasters.files.dtypes import (
    DATA_TYPES,
    common_dtype,
    data_type_name,
    equals_nodata,
    is_representable,
    numpy_dtype,
    saturated,
)


def test_names_and_dtypes_translate_both_ways():
    for name, dtype in DATA_TYPES.items():
        assert numpy_dtype(name) == numpy.dtype(dtype)
        assert data_type_name(dtype) == name
    assert data_type_name(">u2") == "UInt16"


def test_unknown_names_and_dtypes_are_refused():
    with pytest.raises(BadRequestError, match="UInt64"):
        numpy_dtype("UInt64")
    with pytest.raises(InvalidArrayError, match="int64"):
        data_type_name("int64")
    with pytest.raises(BadRequestError, match="pass at least one"):
        common_dtype([])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Byte"], "Byte"),
        (["Byte", "UInt16"], "UInt16"),
        (["Byte", "Int16"], "Int16"),
        (["UInt16", "Int16"], "Int32"),
        (["UInt16", "UInt32"], "UInt32"),
        (["Int16", "UInt32"], "Float64"),
        (["Int32", "UInt32"], "Float64"),
        (["Float32", "UInt32"], "Float64"),
        (["Int32", "Float32"], "Float32"),
        (["UInt16", "Float32"], "Float32"),
        (["Byte", "UInt16", "Int16", "Float64"], "Float64"),
    ],
)
def test_common_type_is_the_least_general_one(names, expected):
    """3.6: the table of casts."""
    assert common_dtype(names) == expected


def test_common_type_does_not_depend_on_the_order():
    """3.6, ours."""
    for first, second in itertools.product(DATA_TYPES, repeat=2):
        assert common_dtype([first, second]) == common_dtype([second, first])
        assert common_dtype([first, first]) == first


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (255, "uint8", True),
        (256, "uint8", False),
        (-1, "uint16", False),
        (0.5, "int16", False),
        (-32768, "int16", True),
        (float("nan"), "float32", True),
        (float("nan"), "int32", False),
        (float("inf"), "float64", True),
        (1e300, "float32", False),
        (-3.3999999521443642e38, "float32", True),
        (-3.4028235e38, "float32", True),  # the lowest one, as programs print it
        (3.40282357e38, "float32", False),
    ],
)
def test_whether_a_number_fits(value, dtype, expected):
    assert is_representable(value, dtype) is expected


def test_nodata_compares_in_the_arrays_dtype():
    assert equals_nodata(numpy.array([1.0, numpy.nan]), float("nan")).tolist() == [False, True]
    assert equals_nodata(numpy.array([0.1], "float32"), 0.1).tolist() == [True]
    assert equals_nodata(numpy.array([0, 255], "uint8"), -1).tolist() == [False, False]
    assert equals_nodata(numpy.array([0, 1], "uint8"), None).tolist() == [False, False]


def test_casts_round_and_clip():
    values = numpy.array([-5.4, 1.5, 2.5, 254.6, 300.0, numpy.nan, numpy.inf])
    assert saturated(values, "uint8").tolist() == [0, 2, 2, 255, 255, 0, 255]
    assert saturated(numpy.array([-1, 70000]), "uint16").tolist() == [0, 65535]
    assert saturated(numpy.array([4294967295], "uint32"), "int32").tolist() == [2147483647]
    assert saturated(numpy.array([2**31 - 1], "int32"), "float64").tolist() == [2147483647.0]
    assert saturated(numpy.array([1e10], "float32"), "int32").tolist() == [2147483647]
