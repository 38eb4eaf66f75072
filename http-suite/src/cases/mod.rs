//! The list of all cases, and the macro that makes tests of them.

macro_rules! suite {
    ($d:tt $($module:ident: $($case:ident)*;)*) => {
        $(pub mod $module;)*

        /// Makes a test of each case: `each_case!(#[tokio::test], adapter, "name")`, where `adapter` is an
        /// [`Adapter`](crate::adapter::Adapter), and the name is its column in the table of the run. The runtime must have one thread only: a case that listens to the log
        /// listens on its own.
        #[macro_export]
        macro_rules! each_case {
            (#[$d test:meta], $d adapter:expr, $d name:literal) => {
                $(mod $module {
                    use super::*;
                    $(
                        #[$d test]
                        async fn $case() {
                            let adapter = $d adapter;
                            if $d crate::adapter::Adapter::store(&adapter).is_there() {
                                $d crate::cases::$module::$case(&adapter).await;
                                $d crate::passed($d name, stringify!($module), stringify!($case));
                            }
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
        parallel_guesses_buy_nothing
        who_hangs_up_suppresses_no_notice;
    sealed:
        nothing_secret_is_in_answers_logs_or_events;
    session:
        its_id_changes_at_every_level
        a_planted_id_is_worthless
        a_challenge_is_answered_in_its_own_session_only
        one_persons_code_is_nothing_to_another
        a_sign_in_over_a_session_leaves_nothing_of_it
        two_browsers_of_one_person_stand_beside_each_other
        leaving_needs_no_store;
    challenge:
        a_code_is_accepted_once
        wrong_codes_use_a_challenge_up
        a_code_of_the_wrong_length_costs_nothing
        a_challenge_expires
        too_many_wrong_codes_make_the_account_wait
        backup_codes_work_once_each
        a_code_by_email_signs_in
        the_only_method_needs_no_choice_and_its_code_ends
        a_failed_delivery_says_so_and_offers_another_way
        a_program_signs_in_with_json
        a_challenge_can_be_given_up
        only_offered_methods_can_be_chosen;
    enrol:
        an_app_is_set_up_by_form
        an_app_is_set_up_with_json
        two_consecutive_codes_confirm_where_the_host_asks_for_them
        what_was_not_confirmed_was_never_there
        a_new_set_up_breaks_nothing_before_it_is_confirmed
        a_pending_person_sets_nothing_up
        a_forced_set_up_keeps_where_the_person_was_going
        an_address_is_set_up_by_the_code_sent_to_it
        a_step_up_in_the_middle_of_it_loses_nothing
        without_backup_codes_it_is_still_set_up;
    settings:
        every_change_needs_a_fresh_second_factor
        a_method_is_renamed
        a_method_is_removed
        the_last_method_stays_where_policy_asks_for_one
        only_ones_own_methods_are_found
        new_backup_codes_end_the_old_ones
        an_app_is_brought_back_in_step
        the_reminder_can_be_put_off
        what_happened_is_told_on_the_page;
    forged:
        a_form_needs_this_sessions_token
        a_form_comes_from_this_site
        other_bodies_are_not_read
        bodies_have_an_end
        looking_changes_nothing
        the_right_token_is_taken_from_programs_too
        a_refused_form_leads_to_a_page_that_is_there;
    home:
        after_the_password
        after_the_challenge
        after_the_reminder_and_the_forced_set_up
        as_a_deep_link
        into_the_pages_themselves
        after_a_challenge_that_ended;
    headers:
        every_page_has_the_headers
        every_refusal_has_the_headers
        assets_are_kept_and_nothing_else
        what_the_gate_answers_has_the_headers;
    silent:
        before_the_second_factor_no_address_is_told
        strangers_learn_nothing
        a_strangers_request_looks_nobody_up
        a_wrong_code_says_nothing_of_how_wrong_it_was
        settings_show_names_and_not_addresses;
    outage:
        a_store_that_fails_in_the_rarer_states
        a_session_store_that_fails_in_the_rarer_states
        a_clock_that_runs_back_lets_nobody_in
        a_directory_that_is_away_lets_nobody_in;
    guesses:
        a_delivered_code_bears_three
        the_wait_that_follows_holds_for_the_right_code;
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
