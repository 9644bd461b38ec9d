"""What a method that draws returns."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcat.errors import BadRequestError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 110  # of a picture in a notebook


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A drawing: a notebook shows it, and `save` writes it to a file.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        To be changed further. It belongs to no window and no list of matplotlib's, and goes when the picture goes.
    """

    figure: Figure

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write it to a file, whose suffix decides the format: png, jpg, pdf, svg and others.

        Parameters
        ----------
        path : path
            An existing file is replaced.
        **options
            Of matplotlib's ``savefig``, such as ``dpi=200`` or ``transparent=True``.

        Raises
        ------
        BadRequestError
            If matplotlib does not know the format, or refuses an option.
        StorageError
            If it cannot be written there.
        """
        from localcat.disk.faults import write_errors  # not needed before

        if not isinstance(path, str | os.PathLike):
            raise BadRequestError(f"a picture is saved to a path such as 'map.png', not to {path!r}")
        known = self.figure.canvas.get_supported_filetypes()
        suffix = os.path.splitext(os.fspath(path))[1].lower()[1:]  # noqa: PTH122  # of any kind of path
        if options.get("format", suffix) not in known:
            raise BadRequestError(f"the suffix of '{os.fspath(path)}' is none of {', '.join(sorted(known))}")
        try:
            with write_errors(path):
                self.figure.savefig(path, **{"bbox_inches": "tight", **options})
        except (TypeError, ValueError, AttributeError) as error:  # of matplotlib
            listed = ", ".join(f"{name}={value!r}" for name, value in options.items())
            raise BadRequestError(
                f"matplotlib does not save a picture with {listed or 'its figure'}: {error}"
            ) from error

    def _repr_png_(self) -> bytes:
        written = io.BytesIO()
        self.figure.savefig(written, format="png", dpi=_DPI, bbox_inches="tight")
        return written.getvalue()

    def __repr__(self) -> str:
        titles = ", ".join(axes.get_title() for axes in self.figure.axes if axes.get_title())
        return f"<Picture: {titles or 'without a title'}; save(path) writes it to a file>"
