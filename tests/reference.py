"""Writes docs/attributes.md from the declarations of the attributes: ``python -m tests.reference``."""

from __future__ import annotations

from pathlib import Path

from localcat import ClassBand, GenericBand, Image, ImageUpload, MaskBand, MicrowaveBand, Product, SpectralBand
from localcat.models.attributes.scalars import Attribute

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "attributes.md"
KINDS = (Product, SpectralBand, MicrowaveBand, MaskBand, ClassBand, GenericBand, Image, ImageUpload)
HEADER = """# Attributes

Every attribute of every class, as the code declares it. *Filter* and *sort* mark those that the original documents so;
localcat filters and sorts by every attribute that is a string, a number, a time or a boolean. It filters lists by their
items and `extra_properties` by key. *Set* says how often you can set it: once (immutable), never (the
catalog does), or, if empty, as often as you like.
"""


def row(attribute: Attribute) -> str:
    kept = "never" if attribute.readonly else "once" if attribute.immutable else ""
    marks = ("yes" if attribute.filterable else "", "yes" if attribute.sortable else "", kept)
    needed = " Required." if attribute.required else ""
    return f"| `{attribute.name}` | {attribute.type_name} | {' | '.join(marks)} | {attribute.doc}{needed} |"


def render() -> str:
    parts = [HEADER]
    bands: set[str] = set()
    for kind in KINDS:
        attributes = kind._attributes
        title, shown = kind.__name__, list(attributes.values())
        if "sort_order" in attributes and bands:
            shown = [attribute for attribute in shown if attribute.name not in bands]
            title += " (beside those of every band, above)"
        elif "sort_order" in attributes:
            bands = set(attributes) - {name for name, attribute in attributes.items() if _is_spectral(attribute)}
        parts.append(f"\n## {title}\n\n| name | type | filter | sort | set | |\n|---|---|---|---|---|---|\n")
        parts.append("\n".join(row(attribute) for attribute in shown) + "\n")
    return "".join(parts)


def _is_spectral(attribute: Attribute) -> bool:
    return SpectralBand.__dict__.get(attribute.name) is attribute


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
