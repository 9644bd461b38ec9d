"""Many processes and threads on one catalog at once."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog, Product
from tests import checker
from tests.campaigns.report import Tally
from tests.survey import NAME, build


def crew(plan: str, folder: Path, number: int, *options: str) -> dict[str, Any]:
    """Let a crew work, and return what it tells; the catalog it leaves is checked."""
    command = [sys.executable, "-m", "tests.campaigns.crew", plan, str(folder), str(number), *options]
    root = Path(__file__).resolve().parents[2]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root).stdout
    for path in folder.glob("*.gpkg"):
        assert checker.look(path).problems == []
    found: dict[str, Any] = json.loads(told)
    return found


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_writers_wait_for_each_other(tmp_path: Path, journal: str) -> None:
    told = crew("insert", tmp_path, 6, f"journal={journal}")
    assert (told["rows"], told["errors"]) == (48, [])
    assert not told["is_wal"], "the last to close it goes back to one file"


def test_uploads_beside_gc_deletes_and_reads_lose_nothing(tmp_path: Path) -> None:
    told = crew("upload", tmp_path, 3)
    assert (told["uploads"], told["deletes"], told["errors"]) == (12, 3, [])
    assert checker.look(tmp_path / NAME).garbage == set()


def test_a_catalog_is_created_once_by_many(tmp_path: Path) -> None:
    told = crew("create", tmp_path, 2)
    assert (told["opened"], told["products"], told["errors"]) == (16, 16, [])


@pytest.mark.campaign
@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("writers", [8, 4])
def test_writers_wait_for_each_other_in_thousands(tmp_path: Path, tally: Tally, journal: str, writers: int) -> None:
    told = crew("insert", tmp_path, 500, f"journal={journal}", f"writers={writers}")
    tally.add(f"together, {journal}", f"{writers} writers x 500, 1 reader", **{**told, "errors": len(told["errors"])})
    assert (told["rows"], told["errors"], told["is_wal"]) == (writers * 500, [], False)


@pytest.mark.campaign
def test_hundreds_of_uploads_beside_gc_deletes_and_reads_lose_nothing(tmp_path: Path, tally: Tally) -> None:
    told = crew("upload", tmp_path, 60)
    tally.add("together", "4 uploaders x 60, gc, deleter, reader", **{**told, "errors": len(told["errors"])})
    assert (told["uploads"], told["deletes"], told["errors"]) == (240, 60, [])


def test_closing_the_file_and_kills_lose_nothing(tmp_path: Path) -> None:
    told = crew("disturb", tmp_path, 5)
    assert (told["rows"], told["is_sound"], told["errors"]) == (told["acknowledged"], True, [])
    assert told["closings"] > 0
    assert told["kills"] > 0


@pytest.mark.campaign
def test_closing_the_file_thousands_of_times_loses_nothing(tmp_path: Path, tally: Tally) -> None:
    told = crew("disturb", tmp_path, 400)
    tally.add("together", "3 writers, 2 readers, kills, closings", **{**told, "errors": len(told["errors"])})
    assert (told["rows"], told["is_sound"], told["errors"]) == (told["acknowledged"], True, [])


@pytest.mark.campaign
def test_catalogs_are_created_once_by_many(tmp_path: Path, tally: Tally) -> None:
    told = crew("create", tmp_path, 40)
    tally.add("together", "8 processes x 40 creations", **{**told, "errors": len(told["errors"])})
    assert (told["opened"], told["products"], told["errors"]) == (320, 320, [])


# One catalog object, handed around in every way that Python has


@pytest.fixture
def shared(tmp_path: Path) -> Any:
    build(tmp_path)
    with Catalog.open(tmp_path / NAME) as catalog:
        assert catalog.products.count() == 2  # a connection is open
        yield catalog


def save(catalog: Catalog, name: str) -> int:
    Product(id=name, name=name, catalog=catalog).save()
    return len(catalog.products.ids())


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_catalog_goes_to_another_process(shared: Catalog, method: str) -> None:
    process = multiprocessing.get_context(method).Process(target=save, args=(shared, "child"))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert "acme:child" in shared.products.ids()


def test_a_fork_opens_the_catalog_anew(tmp_path: Path) -> None:
    """In a process of its own, since this one may have threads."""
    code = (
        "import os, sys; from localcat import Catalog, Product\n"
        "catalog = Catalog.open(sys.argv[1]); catalog.products.count()\n"
        "handles = lambda: {n for n in os.listdir('/proc/self/fd') if os.path.islink(f'/proc/self/fd/{n}')\n"
        "                   and os.readlink(f'/proc/self/fd/{n}') == sys.argv[1]}\n"
        "inherited = handles(); assert len(inherited) == 1\n"
        "child = os.fork()\n"
        "Product(id='child' if child == 0 else 'parent', name='X', catalog=catalog).save()\n"
        "if child == 0:\n"
        "    assert len(handles() - inherited) == 1 and inherited <= handles(), handles()\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0 and handles() == inherited\n"
        "Product(id='after', name='X', catalog=catalog).save()\n"
        "print(sorted(catalog.products.ids()))\n"
    )
    build(tmp_path)
    command = [sys.executable, "-c", code, str(tmp_path / NAME)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert told.strip() == "['acme:after', 'acme:child', 'acme:one', 'acme:parent', 'acme:two']"


def test_sixteen_threads_share_a_catalog(shared: Catalog) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: save(shared, f"t{number}"), range(48)))
    assert shared.products.count() == 50


def test_coroutines_share_a_catalog(shared: Catalog) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(asyncio.to_thread(save, shared, f"a{number}") for number in range(16)))

    asyncio.run(all_at_once())
    assert shared.products.count() == 18


def test_a_pickled_catalog_is_the_same_file(shared: Catalog) -> None:
    with pickle.loads(pickle.dumps(shared)) as copy:
        assert copy == shared
        assert save(copy, "copy") == 3
    assert shared.products.count() == 3
    assert os.fspath(copy.path) == os.fspath(shared.path)
