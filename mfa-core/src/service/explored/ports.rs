//! The explored world's ports: time as it is told, randomness that is a function of the request, seals that hide nothing.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::fault::{Fault, FaultKind};
use crate::port::clock::Clock;
use crate::port::entropy::Entropy;
use crate::port::sealer::{Fingerprint, Place, Sealed, Sealer};
use crate::secret::SecretBytes;
use crate::time::Timestamp;

/// Something that is compared, and told apart from other states, by a print taken when it was made.
pub(super) struct Held<T> {
    thing: Arc<T>,
    print: u64,
}

impl<T> Held<T> {
    pub(super) fn new(thing: T, print: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        print.hash(&mut hasher);
        Self { thing: Arc::new(thing), print: hasher.finish() }
    }
}

impl<T: fmt::Debug> Held<T> {
    /// For things that show all that matters.
    pub(super) fn shown(thing: T) -> Self {
        let print = format!("{thing:?}");
        Self::new(thing, print)
    }
}

impl<T> Deref for Held<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.thing
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self { thing: Arc::clone(&self.thing), print: self.print }
    }
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl<T> Eq for Held<T> {}

impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Held<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.print.cmp(&other.print)
    }
}

impl<T> Hash for Held<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.print.hash(hasher);
    }
}

impl<T> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:04x}", self.print & 0xffff)
    }
}

pub(super) struct Told(pub(super) Timestamp);

impl Clock for Told {
    fn now(&self) -> Result<Timestamp, Fault> {
        Ok(self.0)
    }
}

/// The same request draws the same randomness, on whichever node and however often it begins again; no two
/// requests draw the same.
pub(super) struct Seeded {
    seed: [u8; 3],
    drawn: AtomicU64,
}

impl Seeded {
    pub(super) fn new(seed: [u8; 3]) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        for some in bytes.chunks_mut(32) {
            let nth = self.drawn.fetch_add(1, Ordering::Relaxed);
            let block = Sha256::new().chain_update(self.seed).chain_update(nth.to_le_bytes()).finalize();
            some.copy_from_slice(&block[..some.len()]);
        }
        Ok(())
    }
}

/// Binds to the place, as a sealer must, and costs next to nothing.
pub(super) struct Open;

fn tag(place: Place<'_>, domain: &str) -> [u8; 8] {
    let digest = Sha256::digest(place.encode(domain));
    std::array::from_fn(|at| digest[at])
}

impl Sealer for Open {
    fn seal(&self, _: &dyn Entropy, place: Place<'_>, plain: &[u8]) -> Result<Sealed, Fault> {
        Ok(Sealed::from_bytes([&tag(place, "seal"), plain].concat()))
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretBytes, Fault> {
        match sealed.as_bytes().strip_prefix(&tag(place, "seal")) {
            Some(plain) => Ok(SecretBytes::new(plain.to_vec())),
            None => Err(Fault::new(FaultKind::Seal)),
        }
    }

    fn is_current(&self, _: &Sealed) -> bool {
        true
    }

    fn fingerprint(&self, place: Place<'_>, value: &[u8]) -> Result<Fingerprint, Fault> {
        Ok(Fingerprint::from_bytes([&tag(place, "print"), value].concat()))
    }

    fn matches(&self, place: Place<'_>, value: &[u8], fingerprint: &Fingerprint) -> Result<bool, Fault> {
        Ok(self.fingerprint(place, value)? == *fingerprint)
    }
}
