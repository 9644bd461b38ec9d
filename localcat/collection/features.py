"""Images as GeoJSON (RFC 7946), for maps and other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcat.models.image import Image


def feature_of(image: Image) -> dict[str, Any]:
    """Return an image as a GeoJSON Feature: its footprint, and its other attributes as properties.

    Parameters
    ----------
    image : Image
        Without a footprint the Feature has a null geometry.

    Returns
    -------
    dict
        Of what `json.dumps` takes; times are ISO 8601 text in UTC.
    """
    properties = image.serialize()
    geometry = properties.pop("geometry", None)
    return {"type": "Feature", "id": image.id, "geometry": geometry, "properties": properties}


def feature_collection(images: Iterable[Image]) -> dict[str, Any]:
    """Return images as a GeoJSON FeatureCollection, in their order."""
    return {"type": "FeatureCollection", "features": [feature_of(image) for image in images]}
