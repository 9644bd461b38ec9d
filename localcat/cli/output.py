"""What the commands print: a table for people; JSON, CSV, GeoJSON and ids for programs.

The words are those of sqlite-utils: ``--csv``, ``--tsv``, ``--nl``, ``--no-headers``, ``--table``, ``--fmt``.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import functools
import itertools
import json
import math
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from localcat.cli.door import styled
from localcat.cli.words import in_words_of_the_shell
from localcat.errors import BadRequestError, printable

if TYPE_CHECKING:
    from localcat import Image

Row = Mapping[str, Any]

FORMATS = ("table", "json", "nl", "csv", "tsv", "geojson", "ids")
_SUFFIXES = {".json": "json", ".ndjson": "nl", ".jsonl": "nl", ".csv": "csv", ".tsv": "tsv", ".geojson": "geojson"}
_TEXTS = ("", ".txt", ".text", ".md", ".rst", ".html", ".tex")  # of files in which a table is no surprise
_LOOKED_AT = 1024  # bytes of a file that is to be replaced; files that are not text have a zero among them
_MEASURED = 1000  # rows that decide how wide the columns of a table are; those behind them have to fit
_ADVICE = frozenset({"advice", "error", "notes", "why_read_only"})  # what messages of reports are called
_NARROWEST = 8  # characters of a column that is made narrower
_WHOLE = 24  # characters of a value that is shown whole or not at all, as a time is
_GAP = "  "
_EXACT = 12  # characters of a number that is shown with all its digits
_LARGE = 10_000  # whole numbers from which on people need separators; years do not


@dataclass(frozen=True)
class Output:
    """Where and how a command prints what it found.

    Parameters
    ----------
    format : str
        One of ``table``, ``json``, ``nl``, ``csv``, ``tsv``, ``geojson``, ``ids`` and ``files``.
    columns : tuple of str
        Which attributes, if the user named some.
    path : str, optional
        A file; the output of the program when left out.
    has_header : bool
        Whether a table, CSV and TSV begin with the names.
    fmt : str, optional
        A layout of the library tabulate, for a table.
    """

    format: str
    columns: tuple[str, ...]
    path: str | None
    has_header: bool
    fmt: str | None

    def objects(self, found: Iterable[Any], kinds: Sequence[type[Any]], shown: Sequence[str]) -> int:
        """Print catalog objects; return how many.

        Parameters
        ----------
        found : iterable
            Products, bands, images or uploads.
        kinds : sequence of type
            Their classes, whose attributes can be columns.
        shown : sequence of str
            The columns of a table and of CSV, unless the user chose others.
        """
        for name in self.columns:
            require_attribute(name.partition(".")[0], kinds)
        if self.format == "geojson":
            if "geometry" not in kinds[0].ATTRIBUTES:
                raise click.UsageError("only images can be written as GeoJSON")
            return self.lines(_geojson(found, self._is_escaped))
        if self.format == "ids":
            return self.lines(str(item.id) for item in found)
        if self.format in ("json", "nl") and not self.columns:
            return self.rows(({"id": item.id, **item.serialize()} for item in found), ())
        columns = self.columns or tuple(shown)
        return self.rows(({name: _value_of(item, name) for name in columns} for item in found), columns)

    def rows(self, rows: Iterable[Row], columns: Sequence[str]) -> int:
        """Print rows; return how many.

        Parameters
        ----------
        rows : iterable of mapping
            Values by column.
        columns : sequence of str
            The columns; those of the first row when it is empty.
        """
        if self.columns and tuple(columns) != self.columns:
            rows, columns = ({name: row.get(name) for name in self.columns} for row in rows), self.columns
        if self.format == "geojson":
            raise click.UsageError("only images can be written as GeoJSON")
        if self.format == "ids":
            return self.lines(str(row["id"]) for row in rows)
        if self.format in ("json", "nl"):
            return self.lines(_json_lines(rows, self._is_escaped, nl=self.format == "nl"))
        rows = iter(rows)
        first = list(itertools.islice(rows, _MEASURED))
        names = list(columns or (first[0] if first else ()))
        everything = itertools.chain(first, rows)
        if self.format in ("csv", "tsv"):
            return self.lines(_separated(everything, names, self.format, self.has_header)) - self.has_header
        if self.fmt is not None:
            return self.lines(_tabulated(list(everything), names, self.fmt, self.has_header))
        lines = _table(first, rows, names, self.width, has_header=self.has_header)
        return self.lines(lines, is_safe=True) - (2 if self.has_header and first else 0)

    def lines(self, lines: Iterable[str], *, is_safe: bool = False) -> int:
        """Print lines; return how many.

        On a terminal a stranger's text is escaped, unless it is known to be safe. Into a pipe or a file it goes as it
        is: `click.echo` would take out what looks like a colour.
        """
        number, is_seen = 0, self._is_seen
        with self._opened() as stream:
            for line in lines:
                if is_safe:
                    click.echo(line, file=stream)
                else:
                    stream.write("\t".join(map(printable, line.split("\t"))) if is_seen else line)
                    stream.write("\n")
                number += 1
        return number

    @property
    def _is_seen(self) -> bool:
        return self.path is None and sys.stdout.isatty()

    @property
    def width(self) -> int | None:
        """How many columns the terminal has; None where the output goes to a pipe or a file."""
        return shutil.get_terminal_size().columns if self._is_seen else None

    @property
    def _is_escaped(self) -> bool:
        return self.path is None and _lacks_letters()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[TextIO]:
        if self.path is None:
            yield sys.stdout
            return
        path = Path(self.path)
        if path.is_file():
            with path.open("rb") as old:
                if b"\0" in old.read(_LOOKED_AT):  # a catalog, say, or an image
                    raise BadRequestError(f"'{path}' is not a text file and is not replaced; choose another name")
        with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            yield stream


def _lacks_letters() -> bool:
    """Return whether the output has not all letters; JSON escapes them, where they would be replaced."""
    return not sys.stdout.encoding.lower().replace("-", "").startswith("utf8")


def print_json(document: Any) -> None:
    """Print a report as JSON, with its advice as commands."""
    click.echo(json.dumps(_with_advice(document), ensure_ascii=_lacks_letters()))


def _with_advice(value: Any, *, is_advice: bool = False) -> Any:
    """Return a report with its messages in the words of the shell; ids, paths and all else stay as they are."""
    if isinstance(value, dict):
        return {name: _with_advice(one, is_advice=name in _ADVICE) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_with_advice(one, is_advice=is_advice) for one in value]
    return in_words_of_the_shell(value) if is_advice and isinstance(value, str) else value


def prints(*, formats: Sequence[str] = FORMATS) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what gives a command the options of its output; it gets them as `out`."""

    def decorated(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def called(**values: Any) -> None:
            chosen, path, fmt = values.pop("chosen_format"), values.pop("output"), values.pop("fmt", None)
            made = chosen or _format_of(path, formats)
            if path is None and fmt and chosen not in (None, "table"):
                raise click.UsageError(f"--fmt is about tables, not about --{chosen}")
            names = tuple(name for given in values.pop("column") for name in given.split(",") if name)
            function(out=Output(made, names, path, not values.pop("no_headers", False), fmt), **values)

        for option in reversed([*_flags(formats), _COLUMN, *(_OF_TABLES if "table" in formats else ()), _OUTPUT]):
            called = option(called)
        return called

    return decorated


def _format_of(path: str | None, formats: Sequence[str]) -> str:
    """Return the format that a file's name asks for; a table where there is none."""
    suffix = Path(path or "").suffix.lower()
    found = _SUFFIXES.get(suffix, "table")
    if found not in (*formats, "table") or (found == "table" and suffix not in _TEXTS):
        ends = ", ".join(end for end, one in _SUFFIXES.items() if one in formats)
        flags = ", ".join(_HELP[one][0] for one in formats)
        raise click.UsageError(f"'{path}' names no format; end it with {ends}, or choose one of {flags}")
    return found


_HELP = {
    "table": ("--table", "-t", "A table; so it is without a choice."),
    "json": ("--json", None, "JSON, one array."),
    "nl": ("--ndjson", "--nl", "JSON, one object a line."),
    "csv": ("--csv", None, "CSV."),
    "tsv": ("--tsv", None, "CSV with tabs."),
    "geojson": ("--geojson", None, "GeoJSON, with footprints."),
    "ids": ("--ids", None, "Ids, one a line, as other commands take them from a pipe."),
    "files": ("--files", None, "Paths of their files, one a line, for other programs."),
}
_COLUMN = click.option("--column", "-c", multiple=True, metavar="NAME", help="Only this attribute; may be repeated.")
_OF_TABLES = (
    click.option("--no-headers", is_flag=True, help="Without the names of the columns."),
    click.option("--fmt", metavar="NAME", help="A table in a layout of tabulate: github, grid, html, latex …"),
)
_OUTPUT = click.option(
    "--output", "-o", type=click.Path(dir_okay=False), help="Write to a file; its suffix is the format."
)


def _flags(formats: Sequence[str]) -> list[Callable[[Any], Any]]:
    flags = []
    for name in formats:
        long, short, text = _HELP[name]
        words = (long, *((short,) if short else ()))
        flags.append(click.option(*words, "chosen_format", flag_value=name, help=text))
    return flags


# Values


def require_attribute(name: str, kinds: Sequence[type[Any]]) -> None:
    """Refuse a column that none of some classes of objects has."""
    known = [attribute for kind in kinds for attribute in kind.ATTRIBUTES]
    if name not in known:
        from localcat.expressions.fields import nearest  # only for a mistake

        raise BadRequestError(f"{kinds[0].__name__} has no attribute {name}{nearest(name, known)}")


def _value_of(item: Any, name: str) -> Any:
    """Return an attribute, or what it has under a key: ``extra_properties.crew``."""
    attribute, _, key = name.partition(".")
    value = getattr(item, attribute, None) if attribute in item.ATTRIBUTES else None
    if attribute == "geometry":
        return None if value is None else value.__geo_interface__
    return value.get(key) if key and isinstance(value, Mapping) else value


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such numbers
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return {"$base64": True, "encoded": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Iterable):
        return [plain(inner) for inner in value]
    if isinstance(value, date):
        return value.isoformat()
    return {"value": value.value, "unit": plain(value.unit)} if hasattr(value, "unit") else str(value)


def cell(value: Any) -> str:
    """Return a value as people read it, in one line."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
        return text.removesuffix(" 00:00:00")
    if isinstance(value, float):
        return _digits(value)
    if isinstance(value, int) and abs(value) >= _LARGE:
        return f"{value:,}"
    if isinstance(value, bytes):
        return f"({len(value):,} bytes)"
    made = plain(value)
    if isinstance(made, dict) and list(made) == ["value", "unit"]:  # a resolution
        return f"{_digits(made['value'])} {made['unit']}"
    if isinstance(made, list) and made and all(isinstance(one, float | int) for one in made):
        return f"[{', '.join(map(_digits, made))}]"
    return printable(made if isinstance(made, str) else json.dumps(made, ensure_ascii=False))


def _digits(value: float) -> str:
    """Return a number as short as people need it: whole if it is short enough, else its first six digits."""
    text = repr(value).removesuffix(".0")
    return text if len(text) <= _EXACT else f"{value:.6g}"


# Lines


def _json_lines(rows: Iterable[Row], is_escaped: bool, *, nl: bool) -> Iterator[str]:
    documents = (json.dumps(plain(row), allow_nan=False, ensure_ascii=is_escaped) for row in rows)
    if nl:
        yield from documents
        return
    before: str | None = None
    for document in documents:
        if before is not None:
            yield f"{before},"
        before = f"{'[' if before is None else ' '}{document}"
    yield "[]" if before is None else f"{before}]"


def _geojson(images: Iterable[Image], is_escaped: bool) -> Iterator[str]:
    from localcat.collection.features import feature_of  # not needed for the other formats

    yield '{"type": "FeatureCollection", "features": ['
    before: str | None = None
    for image in images:
        if before is not None:
            yield f"{before},"
        before = json.dumps(feature_of(image), ensure_ascii=is_escaped)
    yield f"{before or ''}]}}"


def _separated(rows: Iterable[Row], names: Sequence[str], format: str, has_header: bool) -> Iterator[str]:
    lines: list[str] = []

    class Line:
        @staticmethod
        def write(text: str) -> None:
            lines.append(text)

    writer = csv.writer(Line, dialect="excel-tab" if format == "tsv" else "excel", lineterminator="")
    if has_header and names:
        writer.writerow(names)
    for row in rows:
        writer.writerow([_flat(row.get(name)) for name in names])
        yield from lines
        lines.clear()
    yield from lines


def _flat(value: Any) -> Any:
    made = plain(value)
    return json.dumps(made, ensure_ascii=False) if isinstance(made, dict | list) else made


def _tabulated(rows: Sequence[Row], names: Sequence[str], fmt: str, has_header: bool) -> Iterator[str]:
    from tabulate import tabulate, tabulate_formats  # not needed for the other formats, and slow

    if fmt not in tabulate_formats:
        raise click.BadParameter(f"{fmt!r} is not one of {', '.join(tabulate_formats)}", param_hint="'--fmt'")
    cells = [[cell(row.get(name)) for name in names] for row in rows]
    yield from tabulate(cells, list(names) if has_header else (), tablefmt=fmt, disable_numparse=True).splitlines()


def _table(
    first: Sequence[Row], rest: Iterable[Row], names: list[str], width: int | None, *, has_header: bool
) -> Iterator[str]:
    """Yield the lines of a table; narrower columns, and at last fewer, where it would be wider than the terminal."""
    cells = [[cell(row.get(name)) for name in names] for row in first]
    if not cells:
        return
    heads = names if has_header else [""] * len(names)
    wide = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    widths = [max(one, _width(head)) for one, head in zip(wide, heads, strict=True)]
    if width is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widths = _fitted([*map(_width, heads)], wide, width)
    is_number = [all(not value or _is_number(value) for value in column) for column in zip(*cells, strict=True)]
    if has_header:
        yield styled(_line(names, widths, is_number, width), bold=True)
        yield _GAP.join("-" * wide for wide in widths)
    for values in cells:
        yield _line(values, widths, is_number, width)
    for row in rest:
        yield _line([cell(row.get(name)) for name in names], widths, is_number, width)


def _fitted(heads: Sequence[int], values: Sequence[int], limit: int) -> list[int]:
    """Return the widths of columns that fit: long ones are made narrower, then the last ones left out.

    The first column says which row it is, and keeps most. Times and numbers are no use without their ends.
    """
    wide = [max(pair) for pair in zip(heads, values, strict=True)]
    least = [one if one <= _WHOLE else _NARROWEST for one in values]
    least = [max(one, min(head, _NARROWEST)) for one, head in zip(least, heads, strict=True)]
    first = min(wide[0], max(limit * 2 // 5, _NARROWEST))
    for count in range(len(wide), 0, -1):
        others, room = wide[1:count], limit - len(_GAP) * (count - 1)
        while first + sum(others) > room:
            widest = max((one for one, low in zip(others, least[1:], strict=False) if one > low), default=None)
            if widest is None:
                break
            at = next(at for at, one in enumerate(others) if one == widest and one > least[at + 1])
            others[at] -= 1
        else:
            return [min(wide[0], room - sum(others)), *others]
    return [min(wide[0], max(limit, 1))]


def _line(values: Sequence[str], widths: Sequence[int], is_number: Sequence[bool], limit: int | None) -> str:
    parts = [
        _padded(value if limit is None else _cut(value, wide), wide, right=right)
        for value, wide, right in zip(values, widths, is_number, strict=False)
    ]
    return _GAP.join(parts).rstrip()


def clipped(text: str, wide: int) -> str:
    """Return a text without its end, if it is wider than so many columns of a terminal."""
    return text if _width(text) <= wide else f"{_begun(text, wide - 1)}…"


def _padded(text: str, wide: int, *, right: bool) -> str:
    space = " " * max(0, wide - _width(text))
    return space + text if right else text + space


def _cut(text: str, wide: int) -> str:
    """Return a text with its middle left out, if it is too wide: both ends of an id tell more than its middle."""
    if _width(text) <= wide:
        return text
    return f"{_begun(text, wide // 2)}…{_ended(text, wide - 1 - wide // 2)}"


def _begun(text: str, wide: int) -> str:
    """Return the first characters of a text that are together at most so wide."""
    end, used = 0, 0
    while end < len(text) and used + _width(text[end]) <= wide:
        used += _width(text[end])
        end += 1
    return text[:end]


def _ended(text: str, wide: int) -> str:
    """Return the last characters of a text that are together at most so wide."""
    start, used = len(text), 0
    while start and used + _width(text[start - 1]) <= wide:
        used += _width(text[start - 1])
        start -= 1
    while start < len(text) and not _width(text[start]):  # an accent belongs to the letter before it
        start += 1
    return text[start:]


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).lstrip("-").replace("e-", "").replace("e+", "").isdigit()
