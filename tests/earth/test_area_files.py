"""Areas of interest in files and strings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely

from localcat import AOI
from localcat.errors import BadRequestError, InvalidGeometryError

SQUARE = shapely.box(10, 47, 11, 48)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("area.geojson", json.dumps(SQUARE.__geo_interface__)),
        ("area.json", json.dumps({"type": "Feature", "geometry": SQUARE.__geo_interface__, "properties": {}})),
        ("area.wkt", f"\n {SQUARE.wkt}\n"),
        ("area.TXT", SQUARE.wkt),
    ],
)
def test_an_area_is_read_from_a_text(tmp_path: Path, name: str, content: str):
    (tmp_path / name).write_text(content, encoding="utf-8-sig")
    area = AOI.from_file(tmp_path / name, resolution=60, crs="EPSG:32632")
    assert area.bounds == (10, 47, 11, 48)
    assert area.geometry.equals(SQUARE)
    assert area.resolution == 60


def test_several_features_are_one_area(tmp_path: Path):
    features = [
        {"type": "Feature", "geometry": shapely.box(west, 0, west + 1, 1).__geo_interface__, "properties": None}
        for west in (0, 5)
    ]
    (tmp_path / "two.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert AOI.from_file(tmp_path / "two.geojson").bounds == (0, 0, 6, 1)


def test_well_known_binary(tmp_path: Path):
    (tmp_path / "area.wkb").write_bytes(shapely.to_wkb(SQUARE))
    assert AOI.from_file(str(tmp_path / "area.wkb")).bounds == (10, 47, 11, 48)


def test_other_formats_come_through_pyogrio_into_longitude_and_latitude(tmp_path: Path):
    raw = pytest.importorskip("pyogrio.raw", reason="pyogrio is not installed")
    import numpy

    square = numpy.array([shapely.to_wkb(shapely.box(500_000, 5_000_000, 600_000, 5_100_000))], dtype=object)
    raw.write(
        tmp_path / "utm.gpkg", square, [], numpy.array([], dtype=object), geometry_type="Polygon", crs="EPSG:32632"
    )
    west, south, east, north = AOI.from_file(tmp_path / "utm.gpkg").bounds
    assert (west, round(south, 3), round(east, 3), round(north, 3)) == (9.0, 45.146, 10.293, 46.054)


def test_a_string_is_geojson_or_wkt():
    assert AOI.from_text("POLYGON ((10 47, 11 47, 11 48, 10 47))").bounds == (10, 47, 11, 48)
    assert AOI.from_text('{"type": "Point", "coordinates": [10, 47]}').geometry == shapely.Point(10, 47)


@pytest.mark.parametrize(
    ("name", "content", "error", "reason"),
    [
        ("none.geojson", None, BadRequestError, "none.geojson' cannot be read: No such file"),
        ("a.geojson", b'{"type": "Polygon", ', InvalidGeometryError, "a.geojson is not GeoJSON"),
        ("a.wkt", b"POLYGON ((", InvalidGeometryError, "is not the well-known text of a geometry"),
        ("a.wkt", b"\xff\xfe", InvalidGeometryError, "is not text in UTF-8"),
        ("a.wkb", b"abc", InvalidGeometryError, "is not the well-known binary of a geometry"),
        (
            "a.wkb",
            bytes.fromhex("010800000000000000"),
            InvalidGeometryError,
            "the well-known binary .*Nonlinear",
        ),
        ("a.wkb", bytes.fromhex("010700000001000000") * 70, InvalidGeometryError, "nested more than 64 levels deep"),
        ("a.geojson", b"{}", InvalidGeometryError, "is not a geometry"),
    ],
)
def test_what_is_no_area_is_refused(tmp_path: Path, name, content, error, reason):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=reason):
        AOI.from_file(tmp_path / name)


def test_a_huge_file_is_not_read(tmp_path: Path):
    with (tmp_path / "huge.geojson").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    with pytest.raises(BadRequestError, match="too many for an area; simplify it below 64 MiB"):
        AOI.from_file(tmp_path / "huge.geojson")
