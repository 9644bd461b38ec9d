"""Objects of a catalog as objects of Python: equality, text, copies, enumerations (section 3.2 of the behaviour)."""

from __future__ import annotations

import copy
import pickle

import pytest

from localcat import (
    AttributeValidationError,
    Band,
    BandType,
    Catalog,
    DataType,
    DeletedObjectError,
    Image,
    MaskBand,
    Product,
    Resolution,
    SpectralBand,
)


def test_objects_are_equal_by_class_id_state_and_attributes(product: Product, catalog: Catalog) -> None:
    """3.2."""
    other = Product.get("guide")
    assert other == product
    other.name = "Other"
    assert other != product
    product.name = "Other"
    assert other == product
    product.save()
    assert other != product
    band, twin = product.get_band("blue"), product.get_band("blue")
    assert band == twin
    band.delete()
    assert (band != twin, band.serialize() == twin.serialize()) == (True, True)
    assert Product(id="x") == Product(id="x")
    assert Product(id="x") != Product(id="y")
    assert SpectralBand(id="a:b") != MaskBand(id="a:b")
    assert product != "acme:guide"


def test_objects_have_no_hash(product: Product) -> None:
    """3.2: TypeError."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(product)


def test_the_text_of_an_object_names_what_it_is(product: Product, catalog: Catalog) -> None:
    """3.2: class and name, id, references, created as ISO text, and what is pending."""
    created = product.created.isoformat(sep=" ", timespec="seconds")
    assert repr(product) == f"Product: Guide\n  id: acme:guide\n  created: {created}"
    product.name = "New"
    assert repr(product) == (
        f"Product: New\n  id: acme:guide\n  created: {created}\n"
        "* Not up-to-date in the catalog. Call `.save()` to save or update this record."
    )
    band = product.get_band("blue")
    created = band.created.isoformat(sep=" ", timespec="seconds")
    assert repr(band) == f"SpectralBand: blue\n  id: acme:guide:blue\n  product: acme:guide\n  created: {created}"
    band.delete()
    assert repr(band).endswith("\n* Deleted from the catalog.")
    assert repr(Image(id="acme:guide:a")) == (
        "Image: a\n  id: acme:guide:a\n  product: acme:guide\n"
        "* Not up-to-date in the catalog. Call `.save()` to save or update this record."
    )


def test_objects_survive_pickling(product: Product, catalog: Catalog) -> None:
    """3.2: with their state; they carry the path of the catalog, not a connection."""
    product.tags = ["a"]
    product.save()
    product.name = "Changed"
    twin = pickle.loads(pickle.dumps(product))
    assert (twin == product, twin.state, twin.name, twin.tags) == (True, "modified", "Changed", ["a"])
    twin.save()
    twin._catalog.close()
    assert Product.get("guide").name == "Changed"
    unsaved = pickle.loads(pickle.dumps(Image(id="acme:guide:a", acquired="2020-01-01")))
    assert (unsaved.state, unsaved.acquired) == ("unsaved", "2020-01-01")
    unsaved._catalog.close()


def test_a_deep_copy_shares_nothing_that_can_change(product: Product) -> None:
    """3.2: objects deep-copy; `copy.copy` keeps changes apart as well."""
    product.tags = ["a"]
    product.save()
    product.tags.append("b")
    for duplicate in (copy.deepcopy, copy.copy):
        twin = duplicate(product)
        assert (twin == product, twin._catalog is product._catalog) == (True, True)
        twin.name = "Twin"
        assert product.name == "Guide"
    twin = copy.deepcopy(product)
    twin.tags.append("c")
    assert product.tags == ["a", "b"]


def test_a_deep_copy_keeps_what_bands_share_among_them(product: Product) -> None:
    """3.2."""
    resolution = Resolution(1, "m")
    bands = [SpectralBand(name=name, product=product, resolution=resolution) for name in "ab"]
    first, second = copy.deepcopy(bands)
    first.resolution.value = 2
    assert (second.resolution.value, resolution.value) == (2.0, 1.0)


def test_attributes_stay_readable_after_deletion_and_nothing_else_works(catalog: Catalog) -> None:
    """3.2: update, save, reload, delete and the product's helpers raise DeletedObjectError."""
    product = Product(id="x", name="X")
    product.save()
    product.delete()
    assert (product.id, product.name) == ("acme:x", "X")
    for call in (
        lambda: product.update(name="Y"),
        product.save,
        product.reload,
        product.delete,
        product.bands,
        product.images,
        product.image_uploads,
        product.delete_related_objects,
        product.get_delete_status,
        lambda: product.named_id("a"),
        lambda: product.get_band("a"),
        lambda: product.get_image("a"),
    ):
        with pytest.raises(DeletedObjectError, match="'acme:x' was deleted from the catalog"):
            call()


def test_enumerations_are_given_by_member_or_text_and_read_as_text(catalog: Catalog) -> None:
    """3.2: bad values raise; a member equals its text."""
    for value in (DataType.UINT16, "UInt16"):
        band = SpectralBand(data_type=value)
        assert (band.data_type, type(band.data_type)) == ("UInt16", str)
    assert SpectralBand().type == "spectral" == BandType.SPECTRAL
    assert type(SpectralBand().type) is str
    with pytest.raises(AttributeValidationError, match=r"^data_type is one of 'Byte', 'UInt16', .* not 'uint16'$"):
        SpectralBand(data_type="uint16")


def test_values_outside_an_enumeration_are_tolerated_when_stored(product: Product, catalog: Catalog) -> None:
    """3.2: a later version may know more; the object loads, and saves its other attributes."""
    with catalog.database.write() as transaction:
        transaction.connection.execute("UPDATE band SET data_type = 'CInt16' WHERE name = 'blue'")
    band = Band.get("guide:blue")
    assert (band.data_type, band.state) == ("CInt16", "saved")
    band.description = "still mine"
    band.save()
    assert (Band.get("guide:blue").data_type, Band.get("guide:blue").description) == ("CInt16", "still mine")
