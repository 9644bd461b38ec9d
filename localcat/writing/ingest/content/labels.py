"""Colours and labels of class maps, from the file: its colour table, its names of categories, its attribute table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from localcat.disk.filesystem import is_file
from localcat.errors import ClientError
from localcat.writing.ingest.content.sidecars import Tree, read_sidecar

_LEGEND_LINE = re.compile(r"\s*(\d{1,5})\s*[:=,;\t ]\s*(\S.*?)\s*")
_LEGEND_TAGS = ("LEGEND", "CLASS_NAMES", "CATEGORIES")
_LABEL_COLUMNS = ("class_name", "class_names", "classname", "label", "labels", "name", "category", "class")
_VALUE_COLUMNS = ("value", "class_value", "id", "code")
_NAME_USAGE, _VALUE_USAGE = "2", "5"  # GDAL's GFU_Name and GFU_MinMax
_MOST = 65536  # values that have labels


@dataclass(frozen=True, slots=True)
class Codes:
    """What the values of a class map stand for.

    Parameters
    ----------
    colors : tuple of (int, int, int, int), optional
        By value, up to the last one with a colour of its own.
    labels : tuple of str or None, optional
        By value.
    """

    colors: tuple[tuple[int, int, int, int], ...] | None
    labels: tuple[str | None, ...] | None


_known: dict[Codes, Codes] = {}  # so that thousands of files of one map share their tables


def codes_of(
    path: Path, number: int, colormap: Mapping[int, tuple[int, int, int, int]] | None, tags: Mapping[str, str]
) -> Codes | None:
    """Return colours and labels of a band that has a colour table or labels; None if it has neither.

    Parameters
    ----------
    path : Path
        The file; an ``.aux.xml`` beside it is read for names of categories and an attribute table.
    number : int
        The band, from 1.
    colormap : mapping, optional
        The file's colour table.
    tags : mapping
        The file's metadata; some producers put the legend there.
    """
    labels = _labels_beside(path, number) or _labels_in(tags)
    if colormap is None and not labels:
        return None
    colors = None if colormap is None else _trimmed_colors(colormap, labels)
    codes = Codes(colors, _by_value(labels) if labels else None)
    if len(_known) > 1000:
        _known.clear()
    return _known.setdefault(codes, codes)


def _trimmed_colors(
    colormap: Mapping[int, tuple[int, int, int, int]], labels: Mapping[int, str]
) -> tuple[tuple[int, int, int, int], ...]:
    """Return the colours by value, without the black ones at the end that only fill the table."""
    last = max((value for value, color in colormap.items() if color[:3] != (0, 0, 0) or value in labels), default=0)
    return tuple(tuple(colormap.get(value, (0, 0, 0, 0))) for value in range(last + 1))  # type: ignore[misc]


def _by_value(labels: Mapping[int, str]) -> tuple[str | None, ...]:
    return tuple(labels.get(value) for value in range(max(labels) + 1))


def _labels_in(tags: Mapping[str, str]) -> dict[int, str]:
    """Return the labels of a legend in the metadata, a line a value: ``10  Tree cover``."""
    found = {key.upper(): text for key, text in tags.items()}
    for tag in _LEGEND_TAGS:
        labels = {}
        for line in re.split(r"[\r\n|]+", found.get(tag, "")):
            match = _LEGEND_LINE.fullmatch(line)
            if match is not None and int(match[1]) < _MOST:
                labels[int(match[1])] = match[2]
        if labels:
            return labels
    return {}


def _labels_beside(path: Path, number: int) -> dict[int, str]:
    """Return the labels in the file that GDAL and desktop programs write beside a raster."""
    sidecar = path.with_name(f"{path.name}.aux.xml")
    if not is_file(sidecar):
        return {}
    with suppress(ClientError):  # of a damaged one nothing is known; the pixels are what counts
        root = read_sidecar(sidecar).get("PAMDataset", [{}])[0]
        for band in root.get("PAMRasterBand", []) if isinstance(root, dict) else []:
            if isinstance(band, dict) and band.get("@band", ["1"])[0] == str(number):
                return _categories(band) or _attribute_table(band)
    return {}


def _categories(band: Tree) -> dict[int, str]:
    for group in band.get("CategoryNames", []):
        if isinstance(group, dict):
            names = enumerate(group.get("Category", []))
            return {value: name for value, name in names if isinstance(name, str) and name.strip() and value < _MOST}
    return {}


def _attribute_table(band: Tree) -> dict[int, str]:
    for table in band.get("GDALRasterAttributeTable", []):
        if not isinstance(table, dict):
            continue
        columns = [column for column in table.get("FieldDefn", []) if isinstance(column, dict)]
        value_at = _column(columns, _VALUE_USAGE, _VALUE_COLUMNS)
        name_at = _column(columns, _NAME_USAGE, _LABEL_COLUMNS)
        if name_at is None:
            continue
        labels = {}
        for position, row in enumerate(table.get("Row", [])):
            fields = row.get("F", []) if isinstance(row, dict) else []
            value = str(position) if value_at is None else str(fields[value_at]) if value_at < len(fields) else ""
            with suppress(ValueError):
                if name_at < len(fields) and str(fields[name_at]).strip() and 0 <= float(value) < _MOST:
                    labels[int(float(value))] = str(fields[name_at]).strip()
        return labels
    return {}


def _column(columns: list[Tree], usage: str, names: tuple[str, ...]) -> int | None:
    """Return the position of the column of a usage, or else of a name."""

    def text(column: Tree, key: str) -> str:
        return str(column.get(key, [""])[0]).strip()

    by_usage = (at for at, column in enumerate(columns) if text(column, "Usage") == usage)
    by_name = (at for at, column in enumerate(columns) if text(column, "Name").lower() in names)
    return next(by_usage, next(by_name, None))
