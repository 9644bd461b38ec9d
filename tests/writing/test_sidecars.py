"""Metadata beside files: ODL, JSON and XML are read alike; hostile ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcat import BadRequestError, Catalog, Product
from localcat.writing.ingest.content import sidecars
from localcat.writing.ingest.content.sidecars import lookup, read_sidecar
from tests.scene_folders import tiny

FORMS = {
    "a.txt": 'GROUP = TOP\n  GROUP = ONE\n    CLOUDS = 5\n    NAME = "x y"\n  END_GROUP = ONE\nEND_GROUP = TOP\nEND\n',
    "a.json": '{"TOP": {"ONE": {"CLOUDS": 5, "NAME": "x y", "NONE": null}}}',
    "a.xml": '\ufeff<?xml version="1.0"?>\n<n:TOP xmlns:n="u"><n:ONE><CLOUDS unit="%">5</CLOUDS>'
    "<NAME>x y</NAME></n:ONE></n:TOP>",
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_told_apart_by_their_content(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(FORMS[name], encoding="utf-8")
    tree = read_sidecar(path)
    assert lookup(tree, "ONE.CLOUDS") == "5"
    assert lookup(tree, "CLOUDS") == "5"
    assert lookup(tree, "TOP.ONE.NAME") == "x y"
    assert [lookup(tree, key) for key in ("TOP", "TOP.NAME", "ONE.NONE", "ONE.CLOUDS.X", "")] == [None] * 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<a><b></a>", "is not XML that can be read"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares entities"),
        ('{"a": ', "is not JSON that can be read"),
        ("{" * 5, "is not JSON that can be read"),
        ("just words\n", "is no metadata that can be read: 'just words' is not KEY = value"),
    ],
)
def test_what_cannot_be_read_is_refused_and_said(catalog: Catalog, tmp_path: Path, text: str, message: str) -> None:
    scene = "LC08_L2SR_084024_20160111_20201016_02_T1"
    path = tmp_path / f"{scene}_MTL.txt"
    path.write_text(text)
    with pytest.raises(BadRequestError, match=message):
        read_sidecar(path)
    tiny(tmp_path / f"{scene}_SR_B4.TIF")
    (item,) = catalog.ingest(tmp_path, progress=False).items
    assert (item.outcome, item.acquired_from) == ("added", "pattern of recipe landsat-c2-l2-oli")
    assert any(message.split(":")[0] in note for note in item.notes)


def test_a_huge_one_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecars, "MAX_BYTES", 100)
    (tmp_path / "a.txt").write_text("A = 5\n" * 50)
    with pytest.raises(BadRequestError, match="has more than 100 bytes"):
        read_sidecar(tmp_path / "a.txt")


COLORS = {1: (0, 100, 0, 255), 2: (255, 187, 34, 255), 3: (0, 0, 255, 255)}
CATEGORIES = "<CategoryNames><Category/><Category>Forest</Category><Category>Field</Category></CategoryNames>"
RAT = """<GDALRasterAttributeTable tableType="thematic">
<FieldDefn index="0"><Name>Value</Name><Type>0</Type><Usage>5</Usage></FieldDefn>
<FieldDefn index="1"><Name>Count</Name><Type>0</Type><Usage>1</Usage></FieldDefn>
<FieldDefn index="2"><Name>Class_Name</Name><Type>2</Type><Usage>2</Usage></FieldDefn>
<Row index="0"><F>1</F><F>500</F><F>Forest</F></Row><Row index="1"><F>2</F><F>30</F><F>Field</F></Row>
</GDALRasterAttributeTable>"""
PLAIN_RAT = RAT.replace("<Usage>5</Usage>", "<Usage>0</Usage>").replace("<Usage>2</Usage>", "<Usage>0</Usage>")


@pytest.mark.parametrize("inner", [CATEGORIES, RAT, PLAIN_RAT])
def test_a_class_map_gets_its_colours_and_labels(catalog: Catalog, tmp_path: Path, inner: str) -> None:
    path = tiny(tmp_path / "in" / "landuse.tif", "uint8", value=1, colormap=COLORS)
    xml = f'<PAMDataset><PAMRasterBand band="1">{inner}</PAMRasterBand></PAMDataset>'
    path.with_name("landuse.tif.aux.xml").write_text(xml)
    report = catalog.ingest(tmp_path / "in", progress=False)
    (band,) = Product.get(report.items[0].product_id).bands()
    assert band.type == "class"
    assert band.class_labels == [None, "Forest", "Field"]
    assert band.colormap == [(0, 0, 0, 255), COLORS[1], COLORS[2], COLORS[3]]


def test_maps_with_other_colours_are_other_products(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "in" / "a.tif", "uint8", value=1, colormap=COLORS)
    tiny(tmp_path / "in" / "b.tif", "uint8", value=1, colormap={**COLORS, 1: (9, 9, 9, 255)})
    tiny(tmp_path / "in" / "c.tif", "uint8", value=1, colormap=COLORS)
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert [(item.name, item.product_id) for item in report.items] == [
        ("a", "acme:in"),
        ("b", "acme:in-1-byte"),
        ("c", "acme:in"),
    ]


def test_a_damaged_file_of_labels_is_passed_over(catalog: Catalog, tmp_path: Path) -> None:
    path = tiny(tmp_path / "in" / "landuse.tif", "uint8", value=1, colormap=COLORS)
    path.with_name("landuse.tif.aux.xml").write_text("<PAMDataset>")
    report = catalog.ingest(tmp_path / "in", progress=False)
    (band,) = Product.get(report.items[0].product_id).bands()
    assert (band.type, band.class_labels) == ("class", None)
