"""The words that attributes and options are chosen from."""

from __future__ import annotations

import math
from enum import StrEnum


class DocumentState(StrEnum):
    """Where a Python object stands towards its catalog."""

    SAVED = "saved"
    MODIFIED = "modified"
    UNSAVED = "unsaved"
    DELETED = "deleted"


class BandType(StrEnum):
    """What the values of a band mean."""

    CLASS = "class"
    SPECTRAL = "spectral"
    MASK = "mask"
    MICROWAVE = "microwave"
    GENERIC = "generic"


class DataType(StrEnum):
    """The type of a band's pixels, by GDAL's names."""

    BYTE = "Byte"
    UINT16 = "UInt16"
    INT16 = "Int16"
    UINT32 = "UInt32"
    INT32 = "Int32"
    FLOAT32 = "Float32"
    FLOAT64 = "Float64"

    def holds(self, value: float) -> bool:
        """Return whether a pixel of this type can have a value: whole numbers exactly, others if they are in range."""
        if self in (DataType.FLOAT32, DataType.FLOAT64):
            return self is DataType.FLOAT64 or not math.isfinite(value) or abs(value) < _BEYOND_FLOAT32
        low, high = _WHOLE_NUMBERS[self]
        return low <= value <= high and value == int(value)


_BEYOND_FLOAT32 = (2 - 2**-24) * 2.0**127  # IEEE 754: what is less is rounded to a finite number
_WHOLE_NUMBERS = {
    DataType.BYTE: (0, 2**8 - 1),
    DataType.UINT16: (0, 2**16 - 1),
    DataType.INT16: (-(2**15), 2**15 - 1),
    DataType.UINT32: (0, 2**32 - 1),
    DataType.INT32: (-(2**31), 2**31 - 1),
}


class Colormap(StrEnum):
    """The named colour maps a band can be shown with."""

    MAGMA = "magma"
    INFERNO = "inferno"
    PLASMA = "plasma"
    VIRIDIS = "viridis"
    COOL = "cool"
    HOT = "hot"
    COOLWARM = "coolwarm"
    BWR = "bwr"
    GIST_EARTH = "gist_earth"
    TERRAIN = "terrain"
    CDL = "cdl"


class ResolutionUnit(StrEnum):
    """The unit of a resolution."""

    METERS = "meters"
    DEGREES = "degrees"


class StorageState(StrEnum):
    """Whether the pixels of an image can be read here."""

    AVAILABLE = "available"
    REMOTE = "remote"


class OverviewResampler(StrEnum):
    """How the pixels of an overview are made from finer ones.

    The two last but one are for complex numbers, which no band holds; they are taken as ``average``, with a warning.
    """

    NEAREST = "nearest"
    AVERAGE = "average"
    GAUSS = "gauss"
    CUBIC = "cubic"
    CUBICSPLINE = "cubicspline"
    LANCZOS = "lanczos"
    AVERAGE_MP = "average_mp"
    AVERAGE_MAGPHASE = "average_magphase"
    MODE = "mode"


class ResampleAlgorithm(StrEnum):
    """How pixels are resampled onto another grid."""

    NEAR = "near"
    BILINEAR = "bilinear"
    CUBIC = "cubic"
    CUBICSPLINE = "cubicspline"
    LANCZOS = "lanczos"
    AVERAGE = "average"
    MODE = "mode"
    MAX = "max"
    MIN = "min"
    MEDIAN = "med"
    Q1 = "q1"
    Q3 = "q3"


class DownloadFileFormat(StrEnum):
    """The formats that pixels are written to a file in."""

    JPEG = "jpg"
    PNG = "png"
    TIF = "tif"


class TaskState(StrEnum):
    """How far a task has come."""

    NEVERRAN = "NONE"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCESS"
    FAILED = "FAILURE"


class ImageUploadType(StrEnum):
    """What an upload was given."""

    NDARRAY = "ndarray"
    FILE = "file"


class ImageUploadStatus(StrEnum):
    """How far an upload has come; the last three are final."""

    TRANSFERRING = "transferring"
    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELED = "canceled"


class ImageUploadEventType(StrEnum):
    """What happened to an upload."""

    QUEUE = "queue"
    CANCEL = "cancel"
    RUN = "run"
    COMPLETE = "complete"
    ERROR = "error"
    TIMEOUT = "timeout"
    LOG = "log"
    USAGE = "usage"


class ImageUploadEventSeverity(StrEnum):
    """How grave an event of an upload is."""

    CRITICAL = "CRITICAL"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"
    DEBUG = "DEBUG"


class Interval(StrEnum):
    """The lengths of the buckets of a time series; weeks begin on Monday (ISO 8601), all begin in UTC."""

    YEAR = "year"
    QUARTER = "quarter"
    MONTH = "month"
    WEEK = "week"
    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"


class AggregateDateField(StrEnum):
    """The timestamps that a time series can be made over."""

    ACQUIRED = "acquired"
    CREATED = "created"
    MODIFIED = "modified"
    PUBLISHED = "published"
