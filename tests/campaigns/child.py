"""The fork server: a process that has imported everything once, and forks a child for each request.

A request is a line of JSON. The child acts on a catalog and dies as it was asked to; the server answers with the number
of the child while it is stopped, if it was asked to stop first, and with how it ended.

The children report by ``writev`` alone, a call that nothing else here makes: faults can be injected into all others.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import rasterio.warp  # noqa: F401
import tqdm  # noqa: F401

import localcat
from localcat import Catalog, CatalogLockedError, CommitUnknownError
from localcat.disk.steps import EVENT
from tests.campaigns.scenarios import GOING_ON, SCENARIOS, open_catalog
from tests.campaigns.variants import VARIANTS
from tests.survey import NAME, upload_version

CRASHED = 70  # exit status of a child that ended itself at a step


@dataclass(slots=True)
class Request:
    """What a child is to do.

    Parameters
    ----------
    folder : str
        Of the catalog.
    scenario : str
        One of `SCENARIOS`.
    report : str
        The file that the child appends lines to: ``step NAME``, ``ack``, ``error CLASS MESSAGE``, ``done``, ``alive``,
        ``went on``.
    variant : str
        One of `VARIANTS`: what to break in localcat first.
    crash_at, interrupt_at, fail_at, collect_at : int
        The number of the step, from 0, at which the child ends, is interrupted, SQLite reports an error of the disk, or
        another process collects garbage; -1 for none.
    is_stopped : bool
        Stop before the catalog is opened, until a SIGCONT.
    file_limit : int
        The largest file that it may write, in bytes; -1 for no limit.
    journal : str
        ``"delete"`` or ``"wal"``.
    goes_on : bool
        Upload another image at the end, with the same catalog object, whatever happened.
    """

    folder: str
    scenario: str
    report: str
    variant: str = ""
    crash_at: int = -1
    interrupt_at: int = -1
    fail_at: int = -1
    collect_at: int = -1
    is_stopped: bool = False
    file_limit: int = -1
    journal: str = "delete"
    goes_on: bool = False


def act(request: Request) -> None:
    """Do what was asked, in the child."""
    descriptor = os.open(request.report, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def report(line: str) -> None:
        os.writev(descriptor, [f"{line}\n".encode()])

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
    if request.variant:
        VARIANTS[request.variant]()
    _listen(request, report)
    if request.file_limit >= 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request.file_limit, resource.RLIM_INFINITY))
    if request.is_stopped:
        os.kill(os.getpid(), signal.SIGSTOP)
    path, scenario = Path(request.folder) / NAME, SCENARIOS[request.scenario]
    catalog = None
    try:
        catalog = open_catalog(path, scenario.versions, request.journal)  # type: ignore[arg-type]
        scenario.act(catalog, lambda: report("ack"))
    except BaseException as error:  # noqa: BLE001  # also what should never come: the report tells, the test judges
        report(_told(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    report("done")
    for opened in (catalog, None):  # Ctrl-C may come as late as here: how often a read takes its locks depends on time
        try:
            with opened or open_catalog(path, scenario.versions) as catalog:
                list(catalog.images)  # reads go on, in the process that saw the fault
                report("alive")
                if request.goes_on:
                    upload_version(catalog, *GOING_ON)
                    report("went on")
        except BaseException as error:  # noqa: BLE001
            report(_told(error))
            if isinstance(error, KeyboardInterrupt):
                continue
        return


def _told(error: BaseException) -> str:
    """Return the line that reports an error, with a mark on those that are not localcat's."""
    kind = type(error)
    name = kind.__name__ if kind.__module__ == "localcat.errors" else f"foreign:{kind.__module__}.{kind.__name__}"
    outcome = f" committed={error.committed}" if isinstance(error, CommitUnknownError) else ""
    return f"error {name}{outcome} {' '.join(str(error).split())}"


def _listen(request: Request, report: Callable[[str], None]) -> None:
    steps = iter(range(sys.maxsize))

    def listener(event: str, arguments: tuple[object, ...]) -> None:
        if event != EVENT:
            return
        number = next(steps)
        if not request.is_stopped:
            report(f"step {arguments[0]}")
        if number == request.crash_at:
            os._exit(CRASHED)
        if number == request.interrupt_at:
            raise KeyboardInterrupt
        if number == request.fail_at:
            raise sqlite3.OperationalError("disk I/O error")
        if number == request.collect_at:
            report(_collected(Path(request.folder) / NAME))

    sys.addaudithook(listener)


def _collected(path: Path) -> str:
    """Collect garbage in another process, which does not wait for the write lock; return what became of it."""
    other = os.fork()
    if other == 0:
        status = 1
        try:
            with Catalog.open(path, timeout=0) as catalog:
                catalog.gc()
            status = 0
        except CatalogLockedError:
            status = 2
        finally:
            os._exit(status)
    _, status = os.waitpid(other, 0)
    return ["collected", "collecting failed", "locked out"][os.waitstatus_to_exitcode(status)]


def serve() -> None:
    """Answer requests until there are no more."""
    for module in pkgutil.walk_packages(localcat.__path__, "localcat."):  # before the forks: a fault in it is Python's
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for line in sys.stdin:
        request = Request(**json.loads(line))
        child = os.fork()
        if child == 0:
            os.close(0)
            try:
                act(request)
            finally:
                os._exit(0)
        if request.is_stopped:
            os.waitpid(child, os.WUNTRACED)
            _answer(child)
        _, status = os.waitpid(child, 0)
        _answer(os.waitstatus_to_exitcode(status))


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def as_line(request: Request) -> str:
    return json.dumps(asdict(request)) + "\n"


if __name__ == "__main__":
    serve()
