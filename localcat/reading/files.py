"""Images as files outside the catalog: GeoTIFF, PNG and JPEG."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy

from localcat.disk.filesystem import is_folder
from localcat.disk.names import as_one, is_inside, stem_length, unreserved
from localcat.disk.paths import text_of
from localcat.disk.system import replace
from localcat.errors import (
    BadRequestError,
    ClientError,
    DownloadError,
    Lines,
    RasterError,
    RasterWarning,
    StorageError,
    warn_caller,
)
from localcat.models.enums import DownloadFileFormat
from localcat.rasters.files.dtypes import is_representable, numpy_dtype
from localcat.rasters.files.environment import write_errors
from localcat.rasters.writing.checks import COLORMAP_DTYPES, BandLayer
from localcat.rasters.writing.picture import encoded_picture
from localcat.rasters.writing.strips import differ
from localcat.rasters.writing.telling import free_value
from localcat.rasters.writing.write import write_cog
from localcat.reading.arrays import Reading, in_threads, read_many, read_one
from localcat.reading.layers import sources_of
from localcat.reading.plan import ReadPlan, band_names
from localcat.reading.preview import ranges_of
from localcat.reading.shades import colored, is_grey
from localcat.reading.stated import StatedBand, stated_bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.models.band import Band
    from localcat.models.image import Image
    from localcat.models.requests import DownloadRequest, ReadRequest

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

_FORMATS = {
    ".tif": DownloadFileFormat.TIF,
    ".tiff": DownloadFileFormat.TIF,
    ".png": DownloadFileFormat.PNG,
    ".jpg": DownloadFileFormat.JPEG,
    ".jpeg": DownloadFileFormat.JPEG,
}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 200  # characters; file systems allow 255 bytes, and temporary names are longer


def download_image(image: Image, request: DownloadRequest) -> str:
    """Write bands of an image to a file; `Image.download` says how."""
    path = _file_for(_name_of(image, request), request.dest, request)
    require_outside([image], [path])
    return _write(read_one(image, _read_for(path, request)), path, request)


def download_images(images: Sequence[Image], request: DownloadRequest) -> list[str]:
    """Write bands of each image to a file; `ImageCollection.download` says how."""
    paths = _files_for(images, request)
    require_outside(images, paths)
    failures: list[tuple[str, Exception]] = []

    def write(position: int) -> str:
        try:
            path = paths[position]
            return _write(read_one(images[position], _read_for(path, request)), path, request)
        except ClientError as error:
            failures.append((f"{images[position].id} to '{paths[position]}'", error))
            return ""

    written = in_threads(write, range(len(images)), request.read, "download")
    if failures:
        head = f"{len(failures)} of {len(images)} images were not written:"
        listed = (f"  {what}: {error}" for what, error in sorted(failures, key=lambda failure: failure[0]))
        raise DownloadError(Lines(head, listed)) from failures[0][1]
    return written


def download_mosaic(images: Sequence[Image], request: DownloadRequest) -> str:
    """Write a mosaic of images to a file; `ImageCollection.download_mosaic` says how."""
    path = _file_for(f"mosaic-{'-'.join(band_names(request.read.bands))}", request.dest, request)
    require_outside(images, [path])
    return _write(read_many(images, _read_for(path, request)), path, request)


# Where


def _name_of(image: Image, request: DownloadRequest) -> str:
    return f"{image.id}-{'-'.join(band_names(request.read.bands))}"


def _file_for(name: str, dest: Any, request: DownloadRequest) -> Path:
    """Return the file to write: the one that is named, or one with a name of ours."""
    try:
        suffix = f".{DownloadFileFormat(request.format).value}"
    except ValueError:
        allowed = ", ".join(repr(str(choice.value)) for choice in DownloadFileFormat)
        raise BadRequestError(f"format is one of {allowed}, not {request.format!r}") from None
    path = Path() if dest is None else _path(dest)
    if dest is None or is_folder(path):
        plain = _NOT_IN_NAMES.sub("_", name)
        return path / unreserved(f"{plain[: stem_length(path, suffix, _LONGEST_NAME)]}{suffix}")
    if path.suffix.lower() not in _FORMATS:
        raise BadRequestError(f"the suffix of '{path}' is none of {', '.join(_FORMATS)}; it decides the format")
    return path


def _path(dest: Any) -> Path:
    if not isinstance(dest, str | os.PathLike):
        raise TypeError(f"dest is a path, not {dest!r}")
    text = text_of(dest)
    if text is None:
        raise BadRequestError(f"dest is text that a file can be named by, not {dest!r}; leave it out for a default")
    return Path(text)


def _files_for(images: Sequence[Image], request: DownloadRequest) -> list[Path]:
    dest = request.dest
    if dest is None or isinstance(dest, str | os.PathLike):
        folder = Path() if dest is None else _path(dest)
        with write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        paths = [_file_for(_name_of(image, request), folder, request) for image in images]
    elif isinstance(dest, Sequence):
        if len(dest) != len(images):
            raise BadRequestError(f"dest has {len(dest)} paths for {len(images)} images; pass one for each")
        paths = [_file_for(_name_of(image, request), one, request) for image, one in zip(images, dest, strict=True)]
    else:
        raise TypeError(f"dest is a folder, or a sequence of paths, not {dest!r}")
    counts = Counter(map(as_one, paths))
    twice = sorted({str(path) for path in paths if counts[as_one(path)] > 1})
    if twice:
        raise DownloadError(f"several images would be written to {', '.join(twice)}; nothing was written")
    return paths


def require_outside(images: Sequence[Image], paths: Sequence[Path]) -> None:
    """Refuse to write over a file of the catalog, or into its own data folder, where the file might be an image's."""
    catalogs = list({id(image._catalog): image._catalog.file for image in images}.values())
    folders = {catalog.home().path for catalog in catalogs}
    for path in paths:
        if any(is_inside(path, folder) for folder in folders):
            raise BadRequestError(f"'{path}' is in the catalog's own data folder; download to another folder")
        if any(catalog.has_in_place(path.absolute()) for catalog in catalogs):
            raise BadRequestError(f"'{path}' is a file of the catalog itself and is not replaced; choose another name")


# How


def _format_of(path: Path) -> DownloadFileFormat:
    return _FORMATS[path.suffix.lower()]


def _is_as_shown(path: Path, request: DownloadRequest) -> bool:
    """Return whether a file shows pixels as a preview does, and does not keep their values."""
    asked = request.read
    is_picture = _format_of(path) is not DownloadFileFormat.TIF
    return is_picture and asked.data_type is None and (asked.scaling is None or asked.scaling == "display")


def _read_for(path: Path, request: DownloadRequest) -> ReadRequest:
    """Return how pixels are read for a file: those that become colours as they are stored."""
    return replace_fields(request.read, scaling=None) if _is_as_shown(path, request) else request.read


def _write(reading: Reading, path: Path, request: DownloadRequest) -> str:
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as temporary:
        if _format_of(path) is DownloadFileFormat.TIF:
            _write_tif(reading, temporary, request.nodata)
        else:
            _write_picture(reading, temporary, _format_of(path), is_as_shown=_is_as_shown(path, request))
    return str(path)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside a file, which replaces the file if nothing is raised."""
    temporary = path.with_name(f".{uuid4().hex}{path.suffix}")
    try:
        yield temporary
        with write_errors(path):
            replace(temporary, path)
    finally:
        with suppress(OSError):  # a name that is too long, for example
            temporary.unlink(missing_ok=True)


def _write_tif(reading: Reading, path: Path, nodata: float | None) -> None:
    """Write bands with all that a read knows of them: masks, scale and offset, units, colours."""
    plan, choice = reading.plan, reading.plan.any_choice
    values, mask = numpy.ma.getdata(reading.pixels), numpy.ma.getmaskarray(reading.pixels)
    stated = _agreed(reading)
    has_alpha = choice.alpha is not None and not choice.drops_alpha
    shown = len(values) - has_alpha
    if has_alpha:
        values[-1][mask[-1]] = 0  # outside a cutline, too
    hidden = mask & (values[-1] != 0) if has_alpha else mask  # what the alpha band does not tell
    wanted: list[float | None]
    wanted = [nodata] * shown if nodata is not None else [_nodata_of(plan, at, stated) for at in range(shown)]
    marks = _marks(values[:shown], hidden[:shown], wanted, nodata)
    layers = [
        BandLayer(
            description=str(band.name),
            nodata=marks[at] if at < shown else None,
            is_alpha=at >= shown,
            is_categorical=band.holds_codes,
            is_mask=band.is_mask,
            color=stated[at].color,
            colormap=_colormap(band, values, stated[at]) if len(values) == 1 else None,
            scale=stated[at].scale,
            offset=stated[at].offset,
            unit=stated[at].unit,
        )
        for at, band in enumerate(choice.kept)
    ]
    write_cog(values, path, grid=plan.grid, bands=layers, mask=hidden if hidden.any() else None)


def _agreed(reading: Reading) -> list[StatedBand]:
    """Return what all files say alike about the bands of a result; of scaled bands, what is true of the new values."""
    plan, listed = reading.plan, []
    for image in reading.images:
        with suppress(RasterError, StorageError):  # of an image that could be left out
            listed.append(stated_bands(sources_of(image, plan.choice_of(image).kept)))
    agreed = []
    for at, band in enumerate(plan.any_choice.kept):
        each = [stated[at] for stated in listed]
        if plan.is_scaled_band(at):
            is_physical = plan.is_physical[at]
            agreed.append(StatedBand(unit=getattr(band, "physical_range_unit", None) if is_physical else None))
            continue
        if len({stated.physical for stated in each}) > 1:
            each = [stated.without_scale() for stated in each]
            text = f"the images differ in scale and offset of band '{band.name}', so the file of them all states none"
            warn_caller(RasterWarning(f"{text}; pass scaling='physical' for numbers that mean the same"))
        agreed.append(StatedBand(**{field.name: _common(each, field.name) for field in fields(StatedBand)}))
    return agreed


def _common(stated: Sequence[StatedBand], name: str) -> Any:
    """Return what several files say alike; what says nothing where they do not."""
    distinct = {repr(getattr(one, name)): getattr(one, name) for one in stated}
    return next(iter(distinct.values())) if len(distinct) == 1 else getattr(StatedBand(), name)


def _nodata_of(plan: ReadPlan, at: int, stated: Sequence[StatedBand]) -> float | None:
    """Return the nodata of a band: the declared one, else that of the files; None where it is scaled."""
    band, declared = plan.any_choice.kept[at], plan.nodata(at)
    own = stated[at].nodata if not (band.is_mask or plan.is_scaled_band(at)) else None
    nodata, dtype = (declared if declared is not None else own), numpy_dtype(plan.data_type)
    return nodata if nodata is not None and is_representable(nodata, dtype) else None


def _marks(
    values: NDArray[Any], hidden: NDArray[numpy.bool_], wanted: list[float | None], nodata: float | None
) -> list[float | None]:
    """Return the nodata of each band by which a file keeps the masks of all; None for all where one mask is enough.

    A valid pixel may equal the wanted one: an average, for example, or a value that was clipped.

    Raises
    ------
    BadRequestError
        If the masks differ, and each value is that of a valid pixel.
    """
    if not len(values) or nodata is not None:
        return wanted
    first = [mark for mark in wanted if mark is not None]
    are_free = all(
        mark is None or free_value([band], [masked], [mark]) == mark or numpy.isnan(mark)
        for band, masked, mark in zip(values, hidden, wanted, strict=True)
    )
    if are_free and len(set(map(repr, wanted))) == 1 and first:
        return wanted
    if not differ(list(hidden)):
        return [None] * len(values)
    free = free_value(list(values), list(hidden), first)
    if free is not None:
        return [free] * len(values)
    if are_free and len(first) == len(values):
        return wanted
    raise BadRequestError(
        f"the masks of the {len(values)} bands differ, and {values.dtype} has no value left for nodata; pass a wider "
        "data_type, or write one band a file"
    )


def _colormap(band: Band, values: Any, stated: StatedBand) -> dict[int, tuple[int, int, int, int]] | None:
    """Return the colours of a class band, else those of its file."""
    if values.dtype.name not in COLORMAP_DTYPES:
        return None
    return dict(enumerate(band.colors)) if band.holds_codes and band.colors is not None else stated.colormap


def _write_picture(reading: Reading, path: Path, format: DownloadFileFormat, *, is_as_shown: bool) -> None:
    """Write one or three bands as PNG, with the masked pixels transparent, or as JPEG, where they are 0.

    Parameters
    ----------
    is_as_shown : bool
        Whether values become colours as in a preview; else they are written as they were read.
    """
    values = numpy.array(numpy.ma.filled(reading.pixels, 0))
    is_png = format is DownloadFileFormat.PNG
    choice = reading.plan.any_choice
    has_alpha = choice.alpha is not None and not choice.drops_alpha
    shown = len(values) - has_alpha
    if shown not in (1, 3) or (has_alpha and not is_png):
        raise BadRequestError(
            f"a {format.value} holds 1 or 3 bands{' and an alpha band' if is_png else ''}, not {len(values)}; "
            "choose among them, or write a tif"
        )
    mask = numpy.ma.getmaskarray(reading.pixels)
    hidden = mask[:shown].all(axis=0) | (mask[-1] if has_alpha else False)  # a pixel that any band has is shown
    colors = values[:shown]
    if is_as_shown:
        bands = choice.kept[:shown]
        red_green_blue = colored(reading.pixels[:shown], bands, ranges_of(reading.images, bands))
        hidden |= red_green_blue[-1] == 0
        colors = red_green_blue[:1] if is_grey(bands) else red_green_blue[:3]
        colors[:, hidden] = 0
    allowed = ("uint8", "uint16") if is_png else ("uint8",)
    if colors.dtype.name not in allowed:
        raise BadRequestError(
            f"a {format.value} holds {' or '.join(allowed)}, not {colors.dtype.name}; "
            "leave out scaling and data_type to see it as it is shown, or write a tif"
        )
    if is_png and (has_alpha or hidden.any()):
        alpha = numpy.where(hidden, 0, numpy.iinfo(colors.dtype).max).astype(colors.dtype)
        colors = numpy.concatenate((colors, alpha[numpy.newaxis]))
    with write_errors(path):
        path.write_bytes(encoded_picture(colors, "PNG" if is_png else "JPEG"))
