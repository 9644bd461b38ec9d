"""A product of 100,000 images is deleted while another process reads and writes: how long it waits, at the longest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from localcat import Catalog, Product
from tests.campaigns.report import Tally

IMAGES = 100_000
LONGEST_WAIT = 1.0  # seconds

OTHER = """
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
        time.sleep(0.005)
print(rounds, longest["write"], longest["read"])
"""


@pytest.mark.campaign
def test_nobody_waits_long_while_a_large_product_is_deleted(tmp_path: Path, tally: Tally) -> None:
    stop = tmp_path / "stop"
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        for name in ("large", "own"):
            Product(id=name, name=name, catalog=catalog).save()
        catalog.add_images(
            (
                {"product_id": "acme:large", "name": f"n{n}", "acquired": "2024-05-06", "tags": ["a", f"t{n % 50}"],
                 "geometry": (n % 170, n % 80, n % 170 + 1, n % 80 + 1)}
                for n in range(IMAGES)
            ),
            progress=False,
        )  # fmt: skip
        command = [sys.executable, "-c", OTHER, str(catalog.path), str(stop)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
            status = Product.get("acme:large", catalog=catalog).delete_related_objects()
            stop.touch()
            rounds, write, read = other.stdout.read().split()
        assert status is not None
        assert (status.objects_deleted, catalog.images.count()) == (IMAGES, 0)
        assert catalog.verify("full", progress=False).problems == []
    waits = f"longest write {float(write):.2f} s, longest read {float(read):.2f} s"
    seconds = f"{status.duration_in_seconds:.1f} s"
    tally.add("deletion", f"{IMAGES:,} images in {seconds}", rounds_of_another_process=rounds, waits=waits)
    assert int(rounds) > 10
    assert max(float(write), float(read)) < LONGEST_WAIT
