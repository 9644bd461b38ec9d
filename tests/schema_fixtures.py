"""A catalog of each published schema version, in ``tests/fixtures``: made once, by the localcat that published it.

``python -m tests.schema_fixtures`` writes that of the present version, if there is none yet.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import zipfile
from pathlib import Path

import numpy

from localcat import Catalog, Image, Product
from localcat import properties as p
from localcat.disk.ownership import MARKER, Marker, data_path
from localcat.store.file import schema
from localcat.writing.ingest.known import note_sources
from localcat.writing.ingest.sources.listing import SourceFile
from tests.small_catalog import META, alpha, make_product, new_image, spectral

FOLDER = Path(__file__).resolve().parent / "fixtures"
NAME = "survey.gpkg"
IDS = [f"acme:p{number % 2}:i{number}" for number in range(6)]
PIXELS = "acme:p0:pixels"


def archives() -> list[Path]:
    return sorted(FOLDER.glob("schema-*.zip"))


def build(folder: Path) -> None:
    """Write a catalog with something in each of its tables, the same each time."""
    with Catalog.create(folder / NAME, org="acme", user="mara") as catalog:
        for number in range(2):
            bands = [spectral("red", data_range=(0, 9)), alpha()]
            make_product(f"p{number}", *bands, catalog=catalog, name=f"Product {number}", tags=["a"])
        catalog.reindex(properties=["n"])
        catalog.add_images(
            {
                "id": uid,
                "acquired": f"2020-01-{number + 1:02d}",
                "geometry": (number, 0, number + 2, 2),
                "cloud_fraction": number / 10,
                "tags": [f"t{number}"],
                "extra_properties": {"n": number},
            }
            for number, uid in enumerate(IDS)
        )
        image = Image(product_id="acme:p0", name="pixels", acquired="2020-05-01", catalog=catalog)
        image.upload_ndarray(numpy.full((2, 32, 24), 7, "uint16"), raster_meta=META).raise_for_status()
        source = SourceFile(folder / "a.tif", folder / "a.tif", folder, 1, 1)
        with catalog.database.write() as transaction:
            note_sources(transaction.connection, PIXELS, [source], ["0" * 64], folder)
        catalog.images.filter(p.cloud_fraction < 0.2).freeze("few clouds")
        new_image(Product.get("acme:p1", catalog=catalog), "gone").save()
        Image.delete("acme:p1:gone", catalog=catalog)
    with contextlib.closing(sqlite3.connect(folder / NAME)) as connection, connection:
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'uuid'")
        (data_path(folder / NAME) / MARKER).write_bytes(Marker("0", NAME).to_json())
        connection.execute("UPDATE meta SET value = '2020-01-01T00:00:00Z' WHERE key = 'created'")
        connection.execute("UPDATE replica SET uid = '0'")
        connection.execute("UPDATE history SET at = 0, by = 'mara'")
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'history_since'")


def main() -> None:
    archive = FOLDER / f"schema-{len(schema.migrations())}.zip"
    if archive.exists():
        return
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        build(Path(folder))
        for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    main()
