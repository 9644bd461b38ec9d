"""Three catalogs that are changed, copied and merged in any order, with clocks that go back: they come to agree.

The oracle is a plain history. A write supersedes all earlier writes of its object that its catalog knew of. What is
superseded by nothing is a head: with one head there is no conflict, and it is the state in the end.
"""

from __future__ import annotations

import shutil
import tempfile
import types
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from localcat import Catalog, GenericBand, Image, Product, timestamps
from localcat.sharing.merge import MergeReport

PRODUCTS = ("x", "y")  # the first of them is in all three from the beginning
BANDS = tuple(f"{product}:red" for product in PRODUCTS)
IMAGES = tuple(f"{product}:{name}" for product in PRODUCTS for name in "ab")
START = 1_700_000_000_000_000  # microseconds since 1970

laptops = st.integers(0, 2)
laptop_steps = st.one_of(
    st.tuples(st.just("write"), laptops, st.sampled_from([*PRODUCTS, *BANDS, *IMAGES]), st.integers(0, 3)),
    st.tuples(st.just("delete"), laptops, st.sampled_from(IMAGES)),
    st.tuples(st.just("delete"), laptops, st.sampled_from([*PRODUCTS, *BANDS])),
    st.tuples(st.just("merge"), laptops, laptops),
    st.tuples(st.just("merge"), laptops, laptops),
    st.tuples(st.just("copy"), laptops, laptops),
    st.tuples(st.just("clock"), st.integers(-5_000_000, 5_000_000)),
)


@dataclass
class Event:
    """A write of an object: its value, or None if it was deleted; and the writes that it superseded."""

    uid: str
    value: int | None
    superseded: set[int] = field(default_factory=set)


class Clock:
    """Stands in for the module `time`: each call is a microsecond later, unless the clock is set."""

    def __init__(self) -> None:
        self.now = START

    def time_ns(self) -> int:
        self.now += 1
        return self.now * 1000


class World:
    """Three catalogs, and the history that they should have."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock = folder, clock
        self.catalogs: list[Catalog] = [self._made(at) for at in range(3)]
        self.events: list[Event] = []
        self.known: list[set[int]] = [set(), set(), set()]
        self.listed: set[str] = set()  # objects that were in a conflict

    def _made(self, at: int) -> Catalog:
        (self.folder / str(at)).mkdir()
        return Catalog.create(self.folder / str(at) / "survey.gpkg", org="")

    def close(self) -> None:
        for catalog in self.catalogs:
            catalog.close()

    def step(self, what: str, *words: Any) -> None:
        getattr(self, f"_{what}")(*words)

    def _clock(self, by: int) -> None:
        self.clock.now += by

    def _write(self, at: int, uid: str, value: int) -> None:
        catalog = self.catalogs[at]
        product = uid.partition(":")[0]
        if Product.get(product, catalog=catalog) is None:
            Product(id=product, name=str(value if uid == product else 0), catalog=catalog).save()
            self._note(at, product, value if uid == product else 0)
            if uid == product:
                return
        thing: Any = (
            Product.get(uid, catalog=catalog)
            if uid in PRODUCTS
            else GenericBand.get(uid, catalog=catalog)
            if uid in BANDS
            else Image.get(uid, catalog=catalog)
        )
        if thing is None and uid in BANDS:
            product = Product.get(product, catalog=catalog)
            thing = GenericBand(name="red", product=product, data_type="Byte", data_range=(0, 255), band_index=0)
        elif thing is None:
            thing = Image(id=uid, catalog=catalog)
        before = value_of(thing)
        if uid in PRODUCTS:
            thing.name = str(value)
        elif uid in BANDS:
            thing.description = str(value)
        else:
            thing.cloud_fraction = value / 10
        is_change = thing.state != "saved"
        thing.save()
        if is_change or before != value:
            self._note(at, uid, value)

    def _delete(self, at: int, uid: str) -> None:
        catalog = self.catalogs[at]
        if uid in PRODUCTS:
            product = Product.get(uid, catalog=catalog)
            if product is None:
                return
            gone = [thing.id for search in (product.bands(), product.images()) for thing in search]
            product.delete_related_objects()
            product.delete()
            for one in [*gone, uid]:
                self._note(at, one, None)
        elif (GenericBand if uid in BANDS else Image).delete(uid, catalog=catalog):
            self._note(at, uid, None)

    def _note(self, at: int, uid: str, value: int | None) -> None:
        superseded = {one for one in self.known[at] if self.events[one].uid == uid}
        self.events.append(Event(uid, value, superseded))
        self.known[at].add(len(self.events) - 1)

    def _merge(self, at: int, other: int) -> MergeReport | None:
        if at == other:
            return None
        report = self.catalogs[at].merge(self.catalogs[other].path, progress=False)
        self.listed |= {conflict.id for conflict in report.conflicts}
        self.known[at] |= self.known[other]
        return report

    def _copy(self, at: int, other: int) -> None:
        """Let a laptop begin again with a copy of another one's file."""
        if at == other:
            return
        path = self.catalogs[at].path
        self.catalogs[at].close()
        path.unlink()
        shutil.rmtree(path.with_suffix(".data"), ignore_errors=True)
        shutil.copy(self.catalogs[other].path, path)
        folder = self.catalogs[other].path.with_suffix(".data")
        if folder.exists():
            shutil.copytree(folder, path.with_suffix(".data"))
        self.catalogs[at] = Catalog.open(path)
        self.known[at] = {*self.known[other]}

    def heads(self) -> dict[str, list[int | None]]:
        """Return the values of each object that nothing superseded, of all writes that are still anywhere."""
        alive = set.union(*self.known)
        superseded = set.union(set(), *(self.events[one].superseded for one in alive))
        found = defaultdict(list)
        for one in sorted(alive - superseded):
            found[self.events[one].uid].append(self.events[one].value)
        return found


def value_of(thing: Any) -> int | None:
    if isinstance(thing, Product):
        return int(thing.name)
    if isinstance(thing, Image):
        return None if thing.cloud_fraction is None else round(thing.cloud_fraction * 10)
    return None if thing.description is None else int(thing.description)


def state(catalog: Catalog) -> dict[str, int | None]:
    return {
        thing.id: value_of(thing) for search in (catalog.products, catalog.bands, catalog.images) for thing in search
    }


def settle(world: World) -> None:
    """Let all meet until nobody learns anything."""
    for _ in range(3):  # the last one is for those who hear that nothing else came
        for at in range(3):
            for other in range(3):
                world.step("merge", at, other)


def run_history(make: type[World], history: list[tuple[Any, ...]]) -> None:
    """Let three laptops begin with copies of one catalog, live through a history, and meet; they must agree."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        clock = Clock()
        patch.setattr(timestamps, "time", types.SimpleNamespace(time_ns=clock.time_ns))
        world = make(folder, clock)
        stack.callback(world.close)
        for uid in ("x", "x:red", "x:a", "x:b"):
            world.step("write", 0, uid, 0)
        for at in (1, 2):
            world.step("copy", at, 0)
        for step in history:
            world.step(*step)
        settle(world)
        require_agreement(world)


def require_agreement(world: World) -> None:
    """Refuse states that differ, a merge that changes something still, and what is lost and was not listed."""
    first, *others = [state(catalog) for catalog in world.catalogs]
    assert others == [first, first]
    for at, other in ((0, 1), (1, 2), (2, 0)):
        assert not world.catalogs[at].diff(world.catalogs[other])
        before = world.catalogs[at].path.read_bytes()
        report = world.catalogs[at].merge(world.catalogs[other])
        assert (report.added, report.replaced, report.deleted, report.conflicts) == ({}, {}, {}, [])
        assert world.catalogs[at].path.read_bytes() == before
    kept_products = {uid.partition(":")[0] for uid in first}
    for uid, values in world.heads().items():
        if uid in IMAGES:
            assert first.get(uid) in values
            assert len({*values}) == 1 or uid in world.listed
        elif {*values} == {None}:  # it comes back only where something of it is kept
            assert uid not in first or uid.partition(":")[0] in kept_products & world.listed
        else:  # a product that comes back for what is kept of it is as it was where that was kept
            came_back = None in values and uid.partition(":")[0] in kept_products & world.listed
            assert first.get(uid) in values or came_back
            assert len({*values}) == 1 or uid in world.listed
    assert all(catalog.verify("quick").ok for catalog in world.catalogs)
