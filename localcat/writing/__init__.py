"""Bringing pixels into a catalog, in the call or in the background: files first, row last."""
