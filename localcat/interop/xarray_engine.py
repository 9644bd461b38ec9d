"""Catalogs for `xarray.open_dataset`, as the engine ``"localcat"``.

xarray imports this module whenever it looks for engines, so nothing else is imported here before a catalog is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xarray.backends import BackendEntrypoint

if TYPE_CHECKING:
    import xarray


class LocalcatBackend(BackendEntrypoint):
    """Opens the images of a product as a dataset of (time, y, x), with a variable for each band.

    Nothing is read before it is needed. With ``chunks`` of `xarray.open_dataset` the variables are arrays of dask.
    """

    description = "Open images of a localcat catalog (.gpkg), a variable for each band"
    open_dataset_parameters = (
        "filename_or_obj",
        "drop_variables",
        "product",
        "bands",
        "where",
        "datetime",
        "area",
        "crs",
        "resolution",
        "resampler",
        "fill_value",
    )

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        product: str | None = None,
        bands: str | Sequence[str] | None = None,
        where: Any = None,
        datetime: str | None = None,
        area: Any = None,
        crs: str | None = None,
        resolution: float | None = None,
        resampler: str = "near",
        fill_value: float | str | None = None,
    ) -> xarray.Dataset:
        """Open images, ordered by `acquired`.

        Parameters
        ----------
        filename_or_obj : path
            The catalog file, which is only read.
        drop_variables : str or several, optional
            Bands to leave out.
        product : str, optional
            Its id, with or without the namespace; may be left out if there is only one.
        bands : str or several, optional
            Their names; all but alpha bands when left out.
        where : Expression or str, optional
            Which images: a filter, or one as CQL2.
        datetime : str, optional
            A period, as `ImageSearch.during` takes it.
        area : geometry, bounding box or GeoContext, optional
            Where; the box of all images, which have one CRS then, when left out.
        crs, resolution : str, float, optional
            Of the pixels; when left out the CRS of most images, and the finest resolution.
        resampler, fill_value
            As in `ImageCollection.to_xarray`.

        Raises
        ------
        CatalogNotFoundError, NotFoundError, BadRequestError
            If there is no catalog; no such product; or no image is found, or an argument does not fit.
        """
        from localcat.interop.xarrays import Opening, to_dataset  # brings rasterio
        from localcat.models.backend import open_catalog

        dropped = {drop_variables} if isinstance(drop_variables, str) else set(drop_variables or ())
        opening = Opening(product, bands, dropped, where, datetime, area, crs, resolution, resampler, fill_value)
        catalog = open_catalog(filename_or_obj, read_only=True)
        try:
            dataset = to_dataset(catalog, opening)
        except BaseException:
            catalog.file.close()
            raise
        dataset.set_close(catalog.file.close)
        dataset.encoding["source"] = str(catalog.file.path)
        return dataset

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Return whether a file is a catalog of localcat, so that xarray finds the engine by itself."""
        if not isinstance(filename_or_obj, str | os.PathLike) or Path(filename_or_obj).suffix.lower() != ".gpkg":
            return False
        from localcat.store.catalog_file import is_catalog  # xarray asks for all kinds of files

        return is_catalog(Path(filename_or_obj))
