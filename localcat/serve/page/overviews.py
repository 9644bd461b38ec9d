"""What the page shows of all that is found: counts, a histogram of time, the list, and why nothing is found."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from localcat.expressions.properties import properties as p
from localcat.models.enums import Interval
from localcat.search.overview import boxes_of, count_by_product
from localcat.search.timeseries import bucket_start
from localcat.serve.answers import as_json
from localcat.serve.page.filters import NAMES, Filters, box_of
from localcat.timestamps import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from starlette.responses import Response

    from localcat.models.image import Image
    from localcat.search import ImageSearch
    from localcat.serve.service import Asked

_MOST_PRODUCTS = 500  # that are listed
_AT_ONCE = 50  # images of the list
_MOST_LISTED = 1000
_BARS = 150  # of a histogram, unless there are so many years
_SECONDS = {
    Interval.MINUTE: 60,
    Interval.HOUR: 3600,
    Interval.DAY: 86_400,
    Interval.WEEK: 604_800,
    Interval.MONTH: 2_629_800,
    Interval.QUARTER: 7_889_400,
}


def catalog(asked: Asked) -> Response:
    """Return what the page says of the catalog itself: its products, and the time and the place of its images."""
    asked.query.only()
    images, products = asked.catalog.images, asked.catalog.products
    counts = count_by_product(images)
    first, last = _first_and_last(images)
    return as_json(
        {
            "name": asked.catalog.path.name,
            "images": sum(counts.values()),
            "products": [
                {"id": product.id, "name": product.name, "images": counts.get(str(product.id), 0)}
                for product in products.sort("id").limit(_MOST_PRODUCTS)
            ],
            "products_in_all": products.count(),
            "first": as_text(first),
            "last": as_text(last),
            "extent": boxes_of(images).extent(),
        }
    )


def counts(asked: Asked) -> Response:
    """Return how many images are found, by product and by time; each of the two without the filter of its own.

    The bars of time are those that have an image; the axis begins and ends with the first and last one of the catalog.
    """
    asked.query.only(*NAMES)
    filters = Filters.of(asked.query)
    by_product = count_by_product(filters.but(products=()).search(asked.catalog))
    asked.check()
    first, last = _first_and_last(asked.catalog.images)
    interval = _interval_of(first, last)
    bars = filters.but(datetime=None).search(asked.catalog).summary_interval(interval=interval)
    return as_json(
        {
            "found": sum(by_product.get(uid, 0) for uid in dict.fromkeys(filters.products or by_product)),
            "products": by_product,
            "interval": str(interval),
            "begins": [as_text(_begin_of(end, interval)) for end in (first, last)],
            "bars": [[as_text(bar.interval_start), bar.count] for bar in bars],
        }
    )


def images(asked: Asked) -> Response:
    """Return some of the images that are found, the newest first; with `at`, those that meet a small box."""
    asked.query.only(*NAMES, "at", "skip")
    skip = asked.query.whole("skip", 0, least=0, most=_MOST_LISTED)
    search = Filters.of(asked.query).search(asked.catalog)
    at = box_of("at", asked.query)
    if at is not None:
        search = search.filter(p.geometry.intersects(at))
    found = list(search.limit(skip + _AT_ONCE + 1))[skip:]
    more = len(found) > _AT_ONCE and skip + _AT_ONCE < _MOST_LISTED
    return as_json({"images": [_in_brief(image) for image in found[:_AT_ONCE]], "more": more})


def explanation(asked: Asked) -> Response:
    """Return why the search finds what it finds, as `explain` says it."""
    asked.query.only(*NAMES)
    told = Filters.of(asked.query).search(asked.catalog).explain()
    lost_at = told.lost_at
    return as_json(
        {
            "found": told.found,
            "steps": [
                {
                    "condition": step.where or step.condition,
                    "left": step.left,
                    "unset": step.unset,
                    "is_last": step is lost_at,
                }
                for step in told.steps
            ],
            "hints": told.hints,
            "near": [
                *({"id": miss.id, "told": str(miss)} for miss in told.nearest_in_time),
                *({"id": miss.id, "told": str(miss)} for miss in told.nearest_in_space),
            ],
        }
    )


def snippets(asked: Asked) -> Response:
    """Return the search as Python and as a command of the shell."""
    asked.query.only(*NAMES)
    filters = Filters.of(asked.query)
    filters.search(asked.catalog)  # refuses what cannot be asked
    return as_json({"python": filters.as_python(asked.catalog), "shell": filters.as_shell(asked.catalog)})


def as_text(moment: datetime | None) -> str | None:
    """Return a time as ISO 8601."""
    return None if moment is None else moment.isoformat()


def _in_brief(image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "name": image.name,
        "product": image.product_id,
        "acquired": as_text(image.acquired),
        "cloud": image.cloud_fraction,
    }


def _first_and_last(images: ImageSearch) -> tuple[datetime | None, datetime | None]:
    first, last = (images.sort(order).limit(1).first() for order in ("acquired", "-acquired"))
    return None if first is None else first.acquired, None if last is None else last.acquired


def _begin_of(moment: datetime | None, interval: Interval) -> datetime | None:
    return None if moment is None else from_microseconds(bucket_start(to_microseconds(moment), interval))


def _interval_of(first: datetime | None, last: datetime | None) -> Interval:
    """Return the shortest interval that gives a histogram not too many bars."""
    seconds = 0.0 if first is None or last is None else (last - first).total_seconds()
    return next((interval for interval, length in _SECONDS.items() if seconds / length <= _BARS), Interval.YEAR)
