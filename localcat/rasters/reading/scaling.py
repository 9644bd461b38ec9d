"""From stored pixel values to the values that a caller wants: raw, for a screen, or physical.

A scale is None (values stay), ``()`` (from the array's own minimum and maximum to 0 … 255), ``(scale, offset)`` as a
file states them (value × scale + offset), or ``(input_low, input_high, output_low, output_high)``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy

from localcat.errors import BadRequestError
from localcat.rasters.files.dtypes import DATA_TYPES, common_dtype, is_representable, numpy_dtype, saturated

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

Range: TypeAlias = tuple[float, float]
Scale: TypeAlias = tuple[()] | tuple[float, float] | tuple[float, float, float, float] | None
Bound: TypeAlias = float | str
Wish: TypeAlias = str | tuple[Bound, ...] | None

MODES: Final = ("raw", "auto", "display", "physical")
DEFAULT_KEY: Final = "default_"
DISPLAY_OUTPUT: Final = (0, 255)
_BLOCK_PIXELS = 2**16  # scaled at once
_PERCENT = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*%\s*")


@dataclass(frozen=True, slots=True)
class BandScaling:
    """What scaling needs to know about a band.

    Parameters
    ----------
    name : str
    data_type : str
        Name of the stored data type.
    data_range : tuple of float, optional
        (low, high) of stored values; (0, 10000) when None.
    display_range : tuple of float, optional
        Stored values to show from black to white; the data range when None.
    physical_range : tuple of float, optional
        What the data range means physically; the data range when None.
    is_scalable : bool
        False for mask and class bands, whose values are never scaled.
    """

    name: str
    data_type: str = "UInt16"
    data_range: Range | None = None
    display_range: Range | None = None
    physical_range: Range | None = None
    is_scalable: bool = True

    @property
    def data(self) -> Range:
        """The data range or its default."""
        return (0, 10000) if self.data_range is None else self.data_range

    @property
    def display(self) -> Range:
        """The display range or its default."""
        return self.data if self.display_range is None else self.display_range

    @property
    def physical(self) -> Range:
        """The physical range or its default."""
        return self.data if self.physical_range is None else self.physical_range


def scaling_parameters(
    bands: Sequence[BandScaling], scaling: object = None, data_type: str | None = None
) -> tuple[list[Scale] | None, str]:
    """Return the scale of each band and the data type of the scaled array.

    Parameters
    ----------
    bands : sequence of BandScaling
    scaling : str, sequence, mapping or None
        A mode for all bands (``"raw"``, ``"auto"``, ``"display"``, ``"physical"``), a list with one value a band, or a
        mapping from band names to values, with ``"default_"`` for the others but mask and class bands. A value is
        None, a mode, or a tuple of 0, 2 (input range) or 4 (input and output range) numbers or ``"NN%"`` texts.
    data_type : str, optional
        Data type of the result; by default it follows from the modes and the output ranges.

    Returns
    -------
    scales : list of Scale or None
        None when no band is scaled.
    data_type : str

    Raises
    ------
    BadRequestError
        If a mode or a data type is unknown, the modes contradict each other, the list has the wrong length, or the
        data type cannot be known.
    """
    if data_type is not None:
        numpy_dtype(data_type)
    wishes = _wishes(bands, scaling)
    common = common_dtype(band.data_type for band in bands)
    if all(wish is None for wish in wishes):
        return None, data_type or common
    mode = _explicit_mode(wishes) or _implied_mode(wishes) or _mode_of_type(wishes, data_type)
    if data_type is None:
        data_type = _output_type(mode, wishes, common)
    scales = [_scale(band, wish, mode, data_type) for band, wish in zip(bands, wishes, strict=True)]
    return (None if all(scale is None for scale in scales) else scales), data_type


def physical_bands(bands: Sequence[BandScaling], scaling: object = None) -> list[bool]:
    """Return of which bands `scaling` asks the physical value: by that mode, not by numbers."""
    return [wish == "physical" for wish in _wishes(bands, scaling)]


def apply_scaling(
    array: MaskedArray, scales: Sequence[Scale] | None, dtype: DTypeLike, *, out: MaskedArray | None = None
) -> MaskedArray:
    """Return a scaled copy of an array; values are clipped to the output type only.

    Parameters
    ----------
    array : masked array, shape (band, row, column)
        All pixels of plain arrays count as valid.
    scales : sequence of Scale, optional
        One for each band, from `scaling_parameters`; None scales nothing.
    dtype : dtype
        numpy dtype of the result. Towards integers, values are rounded.
    out : masked array, optional
        Of that dtype, and with a full mask; is filled and returned instead of a new array.

    Returns
    -------
    masked array
        With the same mask.

    Raises
    ------
    BadRequestError
        If the number of scales is not that of the bands.
    """
    mask, values = numpy.ma.getmaskarray(array), numpy.ma.getdata(array)
    if scales is not None and len(scales) != len(values):
        raise BadRequestError(f"{len(scales)} scales do not fit {len(values)} bands; pass one for each")
    if out is None:
        out = numpy.ma.MaskedArray(numpy.empty(values.shape, dtype=dtype), mask=numpy.empty(values.shape, dtype=bool))
    scaled = numpy.ma.getdata(out)
    numpy.ma.getmaskarray(out)[...] = mask
    step = max(1, _BLOCK_PIXELS // max(1, values.shape[-1]))
    for at, band in enumerate(values):
        scale: Scale = None if scales is None else scales[at]
        if scale is None:
            scaled[at] = saturated(band, dtype)
            continue
        low, slope, out_low = _line(scale, band, mask[at])
        for rows in range(0, len(band), step):  # not the whole band in 64 bits a pixel
            block = band[rows : rows + step].astype(numpy.float64)
            scaled[at, rows : rows + step] = saturated((block - low) * slope + out_low, dtype)
    return out


def _line(scale: Scale, band: NDArray[Any], mask: NDArray[numpy.bool_]) -> tuple[float, float, float]:
    """Return (value, slope, result at that value) of a scale."""
    if scale and len(scale) == 2:
        return 0.0, scale[0], scale[1]
    if scale and len(scale) == 4:
        low, high, out_low, out_high = scale
    else:
        valid = band[~mask & numpy.isfinite(band)]
        low, high = (float(valid.min()), float(valid.max())) if valid.size else (0.0, 0.0)
        out_low, out_high = DISPLAY_OUTPUT
    return low, (out_high - out_low) / (high - low) if high != low else 0.0, out_low


def _wishes(bands: Sequence[BandScaling], scaling: object) -> list[Wish]:
    """Return what is asked of each band; mask and class bands are never scaled."""
    values: list[object]
    if scaling is None or isinstance(scaling, str):
        values = [scaling] * len(bands)
    elif isinstance(scaling, Mapping):
        default = scaling.get(DEFAULT_KEY)
        values = [scaling.get(band.name, default) for band in bands]
        unknown = set(scaling) - {band.name for band in bands} - {DEFAULT_KEY}
        if unknown:
            raise BadRequestError(f"scaling names bands that are not read: {', '.join(sorted(map(str, unknown)))}")
    elif isinstance(scaling, Sequence):
        if len(scaling) != len(bands):
            raise BadRequestError(f"scaling lists {len(scaling)} values for {len(bands)} bands; pass one for each")
        values = list(scaling)
    else:
        raise BadRequestError(f"scaling is a mode, a list or a mapping, not {type(scaling).__name__}")
    wishes = [_wish(value) for value in values]
    return [wish if band.is_scalable else None for band, wish in zip(bands, wishes, strict=True)]


def _wish(value: object) -> Wish:
    if value is None:
        return None
    if isinstance(value, str):
        if value not in MODES:
            raise BadRequestError(f"{value!r} is not a scaling mode; choose one of {', '.join(MODES)}")
        return value
    if not isinstance(value, Sequence) or len(value) not in (0, 2, 4):
        raise BadRequestError(f"{value!r} is not a scale; pass None, a mode, or a tuple of 0, 2 or 4 entries")
    for bound in value:
        is_number = isinstance(bound, int | float | numpy.number) and not isinstance(bound, bool)
        if not (numpy.isfinite(float(bound)) if is_number else isinstance(bound, str) and _PERCENT.fullmatch(bound)):
            raise BadRequestError(f"{bound!r} in scale {value!r} is neither a number nor a percentage like '2%'")
    return tuple(value)


def _explicit_mode(wishes: Sequence[Wish]) -> str | None:
    named = {wish for wish in wishes if isinstance(wish, str)}
    if not named:
        return None
    mode = _agreed(named)
    if mode is None:
        raise BadRequestError(f"the scaling modes {', '.join(sorted(named))} cannot be mixed in one array")
    return mode


def _implied_mode(wishes: Sequence[Wish]) -> str | None:
    implied = set()
    for wish in wishes:
        if isinstance(wish, tuple) and len(wish) < 4:
            implied.add("display" if wish else "auto")
        elif isinstance(wish, tuple) and any(not isinstance(bound, str) for bound in wish[2:]):
            implied.add("physical")
    return _agreed(implied)


def _mode_of_type(wishes: Sequence[Wish], data_type: str | None) -> str | None:
    """Return the mode that a data type stands for, unless output numbers already contradict each other."""
    if data_type is None or any(isinstance(wish, tuple) and _numbers(wish) for wish in wishes):
        return None
    return {"Byte": "display", "Float32": "physical", "Float64": "physical"}.get(data_type)


def _agreed(modes: set[str]) -> str | None:
    if modes == {"auto", "display"}:
        return "display"
    return next(iter(modes)) if len(modes) == 1 else None


def _numbers(wish: Wish) -> list[float]:
    """Return the output bounds of a wish that are numbers."""
    return [bound for bound in wish[2:] if not isinstance(bound, str)] if isinstance(wish, tuple) else []


def _output_type(mode: str | None, wishes: Sequence[Wish], common: str) -> str:
    if mode is not None:
        return {"raw": common, "auto": "Byte", "display": "Byte", "physical": "Float64"}[mode]
    outputs = [number for wish in wishes for number in _numbers(wish)]
    if not outputs:
        raise BadRequestError("percentages alone do not decide the data type; pass data_type, or name a scaling mode")
    if any(isinstance(number, float | numpy.floating) for number in outputs):
        return "Float64"
    for name, dtype in DATA_TYPES.items():
        if all(is_representable(number, dtype) for number in outputs):
            return name
    raise BadRequestError(f"no data type holds the output range {min(outputs)} to {max(outputs)}")


def _scale(band: BandScaling, wish: Wish, mode: str | None, data_type: str) -> Scale:
    source = band.display if mode in ("display", "auto") else band.data
    target = _output_range(band, mode, data_type)
    match wish:
        case None | "raw":
            return None
        case "auto" | ():
            return ()
        case "display":
            return *band.display, *target
        case "physical":
            return None if band.data == band.physical else (*band.data, *target)
        case (low, high):
            return _bound(low, source), _bound(high, source), *target
        case (low, high, out_low, out_high):
            is_whole = numpy_dtype(data_type).kind != "f"
            return (
                _bound(low, source),
                _bound(high, source),
                _bound(out_low, target, is_whole=is_whole),
                _bound(out_high, target, is_whole=is_whole),
            )
    raise BadRequestError(f"{wish!r} is not a scale; pass None, a mode, or a tuple of 0, 2 or 4 entries")


def _output_range(band: BandScaling, mode: str | None, data_type: str) -> Range:
    if mode in ("display", "auto"):
        return DISPLAY_OUTPUT
    dtype = numpy_dtype(data_type)
    if mode == "physical" or dtype.kind == "f":
        return float(band.physical[0]), float(band.physical[1])
    bounds = numpy.iinfo(dtype)
    return bounds.min, bounds.max


def _bound(bound: Bound, whole: Range, *, is_whole: bool = False) -> float:
    """Return a bound as a number: a percentage is one of a range, and rounded where the output is whole."""
    if not isinstance(bound, str):
        return bound
    found = _PERCENT.fullmatch(bound)
    percent = float(found[1]) if found else 0.0  # `_wish` let nothing else through
    value = whole[0] + (whole[1] - whole[0]) * percent / 100
    return round(value) if is_whole else value
