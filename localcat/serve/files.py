"""The files of images, as they are on the disk: whole, or a part, which is how GDAL reads a COG over HTTP.

A file is named by its image and its position among the image's files, so no path can be asked for: the row says it. The
name of the file comes behind, since programs look at the suffix.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from localcat.disk.archive import Location, Member
from localcat.disk.paths import is_local
from localcat.errors import NotFoundError
from localcat.expressions.properties import properties as p
from localcat.models.enums import StorageState
from localcat.serve.answers import part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.routing import BaseRoute

    from localcat.models.image import Image
    from localcat.serve.service import Asked, Service

_TYPES = {".tif": "image/tiff; application=geotiff", ".tiff": "image/tiff; application=geotiff", ".jp2": "image/jp2"}
_POSITION = re.compile("[0-9]{1,4}")
_RANGE = re.compile("bytes=([0-9]{0,18})-([0-9]{0,18})")
_CHUNK = 1 << 18  # bytes sent at a time
_OTHER = "application/octet-stream"  # nothing that a browser would show, whatever is in the file


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this area."""
    return [Route("/files/{image}/{position}/{name}", service.endpoint(_file))]


def url_of(base: str, image: Image, position: int, path: Location) -> str:
    """Return the address of a file."""
    return f"{base}/files/{part(image.id)}/{position}/{part(path.name)}"


def _file(asked: Asked) -> Response:
    asked.query.only()
    path = _location(asked)
    media_type = _TYPES.get(path.suffix.lower(), _OTHER)
    if isinstance(path, Member):
        return _of_archive(path, media_type, asked.headers.get("range", ""))
    try:
        found = path.stat()
    except OSError as error:
        raise NotFoundError(
            f"'{path.name}' of image {asked.path['image']!r} is missing on the disk; verify tells more"
        ) from error
    if not stat.S_ISREG(found.st_mode):
        raise NotFoundError(f"'{path.name}' of image {asked.path['image']!r} is not a file; verify tells more")
    answer = FileResponse(path, media_type=media_type, stat_result=found)
    answer.headers["Cache-Control"] = "no-cache"  # it may be replaced; asking whether it was is cheap
    if answer.headers["etag"] in _known_tags(asked.headers.get("if-none-match", "")):
        return Response(status_code=304, headers={name: answer.headers[name] for name in ("etag", "cache-control")})
    return answer


def _known_tags(text: str) -> set[str]:
    return {one.strip().removeprefix("W/") for one in text.split(",")}


def _of_archive(member: Member, media_type: str, asked: str) -> Response:
    """Answer with a member of an archive, or the range of it that is asked for; with all of it for several ranges."""
    size = member.size_bytes
    first, stop = 0, size
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-cache"}
    match = _RANGE.fullmatch(asked)
    if match is not None and (match[1] or match[2]):
        first = int(match[1]) if match[1] else max(size - int(match[2]), 0)
        stop = min(int(match[2]) + 1, size) if match[1] and match[2] else size
        if not first < stop:
            return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {first}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - first)
    status = 206 if "Content-Range" in headers else 200
    return StreamingResponse(_chunks(member, first, stop), status, headers, media_type)


def _chunks(member: Member, first: int, stop: int) -> Iterator[bytes]:
    with member.open() as file:
        file.seek(first)
        while first < stop and (chunk := file.read(min(_CHUNK, stop - first))):
            first += len(chunk)
            yield chunk


def _location(asked: Asked) -> Location:
    """Return where the file is that the address names.

    Raises
    ------
    NotFoundError
        If no image has such a file, or it is not on this machine.
    UnsafePathError
        If the row leads to where this catalog may not read.
    """
    uid, position, name = (asked.path[key] for key in ("image", "position", "name"))
    image = asked.catalog.images.filter(p.id == uid).first()
    files = (image.files or []) if image is not None else []
    at = int(position) if _POSITION.fullmatch(position) else len(files)
    file = files[at] if at < len(files) else None
    is_here = image is not None and image.storage_state == StorageState.AVAILABLE
    if file is None or not is_here or not (file.owned or (file.href is not None and is_local(file.href))):
        raise NotFoundError(f"image {uid!r:.300} has no file number {position!r:.20} on this machine")
    path = asked.catalog.file.location_of(file, bring_back=False)  # what was set aside is read where it is
    if path.name != name:
        raise NotFoundError(f"file number {at} of image {uid!r:.300} is '{path.name}', not {name!r:.300}")
    return path
