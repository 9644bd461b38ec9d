"""Products: families of images that share bands."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, Unpack

from localcat.errors import (
    AttributeValidationError,
    BadRequestError,
    ConflictError,
    DeletedObjectError,
    ProductNotFoundError,
    UnsavedObjectError,
)
from localcat.expressions.properties import properties as p
from localcat.models.attributes.scalars import (
    Attribute,
    Boolean,
    Identifier,
    Number,
    Stored,
    Text,
    Timestamp,
    unstorable,
)
from localcat.models.attributes.structured import TextList
from localcat.models.attributes.values import Resolution, ResolutionAttribute
from localcat.models.backend import Backend, bands_of, chosen_catalog
from localcat.models.enums import BandType, TaskState
from localcat.models.object import CatalogObject, refuse_request_params
from localcat.store import rows, states
from localcat.timestamps import from_microseconds, now_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localcat.models.band import Band
    from localcat.models.image import Image
    from localcat.models.signatures import ProductAttributes, ProductValues
    from localcat.models.upload import ImageUpload
    from localcat.search import ImageSearch, Search
    from localcat.store.file.transaction import Transaction
    from localcat.store.rows import Row

_DELETED_AT_ONCE = 250  # images in the first transaction
_FEWEST_AT_ONCE, _MOST_AT_ONCE = 100, 2000
_WORK_SECONDS = 0.1  # that a transaction should take before its commit, on a busy machine too
_PAUSE = 0.02  # seconds between two of them; those who wait look every 1 to 10 milliseconds, on Windows up to 100
_OWNERS = ("user:", "org:")
_READERS = ("email:", "user:", "group:", "org:")


class AuthCatalogObject(CatalogObject, abstract=True):
    """An object with lists of who owns, reads and writes it; abstract.

    The lists are kept and answered from, not enforced: who can open the file can read it.
    """

    owners = TextList("Who owns it, as 'user:…' or 'org:…'.", filterable=True, prefixes=_OWNERS)
    readers = TextList("Who may read it, as 'user:…', 'org:…', 'group:…' or 'email:…'.", prefixes=_READERS)
    writers = TextList("Who may change it, as 'user:…', 'org:…', 'group:…' or 'email:…'.", prefixes=_READERS)

    def _prepare(self, transaction: Transaction) -> None:
        super()._prepare(transaction)
        if self.owners is None:
            self.owners = sorted(self._identities(), reverse=True)
        if self.readers is None:
            self.readers = []
        if self.writers is None:
            self.writers = []

    def _identities(self, auth: Any = None) -> set[str]:
        """Return under which names a user appears in the lists."""
        if auth is not None:
            names = getattr(auth, "all_acl_subjects", auth)
            if isinstance(names, str) or not isinstance(names, Iterable):
                raise BadRequestError(f"auth is a list such as ['user:ann'], or has all_acl_subjects, not {auth!r}")
            return set(names)
        catalog = self._catalog
        return {f"user:{catalog.user}", *([f"org:{catalog.org}"] if catalog.org else [])}

    def user_is_owner(self, auth: Any = None) -> bool:
        """Return whether a user is among the owners.

        Parameters
        ----------
        auth : iterable of str, optional
            The names by which the lists may call the user, such as ``["user:ann", "org:acme"]``, or an object that has
            them as ``all_acl_subjects``; the catalog's user when left out.
        """
        return not self._identities(auth).isdisjoint(self.owners or [])

    def user_can_write(self, auth: Any = None) -> bool:
        """Return whether a user is among the writers or the owners; `auth` as in `user_is_owner`."""
        return self.user_is_owner(auth) or not self._identities(auth).isdisjoint(self.writers or [])

    def user_can_read(self, auth: Any = None) -> bool:
        """Return whether a user is among the readers, the writers or the owners; `auth` as in `user_is_owner`."""
        return self.user_can_write(auth) or not self._identities(auth).isdisjoint(self.readers or [])


class DisplayBands(TextList):
    """The names of the bands to show: a grey or class band or three colours, and perhaps an alpha band after them."""

    def coerce(self, value: Any) -> list[str]:
        names = super().coerce(value)
        if not all(names):
            raise AttributeValidationError(f"{self.name} holds names of bands, not {names!r}")
        return names

    def require_count(self, count: int) -> None:
        if count > 4:
            raise AttributeValidationError(
                f"{self.name} has one band, one with alpha, three, or three with alpha, not {count}"
            )


class Product(AuthCatalogObject):
    """A family of images that share bands.

    Examples
    --------
    >>> import localcat
    >>> with localcat.Catalog.temporary(org="acme") as catalog:
    ...     product = localcat.Product(id="green", name="Greenness", catalog=catalog)
    ...     product.save()
    ...     product.id
    'acme:green'
    """

    table = "product"
    _last_deletion: DeletionTaskStatus

    _ordered = (
        ("start_datetime", "end_datetime"),
        ("revisit_period_minutes_min", "revisit_period_minutes_max"),
    )

    id = Identifier("The id, unique in the catalog.", immutable=True, filterable=True, sortable=True, required=True)
    name = Text("The name that people read.", longest=2000, sortable=True, required=True)
    description = Text("What it is, in up to 80,000 characters.", longest=80_000)
    is_core = Boolean("Whether it is one of the provider's core products.", filterable=True, sortable=True)
    revisit_period_minutes_min = Number(
        "Shortest time between images of a place; minutes.", filterable=True, sortable=True
    )
    revisit_period_minutes_max = Number(
        "Longest time between images of a place; minutes.", filterable=True, sortable=True
    )
    start_datetime = Timestamp("When its data begin; aware UTC.", filterable=True, sortable=True)
    end_datetime = Timestamp("When its data end; aware UTC.", filterable=True, sortable=True)
    resolution_min: Attribute[Resolution] = ResolutionAttribute(
        "The finest resolution of its bands.", filterable=True, sortable=True, readonly=True
    )
    resolution_max: Attribute[Resolution] = ResolutionAttribute(
        "The coarsest resolution of its bands.", filterable=True, sortable=True, readonly=True
    )
    default_display_bands = DisplayBands("Names of the bands to show: one, or three, and perhaps alpha after them.")
    image_index_name = Text("Kept for the original's sake.", filterable=True, sortable=True)
    product_tier = Text("Kept for the original's sake.", filterable=True, sortable=True)

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            catalog: Backend | None = None,
            client: Backend | None = None,
            **attributes: Unpack[ProductValues],
        ) -> None: ...

        def update(self, ignore_errors: bool = False, **attributes: Unpack[ProductValues]) -> None:  # type: ignore[override]
            """Set several attributes, all or none."""

        @classmethod
        def get_or_create(  # type: ignore[override]
            cls,
            id: str | None = None,
            client: Backend | None = None,
            request_params: Any = None,
            headers: Any = None,
            *,
            catalog: Backend | None = None,
            **attributes: Unpack[ProductAttributes],
        ) -> Self:
            """Return the object with an id, the attributes applied; or a new one with the id and the attributes."""

    @classmethod
    def namespace_id(cls, id_: str, client: Backend | None = None, *, catalog: Backend | None = None) -> str:
        """Return an id with the catalog's namespace before it; one that has it already stays as it is."""
        if not isinstance(id_, str):
            raise TypeError(f"an id is text, not {id_!r}")
        namespace = chosen_catalog(client if catalog is None else catalog).namespace
        return id_ if not namespace or id_.startswith(f"{namespace}:") else f"{namespace}:{id_}"

    def _prepare(self, transaction: Transaction) -> None:
        super()._prepare(transaction)
        if self.id and self._origin is None:
            self._values["id"] = self.namespace_id(self.id, catalog=self._catalog)

    def _write_changes(self, transaction: Transaction, current: Row, new: Mapping[str, Stored]) -> None:
        if "default_display_bands" in new:
            self._check_display_bands()
        super()._write_changes(transaction, current, new)

    def _check_display_bands(self) -> None:
        """Refuse two or four bands whose last is known not to be an alpha band; bands may still be missing."""
        names = self.default_display_bands or []
        last = self.get_band(names[-1]) if len(names) in (2, 4) else None
        if last is not None and not (last.type == BandType.MASK and getattr(last, "is_alpha", False)):
            raise BadRequestError(
                f"default_display_bands {names!r}: the last of two or four is an alpha band; '{last.name}' is not one"
            )

    # Relatives

    def named_id(self, name: str) -> str:
        """Return the id of a band or image of this product: ``"<product id>:<name>"``."""
        self._require_not_deleted()
        return f"{self.id}:{name}"

    def get_band(
        self, name: str, request_params: Any = None, headers: Any = None, *, client: Backend | None = None
    ) -> Band | None:
        """Return a band of this product by name, or None.

        Parameters
        ----------
        name : str
            Its name.
        request_params, headers
            Accepted for programs written for the original; parameters other than None are refused.
        client : Catalog, optional
            Where to look instead of the product's own catalog.
        """
        self._require_saved(request_params)
        return None if _is_no_name(name) else self._in(client).bands.filter(p.id == self.named_id(name)).first()

    def get_image(
        self, name: str, request_params: Any = None, headers: Any = None, *, client: Backend | None = None
    ) -> Image | None:
        """Return an image of this product by name, or None; the arguments are those of `get_band`."""
        self._require_saved(request_params)
        return None if _is_no_name(name) else self._in(client).images.filter(p.id == self.named_id(name)).first()

    def bands(self, request_params: Any = None, headers: Any = None, *, client: Backend | None = None) -> Search[Band]:
        """Return a search for the bands of this product, sorted by `sort_order`; the arguments as in `get_band`."""
        self._require_saved(request_params)
        return bands_of(self._in(client), str(self.id))

    def images(self, request_params: Any = None, headers: Any = None, *, client: Backend | None = None) -> ImageSearch:
        """Return a search for the images of this product; the arguments as in `get_band`."""
        self._require_saved(request_params)
        return self._in(client).images.filter(p.product_id == self.id)

    def image_uploads(self, *, client: Backend | None = None) -> Search[ImageUpload]:
        """Return a search for the uploads into this product; `client` as in `get_band`."""
        self._require_saved()
        return self._in(client).image_uploads.filter(p.product_id == self.id)

    def _in(self, client: Backend | None) -> Backend:
        return self._catalog if client is None else chosen_catalog(client)

    def update_related_objects_permissions(
        self,
        owners: Sequence[str] | None = None,
        readers: Sequence[str] | None = None,
        writers: Sequence[str] | None = None,
        inherit: bool = False,
        request_params: Any = None,
        headers: Any = None,
    ) -> None:
        """Do nothing: bands and images have no lists of their own, those of the product count.

        Kept for programs that were written for version 1 of the original, and returns None as that does where there is
        nothing to do.
        """
        self._require_saved(request_params)

    def _require_saved(self, request_params: Any = None) -> None:
        refuse_request_params(request_params)
        self._require_not_deleted()
        if self._row is None:
            raise UnsavedObjectError(f"product '{self.id}' was never saved; save it first")

    # Deleting

    def _delete_row(self, transaction: Transaction) -> Mapping[str, Any] | None:
        row_id = rows.product_row_id(transaction.connection, str(self.id))
        bands, images = (0, 0) if row_id is None else rows.count_of_product(transaction.connection, row_id)
        if bands or images:
            raise ConflictError(
                f"product '{self.id}' still has {bands} bands and {images} images; call delete_related_objects() first"
            )
        return super()._delete_row(transaction)

    def delete_related_objects(self, request_params: Any = None, headers: Any = None) -> DeletionTaskStatus | None:
        """Delete all bands and images of this product, with their files.

        Up to 250 images, and inside ``catalog.transaction()`` all, are deleted in one step. More are deleted some
        at a time, as many as take a tenth of a second, so that other threads and programs go on reading and writing in
        between: they see fewer and fewer images of the product, and all of its bands until the last image is gone. If
        the process is killed or interrupted on the way, the images that are left are whole, and another call goes on.

        Returns
        -------
        DeletionTaskStatus or None
            The finished task; None if there was nothing to delete.

        Raises
        ------
        DeletedObjectError
            If the product itself was deleted from the catalog.
        """
        self._require_saved(request_params)
        started = now_microseconds()
        at_once = None if self._catalog.database.in_transaction else _DELETED_AT_ONCE
        deleted, is_last = 0, False
        while not is_last:
            if deleted:
                time.sleep(_PAUSE)  # the turn of whoever waits to write
            count, is_last, seconds = self._delete_related(at_once)
            at_once = None if at_once is None else _next_portion(at_once, seconds)
            deleted += count
        if not deleted:
            return None
        self._last_deletion = DeletionTaskStatus(
            id=str(self.id),
            status=TaskState.SUCCEEDED,
            start_datetime=from_microseconds(started),
            duration_in_seconds=(now_microseconds() - started) / 1e6,
            objects_deleted=deleted,
        )
        return self._last_deletion

    def _delete_related(self, at_once: int | None) -> tuple[int, bool, float]:
        """Delete images, at most so many, and with the last of them the bands.

        Returns
        -------
        tuple
            How many objects; whether these were the last; and how many seconds it took, without the commit.
        """
        with self._catalog.database.write() as transaction:
            begin = time.monotonic()
            transaction.about = self._named()
            connection = transaction.connection
            transaction.on_rollback.append(self._undo())
            before = self.__dict__.get("_last_deletion")
            transaction.on_rollback.append(lambda: self.__dict__.update(_last_deletion=before))
            row_id = rows.product_row_id(connection, str(self.id))
            if row_id is None:
                self._is_deleted = True
            else:
                images = rows.images_of_product(connection, row_id, at_once)
                is_last = at_once is None or len(images) < at_once
                bands = rows.bands_of_product(connection, row_id) if is_last else []
                hrefs = rows.discard_files(connection, images)
                portion = states.IS_LAST if is_last else states.GOES_ON
                rows.delete(connection, "image", images, portion=portion)
                rows.delete(connection, "band", bands, portion=portion)
                if is_last:
                    rows.refresh_resolutions(connection, row_id)
                transaction.on_commit.append(lambda: self._catalog.file.delete_files(hrefs))
            seconds = time.monotonic() - begin
        if row_id is None:
            raise DeletedObjectError(f"product '{self.id}' was deleted from the catalog")
        return len(images) + len(bands), is_last, seconds

    def get_delete_status(self, request_params: Any = None, headers: Any = None) -> DeletionTaskStatus:
        """Return the task of this Python object's last `delete_related_objects`; a state of NONE if there was none.

        The task has ended when that call returns, so nothing of it is kept in the catalog for other programs.
        """
        self._require_saved(request_params)
        status: DeletionTaskStatus | None = self.__dict__.get("_last_deletion")
        return status or DeletionTaskStatus(id=str(self.id), status=TaskState.NEVERRAN)


def _next_portion(at_once: int, seconds: float) -> int:
    """Return how many images to delete next, if so many took so long; no more than twice as many."""
    fitting = round(at_once * _WORK_SECONDS / max(seconds, _WORK_SECONDS / 2))
    return max(_FEWEST_AT_ONCE, min(fitting, _MOST_AT_ONCE))


@dataclass(slots=True)
class DeletionTaskStatus:
    """A task that deleted bands and images; always finished, since it runs in the call that starts it.

    Parameters
    ----------
    id : str
        The product's.
    status : TaskState
        How it ended.
    start_datetime : datetime, optional
        When it began; aware UTC.
    duration_in_seconds : float, optional
        How long it took.
    objects_deleted : int, optional
        Bands and images together.
    errors : list of str
        What went wrong.
    """

    id: str
    status: TaskState
    start_datetime: datetime | None = None
    duration_in_seconds: float | None = None
    objects_deleted: int | None = None
    errors: list[str] = field(default_factory=list)

    def reload(self) -> None:
        """Do nothing: the task is finished."""

    def wait_for_completion(self, timeout: float | None = None) -> None:
        """Return at once: the task is finished.

        Raises
        ------
        TimeoutError
            If the task is still running after `timeout` seconds, which cannot happen here.
        """
        if self.status is TaskState.RUNNING:
            raise TimeoutError(f"the deletion in product '{self.id}' is still running")

    def __repr__(self) -> str:
        lines = [f"{self.id} delete task status: {self.status.value}"]
        if self.start_datetime is not None:
            lines.append(f"  - started: {self.start_datetime.isoformat(sep=' ', timespec='seconds')}")
        if self.duration_in_seconds is not None:
            lines.append(f"  - took {self.duration_in_seconds:,.4f} seconds")
        if self.objects_deleted is not None:
            lines.append(f"  - {self.objects_deleted:,} objects deleted")
        if self.errors:
            lines += [f"  - {len(self.errors):,} errors:", *(f"    - {error}" for error in self.errors)]
        return "\n".join(lines)


def _is_no_name(name: str) -> bool:
    """Return whether no band or image can have such a name, not even one from elsewhere."""
    if not isinstance(name, str):
        raise TypeError(f"a name is text, not {name!r}")
    return unstorable(name) is not None


def saved_product(catalog: Backend, product: Product | str) -> Product:
    """Return a product as it is saved in a catalog, whatever the caller's object holds.

    Raises
    ------
    ProductNotFoundError
        If it is not there.
    """
    uid = str(product.id) if isinstance(product, Product) else product
    found = Product.get(uid, catalog=catalog)
    if found is None:
        raise ProductNotFoundError(f"there is no product '{uid}' in the catalog; save it first")
    return found
