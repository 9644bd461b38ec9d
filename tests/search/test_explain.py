"""What a search tells about itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import Catalog, Image, Product, SpectralBand
from localcat import properties as p
from localcat.expressions.properties import Expression
from localcat.search.explain import Step
from tests.drawing import examples
from tests.random_catalogs import fill, filters_on_places, records_with_places


@pytest.fixture(scope="module")
def catalog():
    with Catalog.temporary(org="") as catalog:
        for uid in "ab":
            Product(id=uid, name=f"<{uid}>", catalog=catalog).save()
        for number in range(10):
            Image(
                product_id="a" if number < 8 else "b",
                name=f"i{number}",
                acquired=f"2020-01-{number + 1:02d}",
                cloud_fraction=None if number == 3 else number / 10,
                geometry=None if number == 4 else (number, 0, number + 1, 1),
                tags=["lake"] if number < 2 else [],
                catalog=catalog,
            ).save()
        yield catalog


@pytest.fixture(scope="module")
def named():
    with Catalog.temporary(org="acme") as catalog:
        product = Product(id="landsat", name="L", catalog=catalog)
        product.save()
        Image(product=product, name="x").save()
        yield catalog


class TestHints:
    """Ours: ids that a search takes as they are given, without the namespace."""

    @pytest.mark.parametrize(
        ("search", "hint"),
        [
            (lambda c: c.images.filter(p.product_id == "landsat"), "p.product_id == 'acme:landsat'"),
            (lambda c: c.images.filter(p.product == "landsat"), "p.product_id == 'acme:landsat'"),
            (lambda c: c.bands.filter(p.product_id.any_of(["landsat"])), "p.product_id == 'acme:landsat'"),
            (lambda c: c.images.filter((p.product_id == "landsat") & (p.area > 1)), "p.product_id == 'acme:landsat'"),
            (lambda c: c.images.filter(p.id == "landsat:x"), "p.id == 'acme:landsat:x'"),
            (lambda c: c.products.filter(p.id == "landsat"), "p.id == 'acme:landsat'"),
            (lambda c: c.image_uploads.filter(p.image_id == "landsat:x"), "p.image_id == 'acme:landsat:x'"),
        ],
    )
    def test_the_id_with_the_namespace_is_named(self, named, search, hint):
        explanation = search(named).explain()
        assert explanation.hints == (
            f"{hint}: ids begin with the catalog's namespace, and searches take them as given",
        )
        assert f"perhaps you mean:\n  {hint}" in str(explanation)

    @pytest.mark.parametrize(
        ("asked", "hint"),
        [
            ("acme:lansat", "there is no product 'acme:lansat'; did you mean 'acme:landsat'?"),
            ("x" * 9, "there is no product 'xxxxxxxxx'; catalog.products lists those there are"),
        ],
    )
    def test_a_product_that_is_not_there_is_named(self, named, asked, hint):
        assert named.images.filter(p.product_id == asked).explain().hints == (hint,)

    @pytest.mark.parametrize(
        "search",
        [
            lambda c: c.images.filter(p.product_id == "acme:landsat"),
            lambda c: c.images.filter((p.product_id == "acme:landsat") & (p.area > 1)),
            lambda c: c.images.filter(~(p.product_id == "landsat")),
            lambda c: c.images.filter(p.id == "nothing:at-all"),
            lambda c: c.images.filter(p.name == "landsat"),
        ],
    )
    def test_where_it_would_not_help_there_is_none(self, named, search):
        assert search(named).explain().hints == ()

    def test_without_a_namespace_there_is_none_to_name(self, catalog):
        assert catalog.images.filter(p.product_id == "q").explain().hints == (
            "there is no product 'q'; catalog.products lists those there are",
        )


def without_time(text: str) -> str:
    return re.sub(r"in [0-9.,]+ ms", "in 0.5 ms", text)


def test_the_text_of_a_search_that_finds_nothing(catalog):
    search = catalog.images.intersects((50, 0, 51, 1)).filter((p.cloud_fraction < 0.6) & (p.product_id == "a"))
    told, plan = str(search.explain()).split("\nhow the catalog is asked:\n")
    assert without_time(told) == (
        "Image search: 0 found in 0.5 ms; nothing is left after p.geometry.intersects('POLYGON ((51 0, 51 1, 50 1, "
        "50 0, 51 0))')\n"
        "  10  every image\n"
        "   8  p.product_id == 'a'\n"
        "   5  p.cloud_fraction < 0.6  (1 lost because a value is unset)\n"
        "   0  p.geometry.intersects('POLYGON ((51 0, 51 1, 50 1, 50 0, 51 0))')  (1 lost because a value is unset)\n"
        "nearest in space:\n"
        "  a:i5, 4,891.8 km away\n"
        "  a:i2, 5,225.3 km away\n"
        "  a:i1, 5,336.5 km away"
    )
    assert "  asks the space-time index for boxes\n" in plan
    assert "  looks product up in an index, by uid\n" in plan
    assert plan.endswith("  tests the footprints of what the index gives, exactly")
    assert repr(search.explain()).startswith("Image search: 0 found")


def test_the_nearest_in_time_on_both_sides(catalog):
    search = catalog.images.filter((p.acquired > "2020-01-04T06:00") & (p.acquired < "2020-01-04T12:00"))
    told = search.filter(p.product_id == "a").explain()
    before, after = told.nearest_in_time
    assert (before.id, before.by) == ("a:i3", timedelta(hours=-6))
    assert (after.id, after.by, after.acquired) == ("a:i4", timedelta(hours=12), datetime(2020, 1, 5, tzinfo=UTC))
    assert str(before) == "a:i3, acquired 2020-01-04 00:00:00, 6:00:00 before the range"
    assert told.nearest_in_space == ()
    late = catalog.images.filter(p.acquired > "2021-01-01").explain()
    assert [miss.id for miss in late.nearest_in_time] == ["b:i9"]
    strict = catalog.images.filter((p.acquired > "2020-01-10") & p.acquired.isnotnull).explain()
    assert [(miss.id, miss.by) for miss in strict.nearest_in_time] == [("b:i9", timedelta(0))]


def test_nothing_is_missed_where_something_is_found(catalog):
    told = catalog.images.filter(p.acquired > "2020-01-02").intersects((0, 0, 9, 1)).limit(3).explain()
    assert told.found == 3
    assert told.lost_at is None
    assert told.nearest_in_time == told.nearest_in_space == ()
    assert [step.left for step in told.steps] == [10, 8, 7]
    assert [step.unset for step in told.steps] == [0, 0, 1]
    assert told.seconds > 0


def test_each_kind_of_condition_has_its_step(catalog):
    search = catalog.images.filter((p.cloud_fraction < 0.2) | (p.cloud_fraction > 0.8)).find_text("lake")
    search = search.within((0, 0, 5, 1), match_null_geometry=True).filter(~p.geometry.contains((0, 0, 1, 1)))
    told = search.explain()
    assert told.steps == (
        Step("every image", 10),
        Step(
            "(p.cloud_fraction < 0.2) | (p.cloud_fraction > 0.8)",
            3,
            1,
            "cloud_fraction < 0.2 OR cloud_fraction > 0.8",
        ),
        Step(
            "p.geometry.within('POLYGON ((5 0, 5 1, 0 1, 0 0, 5 0))') | p.geometry.isnull",
            2,
            0,
            "S_WITHIN(geometry, POLYGON ((5 0, 5 1, 0 1, 0 0, 5 0))) OR geometry IS NULL",
        ),
        Step(
            "~p.geometry.contains('POLYGON ((1 0, 1 1, 0 1, 0 0, 1 0))')",
            1,
            0,
            "NOT (S_CONTAINS(geometry, POLYGON ((1 0, 1 1, 0 1, 0 0, 1 0))))",
        ),
        Step("the words 'lake'", 1),
    )
    assert "asks the full-text index" in told.plan
    assert told.found == 1


def test_products_and_bands_are_explained_without_a_place(catalog):
    told = catalog.products.filter(p.name == "x").explain()
    assert told.steps == (Step("every product", 2), Step("p.name == 'x'", 0, 0, "name = 'x'"))
    assert told.plan[0].startswith("reads all of product")
    assert SpectralBand.search(catalog=catalog).explain().found == 0
    none = without_time(str(SpectralBand.search(catalog=catalog).explain()))
    assert none.startswith("SpectralBand search: 0 found in 0.5 ms; the catalog has none\n  0  every band\n")


def test_a_disjoint_search_has_no_nearest_place(catalog):
    told = catalog.images.disjoint((-10, -10, 20, 20)).explain()
    assert told.found == 0
    assert told.nearest_in_space == ()


def test_an_image_that_meets_the_area_and_is_not_within_it(catalog):
    told = catalog.images.filter(p.name == "i7").within((7.2, 0.2, 7.4, 0.4)).explain()
    assert [str(miss) for miss in told.nearest_in_space] == ["a:i7, which meets the area"]


def test_in_a_notebook_it_is_a_table_and_every_value_is_escaped(catalog):
    shown = catalog.images.filter(p.name == "<script>alert('x')</script>").explain()._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(&#x27;x&#x27;)" in shown
    assert "<th>lost because unset</th>" in shown
    assert not re.search(r"https?:|src=|href=", shown)


def test_long_conditions_are_shown_in_short(catalog):
    told = catalog.images.filter(p.name.any_of([f"name {number}" for number in range(1000)])).explain()
    assert len(told.steps[1].condition) == 90
    assert told.steps[1].condition.endswith("…")


@given(records_with_places(), filters_on_places(), st.booleans())
@settings(max_examples=examples(60))
def test_the_steps_add_up(found, where, is_limited):
    with Catalog.temporary(org="") as catalog:
        fill(catalog, found)
        search = catalog.images.filter(Expression(where))
        told = search.limit(1 if is_limited else None).explain()
        assert told.steps[0].left == catalog.images.count()
        assert told.steps[-1].left == search.count()
        assert told.found == min(search.count(), 1 if is_limited else 99)
        for before, after in zip(told.steps, told.steps[1:], strict=False):
            assert 0 <= after.unset <= before.left - after.left
        assert isinstance(str(told), str)


def test_a_search_shows_what_it_asks_for(catalog):
    assert repr(catalog.images) == "<ImageSearch: all>"
    assert repr(catalog.products.filter(p.name.prefix("L"))) == "<Search: p.name.prefix('L')>"
    search = catalog.images.filter((p.cloud_fraction < 0.2) & (p.acquired.year == 2020)).within_distance(
        "POINT (1 2)", 5
    )
    assert repr(search.sort("-acquired", "id").limit(1000).find_text("lake")) == (
        "<ImageSearch: p.geometry.within_distance('POINT (1 2)', 5.0); p.cloud_fraction < 0.2; "
        "p.acquired.year == 2020; the words 'lake'; by -acquired, id; at most 1,000>"
    )
    search = catalog.images.filter(p.name.any_of([f"i{number}" for number in range(1000)]))
    for number in range(30):
        search = search.filter(p.x_pixels > number)
    assert "'i10', 'i11', …; p.x_pixels > 0;" in repr(search)
    assert repr(search).endswith("p.x_pixels > 8; 21 more conditions>")
