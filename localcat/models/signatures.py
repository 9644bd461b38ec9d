"""What the constructors take by name, for type checkers and editors.

Written by `python -m tests.signatures` from the declarations of the attributes; do not edit.
"""

from __future__ import annotations

from typing import TypedDict

from localcat.models.attributes.given import (
    Colors,
    Entries,
    Moment,
    Numbers,
    NumbersByBand,
    Outline,
    Real,
    Texts,
    TextsOrNone,
    Whole,
)
from localcat.models.attributes.processing import Derivation, Levels
from localcat.models.attributes.values import Files, PixelSize
from localcat.models.product import Product


class ProductAttributes(TypedDict, total=False):
    """What a `Product` is made of, but for its id."""

    extra_properties: Entries | None
    tags: Texts | None
    owners: Texts | None
    readers: Texts | None
    writers: Texts | None
    name: str | None
    description: str | None
    is_core: bool | None
    revisit_period_minutes_min: Real | None
    revisit_period_minutes_max: Real | None
    start_datetime: Moment | None
    end_datetime: Moment | None
    default_display_bands: Texts | None
    image_index_name: str | None
    product_tier: str | None


class ProductValues(ProductAttributes, total=False):
    """What a `Product` is made of."""

    id: str | None


class SpectralBandAttributes(TypedDict, total=False):
    """What a `SpectralBand` is made of, but for its id."""

    extra_properties: Entries | None
    tags: Texts | None
    product_id: str | None
    name: str | None
    description: str | None
    sort_order: Whole | None
    vendor_order: Whole | None
    data_type: str | None
    nodata: Real | None
    data_range: Numbers | None
    display_range: Numbers | None
    resolution: PixelSize | None
    band_index: Whole | None
    file_index: Whole | None
    jpx_layer_index: Whole | None
    vendor_band_name: str | None
    processing_levels: Levels | None
    derived_params: Derivation | None
    wavelength_nm_center: Real | None
    wavelength_nm_min: Real | None
    wavelength_nm_max: Real | None
    wavelength_nm_fwhm: Real | None
    physical_range: Numbers | None
    physical_range_unit: str | None
    product: Product | None


class SpectralBandValues(SpectralBandAttributes, total=False):
    """What a `SpectralBand` is made of."""

    id: str | None


class MicrowaveBandAttributes(TypedDict, total=False):
    """What a `MicrowaveBand` is made of, but for its id."""

    extra_properties: Entries | None
    tags: Texts | None
    product_id: str | None
    name: str | None
    description: str | None
    sort_order: Whole | None
    vendor_order: Whole | None
    data_type: str | None
    nodata: Real | None
    data_range: Numbers | None
    display_range: Numbers | None
    resolution: PixelSize | None
    band_index: Whole | None
    file_index: Whole | None
    jpx_layer_index: Whole | None
    vendor_band_name: str | None
    processing_levels: Levels | None
    derived_params: Derivation | None
    frequency: Real | None
    bandwidth: Real | None
    physical_range: Numbers | None
    physical_range_unit: str | None
    product: Product | None


class MicrowaveBandValues(MicrowaveBandAttributes, total=False):
    """What a `MicrowaveBand` is made of."""

    id: str | None


class MaskBandAttributes(TypedDict, total=False):
    """What a `MaskBand` is made of, but for its id."""

    extra_properties: Entries | None
    tags: Texts | None
    product_id: str | None
    name: str | None
    description: str | None
    sort_order: Whole | None
    vendor_order: Whole | None
    data_type: str | None
    nodata: Real | None
    data_range: Numbers | None
    display_range: Numbers | None
    resolution: PixelSize | None
    band_index: Whole | None
    file_index: Whole | None
    jpx_layer_index: Whole | None
    vendor_band_name: str | None
    processing_levels: Levels | None
    derived_params: Derivation | None
    is_alpha: bool | None
    product: Product | None


class MaskBandValues(MaskBandAttributes, total=False):
    """What a `MaskBand` is made of."""

    id: str | None


class ClassBandAttributes(TypedDict, total=False):
    """What a `ClassBand` is made of, but for its id."""

    extra_properties: Entries | None
    tags: Texts | None
    product_id: str | None
    name: str | None
    description: str | None
    sort_order: Whole | None
    vendor_order: Whole | None
    data_type: str | None
    nodata: Real | None
    data_range: Numbers | None
    display_range: Numbers | None
    resolution: PixelSize | None
    band_index: Whole | None
    file_index: Whole | None
    jpx_layer_index: Whole | None
    vendor_band_name: str | None
    processing_levels: Levels | None
    derived_params: Derivation | None
    colormap_name: str | None
    colormap: Colors | None
    class_labels: TextsOrNone | None
    product: Product | None


class ClassBandValues(ClassBandAttributes, total=False):
    """What a `ClassBand` is made of."""

    id: str | None


class GenericBandAttributes(TypedDict, total=False):
    """What a `GenericBand` is made of, but for its id."""

    extra_properties: Entries | None
    tags: Texts | None
    product_id: str | None
    name: str | None
    description: str | None
    sort_order: Whole | None
    vendor_order: Whole | None
    data_type: str | None
    nodata: Real | None
    data_range: Numbers | None
    display_range: Numbers | None
    resolution: PixelSize | None
    band_index: Whole | None
    file_index: Whole | None
    jpx_layer_index: Whole | None
    vendor_band_name: str | None
    processing_levels: Levels | None
    derived_params: Derivation | None
    colormap_name: str | None
    colormap: Colors | None
    physical_range: Numbers | None
    physical_range_unit: str | None
    product: Product | None


class GenericBandValues(GenericBandAttributes, total=False):
    """What a `GenericBand` is made of."""

    id: str | None


class ImageAttributes(TypedDict, total=False):
    """What a `Image` is made of, but for its id."""

    extra_properties: Entries | None
    tags: Texts | None
    product_id: str | None
    name: str | None
    geometry: Outline | None
    cs_code: str | None
    projection: str | None
    geotrans: Numbers | None
    x_pixels: Whole | None
    y_pixels: Whole | None
    acquired: Moment | None
    acquired_end: Moment | None
    published: Moment | None
    storage_state: str | None
    files: Files | None
    area: Real | None
    azimuth_angle: Real | None
    bits_per_pixel: NumbersByBand | None
    bright_fraction: Real | None
    brightness_temperature_k1_k2: NumbersByBand | None
    c6s_dlsr: NumbersByBand | None
    cloud_fraction: Real | None
    alt_cloud_fraction: Real | None
    confidence_dlsr: Real | None
    fill_fraction: Real | None
    incidence_angle: Real | None
    roll_angle: Real | None
    solar_azimuth_angle: Real | None
    solar_elevation_angle: Real | None
    view_angle: Real | None
    radiance_gain_bias: NumbersByBand | None
    reflectance_gain_bias: NumbersByBand | None
    reflectance_scale: NumbersByBand | None
    temperature_gain_bias: NumbersByBand | None
    processing_pipeline_id: str | None
    provider_id: str | None
    satellite_id: str | None
    provider_url: str | None
    preview_url: str | None
    preview_file: str | None
    product: Product | None


class ImageValues(ImageAttributes, total=False):
    """What a `Image` is made of."""

    id: str | None
