//! What the gate has read of records, by their versions: the store is asked every time, and what it hands out is read once.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::account::Glance;
use crate::port::store::{RecordKey, Version, Versioned};

/// What was read of each record, and of which version of it.
///
/// No two writes give a record the same version, not even on either side of a restored backup: what was read of a version holds
/// as long as the store says that it is still this one.
pub(super) struct Glanced {
    read: RwLock<HashMap<RecordKey, (Version, Glance)>>,
    /// How many there is room for. One more, and all are forgotten.
    room: usize,
}

impl Glanced {
    pub(super) fn new(room: usize) -> Self {
        Self { read: RwLock::default(), room }
    }

    /// What the gate asks of this record; `None` if that takes the whole of it.
    pub(super) fn at(&self, key: &RecordKey, held: &Versioned) -> Option<Glance> {
        // Nothing is half done under this lock.
        let known = self.read.read().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        if let Some((version, glance)) = known
            && version == held.version
        {
            return Some(glance);
        }
        let glance = Glance::at(&held.record)?;
        if self.room > 0 {
            let mut read = self.read.write().unwrap_or_else(PoisonError::into_inner);
            if read.len() >= self.room && !read.contains_key(key) {
                read.clear();
            }
            read.insert(key.clone(), (held.version, glance));
        }
        Some(glance)
    }

    /// Forgets a record.
    pub(super) fn forget(&self, key: &RecordKey) {
        self.read.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::id::Epoch;
    use crate::port::store::Collection;

    fn key(name: &str) -> RecordKey {
        RecordKey { tenant: Default::default(), collection: Collection::Account, name: name.to_owned() }
    }

    fn held(version: u64, epoch: u8) -> Versioned {
        let mut account = Account::default();
        account.epoch = self::epoch(epoch);
        Versioned { version: Version::new(version), record: account.encode().unwrap() }
    }

    /// The same version with nothing in it: who gets an answer didn't read it.
    fn unread(version: u64) -> Versioned {
        Versioned { version: Version::new(version), record: Vec::new() }
    }

    fn epoch(letter: u8) -> Epoch {
        Epoch::from_bytes([letter; 8])
    }

    fn asked(glanced: &Glanced, name: &str, held: &Versioned) -> Option<Epoch> {
        glanced.at(&key(name), held).map(|glance| glance.epoch)
    }

    #[test]
    fn a_version_is_read_once_and_the_next_one_again() {
        let glanced = Glanced::new(4);
        assert_eq!(asked(&glanced, "ann", &unread(1)), None);
        assert_eq!(asked(&glanced, "ann", &held(1, 7)), Some(epoch(7)));
        assert_eq!(asked(&glanced, "ann", &unread(1)), Some(epoch(7)));
        assert_eq!(asked(&glanced, "ann", &unread(2)), None);
        assert_eq!(asked(&glanced, "ann", &held(2, 8)), Some(epoch(8)));
        assert_eq!(asked(&glanced, "ann", &unread(2)), Some(epoch(8)));
        assert_eq!(asked(&glanced, "ann", &unread(1)), None, "an older one is another one");
        assert_eq!(asked(&glanced, "ben", &unread(2)), None, "so is somebody else's");
        glanced.forget(&key("ann"));
        assert_eq!(asked(&glanced, "ann", &unread(2)), None);
    }

    #[test]
    fn there_is_room_for_so_many() {
        for room in [0, 1, 3] {
            let glanced = Glanced::new(room);
            for turn in 0..2 {
                for name in ["ann", "ben", "cay"].iter().take(room) {
                    let _ = glanced.at(&key(name), &held(turn, 7));
                }
            }
            let kept =
                ["ann", "ben", "cay"].iter().filter(|name| glanced.at(&key(name), &unread(1)).is_some());
            assert_eq!(kept.count(), room);
            let _ = glanced.at(&key("dee"), &held(1, 7));
            assert!(glanced.read.read().unwrap().len() <= room.min(1), "one too many, and all are forgotten");
        }
    }
}
