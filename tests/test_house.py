"""The shape of the house: who may import whom, and what importing costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import localcat

PACKAGE = Path(localcat.__file__).parent

# From the ground up; a module imports only from lower floors, or from its own room.
FLOORS = [
    {"errors", "forks", "json_text"},
    {"exceptions", "timestamps", "progress", "warn"},
    {"disk", "earth"},
    {"geo", "expressions", "rasters"},
    {"store"},
    {"models"},
    {"collection"},
    {"search"},
    {"reading", "writing", "maintenance"},
    {"sharing"},
    {"catalog"},
    {"client", "plot"},
    {"scenes", "demo"},
    {"cli"},
]
FLOOR_OF = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}


def imports_at_run_time(tree: ast.Module) -> list[str]:
    """Return the modules of localcat that a module imports, also inside functions, but not for annotations alone."""
    annotations = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in annotations:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "localcat":
            found += [f"localcat.{alias.name}" for alias in node.names if (PACKAGE / f"{alias.name}.py").exists()]
            found += [f"localcat.{alias.name}" for alias in node.names if (PACKAGE / alias.name).is_dir()]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            assert node.level == 0, "imports name the whole package"
    return [name for name in found if name.startswith("localcat.")]


def room_of(module: str) -> str:
    return module.split(".")[1]


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_import_points_upwards(path: Path) -> None:
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert room in FLOOR_OF, f"give {room} a floor"
    for module in imports_at_run_time(ast.parse(path.read_text(encoding="utf-8"))):
        other = room_of(module)
        is_allowed = FLOOR_OF[other] < FLOOR_OF[room] or other == room
        assert is_allowed, f"{room} (floor {FLOOR_OF[room]}) imports {module} (floor {FLOOR_OF[other]})"


def test_every_room_with_a_floor_is_there() -> None:
    rooms = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in MODULES}
    assert sorted(rooms ^ FLOOR_OF.keys()) == []


def test_modules_import_each_other_in_no_circle() -> None:
    graph = {}
    for path in MODULES:
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(("localcat", *(parts[:-1] if parts[-1] == "__init__" else parts)))
        graph[name] = set(imports_at_run_time(ast.parse(path.read_text(encoding="utf-8"))))
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name in done or name not in graph:
            return
        for other in sorted(graph[name]):
            if other != name and not name.startswith(f"{other}."):
                visit(other, (*above, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


HEAVY = ("numpy", "shapely", "rasterio", "click", "sqlite_utils", "dateutil", "tqdm", "rtree", "platformdirs")


def test_importing_localcat_loads_nothing_heavy() -> None:
    assert run(f"import localcat, sys; print([m for m in {HEAVY} if m in sys.modules])") == "[]"


def test_searching_without_a_place_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from localcat import Catalog, Product, SpectralBand, Image, properties as p\n"
        "with Catalog.temporary(org='a') as c:\n"
        "    Product(id='x', name='X', start_datetime='2020-01-01', catalog=c).save()\n"
        "    assert Product.search(catalog=c).filter(p.start_datetime < '2021-01-01').sort('name').count() == 1\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert run(code) == "[]"


def test_any_name_alone_finds_the_default_catalog(tmp_path: Path) -> None:
    for name in ("Image", "Product", "SpectralBand"):
        code = (
            f"import os; os.environ['LOCALCAT'] = {str(tmp_path / 'new.gpkg')!r}\n"
            f"from localcat import {name}; print({name}.search().count())"
        )
        assert run(code) == "0"
    assert list(tmp_path.iterdir()) == []


def test_importing_localcat_changes_no_global_state() -> None:
    code = (
        "import os, warnings, logging\n"
        "import click, dateutil.parser, numpy, rasterio.warp, shapely.geometry\n"  # theirs, not ours
        "before = (dict(os.environ), list(warnings.filters), logging.root.handlers[:], logging.root.level)\n"
        "import localcat; [getattr(localcat, name) for name in localcat.__all__]\n"
        "import localcat.writing, localcat.reading, localcat.cli\n"
        "after = (dict(os.environ), list(warnings.filters), logging.root.handlers[:], logging.root.level)\n"
        "print([b == a for b, a in zip(before, after)])"
    )
    assert run(code) == "[True, True, True, True]"


ORIGINAL = """
Product ProductCollection DeletionTaskStatus TaskState Band SpectralBand MicrowaveBand MaskBand ClassBand GenericBand
BandCollection BandType DataType Colormap DerivedParamsAttribute ProcessingLevelsAttribute ProcessingStepAttribute
Image ImageSearch ImageCollection ImageSummaryResult SummaryResult ResampleAlgorithm DownloadFileFormat ImageUpload
ImageUploadOptions ImageUploadType ImageUploadStatus ImageUploadEvent ImageUploadEventType ImageUploadEventSeverity
OverviewResampler Search GeoSearch SummarySearchMixin Interval AggregateDateField CatalogObject AuthCatalogObject
NamedCatalogObject CatalogClient DocumentState StorageState File Resolution ResolutionUnit AttributeValidationError
DeletedObjectError UnsavedObjectError properties
"""
OUR_OWN = """
AOI BadRequestError Catalog CatalogError CatalogExistsError CatalogLockedError CatalogNotFoundError ClientError
Collection CommitUnknownError ConflictError CorruptCatalogError CorruptImageError DLTile DownloadError DuplicateError
Expression FailedImagesWarning FileSystemWarning ForbiddenError GeoContext
GeoContextWarning GeometryWarning GoneError GridMismatchError ImageDeletedError
InvalidArrayError InvalidCRSError InvalidGeometryError LocalcatError LocalcatWarning NotFoundError
PointSeries PointValues ProductNotFoundError Properties Property
QueryError QueryTimeoutError RasterError RasterWarning ReadOnlyCatalogError ReadOnlyCatalogWarning
ServerError StorageError StorageFullError TooLargeError
UnknownPropertyError UnsafePathError UnsupportedCatalogError UntrustedCatalogError UploadError UploadOptionWarning
ValidationError XYZTile default_catalog set_default_catalog
"""


def test_the_public_names_are_the_documented_ones() -> None:
    documented = {*ORIGINAL.split(), *OUR_OWN.split()}
    assert sorted(set(localcat.__all__) ^ documented) == []


def test_every_error_and_warning_is_in_the_tree_and_public() -> None:
    """Whatever can reach a user is declared in errors.py, drawn in its tree and importable from localcat."""
    declared = {
        node.name: path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and re.fullmatch(r"[A-Z]\w*(Error|Warning)", node.name)
    }
    drawn = set(re.findall(r"^ *[│├└─ ]*(\w+(?:Error|Warning))\b", localcat.errors.__doc__, flags=re.MULTILINE))
    inner = {"store/damage/pages.py", "store/rtree/nodes.py"}  # a damaged page, caught by those who read pages
    declared = {name: module for name, module in declared.items() if module not in inner}
    assert set(declared.values()) == {"errors.py"}
    assert sorted(set(declared) ^ drawn) == []
    assert sorted(set(declared) - set(localcat.__all__)) == []


def test_an_error_calls_itself_one_of_localcat() -> None:
    assert localcat.LocalcatError.__name__ == "LocalcatError"
    assert localcat.ClientError is localcat.LocalcatError
    assert issubclass(localcat.ImageDeletedError, localcat.DeletedObjectError)


def test_the_originals_modules_have_the_originals_names() -> None:
    from localcat import exceptions, geo

    assert set(geo.__all__) == {"AOI", "DLTile", "GeoContext", "XYZTile"}
    for name in exceptions.__all__:
        assert getattr(exceptions, name) is getattr(localcat, name)


def test_public_names_are_sorted_and_all_there() -> None:
    assert localcat.__all__ == sorted(localcat.__all__)
    assert len(set(localcat.__all__)) == len(localcat.__all__)
    for name in localcat.__all__:
        assert getattr(localcat, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Prodct'"):
        localcat.Prodct  # noqa: B018  # reading the attribute is the test


def test_the_originals_exceptions_keep_their_codes_and_parents() -> None:
    """Behaviour, 3.1: all but ServerError are a ClientError; those of objects too, which is ours."""
    from localcat import exceptions as e

    codes = {e.BadRequestError: 400, e.NotFoundError: 404, e.ConflictError: 409, e.ForbiddenError: 403}
    codes |= {e.ValidationError: 422, e.GoneError: 410, e.ServerError: 500}
    for error, status in codes.items():
        assert (error.status, issubclass(error, e.ClientError)) == (status, error is not e.ServerError)
    assert issubclass(e.ValidationError, e.BadRequestError)
    assert issubclass(e.AttributeValidationError, ValueError)
    assert {error.__base__ for error in (e.DeletedObjectError, e.UnsavedObjectError)} == {e.ClientError}
    assert e.ClientError.__bases__ == e.ServerError.__bases__ == (Exception,)


def test_the_older_name_of_the_summary_is_kept() -> None:
    """Behaviour, 3.1."""
    assert localcat.SummaryResult is localcat.ImageSummaryResult


def test_modules_are_reached_without_an_import_of_their_own() -> None:
    """Behaviour, 3.1: as in ``import localcat; localcat.geo.AOI``."""
    code = "import localcat as dl; print(dl.geo.AOI.__name__, dl.exceptions.GoneError.status, dl.scenes.Scene.__name__)"
    assert run(code) == "AOI 410 Scene"


VALUES = {
    "BandType": "class spectral mask microwave generic",
    "DataType": "Byte UInt16 Int16 UInt32 Int32 Float32 Float64",
    "Colormap": "magma inferno plasma viridis cool hot coolwarm bwr gist_earth terrain cdl",
    "ResolutionUnit": "meters degrees",
    "StorageState": "available remote",
    "DocumentState": "saved modified unsaved deleted",
    "TaskState": "NONE RUNNING SUCCESS FAILURE",
    "ResampleAlgorithm": "near bilinear cubic cubicspline lanczos average mode max min med q1 q3",
    "DownloadFileFormat": "jpg png tif",
    "ImageUploadType": "ndarray file",
    "ImageUploadStatus": "transferring pending running success failure canceled",
    "ImageUploadEventType": "queue cancel run complete error timeout log usage",
    "ImageUploadEventSeverity": "CRITICAL ERROR WARNING INFO DEBUG",
    "OverviewResampler": "nearest average gauss cubic cubicspline lanczos average_mp average_magphase mode",
    "AggregateDateField": "acquired created modified published",
    "Interval": "year quarter month week day hour minute",
}


@pytest.mark.parametrize("name", VALUES)
def test_enumerations_have_the_originals_values(name: str) -> None:
    """Behaviour, 3.2 to 3.6, 3.9: members are texts, and equal theirs."""
    members = list(getattr(localcat, name))
    assert members == VALUES[name].split()
    assert all(isinstance(member, str) and str(member) == member.value for member in members)


def test_no_write_begins_as_a_read() -> None:
    """A deferred transaction that turns into a write fails where another program wrote in between."""
    begins = {"BEGIN": set(), "BEGIN IMMEDIATE": set()}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("BEGIN"):
                begins[node.value].add(path.relative_to(PACKAGE).as_posix())
    assert begins["BEGIN"] == {"store/file/database.py", "maintenance/verify.py"}, (
        "one sees a state, the other writes nothing"
    )
    assert "store/file/connection.py" in begins["BEGIN IMMEDIATE"]


def test_parameters_of_sql_have_no_numbers():
    """Python 3.12.0 to 3.12.3 takes ?1 for a name, and warns at each statement that a sequence came for it."""
    numbered = [path.name for path in PACKAGE.rglob("*.py") if re.search(r"\?\d", path.read_text(encoding="utf-8"))]
    assert numbered == []
