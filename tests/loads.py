"""Loads of many images, and all that becomes of them: for tests that two ways in agree."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from localcat import Catalog, DuplicateError
from localcat.errors import GeometryWarning
from tests.small_catalog import make_product


class Record(Mapping[str, Any]):
    """A record that is not a dictionary, so that it is checked by itself."""

    def __init__(self, values: Mapping[Any, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def outcome(records: Any, on_conflict: str) -> tuple[Any, ...]:
    """Return the report, the warnings, the error and the rows of a load into a new catalog."""
    with Catalog.temporary(org="") as catalog:
        make_product("x", catalog=catalog)
        catalog.add_images([{"product_id": "x", "name": "d"}], progress=False)
        told: Any = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                report = catalog.add_images(records, on_conflict=on_conflict, progress=False)
                failed = [(one.index, one.id, type(one.error), str(one.error)) for one in report.failed]
                told = (report.added, report.replaced, report.skipped, failed)
            except DuplicateError as error:
                told = str(error)
        warned = sorted(str(one.message) for one in caught if issubclass(one.category, GeometryWarning))
        connection = sqlite3.connect(catalog.path)
        columns = [row[1] for row in connection.execute("PRAGMA table_xinfo(image)") if row[6] == 0]
        kept = ", ".join(name for name in columns if name not in ("created", "modified"))
        found = [connection.execute(f"SELECT {kept} FROM image ORDER BY uid").fetchall()]
        found += [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("image_file", "image_index", "image_tag")
        ]
        connection.close()
        return told, warned, found
