"""A program of somebody who uses localcat: the mean vegetation index of images."""

from localcat import Image
from localcat import properties as p


def mean_ndvi(image: Image) -> float:
    """Return the mean of (nir - red) / (nir + red) of the valid pixels."""
    red, nir = image.ndarray("red nir").astype(float)
    return float(((nir - red) / (nir + red)).mean())


def usable(most_clouds: float) -> list[str]:
    """Return the names of the images of the default catalog with few clouds and pixels here, oldest first."""
    search = Image.search().filter(p.cloud_fraction <= most_clouds).filter(p.storage_state == "available")
    return [str(image.name) for image in search.sort("acquired")]
