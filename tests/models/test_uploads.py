"""Uploads as objects: status, events, waiting, searching (section 3.9 of the behaviour, upload objects)."""

from __future__ import annotations

import concurrent.futures
import pickle
import threading
import time

import pytest

from localcat import (
    AttributeValidationError,
    BadRequestError,
    Catalog,
    ConflictError,
    DeletedObjectError,
    Image,
    ImageUpload,
    ImageUploadEventSeverity,
    ImageUploadEventType,
    ImageUploadOptions,
    ImageUploadStatus,
    LocalcatError,
    Product,
    UploadError,
)
from localcat import properties as p


@pytest.fixture
def upload(product: Product, pixels, meta) -> ImageUpload:
    return Image(name="scene", product=product, acquired="2020-01-01").upload_ndarray(
        pixels, raster_meta=meta, overviews=[2, 4], overview_resampler="average"
    )


@pytest.fixture
def failed(product: Product, tmp_path) -> ImageUpload:
    path = tmp_path / "broken.tif"
    path.write_bytes(b"II*\x00" + b"nonsense" * 100)
    return Image(name="broken", product=product, acquired="2020-01-01").upload(str(path))


def set_status(catalog: Catalog, status: str) -> None:
    """Put uploads where only a running one could be."""
    with catalog.database.write() as transaction:
        transaction.connection.execute("UPDATE upload SET status = ?", (status,))


def test_an_upload_tells_what_it_was(upload: ImageUpload, catalog: Catalog) -> None:
    """3.9: finished when it is returned."""
    assert (upload.product_id, upload.image_id, upload.user) == ("acme:guide", "acme:guide:scene", catalog.user)
    assert (upload.status, upload.status == ImageUploadStatus.SUCCESS, upload.state) == ("success", True, "saved")
    assert upload.created <= upload.modified
    assert upload.resumable_urls is None
    options = upload.image_upload_options
    assert isinstance(options, ImageUploadOptions)
    assert (options.upload_type, options.overviews, options.overview_resampler) == ("ndarray", [2, 4], "average")
    assert options.upload_size == 64 * 48 * 2 * 2
    assert repr(upload) == f"ImageUpload: acme:guide:scene\n  id: {upload.id}\n  status: success"


def test_the_image_of_an_upload_becomes_saved(product: Product, pixels, meta) -> None:
    """3.9: on success; it is the very object that was uploaded."""
    image = Image(name="scene", product=product, acquired="2020-01-01")
    upload = image.upload_ndarray(pixels, raster_meta=meta)
    assert upload.image is image
    assert (image.state, image.storage_state) == ("saved", "available")
    assert ImageUpload.get(upload.id).image == image


def test_events_tell_what_happened(upload: ImageUpload) -> None:
    """3.9: queue, run, usage, complete; their words read as text."""
    events = upload.events
    kinds = [event.event_type for event in events if event.event_type != "log"]
    assert kinds == ["queue", "run", "usage", "complete"]
    assert {event.severity for event in events} == {"INFO"}
    assert events[-1].event_type == ImageUploadEventType.COMPLETE
    assert events[0].severity == ImageUploadEventSeverity.INFO
    assert all(event.event_datetime.tzinfo is not None and event.id and event.component for event in events)
    assert [event.event_datetime for event in events] == sorted(event.event_datetime for event in events)
    assert ImageUpload.get(upload.id).events == events


def test_a_failed_upload_says_why(failed: ImageUpload, catalog: Catalog) -> None:
    """3.9, choice 18: the last event is complete/ERROR; raise_for_status raises; neither row nor file is left."""
    assert (failed.status, failed.image.state) == ("failure", "unsaved")
    last = failed.events[-1]
    assert (last.event_type, last.severity) == ("complete", "ERROR")
    assert "broken.tif" in last.message
    with pytest.raises(LocalcatError, match="broken.tif"):
        failed.raise_for_status()
    with pytest.raises(UploadError, match=r"^the upload of 'acme:guide:broken' failed: .*broken\.tif"):
        ImageUpload.get(failed.id).raise_for_status()
    assert catalog.images.count() == 0


def test_a_successful_upload_raises_nothing(upload: ImageUpload) -> None:
    """3.9."""
    assert upload.raise_for_status() is None


def test_waiting_for_a_finished_upload_returns_at_once(upload: ImageUpload, failed: ImageUpload) -> None:
    """3.9: and never raises because the upload failed."""
    for finished in (upload, failed):
        assert finished.wait_for_completion() is None
        assert finished.wait_for_completion(timeout=0, warn_transient_errors=False) is None


@pytest.mark.parametrize("status", ["transferring", "pending", "running"])
def test_waiting_ends_with_the_timeout(upload: ImageUpload, catalog: Catalog, status: str) -> None:
    """3.9: concurrent.futures.TimeoutError."""
    set_status(catalog, status)
    running = ImageUpload.get(upload.id)
    started = time.monotonic()
    with pytest.raises(concurrent.futures.TimeoutError, match=f"the upload of 'acme:guide:scene' is still {status}"):
        running.wait_for_completion(timeout=0.1)
    assert 0.1 <= time.monotonic() - started < 5


@pytest.mark.parametrize("timeout", ["1", float("nan"), float("inf"), 10**400, [1]])
def test_a_timeout_is_a_number(upload: ImageUpload, timeout: object) -> None:
    with pytest.raises(BadRequestError, match="timeout is a number of seconds or None, not "):
        upload.wait_for_completion(timeout)


def test_waiting_ends_when_another_thread_finishes_the_upload(upload: ImageUpload, catalog: Catalog) -> None:
    """3.9: it looks again and again."""
    set_status(catalog, "running")
    running = ImageUpload.get(upload.id)
    timer = threading.Timer(0.1, set_status, (catalog, "canceled"))
    timer.start()
    running.wait_for_completion(timeout=30)
    timer.join()
    assert running.status == ImageUploadStatus.CANCELED


def test_a_finished_upload_cannot_be_canceled(upload: ImageUpload) -> None:
    """3.9: ConflictError if too late."""
    with pytest.raises(ConflictError, match="cannot be canceled any more: success"):
        upload.cancel()


def test_uploads_are_not_deleted(upload: ImageUpload) -> None:
    """3.9: NotImplementedError, of the class and of the object."""
    with pytest.raises(NotImplementedError, match="not deleted"):
        upload.delete()
    with pytest.raises(NotImplementedError, match="not deleted"):
        ImageUpload.delete(upload.id)


def test_uploads_are_not_made_by_hand(catalog: Catalog, upload: ImageUpload) -> None:
    """3.9: all attributes are read-only; saving a new one is refused, saving an old one has nothing to do."""
    with pytest.raises(BadRequestError, match=r"made by Image\.upload or Image\.upload_ndarray"):
        ImageUpload(id="x").save()
    for name in set(ImageUpload.ATTRIBUTES) - {"id"}:
        with pytest.raises(AttributeValidationError, match=f"'{name}' item because it is a readonly attribute"):
            setattr(upload, name, "x")
    upload.save()
    upload.reload()


def test_uploads_are_found_by_product_and_image(
    upload: ImageUpload, failed: ImageUpload, product: Product, catalog: Catalog
) -> None:
    """3.9."""
    assert product.image_uploads().count() == 2
    assert upload.image.image_uploads().ids() == [upload.id]
    assert failed.image.image_uploads().ids() == [failed.id]
    other = Product(id="other", name="Other")
    other.save()
    assert other.image_uploads().count() == 0


def test_uploads_are_filtered_and_sorted(upload: ImageUpload, failed: ImageUpload, catalog: Catalog) -> None:
    """3.9: by product_id, image_id, user and status."""
    search = ImageUpload.search()
    assert search.filter(p.status == ImageUploadStatus.FAILURE).ids() == [failed.id]
    assert search.filter(p.status == "success").ids() == [upload.id]
    assert search.filter(p.image_id == "acme:guide:scene").ids() == [upload.id]
    assert search.filter(p.user == catalog.user).filter(p.product_id == "acme:guide").count() == 2
    assert search.sort("status").ids() == [failed.id, upload.id]
    assert [found.id for found in search.sort("-status")] == [upload.id, failed.id]
    assert search.sort("product_id", "user").count() == 2
    with pytest.raises(BadRequestError, match="status is one of"):
        search.filter(p.status == "won")


def test_uploads_survive_pickling(upload: ImageUpload, failed: ImageUpload) -> None:
    """3.2."""
    for original in (upload, failed):
        twin = pickle.loads(pickle.dumps(original))
        assert (twin == original, twin.status) == (True, original.status)
        twin._catalog.close()


def test_uploads_are_objects_of_the_catalog(upload: ImageUpload) -> None:
    """3.2: get, exists, get_many."""
    assert ImageUpload.get(upload.id) == upload
    assert (ImageUpload.exists(upload.id), ImageUpload.get("nothing")) == (True, None)
    assert ImageUpload.get_many([upload.id]) == [upload]


def test_an_upload_outlives_its_image(upload: ImageUpload, product: Product) -> None:
    """Ours: uploads are a record of what happened."""
    upload.image.delete()
    found = ImageUpload.get(upload.id)
    assert (found.status, found.image.state, product.image_uploads().count()) == ("success", "unsaved", 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda image: Image(acquired="2020-01-01"), "^id field required"),
        (lambda image: Image(id="acme:guide:x"), "^acquired field required"),
        (
            lambda image: Image(id="acme:nothing:x", acquired="2020"),
            "^product 'acme:nothing' of image .* save it first",
        ),
        (lambda image: image, r"has been saved\. Please use an unsaved image for uploading"),
        (lambda image: Image(id=image.id, acquired="2020"), r"Please either use a new image id or overwrite=True$"),
    ],
)
def test_what_cannot_be_uploaded(product: Product, meta, spoil, message: str) -> None:
    """3.9: told before anything is read; all are ValueErrors."""
    image = Image(name="there", product=product, acquired="2020-01-01")
    image.save()
    spoiled = spoil(image)
    with pytest.raises(ValueError, match=message):
        spoiled.upload_ndarray("no array", raster_meta=meta)
    with pytest.raises(ValueError, match=message):
        spoiled.upload("no-such-file.tif")


def test_a_deleted_image_cannot_be_uploaded(product: Product) -> None:
    """3.9: DeletedObjectError."""
    image = Image(name="x", product=product, acquired="2020-01-01")
    image.save()
    image.delete()
    with pytest.raises(DeletedObjectError, match="acme:guide:x"):
        image.upload([])


def test_the_product_must_have_no_pending_changes(product: Product, pixels, meta) -> None:
    """3.9: it must be in state saved."""
    product.name = "Pending"
    with pytest.raises(ValueError, match="product 'acme:guide' has unsaved changes; save it first"):
        Image(name="x", product=product, acquired="2020").upload_ndarray(pixels, raster_meta=meta)


@pytest.mark.parametrize("files", [[], 5, None, b"a.tif", {"a": 1}, [5], [None], [[]]])
def test_what_are_no_files_to_upload(product: Product, files: object) -> None:
    """3.9: empty and other types are a ValueError."""
    with pytest.raises(ValueError, match="file"):
        Image(name="x", product=product, acquired="2020").upload(files)


@pytest.mark.parametrize("arrays", [[], 5, None, "array", b"array", {"a": 1}, [[1, 2]], [None]])
def test_what_are_no_arrays_to_upload(product: Product, meta, arrays: object) -> None:
    """3.9: an array, or a list of them; else a ValueError."""
    with pytest.raises(ValueError, match="array"):
        Image(name="x", product=product, acquired="2020").upload_ndarray(arrays, raster_meta=meta)
