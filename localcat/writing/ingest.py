"""Folders of GeoTIFFs as images of a product: one image a file, named and dated by what the file says of itself."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcat.disk.digest import hash_stream
from localcat.disk.filesystem import exists, is_folder
from localcat.errors import BadRequestError, ClientError, ReadOnlyCatalogError
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.progress import shown
from localcat.rasters.files.describe import describe
from localcat.rasters.files.environment import read_errors
from localcat.timestamps import from_microseconds, to_microseconds
from localcat.writing.report import IngestedFile, IngestReport

if TYPE_CHECKING:
    from localcat.store.catalog_file import CatalogFile

_SUFFIXES = (".tif", ".tiff")
_TAGS = ("ACQUISITIONDATETIME", "TIFFTAG_DATETIME")  # the second may be when the file was made
_TIFF_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)")
_DATE_IN_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_]?)(\d\d)\2(\d\d)"  # a day, its parts separated alike
    r"(?:[T_-]?([01]\d|2[0-3])[:-]?([0-5]\d)[:-]?([0-5]\d)(?!\d)|(?!\d))"  # and perhaps a time
)


class _KnownFiles:
    """The files of a product's images, found by their content; a file is only hashed if its size is known."""

    def __init__(self, catalog: CatalogFile, product: Product) -> None:
        self._images: dict[int, dict[str, str]] = {}
        with catalog.database.read() as connection:
            found = connection.execute(
                "SELECT f.size_bytes, f.hash, i.uid FROM image_file AS f JOIN image AS i ON i.id = f.image_id "
                "JOIN product AS p ON p.id = i.product_id "
                "WHERE p.uid = ? AND f.size_bytes IS NOT NULL AND f.hash IS NOT NULL",
                (product.id,),
            )
            for size, digest, image_id in found:
                self._images.setdefault(size, {})[digest] = image_id

    def image_with(self, path: Path) -> str | None:
        """Return the id of an image that has this very file, or a copy of it."""
        with read_errors(path):
            images = self._images.get(path.stat().st_size)
            if images is None:
                return None
            with path.open("rb") as file:
                return images.get(hash_stream(file.read)[1])

    def add(self, image: Image) -> None:
        for file in image.files or []:
            self._images.setdefault(file.size_bytes or 0, {})[str(file.hash)] = str(image.id)


def ingest(
    catalog: CatalogFile, source: Any, *, product: Product, copy: bool = True, progress: bool | None = None
) -> IngestReport:
    """Take GeoTIFFs in as images of a product; `Catalog.ingest` says how."""
    if product.bands().count() == 0:
        raise BadRequestError(f"product '{product.id}' has no bands; declare what its files hold first")
    if catalog.database.read_only:
        raise ReadOnlyCatalogError(f"catalog '{catalog.path}' is open for reading only; open it without read_only=True")
    paths = list(_files_of(catalog, source))
    known = _KnownFiles(catalog, product)
    report = IngestReport()
    for path in shown(paths, "ingesting files", "files", progress):
        try:
            report.items.append(_ingested(path, product, known, copy=copy))
        except ClientError as error:
            report.items.append(IngestedFile(path, "failed", error=error))
    return report


def _ingested(path: Path, product: Product, known: _KnownFiles, *, copy: bool) -> IngestedFile:
    there = known.image_with(path)
    if there is not None:
        return IngestedFile(path, "skipped", there)
    image = Image(
        product_id=product.id,
        name=_unused_name(path, product),
        acquired=_acquired(path),
        catalog=product._catalog,
    )
    image.upload(path, copy=copy).raise_for_status()
    known.add(image)
    return IngestedFile(path, "added", image.id)


def _files_of(catalog: CatalogFile, source: Any) -> Iterator[Path]:
    """Yield the files of a folder, of files, or of several of both; each once."""
    several = [source] if isinstance(source, str | os.PathLike) else source
    if isinstance(several, bytes | Mapping) or not isinstance(several, Iterable):
        raise BadRequestError(f"what to ingest is a folder, a file or a list of them, not {source!r}")
    own = catalog.data_folder.path.resolve()
    seen = set()
    for entry in several:
        if not isinstance(entry, str | os.PathLike):
            raise BadRequestError(f"what to ingest is a folder, a file or a list of them, not {entry!r}")
        path = Path(os.path.abspath(entry))  # noqa: PTH100  # without ".." in it, but not resolved
        if not exists(path):
            raise BadRequestError(f"there is no file or folder '{path}' to ingest")
        found = _below(path) if is_folder(path) else [path]
        for file in found:
            if file not in seen and not file.resolve().is_relative_to(own):
                seen.add(file)
                yield file


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())


def _unused_name(path: Path, product: Product) -> str:
    """Return a name made of the file's; with a number behind it if an image has that name."""
    name = Image.make_valid_name(path.stem)
    candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(one for one in candidates if not Image.exists(f"{product.id}:{one}", catalog=product._catalog))


def _acquired(path: Path) -> datetime:
    """Return when the file says that it was captured: in its tags, else in its name; else when it was last changed."""
    tags = {name.upper(): text for name, text in describe(path).tags.items()}
    for tag in _TAGS:
        moment = _moment(tags.get(tag, ""))
        if moment is not None:
            return moment
    for match in _DATE_IN_NAME.finditer(path.stem):
        year, month, day, hour, minute, second = (int(part or 0) for part in match.group(1, 3, 4, 5, 6, 7))
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:  # eight digits that are no day
            continue
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _moment(text: str) -> datetime | None:
    """Return the time that a tag holds, as TIFF 6.0 or as people write it; None if it holds none."""
    day = _TIFF_TIME.sub(r"\1-\2-\3T\4:\5:\6", text.strip().rstrip("\x00"))
    try:
        return from_microseconds(to_microseconds(day))
    except BadRequestError:
        return None
