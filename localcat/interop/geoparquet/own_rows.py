"""Images as rows, many at once: most images of a product have Items that differ in a few values alone.

Images with the same attributes set, and the same kinds of files, have one pattern. The Item of one of them, as
`stac_item` makes it, says what is the same in all; the rest is put in column by column. Images with extra properties,
and with what an Item cannot say in its usual place, are odd: each has an Item of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy
import pyarrow
import pyarrow.compute as compute
import shapely

from localcat.earth.geometry import from_wkb
from localcat.interop.geoparquet.item_rows import CORNERS
from localcat.interop.stac.assets import OWN, Layout, has_own_fields
from localcat.interop.stac.values import VALUES
from localcat.models.attributes.scalars import Integer, Number, Text
from localcat.models.image import Image
from localcat.tables.columns import column_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LIMITS: Final = {value.attribute: value.limits for value in VALUES if value.limits is not None}
_PROPERTIES: Final = {value.attribute: value.property for value in VALUES}
_APART: Final = {"id", "product_id", "storage_state", "files", "extra_properties"}
_GRID: Final = ("cs_code", "projection", "geotrans", "x_pixels", "y_pixels")
_SIMPLE: Final = (Number, Integer, Text)
_MOST_FILES = 12  # of an image whose pattern is a number of 64 bits
_PRECISION = pyarrow.decimal128(38, 30)  # of percents

READ: Final = (*[name for name in Image._attributes if name not in _APART], "extra_properties")
"""The attributes that rows are made of; files come separately."""


@dataclass(slots=True)
class Chunk:
    """Some images of one product.

    Parameters
    ----------
    ids : list of int
        Their row ids.
    columns : dict of arrays
        Their attributes, but for those that none of them has.
    owners : ndarray
        Of each file the position of its image.
    places : ndarray
        Of each file its position in the image.
    files : dict of lists
        The files: owned, href, size_bytes, hash, provider_id, provider_href.
    is_here : ndarray
        Of each image whether its files are on this machine.
    bounds : ndarray of shape (image, 4), optional
        West, south, east and north of the footprints, NaN where there is none; None if no image has one.
    percents : Array, optional
        The cloud fractions in percent; None if no image has one.
    is_inexact : ndarray, optional
        Which of the fractions are not what their percents mean.
    """

    ids: list[int]
    columns: dict[str, pyarrow.Array]
    owners: NDArray[numpy.int64]
    places: NDArray[numpy.int64]
    files: dict[str, Sequence[Any]]
    is_here: NDArray[numpy.bool_]
    bounds: NDArray[numpy.float64] | None = None
    percents: pyarrow.Array | None = None
    is_inexact: NDArray[numpy.bool_] | None = None


def chunk_of(found: Sequence[tuple[Any, ...]], files: Sequence[tuple[Any, ...]], available: Container[int]) -> Chunk:
    """Return images of rows as `hydrate` yields them, with the attributes of `READ`, and of their files.

    `available` are the row ids of those whose files are on this machine.
    """
    ids, _, *values = zip(*found, strict=True)
    columns = {}
    for name, stored in zip(READ, values, strict=True):
        if stored.count(None) < len(stored):
            columns[name] = column_of(name, Image._attributes[name]).array(stored)
    at = {row_id: position for position, row_id in enumerate(ids)}
    parts = [*zip(*files, strict=True)] or [()] * 7
    owners = numpy.array([at[row_id] for row_id in parts[0]], dtype=numpy.int64)
    begins = numpy.searchsorted(owners, numpy.arange(len(ids)))
    places = numpy.arange(len(owners)) - begins[owners] if len(owners) else owners
    names = ("owned", "href", "size_bytes", "hash", "provider_id", "provider_href")
    is_here = numpy.array([row_id in available for row_id in ids], dtype=bool)
    chunk = Chunk(list(ids), columns, owners, places, dict(zip(names, parts[1:], strict=True)), is_here)
    if "geometry" in columns:
        chunk.bounds = shapely.bounds(from_wkb(values[READ.index("geometry")]))
    if "cloud_fraction" in columns:
        fractions = columns["cloud_fraction"]
        chunk.percents = moved(fractions, 2)
        chunk.is_inexact = _true(compute.not_equal(moved(chunk.percents, -2), fractions))
    return chunk


@dataclass(slots=True)
class Patterns:
    """Which images of a chunk have the same pattern.

    Parameters
    ----------
    codes : ndarray
        Of each image the position of its pattern in `keys`; −1 for odd ones.
    keys : list
        What tells one pattern of a product from the others, in other chunks as well.
    firsts : list of int
        The position of the first image of each.
    """

    codes: NDArray[numpy.int64]
    keys: list[tuple[Any, ...]]
    firsts: list[int]


def patterns_of(chunk: Chunk) -> Patterns:
    """Return the patterns of images: which attributes are set, in which CRS, with which kinds of files."""
    count = len(chunk.ids)
    is_odd = numpy.zeros(count, dtype=bool)
    attributes = numpy.zeros(count, dtype=numpy.int64)
    for name, column in chunk.columns.items():
        is_set = column.is_valid().to_numpy(zero_copy_only=False)
        attributes |= is_set.astype(numpy.int64) << READ.index(name)
        is_odd |= _is_odd(name, column, is_set)
    codes = chunk.columns.get("cs_code", pyarrow.nulls(count, pyarrow.string())).dictionary_encode()
    crs = codes.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    words = [*codes.dictionary.to_pylist(), None]
    is_inexact = numpy.zeros(count, dtype=bool) if chunk.is_inexact is None else chunk.is_inexact
    if chunk.bounds is not None:
        is_odd |= chunk.bounds[:, 2] - chunk.bounds[:, 0] >= 359  # which may be split at the antimeridian
    kinds = _kinds_of_files(chunk, is_odd)
    joined = numpy.zeros(count, dtype=numpy.int64)
    for one in (attributes, crs, is_inexact, kinds):
        _, values = numpy.unique(one, return_inverse=True)
        _, joined = numpy.unique(joined * (int(values.max(initial=0)) + 1) + values, return_inverse=True)
    plain = numpy.flatnonzero(~is_odd)
    _, firsts, found = numpy.unique(joined[plain], return_index=True, return_inverse=True)
    where = plain[firsts].tolist()
    keys = [(int(attributes[at]), words[int(crs[at])], bool(is_inexact[at]), int(kinds[at])) for at in where]
    numbers = numpy.full(count, -1, dtype=numpy.int64)
    numbers[plain] = found
    return Patterns(numbers, keys, where)


def _is_odd(name: str, column: pyarrow.Array, is_set: NDArray[numpy.bool_]) -> NDArray[numpy.bool_]:
    if name in _LIMITS:
        low, high = _LIMITS[name]
        values = column.fill_null(low).to_numpy(zero_copy_only=False)
        return numpy.asarray((values < low) | (values > high), dtype=bool)
    if name == "satellite_id":
        return _true(compute.equal(column, ""))
    if name == "tags":
        lengths = compute.list_value_length(column).fill_null(1).to_numpy(zero_copy_only=False)
        empty = compute.equal(column.flatten(), "").to_numpy(zero_copy_only=False)
        is_odd = lengths == 0
        is_odd[compute.list_parent_indices(column).to_numpy()[empty]] = True
        return numpy.asarray(is_odd, dtype=bool)
    is_plain = name in (*_PROPERTIES, *_GRID, "acquired", "acquired_end", "created", "modified", "geometry", "name")
    if name == "projection" or not (is_plain or isinstance(Image._attributes[name], _SIMPLE)):
        return is_set
    return numpy.zeros(len(column), dtype=bool)


def _kinds_of_files(chunk: Chunk, is_odd: NDArray[numpy.bool_]) -> NDArray[numpy.int64]:
    """Return a number for each image that says which kinds of files it has, in which order."""
    found = numpy.zeros(len(is_odd), dtype=numpy.int64)
    if not len(chunk.owners):
        return found
    files = chunk.files
    hrefs = [href or other or "" for href, other in zip(files["href"], files["provider_href"], strict=True)]
    kinds = [
        1 + 2 * (size is not None) + 4 * (sha256 is not None) + 8 * href.lower().endswith(".jp2")
        for href, size, sha256 in zip(hrefs, files["size_bytes"], files["hash"], strict=True)
    ]
    own = zip(*(files[name] for name in ("href", "hash", "provider_id", "provider_href")), strict=True)
    is_strange = numpy.array([has_own_fields(*one) for one in own]) | (chunk.places >= _MOST_FILES)
    is_odd[chunk.owners[is_strange]] = True
    shifts = 4 * numpy.minimum(chunk.places, _MOST_FILES)
    numpy.add.at(found, chunk.owners, numpy.array(kinds, dtype=numpy.int64) << shifts)
    return found


# Values by column


def values_by_column(
    chunk: Chunk, layout: Layout, locate: Callable[[bool, bool, str | None, str | None], str]
) -> Iterator[tuple[tuple[str, ...], pyarrow.Array]]:
    """Yield what differs between the images of a pattern: the way to a column, and its values.

    Parameters
    ----------
    chunk : Chunk
        The images.
    layout : Layout
        Of their product.
    locate : callable
        Returns where a file is; takes whether it is here, whether it is owned, its href and its provider_href.
    """
    columns = chunk.columns
    yield ("id",), columns["name"]
    for name, way in (("created", "created"), ("modified", "updated"), ("acquired", "datetime")):
        if name in columns:
            yield (way,), columns[name]
    if "acquired_end" in columns:
        yield ("end_datetime",), columns["acquired_end"]
        if "acquired" in columns:
            is_period = columns["acquired_end"].is_valid()
            nothing = pyarrow.nulls(len(is_period), columns["acquired"].type)
            yield ("start_datetime",), compute.if_else(is_period, columns["acquired"], nothing)
    if chunk.bounds is not None:
        yield ("geometry",), columns["geometry"]
        yield ("bbox",), _boxes(chunk.bounds, columns["geometry"].is_null())
    if "geotrans" in columns:
        yield ("proj:transform",), _transforms(columns["geotrans"])
    if "x_pixels" in columns and "y_pixels" in columns:
        yield ("proj:shape",), _sides(columns["y_pixels"], columns["x_pixels"])
    for name, column in columns.items():
        if name == "cloud_fraction":
            nothing = pyarrow.nulls(len(column), column.type)
            yield (_PROPERTIES[name],), chunk.percents
            yield (f"{OWN}{name}",), compute.if_else(pyarrow.array(chunk.is_inexact), column, nothing)
        elif name in _PROPERTIES:
            yield (_PROPERTIES[name],), column
        elif name not in (*_GRID, "name", "extra_properties") and isinstance(Image._attributes[name], _SIMPLE):
            yield (f"{OWN}{name}",), column
    yield from _files_by_column(chunk, layout, locate)


def _files_by_column(
    chunk: Chunk, layout: Layout, locate: Callable[[bool, bool, str | None, str | None], str]
) -> Iterator[tuple[tuple[str, ...], pyarrow.Array]]:
    if not len(chunk.owners):
        return
    parts = (chunk.files[name] for name in ("owned", "href", "provider_href"))
    is_here = chunk.is_here[chunk.owners].tolist()
    hrefs = pyarrow.array([locate(*one) for one in zip(is_here, *parts, strict=True)], pyarrow.string())
    sizes = pyarrow.array(chunk.files["size_bytes"], pyarrow.int64())
    checksums = pyarrow.array(
        [None if sha256 is None else f"1220{sha256}" for sha256 in chunk.files["hash"]], pyarrow.string()
    )
    for position in range(int(chunk.places.max()) + 1):
        chosen = numpy.flatnonzero(chunk.places == position)
        at = numpy.full(len(chunk.ids), -1, dtype=numpy.int64)
        at[chunk.owners[chosen]] = chosen
        where = pyarrow.array(at, mask=at < 0)
        key = layout.key_of(position)
        yield ("assets", key, "href"), hrefs.take(where)
        yield ("assets", key, "file:size"), sizes.take(where)
        yield ("assets", key, "file:checksum"), checksums.take(where)


def _boxes(bounds: NDArray[numpy.float64], is_null: pyarrow.Array) -> pyarrow.Array:
    return pyarrow.StructArray.from_arrays(
        [pyarrow.array(numpy.ascontiguousarray(bounds[:, at])) for at in range(4)], CORNERS, mask=is_null
    )


def _transforms(column: pyarrow.Array) -> pyarrow.Array:
    """Return geotransforms, which begin with the origin, row by row as the projection extension has them."""
    numbers = column.flatten().to_numpy().reshape(-1, 6)[:, [1, 2, 0, 4, 5, 3]].reshape(-1)
    return _lists(numbers, 6, column.is_valid())


def _sides(lines: pyarrow.Array, columns: pyarrow.Array) -> pyarrow.Array:
    both = compute.and_(lines.is_valid(), columns.is_valid())
    pairs = numpy.stack([one.filter(both).to_numpy(zero_copy_only=False) for one in (lines, columns)], axis=1)
    return _lists(pairs.reshape(-1), 2, both)


def _lists(values: NDArray[Any], length: int, is_set: pyarrow.Array) -> pyarrow.Array:
    """Return lists of a length where something is set, made of their items."""
    counts = numpy.cumsum(is_set.to_numpy(zero_copy_only=False)) * length
    offsets = numpy.concatenate([[0], counts]).astype(numpy.int32)
    return pyarrow.ListArray.from_arrays(offsets, pyarrow.array(values), mask=compute.invert(is_set))


def moved(column: pyarrow.Array, places: int) -> pyarrow.Array:
    """Return numbers with their decimal point moved to the right, exactly as they are written."""
    try:
        written = column.cast(pyarrow.string()).cast(_PRECISION)
    except pyarrow.ArrowInvalid:  # one has more digits behind the point than a decimal number of Arrow
        given = column.to_pylist()
        numbers = [None if number is None else float(Decimal(repr(number)).scaleb(places)) for number in given]
        return pyarrow.array(numbers, pyarrow.float64())
    shifted = pyarrow.Array.from_buffers(
        pyarrow.decimal128(38, _PRECISION.scale - places), len(written), written.buffers(), offset=written.offset
    )
    return shifted.cast(pyarrow.string()).cast(pyarrow.float64())


def _true(array: pyarrow.Array) -> NDArray[numpy.bool_]:
    found: NDArray[numpy.bool_] = array.fill_null(False).to_numpy(zero_copy_only=False)
    return found
