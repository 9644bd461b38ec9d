"""Golden SQL: text and parameters beside the expression that makes them; and hostile text, which stays text."""

from __future__ import annotations

import random
import sqlite3
from datetime import UTC, datetime

import pytest

from localcat import Catalog, Image, Product, Resolution
from localcat.errors import BadRequestError, UnknownPropertyError
from localcat.expressions.nodes import And, AnyOf, Comparison, Like, Node, Not, Op, Or, Prefix, Ref, one_of
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.models.band import Band
from localcat.store.clauses import Clause
from localcat.store.query.columns import column
from localcat.store.query.compiler import Scope, compile_where
from tests.store.hostile_texts import PAYLOADS, snapshot

SCOPES = {
    "image": Scope("image", Image.fields()),
    "product": Scope("product", Product.fields()),
    "band": Scope("band", Band.fields()),
}
DAY = 1_483_228_800_000_000  # 2017-01-01 in microseconds
SECONDS = "(image.acquired - ((image.acquired % 1000000) + 1000000) % 1000000) / 1000000"
NUMBER = "item.type IN ('integer', 'real')"
KEY = "FROM json_each(image.extra_properties) AS item WHERE item.key = ?"
TAG = "EXISTS (SELECT 1 FROM json_each(image.tags) AS item WHERE "
TAGS_SET = "(image.tags IS NOT NULL AND image.tags <> '[]')"

GOLDEN = [
    # Numbers
    ("image", p.cloud_fraction == 0.2, "image.cloud_fraction = ?", (0.2,)),
    ("image", p.cloud_fraction != 0.2, "image.cloud_fraction <> ?", (0.2,)),
    ("image", p.cloud_fraction < "0.5", "image.cloud_fraction < ?", (0.5,)),
    ("image", p.cloud_fraction <= 1, "image.cloud_fraction <= ?", (1.0,)),
    ("image", p.x_pixels > 2**53 + 1, "image.x_pixels > ?", (2**53 + 1,)),
    ("image", p.x_pixels >= 0.5, "image.x_pixels >= ?", (0.5,)),
    ("image", p.x_pixels > 0, "image.x_pixels > ?", (0,)),
    ("image", p.x_pixels < -(2**63) + 1, "image.x_pixels < ?", (-(2**63) + 1,)),
    ("image", p.cloud_fraction.any_of([0, 1]), "image.cloud_fraction IN (?, ?)", (0.0, 1.0)),
    ("image", p.cloud_fraction.isnull, "image.cloud_fraction IS NULL", ()),
    ("image", p.cloud_fraction.isnotnull, "image.cloud_fraction IS NOT NULL", ()),
    ("image", p.cloud_fraction.any_of([]), "0", ()),
    ("product", p.is_core == True, "product.is_core = ?", (1,)),  # noqa: E712  # builds a condition
    ("band", p.resolution < 60, "band.resolution_metres < ?", (60.0,)),
    ("band", p.resolution == Resolution(2, "degrees"), "band.resolution_metres = ?", (222222.0,)),
    ("product", p.resolution_min >= "1 m", "product.resolution_min_metres >= ?", (1.0,)),
    ("band", p.nodata == 0, "band.nodata = ?", (0.0,)),
    ("band", p.nodata > 0, "nullif(band.nodata, 'nan') > ?", (0.0,)),
    # Text
    ("image", p.satellite_id == "it's", "image.satellite_id = ?", ("it's",)),
    ("image", p.satellite_id > "b", "image.satellite_id > ?", ("b",)),
    ("image", p.satellite_id.any_of(["a", "b"]), "image.satellite_id IN (?, ?)", ("a", "b")),
    ("image", p.satellite_id.like("a%"), "localcat_like(image.satellite_id, ?, ?)", ("a%", 0)),
    ("image", p.satellite_id.ilike(r"\%"), "localcat_like(image.satellite_id, ?, ?)", (r"\%", 1)),
    ("image", p.satellite_id.prefix("ab"), "(image.satellite_id >= ? AND image.satellite_id < ?)", ("ab", "ac")),
    ("image", p.satellite_id.prefix(""), "image.satellite_id >= ?", ("",)),
    (
        "image",
        p.satellite_id.prefix("a\U0010ffff"),
        "(image.satellite_id >= ? AND image.satellite_id < ?)",
        ("a\U0010ffff", "b"),
    ),
    ("image", p.satellite_id.prefix("\U0010ffff"), "image.satellite_id >= ?", ("\U0010ffff",)),
    (
        "image",
        p.satellite_id.prefix("\ud7ff"),
        "(image.satellite_id >= ? AND image.satellite_id < ?)",
        ("\ud7ff", "\ue000"),
    ),
    ("image", p.id == "acme:a:b", "image.uid = ?", ("acme:a:b",)),
    ("product", p.id.any_of(["a"]), "product.uid IN (?)", ("a",)),
    ("image", p.storage_state == "remote", "image.storage_state = ?", ("remote",)),
    # The product of an image or a band
    ("image", p.product_id == "a", "image.product_id = ifnull((SELECT id FROM product WHERE uid = ?), 0)", ("a",)),
    ("image", p.product == "a", "image.product_id = ifnull((SELECT id FROM product WHERE uid = ?), 0)", ("a",)),
    (
        "band",
        p.product_id.any_of(["a", "b"]),
        "band.product_id IN (SELECT id FROM product WHERE uid IN (?, ?))",
        ("a", "b"),
    ),
    (
        "image",
        p.product_id != "a",
        "image.product_id IN (SELECT id FROM product WHERE uid <> ?)",
        ("a",),
    ),
    # Timestamps
    ("image", p.acquired >= "2017-01-01", "image.acquired >= ?", (DAY,)),
    ("image", p.acquired < "2017-01-01", "image.acquired < ?", (DAY,)),
    ("image", p.acquired.year == 2017, f"CAST(strftime('%Y', {SECONDS}, 'unixepoch') AS INTEGER) = ?", (2017,)),
    (
        "image",
        p.acquired.month.any_of([1, 2]),
        f"CAST(strftime('%m', {SECONDS}, 'unixepoch') AS INTEGER) IN (?, ?)",
        (1, 2),
    ),
    ("image", p.acquired.day_of_year.isnull, f"CAST(strftime('%j', {SECONDS}, 'unixepoch') AS INTEGER) IS NULL", ()),
    # Lists
    ("image", p.tags == "a", f"{TAG}item.value = ?)", ("a",)),
    ("image", p.tags != "a", f"({TAGS_SET} AND NOT {TAG}item.value = ?))", ("a",)),
    ("image", p.tags.any_of(["a", "b"]), f"{TAG}item.value IN (?, ?))", ("a", "b")),
    ("image", p.tags.isnull, f"NOT {TAGS_SET}", ()),
    ("image", p.tags.isnotnull, TAGS_SET, ()),
    ("image", p.tags.like("%'"), f"{TAG}localcat_like(item.value, ?, ?))", ("%'", 0)),
    ("image", p.tags.prefix("a"), f"{TAG}(item.value >= ? AND item.value < ?))", ("a", "b")),
    # Keys
    (
        "image",
        p.extra_properties['"];--'] == 1,
        f"(SELECT CASE WHEN item.type <> 'null' THEN ({NUMBER} AND item.value = ?) END {KEY})",
        (1, '"];--'),
    ),
    (
        "image",
        p.extra_properties["$.a[0]"] != "x",
        f"(SELECT CASE WHEN item.type <> 'null' THEN NOT (item.type = 'text' AND item.value = ?) END {KEY})",
        ("x", "$.a[0]"),
    ),
    (
        "image",
        p.extra_properties["clé"].any_of([1, "x", 2, True]),
        f"(SELECT CASE WHEN item.type <> 'null' THEN (({NUMBER} AND ifnull(item.value IN (?, ?), 0)) "
        f"OR (item.type = 'text' AND item.value = ?) OR (item.type = ?)) END {KEY})",
        (1, 2, "x", "true", "clé"),
    ),
    ("image", p.extra_properties[""].isnull, f"ifnull((SELECT item.type = 'null' {KEY}), 1)", ("",)),
    ("image", p.extra_properties["k"].isnotnull, f"NOT ifnull((SELECT item.type = 'null' {KEY}), 1)", ("k",)),
    (
        "image",
        p.extra_properties["a"]["b"] >= datetime(2017, 1, 1, tzinfo=UTC),
        "(SELECT CASE WHEN item.type = 'text' THEN localcat_moment(item.value) >= ? END "
        "FROM json_each(image.extra_properties) AS level1, "
        "json_each(CASE level1.type WHEN 'object' THEN level1.value END) AS item "
        "WHERE level1.key = ? AND item.key = ?)",
        (DAY, "a", "b"),
    ),
    (
        "image",
        p.extra_properties["k"] < 5,
        f"(SELECT CASE WHEN {NUMBER} THEN item.value < ? END {KEY})",
        (5, "k"),
    ),
    (
        "image",
        p.extra_properties["k"] >= "a",
        f"(SELECT CASE WHEN item.type = 'text' THEN item.value >= ? END {KEY})",
        ("a", "k"),
    ),
    (
        "image",
        p.extra_properties["k"].ilike("a_"),
        f"(SELECT CASE WHEN item.type = 'text' THEN localcat_like(item.value, ?, ?) END {KEY})",
        ("a_", 1, "k"),
    ),
    (
        "image",
        p.extra_properties["k"].prefix("a"),
        f"(SELECT CASE WHEN item.type = 'text' THEN (item.value >= ? AND item.value < ?) END {KEY})",
        ("a", "b", "k"),
    ),
    # Joined
    (
        "image",
        (p.cloud_fraction < 0.2) & (p.satellite_id == "a") & p.tags.isnotnull,
        f"(image.cloud_fraction < ? AND image.satellite_id = ? AND {TAGS_SET})",
        (0.2, "a"),
    ),
    (
        "image",
        (p.cloud_fraction < 0.2) | ~(p.satellite_id == "a"),
        "(image.cloud_fraction < ? OR NOT (image.satellite_id = ?))",
        (0.2, "a"),
    ),
    (
        "image",
        ~((p.cloud_fraction < 0.2) | (p.area > 1)),
        "NOT (image.cloud_fraction < ? OR image.area > ?)",
        (0.2, 1.0),
    ),
]


@pytest.mark.parametrize(("scope", "expression", "sql", "params"), GOLDEN, ids=[repr(case[1]) for case in GOLDEN])
def test_golden(scope, expression, sql, params):
    assert compile_where(expression.node, SCOPES[scope]) == Clause(sql, params)


@pytest.mark.parametrize(
    ("scope", "node", "message"),
    [
        ("image", Comparison(Ref("cloud"), Op.EQ, 1), "Image has no attribute cloud"),
        ("image", AnyOf(Ref("cloud"), ()), "Image has no attribute cloud"),
        ("image", Comparison(Ref("cloud_fraction"), Op.LT, "many"), "cloud_fraction is a number"),
        ("image", Comparison(Ref("tags"), Op.LT, "a"), "tags is a list and has no order"),
        ("image", Prefix(Ref("cloud_fraction"), "0"), "cloud_fraction is not text"),
        ("image", Like(Ref("acquired"), "2017%"), "acquired is not text"),
        ("image", Like(Ref("name"), "a\\"), "ends in a lone backslash"),
        ("image", Comparison(Ref("extra_properties"), Op.EQ, "a"), "by one of its keys"),
        ("image", Comparison(Ref("name", ("a",)), Op.EQ, "a"), "has no keys"),
        ("band", Comparison(Ref("resolution"), Op.EQ, "60"), "a plain number means metres"),
        ("product", Comparison(Ref("start_datetime"), Op.EQ, "soon"), "not a timestamp"),
    ],
)
def test_what_does_not_fit_is_refused(scope, node, message):
    with pytest.raises(BadRequestError, match=message):
        compile_where(node, SCOPES[scope])


def test_a_column_is_a_plain_lower_case_name():
    for name in ("a b", "a;", "A", "1a", "", "a.b", 'a"'):
        with pytest.raises(ValueError, match="not a column name"):
            column("image", name)


def test_all_images_are_of_another_product_than_an_unknown_one(small):
    assert small.images.filter(p.product_id == "unknown").count() == 0
    assert small.images.filter(~(p.product_id == "unknown")).count() == 3
    assert small.images.filter(p.product_id != "unknown").count() == 3


# Size


@pytest.fixture(scope="module")
def small():
    with Catalog.temporary(org="acme") as catalog:
        product = Product(id="p", name="P", catalog=catalog)
        product.save()
        for name, cloud in (("a", 0.0), ("b", 1.0), ("c", None)):
            Image(name=name, product=product, cloud_fraction=cloud, tags=[name], satellite_id=f"s{name}").save()
        yield catalog


def test_five_thousand_terms_make_a_balanced_tree(small):
    where = one_of(*(Comparison(Ref("cloud_fraction"), Op.EQ, float(number)) for number in range(5000)))
    clause = compile_where(where, SCOPES["image"])
    assert len(clause.params) == 5000
    depth = deepest = 0
    for character in clause.sql:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    assert deepest == 11  # 2**10 groups of up to eight
    assert small.images.filter(Expression(where)).ids() == ["acme:p:a", "acme:p:b"]


@pytest.mark.parametrize("width", [2, 9, 100])
@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("is_negated", [False, True])
def test_a_filter_as_deep_as_is_allowed_can_be_asked(small, width, place, is_negated):
    node: Node = Comparison(Ref("cloud_fraction"), Op.GE, 0.0)
    for level in range(11 if is_negated else 23):
        parts = [Comparison(Ref("cloud_fraction"), Op.EQ, float(number)) for number in range(width - 1)]
        parts.insert(place % width, node)
        node = (Or if level % 2 else And)(tuple(parts))
        node = Not(node) if is_negated else node
    search = small.images.filter(Expression(node))
    assert search.ids() == [image.id for image in small.images if Expression(node).evaluate(image)]
    assert search.intersects((0, 0, 1, 1)).count() == 0


@pytest.mark.parametrize(("count", "parameters"), [(500, 500), (501, 1), (10_000, 1)])
def test_long_lists_travel_as_one_parameter(small, count, parameters):
    values = [f"s{chr(97 + number)}" if number < 2 else f"x'{number}" for number in range(count)]
    assert len(compile_where(p.satellite_id.any_of(values).node, SCOPES["image"]).params) == parameters
    assert small.images.filter(p.satellite_id.any_of(values)).ids() == ["acme:p:a", "acme:p:b"]
    numbers = [number + 1.0 for number in range(count)]
    assert small.images.filter(p.cloud_fraction.any_of(numbers)).ids() == ["acme:p:b"]
    assert small.images.filter(p.tags.any_of([*values, "c"])).ids() == ["acme:p:c"]
    assert small.images.filter(p.id.any_of([*values, "acme:p:c"])).ids() == ["acme:p:c"]
    assert small.images.filter(p.product_id.any_of([*values, "acme:p"])).count() == 3


def test_long_lists_keep_numbers_exact():
    numbers = [random.Random(7).uniform(-1e6, 1e6) for _ in range(400)] + [0.1 + 0.2, 1e300, 5e-324, 2.0**53 + 2]
    integers = [2**53 + 1, 2**63 - 1, -(2**63)]
    clause = compile_where(p.extra_properties["k"].any_of([*numbers, *integers, *range(200)]).node, SCOPES["image"])
    (listed,) = [value for value in clause.params if value != "k"]
    connection = sqlite3.connect(":memory:")
    found = [value for (value,) in connection.execute("SELECT value FROM json_each(?)", (listed,))]
    connection.close()
    assert found == [*numbers, *integers, *range(200)]


# Injection


def test_there_are_enough_payloads():
    assert len(set(PAYLOADS)) == len(PAYLOADS) == 2304


def test_hostile_text_is_text():
    with Catalog.temporary(org="acme") as catalog:
        product = Product(id="p", name="P", catalog=catalog)
        product.save()
        harmless = Image(name="a", product=product, satellite_id="a", tags=["a"], extra_properties={"k": "a"})
        harmless.save()
        odd = Image(name="b", product=product)
        odd.save()
        before = snapshot(catalog)
        images = catalog.images
        for payload in PAYLOADS:
            for expression in (
                p.satellite_id == payload,
                p.satellite_id.any_of([payload]),
                p.satellite_id.prefix(payload),
                p.id == payload,
                p.product_id == payload,
                p.product_id.any_of([payload]),
                p.tags == payload,
                p.tags.prefix(payload),
                p.extra_properties[payload] == "a",
                p.extra_properties["k"] == payload,
            ):
                assert images.filter(expression).count() == 0, expression
            found = images.filter(p.satellite_id != payload).ids()
            assert found == ["acme:p:a"]
            with pytest.raises(UnknownPropertyError, match="has no attribute"):
                images.sort(payload)
            with pytest.raises(UnknownPropertyError, match="has no attribute"):
                images.filter(Expression(Comparison(Ref(payload), Op.EQ, "a")))
            with pytest.raises(BadRequestError, match="aggregate_date_field is one of"):
                images.summary_interval(payload)
            with pytest.raises(BadRequestError, match="interval is one of"):
                images.summary_interval(interval=payload)
            with pytest.raises(BadRequestError, match="for example"):
                images.filter(p.acquired == payload)
            assert images.find_text(payload).ids() in ([], ["acme:p:a"], ["acme:p:b"])  # the words may be there, as "x"
            assert catalog.products.find_text(payload).count() == 0
            assert Image.get(payload, catalog=catalog) is None
            assert not Product.exists(payload, catalog=catalog)
        assert snapshot(catalog) == before


def test_hostile_text_is_found_as_it_was_written():
    rng = random.Random(11)
    with Catalog.temporary(org="acme") as catalog:
        product = Product(id="p", name="P", catalog=catalog)
        product.save()
        chosen = rng.sample(PAYLOADS, 60)
        named = {payload for payload in chosen if payload.isprintable() and payload == payload.strip()}
        assert len(named) > 30
        with catalog.transaction():
            for number, payload in enumerate(chosen):
                extra = {payload: number}
                Image(
                    name=f"i{number}", product=product, satellite_id=payload, tags=[payload], extra_properties=extra
                ).save()
                if payload in named:  # an id is one line of text
                    Product(id=f"x{payload}", name=payload, catalog=catalog).save()
        for number, payload in enumerate(chosen):
            wanted = [f"acme:p:i{number}"]
            like = payload.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            for expression in (
                p.satellite_id == payload,
                p.satellite_id.like(like),
                p.tags == payload,
                p.extra_properties[payload] == number,
            ):
                assert catalog.images.filter(expression).ids() == wanted
            ids = [f"acme:x{payload}"] if payload in named else []
            assert catalog.products.filter(p.name == payload).ids() == ids
            assert catalog.products.filter(p.id.any_of([f"acme:x{payload}"])).ids() == ids
            assert catalog.images.filter(p.tags == payload).first().tags == [payload]
