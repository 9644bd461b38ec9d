"""Another process that uses the same catalog, and does one thing at a time when it is told to."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from localcat import Catalog, ClientError, Product

PATIENCE = 60.0  # seconds; a test that waits so long has failed


def save_product(catalog: Catalog, id: str) -> None:
    Product(id=id, name=id, catalog=catalog).save()


def product_ids(catalog: Catalog) -> list[str]:
    return catalog.products.sort("id").ids()


class Other:
    """A process with the catalog open, to be left by `end` or `kill`.

    Parameters
    ----------
    path : Path
        The catalog file.
    timeout : float
        How long it waits for locks.
    """

    def __init__(self, path: Path, *, timeout: float = 60.0) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(there, str(path), timeout))
        self.process.start()
        there.close()
        assert self._here.poll(PATIENCE), "it does not open the catalog"
        self._here.recv()

    def do(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """Call ``act(catalog, *arguments)`` there; return its result, or the name of the localcat error it raised."""
        self._here.send((act, arguments))
        assert self._here.poll(PATIENCE), f"{act.__name__} does not end"
        return self._here.recv()

    def end(self) -> None:
        self._here.send(None)
        self.process.join(PATIENCE)
        assert self.process.exitcode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.join(PATIENCE)


_opened: list[Any] = []  # blocks that `begin` entered


def begin(catalog: Catalog, id: str, *, much: bool = False) -> None:
    """Enter a transaction that saves a product, and stay inside."""
    block = catalog.database.write()
    transaction = block.__enter__()
    if much:
        transaction.expect_much()
    save_product(catalog, id)
    _opened.append(block)


def commit(catalog: Catalog) -> None:
    """Leave it."""
    _opened.pop().__exit__(None, None, None)


def begin_reading(catalog: Catalog) -> int:
    """Enter a read, and stay inside."""
    block = catalog.database.snapshot()
    _opened.append(block)
    return int(block.__enter__().execute("SELECT count(*) FROM product").fetchone()[0])


def _serve(pipe: Connection, path: str, timeout: float) -> None:
    with Catalog.open(path, timeout=timeout) as catalog:
        pipe.send("open")
        while (order := pipe.recv()) is not None:
            act, arguments = order
            try:
                pipe.send(act(catalog, *arguments))
            except ClientError as error:
                pipe.send(type(error).__name__)
