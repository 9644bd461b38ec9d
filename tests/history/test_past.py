"""A catalog as it was."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy
import pytest

from localcat import Band, Catalog, Image, Product
from localcat import properties as p
from localcat.errors import (
    BadRequestError,
    CatalogNotFoundError,
    CorruptCatalogError,
    NotFoundError,
    ReadOnlyCatalogError,
)
from tests.damage import raw
from tests.past_moments import past_moment
from tests.small_catalog import PIXELS, make_product, new_image, spectral, upload


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    path = tmp_path / "survey.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        product = make_product("p", spectral("red"), catalog=catalog)
        new_image(product, "i", cloud_fraction=0.1, tags=["a"], geometry=(1, 2, 3, 4)).save()
        upload(product, "pixels")
    with Catalog.open(path, keep_history="30 days") as catalog:
        yield catalog


def contents(catalog: Catalog) -> dict[str, Any]:
    found = [*catalog.products, *catalog.bands, *catalog.images]
    return {f"{type(one).__name__} {one.id}": one.serialize() for one in found}


def change_much(catalog: Catalog) -> None:
    product = Product.get("acme:p", catalog=catalog)
    image = Image.get("acme:p:i", catalog=catalog)
    image.update(cloud_fraction=0.9, tags=["b"], geometry=(10, 10, 11, 11))
    image.save()
    image.delete()
    new_image(product, "i", cloud_fraction=0.5).save()
    upload(product, "pixels", PIXELS + numpy.uint16(1), options={"overwrite": True})
    Band.get("acme:p:red", catalog=catalog).delete()
    make_product("q", spectral("nir"), catalog=catalog)
    catalog.add_images([{"id": "acme:q:new"}])
    product.update(description="d")
    product.save()


def test_the_past_is_what_it_was(catalog: Catalog) -> None:
    before, pixels = contents(catalog), Image.get("acme:p:pixels", catalog=catalog).ndarray("red")
    moment = past_moment()
    change_much(catalog)
    with catalog.at(moment) as past:
        assert contents(past) == before
        assert past.images.filter(p.cloud_fraction < 0.2).ids() == ["acme:p:i"]
        assert past.images.intersects((1, 2, 3, 4)).find_text("a").ids() == ["acme:p:i"]
        numpy.testing.assert_array_equal(Image.get("acme:p:pixels", catalog=past).ndarray("red"), pixels)
        assert past.verify("quick").ok


def test_a_deleted_product_is_there_again(catalog: Catalog) -> None:
    before, moment = contents(catalog), past_moment()
    product = Product.get("acme:p", catalog=catalog)
    product.delete_related_objects()
    product.delete()
    between = past_moment()
    make_product("p", catalog=catalog)
    with catalog.at(moment) as past, catalog.at(between) as empty:
        assert contents(past) == before
        assert contents(empty) == {}


def test_the_past_is_not_changed_and_leaves_nothing(catalog: Catalog) -> None:
    moment = past_moment()
    with catalog.at(moment) as past:
        folder = past.path.parent
        with pytest.raises(ReadOnlyCatalogError, match="as it was, which can only be read; change the present one"):
            Image.delete("acme:p:i", catalog=past)
    assert not folder.exists()
    assert catalog.history() == []
    assert catalog.images.count() == 2


def test_the_present_may_be_closed(catalog: Catalog) -> None:
    past = catalog.at(past_moment())
    catalog.close()
    with past:
        assert Image.get("acme:p:pixels", catalog=past).ndarray("red").shape == (1, 64, 48)


def test_what_the_history_does_not_reach_is_refused(catalog: Catalog) -> None:
    with pytest.raises(NotFoundError, match="history of catalog .* reaches back to .*, not to 2020-01-01T00:00:00"):
        catalog.at("2020-01-01")
    with pytest.raises(BadRequestError, match="is still to come; at\\(\\) takes a moment of the past"):
        catalog.at(datetime.now(UTC) + timedelta(days=1))
    with catalog.transaction(), pytest.raises(BadRequestError, match="call at\\(\\) outside of the transaction"):
        catalog.at(past_moment())


def test_history_and_frozen_questions_are_those_of_then(catalog: Catalog) -> None:
    image = Image.get("acme:p:i", catalog=catalog)
    image.update(cloud_fraction=0.3)
    image.save()
    catalog.images.freeze("before")
    moment = past_moment()
    change_much(catalog)
    catalog.images.freeze("behind")
    with catalog.at(moment) as past:
        assert [(change.number, change.id) for change in past.history()] == [(1, "acme:p:i")]
        assert list(past.frozen) == ["before"]
        assert not past.frozen["before"].changes()
        assert past.verify("full", progress=False).problems == []


_READ = """
import pickle, sys
image = pickle.load(sys.stdin.buffer)
print(image.ndarray("red").sum(), image.product.id)
"""


def test_its_objects_go_to_other_processes_while_it_is_open(catalog: Catalog) -> None:
    pixels, moment = Image.get("acme:p:pixels", catalog=catalog).ndarray("red"), past_moment()
    change_much(catalog)
    with catalog.at(moment) as past:
        image = pickle.loads(pickle.dumps(Image.get("acme:p:pixels", catalog=past)))
        numpy.testing.assert_array_equal(image.ndarray("red"), pixels)
        packed = pickle.dumps(Image.get("acme:p:pixels", catalog=past))
        done = subprocess.run([sys.executable, "-c", _READ], input=packed, capture_output=True, check=True)
        assert done.stdout.split() == [str(pixels.sum()).encode(), b"acme:p"]
        with pytest.raises(ReadOnlyCatalogError, match="as it was, which can only be read"):
            image.delete()
    with pytest.raises(CatalogNotFoundError, match="as it was is closed already in the program that called at"):
        pickle.loads(packed)


def test_what_a_merge_brings_was_not_there_before(catalog: Catalog, tmp_path: Path) -> None:
    catalog.backup(tmp_path / "other.gpkg", progress=False)
    with Catalog.open(tmp_path / "other.gpkg") as other:
        product = make_product("r", spectral("nir"), catalog=other)
        new_image(product, "there").save()
        Image.get("acme:p:i", catalog=other).delete()
        before, moment = contents(catalog), past_moment()
        catalog.merge(other, progress=False)
    with catalog.at(moment) as past, catalog.at(past_moment()) as since:
        assert contents(past) == before
        assert contents(since) == contents(catalog)
    told = [(change.what, change.id) for change in catalog.history()]
    assert told == [
        ("deleted", "acme:p:i"),
        ("restored", "acme:r:there"),
        ("restored", "acme:r:nir"),
        ("restored", "acme:r"),
    ]


@pytest.mark.parametrize("files", ['"x"', "5", '"[5]"', '"[{}]"'])
def test_files_of_the_past_that_are_damaged_are_told(catalog: Catalog, files: str) -> None:
    image = upload(make_product("q", spectral("b"), catalog=catalog), "x")
    before = image.modified
    image.tags = ["changed"]
    image.save()
    raw(catalog, f"UPDATE history SET state = json_set(state, '$.files', json('{files}')) WHERE uid = '{image.id}'")
    with pytest.raises(CorruptCatalogError, match=r"of image 'acme:q:x' is damaged \(.*take the object from a backup"):
        catalog.at(before)
