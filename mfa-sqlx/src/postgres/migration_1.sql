CREATE TABLE mfa_schema (
    owner TEXT NOT NULL,
    version BIGINT NOT NULL
);

-- COLLATE "C": byte for byte, whatever the database's own order is. Records are replaced whole and often: room is left
-- on each page, so that a new version stays beside the old one and no index changes.
CREATE TABLE mfa_record (
    tenant TEXT NOT NULL COLLATE "C",
    collection TEXT NOT NULL COLLATE "C",
    name TEXT NOT NULL COLLATE "C",
    version BIGINT NOT NULL,
    record BYTEA NOT NULL,
    PRIMARY KEY (tenant, collection, name)
) WITH (fillfactor = 70);

-- Sealed and already dense: trying to compress them is time for nothing.
ALTER TABLE mfa_record ALTER COLUMN record SET STORAGE EXTERNAL;

CREATE TABLE mfa_event (
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant TEXT NOT NULL COLLATE "C",
    collection TEXT NOT NULL COLLATE "C",
    name TEXT NOT NULL COLLATE "C",
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL COLLATE "C",
    body BYTEA NOT NULL,
    PRIMARY KEY (tenant, position)
);

-- Each index ends in the position: newest first without sorting.
CREATE INDEX event_by_record ON mfa_event (tenant, collection, name, position);
CREATE INDEX event_by_kind ON mfa_event (tenant, kind, position);
