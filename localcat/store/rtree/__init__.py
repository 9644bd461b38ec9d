"""The space-time index: written with the rows, asked by searches, read node by node."""
