"""The catalog that the benchmarks ask: made once, of as many images as LOCALCAT_BENCH_IMAGES says (100,000)."""

from __future__ import annotations

import gc
import os
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

import pytest

from benchmarks import generator
from localcat import Catalog, Product

_TABLE: list[tuple[str, float, float, float]] = []  # question, median of the floor and of ours, ratio of the means
_VARIED: list[tuple[str, dict[str, tuple[list[float], list[float]]]]] = []  # question; floor's and our milliseconds
_BESIDE: list[tuple[str, dict[str, list[float]]]] = []  # question; milliseconds of the floor, of ours and of peers
_NOTED: list[tuple[str, float]] = []  # what was measured without a floor
_SEED = 7

_SECONDS = 3.0  # that a question takes with its floor, but for rounds that take longer
_MOST_ROUNDS = 300

IMAGES = int(os.environ.get("LOCALCAT_BENCH_IMAGES", "100000"))


@pytest.fixture
def in_turns(benchmark) -> Callable[..., None]:
    """Time two calls in turns: what is asked, as the benchmark, and its floor.

    Machines and disks drift by more than what is measured here, so that neither is timed for long by itself. What both
    are given is made by `prepare`, anew and untimed before each call, which leaves the processor's caches alike.
    """

    def run(
        question: str,
        asked: Callable[..., object],
        floor: Callable[..., object],
        *,
        rounds: int | None = None,
        prepare: Callable[[], Any] | None = None,
    ) -> None:
        def given() -> tuple[Any, ...]:
            return () if prepare is None else (prepare(),)

        def timed(call: Callable[..., object]) -> float:
            args = given()
            started = time.perf_counter()
            call(*args)
            return time.perf_counter() - started

        def turn() -> tuple[tuple[Any, ...], dict[str, Any]]:
            floors.append(timed(floor))
            return given(), {}

        floors: list[float] = []
        benchmark.group = question
        if benchmark.enabled:
            once = timed(floor) + timed(asked)
            if rounds is None:
                rounds = max(3, min(_MOST_ROUNDS, int(_SECONDS / once)))
        benchmark.pedantic(asked, setup=turn, rounds=rounds or 1)
        if benchmark.stats is not None:  # as it is with --benchmark-disable
            ours = benchmark.stats.stats
            mean_ratio = ours.mean / statistics.fmean(floors)
            _TABLE.append((question, statistics.median(floors), ours.median, mean_ratio))

    return run


@pytest.fixture
def varied() -> Callable[..., None]:
    """Time pairs of calls in turns that are asked another question each time; both of a pair must find as much.

    A pair is what is asked and its floor, by a name: of one catalog, or of several that grow.
    """

    def run(
        question: str,
        pairs: Mapping[str, tuple[Callable[[Any], Sized], Callable[[Any], Sized]]],
        make: Callable[[random.Random], Any],
        rounds: int,
    ) -> None:
        taken: dict[str, dict[str, list[float]]] = {name: {"floor": [], "ours": []} for name in pairs}
        for given, chance, is_first in _questions(make, rounds):
            for name in chance.sample(list(pairs), len(pairs)):
                ours, floor = pairs[name]
                _in_turns({"floor": floor, "ours": ours}, given, chance, {} if is_first else taken[name])
        _VARIED.append((question, {name: (times["floor"], times["ours"]) for name, times in taken.items()}))

    return run


@pytest.fixture
def beside() -> Callable[..., None]:
    """Time a floor, localcat and peers in turns that are asked another question each time; all must find as much."""

    def run(
        question: str,
        calls: Mapping[str, Callable[[Any], Sized]],
        make: Callable[[random.Random], Any],
        rounds: int,
    ) -> None:
        taken: dict[str, list[float]] = {name: [] for name in calls}
        for given, chance, is_first in _questions(make, rounds):
            _in_turns(calls, given, chance, {} if is_first else taken)
        _BESIDE.append((question, taken))

    return run


def _questions(make: Callable[[random.Random], Any], rounds: int) -> Iterator[tuple[Any, random.Random, bool]]:
    """Yield questions, and whether each is the first, which is one more: it fills the caches of all that are asked."""
    chance = random.Random(_SEED)
    rounds = min(rounds, IMAGES // 1000)  # a smoke run takes two
    gc.collect()
    gc.freeze()  # what peers hold is no work for the collector of ours
    for number in range(rounds + 1):
        yield make(chance), chance, not number
    gc.unfreeze()


def _in_turns(
    calls: Mapping[str, Callable[[Any], Sized]], given: Any, chance: random.Random, taken: Mapping[str, list[float]]
) -> None:
    """Ask all in a random order, note the milliseconds of processor time of those in `taken`, and compare."""
    found = {}
    for name in chance.sample(list(calls), len(calls)):
        started = time.process_time()
        answer = calls[name](given)
        if name in taken:
            taken[name].append(1e3 * (time.process_time() - started))
        found[name] = len(answer)
    assert len(set(found.values())) == 1, (given, found)


@pytest.fixture
def noted() -> Callable[[str, float], None]:
    """Print a measurement behind the tables: what, with its unit, and how much."""
    return lambda what, number: _NOTED.append((what, number))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was timed in turns, as the README has it."""
    if _VARIED:
        terminalreporter.write_sep(
            "=", "another question each time: medians (90th percentiles) of processor time, in turns"
        )
        terminalreporter.write_line("| question | floor, ms | localcat, ms | ratio | by the line before |")
        terminalreporter.write_line("|---|---:|---:|---:|---:|")
    for question, pairs in _VARIED:
        before = 0.0
        for name, (floors, ours) in pairs.items():
            median = statistics.median(ours)
            shown = " | ".join(f"{statistics.median(one):.3f} ({_percentile(one):.3f})" for one in (floors, ours))
            growth = f"{median / before:.2f}" if before else ""
            label = f"{question} {name}".strip()
            terminalreporter.write_line(f"| {label} | {shown} | {median / statistics.median(floors):.2f} | {growth} |")
            before = median
    if _BESIDE:
        terminalreporter.write_sep("=", "beside peers: medians (90th percentiles) of processor time in ms, in turns")
        peers = [name for name in _BESIDE[0][1] if name not in ("floor", "localcat", "ids")]
        terminalreporter.write_line(
            f"| question | floor | localcat | ratio | above 1.5 floors and 80 µs | ids | ratio | above 1.3 and 60 µs | "
            f"{' | '.join(peers)} |"
        )
        terminalreporter.write_line(f"|---{'|---:' * (7 + len(peers))}|")
    for question, taken in _BESIDE:
        terminalreporter.write_line(_row_beside(question, taken))
    if _NOTED:
        terminalreporter.write_sep("=", "by themselves")
    for what, number in _NOTED:
        terminalreporter.write_line(f"| {what} | {number:,.2f} |")
    if not _TABLE:
        return
    terminalreporter.write_sep("=", "medians, in turns")
    terminalreporter.write_line("| question | floor, ms | localcat, ms | ratio | of the means |")
    terminalreporter.write_line("|---|---:|---:|---:|---:|")
    for question, floor, ours, mean_ratio in _TABLE:
        times = " | ".join(f"{1e3 * one:,.{3 if one < 0.01 else 0}f}" for one in (floor, ours))
        terminalreporter.write_line(f"| {question} | {times} | {ours / floor:.2f} | {mean_ratio:.2f} |")


def _row_beside(question: str, taken: Mapping[str, list[float]]) -> str:
    """Return a row of the table: the times of all, and of ours how far they are from what was aimed at."""
    medians = {name: statistics.median(times) for name, times in taken.items()}
    floor = medians["floor"]
    cells = [question, f"{floor:.3f} ({_percentile(taken['floor']):.3f})"]
    for name, most, more in (("localcat", 1.5, 0.08), ("ids", 1.3, 0.06)):
        if name in taken:
            above = 1e3 * (medians[name] - most * floor - more)
            cells += [f"{medians[name]:.3f} ({_percentile(taken[name]):.3f})", f"{medians[name] / floor:.2f}"]
            cells.append(f"{above:+.0f}")
        else:
            cells += [""] * 3
    cells += [f"{medians[name]:.2f}" for name in taken if name not in ("floor", "localcat", "ids")]
    return f"| {' | '.join(cells)} |"


def _percentile(times: list[float]) -> float:
    """Return the 90th percentile."""
    return sorted(times)[int(0.9 * len(times))]


def make_catalog(path: Path) -> Catalog:
    catalog = Catalog.create(path, org="bench")
    for number in range(generator.PRODUCTS):
        Product(id=generator.product_name(number), name=f"Product {number}", catalog=catalog).save()
    return catalog


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog of IMAGES images; kept and used again where LOCALCAT_BENCH_CATALOG names its path."""
    kept = os.environ.get("LOCALCAT_BENCH_CATALOG")
    path = Path(kept) if kept else tmp_path_factory.mktemp("bench") / "big.gpkg"
    if path.exists():
        catalog = Catalog.open(path)
    else:
        catalog = make_catalog(path)
        catalog.add_images(generator.records(IMAGES), progress=False)
    with catalog:
        yield catalog


@pytest.fixture(scope="session")
def plain(big: Catalog) -> Iterator[sqlite3.Connection]:
    """A bare connection to the same file, for hand-written statements; its page cache is as large as ours."""
    connection = sqlite3.connect(big.path, isolation_level=None)
    connection.execute("PRAGMA cache_size = -32000")
    yield connection
    connection.close()
