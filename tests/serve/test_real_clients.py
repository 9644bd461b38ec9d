"""Other programs ask a real server: pystac-client, rustac, GDAL, and the validator of the STAC API."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from localcat import Catalog, Image
from localcat import properties as p
from localcat.testing import write_earth

HERE = Path(__file__).parent
WORLD = {"type": "Polygon", "coordinates": [[[-170, -80], [170, -80], [170, 80], [-170, 80], [-170, -80]]]}
CLASSES = ("core", "collections", "features", "item-search", "filter", "item-search#sort", "item-search#fields")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A catalog that `localcat serve` serves."""
    folder = tmp_path_factory.mktemp("served") / "earth"
    write_earth(folder)
    path = folder / "catalog.gpkg"
    with Catalog.open(path) as catalog:
        for image in list(catalog.images.filter(p.acquired.isnull)):  # at which the validator itself breaks
            image.delete()
    before = content_of(folder)
    words = [sys.executable, "-m", "localcat", "serve", str(path), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield Served(path, server.stdout.readline().strip(), server.pid, before)
        server.terminate()


class Served(NamedTuple):
    """A catalog, the address where `localcat serve` serves it, the process, and what the folder held before."""

    path: Path
    url: str
    pid: int
    before: dict[str, bytes]


def content_of(folder: Path) -> dict[str, bytes]:
    """Return the digest of each file in a folder."""
    return {str(path): hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def answers(served: Served) -> Any:
    words = [sys.executable, str(HERE / "ask_with_clients.py"), served.url]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_pystac_client_finds_what_the_library_finds(served: Served, answers: Any) -> None:
    found = answers["pystac_client"]
    with Catalog.open(served.path, read_only=True) as catalog:
        images = catalog.images
        optical = images.filter(p.product_id == "tiny:optical")
        clear = optical.filter(p.cloud_fraction < 0.3).sort("-acquired")
        pacific = optical.intersects((170, -20, -170, 0)).during("2022/2024")
        assert found == {
            "collections": ["tiny:landcover", "tiny:optical", "tiny:radar", "tiny:temperature"],
            "matched": images.count(),
            "paged": images.ids(),
            "by_text": [image.name for image in clear],
            "by_get": [image.name for image in pacific],
            "by_place": ["alps-1"],
            "item": "etna",
            "queryables": ["acquired_end", "alt_cloud_fraction", "area"],
        }


def test_rustac_finds_what_the_library_finds(answers: Any) -> None:
    named = answers["pystac_client"]
    assert answers["rustac"] == {name: named[name] for name in ("paged", "by_text", "by_place")}


def test_gdal_reads_files_through_vsicurl(served: Served, answers: Any) -> None:
    with Catalog.open(served.path, read_only=True) as catalog:
        image = Image.get("tiny:optical:alps-1", catalog=catalog)
        expected = int(image.ndarray("blue").data.sum())
    assert answers["gdal"] == {"sum": expected, "shape": [32, 48], "overviews": []}


def test_the_validator_of_the_stac_api_finds_no_error(served: Served) -> None:
    pytest.importorskip("stac_api_validator", reason="stac-api-validator is not installed")
    words = [sys.executable, str(HERE / "check_with_validator.py"), "--root-url", served.url.rstrip("/")]
    words += [word for one in CLASSES for word in ("--conformance", one)]
    words += ["--collection", "tiny:optical", "--geometry", json.dumps(WORLD)]
    words += ["--fields-nested-property", "properties.eo:cloud_cover"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    said = ran.stdout.partition("Errors:")[2]
    errors = [line.strip() for line in said.splitlines() if line.strip()]
    assert errors == ["none"], ran.stdout[-5000:] + ran.stderr[-2000:]


def test_a_harassed_server_stays_well(served: Served) -> None:
    """Nothing crashes, memory stays bounded, and others are answered meanwhile."""
    port = served.url.rstrip("/").rpartition(":")[2]
    ran = subprocess.run([sys.executable, str(HERE / "harass.py"), port], capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert set(seen["raw"]) <= {"", "400", "403", "404", "413", "414", "200"}, seen
    assert seen["raw"][4:6] == ["400", "403"]
    assert seen["at_once"].keys() <= {"200", "503"}, seen
    assert seen["at_once"]["200"] >= 32
    assert seen["tiles_at_once"] == {"200": 20}
    for kind in ("slow_headers", "slow_bodies", "slow_readers"):
        assert seen[kind]["status"] == "200", seen
    assert seen["after"] == "200"
    status = Path(f"/proc/{served.pid}/status")
    if status.exists():
        peak = int(status.read_text().partition("VmHWM:")[2].split()[0])
        assert peak < 800_000, f"{peak} kB"


def test_serving_wrote_not_a_byte(served: Served) -> None:
    """All that the tests before asked left the catalog, its folder and what is beside them as they were."""
    assert content_of(served.path.parent) == served.before
