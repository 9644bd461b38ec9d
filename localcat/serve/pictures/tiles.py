"""Tiles of a web map, of one image or of many."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
from starlette.responses import Response
from starlette.routing import Route

from localcat.earth.contexts import XYZTile
from localcat.errors import BadRequestError, NotFoundError, RasterError, StorageError, TooLargeError
from localcat.expressions.properties import properties as p
from localcat.models.enums import StorageState
from localcat.rasters.files.opening import open_raster
from localcat.reading.layers import sources_of
from localcat.serve.pictures.look import PARAMETERS, Look, Ranges
from localcat.serve.stac.question import Question

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from localcat.models.image import Image
    from localcat.search import ImageSearch
    from localcat.serve.service import Asked, Service

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

OF_PRODUCT = (*PARAMETERS, "datetime", "cloud", "filter", "filter-lang", "top")
"""The parameters of a tile of many images."""

TOPS = {"last": "-acquired", "least-cloud": "cloud_fraction"}
"""Which image may be on top, and the order that begins with it."""

MOST_FOR_RANGES = 16
"""Images of a product in which ranges are found."""

_MOST_IMAGES = 50  # of a tile; those on top
_MOST_READ = 2**26  # pixels of a file without overviews that are read for a tile: 8192 x 8192
_WHOLE = re.compile(r"\d{1,10}")
_KEPT_SECONDS = 30  # a tile may be shown again without asking: a map that is moved to and fro asks for many


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this area."""
    ranges = Ranges()
    return [
        Route("/tiles/image/{image}/{z}/{x}/{y}.png", service.endpoint(functools.partial(_of_image, ranges))),
        Route("/tiles/product/{product}/{z}/{x}/{y}.png", service.endpoint(functools.partial(_of_product, ranges))),
    ]


def image_of(asked: Asked) -> Image:
    """Return the image that the path names, by exactly this id.

    Raises
    ------
    NotFoundError
        If there is none, or it has no pixels here.
    """
    uid = asked.path["image"]
    image = asked.catalog.images.filter(p.id == uid).first()
    if image is None:
        raise NotFoundError(f"there is no image {uid!r:.300}")
    if image.storage_state == StorageState.REMOTE:
        raise NotFoundError(f"image '{image.id}' has no pixels here; they are remote")
    return image


def _of_image(ranges: Ranges, asked: Asked) -> Response:
    asked.query.only(*PARAMETERS)
    tile, image = _tile(asked), image_of(asked)
    look = Look.of(asked.query, image, ranges, lambda: [image], (image.id, image.modified))
    return _picture(look, _read(asked, look, [image], tile, is_one=True))


def _of_product(ranges: Ranges, asked: Asked) -> Response:
    asked.query.only(*OF_PRODUCT)
    tile, uid = _tile(asked), asked.path["product"]
    images = asked.catalog.images.filter(p.product_id == uid).filter(p.storage_state != StorageState.REMOTE)
    first = images.first()
    if first is None:
        raise NotFoundError(f"there is no product {uid!r:.300} with pixels here")
    look = Look.of(asked.query, first, ranges, lambda: list(images.limit(MOST_FOR_RANGES)), uid)
    chosen = _chosen(asked, images).intersects(tile)
    order = TOPS[asked.query.choice("top", list(TOPS))]
    found = list(chosen.sort(order).limit(_MOST_IMAGES + 1))
    answer = _picture(look, _read(asked, look, found[:_MOST_IMAGES], tile, is_one=False))
    if len(found) > _MOST_IMAGES:
        answer.headers["Localcat-Images-Left-Out"] = "yes"
    return answer


def _chosen(asked: Asked, images: ImageSearch) -> ImageSearch:
    names = {name: asked.query.text(name) for name in ("datetime", "filter", "filter-lang")}
    found = Question({name: text for name, text in names.items() if text is not None}, is_post=False).search(images)
    cloud = asked.query.number("cloud", least=0, most=1)
    return found if cloud is None else found.filter(p.cloud_fraction <= cloud)


def _tile(asked: Asked) -> XYZTile:
    found = {name: asked.path[name] for name in "xyz"}
    for name, text in found.items():
        if not _WHOLE.fullmatch(text):
            raise BadRequestError(f"{name} of a tile is a whole number, not {text!r:.100}")
    return XYZTile(int(found["x"]), int(found["y"]), int(found["z"]))


def _read(asked: Asked, look: Look, images: Sequence[Image], tile: XYZTile, *, is_one: bool) -> MaskedArray | None:
    """Return the pixels of a tile, those of the first image on top; None if there is nothing.

    Images are read one by one until nothing is missing, and the client may leave in between. Of several, those that
    cannot be read are left out.
    """
    pixels: MaskedArray | None = None
    for layer in _layers(asked, look, images, tile, is_one=is_one):
        if pixels is None:
            pixels = layer
        else:
            is_missing = numpy.ma.getmaskarray(pixels).any(axis=0)
            pixels[:, is_missing] = layer[:, is_missing]
        if not numpy.ma.getmaskarray(pixels).any():
            break
    return pixels


def _layers(asked: Asked, look: Look, images: Sequence[Image], tile: XYZTile, *, is_one: bool) -> Iterator[MaskedArray]:
    for image in images:
        asked.check()
        try:
            _require_cheap(look, image, tile)
            yield look.read(image, tile)
        except (RasterError, StorageError, NotFoundError):
            if is_one:
                raise


def _require_cheap(look: Look, image: Image, tile: XYZTile) -> None:
    """Refuse to read a large part of a large file without overviews for one tile.

    Raises
    ------
    TooLargeError
        If that would be necessary; the message says what helps.
    """
    if (image.x_pixels or 0) * (image.y_pixels or 0) <= _MOST_READ or image.geometry is None:
        return
    covered = image.geometry.intersection(tile.geometry).area / (image.geometry.area or 1)
    for path in {source.path for source in sources_of(image, look.bands)}:
        with open_raster(path, max_bytes=None) as dataset:
            wanted = covered * dataset.width * dataset.height
            if wanted > _MOST_READ and not dataset.overviews(1):
                raise TooLargeError(
                    f"'{Path(path).name}' of image '{image.id}' has no overviews, and {wanted:,.0f} of its pixels "
                    "would be read for this tile; zoom in, or upload it, which makes overviews"
                )


def _picture(look: Look, pixels: MaskedArray | None) -> Response:
    nothing = numpy.zeros((len(look.bands), 256, 256), dtype=numpy.uint8)
    shown = numpy.ma.masked_array(nothing, True) if pixels is None else pixels
    answer = Response(look.png(shown), media_type="image/png")
    answer.headers["Cache-Control"] = f"private, max-age={_KEPT_SECONDS}"
    return answer
