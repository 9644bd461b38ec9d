"""Images as one file: every format has the same images, all is there or nothing is, and memory is bounded."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import geopandas
import pyarrow
import pytest

from localcat import Catalog, Image
from localcat import properties as p
from localcat.errors import BadRequestError, StorageError
from tests.small_catalog import fill_guide, new_image


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    """Four images of the guide, and one that has a bit of everything."""
    product = fill_guide(catalog)
    image = new_image(product, "odd", cloud_fraction=0.1, geometry=(170, 0, -170, 5), tags=['a,"b"', "é\n2"])
    image.extra_properties = {"a": {"b": [1, None, True, "ü"]}, "line\r\nbreak": "\t"}
    image.save()
    return catalog


def test_geojson_is_what_a_search_says(filled: Catalog, tmp_path: Path) -> None:
    report = filled.to_file(tmp_path / "all.geojson", progress=False)
    text = (tmp_path / "all.geojson").read_bytes()
    assert json.loads(text) == json.loads(json.dumps(filled.images.to_geojson()))
    assert (report.images, report.size_bytes, report.format) == (5, len(text), "geojson")
    assert repr(report) == f"FileExport: 5 images, {len(text):,} bytes in '{tmp_path / 'all.geojson'}'"
    filled.to_file(tmp_path / "all.geojsonl", progress=False)
    lines = (tmp_path / "all.geojsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == json.loads(text)["features"]


@pytest.mark.parametrize("name", ["all.geojson", "all.geojsonl"])
def test_gdal_reads_geojson(filled: Catalog, tmp_path: Path, name: str) -> None:
    filled.to_file(tmp_path / name, columns=["name", "cloud_fraction"], progress=False)
    frame = geopandas.read_file(tmp_path / name)
    assert sorted(frame["name"]) == ["a", "b", "far", "nowhere", "odd"]
    assert frame.set_index("name")["cloud_fraction"]["odd"] == 0.1
    assert frame.set_index("name").geometry["far"].bounds == (10, 0, 12, 3)


@pytest.mark.parametrize(("name", "separator"), [("all.csv", ","), ("all.tsv", "\t")])
def test_csv_gives_every_value_back(filled: Catalog, tmp_path: Path, name: str, separator: str) -> None:
    filled.to_file(tmp_path / name, progress=False)
    with (tmp_path / name).open(encoding="utf-8", newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file, delimiter=separator)}
    for image in filled.images:
        row = rows[str(image.name)]
        assert row["id"] == image.id
        for attribute, value in image.serialize().items():
            cell = row[attribute]
            if attribute == "geometry":
                assert cell == image.geometry.wkt
            else:
                assert (cell if isinstance(value, str) else json.loads(cell)) == value, attribute
    assert rows["nowhere"]["acquired"] == ""


def test_arrow_opens_in_data_frames(filled: Catalog, tmp_path: Path) -> None:
    filled.to_file(tmp_path / "all.arrow", search=filled.images.filter(p.cloud_fraction < 0.5), progress=False)
    with pyarrow.ipc.open_file(tmp_path / "all.arrow") as file:
        frame = geopandas.GeoDataFrame.from_arrow(file.read_all())
    assert list(frame["name"]) == ["odd"]
    assert frame.crs == "OGC:CRS84"


def test_nothing_is_a_file_too(catalog: Catalog, tmp_path: Path) -> None:
    for name, content in (
        ("none.geojson", b'{"type": "FeatureCollection", "features": [\n]}\n'),
        ("none.geojsonl", b""),
        ("none.csv", b"id,name\r\n"),
    ):
        columns = ["id", "name"] if name.endswith("csv") else None
        assert catalog.to_file(tmp_path / name, columns=columns, progress=False).images == 0
        assert (tmp_path / name).read_bytes() == content


def test_an_open_file_is_written_to_and_stays_open(filled: Catalog) -> None:
    for made in ("geojson", "csv", "arrow", "arrows"):
        stream = io.BytesIO(b"")
        report = filled.to_file(stream, format=made, progress=False)
        assert not stream.closed
        assert (report.path, report.size_bytes) == (None, len(stream.getvalue()))


@pytest.mark.parametrize("name", ["all.geojson", "all.csv", "all.arrow"])
def test_a_file_is_there_whole_or_the_old_one_stays(
    filled: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(b"old")

    def full(self: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(StorageError, match="no room to write"):
            filled.to_file(tmp_path / name, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(Image._attributes["name"], "to_json", None)
        patch.setattr("localcat.tables.stream._batch", None)
        with pytest.raises(TypeError, match="not callable"):
            filled.to_file(tmp_path / name, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"old"


@pytest.mark.parametrize(
    ("dest", "options", "message"),
    [
        ("all.pdf", {}, "'.*all.pdf' has no suffix that says its format; end it with one of .geojson,"),
        ("all", {"format": "shp"}, "format is one of arrow, arrows, csv, geojson, geojsonl, tsv, not 'shp'"),
        ("", {}, "is a folder"),
        ("all.csv", {"columns": ["clouds"]}, "Image has no attribute 'clouds' for a column"),
        ("all.csv", {"columns": "name"}, "columns is a list of names of attributes"),
        ("all.arrow", {"columns": ["name", "name"]}, "column 'name' is named twice"),
        ("all.arrow", {"columns": []}, "columns is empty; name an attribute"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    catalog: Catalog, tmp_path: Path, dest: str, options: dict[str, Any], message: str
) -> None:
    options = {"format": "csv", **options} if not dest else options
    with pytest.raises(BadRequestError, match=message):
        catalog.to_file(tmp_path / dest, progress=False, **options)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadRequestError, match="an open file has no suffix"):
        catalog.to_file(io.BytesIO())
