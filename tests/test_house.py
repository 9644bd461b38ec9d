"""The shape of the house: who may import whom, and what importing costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import localcat
from tests import house, stub


@pytest.mark.parametrize("module", house.files())
def test_no_import_points_upwards(module: str) -> None:
    """Imports for types count too; those of the contract's ring alone may point up, to public classes."""
    assert house.room_of(module) in house.FLOOR_OF, f"give {house.room_of(module)} a floor"
    for arrow in house.arrows():
        if arrow.source == module and arrow.is_upward():
            assert arrow.for_types, f"{arrow.source} imports {arrow.target}, which is above it"
            assert {house.room_of(arrow.source), house.room_of(arrow.target)} <= house.TYPES_RING, arrow
            assert all(name[0].isupper() for name in arrow.names), f"{arrow} goes through names that are not classes"


def test_rooms_of_one_floor_do_not_know_each_other() -> None:
    found = {(arrow.source, arrow.target) for arrow in house.arrows() if arrow.is_on_one_floor()}
    assert found == house.SAME_FLOOR.keys()
    assert len(house.SAME_FLOOR) <= 8
    assert all(house.SAME_FLOOR.values())


def test_modules_import_each_other_in_no_ring() -> None:
    assert house.rings(with_types=False) == []
    of_types = house.rings(with_types=True)
    assert len(of_types) == 1
    assert {house.room_of(module) for module in of_types[0]} == house.TYPES_RING


def test_every_room_has_a_floor_and_every_floor_its_rooms() -> None:
    assert sorted({house.room_of(module) for module in house.files()} ^ house.FLOOR_OF.keys()) == []


@pytest.mark.parametrize("room", house.INNER_FLOORS)
def test_rooms_inside_a_room_have_floors_too(room: str) -> None:
    floor = {inner: height for height, inner in enumerate(house.INNER_FLOORS[room])}
    for arrow in house.arrows():
        if arrow.source.startswith(f"{room}.") and arrow.target.startswith(f"{room}."):
            source, target = arrow.source.split(".")[1], arrow.target.split(".")[1]
            assert floor[target] <= floor[source], arrow


def test_the_house_stays_of_human_size() -> None:
    assert len(house.loose_modules()) <= house.MOST_LOOSE, house.loose_modules()
    assert [module for module in house.files() if house.lines_of(module) > house.MOST_LINES] == []
    assert house.longest_of("catalog") <= house.MOST_IN_A_VERB
    assert house.undocumented() == []


def test_no_two_files_of_a_room_have_one_name() -> None:
    assert house.twins() == []


def test_the_report_names_all_rooms() -> None:
    report = house.report()
    assert all(room in report for room in house.FLOOR_OF)
    assert "rings at run time: 0" in report


def test_the_stub_has_the_public_names() -> None:
    assert stub.STUB.read_text(encoding="utf-8") == stub.render(), "run python -m tests.stub"


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
Coverage CoveredPeriod FrozenChanges FrozenNotFoundError FrozenQuestion FrozenQuestions GapReport ImageSummaries Picture
AOI BadRequestError Catalog CatalogClosedError CatalogError CatalogExistsError CatalogLockedError
CatalogNotFoundError ClientError DefaultCatalogWarning
Collection CommitUnknownError ConflictError CorruptCatalogError CorruptImageError DLTile DownloadError DuplicateError
Expression FailedImagesWarning FileSystemWarning ForbiddenError GeoContext
GeoContextWarning GeometryWarning GoneError GridMismatchError ImageDeletedError
InvalidArrayError InvalidCRSError InvalidGeometryError LocalcatError LocalcatWarning MissingLibraryError NotFoundError
PointSeries PointStack PointValues ProcessingLevelWarning ProductNotFoundError Properties
Property QueryError QueryTimeoutError RasterError RasterWarning ReadOnlyCatalogError ReadOnlyCatalogWarning
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
        node.name: path.relative_to(house.PACKAGE).as_posix()
        for path in house.PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and re.fullmatch(r"[A-Z]\w*(Error|Warning)", node.name)
    }
    drawn = set(re.findall(r"^ *[│├└─ ]*(\w+(?:Error|Warning))\b", localcat.errors.__doc__, flags=re.MULTILINE))
    ours = {name for name, path in declared.items() if path == "errors.py"}
    assert set(declared.values()) == {"errors.py", "exceptions.py"}
    assert {name for name in declared if name not in ours} == set(ORIGINALS_ALONE)
    assert sorted(ours ^ drawn) == []
    assert sorted(ours - set(localcat.__all__)) == []


ORIGINALS_ALONE = {
    "AuthError": None,
    "ConfigError": None,
    "GatewayTimeoutError": 504,
    "MethodNotAllowedError": 405,
    "OauthError": None,
    "ProxyAuthenticationRequiredError": 407,
    "RateLimitError": 429,
    "RequestCancellationError": 499,
    "RetryWithError": 449,
    "UnauthorizedError": 401,
}


@pytest.mark.parametrize("name", ORIGINALS_ALONE)
def test_errors_that_only_a_server_raises_can_be_caught_and_are_never_raised(name: str) -> None:
    """Behaviour, 3.1: so that programs with ``except RateLimitError`` run."""
    from localcat import exceptions

    error = getattr(exceptions, name)
    assert error.status == ORIGINALS_ALONE[name]
    assert issubclass(error, exceptions.ServerError if name == "GatewayTimeoutError" else exceptions.ClientError)
    named = re.compile(rf"\b{name}\b")
    used = [path.name for path in house.PACKAGE.rglob("*.py") if named.search(path.read_text(encoding="utf-8"))]
    assert used == ["exceptions.py"]


def test_an_error_calls_itself_one_of_localcat() -> None:
    assert localcat.LocalcatError.__name__ == "LocalcatError"
    assert localcat.ClientError is localcat.LocalcatError
    assert issubclass(localcat.ImageDeletedError, localcat.DeletedObjectError)


def test_the_originals_modules_have_the_originals_names() -> None:
    from localcat import exceptions, geo

    assert set(geo.__all__) == {"AOI", "DLTile", "GeoContext", "XYZTile"}
    for name in set(exceptions.__all__) - set(ORIGINALS_ALONE):
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
    for path in house.PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("BEGIN"):
                begins[node.value].add(path.relative_to(house.PACKAGE).as_posix())
    assert begins["BEGIN"] == {"store/file/database.py"}, "which sees a state there, and writes nothing"
    assert "store/file/locking.py" in begins["BEGIN IMMEDIATE"]


def test_parameters_of_sql_have_no_numbers():
    """Python 3.12.0 to 3.12.3 takes ?1 for a name, and warns at each statement that a sequence came for it."""
    numbered = [
        path.name for path in house.PACKAGE.rglob("*.py") if re.search(r"\?\d", path.read_text(encoding="utf-8"))
    ]
    assert numbered == []
