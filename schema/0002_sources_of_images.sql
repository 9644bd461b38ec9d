-- Where ingest found the files of an image, and what they were like: so that it knows them again without reading them.
-- Files indexed in place have no path here, since their row in image_file has it, and relocating changes it there.

CREATE TABLE image_source (
    image_id     INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL,  -- that of the file in image_file
    path         TEXT,              -- of a file that was copied: absolute, or relative to the catalog's folder
    size_bytes   INTEGER NOT NULL,
    modified_ns  INTEGER NOT NULL,  -- when it was last changed, in nanoseconds since 1970
    hash         TEXT    NOT NULL,  -- sha256, hexadecimal
    PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_source_by_path ON image_source (path) WHERE path IS NOT NULL;
