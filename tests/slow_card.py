"""The command on a slow card: an ingest that stops when its first five scenes are committed, to be killed there."""

from __future__ import annotations

import signal
import sys

from localcat.cli import main
from localcat.disk.steps import EVENT
from localcat.writing.ingest import taking


def _wait_to_be_killed(event: str, arguments: tuple[object, ...]) -> None:
    while event == EVENT and arguments == ("batch committed",):
        signal.pause()


if __name__ == "__main__":
    taking._BATCH_SCENES, taking._BATCH_SECONDS = 5, float("inf")
    sys.addaudithook(_wait_to_be_killed)
    main()
