"""An ingest from its sources to its report: files are listed, scenes planned, and taken in."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from localcat.errors import ReadOnlyCatalogError
from localcat.models.product import Product, saved_product
from localcat.progress import shown
from localcat.writing.ingest.facts import Items, metadata_among
from localcat.writing.ingest.known import KnownImages
from localcat.writing.ingest.outcome import IngestReport
from localcat.writing.ingest.planning import Planner
from localcat.writing.ingest.products import Products
from localcat.writing.ingest.results import Results
from localcat.writing.ingest.returning import Returning
from localcat.writing.ingest.settings import IngestOptions
from localcat.writing.ingest.sources.library import chosen_recipes
from localcat.writing.ingest.sources.listing import PassedOver, list_files
from localcat.writing.ingest.sources.scenes import Scene, group_scenes, single_file_scenes
from localcat.writing.ingest.taking import Taker

if TYPE_CHECKING:
    from localcat.models.backend import Backend
    from localcat.writing.ingest.content.sidecars import ItemReader


def ingest(
    backend: Backend, sources: Any, options: IngestOptions, *, read_item: ItemReader | None = None
) -> IngestReport:
    """Take files in as images of products; `Catalog.ingest` says how."""
    catalog = backend.file
    if backend.database.read_only and not options.dry_run:
        raise ReadOnlyCatalogError(f"catalog '{catalog.path}' is open for reading only; open it without read_only=True")
    recipes = chosen_recipes(options.recipe)
    product = None if options.product is None else saved_product(backend, options.product)
    products, known, items, results = Products(backend), KnownImages(catalog), Items(read_item), Results()
    if product is not None:
        products.require_bands(product)
    own = (catalog.path, catalog.data_folder.path)
    listing = list_files(sources, follow_links=options.follow_links, own=own)
    grouped, unknown = group_scenes(listing.files, recipes, listing.unfinished)
    results.passed_over += listing.passed_over + unknown
    scenes = [one for scene in grouped for one in _fitting(scene, product, products)]
    pending = Returning(backend, known, products, product, dry_run=options.dry_run).pending(scenes, results)
    planner = Planner(options, product, products, known, items, results)
    would_be = set[str]()
    with ThreadPoolExecutor(options.threads) as pool:
        plans = planner.plans(pending, pool)
        if options.dry_run:
            for plan in plans:
                results.put(plan.position, plan.item("replaced" if plan.replaces else "added"))
                would_be.add(plan.target.product_id)
        else:
            bar = shown(plans, "ingesting scenes", "scenes", options.progress, total=len(pending))
            Taker(backend, options, products, results).take_in(bar, pool)
    gone = known.gone(listing.folders, None if product is None else str(product.id))
    return IngestReport(
        items=results.items(gone),
        passed_over=_without_metadata(results.passed_over, scenes, items),
        products=[
            target.described()
            for target in products.targets.values()
            if target.new is None or target.product_id in would_be  # else no scene comes in, and there is no product
        ],
        dry_run=options.dry_run,
    )


def _fitting(scene: Scene, product: Product | None, products: Products) -> list[Scene]:
    """Return a scene as it fits the product that was given: whole, or each file by itself."""
    if product is None or scene.is_one_file or products.given(product, scene).knows_layers(scene.kind):
        return [scene]
    return single_file_scenes(scene)


def _without_metadata(passed_over: list[PassedOver], scenes: Sequence[Scene], items: Items) -> list[PassedOver]:
    """Return what was passed over without the metadata of scenes, whatever became of these."""
    metadata = metadata_among((one.path for one in passed_over if one.reason == "foreign"), scenes, items)
    return [one for one in passed_over if one.path not in metadata]
