"""A project of QGIS over a catalog: the footprints, and a mosaic of each product, in the colours that it declares.

The elements are those that QGIS 3.22 writes; it fills in all that is left out. QField opens the same file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from localcat.disk.faults import write_errors
from localcat.disk.paths import absolute, href_between
from localcat.disk.staging import written
from localcat.earth.crs import crs_code, parse_crs
from localcat.errors import BadRequestError
from localcat.interop.gti import indexes_of, ordered, slug_of
from localcat.interop.mosaics import mosaic
from localcat.models.backend import bands_of
from localcat.models.product import Product
from localcat.reading.shades import named_colors

if TYPE_CHECKING:
    from rasterio.crs import CRS

    from localcat.models.backend import Backend
    from localcat.models.band import Band

_SUFFIX = ".qgs"
_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
_VERSION = "3.22.0"
_RANGE = (0.0, 10_000.0)  # of a band that declares none
_STOPS = 17  # of a colour map, between which QGIS interpolates
_WORLD = (-180.0, -90.0, 180.0, 90.0)


@dataclass(frozen=True, slots=True)
class _Raster:
    """A mosaic that the project shows."""

    name: str
    path: Path
    crs: CRS
    bands: tuple[Band, ...]
    shown: tuple[int, ...]  # numbers of the bands, from 1: one or three
    has_mask: bool


def to_qgis(catalog: Backend, dest: str | os.PathLike[str], progress: bool | None) -> Path:
    """Write a project and its mosaics; `Catalog.to_qgis` says how."""
    catalog.file.require_paths("a project of QGIS names files")
    target = absolute(dest)
    if target.suffix.lower() != _SUFFIX:
        raise BadRequestError(f"a project of QGIS is a file such as 'survey{_SUFFIX}', not '{dest}'")
    if not target.parent.is_dir():
        raise BadRequestError(f"'{target.parent}' is not a folder to write a project into; make it first")
    rasters = [raster for product in catalog.search(Product) for raster in _mosaics(catalog, product, target, progress)]
    document = _project(catalog, target, rasters)
    with written(target) as file:
        file.write(document)
    return target


def _mosaics(catalog: Backend, product: Product, target: Path, progress: bool | None) -> Iterator[_Raster]:
    """Write the mosaics of a product, one for each CRS of its images, and yield them."""
    bands = tuple(bands_of(catalog, str(product.id)))
    if not bands:
        return
    found = indexes_of(bands, ordered(catalog, str(product.id), None), progress)
    for crs_slug, index in found:
        stem = f"{target.stem}.{slug_of(str(product.id))}" + (f".{crs_slug}" if len(found) > 1 else "")
        path = target.with_name(f"{stem}.vrt")
        with write_errors(path), written(path) as file:
            file.write(mosaic(index, bands, path.parent).encode())
        name = str(product.name) + (f" ({crs_slug})" if len(found) > 1 else "")
        has_mask = any(band.nodata is None for band in bands)
        yield _Raster(name, path, index.crs, bands, _shown(product, bands), has_mask)


def _shown(product: Product, bands: Sequence[Band]) -> tuple[int, ...]:
    """Return which bands are shown: those that the product names, else the first one that is not a mask."""
    numbers = {str(band.name): number for number, band in enumerate(bands, start=1)}
    named = [numbers[name] for name in product.default_display_bands or () if name in numbers]
    named = [number for number in named if not bands[number - 1].is_opacity]
    if len(named) >= 3:
        return tuple(named[:3])
    others = [number for number, band in enumerate(bands, start=1) if not band.is_mask]
    return ((named or others or [1])[0],)


def _project(catalog: Backend, target: Path, rasters: Sequence[_Raster]) -> bytes:
    root = Element("qgis", projectname=target.stem, version=_VERSION)
    SubElement(root, "title").text = target.stem
    SubElement(root, "projectCrs").append(_crs(parse_crs("EPSG:4326")))
    tree, layers = SubElement(root, "layer-tree-group"), SubElement(root, "projectlayers")
    canvas = SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    SubElement(canvas, "units").text = "degrees"
    _extent(canvas, _extent_of(catalog))
    SubElement(canvas, "rotation").text = "0"
    SubElement(canvas, "destinationsrs").append(_crs(parse_crs("EPSG:4326")))
    view = SubElement(SubElement(root, "ProjectViewSettings"), "DefaultViewExtent")
    for name, value in zip(("xmin", "ymin", "xmax", "ymax"), _extent_of(catalog), strict=True):
        view.set(name, repr(value))
    view.append(_crs(parse_crs("EPSG:4326")))
    place = f"{_relative(catalog.file.path, target)}|layername=footprints"
    _add(tree, layers, "footprints_of_images", "footprints", place, _footprints(place))
    for number, raster in enumerate(rasters):
        source = _relative(raster.path, target)
        _add(tree, layers, f"mosaic_of_product_{number}", raster.name, source, _raster(raster, source))
    properties = SubElement(root, "properties")
    SubElement(SubElement(properties, "Paths"), "Absolute", type="bool").text = "false"
    SubElement(SubElement(properties, "SpatialRefSys"), "ProjectionsEnabled", type="int").text = "1"
    indent(root, " ")
    return f"{_DOCTYPE}\n{tostring(root, encoding='unicode')}\n".encode()


def _add(tree: Element, layers: Element, id: str, name: str, source: str, layer: Element) -> None:
    """Add a layer below those that are there; QGIS takes no id of less than 11 characters."""
    provider = layer.findtext("provider", "")
    SubElement(
        tree,
        "layer-tree-layer",
        id=id,
        name=name,
        source=source,
        providerKey=provider,
        checked="Qt::Checked",
        expanded="0",
    )
    for tag, text in (("layername", name), ("id", id)):
        element = Element(tag)
        element.text = text
        layer.insert(0, element)
    layers.append(layer)


def _relative(path: Path, target: Path) -> str:
    place = href_between(path, target.parent)
    return place if place.startswith(("/", ".")) or ":" in place else f"./{place}"


def _crs(crs: CRS) -> Element:
    """Return a CRS as a project and its layers name it: QGIS finds the rest by the code, or reads the WKT."""
    code, element = crs_code(crs), Element("spatialrefsys")
    SubElement(element, "wkt").text = crs.to_wkt()
    if code is not None and code.startswith("EPSG:"):
        SubElement(element, "srid").text = code.removeprefix("EPSG:")
        SubElement(element, "authid").text = code
    return element


def _extent_of(catalog: Backend) -> tuple[float, float, float, float]:
    with catalog.database.read() as connection:
        sql = "SELECT min_x, min_y, max_x, max_y FROM gpkg_contents WHERE table_name = 'footprints'"
        found = connection.execute(sql).fetchone()
    west, south, east, north = _WORLD if found is None or None in found else map(float, found)
    return west, south, east, north


def _extent(parent: Element, bounds: tuple[float, float, float, float]) -> None:
    extent = SubElement(parent, "extent")
    for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True):
        SubElement(extent, tag).text = repr(value)


def _footprints(place: str) -> Element:
    layer = Element("maplayer", type="vector", geometry="Polygon", wkbType="Polygon", labelsEnabled="1")
    SubElement(layer, "datasource").text = place
    SubElement(layer, "srs").append(_crs(parse_crs("EPSG:4326")))
    SubElement(layer, "provider", encoding="UTF-8").text = "ogr"
    times = SubElement(layer, "temporal", enabled="0", mode="1", startField="acquired", durationUnit="day")
    times.set("fixedDuration", "1")
    symbols = SubElement(SubElement(layer, "renderer-v2", type="singleSymbol", symbollevels="0"), "symbols")
    symbol = SubElement(symbols, "symbol", type="fill", name="0", alpha="1")
    line = SubElement(symbol, "layer", {"class": "SimpleLine", "pass": "0", "enabled": "1", "locked": "0"})
    for name, value in (("line_color", "230,97,0,255"), ("line_width", "0.4"), ("line_width_unit", "MM")):
        SubElement(line, "prop", k=name, v=value)
    rules = SubElement(layer, "labeling", type="simple")
    settings = SubElement(rules, "settings", calloutType="simple")
    SubElement(settings, "text-style", fieldName="name", fontSize="8", fontSizeUnit="Point", textColor="60,60,60,255")
    SubElement(settings, "placement", placement="0")
    SubElement(settings, "rendering", scaleVisibility="1", scaleMin="5000000", scaleMax="1", obstacle="0")
    return layer


def _raster(raster: _Raster, source: str) -> Element:
    layer = Element("maplayer", type="raster")
    SubElement(layer, "datasource").text = source
    SubElement(layer, "srs").append(_crs(raster.crs))
    SubElement(layer, "provider").text = "gdal"
    pipe = SubElement(layer, "pipe")
    opacity = str(len(raster.bands) + 1) if raster.has_mask else "-1"  # QGIS shows the mask of a file as one band more
    pipe.append(_renderer(raster, opacity))
    return layer


def _renderer(raster: _Raster, opacity: str) -> Element:
    """Return how the bands become colours: a table of classes, a colour map, grey, or red, green and blue."""
    first = raster.bands[raster.shown[0] - 1]
    number, common = str(raster.shown[0]), {"opacity": "1", "alphaBand": opacity}
    if len(raster.shown) == 3:
        colors = dict(zip(("red", "green", "blue"), raster.shown, strict=True))
        picked = {f"{color}Band": str(at) for color, at in colors.items()}
        element = Element("rasterrenderer", {"type": "multibandcolor", **common, **picked})
        for color, at in colors.items():
            _stretch(SubElement(element, f"{color}ContrastEnhancement"), raster.bands[at - 1])
        return element
    if first.colors is not None:
        element = Element("rasterrenderer", {"type": "paletted", "band": number, **common})
        palette = SubElement(element, "colorPalette")
        labels = list(getattr(first, "class_labels", None) or ())
        for value, (red, green, blue, alpha) in enumerate(first.colors):
            label = labels[value] if value < len(labels) and labels[value] is not None else str(value)
            color = f"#{red:02x}{green:02x}{blue:02x}"
            SubElement(palette, "paletteEntry", value=str(value), color=color, alpha=str(alpha), label=str(label))
        return element
    named = named_colors(first)
    if named is None:
        grey = {"type": "singlebandgray", "grayBand": number, "gradient": "BlackToWhite"}
        element = Element("rasterrenderer", {**grey, **common})
        _stretch(SubElement(element, "contrastEnhancement"), first)
        return element
    low, high = _range_of(first)
    limits = {"classificationMin": repr(low), "classificationMax": repr(high)}
    element = Element("rasterrenderer", {"type": "singlebandpseudocolor", "band": number, **common, **limits})
    shader = {"colorRampType": "INTERPOLATED", "minimumValue": repr(low), "maximumValue": repr(high), "clip": "0"}
    ramp = SubElement(SubElement(element, "rastershader"), "colorrampshader", shader)
    for stop in range(_STOPS):
        share = stop / (_STOPS - 1)
        red, green, blue = (int(part) for part in named[round(share * 255)][:3])
        place = repr(low + (high - low) * share)
        color = f"#{red:02x}{green:02x}{blue:02x}"
        SubElement(ramp, "item", value=place, label=place, color=color, alpha="255")
    return element


def _stretch(element: Element, band: Band) -> None:
    low, high = _range_of(band)
    SubElement(element, "minValue").text = repr(low)
    SubElement(element, "maxValue").text = repr(high)
    SubElement(element, "algorithm").text = "StretchToMinimumMaximum"


def _range_of(band: Band) -> tuple[float, float]:
    """Return the values that are shown as black and white."""
    low, high = band.display_range or band.data_range or _RANGE
    return float(low), float(high)
