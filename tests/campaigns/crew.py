"""Many processes on one catalog: they start together, do their part, and tell how long each piece took.

Run as ``python -m tests.campaigns.crew PLAN FOLDER NUMBER [OPTION=VALUE ...]``; it prints one line of JSON. The
workers are forks of a process that has imported everything and has not opened the catalog.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyogrio

import localcat.maintenance
import localcat.writing.run  # noqa: F401  # imported once, before the forks
from localcat import Catalog, ClientError, DeletedObjectError, Image, Product
from localcat.store.file.connection import Journal
from localcat.store.file.journal import is_wal
from tests import survey
from tests.campaigns import scenarios
from tests.survey import NAME


@dataclass(slots=True)
class Work:
    """What one worker did."""

    done: int = 0  # pieces that succeeded
    waits: list[float] = field(default_factory=list)  # how long each took; seconds
    errors: list[str] = field(default_factory=list)
    closings: int = 0  # how often the file was closed without localcat

    def try_to(self, piece: Callable[[], object]) -> None:
        """Do a piece, and note how it went."""
        started = time.perf_counter()
        try:
            piece()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is a finding
            self.errors.append(f"{type(error).__name__}: {error}")
        else:
            self.done += 1
        self.waits.append(time.perf_counter() - started)


def together(*workers: Callable[[Work, Any], None]) -> list[Work]:
    """Let workers run in processes of their own, all at once; each gets its record and an event that ends the loops.

    The event is set when all workers that do not loop are done: those come first.
    """
    context = multiprocessing.get_context("fork")
    results, finished, start = context.SimpleQueue(), context.Event(), context.Barrier(len(workers))

    def run(number: int) -> None:
        work = Work()
        start.wait()
        workers[number](work, finished)
        results.put((number, asdict(work)))

    processes = [context.Process(target=run, args=(number,)) for number in range(len(workers))]
    for process in processes:
        process.start()
    found: dict[int, Work] = {}
    bounded = [number for number, worker in enumerate(workers) if not worker.__name__.startswith("keep_")]
    while len(found) < len(workers):
        number, work = results.get()
        found[number] = Work(**work)
        if all(one in found for one in bounded):
            finished.set()
    for process in processes:
        process.join()
    return [found[number] for number in range(len(workers))]


def build(folder: Path) -> Path:
    """Make the catalog that all of them use."""
    survey.build(folder)
    return folder / NAME


def insert(folder: Path, count: int, writers: str = "8", journal: Journal = "delete") -> dict[str, object]:
    """Let processes insert rows, each in a transaction of its own, and one process read meanwhile."""
    path = build(folder)

    def opened() -> Catalog:
        return scenarios.open_catalog(path, journal=journal)

    def writer(number: int) -> Callable[[Work, Any], None]:
        def write(work: Work, _: Any) -> None:
            with opened() as catalog:
                for index in range(count):
                    image = survey.new_image(catalog, "one", f"w{number}-{index}", "1")
                    work.try_to(image.save)

        return write

    def keep_reading(work: Work, finished: Any) -> None:
        with opened() as catalog:
            while not finished.is_set():
                work.try_to(lambda: Image.get("acme:one:a", catalog=catalog).files)
                time.sleep(0.001)  # as often as a program might, not as fast as it can

    *wrote, read = together(*(writer(number) for number in range(int(writers))), keep_reading)
    with Catalog.open(path) as catalog:
        rows = catalog.images.count()
    reads = sorted(read.waits)
    return {
        "rows": rows - 7,
        "is_wal": is_wal(path),
        "errors": [error for work in wrote for error in work.errors] + read.errors,
        "worst": max(wait for work in wrote for wait in work.waits),
        "seconds": max(sum(work.waits) for work in wrote),
        "reads": len(reads),
        "read_p99": reads[int(0.99 * len(reads))] if reads else 0.0,
        "read_worst": reads[-1] if reads else 0.0,
    }


def upload(folder: Path, count: int, uploaders: int = 4) -> dict[str, object]:
    """Let processes upload beside one that collects garbage, one that deletes and one that reads and hashes."""
    path = build(folder)
    with Catalog.open(path) as catalog:
        for index in range(count):
            survey.upload_version(catalog, f"d{index}", "1")

    def uploader(number: int) -> Callable[[Work, Any], None]:
        def take_in(work: Work, _: Any) -> None:
            with Catalog.open(path) as catalog:
                for index in range(count):
                    work.try_to(lambda: survey.upload_version(catalog, f"u{number}-{index}", "1"))  # noqa: B023

        return take_in

    def delete(work: Work, _: Any) -> None:
        with Catalog.open(path) as catalog:
            for index in range(count):
                work.try_to(Image.get(f"acme:one:d{index}", catalog=catalog).delete)

    def keep_collecting(work: Work, finished: Any) -> None:
        with Catalog.open(path) as catalog:
            while not finished.is_set():
                work.try_to(catalog.gc)

    def keep_hashing(work: Work, finished: Any) -> None:
        with Catalog.open(path) as catalog:
            while not finished.is_set():
                for image in catalog.images:
                    work.try_to(lambda: _check_file(catalog, image))  # noqa: B023

    parts = together(*(uploader(number) for number in range(uploaders)), delete, keep_collecting, keep_hashing)
    *uploads, deletes, gcs, reads = parts
    return {
        "uploads": sum(work.done for work in uploads),
        "deletes": deletes.done,
        "gcs": gcs.done,
        "reads": reads.done,
        "errors": [error for work in parts for error in work.errors],
    }


def _check_file(catalog: Catalog, image: Image) -> None:
    """Compare a file with its row; a file that is gone is right if its row is gone too."""
    try:
        for file in image.files or []:
            if hashlib.sha256(catalog.path_of(file).read_bytes()).hexdigest() != file.hash:
                raise ValueError(f"{image.id} has another content")
    except (FileNotFoundError, DeletedObjectError):  # the rest of a row that was found is read later than it was found
        if Image.exists(str(image.id), catalog=catalog):
            raise


def disturb(folder: Path, count: int) -> dict[str, object]:
    """Let processes write and read, while threads of theirs open, copy, close and read the file without localcat.

    One process after another is killed in the middle of its writes.
    """
    path = build(folder)

    def writer(number: int) -> Callable[[Work, Any], None]:
        def write(work: Work, _: Any) -> None:
            with Catalog.open(path) as catalog, _closing_the_file(path, work):
                for index in range(count):
                    image = survey.new_image(catalog, "one", f"w{number}-{index}", "1")
                    work.try_to(image.save)
                work.try_to(lambda: _load(catalog, number, 10 * count))

        return write

    def keep_dying(work: Work, finished: Any) -> None:
        while not finished.is_set():
            told, tell = os.pipe()
            child = os.fork()
            if child == 0:
                catalog = Catalog.open(path)
                for number in itertools.count():
                    Product(id=f"dying-{os.getpid()}-{number}", name="X", catalog=catalog).save()
                    os.write(tell, b"1")
            os.close(tell)
            os.read(told, 1)  # it is in the next one by now, or soon
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(told)
            work.done += 1

    def keep_reading(work: Work, finished: Any) -> None:
        with Catalog.open(path, read_only=True) as catalog, _closing_the_file(path, work):
            seen = 0
            while not finished.is_set():
                work.try_to(lambda: Image.get("acme:one:a", catalog=catalog).files)
                now = catalog.images.count()
                if now < seen:
                    work.errors.append(f"{seen} images, and then {now}")
                seen = now

    parts = together(writer(0), writer(1), writer(2), keep_reading, keep_reading, keep_dying)
    with Catalog.open(path) as catalog:
        rows, report = catalog.images.count() - 7, catalog.verify("full", progress=False)
    return {
        "rows": rows,
        "acknowledged": 3 * (count + 10 * count),
        "kills": parts[-1].done,
        "closings": sum(work.closings for work in parts),
        "is_sound": report.ok,
        "worst": max(wait for work in parts for wait in work.waits),
        "errors": [error for work in parts for error in work.errors],
    }


def _load(catalog: Catalog, number: int, count: int) -> None:
    added = catalog.add_images(({"id": f"acme:one:l{number}-{index}"} for index in range(count)), progress=False).added
    if added != count:
        raise ValueError(f"{added} of {count} were added")


@contextmanager
def _closing_the_file(path: Path, work: Work) -> Iterator[None]:
    """Open, copy, read and close a catalog file again and again, in a thread of this process."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            with path.open("rb") as file:
                file.read(100)
            shutil.copyfile(path, path.with_name(f"copy-{os.getpid()}"))
            with suppress(Exception):  # it may be locked, or say that it is
                pyogrio.read_info(path, layer="footprints")
            with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
                connection.execute("SELECT count(*) FROM image").fetchone()
            work.closings += 4

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        path.with_name(f"copy-{os.getpid()}").unlink(missing_ok=True)


def create(folder: Path, count: int, processes: int = 8) -> dict[str, object]:
    """Let processes open the same catalogs for the first time, all at once, and save something in each."""

    def creator(number: int) -> Callable[[Work, Any], None]:
        def open_all(work: Work, _: Any) -> None:
            for index in range(count):
                work.try_to(lambda: _open_first(folder / f"{index}.gpkg", number))  # noqa: B023

        return open_all

    parts = together(*(creator(number) for number in range(processes)))
    kept = 0
    for index in range(count):
        with Catalog.open(folder / f"{index}.gpkg") as catalog:
            kept += catalog.products.count()
    return {
        "opened": sum(work.done for work in parts),
        "products": kept,
        "errors": [error for work in parts for error in work.errors],
    }


def _open_first(path: Path, number: int) -> None:
    with Catalog.open_or_create(path, org="acme") as catalog:
        Product(id=f"p{number}", name="P", catalog=catalog).save()


def _pair(option: str) -> tuple[str, str]:
    name, _, value = option.partition("=")
    return name, value


PLANS: dict[str, Callable[..., dict[str, object]]] = {
    "insert": insert,
    "upload": upload,
    "create": create,
    "disturb": disturb,
}

if __name__ == "__main__":
    plan, given_folder, given_count, *options = sys.argv[1:]
    try:
        print(json.dumps(PLANS[plan](Path(given_folder), int(given_count), **dict(map(_pair, options)))))
    except ClientError as error:
        sys.exit(f"{plan}: {error}")
