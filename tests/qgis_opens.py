"""Opens a project with the system's QGIS, without a window, and prints what is in it as JSON.

Run by the system's Python, which has PyQGIS: ``/usr/bin/python3 tests/qgis_opens.py kit.qgs picture.png``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

PYTHON = "/usr/bin/python3"


def is_installed() -> bool:
    """Return whether the system's Python has PyQGIS."""
    if shutil.which(PYTHON) is None:
        return False
    found = subprocess.run([PYTHON, "-c", "import qgis.core"], check=False, capture_output=True)
    return found.returncode == 0


def opened(project: Path, room: Path) -> Any:
    """Return the layers of a project as QGIS has them, and the colours of a small picture of it."""
    room.chmod(0o700)
    environment = {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(room), "HOME": str(room), "PATH": "/usr/bin"}
    words = [PYTHON, __file__, str(project)]
    return json.loads(subprocess.run(words, check=True, capture_output=True, env=environment, timeout=300).stdout)


def _main(path: str) -> None:
    from qgis.core import QgsApplication, QgsMapRendererParallelJob, QgsMapSettings, QgsProject, QgsRectangle
    from qgis.PyQt.QtCore import QSize

    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    project = QgsProject.instance()
    is_read = project.read(path)
    layers = project.layerTreeRoot().layerOrder()
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setOutputSize(QSize(60, 60))
    settings.setDestinationCrs(project.crs())
    settings.setTransformContext(project.transformContext())
    settings.setExtent(QgsRectangle(project.viewSettings().defaultViewExtent()))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    told = [
        {
            "name": layer.name(),
            "is_valid": layer.isValid(),
            "crs": layer.crs().authid(),
            "count": layer.featureCount() if layer.type() == 0 else layer.bandCount(),
            "renderer": layer.renderer().type(),
        }
        for layer in layers
    ]
    colors = sorted({image.pixelColor(column, row).name() for column in range(60) for row in range(60)})
    print(json.dumps({"is_read": is_read, "crs": project.crs().authid(), "layers": told, "colors": colors}))
    application.exitQgis()


if __name__ == "__main__":
    _main(sys.argv[1])
