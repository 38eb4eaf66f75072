//! The list of all cases, and the macro that makes tests of them.

macro_rules! suite {
    ($d:tt $($module:ident: $($case:ident)*;)*) => {
        $(pub mod $module;)*

        /// Makes a test of each case: `each_case!(#[tokio::test], adapter)`, where `adapter` is an
        /// [`Adapter`](crate::adapter::Adapter). The runtime must have one thread only: a case that listens to the log
        /// listens on its own.
        #[macro_export]
        macro_rules! each_case {
            (#[$d test:meta], $d adapter:expr) => {
                $(mod $module {
                    use super::*;
                    $(
                        #[$d test]
                        async fn $case() {
                            $d crate::cases::$module::$case(&$d adapter).await;
                        }
                    )*
                })*
            };
        }

        #[cfg(test)]
        const LISTED: &[(&str, &str, &[&str])] = &[
            $((stringify!($module), include_str!(concat!(stringify!($module), ".rs")), &[$(stringify!($case)),*])),*
        ];
    };
}

suite! { $
    half_signed_in:
        nothing_guarded_is_shown_to_strangers
        nothing_guarded_is_shown_after_the_password_alone
        nothing_guarded_is_shown_before_the_forced_enrolment
        nothing_guarded_is_shown_after_signing_out
        nothing_guarded_is_shown_after_a_reset
        nothing_guarded_is_shown_after_sessions_were_ended_elsewhere
        nothing_guarded_is_shown_after_a_change_of_password
        nothing_guarded_is_shown_when_policy_became_stricter
        a_refused_person_stays_outside
        a_stale_proof_opens_no_fresh_route
        a_signed_in_person_gets_through_every_door
        nothing_that_a_pending_answer_holds_is_a_key
        extractors_hand_out_nobody_half_way;
    closed:
        a_store_that_fails_at_any_call_lets_nobody_in
        a_session_store_that_fails_lets_nobody_in
        a_clock_or_randomness_that_fails_lets_nobody_in;
    races:
        one_app_code_opens_one_session
        one_backup_code_opens_one_session
        one_delivered_code_opens_one_session
        parallel_guesses_buy_nothing;
    sealed:
        nothing_secret_is_in_answers_logs_or_events;
}

#[cfg(test)]
mod tests {
    use super::LISTED;

    #[test]
    fn no_case_is_forgotten() {
        for (module, text, listed) in LISTED {
            let cases = text.split("\npub async fn ").skip(1).filter_map(|rest| rest.split_once('('));
            let written: Vec<_> = cases.map(|(name, _)| name).collect();
            assert_eq!(&written, listed, "{module}: written and listed cases differ");
        }
        assert!(LISTED.len() > 1);
    }
}
