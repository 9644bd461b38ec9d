"""Products, bands, images and uploads: their attributes, states and rules."""
