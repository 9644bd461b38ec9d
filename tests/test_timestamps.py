from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from localcat.errors import BadRequestError, CorruptCatalogError
from localcat.timestamps import (
    EARLIEST,
    LATEST,
    from_microseconds,
    iso_text,
    many_from_microseconds,
    to_microseconds,
)
from tests.drawing import examples

SECOND = 1_000_000  # microseconds


class Moment(datetime):
    """Stands for the subclasses of other libraries, whose differences are no timedelta."""

    def __sub__(self, other):
        raise AssertionError("the arithmetic of a subclass is its own")


class Nothing(Moment):
    """Stands for pandas' NaT: a datetime that is not equal to itself."""

    __hash__ = None

    def __ne__(self, other):
        return True

    def __eq__(self, other):
        return False


class Nowhere(tzinfo):
    """A zone that does not know its offset."""

    def utcoffset(self, moment):
        return None


@pytest.mark.parametrize(
    ("value", "microseconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01 00:00:01", SECOND),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1969-12-31T18:30-05:30", 0),
        ("19700101T000001Z", SECOND),
        ("1970-W01-4", 0),
        ("1970", 0),
        ("1970-02", 31 * 86_400 * SECOND),
        ("1970-01-01T00:00:00.5", SECOND // 2),
        ("1970-01-01T00:00:00.123456789Z", 123_456),
        ("1970-01-01T00:00:00.999999999", 999_999),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("Jan 7, 2020 18:51", 1_578_423_060 * SECOND),
        ("7 January 2020 18:51 UTC", 1_578_423_060 * SECOND),
        ("Tue, 07 Jan 2020 18:51:00 GMT", 1_578_423_060 * SECOND),
        ("7 Jan 2020 20:51 +0200", 1_578_423_060 * SECOND),
        ("2020/01/07 18:51", 1_578_423_060 * SECOND),
        ("2020-007T18:51Z", 1_578_423_060 * SECOND),
        ("2020007", 1_578_355_200 * SECOND),
        ("2020-366T24:00:00Z", 1_609_459_200 * SECOND),
        ("2020-W02-2", 1_578_355_200 * SECOND),
        ("2020W02", 1_578_268_800 * SECOND),
        ("2020-01-07t18:51,5z", 1_578_423_090 * SECOND),
        ("2020-01-07T18.85", 1_578_423_060 * SECOND),
        ("2020-01-07T18-51-00", 1_578_423_060 * SECOND),
        ("20200107185100", 1_578_423_060 * SECOND),
        ("2020:01:07 18:51:00", 1_578_423_060 * SECOND),
        ("2020-1-7 6:51 pm", 1_578_423_060 * SECOND),
        ("2020-01-07T10:51:00 UTC-8", 1_578_423_060 * SECOND),
        ("2020-01-07T20:51:00Z+0200", 1_578_423_060 * SECOND),
        ("2020-01-07T10:51:00−08:00", 1_578_423_060 * SECOND),
        ("2020-01-07+02:00", 1_578_348_000 * SECOND),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * SECOND),
        ("2017-01-01T00:59:60+01:00", 1_483_228_800 * SECOND),
        ("Tue Jan 07 2020 20:51:00 GMT+0200 (Eastern European Time)", 1_578_423_060 * SECOND),
        ("Tue Jan  7 18:51:00 2020", 1_578_423_060 * SECOND),
        ("7th of January 2020 at 6:51 p.m.", 1_578_423_060 * SECOND),
        ("07-JAN-2020", 1_578_355_200 * SECOND),
        ("January 2020", 1_577_836_800 * SECOND),
        ("0001-01-01", -62_135_596_800 * SECOND),
        ("9999-12-31T23:59:59.999999", 253_402_300_800 * SECOND - 1),
        ("9999-12-31T23:59:59.999999+01:00", 253_402_297_200 * SECOND - 1),
        (date(1970, 1, 2), 86_400 * SECOND),
        (datetime(1970, 1, 1), 0),
        (datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 0),
        (datetime(1970, 1, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")), 0),
        (datetime(2017, 10, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")), 1_509_237_000 * SECOND),
        (datetime(2017, 10, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1), 1_509_240_600 * SECOND),
        (datetime(1970, 1, 1, tzinfo=Nowhere()), 0),
        (Moment(1970, 1, 1, 0, 0, 1), SECOND),
        (Moment(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 0),
        (numpy.datetime64("1970-01-02"), 86_400 * SECOND),
        (numpy.datetime64("1970"), 0),
        (numpy.datetime64("1970-01-01T00:00:00.123456789"), 123_456),
        (numpy.datetime64("1969-12-31T23:59:59.999999999"), -1),
        (numpy.datetime64(1_500_000_000_000_000_000, "as"), SECOND * 3 // 2),
        (numpy.datetime64(-1, "fs"), -1),
        (numpy.datetime64(86_400 * 10**12, "ps"), 86_400 * SECOND),
        (numpy.array("1970-01-02", "datetime64[s]"), 86_400 * SECOND),
        (numpy.array("1970-01-02T00:00:00"), 86_400 * SECOND),
        (numpy.ma.array(numpy.datetime64("1970-01-02"), mask=False), 86_400 * SECOND),
    ],
)
def test_moments_in_many_forms(value, microseconds):
    assert to_microseconds(value) == microseconds


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "is not a timestamp"),
        ("06.05.2024", "taken in the order of ISO 8601, the year first; write YYYY-MM-DD"),
        ("13/05/2024", "the year first; write YYYY-MM-DD"),
        ("5/6/2024, 10:30:00 AM", "the year first; write YYYY-MM-DD"),
        ("24-05-06", "the year first; write YYYY-MM-DD"),
        ("06-May-24", "names no year of four digits"),
        ("Tue, 06 May 2024", "is not a timestamp"),  # it was a Monday
        ("6 Mai 2024", "is not a timestamp"),
        ("2020-01-01/2020-02-01", "not a timestamp but a span of time"),
        ("20200101-20200131", "not a timestamp but a span of time"),
        ("2020-01-01T00:00:00Z/..", "not a timestamp but a span of time"),
        ("-2020-06-07T00:00:00Z", "not a timestamp of the years 1 to 9999"),
        ("202406", "is not a timestamp"),  # 2024-06, or 2020-24-06 as six digits
        ("2024-06-01-10:00", "is not a timestamp"),  # a clock, or an offset
        ("2024-06-01x10:00", "is not a timestamp"),
        ("2023-366", "is not a timestamp"),
        ("2024-W53-1", "is not a timestamp"),
        ("2024-06-01T24:00:01Z", "is not a timestamp"),
        ("2016-12-31T22:59:60Z", "is not a timestamp"),
        ("1 Jun 0024", "is not a timestamp"),
        ("٢٠٢٤-٠٦-٠١", "is not a timestamp"),
        ("1717200000", "is not a timestamp"),
        ("soon", "is not a timestamp"),
        ("18:51", "names no year"),
        ("January 7", "names no year"),
        ("Monday", "names no year"),
        ("2020-02-30", "is not a timestamp"),
        ("2020-13-01", "is not a timestamp"),
        ("2020-01-31T10:00 CEST", "time zone 'CEST' in '2020-01-31T10:00 CEST' is not known; write an offset"),
        ("2020-01-31 10:00 XYZ", "time zone 'XYZ'"),
        ("2020-01-31T10:00+25:00", "is not a timestamp"),
        ("0000-01-01", "is not a timestamp"),
        ("10000-01-01", "is not a timestamp"),
        ("0001-01-01T00:00+00:01", "outside the years 1 to 9999 in UTC"),
        ("9999-12-31T23:59:59-00:01", "outside the years 1 to 9999 in UTC"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "outside the years"),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))), "outside the years"),
        (Nothing(2020, 1, 1), "is not a timestamp; leave the attribute unset"),
        (numpy.datetime64("NaT", "us"), "is not a timestamp"),
        (numpy.datetime64("NaT", "as"), "is not a timestamp"),
        (numpy.array("NaT", "datetime64[s]"), "is not a timestamp"),
        (numpy.ma.array(numpy.datetime64("1970-01-02"), mask=True), "masked is not a timestamp"),
        (numpy.array(["1970-01-02"], "datetime64[s]"), "is not a timestamp"),
        (numpy.datetime64("-0001-01-01"), "is not a timestamp"),
        (0, "0 is not a timestamp; pass a datetime, or text"),
        (1.5, "is not a timestamp"),
        (True, "is not a timestamp"),
        (None, "is not a timestamp"),
        (b"2020-01-01", "is not a timestamp"),
        ("9" * 10_000, "is not a timestamp"),
    ],
)
def test_what_is_no_moment_is_refused(value, message):
    with pytest.raises(BadRequestError, match=message):
        to_microseconds(value)


def test_the_edges_of_time():
    assert iso_text(EARLIEST) == "0001-01-01T00:00:00+00:00"
    assert iso_text(LATEST) == "9999-12-31T23:59:59.999999+00:00"
    assert from_microseconds(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def test_many_moments_are_those_of_one():
    assert many_from_microseconds([0, None, -1]) == [
        datetime(1970, 1, 1, tzinfo=UTC),
        None,
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
    with pytest.raises(CorruptCatalogError, match=f"a stored time of {LATEST + 1} microseconds is beyond the years"):
        many_from_microseconds([0, LATEST + 1])


@pytest.mark.parametrize("stored", [b"\xff", "soon"])
def test_a_time_in_a_damaged_file_that_is_no_number_is_refused(stored: object) -> None:
    with pytest.raises(CorruptCatalogError, match="a stored time of .* microseconds is beyond the years"):
        from_microseconds(stored)


@given(st.integers(EARLIEST, LATEST))
@settings(max_examples=examples(500))
def test_moments_come_back(microseconds):
    moment = from_microseconds(microseconds)
    assert moment.tzinfo is UTC
    assert to_microseconds(moment) == microseconds
    assert to_microseconds(iso_text(microseconds)) == microseconds
    assert to_microseconds(moment.replace(tzinfo=None)) == microseconds
    assert to_microseconds(numpy.datetime64(moment.replace(tzinfo=None))) == microseconds


@given(st.datetimes(), st.integers(-1439, 1439))
@settings(max_examples=examples(300))
def test_an_offset_says_how_far_ahead_the_clock_is(moment, minutes):
    naive = to_microseconds(moment)
    wanted = naive - minutes * 60 * SECOND
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    for form in (aware, aware.isoformat()):
        if EARLIEST <= wanted <= LATEST:
            assert to_microseconds(form) == wanted
        else:
            with pytest.raises(BadRequestError, match="outside the years"):
                to_microseconds(form)


MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October"]
MONTHS += ["November", "December"]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
OFFSETS = [
    ("", 0),
    ("Z", 0),
    (" UTC", 0),
    ("+00:00", 0),
    ("+02:00", 120),
    ("-0530", -330),
    ("−05", -300),
    (" GMT+0200", 120),
]


@st.composite
def written_days(draw):
    """Draw a day in one of the forms that have one reading: text and date."""
    day = draw(st.dates(date(1000, 1, 2), date(9998, 12, 30)))
    month, weekday = MONTHS[day.month - 1], WEEKDAYS[day.weekday()]
    iso_year, week, iso_day = day.isocalendar()
    forms = [
        day.isoformat(),
        f"{day:%Y%m%d}",
        f"{day:%Y-%j}",
        f"{day:%Y%j}",
        f"{iso_year:04d}-W{week:02d}-{iso_day}",
        f"{iso_year:04d}W{week:02d}{iso_day}",
        f"{day.year}/{day.month}/{day.day}",
        f"{day:%Y.%m.%d}",
        f"{day:%Y:%m:%d}",
        f"{day.day} {month} {day.year}",
        f"{month} {day.day}, {day.year}",
        f"{weekday}, {day.day} {month[:3]} {day.year}",
        f"{weekday[:3]} {month[:3]} {day.day:02d} {day.year}",
        f"{day.day:02d}-{month[:3].upper()}-{day.year}",
        f"{day.year} {month} {day.day}",
    ]
    return draw(st.sampled_from(forms)), day


@st.composite
def written_clocks(draw):
    """Draw a time of day in one of its forms: text and microseconds."""
    clock = draw(st.times())
    whole = (clock.hour * 60 + clock.minute) * 60
    half = f"{(clock.hour - 1) % 12 + 1}:{clock:%M} {'PM' if clock.hour >= 12 else 'am'} "
    forms = [
        (f"{clock:%H:%M}", whole * SECOND),
        (f"{clock:%H:%M:%S}", (whole + clock.second) * SECOND),
        (clock.isoformat("microseconds"), (whole + clock.second) * SECOND + clock.microsecond),
        (f"{clock:%H:%M:%S},5", (whole + clock.second) * SECOND + SECOND // 2),
        (half, whole * SECOND),
    ]
    return draw(st.sampled_from(forms))


@given(written_days(), st.none() | written_clocks(), st.sampled_from(OFFSETS))
@settings(derandomize=True, max_examples=examples(1000), deadline=None)
def test_every_form_with_one_reading_is_read(written, clock, offset):
    text, day = written
    wanted = (day - date(1970, 1, 1)).days * 86_400 * SECOND
    if clock is not None:
        text = f"{text} {clock[0]}{offset[0]}"
        wanted += clock[1] - offset[1] * 60 * SECOND
    assert to_microseconds(text) == wanted
    assert to_microseconds(f"  {text} ") == wanted


@given(
    st.dates(),
    st.sampled_from(["/", "-", "."]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", " 10:30", "T10:30:00Z"]),
)
@settings(derandomize=True, max_examples=examples(300), deadline=None)
def test_numbers_that_begin_with_day_or_month_are_refused(day, separator, is_american, is_short, clock):
    parts = [str(day.month), str(day.day)] if is_american else [f"{day.day:02d}", f"{day.month:02d}"]
    text = separator.join([*parts, f"{day.year % 100:02d}" if is_short else f"{day.year:04d}"])
    with pytest.raises(BadRequestError, match="write YYYY-MM-DD, for example '2020-01-31'"):
        to_microseconds(text + clock)


@given(written_days(), written_days(), st.sampled_from(["/", " / ", "--", "/.."]))
@settings(derandomize=True, max_examples=examples(200), deadline=None)
def test_a_span_of_time_is_refused(first, last, between):
    for text in (f"{first[0]}{between}{'' if '.' in between else last[0]}", f"../{first[0]}"):
        with pytest.raises(BadRequestError, match="not a timestamp"):
            to_microseconds(text)


NUMERIC = ["2020", "01", "31", "10", "24", "60", "99", "0", "1e9", "W01", "\x00", "٣", "²", "１", "inf", "nan"]
WORDS = ["Jan", "Feb", "Mon", "T", "Z", "UTC", "EST", "am", "pm", "NaN", "at", "of", "h", "m", "s"]
pieces = st.sampled_from([*NUMERIC, *WORDS, *":-/.,+' ()"])


@given(st.text(max_size=30) | st.lists(pieces, max_size=10).map("".join))
@example("1" * 5000)
@example("Jan 99999999999999999999")
@example("10:00:00.1.1")
@example("\ud800")
@settings(max_examples=examples(2000))
def test_any_text_is_a_moment_or_refused(text):
    try:
        microseconds = to_microseconds(text)
    except BadRequestError:
        return
    assert EARLIEST <= microseconds <= LATEST


def test_unknown_zones_leave_no_warning():
    code = (
        "from localcat.timestamps import to_microseconds\n"
        "from localcat.errors import BadRequestError\n"
        "for text in ('Jan 7 2020 10:00 BRST', 'Jan 7 2020 10:00 EST', '2020-01-01 10:00 X'):\n"
        "    try: to_microseconds(text)\n"
        "    except BadRequestError: print('refused')"
    )
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["refused"] * 3
    assert ran.stderr == ""
