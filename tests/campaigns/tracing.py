"""Children under strace: their system calls listed, killed at, interrupted at, or made to fail."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.campaigns.harness import Outcome, Workshop

EVERY = int(os.environ.get("LOCALCAT_CAMPAIGN_EVERY", "1"))
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)")

# How often these are called depends on the time that passes, so the nth of them may be another one in the next run, or
# none. They change nothing on the disk: a kill at one leaves what a kill at the next other call leaves.
_LOOKS = {"flock", "access", "faccessat", "faccessat2", "newfstatat", "fstat", "stat", "lstat", "statx"}


class Call(NamedTuple):
    """A system call of a child."""

    name: str
    number: int  # which one of that name, from 1, as strace counts
    text: str  # its arguments and what it returned, as strace shows them

    def injected(self, fault: str, *, lasting: bool = False) -> list[str]:
        """Return strace's options that put a fault, such as ``signal=KILL``, in place of this call."""
        return ["-e", f"inject={self.name}:{fault}:when={self.number}{'+' if lasting else ''}"]


def run_traced(
    workshop: Workshop, scenario: str, options: list[str], *, output: Path | None = None, **request: object
) -> Outcome:
    """Let a child act on a fresh copy under strace, which counts from when the catalog is about to be opened."""
    workshop.reset(scenario)
    return run_here(workshop, scenario, options, output=output, **request)


def run_here(
    workshop: Workshop, scenario: str, options: list[str], *, output: Path | None = None, **request: object
) -> Outcome:
    """Let a child act on the catalog as it is, under strace."""
    server = workshop.server
    server.send(workshop.request(scenario, is_stopped=True, **request))
    child = server.answer()
    command = ["strace", "-f", "-p", str(child), "-o", str(output or os.devnull), *options]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    while "attached" not in said:
        assert said, "strace cannot attach"
        said = tracer.stderr.readline()
    os.kill(child, signal.SIGCONT)
    status = server.answer()
    tracer.stderr.close()
    tracer.wait()
    return workshop.outcome(status)


def calls(workshop: Workshop, scenario: str, *, output: Path | None = None, **request: object) -> list[Call]:
    """Run a scenario whole and return its system calls on the catalog and its folder, up to its end."""
    output = output or workshop.folder.with_name("trace")
    outcome = run_traced(workshop, scenario, ["-y"], output=output, **request)
    assert (outcome.status, outcome.errors) == (0, [])
    return [call for call in parse(output) if str(workshop.folder) in call.text]


def steady(points: list[Call]) -> list[Call]:
    """Return the calls that are the same ones in each run."""
    return [point for point in points if point.name not in _LOOKS]


def some(points: list[Call]) -> list[Call]:
    """Return every point, or every nth if ``LOCALCAT_CAMPAIGN_EVERY`` says so; the last one is among them."""
    return points[::-EVERY][::-1]


def parse(output: Path) -> list[Call]:
    """Return the calls of a child in what strace wrote, up to where it said that it was done."""
    found: list[Call] = []
    counts: Counter[str] = Counter()
    first = ""
    for line in output.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        process, name, text = match.groups()
        first = first or process
        if name == "writev" and '"done' in text:
            break
        if process == first:
            counts[name] += 1
            found.append(Call(name, counts[name], text))
    return found
