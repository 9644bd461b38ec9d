"""The default catalog: where it is, and that nothing but a write makes it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import localcat
from localcat import (
    BadRequestError,
    Band,
    Catalog,
    CatalogError,
    CatalogNotFoundError,
    DefaultCatalogWarning,
    Image,
    ImageUpload,
    MaskBand,
    Product,
    ProductNotFoundError,
    Search,
    SpectralBand,
    scenes,
)
from localcat import properties as p
from tests.small_catalog import make_product


@pytest.fixture
def unmade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The path of a default catalog that is not there, in a folder that is not there."""
    path = tmp_path / "deep" / "default.gpkg"
    monkeypatch.setenv("LOCALCAT", str(path))
    localcat.set_default_catalog(None)
    yield path
    localcat.default_catalog().close()
    localcat.set_default_catalog(None)


def test_it_is_made_at_the_first_write_and_told_once(unmade: Path, tmp_path: Path) -> None:
    """3.11, choice 32: at the line of the user's program."""
    product = Product(id="x", name="X")
    assert list(tmp_path.iterdir()) == []
    with pytest.warns(
        DefaultCatalogWarning, match=r"this write makes one at '.*default\.gpkg'; to choose another"
    ) as told:
        product.save()
    assert [(Path(one.filename), str(unmade) in str(one.message)) for one in told] == [(Path(__file__), True)]
    assert unmade.exists()
    Product(id="y", name="Y").save()  # a second warning would be an error
    assert Product.search().count() == 2


def test_it_is_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """3.11."""
    monkeypatch.delenv("LOCALCAT", raising=False)
    monkeypatch.delenv("LOCALCAT_NO_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    localcat.set_default_catalog(None)
    try:
        assert localcat.default_catalog().path.name == "catalog.gpkg"
        assert localcat.default_catalog().path.parent.name == "localcat"
    finally:
        localcat.set_default_catalog(None)
    assert list(tmp_path.iterdir()) == []


def test_in_tests_the_one_in_the_users_data_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choice 32: `$LOCALCAT` counts as chosen."""
    monkeypatch.delenv("LOCALCAT", raising=False)
    monkeypatch.setenv("LOCALCAT_NO_HOME", "1")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    localcat.set_default_catalog(None)
    product = Product(id="x", name="X")  # an object alone uses no catalog
    for use in (Catalog.default().images.count, Image.search().count, product.save, lambda: Product.get("x")):
        with pytest.raises(
            CatalogError, match=r"'.*catalog\.gpkg' is the user's own catalog, which tests do not touch"
        ):
            use()
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "mine.gpkg"))
    with Catalog.default() as chosen:
        assert chosen.images.count() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_warning_that_is_an_error_makes_nothing(unmade: Path, tmp_path: Path) -> None:
    """Choice 32: a test suite that forgets catalog= notices it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DefaultCatalogWarning, match="this write makes one"):
            Product(id="x", name="X").save()
    assert list(tmp_path.iterdir()) == []


LOOKING = {
    "search": lambda: [kind.search().count() for kind in (Product, Band, Image, ImageUpload)],
    "Search": lambda: list(Search(Product)),
    "get": lambda: (Product.get("x"), Image.exists("x:y"), Band.get_many(["x:y"], ignore_missing=True)),
    "get_or_create": lambda: Product.get_or_create("x", name="X"),
    "delete": lambda: (Product.delete("x"), Image.delete("x:y")),
    "namespace": lambda: Product.namespace_id("x"),
    "summary": lambda: (Image.search().summary(), Image.search().summary_interval(), Image.search().collect()),
    "explain": lambda: str(Image.search().filter(p.product_id == "x").explain()),
    "nearest": lambda: Image.search().nearest((0, 0)),
    "uploads": lambda: localcat.default_catalog().uploads(),
    "verify": lambda: localcat.default_catalog().verify(),
    "sql": lambda: localcat.default_catalog().sql("SELECT count(*) FROM footprints"),
    "facts": lambda: (
        localcat.default_catalog().org,
        repr(localcat.default_catalog()),
        localcat.default_catalog().user,
    ),
    "scenes": lambda: scenes.search((0, 0, 1, 1)),
}


@pytest.mark.parametrize("look", LOOKING.values(), ids=LOOKING)
def test_looking_finds_an_empty_catalog_and_makes_none(unmade: Path, tmp_path: Path, look) -> None:
    """Choice 32."""
    look()
    assert list(tmp_path.iterdir()) == []


KEEPING = {
    "reindex": lambda catalog, _: catalog.reindex(),
    "backup": lambda catalog, folder: catalog.backup(folder / "copy.gpkg"),
    "relocate": lambda catalog, folder: catalog.relocate("/old", folder),
    "relocate, only looking": lambda catalog, folder: catalog.relocate("/old", folder, dry_run=True),
    "optimize": lambda catalog, _: catalog.optimize(),
    "gc": lambda catalog, _: catalog.gc(),
    "gc, only looking": lambda catalog, _: catalog.gc(dry_run=True),
}


@pytest.mark.parametrize("keep", KEEPING.values(), ids=KEEPING)
def test_keeping_a_catalog_in_order_needs_one_and_makes_none(unmade: Path, tmp_path: Path, keep) -> None:
    """Choice 32."""
    with pytest.raises(
        CatalogNotFoundError, match=r"there is no catalog at '.*default\.gpkg' yet; save an object first"
    ):
        keep(localcat.default_catalog(), tmp_path)
    assert list(tmp_path.iterdir()) == []


REFUSED = {
    "a product without a name": (lambda: Product(id="x").save(), BadRequestError, "required field: name"),
    "a band of no product": (
        lambda: SpectralBand(id="x:b", data_type="Byte", data_range=(0, 1), band_index=0).save(),
        ProductNotFoundError,
        "there is no product 'x'",
    ),
    "a mask band of no product": (
        lambda: MaskBand(id="x:b", data_type="Byte", band_index=0).save(),
        ProductNotFoundError,
        "there is no product 'x'",
    ),
    "an image of no product": (lambda: Image(id="x:i").save(), ProductNotFoundError, "there is no product 'x'"),
    "an upload into no product": (
        lambda: Image(id="x:i", acquired="2020").upload_ndarray(None),
        BadRequestError,
        "product 'x' of image 'x:i' is not in the catalog",
    ),
}


@pytest.mark.parametrize(("save", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_saved_makes_no_catalog(unmade: Path, tmp_path: Path, save, error, message: str) -> None:
    """Choice 32: bad input leaves no row and no file."""
    with pytest.raises(error, match=message):
        save()
    assert list(tmp_path.iterdir()) == []


WRITING = {
    "save": lambda: Product(id="x", name="X").save(),
    "transaction": lambda: make_in_a_transaction(),
    "add_images": lambda: localcat.default_catalog().add_images([], progress=False),
    "merge": lambda: merge_another(),
}


def make_in_a_transaction() -> None:
    with localcat.default_catalog().transaction():
        make_product("x")


def merge_another() -> None:
    with Catalog.temporary() as other:
        make_product("x", catalog=other)
        localcat.default_catalog().merge(other, progress=False)


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
def test_each_way_of_adding_makes_it(unmade: Path, write) -> None:
    """Choice 32."""
    with pytest.warns(DefaultCatalogWarning, match="this write makes one"):
        write()
    with contextlib.closing(Catalog.open(unmade)) as made:
        assert made.verify("quick").ok
