"""STAC Items as GeoParquet: https://radiantearth.github.io/stac-geoparquet-spec/ (1.0), https://geoparquet.org (1.1).

A row is an Item. Its properties are columns, beside `id`, `assets` and the other members; a footprint is well-known
binary, and `bbox` a struct by which readers pass over rows. The metadata of the file has the Collections.

A column has one type, and cannot tell null from absent. What an Item has beyond that is in one more column, as JSON: a
list of changes that make the Item out of the row. So each comes back as it went.
"""

from typing import Final

SUFFIXES: Final = (".parquet", ".geoparquet", ".pq")
"""Of files that may be GeoParquet."""
