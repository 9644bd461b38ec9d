"""Other programs ask a real server: pystac-client, rustac, GDAL, and the validator of the STAC API."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog, Image
from localcat import properties as p
from localcat.testing import write_earth

HERE = Path(__file__).parent
WORLD = {"type": "Polygon", "coordinates": [[[-170, -80], [170, -80], [170, 80], [-170, 80], [-170, -80]]]}
CLASSES = ("core", "collections", "features", "item-search", "filter", "item-search#sort", "item-search#fields")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The path of a catalog, and the address where `localcat serve` serves it."""
    folder = tmp_path_factory.mktemp("served") / "earth"
    write_earth(folder)
    path = folder / "catalog.gpkg"
    with Catalog.open(path) as catalog:
        for image in list(catalog.images.filter(p.acquired.isnull)):  # at which the validator itself breaks
            image.delete()
    words = [sys.executable, "-m", "localcat", "serve", str(path), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield path, server.stdout.readline().strip()
        server.terminate()


@pytest.fixture(scope="module")
def answers(served: tuple[Path, str]) -> Any:
    words = [sys.executable, str(HERE / "ask_with_clients.py"), served[1]]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_pystac_client_finds_what_the_library_finds(served: tuple[Path, str], answers: Any) -> None:
    found = answers["pystac_client"]
    with Catalog.open(served[0], read_only=True) as catalog:
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


def test_gdal_reads_files_through_vsicurl(served: tuple[Path, str], answers: Any) -> None:
    with Catalog.open(served[0], read_only=True) as catalog:
        image = Image.get("tiny:optical:alps-1", catalog=catalog)
        expected = int(image.ndarray("blue").data.sum())
    assert answers["gdal"] == {"sum": expected, "shape": [32, 48], "overviews": []}


def test_the_validator_of_the_stac_api_finds_no_error(served: tuple[Path, str]) -> None:
    pytest.importorskip("stac_api_validator", reason="stac-api-validator is not installed")
    words = [sys.executable, str(HERE / "check_with_validator.py"), "--root-url", served[1].rstrip("/")]
    words += [word for one in CLASSES for word in ("--conformance", one)]
    words += ["--collection", "tiny:optical", "--geometry", json.dumps(WORLD)]
    words += ["--fields-nested-property", "properties.eo:cloud_cover"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    said = ran.stdout.partition("Errors:")[2]
    errors = [line.strip() for line in said.splitlines() if line.strip()]
    assert errors == ["none"], ran.stdout[-5000:] + ran.stderr[-2000:]
