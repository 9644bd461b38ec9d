"""Random histories of objects against a plain dictionary: what is saved is what is there, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from localcat import Catalog, ConflictError, DeletedObjectError, Product
from localcat import properties as p
from tests.drawing import examples

IDS = ["a", "b"]
ATTRIBUTES = {
    "name": st.sampled_from(["one", "two", "three"]),
    "description": st.sampled_from([None, "short", "x" * 100]),
    "tags": st.sampled_from([None, [], ["t"], ["t", "u"], ["u", "t"]]),
    "extra_properties": st.sampled_from([None, {}, {"k": 1}, {"k": 1, "l": "x"}, {"l": "x", "k": 1}]),
    "is_core": st.sampled_from([None, True, False]),
    "revisit_period_minutes_min": st.sampled_from([None, 0.1, 5]),
}
changes = st.sampled_from(sorted(ATTRIBUTES)).flatmap(lambda name: st.tuples(st.just(name), ATTRIBUTES[name]))


class Held:
    """An object of the program, with what it should hold."""

    def __init__(self, product: Product, born: int | None, read: dict[str, Any]) -> None:
        self.product = product
        self.born = born  # which of the products of that id it is; None before it is saved
        self.read = read  # the values when it was last read or saved
        self.values = copy.deepcopy(read)
        self.is_deleted = False

    @property
    def changed(self) -> list[str]:
        return [name for name in ATTRIBUTES if self.values[name] != self.read[name]]


class Histories(RuleBasedStateMachine):
    """Several programs, as several objects of the same ids, in one catalog."""

    held = Bundle("held")

    @initialize(target=held, values=st.fixed_dictionaries(ATTRIBUTES))
    def begin(self, values: dict[str, Any]) -> Held:
        self.catalog = Catalog.temporary(org="acme", user="ann")
        self.stored: dict[str, dict[str, Any]] = {}  # by id: the values in the catalog
        self.born: dict[str, int] = {}  # by id: which of the products of that id it is
        self.births = 0
        self.all: list[Held] = []
        held = self.create("a", "one")
        for change in values.items():
            self.change(held, change, in_place=False)
        self.do_save(held, force=False)
        return held

    def teardown(self) -> None:
        if not hasattr(self, "catalog"):
            return
        for word in ("one", "two", "three"):  # the full text has followed
            wanted = sorted(f"acme:{key}" for key, values in self.stored.items() if values["name"] == word)
            assert sorted(Product.search(catalog=self.catalog).find_text(word).ids()) == wanted
            assert Product.search(catalog=self.catalog).filter(p.name == word).ids() == wanted
        self.catalog.close()

    def hold(self, held: Held) -> Held:
        self.all.append(held)
        return held

    @rule(target=held, id=st.sampled_from(IDS), name=ATTRIBUTES["name"])
    def create(self, id: str, name: str) -> Held:
        empty = dict.fromkeys(ATTRIBUTES)
        held = Held(Product(id=id, name=name, catalog=self.catalog), None, empty)
        held.values["name"] = name
        return self.hold(held)

    @rule(target=held, id=st.sampled_from(IDS), how=st.sampled_from(["get", "get_many", "search", "get_or_create"]))
    def fetch(self, id: str, how: str) -> Any:
        if id not in self.stored:
            assert Product.get(id, catalog=self.catalog) is None
            return self.create(id, "one")
        if how == "get":
            product = Product.get(id, catalog=self.catalog)
        elif how == "get_many":
            (product,) = Product.get_many([id], catalog=self.catalog)
        elif how == "search":
            (product,) = Product.search(catalog=self.catalog).filter(p.id == f"acme:{id}")
        else:
            product = Product.get_or_create(id, catalog=self.catalog)
        return self.hold(Held(product, self.born[id], copy.deepcopy(self.stored[id])))

    @rule(held=held, change=changes, in_place=st.booleans())
    def change(self, held: Held, change: tuple[str, Any], in_place: bool) -> None:
        name, value = change
        present = getattr(held.product, name)
        if in_place and isinstance(present, list) and value:
            present[:] = value
        elif in_place and isinstance(present, dict) and value:
            present.clear()
            present.update(value)
        else:
            setattr(held.product, name, copy.deepcopy(value))
        held.values[name] = copy.deepcopy(value)

    @rule(held=held, theirs=changes, ours=changes, force=st.booleans())
    def change_on_both_sides(self, held: Held, theirs: tuple[str, Any], ours: tuple[str, Any], force: bool) -> None:
        key = held.product.id.removeprefix("acme:")
        if key in self.stored:
            other = Held(Product.get(key, catalog=self.catalog), self.born[key], copy.deepcopy(self.stored[key]))
            self.change(other, theirs, in_place=False)
            self.do_save(other, force=False)
        self.change(held, ours, in_place=True)
        self.do_save(held, force)

    @rule(held=held, force=st.booleans())
    def save(self, held: Held, force: bool) -> None:
        self.do_save(held, force)

    def do_save(self, held: Held, force: bool) -> None:
        key = held.product.id.removeprefix("acme:")
        if held.is_deleted:
            with pytest.raises(DeletedObjectError, match=held.product.id):
                held.product.save()
        elif held.born is None:
            if key in self.stored:
                with pytest.raises(ConflictError, match=held.product.id):
                    held.product.save(force=force)
                return
            held.product.save(force=force)
            self.births += 1
            self.born[key] = held.born = self.births
            self.stored[key] = copy.deepcopy(held.values)
            held.read = copy.deepcopy(held.values)
        elif not held.changed:
            held.product.save(force=force)
        elif key not in self.stored:
            with pytest.raises(DeletedObjectError, match=held.product.id):
                held.product.save(force=force)
            held.is_deleted = True
        else:
            now = self.stored[key]
            is_in_conflict = self.born[key] != held.born or any(
                now[name] != held.read[name] and now[name] != held.values[name] for name in held.changed
            )
            if is_in_conflict and not force:
                with pytest.raises(ConflictError, match=held.product.id):
                    held.product.save()
                return
            held.product.save(force=force)
            now.update({name: copy.deepcopy(held.values[name]) for name in held.changed})
            held.read, held.values, held.born = copy.deepcopy(now), copy.deepcopy(now), self.born[key]

    @rule(held=held)
    def reload(self, held: Held) -> None:
        key = held.product.id.removeprefix("acme:")
        if held.is_deleted:
            with pytest.raises(DeletedObjectError, match=held.product.id):
                held.product.reload()
        elif held.born is None or held.changed:
            with pytest.raises(ValueError, match="has not been saved"):
                held.product.reload()
        elif key not in self.stored:
            with pytest.raises(DeletedObjectError, match=held.product.id):
                held.product.reload()
            held.is_deleted = True
        else:
            held.product.reload()
            held.read, held.born = copy.deepcopy(self.stored[key]), self.born[key]
            held.values = copy.deepcopy(held.read)

    @rule(held=consumes(held))
    def delete(self, held: Held) -> None:
        key = held.product.id.removeprefix("acme:")
        if held.born is None:
            self.all.remove(held)
            return
        if held.is_deleted or key not in self.stored:
            with pytest.raises(DeletedObjectError, match=held.product.id):
                held.product.delete()
        else:
            held.product.delete()
            del self.stored[key], self.born[key]
        held.is_deleted = True

    @rule(id=st.sampled_from(IDS))
    def delete_by_id(self, id: str) -> None:
        assert Product.delete(id, catalog=self.catalog) is (id in self.stored)
        self.stored.pop(id, None)
        self.born.pop(id, None)

    @rule(held=held, force=st.booleans())
    def save_and_roll_back(self, held: Held, force: bool) -> None:
        stored, born = copy.deepcopy(self.stored), dict(self.born)
        before = (held.born, held.is_deleted, copy.deepcopy(held.read), copy.deepcopy(held.values))
        with pytest.raises(ZeroDivisionError):
            self.save_then_fail(held, force)
        self.stored, self.born = stored, born
        held.born, held.is_deleted, held.read, held.values = before

    def save_then_fail(self, held: Held, force: bool) -> None:
        with self.catalog.transaction():
            self.do_save(held, force)
            raise ZeroDivisionError

    @invariant()
    def the_catalog_holds_what_was_saved(self) -> None:
        found = {
            product.id.removeprefix("acme:"): {name: getattr(product, name) for name in ATTRIBUTES}
            for product in Product.search(catalog=self.catalog)
        }
        assert found == self.stored

    @invariant()
    def the_objects_hold_what_was_set(self) -> None:
        for held in self.all:
            assert {name: getattr(held.product, name) for name in ATTRIBUTES} == held.values
            state = "modified" if held.changed else "saved"
            expected = "deleted" if held.is_deleted else "unsaved" if held.born is None else state
            assert held.product.state == expected


checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=examples(70), stateful_step_count=25, derandomize=True, deadline=None, suppress_health_check=checks
)


@pytest.mark.campaign
class TestManyHistories(Histories.TestCase):
    settings = settings(
        max_examples=1200, stateful_step_count=30, derandomize=True, deadline=None, suppress_health_check=checks
    )
