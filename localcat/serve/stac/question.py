"""What a search of the STAC API asks, by GET and by POST alike."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from localcat.errors import BadRequestError
from localcat.expressions.cql2.item_names import subject_of
from localcat.expressions.names import brief
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.models.image import Image
from localcat.serve.answers import GEOJSON, link
from localcat.serve.parameters import Parameters, json_of, numbers, whole
from localcat.serve.stac.fields import Wanted

if TYPE_CHECKING:
    from localcat.search import ImageSearch

_OF_FILTERS = ("filter-lang", "filter-crs")
_OF_PAGES = ("limit", "sortby", "fields", "token")
SEARCH = ("ids", "collections", "bbox", "intersects", "datetime", *_OF_PAGES, "filter", *_OF_FILTERS)
"""The parameters of a search."""

OF_PRODUCT = tuple(name for name in SEARCH if name not in ("ids", "collections", "intersects"))
"""The parameters of a search for Items of one Collection."""

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""The coordinates of a filter: longitude and latitude."""

MOST = 10_000
"""Items of a page, at most."""

_USUAL = 10  # if nothing is said
_MOST_IDS = 10_000
_MOST_SORTS = 8
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True)
class Question:
    """A search, as it was asked.

    Parameters
    ----------
    asked : mapping
        The parameters as JSON, by name, without those that are None.
    is_post : bool
        Whether they came as the body of a POST.
    """

    asked: Mapping[str, Any]
    is_post: bool

    @classmethod
    def of_query(cls, query: Parameters) -> Question:
        """Read what is behind the question mark."""
        found: dict[str, Any] = {name: query.words(name) for name in ("ids", "collections", "bbox", "sortby", "fields")}
        found |= {name: query.text(name) for name in ("datetime", "limit", "token", "filter", *_OF_FILTERS)}
        area = query.text("intersects")
        found["intersects"] = None if area is None else json_of("intersects", area)
        return cls({name: value for name, value in found.items() if value is not None}, is_post=False)

    @classmethod
    def of_body(cls, body: Mapping[str, Any]) -> Question:
        """Read the body of a POST."""
        for name in body:
            if name not in SEARCH:
                raise BadRequestError(f"there is no parameter {name!r:.100} here; it knows {', '.join(SEARCH)}")
        if "fields" in body and body["fields"] is None:
            raise BadRequestError("fields is an object with include and exclude, not null; leave it out for all parts")
        return cls({name: value for name, value in body.items() if value is not None}, is_post=True)

    @property
    def limit(self) -> int:
        """The number of Items of a page; a larger one than the largest counts as the largest."""
        return min(MOST, whole("limit", self.asked.get("limit", _USUAL), least=1, most=10**9))

    @property
    def is_about(self) -> str:
        """What decides how many images are found, as text: the same of all pages."""
        return json.dumps({name: value for name, value in self.asked.items() if name not in _OF_PAGES}, sort_keys=True)

    @property
    def token(self) -> str | None:
        """Where the page begins; None for the first."""
        token = self.asked.get("token")
        if token is not None and not isinstance(token, str):
            raise BadRequestError(f"a token is a string, not {token!r:.100}")
        return token

    @property
    def sorting(self) -> Sequence[str]:
        """The attributes to sort by, with a minus for the largest first.

        Raises
        ------
        BadRequestError
            If a name is not one of something that has an order.
        """
        asked = self.asked.get("sortby", [])
        if not isinstance(asked, list) or len(asked) > _MOST_SORTS:
            raise BadRequestError(f"sortby is a list of at most {_MOST_SORTS} names, not {brief(asked)}")
        return [_sorted_by(one) for one in asked]

    @property
    def wanted(self) -> Wanted:
        """The parts of Items that are wanted."""
        return Wanted.of(self.asked.get("fields"))

    def search(self, images: ImageSearch) -> ImageSearch:
        """Return the search for what is asked, without the order and the page.

        Raises
        ------
        BadRequestError
            If something asked is wrong; the message says what.
        """
        if "bbox" in self.asked and "intersects" in self.asked:
            raise BadRequestError("a search has a bbox or intersects, not both; intersects takes any geometry")
        for name, narrow in _PARTS.items():
            if name in self.asked:
                images = narrow(images, self.asked[name])
        return self._filtered(images) if "filter" in self.asked else images

    def _filtered(self, images: ImageSearch) -> ImageSearch:
        given, language = self.asked["filter"], self.asked.get("filter-lang")
        if language not in (None, "cql2-text", "cql2-json"):
            raise BadRequestError(f"filter-lang is cql2-text or cql2-json, not {brief(language)}")
        if self.asked.get("filter-crs") not in (None, CRS84):
            raise BadRequestError(f"filter-crs is {CRS84}, not {brief(self.asked['filter-crs'])}")
        if not isinstance(given, str | dict) or (language == "cql2-text" and not isinstance(given, str)):
            raise BadRequestError(f"a filter is CQL2 text or an object of CQL2 JSON, not {brief(given)}")
        return images.filter(Expression.from_cql2(given))

    def next_link(self, url: str, token: str) -> dict[str, Any]:
        """Return the link to the page that begins with a token."""
        if self.is_post:
            return link("next", url, GEOJSON, method="POST", body={**self.asked, "token": token}, merge=False)
        asked = {name: _text(value) for name, value in {**self.asked, "token": token}.items()}
        return link("next", f"{url}?{urlencode(asked)}", GEOJSON, method="GET")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return ",".join(value) if isinstance(value, list) else str(value)


def _sorted_by(asked: Any) -> str:
    """Return the attribute that is meant, with a minus for the largest first."""
    if isinstance(asked, str):
        name, is_falling = asked.lstrip("+- "), asked.startswith("-")  # a plus may have become a space on its way
    elif isinstance(asked, dict) and isinstance(asked.get("field"), str):
        name, direction = asked["field"], asked.get("direction", "asc")
        if direction not in ("asc", "desc"):
            raise BadRequestError(f"the direction of a sort is asc or desc, not {brief(direction)}")
        is_falling = direction == "desc"
    else:
        raise BadRequestError(f"a sort is a name such as -datetime, or has a field and a direction, not {brief(asked)}")
    ref = subject_of(name.removeprefix("properties.")).ref
    field = Image.fields()[ref.attribute]
    if ref.keys or ref.part is not None or not field.sortable:
        raise BadRequestError(f"Items cannot be sorted by {name!r:.100}; sort by an attribute, such as datetime")
    return f"-{field.name}" if is_falling else field.name


def _strings(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or len(value) > _MOST_IDS:
        raise BadRequestError(f"{name} is a list of at most {_MOST_IDS:,} strings, not {value!r:.100}")
    return value


def _by_ids(images: ImageSearch, ids: Any) -> ImageSearch:
    wanted = _strings("ids", ids)
    full = [one for one in wanted if ":" in one]
    return images.filter(p.name.any_of(wanted) | p.id.any_of(full)) if full else images.filter(p.name.any_of(wanted))


def _by_collections(images: ImageSearch, collections: Any) -> ImageSearch:
    # One alone may come as a string, which some clients send.
    wanted = _strings("collections", [collections] if isinstance(collections, str) else collections)
    return images.filter(p.product_id.any_of(wanted)) if wanted else images


def _by_bbox(images: ImageSearch, bbox: Any) -> ImageSearch:
    if not isinstance(bbox, list) or len(bbox) not in (4, 6):
        raise BadRequestError(f"a bbox has 4 numbers, or 6 with heights, not {bbox!r:.200}")
    given = numbers("bbox", bbox)
    half = len(given) // 2
    return images.intersects((given[0], given[1], given[half], given[half + 1]))


def _by_place(images: ImageSearch, area: Any) -> ImageSearch:
    if not isinstance(area, dict):
        raise BadRequestError(f"intersects is a GeoJSON geometry, not {area!r:.200}")
    return images.intersects(area)


def _by_time(images: ImageSearch, period: Any) -> ImageSearch:
    ends = period.split("/") if isinstance(period, str) else [""]
    if len(ends) > 2 or not any(end not in ("", "..") for end in ends):
        raise BadRequestError(f"datetime {period!r:.100} is no time; {_EXAMPLE}")
    for end in ends:
        if end not in ("", "..") and not _RFC_3339.fullmatch(end):
            raise BadRequestError(f"datetime has {end!r:.100}, which is no time of RFC 3339; {_EXAMPLE}")
    return images.during(str(period).upper())


_EXAMPLE = "write 2024-06-01T00:00:00Z, 2024-06-01T00:00:00Z/2024-06-30T23:59:59Z, or .. for an open end"
_PARTS: dict[str, Callable[[ImageSearch, Any], ImageSearch]] = {
    "ids": _by_ids,
    "collections": _by_collections,
    "bbox": _by_bbox,
    "intersects": _by_place,
    "datetime": _by_time,
}
