"""Scalars of other libraries: filters and attributes take the same ones; none hangs or raises a foreign error."""

import enum
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import Band, File, Image, ProcessingStepAttribute, Product, Resolution
from localcat.errors import AttributeValidationError, BadRequestError
from localcat.expressions.numbers import number, plain
from localcat.expressions.properties import properties as p
from tests.drawing import examples


class Level(enum.IntEnum):
    TWO = 2


class Share(float, enum.Enum):
    HALF = 0.5


class Count(int):
    """Converts to something else than it is."""

    def __int__(self):
        return 99

    def __index__(self):
        return 99


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (5, 5),
        (0.5, 0.5),
        (Level.TWO, 2),
        (Share.HALF, 0.5),
        (Count(3), 3),
        (numpy.int64(5), 5),
        (numpy.uint8(255), 255),
        (numpy.float32(0.5), 0.5),
        (numpy.array(5), 5),
        (numpy.array(0.5), 0.5),
        (numpy.ma.array(5, mask=False), 5),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (2**70, 2**70),
    ],
)
def test_numbers_of_all_libraries_are_plain(value, found):
    assert number(value) == found
    assert type(number(value)) is type(found)


@pytest.mark.parametrize(
    "value",
    [
        *(True, numpy.bool_(True), numpy.array(True), "5", b"5", None, 1j, numpy.complex64(1), [], [5], {}),
        *(numpy.array([5]), numpy.ma.masked, numpy.ma.masked_all(()), numpy.ma.masked_all((2,)).mean()),
        *(
            numpy.datetime64("2020-01-01", "ns"),
            numpy.datetime64("NaT"),
            numpy.timedelta64(5, "s"),
            numpy.timedelta64("NaT"),
        ),
        *(Decimal("sNaN"), Fraction(10**400), Fraction(-(10**400), 3), object()),
    ],
)
def test_what_is_not_a_number(value):
    assert number(value) is None


def test_moments_too_fine_for_python_stay_as_they_are():
    fine = numpy.datetime64("2020-01-01T00:00:00.123456789")
    assert plain(fine) is fine
    assert plain(numpy.array(fine)) == fine


# What no number attribute and no filter on one takes.
REFUSED = [True, numpy.ma.masked, numpy.nan, numpy.array(numpy.inf), Decimal("sNaN"), Decimal("NaN"), Fraction(10**400)]
REFUSED += [numpy.datetime64("NaT"), numpy.timedelta64(5, "s"), 1j, object()]


@pytest.mark.parametrize("value", REFUSED)
def test_filters_and_attributes_refuse_the_same(value):
    """Choice 31."""
    for set_it in (
        lambda: Image(area=value),
        lambda: Image(cloud_fraction=value),
        lambda: Image(reflectance_scale=[value]),
        lambda: Image(geotrans=[value] * 6),
        lambda: Resolution(value, "meters"),
    ):
        with pytest.raises(AttributeValidationError, match="number|finite"):
            set_it()
    for field in (Image.area, Image.cloud_fraction, Image.x_pixels, Band.resolution):
        if value is not True:  # an equal number, in a filter
            with pytest.raises(BadRequestError, match="number|value|resolution"):
                field.bind((p.x == value).node.value)


@pytest.mark.parametrize("value", [Level.TWO, Count(2), numpy.int16(2), numpy.array(2)])
def test_whole_numbers_are_stored_as_ints(value):
    image = Image(x_pixels=value, bits_per_pixel=[value], files=[{"href": "a", "size_bytes": value}])
    step = ProcessingStepAttribute(function="f", index=value)
    found = [
        image.x_pixels,
        image.bits_per_pixel[0],
        image.files[0].size_bytes,
        step.index,
        File("a", value).size_bytes,
    ]
    assert found == [2] * 5
    assert {type(number) for number in found} == {int}


def test_a_subclass_of_int_ends_no_program():
    """Python walks through a range to look for one."""
    code = (
        "import enum\nfrom localcat import Image\n"
        "Level = enum.IntEnum('Level', {'TWO': 2})\n"
        "Image(name='a', extra_properties={'level': Level.TWO}, bits_per_pixel=(Level.TWO,))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)


@pytest.mark.parametrize("value", [20, -5, 1.01, -0.01, "20", numpy.float64(20)])
def test_a_fraction_is_from_0_to_1(value, catalog):
    """Choice 31."""
    for name in ("cloud_fraction", "alt_cloud_fraction", "bright_fraction", "fill_fraction"):
        with pytest.raises(AttributeValidationError, match=f"{name} is a fraction from 0 to 1, not"):
            Image(**{name: value})
    Product(id="x", name="x", catalog=catalog).save()
    report = catalog.add_images([{"product_id": "x", "name": "a", "cloud_fraction": value}])
    assert (report.added, len(report.failed)) == (0, 1)


def test_a_percentage_is_told_how_to_become_a_fraction():
    with pytest.raises(AttributeValidationError, match="not 20; as a percentage, write 20 / 100"):
        Image(cloud_fraction=20)
    assert Image(cloud_fraction=1).cloud_fraction == 1.0
    assert Image.cloud_fraction.bind(1.5) == 1.5


ODD = st.sampled_from(
    [*REFUSED, Level.TWO, Count(3), numpy.array(5), Decimal("0.5"), "x", None, {}, [], b"", numpy.str_("a")]
)


@given(ODD, st.sampled_from(["area", "x_pixels", "name", "acquired", "tags", "cs_code"]))
@settings(derandomize=True, max_examples=examples(200), deadline=None)
def test_any_value_is_taken_or_refused_by_us(value, name):
    attribute = getattr(Image, name)
    for use in (lambda: attribute.coerce(value), lambda: attribute.bind((getattr(p, name) == value).node.value)):
        try:
            use()
        except (BadRequestError, AttributeValidationError, AttributeError) as error:
            assert not isinstance(error, AttributeError) or value is None  # noqa: PT017  # isnull has no value


def test_no_time_is_refused_where_the_condition_is_made():
    import pandas

    for make in (lambda: p.acquired == pandas.NaT, lambda: p.x > pandas.NaT, lambda: p.extra["a"].any_of([pandas.NaT])):
        with pytest.raises(
            BadRequestError, match="compares with a time, not with NaT; to ask whether it is set use isnull"
        ):
            make()
    assert (p.acquired > pandas.Timestamp("2020-01-01T00:00:00Z")).to_cql2_text() == (
        "datetime > TIMESTAMP('2020-01-01T00:00:00Z')"
    )
