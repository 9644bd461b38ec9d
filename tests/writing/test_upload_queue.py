"""Uploads in the background: their states, waiting, canceling, closing, and processes that end too early."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy
import pytest

from localcat import (
    BadRequestError,
    Catalog,
    CatalogError,
    ConflictError,
    ImageUpload,
    InvalidArrayError,
    Product,
    StorageFullError,
    UploadError,
)
from localcat.disk.data_folder import TEMPORARY_PREFIX, DataFolder
from localcat.writing import upload_queue as background
from tests.small_catalog import META, PIXELS, make_product, new_image, spectral
from tests.small_rasters import make_tif

PATIENCE = 60  # seconds after which a test that waits for another thread has failed


def events(upload: ImageUpload) -> list[str]:
    return [str(event.event_type) for event in upload.events]


def temporaries(catalog: Catalog) -> list[Path]:
    return list(catalog.data_folder.path.glob(f"{TEMPORARY_PREFIX}*"))


class Gate:
    """Holds uploads back while they write, and tells when one has come so far."""

    def __init__(self) -> None:
        self.reached = threading.Semaphore(0)
        self.opened = threading.Event()

    def wait_until_reached(self) -> None:
        assert self.reached.acquire(timeout=PATIENCE)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    sync = DataFolder.sync

    def held(self: DataFolder, path: Path) -> None:
        gate.reached.release()
        assert gate.opened.wait(PATIENCE)
        sync(self, path)

    monkeypatch.setattr(DataFolder, "sync", held)
    monkeypatch.setattr(background, "WORKERS", 1)
    yield gate
    gate.opened.set()


@contextmanager
def closing_in_another_thread(catalog: Catalog) -> Iterator[None]:
    thread = threading.Thread(target=catalog.close)
    thread.start()
    yield
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_an_upload_in_the_background_comes_through_all_states(
    catalog: Catalog, product: Product, pixels, meta, gate: Gate
) -> None:
    """3.9, choice 8: pending, running, success; then the image is saved."""
    image = new_image(product)
    upload = image.upload_ndarray(pixels, raster_meta=meta, wait=False)
    assert (upload.status, events(upload)[0], image.state) == ("pending", "queue", "unsaved")
    gate.wait_until_reached()
    upload.reload()
    assert (upload.status, events(upload), image.state) == ("running", ["queue", "run"], "unsaved")
    assert [found.id for found in catalog.uploads()] == [upload.id]
    gate.opened.set()
    upload.wait_for_completion(PATIENCE)
    assert (upload.status, image.state, upload.image is image) == ("success", "saved", True)
    assert events(upload) == ["queue", "run", "log", "usage", "complete"]
    assert numpy.array_equal(image.ndarray("blue").filled(0), pixels.filled(0))
    assert catalog.uploads() == []


def test_waiting_ends_with_the_timeout(product: Product, pixels, meta, gate: Gate) -> None:
    """3.9: concurrent.futures.TimeoutError."""
    upload = new_image(product).upload_ndarray(pixels, raster_meta=meta, wait=False)
    gate.wait_until_reached()
    with pytest.raises(concurrent.futures.TimeoutError, match="the upload of 'acme:guide:x' is still running"):
        upload.wait_for_completion(timeout=0.01)


def test_a_queued_upload_can_be_canceled_and_a_running_one_cannot(
    catalog: Catalog, product: Product, pixels, meta, gate: Gate
) -> None:
    """3.9, choice 8: ConflictError if too late."""
    first = new_image(product, "a").upload_ndarray(pixels, raster_meta=meta, wait=False)
    gate.wait_until_reached()
    second = new_image(product, "b").upload_ndarray(pixels, raster_meta=meta, wait=False)
    second.cancel()
    assert (second.status, events(second)) == ("canceled", ["queue", "cancel"])
    second.wait_for_completion(timeout=0)
    with pytest.raises(ConflictError, match="'acme:guide:b' cannot be canceled any more: canceled"):
        second.cancel()
    with pytest.raises(ConflictError, match="'acme:guide:a' cannot be canceled any more: running"):
        first.cancel()
    gate.opened.set()
    first.wait_for_completion(PATIENCE)
    assert catalog.images.ids() == ["acme:guide:a"]
    assert (second.image.state, second.raise_for_status()) == ("unsaved", None)


def test_another_process_can_cancel_too(catalog: Catalog, product: Product, pixels, meta, gate: Gate) -> None:
    """Choice 8."""
    first = new_image(product, "a").upload_ndarray(pixels, raster_meta=meta, wait=False)
    gate.wait_until_reached()
    second = new_image(product, "b").upload_ndarray(pixels, raster_meta=meta, wait=False)
    with Catalog.open(catalog.path) as other:  # knows nothing of the workers, as in another process
        (found,) = [upload for upload in other.uploads() if upload.status == "pending"]
        found.cancel()
        with pytest.raises(concurrent.futures.TimeoutError, match="acme:guide:a"):
            other.uploads()[0].wait_for_completion(timeout=0.01)
    gate.opened.set()
    second.wait_for_completion(PATIENCE)
    first.wait_for_completion(PATIENCE)
    assert (first.status, second.status) == ("success", "canceled")
    assert catalog.images.ids() == ["acme:guide:a"]


@pytest.mark.usefixtures("full_disk")
def test_errors_end_in_the_events(catalog: Catalog, product: Product, pixels, meta) -> None:
    """Choice 18."""
    image = new_image(product)
    upload = image.upload_ndarray(pixels, raster_meta=meta, wait=False)
    upload.wait_for_completion(PATIENCE)
    assert (upload.status, image.state) == ("failure", "unsaved")
    assert (upload.events[-1].severity, upload.events[-1].message) == ("ERROR", "no room to write .tif")
    with pytest.raises(StorageFullError, match="no room to write .tif"):
        upload.raise_for_status()
    with pytest.raises(UploadError, match="no room to write .tif"):
        ImageUpload.get(upload.id).raise_for_status()
    assert catalog.images.count() == 0
    assert list(catalog.data_folder.hrefs()) == []


def test_what_nobody_foresaw_ends_in_the_events_too(
    product: Product, pixels, meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Choice 18."""

    def broken(self: DataFolder, path: Path) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(DataFolder, "sync", broken)
    upload = new_image(product).upload_ndarray(pixels, raster_meta=meta, wait=False)
    upload.wait_for_completion(PATIENCE)
    with pytest.raises(UploadError, match="'acme:guide:x' failed: ZeroDivisionError"):
        upload.raise_for_status()


def test_argument_errors_raise_at_once(catalog: Catalog, product: Product, pixels, meta) -> None:
    """Choice 18."""
    with pytest.raises(InvalidArrayError, match="stores uint16 but the array is float64"):
        new_image(product).upload_ndarray(numpy.zeros((1, 64, 48)), raster_meta=meta, wait=False)
    with pytest.raises(BadRequestError, match="has no georeferencing"):
        new_image(product).upload_ndarray(pixels, wait=False)
    with pytest.raises(BadRequestError, match="files is empty"):
        new_image(product).upload([], wait=False)
    assert catalog.image_uploads.count() == 0


def test_files_are_taken_in_the_background(catalog: Catalog, product: Product, pixels, meta, tmp_path: Path) -> None:
    """3.9, choice 8."""
    source = new_image(product, "source")
    source.upload_ndarray(pixels, raster_meta=meta)
    path = catalog.path_of(source.files[0]).rename(tmp_path / "a.tif")
    image = new_image(product, "copy")
    upload = image.upload(path, wait=False)
    upload.wait_for_completion(PATIENCE)
    assert (upload.status, image.files[0].hash) == ("success", source.files[0].hash)
    text = tmp_path / "text.tif"
    text.write_text("no raster at all " * 100)
    failing = new_image(product, "text").upload(text, wait=False)
    failing.wait_for_completion(PATIENCE)
    assert (failing.status, "text.tif" in failing.events[-1].message) == ("failure", True)


def test_a_file_that_is_gone_when_its_turn_comes_fails(product: Product, tmp_path: Path, gate: Gate) -> None:
    """3.9, choice 18: it was there when the upload was asked for."""
    new_image(product, "first").upload_ndarray(PIXELS, raster_meta=META, wait=False)
    gate.wait_until_reached()
    gone = make_tif(tmp_path / "gone.tif", count=2)
    upload = new_image(product, "second").upload(gone, wait=False)
    gone.unlink()
    gate.opened.set()
    upload.wait_for_completion(PATIENCE)
    assert (upload.status, "gone.tif is not there" in upload.events[-1].message) == ("failure", True)


def test_later_changes_of_the_caller_do_not_reach_the_workers(product: Product, pixels, meta, gate: Gate) -> None:
    """Choice 8."""
    expected = pixels.filled(0).copy()
    first = new_image(product, "a")
    first.upload_ndarray(pixels, raster_meta=meta, wait=False)
    gate.wait_until_reached()
    second = new_image(product, "b", tags=["kept"])
    upload = second.upload_ndarray(pixels, raster_meta=meta, wait=False)
    pixels[:] = 7
    second.tags.append("too late")
    gate.opened.set()
    upload.wait_for_completion(PATIENCE)
    assert (second.state, second.tags) == ("saved", ["kept"])
    assert numpy.array_equal(second.ndarray("blue").filled(0), expected)


def test_of_two_uploads_of_one_id_the_second_fails(
    catalog: Catalog, product: Product, pixels, meta, gate: Gate
) -> None:
    """3.9, choice 8."""
    uploads = [new_image(product).upload_ndarray(pixels, raster_meta=meta, wait=False) for _ in range(2)]
    gate.opened.set()
    for upload in uploads:
        upload.wait_for_completion(PATIENCE)
    assert [upload.status for upload in uploads] == ["success", "failure"]
    assert "was created meanwhile" in uploads[1].events[-1].message
    assert len(list(catalog.data_folder.hrefs())) == 1


def test_a_full_queue_makes_the_caller_wait(
    catalog: Catalog, product: Product, pixels, meta, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Choice 8."""
    monkeypatch.setattr(background, "QUEUE_LENGTH", 1)
    new_image(product, "a").upload_ndarray(pixels, raster_meta=meta, wait=False)
    gate.wait_until_reached()
    new_image(product, "b").upload_ndarray(pixels, raster_meta=meta, wait=False)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        third = pool.submit(new_image(product, "c").upload_ndarray, pixels, raster_meta=meta, wait=False)
        with pytest.raises(concurrent.futures.TimeoutError):
            third.result(timeout=0.05)
        assert len(catalog.uploads()) == 2
        gate.opened.set()
        third.result(PATIENCE).wait_for_completion(PATIENCE)
    for upload in catalog.uploads():
        upload.wait_for_completion(PATIENCE)
    assert catalog.images.sort("name").ids() == ["acme:guide:a", "acme:guide:b", "acme:guide:c"]


def test_closing_waits_for_what_runs_and_cancels_what_is_queued(tmp_path: Path, pixels, meta, gate: Gate) -> None:
    """Choice 8."""
    catalog = Catalog.create(tmp_path / "c.gpkg", org="acme")
    with catalog.as_default():
        product = make_product("guide", spectral("blue"), catalog=catalog)
        running = new_image(product, "a").upload_ndarray(pixels, raster_meta=meta, wait=False)
        gate.wait_until_reached()
        queued = new_image(product, "b").upload_ndarray(pixels, raster_meta=meta, wait=False)
        with closing_in_another_thread(catalog):
            queued_ended = catalog.uploader._workers.wait(queued.id, PATIENCE)
            assert queued_ended in (True, None)  # None: canceled and forgotten already
            gate.opened.set()
        with pytest.raises(CatalogError, match="is closed"):
            running.reload()
    with Catalog.open(tmp_path / "c.gpkg") as again:
        assert ImageUpload.get(running.id, catalog=again).status == "success"
        canceled = ImageUpload.get(queued.id, catalog=again)
        assert (canceled.status, canceled.events[-1].message) == (
            "canceled",
            "canceled: the catalog was closed before it began",
        )
        assert again.images.ids() == ["acme:guide:a"]
    assert temporaries(again) == []


def test_a_catalog_at_rest_has_no_threads_and_no_temporary_files(
    catalog: Catalog, product: Product, pixels, meta, gate: Gate
) -> None:
    """Choice 8."""
    upload = new_image(product).upload_ndarray(pixels, raster_meta=meta, wait=False)
    gate.wait_until_reached()
    (thread,) = catalog.uploader._workers._threads
    assert len(temporaries(catalog)) == 3  # the file, its lock, and the claim of the process
    gate.opened.set()
    upload.wait_for_completion(PATIENCE)
    thread.join(PATIENCE)
    assert (catalog.uploader._workers._threads, temporaries(catalog)) == (set(), [])


def test_transactions_and_the_background_do_not_mix(
    catalog: Catalog, product: Product, pixels, meta, gate: Gate
) -> None:
    """Choice 8."""
    with catalog.transaction(), pytest.raises(BadRequestError, match="leave out wait=False"):
        new_image(product).upload_ndarray(pixels, raster_meta=meta, wait=False)
    upload = new_image(product).upload_ndarray(pixels, raster_meta=meta, wait=False)
    gate.wait_until_reached()
    with catalog.transaction(), pytest.raises(BadRequestError, match="wait outside of it"):
        upload.wait_for_completion()
    gate.opened.set()
    upload.wait_for_completion(PATIENCE)
    assert upload.status == "success"


SCRIPT = """
import os, sys, numpy
from localcat import Catalog, Image, Product
from localcat.disk.data_folder import DataFolder
catalog = Catalog.open(sys.argv[1])
with catalog.as_default():
    product = Product.get("guide")
    for name in "abc":
        upload = Image(product=product, name=name, acquired="2020-01-01", cs_code="EPSG:32618",
            geotrans=(500000, 60, 0, 4000000, 0, -60)).upload_ndarray(numpy.ones((64, 48), "uint16"), wait=False)
"""


def run(script: str, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(path)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    with Catalog.create(tmp_path / "c.gpkg", org="acme") as catalog:
        make_product("guide", spectral("blue"), catalog=catalog)
    return tmp_path / "c.gpkg"


def test_a_process_that_ends_waits_or_cancels(prepared: Path) -> None:
    """Choice 8."""
    run(SCRIPT, prepared)
    with Catalog.open(prepared) as catalog:
        statuses = [upload.status for upload in catalog.image_uploads]
        assert set(statuses) <= {"success", "canceled"}
        assert statuses.count("success") == catalog.images.count() == len(list(catalog.data_folder.hrefs()))
        assert (catalog.uploads(), temporaries(catalog)) == ([], [])


def test_uploads_of_a_dead_process_are_told_as_failures(prepared: Path) -> None:
    """Choice 8."""
    died = "import threading\nDataFolder.sync = lambda self, path: threading.Event().wait()\n"
    process = run(
        SCRIPT.replace("catalog =", f"{died}catalog =") + "print(os.getpid(), flush=True)\nos._exit(1)", prepared
    )
    with Catalog.open(prepared, read_only=True) as catalog:  # cannot change what it finds
        assert {upload.status for upload in catalog.uploads()} <= {"pending", "running"}
        assert len(catalog.uploads()) == 3
    with Catalog.open(prepared) as catalog:
        waiting = ImageUpload.search(catalog=catalog).sort("created").first()
        waiting.wait_for_completion(PATIENCE)
        assert waiting.status == "failure"
        reason = f"process {process} ended before the upload did; upload the image again"
        assert (waiting.events[-1].severity, waiting.events[-1].message) == ("ERROR", reason)
        with pytest.raises(UploadError, match=reason):
            waiting.raise_for_status()
        assert catalog.uploads() == []
        assert [upload.status for upload in catalog.image_uploads] == ["failure"] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_never_waits_for_its_parents_threads(prepared: Path) -> None:
    """Choice 8."""
    forking = (
        "import threading\n"
        "let_go = threading.Event()\n"
        "sync = DataFolder.sync\n"
        "DataFolder.sync = lambda self, path: (let_go.wait(), sync(self, path))\n"
        "catalog ="
    )
    # What a thread of the parent may hold a lock for, as GDAL does for a CRS, is not freed in the child.
    ending = (
        "    import weakref\n"
        "    from localcat.writing import upload_queue as workers\n"
        "    images = [weakref.ref(job.task.image) for job in next(iter(workers._all))._jobs.values()]\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        catalog.close()\n"
        "        sys.exit(7 if all(image() for image in images) and len(images) == 3 else 1)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "    assert len(catalog.uploads()) == 3\n"
        "    let_go.set()\n"
        "    upload.wait_for_completion()\n"
        "    print(upload.status)\n"
    )
    script = SCRIPT.replace("catalog =", forking) + ending
    script = "import warnings\nwarnings.simplefilter('ignore', DeprecationWarning)  # of forks with threads\n" + script
    assert run(script, prepared) == "success"
