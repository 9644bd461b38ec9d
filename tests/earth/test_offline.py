"""PROJ stays off the network, also where the environment tells it to use it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from localcat.earth import offline

CODE = """
from localcat.earth.offline import _switch, proj_offline
from localcat.rasters.files.environment import raster_environment
is_on, _ = _switch()
found = [is_on()]
with proj_offline():
    found.append(is_on())
    with raster_environment():
        found.append(is_on())
    found.append(is_on())
found.append(is_on())
print(found)
"""


@pytest.mark.parametrize(
    ("setting", "expected"), [("ON", [True, False, False, False, True]), ("OFF", [False] * 5), ("", [False] * 5)]
)
def test_the_switch_is_off_inside_and_as_it_was_outside(setting: str, expected: list[bool]) -> None:
    environment = {**os.environ, "PROJ_NETWORK": setting, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(expected)


def test_without_gdals_function_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "_switch", lambda: (offline._is_on_in_environment, offline._switch_in_environment))
    for setting in ("ON", "yes"):
        monkeypatch.setenv("PROJ_NETWORK", setting)
        with offline.proj_offline(), offline.proj_offline():
            assert os.environ["PROJ_NETWORK"] == "OFF"
        assert os.environ["PROJ_NETWORK"] == "ON"
    monkeypatch.delenv("PROJ_NETWORK")
    with offline.proj_offline():
        assert "PROJ_NETWORK" not in os.environ
