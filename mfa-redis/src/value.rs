//! From bytes to the store's own types and back, checked: what can't be ours is an error.

use mfa_core::id::TenantId;
use mfa_core::port::store::{
    Collection, Cursor, EventQuery, FoundEvent, RecordKey, StoredEvent, Version, Versioned, Write,
};
use mfa_core::time::Timestamp;

use crate::error::StoreError;

/// The last place there can be: sixteen digits, as the scripts write them.
const LAST_PLACE: u64 = 9_999_999_999_999_999;

/// Later than any time: a time has twenty digits and is less.
const NEVER: &[u8] = b"99999999999999999999";

/// `<version> <record>`: the scripts compare the version as text.
pub(crate) fn record(version: Version, record: &[u8]) -> Vec<u8> {
    let mut value = format!("{} ", version.as_u64()).into_bytes();
    value.extend_from_slice(record);
    value
}

pub(crate) fn versioned(mut value: Vec<u8>) -> Result<Versioned, StoreError> {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number: Option<u64> = value.get(..digits).and_then(|text| str::from_utf8(text).ok()?.parse().ok());
    let version = number.map(Version::new).filter(|version| number == Some(version.as_u64()));
    match version {
        Some(version) if value.get(digits) == Some(&b' ') => {
            value.drain(..=digits);
            Ok(Versioned { version, record: value })
        }
        _ => Err(StoreError::Unreadable("version")),
    }
}

pub(crate) fn name(value: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(value).map_err(|_| StoreError::Unreadable("name"))
}

fn letter(collection: Collection) -> Result<u8, StoreError> {
    LETTERS
        .iter()
        .find(|(known, _)| *known == collection)
        .map(|(_, letter)| *letter)
        .ok_or(StoreError::Unreadable("collection"))
}

const LETTERS: [(Collection, u8); 3] =
    [(Collection::Account, b'a'), (Collection::Budget, b'b'), (Collection::Policy, b'p')];

/// The length in front, so that one text can't pass for the beginning of a longer one.
fn counted(text: &str) -> Vec<u8> {
    format!("{:08}{text}", text.len()).into_bytes()
}

/// What the places of a record's events stand behind in the index.
pub(crate) fn index_of_record(collection: Collection, name: &str) -> Result<Vec<u8>, StoreError> {
    Ok([vec![b'r', letter(collection)?], counted(name)].concat())
}

/// What the places of the events of a kind stand behind in the index.
pub(crate) fn index_of_kind(kind: &str) -> Vec<u8> {
    [b"k".to_vec(), counted(kind)].concat()
}

/// An event as it is kept: time (20 digits), id (22 characters), collection (a letter), kind and name with their
/// lengths in front, then the body. `erase.lua` and `events.lua` rely on it.
pub(crate) fn event(key: &RecordKey, event: &StoredEvent) -> Result<Vec<u8>, StoreError> {
    let mut value = format!("{:020}{}", event.at.as_unix(), event.id).into_bytes();
    value.push(letter(key.collection)?);
    value.extend(counted(&event.kind));
    value.extend(counted(&key.name));
    value.extend_from_slice(&event.body);
    Ok(value)
}

/// The arguments of the conditional write.
pub(crate) fn commit(write: &Write) -> Result<Vec<Vec<u8>>, StoreError> {
    let expected = write.expected.map(|version| version.as_u64().to_string()).unwrap_or_default();
    let mut arguments = vec![
        write.key.name.clone().into_bytes(),
        expected.into_bytes(),
        record(write.next, &write.record),
        index_of_record(write.key.collection, &write.key.name)?,
    ];
    for stored in &write.events {
        arguments.push(index_of_kind(&stored.kind));
        arguments.push(event(&write.key, stored)?);
    }
    Ok(arguments)
}

/// Reads a kept value from its beginning.
struct Reader(Vec<u8>);

impl Reader {
    fn text(&mut self, length: usize, what: &'static str) -> Result<String, StoreError> {
        if length > self.0.len() {
            return Err(StoreError::Unreadable(what));
        }
        let rest = self.0.split_off(length);
        let text = std::mem::replace(&mut self.0, rest);
        String::from_utf8(text).map_err(|_| StoreError::Unreadable(what))
    }

    fn number(&mut self, digits: usize, what: &'static str) -> Result<u64, StoreError> {
        let text = self.text(digits, what)?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(StoreError::Unreadable(what));
        }
        text.parse().map_err(|_| StoreError::Unreadable(what))
    }

    fn counted(&mut self, what: &'static str) -> Result<String, StoreError> {
        let length = self.number(8, what)?;
        self.text(usize::try_from(length).map_err(|_| StoreError::Unreadable(what))?, what)
    }
}

/// A place in the record of events, in the digits of the scripts.
pub(crate) fn place(value: Vec<u8>) -> Result<Cursor, StoreError> {
    Reader(value).number(16, "place").map(Cursor)
}

/// An event with its place.
pub(crate) fn found(
    tenant: &TenantId,
    at: Vec<u8>,
    value: Vec<u8>,
) -> Result<(Cursor, FoundEvent), StoreError> {
    let place = place(at)?;
    let mut value = Reader(value);
    let at = Timestamp::from_unix(value.number(20, "time")?);
    let id = value.text(22, "event id")?.parse().map_err(|_| StoreError::Unreadable("event id"))?;
    let of = value.text(1, "collection")?;
    let (collection, _) = LETTERS
        .into_iter()
        .find(|(_, letter)| of.as_bytes() == [*letter])
        .ok_or(StoreError::Unreadable("collection"))?;
    let kind = value.counted("kind")?;
    let name = value.counted("name")?;
    let key = RecordKey { tenant: tenant.clone(), collection, name };
    Ok((place, FoundEvent { key, event: StoredEvent { id, at, kind, body: value.0 } }))
}

/// A question for events as `events.lua` takes it: where to look, and what to leave out.
pub(crate) struct Question {
    prefix: Vec<u8>,
    since: Vec<u8>,
    until: Vec<u8>,
    kind: Vec<u8>,
}

impl Question {
    pub(crate) fn new(query: &EventQuery) -> Result<Self, StoreError> {
        let time = |at: Timestamp| format!("{:020}", at.as_unix()).into_bytes();
        let (prefix, kind) = match (&query.record, &query.kind) {
            (None, None) => (b"a".to_vec(), vec![]),
            (None, Some(kind)) => (index_of_kind(kind), vec![]),
            (Some((collection, name)), kind) => {
                let kind = kind.as_ref().map(|kind| counted(kind)).unwrap_or_default();
                (index_of_record(*collection, name)?, kind)
            }
        };
        Ok(Self {
            prefix,
            since: query.since.map_or_else(|| time(Timestamp::from_unix(0)), time),
            until: query.until.map_or_else(|| NEVER.to_vec(), time),
            kind,
        })
    }

    /// The arguments for the stretch before `before`.
    pub(crate) fn arguments(&self, before: Option<Cursor>, look: u32, find: u32) -> Vec<Vec<u8>> {
        let bound = match before {
            // ':' comes after '9': before it is every place there can be.
            None => ":".to_owned(),
            Some(Cursor(place)) => format!("{:016}", place.min(LAST_PLACE)),
        };
        vec![
            self.prefix.clone(),
            [b"(", self.prefix.as_slice(), bound.as_bytes()].concat(),
            look.to_string().into_bytes(),
            find.to_string().into_bytes(),
            self.since.clone(),
            self.until.clone(),
            self.kind.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_with_its_version() {
        let last = Version::new(u64::MAX);
        for (version, bytes) in [(Version::new(0), &b""[..]), (last, b" 12 \0\xff")] {
            let held = versioned(record(version, bytes)).unwrap();
            assert_eq!((held.version, held.record.as_slice()), (version, bytes));
        }
    }

    #[test]
    fn what_this_library_does_not_write_is_an_error() {
        for value in
            ["", " ", "x", "1", "1x", "-1 x", "+1 x", "4611686018427387904 x", "99999999999999999999 x"]
        {
            assert!(versioned(value.as_bytes().to_vec()).is_err(), "{value:?}");
        }
        let key = RecordKey {
            tenant: TenantId::default(),
            collection: Collection::Budget,
            name: "é00000001x".to_owned(),
        };
        let stored = StoredEvent {
            id: "A".repeat(22).parse().unwrap(),
            at: Timestamp::from_unix(u64::MAX),
            kind: "0000000".to_owned(),
            body: b"{}\xff".to_vec(),
        };
        let value = event(&key, &stored).unwrap();
        let place = || b"0000000000000007".to_vec();
        let (cursor, back) = found(&key.tenant, place(), value.clone()).unwrap();
        assert_eq!((cursor, back), (Cursor(7), FoundEvent { key: key.clone(), event: stored }));
        let body = value.len() - 3;
        for length in 0..body {
            let cut = value.get(..length).unwrap().to_vec();
            assert!(found(&key.tenant, place(), cut).is_err(), "cut at {length}");
        }
        let mut other = value;
        *other.get_mut(42).unwrap() = b'z';
        assert!(found(&key.tenant, place(), other).is_err());
    }

    #[test]
    fn no_name_stands_where_another_does_in_the_index() {
        let of = |name| index_of_record(Collection::Account, name).unwrap();
        assert!(!of("ann0000000000000001").starts_with(&of("ann")));
        assert_ne!(of("k"), index_of_kind("k"));
    }
}
