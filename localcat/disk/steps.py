"""The steps of the write protocol, announced by name so that the tests can stop a process at each of them.

Internal. A step is an audit event of Python (`sys.audit`): where no hook listens, announcing one costs next to nothing.
The tests listen in processes of their own, and end them there, interrupt them, or let them fail.
"""

from __future__ import annotations

import sys
from typing import Final

EVENT: Final = "localcat.step"
"""The name of the audit event; its one argument is the step."""


def reached(step: str) -> None:
    """Announce a step; what a listener raises comes out here."""
    sys.audit(EVENT, step)
