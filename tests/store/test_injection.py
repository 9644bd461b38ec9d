"""2,304 hostile texts in every place that takes text: found literally, or refused; never SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localcat import AttributeValidationError, Band, Catalog, Image, Product, SpectralBand
from localcat import properties as p
from localcat.errors import LocalcatError
from localcat.expressions.properties import Expression
from tests.store.hostile_texts import PAYLOADS, snapshot

NOTHING = (None, False, 0, [])

ASKING: dict[str, Callable[[Catalog, Product, str], Any]] = {
    "get": lambda catalog, product, text: Image.get(text, catalog=catalog),
    "get a product": lambda catalog, product, text: Product.get(text, catalog=catalog),
    "get a band": lambda catalog, product, text: Band.get(text, catalog=catalog),
    "get many": lambda catalog, product, text: Image.get_many([text], ignore_missing=True, catalog=catalog),
    "exists": lambda catalog, product, text: Image.exists(text, catalog=catalog),
    "delete": lambda catalog, product, text: Image.delete(text, catalog=catalog),
    "get a band of the product": lambda catalog, product, text: product.get_band(text),
    "get an image of the product": lambda catalog, product, text: product.get_image(text),
    "find text": lambda catalog, product, text: catalog.images.find_text(text).ids(),
    "sort": lambda catalog, product, text: catalog.images.sort(text).ids(),
    "name": lambda catalog, product, text: catalog.images.filter(p.name == text).ids(),
    "like": lambda catalog, product, text: catalog.products.filter(p.name.like(text)).ids(),
    "ilike": lambda catalog, product, text: catalog.bands.filter(p.description.ilike(text)).ids(),
    "type of a band": lambda catalog, product, text: catalog.bands.filter(p.type == text).ids(),
    "name of an attribute": lambda catalog, product, text: catalog.images.filter(getattr(p, text) == 1).ids(),
    "moment": lambda catalog, product, text: catalog.images.filter(p.acquired == text).ids(),
    "CQL2": lambda catalog, product, text: catalog.images.filter(Expression.from_cql2(text)).ids(),
    "place": lambda catalog, product, text: catalog.images.intersects(text).ids(),
    "interval": lambda catalog, product, text: catalog.images.summary_interval(interval=text),
    "date field": lambda catalog, product, text: catalog.images.summary_interval(text),
    "upload": lambda catalog, product, text: catalog.image_uploads.filter(p.image_id == text).ids(),
}


@pytest.mark.parametrize("place", ASKING)
def test_hostile_text_finds_nothing_or_is_refused(place: str) -> None:
    ask = ASKING[place]
    with Catalog.temporary(org="acme") as catalog:
        product = Product(id="p", name="harmless", catalog=catalog)
        product.save()
        SpectralBand(name="b", product=product, data_type="Byte", data_range=(0, 255), band_index=0).save()
        Image(name="i", product=product, acquired="2020-01-01", tags=["harmless"]).save()
        before = snapshot(catalog)
        for payload in PAYLOADS:
            try:
                found = ask(catalog, product, payload)
            except (LocalcatError, AttributeError):  # the latter in the original's words: no attribute of that name
                continue
            assert found in NOTHING, payload
        assert snapshot(catalog) == before


def test_hostile_text_is_kept_as_it_is_or_refused() -> None:
    with Catalog.temporary(org="acme") as catalog:
        product = Product(id="p", name="P", catalog=catalog)
        product.save()
        image = Image(name="i", product=product)
        image.save()
        schema = snapshot(catalog)[0]
        for payload in PAYLOADS:
            product.name, product.description, product.tags = payload, payload, [payload]
            product.save()
            image.provider_id, image.tags, image.extra_properties = payload, [payload], {payload: payload}
            image.save()
            with pytest.raises(AttributeValidationError, match="make_valid_name"):
                Image(name=payload, product=product)
            again = Product.get("acme:p", catalog=catalog)
            assert (again.name, again.description, again.tags) == (payload, payload, [payload])
            again = Image.get("acme:p:i", catalog=catalog)
            assert (again.provider_id, again.tags, again.extra_properties) == (payload, [payload], {payload: payload})
        assert (catalog.products.count(), catalog.images.count()) == (1, 1)
        assert snapshot(catalog)[0] == schema
        assert catalog.verify("quick").ok
