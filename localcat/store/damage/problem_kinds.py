"""What can be wrong with a catalog, as values: found by verifying and by recovering, never raised."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from localcat.errors import printable


class ProblemKind(StrEnum):
    """What a `Problem` is about."""

    UNREADABLE = "unreadable"  # the catalog file cannot be opened or read to its end
    DATABASE = "database"  # what SQLite's own integrity_check finds
    SCHEMA = "schema"  # a table, index, view or trigger is missing, changed or foreign
    REFERENCE = "reference"  # a row names another one that is not there
    VALUE = "value"  # a stored value that cannot be decoded
    SPACE_TIME_INDEX = "space-time index"
    FULL_TEXT = "full text"
    TAGS = "tags"  # the table of tags, against the tags of the images
    PROPERTIES = "properties"  # the index of values inside extra_properties, against those
    STAMPS = "stamps"  # who changed an object last, and that one was deleted, against what else is known
    HISTORY = "history"  # of changes, and what objects were before
    FROZEN = "frozen question"
    DATA_FOLDER = "data folder"  # the catalog file was renamed without it
    MISSING_FILE = "missing file"
    WRONG_SIZE = "wrong size"
    WRONG_CONTENT = "wrong content"  # the sha256 is another one
    UNREADABLE_FILE = "unreadable file"  # it is there, and the system or GDAL cannot read it
    UNSAFE_PATH = "unsafe path"  # it leads out of the data folder
    LAYOUT = "layout"  # no Cloud-Optimized GeoTIFF any more
    MASKS = "masks"  # told so that other programs take valid pixels for transparent; written by an older localcat
    DISAGREEMENT = "disagreement"  # grid, data type or bands of row and file differ
    ORPHAN = "orphan"  # a file that no row refers to; garbage
    TEMPORARY = "temporary"  # of an upload whose process is gone; garbage


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Parameters
    ----------
    kind : ProblemKind
        What it is about.
    advice : str
        What to do.
    object_id : str, optional
        The id of the product, band, image or upload that is hurt, or the name of a table or index.
    path : str, optional
        The file that is hurt.
    expected, found : str, optional
        What should be there, and what is.
    """

    kind: ProblemKind
    advice: str
    object_id: str | None = None
    path: str | None = None
    expected: str | None = None
    found: str | None = None

    def __str__(self) -> str:
        what = ", ".join(f"'{part}'" for part in (self.object_id, self.path) if part is not None)
        states = [f"{label} {value}" for label, value in (("expected", self.expected), ("found", self.found)) if value]
        found = f": {', '.join(states)}" if states else ""
        return printable(f"{self.kind.value}{f' {what}' if what else ''}{found}; {self.advice}")
