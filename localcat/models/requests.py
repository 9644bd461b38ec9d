"""What an image asks of its catalog: pixels to read, pixels to take in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from localcat.disk.paths import text_of
from localcat.errors import AttributeValidationError, BadRequestError
from localcat.expressions.numbers import is_int64, number
from localcat.models.enums import ImageUploadType, OverviewResampler
from localcat.rasters.writing.options import (
    checked_bigtiff,
    checked_blocksize,
    checked_compression,
    checked_level,
    checked_overviews,
)

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from localcat.expressions.properties import Expression
    from localcat.models.backend import Backend

    Scale: TypeAlias = str | Sequence[float | str | numpy.number[Any]] | None
    Scaling: TypeAlias = str | Sequence[Scale] | Mapping[str, Scale] | None


@dataclass(slots=True)
class ImageUploadOptions:
    """How an image is to be taken in.

    Parameters
    ----------
    upload_type : ImageUploadType or str, optional
        ``"ndarray"`` or ``"file"``; set by the call that uploads.
    image_files : sequence of str, optional
        Names of the files.
    overviews : sequence of int, optional
        Decimation factors of the overviews, such as ``[2, 4]``; at most 16, none larger than the image. None makes
        powers of two down to one tile; an empty list makes none.
    overview_resampler : OverviewResampler or str, optional
        How overviews are made; by the type of the bands when left out.
    upload_size : int, optional
        Bytes to be uploaded.
    compress : str, optional
        ``"DEFLATE"``, ``"ZSTD"``, ``"LZW"`` or ``"NONE"``; DEFLATE when left out. All of them keep every bit.
    level : int, optional
        Effort of DEFLATE (1 to 12) or ZSTD (1 to 22).
    blocksize : int, optional
        Edge of a tile in pixels, a multiple of 16 from 128 on; when left out 512, or less where that holds the image.
    bigtiff : str, optional
        ``"YES"``, ``"NO"``, ``"IF_NEEDED"`` or ``"IF_SAFER"``, which is meant when left out.
    """

    upload_type: str | None = None
    image_files: Sequence[str] | None = None
    overviews: Sequence[int] | None = None
    overview_resampler: str | None = None
    upload_size: int | None = None
    compress: str | None = None
    level: int | None = None
    blocksize: int | None = None
    bigtiff: str | None = None

    def __post_init__(self) -> None:
        if self.upload_type is not None:
            self.upload_type = _chosen(ImageUploadType, "upload_type", self.upload_type)
        if self.overview_resampler is not None:
            self.overview_resampler = _chosen(OverviewResampler, "overview_resampler", self.overview_resampler)
        if self.overviews is not None:
            self.overviews = checked_overviews(self.overviews)
        if self.image_files is not None:
            self.image_files = _names(self.image_files)
        size = self.upload_size
        if size is not None:
            whole = number(size)
            if not isinstance(whole, int) or whole < 0 or not is_int64(whole):
                raise AttributeValidationError(f"upload_size is a number of bytes, not {size!r}")
            self.upload_size = whole
        self._check_format()

    def _check_format(self) -> None:
        if self.compress is not None:
            self.compress = checked_compression(self.compress)
        if self.bigtiff is not None:
            self.bigtiff = checked_bigtiff(self.bigtiff)
        if self.level is not None:
            self.level = checked_level(self.level, self.compress)
        if self.blocksize is not None:
            self.blocksize = checked_blocksize(self.blocksize)


def _chosen(choices: Any, name: str, value: Any) -> str:
    try:
        return str(choices(value).value)
    except ValueError:
        allowed = ", ".join(repr(choice.value) for choice in choices)
        raise AttributeValidationError(f"{name} is one of {allowed}, not {value!r}") from None


def _names(value: Any) -> list[str]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise AttributeValidationError(f"image_files is a list of names, not {value!r}")
    names = [os.fspath(name) if isinstance(name, os.PathLike) else name for name in value]
    if not all(isinstance(name, str) for name in names):
        raise AttributeValidationError(f"image_files is a list of names, not {value!r}")
    return names


def _require_count(name: str, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1):
        raise BadRequestError(f"{name} is a whole number from 1, not {value!r}")


class PixelOptions(TypedDict, total=False):
    """What `Scene.ndarray` takes by name, but for what the type of its result depends on."""

    mask_alpha: bool | str | None
    bands_axis: int
    resampler: str
    processing_level: str | None
    scaling: Scaling
    data_type: str | None
    progress: bool | None


class ReadOptions(PixelOptions, total=False):
    """The same of `Image.ndarray`."""

    crs: str | None
    resolution: float | None
    all_touched: bool | None


class MosaicOptions(ReadOptions, total=False):
    """The same of `ImageCollection.mosaic`."""

    on_error: str
    max_bytes: int | None


class StackOptions(MosaicOptions, total=False):
    """The same of `ImageCollection.stack`."""

    flatten: Any
    max_workers: int | None


class SceneOptions(TypedDict, total=False):
    """What `localcat.scenes.search` takes by name, after the place, the products and the two moments."""

    cloud_fraction: float | None
    storage_state: str | None
    limit: int | None
    sort_field: str | None
    sort_order: str
    date_field: str
    query: Expression | Sequence[Expression] | None
    catalog: Backend | None
    client: Backend | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """Which pixels are wanted, and in what form; `Image.ndarray` and `ImageCollection.stack` explain each."""

    bands: str | Sequence[str] | None
    geocontext: Any = None
    crs: str | None = None
    resolution: float | None = None
    all_touched: bool | None = None
    mask_nodata: bool = True
    mask_alpha: bool | str | None = None
    bands_axis: int = 0
    raster_info: bool = False
    resampler: str = "near"
    processing_level: str | None = None
    scaling: Scaling = None
    data_type: str | None = None
    progress: bool | None = None
    on_error: str = "raise"
    max_bytes: int | None = None
    max_workers: int | None = None

    def __post_init__(self) -> None:
        _require_count("max_bytes", self.max_bytes)
        _require_count("max_workers", self.max_workers)


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """Which pixels are to be written into a file; `Image.download` and `ImageCollection.download` explain each."""

    read: ReadRequest
    dest: Any = None
    format: str = "tif"
    nodata: float | None = None

    def __post_init__(self) -> None:
        nodata: Any = self.nodata
        if nodata is not None and (isinstance(nodata, bool) or not isinstance(nodata, Real)):
            raise BadRequestError(f"nodata is a number, not {nodata!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRequest:
    """Pixels for a new image: either files or arrays.

    Parameters
    ----------
    options : ImageUploadOptions
        Overviews and their resampler.
    overwrite : bool
        Replace an image with the same id.
    wait : bool
        Return when the upload has ended; else hand it to the background workers.
    copy : bool
        Copy files into the data folder; else they are indexed in place.
    cog : bool
        Rewrite files that are no Cloud-Optimized GeoTIFF as one.
    files : sequence of Path
        Files to take in.
    arrays : sequence of ndarray
        Arrays to write, one a file.
    raster_meta : mapping
        Georeferencing of the arrays, as `Image.ndarray` returns it with ``raster_info=True``.
    outlined : bool
        Give an image that has no footprint the outline of its pixels; else it stays without one.
    """

    options: ImageUploadOptions
    overwrite: bool = False
    wait: bool = True
    copy: bool = True
    cog: bool = False
    files: Sequence[Path] = ()
    arrays: Sequence[NDArray[Any]] = ()
    raster_meta: Mapping[str, Any] = field(default_factory=dict)
    outlined: bool = True


def upload_options_of(given: Any) -> ImageUploadOptions:
    """Return the options that an upload was given, or the defaults."""
    if given is None:
        return ImageUploadOptions()
    if not isinstance(given, ImageUploadOptions):
        raise BadRequestError(f"upload_options is an ImageUploadOptions, not {given!r}")
    return given


def paths_of(files: Any) -> list[Path]:
    """Return the paths of what `Image.upload` takes."""
    several = [files] if isinstance(files, str | os.PathLike) or hasattr(files, "read") else files
    if isinstance(several, bytes | Mapping) or not isinstance(several, Iterable):
        raise BadRequestError(f"files is a path, an open file or a list of them, not {files!r}")
    paths = []
    for file in several:
        name = getattr(file, "name", None) if hasattr(file, "read") else file
        text = text_of(name)
        if text is None:
            raise BadRequestError(f"a file to upload is a path, or an open file on the disk, not {file!r}")
        paths.append(Path(text))
    if not paths:
        raise BadRequestError("files is empty; pass at least one file to upload")
    for path in paths:
        if not _is_file(path):
            raise BadRequestError(f"'{path!s:.200}' is not there, or is not a file; pass a GeoTIFF or JPEG 2000 file")
    return paths


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, say
        return False


def raster_meta_of(given: Any) -> Mapping[str, Any]:
    """Return the georeferencing that `Image.upload_ndarray` takes; an empty mapping for None."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise BadRequestError(f"raster_meta is a mapping, as ndarray(raster_info=True) returns it, not {given!r:.100}")
    return given


def arrays_of(ndarray: Any) -> list[Any]:
    """Return the arrays of what `Image.upload_ndarray` takes; the caller's list is left as it is."""
    import numpy  # heavy, and not needed before pixels are

    several = [ndarray] if isinstance(ndarray, numpy.ndarray | numpy.generic) else ndarray
    if isinstance(several, str | bytes | Mapping) or not isinstance(several, Iterable):
        raise BadRequestError(f"an upload takes an array or a list of arrays, not {type(ndarray).__name__}")
    arrays = list(several)
    for array in arrays:
        if not isinstance(array, numpy.ndarray | numpy.generic):
            raise BadRequestError(f"an upload takes numpy arrays, not {type(array).__name__}")
    if not arrays:
        raise BadRequestError("the list of arrays to upload is empty")
    return [array if isinstance(array, numpy.ma.MaskedArray) else numpy.asarray(array) for array in arrays]
