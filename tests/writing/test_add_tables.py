"""Tables of Arrow as images: the rules and the report of records, and values read by columns."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import BadRequestError, Catalog, DuplicateError, Image, ReadOnlyCatalogError
from localcat import properties as p
from localcat.errors import MissingLibraryError
from tests.drawing import examples
from tests.loads import outcome
from tests.small_catalog import fill_guide, make_product

pyarrow = pytest.importorskip("pyarrow")

BOX = shapely.to_wkb(shapely.box(10, 50, 11, 51))
SKY = {"product_id": ["x", "x"], "name": ["a", "b"]}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.create(tmp_path / "survey.gpkg", org="") as catalog:
        make_product("x", catalog=catalog)
        yield catalog


def test_a_table_becomes_images(catalog: Catalog) -> None:
    table = pyarrow.table(
        {
            **SKY,
            "acquired": pyarrow.array([datetime(2024, 5, 1, tzinfo=UTC), None], pyarrow.timestamp("us", "UTC")),
            "cloud_fraction": [0.25, None],
            "x_pixels": pyarrow.array([100, 200], pyarrow.int16()),
            "satellite_id": pyarrow.array(["L8", "L8"]).dictionary_encode(),
            "tags": [["red", "green"], None],
            "geotrans": [[500_000.0, 60, 0, 4_000_000, 0, -60], None],
            "geometry": [BOX, None],
            "files": [[{"href": "https://x.org/a.tif", "size_bytes": 7}], []],
        }
    )
    assert repr(catalog.add_images(table)) == "AddReport: 2 added, 0 replaced, 0 skipped, 0 failed"
    a, b = catalog.images.sort("name")
    assert (a.id, a.acquired, a.cloud_fraction, a.x_pixels) == ("x:a", datetime(2024, 5, 1, tzinfo=UTC), 0.25, 100)
    assert (a.satellite_id, a.tags, a.geotrans) == ("L8", ["red", "green"], (500_000, 60, 0, 4_000_000, 0, -60))
    assert a.geometry == shapely.box(10, 50, 11, 51)
    assert [(file.href, file.size_bytes) for file in a.files] == [("https://x.org/a.tif", 7)]
    assert (b.acquired, b.cloud_fraction, b.geometry, b.files, b.storage_state) == (None, None, None, None, "remote")
    assert catalog.images.intersects((10.5, 50.5, 12, 52)).ids() == ["x:a"]
    assert catalog.images.summary().bytes == 7
    assert catalog.verify().ok


def test_what_to_arrow_gives_comes_in_equal(catalog: Catalog, tmp_path: Path) -> None:
    fill_guide(catalog)
    Image(
        id="x:nested",
        catalog=catalog,
        extra_properties={"a": {"b": [1, None, True]}},
        radiance_gain_bias=((1.0, 2.0), (3.0, 4.0)),
    ).save()
    stored = catalog.images.filter(p.storage_state != "available")  # files of ours stay in their data folder
    with Catalog.create(tmp_path / "other.gpkg", org="") as other:
        for product in catalog.products:
            make_product(str(product.id), catalog=other)
        report = other.add_images(stored.to_arrow())
        assert (report.added, report.failed) == (stored.count(), [])
        left, right = (
            [
                {name: value for name, value in image.serialize().items() if name not in ("created", "modified")}
                for image in search.sort("id")
            ]
            for search in (stored, other.images)
        )
        assert left == right
        assert other.images.filter(p.name == "nested").first().extra_properties == {"a": {"b": [1, None, True]}}


@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb", "geopandas"])
def test_tables_of_other_programs(catalog: Catalog, library: str) -> None:
    module = pytest.importorskip(library)
    columns = {**SKY, "cloud_fraction": [0.5, 0.75]}
    if library == "duckdb":
        table = module.sql(
            "SELECT 'x' AS product_id, unnest(['a', 'b']) AS name, unnest([0.5, 0.75]) AS cloud_fraction"
        )
    elif library == "geopandas":
        table = module.GeoDataFrame(columns, geometry=[shapely.box(10, 50, 11, 51), None], crs="EPSG:4326")
    else:
        table = module.DataFrame(columns)
    assert catalog.add_images(table).added == 2
    assert [image.cloud_fraction for image in catalog.images.sort("name")] == [0.5, 0.75]
    if library == "geopandas":
        assert catalog.images.sort("name").first().geometry == shapely.box(10, 50, 11, 51)


def test_footprints_in_another_crs_are_transformed(catalog: Catalog) -> None:
    """Choice 22: a geometry whose own CRS is known is never read as degrees."""
    geopandas = pytest.importorskip("geopandas")
    place = shapely.box(500_000, 5_500_000, 501_000, 5_501_000)
    catalog.add_images(geopandas.GeoDataFrame(SKY, geometry=[place, None], crs="EPSG:32632"))
    assert catalog.images.sort("name").first().geometry.centroid.coords[0] == pytest.approx(
        (9.00695, 49.65704), abs=1e-4
    )


def test_geometries_of_another_encoding_are_refused(catalog: Catalog) -> None:
    points = pyarrow.field(
        "geometry", pyarrow.list_(pyarrow.float64(), 2), metadata={"ARROW:extension:name": "geoarrow.point"}
    )
    table = pyarrow.table(
        {**SKY, "geometry": [[1.0, 2.0], None]}, schema=pyarrow.schema([*pyarrow.table(SKY).schema, points])
    )
    with pytest.raises(BadRequestError, match="'geometry' is geoarrow.point; write it as well-known binary"):
        catalog.add_images(table)


def test_times_are_cut_to_microseconds(catalog: Catalog) -> None:
    """3.2: more than microseconds are cut, not rounded."""
    moments = pyarrow.array([1_999, -1], pyarrow.int64()).cast(pyarrow.timestamp("ns", "UTC"))
    catalog.add_images(pyarrow.table({**SKY, "acquired": moments}))
    assert [image.acquired for image in catalog.images.sort("name")] == [
        datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]


def test_extra_properties_are_structs_or_json(catalog: Catalog) -> None:
    catalog.add_images(pyarrow.table({**SKY, "extra_properties": [{"gsd": 10}, {"row": "7"}]}))
    catalog.add_images(
        pyarrow.table(
            {"product_id": ["x"], "name": ["c"], "extra_properties": ['{"gsd": null, "list": [1, {"a": 2}]}']}
        )
    )
    assert [image.extra_properties for image in catalog.images.sort("name")] == [
        {"gsd": 10},
        {"row": "7"},
        {"gsd": None, "list": [1, {"a": 2}]},
    ]


def test_conflicts_are_those_of_records(catalog: Catalog) -> None:
    first = pyarrow.table({**SKY, "cloud_fraction": [0.1, 0.2]})
    second = pyarrow.table({**SKY, "cloud_fraction": [0.3, 0.4]})
    catalog.add_images(first)
    with pytest.raises(DuplicateError, match=r"image 'x:a' \(record 0\) already exists; nothing was added"):
        catalog.add_images(second)
    assert catalog.add_images(second, on_conflict="skip").skipped == 2
    assert catalog.add_images(second, on_conflict="replace").replaced == 2
    assert [image.cloud_fraction for image in catalog.images.sort("name")] == [0.3, 0.4]


class Foreign:
    """A batch of another library, which has the protocol alone."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __arrow_c_array__(self, requested_schema: object = None) -> Any:
        return self._array.__arrow_c_array__(requested_schema)


@pytest.mark.parametrize(
    "batch",
    [
        pyarrow.array([{"product_id": "x", "name": "a"}, {"product_id": "x", "name": "b"}]),
        Foreign(pyarrow.record_batch(SKY)),
        Foreign(pyarrow.StructArray.from_arrays([["x", "x"], ["a", "b"]], ["product_id", "name"])),
    ],
    ids=["structs", "rows of another library", "structs of another library"],
)
def test_batches_of_any_library_are_rows_among_records(catalog: Catalog, batch: Any) -> None:
    report = catalog.add_images([{"id": "x:c"}, batch, {"id": "x:d", "cloudy": 1}])
    assert (report.added, [(failed.index, failed.id) for failed in report.failed]) == (3, [(3, "x:d")])
    assert catalog.images.ids() == ["x:a", "x:b", "x:c"]


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (pyarrow.array([1, 2, 3]), r"a batch of type Int64Array cannot be read: .*"),
        (pyarrow.array([{"name": "a"}, None]), r"a batch of type StructArray cannot be read: .*"),
        (pyarrow.record_batch([["a"], ["b"]], ["name", "name"]), r"the table has two columns 'name'; leave one out"),
        (
            pyarrow.RecordBatch.from_arrays(
                [
                    pyarrow.StringArray.from_buffers(
                        2, pyarrow.py_buffer(struct.pack("<3i", 0, 1, 2)), pyarrow.py_buffer(b"\xff\xfe")
                    )
                ],
                ["name"],
            ),
            r"a batch of type RecordBatch cannot be read: .*UTF8.*",
        ),
    ],
    ids=["numbers", "a missing row", "a column twice", "text that is not UTF-8"],
)
def test_a_batch_that_has_no_rows_is_a_record_that_fails(catalog: Catalog, batch: Any, reason: str) -> None:
    report = catalog.add_images([batch, {"id": "x:c"}, {"id": "x:d", "cloudy": 1}])
    assert (report.added, [failed.index for failed in report.failed]) == (1, [0, 2])
    assert re.fullmatch(reason, str(report.failed[0].error), re.DOTALL)
    assert catalog.images.ids() == ["x:c"]


def test_a_stream_that_fails_adds_nothing(catalog: Catalog) -> None:
    schema = pyarrow.table(SKY).schema

    def batches() -> Iterator[Any]:
        yield pyarrow.record_batch(SKY)
        raise OSError("the cable was pulled")

    with pytest.raises(BadRequestError, match="the table cannot be read: .*the cable was pulled"):
        catalog.add_images(pyarrow.RecordBatchReader.from_batches(schema, batches()))
    assert catalog.images.count() == 0


def test_text_that_is_not_utf8_is_refused(catalog: Catalog) -> None:
    broken = pyarrow.StringArray.from_buffers(
        2, pyarrow.py_buffer(struct.pack("<3i", 0, 1, 2)), pyarrow.py_buffer(b"\xff\xfe")
    )
    with pytest.raises(BadRequestError, match="the table cannot be read: .*UTF8"):
        catalog.add_images(pyarrow.table({**SKY, "satellite_id": broken}))
    assert catalog.images.count() == 0


def test_columns_of_one_name_are_refused(catalog: Catalog) -> None:
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["name", "name"])
    with pytest.raises(BadRequestError, match="two columns 'name'; leave one out"):
        catalog.add_images(table)


def test_a_table_needs_pyarrow(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match="pyarrow is not installed.*for tables.*arrow"):
        catalog.add_images(pyarrow.table(SKY))


def test_a_catalog_that_can_only_be_read_looks_at_no_row(catalog: Catalog) -> None:
    with Catalog.open(catalog.path, read_only=True) as reading, pytest.raises(ReadOnlyCatalogError, match="read"):
        reading.add_images(pyarrow.table(SKY))


# The same as records

TIMES = [datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 1, 0, 0, 0, 7, tzinfo=UTC), None]
CROSSING = shapely.Polygon([(179, 0), (-179, 0), (-179, 1), (179, 0)])
SHAPES = [
    BOX,
    None,
    shapely.to_wkb(shapely.Point(1, 2)),
    shapely.to_wkb(shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])),
    shapely.to_wkb(shapely.box(0, 80, 1, 100)),
    shapely.to_wkb(shapely.Point(1, 2, 3), output_dimension=3),
    shapely.to_wkb(shapely.Polygon()),
    shapely.to_wkb(CROSSING),
    shapely.to_wkb(shapely.set_srid(shapely.Point(500_000, 5_500_000), 32632), include_srid=True),
    shapely.to_wkb(shapely.Point(0, 0).buffer(2, quad_segs=100)),
    struct.pack("<BII", 1, 7, 1) * 10_000,  # nested 10,000 levels deep
    BOX[:30],
    b"",
]
FILES = [
    None,
    [{"href": "https://x.org/a.tif", "size_bytes": 1, "hash": "ab", "owned": None}],
    [],
    [{"href": "a.tif", "size_bytes": None, "hash": None, "owned": False}] * 2,
    [{"href": None, "size_bytes": 1, "hash": None, "owned": None}],
    [{"href": "", "size_bytes": 1, "hash": None, "owned": None}],
    [{"href": "a\x00b", "size_bytes": 1, "hash": None, "owned": None}],
    [{"href": "a", "size_bytes": -1, "hash": None, "owned": None}],
    [{"href": "a", "size_bytes": 2**62, "hash": "ab", "owned": None}] * 2,
    [{"href": "a", "size_bytes": 1, "hash": "ab", "owned": True}],
]
FILE_TYPE = pyarrow.list_(
    pyarrow.struct(
        [
            ("href", pyarrow.string()),
            ("size_bytes", pyarrow.int64()),
            ("hash", pyarrow.string()),
            ("owned", pyarrow.bool_()),
        ]
    )
)
NAMES = ["a", "b", "c", "d", "", "a b", "é", "n" * 1500, "n" * 2001, None]
NUMBERS = [0.0, 0.5, 1.0, 1.5, -0.5, float("nan"), float("inf"), None]
WHOLE = [1, 0, -1, 100, 2**53 + 1, 2**63 - 1, None]
CHOICES: dict[str, list[tuple[Any, list[Any]]]] = {
    "product_id": [(pyarrow.string(), ["x", "x", "x", "y", "", " x", None])],
    "name": [(pyarrow.string(), NAMES), (pyarrow.large_string(), NAMES), (pyarrow.int8(), [1, None])],
    "id": [(pyarrow.string(), ["x:a", "x:b", "x:a", "y:a", "a", ":a", "x:", " x:a", None])],
    "product": [(pyarrow.string(), ["x", "y", None])],
    "acquired": [
        (pyarrow.timestamp("us", "UTC"), TIMES),
        (pyarrow.timestamp("ms", "Europe/Berlin"), [datetime(2024, 5, 1, tzinfo=UTC), None]),
        (pyarrow.timestamp("s"), [datetime(2024, 5, 1), None]),
        (pyarrow.date32(), [date(2024, 5, 1), None]),
        (pyarrow.string(), ["2024-05-01", "01.05.2024", "", None]),
    ],
    "acquired_end": [(pyarrow.timestamp("us", "UTC"), TIMES)],
    "cloud_fraction": [
        (pyarrow.float64(), NUMBERS),
        (pyarrow.float32(), NUMBERS),
        (pyarrow.int64(), [0, 1, 2, None]),
        (pyarrow.string(), ["0.5", "x", None]),
        (pyarrow.bool_(), [True, None]),
    ],
    "azimuth_angle": [(pyarrow.float64(), NUMBERS), (pyarrow.int64(), WHOLE)],
    "x_pixels": [
        (pyarrow.int64(), [1, 7, *WHOLE]),
        (pyarrow.uint64(), [1, 2**64 - 1, None]),
        (pyarrow.float64(), NUMBERS),
        (pyarrow.null(), [None]),
    ],
    "satellite_id": [
        (pyarrow.string(), ["L8", "a\x00b", "", "é", None]),
        (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), ["L8", "L9", None]),
        (pyarrow.string_view(), ["L8", None]),
        (pyarrow.int64(), [1, None]),
    ],
    "storage_state": [(pyarrow.string(), ["remote", None, "available", "lost"])],
    "tags": [(pyarrow.list_(pyarrow.string()), [["a", "b"], [], [None], ["x" * 1001], None])],
    "geotrans": [(pyarrow.list_(pyarrow.float64()), [[0.0, 1, 0, 0, 0, -1], [1.0], None])],
    "geometry": [
        (pyarrow.binary(), SHAPES),
        (pyarrow.large_binary(), SHAPES),
        (pyarrow.string(), ["POINT (1 2)", None]),
    ],
    "files": [
        (FILE_TYPE, FILES),
        (
            pyarrow.list_(pyarrow.struct([("href", pyarrow.string()), ("colour", pyarrow.string())])),
            [[{"href": "a", "colour": None}], None],
        ),
        (pyarrow.string(), ["a.tif", None]),
    ],
    "colour": [(pyarrow.string(), ["red", None])],
}


USUAL = [name for name in CHOICES if name not in ("id", "product", "colour")]


@st.composite
def tables(draw: Any) -> Any:
    """Return a table in which any value of one or two columns may be wrong, and no other."""
    count = draw(st.integers(1, 8))
    odd = draw(st.lists(st.sampled_from([*CHOICES]), min_size=1, max_size=2, unique=True))
    names = {"product_id", "name", *odd, *draw(st.sets(st.sampled_from(USUAL), max_size=5))}
    if "id" in names and draw(st.booleans()):
        names -= {"product_id", "name"}
    arrays = {}
    for name in sorted(names):
        kind, pool = draw(st.sampled_from(CHOICES[name] if name in odd else CHOICES[name][:1]))
        if name in odd:
            values = draw(st.lists(st.sampled_from(pool), min_size=count, max_size=count))
        elif name == "name":
            values = list("ijklmnop"[:count])
        else:
            values = draw(st.lists(st.sampled_from(pool[:2]), min_size=count, max_size=count))
        array = pyarrow.array([None, *values], kind)  # which is sliced off: offsets are not 0
        arrays[name] = array[1:]
    return pyarrow.table(arrays)


@pytest.mark.parametrize(("name", "which"), [(name, which) for name in CHOICES for which in range(len(CHOICES[name]))])
def test_each_value_of_a_column_is_judged_as_in_a_record(name: str, which: int) -> None:
    """One rule on every way in."""
    kind, values = CHOICES[name][which]
    columns = {"product_id": pyarrow.array(["x"] * len(values)), "name": [f"n{n}" for n in range(len(values))]}
    if name == "id":
        columns.clear()
    table = pyarrow.table({**columns, name: pyarrow.array([None, *values], kind)[1:]})  # whose offset is not 0
    assert outcome(table, "skip") == outcome(table.to_pylist(), "skip")


@settings(max_examples=examples(40))
@given(tables(), st.sampled_from(["error", "skip", "replace"]))
def test_a_table_is_what_its_rows_are_as_records(table: Any, on_conflict: str) -> None:
    """The same with several columns, so that wrong and right rows are between one another."""
    assert outcome(table, on_conflict) == outcome(table.to_pylist(), on_conflict)
