"""The description of a raster file from its header; no pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from rasterio.enums import ColorInterp

from localcat.disk.archive import size_of
from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import crs_code, exact_wkt, proj4_text
from localcat.rasters.files.control_points import ControlPoints, control_points_of
from localcat.rasters.files.dtypes import common_dtype, data_type_name
from localcat.rasters.files.environment import stated_errors
from localcat.rasters.files.footprint import corner_names, footprint
from localcat.rasters.files.georeferencing import as_registered
from localcat.rasters.files.opening import MAX_RASTER_BYTES, open_raster, plain_location, structure
from localcat.rasters.files.sources import has_own_mask, own_alphas, own_nodata

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS
    from rasterio.io import DatasetReader


@dataclass(frozen=True, slots=True)
class RasterDescription:
    """The header of a raster file.

    Parameters
    ----------
    driver : str
        ``"GTiff"`` or ``"JP2OpenJPEG"``.
    shape : tuple of int
        (height, width) in pixels.
    grid : Grid or None
        The grid of the pixels; None if the file lacks a CRS or a transform.
    crs : rasterio.crs.CRS or None
        The CRS alone.
    transform : affine.Affine or None
        The transform alone.
    dtypes : tuple of str
        numpy's name of each band's pixel type.
    nodata : tuple of float or None
        The value that marks invalid pixels, per band.
    descriptions : tuple of str or None
        Per band.
    color_interpretations : tuple of str
        Per band, such as ``"red"``, ``"alpha"``, ``"undefined"``.
    colormaps : tuple
        Per band, a dictionary of pixel value to RGBA, or None.
    overviews : tuple of int
        Decimation factors of the first band's overviews, ascending.
    blocksize : tuple of int
        (rows, columns) of a tile or strip.
    has_internal_mask : bool
        Whether the file holds a mask for all its bands that says more than its nodata and its alpha bands do.
    alpha_index : int or None
        The band, counted from 1, that holds opacity.
    scales, offsets : tuple of float
        Per band: physical value = pixel × scale + offset.
    units : tuple of str or None
        Per band.
    tags : dict
        Metadata of the default domain.
    compression : str or None
        GDAL's word in lower case, such as ``"deflate"`` or ``"ycbcr jpeg"``; None without any.
    size_bytes : int
        Size of the file.
    control_points : ControlPoints or None
        Where some of its pixels are, if it has no grid.
    has_rpc : bool
        Whether rational polynomials say where they are, if it has no grid.
    """

    driver: str
    shape: tuple[int, int]
    grid: Grid | None
    crs: CRS | None
    transform: Affine | None
    dtypes: tuple[str, ...]
    nodata: tuple[float | None, ...]
    descriptions: tuple[str | None, ...]
    color_interpretations: tuple[str, ...]
    colormaps: tuple[dict[int, tuple[int, int, int, int]] | None, ...]
    overviews: tuple[int, ...]
    blocksize: tuple[int, int]
    has_internal_mask: bool
    alpha_index: int | None
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    units: tuple[str | None, ...]
    tags: dict[str, str]
    compression: str | None
    size_bytes: int
    control_points: ControlPoints | None = None
    has_rpc: bool = False

    @property
    def count(self) -> int:
        """Number of bands."""
        return len(self.dtypes)

    @property
    def data_type(self) -> str:
        """The name of the data type that holds the pixels of all bands."""
        return common_dtype(data_type_name(dtype) for dtype in self.dtypes)


def describe(path: str | PathLike[str], *, max_bytes: int | None = MAX_RASTER_BYTES) -> RasterDescription:
    """Describe a GeoTIFF or JPEG 2000 file from its header.

    Parameters
    ----------
    path : str or path
        A regular file, or the member of an archive; see `localcat.rasters.files.opening.open_raster`.
    max_bytes : int, optional
        Largest decoded size of the raster; None for no limit.

    Raises
    ------
    RasterError
        One of its subclasses, if the file is unsafe, damaged or too large.
    """
    with open_raster(path, max_bytes=max_bytes) as dataset, stated_errors(path):
        size = size_of(plain_location(path))
        return _description(dataset, 0 if size is None else size)


def native_grid(dataset: DatasetReader) -> Grid | None:
    """Return the grid of an open raster, None without CRS or transform."""
    if dataset.crs is None or not has_transform(dataset):
        return None
    return Grid(as_registered(dataset.crs), dataset.transform, dataset.shape)


def has_transform(dataset: DatasetReader) -> bool:
    """Return whether an open raster has a transform that can be inverted; GDAL reports identity for none."""
    transform = dataset.transform
    return not transform.is_degenerate and not transform.is_identity


def raster_info(
    grid: Grid,
    *,
    bands: list[dict[str, Any]],
    files: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the dictionary that `raster_info=True` adds to an array.

    Parameters
    ----------
    grid : Grid
        The grid of the array.
    bands : list of dict
        One entry a band, from `band_info`.
    files : list of str, optional
        The files that the pixels came from.
    metadata : dict, optional
        Passed on as it is.

    Returns
    -------
    dict
        ``geoTransform`` (six numbers in GDAL's order), ``coordinateSystem`` (``wkt``, ``proj4``, ``epsg``), ``size``
        [columns, rows], ``bands``, ``cornerCoordinates``, ``wgs84Extent`` (GeoJSON), ``driverShortName``, ``files``,
        ``metadata``.
    """
    outline = footprint(grid)
    authority, _, number = (crs_code(grid.crs) or "").partition(":")
    epsg = int(number) if authority == "EPSG" else None
    return {
        "geoTransform": list(grid.geotransform),
        "coordinateSystem": {"wkt": exact_wkt(grid.crs), "proj4": proj4_text(grid.crs), "epsg": epsg},
        "size": [grid.width, grid.height],
        "bands": bands,
        "cornerCoordinates": corner_names(grid),
        "wgs84Extent": outline.__geo_interface__,
        "driverShortName": "MEM",  # an array in memory
        "files": files or [],
        "metadata": metadata or {},
    }


def band_info(
    number: int, *, name: str, data_type: str, color_interpretation: str = "Undefined", nodata: float | None = None
) -> dict[str, Any]:
    """Return the entry of one band for `raster_info`.

    Parameters
    ----------
    number : int
        Position in the array, counted from 1.
    name : str
        Name of the band.
    data_type : str
        A data type name such as ``"UInt16"``.
    color_interpretation : str
        GDAL's word, such as ``"Gray"`` or ``"Alpha"``.
    nodata : float, optional
        The value that marks invalid pixels.
    """
    entry: dict[str, Any] = {
        "band": number,
        "name": name,
        "description": name,
        "type": data_type,
        "colorInterpretation": color_interpretation.capitalize(),
    }
    if nodata is not None:
        entry["noDataValue"] = nodata
    return entry


def _description(dataset: DatasetReader, size_bytes: int) -> RasterDescription:
    colors, grid = dataset.colorinterp, native_grid(dataset)
    compression = structure(dataset, "COMPRESSION")
    return RasterDescription(
        driver=dataset.driver,
        shape=dataset.shape,
        grid=grid,
        crs=dataset.crs,
        transform=dataset.transform if has_transform(dataset) else None,
        dtypes=tuple(dataset.dtypes),
        nodata=own_nodata(dataset),
        descriptions=tuple(dataset.descriptions),
        color_interpretations=tuple(color.name for color in colors),
        colormaps=tuple(
            _colormap(dataset, number) if color is ColorInterp.palette else None
            for number, color in enumerate(colors, start=1)
        ),
        overviews=tuple(dataset.overviews(1)),
        blocksize=tuple(dataset.block_shapes[0]),
        has_internal_mask=has_own_mask(dataset),
        alpha_index=next(iter(own_alphas(dataset)), None),
        scales=tuple(dataset.scales),
        offsets=tuple(dataset.offsets),
        units=tuple(dataset.units),
        tags=dict(dataset.tags()),
        compression=None if compression is None else compression.lower(),
        size_bytes=size_bytes,
        control_points=None if grid is not None else control_points_of(dataset),
        has_rpc=grid is None and bool(dataset.tags(ns="RPC")),
    )


def _colormap(dataset: DatasetReader, number: int) -> dict[int, tuple[int, int, int, int]] | None:
    try:
        return dict(dataset.colormap(number))
    except ValueError:  # a palette without colours
        return None
