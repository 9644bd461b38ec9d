"""Pixels on disk: arrays to Cloud-Optimized GeoTIFFs and back. Knows neither SQLite nor models."""
