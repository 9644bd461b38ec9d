"""The floor plan of the package, read from its imports: ``python -m tests.house`` prints it."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import localcat

PACKAGE = Path(localcat.__file__).parent

# From the ground up; a module imports only from lower floors, or from its own room. Imports for types count too.
FLOORS = [
    {"errors", "forks", "json_text", "utils", "_exports"},
    {"exceptions", "timestamps", "progress"},
    {"disk", "earth"},
    {"geo", "expressions", "rasters"},
    {"store"},
    {"models"},
    {"tables"},
    {"collection"},
    {"search"},
    {"reading", "writing", "maintenance", "history"},
    {"interop", "plot"},
    {"sharing"},
    {"catalog"},
    {"client"},
    {"scenes", "demo", "serve"},
    {"cli", "testing"},
]
FLOOR_OF = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}

# Inside a room of rooms the same holds, from the ground up; modules of the room itself stand between its rooms.
INNER_FLOORS = {
    "rasters": ["files", "warping", "reading", "writing"],
    "cli": ["words", "door", "piping", "opening", "output", "completing", "choosing", "commands"],
    "store": [
        *(
            "asking",
            "file",
            "clauses",
            "stamps",
            "properties",
            "rtree",
            "indexes",
            "query",
            "states",
            "rows",
            "frozen",
            "unread",
        ),
        *("packed", "catalog_file"),
        "damage",
    ],
}

# Imports for types alone that point upwards: `Image.search()` returns an `ImageSearch` whose results are `Image`s.
TYPES_RING = {"models", "search", "collection"}
SAME_FLOOR: dict[tuple[str, str], str] = {}  # (module, imported module): the reason; at most 8

MOST_LOOSE, MOST_LINES, MOST_UNDOCUMENTED = 14, 600, 60
FACADES = {"catalog", "models.image", "collection.images"}  # classes whose methods are a docstring and a call each
MOST_IN_A_VERB = 8


@dataclass(frozen=True)
class Arrow:
    """An import of one module of the package by another."""

    source: str  # without the "localcat." in front
    target: str
    names: tuple[str, ...]
    for_types: bool

    def is_upward(self) -> bool:
        """Return whether it points to a higher floor."""
        return FLOOR_OF[room_of(self.target)] > FLOOR_OF[room_of(self.source)]

    def is_on_one_floor(self) -> bool:
        """Return whether it points into another room of the same floor."""
        rooms = room_of(self.source), room_of(self.target)
        return rooms[0] != rooms[1] and FLOOR_OF[rooms[0]] == FLOOR_OF[rooms[1]]


def room_of(module: str) -> str:
    """Return the room, or the loose module, at the top of the package."""
    return module.partition(".")[0]


def name_of(path: Path) -> str:
    """Return the dotted name of a file, without the package's."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def files() -> dict[str, Path]:
    """Return all modules but the package itself, by name."""
    found = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
    del found[""]
    found.pop("__main__", None)  # a door of the package, as __init__ is
    return found


@cache
def tree_of(module: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(files()[module].read_text(encoding="utf-8"))


@cache
def arrows() -> list[Arrow]:
    """Return all imports inside the package: at the top of modules, inside functions, and for types."""
    return [arrow for module in files() for arrow in _arrows_of(module)]


def _arrows_of(module: str) -> Iterator[Arrow]:
    tree = tree_of(module)
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("localcat.") for alias in node.names), f"{module}: use from … import"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "localcat":
            assert node.level == 0, f"{module}: imports name the whole package"
            home = str(node.module).removeprefix("localcat").removeprefix(".")
            for alias in node.names:
                inner = f"{home}.{alias.name}".removeprefix(".")
                target = inner if inner in files() else home
                if target:  # else a name of the package itself, such as __version__
                    yield Arrow(module, target, (alias.name,), id(node) in for_types)


def rings(*, with_types: bool) -> list[list[str]]:
    """Return the groups of modules that import each other in a circle (Tarjan's strongly connected components)."""
    graph = {
        module: sorted(
            {
                arrow.target
                for arrow in arrows()
                if arrow.source == module and (with_types or not arrow.for_types) and arrow.target != module
            }
        )
        for module in files()
    }
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in graph[module]:
            if other not in order:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == order[module]:
            ring = list(itertools.takewhile(lambda one: one != module, reversed(stack)))
            del stack[-len(ring) - 1 :]
            if ring:
                found.append(sorted([*ring, module]))

    for module in graph:
        if module not in order:
            visit(module)
    return found


def loose_modules() -> list[str]:
    """Return the modules that lie at the top of the package, in no room."""
    return [module for module, path in files().items() if path.parent == PACKAGE]


def lines_of(module: str) -> int:
    """Return how many lines a module has; of a facade without the docstrings, which are its purpose."""
    lines = len(files()[module].read_text(encoding="utf-8").splitlines())
    if module not in FACADES:
        return lines
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef)
    firsts = [
        node.body[0] for node in ast.walk(tree_of(module)) if isinstance(node, holders) and ast.get_docstring(node)
    ]
    return lines - sum((first.end_lineno or 0) - first.lineno + 1 for first in firsts)


def longest_of(module: str) -> int:
    """Return how many lines the longest function of a module has below its signature and its docstring."""
    functions = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.FunctionDef)]
    bodies = [node.body[1:] if ast.get_docstring(node) else node.body for node in functions]
    return max((body[-1].end_lineno or 0) - body[0].lineno + 1 for body in bodies if body)


def undocumented() -> list[str]:
    """Return the functions of more than 60 lines without a docstring."""
    return [
        f"{module}.{node.name}"
        for module in files()
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.FunctionDef)
        and (node.end_lineno or 0) - node.lineno > MOST_UNDOCUMENTED
        and ast.get_docstring(node) is None
    ]


def twins() -> list[str]:
    """Return the names that two files of one room have, in whichever of its inner rooms."""
    names = [
        (room_of(module), path.name)
        for module, path in files().items()
        if path.name != "__init__.py" and path.parent != PACKAGE
    ]
    return sorted({"/".join(name) for name in names if names.count(name) > 1})


def report() -> str:
    """Return the plan as text."""
    largest = max(files(), key=lines_of)
    between = {(room_of(arrow.source), room_of(arrow.target)) for arrow in arrows()}
    lines = [f"{height:>3}  {'  '.join(sorted(rooms))}" for height, rooms in reversed(list(enumerate(FLOORS)))]
    lines += [
        "",
        f"modules: {len(files())}, lines: {sum(map(lines_of, files())):,}, largest: {largest} ({lines_of(largest)})",
        f"rooms: {len(FLOOR_OF) - len(loose_modules())}, loose modules: {len(loose_modules())} (at most {MOST_LOOSE})",
        f"arrows between rooms: {sum(one != other for one, other in between)}, from {len(arrows())} imports, of which "
        f"{sum(arrow.for_types for arrow in arrows())} are for types",
        f"arrows upwards at run time: {sum(arrow.is_upward() and not arrow.for_types for arrow in arrows())}",
        f"rings at run time: {len(rings(with_types=False))}",
        f"rings for types: {len(rings(with_types=True))} (one may be: {', '.join(sorted(TYPES_RING))})",
        *(f"  {', '.join(ring)}" for ring in rings(with_types=True)),
        f"same-floor exceptions: {len(SAME_FLOOR)} (at most 8)",
        f"functions above {MOST_UNDOCUMENTED} lines without docstring: {len(undocumented())}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())
