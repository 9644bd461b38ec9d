"""Room on the disk is looked at before an upload writes anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from localcat import Catalog, Image, StorageFullError
from tests.damage import file_of
from tests.small_catalog import META, PIXELS


@pytest.mark.parametrize("what", ["array", "file"])
def test_an_upload_that_would_not_fit_is_refused_before_it_writes(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    source = shutil.copy(file_of(kept, "a"), tmp_path / "x.tif")
    needed = PIXELS.nbytes * 2 if what == "array" else source.stat().st_size  # blue and alpha
    files = sorted(path.name for path in kept.data_folder.path.rglob("*"))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=12_345))
    image = Image(product_id="acme:guide", name="x", acquired="2020-01-01", catalog=kept)
    upload = image.upload_ndarray(PIXELS, raster_meta=META) if what == "array" else image.upload(source)
    assert upload.status == "failure"
    with pytest.raises(StorageFullError, match=f"{needed:,} bytes more .*12,345 free"):
        upload.raise_for_status()
    assert sorted(path.name for path in kept.data_folder.path.rglob("*")) == files
    assert kept.images.count() == 4
    assert kept.verify("full", progress=False).problems == []
