"""The tests keep their own order: folders like the rooms, no test module below another, no error without its words."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import localcat
from localcat import errors

TESTS = Path(__file__).resolve().parent
PACKAGE = Path(localcat.__file__).parent


@functools.cache
def modules() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(TESTS.rglob("test_*.py"))}


def test_folders_are_named_like_the_rooms() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir()}
    folders = {path.parent.name for path in TESTS.glob("*/test_*.py")}
    assert sorted(folders - rooms - {"campaigns", "systems"}) == []


def test_a_test_module_imports_helpers_alone() -> None:
    found = []
    for path, tree in modules().items():
        imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        others = [name for name in imported if ".test_" in name]
        if path.parent.name != "campaigns":
            others += [name for name in imported if name.startswith("tests.campaigns")]
        found += [f"{path.relative_to(TESTS)}: {name}" for name in others]
    assert found == []


def raising(tree: ast.Module) -> Iterator[tuple[ast.Call, bool]]:
    """Yield each ``with pytest.raises(...)``, and whether it gives a name to what was raised."""
    for node in ast.walk(tree):
        for item in node.items if isinstance(node, ast.With) else ():
            call = item.context_expr
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.raises":
                yield call, item.optional_vars is not None


def test_errors_of_ours_are_recognised_by_their_words() -> None:
    """Any error of the class would do otherwise."""
    ours = {name for name in vars(errors) if name.endswith("Error")}
    wordless = [
        f"{path.relative_to(TESTS)}:{call.lineno}"
        for path, tree in modules().items()
        for call, is_named in raising(tree)
        if not is_named and not any(keyword.arg == "match" for keyword in call.keywords)
        if {node.id for node in ast.walk(call) if isinstance(node, ast.Name)} & ours
    ]
    assert wordless == []
