//! Any text as a backup code of a real set: it is one exactly if its letters and digits are, and then once.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mfa_core::factor::backup::{BackupCodes, BackupSet, HashCost, Salt, Taken, draw, hash, read_backup_code};
use mfa_core::time::Timestamp;
use mfa_testing::entropy::SeededEntropy;

/// The codes are those of the seeds: `XP7G-3PZ4-2G5H-V2D9` and nine more.
static DRAWN: LazyLock<(Vec<String>, BackupSet)> = LazyLock::new(|| {
    let entropy = SeededEntropy::new(3);
    let codes: BackupCodes = draw(&entropy, 10).expect("drawn");
    let plain = codes.iter().map(|code| code.expose().replace('-', "")).collect();
    let cost = HashCost::danger_for_tests();
    let salt = Salt::draw(&entropy).expect("drawn");
    let set = BackupSet::seal_up(&codes, salt, cost, None, Timestamp::from_unix(0)).expect("sealed");
    (plain, set)
});

fuzz_target!(|text: &str| {
    let Ok(code) = read_backup_code(text) else { return };
    let (codes, set) = &*DRAWN;
    let hashed = || hash(&code, &set.salt(), &set.cost(), None).expect("hashed");
    let taken = set.clone().take(&hashed());
    if text.is_ascii() {
        let letters = text.chars().filter(char::is_ascii_alphanumeric).map(|letter| {
            match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            }
        });
        let plain: String = letters.collect();
        assert_eq!(matches!(taken, Taken::Used(_)), codes.contains(&plain), "{plain}");
    }
    if let Taken::Used(left) = taken {
        assert_eq!(left.left(), set.left() - 1);
        assert!(matches!(left.take(&hashed()), Taken::Wrong(_)), "works twice");
    }
});
