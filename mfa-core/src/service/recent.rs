//! Records as this process saw them last: a guess that saves the read before the next write, never an answer.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::port::store::RecordKey;
use crate::service::turn::Known;
use crate::time::Timestamp;

/// How many records are kept at the most, unless the builder says otherwise: some 7 MB.
pub(super) const DEFAULT_RECENT: usize = 4096;

/// After this long the younger shelf becomes the older one, and what was on the older one is forgotten: a record is used
/// for one to two of these, which is about as long as a sign-in takes. Nobody wakes up for it: what is too old goes when
/// the next request for whichever account comes.
const SHELF_LIFE: Duration = Duration::from_secs(300);

/// A few records, as they were written or read, for some minutes.
///
/// Whoever takes one may have been overtaken by another process. A decision on it counts only if its commit goes
/// through, which compares versions ([`crate::service::turn::Origin`]).
pub(super) struct Recent {
    shelves: Mutex<Shelves>,
    /// How many records there is room for on each.
    room: usize,
}

#[derive(Default)]
struct Shelves {
    /// When the younger one was begun.
    begun: Timestamp,
    younger: BTreeMap<RecordKey, Known>,
    older: BTreeMap<RecordKey, Known>,
}

impl Recent {
    pub(super) fn new(most: usize) -> Self {
        Self { shelves: Mutex::default(), room: most.div_ceil(2) }
    }

    /// Hands out a record, which is thereby forgotten: of requests at once only one tries with it.
    pub(super) fn take(&self, key: &RecordKey, now: Timestamp) -> Option<Known> {
        let mut shelves = self.lock();
        shelves.age(now);
        let Shelves { younger, older, .. } = &mut *shelves;
        // From both, or one that was written before would come back.
        let before = older.remove(key);
        younger.remove(key).or(before)
    }

    /// Keeps a record that was written or read at `now`.
    pub(super) fn keep(&self, key: RecordKey, seen: Known, now: Timestamp) {
        if self.room == 0 {
            return;
        }
        let mut shelves = self.lock();
        shelves.age(now);
        if shelves.younger.len() >= self.room {
            shelves.push(now);
        }
        shelves.younger.insert(key, seen);
    }

    /// Forgets a record.
    pub(super) fn forget(&self, key: &RecordKey) {
        let mut shelves = self.lock();
        shelves.younger.remove(key);
        shelves.older.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        // Nothing below can panic half way, and a record that is wrong is found out by the commit.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    fn age(&mut self, now: Timestamp) {
        let age = now.since(self.begun);
        // A clock that went back says nothing about ages.
        if now < self.begun || age >= SHELF_LIFE * 2 {
            *self = Self { begun: now, ..Self::default() };
        } else if age >= SHELF_LIFE {
            self.push(now);
        }
    }

    fn push(&mut self, now: Timestamp) {
        self.older = mem::take(&mut self.younger);
        self.begun = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::port::store::{Collection, Version};

    fn key(name: &str) -> RecordKey {
        RecordKey { tenant: Default::default(), collection: Collection::Account, name: name.to_owned() }
    }

    fn written(version: u64) -> Known {
        Known { version: Version::new(version), account: Account::default() }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds)
    }

    fn keeps(recent: &Recent, name: &str, now: u64) -> Option<u64> {
        recent.take(&key(name), at(now)).map(|held| held.version.as_u64())
    }

    #[test]
    fn one_of_those_who_come_at_once_gets_it() {
        let recent = Recent::new(4);
        recent.keep(key("ann"), written(1), at(0));
        assert_eq!(keeps(&recent, "ben", 0), None);
        assert_eq!(keeps(&recent, "ann", 0), Some(1));
        assert_eq!(keeps(&recent, "ann", 0), None);
    }

    #[test]
    fn minutes_later_it_is_forgotten() {
        for (begun, kept, asked, found) in [
            (0, 0, 299, true),
            (0, 0, 599, true),
            (0, 0, 600, false),
            (0, 299, 599, true),
            (0, 299, 600, false),
        ] {
            let recent = Recent::new(4);
            recent.keep(key("ben"), written(7), at(begun));
            recent.keep(key("ann"), written(1), at(kept));
            assert_eq!(keeps(&recent, "ann", asked), found.then_some(1), "{kept} {asked}");
        }
        // Somebody was there between.
        let recent = Recent::new(4);
        recent.keep(key("ann"), written(1), at(0));
        recent.keep(key("ben"), written(1), at(300));
        recent.keep(key("cay"), written(1), at(600));
        assert_eq!(keeps(&recent, "ann", 600), None);
        assert_eq!(keeps(&recent, "ben", 600), Some(1));
    }

    #[test]
    fn a_clock_that_goes_back_forgets_all() {
        let recent = Recent::new(4);
        recent.keep(key("ann"), written(1), at(10));
        assert_eq!(keeps(&recent, "ann", 9), None);
        recent.keep(key("ann"), written(2), at(9));
        assert_eq!(keeps(&recent, "ann", 9), Some(2));
    }

    #[test]
    fn there_is_room_for_so_many() {
        for most in [0, 1, 2, 5, 8] {
            let recent = Recent::new(most);
            let names: Vec<String> = (0..20).map(|number| number.to_string()).collect();
            for name in &names {
                recent.keep(key(name), written(1), at(0));
            }
            let kept = names.iter().filter(|name| keeps(&recent, name, 0).is_some()).count();
            assert!(kept <= most.next_multiple_of(2) && kept >= most.div_ceil(2), "{kept} of {most}");
        }
    }

    /// What was written before doesn't come back when the newer one is gone.
    #[test]
    fn only_the_newest_is_there() {
        let recent = Recent::new(4);
        recent.keep(key("ann"), written(1), at(0));
        recent.keep(key("ann"), written(2), at(300));
        assert_eq!(keeps(&recent, "ann", 300), Some(2));
        assert_eq!(keeps(&recent, "ann", 300), None);
        recent.keep(key("ann"), written(3), at(300));
        recent.keep(key("ann"), written(4), at(599));
        recent.keep(key("ann"), written(5), at(600));
        recent.forget(&key("ann"));
        assert_eq!(keeps(&recent, "ann", 600), None);
    }
}
