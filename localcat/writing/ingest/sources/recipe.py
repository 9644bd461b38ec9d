"""A recipe: which files make a scene, and what is known of its product, its bands and its images.

It is read from TOML and is patterns and tables only; `docs/ingesting.md` describes the format.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcat.errors import BadRequestError
from localcat.models.band import Band, ClassBand, GenericBand, MaskBand, MicrowaveBand, SpectralBand
from localcat.models.enums import BandType
from localcat.models.image import Image
from localcat.writing.ingest.content.dates import PERIOD

CLASSES: dict[str, type[Band]] = {
    BandType.SPECTRAL.value: SpectralBand,
    BandType.MICROWAVE.value: MicrowaveBand,
    BandType.MASK.value: MaskBand,
    BandType.CLASS.value: ClassBand,
    BandType.GENERIC.value: GenericBand,
}
BUILT_IN_GROUPS = ("folder",)  # what a template can name beside the groups of the pattern
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_RECIPE_KEYS = {"title", "description", "product", "band", "attributes", "extra", "sidecars"}
_PRODUCT_KEYS = {
    "file", "id", "name", "description", "image", "display", "bands", "period", "other_layers", "alike",
    "attributes", "extra", "sidecars", "groups",
}  # fmt: skip
_BAND_KEYS = {"name", "type", "layer", "index", "aliases", "group", "scale", "offset", "classes", "colors"}
_VALUE_KEYS = {"value", "scale", "offset", "valid"}


@dataclass(frozen=True, slots=True)
class Value:
    """How a value of an image is found.

    Parameters
    ----------
    templates : tuple of str
        Texts with placeholders, of which the first counts whose placeholders all have a value.
    scale, offset : float, optional
        The value is a number, multiplied and then added to; None for a text.
    valid : tuple of float, optional
        (min, max); a number outside is no value.
    """

    templates: tuple[str, ...]
    scale: float | None = None
    offset: float | None = None
    valid: tuple[float, float] | None = None

    @property
    def is_number(self) -> bool:
        """Whether the text stands for a number."""
        return self.scale is not None or self.offset is not None or self.valid is not None

    def number(self, text: str) -> float | None:
        """Return the number that a text stands for; None if there is none, or it is not valid."""
        try:
            found = float(text) * (1.0 if self.scale is None else self.scale) + (self.offset or 0.0)
        except ValueError:
            return None
        low, high = self.valid or (float("-inf"), float("inf"))
        return round(found, 12) if low <= found <= high else None


@dataclass(frozen=True, slots=True)
class BandRecipe:
    """What is known of a band.

    Parameters
    ----------
    name : str
        Its name.
    type : str, optional
        Its type; None for what its file suggests.
    layers : tuple of str
        The layers of a scene that may hold it, the best first; none if a scene is one file.
    index : int
        Its position in the file, from 0.
    aliases : tuple of str
        Other names that a product may have for it.
    attributes : mapping
        Attributes of the band.
    """

    name: str
    type: str | None = None
    layers: tuple[str, ...] = ()
    index: int = 0
    aliases: tuple[str, ...] = ()
    attributes: Mapping[str, Any] | None = None

    @property
    def known(self) -> dict[str, Any]:
        """The attributes that the recipe gives."""
        return dict(self.attributes or {})

    def answers_to(self, name: str) -> bool:
        """Return whether a band of a product with that name is this one; case does not matter."""
        return name.casefold() in {one.casefold() for one in (self.name, *self.aliases)}


@dataclass(frozen=True, slots=True)
class ProductRecipe:
    """One kind of scene: the pattern of its files, and what they become.

    Parameters
    ----------
    pattern : re.Pattern
        Matches the whole path of a file, with the group ``base__`` for the folders in front.
    id, name, image : str
        Templates of the product's id and name, and of the image's name.
    description : str
        Of the product.
    bands : tuple of BandRecipe
        None of them declared means that the files say what they hold.
    display : tuple of str
        Names of the bands to show.
    period : str, optional
        How long an image's time lasts, such as ``"16 days"``.
    other_layers : bool
        Whether a layer that no band is declared for is a band of its own.
    is_alike : bool
        Whether scenes of unlike files are different products.
    attributes, extra : mapping of str to Value
        Of each image, and of its `extra_properties`.
    sidecars : mapping of str to tuple of str
        By name, the templates of paths, from the folder where the match begins; ``*`` stands for anything.
    owners : mapping of str to (str, str)
        By name, which value of a sidecar says whose it is, and the template of what it says, where ``*`` stands for
        anything; else the file is of another scene.
    """

    pattern: re.Pattern[str]
    id: str
    name: str
    image: str
    description: str
    bands: tuple[BandRecipe, ...]
    display: tuple[str, ...]
    period: str | None
    other_layers: bool
    is_alike: bool
    attributes: Mapping[str, Value]
    extra: Mapping[str, Value]
    sidecars: Mapping[str, tuple[str, ...]]
    owners: Mapping[str, tuple[str, str]]

    @property
    def has_layers(self) -> bool:
        """Whether a scene may be several files."""
        return "layer" in self.pattern.groupindex


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the files of one source are taken in.

    Parameters
    ----------
    name : str
        By which it is asked for.
    title, description : str
        For people.
    products : tuple of ProductRecipe
        The kinds of scene, of which the first that a file's path matches counts.
    text : str
        The TOML that it was read from.
    """

    name: str
    title: str
    description: str
    products: tuple[ProductRecipe, ...]
    text: str

    @property
    def patterns(self) -> list[str]:
        """The regular expressions of its files' paths."""
        return [product.pattern.pattern.removeprefix(_BASE).removesuffix(")") for product in self.products]

    @property
    def bands(self) -> list[str]:
        """The names of the bands that it declares, each once."""
        return list(dict.fromkeys(band.name for product in self.products for band in product.bands))

    def to_dict(self) -> dict[str, Any]:
        """Return what the recipe says, as JSON can hold it."""
        return {"name": self.name, **tomllib.loads(self.text)}


_BASE = "(?P<base__>(?:.*/)?)(?:"


class _Reader:
    """Reads tables of a recipe; what is wrong with one is told by its place in the file."""

    def __init__(self, name: str) -> None:
        self.name = name

    def wrong(self, where: str, what: str) -> BadRequestError:
        return BadRequestError(f"recipe '{self.name}', {where}: {what}")

    def table(self, given: Any, where: str, keys: set[str] | None = None) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise self.wrong(where, f"is a table, not {given!r}")
        unknown = sorted(given.keys() - keys) if keys is not None else []
        if unknown:
            raise self.wrong(where, f"does not know {unknown[0]!r}; it has {', '.join(sorted(keys or ()))}")
        return given

    def text(self, table: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
        value = table.get(key, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.wrong(where, f"{key} is a text, not {value!r}")
        return value

    def texts(self, given: Any, where: str) -> tuple[str, ...]:
        several = [given] if isinstance(given, str) else given
        if not isinstance(several, list) or not all(isinstance(one, str) and one for one in several):
            raise self.wrong(where, f"is a text or a list of texts, not {given!r}")
        return tuple(several)

    def sidecar(self, given: Any, where: str, groups: set[str]) -> tuple[tuple[str, ...], tuple[str, str] | None]:
        """Read where a sidecar is, which of its values says whose it is, and what that says."""
        if not isinstance(given, dict):
            return self.texts(given, where), None
        table = self.table(given, where, {"path", "scene", "is"})
        key, said = self.text(table, "scene", where), self.text(table, "is", where, "{scene}")
        if "is" not in table and "scene" not in groups:
            raise self.wrong(where, 'scene needs a group (?P<scene>…) in the pattern, or what it is: is = "{…}"')
        self.placeholders(said, f"{where} is", groups)
        return self.texts(table.get("path"), f"{where}.path"), (key, said)

    def truth(self, table: Mapping[str, Any], key: str, where: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(where, f"{key} is true or false, not {value!r}")
        return value

    def number(self, given: Any, where: str) -> float:
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise self.wrong(where, f"is a number, not {given!r}")
        return float(given)

    # Values of images

    def values(self, given: Any, where: str, names: set[str] | None, known: set[str]) -> dict[str, Value]:
        """Read the table of attributes, or of extra properties; `known` are the names of placeholders."""
        table = self.table(given, where)
        for key in table:
            if names is not None and key not in names:
                raise self.wrong(where, f"Image has no attribute {key!r} that a recipe can set")
        return {key: self._value(value, f"{where}.{key}", known) for key, value in table.items()}

    def _value(self, given: Any, where: str, known: set[str]) -> Value:
        table = self.table(given, where, _VALUE_KEYS) if isinstance(given, dict) else {"value": given}
        templates = self.texts(table.get("value"), where)
        for template in templates:
            self.placeholders(template, where, known)
        scale, offset = (None if table.get(key) is None else self.number(table[key], where) for key in _LINEAR)
        valid = table.get("valid")
        if valid is not None and (not isinstance(valid, list) or len(valid) != 2):
            raise self.wrong(where, f"valid is two numbers, the smaller first, not {valid!r}")
        limits = None if valid is None else (self.number(valid[0], where), self.number(valid[1], where))
        return Value(templates, scale, offset, limits)

    def placeholders(self, template: str, where: str, known: set[str]) -> None:
        for name in _PLACEHOLDER.findall(template):
            source, colon, _ = name.partition(":")
            if (source if colon else name) not in known or (not colon and source == "tag"):
                raise self.wrong(where, f"{{{name}}} names neither a group of the pattern nor a sidecar")

    # Bands

    def band(self, given: Any, where: str) -> tuple[BandRecipe, str | None]:
        """Read a band; also return its group, whose values the products may set."""
        table = self.table(given, where)
        name = self.text(table, "name", where)
        kind = table.get("type")
        if kind is not None and kind not in CLASSES:
            raise self.wrong(where, f"type is one of {', '.join(CLASSES)}, not {kind!r}")
        index = table.get("index", 0)
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise self.wrong(where, f"index is a whole number from 0, not {index!r}")
        layers = self.texts(table["layer"], f"{where} layer") if "layer" in table else ()
        aliases = self.texts(table["aliases"], f"{where} aliases") if "aliases" in table else ()
        band = BandRecipe(name, kind, layers, index, aliases, self._band_attributes(table, kind, where))
        return band, table.get("group")

    def _band_attributes(self, table: Mapping[str, Any], kind: str | None, where: str) -> dict[str, Any]:
        found = {key: value for key, value in table.items() if key not in _BAND_KEYS}
        for key, made in (("classes", "class_labels"), ("colors", "colormap")):
            if key in table:
                found[made] = self._by_value(self.table(table[key], f"{where} {key}"), f"{where} {key}")
        if "colormap" in found:
            found["colormap"] = [(0, 0, 0, 0) if color is None else _rgba(color) for color in found["colormap"]]
        self.scaled(found, table, where)
        cls = CLASSES[kind or BandType.GENERIC.value]
        for key, value in found.items():
            attribute = cls._attributes.get(key)
            if attribute is None or attribute.readonly or key in ("id", "product_id", "band_index", "file_index"):
                raise self.wrong(where, f"a band of type {kind or 'generic'} has no {key!r} that a recipe can set")
            try:
                attribute.coerce(value)
            except BadRequestError as error:
                raise self.wrong(where, str(error)) from error
        return found

    def scaled(self, found: dict[str, Any], table: Mapping[str, Any], where: str) -> None:
        """Turn a scale and an offset into the physical values that the data range stands for."""
        if "scale" not in table and "offset" not in table:
            return
        if "data_range" not in found:
            raise self.wrong(where, "scale and offset need a data_range")
        scale, offset = self.number(table.get("scale", 1), where), self.number(table.get("offset", 0), where)
        found["physical_range"] = [round(value * scale + offset, 9) for value in found["data_range"]]

    def _by_value(self, table: dict[str, Any], where: str) -> list[Any]:
        if not all(key.isdecimal() and int(key) < 65536 for key in table):
            raise self.wrong(where, "the keys are pixel values from 0 to 65535")
        by_value = {int(key): value for key, value in table.items()}
        return [by_value.get(value) for value in range(max(by_value, default=-1) + 1)]


_LINEAR = ("scale", "offset")


def _rgba(color: Any) -> Any:
    """Return a colour such as ``"#006400"`` as four numbers."""
    if isinstance(color, str) and re.fullmatch("#[0-9a-fA-F]{6}", color):
        return *(int(color[at : at + 2], 16) for at in (1, 3, 5)), 255
    return color


def parse_recipe(text: str, name: str) -> Recipe:
    """Read a recipe from TOML.

    Parameters
    ----------
    text : str
        The TOML.
    name : str
        By which the recipe is called, also in messages.

    Raises
    ------
    BadRequestError
        If it is not TOML, or a table has a key or a value that it cannot have; with the place in the file.
    """
    reader = _Reader(name)
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRequestError(f"recipe '{name}' is not TOML: {error}") from error
    table = reader.table(given, "the file", _RECIPE_KEYS)
    bands = list(_bands(reader, table.get("band", [])))
    products = table.get("product", [])
    if not isinstance(products, list) or not products:
        raise reader.wrong("the file", "has at least one [[product]]")
    return Recipe(
        name,
        reader.text(table, "title", "the file"),
        reader.text(table, "description", "the file", ""),
        tuple(_product(reader, product, number, table, bands) for number, product in enumerate(products, 1)),
        text,
    )


def _bands(reader: _Reader, given: Any) -> Iterator[tuple[BandRecipe, str | None, dict[str, Any]]]:
    if not isinstance(given, list):
        raise reader.wrong("band", "is several tables, written [[band]]")
    seen = set()
    for number, table in enumerate(given, 1):
        band, group = reader.band(table, f"[[band]] {number}")
        if band.name in seen:
            raise reader.wrong(f"[[band]] {number}", f"there is another band '{band.name}'")
        seen.add(band.name)
        yield band, group, table


def _product(
    reader: _Reader, given: Any, number: int, recipe: Mapping[str, Any], bands: list[tuple[BandRecipe, Any, Any]]
) -> ProductRecipe:
    where = f"[[product]] {number}"
    table = reader.table(given, where, _PRODUCT_KEYS)
    try:
        pattern = re.compile(f"{_BASE}{reader.text(table, 'file', where)})", re.IGNORECASE)
    except re.error as error:
        raise reader.wrong(where, f"file is not a regular expression: {error}") from error
    groups = {*pattern.groupindex, *BUILT_IN_GROUPS}
    both = {
        key: {**reader.table(recipe.get(key, {}), key), **reader.table(table.get(key, {}), f"{where} {key}")}
        for key in ("attributes", "extra", "sidecars")
    }
    beside = {key: reader.sidecar(value, f"{where} sidecars.{key}", groups) for key, value in both["sidecars"].items()}
    sidecars = {key: paths for key, (paths, _) in beside.items()}
    for templates in sidecars.values():
        for template in templates:
            reader.placeholders(template, f"{where} sidecars", groups)
    known = {*groups, *sidecars, "tag"}
    texts = {key: reader.text(table, key, where, default) for key, default in (("id", None), ("image", None))}
    texts["name"] = reader.text(table, "name", where, texts["id"])
    for key, template in texts.items():
        reader.placeholders(template, f"{where} {key}", groups)
    period = table.get("period")
    if period is not None and not (isinstance(period, str) and PERIOD.fullmatch(period)):
        raise reader.wrong(where, f"period is a text such as '16 days', '1 month' or '1 year', not {period!r}")
    settable = {
        name for name, one in Image._attributes.items() if not one.readonly and name not in ("id", "product_id", "name")
    }
    chosen = tuple(_chosen(reader, table, bands, where))
    places: dict[tuple[tuple[str, ...], int], str] = {}
    for band in chosen:
        other = places.setdefault((band.layers, band.index), band.name)
        if other != band.name:
            raise reader.wrong(
                where, f"bands '{other}' and '{band.name}' are both number {band.index} of one file; give each an index"
            )
    display = reader.texts(table.get("display", []), f"{where} display")
    return ProductRecipe(
        pattern,
        texts["id"],
        texts["name"],
        texts["image"],
        reader.text(table, "description", where, recipe.get("description", "")),
        chosen,
        display,
        period,
        reader.truth(table, "other_layers", where),
        reader.truth(table, "alike", where),
        reader.values(both["attributes"], f"{where} attributes", settable, known),
        reader.values(both["extra"], f"{where} extra", None, known),
        sidecars,
        {key: owner for key, (_, owner) in beside.items() if owner is not None},
    )


def _chosen(
    reader: _Reader, table: Mapping[str, Any], bands: list[tuple[BandRecipe, Any, Any]], where: str
) -> Iterator[BandRecipe]:
    """Yield the bands of a product: all, or those that it names; with what it says of their groups."""
    names = reader.texts(table["bands"], f"{where} bands") if "bands" in table else [band.name for band, _, _ in bands]
    missing = sorted(set(names) - {band.name for band, _, _ in bands})
    if missing:
        raise reader.wrong(where, f"there is no [[band]] '{missing[0]}'")
    groups = reader.table(table.get("groups", {}), f"{where} groups")
    unknown = sorted(groups.keys() - {group for _, group, _ in bands})
    if unknown:
        raise reader.wrong(where, f"no [[band]] has the group '{unknown[0]}'")
    for band, group, given in bands:
        if band.name in names:
            changed = reader.table(groups.get(group, {}), f"{where} groups.{group}")
            yield reader.band({**given, **changed}, f"{where} band '{band.name}'")[0] if changed else band


def filled(template: str, values: Mapping[str, str | None]) -> str | None:
    """Return a template with its placeholders replaced; None if one of them has no value."""
    names = _PLACEHOLDER.findall(template)
    if any(not values.get(name) for name in names):
        return None
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), template)


def references(template: str) -> list[str]:
    """Return the names of a template's placeholders."""
    return _PLACEHOLDER.findall(template)
