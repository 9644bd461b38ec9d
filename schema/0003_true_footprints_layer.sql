-- The layer footprints as it is: times cut to milliseconds, not rounded into the next day; its extent, not the globe's.
-- Its first column is rowid, since QGIS counts features by it and showed "1 feature" for any other name.

DROP VIEW footprints;  -- with its triggers
DROP VIEW rtree_footprints_geometry;  -- ALTER TABLE reads all views, and would refuse the virtual table in this one

ALTER TABLE image DROP COLUMN acquired_utc;
ALTER TABLE image ADD COLUMN acquired_utc DATETIME GENERATED ALWAYS AS (
    -- % keeps the sign of its left side, and / cuts towards zero: so both are made to count up before 1970, too.
    strftime(
        '%Y-%m-%dT%H:%M:%S',
        (acquired - (acquired % 1000000 + 1000000) % 1000000) / 1000000,
        'unixepoch'
    ) || printf('.%03dZ', (acquired % 1000000 + 1000000) % 1000000 / 1000)
) VIRTUAL;

CREATE VIEW footprints AS
    SELECT
        i.id              AS rowid,
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

CREATE VIEW rtree_footprints_geometry AS
    SELECT
        id,
        CASE WHEN max_lon > 180 THEN -180.0 ELSE min_lon END AS minx,
        CASE WHEN max_lon > 180 THEN 180.0 ELSE max_lon END AS maxx,
        min_lat AS miny,
        max_lat AS maxy
    FROM image_index;

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

-- Of the index, whose numbers are rounded outwards; NULL without footprints. Across the antimeridian the layer has all
-- longitudes.
UPDATE gpkg_contents SET (min_x, min_y, max_x, max_y) = (
    SELECT
        CASE WHEN max(max_lon) > 180 THEN -180.0 ELSE max(min(min_lon), -180.0) END,
        max(min(min_lat), -90.0),
        CASE WHEN max(max_lon) > 180 THEN 180.0 ELSE max(max_lon) END,
        min(max(max_lat), 90.0)
    FROM image_index
)
WHERE table_name = 'footprints';
