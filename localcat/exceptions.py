"""The exceptions under the module name that the original has; `localcat.errors` holds the whole tree."""

from __future__ import annotations

from localcat.errors import (
    AttributeValidationError,
    BadRequestError,
    ClientError,
    ConflictError,
    DeletedObjectError,
    ForbiddenError,
    GoneError,
    NotFoundError,
    ServerError,
    UnsavedObjectError,
    ValidationError,
)

__all__ = [
    "AttributeValidationError",
    "BadRequestError",
    "ClientError",
    "ConflictError",
    "DeletedObjectError",
    "ForbiddenError",
    "GoneError",
    "NotFoundError",
    "ServerError",
    "UnsavedObjectError",
    "ValidationError",
]
