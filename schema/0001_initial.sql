-- The first schema: products, bands, images and uploads, their search indexes, and the GeoPackage frame around them.
-- A catalog is also a GeoPackage 1.3, so that other programs open its footprints (OGC 12-128r17).
-- No JSON functions in here: under trusted_schema = OFF, SQLite 3.40 refuses them in a schema.

PRAGMA application_id = 1196444487;  -- 'GPKG'
PRAGMA user_version = 10300;         -- GeoPackage 1.3; localcat's own version is in the table meta

CREATE TABLE meta (
    key    TEXT PRIMARY KEY,
    value  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE product (
    id                          INTEGER PRIMARY KEY AUTOINCREMENT,
    version                     INTEGER NOT NULL DEFAULT 1,  -- counts the updates of this row
    uid                         TEXT    NOT NULL UNIQUE,     -- the public id
    name                        TEXT    NOT NULL,
    description                 TEXT,
    is_core                     INTEGER CHECK (is_core IN (0, 1)),
    revisit_period_minutes_min  REAL,
    revisit_period_minutes_max  REAL,
    start_datetime              INTEGER,  -- microseconds since 1970 in UTC, as every time below
    end_datetime                INTEGER,
    resolution_min              TEXT    CHECK (substr(resolution_min, -7) IN (' meters', 'degrees')),
    resolution_max              TEXT    CHECK (substr(resolution_max, -7) IN (' meters', 'degrees')),
    default_display_bands       TEXT    CHECK (substr(default_display_bands, 1, 1) = '['),
    image_index_name            TEXT,
    product_tier                TEXT,
    owners                      TEXT    CHECK (substr(owners, 1, 1) = '['),
    readers                     TEXT    CHECK (substr(readers, 1, 1) = '['),
    writers                     TEXT    CHECK (substr(writers, 1, 1) = '['),
    tags                        TEXT    CHECK (substr(tags, 1, 1) = '['),
    extra_properties            TEXT    CHECK (substr(extra_properties, 1, 1) = '{'),
    created                     INTEGER NOT NULL,
    modified                    INTEGER NOT NULL,
    -- resolutions in metres, so that metres and degrees compare; 111,111 m to the degree
    resolution_min_metres       REAL GENERATED ALWAYS AS (
        CAST(resolution_min AS REAL) * CASE substr(resolution_min, -7) WHEN 'degrees' THEN 111111.0 ELSE 1.0 END
    ) VIRTUAL,
    resolution_max_metres       REAL GENERATED ALWAYS AS (
        CAST(resolution_max AS REAL) * CASE substr(resolution_max, -7) WHEN 'degrees' THEN 111111.0 ELSE 1.0 END
    ) VIRTUAL
) STRICT;

CREATE TABLE band (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    version               INTEGER NOT NULL DEFAULT 1,
    uid                   TEXT    NOT NULL UNIQUE,
    product_id            INTEGER NOT NULL REFERENCES product (id) ON DELETE RESTRICT,
    name                  TEXT    NOT NULL,
    type                  TEXT    NOT NULL CHECK (type IN ('class', 'spectral', 'mask', 'microwave', 'generic')),
    description           TEXT,
    sort_order            INTEGER,
    vendor_order          INTEGER,
    data_type             TEXT,
    nodata                ANY,      -- a number, or the text 'nan', since SQLite stores NaN as NULL
    data_range            TEXT CHECK (substr(data_range, 1, 1) = '['),
    display_range         TEXT CHECK (substr(display_range, 1, 1) = '['),
    resolution            TEXT CHECK (substr(resolution, -7) IN (' meters', 'degrees')),
    band_index            INTEGER,
    file_index            INTEGER,
    jpx_layer_index       INTEGER,
    vendor_band_name      TEXT,
    processing_levels     TEXT CHECK (substr(processing_levels, 1, 1) = '{'),
    derived_params        TEXT CHECK (substr(derived_params, 1, 1) = '{'),
    wavelength_nm_center  REAL,
    wavelength_nm_min     REAL,
    wavelength_nm_max     REAL,
    wavelength_nm_fwhm    REAL,
    frequency             REAL,     -- GHz
    bandwidth             REAL,     -- MHz
    physical_range        TEXT CHECK (substr(physical_range, 1, 1) = '['),
    physical_range_unit   TEXT,
    is_alpha              INTEGER CHECK (is_alpha IN (0, 1)),
    colormap_name         TEXT,
    colormap              TEXT CHECK (substr(colormap, 1, 1) = '['),
    class_labels          TEXT CHECK (substr(class_labels, 1, 1) = '['),
    tags                  TEXT CHECK (substr(tags, 1, 1) = '['),
    extra_properties      TEXT CHECK (substr(extra_properties, 1, 1) = '{'),
    created               INTEGER NOT NULL,
    modified              INTEGER NOT NULL,
    resolution_metres     REAL GENERATED ALWAYS AS (
        CAST(resolution AS REAL) * CASE substr(resolution, -7) WHEN 'degrees' THEN 111111.0 ELSE 1.0 END
    ) VIRTUAL,
    UNIQUE (product_id, name)
) STRICT;

-- Not STRICT, because the two generated columns at its end need the type names that GeoPackage readers look for;
-- the checks on typeof stand in.
CREATE TABLE image (
    id                         INTEGER PRIMARY KEY AUTOINCREMENT,
    version                    INTEGER NOT NULL DEFAULT 1 CHECK (typeof(version) = 'integer'),
    uid                        TEXT    NOT NULL UNIQUE CHECK (typeof(uid) = 'text'),
    product_id                 INTEGER NOT NULL REFERENCES product (id) ON DELETE RESTRICT,
    name                       TEXT    NOT NULL CHECK (typeof(name) = 'text'),
    acquired                   INTEGER CHECK (typeof(acquired) IN ('integer', 'null')),
    acquired_end               INTEGER CHECK (typeof(acquired_end) IN ('integer', 'null')),
    published                  INTEGER CHECK (typeof(published) IN ('integer', 'null')),
    created                    INTEGER NOT NULL CHECK (typeof(created) = 'integer'),
    modified                   INTEGER NOT NULL CHECK (typeof(modified) = 'integer'),
    storage_state              TEXT,
    size_bytes                 INTEGER NOT NULL DEFAULT 0 CHECK (typeof(size_bytes) = 'integer'),  -- of all its files
    cloud_fraction             REAL,
    alt_cloud_fraction         REAL,
    area                       REAL,     -- square kilometres
    azimuth_angle              REAL,     -- degrees, as all angles
    bright_fraction            REAL,
    confidence_dlsr            REAL,
    fill_fraction              REAL,
    incidence_angle            REAL,
    roll_angle                 REAL,
    solar_azimuth_angle        REAL,
    solar_elevation_angle      REAL,
    view_angle                 REAL,
    reflectance_scale          TEXT CHECK (substr(reflectance_scale, 1, 1) = '['),
    processing_pipeline_id     TEXT,
    provider_id                TEXT,
    satellite_id               TEXT,
    cs_code                    TEXT,
    projection                 TEXT,
    geotrans                   TEXT CHECK (substr(geotrans, 1, 1) = '['),
    x_pixels                   INTEGER,
    y_pixels                   INTEGER,
    bits_per_pixel             TEXT CHECK (substr(bits_per_pixel, 1, 1) = '['),
    brightness_temperature_k1_k2  TEXT CHECK (substr(brightness_temperature_k1_k2, 1, 1) = '['),
    c6s_dlsr                   TEXT CHECK (substr(c6s_dlsr, 1, 1) = '['),
    radiance_gain_bias         TEXT CHECK (substr(radiance_gain_bias, 1, 1) = '['),
    reflectance_gain_bias      TEXT CHECK (substr(reflectance_gain_bias, 1, 1) = '['),
    temperature_gain_bias      TEXT CHECK (substr(temperature_gain_bias, 1, 1) = '['),
    provider_url               TEXT,
    preview_url                TEXT,
    preview_file               TEXT,
    tags                       TEXT CHECK (substr(tags, 1, 1) = '['),
    extra_properties           TEXT CHECK (substr(extra_properties, 1, 1) = '{'),
    geometry                   BLOB CHECK (typeof(geometry) IN ('blob', 'null')),  -- WKB, EPSG:4326
    acquired_utc               DATETIME GENERATED ALWAYS AS (
        strftime('%Y-%m-%dT%H:%M:%fZ', acquired / 1e6, 'unixepoch')
    ) VIRTUAL,
    footprint                  GEOMETRY GENERATED ALWAYS AS (
        CASE WHEN geometry IS NOT NULL THEN CAST(x'47500001E6100000' || geometry AS BLOB) END
    ) VIRTUAL,
    UNIQUE (product_id, name)
);

-- Covers count, summary and intervals of a product; also finds the newest and the oldest.
CREATE INDEX image_by_time ON image (product_id, acquired, cloud_fraction, size_bytes);
-- For searches that also match images without a footprint.
CREATE INDEX image_without_footprint ON image (product_id) WHERE geometry IS NULL;

-- The space-time index. Time is in units of 1/30 year since 1970: with steps of that size the tree splits along time
-- as readily as along degrees. A footprint across the antimeridian has max_lon > 180; one that is unset has no row.
CREATE VIRTUAL TABLE image_index USING rtree (
    id, min_lon, max_lon, min_lat, max_lat, min_time, max_time
);

CREATE TABLE image_tag (
    tag       TEXT    NOT NULL,
    image_id  INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, image_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_tag_by_image ON image_tag (image_id);

CREATE TABLE image_file (
    id             INTEGER PRIMARY KEY,
    image_id       INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    position       INTEGER NOT NULL,  -- what a band's file_index counts
    owned          INTEGER NOT NULL CHECK (owned IN (0, 1)),  -- 1: ours, in the data folder; 0: indexed in place or remote
    href           TEXT,              -- owned: POSIX path relative to the data folder
    size_bytes     INTEGER,
    hash           TEXT,              -- sha256, hexadecimal
    provider_id    TEXT,
    provider_href  TEXT,
    UNIQUE (image_id, position),
    CHECK (owned = 0 OR (href IS NOT NULL AND size_bytes IS NOT NULL AND hash IS NOT NULL))
) STRICT;
CREATE INDEX image_file_by_href ON image_file (href);

-- Paths of owned files that no row refers to any more; they are unlinked after the commit that put them here.
CREATE TABLE trash (
    href  TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE upload (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    version               INTEGER NOT NULL DEFAULT 1,
    uid                   TEXT    NOT NULL UNIQUE,
    product_id            TEXT    NOT NULL,  -- public ids, since an upload outlives what it uploaded
    image_id              TEXT    NOT NULL,
    user                  TEXT,
    status                TEXT    NOT NULL,
    image_upload_options  TEXT    CHECK (substr(image_upload_options, 1, 1) = '{'),
    resumable_urls        TEXT    CHECK (substr(resumable_urls, 1, 1) = '['),
    created               INTEGER NOT NULL,
    modified              INTEGER NOT NULL
) STRICT;
CREATE INDEX upload_by_image ON upload (product_id, image_id);

CREATE TABLE upload_event (
    id              INTEGER PRIMARY KEY,
    upload_id       INTEGER NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    event_datetime  INTEGER NOT NULL,
    component       TEXT    NOT NULL,
    component_id    TEXT    NOT NULL,
    event_type      TEXT    NOT NULL,
    severity        TEXT    NOT NULL,
    message         TEXT    NOT NULL
) STRICT;
CREATE INDEX upload_event_by_upload ON upload_event (upload_id, id);

-- Full-text indexes; the text itself stays in the tables above.
CREATE VIRTUAL TABLE product_text USING fts5 (
    name, description, tags, content = 'product', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE band_text USING fts5 (
    name, description, tags, content = 'band', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE image_text USING fts5 (
    name, tags, content = 'image', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

-- The GeoPackage frame.
CREATE TABLE gpkg_spatial_ref_sys (
    srs_name                  TEXT    NOT NULL,
    srs_id                    INTEGER NOT NULL PRIMARY KEY,
    organization              TEXT    NOT NULL,
    organization_coordsys_id  INTEGER NOT NULL,
    definition                TEXT    NOT NULL,
    description               TEXT
);
INSERT INTO gpkg_spatial_ref_sys VALUES
    ('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', 'undefined cartesian coordinate reference system'),
    ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', 'undefined geographic coordinate reference system'),
    (
        'WGS 84 geodetic', 4326, 'EPSG', 4326,
        'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
        || 'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],'
        || 'UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],'
        || 'AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]',
        'longitude and latitude in degrees on the WGS 84 ellipsoid'
    );

CREATE TABLE gpkg_contents (
    table_name   TEXT     NOT NULL PRIMARY KEY,
    data_type    TEXT     NOT NULL,
    identifier   TEXT     UNIQUE,
    description  TEXT     DEFAULT '',
    last_change  DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    min_x        DOUBLE,
    min_y        DOUBLE,
    max_x        DOUBLE,
    max_y        DOUBLE,
    srs_id       INTEGER REFERENCES gpkg_spatial_ref_sys (srs_id)
);

CREATE TABLE gpkg_geometry_columns (
    table_name          TEXT    NOT NULL UNIQUE REFERENCES gpkg_contents (table_name),
    column_name         TEXT    NOT NULL,
    geometry_type_name  TEXT    NOT NULL,
    srs_id              INTEGER NOT NULL REFERENCES gpkg_spatial_ref_sys (srs_id),
    z                   TINYINT NOT NULL,
    m                   TINYINT NOT NULL,
    PRIMARY KEY (table_name, column_name)
);

CREATE TABLE gpkg_extensions (
    table_name      TEXT,
    column_name     TEXT,
    extension_name  TEXT NOT NULL,
    definition      TEXT NOT NULL,
    scope           TEXT NOT NULL,
    UNIQUE (table_name, column_name, extension_name)
);

-- Plain columns only: an expression here would lose its declared type.
CREATE VIEW footprints AS
    SELECT
        i.id              AS fid,
        i.footprint       AS geometry,
        i.uid             AS image_id,
        p.uid             AS product_id,
        i.name            AS name,
        i.acquired_utc    AS acquired,
        i.cloud_fraction  AS cloud_fraction,
        i.fill_fraction   AS fill_fraction,
        i.satellite_id    AS satellite_id,
        i.storage_state   AS storage_state,
        i.size_bytes      AS size_bytes,
        f.href            AS href
    FROM image AS i
    JOIN product AS p ON p.id = i.product_id
    LEFT JOIN image_file AS f ON f.image_id = i.id AND f.position = 0;

-- A second layer, without geometry. Registering one of that kind also keeps readers from listing the tables above.
CREATE VIEW products AS
    SELECT id AS fid, uid AS product_id, name, description FROM product;

-- The space-time index under the name and the columns by which GeoPackage readers look for a layer's index.
CREATE VIEW rtree_footprints_geometry AS
    SELECT
        id,
        CASE WHEN max_lon > 180 THEN -180.0 ELSE min_lon END AS minx,
        CASE WHEN max_lon > 180 THEN 180.0 ELSE max_lon END AS maxx,
        min_lat AS miny,
        max_lat AS maxy
    FROM image_index;

-- The layer is for reading. These are the names of the triggers that a GeoPackage with an index must have.
CREATE TRIGGER rtree_footprints_geometry_insert INSTEAD OF INSERT ON footprints
BEGIN SELECT RAISE(ABORT, 'the layer footprints is read-only; add images with localcat'); END;
CREATE TRIGGER rtree_footprints_geometry_update1 INSTEAD OF UPDATE ON footprints
BEGIN SELECT RAISE(ABORT, 'the layer footprints is read-only; change images with localcat'); END;
CREATE TRIGGER rtree_footprints_geometry_update2 INSTEAD OF UPDATE ON footprints
BEGIN SELECT RAISE(ABORT, 'the layer footprints is read-only; change images with localcat'); END;
CREATE TRIGGER rtree_footprints_geometry_update3 INSTEAD OF UPDATE ON footprints
BEGIN SELECT RAISE(ABORT, 'the layer footprints is read-only; change images with localcat'); END;
CREATE TRIGGER rtree_footprints_geometry_update4 INSTEAD OF UPDATE ON footprints
BEGIN SELECT RAISE(ABORT, 'the layer footprints is read-only; change images with localcat'); END;
CREATE TRIGGER rtree_footprints_geometry_delete INSTEAD OF DELETE ON footprints
BEGIN SELECT RAISE(ABORT, 'the layer footprints is read-only; delete images with localcat'); END;

INSERT INTO gpkg_contents (table_name, data_type, identifier, description, min_x, min_y, max_x, max_y, srs_id)
VALUES ('footprints', 'features', 'footprints', 'footprints of the images of this catalog', -180, -90, 180, 90, 4326);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description)
VALUES ('products', 'attributes', 'products', 'products of this catalog');
INSERT INTO gpkg_geometry_columns VALUES ('footprints', 'geometry', 'GEOMETRY', 4326, 0, 0);
INSERT INTO gpkg_extensions VALUES
    (
        'footprints', 'geometry', 'gpkg_rtree_index',
        'http://www.geopackage.org/spec121/#extension_rtree', 'write-only'
    ),
    ('meta', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('product', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('band', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('image', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('image_index', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('image_tag', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('image_file', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('trash', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('upload', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('upload_event', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('product_text', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('band_text', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write'),
    ('image_text', NULL, 'localcat_catalog', 'schema/0001_initial.sql of localcat', 'read-write');
