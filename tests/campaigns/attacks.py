"""Paths and addresses of a hostile mind, in all ways that one comes in: run as ``python -m tests.campaigns.attacks``.

The process tells of each attempt how it ended, and, by an audit hook, which files it opened or removed where it must
not, and whether it spoke to a network or started a program.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sqlite3
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy

from localcat import AOI, Catalog, Image, Product, SpectralBand
from localcat.disk.filesystem import exists
from tests.campaigns.report import outcome_of

META = {"geoTransform": [500_000, 60, 0, 4_000_000, 0, -60], "coordinateSystem": {"epsg": 32618}}
NAME = "survey.gpkg"
PORT = 9  # where nothing listens

_HANDLERS = (
    "vsicurl vsicurl_streaming vsis3 vsis3_streaming vsigs vsigs_streaming vsiaz vsiadls vsioss vsiswift vsihdfs "
    "vsiwebhdfs vsizip vsigzip vsitar vsi7z vsirar vsimem vsisubfile vsisparse vsicrypt vsicached vsistdin vsistdout "
    "vsikerchunk_json_ref"
)
_SCHEMES = (
    "http https ftp ftps sftp file s3 gs az abfs oss swift hdfs zip gzip tar zip+http zip+file data javascript smb ssh "
    "git postgres vrt vrt+http"
)
_DRIVERS = (
    "GTIFF_DIR:1:{} GTIFF_RAW:{} NETCDF:{}:v HDF5:{}://v HDF4_SDS:{} GPKG:{}:t MBTILES:{} RASTERLITE:{} "
    "MEM:::DATAPOINTER=1 "
    "DERIVED_SUBDATASET:AMPLITUDE:{} SENTINEL2_L1C:{}:10m:32632 PLMOSAIC:{} EEDAI:{} WMS:{} WMTS:{} WCS:{} TMS:{} "
    "OGCAPI:{} "
    "STACIT:{} STACTA:{} ZARR:{} TILEDB:{} PG:host={} OVR:{} vrt://{} NGW:{} DAAS:{} JPEG2000:{} IRIS:{} BAG:{} JSON:{}"
)
_TRAVERSALS = (
    "../{0}|../../{0}|../../../{0}|a/../../{0}|./../{0}|x/./../../{0}|..//{0}|..\\{0}|..\\..\\{0}|..%2f{0}|%2e%2e/{0}|"
    "%252e%252e/{0}|....//{0}|..;/{0}|..\u2215{0}|\uff0e\uff0e/{0}|\u2025/{0}|.. /{0}|../{0}\x00.tif|../{0}%00.tif|"
    "acme-x/../../{0}|acme-x/../../../{0}|survey.data/../../{0}|../survey.data/../../{0}|link/{0}|link|linked.tif"
)
_WINDOWS = (
    "C:\\{0}|c:/{0}|C:{0}|\\\\127.0.0.1\\share\\{0}|//127.0.0.1/share/{0}|\\\\?\\C:\\{0}|\\\\.\\PhysicalDrive0|\\\\.\\pipe\\x|"
    "\\\\?\\UNC\\127.0.0.1\\x|CON|NUL|aux.tif|COM1:|lpt1.tif|{0}:stream|{0}::$DATA|\\Device\\x|\\??\\C:\\x"
)
_ODD = (
    "|.|..|/|//|~|~/{0}|~root/{0}|$HOME/{0}|${{HOME}}/{0}|%USERPROFILE%\\{0}|`id`|$(id)|;id|&&id|a\nb.tif|a\rb.tif|\x1b[31m.tif|"
    "a\x00b.tif|\u202efit.tif|\ud800.tif|-of|--help|@/tmp/x|*|?|[a-z].tif|a|b>c|<x|\t/vsicurl/x|{0} |{0}."
)

_CRS = (  # texts that make PROJ or GDAL look for a grid or a file
    "+proj=longlat +nadgrids={}",
    "+proj=longlat +nadgrids=@{},null",
    "+proj=longlat +geoidgrids={}",
    "+proj=utm +zone=18 +catalog={}",
    "+init={}:1",
    "+init=file:{}",
    "+proj=pipeline +step +proj=hgridshift +grids={}",
    "+proj=deformation +xy_grids={} +t_epoch=2000",
    "@{}",
    "IGNF:{}",
    "OGC:{}",
    'GEOGCS["x",DATUM["d",SPHEROID["s",6378137,298.257],EXTENSION["PROJ4_GRIDS","{}"]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]]',
    'GEOGCS["x",DATUM["d",SPHEROID["s",6378137,298.257]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],'
    'EXTENSION["PROJ4","+proj=longlat +nadgrids={}"]]',
    'BOUNDCRS[SOURCECRS[GEOGCRS["x"]],TARGETCRS[GEOGCRS["y"]],ABRIDGEDTRANSFORMATION["t",METHOD["NTv2"],'
    'PARAMETERFILE["Latitude and longitude difference file","{}"]]]',
    '{{"type": "GeographicCRS", "name": "x", "$schema": "{}"}}',
)

_ROOT = "/proc/self/root"  # the whole file system, by another name


def forms(outside: Path) -> list[str]:
    """Return the hostile paths, with a folder whose ``secret.tif`` and ``secret.vrt`` they try to reach."""
    secret = f"{outside}/secret.tif"
    plain = secret.lstrip("/")
    local = f"127.0.0.1:{PORT}/x.tif"
    found = [secret, f"//{plain}", f"/./{plain}", f"{outside}/../{outside.name}/secret.tif", f"{_ROOT}/{plain}"]
    found += ["/proc/self/environ", "/proc/self/fd/0", "/dev/zero", "/dev/stdin", "/dev/tcp/127.0.0.1/9", f"{outside}"]
    for handler in _HANDLERS.split():
        found += [f"/{handler}/{secret}", f"/{handler}/http://{local}", f"/{handler.upper()}/http://{local}"]
        found += [f"\\{handler}\\{secret}", f"//{handler}/{secret}", f"./{handler}/{plain}"]
    found += ["/vsizip//vsicurl/http://" + local, "/vsicurl?url=http%3A%2F%2F127.0.0.1%3A9%2Fx.tif&use_head=no"]
    found += [f"/vsisubfile/0_1000,{secret}", f"/vsicrypt/key=x,file={secret}", f"/vsizip/{{{secret}}}/x"]
    for scheme in _SCHEMES.split():
        found += [f"{scheme}://{local}", f"{scheme.upper()}://{local}", f"{scheme}:{secret}", f"{scheme}:///{plain}"]
    found += [template.format(secret) for template in _DRIVERS.split()]
    for name in ("secret.tif", "outside/secret.tif", plain):
        found += [template.format(name) for template in (*_TRAVERSALS.split("|"), *_WINDOWS.split("|"))]
    found += [template.format("secret.tif") for template in _ODD.split("|")]
    found += [
        f'<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{secret}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>",
        f"  <GDAL_WMS><Service name='TMS'><ServerUrl>http://{local}</ServerUrl></Service></GDAL_WMS>",
        f'{{"type": "FeatureCollection", "features": [{{"assets": {{"x": {{"href": "{secret}"}}}}}}]}}',
        "a/" * 3000 + "x.tif",
        "n" * 5000,
        "../" * 500 + plain,
    ]
    found += [template.format(place) for template in _CRS for place in (secret, f"http://{local}")]
    return list(dict.fromkeys(found))


def prepare(folder: Path) -> None:
    """Write a catalog whose data folder holds links that lead out, and the secrets outside."""
    outside, home = folder / "outside", folder / "home" / "deep"
    outside.mkdir()
    home.mkdir(parents=True)
    with Catalog.create(home / NAME, org="acme") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        SpectralBand(name="red", product=product, data_type="UInt16", data_range=(0, 9), band_index=0).save()
        image = Image(product=product, name="a", acquired="2020-01-01")
        image.upload_ndarray(numpy.full((1, 32, 24), 7, "uint16"), raster_meta=META).raise_for_status()
        content = catalog.path_of(image.files[0]).read_bytes()
        change(home / NAME, "UPDATE image_file SET size_bytes = NULL, owned = 0")
    for secret in (outside / "secret.tif", folder / "home" / "secret.tif", folder / "secret.tif"):
        secret.write_bytes(content)
    data = home / "survey.data"
    for place in (data, home):
        (place / "link").symlink_to(outside)
        (place / "linked.tif").symlink_to(outside / "secret.tif")


def change(path: Path, statement: str, *parameters: object) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(statement, parameters)


class Watch:
    """Notes what a process must not do, while it is switched on."""

    def __init__(self, folder: Path) -> None:
        self.is_on = False
        self.seen: list[str] = []
        self._inside = folder / "home" / "deep"
        self._folder = str(folder)
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "urllib.", "ftplib.")):
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event in ("open", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "os.link", "os.symlink"):
            path = arguments[0]
            if isinstance(path, str | bytes | Path):
                self._judge(event, str(path if not isinstance(path, bytes) else path.decode(errors="replace")))

    def _judge(self, event: str, path: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            real = Path(path).resolve()
            if str(real).startswith(self._folder) and not real.is_relative_to(self._inside):
                self.seen.append(f"{event} {path!r:.200}")


def attempts(catalog: Path, form: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield (way in, what to do) for a hostile path; all must raise an error of localcat, or do nothing."""

    def read(image: Image) -> None:
        image.ndarray("red")

    def of_row(owned: int, use: Callable[[Image], Any]) -> Callable[[], Any]:
        def attempt() -> None:
            form_as_stored = form.encode("utf-8", "replace").decode()
            change(
                catalog,
                "UPDATE image_file SET href = ?, owned = ?, size_bytes = ?, hash = ?",
                form_as_stored,
                owned,
                *((1, "0" * 64) if owned else (None, None)),
            )
            with Catalog.open(catalog, trusted=False) as opened:
                use(Image.get("acme:x:a", catalog=opened))

        return attempt

    def by_attribute() -> None:
        with Catalog.open(catalog, trusted=False) as opened:
            image = Image(product_id="acme:x", name="new", acquired="2020-01-01", catalog=opened)
            image.files = [{"href": form, "size_bytes": 1, "hash": "0" * 64}]
            image.storage_state = "available"
            image.geotrans, image.cs_code, image.x_pixels, image.y_pixels = (0, 1, 0, 0, 0, -1), "EPSG:32618", 9, 9
            image.save()
            try:
                read(image)
            finally:
                image.delete()

    def by_upload() -> None:
        with Catalog.open(catalog) as opened:
            image = Image(product_id="acme:x", name="new", acquired="2020-01-01", catalog=opened)
            image.upload(form).raise_for_status()

    def by_ingest() -> None:
        with Catalog.open(catalog) as opened:
            report = opened.ingest([form], product="acme:x")
            for failed in report.failed:
                raise failed.error

    def of_crs() -> None:
        change(catalog, "UPDATE image SET cs_code = NULL, projection = ?", form.encode("utf-8", "replace").decode())
        try:
            with Catalog.open(catalog, trusted=False) as opened:
                image = Image.get("acme:x:a", catalog=opened)
                image.geocontext.assign(resolution=100, all_touched=True)
                image.ndarray("red", AOI(bounds=(-75, 36.1, -74.9, 36.2), crs="EPSG:4326", resolution=0.01))
        finally:
            change(catalog, "UPDATE image SET cs_code = 'EPSG:32618', projection = NULL")

    def by_trash() -> None:
        change(catalog, "INSERT OR REPLACE INTO trash (href) VALUES (?)", form.encode("utf-8", "replace").decode())
        with Catalog.open(catalog, trusted=False) as opened:
            opened.gc()

    yield "a file of its own in the row, read", of_row(1, read)
    yield "a file in place in the row, read", of_row(0, read)
    yield "a file in place in the row, downloaded", of_row(0, lambda image: image.download("red", dest="x.tif"))
    yield "the attribute files", by_attribute
    if not is_local(form):
        yield "an upload", by_upload
        yield "an ingest", by_ingest
    yield "the trash", by_trash
    yield "a CRS", lambda: AOI(crs=form)
    yield "the CRS of the row", of_crs


def is_local(form: str) -> bool:
    """Return whether a user who passes this path by hand means a local file, which may be read then."""
    try:
        return exists(os.path.abspath(form))  # noqa: PTH100
    except ValueError:
        return False


def main(folder: str, start: str, step: str) -> None:
    home = Path(folder) / "home" / "deep"
    watch = Watch(Path(folder))
    warnings.simplefilter("ignore")
    for form in itertools.islice(forms(Path(folder) / "outside"), int(start), None, int(step)):
        for way, attempt in attempts(home / NAME, form):
            watch.is_on = True
            outcome = outcome_of(attempt)
            watch.is_on = False
            print(json.dumps({"form": form, "way": way, "outcome": outcome, "seen": watch.seen}), flush=True)
            watch.seen = []


if __name__ == "__main__":
    main(*sys.argv[1:])
