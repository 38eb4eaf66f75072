//! Any bytes as a history of deeds: the promises hold in all of them, and each comes to what the reference says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::policy::Policy;
use model_suite::{Deed, History, Model, Portal};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, deeds)) = bytes.split_first() else { return };
    let policy = [Policy::Off, Policy::Encouraged, Policy::Required][usize::from(*first) % 3];
    let portal = Portal { policy, two_codes: first / 3 % 2 == 1 };
    fuzz::block_on(async {
        let (mut history, mut model) = (History::new(portal), Model::new(portal));
        for deed in deeds.as_chunks().0.iter().take(400) {
            let deed = Deed::from_bytes(*deed);
            if model.allows(deed) {
                model = model.after(deed);
                history.run(deed, &model).await;
            }
        }
        history.end().await;
    });
});
