"""Times in the names of files, and what a period ends with."""

from __future__ import annotations

import pytest

from localcat import BadRequestError
from localcat.writing.ingest.content.dates import Moment, moment_of, moments_in

NAMES = {
    "LC08_L1TP_044034_20210508_20210518_02_T1": ("2021-05-08 00:00:00", "day"),
    "T33UUP_20210606T101031_B02_10m": ("2021-06-06 10:10:31", "second"),
    "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156": ("2021-08-09 17:39:53", "second"),
    "20210508_101112_23_2413_3B_AnalyticMS": ("2021-05-08 10:11:12", "second"),
    "20210508_1011_x": ("2021-05-08 00:00:00", "day"),
    "20210508T1011_x": ("2021-05-08 10:11:00", "second"),
    "20210508101112": ("2021-05-08 10:11:12", "second"),
    "2021-05-08T10:11:12.25Z": ("2021-05-08 10:11:12.250000", "second"),
    "2021-05-08_x": ("2021-05-08 00:00:00", "day"),
    "2021_05_08_x": ("2021-05-08 00:00:00", "day"),
    "scene_2020.07.14": ("2020-07-14 00:00:00", "day"),
    "LC80440342021128LGN00_B4": ("2021-05-08 00:00:00", "day"),
    "LE71930272000366EDC00": ("2000-12-31 00:00:00", "day"),
    "MOD09GA.A2021128.h18v04": ("2021-05-08 00:00:00", "day"),
    "VNP46A2.A2020366": ("2020-12-31 00:00:00", "day"),
    "HLS.S30.T32TPT.2020196T101559.v2.0.B04": ("2020-07-14 10:15:59", "second"),
    "MOD13Q1.061__250m_16_days_NDVI_doy2021145_aid0001": ("2021-05-25 00:00:00", "day"),
    "OR_ABI-L2-CMIPF-M6C01_G16_s20211281500203_e20211281509511": ("2021-05-08 15:00:20.300000", "second"),
    "13MAY2021_wv2": ("2021-05-13 00:00:00", "day"),
    "13-May-2021": ("2021-05-13 00:00:00", "day"),
    "2021MAY13": ("2021-05-13 00:00:00", "day"),
    "PlanetScope_2021-05": ("2021-05-01 00:00:00", "month"),
    "chirps_may_2021": ("2021-05-01 00:00:00", "month"),
    "landcover_2019": ("2019-01-01 00:00:00", "year"),
    "ESACCI-LC-L4-2015-v2": ("2015-01-01 00:00:00", "year"),
    "dem_20m_19991012_v2_20210508": ("1999-10-12 00:00:00", "day"),
    "x_1_20200101": ("2020-01-01 00:00:00", "day"),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_say_when(name: str) -> None:
    first = moments_in(name)[0]
    assert (str(first.start).removesuffix("+00:00"), first.precision) == NAMES[name]


@pytest.mark.parametrize(
    "name",
    [
        "08.05.2021",  # 8 May, or 5 August
        "8.5.2021",
        "05-08-2021",
        "05082021",
        "13MAY21",
        "20210230",
        "2021-02-30",
        "2021366",
        "2021-366",
        "2021000",
        "20169931",
        "120161231",
        "tile_2999",
        "image_2000m",
        "b2020c",
        "ortho",
        "",
    ],
)
def test_names_that_say_nothing_sure_say_nothing(name: str) -> None:
    assert moments_in(name) == []


@pytest.mark.parametrize(
    ("text", "start", "precision"),
    [
        ("2019-12-01T15:13:51.8610990Z", "2019-12-01 15:13:51.861099", "second"),
        ("2021-08-09T17:39:53.153776", "2021-08-09 17:39:53.153776", "second"),
        ("2021-08-09T17:39:53+02:00", "2021-08-09 15:39:53", "second"),
        ("2019:05:06 07:08:09\x00", "2019-05-06 07:08:09", "second"),
        (" 2021-05-08 ", "2021-05-08 00:00:00", "day"),
        ("2021", "2021-01-01 00:00:00", "year"),
    ],
)
def test_texts_of_metadata_are_times(text: str, start: str, precision: str) -> None:
    moment = moment_of(text)
    assert (str(moment.start).removesuffix("+00:00"), moment.precision) == (start, precision)


@pytest.mark.parametrize("text", ["", "0000:00:00 00:00:00", "05/06/2024", "yesterday", "2021-13-01", "9" * 40])
def test_other_texts_are_none(text: str) -> None:
    assert moment_of(text) is None


@pytest.mark.parametrize(
    ("text", "period", "end"),
    [
        ("2021-05-08", None, None),
        ("2021-05-08T10:00:00Z", None, None),
        ("2020-02", None, "2020-02-29 23:59:59.999999"),
        ("2021", None, "2021-12-31 23:59:59.999999"),
        ("2021-12-20", "16 days", "2022-01-04 23:59:59.999999"),
        ("2021-12-01", "1 month", "2021-12-31 23:59:59.999999"),
        ("2021-01-31", "1 month", "2021-02-27 23:59:59.999999"),
        ("2021-01-30", "1 year", "2022-01-29 23:59:59.999999"),
        ("9999-12-31", "1 month", None),
    ],
)
def test_periods_end_with_their_last_microsecond(text: str, period: str | None, end: str | None) -> None:
    found = moment_of(text).end(period)
    assert (None if found is None else str(found).removesuffix("+00:00")) == end


def test_a_period_is_a_number_of_days_months_or_years() -> None:
    moment = moment_of("2021")
    assert isinstance(moment, Moment)
    with pytest.raises(BadRequestError, match="'2 weeks' is not a period; write for example '16 days'"):
        moment.end("2 weeks")
