"""The nodes of the space-time index, read and checked as SQLite itself would."""

from __future__ import annotations

import random
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing

import numpy
import pytest

from localcat.errors import CorruptCatalogError
from localcat.store.file import schema
from localcat.store.rtree.nodes import read_tree
from localcat.store.rtree.write import NODE_SIZE

COUNT = 600  # entries; two levels of nodes above the leaves' cells


@pytest.fixture(scope="module")
def content() -> bytes:
    """A database with an index of seeded boxes."""
    dice = random.Random(5)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(schema.statement_of("image_index"))
        for number in range(1, COUNT + 1):
            west, south, time = dice.uniform(-180, 170), dice.uniform(-90, 80), dice.uniform(0, 1500)
            row = (number, west, west + dice.random(), south, south + dice.random(), time, time)
            connection.execute("INSERT INTO image_index VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return connection.serialize()


@pytest.fixture
def connection(content: bytes) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(content)
        yield connection


def faults(connection: sqlite3.Connection) -> tuple[str, ...]:
    try:
        return read_tree(connection).faults
    except CorruptCatalogError as error:
        return (str(error),)


def test_the_entries_are_those_of_the_index(connection: sqlite3.Connection) -> None:
    tree = read_tree(connection)
    rows = connection.execute("SELECT * FROM image_index ORDER BY id").fetchall()
    assert tree.faults == ()
    assert tree.ids.tolist() == [row[0] for row in rows]
    assert numpy.array_equal(tree.boxes, [row[1:] for row in rows])


def test_an_empty_index_is_in_order() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(schema.statement_of("image_index"))
        tree = read_tree(connection)
        assert (tree.faults, tree.ids.tolist(), tree.boxes.shape) == ((), [], (0, 6))


DAMAGE = {
    "UPDATE image_index_parent SET parentnode = parentnode + 1": "the table of its nodes disagrees",
    "DELETE FROM image_index_rowid WHERE rowid = 7": "the table of its rows disagrees",
    "INSERT INTO image_index_rowid VALUES (7000, 2)": "the table of its rows disagrees",
    "UPDATE image_index_rowid SET nodeno = 'x' WHERE rowid = 7": "the table of its rows disagrees",
    "DELETE FROM image_index_node WHERE nodeno = (SELECT max(nodeno) FROM image_index_node)": "a node is missing",
    "DELETE FROM image_index_node": "its nodes have no size, or several",
    "UPDATE image_index_node SET data = NULL": "its nodes have no size, or several",
    "UPDATE image_index_node SET data = data || x'00' WHERE nodeno = 2": "its nodes have no size, or several",
}


@pytest.mark.parametrize("statement", DAMAGE)
def test_damage_is_told(connection: sqlite3.Connection, statement: str) -> None:
    connection.execute(statement)
    assert faults(connection) == (DAMAGE[statement],)


def change(connection: sqlite3.Connection, node: int, at: int, content: bytes) -> None:
    (data,) = connection.execute("SELECT data FROM image_index_node WHERE nodeno = ?", (node,)).fetchone()
    bad = data[:at] + content + data[at + len(content) :]
    connection.execute("UPDATE image_index_node SET data = ? WHERE nodeno = ?", (bad, node))


def test_a_circle_ends(connection: sqlite3.Connection) -> None:
    change(connection, 1, 4, struct.pack(">q", 1))
    assert faults(connection) == ("a node is met twice",)


def test_too_many_cells_are_told(connection: sqlite3.Connection) -> None:
    change(connection, 2, 2, b"\xff\xff")
    assert faults(connection) == ("a node has more cells than room",)


def test_whatever_sqlite_finds_is_found(connection: sqlite3.Connection, content: bytes) -> None:
    """Random damage of nodes; numbers that are none compare as nothing, which only this check takes as a fault."""
    dice = random.Random(8)
    nodes = [number for (number,) in connection.execute("SELECT nodeno FROM image_index_node ORDER BY nodeno")]
    told = 0
    for _ in range(300):
        connection.deserialize(content)
        change(connection, dice.choice(nodes), dice.randrange(NODE_SIZE), dice.randbytes(dice.randint(1, 8)))
        ours = faults(connection)
        (sqlites,) = connection.execute("SELECT rtreecheck('main', 'image_index')").fetchone()
        assert bool(ours) >= (sqlites != "ok"), sqlites
        told += bool(ours)
    assert told > 100
