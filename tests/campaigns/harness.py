"""Runs scenarios in children that are stopped half-way, and judges what they leave."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from localcat.disk.data_folder import TEMPORARY_PREFIX
from tests import checker, survey
from tests.campaigns import scenarios
from tests.campaigns.child import Request, as_line
from tests.campaigns.scenarios import SCENARIOS, Scenario, State
from tests.survey import NAME


@dataclass(slots=True)
class Outcome:
    """How a child ended.

    Parameters
    ----------
    status : int
        Its exit status; negative for the signal that killed it.
    lines : list of str
        What it reported.
    """

    status: int
    lines: list[str] = field(default_factory=list)

    @property
    def acks(self) -> int:
        return self.lines.count("ack")

    @property
    def steps(self) -> list[str]:
        return [line.removeprefix("step ") for line in self.lines if line.startswith("step ")]

    @property
    def errors(self) -> list[str]:
        return [line.removeprefix("error ") for line in self.lines if line.startswith("error ")]

    @property
    def is_alive(self) -> bool:
        """Whether the process could read after what happened to it."""
        return "alive" in self.lines

    @property
    def went_on(self) -> bool:
        """Whether the process could upload another image after what happened to it."""
        return "went on" in self.lines


class Server:
    """The fork server, from the side of the tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def send(self, request: Request) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(as_line(request))
        self._process.stdin.flush()

    def answer(self) -> int:
        """Return the next number: of a stopped child, or how a child ended."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


class Workshop:
    """Fresh copies of a prepared catalog, one after the other at the same place, and a fork server that acts on them.

    Parameters
    ----------
    folder : Path
        An empty folder.
    server : Server
    journal : str
        Of the catalogs, while a child acts on them.
    """

    def __init__(self, folder: Path, server: Server, journal: str = "delete") -> None:
        self.server = server
        self.journal = journal
        self.folder = folder / "point"
        self.report = folder / "report"
        self.bases = folder / "bases"

    @property
    def catalog(self) -> Path:
        return self.folder / NAME

    def base(self, scenario: str) -> Path:
        """Return the folder of the catalog as it is before a scenario."""
        base = self.bases / scenario.replace(" ", "-")
        if not base.exists():
            plain = self.bases / "plain"
            if not plain.exists():
                plain.mkdir(parents=True)
                survey.build(plain)
            shutil.copytree(plain, base)
            SCENARIOS[scenario].prepare(base)
        return base

    def reset(self, scenario: str) -> None:
        """Put a fresh copy of the catalog in place."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        shutil.copytree(self.base(scenario), self.folder)
        self.report.unlink(missing_ok=True)

    def request(self, scenario: str, **options: object) -> Request:
        given = {"journal": self.journal, **options}
        return Request(str(self.folder), scenario, str(self.report), **given)  # type: ignore[arg-type]

    def run(self, scenario: str, **options: object) -> Outcome:
        """Let a child act on a fresh copy."""
        self.reset(scenario)
        self.server.send(self.request(scenario, **options))
        return self.outcome(self.server.answer())

    def outcome(self, status: int) -> Outcome:
        lines = self.report.read_text().splitlines() if self.report.exists() else []
        return Outcome(status, lines)

    def problems(self, scenario: str, outcome: Outcome) -> list[str]:
        """Return what is wrong with the catalog that a child left: nothing, if the promise was kept."""
        further = {}
        if outcome.went_on:
            name, version = scenarios.GOING_ON
            further = {f"acme:one:{name}": version}
        return [
            *judge(self.catalog, SCENARIOS[scenario], outcome.acks, further),
            *self._changed_others(scenario),
        ]

    def _changed_others(self, scenario: str) -> Iterator[str]:
        """Yield what became of another catalog, which is only read."""
        base = self.base(scenario)
        for path in base.rglob("*"):
            name = path.relative_to(base)
            if name.parts[0].startswith("stick.") and path.is_file():
                other = self.folder / name
                if not other.is_file() or other.read_bytes() != path.read_bytes():
                    yield f"{name} was changed"


def judge(catalog: Path, scenario: Scenario, acks: int, further: State | None = None) -> list[str]:
    """Check the invariant I1 to I4 of a catalog whose process ended after some acknowledged parts of a scenario.

    What the process did further, after a fault, is in the catalog and in no copy that was made before.
    """
    history = scenario.history
    seen = checker.look(catalog)
    problems = list(seen.problems)
    if seen.versions not in [{**state, **(further or {})} for state in history[acks:]]:
        problems.append(f"after {acks} acknowledged parts the images are {seen.versions!s:.1000}")
    try:
        with scenarios.open_catalog(catalog, scenario.versions) as opened:
            opened.gc()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is a finding
        return [*problems, f"gc: {type(error).__name__}: {error}"]
    after = checker.look(catalog)
    problems += [f"after gc: {problem}" for problem in after.problems if problem not in seen.problems]
    if after.versions != seen.versions or after.owned != seen.owned:
        problems.append("gc changed the images")
    lost = {href for href in seen.garbage - seen.trash - after.aside if not href.startswith(TEMPORARY_PREFIX)}
    if lost or after.aside - seen.aside - seen.garbage:
        problems.append(f"gc set aside {sorted(after.aside)}, and before there was {sorted(seen.garbage)}")
    if after.garbage:
        problems.append(f"gc left {sorted(after.garbage)}")
    for copy in (catalog.parent / scenarios.COPIES).glob("*.gpkg"):
        copied = checker.look(copy)
        problems += [f"copy: {problem}" for problem in copied.problems]
        if copied.versions not in history or copied.garbage:
            problems.append(f"the copy has {copied.versions} and {copied.garbage}")
    expected = ("source", "stick.", scenarios.COPIES, f"{catalog.name}.schema-")
    left = [name for name in checker.beside(catalog) if not name.startswith(expected)]
    problems += [f"beside the catalog is {left}"] if left else []
    try:
        return [*problems, *scenario.wrong(catalog.parent, acks)]
    except Exception as error:  # noqa: BLE001  # the same
        return [*problems, f"{type(error).__name__}: {error}"]
