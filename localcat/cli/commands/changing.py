"""Commands that change or delete what a catalog holds."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

import localcat
from localcat.cli.choosing import Choice, require_choice, takes_images
from localcat.cli.door import Failure, command, say
from localcat.cli.opening import object_of, opened
from localcat.cli.output import Output, print_json, prints

if TYPE_CHECKING:
    from localcat import Catalog

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)((?:\.[^=.]+)*)=(.*)", re.DOTALL)
_NOT_TEXT = (" is a list of ", " is a tuple of ", " is a mapping")  # what an attribute takes that is written as JSON
_JSON = re.compile(r"\s*(?:[\[{\"]|null\s*$)")  # what no attribute takes as text


@dataclass(frozen=True)
class Assignment:
    """``name=value``, or ``extra_properties.key=value``.

    Parameters
    ----------
    name : str
        The attribute.
    keys : tuple of str
        The way to a value inside a mapping.
    value : object
        Text, or what its JSON says; None unsets.
    """

    name: str
    keys: tuple[str, ...]
    value: Any

    @staticmethod
    def is_one(word: str) -> bool:
        """Return whether a word is an assignment, and not an id or a file."""
        return _ASSIGNMENT.fullmatch(word) is not None

    @classmethod
    def of(cls, word: str) -> Assignment:
        """Read an assignment: a value that begins as JSON is JSON; under a key, numbers and true and false are too."""
        found = _ASSIGNMENT.fullmatch(word)
        if found is None:
            raise click.UsageError(f"{word!r} is not NAME=VALUE, such as cloud_fraction=0.2")
        name, keys, text = found.groups()
        path = tuple(keys.split(".")[1:])
        value: Any = text
        if path or _JSON.match(text):
            try:
                value = json.loads(text)
            except ValueError as error:
                if not path:
                    raise click.UsageError(f"the value of {name} begins as JSON and is not: {error}") from error
        return cls(name, path, value)


def assigned(item: Any, assignments: Iterable[Assignment]) -> None:
    """Set attributes of an object, all or none; it is not saved."""
    values: dict[str, Any] = {}
    for one in assignments:
        if not one.keys:
            is_wkt = one.name == "geometry" and isinstance(one.value, str) and bool(one.value)
            values[one.name] = localcat.AOI.from_text(one.value).geometry if is_wkt else one.value
            continue
        whole = values[one.name] = _keys_of(values[one.name] if one.name in values else _present(item, one.name), one)
        *way, last = one.keys
        for key in way:
            whole[key] = dict(whole[key]) if isinstance(whole.get(key), dict) else {}
            whole = whole[key]
        if one.value is None:
            whole.pop(last, None)
        else:
            whole[last] = one.value
    try:
        item.update(**values)
    except localcat.AttributeValidationError as error:
        if not any(kind in str(error) for kind in _NOT_TEXT):
            raise
        raise localcat.BadRequestError(f'{error}; it is written as JSON, such as ["a", "b"] or [0, 1]') from error
    except AttributeError as error:  # in Python a wrong name of the program's own, here one that a user typed
        raise localcat.UnknownPropertyError(str(error)) from error


def _present(item: Any, name: str) -> Any:
    """Return the value of an attribute; None where there is no such attribute, which `update` will tell."""
    return getattr(item, name, None)


def _keys_of(value: Any, asked: Assignment) -> dict[str, Any]:
    """Return a copy of a mapping in which keys are to be set."""
    if value is not None and not hasattr(value, "keys"):
        raise localcat.BadRequestError(
            f"{asked.name} has no keys to set, since it is {value!r:.60}; write {asked.name}=VALUE"
        )
    return dict(value or {})


def _chosen_objects(catalog: Catalog, chosen: Choice) -> list[Any]:
    """Return the objects of any kind that were named; or the images that were searched for."""
    only_ids = Choice(chosen.ids, (), None, None, None, None, None, (), None)
    if chosen.ids is not None and chosen == only_ids:
        return [object_of(catalog, uid) for uid in chosen.ids]
    return list(chosen.images(catalog))


def _no_empty(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(str.strip, value)):
        raise click.BadParameter("a tag has at least one letter", ctx, parameter)
    return value


_all = click.option("--all", "everything", is_flag=True, help="All images of the catalog.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only tell what would be done.")


@command(
    "set",
    examples=(
        "set acme:s2:monday cloud_fraction=0.2 extra_properties.crew=north",
        'set acme:s2 name="Sentinel-2" \'default_display_bands=["red", "green", "blue"]\'',
        'set --product s2 --where "cloud_fraction IS NULL" cloud_fraction=0',
    ),
)
@takes_images(apart=Assignment.is_one)
@click.option("--force", is_flag=True, help="Also what another program has changed meanwhile.")
@_all
@_dry_run
def set_command(chosen: Choice, words: tuple[str, ...], force: bool, everything: bool, dry_run: bool) -> None:
    """Set attributes of a product, a band or images: NAME=VALUE, NAME=null to unset, extra_properties.KEY=VALUE."""
    assignments = [Assignment.of(word) for word in words]
    if not assignments:
        raise click.UsageError("name what to set, without spaces around the =, such as cloud_fraction=0.2")
    require_choice(chosen, everything)
    with opened() as catalog, catalog.transaction():
        found = _chosen_objects(catalog, chosen)
        for item in found:
            assigned(item, assignments)
            if not dry_run:
                item.save(force=force)
    names = ", ".join(".".join((one.name, *one.keys)) for one in assignments)
    say(f"{'to set' if dry_run else 'set'}: {names} of {_counted(found)}")


@command(
    "tag",
    examples=("tag acme:s2:monday --add checked", "tag --product s2 --datetime 2024-06 --add june --remove new"),
)
@takes_images()
@click.option("--add", multiple=True, metavar="TAG", callback=_no_empty, help="A tag to add; may be repeated.")
@click.option("--remove", multiple=True, metavar="TAG", help="A tag to remove; may be repeated.")
@_all
@_dry_run
def tag_command(chosen: Choice, add: tuple[str, ...], remove: tuple[str, ...], everything: bool, dry_run: bool) -> None:
    """Add tags to products, bands or images, and remove tags from them."""
    if not add and not remove:
        raise click.UsageError("name a tag, with --add or --remove")
    require_choice(chosen, everything)
    with opened() as catalog, catalog.transaction():
        found = _chosen_objects(catalog, chosen)
        for item in found:
            kept = [tag for tag in item.tags or [] if tag not in remove]
            item.tags = kept + [tag for tag in add if tag not in kept]
            if not dry_run:
                item.save()
    say(f"{'to tag' if dry_run else 'tagged'}: {_counted(found)}")


@command(
    "delete",
    examples=(
        "delete acme:s2:monday",
        'delete --product s2 --where "cloud_fraction > 0.9" --dry-run',
        "delete acme:s2 --related --yes",
    ),
)
@takes_images()
@click.option("--related", is_flag=True, help="With a product, also all its bands and images.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@_all
@_dry_run
def delete_command(chosen: Choice, related: bool, yes: bool, everything: bool, dry_run: bool) -> None:
    """Delete images with their files, or a band or a product: all that is named, or nothing.

    With --related a product's images go some at a time, and a second call goes on where one was interrupted. Files that
    were indexed in place stay. On a terminal it asks first; elsewhere --yes is needed.
    """
    require_choice(chosen, everything)
    with opened() as catalog:
        found = _chosen_objects(catalog, chosen)
        if dry_run:
            for item in found:
                say(item.id)
            say(f"to delete: {_counted(found)}", err=True)
            return
        if found and not yes:
            if not sys.stdin.isatty():
                raise click.UsageError(f"{_counted(found)} would be deleted; say so with --yes")
            if not click.confirm(f"Delete {_counted(found)}?"):
                raise Failure("nothing was deleted")
        for item in found:
            if related and isinstance(item, localcat.Product):
                item.delete_related_objects()  # in steps, so that others can write in between
        with catalog.transaction():
            for item in found:
                item.delete()
    say(f"deleted: {_counted(found)}")


def _counted(found: list[Any]) -> str:
    if len(found) == 1:
        return f"'{found[0].id}'"
    kinds = {type(item).__name__ for item in found}
    return f"{len(found):,} {'images' if kinds <= {'Image'} else 'objects'}"


HISTORY_COLUMNS = ("number", "at", "what", "kind", "id", "by", "transaction")


@command(
    "history", examples=("history", "history s2:monday --json", "history --since 2024-06-01 --kind image --limit 20")
)
@click.argument("id", required=False)
@click.option("--since", metavar="TIME", help="Only changes of then or later.")
@click.option(
    "--kind", type=click.Choice(["product", "band", "image"]), help="Only those of products, bands or images."
)
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Only the last N.")
@prints(formats=("table", "json", "nl", "csv", "tsv", "ids"))
def history_command(id: str | None, since: str | None, kind: str | None, limit: int | None, out: Output) -> None:
    """Show what was changed and deleted, of all objects or of ID; the last change first.

    New objects are not listed. `undo` takes the number of a change; the JSON has what the object was before.
    """
    with opened() as catalog:
        changes = catalog.history(since=since, id=id, kind=kind, limit=limit)
        if out.format == "ids":
            out.lines(dict.fromkeys(change.id for change in changes))
            return
        has_states = out.format in ("json", "nl")
        out.rows((change.to_dict(before=has_states) for change in changes), HISTORY_COLUMNS)


@command(
    "keep-history",
    examples=("keep-history", "keep-history '2 years' --max-bytes '256 MB'", "keep-history --files '30 days'"),
)
@click.argument("changes", required=False)
@click.option("--max-bytes", metavar="SIZE", help="How large what objects were may be, such as '256 MB'.")
@click.option("--files", metavar="TIME", help="How long the files of changed and deleted images are kept.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, times in days.")
def keep_history_command(changes: str | None, max_bytes: str | None, files: str | None, as_json: bool) -> None:
    """Set how much of its past the catalog keeps, or show it: changes for the time CHANGES, and the files of images.

    In a new catalog changes are kept for 365 days, and files not at all: `undo` then brings no pixels back.
    """
    with opened() as catalog:
        limits = catalog.keep_history(changes, max_bytes=max_bytes, files=files)
    if as_json:
        print_json(limits.to_dict())
    else:
        say(str(limits))


@command("forget-history", examples=("forget-history 2026-11-01",))
@click.argument("before")
def forget_history_command(before: str) -> None:
    """Forget what was changed before the time BEFORE; what objects are now stays."""
    with opened() as catalog:
        say(f"forgotten: {catalog.forget_history(before):,} changes")


@command("undo", examples=("undo 17", "undo 17 --together"))
@click.argument("number", type=int)
@click.option(
    "--together", is_flag=True, help="Undo all that was changed in the same transaction, and all of a large deletion."
)
def undo_command(number: int, together: bool) -> None:
    """Make an object what it was before the change NUMBER of `history`, if nothing newer came.

    That is a change itself, which can be undone.
    """
    with opened() as catalog:
        for change in catalog.undo(number, together=together):
            say(f"undone: {str(change).strip()}")
