"""Small things that would grow large: run as ``python -m tests.campaigns.bombs``, in a process with little memory.

For each it prints how it ended, how many seconds of the processor it took, and by how many megabytes it raised the most
memory that the process had used.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sqlite3
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from localcat import Catalog, Expression, Image, Product, SpectralBand
from localcat import properties as p
from localcat.earth.crs import parse_crs
from localcat.rasters.files.describe import describe
from localcat.rasters.reading.read import read_native
from localcat.rasters.writing.copying import copy_raster
from localcat.rasters.writing.write import write_cog
from tests.campaigns.report import outcome_of
from tests.small_rasters import make_grid, noise, sparse_tiff

ROOM = 300 * 2**20  # bytes that may be taken beyond what the program itself needs
DEPTH = 100_000


def make_catalog(path: Path) -> None:
    with Catalog.create(path, org="acme") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        SpectralBand(name="red", product=product, data_type="Byte", data_range=(0, 9), band_index=0).save()
        Image(product=product, name="a", acquired="2020-01-01", geometry=(0, 0, 1, 1), tags=["a"]).save()


def rasters(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    huge = sparse_tiff(folder / "huge.tif", width=200_000, height=200_000, tile=4096)
    block = sparse_tiff(folder / "block.tif", width=60_000, height=60_000, tile=60_000 // 16 * 16)
    for path in (huge, block):
        yield f"describe {path.name}", lambda path=path: describe(path)  # type: ignore[misc]
        yield f"read {path.name}", lambda path=path: read_native(path)  # type: ignore[misc]
        yield f"copy {path.name}", lambda path=path: copy_raster(path, folder / "copy.tif")  # type: ignore[misc]
    cog = folder / "cog.tif"
    write_cog(noise((1, 64, 48)), cog, grid=make_grid((64, 48)))
    content = bytearray(cog.read_bytes())
    first = struct.unpack("<I", content[4:8])[0]
    for tag, name in ((256, "width"), (257, "height"), (322, "tile"), (258, "bits")):
        changed = bytearray(content)
        (count,) = struct.unpack_from("<H", changed, first)
        for at in range(first + 2, first + 2 + 12 * count, 12):
            if struct.unpack_from("<H", changed, at)[0] == tag:
                struct.pack_into("<HII", changed, at + 2, 4, 1, 2**31 - 16)
        path = folder / f"{name}.tif"
        path.write_bytes(changed)
        yield f"a huge {name}", lambda path=path: read_native(path)  # type: ignore[misc]
    changed = bytearray(content)
    struct.pack_into("<I", changed, first + 2 + 4, 2**32 - 1)
    many = folder / "many.tif"
    many.write_bytes(changed)
    yield "a tag of four billion values", lambda: read_native(many)


def rows(path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield what reads values that were put into the file behind localcat's back."""
    deep = "[" * DEPTH + "]" * DEPTH
    mapping = '{"a":' * DEPTH + "1" + "}" * DEPTH
    wkb = {
        "a polygon of four billion rings": struct.pack("<BII", 1, 3, 2**32 - 1),
        "a ring of four billion points": struct.pack("<BIII", 1, 3, 1, 2**32 - 1),
        "collections in collections": struct.pack("<BII", 1, 7, 1) * DEPTH,
    }
    for column, value in (
        ("tags", deep),
        ("tags", f'["{"a" * 2**24}"]'),
        ("tags", f"[{','.join(['1'] * 10**6)}]"),
        ("extra_properties", mapping),
        ("extra_properties", '{"a":' + "9" * 10**6 + "}"),
        ("extra_properties", "{" + ",".join(['"a":1'] * 10**5) + "}"),
        ("extra_properties", "{" + "".join(f'"k{n}":1,' for n in range(10**5)) + f'"k{10**5 - 1}":1}}'),
        ("geotrans", deep),
        ("acquired", 2**63 - 1),
        ("cs_code", "x" * 10**7),
        *(("geometry", value) for value in wkb.values()),
    ):

        def read(column: str = column, value: Any = value) -> None:
            with contextlib.closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("PRAGMA ignore_check_constraints = ON")
                connection.execute(f"UPDATE image SET {column} = ?", (value,))
            with Catalog.open(path) as catalog:
                image = Image.get("acme:x:a", catalog=catalog)
                try:
                    getattr(image, column)
                    catalog.images.intersects((0, 0, 1, 1)).ids()
                    image.cloud_fraction = 0.5
                    image.save()
                finally:
                    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
                        connection.execute(f"UPDATE image SET {column} = NULL")

        yield f"{column} of {len(value) if isinstance(value, str | bytes) else value}", read


def values(catalog: Catalog) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield what a program that passes on a stranger's values does."""
    nested: Any = {"type": "Point", "coordinates": [0, 0]}
    lists: Any = [0, 0]
    condition: Any = {"op": "=", "args": [{"property": "name"}, "a"]}
    for _ in range(DEPTH):
        nested = {"type": "GeometryCollection", "geometries": [nested]}
        lists = [lists]
        condition = {"op": "not", "args": [condition]}
    text = "(" * DEPTH + "name = 'a'" + ")" * DEPTH
    long = "name = 'a' AND " * DEPTH + "name = 'a'"
    many = [str(number) for number in range(10**6)]
    images = catalog.images
    yield "a deep geometry", lambda: images.intersects(nested)
    yield "deep coordinates", lambda: images.intersects({"type": "Polygon", "coordinates": lists})
    yield "deep WKT", lambda: images.intersects("GEOMETRYCOLLECTION (" * DEPTH)
    yield "a deep condition as JSON", lambda: images.filter(Expression.from_cql2(condition))
    yield "a deep condition as text", lambda: images.filter(Expression.from_cql2(text))
    yield (
        "long text of conditions",
        lambda: images.filter(Expression.from_cql2(long)).ids(),
    )

    def deep() -> None:
        expression: Any = p.name == "a"
        for number in range(DEPTH):
            expression = ~expression if number % 2 else (expression & (p.name == "b")) | (p.name == "c")
        images.filter(expression).ids()

    for crs in ("EPSG:" + "9" * 10**6, "PROJCS[" * DEPTH, "+proj=utm " * DEPTH, "+proj=longlat +nadgrids=/dev/zero"):
        yield f"a CRS {crs[:12]}", lambda crs=crs: parse_crs(crs)  # type: ignore[misc]
    yield "deep conditions in Python", deep
    yield "a million values", lambda: images.filter(p.name.any_of(many)).ids()
    yield "a long pattern", lambda: images.filter(p.name.like("%a" * 10**6)).ids()
    yield "many words", lambda: images.find_text("a " * 10**6).ids()
    yield "a long word", lambda: images.find_text("a" * 10**7).ids()
    yield "a long query", lambda: catalog.sql(f"SELECT {'1,' * 10**6}1")
    yield "a deep query", lambda: catalog.sql("SELECT " + "(" * DEPTH + "1" + ")" * DEPTH)
    yield "a large value", lambda: catalog.sql("SELECT length(hex(zeroblob(1000000000)))")
    yield (
        "an endless query",
        lambda: catalog.sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n", timeout=0.5
        ),
    )
    image = Image.get("acme:x:a", catalog=catalog)
    for name, value in (
        ("tags", ["a" * 10**7]),
        ("tags", [str(n) for n in range(10**6)]),
        ("extra_properties", {str(n): n for n in range(10**6)}),
        ("extra_properties", {"a": lists}),
        ("extra_properties", {"a": 10**5000}),
        ("extra_properties", {"a\ud800": 1}),
        ("extra_properties", {"a": "\ud800"}),
        ("geometry", nested),
    ):

        def assign(name: str = name, value: Any = value) -> None:
            setattr(image, name, value)
            raise AssertionError(f"{name} took {str(value)[:50]}")

        yield f"assign {name}", assign


def peak_memory() -> int:
    """Return the most memory that the process has used so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(folder: str) -> None:
    warnings.simplefilter("ignore")
    path = Path(folder) / "survey.gpkg"
    make_catalog(path)
    with Catalog.open(path) as catalog:
        for group in (rasters(Path(folder)), rows(path), values(catalog)):
            for name, attempt in group:
                taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, resource.RLIM_INFINITY))
                before, started = peak_memory(), time.process_time()
                outcome = outcome_of(attempt)
                seconds = time.process_time() - started
                resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                line = {"name": name, "outcome": outcome, "seconds": seconds, "taken": peak_memory() - before}
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
