"""Answers as tables: Arrow streams of searches and collections, and the data frames made of them."""

from __future__ import annotations

from localcat.tables.tabular import Tabular

__all__ = ["Tabular"]
