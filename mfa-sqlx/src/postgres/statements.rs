//! The statements with the schema's name in them: those that SQLite has too, and a commit that is one statement.

use std::sync::Arc;

use mfa_core::config::ConfigError;

use crate::sql;

/// Statements as they are sent. The schema is the only thing in them that isn't written in this crate.
#[derive(Debug)]
pub(crate) struct Statements {
    pub(crate) load: Arc<str>,
    pub(crate) load_many: Arc<str>,
    pub(crate) update_many: Arc<str>,
    pub(crate) insert: Arc<str>,
    pub(crate) update: Arc<str>,
    pub(crate) erase_record: Arc<str>,
    pub(crate) erase_events: Arc<str>,
    pub(crate) first_page: Arc<str>,
    pub(crate) next_page: Arc<str>,
    schema: Schema,
}

/// The name of a schema, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schema(String);

/// PostgreSQL cuts longer names off without a word (`NAMEDATALEN`).
const LONGEST: usize = 63;

impl Schema {
    pub(crate) fn new(name: String) -> Result<Self, ConfigError> {
        let is_letter = |c: char| c.is_ascii_lowercase() || c == '_';
        let is_plain = name.chars().next().is_some_and(is_letter)
            && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
            && name.len() <= LONGEST
            && !name.starts_with("pg_");
        if is_plain {
            return Ok(Self(name));
        }
        let problem = format!("{name:?} can't be the name of a schema");
        let fix = "give small letters, digits and underscores, up to 63, not beginning with a digit or pg_";
        Err(ConfigError::new("schema", problem, fix))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A statement in which all tables are those of this schema.
    pub(crate) fn qualify(&self, statement: &str) -> String {
        // Quoted, because `order` and `user` are good names too.
        [" mfa_record", " mfa_event", " mfa_schema"].iter().fold(statement.to_owned(), |text, table| {
            text.replace(table, &format!(" \"{}\".{}", self.0, table.trim_start()))
        })
    }
}

impl Statements {
    pub(crate) fn new(schema: Schema) -> Self {
        let of = |statement: &str| Arc::from(schema.qualify(statement));
        Self {
            load: of(sql::LOAD),
            load_many: of(LOAD_MANY),
            update_many: of(UPDATE_MANY),
            insert: of(&with_events(sql::INSERT, 6)),
            update: of(&with_events(sql::UPDATE, 7)),
            erase_record: of(sql::ERASE_RECORD),
            erase_events: of(sql::ERASE_EVENTS),
            first_page: of(sql::FIRST_PAGE),
            next_page: of(sql::NEXT_PAGE),
            schema,
        }
    }

    /// Any of the questions for events.
    pub(crate) fn events(&self, statement: &str) -> Arc<str> {
        self.schema.qualify(statement).into()
    }
}

/// Records, each with its place among the keys that were asked for.
const LOAD_MANY: &str = "SELECT asked.place, r.version, r.record \
     FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS asked(tenant, collection, name, place) \
     JOIN mfa_record AS r ON r.tenant = asked.tenant AND r.collection = asked.collection AND r.name = asked.name";

/// `UPDATE` for many records, each by itself: the places of those whose version was the expected one. Their events are
/// written with them; `$7` says whose each is.
const UPDATE_MANY: &str = "WITH put AS (UPDATE mfa_record AS r SET version = asked.next, record = asked.record \
     FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::bigint[]) \
     WITH ORDINALITY AS asked(tenant, collection, name, next, record, expected, place) \
     WHERE r.tenant = asked.tenant AND r.collection = asked.collection AND r.name = asked.name \
     AND r.version = asked.expected RETURNING asked.place, r.tenant, r.collection, r.name), \
     told AS (INSERT INTO mfa_event (tenant, collection, name, id, at, kind, body) \
     SELECT put.tenant, put.collection, put.name, e.id, e.at, e.kind, e.body \
     FROM unnest($7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::bytea[]) \
     WITH ORDINALITY AS e(place, id, at, kind, body, turn) JOIN put ON put.place = e.place ORDER BY e.turn) \
     SELECT place FROM put";

/// The record's statement with the events that go with it, from the parameter of that number on: one round trip, all or
/// nothing by itself, and the count says which. The events depend on the record's row, so that they are written after it
/// and in their order.
fn with_events(put: &str, from: usize) -> String {
    let [ids, times, kinds, bodies] = [0, 1, 2, 3].map(|further| from + further);
    format!(
        "WITH put AS ({put} RETURNING 1), \
         told AS (INSERT INTO mfa_event (tenant, collection, name, id, at, kind, body) \
         SELECT $1, $2, $3, e.id, e.at, e.kind, e.body \
         FROM unnest(${ids}::text[], ${times}::bigint[], ${kinds}::text[], ${bodies}::bytea[]) \
         WITH ORDINALITY AS e(id, at, kind, body, place) \
         WHERE EXISTS (SELECT 1 FROM put) ORDER BY e.place) \
         SELECT count(*) FROM put"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_that_of_the_schema() {
        let statements = Statements::new(Schema::new("second_factor".to_owned()).unwrap());
        let events = statements.events(sql::EVENTS);
        for statement in [
            &statements.load,
            &statements.load_many,
            &statements.update_many,
            &statements.insert,
            &statements.update,
            &statements.erase_record,
            &statements.erase_events,
            &statements.first_page,
            &statements.next_page,
            &events,
        ] {
            assert!(!statement.contains(" mfa_"), "{statement}");
            assert!(statement.contains(" \"second_factor\".mfa_"), "{statement}");
        }
    }

    #[test]
    fn a_name_that_could_be_more_than_a_name_is_refused() {
        for good in ["mfa", "_x", "second_factor_2", "order"] {
            assert!(Schema::new(good.to_owned()).is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in ["", "2fa", "Mfa", "a b", "a\"; DROP TABLE x; --", "a.b", "pg_mfa", "é", &long] {
            let error = Schema::new(bad.to_owned()).unwrap_err();
            assert!(!error.fix().is_empty());
        }
    }
}
