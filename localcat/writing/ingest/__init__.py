"""Folders of files as images: recipes, scenes, products, and the work itself."""
