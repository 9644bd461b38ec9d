"""Questions as a program asks them of localcat: a search that is built for each, and four values of what is found."""

from __future__ import annotations

from typing import Any

from benchmarks.by_hand import Asked
from localcat import properties as p
from localcat.search import ImageSearch
from localcat.timestamps import iso_text

LARGEST = "bench:p00"


def built(images: ImageSearch, asked: Asked) -> ImageSearch:
    """Return the search for a question, as a program writes it."""
    search = images
    if asked.product is not None:
        search = search.filter(p.product_id == LARGEST)
    if asked.times is not None:
        start, end = map(iso_text, asked.times)
        search = search.filter((p.acquired >= start) & (p.acquired < end))
    if asked.clouds_below is not None:
        search = search.filter(p.cloud_fraction < asked.clouds_below)
    if asked.box is not None:
        search = search.intersects(asked.box)
    return search if asked.newest is None else search.sort("-acquired").limit(asked.newest)


def values(search: ImageSearch) -> list[tuple[Any, ...]]:
    """Return the values that are read of what is found."""
    return [(image.id, image.acquired, image.cloud_fraction, image.geometry) for image in search]
