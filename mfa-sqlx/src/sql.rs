//! The statements, in the SQL that SQLite and PostgreSQL share: `$1`, `ON CONFLICT`, TEXT and BIGINT.

pub(crate) const LOAD: &str =
    "SELECT version, record FROM mfa_record WHERE tenant = $1 AND collection = $2 AND name = $3";

pub(crate) const INSERT: &str = "INSERT INTO mfa_record (tenant, collection, name, version, record) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, collection, name) DO NOTHING";

// The version stands in the condition: comparing it in our own code first would be a lost update.
pub(crate) const UPDATE: &str = "UPDATE mfa_record SET version = $4, record = $5 \
     WHERE tenant = $1 AND collection = $2 AND name = $3 AND version = $6";

#[cfg(feature = "sqlite")]
pub(crate) const ADD_EVENT: &str = "INSERT INTO mfa_event (tenant, collection, name, id, at, kind, body) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

pub(crate) const ERASE_EVENTS: &str =
    "DELETE FROM mfa_event WHERE tenant = $1 AND collection = $2 AND name = $3";

pub(crate) const ERASE_RECORD: &str =
    "DELETE FROM mfa_record WHERE tenant = $1 AND collection = $2 AND name = $3";

pub(crate) const FIRST_PAGE: &str = "SELECT name, version, record FROM mfa_record \
     WHERE tenant = $1 AND collection = $2 ORDER BY name LIMIT $3";

pub(crate) const NEXT_PAGE: &str = "SELECT name, version, record FROM mfa_record \
     WHERE tenant = $1 AND collection = $2 AND name > $4 ORDER BY name LIMIT $3";

/// `$1` tenant, `$2` before this position, `$3` since, `$4` until and including, `$5` limit; then what `$and`
/// adds. One text for each shape of question, because `$6 IS NULL OR …` would keep the index out.
macro_rules! events {
    ($and:literal) => {
        concat!(
            "SELECT position, collection, name, id, at, kind, body FROM mfa_event ",
            "WHERE tenant = $1 AND position < $2 AND at >= $3 AND at <= $4 ",
            $and,
            "ORDER BY position DESC LIMIT $5"
        )
    };
}

pub(crate) const EVENTS: &str = events!("");
pub(crate) const EVENTS_OF_KIND: &str = events!("AND kind = $6 ");
pub(crate) const EVENTS_OF_RECORD: &str = events!("AND collection = $6 AND name = $7 ");
pub(crate) const EVENTS_OF_RECORD_AND_KIND: &str =
    events!("AND collection = $6 AND name = $7 AND kind = $8 ");
