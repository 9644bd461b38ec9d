"""Coordinate reference systems, parsed only in ways that open no file and no URL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import TypeVar

from rasterio.crs import CRS
from rasterio.enums import WktVersion
from rasterio.env import Env, hasenv
from rasterio.errors import CRSError
from rasterio.session import DummySession

from localcat.earth.offline import prepare_gdal
from localcat.errors import InvalidCRSError
from localcat.forks import keep_in_children

R = TypeVar("R")

WGS84 = CRS.from_epsg(4326)
"""Longitude and latitude in degrees; the CRS of every footprint."""
keep_in_children(WGS84)

_AUTHORITY_CODE = re.compile(r"(?P<authority>[A-Za-z]{2,12}):(?P<code>[A-Za-z0-9]{1,12})")
_WKT = re.compile(r"(PROJ|GEO(G|D|C)|COMPD_|COMPOUND|VERT_?|LOCAL_|ENG|BOUND)(CS|CRS)\s*\[", re.IGNORECASE)
# 'No grid', as strings of Web Mercator say it; after a comma, PROJ would try a grid of that name.
_NO_GRID = re.compile(r"\+?nadgrids=@null\b(?!\s*,)|PROJ4_GRIDS\"\s*,\s*\"@null\"", re.IGNORECASE)
_GRIDS = re.compile(r"grids\s*=|PROJ4_GRIDS|PARAMETERFILE|\+\s*(init|file|catalog)\s*=", re.IGNORECASE)
_FORBIDDEN_IN_PROJ4 = re.compile(r"(grids|init|file|pipeline|catalog)\b|[/\\@]", re.IGNORECASE)
_METHOD = re.compile(r'METHOD\["([^"]*)"')  # of a projection, in WKT 2
_AS_PROJ4 = 'EXTENSION["PROJ4"'  # in WKT 1 of what it has no name for
_LONGEST_NAME = 200  # characters
_LONGEST = 20_000  # characters; the longest WKT2 of a real CRS is a few thousand


class _Known:
    """A CRS as the key of a dictionary: rasterio writes its WKT anew for each hash, but keeps `CRS.wkt`."""

    __slots__ = ("_hash", "crs")

    def __init__(self, crs: CRS) -> None:
        self.crs, self._hash = crs, hash(crs.wkt)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self.crs.wkt == other.crs.wkt and bool(self.crs == other.crs)


def remembered(function: Callable[[CRS], R]) -> Callable[[CRS], R]:
    """Let a function of a CRS remember what it said of the last 256, in forked children too."""

    @lru_cache(maxsize=256)
    def said(known: _Known) -> R:
        return function(known.crs)

    @wraps(function)
    def ask(crs: CRS) -> R:
        return said(_Known(crs))

    keep_in_children(said)
    return ask


def parse_crs(value: str | int) -> CRS:
    """Return the coordinate reference system that a code or a string names.

    Parameters
    ----------
    value : str or int
        An EPSG number, an authority code (``"EPSG:32618"``, ``"ESRI:54009"``), WKT 1 or 2, or PROJ.4 text without
        grids, file names and pipelines.

    Raises
    ------
    InvalidCRSError
        If the value is none of these, or is not known. Texts that would make PROJ or GDAL open a file or a URL are
        never handed to them.
    """
    try:
        with quiet():
            return _parsed(value)
    except CRSError as error:
        raise InvalidCRSError(f"unknown coordinate reference system {str(value)[:200]!r}: {error}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep GDAL from printing what it cannot parse or identify, as it does outside an environment of rasterio's."""
    if hasenv():  # leaving one inside another sets all options of the outer one again
        yield
        return
    prepare_gdal()
    with Env(session=DummySession()):
        yield


def _parsed(value: str | int) -> CRS:
    if isinstance(value, int) and not isinstance(value, bool):
        return CRS.from_epsg(value)
    if not isinstance(value, str):
        raise InvalidCRSError(f"a CRS is a code or a string, not {value!r}; pass 'EPSG:4326', WKT or PROJ.4 text")
    text = value.strip()
    if len(text) > _LONGEST or "\x00" in text:
        raise InvalidCRSError(f"a CRS text has at most {_LONGEST} characters and no NUL, this one is unusable")
    code = _AUTHORITY_CODE.fullmatch(text)
    if code is not None:
        # After this match from_string can only look up a code: no path and no URL has this form.
        return CRS.from_string(f"{code['authority'].upper()}:{code['code']}")
    if _WKT.match(text):
        return without_files(CRS.from_wkt(_checked(text)))
    if text.startswith("+"):
        if _FORBIDDEN_IN_PROJ4.search(_NO_GRID.sub("", text)):
            raise InvalidCRSError(
                f"PROJ.4 text with grids, files or pipelines is refused: {text[:200]!r}; pass a code like 'EPSG:32618'"
            )
        return CRS.from_proj4(text)
    raise InvalidCRSError(
        f"{str(value)[:200]!r} is not a coordinate reference system; pass a code like 'EPSG:32618', WKT or PROJ.4 text"
    )


def without_files(crs: CRS) -> CRS:
    """Return a CRS, if no calculation with it makes PROJ open a file that it names.

    Raises
    ------
    InvalidCRSError
        If it names one, such as a grid of shifts.
    """
    _checked(crs.wkt)
    return crs


@lru_cache(maxsize=256)
def _checked(text: str) -> str:
    found = _GRIDS.search(_NO_GRID.sub("", text))
    if found is not None:
        start = max(0, found.start() - 40)
        raise InvalidCRSError(
            f"a coordinate reference system that names files is refused: …{text[start : found.end() + 80]!r}; "
            "use one without grids"
        )
    return text


def crs_code(crs: CRS) -> str | None:
    """Return the authority code of a CRS (``"EPSG:32618"``), or None if none means the same.

    PROJ also finds codes for CRSs that only resemble them, of an unknown datum for example; these are not taken.
    """
    with quiet():
        authority = crs.to_authority()
    code = None if authority is None else f"{authority[0]}:{authority[1]}"
    return code if code is not None and parse_crs(code) == crs else None


def proj4_text(crs: CRS) -> str:
    """Return a CRS as PROJ.4 text, with flags such as ``+no_defs`` as PROJ writes them; empty if it has none."""
    with quiet():
        return str(crs.to_proj4()).replace("=True", "")


@remembered
def exact_wkt(crs: CRS) -> str:
    """Return WKT that is read as the same CRS: WKT 1, which most programs know, or WKT 2 where that is too little.

    Version 1 has one name for some projections that are two: of an ellipsoid drawn as a sphere (EPSG:9311) it says what
    others of the ellipsoid say, and places move by 20 km. What neither version has a name for, version 1 says by its
    PROJ.4 text.
    """
    with quiet():
        text = str(crs.to_wkt())
        if _AS_PROJ4 in text or CRS.from_wkt(text) == crs:
            return text
        return str(crs.to_wkt(version=WktVersion.WKT2_2019))


def crs_name(crs: CRS) -> str:
    """Return how messages call a CRS: by its code, else as PROJ.4 text, else by the beginning of its WKT."""
    return (crs_code(crs) or proj4_text(crs) or str(crs.to_wkt()))[:_LONGEST_NAME]


def is_same_crs(one: CRS, other: CRS) -> bool:
    """Return whether two CRS are the same on a map, whatever order their authorities give to the axes."""
    return one == other or (proj4_text(one) == proj4_text(other) != "" and _method(one) == _method(other))


def _method(crs: CRS) -> str | None:
    """Return how a CRS is projected; PROJ.4 text has one name for some methods that are two."""
    found = _METHOD.search(crs.to_wkt(version=WktVersion.WKT2_2019))
    return None if found is None else found[1]
