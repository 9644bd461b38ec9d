"""The files of images as assets, and the bands of a product in them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localcat.disk.archive import Location, Member
from localcat.disk.paths import is_local
from localcat.errors import LocalcatError
from localcat.interop.stac.values import is_number
from localcat.models.attributes.scalars import unstorable
from localcat.models.attributes.values import File
from localcat.models.backend import bands_of
from localcat.models.band import Band
from localcat.models.enums import DataType, StorageState
from localcat.models.product import Product

if TYPE_CHECKING:
    from localcat.models.backend import Backend
    from localcat.models.image import Image

KEPT = "stac:collection"
"""The extra property of a product with what its Collection has beside attributes."""

KEYS = "stac:assets"
"""The extra property of a product with the keys of its assets, by position of the file."""

OWN = "localcat:"
"""The prefix of properties and of fields of assets that only localcat knows."""

MISSING = "missing:"
"""What the provider_href begins with of a file that an Item lacks, though its bands have a place for it."""

DATA_TYPES = {
    DataType.BYTE: "uint8",
    DataType.UINT16: "uint16",
    DataType.INT16: "int16",
    DataType.UINT32: "uint32",
    DataType.INT32: "int32",
    DataType.FLOAT32: "float32",
    DataType.FLOAT64: "float64",
}
"""The names of data types in STAC, by GDAL's."""

_VISIBLE = {"coastal", "blue", "green", "red", "rededge", "yellow", "pan", "nir", "nir08", "nir09", "cirrus"}
COMMON_NAMES = frozenset({*_VISIBLE, "swir16", "swir22", "lwir", "lwir11", "lwir12"})
"""The names of bands that the eo extension has."""

_SHA256 = re.compile(r"1220([0-9a-f]{64})")  # a multihash: the code of sha2-256, 32 bytes
_HEX = re.compile("[0-9a-f]{64}")
_TIFF = "image/tiff; application=geotiff"
_MEDIA_TYPES = {".tif": _TIFF, ".tiff": _TIFF, ".jp2": "image/jp2"}
_GRID = ("proj:code", "proj:epsg", "proj:wkt2", "proj:transform", "proj:shape")


@dataclass(frozen=True)
class Layout:
    """How the assets of a product's Items are laid out.

    Parameters
    ----------
    collection_id : str
        The id of its Collection.
    bands : sequence of Band
        The bands in their order.
    keys : sequence of str
        The key of the asset of each file, by position.
    """

    collection_id: str
    bands: Sequence[Band]
    keys: Sequence[str]
    _fields: dict[int, dict[str, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def files_of(self, assets: Mapping[str, Any]) -> list[File]:
        """Return the files that an Item's assets are, in the order of the bands' `file_index`."""
        keys = [*self.keys] if self.keys else [*assets]
        while self.keys and (key := f"file{len(keys)}") in assets:  # an image may have more files than bands ask for
            keys.append(key)
        files = [_file_of(key, assets.get(key)) for key in keys]
        while files and _is_missing(files[-1]):
            files.pop()
        return files

    def key_of(self, position: int) -> str:
        """Return the key of the asset of a file."""
        return self.keys[position] if position < len(self.keys) else f"file{position}"

    def finest_grid(self, assets: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of the projection extension of the asset with the most pixels."""
        finest: dict[str, Any] = {}
        most = 0
        for key in self.keys:
            asset = assets.get(key)
            if not isinstance(asset, dict):
                continue
            shape = asset.get("proj:shape")
            if isinstance(shape, list) and len(shape) == 2 and all(map(is_number, shape)) and math.prod(shape) > most:
                most = math.prod(shape)
                finest = {name: asset[name] for name in _GRID if name in asset}
        return finest

    def write_files(self, assets: dict[str, Any], files: Sequence[tuple[File, str]]) -> None:
        """Write files, each with its href, into an Item's assets, and leave what else these say."""
        for position, key in enumerate(self.keys):
            if position >= len(files):
                assets.pop(key, None)
        for position, (file, href) in enumerate(files):
            if _is_missing(file):
                continue
            key = self.key_of(position)
            asset = assets.setdefault(key, {})
            if not asset:
                asset |= {"type": _media_type(href), "roles": ["data"], **self.fields_of(position)}
            asset["href"] = href
            if file.size_bytes is not None:
                asset["file:size"] = file.size_bytes
            _write_own(asset, file)

    def fields_of(self, position: int) -> dict[str, Any]:
        """Return what an asset says of the bands in the file at a position.

        In both ways that readers need: ``bands`` of STAC 1.1, and ``eo:bands`` with ``raster:bands`` of 1.0.
        """
        known = self._fields.get(position)
        if known is None:
            bands = sorted((one for one in self.bands if one.file_position == position), key=lambda one: one.position)
            known = {}
            if bands:
                known["bands"] = [_band(one) for one in bands]
                known["eo:bands"] = [_eo_band(one) for one in bands]
                known["raster:bands"] = [_raster_band(one) for one in bands]
            self._fields[position] = known
        return dict(known)


def layout_of(catalog: Backend, product_id: str) -> Layout:
    """Return the layout of a product in a catalog."""
    product = Product.get(product_id, catalog=catalog)
    bands = list(bands_of(catalog, product_id))
    extra: dict[str, Any] = dict((product.extra_properties or {}) if product is not None else {})
    kept, keys = extra.get(KEPT), extra.get(KEYS)
    named = kept.get("id") if isinstance(kept, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        keys = default_keys(bands)
    return Layout(named if isinstance(named, str) else product_id, bands, keys)


def default_keys(bands: Sequence[Band]) -> list[str]:
    """Return the keys of a product's assets: the name of the one band in it, ``data``, or ``file0`` and so on."""
    inside: dict[int, list[str]] = {}
    for one in bands:
        inside.setdefault(one.file_position, []).append(str(one.name))
    count = max(inside, default=-1) + 1
    keys = []
    for position in range(count):
        names = inside.get(position, [])
        keys.append(names[0] if len(names) == 1 else "data" if count == 1 else f"file{position}")
    return keys


def address_of(file: File, image: Image) -> str:
    """Return where a file is, for a program that knows no catalog: its absolute path, GDAL's name of it, or its URL."""
    found = location_of(file, image)
    if found is None:
        return file.href or file.provider_href or ""
    return found.gdal_name if isinstance(found, Member) else found.as_posix()


def location_of(file: File, image: Image) -> Location | None:
    """Return where the bytes of a file are that is here, or None for one that is not, or may not be opened.

    What a remote image says of its files is somebody's text, also where it reads like a path here.
    """
    is_here = image.storage_state == StorageState.AVAILABLE
    if file.href is None or not is_here or not (file.owned or is_local(file.href)):
        return None
    try:
        return image._catalog.file.location_of(file)
    except LocalcatError:
        return None


def _is_missing(file: File) -> bool:
    return file.href is None and str(file.provider_href).startswith(MISSING)


def has_own_fields(href: str | None, sha256: str | None, provider_id: str | None, provider_href: str | None) -> bool:
    """Return whether `own_fields` has something to say of a file."""
    is_said = sha256 is None or _HEX.fullmatch(sha256) is not None
    return not is_said or href is None or provider_id is not None or provider_href is not None


def own_fields(
    href: str | None, sha256: str | None, provider_id: str | None, provider_href: str | None
) -> dict[str, str | None]:
    """Return what only fields of our own say of a file, by attribute; most files need none.

    A hash is among them if it is not a sha256 in hex, which alone a multihash can say. So is a href that is None: the
    address of the asset is the provider's then.
    """
    given = {"provider_id": provider_id, "provider_href": provider_href}
    found: dict[str, str | None] = {name: value for name, value in given.items() if value is not None}
    if sha256 is not None and _HEX.fullmatch(sha256) is None:
        found["hash"] = sha256
    if href is None:
        found["href"] = None
    return found


def _write_own(asset: dict[str, Any], file: File) -> None:
    """Write what a file says beside its size: a sha256 as a multihash, and all else under names of our own."""
    own = own_fields(file.href, file.hash, file.provider_id, file.provider_href)
    if file.hash is not None and "hash" not in own:
        asset["file:checksum"] = f"1220{file.hash}"
    for name in ("provider_id", "provider_href", "hash", "href"):
        asset.pop(f"{OWN}{name}", None)
    asset |= {f"{OWN}{name}": value for name, value in own.items()}


def _own(asset: Mapping[str, Any], name: str) -> str | None:
    value = asset.get(f"{OWN}{name}")
    return value if isinstance(value, str) and unstorable(value) is None else None


def _file_of(key: str, asset: Any) -> File:
    if not isinstance(asset, dict) or not isinstance(asset.get("href"), str) or not asset["href"]:
        return File(provider_href=f"{MISSING}{key}")
    size, checksum = asset.get("file:size"), asset.get("file:checksum")
    match = _SHA256.fullmatch(checksum.lower()) if isinstance(checksum, str) else None
    fits = isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**63
    provider_href = _own(asset, "provider_href")
    return File(
        href=None if provider_href and asset.get(f"{OWN}href", "") is None else asset["href"],
        size_bytes=size if fits else None,
        hash=_own(asset, "hash") if match is None else match[1],
        provider_id=_own(asset, "provider_id"),
        provider_href=provider_href,
    )


def _media_type(href: str) -> str:
    return _MEDIA_TYPES.get(f".{href.rpartition('.')[2].lower()}", _TIFF)


def _band(band: Band) -> dict[str, Any]:
    eo, raster = _eo_band(band), _raster_band(band)
    found = {"name": eo.pop("name")}
    found |= {name: eo.pop(name) for name in ("description",) if name in eo}
    found |= {name: raster.pop(name) for name in ("data_type", "nodata", "unit") if name in raster}
    found |= {f"eo:{name}": value for name, value in eo.items()}
    found |= {f"raster:{name}": value for name, value in raster.items()}
    classes = _classes(band)
    return found if not classes else {**found, "classification:classes": classes}


def _eo_band(band: Band) -> dict[str, Any]:
    found: dict[str, Any] = {"name": band.name}
    if band.name in COMMON_NAMES:
        found["common_name"] = band.name
    if band.description:
        found["description"] = band.description
    for name, nanometres in (
        ("center_wavelength", "wavelength_nm_center"),
        ("full_width_half_max", "wavelength_nm_fwhm"),
    ):
        value = _of(band, nanometres)
        if value is not None and value > 0:
            found[name] = round(value / 1000, 9)  # micrometres
    return found


def _raster_band(band: Band) -> dict[str, Any]:
    found: dict[str, Any] = {"data_type": DATA_TYPES.get(DataType(band.data_type), "other")} if band.data_type else {}
    if band.nodata is not None:
        found["nodata"] = _number(band.nodata)
    unit, physical, data = (
        _of(band, "physical_range_unit"),
        _of(band, "physical_range"),
        band.data_range,
    )
    if unit:
        found["unit"] = unit
    if physical and data and data[1] > data[0]:
        scale = (physical[1] - physical[0]) / (data[1] - data[0])
        found["scale"], found["offset"] = scale, physical[0] - data[0] * scale
    if band.resolution is not None and band.resolution.unit == "meters":
        found["spatial_resolution"] = band.resolution.value
    return found


def _of(band: Band, name: str) -> Any:
    """Return an attribute that not all types of band have; `getattr` would look for similar names where it is not."""
    return getattr(band, name) if name in band._attributes else None


def _number(value: float) -> float | int | str:
    if math.isnan(value):
        return "nan"
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def _classes(band: Band) -> list[dict[str, Any]]:
    """Return the classes of a band by the classification extension: value, name, title and colour."""
    labels, colors = _of(band, "class_labels") or [], band.colors or []
    classes = []
    for value, label in enumerate(labels):
        if label is not None:
            name = re.sub(r"[^0-9A-Za-z_-]+", "_", label).strip("_") or f"class_{value}"
            one: dict[str, Any] = {"value": value, "name": name, "title": label}
            if value < len(colors):
                one["color_hint"] = "".join(f"{part:02X}" for part in colors[value][:3])
            classes.append(one)
    return classes
