"""The plugin of pytest, as other projects use it: in processes of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOWNSTREAM = ROOT / "tests" / "downstream"
PLUGIN = "localcat.testing.plugin"


def python(*words: object, cwd: Path, **environment: str) -> str:
    """Run Python on a project; return what it prints, or fail with that."""
    path = os.pathsep.join((str(ROOT), environment.pop("PYTHONPATH", "")))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "LOCALCAT"))}
    ended = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env={**inherited, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def run_pytest(project: Path, *words: object, plugin: bool = True, **environment: str) -> str:
    named = ["-p", PLUGIN] if plugin else []
    return python("-m", "pytest", "-q", "-p", "no:cacheprovider", *named, *words, cwd=project, **environment)


def project_of(folder: Path, code: str, *settings: str) -> Path:
    (folder / "pytest.ini").write_text("\n".join(["[pytest]", "addopts = --strict-config", *settings]))
    (folder / "test_it.py").write_text(code)
    return folder


def test_a_project_with_four_workers_passes(tmp_path: Path) -> None:
    output = run_pytest(DOWNSTREAM / "with_pytest", "-n", 4, "--dist", "load", NOTES=str(tmp_path))
    assert "27 passed" in output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gw0", "gw1", "gw2", "gw3"]


def test_a_project_with_unittest_passes() -> None:
    assert re.search(r"Ran 5 tests.*OK", python("-m", "unittest", cwd=DOWNSTREAM / "with_unittest"), re.DOTALL)


def test_it_is_found_by_its_entry_point_and_named_twice_is_one(tmp_path: Path) -> None:
    """An installed plugin, which a program names by ``-p`` and in ``pytest_plugins`` besides."""
    installed = tmp_path / "site" / "found-1.dist-info"
    installed.mkdir(parents=True)
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]["pytest11"]
    lines = ["[pytest11]", *(f"{name} = {module}" for name, module in points.items())]
    (installed / "entry_points.txt").write_text("\n".join(lines))
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: found\nVersion: 1\n")
    project = project_of(tmp_path, "def test_it(localcat_catalog):\n    assert localcat_catalog.org == 'test'\n")
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = ['{PLUGIN}']\n")
    site = str(tmp_path / "site")
    assert "1 passed" in run_pytest(project, plugin=False, PYTHONPATH=site)
    assert "1 passed" in run_pytest(project, plugin=True, PYTHONPATH=site)
    (tmp_path / "conftest.py").unlink()
    assert "1 passed" in run_pytest(project, plugin=False, PYTHONPATH=site)


HOME = """
import localcat

def test_home():
    assert localcat.Image.search().count() == 0
    assert localcat.default_catalog().path.name == "catalog.gpkg"
"""


def test_a_setting_allows_the_users_own_catalog(tmp_path: Path) -> None:
    project = project_of(tmp_path, HOME, "localcat_home = true")
    home = str(tmp_path / "home")
    assert "1 passed" in run_pytest(project, XDG_DATA_HOME=home)
    assert "1 passed" in run_pytest(project, XDG_DATA_HOME=home, LOCALCAT_NO_HOME="1")
    assert not Path(home).exists()


EARLY = """
import localcat
import pytest

try:
    found = localcat.Product.search().count()
except localcat.CatalogError as error:
    found = str(error)

@pytest.fixture
def refused():
    return found
"""


def test_the_users_own_catalog_is_forbidden_while_the_tests_are_collected(tmp_path: Path) -> None:
    project = project_of(tmp_path, "def test_it(refused):\n    assert 'localcat_catalog' in refused\n")
    (tmp_path / "conftest.py").write_text(EARLY)
    assert "1 passed" in run_pytest(project)


RUNS = """
import os
import sys

import pytest

assert pytest.main(["-q", "-p", "no:cacheprovider", "-p", "localcat.testing.plugin"]) == 0
assert "LOCALCAT_NO_HOME" not in os.environ
assert "numpy" not in sys.modules and "rasterio" not in sys.modules
"""


def test_a_run_that_uses_no_fixture_loads_next_to_nothing_and_leaves_no_trace(tmp_path: Path) -> None:
    project = project_of(tmp_path, "import os\n\ndef test_it():\n    assert os.environ['LOCALCAT_NO_HOME'] == '1'\n")
    assert "1 passed" in python("-c", RUNS, cwd=project)


OWN = """
import pytest

@pytest.fixture
def make_image():
    return "mine"

def test_it(make_image):
    assert make_image == "mine"
"""


def test_a_fixture_of_the_project_wins(tmp_path: Path) -> None:
    assert "1 passed" in run_pytest(project_of(tmp_path, OWN))


def test_it_can_be_left_out(tmp_path: Path) -> None:
    code = "import os\n\ndef test_it(request):\n    assert 'LOCALCAT_NO_HOME' not in os.environ\n"
    assert "1 passed" in run_pytest(project_of(tmp_path, code), "-p", f"no:{PLUGIN}", plugin=False)


def test_importing_it_imports_nothing_heavy() -> None:
    code = f"import sys, {PLUGIN}; print(*sorted(name for name in sys.modules if name.startswith('localcat')))"
    assert python("-c", code, cwd=ROOT).split() == [
        "localcat",
        "localcat._exports",
        "localcat.errors",
        "localcat.models",
        "localcat.models.backend",
        "localcat.testing",
        "localcat.testing.plugin",
    ]


@pytest.mark.parametrize("name", ["earth", "make_image", "make_raster", "pattern", "write_earth"])
def test_the_room_has_the_documented_names(name: str) -> None:
    import localcat.testing

    assert name in localcat.testing.__all__ == dir(localcat.testing)
    assert f"`{name}" in (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    assert callable(getattr(localcat.testing, name))


def test_the_room_has_no_other_names() -> None:
    import localcat.testing

    with pytest.raises(AttributeError, match="module 'localcat.testing' has no attribute 'moon'"):
        localcat.testing.moon  # noqa: B018  # reading the attribute is the test
