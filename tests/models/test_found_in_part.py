"""Images that a search found: what is read at once, what later, and as which state of the catalog."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcat import Catalog, ConflictError, CorruptCatalogError, DeletedObjectError, Image, Product
from localcat import properties as p
from localcat.models.image_record import ImageRecord
from tests.models.rollback import rolled_back
from tests.small_catalog import AREA

ID = "one:x"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog with three images."""
    with Catalog.create(tmp_path / "a.gpkg", org="") as catalog:
        product = Product(id="one", name="One", catalog=catalog)
        product.save()
        for name in "xyz":
            Image(
                product=product, name=name, acquired="2020-01-01", cloud_fraction=0.1, tags=["old"], geometry=AREA
            ).save()
        yield catalog


@pytest.fixture
def there(here: Catalog) -> Iterator[Catalog]:
    """The same file as another program has it open."""
    with Catalog.open(here.path) as catalog:
        yield catalog


def found(catalog: Catalog, id: str = ID) -> Image:
    (image,) = catalog.images.filter(p.id == id)
    return image


def change(catalog: Catalog, **attributes: object) -> None:
    image = Image.get(ID, catalog=catalog)
    image.update(**attributes)
    image.save()


@pytest.mark.parametrize("area", [None, AREA])
def test_what_this_process_changes_leaves_found_images_as_they_were(here: Catalog, area: object) -> None:
    search = here.images if area is None else here.images.intersects(area)
    images = search.collect()
    change(here, tags=["new"], cloud_fraction=0.2)
    Image.get("one:z", catalog=here).delete()
    assert [(image.id, image.tags, image.cloud_fraction) for image in images] == [
        ("one:x", ["old"], 0.1),
        ("one:y", ["old"], 0.1),
        ("one:z", ["old"], 0.1),
    ]


def test_what_another_program_changed_is_read_as_if_reloaded(here: Catalog, there: Catalog) -> None:
    image = found(here)
    assert image.cloud_fraction == 0.1
    change(there, tags=["new"], cloud_fraction=0.2)
    assert image.cloud_fraction == 0.1
    assert image.tags == ["new"]
    assert (image.cloud_fraction, image.state) == (0.2, "saved")


def test_a_change_that_another_program_made_too_is_a_conflict(here: Catalog, there: Catalog) -> None:
    image = found(here)
    image.cloud_fraction = 0.3
    change(there, cloud_fraction=0.2, tags=["new"])
    assert (image.tags, image.cloud_fraction, image.state) == (["new"], 0.3, "modified")
    with pytest.raises(ConflictError, match=r"cloud_fraction of Image 'one:x' was changed meanwhile: it is 0.2"):
        image.save()


def test_a_change_of_what_was_not_read_is_saved(here: Catalog, there: Catalog) -> None:
    image = found(here)
    change(there, cloud_fraction=0.2)
    image.satellite_id = "ours"
    image.save()
    saved = Image.get(ID, catalog=there)
    assert (saved.satellite_id, saved.cloud_fraction, image.cloud_fraction) == ("ours", 0.2, 0.2)


def test_what_another_program_deleted_keeps_what_was_read(here: Catalog, there: Catalog) -> None:
    image = found(here)
    Image.get(ID, catalog=there).delete()
    assert (image.id, image.cloud_fraction, image.geometry.geom_type) == (ID, 0.1, "Polygon")
    with pytest.raises(DeletedObjectError, match="'one:x' was deleted from the catalog before all of it was read"):
        image.tags  # noqa: B018  # reading is what is tested


def test_images_can_be_read_when_the_catalog_is_closed(here: Catalog) -> None:
    images = here.images.collect()
    here.close()
    assert [(image.name, image.product_id, image.tags) for image in images] == [
        ("x", "one", ["old"]),
        ("y", "one", ["old"]),
        ("z", "one", ["old"]),
    ]


def test_what_a_transaction_found_stays_after_it_was_rolled_back(here: Catalog) -> None:
    with rolled_back(here):
        change(here, cloud_fraction=0.2, satellite_id="a")
        image = found(here)
    change(here, cloud_fraction=0.3, satellite_id="b")
    assert (image.cloud_fraction, image.satellite_id) == (0.2, "a")


def test_copies_and_pickles_have_all_of_it(here: Catalog) -> None:
    copies = [copy.copy(found(here)), copy.deepcopy(found(here)), pickle.loads(pickle.dumps(found(here)))]
    here.close()
    assert [(one.id, one.tags, one.name, one.geometry.area) for one in copies] == [(ID, ["old"], "x", 3.0)] * 3


def test_an_image_that_is_deleted_keeps_its_attributes(here: Catalog) -> None:
    image = found(here)
    image.delete()
    assert (image.tags, image.name, image.state) == (["old"], "x", "deleted")


def test_the_rest_of_all_images_is_read_at_once(here: Catalog) -> None:
    statements: list[str] = []
    with here.database.read() as connection:
        connection.set_trace_callback(statements.append)
        images = list(here.images.sort("-id"))
        assert [(image.id, image.cloud_fraction) for image in images] == [
            ("one:z", 0.1),
            ("one:y", 0.1),
            ("one:x", 0.1),
        ]
        assert not any("image_file" in statement or "satellite_id" in statement for statement in statements)
        assert [(image.files, image.tags, image.product_id) for image in images] == [(None, ["old"], "one")] * 3
        connection.set_trace_callback(None)
    assert sum("satellite_id" in statement for statement in statements) == 1


def test_a_damaged_footprint_hides_no_other_one(here: Catalog) -> None:
    with here.database.write() as transaction:
        transaction.connection.execute("UPDATE image SET geometry = x'0102' WHERE uid = 'one:y'")
    x, y, z = here.images
    assert (x.geometry.area, z.geometry.area) == (3.0, 3.0)
    with pytest.raises(CorruptCatalogError, match="geometry of Image 'one:y' is damaged"):
        y.geometry  # noqa: B018  # reading is what is tested


def test_what_is_decoded_for_all_changes_no_image_that_is_newer(here: Catalog, there: Catalog) -> None:
    x, y, z = here.images
    z.cloud_fraction = 0.9
    change(there, acquired="2021-01-01", cloud_fraction=0.2)
    assert x.tags == ["old"]  # which is read now, as is the rest of x
    assert (y.acquired.year, y.cloud_fraction) == (2020, 0.1)  # which are decoded for all three
    assert (x.acquired.year, x.cloud_fraction, x.state) == (2021, 0.2, "saved")
    assert (z.cloud_fraction, z.state) == (0.9, "modified")


def test_an_image_that_is_reloaded_is_alone(here: Catalog, there: Catalog) -> None:
    x, y, _ = here.images
    change(there, cloud_fraction=0.2)
    x.reload()
    assert (y.cloud_fraction, x.cloud_fraction, x.state) == (0.1, 0.2, "saved")


def test_images_found_together_may_be_read_by_threads(here: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, _ = here.images
    x.cloud_fraction = 0.9
    compare = ImageRecord.cloud_fraction.equals_stored

    def compare_while_another_thread_reads(value: object, stored: object) -> bool:
        assert y.acquired.year == 2020  # which decodes that of x, too
        return compare(value, stored)

    monkeypatch.setattr(ImageRecord.cloud_fraction, "equals_stored", compare_while_another_thread_reads)
    assert (x.state, x.acquired.year) == ("modified", 2020)
