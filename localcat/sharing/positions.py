"""Whether the bands of a product are at the same positions in the files of two catalogs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcat.errors import ConflictError

if TYPE_CHECKING:
    from localcat.models.attributes.scalars import Stored
    from localcat.store.catalog_file import CatalogFile


def odd_bands(ours: CatalogFile, theirs: CatalogFile) -> dict[str, str]:
    """Return the products whose pixels would be read wrong in the other catalog, each with a band that is why."""
    mine, other = _Layouts.of(ours), _Layouts.of(theirs)
    found = {}
    for product in sorted({*mine.bands} & {*other.bands} & {*mine.with_pixels, *other.with_pixels}):
        here, there = mine.bands[product], other.bands[product]
        differing = sorted(name for name in {*here} & {*there} if here[name] != there[name])
        taken = {spot for name, spot in here.items() if name not in there}
        differing += sorted(name for name, spot in there.items() if name not in here and spot in taken)
        if differing:
            found[product] = differing[0]
    return found


def odd_band(theirs: CatalogFile, product: str, band: str) -> ConflictError:
    """Return the error for such a product."""
    return ConflictError(
        f"band '{band}' of product '{product}' has another position or data type in the files of '{theirs.path}', or "
        "the position of another band; images would be read wrong, and nothing was merged: make the bands alike, or "
        "give one of the products another id"
    )


@dataclass(frozen=True, slots=True)
class _Layouts:
    """Positions of bands in files: (file, band, layer, data type) by name, by product; and products with pixels."""

    bands: dict[str, dict[str, tuple[Stored, ...]]]
    with_pixels: set[str]

    @classmethod
    def of(cls, catalog: CatalogFile) -> _Layouts:
        bands: dict[str, dict[str, tuple[Stored, ...]]] = {}
        with catalog.database.read() as connection:
            for product, name, *spot in connection.execute(
                "SELECT product.uid, band.name, coalesce(file_index, 0), band_index, coalesce(jpx_layer_index, 0), "
                "data_type FROM band JOIN product ON product.id = band.product_id"
            ):
                bands.setdefault(product, {})[name] = tuple(spot)
            found = connection.execute(
                "SELECT uid FROM product WHERE EXISTS "
                "(SELECT 1 FROM image WHERE product_id = product.id AND storage_state = 'available')"
            )
            return cls(bands, {uid for (uid,) in found})
