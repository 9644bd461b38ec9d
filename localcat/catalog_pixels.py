"""What a catalog gives of its images' pixels, handed on to the modules that read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from localcat.models.image import Image
    from localcat.models.requests import DownloadRequest, ReadRequest
    from localcat.reading import PointSeries, PointValues


class CatalogPixels:
    """The pixels of a `Catalog`, which inherits all of this."""

    def read_pixels(self, image: Image, request: ReadRequest) -> Any:
        """Read bands of an image; `Image.ndarray` calls this."""
        from localcat.reading import read_image  # brings rasterio

        return read_image(image, request)

    def read_mosaic(self, images: Sequence[Image], request: ReadRequest) -> Any:
        """Read images onto one grid, the last one on top; `ImageCollection.mosaic` calls this."""
        from localcat.reading import read_mosaic  # brings rasterio

        return read_mosaic(images, request)

    def read_stack(self, groups: Sequence[Sequence[Image]], request: ReadRequest) -> Any:
        """Read a mosaic of each group of images; `ImageCollection.stack` calls this."""
        from localcat.reading import read_stack  # brings rasterio

        return read_stack(groups, request)

    def preview_png(self, image: Image, size: int, bands: str | Sequence[str] | None) -> bytes:
        """Return a small picture of an image as PNG; `Image.preview` calls this.

        Parameters
        ----------
        image : Image
            Of this catalog.
        size : int
            Longer side in pixels, at most.
        bands : str or sequence of str, optional
            Names of one or three bands, and perhaps of an alpha band; the product's display bands when None.

        Raises
        ------
        BadRequestError
            If a band, their number or the size cannot be shown.
        RasterError
            If the image has no pixels here, or they cannot be read.
        """
        from localcat.reading import preview_png  # brings rasterio

        return preview_png(image, size, bands)

    def preview_array(self, image: Image, size: int, bands: str | Sequence[str] | None) -> NDArray[numpy.uint8]:
        """Return a small picture of an image as an array; `Image.preview_array` calls this.

        Parameters
        ----------
        image : Image
            Of this catalog.
        size : int
            Longer side in pixels, at most.
        bands : str or sequence of str, optional
            Names of one or three bands, and perhaps of an alpha band; the product's display bands when None.

        Returns
        -------
        ndarray, shape (row, column, 4)
            Red, green, blue and opacity, from 0 to 255.

        Raises
        ------
        BadRequestError
            If a band, their number or the size cannot be shown.
        RasterError
            If the image has no pixels here, or they cannot be read.
        """
        from localcat.reading import preview_array  # brings rasterio

        return preview_array(image, size, bands)

    def point_values(self, image: Image, lon: float, lat: float, request: ReadRequest) -> PointValues:
        """Return the values of an image at a place; `Image.point` calls this.

        Parameters
        ----------
        image : Image
            Of this catalog.
        lon, lat : float
            Degrees, EPSG:4326.
        request : ReadRequest
            Bands, masks, scaling and data type; its grid does not matter.

        Returns
        -------
        PointValues
            One value a band, None where there is no valid pixel.
        """
        from localcat.reading import point_values  # brings rasterio

        return point_values(image, lon, lat, request)

    def point_series(self, images: Sequence[Image], lon: float, lat: float, request: ReadRequest) -> PointSeries:
        """Return the values of images at a place; `ImageCollection.point_series` calls this.

        Parameters
        ----------
        images : sequence of Image
            Of this catalog.
        lon, lat : float
            Degrees, EPSG:4326.
        request : ReadRequest
            Bands, masks, scaling and data type; its grid does not matter.

        Returns
        -------
        PointSeries
            The values of those that have a pixel there, in the order of their times.
        """
        from localcat.reading import point_series  # brings rasterio

        return point_series(images, lon, lat, request)

    def scaling_parameters(self, images: Sequence[Image], request: ReadRequest) -> tuple[list[Any] | None, str]:
        """Return how bands would be scaled; the methods of the same name call this."""
        from localcat.reading import scaling_of  # brings rasterio

        return scaling_of(images, request)

    def download_image(self, image: Image, request: DownloadRequest) -> str:
        """Write bands of an image to a file; `Image.download` calls this."""
        from localcat.reading import download_image  # brings rasterio

        return download_image(image, request)

    def download_images(self, images: Sequence[Image], request: DownloadRequest) -> list[str]:
        """Write each image to a file; `ImageCollection.download` calls this."""
        from localcat.reading import download_images  # brings rasterio

        return download_images(images, request)

    def download_mosaic(self, images: Sequence[Image], request: DownloadRequest) -> str:
        """Write a mosaic to a file; `ImageCollection.download_mosaic` calls this."""
        from localcat.reading import download_mosaic  # brings rasterio

        return download_mosaic(images, request)
