"""What the page asks for: the filters of its form as a search, as Python and as a command of the shell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from localcat.errors import BadRequestError
from localcat.expressions.properties import properties as p
from localcat.serve.parameters import json_of, numbers

if TYPE_CHECKING:
    from localcat.catalog import Catalog
    from localcat.search import ImageSearch
    from localcat.serve.parameters import Parameters

Box = tuple[float, float, float, float]

NAMES = ("products", "datetime", "cloud", "unset", "text", "bbox")
"""The parameters that `Filters.of` reads."""

_MOST_PRODUCTS = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """The form of the page.

    Parameters
    ----------
    products : tuple of str
        Ids; empty for all.
    datetime : str, optional
        A period, as `ImageSearch.during` reads it.
    cloud : float, optional
        The largest cloud_fraction.
    unset : bool
        With `cloud`: whether images without a cloud_fraction are found, too.
    text : str, optional
        Words of `ImageSearch.find_text`.
    bbox : (west, south, east, north), optional
        Which footprints meet; degrees, west > east across the antimeridian.
    """

    products: tuple[str, ...] = ()
    datetime: str | None = None
    cloud: float | None = None
    unset: bool = False
    text: str | None = None
    bbox: Box | None = None

    @classmethod
    def of(cls, query: Parameters) -> Self:
        """Read the parameters of a request.

        Raises
        ------
        BadRequestError
            If one is not what it should be.
        """
        return cls(
            products=_products(query.text("products")),
            datetime=query.text("datetime"),
            cloud=query.number("cloud", least=0, most=1),
            unset=query.choice("unset", ("no", "yes")) == "yes",
            text=query.text("text"),
            bbox=box_of("bbox", query),
        )

    def but(self, **changes: Any) -> Self:
        """Return the same form with some of its fields changed."""
        return replace(self, **changes)

    def search(self, catalog: Catalog) -> ImageSearch:
        """Return the search for the images that the form asks for, the newest first.

        Raises
        ------
        BadRequestError
            If the period, the text or the box is none.
        """
        search = catalog.images
        if self.products:
            search = search.filter(p.product_id.any_of(self.products))
        if self.datetime is not None:
            search = search.during(self.datetime)
        if self.cloud is not None:
            clear = p.cloud_fraction <= self.cloud
            search = search.filter(p.cloud_fraction.isnull | clear if self.unset else clear)
        if self.bbox is not None:
            search = search.intersects(self.bbox)
        if self.text is not None:
            search = search.find_text(self.text)
        return search.sort("-acquired")

    def as_python(self, catalog: Catalog) -> str:
        """Return a program that runs the same search."""
        lines = ["catalog.images"]
        if self.products:
            lines.append(f".filter(p.product_id.any_of({list(self.products)!r}))")
        if self.datetime is not None:
            lines.append(f".during({self.datetime!r})")
        if self.cloud is not None:
            unset = "p.cloud_fraction.isnull | " if self.unset else ""
            lines.append(f".filter({unset}(p.cloud_fraction <= {self.cloud!r}))")
        if self.bbox is not None:
            lines.append(f".intersects(({', '.join(f'{edge:.12g}' for edge in self.bbox)}))")
        if self.text is not None:
            lines.append(f".find_text({self.text!r})")
        lines.append('.sort("-acquired")')
        chained = "\n            ".join(lines)
        return (
            "from localcat import Catalog, properties as p\n\n"
            f"with {opening(catalog)} as catalog:\n"
            "    search = (\n"
            f"        {chained}\n"
            "    )\n"
            "    for image in search:\n"
            "        print(image.id)\n"
        )

    def as_shell(self, catalog: Catalog) -> str:
        """Return a command that runs the same search."""
        words = ["localcat", "-C", str(catalog.path), "search"]
        for uid in self.products:
            words += option("product", uid)
        if self.datetime is not None:
            words += option("datetime", self.datetime)
        if self.cloud is not None:
            clear = f"cloud_fraction <= {self.cloud!r}"
            words += option("where", f"cloud_fraction IS NULL OR {clear}" if self.unset else clear)
        if self.bbox is not None:
            words += option("bbox", ",".join(f"{edge:.12g}" for edge in self.bbox))
        if self.text is not None:
            words += option("text", self.text)
        return shlex.join([*words, *option("sort", "-acquired")])


def opening(catalog: Catalog) -> str:
    """Return the Python that opens a catalog as it is open here."""
    trusted = "" if catalog.database.options.trusted else ", trusted=False"
    return f"Catalog.open({str(catalog.path)!r}, read_only=True{trusted})"


def option(name: str, value: str) -> list[str]:
    """Return an option of the shell; as one word if its value could be taken for another option."""
    return [f"--{name}={value}"] if value.startswith("-") else [f"--{name}", value]


def box_of(name: str, query: Parameters) -> Box | None:
    """Return a box, given as four numbers with commas between them; None if it is not given.

    Raises
    ------
    BadRequestError
        If it is none.
    """
    words = query.words(name)
    if words is None:
        return None
    if len(words) != 4:
        raise BadRequestError(f"{name} is west,south,east,north in degrees, not {','.join(words)!r:.100}")
    west, south, east, north = numbers(name, words)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise BadRequestError(f"{name} is west,south,east,north within ±180° and ±90°, not {','.join(words)!r:.100}")
    return west, south, east, north


def _products(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    found = json_of("products", text)
    if not isinstance(found, list) or len(found) > _MOST_PRODUCTS or not all(isinstance(uid, str) for uid in found):
        raise BadRequestError(f"products is a JSON list of at most {_MOST_PRODUCTS} ids of products, not {text!r:.100}")
    return tuple(found)
