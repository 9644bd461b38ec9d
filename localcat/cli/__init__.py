"""The ``localcat`` command."""

from __future__ import annotations

import sys
from io import TextIOWrapper

import click

from localcat import __version__
from localcat.cli.data import demo, merge
from localcat.cli.keeping import backup, doctor, gc, recover, reindex, verify
from localcat.cli.shared import say
from localcat.errors import LocalcatError


@click.group()
@click.version_option(__version__, prog_name="localcat")
def cli() -> None:
    """Keep satellite images in one file and one folder, with no network and no server."""


for command in (demo, verify, reindex, gc, backup, merge, recover, doctor):
    cli.add_command(command)


def main() -> None:
    """Run the command; an error of localcat ends it with one line and status 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a pipe on Windows lacks most letters, and not every name is text
            stream.reconfigure(errors="replace")
    try:
        cli()
    except LocalcatError as error:
        say(f"localcat: {error}", err=True)
        sys.exit(1)
