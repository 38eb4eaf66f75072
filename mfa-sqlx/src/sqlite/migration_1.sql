CREATE TABLE mfa_schema (
    owner TEXT NOT NULL,
    version BIGINT NOT NULL
);

-- TEXT columns compare with BINARY, SQLite's default: byte for byte.
CREATE TABLE mfa_record (
    tenant TEXT NOT NULL COLLATE BINARY,
    collection TEXT NOT NULL COLLATE BINARY,
    name TEXT NOT NULL COLLATE BINARY,
    version BIGINT NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (tenant, collection, name)
);

-- AUTOINCREMENT: a position is never given twice, also after the newest event was erased. Pages count on it.
CREATE TABLE mfa_event (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL COLLATE BINARY,
    collection TEXT NOT NULL COLLATE BINARY,
    name TEXT NOT NULL COLLATE BINARY,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL COLLATE BINARY,
    body BLOB NOT NULL
);

-- Each index ends in the position, as SQLite's do by themselves: newest first without sorting.
CREATE INDEX mfa_event_by_record ON mfa_event (tenant, collection, name);
CREATE INDEX mfa_event_by_kind ON mfa_event (tenant, kind);
CREATE INDEX mfa_event_by_tenant ON mfa_event (tenant);
