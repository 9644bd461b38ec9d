"""The attributes of an image, from the pattern of its recipe, sidecars, tags and names; and where its time is from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from typing import Any, Final

from localcat.disk.faults import listing_errors
from localcat.disk.filesystem import is_file
from localcat.errors import ClientError
from localcat.models.image import Image
from localcat.writing.ingest.content.dates import Moment, moment_of, moments_in
from localcat.writing.ingest.content.headers import FileHeader
from localcat.writing.ingest.content.sidecars import Folders, ItemFacts, ItemReader, Tree, lookup, read_sidecar
from localcat.writing.ingest.sources.recipe import Value, filled, references
from localcat.writing.ingest.sources.scenes import Scene

FROM_KEY: Final = "acquired_from"
"""The entry of `extra_properties` that says where `acquired` comes from."""

PRECISION_KEY: Final = "acquired_precision"
"""The entry that says how exact it is, if not to the second: ``"day"``, ``"month"`` or ``"year"``."""

RECIPE_KEY: Final = "ingest_recipe"
"""The entry that names the recipe."""

_PATTERN = "pattern of recipe"  # where a value is from that no sidecar and no tag says
_TIMES = ("acquired", "acquired_end", "published")
_SURE_TAGS = ("ACQUISITIONDATETIME", "IMAGERY_ACQUISITIONDATETIME", "ACQUISITION_DATETIME", "SENSING_TIME")
_UNSURE_TAGS = ("TIFFTAG_DATETIME",)  # which may say when the file was written


@dataclass(slots=True)
class Facts:
    """What is known of a scene.

    Parameters
    ----------
    attributes : dict
        Of the image.
    extra : dict
        Of its `extra_properties`.
    acquired_from : str, optional
        Where its time comes from.
    notes : list of str
        What was guessed, and what could not be used.
    """

    attributes: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    acquired_from: str | None = None
    notes: list[str] = field(default_factory=list)


class Items:
    """The STAC Items beside the files, each folder read once.

    Parameters
    ----------
    reader : ItemReader, optional
        What reads them; without it none are looked for.
    """

    def __init__(self, reader: ItemReader | None) -> None:
        self.folders = Folders()
        self._reader = reader
        self._folders: dict[Path, dict[str, tuple[Path, ItemFacts]]] = {}  # by the names of the Items' files

    def of(self, scene: Scene) -> tuple[Path, ItemFacts] | None:
        """Return the Item whose assets a scene's files are; None if there is none."""
        if self._reader is None:
            return None
        folder = scene.first.path.parent
        if folder not in self._folders:
            self._folders[folder] = self._read(folder, self._reader)
        by_name = self._folders[folder]
        return next((by_name[file.path.name] for file in scene.files if file.path.name in by_name), None)

    @staticmethod
    def _read(folder: Path, reader: ItemReader) -> dict[str, tuple[Path, ItemFacts]]:
        by_name: dict[str, tuple[Path, ItemFacts]] = {}
        with listing_errors(folder):
            paths = sorted(folder.glob("*.json"))
        for path in paths:
            item = reader(path) if is_file(path) else None
            if item is not None:
                by_name |= {name: (path, item) for name in item.files if name not in by_name}
        return by_name


class _Sources:
    """Looks placeholders up, and remembers where the last values came from."""

    def __init__(self, scene: Scene, headers: Sequence[FileHeader], folders: Folders) -> None:
        self._scene = scene
        self._folders = folders
        self._headers = headers
        self._trees: dict[str, tuple[Path, Tree] | None] = {}
        self.notes: list[str] = []

    def fill(self, template: str) -> tuple[str, str] | None:
        """Return a template filled, and where its values come from; None if one has no value."""
        values: dict[str, str | None] = {}
        origin = f"{_PATTERN} {self._scene.recipe.name}"
        for name in references(template):
            source, colon, key = name.partition(":")
            if not colon:
                values[name] = self._scene.groups.get(name)
            elif source == "tag":
                values[name] = self._tag(key)
                origin = f"tag {key}"
            else:
                found = self._tree(source)
                values[name] = None if found is None else lookup(found[1], key)
                if found is not None:
                    origin = f"sidecar {found[0].name}"
        text = filled(template, values)
        return None if text is None else (text, origin)

    def _tag(self, key: str) -> str | None:
        tags = (header.tags.get(key.upper(), "").strip("\x00 ") for header in self._headers)
        return next((text for text in tags if text), None)

    def _tree(self, name: str) -> tuple[Path, Tree] | None:
        if name not in self._trees:
            self._trees[name] = self._read(name)
        return self._trees[name]

    def _read(self, name: str) -> tuple[Path, Tree] | None:
        for path in _sidecars(self._scene, name, self._folders):
            try:
                tree = read_sidecar(path)
            except ClientError as error:
                self.notes.append(str(error))
                continue
            other = self._other_owner(name, tree)
            if other is None:
                return path, tree
            self.notes.append(f"'{path.name}' is of another scene, '{other}', and was not used")
        return None

    def _other_owner(self, name: str, tree: Tree) -> str | None:
        """Return of which other scene a sidecar is; None if it is this one's, or does not say."""
        key, template = self._scene.kind.owners.get(name, ("", ""))
        said = lookup(tree, key) if key else None
        groups = {key: None if value is None else escape(value) for key, value in self._scene.groups.items()}
        wanted = filled(template, groups)
        if said is None or wanted is None or fnmatchcase(said.casefold(), wanted.casefold()):
            return None
        return said


def metadata_among(paths: Iterable[Path], scenes: Iterable[Scene], items: Items) -> set[Path]:
    """Return which files say something of a scene: sidecars in all their forms, and STAC Items.

    Folders without any of the files are not looked into, nor are Items looked for beside scenes without a JSON file.
    """
    given = set(paths)
    folders = {parent for path in given for parent in path.parents}
    with_json = {path.parent for path in given if path.suffix.casefold() == ".json"}
    found = set[Path]()
    for scene in scenes:
        for template in itertools.chain.from_iterable(scene.kind.sidecars.values()):
            pattern = filled(template, scene.groups)
            if pattern and _known_folder(scene.base / pattern) in folders:
                found.update(_matching(scene.base, pattern, items.folders))
        item = items.of(scene) if scene.first.path.parent in with_json else None
        if item is not None:
            found.add(item[0])
    return found & given


def _known_folder(path: Path) -> Path:
    """Return the innermost folder of a path that has no wildcard in it."""
    return next(parent for parent in path.parents if "*" not in parent.as_posix())


def _sidecars(scene: Scene, name: str, folders: Folders) -> Iterator[Path]:
    """Yield the files that may be what a recipe calls a sidecar of a scene; the first that can be read counts."""
    for template in scene.kind.sidecars[name]:
        pattern = filled(template, scene.groups)
        if pattern:
            yield from _matching(scene.base, pattern, folders)


def _matching(base: Path, pattern: str, folders: Folders) -> list[Path]:
    """Return the files of a pattern below a folder; one without wildcards is looked at alone."""
    if "*" not in pattern:
        found = folders.file(base / pattern)
        return [] if found is None else [found]
    with listing_errors(base):
        return sorted(path for path in base.glob(pattern) if is_file(path))


def facts_of(scene: Scene, headers: Sequence[FileHeader], items: Items, *, date_from: str | None) -> Facts:
    """Find out what is known of a scene.

    Parameters
    ----------
    scene : Scene
        The scene.
    headers : sequence of FileHeader
        Of its files.
    items : Items
        The STAC Items beside files.
    date_from : str, optional
        ``"mtime"`` takes the time of a file's last change where nothing else says when the scene is from.
    """
    sources, facts = _Sources(scene, headers, items.folders), Facts()
    kind = scene.kind
    for name, value in kind.attributes.items():
        if name != "acquired":
            found = _found(value, sources)
            if found is not None:
                _set(facts, name, found[0])
    for name, value in kind.extra.items():
        found = _found(value, sources)
        if found is not None:
            facts.extra[name] = found[0]
    moment = _acquired(scene, sources, facts, headers, date_from)
    item = items.of(scene)
    if item is not None:
        path, said = item
        for name, given in said.attributes.items():
            _set(facts, name, given)
        facts.extra |= said.extra
        if facts.attributes.get("acquired") is not None and "acquired" in said.attributes:
            moment, facts.acquired_from = None, f"item {path.name}"
    if moment is not None:
        facts.attributes["acquired"] = moment.start
        end = moment.end(kind.period)
        if end is not None:
            facts.attributes.setdefault("acquired_end", end)
        if moment.precision != "second":
            facts.extra[PRECISION_KEY] = moment.precision
    if facts.acquired_from is not None:
        facts.extra[FROM_KEY] = facts.acquired_from
    else:
        facts.notes.append("no time was found; acquired stays unset")
    facts.extra[RECIPE_KEY] = scene.recipe.name
    _drop_end_before_start(facts)
    facts.notes[:0] = sources.notes
    return facts


def _found(value: Value, sources: _Sources) -> tuple[Any, str] | None:
    for template in value.templates:
        filled_text = sources.fill(template)
        if filled_text is None:
            continue
        text, origin = filled_text
        if not value.is_number:
            return text, origin
        number = value.number(text)
        if number is not None:
            return number, origin
    return None


def _set(facts: Facts, name: str, value: Any) -> None:
    """Keep an attribute if the image can have that value; a note says if it cannot."""
    if name in _TIMES and isinstance(value, str):
        moment = moment_of(value)
        value = value if moment is None else moment.start
    try:
        facts.attributes[name] = Image._attributes[name].coerce(value)
    except ClientError as error:
        facts.notes.append(f"{name} was left out: {error}")


def _acquired(
    scene: Scene, sources: _Sources, facts: Facts, headers: Sequence[FileHeader], date_from: str | None
) -> Moment | None:
    """Return when a scene is from; the first source counts that says a time."""
    value, is_named = scene.kind.attributes.get("acquired"), True
    for template in () if value is None else value.templates:
        found = sources.fill(template)
        moment = None if found is None else moment_of(found[0])
        if found is not None and moment is not None:
            facts.acquired_from = found[1]
            return moment
        if found is not None:
            facts.notes.append(f"{found[0]!r} ({found[1]}) is no time")
            # Another date in the name, such as that of the processing, is not this one.
            is_named = is_named and not found[1].startswith(_PATTERN)
    for found_moment, origin in _general_times(scene, headers, facts, is_named=is_named):
        facts.acquired_from = origin
        return found_moment
    if date_from == "mtime":
        facts.acquired_from = "mtime"
        newest = max(file.modified_ns for file in scene.files)
        return Moment(datetime.fromtimestamp(newest // 1000 / 1e6, UTC), "second")
    return None


def _general_times(
    scene: Scene, headers: Sequence[FileHeader], facts: Facts, *, is_named: bool
) -> Iterator[tuple[Moment, str]]:
    """Yield what the tags and the name of any file say: a tag of the capture, the name, and any other tag."""
    yield from _tagged(_SURE_TAGS, headers)
    for name in (scene.first.path.stem, scene.name) if is_named else ():
        moments = moments_in(name)
        if moments:
            if len({moment.start for moment in moments}) > 1:
                facts.notes.append(f"the name has {len(moments)} times; the first counts")
            yield moments[0], f"name {name}"
    yield from _tagged(_UNSURE_TAGS, headers)


def _tagged(names: Sequence[str], headers: Sequence[FileHeader]) -> Iterator[tuple[Moment, str]]:
    for name in names:
        for header in headers:
            text = header.tags.get(name)
            moment = None if text is None else moment_of(text)
            if moment is not None:
                yield moment, f"tag {name}"


def _drop_end_before_start(facts: Facts) -> None:
    start, end = (facts.attributes.get(name) for name in ("acquired", "acquired_end"))
    if isinstance(start, datetime) and isinstance(end, datetime) and end < start:
        del facts.attributes["acquired_end"]
        facts.notes.append(f"acquired_end {end.isoformat()} is before acquired, and was left out")


def image_attributes(facts: Facts, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a new image; what its owner had put into the old one's `extra_properties` stays."""
    return {**facts.attributes, "extra_properties": {**kept, **facts.extra}}
