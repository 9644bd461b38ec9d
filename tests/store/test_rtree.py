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
from localcat.store.rtree.ask import TIME_UNIT
from localcat.store.rtree.nodes import read_boxes, read_tree
from localcat.store.rtree.pack import NODE_SIZE, rounded, rounded_one, write_tree
from localcat.store.rtree.write import add_boxes

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


def test_boxes_are_read_without_the_checks(connection: sqlite3.Connection) -> None:
    ids, boxes = read_boxes(connection)
    order = numpy.argsort(ids)
    rows = connection.execute("SELECT id, min_lon, max_lon, min_lat, max_lat FROM image_index ORDER BY id").fetchall()
    assert ids[order].tolist() == [row[0] for row in rows]
    assert numpy.array_equal(boxes[order], [row[1:] for row in rows])


def test_an_impossible_node_is_noticed_when_boxes_are_read(connection: sqlite3.Connection) -> None:
    ((leaf,),) = connection.execute("SELECT nodeno FROM image_index_rowid LIMIT 1").fetchall()
    (data,) = connection.execute("SELECT data FROM image_index_node WHERE nodeno = ?", (leaf,)).fetchone()
    connection.execute("UPDATE image_index_node SET data = ? WHERE nodeno = ?", (b"\0\0\xff\xff" + data[4:], leaf))
    with pytest.raises(CorruptCatalogError, match="a node with more cells than room; run verify"):
        read_boxes(connection)


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


# A tree that is written whole


def boxes_of(count: int, seed: int = 7) -> numpy.ndarray:
    """Return seeded boxes, of which some are at one place, and some have no extent."""
    chance = numpy.random.default_rng(seed)
    least = chance.uniform((-180, -90, 0), (170, 80, 1500), (count, 3))
    least[: count // 10] = least[0]
    sizes = chance.uniform(0, (3, 2, 0), (count, 3))
    sizes[::7] = 0
    boxes = numpy.empty((count, 6))
    boxes[:, ::2], boxes[:, 1::2] = least, least + sizes
    return boxes


@pytest.mark.parametrize("count", [0, 1, 51, 52, 600, 5000])
def test_a_tree_that_is_written_whole_is_in_order(connection: sqlite3.Connection, count: int) -> None:
    ids = numpy.random.default_rng(3).permutation(10 * count)[:count]
    boxes = rounded(boxes_of(count)) if count else numpy.empty((0, 6), numpy.float32)
    write_tree(connection, ids.copy(), boxes.copy())
    assert connection.execute("SELECT rtreecheck('image_index')").fetchone() == ("ok",)
    tree = read_tree(connection)
    order = numpy.argsort(ids)
    assert tree.faults == ()
    assert tree.ids.tolist() == ids[order].tolist()
    assert numpy.array_equal(tree.boxes, boxes[order])


def test_it_finds_what_meets_a_box_and_takes_changes(connection: sqlite3.Connection) -> None:
    boxes = rounded(boxes_of(3000))
    write_tree(connection, numpy.arange(3000), boxes.copy())
    west, east, south, north, start, end = window = (-20.0, 25.5, -10.0, 30.0, 200.0, 900.0)

    def found() -> list[int]:
        sql = (
            "SELECT id FROM image_index WHERE max_lon >= ? AND min_lon <= ? AND max_lat >= ? AND min_lat <= ? "
            "AND max_time >= ? AND min_time <= ? ORDER BY id"
        )
        return [row[0] for row in connection.execute(sql, window)]

    meets = (boxes[:, 1] >= west) & (boxes[:, 0] <= east) & (boxes[:, 3] >= south) & (boxes[:, 2] <= north)
    meets &= (boxes[:, 5] >= start) & (boxes[:, 4] <= end)
    assert found() == numpy.flatnonzero(meets).tolist()
    assert 20 < meets.sum() < 1000

    connection.executemany("DELETE FROM image_index WHERE id = ?", ((number,) for number in range(0, 3000, 2)))
    for number in range(3000, 3200):
        connection.execute("INSERT INTO image_index VALUES (?, 0, 1, 0, 1, 300, 300)", (number,))
    assert connection.execute("SELECT rtreecheck('image_index')").fetchone() == ("ok",)
    assert found() == [*(number for number in numpy.flatnonzero(meets).tolist() if number % 2), *range(3000, 3200)]


def test_boxes_are_rounded_outwards_by_one_step_at_most() -> None:
    exact = boxes_of(1000)
    kept = rounded(exact)
    assert kept.dtype == numpy.float32
    assert (kept[:, ::2] <= exact[:, ::2]).all()
    assert (kept[:, 1::2] >= exact[:, 1::2]).all()
    assert (numpy.abs(kept - exact) <= numpy.spacing(numpy.abs(exact).astype(numpy.float32))).all()
    whole = numpy.array([[-180.0, 180.0, -90.0, 90.0, 0.0, 1500.5]])
    assert numpy.array_equal(rounded(whole), whole)


def test_one_box_is_rounded_like_many() -> None:
    odd = [0.0, -0.0, 5e-324, -5e-324, 1e-40, -1e-40, 0.1, -0.1, 16777217.0, -16777217.0, 180.0, -180.0, 539.9999999]
    chance = random.Random(5)
    boxes = [*boxes_of(1000).tolist(), *(tuple(chance.choices(odd, k=6)) for _ in range(1000))]
    assert [rounded_one(tuple(box)) for box in boxes] == [tuple(box) for box in rounded(numpy.array(boxes)).tolist()]
    assert rounded_one((0.1, 0.1, 0.0, 5e-324, -5e-324, 0.5)) == (
        0.09999999403953552, 0.10000000149011612, 0.0, 1.401298464324817e-45, -1.401298464324817e-45, 0.5,
    )  # fmt: skip


def test_entries_of_single_images_are_rounded_like_those_of_a_load(connection: sqlite3.Connection) -> None:
    """SQLite's own rounding of numbers next to 0 gives 0: the edge of a grid on the equator was inside of its entry."""
    tiny = 6.37e-316
    connection.execute(schema.statement_of("gpkg_contents"))
    rows = [(9001, (-tiny, tiny, -0.5, tiny), None), (9002, (10.1, 10.2, -tiny, 0.5), 1_234_567_891_234_567)]
    add_boxes(connection, rows)
    found = connection.execute("SELECT * FROM image_index WHERE id > 9000 ORDER BY id").fetchall()
    time = 1_234_567_891_234_567 / TIME_UNIT
    exact = numpy.array([[-tiny, tiny, -0.5, tiny, 0, 0], [10.1, 10.2, -tiny, 0.5, time, time]])
    assert [row[0] for row in found] == [9001, 9002]
    assert numpy.array_equal(numpy.array([row[1:] for row in found]), rounded(exact))
    assert found[0][1] < 0 < found[0][2] == found[0][4] == 1.401298464324817e-45
