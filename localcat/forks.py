"""What a forked child inherits from its parent, and must not free.

SQLite's connections and GDAL's coordinate systems are freed under locks. A thread that held one of them when the
process was forked is not there in the child to give it back: the child would wait forever, if only when Python ends.
"""

from __future__ import annotations

import os


def never_free(thing: object) -> None:
    """Keep an object, and what it holds, for as long as the process lives, to its very end."""
    import ctypes  # needed in forked processes only

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def keep_in_children(*things: object) -> None:
    """Never free these objects in forked children, of which there may be some later."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: never_free(things))
