"""The page ``/``: a map and a list to look around in a catalog, and what its scripts ask the server."""
