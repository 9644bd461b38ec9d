"""Small TIFFs of many kinds, and what becomes of them when one entry of their directory says something else."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy
import rasterio
from rasterio.enums import ColorInterp

from tests.small_rasters import make_grid, noise, placed

GRID = make_grid((24, 32))
_ENTRY = 12  # bytes: number, type, count, value or offset
_VALUES = (0, 1, 2, 3, 5, 6, 7, 8, 9, 42, 255, 256, 32809, 50001, 65535, 2**31 - 1, 2**32 - 1)
_TEXTS = (b"nan", b"abc", b"1e400", b"-3.4028235e+38", b"1,5", b"\xff\xfe", b"", b"0x10", b"inf")


def write_kinds(folder: Path) -> list[Path]:
    """Write one small GeoTIFF of each kind and return their paths: colours, masks, scales, tags, compressions."""
    kinds: dict[str, dict[str, object]] = {
        "palette": {"dtype": "uint8", "photometric": "palette"},
        "jpeg": {"count": 3, "dtype": "uint8", "compress": "jpeg", "photometric": "ycbcr", "interleave": "pixel"},
        "alpha": {"count": 4, "dtype": "uint8", "compress": "lzw", "interleave": "band"},
        "nodata": {"dtype": "int16", "nodata": -9999, "compress": "deflate", "predictor": 2},
        "floats": {"dtype": "float32", "nodata": numpy.nan, "tiled": True, "blockxsize": 16, "blockysize": 16},
        "scaled": {"count": 2, "dtype": "uint16"},
    }
    paths = []
    for name, options in kinds.items():
        path = folder / f"{name}.tif"
        profile = {"driver": "GTiff", "count": 1, **placed(GRID), **options}
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as file:
            if name == "palette":
                file.write_colormap(1, {value: (value, 0, 255 - value, 255) for value in range(256)})
            if name == "alpha":
                file.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
            if name == "scaled":
                file.scales, file.offsets, file.units = (0.1, 2), (-1, 0), ("m", "K")
                file.update_tags(TIFFTAG_DATETIME="2024:01:01 00:00:00", CLOUDS="7")
                file.write_mask(numpy.full(GRID.shape, 255, "uint8"))
            file.write(noise((profile["count"], *GRID.shape), profile["dtype"]))
        paths.append(path)
    return paths


def mutated(path: Path, count: int, seed: int) -> Iterator[bytes]:
    """Yield the bytes of a TIFF `count` times, one or two of its entries changed each time."""
    whole, choose = path.read_bytes(), random.Random(seed)
    (start,) = struct.unpack_from("<I", whole, 4)
    (entries,) = struct.unpack_from("<H", whole, start)
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(choose.choice((1, 1, 2))):
            at = start + 2 + _ENTRY * choose.randrange(entries)
            _number, kind, values, _value = struct.unpack_from("<HHII", data, at)
            what = choose.randrange(4)
            if what == 0:
                struct.pack_into("<I", data, at + 8, choose.choice(_VALUES))
            elif what == 1:
                struct.pack_into("<H", data, at + 2, choose.choice((1, 2, 3, 4, 5, 7, 11, 12, 16, 99)))
            elif what == 2:
                struct.pack_into("<I", data, at + 4, choose.choice((0, 1, 2, 3, values + 1, 2**16)))
            elif kind == 2 and values > 4:  # text elsewhere in the file
                (place,) = struct.unpack_from("<I", data, at + 8)
                text = choose.choice(_TEXTS)[:values].ljust(values, b"\0")
                data[place : place + values] = text
            else:
                struct.pack_into(
                    "<H", data, at, choose.choice((262, 277, 284, 317, 320, 338, 339, 42112, 42113, 50000))
                )
        yield bytes(data)
