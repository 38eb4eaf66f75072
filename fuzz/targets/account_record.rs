//! Any bytes as an account's record: refused, or read; what was read is written and read again as the same account.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::account::Account;

fuzz_target!(|record: &[u8]| {
    let Ok(account) = Account::decode(record) else { return };
    let written = account.encode().expect("what was read can be written");
    let again = Account::decode(&written).expect("we read what we write");
    assert_eq!(again, account);
    assert_eq!(again.encode().expect("written twice"), written);
});
