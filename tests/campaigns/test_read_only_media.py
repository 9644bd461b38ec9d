"""Real read-only media: a RAM disk, mounted in a name space of its own and then made read-only."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

UNSHARE = shutil.which("unshare")


def can_mount() -> bool:
    if UNSHARE is None:
        return False
    command = [UNSHARE, "-m", "sh", "-c", "mount -t tmpfs none /mnt && mount -o remount,ro /mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def can_loop() -> bool:
    return can_mount() and shutil.which("mkfs.ext4") is not None and Path("/dev/loop-control").exists()


MAKE = """
import os, sqlite3, subprocess, sys
import numpy
from localcat import Catalog, Image, Product, SpectralBand
META = {"geoTransform": [500000, 60, 0, 4000000, 0, -60], "coordinateSystem": {"epsg": 32618}}
for name in ("closed", "marked", "log", "log and shm", "hot", "remounted"):
    with Catalog.create(f"{name}.gpkg", org="a") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        SpectralBand(name="red", product=product, data_type="UInt16", data_range=(0, 100), band_index=0).save()
        image = Image(product=product, name="a", acquired="2020-02-29")
        image.upload_ndarray(numpy.ones((1, 32, 24), "uint16"), raster_meta=META).raise_for_status()

def leave(name, mode):
    connection = sqlite3.connect(f"{name}.gpkg", isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("CREATE TABLE mine (x)")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO mine VALUES (zeroblob(4000))", [()] * 50)
    os._exit(0)

sqlite3.connect("marked.gpkg").execute("PRAGMA journal_mode = WAL").connection.close()
for name, mode in (("log", "WAL"), ("log and shm", "WAL"), ("hot", "DELETE")):
    child = os.fork()
    if child == 0:
        leave(name, mode)
    os.waitpid(child, 0)
os.unlink("log.gpkg-shm")
"""

LOOK = """
import sys, warnings
import numpy
from localcat import Catalog, Image, LocalcatError, Product
META = {"geoTransform": [500000, 60, 0, 4000000, 0, -60], "coordinateSystem": {"epsg": 32618}}

def told(call):
    try:
        return call()
    except LocalcatError as error:
        return f"{type(error).__name__}: {error}"

def look(name, read_only):
    with warnings.catch_warnings(record=True) as warned, Catalog.open(f"{name}.gpkg", read_only=read_only) as catalog:
        image = Image.get("a:x:a", catalog=catalog)
        print("read", int(image.ndarray("red").sum()), [one.category.__name__ for one in warned])
        print("save", told(Product(id="y", name="Y", catalog=catalog).save))
        other = Image(product_id="a:x", name="b", acquired="2020-02-29", catalog=catalog)
        array = numpy.ones((1, 32, 24), "uint16")
        print("upload", told(lambda: other.upload_ndarray(array, raster_meta=META)))

for name in sys.argv[1:]:
    for read_only in (False, True):
        print("open", name, read_only)
        failed = told(lambda: look(name, read_only))
        if failed:
            print(failed)
print("create", told(lambda: Catalog.create("new.gpkg")))
"""

REMOUNT = """
import subprocess
import numpy
from localcat import Catalog, Image, LocalcatError, Product
META = {"geoTransform": [500000, 60, 0, 4000000, 0, -60], "coordinateSystem": {"epsg": 32618}}
with Catalog.open("remounted.gpkg") as catalog:
    Product(id="y", name="Y", catalog=catalog).save()
    subprocess.run(["mount", "-o", "remount,abort", "."], check=True)
    image = Image(product_id="a:x", name="b", acquired="2020-02-29", catalog=catalog)
    calls = (
        Product(id="z", name="Z", catalog=catalog).save,
        lambda: image.upload_ndarray(numpy.ones((1, 32, 24), "uint16"), raster_meta=META),
        Image.get("a:x:a", catalog=catalog).delete,
        catalog.gc,
    )
    for call in calls:
        try:
            done = call()
            print(type(done).__name__, getattr(done, "status", ""), getattr(done, "error", ""))
        except LocalcatError as error:
            print(type(error).__name__, isinstance(error, OSError))
    print(catalog.products.ids(), int(Image.get("a:x:a", catalog=catalog).ndarray("red").sum()))
"""


def run(tmp_path: Path, mount: str, script: str) -> str:
    """Run a shell script with a fresh disk as its folder, above which the Python scripts of this file lie."""
    for name, code in (("make", MAKE), ("look", LOOK), ("remount", REMOUNT)):
        (tmp_path / f"{name}.py").write_text(code)
    disk = tmp_path / "disk"
    disk.mkdir()
    python = f"PYTHONPATH='{REPOSITORY}' '{sys.executable}'"
    assert UNSHARE is not None
    done = subprocess.run(
        [UNSHARE, "-m", "sh", "-ec", f"{mount} '{disk}'; cd '{disk}'; {script.replace('python', python)}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not can_mount(), reason="nothing can be mounted here")
def test_each_state_opens_or_explains_itself(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        "mount -t tmpfs none",
        "python ../make.py; mount -o remount,ro .; ls -a > ../before;"
        "python ../look.py closed marked 'log and shm' log hot; ls -a | cmp - ../before",
    )
    told = {part.partition("\n")[0]: part.splitlines()[1:] for part in found.split("open ")}
    for name in ("closed", "marked", "log and shm"):
        reading, saving, uploading = told[f"{name} False"]
        assert reading == "read 768 ['ReadOnlyCatalogWarning']"
        assert saving.startswith(f"save ReadOnlyCatalogError: catalog '{tmp_path}/disk/{name}.gpkg' is where nothing")
        assert uploading.startswith("upload ReadOnlyCatalogError: ")
        assert told[f"{name} True"][0] == "read 768 []"
    for name, journal in (("log", "log.gpkg-wal"), ("hot", "hot.gpkg-journal")):
        for read_only in (False, True):
            (line,) = told[f"{name} {read_only}"][:1]
            assert line.startswith("ReadOnlyCatalogError: ")
            assert "was not closed cleanly" in line
            assert f"copy it, with '{journal}' and its data folder, to a writable folder" in line
    assert "create StorageError: " in found


@pytest.mark.skipif(not can_loop(), reason="no file system of one's own can be mounted here")
def test_a_disk_that_becomes_read_only_stops_writes_alone(tmp_path: Path) -> None:
    with (tmp_path / "image").open("wb") as image:
        image.truncate(24 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", tmp_path / "image"], check=True)
    lines = run(tmp_path, f"mount -o loop '{tmp_path}/image'", "python ../make.py; python ../remount.py").splitlines()
    assert lines == [
        "StorageError True",
        "ReadOnlyCatalogError True",
        "StorageError True",
        "StorageError True",
        "['a:x', 'a:y'] 768",
    ]
