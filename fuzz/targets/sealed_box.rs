//! Any bytes as a sealed box: nothing opens but what was sealed, unchanged, at its own place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::sealer::{KeyRing, Place, Sealed, Sealer};
use mfa_testing::entropy::SeededEntropy;

const KEYS: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001 \
                    1122334455667788990011223344556677889900112233445566778899001122";
const UNUSED: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

fuzz_target!(|bytes: &[u8]| {
    let ring = KeyRing::from_hex(KEYS).expect("keys");
    let account = |name: &str| AccountKey::of_user(UserId::new(name).expect("a name"));
    let (ann, ben) = (account("ann"), account("ben"));
    let place = Place { account: &ann, item: &[7; 16], field: "totp.key" };
    // With keys that nothing is sealed with here: the fuzzer has learned to copy our own boxes from memory.
    let unused = KeyRing::from_hex(UNUSED).expect("keys");
    assert!(unused.open(place, &Sealed::from_bytes(bytes.to_vec())).is_err(), "opened what nobody sealed");

    // The same bytes, turned into a change of a real box.
    let plain = bytes.get(..bytes.len().min(64)).unwrap_or_default();
    let sealed = ring.seal(&SeededEntropy::new(1), place, plain).expect("sealed");
    assert_eq!(ring.open(place, &sealed).expect("opened").expose(), plain);
    let mut changed = sealed.as_bytes().to_vec();
    for (number, byte) in bytes.iter().enumerate() {
        let at = number.wrapping_mul(7) % changed.len();
        changed[at] ^= byte;
    }
    if changed != sealed.as_bytes() {
        assert!(ring.open(place, &Sealed::from_bytes(changed)).is_err(), "opened what was changed");
    }
    for elsewhere in [
        Place { account: &ben, ..place },
        Place { item: &[8; 16], ..place },
        Place { field: "email.address", ..place },
    ] {
        assert!(ring.open(elsewhere, &sealed).is_err(), "opened at another place");
    }
});
