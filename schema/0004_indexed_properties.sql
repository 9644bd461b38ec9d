-- An index of values inside the extra_properties of images, for the keys that were chosen: a search by one of them then
-- reads what it finds, and not the JSON of every image.

CREATE TABLE property_key (
    id    INTEGER PRIMARY KEY,
    path  TEXT    NOT NULL UNIQUE CHECK (substr(path, 1, 1) = '[')  -- the keys to the value, one a level, as JSON
) STRICT;

-- No row for null, which is unset as a key that is not there. Lists and objects have no value here.
CREATE TABLE image_property (
    image_id  INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    key_id    INTEGER NOT NULL REFERENCES property_key (id) ON DELETE CASCADE,
    type      TEXT    NOT NULL CHECK (type IN ('text', 'integer', 'real', 'true', 'false', 'array', 'object')),
    value     ANY,
    PRIMARY KEY (image_id, key_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_property_by_value ON image_property (key_id, type, value);
