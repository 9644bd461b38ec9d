"""The exceptions under the module name that the original has; `localcat.errors` holds the whole tree.

Those that are defined here come from a network, a server or an account. Localcat never raises them; a program that
catches them runs.
"""

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
    "AuthError",
    "BadRequestError",
    "ClientError",
    "ConfigError",
    "ConflictError",
    "DeletedObjectError",
    "ForbiddenError",
    "GatewayTimeoutError",
    "GoneError",
    "MethodNotAllowedError",
    "NotFoundError",
    "OauthError",
    "ProxyAuthenticationRequiredError",
    "RateLimitError",
    "RequestCancellationError",
    "RetryWithError",
    "ServerError",
    "UnauthorizedError",
    "UnsavedObjectError",
    "ValidationError",
]


class AuthError(ClientError):
    """An account that could not be used; never raised here."""


class OauthError(AuthError):
    """An account whose login failed; never raised here."""


class ConfigError(ClientError):
    """Settings of a client that are wrong; never raised here."""


class UnauthorizedError(ClientError):
    """An account that is not known; never raised here."""

    status = 401


class MethodNotAllowedError(ClientError):
    """A call that a server does not know; never raised here."""

    status = 405


class ProxyAuthenticationRequiredError(ClientError):
    """A proxy that asks for an account; never raised here."""

    status = 407


class RateLimitError(ClientError):
    """More calls than a server allows; never raised here."""

    status = 429
    retry_after: float | None = None  # seconds


class RetryWithError(ClientError):
    """A call that a server asks to repeat; never raised here."""

    status = 449


class RequestCancellationError(ClientError):
    """A call that was given up; never raised here."""

    status = 499


class GatewayTimeoutError(ServerError):
    """A server that did not answer in time; never raised here."""

    status = 504
