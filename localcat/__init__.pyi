# Written by `python -m tests.stub` from _exports.py; do not edit.

from localcat import exceptions as exceptions
from localcat import geo as geo
from localcat import scenes as scenes
from localcat.catalog import Catalog as Catalog
from localcat.client import CatalogClient as CatalogClient
from localcat.client import default_catalog as default_catalog
from localcat.client import set_default_catalog as set_default_catalog
from localcat.collection import BandCollection as BandCollection
from localcat.collection import Collection as Collection
from localcat.collection import ImageCollection as ImageCollection
from localcat.collection import ProductCollection as ProductCollection
from localcat.errors import AttributeValidationError as AttributeValidationError
from localcat.errors import BadRequestError as BadRequestError
from localcat.errors import CatalogError as CatalogError
from localcat.errors import CatalogExistsError as CatalogExistsError
from localcat.errors import CatalogLockedError as CatalogLockedError
from localcat.errors import CatalogNotFoundError as CatalogNotFoundError
from localcat.errors import ClientError as ClientError
from localcat.errors import CommitUnknownError as CommitUnknownError
from localcat.errors import ConflictError as ConflictError
from localcat.errors import CorruptCatalogError as CorruptCatalogError
from localcat.errors import CorruptImageError as CorruptImageError
from localcat.errors import DeletedObjectError as DeletedObjectError
from localcat.errors import DownloadError as DownloadError
from localcat.errors import DuplicateError as DuplicateError
from localcat.errors import FailedImagesWarning as FailedImagesWarning
from localcat.errors import FileSystemWarning as FileSystemWarning
from localcat.errors import ForbiddenError as ForbiddenError
from localcat.errors import GeoContextWarning as GeoContextWarning
from localcat.errors import GeometryWarning as GeometryWarning
from localcat.errors import GoneError as GoneError
from localcat.errors import GridMismatchError as GridMismatchError
from localcat.errors import ImageDeletedError as ImageDeletedError
from localcat.errors import InvalidArrayError as InvalidArrayError
from localcat.errors import InvalidCRSError as InvalidCRSError
from localcat.errors import InvalidGeometryError as InvalidGeometryError
from localcat.errors import LocalcatError as LocalcatError
from localcat.errors import LocalcatWarning as LocalcatWarning
from localcat.errors import NotFoundError as NotFoundError
from localcat.errors import ProcessingLevelWarning as ProcessingLevelWarning
from localcat.errors import ProductNotFoundError as ProductNotFoundError
from localcat.errors import QueryError as QueryError
from localcat.errors import QueryTimeoutError as QueryTimeoutError
from localcat.errors import RasterError as RasterError
from localcat.errors import RasterWarning as RasterWarning
from localcat.errors import ReadOnlyCatalogError as ReadOnlyCatalogError
from localcat.errors import ReadOnlyCatalogWarning as ReadOnlyCatalogWarning
from localcat.errors import ServerError as ServerError
from localcat.errors import StorageError as StorageError
from localcat.errors import StorageFullError as StorageFullError
from localcat.errors import TooLargeError as TooLargeError
from localcat.errors import UnknownPropertyError as UnknownPropertyError
from localcat.errors import UnsafePathError as UnsafePathError
from localcat.errors import UnsavedObjectError as UnsavedObjectError
from localcat.errors import UnsupportedCatalogError as UnsupportedCatalogError
from localcat.errors import UntrustedCatalogError as UntrustedCatalogError
from localcat.errors import UploadError as UploadError
from localcat.errors import UploadOptionWarning as UploadOptionWarning
from localcat.errors import ValidationError as ValidationError
from localcat.expressions.properties import Expression as Expression
from localcat.expressions.properties import Properties as Properties
from localcat.expressions.properties import Property as Property
from localcat.expressions.properties import properties as properties
from localcat.geo import AOI as AOI
from localcat.geo import DLTile as DLTile
from localcat.geo import GeoContext as GeoContext
from localcat.geo import XYZTile as XYZTile
from localcat.models.attributes.processing import DerivedParamsAttribute as DerivedParamsAttribute
from localcat.models.attributes.processing import ProcessingLevelsAttribute as ProcessingLevelsAttribute
from localcat.models.attributes.processing import ProcessingStepAttribute as ProcessingStepAttribute
from localcat.models.attributes.values import File as File
from localcat.models.attributes.values import Resolution as Resolution
from localcat.models.band import Band as Band
from localcat.models.band import ClassBand as ClassBand
from localcat.models.band import GenericBand as GenericBand
from localcat.models.band import MaskBand as MaskBand
from localcat.models.band import MicrowaveBand as MicrowaveBand
from localcat.models.band import SpectralBand as SpectralBand
from localcat.models.belongs import NamedCatalogObject as NamedCatalogObject
from localcat.models.enums import AggregateDateField as AggregateDateField
from localcat.models.enums import BandType as BandType
from localcat.models.enums import Colormap as Colormap
from localcat.models.enums import DataType as DataType
from localcat.models.enums import DocumentState as DocumentState
from localcat.models.enums import DownloadFileFormat as DownloadFileFormat
from localcat.models.enums import ImageUploadEventSeverity as ImageUploadEventSeverity
from localcat.models.enums import ImageUploadEventType as ImageUploadEventType
from localcat.models.enums import ImageUploadStatus as ImageUploadStatus
from localcat.models.enums import ImageUploadType as ImageUploadType
from localcat.models.enums import Interval as Interval
from localcat.models.enums import OverviewResampler as OverviewResampler
from localcat.models.enums import ResampleAlgorithm as ResampleAlgorithm
from localcat.models.enums import ResolutionUnit as ResolutionUnit
from localcat.models.enums import StorageState as StorageState
from localcat.models.enums import TaskState as TaskState
from localcat.models.image import Image as Image
from localcat.models.object import CatalogObject as CatalogObject
from localcat.models.points import PointSeries as PointSeries
from localcat.models.points import PointValues as PointValues
from localcat.models.product import AuthCatalogObject as AuthCatalogObject
from localcat.models.product import DeletionTaskStatus as DeletionTaskStatus
from localcat.models.product import Product as Product
from localcat.models.requests import ImageUploadOptions as ImageUploadOptions
from localcat.models.upload import ImageUpload as ImageUpload
from localcat.models.upload import ImageUploadEvent as ImageUploadEvent
from localcat.search import GeoSearch as GeoSearch
from localcat.search import ImageSearch as ImageSearch
from localcat.search import ImageSummaryResult as ImageSummaryResult
from localcat.search import Search as Search
from localcat.search import SummaryResult as SummaryResult
from localcat.search import SummarySearchMixin as SummarySearchMixin

__version__: str
__all__ = [
    "AOI",
    "AggregateDateField",
    "AttributeValidationError",
    "AuthCatalogObject",
    "BadRequestError",
    "Band",
    "BandCollection",
    "BandType",
    "Catalog",
    "CatalogClient",
    "CatalogError",
    "CatalogExistsError",
    "CatalogLockedError",
    "CatalogNotFoundError",
    "CatalogObject",
    "ClassBand",
    "ClientError",
    "Collection",
    "Colormap",
    "CommitUnknownError",
    "ConflictError",
    "CorruptCatalogError",
    "CorruptImageError",
    "DLTile",
    "DataType",
    "DeletedObjectError",
    "DeletionTaskStatus",
    "DerivedParamsAttribute",
    "DocumentState",
    "DownloadError",
    "DownloadFileFormat",
    "DuplicateError",
    "Expression",
    "FailedImagesWarning",
    "File",
    "FileSystemWarning",
    "ForbiddenError",
    "GenericBand",
    "GeoContext",
    "GeoContextWarning",
    "GeoSearch",
    "GeometryWarning",
    "GoneError",
    "GridMismatchError",
    "Image",
    "ImageCollection",
    "ImageDeletedError",
    "ImageSearch",
    "ImageSummaryResult",
    "ImageUpload",
    "ImageUploadEvent",
    "ImageUploadEventSeverity",
    "ImageUploadEventType",
    "ImageUploadOptions",
    "ImageUploadStatus",
    "ImageUploadType",
    "Interval",
    "InvalidArrayError",
    "InvalidCRSError",
    "InvalidGeometryError",
    "LocalcatError",
    "LocalcatWarning",
    "MaskBand",
    "MicrowaveBand",
    "NamedCatalogObject",
    "NotFoundError",
    "OverviewResampler",
    "PointSeries",
    "PointValues",
    "ProcessingLevelWarning",
    "ProcessingLevelsAttribute",
    "ProcessingStepAttribute",
    "Product",
    "ProductCollection",
    "ProductNotFoundError",
    "Properties",
    "Property",
    "QueryError",
    "QueryTimeoutError",
    "RasterError",
    "RasterWarning",
    "ReadOnlyCatalogError",
    "ReadOnlyCatalogWarning",
    "ResampleAlgorithm",
    "Resolution",
    "ResolutionUnit",
    "Search",
    "ServerError",
    "SpectralBand",
    "StorageError",
    "StorageFullError",
    "StorageState",
    "SummaryResult",
    "SummarySearchMixin",
    "TaskState",
    "TooLargeError",
    "UnknownPropertyError",
    "UnsafePathError",
    "UnsavedObjectError",
    "UnsupportedCatalogError",
    "UntrustedCatalogError",
    "UploadError",
    "UploadOptionWarning",
    "ValidationError",
    "XYZTile",
    "default_catalog",
    "properties",
    "set_default_catalog",
]
