"""Another process that saves and reads while something long is done: how long it waits, at the longest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcat import Catalog, Product

_OTHER = """
import sys, time
from pathlib import Path
from localcat import Catalog, Product
stop, longest = Path(sys.argv[2]), {"write": 0.0, "read": 0.0}
with Catalog.open(sys.argv[1]) as catalog:
    own = Product.get("acme:own", catalog=catalog)
    print("ready", flush=True)
    rounds = 0
    while not stop.exists():
        rounds += 1
        own.description = f"round {rounds}"
        for what, call in (("write", own.save), ("read", lambda: catalog.images.limit(1).ids())):
            begin = time.monotonic()
            call()
            longest[what] = max(longest[what], time.monotonic() - begin)
        time.sleep(0.01)
print(rounds, longest["write"], longest["read"])
"""


@dataclass
class Waits:
    """What another process saw.

    Parameters
    ----------
    rounds : int
        How often it saved and read.
    write, read : float
        The longest of each, in seconds.
    """

    rounds: int = 0
    write: float = 0.0
    read: float = 0.0


def with_large_product(path: Path, images: int) -> Catalog:
    """Make a catalog with the products ``large``, of so many images, and ``own``, of the other process."""
    catalog = Catalog.create(path, org="acme")
    for name in ("large", "own"):
        Product(id=name, name=name, catalog=catalog).save()
    catalog.add_images(
        (
            {"product_id": "acme:large", "name": f"n{n}", "acquired": "2024-05-06", "tags": ["a", f"t{n % 50}"],
             "geometry": (n % 170, n % 80, n % 170 + 1, n % 80 + 1)}
            for n in range(images)
        ),
        progress=False,
    )  # fmt: skip
    return catalog


@contextmanager
def beside(catalog: Catalog) -> Iterator[Waits]:
    """Let another process save and read inside the block; what it saw is known behind it."""
    stop, waits = catalog.path.with_name("stop"), Waits()
    command = [sys.executable, "-c", _OTHER, str(catalog.path), str(stop)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        try:
            yield waits
        finally:
            stop.touch()
        rounds, write, read = other.stdout.read().split()
        waits.rounds, waits.write, waits.read = int(rounds), float(write), float(read)
