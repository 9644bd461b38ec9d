"""Rows of Items into a catalog: those that attributes say fully column by column, and the others as Items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy
import pyarrow
import pyarrow.compute as compute

from localcat.errors import ValidationError
from localcat.interop.geoparquet.plain_rows import Plain
from localcat.interop.geoparquet.reading import Source, sources_of
from localcat.interop.geoparquet.shapes import without_nulls
from localcat.interop.stac.importing import LOOKED_AT, Import, ImportOptions, Seen
from localcat.interop.stac.report import StacReport

if TYPE_CHECKING:
    from localcat.models.backend import Backend


def from_geoparquet(catalog: Backend, source: Any, options: ImportOptions) -> StacReport:
    """Take the Items of GeoParquet files into a catalog; see `Catalog.from_geoparquet`."""
    sources = sources_of(source)
    return _Import(catalog, source, sources, options).run()


class _Import(Import):
    """Takes what files have into a catalog."""

    def __init__(self, catalog: Backend, source: Any, sources: list[Source], options: ImportOptions) -> None:
        super().__init__(catalog, source, options)
        self.within = options.within  # if it is not said, each file says where those of its images may be
        self._sources = sources

    def survey(self) -> dict[str, Seen]:
        """Return what there is of each Collection: in the metadata, or in the assets of some of its Items."""
        seen: dict[str, Seen] = {}
        for source in self._sources:
            for document in source.collections.values():
                seen.setdefault(self.options.product or document["id"], Seen()).collection = document
        for source in self._sources:
            self._look(source, seen)
        return seen

    def _look(self, source: Source, seen: dict[str, Seen]) -> None:
        """Find the Collections that the Items of a file name, and some assets where nothing declares them."""
        columns = [name for name in ("collection", "assets") if name in source.schema.names]
        for _, batch in source.batches(columns[:1]):
            names = compute.unique(batch["collection"]).to_pylist() if "collection" in columns else [None]
            if not all(map(_is_declared, [self._of(seen, name) for name in names])):
                break
        else:
            return
        for _, batch in source.batches(columns):
            names = batch["collection"].to_pylist() if "collection" in columns else [None] * batch.num_rows
            for position, name in enumerate(names):
                of = self._of(seen, name)
                if not _is_declared(of) and len(of.assets) < LOOKED_AT and "assets" in columns:
                    assets = without_nulls(batch["assets"][position].as_py())
                    of.assets.append(assets if isinstance(assets, dict) else {})

    def _of(self, seen: dict[str, Seen], name: Any) -> Seen:
        return seen.setdefault(self.collection_id({"collection": name if isinstance(name, str) else None}), Seen())

    def records(self) -> Iterator[Any]:
        """Yield tables of what attributes say fully, and the records of other Items without files here."""
        for source in self._sources:
            plain = Plain(source, self.layouts, self.options.product) if source.is_own else None
            for first, batch in source.batches():
                is_plain = numpy.zeros(batch.num_rows, dtype=bool) if plain is None else plain.rows(batch)
                if plain is not None and is_plain.any():
                    yield plain.attributes(batch.filter(pyarrow.array(is_plain)))
                for found in source.found(batch, first, numpy.flatnonzero(~is_plain).tolist()):
                    if found.document is None:
                        self.fail(found, found.error or ValidationError(f"{found.where} is empty"))
                    else:
                        yield from self.record_of(found)


def _is_declared(seen: Seen) -> bool:
    return bool((seen.collection or {}).get("item_assets"))
