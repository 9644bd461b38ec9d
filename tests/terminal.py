"""A terminal for a command: a pseudo-terminal of so many columns, to type into and to read from."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CTRL_C = "\x03"
_PATIENCE = 60.0  # seconds; a machine may be busy


@dataclass
class Terminal:
    """A command in a terminal.

    Parameters
    ----------
    process : Popen
        The command.
    master : int
        The descriptor of our end.
    seen : str
        What it has printed so far.
    """

    process: subprocess.Popen[bytes]
    master: int
    seen: str = field(default="")

    def type(self, text: str) -> None:
        """Type some text."""
        os.write(self.master, text.encode())

    def wait_for(self, text: str) -> str:
        """Wait until a text was printed; return all that was."""
        until = time.monotonic() + _PATIENCE
        while text not in self.seen:
            assert time.monotonic() < until, f"{text!r} did not come: {self.seen!r}"
            assert self._read(), f"the command ended without {text!r}: {self.seen!r}"
        return self.seen

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit status, and all that was printed."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE), self.seen.replace("\r\n", "\n")

    def _read(self) -> bool:
        """Read what comes within a second; return whether more may come."""
        if select.select([self.master], [], [], 1.0)[0]:
            try:
                chunk = os.read(self.master, 65536)
            except OSError:  # on Linux the end of a terminal whose command has ended
                return False
            self.seen += chunk.decode("utf-8", "replace")
            return bool(chunk)
        return self.process.poll() is None


@contextlib.contextmanager
def terminal(*words: object, cwd: Path, columns: int = 80, **environment: str) -> Iterator[Terminal]:
    """Run the command in a terminal."""
    import fcntl  # not on Windows
    import termios

    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    unset = {"COLUMNS", "LINES", "NO_COLOR", "LOCALCAT"}
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    root = str(Path(__file__).resolve().parents[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "localcat", *map(str, words)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env={**inherited, "TERM": "xterm", "PYTHONPATH": root, **environment},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal to the command
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


def shown(*words: object, cwd: Path, columns: int = 80, **environment: str) -> tuple[int, str]:
    """Run a command in a terminal to its end; return the exit status, and what it showed."""
    with terminal(*words, cwd=cwd, columns=columns, **environment) as running:
        return running.end()
