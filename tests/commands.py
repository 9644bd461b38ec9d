"""Writes docs/commands.md from the commands themselves: ``python -m tests.commands``."""

from __future__ import annotations

from pathlib import Path

import click

from localcat.cli import COMMANDS, cli

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
WIDTH = 100  # characters
HEADER = """# Commands

Every command of `localcat`, as its `--help` prints it. [field-day.md](field-day.md) shows them at work.

Which catalog: that of `--catalog`, else of `$LOCALCAT`, else the one `.gpkg` of localcat in the current folder, else
your own in your home folder, if you have one. Only `localcat init` makes one.

Which images: `search`, `summary`, `explain`, `read`, `mosaic`, `preview`, `export`, `set`, `tag` and `delete` take
ids, `-` for ids or records from a pipe, and the same options. Ids may lack the namespace. `--bbox` and `--intersects`
also say where `read` and `mosaic` cut. `--datetime` is STAC's: `2024-06` is that month, `2024-06/2024-08` three
months, `../2024` all until the end of 2024. `--where` is CQL2 text: strings and times in single quotes.

What is printed: a table that fits the terminal, and in a pipe the same table with nothing cut; or JSON, CSV, GeoJSON or
ids. The words are those of sqlite-utils.

| exit status | |
|---|---|
| 0 | all is well |
| 1 | an error; one line says which, and `--debug` shows the traceback |
| 2 | the words were not understood |
| 3 | the command did its work, and found damage, loss, differences, or files that had to stay |
| 130 | Ctrl-C; what was finished before is kept, and nothing is left half done |

Progress is drawn on a terminal for what takes longer than a second. Colours are for terminals, and `NO_COLOR` switches
them off. `localcat completion bash` makes the shell complete commands, options, ids, products and bands.
`python -m localcat` is the same command.
"""


def subcommands(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    """Return a command and those below it, each with its words."""
    inner = command.commands if isinstance(command, click.Group) else {}
    return [(path, command), *(found for name, one in inner.items() for found in subcommands(one, f"{path} {name}"))]


def every_command() -> list[tuple[str, click.Command]]:
    """Return all commands with the words that call them, in the order of the help."""
    root = click.Context(cli, info_name="localcat")
    found = []
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        assert command is not None, name
        found += subcommands(command, name)
    return found


def help_of(command: click.Command, words: str) -> str:
    """Return the help of a command, at the width of the page."""
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=f"localcat {words}", **settings)
    return command.get_help(context).rstrip()


def render() -> str:
    """Return the page."""
    parts = [HEADER]
    by_name = {words.split()[0]: [] for words, _ in every_command()}
    for words, command in every_command():
        by_name[words.split()[0]].append((words, command))
    for title, names in COMMANDS.items():
        parts.append(f"\n## {title}\n")
        for name in names:
            for words, command in by_name[name]:
                parts.append(f"\n### localcat {words}\n\n```text\n{help_of(command, words)}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
