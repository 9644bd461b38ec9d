"""Time series as bars, gaps as a strip."""

from __future__ import annotations

from matplotlib.colors import to_hex

from localcat import Catalog
from localcat import properties as p


def test_each_interval_has_a_bar(planet: Catalog) -> None:
    series = planet.images.filter(p.product_id == "tiny:radar").summary_interval(interval="month")
    (axes,) = series.plot().figure.axes
    assert [bar.get_height() for bar in axes.patches] == [6, 2]
    assert axes.get_title() == "8 images by month"


def test_a_series_of_none_is_empty(catalog: Catalog) -> None:
    (axes,) = catalog.images.summary_interval(interval="day").plot().figure.axes
    assert axes.get_title() == "0 images by day"
    assert len(axes.patches) == 0


def test_a_series_is_a_list(planet: Catalog) -> None:
    series = planet.images.filter(p.product_id == "tiny:radar").summary_interval(interval="month")
    assert series == list(series)
    assert (len(series), series[0].count, series.interval) == (2, 6, "month")


def test_periods_with_too_little_have_another_colour(planet: Catalog) -> None:
    alps = planet.images.filter(p.product_id == "tiny:optical")
    (axes,) = alps.gaps("30 days", aoi=(8.95, 46.88, 9.05, 46.94), start_datetime="2022-12-16").plot().figure.axes
    heights = [round(bar.get_height(), 3) for bar in axes.patches]
    half = len(heights) // 2
    assert set(heights[:half]) == {1.0}, "the whole of each period, pale"
    assert {to_hex(bar.get_facecolor()) for bar in axes.patches[half:] if bar.get_height() < 0.9} == {"#ee6677"}
    assert {to_hex(bar.get_facecolor()) for bar in axes.patches[half:] if bar.get_height() >= 0.9} == {"#228833"}


def test_what_has_no_images_says_so(planet: Catalog) -> None:
    none = planet.images.filter(p.name == "nothing")
    for picture in (none.summary_interval(interval="month").plot(), none.gaps(aoi=(0, 0, 1, 1)).plot()):
        (axes,) = picture.figure.axes
        assert [text.get_text() for text in axes.texts] == ["no images"]
        assert axes.get_xticks().tolist() == []
