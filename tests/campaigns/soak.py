"""One process of the soak: it changes, reads, copies and cleans a catalog until it is told to stop, or is killed.

Run as ``python -m tests.campaigns.soak CATALOG NUMBER SEED STOP``. A log beside the stop file has what it is about to
do, and what was acknowledged. A process of the same number, started after a kill, reads it first and looks which way
the last operation went.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from localcat import Catalog, Image, Product
from localcat import properties as p
from tests.small_catalog import META

PRODUCT = "acme:one"
NAMES = 12  # images of each process
LOADED = 15  # images of a bulk load
SHAPE = (64, 48)


@dataclass
class Model:
    """What a process has put into the catalog, as far as it was acknowledged.

    Parameters
    ----------
    images : dict
        The version of each image by its name; it is the value of its pixels, or 0 without any.
    pending : dict
        The versions that an operation without an acknowledgement wanted; None for a deletion.
    acknowledged : int
        How many operations.
    errors : list of str
        What was raised, and what was found that must not be.
    looks : dict
        How often each kind of operation came to its end.
    """

    images: dict[str, int] = field(default_factory=dict)
    pending: dict[str, int | None] = field(default_factory=dict)
    acknowledged: int = 0
    errors: list[str] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[str]) -> Model:
        """Return the model that a log tells; its last line may be torn."""
        found = cls()
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            found.take(entry)
        return found

    def take(self, entry: dict[str, Any]) -> None:
        """Take one entry of the log."""
        match entry:
            case {"begin": wanted}:
                self.pending = wanted
            case {"ack": _}:
                self.acknowledged += 1
                self._settle(self.pending)
            case {"found": versions}:
                self._settle(versions)
            case {"error": text}:
                self.errors.append(text)
            case {"done": what}:
                self.looks[what] = self.looks.get(what, 0) + 1

    def _settle(self, versions: dict[str, int | None]) -> None:
        for name, version in versions.items():
            if version is None:
                self.images.pop(name, None)
            else:
                self.images[name] = version
        self.pending = {}

    def problems(self, there: dict[str, int]) -> list[str]:
        """Return what of a process's images is not in the catalog as it was acknowledged, or as it was about to be."""
        expected = dict(self.images)
        undecided = {name: {expected.pop(name, None), wanted} for name, wanted in self.pending.items()}
        found = [
            f"{name} is {there.get(name)}, not {version}"
            for name, version in expected.items()
            if there.get(name) != version
        ]
        found += [
            f"{name} is there and was deleted" for name in there if name not in expected and name not in undecided
        ]
        found += [
            f"{name} is {there.get(name)}, neither of {sorted(map(str, allowed))}"
            for name, allowed in undecided.items()
            if there.get(name) not in allowed
        ]
        went = {there.get(name) == wanted for name, wanted in self.pending.items() if self.images.get(name) != wanted}
        return [*found, *(["an operation went half of its way"] if len(went) > 1 else [])]


def versions_of(catalog: Catalog, number: int) -> dict[str, int]:
    """Return the versions of the images of one process that the catalog has."""
    found = catalog.images.filter(p.name.prefix(f"w{number}-"))
    return {str(image.name): int(str(image.provider_id)) for image in found}


class Worker:
    """A process of the soak."""

    def __init__(self, catalog: Catalog, number: int, seed: str, log: Path) -> None:
        self.catalog, self.number, self.random = catalog, number, random.Random(seed)
        self.model = Model.of(log.read_text(encoding="utf-8").splitlines() if log.exists() else [])
        self._log = log.open("a", encoding="utf-8", buffering=1)
        self._log.write("\n")  # behind what a kill has torn
        self.scratch = log.with_name(f"scratch-{number}")
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()

    def look(self) -> None:
        """Find out which way the last operation went before the process was killed."""
        there = versions_of(self.catalog, self.number)
        for problem in self.model.problems(there):
            self.tell(error=f"after a kill {problem}")
        self.tell(found={name: there.get(name) for name in self.model.pending})

    def tell(self, **entry: Any) -> None:
        """Write an entry to the log, and take it."""
        self._log.write(json.dumps(entry) + "\n")
        self.model.take(json.loads(json.dumps(entry)))

    def step(self) -> None:
        """Do one thing."""
        changes = (self.put, self.put, self.put, self.delete, self.load)
        looks = (self.read, self.read, self.read_elsewhere, self.copy, self.collect, self.verify, self.back_up)
        chosen = self.random.choice(self.random.choice((changes, looks)))
        try:
            chosen()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is a finding
            self.tell(error=f"{chosen.__name__}: {type(error).__name__}: {error!s:.300}")
            self.look()
        else:
            self.tell(done=chosen.__name__)

    # Changes

    def put(self) -> None:
        """Upload an image, or replace its pixels."""
        name, version = f"w{self.number}-{self.random.randrange(NAMES)}", self.random.randrange(1, 60_000)
        self.tell(begin={name: version})
        image = Image(id=f"{PRODUCT}:{name}", acquired="2024-05-06", provider_id=str(version), catalog=self.catalog)
        pixels = numpy.full(SHAPE, version, "uint16")
        image.upload_ndarray(pixels, raster_meta=META, overwrite=True).raise_for_status()
        self.tell(ack=True)

    def delete(self) -> None:
        """Delete an image."""
        if self.model.images:
            name = self.random.choice(sorted(self.model.images))
            self.tell(begin={name: None})
            if not Image.delete(f"{PRODUCT}:{name}", catalog=self.catalog):
                raise LookupError(f"{name} was not there")
            self.tell(ack=True)

    def load(self) -> None:
        """Load many images without pixels in one transaction."""
        names = [f"w{self.number}-load{n}" for n in range(LOADED)]
        self.tell(begin=dict.fromkeys(names, 0))
        records = [{"id": f"{PRODUCT}:{name}", "acquired": "2024-05-06", "provider_id": "0"} for name in names]
        self.catalog.add_images(records, on_conflict="replace", progress=False)
        self.tell(ack=True)

    # Looks

    def read(self) -> None:
        """Compare the pixels of an image."""
        with_pixels = sorted(name for name, version in self.model.images.items() if version)
        if with_pixels:
            name = self.random.choice(with_pixels)
            require_pixels(Image.get(f"{PRODUCT}:{name}", catalog=self.catalog), self.model.images[name])

    def read_elsewhere(self) -> None:
        """Read the file with the SQLite of another library, which closes it in this process."""
        import pyogrio

        try:
            pyogrio.read_info(self.catalog.path, layer="footprints")
            pyogrio.raw.read(self.catalog.path, layer="footprints", columns=["name"], read_geometry=False)
        except pyogrio.errors.DataSourceError as error:
            if "locked" not in str(error) and "readonly" not in str(error):  # which docs/keeping.md says may be
                raise

    def copy(self) -> None:
        """Open, copy and close the file, as a program that knows nothing of SQLite."""
        shutil.copyfile(self.catalog.path, self.scratch / "copy")

    def collect(self) -> None:
        """Collect garbage."""
        self.catalog.gc(keep="0 days" if self.random.random() < 0.2 else "30 days")

    def verify(self) -> None:
        """Look for damage."""
        report = self.catalog.verify("files", progress=False)
        if not report.ok:
            # A file of another process may be replaced between reading its row and looking at it.
            again = {str(problem) for problem in self.catalog.verify("files", progress=False).problems}
            lasting = again & {str(problem) for problem in report.problems}
            if lasting:
                raise AssertionError(f"damaged: {sorted(lasting)}")

    def back_up(self) -> None:
        """Back up, and look at the copy."""
        dest = self.scratch / "backup.gpkg"
        report = self.catalog.backup(dest, progress=False)
        with Catalog.open(dest) as copy:
            assert copy.verify("full", progress=False).problems == []
            assert copy.images.count() == report.images
        shutil.rmtree(self.scratch)
        self.scratch.mkdir()


def require_pixels(image: Image | None, version: int) -> None:
    """Refuse an image whose pixels are not those of its version."""
    if image is None:
        raise AssertionError("an image is missing")
    array = image.ndarray(image.product.bands().limit(1).collect()[0].name)
    if not (array.filled(0) == version).all():
        raise AssertionError(f"the pixels of {image.id} are {numpy.unique(array.filled(0))}, not {version}")


def main(path: str, number: str, seed: str, stop: str) -> None:
    """Work until the stop file is there."""
    with Catalog.open(path) as catalog:
        worker = Worker(catalog, int(number), seed, Path(stop).with_name(f"log-{number}"))
        worker.look()
        while not Path(stop).exists():
            worker.step()


def make(path: Path) -> None:
    """Make the catalog of the soak."""
    from tests.small_catalog import make_product, spectral

    with Catalog.create(path, org="acme") as catalog:
        make_product("one", spectral("b0", data_type="UInt16"), catalog=catalog)
        assert Product.exists(PRODUCT, catalog=catalog)


if __name__ == "__main__":
    main(*sys.argv[1:])
