"""Other formats: STAC Items, Collections and catalogs, out and in; tile indexes of GDAL; arrays of xarray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import xarray

    from localcat.models.image import Image
    from localcat.models.requests import ReadRequest

__all__ = ["item_collection", "stac_item", "to_dataarray"]


def stac_item(image: Image) -> dict[str, Any]:
    """Return an image as a STAC Item; see `localcat.interop.stac.items`."""
    from localcat.interop.stac import items  # xarray imports this package to find an engine, and needs no STAC

    return items.stac_item(image)


def item_collection(images: Iterable[Image]) -> dict[str, Any]:
    """Return images as a STAC ItemCollection; see `localcat.interop.stac.items`."""
    from localcat.interop.stac import items  # likewise

    return items.item_collection(images)


def to_dataarray(
    images: Sequence[Image], request: ReadRequest, *, fill_value: float | str | None, chunks: Any
) -> xarray.DataArray:
    """Return images as a DataArray of xarray; see `localcat.interop.xarrays`."""
    from localcat.interop import xarrays  # brings xarray, which the others do not need

    return xarrays.to_dataarray(images, request, fill_value=fill_value, chunks=chunks)
