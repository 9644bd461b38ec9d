"""What a catalog is and how much it holds, in a few figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcat.errors import CorruptCatalogError, printable
from localcat.models.html import Printed
from localcat.store.properties import chosen
from localcat.timestamps import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from localcat.store.catalog_file import CatalogFile


@dataclass(frozen=True, slots=True)
class CatalogInfo(Printed):
    """The figures of a catalog.

    Parameters
    ----------
    path, data_folder : Path
        The file; the folder of the pixels, which the first upload makes.
    namespace : str
        What is put before the ids of new products; empty for nothing.
    user : str
        Who created it.
    created : datetime
        When; aware UTC.
    schema_version : int
        Of the file.
    size_bytes : int
        Of the file, without the pixels.
    products, bands, images, uploads : int
        How many there are.
    image_bytes : int
        Size of the files of all images, as their rows have it.
    first_acquired, last_acquired : datetime or None
        The first and the last time of an image; aware UTC. None if no image has one.
    indexed_properties : tuple of tuple of str
        The keys of `extra_properties` that `Catalog.reindex` gave an index, one for each level.
    why_read_only : str or None
        Why it cannot be changed; None if it can.
    """

    path: Path
    data_folder: Path
    namespace: str
    user: str
    created: datetime
    schema_version: int
    size_bytes: int
    products: int
    bands: int
    images: int
    uploads: int
    image_bytes: int
    first_acquired: datetime | None
    last_acquired: datetime | None
    indexed_properties: tuple[tuple[str, ...], ...]
    why_read_only: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a dictionary that `json.dumps` takes."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    def __str__(self) -> str:
        times = "none with a time"
        if self.first_acquired is not None:
            times = f"acquired {self.first_acquired:%Y-%m-%d} to {self.last_acquired:%Y-%m-%d}"
        lines = [
            f"catalog   {self.path} ({self.size_bytes:,} bytes, schema version {self.schema_version})",
            f"pixels    {self.data_folder}",
            f"made      {self.created:%Y-%m-%d} by {self.user}, namespace {self.namespace or '(none)'}",
            f"products  {self.products:,}, with {self.bands:,} bands",
            f"images    {self.images:,}, {times}; {self.image_bytes:,} bytes in their files",
            f"uploads   {self.uploads:,}",
        ]
        if self.indexed_properties:
            lines.append(f"indexed   {', '.join(' > '.join(keys) for keys in self.indexed_properties)}")
        if self.why_read_only is not None:
            lines.append(f"readable  only: {self.why_read_only}")
        return "\n".join(map(printable, lines))


def info_of(catalog: CatalogFile) -> CatalogInfo:
    """Return the figures of a catalog, as one state of it has them."""
    with catalog.database.snapshot() as connection:
        products, bands, images, uploads, image_bytes, first, last = connection.execute(
            "SELECT (SELECT count(*) FROM product), (SELECT count(*) FROM band), (SELECT count(*) FROM image), "
            "(SELECT count(*) FROM upload), (SELECT coalesce(sum(size_bytes), 0) FROM image), "
            "(SELECT min(acquired) FROM image), (SELECT max(acquired) FROM image)"
        ).fetchone()
        keys = chosen(connection)
    try:
        created = from_microseconds(to_microseconds(catalog.setting("created")))
    except ValueError as error:
        raise CorruptCatalogError(
            f"catalog '{catalog.path}' does not say when it was created ({error}); restore it from a backup"
        ) from error
    return CatalogInfo(
        path=catalog.path,
        data_folder=catalog.home().path,
        namespace=catalog.setting("namespace"),
        user=catalog.user,
        created=created,
        schema_version=int(catalog.setting("schema_version")),
        size_bytes=catalog.path.stat().st_size if catalog.path.exists() else 0,
        products=products,
        bands=bands,
        images=images,
        uploads=uploads,
        image_bytes=image_bytes,
        first_acquired=None if first is None else from_microseconds(first),
        last_acquired=None if last is None else from_microseconds(last),
        indexed_properties=tuple(sorted(keys)),
        why_read_only=catalog.database.check_forbidden(),
    )


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value
