"""Catalogs that meet and part."""
