"""Small pictures of images, and what their colours mean."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy
from starlette.responses import Response
from starlette.routing import Route

from localcat.errors import NotFoundError
from localcat.expressions.properties import properties as p
from localcat.reading.preview import picture_context
from localcat.reading.shades import is_grey
from localcat.serve.answers import as_json
from localcat.serve.pictures.look import PARAMETERS, Look, Ranges
from localcat.serve.pictures.tiles import MOST_FOR_RANGES, image_of

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from localcat.serve.service import Asked, Service

OF_PREVIEW = ("size", *PARAMETERS)
"""The parameters of a preview."""

LARGEST = 2048
"""Pixels of the longer side, at most."""

_SIZE = 512
_BAR = (16, 256)  # rows and columns of a legend


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this area."""
    ranges = Ranges()
    return [
        Route("/preview/{image}.png", service.endpoint(functools.partial(_preview, ranges))),
        Route("/legend/{product}.png", service.endpoint(functools.partial(_bar, ranges))),
        Route("/legend/{product}.json", service.endpoint(functools.partial(_legend, ranges))),
    ]


def _preview(ranges: Ranges, asked: Asked) -> Response:
    asked.query.only(*OF_PREVIEW)
    image = image_of(asked)
    size = asked.query.whole("size", _SIZE, least=1, most=LARGEST)
    look = Look.of(asked.query, image, ranges, lambda: [image], (image.id, image.modified))
    return Response(look.png(look.read(image, picture_context(image, size))), media_type="image/png")


def _look(ranges: Ranges, asked: Asked) -> Look:
    asked.query.only(*PARAMETERS)
    uid = asked.path["product"]
    images = asked.catalog.images.filter(p.product_id == uid)
    first = images.first()
    if first is None:
        raise NotFoundError(f"there is no product {uid!r:.300} that has images")
    return Look.of(asked.query, first, ranges, lambda: list(images.limit(MOST_FOR_RANGES)), uid)


def _bar(ranges: Ranges, asked: Asked) -> Response:
    """Return the values from low to high as a strip of colours; each colour of a table is as wide as another."""
    look = _look(ranges, asked)
    rows, columns = _BAR
    if look.is_scaled:
        strip: Any = numpy.linspace(0, 255, columns).round().astype(numpy.uint8)
    else:
        low, high = _span(look)
        strip = numpy.linspace(low, high, columns)
        strip = strip.astype(numpy.int64) if look.bands[0].colors else strip
    pixels = numpy.ma.masked_array(numpy.broadcast_to(strip, (len(look.bands), rows, columns)))
    return Response(look.png(pixels), media_type="image/png")


def _span(look: Look) -> tuple[float, float]:
    colors = look.bands[0].colors
    return (0, len(colors) - 0.001) if colors else look.ranges[0]


def _legend(ranges: Ranges, asked: Asked) -> Response:
    """Return what the colours mean: the classes of a band, or the range of each band."""
    look = _look(ranges, asked)
    band = look.bands[0]
    document: dict[str, Any] = {
        "bands": [
            {
                "name": one.name,
                "range": list(limits),
                "unit": getattr(one, "physical_range_unit", None),
                "colormap": getattr(one, "colormap_name", None),
            }
            for one, limits in zip(look.bands, look.ranges, strict=True)
        ],
        "is_grey": is_grey(look.bands),
        "classes": [],
    }
    labels = getattr(band, "class_labels", None) or []
    for value, color in enumerate(band.colors or []) if len(look.bands) == 1 else ():
        label = labels[value] if value < len(labels) else None
        document["classes"].append({"value": value, "label": label, "color": list(color)})
    return as_json(document)
