"""Answers in memory: collections of products, bands and images."""

from __future__ import annotations

from localcat.collection.base import BandCollection, Collection, ProductCollection
from localcat.collection.each import Each
from localcat.collection.images import ImageCollection

__all__ = ["BandCollection", "Collection", "Each", "ImageCollection", "ProductCollection"]
