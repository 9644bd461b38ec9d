"""Catalogs and rasters for tests: a tiny Earth with everything that a program may meet, and makers of small files.

Nothing here needs pytest. With pytest installed, `localcat.testing.plugin` offers the same as fixtures. Importing this
module loads no numpy and no rasterio; using it does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcat.testing.copies import earth, write_earth
    from localcat.testing.making import make_image, make_raster, pattern

_HOME = {
    "earth": "copies",
    "make_image": "making",
    "make_raster": "making",
    "pattern": "making",
    "write_earth": "copies",
}
__all__ = ["earth", "make_image", "make_raster", "pattern", "write_earth"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'localcat.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"localcat.testing.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
