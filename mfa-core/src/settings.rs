//! Settings: every number the rules work with, its default and where the default comes from.

use std::time::Duration;

use crate::config::ConfigError;
use crate::factor::backup::HashCost;
use crate::factor::totp::{TotpParams, Window};
use crate::policy::{Policy, REMIND_EVERY};
use crate::port::sender::Locale;
use crate::throttle::Limits;

/// The most methods an account may have.
pub const MAX_FACTORS: usize = 10;

/// A delivered code never lives longer (NIST SP 800-63B-4 §3.1.3.2, ASVS 5.0 V6.5.5).
pub const LONGEST_CODE_LIFE: Duration = Duration::from_secs(600);

/// The longest that may be set for somebody to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// A named set of settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// What public portals do: e-mail codes may be switched on, stated honestly as adding no assurance level.
    #[default]
    Portal,
    /// NIST SP 800-63B-4 AAL2 and ASVS 5.0 level 2: no e-mail codes. Addresses that were bound under another preset still
    /// sign their owners in; see [`Builder::email_codes`](crate::service::Builder::email_codes).
    Aal2,
    /// ASVS 5.0 level 3 as far as codes can go: also the current time step only, one live code, one try a code.
    Strict,
}

/// How many codes confirm a new authenticator app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confirm {
    /// One code.
    #[default]
    OneCode,
    /// Two codes, one after the other: also learns how far off the app's clock is.
    TwoConsecutive,
}

/// Every number the rules work with. Made by the builder, which refuses what contradicts itself.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) preset: Preset,
    pub(crate) service: String,
    pub(crate) host: String,
    pub(crate) help: String,
    pub(crate) help_in: Vec<(Locale, String)>,
    pub(crate) policy: Policy,
    pub(crate) remind_every: Duration,
    pub(crate) totp: TotpParams,
    pub(crate) window: Window,
    pub(crate) confirm: Confirm,
    pub(crate) limits: Limits,
    pub(crate) email_codes: bool,
    pub(crate) code_life: Duration,
    pub(crate) cooldown: Duration,
    pub(crate) live_codes: usize,
    pub(crate) spend_on_wrong: bool,
    pub(crate) challenge_life: Duration,
    pub(crate) enrolment_life: Duration,
    pub(crate) fresh: Duration,
    pub(crate) backup_codes: u8,
    pub(crate) hash_cost: HashCost,
    pub(crate) clock_tolerance: Duration,
}

impl Settings {
    pub(crate) fn new(preset: Preset, service: String, host: String) -> Self {
        let strict = preset == Preset::Strict;
        Self {
            preset,
            service,
            host,
            help: String::new(),
            help_in: Vec::new(),
            policy: Policy::default(),
            remind_every: REMIND_EVERY,
            totp: TotpParams::default(),
            window: if strict { Window::STRICT } else { Window::default() },
            confirm: Confirm::default(),
            limits: Limits::default(),
            email_codes: false,
            code_life: LONGEST_CODE_LIFE,
            cooldown: Duration::from_secs(60),
            live_codes: if strict { 1 } else { 2 },
            spend_on_wrong: strict,
            // Long enough to ask for a second message shortly before the first one expires.
            challenge_life: Duration::from_secs(1200),
            enrolment_life: Duration::from_secs(600),
            fresh: Duration::from_secs(900),
            backup_codes: 10,
            hash_cost: HashCost::default(),
            // What nodes with NTP differ by at the worst; a clock further back is a fault.
            clock_tolerance: Duration::from_secs(30),
        }
    }

    /// The name of the service, for people.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// How to reach somebody who helps, in this language if the host gave it, or else as it gave it for all.
    pub fn help(&self, locale: Locale) -> &str {
        let own = self.help_in.iter().rev().find(|(of, _)| *of == locale);
        own.map_or(&self.help, |(_, help)| help)
    }

    /// How recent a second factor must be to change anything.
    pub fn fresh(&self) -> Duration {
        self.fresh
    }

    /// How many codes confirm a new app.
    pub fn confirm(&self) -> Confirm {
        self.confirm
    }

    /// Whether codes by e-mail can be used as a method.
    pub fn email_codes(&self) -> bool {
        self.email_codes
    }

    /// How many backup codes a new set has.
    pub fn backup_codes(&self) -> u8 {
        self.backup_codes
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let refuse =
            |setting, problem: &'static str, fix: &'static str| Err(ConfigError::new(setting, problem, fix));
        if self.service.trim().is_empty()
            || self.service.chars().any(char::is_control)
            || self.service.len() > 100
        {
            return refuse(
                "service",
                "it is empty, too long or has control characters",
                "name the service as people know it",
            );
        }
        if self.service.contains(':') {
            return refuse(
                "service",
                "it has a colon, which authenticator apps take for a separator",
                "leave the colon out",
            );
        }
        if self.host.is_empty()
            || self.host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/' || c == '@')
        {
            return refuse(
                "host",
                "it is not a host name",
                "give the site's host name alone, such as portal.school.example",
            );
        }
        if self.email_codes && self.preset != Preset::Portal {
            return refuse(
                "email_codes",
                "codes by e-mail can't be a second factor at this level (NIST SP 800-63B-4 §3.1.3.1, ASVS 5.0 V6.3.6)",
                "leave email_codes off, or choose Preset::Portal",
            );
        }
        if self.code_life.is_zero() || self.code_life > LONGEST_CODE_LIFE {
            return refuse(
                "code_life",
                "it is not between 1 second and 10 minutes (NIST SP 800-63B-4 §3.1.3.2)",
                "choose at most 10 minutes",
            );
        }
        if self.cooldown > LONGEST_WAIT || self.limits.longest_wait > LONGEST_WAIT {
            return refuse(
                "waits",
                "somebody would be kept out for more than a day, by messages that don't arrive or by wrong codes",
                "choose a minute between messages, and an hour as the longest wait",
            );
        }
        if self.limits.free == 0 {
            return refuse("limits.free", "the wrong answers in a row are counted from 1", "choose 10");
        }
        if self.challenge_life < Duration::from_secs(60) || self.challenge_life > Duration::from_secs(3600) {
            return refuse("challenge_life", "it is not between a minute and an hour", "choose 20 minutes");
        }
        if self.fresh < Duration::from_secs(60) || self.fresh > Duration::from_secs(24 * 3600) {
            return refuse(
                "fresh",
                "it is not between a minute and a day: shorter leaves no time to finish, longer proves nothing",
                "choose 15 minutes",
            );
        }
        if self.limits.per_challenge == 0 || self.limits.delivered == 0 || self.limits.disable_at == 0 {
            return refuse("limits", "nobody could ever answer", "allow at least one try");
        }
        if self.limits.disable_at > Limits::MOST && self.limits != Limits::UNLIMITED {
            return refuse(
                "limits.disable_at",
                "more than a hundred wrong answers in a row may not be borne (NIST SP 800-63B-4 §3.2.2)",
                "choose 100 or fewer; a load test may call danger_without_limits",
            );
        }
        if self.backup_codes == 0 || self.backup_codes > 50 {
            return refuse("backup_codes", "a set has between 1 and 50 codes", "choose 10");
        }
        if self.preset == Preset::Strict && self.window != Window::STRICT {
            return refuse(
                "window",
                "only the current time step counts at this level (ASVS 5.0 V6.5.5)",
                "leave the window alone, or choose another preset",
            );
        }
        if self.clock_tolerance > Duration::from_secs(300) {
            return refuse(
                "clock_tolerance",
                "nodes may not differ by more than five minutes",
                "run NTP on every node",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No setter reaches it, but a preset might choose wrong one day.
    #[test]
    fn a_challenge_lives_between_a_minute_and_an_hour() {
        let with = |seconds| {
            let mut settings =
                Settings::new(Preset::Portal, "School".to_owned(), "school.example".to_owned());
            settings.challenge_life = Duration::from_secs(seconds);
            settings.check().map_err(|error| error.setting())
        };
        assert_eq!([with(60), with(1_200), with(3_600)], [Ok(()); 3]);
        assert_eq!([with(0), with(59), with(3_601)], [Err("challenge_life"); 3]);
    }
}
