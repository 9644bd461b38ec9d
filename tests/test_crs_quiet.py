"""What GDAL cannot parse is told by an error, not printed beside it."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PARSE = """
import sys
from localcat.crs import parse_crs
from localcat.errors import InvalidCRSError
try:
    parse_crs(sys.argv[1])
except InvalidCRSError as error:
    print("unknown" in str(error))
"""


@pytest.mark.parametrize("words", ["EPSG:99999999", "PROJCS[bad", 'GEOGCS["x"]', "+proj=nonsense"])
def test_an_unknown_crs_prints_nothing(words: str, capfd: pytest.CaptureFixture[str]) -> None:
    # A process of its own: here, the last environment of rasterio may keep GDAL quiet by accident.
    subprocess.run([sys.executable, "-c", _PARSE, words], check=True)
    assert capfd.readouterr() == ("True\n", "")
