"""Crash states of a disk that writes in any order.

A run is recorded by strace as a list of changes to files and folders. At each point of it the power may go: what was
synced is on the disk, and of the rest any part, in any order. An entry of a folder lasts when the folder is synced, the
content of a file when the file is; a file that moves between folders may for a while have both names, or none.

The idea, and its name, are those of ALICE (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).
"""

from __future__ import annotations

import hashlib
import random
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

TRACED = (
    "trace=openat,close,lseek,write,pwrite64,writev,ftruncate,fsync,fdatasync,rename,unlink,link,mkdir,rmdir,"
    "renameat,renameat2,unlinkat,linkat,mkdirat,fallocate,truncate,pwritev,dup,dup2"
)
OPTIONS = ["-xx", "-s", "4000000", "-e", TRACED]
_LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_ACK = "ack\n"
_SECTOR = 512  # bytes; the least that a disk writes at once


@dataclass(frozen=True, slots=True)
class Change:
    """A change that a crash may lose.

    Parameters
    ----------
    kind : str
        ``"write"``, ``"truncate"``, ``"name"``, ``"unname"``, ``"mkdir"`` or ``"rmdir"``; of a folder that gets another
        name, ``"arrive"`` and ``"leave"``.
    owner : int or str
        What must be synced for it to last: the number of a file, or the path of a folder.
    path : str
        The entry, where it is one of a folder.
    number : int
        The number of the file, where it is about one.
    offset : int
        Where bytes were written; the new size of a truncated file.
    data : bytes
        What was written.
    source : str
        Where a folder was that arrives.
    """

    kind: str
    owner: int | str
    path: str = ""
    number: int = -1
    offset: int = 0
    data: bytes = b""
    source: str = ""


@dataclass(slots=True)
class Point:
    """A moment at which the power may go.

    Parameters
    ----------
    lasting : frozenset of int
        The numbers of the changes that are surely on the disk.
    pending : tuple of int
        Those that may be.
    acks : int
        How many parts were acknowledged.
    """

    lasting: frozenset[int]
    pending: tuple[int, ...]
    acks: int


@dataclass(slots=True)
class Recording:
    """The changes of one or more runs in a folder.

    Parameters
    ----------
    folder : Path
        Nothing outside of it is recorded.
    base : Path
        A copy of the folder as it was before.
    """

    folder: Path
    base: Path
    changes: list[Change] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    acks: int = 0
    _numbers: dict[str, int] = field(default_factory=dict)  # of the files by path, as the program sees them
    _contents: dict[int, Path] = field(default_factory=dict)  # of the files that were there before
    _lasting: set[int] = field(default_factory=set)
    _files: int = 0

    def __post_init__(self) -> None:
        for path in sorted(self.base.rglob("*")):
            if path.is_file():
                number = self._new_file(str(self.folder / path.relative_to(self.base)))
                self._contents[number] = path
        self._mark()

    def add(self, trace: Path) -> None:
        """Record another run from what strace wrote of it."""
        open_files: dict[int, str | int] = {}  # by descriptor: the number of a file, or the path of a folder
        offsets: dict[int, int] = {}
        for line in trace.read_text().splitlines():
            match = _LINE.match(line)
            if match is None or int(match[3]) < 0:
                continue
            name, arguments, result = match[1], match[2], int(match[3])
            texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments)]
            if name == "writev":
                self.acks += sum(text.decode() == _ACK for text in texts)
                self._mark()
                continue
            first = arguments.split(",")[0]
            descriptor = int(first) if first.isdigit() else -1
            if name == "openat":
                opened = self._opened(texts[0].decode(), arguments)
                if opened is not None:
                    open_files[result], offsets[result] = opened, 0
                else:
                    open_files.pop(result, None)
            elif name == "close":
                open_files.pop(descriptor, None)
            elif name == "lseek":
                offsets[descriptor] = result
            elif name in ("write", "pwrite64", "ftruncate", "fsync", "fdatasync"):
                if descriptor in open_files:
                    offsets[descriptor] = self._used(
                        name, open_files[descriptor], arguments, texts, result, offsets[descriptor]
                    )
            else:
                self._renamed(name, [text.decode() for text in texts])
            self._mark()

    def forget_acks(self) -> None:
        """Take no part for acknowledged: of a run whose parts are none of the history."""
        for point in self.points:
            point.acks = 0

    def _mark(self) -> None:
        """Note that the power may go here, if anything is different from the last point."""
        pending = tuple(at for at in range(len(self.changes)) if at not in self._lasting)
        point = Point(frozenset(self._lasting), pending, self.acks)
        if self.points[-1:] != [point]:
            self.points.append(point)

    def _new_file(self, path: str) -> int:
        self._files += 1
        self._numbers[path] = self._files
        return self._files

    def _is_inside(self, path: str) -> bool:
        return _is_below(path, str(self.folder))

    def _entry(self, kind: str, path: str, number: int = -1) -> None:
        self.changes.append(Change(kind, str(Path(path).parent), path, number))

    def _opened(self, path: str, flags: str) -> int | str | None:
        if not self._is_inside(path):
            return None
        if Path(path) == self.folder or (path not in self._numbers and "O_CREAT" not in flags):
            return path
        if path not in self._numbers:
            self._entry("name", path, self._new_file(path))
        number = self._numbers[path]
        if "O_TRUNC" in flags:
            self.changes.append(Change("truncate", number, number=number))
        return number

    def _used(self, name: str, opened: int | str, arguments: str, texts: list[bytes], result: int, offset: int) -> int:
        """Record a use of an open file; return where it stands then."""
        if name in ("fsync", "fdatasync"):
            self._lasting |= {at for at, change in enumerate(self.changes) if change.owner == opened}
        elif name == "ftruncate":
            size = int(arguments.rsplit(",", 1)[1])
            self.changes.append(Change("truncate", opened, number=int(opened), offset=size))
        else:
            data = texts[0][:result]
            start = int(arguments.rsplit(",", 1)[1]) if name == "pwrite64" else offset
            self.changes.append(Change("write", opened, number=int(opened), offset=start, data=data))
            if name == "write":
                return offset + result
        return offset

    def _renamed(self, name: str, paths: list[str]) -> None:
        if not any(self._is_inside(path) for path in paths):
            return
        if name == "mkdir":
            self._entry("mkdir", paths[0])
        elif name == "rmdir":
            self._entry("rmdir", paths[0])
        elif name == "unlink":
            self._entry("unname", paths[0], self._numbers.pop(paths[0]))
        elif name == "link":
            self._numbers[paths[1]] = self._numbers[paths[0]]
            self._entry("name", paths[1], self._numbers[paths[1]])
        elif name == "rename" and paths[0] not in self._numbers:
            self._move(*paths)
        elif name == "rename":
            number = self._numbers.pop(paths[0])
            self._numbers[paths[1]] = number
            self._entry("name", paths[1], number)
            self._entry("unname", paths[0], number)
        else:
            raise AssertionError(f"{name} is not recorded")

    def _move(self, old: str, new: str) -> None:
        """Record that a folder gets another name: a sync of it then makes last what was made in it before."""
        self._numbers = {_moved(path, old, new): number for path, number in self._numbers.items()}
        self.changes = [
            replace(one, owner=_moved(one.owner, old, new)) if isinstance(one.owner, str) else one
            for one in self.changes
        ]
        self.changes.append(Change("arrive", str(Path(new).parent), new, source=old))
        self._entry("leave", old)

    # Crash states

    def states(self, randomly: int, seed: int = 0) -> Iterator[tuple[tuple[int, ...], int, int]]:
        """Yield crash states: (changes that are on the disk, how many bytes of the last one, acknowledged parts).

        At each point: nothing of what is pending, all of it, all but one, one only, and random parts. The ones are all
        entries of folders, and `randomly` writes.
        """
        numbers = random.Random(seed)
        for point in self.points:
            pending = point.pending
            ones = [one for one in pending if self.changes[one].kind not in ("write", "truncate")]
            writes = [one for one in pending if one not in ones]
            ones += numbers.sample(writes, min(randomly, len(writes)))
            chosen: set[tuple[int, ...]] = {(), pending}
            chosen |= {tuple(other for other in pending if other != one) for one in ones}
            chosen |= {(one,) for one in ones}
            for _ in range(randomly if len(pending) > 2 else 0):
                share = numbers.random()
                chosen.add(tuple(one for one in pending if numbers.random() < share))
            for some in sorted(chosen):
                applied = tuple(sorted({*point.lasting, *some}))
                yield applied, -1, point.acks
                if some and self.changes[some[-1]].kind == "write" and some[-1] == applied[-1]:
                    length = len(self.changes[some[-1]].data)
                    yield applied, length // 2 // _SECTOR * _SECTOR or length // 2, point.acks

    def materialize(self, target: Path, applied: Iterable[int], torn: int) -> str:
        """Put a crash state into a folder; return a digest of it."""
        contents: dict[int, bytearray] = {}
        names = dict(self._initial_names())
        folders = {str(self.folder), *(str(self.folder / path.relative_to(self.base)) for path in self._base_folders())}
        order = list(applied)
        for position, at in enumerate(order):
            change = self.changes[at]
            content = self._content(contents, change.number)
            if change.kind == "write":
                data = change.data if torn < 0 or position < len(order) - 1 else change.data[:torn]
                content.extend(bytes(max(0, change.offset - len(content))))
                content[change.offset : change.offset + len(data)] = data
            elif change.kind == "truncate":
                del content[change.offset :]
                content.extend(bytes(change.offset - len(content)))
            elif change.kind == "name":
                names[change.path] = change.number
            elif change.kind == "unname" and names.get(change.path) == change.number:
                del names[change.path]
            elif change.kind == "mkdir":
                folders.add(change.path)
            elif change.kind == "rmdir":
                folders.discard(change.path)
            elif change.kind == "arrive":
                names |= {_moved(path, change.source, change.path): number for path, number in names.items()}
                folders |= {change.path, *(_moved(path, change.source, change.path) for path in folders)}
            elif change.kind == "leave":
                names = {path: number for path, number in names.items() if not _is_below(path, change.path)}
                folders = {path for path in folders if not _is_below(path, change.path)}
        return self._write(target, names, folders, contents)

    def _initial_names(self) -> Iterator[tuple[str, int]]:
        for number, path in self._contents.items():
            yield str(self.folder / path.relative_to(self.base)), number

    def _base_folders(self) -> list[Path]:
        return [path for path in self.base.rglob("*") if path.is_dir()]

    def _content(self, contents: dict[int, bytearray], number: int) -> bytearray:
        if number not in contents:
            before = self._contents.get(number)
            contents[number] = bytearray(before.read_bytes() if before is not None else b"")
        return contents[number]

    def _write(self, target: Path, names: dict[str, int], folders: set[str], contents: dict[int, bytearray]) -> str:
        if target.exists():
            shutil.rmtree(target)
        digest = hashlib.sha256()
        for folder in sorted(folders):
            if all(str(parent) in folders for parent in Path(folder).parents if self._is_inside(str(parent))):
                (target / Path(folder).relative_to(self.folder)).mkdir(parents=True, exist_ok=True)
                digest.update(folder.encode())
        for path, number in sorted(names.items()):
            place = target / Path(path).relative_to(self.folder)
            if place.parent.is_dir():  # else its folder is lost, and it with it
                content = self._content(contents, number)
                place.write_bytes(content)
                digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
        return digest.hexdigest()


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _moved(path: str, old: str, new: str) -> str:
    """Return a path as it is when a folder has got another name."""
    return new + path[len(old) :] if _is_below(path, old) else path
