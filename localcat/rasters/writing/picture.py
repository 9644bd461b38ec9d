"""Arrays as PNG and JPEG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rasterio.io import MemoryFile

from localcat.rasters.files.environment import raster_environment
from localcat.rasters.files.opening import quiet_georeferencing

if TYPE_CHECKING:
    from numpy.typing import NDArray


def encoded_picture(values: NDArray[Any], driver: str, *, level: int | None = None) -> bytes:
    """Return an array of shape (band, row, column) as the bytes of a PNG or JPEG file.

    Parameters
    ----------
    values : ndarray
        Of uint8, for PNG also uint16; grey or red, green, blue, for PNG perhaps with opacity last.
    driver : str
        ``"PNG"`` or ``"JPEG"``.
    level : int, optional
        How hard a PNG is compressed, 1 to 9; 6 when left out. No level loses anything.
    """
    count, height, width = values.shape
    profile: dict[str, Any] = {"driver": driver, "count": count, "height": height, "width": width}
    if level is not None:
        profile["zlevel"] = level
    with raster_environment(), MemoryFile(ext=f".{driver.lower()}") as file:
        with quiet_georeferencing(), file.open(**profile, dtype=values.dtype) as dataset:
            dataset.write(values)
        return bytes(file.read())
