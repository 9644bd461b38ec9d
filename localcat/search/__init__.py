"""Searches: frozen questions to a catalog, asked when their answer is needed.

Every method returns a new search or an answer; none changes the search it is called on. An answer is decided first, as
a compact list of row numbers seen in one state of the catalog, and its objects are read afterwards, in chunks.
"""

from __future__ import annotations

from localcat.search.areas import GeoSearch
from localcat.search.base import Search
from localcat.search.images import ImageSearch, ImageSummaries, ImageSummaryResult, SummaryResult, SummarySearchMixin

__all__ = [
    "GeoSearch",
    "ImageSearch",
    "ImageSummaries",
    "ImageSummaryResult",
    "Search",
    "SummaryResult",
    "SummarySearchMixin",
]
