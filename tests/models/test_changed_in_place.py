"""Lists and dictionaries of objects: what is put into them is checked at once (section 3.2 of the behaviour)."""

from __future__ import annotations

import copy
import json
import operator
import pickle

import pytest

from localcat import AttributeValidationError, Catalog, ClassBand, Image, Product, SpectralBand

IN_PLACE = {
    "append": lambda items, bad: items.append(bad),
    "extend": lambda items, bad: items.extend([items[0], bad]),
    "insert": lambda items, bad: items.insert(0, bad),
    "+=": lambda items, bad: operator.iadd(items, [bad]),
    "an item": lambda items, bad: operator.setitem(items, 0, bad),
    "a slice": lambda items, bad: operator.setitem(items, slice(0, 1), [bad]),
}
LISTS = {
    "tags": (Product, ["a"], 5),
    "readers": (Product, ["user:a"], "a"),
    "default_display_bands": (Product, ["a"], ""),
    "files": (Image, [{"href": "a"}], {"hreff": "b"}),
    "colormap": (ClassBand, [(0, 0, 0, 0)], (0, 0, 0, 256)),
    "class_labels": (ClassBand, ["a"], 5),
}


@pytest.mark.parametrize("way", IN_PLACE)
@pytest.mark.parametrize("name", LISTS)
def test_what_is_put_into_a_list_is_checked_at_once(product: Product, name: str, way: str) -> None:
    """3.2: of a new object, and of one that was read; nothing changes."""
    kind, good, bad = LISTS[name]
    given = {"id": "b"} if kind is Product else {"product": product, "name": "b"}
    if kind is ClassBand:
        given |= {"data_type": "Byte", "data_range": (0, 1), "band_index": 0}
    new = kind(**given, **({"name": "b"} if kind is Product else {}), **{name: good})
    new.save()
    for holder in (kind(**{name: good}), new, kind.get(new.id), copy.deepcopy(new), pickle.loads(pickle.dumps(new))):
        items = getattr(holder, name)
        with pytest.raises(AttributeValidationError, match=f"^{name}"):
            IN_PLACE[way](items, bad)
        assert getattr(holder, name) == good


DICTIONARIES = {
    "an entry": lambda entries, bad: operator.setitem(entries, "x", bad),
    "update": lambda entries, bad: entries.update({"y": 1, "x": bad}),
    "update by name": lambda entries, bad: entries.update(x=bad),
    "setdefault": lambda entries, bad: entries.setdefault("x", bad),
    "|=": lambda entries, bad: operator.ior(entries, {"x": bad}),
}


@pytest.mark.parametrize("way", DICTIONARIES)
def test_what_is_put_into_a_dictionary_is_checked_at_once(product: Product, way: str) -> None:
    """3.2."""
    product.extra_properties = {"a": 1}
    product.save()
    band = SpectralBand(processing_levels={"a": "toa"})
    for holder in (product, Product.get("guide"), copy.deepcopy(product), pickle.loads(pickle.dumps(product))):
        with pytest.raises(AttributeValidationError, match="^extra_properties .*'x'"):
            DICTIONARIES[way](holder.extra_properties, object())
        assert holder.extra_properties == {"a": 1}
    with pytest.raises(AttributeValidationError, match="^processing level '[xy]'"):
        DICTIONARIES[way](band.processing_levels, 5)
    assert band.processing_levels == {"a": "toa"}


def test_the_steps_of_a_level_are_checked_at_once(catalog: Catalog) -> None:
    """3.4."""
    band = SpectralBand(processing_levels={"toa": [{"function": "f"}]})
    for made in (band, copy.deepcopy(band), pickle.loads(pickle.dumps(band))):
        made.processing_levels["toa"].append({"function": "g"})
        assert made.processing_levels["toa"][1].function == "g"
        with pytest.raises(AttributeValidationError, match="^5 is no ProcessingStepAttribute"):
            made.processing_levels["toa"].append(5)


def test_lists_have_the_methods_of_lists(product: Product) -> None:
    """3.2: what is taken away needs no check; what is made of them is plain."""
    product.tags = ["b", "a", "c"]
    product.tags.sort()
    product.tags += ("d",)
    product.tags *= 1
    product.tags.remove("b")
    product.tags[:1] = ("e", "f")
    assert product.tags.pop() == "d"
    assert (product.tags, product.tags[1:]) == (["e", "f", "c"], ["f", "c"])
    made = [
        product.tags[:],
        copy.copy(product.tags),
        copy.deepcopy(product.tags),
        pickle.loads(pickle.dumps(product.tags)),
    ]
    assert [type(one) for one in made] == [list] * 4
    assert json.dumps(product.tags) == '["e", "f", "c"]'
    product.extra_properties = {"a": 1}
    product.extra_properties |= {"b": 2}
    assert product.extra_properties.setdefault("a", 5) == 1
    assert (product.extra_properties, type(copy.copy(product.extra_properties))) == ({"a": 1, "b": 2}, dict)


def test_serialized_lists_are_copies(product: Product) -> None:
    product.update(tags=["a"], extra_properties={"a": 1})
    document = product.serialize()
    document["tags"].append("b")
    document["extra_properties"]["b"] = 2
    assert (product.tags, product.extra_properties) == (["a"], {"a": 1})
