"""Searches that are made by their class, as programs written for the original do."""

from __future__ import annotations

import inspect
import pickle

import pytest

from localcat import (
    BadRequestError,
    Band,
    Catalog,
    GeoSearch,
    Image,
    ImageSearch,
    ImageSummaryResult,
    ImageUpload,
    MaskBand,
    Product,
    Search,
    SpectralBand,
    SummarySearchMixin,
)
from localcat import properties as p
from tests.small_catalog import fill_guide


@pytest.mark.parametrize("model", [Product, Band, SpectralBand, MaskBand, Image, ImageUpload])
def test_a_search_is_made_of_a_class(kept: Catalog, model) -> None:
    """3.5: the same as the class's own."""
    expected = model.search(catalog=kept).ids()
    assert expected
    for search in (Search(model, client=kept), Search(model, kept), Search(model, catalog=kept)):
        assert (search.ids(), search.count()) == (expected, len(expected))
        assert search.filter(p.id == expected[0]).ids() == expected[:1]
    with kept.as_default():
        assert Search(model).ids() == expected
    assert Search(model, kept) == Search(model, kept)


def test_a_search_that_was_asked_is_pickled_without_what_it_made(tmp_path) -> None:
    with Catalog.create(tmp_path / "a.gpkg", org="a") as catalog:
        Product(id="x", name="X", catalog=catalog).save()
        for name, west in (("near", 0), ("far", 50)):
            image = Image(product_id="a:x", name=name, geometry=(west, 0, west + 1, 1), catalog=catalog)
            image.save()
        search = catalog.images.intersects((0, 0, 2, 2)).sort("name")
        assert search.ids() == ["a:x:near"]
        twin = pickle.loads(pickle.dumps(search))
        assert twin == search
        assert twin.ids() == ["a:x:near"]
        twin._catalog.close()


def test_searches_for_images_are_made_of_a_class_too(kept: Catalog) -> None:
    """3.5."""
    assert ImageSearch(Image, client=kept).summary().count == 4
    assert ImageSearch(Image, client=kept).intersects((10, 0, 12, 3)).ids() == ["acme:guide:far"]
    assert GeoSearch(Image, client=kept).intersects((10, 0, 12, 3)).ids() == ["acme:guide:far"]


@pytest.mark.parametrize("model", ["Product", None, 5, int, Catalog])
def test_what_cannot_be_searched_for_is_refused(catalog: Catalog, model: object) -> None:
    with pytest.raises(TypeError, match="a search is for a class such as Product, Band or Image, not for"):
        Search(model)  # type: ignore[type-var]


def test_what_is_no_catalog_is_refused() -> None:
    with pytest.raises(BadRequestError, match="catalog is a Catalog, such as"):
        Search(Product, client="survey.gpkg")  # type: ignore[arg-type]
    with pytest.raises(BadRequestError, match="there is no server to pass request_params to"):
        Search(Product, request_params={"x": 1})


def test_keywords_are_those_of_the_original(catalog: Catalog) -> None:
    """Choice 34."""
    fill_guide(catalog)
    assert Image.search().filter(properties=p.name == "a").ids() == ["acme:guide:a"]
    assert ImageUpload.search(includes=True).count() == ImageUpload.search(includes=["image"]).count() == 2
    assert ImageSearch.SummaryResult is SummarySearchMixin.SummaryResult is ImageSummaryResult
    names = list(inspect.signature(Search).parameters)
    assert names == ["model", "client", "request_params", "headers", "catalog"]
