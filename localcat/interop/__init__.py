"""Other formats: STAC Items, Collections and catalogs, out and in; tile indexes of GDAL; arrays of xarray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcat.interop.stac.items import item_collection, stac_item

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray

    from localcat.models.image import Image
    from localcat.models.requests import ReadRequest

__all__ = ["item_collection", "stac_item", "to_dataarray"]


def to_dataarray(
    images: Sequence[Image], request: ReadRequest, *, fill_value: float | str | None, chunks: Any
) -> xarray.DataArray:
    """Return images as a DataArray of xarray; see `localcat.interop.xarrays`."""
    from localcat.interop import xarrays  # brings xarray, which the others do not need

    return xarrays.to_dataarray(images, request, fill_value=fill_value, chunks=chunks)
