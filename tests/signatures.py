"""Writes localcat/models/signatures.py from the declarations of the attributes: ``python -m tests.signatures``."""

from __future__ import annotations

import importlib
import typing
from pathlib import Path
from typing import Any

import localcat
from localcat import ClassBand, GenericBand, Image, MaskBand, MicrowaveBand, Product, SpectralBand
from localcat.models.attributes.scalars import Attribute, Settable

MODULE = Path(localcat.__file__).parent / "models" / "signatures.py"
KINDS = (Product, SpectralBand, MicrowaveBand, MaskBand, ClassBand, GenericBand, Image)
HOMES = ("given", "values", "processing")  # in models/attributes; where the names of types are declared
HEADER = '''"""What the constructors take by name, for type checkers and editors.

Written by `python -m tests.signatures` from the declarations of the attributes; do not edit.
"""

from __future__ import annotations

from typing import TypedDict

'''


def given_to(kind: type) -> Any:
    """Return what may be assigned to a kind of attribute: the second parameter of `Settable`, as the kind fills it."""
    for base in getattr(kind, "__orig_bases__", ()):
        origin, parameters = typing.get_origin(base), typing.get_args(base)
        if isinstance(origin, type) and issubclass(origin, Settable) and not isinstance(parameters[-1], typing.TypeVar):
            return parameters[-1]
    return next(filter(None, (given_to(base) for base in kind.__bases__ if issubclass(base, Attribute))), None)


def aliases() -> list[tuple[Any, str, str]]:
    """Return the types that are declared for assignments, each with its name and its module."""
    modules = [importlib.import_module(f"localcat.models.attributes.{home}") for home in HOMES]
    return [
        (getattr(module, name), name, module.__name__)
        for module in modules
        for name, hint in module.__annotations__.items()
        if hint == "TypeAlias"
    ]


def render() -> str:
    """Return the module: for each class that can be made a TypedDict of its attributes, with and without the id."""
    known = aliases()
    imports: dict[str, set[str]] = {"localcat.models.product": {"Product"}}
    classes = []
    for kind in KINDS:
        lines = [f"class {kind.__name__}Attributes(TypedDict, total=False):"]
        lines += [f'    """What a `{kind.__name__}` is made of, but for its id."""', ""]
        for name, attribute in kind._attributes.items():
            if not attribute.readonly and name != "id":
                given = given_to(type(attribute))
                given = getattr(given, "__forward_arg__", given)  # an alias whose parts are imported for types alone
                named = [(name, home) for alias, name, home in known if alias == given]
                shown = named[0][0] if named else given.__name__
                for name_of_type, home in named[:1]:
                    imports.setdefault(home, set()).add(name_of_type)
                lines.append(f"    {name}: {shown} | None")
        if "product_id" in kind._attributes:
            lines.append("    product: Product | None")
        classes.append("\n".join(lines))
        lines = [f"class {kind.__name__}Values({kind.__name__}Attributes, total=False):"]
        classes.append("\n".join([*lines, f'    """What a `{kind.__name__}` is made of."""', "", "    id: str | None"]))
    imported = "\n".join(map(import_of, sorted(imports), map(imports.__getitem__, sorted(imports))))
    return HEADER + imported + "\n\n\n" + "\n\n\n".join(classes) + "\n"


def import_of(home: str, names: set[str]) -> str:
    """Return an import as the formatter writes it."""
    line = f"from {home} import {', '.join(sorted(names))}"
    if len(line) <= 120:
        return line
    return f"from {home} import (\n" + "".join(f"    {name},\n" for name in sorted(names)) + ")"


if __name__ == "__main__":
    MODULE.write_text(render(), encoding="utf-8", newline="\n")
