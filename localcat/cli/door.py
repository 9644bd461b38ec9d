"""The door of the shell: which words lead to which command, and how an error leaves."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from localcat import __version__
from localcat.errors import LocalcatError, LocalcatWarning, printable

FAILED, MISUSED, DAMAGED, INTERRUPTED = 1, 2, 3, 130  # exit statuses
NOT_ALIKE = 3  # of what is not damaged, only otherwise than somewhere else
CATALOG, DEBUG = "localcat.catalog", "localcat.debug"  # where the context keeps the options that all commands have

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 120}


class Failure(click.ClickException):
    """An error, on its way out as one line."""

    exit_code = FAILED


class _Speaking(click.Command):
    """A command that says which command it is when the words are wrong."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; an error knows the command."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise


class _Choosing(_Speaking, click.Group):
    """A group of commands that names the nearest one for a wrong name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the words call, and the rest of them; an unknown one is told with the nearest."""
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not name.startswith("-") and not ctx.resilient_parsing:
            import difflib  # only for a mistake

            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"there is no command '{name}'{hint}", ctx)
        return super().resolve_command(ctx, args)


class Command(_Speaking):
    """A command with examples in its help.

    Parameters
    ----------
    examples : sequence of str
        Lines to type, without the name of the program.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **{"context_settings": _SETTINGS, **options})
        self.examples = tuple(examples)
        self.params += common_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}localcat {example}\n")


class CommandGroup(_Choosing):
    """A command that has commands of its own, and does something without them, too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        settings = {"context_settings": _SETTINGS, "subcommand_metavar": "[COMMAND] [ARGS]...", **options}
        super().__init__(*args, **settings)
        self.params += common_options()


def command(name: str, *, examples: Sequence[str], **options: Any) -> Callable[[Callable[..., None]], Command]:
    """Return what makes a function a command; its docstring is the help."""
    return click.command(name, cls=Command, examples=examples, **options)


class Shell(_Choosing):
    """The commands of localcat, each imported when it is called.

    Parameters
    ----------
    sections : mapping
        By the title of a section of the help, by the name of a command: the module of `localcat.cli.commands` that
        has it, and what it does in a few words.
    """

    def __init__(self, sections: Mapping[str, Mapping[str, tuple[str, str]]], **options: Any) -> None:
        super().__init__(context_settings=_SETTINGS, **options)
        self.sections = sections
        self._modules = {name: module for inner in sections.values() for name, (module, _) in inner.items()}
        self.params += [*common_options(), _version_option()]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the sections."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None if there is none of the name."""
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(
            importlib.import_module(f"localcat.cli.commands.{module}"), f"{cmd_name.replace('-', '_')}_command"
        )
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by sections."""
        width = max(map(len, self._modules)) + 2
        for title, commands in self.sections.items():
            with formatter.section(title):
                for name, (_, summary) in commands.items():
                    formatter.write(f"{'':>{formatter.current_indent}}{name:<{width}}{summary}\n")

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what goes wrong leaves as a `Failure`, with ``--debug`` behind its traceback."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort, BrokenPipeError):
            raise
        except (LocalcatError, OSError) as error:
            _trace(ctx)
            raise Failure(_in_words(_text_of(error))) from error
        except Exception as error:  # a fault of ours: it leaves as one line too, which says how to see the rest
            _trace(ctx)
            told = f"a fault of localcat itself, {type(error).__name__}: {error}"
            raise Failure(f"{told}; run it again with --debug, and report what it prints") from error

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command with the words of a program, and exit with its status."""
        try:
            run: Callable[..., Any] = super().main
            returned = run(*args, standalone_mode=False, **extra)
            status = returned if isinstance(returned, int) else 0
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            status = MISUSED
        except click.UsageError as error:
            message = _message_of(error)
            where = error.ctx.command_path if error.ctx else "localcat"
            complain(f"{message[:1].lower()}{message[1:]}; see '{where} --help'")
            status = MISUSED
        except click.ClickException as error:
            complain(error.format_message())
            status = error.exit_code
        except BrokenPipeError:
            raise
        except OSError as error:  # of the output, before there is a command
            complain(_text_of(error))
            status = FAILED
        except (click.Abort, KeyboardInterrupt):
            complain("interrupted; what was finished before is kept, and nothing is left half done")
            status = INTERRUPTED
        if standalone_mode:
            sys.exit(status)
        return status


def common_options() -> list[click.Parameter]:
    """Return the options that every command has; they count wherever they are written."""
    return [
        click.Option(
            ["named_catalog", "--catalog", "-C"],
            type=click.Path(),
            expose_value=False,
            callback=_keeper(CATALOG),
            metavar="FILE",
            help="The catalog; else $LOCALCAT, or the one in the current folder.",
        ),
        click.Option(
            ["is_debug", "--debug"],
            is_flag=True,
            expose_value=False,
            callback=_keeper(DEBUG),
            help="Show the traceback of an error.",
        ),
    ]


def _keeper(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value:
            ctx.meta[key] = value

    return keep


def _version_option() -> click.Parameter:
    def show(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(f"localcat, version {__version__}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=show, help="Show the version."
    )


def _in_words(text: str) -> str:
    from localcat.cli.words import in_words_of_the_shell  # patterns that help and completion do not need

    return in_words_of_the_shell(text)


def styled(text: str, **style: Any) -> str:
    """Return a text with colours, for `click.echo`, which leaves them out where there is no terminal."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


def complain(message: str) -> None:
    """Print an error on the error output: one line, and one more for each item that the error lists."""
    head, *items = [line for line in message.splitlines() if line.strip()] or [""]
    head = head.strip()
    click.echo(f"{styled('localcat:', fg='red', bold=True)} {printable(head)}", err=True)
    for item in items:
        click.echo(printable(item), err=True)


def say(text: object, *, err: bool = False) -> None:
    """Print one line, in which nothing of a catalog's own text can move the cursor or begin another line."""
    click.echo(printable(str(text)), err=err)


def advise(message: object, *, err: bool = False) -> None:
    """Print one line of the library, as `say` does, with its advice as commands."""
    say(_in_words(str(message)), err=err)


def tell(report: object) -> None:
    """Print a report of the library, whose lines are each `printable` already, with its advice as commands."""
    for line in str(report).split("\n"):
        advise(line)


def _message_of(error: click.UsageError) -> str:
    """Return what is wrong with the words, alike in all versions of click where it is often met."""
    if isinstance(error, click.NoSuchOption):
        near = f"; did you mean {' or '.join(error.possibilities)}?" if error.possibilities else ""
        return f"there is no option {error.option_name}{near}"
    return " ".join(error.format_message().split()).rstrip(".")


def _text_of(error: LocalcatError | OSError) -> str:
    """Return what is wrong; of the system's own errors without their numbers."""
    if isinstance(error, LocalcatError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"'{error.filename}': {error.strerror}"


def _trace(ctx: click.Context) -> None:
    if ctx.meta.get(DEBUG):
        import traceback  # only for a fault

        traceback.print_exc()


@contextmanager
def at_the_end() -> Iterator[None]:
    """Let a program end as programs do: whatever its output can show, and whoever reads it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the shell closed it
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # until the program ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A code page of Windows lacks most letters of the world; UTF-8 lacks only what is no text in a file's name.
            stream.reconfigure(errors="surrogateescape" if stream.encoding.lower() == "utf-8" else "replace")
    warnings.showwarning = _show_warning
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whose reader has seen enough, as `head` has
            complain(_text_of(error))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


def _show_warning(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
    """Print a warning of localcat in one line; others are about code, and nothing to a user of the shell."""
    if issubclass(category, LocalcatWarning):
        click.echo(f"{styled('localcat: warning:', fg='yellow')} {_in_words(str(message))}", err=True)
