-- Who made the last change of each row, what was deleted, and what objects were before they were changed: so that two
-- catalogs can be merged by what happened on either side, and a change be undone.

-- Those that write changes, here and in the catalogs that were merged: one for each program that changed something in
-- one copy of a file. A copy of this file has its changes, and makes the next ones under a name of its own.
CREATE TABLE replica (
    id       INTEGER PRIMARY KEY,
    uid      TEXT    NOT NULL UNIQUE,  -- random, hexadecimal
    counter  INTEGER NOT NULL          -- the last of its transactions whose changes this catalog has, or had
) STRICT;

-- The stamp of a row: whose change it was written by, and in the how-manyeth transaction of that one. NULL if it was
-- before version 5, or is not known.
ALTER TABLE product ADD COLUMN replica INTEGER;
ALTER TABLE product ADD COLUMN counter INTEGER;
ALTER TABLE band ADD COLUMN replica INTEGER;
ALTER TABLE band ADD COLUMN counter INTEGER;
ALTER TABLE image ADD COLUMN replica INTEGER CHECK (typeof(replica) IN ('integer', 'null'));
ALTER TABLE image ADD COLUMN counter INTEGER CHECK (typeof(counter) IN ('integer', 'null'));

-- Objects that were deleted, and not made again.
CREATE TABLE tombstone (
    id       INTEGER PRIMARY KEY,
    kind     TEXT    NOT NULL CHECK (kind IN ('product', 'band', 'image')),
    uid      TEXT    NOT NULL,
    deleted  INTEGER NOT NULL,  -- microseconds since 1970 in UTC
    version  INTEGER NOT NULL,  -- of the row that was deleted
    replica  INTEGER,           -- the stamp of the deletion
    counter  INTEGER,
    UNIQUE (kind, uid)
) STRICT;

-- One row for each change of an object that was there before, or comes back; none for a new object. No index: each
-- would cost a change one more page, and the size of all this is bounded.
CREATE TABLE history (
    id       INTEGER PRIMARY KEY,
    kind     TEXT    NOT NULL CHECK (kind IN ('product', 'band', 'image')),
    uid      TEXT    NOT NULL,
    what     TEXT    NOT NULL CHECK (what IN ('changed', 'deleted', 'restored')),
    at       INTEGER NOT NULL,  -- microseconds since 1970 in UTC
    by       TEXT,              -- the user of the system
    replica  INTEGER,           -- the stamp of the change: all that one transaction changed has the same
    counter  INTEGER,
    bytes    INTEGER NOT NULL,  -- of all states up to this one, also of those that were removed since
    state    TEXT               -- the row as it was before, as JSON; NULL if there was none
) STRICT;
-- Since when it is complete, in microseconds.
INSERT INTO meta VALUES ('history_since', CAST(strftime('%s', 'now') AS INTEGER) * 1000000);

-- Files in the data folder that only the history still needs.
CREATE TABLE kept_file (
    href        TEXT    PRIMARY KEY,
    until       INTEGER NOT NULL  -- microseconds since 1970 in UTC; then they are deleted
) STRICT, WITHOUT ROWID;

-- Questions whose answers are kept under a name, so that they can be given and compared again.
CREATE TABLE frozen (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE,
    frozen    INTEGER NOT NULL,  -- microseconds since 1970 in UTC
    question  TEXT    NOT NULL,  -- the conditions, words, order and limit of the search, as JSON
    cql2      TEXT               -- the conditions as CQL2 text; NULL if they have no such form
) STRICT;

-- The images of such an answer, as they were.
CREATE TABLE frozen_image (
    id          INTEGER PRIMARY KEY,
    frozen_id   INTEGER NOT NULL REFERENCES frozen (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,  -- from 0, in the order of the answer
    uid         TEXT    NOT NULL,
    row_hash    TEXT    NOT NULL,  -- sha256 of its attributes
    files_hash  TEXT    NOT NULL,  -- and of the sizes and sha256 of its files
    UNIQUE (frozen_id, position)
) STRICT;
