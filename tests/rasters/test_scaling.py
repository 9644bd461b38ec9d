from __future__ import annotations

import numpy
import pytest

from localcat.errors import BadRequestError
from localcat.rasters.reading.scaling import BandScaling, apply_scaling, scaling_parameters

COLORS = [BandScaling(name, "UInt16", (0, 10000), (0, 4000), (0, 1)) for name in ("red", "green", "blue")]
BANDS = [*COLORS, BandScaling("alpha", "UInt16", (0, 1), (0, 1), is_scalable=False)]
PERCENT = [("0%", "100%", "0%", "100%"), ("2%", "98%", "2%", "98%")]


@pytest.mark.parametrize(
    ("scaling", "scales", "data_type"),
    [
        (None, None, "UInt16"),
        ("raw", None, "UInt16"),
        ("display", [(0, 4000, 0, 255)] * 3 + [None], "Byte"),
        ("auto", [(), (), (), None], "Byte"),
        ("physical", [(0, 10000, 0.0, 1.0)] * 3 + [None], "Float64"),
        ([(0, 10000), "display", (), None], [(0, 10000, 0, 255), (0, 4000, 0, 255), (), None], "Byte"),
        (
            {"red": "display", "green": (0, 10000), "default_": "auto"},
            [(0, 4000, 0, 255), (0, 10000, 0, 255), (), None],
            "Byte",
        ),
        ({"red": (0, 4000, 0, 255), "default_": "raw"}, [(0, 4000, 0, 255), None, None, None], "UInt16"),
        (
            [(0, 10000, 0, 10000), (0, 4000), (), None],
            [(0, 10000, 0, 10000), (0, 4000, 0, 65535), (), None],
            "UInt16",
        ),
        (
            [(0, 10000, 0, 1.0), (0, 4000), (0, 4000), None],
            [(0, 10000, 0, 1.0), (0, 4000, 0, 1), (0, 4000, 0, 1), None],
            "Float64",
        ),
        (
            [*PERCENT, "display", None],
            [(0, 4000, 0, 255), (80, 3920, 5, 250), (0, 4000, 0, 255), None],
            "Byte",
        ),
        (
            [*PERCENT, "physical", None],
            [(0, 10000, 0, 1), (200, 9800, 0.02, 0.98), (0, 10000, 0, 1), None],
            "Float64",
        ),
        ({"red": "display"}, [(0, 4000, 0, 255), None, None, None], "Byte"),
        ([["0%", "100%"], None, None, None], [(0, 4000, 0, 255), None, None, None], "Byte"),
    ],
)
def test_worked_results(scaling, scales, data_type):
    """3.6: the table of worked results."""
    assert scaling_parameters(BANDS, scaling) == (scales, data_type)


@pytest.mark.parametrize(
    ("scaling", "words"),
    [
        (["display"], "1 values for 4 bands; pass one for each"),
        ("pretty", "'pretty' .*choose one of"),
        (["raw", "display", None, None], "display, raw"),
        (["physical", "auto", None, None], "auto, physical"),
        ([(1,), None, None, None], r"\(1,\) .*pass None"),
        ([("x%", "3%"), None, None, None], "^'x%' "),
        ([(float("nan"), 1), None, None, None], "^nan "),
        ([(True, 1), None, None, None], "^True "),
        ([("0%", "100%", "0%", "100%"), None, None, None], "pass data_type"),
        ({"infrared": "display"}, "infrared"),
        (3, "not int"),
    ],
)
def test_wrong_scalings_are_refused(scaling, words):
    """3.6: ValueError."""
    with pytest.raises(ValueError, match=words):
        scaling_parameters(BANDS, scaling)


def test_unknown_data_type_is_refused():
    """3.6: ValueError."""
    with pytest.raises(BadRequestError, match="Int8"):
        scaling_parameters(BANDS, None, "Int8")


def test_the_data_type_of_the_caller_wins():
    """3.6."""
    assert scaling_parameters(BANDS, None, "Float32") == (None, "Float32")
    assert scaling_parameters(BANDS, "display", "UInt16") == ([(0, 4000, 0, 255)] * 3 + [None], "UInt16")
    assert scaling_parameters(BANDS, [PERCENT[1], None, None, None], "Byte") == (
        [(80, 3920, 5, 250), None, None, None],
        "Byte",
    )


def test_defaults_of_ranges():
    """3.6: data_range (0, 10000), the others default to it; UInt16."""
    band = BandScaling("x")
    assert scaling_parameters([band], "display") == ([(0, 10000, 0, 255)], "Byte")
    assert scaling_parameters([band], "physical") == (None, "Float64")


def test_mask_bands_are_never_scaled():
    """3.6."""
    assert scaling_parameters(BANDS[3:], "display") == (None, "UInt16")
    assert scaling_parameters(BANDS[3:], [(0, 1, 0, 255)]) == (None, "UInt16")


def test_scaling_is_linear_and_clipped_to_the_type_only():
    """3.6."""
    array = numpy.ma.MaskedArray(numpy.array([[[0, 2000, 4000, 8000]]], "uint16"), mask=[[[False, True, False, False]]])
    result = apply_scaling(array, [(0, 4000, 0, 255)], "uint8")
    assert result.data.tolist() == [[[0, 128, 255, 255]]]
    assert result.mask.tolist() == [[[False, True, False, False]]]
    assert result.dtype == "uint8"
    physical = apply_scaling(array, [(0, 10000, 0.0, 1.0)], "float64")
    assert physical.data.tolist() == [[[0.0, 0.2, 0.4, 0.8]]]


def test_auto_uses_valid_pixels_only():
    """3.6: actual smallest to largest, to 0 to 255."""
    array = numpy.ma.MaskedArray(numpy.array([[[10, 20, 60000]]], "uint16"), mask=[[[False, False, True]]])
    assert apply_scaling(array, [()], "uint8").data.tolist() == [[[0, 255, 255]]]
    flat = numpy.ma.MaskedArray(numpy.full((1, 1, 2), 7, "uint16"), mask=False)
    assert apply_scaling(flat, [()], "uint8").tolist() == [[[0, 0]]]
    nothing = numpy.ma.MaskedArray(numpy.ones((1, 1, 2), "uint16"), mask=True)
    assert apply_scaling(nothing, [()], "uint8").mask.all()


def test_no_scales_only_cast():
    """3.6."""
    array = numpy.ma.MaskedArray(numpy.array([[[300, 5]]], "uint16"), mask=False)
    assert apply_scaling(array, None, "uint8").tolist() == [[[255, 5]]]
    with pytest.raises(BadRequestError, match="2 scales .* 1 bands"):
        apply_scaling(array, [None, None], "uint8")
