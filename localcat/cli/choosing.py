"""Which images a command is about: the ids that are named or come through a pipe, and the options that search."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

import localcat
from localcat.cli import completing
from localcat.cli.piping import PIPE, ids_of, text_of_pipe

if TYPE_CHECKING:
    from localcat import AOI, Catalog, Image, ImageCollection, ImageSearch, Search

S = TypeVar("S", bound="Search[Any]")

# Well-known text or GeoJSON, and not a file such as polygons.geojson.
_TEXT = re.compile(
    r"\s*(?:SRID\s*=|\{|(?:POINT|LINESTRING|LINEARRING|POLYGON|MULTI[A-Z]+|GEOMETRYCOLLECTION)\s*(?:ZM?|M)?\s*(?:\(|EMPTY\b))",
    re.IGNORECASE,
)
_BOX = re.compile(r"\s*[-\d.]+(?:[,\s]+[-\d.]+){3}\s*")


def _box(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Return west, south, east and north; None for none."""
    if value is None:
        return None
    try:
        west, south, east, north = (float(part) for part in value.replace(",", " ").split())
    except ValueError as error:
        told = f"{value!r} is not west,south,east,north in degrees, such as 10,47,11,48"
        raise click.BadParameter(told, ctx, parameter) from error
    return west, south, east, north


@dataclass(frozen=True)
class Choice:
    """The images that a user asked for.

    Parameters
    ----------
    ids : tuple of str or None
        Ids of images, in their order. None if none were named: all that fit the rest.
    """

    ids: tuple[str, ...] | None
    product: tuple[str, ...]
    where: str | None
    datetime: str | None
    bbox: tuple[float, float, float, float] | None
    intersects: str | None
    text: str | None
    sort: tuple[str, ...]
    limit: int | None

    @property
    def is_everything(self) -> bool:
        """Whether nothing was asked for that leaves an image out."""
        asked = (self.where, self.datetime, self.bbox, self.intersects, self.text, self.limit)
        return self.ids is None and not self.product and all(one is None for one in asked)

    @functools.cached_property
    def area(self) -> AOI | None:
        """Where pixels are wanted: in the box, and of that in the area; None for everywhere."""
        if self.bbox is None:
            return self._shape
        return localcat.AOI(bounds=self.bbox) if self._shape is None else self._shape.assign(bounds=self.bbox)

    @functools.cached_property
    def _shape(self) -> AOI | None:
        """The area of ``--intersects``."""
        if self.intersects is None:
            return None
        if self.intersects == PIPE:
            return localcat.AOI.from_text(text_of_pipe())
        if _TEXT.match(self.intersects):
            return localcat.AOI.from_text(self.intersects)
        if _BOX.fullmatch(self.intersects):
            raise click.UsageError(f"{self.intersects!r} is a box; name it with --bbox")
        return localcat.AOI.from_file(self.intersects)

    def search(self, catalog: Catalog) -> ImageSearch:
        """Return the search for the images; those that were named come in the order of the search."""
        p = localcat.properties
        search = catalog.images
        if self.ids is not None:
            search = search.filter(p.id.any_of([image.id for image in self._named(catalog)]))
        if self.product:
            search = search.filter(p.product_id.any_of([product_id(catalog, uid) for uid in self.product]))
        if self.datetime is not None:
            search = search.during(self.datetime)
        if self.where is not None:
            search = filtered(search, self.where)
        if self._shape is not None:
            search = search.intersects(self._shape)
        if self.bbox is not None:
            search = search.filter(p.geometry.intersects(self.bbox))
        if self.text is not None:
            search = search.find_text(self.text)
        if self.sort:
            search = search.sort(*self.sort)
        return search.limit(self.limit)

    def images(self, catalog: Catalog) -> ImageCollection:
        """Return the images, in memory; those that were named in that order, unless another is asked for."""
        found = self.search(catalog).collect(self.area)
        if self.ids is None or self.sort:
            return found
        rank = {image.id: number for number, image in enumerate(self._named(catalog))}
        return found.sorted(lambda image: rank[image.id])

    def _named(self, catalog: Catalog) -> list[Image]:
        """Return the images whose ids were named; an id that none has is told with what it may be."""
        ids = list(self.ids or ())
        try:
            return localcat.Image.get_many(ids, catalog=catalog)
        except localcat.errors.NotFoundError as error:
            missing = next(uid for uid in ids if localcat.Image.get(uid, catalog=catalog) is None)
            if localcat.Product.get(missing, catalog=catalog) is not None:
                told = f"'{missing}' is a product; --product {missing} takes its images"
            else:
                told = f"there is no image '{missing}'; `localcat search` finds those that are"
            raise localcat.errors.NotFoundError(told) from error


def filtered(search: S, where: str) -> S:
    """Return a search with a condition in CQL2 text.

    Raises
    ------
    BadRequestError
        If it cannot be read. For a name that is not one of an attribute it says what may be missing.
    """
    try:
        return search.filter(localcat.Expression.from_cql2(where))
    except localcat.UnknownPropertyError as error:
        told = str(error)
        if "; " in told:  # the names that may be meant
            raise
        raise localcat.UnknownPropertyError(
            f"{told}; strings are in single quotes, as in name = 'x', and keys follow extra_properties and a dot"
        ) from error


def product_id(catalog: Catalog, uid: str) -> str:
    """Return the id of a product; with the namespace before it, if the id lacks it.

    Raises
    ------
    ProductNotFoundError
        If there is none; the message names the nearest ones.
    """
    found = localcat.Product.get(uid, catalog=catalog)
    if found is None:
        from localcat.expressions.fields import nearest  # only for a mistake

        ids = catalog.products.ids()
        known = [*ids, *(one.removeprefix(f"{catalog.namespace}:") for one in ids)]
        raise localcat.ProductNotFoundError(
            f"there is no product '{uid}'{nearest(uid, known) or '; `localcat ls` lists those that are'}"
        )
    return str(found.id)


_OPTIONS: Sequence[Callable[[Any], Any]] = (
    click.argument("ids", nargs=-1, metavar="[ID|-]...", shell_complete=completing.image_ids),
    click.option("--product", multiple=True, metavar="ID", shell_complete=completing.products, help="Of this product."),
    click.option("--datetime", metavar="PERIOD", help="Acquired in 2024-06, 2024-06-01/2024-08 or ../2024."),
    click.option("--where", metavar="CQL2", help="A condition: \"cloud_fraction < 0.2 AND name LIKE 'S2%'\"."),
    click.option("--bbox", callback=_box, metavar="W,S,E,N", help="Whose footprint meets this box, in degrees."),
    click.option(
        "--intersects",
        type=click.Path(),
        metavar="AREA",
        help="Whose footprint meets an area: a file, WKT, or - for the pipe.",
    ),
    click.option("--text", metavar="WORDS", help="Whose name or tags have these words."),
    click.option("--sort", multiple=True, metavar="NAME", help="By an attribute; with a minus, the largest first."),
    click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most so many."),
)
_NAMES = ("ids", "product", "datetime", "where", "bbox", "intersects", "text", "sort", "limit")


def takes_images(*, apart: Callable[[str], bool] | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what gives a command the ids and the options that choose images; it gets them as `chosen`.

    Parameters
    ----------
    apart : callable, optional
        Whether a word is not an id, but something else; the command gets those as `words`.
    """

    def decorated(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def called(**values: Any) -> None:
            given = {name: values.pop(name) for name in _NAMES}
            ids = given["ids"]
            if apart is not None:
                values["words"] = tuple(word for word in ids if apart(word))
                ids = tuple(word for word in ids if not apart(word))
            if given["intersects"] == PIPE and PIPE in ids:
                raise click.UsageError("the ids and the area cannot both come through the pipe")
            given["ids"] = ids_of(ids) if ids else None
            given["sort"] = tuple(name for names in given["sort"] for name in names.split(",") if name)
            function(chosen=Choice(**given), **values)

        for option in reversed(_OPTIONS):
            called = option(called)
        return called

    return decorated


def require_choice(chosen: Choice, everything: bool) -> None:
    """Refuse to take all images of a catalog unless that was asked for."""
    if chosen.is_everything and not everything:
        raise click.UsageError("name the images, by ids or by --product, --where, …; --all takes all of the catalog")
