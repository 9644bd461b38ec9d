"""What searches and collections have in common as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from localcat.errors import BadRequestError, require

if TYPE_CHECKING:
    import geopandas
    import pandas
    import pyarrow

    from localcat.tables.source import Source


class Tabular:
    """What can be read as a table, one row an object and one column an attribute."""

    __slots__ = ()

    def _source(self) -> Source:
        raise NotImplementedError

    def to_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.RecordBatchReader:
        """Return the objects as a stream of Arrow's record batches.

        Needs pyarrow: the extra ``[arrow]``. Other programs take the search or the collection itself, since it is an
        Arrow stream (``__arrow_c_stream__``): ``polars.DataFrame(search)``, ``pyarrow.table(search)``, or DuckDB's
        ``SELECT * FROM search``.

        Parameters
        ----------
        columns : sequence of str, optional
            Names of attributes; all when left out.

        Returns
        -------
        pyarrow.RecordBatchReader
            ``read_all()`` makes a table of it; iterating over it needs memory for a few batches only. Times are
            timestamps in UTC, choices such as `storage_state` are dictionaries, `files` are lists of structs, the
            geometry is ``geoarrow.wkb`` in longitude and latitude (OGC:CRS84), and what has no simple type, such as
            `extra_properties`, is JSON text. The rows are read when the first batch is asked for, inside a transaction
            at once; what is deleted in the middle is left out.

        Raises
        ------
        BadRequestError
            If a column is not an attribute, or is named twice.
        MissingLibraryError
            If pyarrow is not installed.

        Examples
        --------
        >>> import localcat
        >>> with localcat.Catalog.temporary() as catalog:
        ...     table = catalog.products.to_arrow(["id", "name"]).read_all()
        >>> table.num_rows, table.column_names
        (0, ['id', 'name'])
        """
        require("pyarrow", "arrow", "for Arrow")
        from localcat.tables.stream import reader_of  # brings pyarrow

        return reader_of(self._source(), columns)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the objects as a PyCapsule of an Arrow stream, for programs that speak Arrow.

        See https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
        """
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_pandas(self, columns: Sequence[str] | None = None) -> pandas.DataFrame:
        """Return the objects as a data frame of pandas; a geometry is WKB. Needs the extra ``[geopandas]``.

        Raises
        ------
        BadRequestError
            If a column is not an attribute, or is named twice.
        MissingLibraryError
            If pyarrow or pandas is not installed.
        """
        require("pandas", "geopandas", "for data frames")
        return self.to_arrow(columns).read_pandas()

    def to_geodataframe(self, columns: Sequence[str] | None = None) -> geopandas.GeoDataFrame:
        """Return the objects as a data frame of geopandas, with their footprints. Needs the extra ``[geopandas]``.

        Parameters
        ----------
        columns : sequence of str, optional
            Names of attributes, ``"geometry"`` among them; all when left out.

        Returns
        -------
        geopandas.GeoDataFrame
            In longitude and latitude (OGC:CRS84); None for a footprint that is unset.

        Raises
        ------
        BadRequestError
            If the objects have no geometry, or it is not among the columns.
        MissingLibraryError
            If pyarrow or geopandas is not installed.
        """
        source = self._source()
        if "geometry" not in (source.attributes if columns is None else columns):
            raise BadRequestError(f"a GeoDataFrame needs the column 'geometry' of {source.name}; use to_pandas()")
        require("geopandas", "geopandas", "for GeoDataFrames")
        import geopandas

        # As a table, since an error on the way would leave a stream that geopandas reads as one of pyarrow's.
        return geopandas.GeoDataFrame.from_arrow(self.to_arrow(columns).read_all(), geometry="geometry")
