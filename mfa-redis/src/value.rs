//! From bytes to the store's own types and back, checked: what can't be ours is an error.

use mfa_core::id::TenantId;
use mfa_core::port::store::{
    Collection, Cursor, EventQuery, FoundEvent, RecordKey, StoredEvent, Version, Versioned, Write,
};
use mfa_core::time::Timestamp;

use crate::error::StoreError;

/// The events of one write stand at one place: so many bits of a cursor say which of them it is.
const TURN_BITS: u32 = 20;

/// Later than any time: a time has twenty digits and is less.
const NEVER: &[u8] = b"99999999999999999999";

/// What `load.lua` and a plain read answer: the record, and its version with the place of its newest events.
pub(crate) type Held = (Option<Vec<u8>>, Option<Vec<u8>>);

/// A record with what is kept beside it: `<version> <place of its newest events, or 0>`.
pub(crate) fn versioned(record: Vec<u8>, beside: &[u8]) -> Result<Versioned, StoreError> {
    let mut reader = Reader(beside);
    let version = reader.spaced("version")?;
    reader.number(reader.0.len(), "version")?;
    if Version::new(version).as_u64() != version {
        return Err(StoreError::Unreadable("version"));
    }
    Ok(Versioned { version: Version::new(version), record })
}

fn letter(collection: Collection) -> Result<u8, StoreError> {
    LETTERS
        .iter()
        .find(|(known, _)| *known == collection)
        .map(|(_, letter)| *letter)
        .ok_or(StoreError::Unreadable("collection"))
}

/// What the fields of records begin with. None is `e`, with which places begin, `v`, with which versions do, or `:`, with
/// which counts do.
const LETTERS: [(Collection, u8); 3] =
    [(Collection::Account, b'a'), (Collection::Budget, b'b'), (Collection::Policy, b'p')];

/// What the fields of a collection begin with, and what comes after all of them.
pub(crate) fn letters(collection: Collection) -> Result<[u8; 2], StoreError> {
    letter(collection).map(|letter| [letter, letter.saturating_add(1)])
}

/// The field that a record is kept in.
pub(crate) fn field(collection: Collection, name: &str) -> Result<Vec<u8>, StoreError> {
    Ok([&[letter(collection)?], name.as_bytes()].concat())
}

/// The field that its version is kept in.
pub(crate) fn version_field(field: &[u8]) -> Vec<u8> {
    [b"v", field].concat()
}

/// The name of the record that is kept in a field.
pub(crate) fn name(field: Vec<u8>) -> Result<String, StoreError> {
    let name = field.split_first().and_then(|(_, name)| str::from_utf8(name).ok());
    name.map(str::to_owned).ok_or(StoreError::Unreadable("name"))
}

fn put_number(out: &mut Vec<u8>, mut number: u64, digits: usize) {
    let mut text = [b'0'; 20];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(text.get(text.len().saturating_sub(digits)..).unwrap_or_default());
}

/// The length in front, so that one text can't pass for the beginning of a longer one.
fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64, 8);
    out.extend_from_slice(bytes);
}

/// The record as its events name it.
fn put_owner(out: &mut Vec<u8>, collection: Collection, name: &str) -> Result<(), StoreError> {
    out.push(letter(collection)?);
    put_counted(out, name.as_bytes());
    Ok(())
}

/// The events of a write as they are kept together, without the place of the record's events before them, which the script
/// puts in front: ` <earliest> <latest> ` (20 digits each), the record (a letter, and its name with the length in
/// front), then each event: id (22 characters), time (20 digits), kind and body with their lengths in front. The
/// scripts rely on it as far as the record.
pub(crate) fn events(key: &RecordKey, events: &[StoredEvent]) -> Result<Vec<u8>, StoreError> {
    if events.len() >> TURN_BITS != 0 {
        return Err(StoreError::TooMany);
    }
    let times = || events.iter().map(|event| event.at.as_unix());
    let mut value = Vec::with_capacity(length(key, events));
    for time in [times().min(), times().max()] {
        value.push(b' ');
        put_number(&mut value, time.unwrap_or_default(), 20);
    }
    value.push(b' ');
    put_owner(&mut value, key.collection, &key.name)?;
    for event in events {
        value.extend_from_slice(event.id.to_string().as_bytes());
        put_number(&mut value, event.at.as_unix(), 20);
        put_counted(&mut value, event.kind.as_bytes());
        put_counted(&mut value, &event.body);
    }
    Ok(value)
}

/// How many bytes [`events`] become.
fn length(key: &RecordKey, events: &[StoredEvent]) -> usize {
    let of_events = events.iter().map(|event| 58 + event.kind.len() + event.body.len());
    52 + key.name.len() + of_events.sum::<usize>()
}

/// The arguments of one conditional write.
pub(crate) struct Put {
    field: Vec<u8>,
    expected: String,
    next: String,
    record: Vec<u8>,
    events: Vec<u8>,
}

impl Put {
    pub(crate) fn new(write: &Write) -> Result<Self, StoreError> {
        let digits = |version: Version| version.as_u64().to_string();
        Ok(Self {
            field: field(write.key.collection, &write.key.name)?,
            expected: write.expected.map(digits).unwrap_or_default(),
            next: digits(write.next),
            record: write.record.clone(),
            events: match write.events.as_slice() {
                [] => Vec::new(),
                some => events(&write.key, some)?,
            },
        })
    }

    /// In the order in which the script takes them.
    pub(crate) fn arguments(&self) -> [&[u8]; 5] {
        [&self.field, self.expected.as_bytes(), self.next.as_bytes(), &self.record, &self.events]
    }
}

/// Reads a kept value from its beginning.
struct Reader<'v>(&'v [u8]);

impl<'v> Reader<'v> {
    fn bytes(&mut self, length: usize, what: &'static str) -> Result<&'v [u8], StoreError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(StoreError::Unreadable(what))?;
        self.0 = rest;
        Ok(bytes)
    }

    fn text(&mut self, length: usize, what: &'static str) -> Result<&'v str, StoreError> {
        str::from_utf8(self.bytes(length, what)?).map_err(|_| StoreError::Unreadable(what))
    }

    fn number(&mut self, digits: usize, what: &'static str) -> Result<u64, StoreError> {
        let text = self.text(digits, what)?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(StoreError::Unreadable(what));
        }
        text.parse().map_err(|_| StoreError::Unreadable(what))
    }

    /// A number of any length with a space behind it.
    fn spaced(&mut self, what: &'static str) -> Result<u64, StoreError> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = self.number(digits, what)?;
        match self.bytes(1, what)? {
            b" " => Ok(number),
            _ => Err(StoreError::Unreadable(what)),
        }
    }

    fn counted(&mut self, what: &'static str) -> Result<&'v [u8], StoreError> {
        let length = self.number(8, what)?;
        self.bytes(usize::try_from(length).map_err(|_| StoreError::Unreadable(what))?, what)
    }

    fn counted_text(&mut self, what: &'static str) -> Result<String, StoreError> {
        let text = str::from_utf8(self.counted(what)?);
        text.map(str::to_owned).map_err(|_| StoreError::Unreadable(what))
    }
}

/// A place as the scripts write it.
pub(crate) fn place(digits: &[u8]) -> Result<u64, StoreError> {
    let number = Reader(digits).number(digits.len(), "place")?;
    if number >> (u64::BITS - TURN_BITS) != 0 {
        return Err(StoreError::Unreadable("place"));
    }
    Ok(number)
}

/// The events that were written together at a place, in their order, each with its own.
pub(crate) fn found(
    tenant: &TenantId,
    place: u64,
    value: &[u8],
) -> Result<Vec<(Cursor, FoundEvent)>, StoreError> {
    let mut value = Reader(value);
    for _older_and_times in 0..3 {
        value.spaced("place")?;
    }
    let of = value.bytes(1, "collection")?;
    let (collection, _) = LETTERS
        .into_iter()
        .find(|(_, letter)| of == [*letter])
        .ok_or(StoreError::Unreadable("collection"))?;
    let key = RecordKey { tenant: tenant.clone(), collection, name: value.counted_text("name")? };
    let mut found = Vec::new();
    while !value.0.is_empty() {
        let id = value.text(22, "event id")?.parse().map_err(|_| StoreError::Unreadable("event id"))?;
        let at = Timestamp::from_unix(value.number(20, "time")?);
        let kind = value.counted_text("kind")?;
        let body = value.counted("event")?.to_vec();
        let cursor = Cursor((place << TURN_BITS) | found.len() as u64);
        found.push((cursor, FoundEvent { key: key.clone(), event: StoredEvent { id, at, kind, body } }));
    }
    Ok(found)
}

/// A question for events as `events.lua` takes it: where to look, and what can be left out already there.
pub(crate) struct Question {
    field: Vec<u8>,
    owner: Vec<u8>,
    since: Vec<u8>,
    until: Vec<u8>,
    kind: Vec<u8>,
}

impl Question {
    pub(crate) fn new(query: &EventQuery) -> Result<Self, StoreError> {
        let time = |at: Option<Timestamp>| {
            let mut digits = Vec::new();
            put_number(&mut digits, at.map_or(0, Timestamp::as_unix), 20);
            digits
        };
        let (mut record, mut owner, mut kind) = (Vec::new(), Vec::new(), Vec::new());
        if let Some((collection, name)) = &query.record {
            record = field(*collection, name)?;
            put_owner(&mut owner, *collection, name)?;
        }
        if let Some(asked) = &query.kind {
            put_counted(&mut kind, asked.as_bytes());
        }
        let until = query.until.map_or_else(|| NEVER.to_vec(), |until| time(Some(until)));
        Ok(Self { field: record, owner, since: time(query.since), until, kind })
    }

    /// The arguments for the stretch from `from` on.
    pub(crate) fn arguments(&self, from: Option<u64>, look: u32, find: u32) -> [Vec<u8>; 8] {
        let digits = |number: u64| number.to_string().into_bytes();
        [
            self.field.clone(),
            self.owner.clone(),
            from.map(digits).unwrap_or_default(),
            digits(look.into()),
            digits(find.into()),
            self.since.clone(),
            self.until.clone(),
            self.kind.clone(),
        ]
    }
}

/// The place of a cursor.
pub(crate) fn place_of(Cursor(cursor): Cursor) -> u64 {
    cursor >> TURN_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_with_its_version() {
        let last = Version::new(u64::MAX);
        for (version, bytes) in [(Version::new(0), &b""[..]), (last, b" 12 \0\xff")] {
            let held = versioned(bytes.to_vec(), format!("{} 77", version.as_u64()).as_bytes()).unwrap();
            assert_eq!((held.version, held.record.as_slice()), (version, bytes));
        }
    }

    #[test]
    fn what_this_library_does_not_write_is_an_error() {
        for value in [
            "",
            " ",
            "x",
            "1",
            "1 ",
            "1x",
            "1 x",
            "1 2 ",
            "1 2x",
            "1  2",
            "-1 2",
            "+1 2",
            "1 -2",
            "4611686018427387904 2",
            "99999999999999999999 2",
        ] {
            assert!(versioned(Vec::new(), value.as_bytes()).is_err(), "{value:?}");
        }
        for digits in ["", "x", "-1", "1 ", "17592186044416"] {
            assert!(place(digits.as_bytes()).is_err(), "{digits:?}");
        }
        let key = RecordKey {
            tenant: TenantId::default(),
            collection: Collection::Budget,
            name: "é00000001x".to_owned(),
        };
        let stored = |letter: &str, at| StoredEvent {
            id: letter.repeat(22).parse().unwrap(),
            at: Timestamp::from_unix(at),
            kind: "0000000".to_owned(),
            body: b"{}\xff".to_vec(),
        };
        let both = [stored("A", u64::MAX), stored("Q", 0)];
        let value = events(&key, &both).unwrap();
        assert_eq!(length(&key, &both), value.len(), "so much memory is asked for at once");
        let value = [b"12", value.as_slice()].concat();
        let found_in = |value: &[u8]| found(&key.tenant, 7, value);
        let back = found_in(&value).unwrap();
        let expected: Vec<_> = (0..)
            .zip(both)
            .map(|(turn, event)| (Cursor((7 << TURN_BITS) + turn), FoundEvent { key: key.clone(), event }))
            .collect();
        assert_eq!(back, expected);
        for length in 0..value.len() {
            let cut = found_in(value.get(..length).unwrap());
            // Between two events a cut can't be seen; nothing but a whole value is ever written.
            assert!(cut.is_err() || cut.unwrap().len() < 2, "cut at {length}");
        }
        let mut other = value;
        *other.get_mut(2 + 43).unwrap() = b'z';
        assert!(found_in(&other).is_err());
    }

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        for turn in [0, 1, (1 << TURN_BITS) - 1] {
            assert_eq!(place_of(Cursor((7 << TURN_BITS) + turn)), 7);
        }
    }

    #[test]
    fn the_times_in_front_are_those_of_all_its_events() {
        let key = RecordKey {
            tenant: TenantId::default(),
            collection: Collection::Account,
            name: "ann".to_owned(),
        };
        let at = |time| StoredEvent {
            id: "A".repeat(22).parse().unwrap(),
            at: Timestamp::from_unix(time),
            kind: String::new(),
            body: Vec::new(),
        };
        let value = events(&key, &[at(20), at(300), at(1)]).unwrap();
        assert!(value.starts_with(b" 00000000000000000001 00000000000000000300 a00000003ann"));
    }

    #[test]
    fn no_record_passes_for_another() {
        let owner = |name| {
            let mut owner = Vec::new();
            put_owner(&mut owner, Collection::Account, name).unwrap();
            owner
        };
        assert!(!owner("ann0000000000000001").starts_with(&owner("ann")));
        for (collection, letter) in LETTERS {
            assert!(!b"ev:".contains(&letter));
            assert_eq!(field(collection, "é").unwrap(), [&[letter], "é".as_bytes()].concat());
        }
    }
}
