"""Folders as producers of images fill them: true names, tiny rasters, and metadata with the structure of theirs."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.warp import transform

UTM33, LONLAT = "EPSG:32633", "EPSG:4326"


def tiny(
    path: Path,
    dtype: str = "uint16",
    count: int = 1,
    *,
    value: int = 5,
    pixel: float = 30.0,
    crs: str = UTM33,
    nodata: float | None = None,
    colors: list[ColorInterp] | None = None,
    colormap: dict[int, tuple[int, int, int, int]] | None = None,
    tags: dict[str, str] | None = None,
    scale: float | None = None,
) -> Path:
    """Write a raster of about 1,920 by 1,440 m (or of 0.02 degrees), all of one value; JPEG 2000 by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    side = pixel if crs != LONLAT else pixel / 100_000
    origin = (600_000, 5_300_000) if crs != LONLAT else (11, 48)
    height, width = (max(8, round(length / pixel)) for length in (1920, 1440))
    options: dict[str, Any] = {"driver": "GTiff"}
    if path.suffix == ".jp2":
        options = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
    transform = Affine(side, 0, origin[0], 0, -side, origin[1])
    profile = {"width": width, "height": height, "count": count, "dtype": dtype, "crs": crs, "transform": transform}
    with rasterio.open(path, "w", nodata=nodata, **profile, **options) as file:
        if colors is not None:
            file.colorinterp = colors
        file.write(numpy.full((count, height, width), value, dtype))
        if colormap is not None:
            file.write_colormap(1, colormap)
        if tags:
            file.update_tags(**tags)
        if scale is not None:
            file.scales = (scale,) * count
    return path


def odl(groups: dict[str, dict[str, Any]], root: str = "LANDSAT_METADATA_FILE") -> str:
    """Return metadata as Landsat's MTL.txt has them."""
    lines = [f"GROUP = {root}"]
    for name, values in groups.items():
        lines.append(f"  GROUP = {name}")
        lines += [
            f'    {key} = "{value}"' if isinstance(value, str) else f"    {key} = {value}"
            for key, value in values.items()
        ]
        lines.append(f"  END_GROUP = {name}")
    return "\n".join([*lines, f"END_GROUP = {root}", "END", ""])


def xml(node: Any, tag: str, namespace: str = "") -> str:
    """Return nested dictionaries as XML."""
    opening = f'<n1:{tag} xmlns:n1="{namespace}">' if namespace else f"<{tag}>"
    inner = "".join(xml(value, key) for key, value in node.items()) if isinstance(node, dict) else str(node)
    return f"{opening}{inner}</{f'n1:{tag}' if namespace else tag}>"


def mtl(scene: str, clock: str, clouds: float, spacecraft: str, record: str) -> dict[str, dict[str, Any]]:
    """Return the groups of a scene's MTL that ingest reads."""
    date = scene.split("_")[3]
    return {
        "PRODUCT_CONTENTS": {"LANDSAT_PRODUCT_ID": scene, "COLLECTION_NUMBER": 2},
        "IMAGE_ATTRIBUTES": {
            "SPACECRAFT_ID": spacecraft,
            "DATE_ACQUIRED": f"{date[:4]}-{date[4:6]}-{date[6:]}",
            "SCENE_CENTER_TIME": clock,
            "CLOUD_COVER": clouds,
            "ROLL_ANGLE": -0.001,
            "SUN_AZIMUTH": 136.31696044,
            "SUN_ELEVATION": 57.08727307,
        },
        record: {"DATE_PRODUCT_GENERATED": "2020-08-25T00:59:51Z", "PROCESSING_SOFTWARE_VERSION": "LPGS_15.3.1c"},
    }


OLI_L2 = [f"SR_B{number}" for number in range(1, 8)] + ["QA_PIXEL", "QA_RADSAT"]
ST_LAYERS = ["ATRAN", "CDIST", "DRAD", "EMIS", "EMSD", "QA", "TRAD", "URAD"]


def landsat_oli_l2(folder: Path, scene: str = "LC08_L2SP_008059_20191201_20200825_02_T1", form: str = "txt") -> None:
    """Write a scene of Landsat 8, Collection 2 Level 2, with its metadata as txt, json or xml."""
    for layer in [*OLI_L2, "ST_B10"]:
        tiny(folder / f"{scene}_{layer}.TIF", nodata=1 if layer == "QA_PIXEL" else 0)
    for layer in ST_LAYERS:
        tiny(folder / f"{scene}_ST_{layer}.TIF", "int16", nodata=-9999)
    tiny(folder / f"{scene}_SR_QA_AEROSOL.TIF", "uint8", nodata=1)
    groups = mtl(scene, "15:13:51.8610990Z", 81.02, "LANDSAT_8", "LEVEL2_PROCESSING_RECORD")
    text = {
        "txt": odl(groups),
        "json": json.dumps({"LANDSAT_METADATA_FILE": groups}),
        "xml": f'<?xml version="1.0" encoding="UTF-8"?>\n{xml(groups, "LANDSAT_METADATA_FILE")}',
    }
    (folder / f"{scene}_MTL.{form}").write_text(text[form])
    (folder / f"{scene}_ANG.txt").write_text("GROUP = FILE_HEADER\n")


def landsat_tm_l2(folder: Path, scene: str) -> None:
    """Write a scene of Landsat 5 or 7, Collection 2 Level 2."""
    for layer in ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7", "ST_B6", "QA_PIXEL", "QA_RADSAT"):
        tiny(folder / f"{scene}_{layer}.TIF", nodata=0)
    tiny(folder / f"{scene}_SR_ATMOS_OPACITY.TIF", "int16", nodata=-9999)
    tiny(folder / f"{scene}_SR_CLOUD_QA.TIF", "uint8")
    spacecraft = f"LANDSAT_{int(scene[2:4])}"
    groups = mtl(scene, "18:55:01.0130750Z", -1, spacecraft, "LEVEL2_PROCESSING_RECORD")
    (folder / f"{scene}_MTL.xml").write_text(xml(groups, "LANDSAT_METADATA_FILE"))


def landsat_l1(folder: Path, scene: str, layers: list[str], dtype: str) -> None:
    """Write a scene of Collection 2 Level 1."""
    for layer in layers:
        pixel = 15.0 if layer == "B8" else 30.0
        tiny(folder / f"{scene}_{layer}.TIF", "uint16" if layer.startswith("QA") else dtype, pixel=pixel, nodata=0)
    groups = mtl(scene, "10:07:31.5Z", 3.5, f"LANDSAT_{int(scene[2:4])}", "LEVEL1_PROCESSING_RECORD")
    (folder / f"{scene}_MTL.txt").write_text(odl(groups))


def sentinel2_metadata(name: str, level: str, baseline: str, start: str, clouds: float) -> tuple[str, str]:
    """Return what a product's and a tile's metadata say that ingest reads."""
    product = {
        "General_Info": {
            "Product_Info": {
                "PRODUCT_START_TIME": start,
                "PRODUCT_URI": f"{name}.SAFE",
                "GENERATION_TIME": "2022-04-14T08:21:26.580338Z",
                "PROCESSING_BASELINE": baseline,
                "Datatake": {"SPACECRAFT_NAME": "Sentinel-2B"},
            }
        },
        "Quality_Indicators_Info": {"Cloud_Coverage_Assessment": clouds},
    }
    tile = {
        "General_Info": {"SENSING_TIME": "2022-04-13T15:08:07.846358Z"},
        "Geometric_Info": {
            "Tile_Angles": {"Mean_Sun_Angle": {"ZENITH_ANGLE": 70.5, "AZIMUTH_ANGLE": 195.25}},
        },
    }
    root = "Level-2A" if level == "L2A" else "Level-1C"
    return (
        xml(product, f"{root}_User_Product", "https://psd-14.sentinel2.eo.esa.int/PSD/User_Product.xsd"),
        xml(tile, f"{root}_Tile_ID", "https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI.xsd"),
    )


NATIVE = {"10": ["B02", "B03", "B04", "B08"], "20": ["B05", "B06", "B07", "B8A", "B11", "B12"], "60": ["B01", "B09"]}


def sentinel2_l2a(folder: Path, name: str, baseline: str = "04.00", suffix: str = ".jp2") -> Path:
    """Write a Level 2A product in its SAFE folder: each resolution with the finer bands too, as ESA does."""
    safe = folder / f"{name}.SAFE"
    _, _, date, _, _, tile, _ = name.split("_")
    granule = safe / "GRANULE" / f"L2A_{tile}_A026649_{date}"
    for metres in (10, 20, 60):
        own = [
            band
            for side, bands in NATIVE.items()
            if int(side) <= metres
            for band in bands
            if band != "B08" or metres == 10
        ]
        for layer in [*own, "AOT", "WVP", *(["SCL"] if metres > 10 else [])]:
            dtype = "uint8" if layer == "SCL" else "uint16"
            path = granule / "IMG_DATA" / f"R{metres}m" / f"{tile}_{date}_{layer}_{metres}m{suffix}"
            tiny(path, dtype, pixel=metres, value=4 if layer == "SCL" else 1500)
        tiny(granule / "IMG_DATA" / f"R{metres}m" / f"{tile}_{date}_TCI_{metres}m{suffix}", "uint8", 3, pixel=metres)
    product, of_tile = sentinel2_metadata(name, "L2A", baseline, "2022-04-13T15:07:59.024Z", 98.944211)
    (safe / "MTD_MSIL2A.xml").write_text(product)
    (granule / "MTD_TL.xml").write_text(of_tile)
    (safe / "manifest.safe").write_text("<xfdu/>")
    return safe


def sentinel2_l1c(folder: Path, name: str) -> Path:
    """Write a Level 1C product in its SAFE folder."""
    safe = folder / f"{name}.SAFE"
    _, _, date, _, _, tile, _ = name.split("_")
    granule = safe / "GRANULE" / f"L1C_{tile}_A032448_{date}"
    for metres, bands in {**NATIVE, "60": ["B01", "B09", "B10"]}.items():
        for layer in bands:
            tiny(granule / "IMG_DATA" / f"{tile}_{date}_{layer}.jp2", pixel=float(metres), value=1500)
    tiny(granule / "IMG_DATA" / f"{tile}_{date}_TCI.jp2", "uint8", 3, pixel=10)
    product, of_tile = sentinel2_metadata(name, "L1C", "03.01", "2021-09-08T04:27:01.024Z", 88.2972)
    (safe / "MTD_MSIL1C.xml").write_text(product)
    (granule / "MTD_TL.xml").write_text(of_tile)
    return safe


MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1" xmlns:safe="http://www.esa.int/safe/sentinel-1.0"
    xmlns:s1="http://www.esa.int/safe/sentinel-1.0/sentinel-1"><metadataSection>
  <metadataObject ID="measurementOrbitReference"><metadataWrap><xmlData><safe:orbitReference><safe:extension>
    <s1:orbitProperties><s1:pass>ASCENDING</s1:pass></s1:orbitProperties></safe:extension></safe:orbitReference>
  </xmlData></metadataWrap></metadataObject>
  <metadataObject ID="acquisitionPeriod"><metadataWrap><xmlData><safe:acquisitionPeriod>
    <safe:startTime>2021-08-09T17:39:53.153776</safe:startTime><safe:stopTime>2021-08-09T17:40:18.152800</safe:stopTime>
  </safe:acquisitionPeriod></xmlData></metadataWrap></metadataObject>
</metadataSection></xfdu:XFDU>
"""


SWATH = (60, 80)  # (height, width) of the pixels of `swath`, each of 10 by 10 m


def swath_place(column: Any, row: Any, turn: float = 10.5) -> tuple[Any, Any]:
    """Return where a position between the pixels of `swath` is, in metres from its first corner."""
    cosine, sine = numpy.cos(numpy.radians(turn)), numpy.sin(numpy.radians(turn))
    return 10 * (column * cosine - row * sine), -10 * (column * sine + row * cosine)


def swath(
    path: Path,
    dtype: str = "uint16",
    *,
    crs: str = UTM33,
    origin: tuple[float, float] = (600_000, 5_300_000),
    points_in: str = LONLAT,
    lattice: tuple[int, int] = (4, 5),
    **profile: Any,
) -> Path:
    """Write a raster that is turned by 10.5° and has control points, no grid; each pixel has a number of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = SWATH
    rows, columns = numpy.meshgrid(
        numpy.linspace(0, height, lattice[0]), numpy.linspace(0, width, lattice[1]), indexing="ij"
    )
    xs, ys = swath_place(columns.ravel(), rows.ravel())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        xs, ys = transform(crs, points_in, origin[0] + xs, origin[1] + ys)
        points = [
            GroundControlPoint(row=row, col=column, x=x, y=y, z=150.0)
            for row, column, x, y in zip(rows.ravel(), columns.ravel(), xs, ys, strict=True)
        ]
        numbers = numpy.arange(1, 1 + height * width).reshape(1, height, width)
        settings = {"width": width, "height": height, "count": 1, "dtype": dtype, "gcps": points, "crs": points_in}
        with rasterio.open(path, "w", driver="GTiff", **{**settings, **profile}) as file:
            for number in range(1, file.count + 1):
                file.write(numbers[0].astype(dtype), number)
    return path


GRD = "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13_6FF8"


def sentinel1_grd(folder: Path, name: str = GRD) -> Path:
    """Write a Level 1 GRD product as ESA delivers it: control points and no grid."""
    safe = folder / f"{name}.SAFE"
    for number, layer in ((1, "vv"), (2, "vh")):
        swath(
            safe / "measurement" / f"s1a-iw-grd-{layer}-20210809t173953-20210809t174018-039156-049f13-00{number}.tiff"
        )
        (safe / "annotation").mkdir(exist_ok=True)
        (safe / "annotation" / f"s1a-iw-grd-{layer}.xml").write_text("<product/>")
    (safe / "manifest.safe").write_text(
        '<xfdu><xmlData><processing name="GRD Post Processing"><facility site="Toulouse">'
        '<software name="Sentinel-1 IPF" version="003.31"/></facility></processing>'
        '<orbitReference><orbitNumber type="start">39156</orbitNumber><orbitNumber type="stop">39156</orbitNumber>'
        '<relativeOrbitNumber type="start">59</relativeOrbitNumber>'
        "<extension><orbitProperties><pass>ASCENDING</pass></orbitProperties></extension></orbitReference>"
        "<acquisitionPeriod><startTime>2021-08-09T17:39:53.153776</startTime>"
        "<stopTime>2021-08-09T17:40:18.152800</stopTime></acquisitionPeriod></xmlData></xfdu>"
    )
    return safe
