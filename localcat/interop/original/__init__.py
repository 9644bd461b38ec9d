"""Metadata of the original's online catalog: the documents that its objects serialize to.

The original writes JSON:API documents, ``{"data": {"type": "image", "id": …, "attributes": {…}}}``, with one object or
a list of them in ``data`` and others in ``included``; and plain documents of attributes. `serialize` of our own objects
gives both, too. `documents` finds objects in whatever way they were saved, `attributes` says what of them an object
here can have, `taking_in` saves them. Ids, times and owners stay as they are; pixels are elsewhere, and files keep
their addresses.
"""
