"""Comparisons of computed values: what they answer, what they refuse, and that SQL answers the same."""

from __future__ import annotations

import pytest

from localcat import Catalog, Expression, Image, Product
from localcat.errors import BadRequestError, UnknownPropertyError

ROW = {
    "x_pixels": 7,
    "y_pixels": 2,
    "area": 0.5,
    "satellite_id": "Étoile",
    "provider_id": "etoile",
    "acquired": "2024-05-06T10:00:00Z",
    "acquired_end": "2024-05-06T10:00:10Z",
    "extra_properties": {
        "n:seven": 7,
        "n:text": "7",
        "n:true": True,
        "n:null": None,
        "n:list": [7],
        "n:start": "2024-05-06T12:00:00+02:00",
        "n:huge": 1e300,
    },
}

ANSWERS = [
    ("x_pixels / 2 = 3.5", True),
    ("x_pixels DIV 2 = 3", True),
    ("-x_pixels DIV 2 = -3", True),
    ("x_pixels % 4 = 3", True),
    ("-x_pixels % 4 = -3", True),
    ("area DIV 0.2 = 2", True),
    ("area % 0.2 > 0.09", True),
    ("x_pixels ^ 2 = 49", True),
    ("2 ^ x_pixels - 100 = 28", True),
    ("x_pixels + 2 * 3 = 13", True),
    ("(x_pixels + 2) * 3 = 27", True),
    ("x_pixels - 2 - 3 = 2", True),
    ("x_pixels * 1000000000000000000 > 6e18", True),
    ("x_pixels / 0 = 1", None),
    ("x_pixels / 0 <> 1", None),
    ("x_pixels % 0 = 1", None),
    ("n:huge * n:huge > 0", None),
    ("(-x_pixels) ^ 0.5 > 0", None),
    ("n:seven = x_pixels", True),
    ("n:seven <> x_pixels", False),
    ("n:text = x_pixels", False),
    ("n:text <> x_pixels", True),
    ("n:text < x_pixels", None),
    ("n:text + 1 = 8", None),
    ("n:true + 1 = 2", None),
    ("n:true = n:seven", False),
    ("n:true < n:true", None),
    ("n:null = x_pixels", None),
    ("n:null <> n:absent", None),
    ("n:list = n:list", False),
    ("n:list <> n:seven", True),
    ("n:list < n:list", None),
    ("fill_fraction + 1 > 0", None),
    ("acquired < acquired_end", True),
    ("n:start = acquired", True),
    ("n:text > acquired", None),
    ("n:seven <> acquired", True),
    ("CASEI(satellite_id) = CASEI(provider_id)", False),
    ("ACCENTI(CASEI(satellite_id)) = CASEI(provider_id)", True),
    ("CASEI(satellite_id) > CASEI('E')", True),
    ("ACCENTI(satellite_id) < 'F'", True),
    ("CASEI(n:seven) >= ''", None),
    ("acquired.month + 1 = 6", True),
    ("x_pixels BETWEEN y_pixels AND 7", True),
    ("x_pixels IN (1, n:seven)", True),
]


@pytest.fixture(scope="module")
def image():
    with Catalog.temporary(org="") as catalog:
        Product(id="x", name="x", catalog=catalog).save()
        Image(product_id="x", name="a", catalog=catalog, **ROW).save()
        yield Image.get("x:a", catalog=catalog)


@pytest.mark.parametrize(("text", "wanted"), ANSWERS)
def test_computed_values(image, text, wanted):
    """3.5."""
    expression = Expression.from_cql2(text)
    images = image._catalog.images
    for one, found in ((expression, wanted is True), (~expression, wanted is False)):
        assert one.evaluate(image) is found
        assert images.filter(one).count() == int(found)


def test_what_the_original_has_no_form_for_is_shown_as_cql2():
    for text in ("(x_pixels + 1) > 2", "TRUE", "A_CONTAINS(tags, ('a'))", "ACCENTI(platform) LIKE ACCENTI('é%')"):
        assert repr(Expression.from_cql2(text)) == f"Expression.from_cql2({text!r})"
        assert Expression.from_cql2(text).to_cql2_text() == text
    in_json = Expression.from_cql2({"op": "a_contains", "args": [{"property": "tags"}, ["\\"]]})
    assert eval(repr(in_json)) == in_json
    assert Expression.parse(in_json.serialize()) == Expression.parse(in_json.jsonapi_serialize()) == in_json


def test_what_cannot_be_computed_is_refused(image):
    for text, message in {
        "satellite_id + 1 > 2": r"'\+' takes numbers, and satellite_id is not one; put a date in quotes: '2024-06-01'",
        "acquired - 1 > 2": "'-' takes numbers, and acquired is not one",
        "CASEI(x_pixels) < 'a'": "casei takes text, and x_pixels is not text",
        "x_pixels > satellite_id": "a number and a text cannot be compared; both sides need one type",
        "acquired = x_pixels": "a timestamp and a number cannot be compared",
        "tags = provider_id": "tags is a list, which cannot be computed or compared with another value",
        "A_CONTAINS(x_pixels, ('a'))": "x_pixels is not a list, and the operators A_CONTAINS and its like do not apply",
    }.items():
        with pytest.raises(BadRequestError, match=message):
            image._catalog.images.filter(Expression.from_cql2(text))
        with pytest.raises(BadRequestError, match=message):
            Expression.from_cql2(text).evaluate(image)
    with pytest.raises(UnknownPropertyError, match="Image has no attribute cloud_cover; did you mean 'cloud_fraction'"):
        image._catalog.images.filter(Expression.from_cql2("cloud_cover + 1 > 2"))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        *(
            ("cloud_cover", "cloud_fraction"),
            ("date", "acquired"),
            ("satellite", "satellite_id"),
            ("updated", "modified"),
        ),
        *(("collection", "product_id"), ("bbox", "geometry"), ("epsg", "cs_code"), ("keywords", "tags")),
        *(("sun_elevation", "solar_elevation_angle"), ("aquired", "acquired")),
    ],
)
def test_an_unknown_name_gets_ours(image, name, ours):
    """Choice 5."""
    from localcat import properties as p

    with pytest.raises(UnknownPropertyError, match=rf"has no attribute {name}; did you mean '{ours}'"):
        image._catalog.images.filter(getattr(p, name).isnull)
    with pytest.raises(UnknownPropertyError, match=rf"did you mean '{ours}'"):
        image._catalog.images.sort(f"-{name}")
