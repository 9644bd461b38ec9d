"""The products that scenes go to: an existing one that is checked, or a new one made of the recipe and the files."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcat.errors import BadRequestError, ClientError, ConflictError
from localcat.models.attributes.values import Resolution
from localcat.models.backend import bands_of
from localcat.models.band import Band
from localcat.models.enums import BandType, DataType
from localcat.models.product import Product
from localcat.rasters.files.environment import raster_environment
from localcat.writing.commit import unforeseen
from localcat.writing.ingest.content.headers import FileHeader, LayerHeader, ranges, read_header
from localcat.writing.ingest.outcome import IngestedProduct
from localcat.writing.ingest.sources.listing import SourceFile
from localcat.writing.ingest.sources.recipe import CLASSES, BandRecipe, ProductRecipe
from localcat.writing.ingest.sources.scenes import Scene, valid_name

if TYPE_CHECKING:
    from localcat.models.backend import Backend
    from localcat.store.file.transaction import Transaction

_COLORS = ("red", "green", "blue")
_CODE_TYPES = ("Byte", "UInt16")  # of which values index a table


@dataclass(slots=True)
class ReadScene:
    """A scene whose headers were read.

    Parameters
    ----------
    scene : Scene
        Its files.
    headers : dict of str to FileHeader
        By layer, of those that are needed.
    """

    scene: Scene
    headers: dict[str, FileHeader]

    @property
    def in_order(self) -> list[FileHeader]:
        """The headers that were read, in the order of the files."""
        return [self.headers[layer] for layer in self.scene.layers if layer in self.headers]

    def header_of(self, file: SourceFile) -> FileHeader:
        """Return the header of a file of the scene; one that the recipe had no need of is read now."""
        layer = next(layer for layer, one in self.scene.layers.items() if one is file)
        if layer not in self.headers:
            with raster_environment():
                self.headers[layer] = read_header(file.location)
        return self.headers[layer]


@dataclass(frozen=True, slots=True)
class NewProduct:
    """What a product is made of that is not in the catalog yet.

    Parameters
    ----------
    description : str, optional
        Of the product.
    display : list of str
        The names of the bands to show.
    bands : list of (BandRecipe, dict)
        The bands in their order, and the attributes of each.
    """

    description: str | None
    display: list[str]
    bands: list[tuple[BandRecipe, dict[str, Any]]]


@dataclass(slots=True)
class Target:
    """A product, and how the layers of a scene are its bands; scenes of several kinds may go to one.

    Parameters
    ----------
    product_id, name : str
        Of the product.
    recipe : str
        The name of the recipe of its first scene.
    bands : list of Band
        In their order; not saved if the product is not.
    outcome : str
        ``"created"`` or ``"found"``.
    notes : list of str
        What was guessed.
    new : NewProduct, optional
        What the product is to be, until it is saved with the first of its images; None once it is in the catalog.
    """

    product_id: str
    name: str
    recipe: str
    bands: list[Band]
    outcome: str
    notes: list[str] = field(default_factory=list)
    new: NewProduct | None = None

    def knows_layers(self, kind: ProductRecipe) -> bool:
        """Return whether the recipe says where any of its bands is in a scene of a kind; else a file is a scene."""
        is_open = kind.other_layers and not self.is_single_file
        return is_open or any(_of_recipe(kind, band) is not None for band in self.bands)

    @property
    def is_single_file(self) -> bool:
        """Whether an image is one file."""
        return all(band.file_position == 0 for band in self.bands)

    def bind(self, scene: Scene) -> list[SourceFile]:
        """Return the files of a scene in the order that the bands' `file_index` counts.

        Raises
        ------
        BadRequestError
            If a file is missing, or bands that the product has in one file are in several.
        """
        if not self.knows_layers(scene.kind):
            if not self.is_single_file:
                count = max(band.file_position for band in self.bands) + 1
                raise BadRequestError(
                    f"an image of product '{self.product_id}' has {count} files, and nothing says which files are a "
                    "scene; name its bands as a recipe does, or pass a recipe of your own"
                )
            if len(scene.layers) == 1:
                return [scene.first]
        files: dict[int, SourceFile] = {}
        missing = []
        for band in self.bands:
            file, index = self._file_of(band, scene)
            if file is None:
                missing.append(str(band.name))
                continue
            if index != band.position or files.setdefault(band.file_position, file) is not file:
                raise BadRequestError(
                    f"band '{band.name}' of product '{self.product_id}' is number {band.position} of file "
                    f"{band.file_position}, and in the scene it is number {index} of '{file.path.name}'; ingest into "
                    "another product, or let ingest make one"
                )
        if missing:
            raise BadRequestError(
                f"the scene is incomplete: it has no file for {', '.join(map(repr, missing))} of product "
                f"'{self.product_id}'; add the files, or ingest it into a product of its own"
            )
        return [files[position] for position in range(len(files))]

    def _file_of(self, band: Band, scene: Scene) -> tuple[SourceFile | None, int]:
        """Return the file of a scene that has a band, and its position there; None if there is none."""
        known = _of_recipe(scene.kind, band)
        if known is not None:
            layer = _layer_of(known, scene)
            return (None if layer is None else scene.layers[layer]), known.index
        if scene.is_one_file:
            return None if scene.kind.bands else scene.first, band.position
        for layer, file in scene.layers.items():
            if _names(layer, band):
                return file, band.position
        return None, band.position

    def missed(self, scene: Scene) -> list[Path]:
        """Return the unfinished files of a scene that a band needs."""
        found = []
        for band in self.bands:
            known = _of_recipe(scene.kind, band)
            if known is not None:
                found += _missed(known, scene)
            else:
                found += [path for layer, path in scene.unfinished.items() if _names(layer, band)]
        return list(dict.fromkeys(found))

    def described(self) -> IngestedProduct:
        """Return what the report says of it."""
        bands = {str(band.name): f"{band.type} {band.data_type}" for band in self.bands}
        return IngestedProduct(
            id=self.product_id,
            name=self.name,
            outcome=self.outcome,
            recipe=self.recipe,
            bands=bands,
            notes=tuple(self.notes),
        )


def _of_recipe(kind: ProductRecipe, band: Band) -> BandRecipe | None:
    """Return what a recipe knows of a band of a product, by its name or the vendor's."""
    names = [str(name) for name in (band.name, band.vendor_band_name) if name]
    return next((one for name in names for one in kind.bands if one.answers_to(name)), None)


def _layer_of(band: BandRecipe, scene: Scene) -> str | None:
    """Return the layer of a scene that holds a band, the best of those that may."""
    if not band.layers:
        return next(iter(scene.layers)) if len(scene.layers) == 1 else None
    return next((layer.lower() for layer in band.layers if layer.lower() in scene.layers), None)


def _missed(band: BandRecipe, scene: Scene) -> list[Path]:
    """Return the unfinished files of a scene that would hold a band, where no better one is there."""
    found = []
    for layer in map(str.lower, band.layers):
        if layer in scene.layers:
            break
        if layer in scene.unfinished:
            found.append(scene.unfinished[layer])
    return found


def needed_layers(scene: Scene) -> list[str]:
    """Return the layers of a scene that may become a band; the others, such as coarser copies, are not looked at."""
    if scene.kind.other_layers:
        return list(scene.layers)
    layers = [layer for band in scene.kind.bands if (layer := _layer_of(band, scene)) is not None]
    return list(dict.fromkeys(layers)) or list(scene.layers)


def _layer_name(layer: str) -> str:
    return valid_name(layer).lower()


def _names(layer: str, band: Band) -> bool:
    """Return whether a layer is called like a band."""
    return _layer_name(layer).casefold() == str(band.name).casefold()


class Products:
    """The products of one ingest.

    Parameters
    ----------
    backend : Backend
        The catalog.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.targets: dict[str, Target] = {}  # by product id

    def require_bands(self, product: Product) -> None:
        """Refuse a product that has none.

        Raises
        ------
        BadRequestError
            With what to do.
        """
        if not self._bands(product):
            raise BadRequestError(f"product '{product.id}' has no bands; declare what its files hold first")

    def given(self, product: Product, scene: Scene) -> Target:
        """Return an existing product as the target of a scene."""
        return self.targets.get(str(product.id)) or self._kept(self._found(product, scene))

    def missed(self, scene: Scene, product: Product | None) -> list[Path]:
        """Return the unfinished files of a scene that its product needs; a new one needs all that it can have."""
        if not scene.unfinished:
            return []
        if product is not None:
            return self.given(product, scene).missed(scene)
        there = None
        if not scene.kind.is_alike:
            product_id = Product.namespace_id(scene.product_key, catalog=self._backend)
            there = self.targets.get(product_id) or self._existing(product_id, scene)
        if there is not None:
            return there.missed(scene)
        if scene.kind.other_layers:
            return list(scene.unfinished.values())
        return list(dict.fromkeys(path for band in scene.kind.bands for path in _missed(band, scene)))

    @staticmethod
    def parted(scenes: Sequence[ReadScene]) -> list[list[ReadScene]]:
        """Return scenes that have one key in groups that go to one product each, the largest first."""
        if not scenes[0].scene.kind.is_alike:
            return [list(scenes)]
        alike: dict[tuple[object, ...], list[ReadScene]] = {}
        for one in scenes:
            alike.setdefault(one.in_order[0].likeness, []).append(one)
        return sorted(alike.values(), key=len, reverse=True)

    def of(self, group: Sequence[ReadScene]) -> Target:
        """Return the product of a group of scenes, found or made.

        Raises
        ------
        ClientError
            If there is none yet, and the files of none of them can be read.
        """
        first = group[0].scene
        return self._alike(group) if first.kind.is_alike else self._found_or_made(first.product_key, group)

    def _alike(self, group: Sequence[ReadScene]) -> Target:
        """Return the product of files that are alike: one that has such bands, or a new one under the next free id."""
        scene, header = group[0].scene, group[0].in_order[0]
        for key in _keys(scene.product_key, header):
            product_id = Product.namespace_id(key, catalog=self._backend)
            target = self.targets.get(product_id) or self._existing(product_id, scene)
            if target is None:
                return self._made(key, group)
            if _is_like(target.bands, header):
                return self._kept(target)
        raise AssertionError("the keys never end")

    def _found_or_made(self, key: str, scenes: Sequence[ReadScene]) -> Target:
        product_id = Product.namespace_id(key, catalog=self._backend)
        target = self.targets.get(product_id) or self._existing(product_id, scenes[0].scene)
        return self._made(key, scenes) if target is None else self._kept(target)

    def _existing(self, product_id: str, scene: Scene) -> Target | None:
        product = Product.get(product_id, catalog=self._backend)
        return None if product is None else self._found(product, scene)

    def _found(self, product: Product, scene: Scene) -> Target:
        return Target(str(product.id), str(product.name), scene.recipe.name, self._bands(product), "found")

    def _bands(self, product: Product) -> list[Band]:
        return list(bands_of(self._backend, str(product.id)))

    def _kept(self, target: Target) -> Target:
        return self.targets.setdefault(target.product_id, target)

    # New ones

    def _made(self, key: str, scenes: Sequence[ReadScene]) -> Target:
        """Make a product of the bands that most scenes have."""
        product_id = Product.namespace_id(key, catalog=self._backend)
        scene = scenes[0].scene
        holdings = [_holding(one) for one in scenes]
        most, count = max(Counter(holdings).items(), key=lambda found: (found[1], len(found[0])))
        if not most:
            raise BadRequestError(f"the scene has none of the bands of recipe '{scene.recipe.name}'")
        target = Target(product_id, scene.product_name, scene.recipe.name, [], "created")
        if count < len(scenes):
            target.notes.append(f"{len(scenes) - count} of {len(scenes)} scenes have other bands or data types")
        models = [one for one, holding in zip(scenes, holdings, strict=True) if holding == most]
        made, notes = _first_readable(models)
        target.notes += notes
        target.new = NewProduct(scene.kind.description or None, _display(scene.kind, made), made)
        target.bands = self._unsaved_bands(product_id, target.new)
        return self._kept(target)

    def _unsaved_bands(self, product_id: str, new: NewProduct) -> list[Band]:
        """Return the bands of a product that is not in the catalog, as objects of their own."""
        return [
            CLASSES[band.type or BandType.GENERIC.value](
                product_id=product_id, name=band.name, sort_order=number, catalog=self._backend, **attributes
            )
            for number, (band, attributes) in enumerate(new.bands, 1)
        ]

    def save(self, target: Target, transaction: Transaction) -> None:
        """Save a product and its bands, unless they are in the catalog, in the transaction of an image of theirs.

        Raises
        ------
        ConflictError
            If another program has made a product of that id meanwhile, with other bands.
        """
        new = target.new
        if new is None:
            return

        def undo() -> None:
            target.new = new

        there = Product.get(target.product_id, catalog=self._backend)
        if there is None:
            product = Product(
                id=target.product_id,
                name=target.name[:2000],
                description=new.description,
                default_display_bands=new.display,
                catalog=self._backend,
            )
            product.save()
            for band in self._unsaved_bands(target.product_id, new):
                band.save()
        elif [_layout(band) for band in self._bands(there)] != [_layout(band) for band in target.bands]:
            raise ConflictError(
                f"product '{target.product_id}' was created meanwhile with other bands; ingest the scene again"
            )
        target.new = None
        transaction.on_rollback.append(undo)


def _first_readable(models: Sequence[ReadScene]) -> tuple[list[tuple[BandRecipe, dict[str, Any]]], list[str]]:
    """Return the bands of a new product, and what was guessed, of the first scene whose pixels can be read."""
    for model in models[:-1]:
        with suppress(ClientError), unforeseen(model.scene):  # it fails when its own pixels are checked
            return _new_bands(model)
    return _new_bands(models[-1])


def _new_bands(one: ReadScene) -> tuple[list[tuple[BandRecipe, dict[str, Any]]], list[str]]:
    """Return the bands of a new product, their attributes, and notes: the recipe's, completed from the files."""
    positions = {layer: position for position, layer in enumerate(_layers_in_order(one))}
    made, notes = list[tuple[BandRecipe, dict[str, Any]]](), list[str]()
    for band in _present(one):
        layer = _layer_of(band, one.scene)
        if layer is None:
            continue
        file, header = one.scene.layers[layer], one.headers[layer]
        facts = header.layers[band.index]
        attributes = {
            "band_index": band.index,
            "file_index": positions[layer],
            "data_type": facts.data_type,
            **band.known,
        }
        if header.resolution is not None and header.resolution[0] > 0:
            attributes.setdefault("resolution", Resolution(*header.resolution))
        if layer:
            attributes.setdefault("vendor_band_name", band.layers[0] if band.layers else layer)
        notes += _complete(attributes, band, facts, file)
        made.append((band, attributes))
    return made, notes


def _layout(band: Band) -> tuple[object, ...]:
    """Return what the files of an image have to agree with."""
    return band.name, band.type, band.data_type, band.file_position, band.position


def _holding(one: ReadScene) -> tuple[tuple[str, str], ...]:
    """Return the bands of a scene and their data types."""
    return tuple(
        (band.name, one.headers[layer].layers[band.index].data_type)
        for band in _present(one)
        if (layer := _layer_of(band, one.scene)) is not None
    )


def _layers_in_order(one: ReadScene) -> list[str]:
    """Return the layers of a scene's bands; first that of the first band to show, whose grid becomes the image's."""
    layers = {band.name: layer for band in _present(one) if (layer := _layer_of(band, one.scene)) is not None}
    shown = [layers[name] for name in one.scene.kind.display if name in layers]
    return list(dict.fromkeys([*shown[:1], *layers.values()]))


def _present(one: ReadScene) -> list[BandRecipe]:
    """Return the bands of a scene: those of the recipe whose file is there, other layers, or what its file has."""
    scene, kind = one.scene, one.scene.kind
    found, used = [], set()
    for band in kind.bands:
        layer = _layer_of(band, scene)
        if layer is not None and band.index < len(one.headers[layer].layers):
            found.append(band)
            used.add(layer)
    if kind.other_layers and not scene.is_one_file:
        for layer in scene.layers:
            if layer not in used:
                facts = one.headers[layer].layers[0]
                found.append(BandRecipe(_layer_name(layer), _type_of(facts), (layer,), 0))
    elif not kind.bands:
        names: set[str] = set()
        for index, facts in enumerate(one.in_order[0].layers):
            name = _band_name(facts, index, names)
            names.add(name)
            found.append(BandRecipe(name, _type_of(facts), (), index))
    return found


def _band_name(facts: LayerHeader, index: int, taken: set[str]) -> str:
    name = valid_name(facts.name)
    return name if name not in taken else f"b{index + 1}"


def _type_of(facts: LayerHeader) -> str:
    if facts.is_alpha:
        return BandType.MASK.value
    if facts.codes is not None and facts.data_type in _CODE_TYPES:
        return BandType.CLASS.value
    return BandType.SPECTRAL.value if facts.name.lower() in _COLORS else BandType.GENERIC.value


def _complete(attributes: dict[str, Any], band: BandRecipe, facts: LayerHeader, file: SourceFile) -> list[str]:
    """Add to the attributes of a new band what its file says: nodata, ranges, codes, scale, unit; return notes."""
    notes: list[str] = []
    if band.type == BandType.MASK.value:
        attributes.setdefault("is_alpha", facts.is_alpha)
        return notes
    nodata = attributes.setdefault("nodata", facts.nodata)
    if nodata is not None and not DataType(attributes["data_type"]).holds(nodata):
        attributes["nodata"] = None
        notes.append(f"nodata {nodata:g} is not a value of band '{band.name}', and was left out")
    if band.type == BandType.CLASS.value:
        if facts.codes is not None:
            for name, value in (("colormap", facts.codes.colors), ("class_labels", facts.codes.labels)):
                if value is not None:
                    attributes.setdefault(name, list(value))
        known = max(len(attributes.get(name) or ()) for name in ("colormap", "class_labels"))
        attributes.setdefault("data_range", (0, max(known - 1, 255)))
        return notes
    if "data_range" not in attributes or "display_range" not in attributes:
        whole, display = ranges(file.location, band.index, facts)
        if "data_range" not in attributes:
            attributes["data_range"] = whole
            notes.append(f"data_range and display_range of band '{band.name}' are from {file.path.name}")
        if display is not None:
            attributes.setdefault("display_range", display)
    if "physical_range" not in attributes and (facts.scale, facts.offset) != (1.0, 0.0):
        low, high = sorted(value * facts.scale + facts.offset for value in attributes["data_range"])
        attributes["physical_range"] = (low, high)
    if facts.unit is not None:
        attributes.setdefault("physical_range_unit", facts.unit)
    return notes


def _display(kind: ProductRecipe, made: Sequence[tuple[BandRecipe, dict[str, Any]]]) -> list[str]:
    """Return the bands to show: those of the recipe if all are there, else colours, else the first."""
    names = [band.name for band, _ in made]
    if kind.display and set(kind.display) <= set(names):
        return list(kind.display)
    by_lower = {name.lower(): name for name in names}
    chosen = [by_lower[color] for color in _COLORS] if set(_COLORS) <= by_lower.keys() else names[:1]
    alpha = [band.name for band, attributes in made if attributes.get("is_alpha")]
    return [*chosen, *alpha[:1]] if chosen != alpha[:1] else chosen


def _keys(key: str, header: FileHeader) -> Iterator[str]:
    """Yield the keys of products of like files: the plain one, one that says what they hold, and numbered ones."""
    yield key
    types = "-".join(dict.fromkeys(layer.data_type.lower() for layer in header.layers))
    longer = f"{key}-{len(header.layers)}-{types}"
    yield longer
    for number in itertools.count(2):
        yield f"{longer}-{number}"


def _is_like(bands: Sequence[Band], header: FileHeader) -> bool:
    """Return whether bands of a product are what a file holds."""
    in_order = sorted(bands, key=lambda band: band.position)
    if [band.position for band in in_order] != list(range(len(header.layers))):
        return False
    taken: set[str] = set()
    for band, facts in zip(in_order, header.layers, strict=True):
        name = _band_name(facts, band.position, taken)
        taken.add(name)
        if band.file_position or (band.name, band.data_type) != (name, facts.data_type):
            return False
        if facts.codes is not None and facts.codes.colors is not None and band.holds_codes:
            colors = band.colors
            if colors is not None and tuple(map(tuple, colors)) != facts.codes.colors:
                return False
    return True
