//! The explorations: in each, what the account has, who may ask for what, when, and how often.

use std::time::Duration;

use super::asking::{Code, What};
use super::world::{Hold, Step, Work, World};
use crate::factor::backup::HashCost;
use crate::id::{AccountKey, UserId};
use crate::policy::Policy;
use crate::proof::Method;
use crate::settings::{Preset, Settings};
use crate::throttle::Limits;

/// The browser of somebody who knows the password and sees every code that the owner types. Before it come the
/// owner's two; after it, [`HOST`].
pub(super) const THIEF: usize = 2;

/// The administrator and the host.
const HOST: usize = 3;

/// A time step begins here.
const BASE: u64 = 1_800_000_000;

/// One exploration, with the bounds that keep it finite.
pub(super) struct Plan {
    pub(super) key: AccountKey,
    pub(super) settings: Settings,
    pub(super) policy: Policy,
    /// The times there are.
    pub(super) moments: Vec<u64>,
    pub(super) nodes: usize,
    /// Whether nodes die, answers are lost and messages fail.
    pub(super) rough: bool,
    /// How many requests each browser sends.
    pub(super) asks: Vec<u8>,
    /// By how much a node's clock may jump, and how often clocks do.
    pub(super) shifts: Vec<i64>,
    pub(super) most_shifts: u8,
    /// How far the phone's clock is off.
    pub(super) skew: i64,
    /// What a browser may ask for now.
    pub(super) asks_for: fn(&Self, &World, usize) -> Vec<What>,
    /// What the account has at the start.
    pub(super) start: &'static [(usize, What)],
    /// What has to happen somewhere.
    pub(super) reached: &'static [&'static str],
}

impl Plan {
    fn new(asks_for: fn(&Self, &World, usize) -> Vec<What>, start: &'static [(usize, What)]) -> Self {
        let mut settings = Settings::new(Preset::Portal, "Hillside School".into(), "portal.example".into());
        settings.email_codes = true;
        settings.hash_cost = HashCost::danger_for_tests();
        settings.backup_codes = 2;
        settings.fresh = Duration::from_secs(60);
        settings.limits = Limits {
            per_challenge: 2,
            free: 2,
            first_wait: Duration::from_secs(30),
            longest_wait: Duration::from_secs(60),
            disable_at: 4,
            delivered: 2,
        };
        Self {
            key: AccountKey::of_user(UserId::new("42").unwrap()),
            settings,
            policy: Policy::Required,
            moments: vec![BASE],
            nodes: 2,
            rough: true,
            asks: vec![1, 1, 1],
            shifts: Vec::new(),
            most_shifts: 0,
            skew: 0,
            asks_for,
            start,
            reached: &[],
        }
    }

    fn at(mut self, seconds: &[u64]) -> Self {
        self.moments = seconds.iter().map(|after| BASE + after).collect();
        self
    }

    fn asks(mut self, asks: &[u8]) -> Self {
        self.asks = asks.to_vec();
        self
    }

    /// One code of an app: two browsers of the owner, and the thief who guesses and types what he has seen.
    pub(super) fn app_code(deep: bool) -> Self {
        const START: &[(usize, What)] = &[
            (0, What::SignIn),
            (0, What::StageApp),
            (0, APP_CONFIRMED),
            (0, What::SignIn),
            (1, What::SignIn),
            (THIEF, What::SignIn),
        ];
        let mut plan = Self::new(app_code, START).reaches(&[
            "the owner is in",
            "the thief is in by a code he saw",
            "the account has to wait",
            "two nodes meet",
            "a node is overtaken",
            "a node has to begin again",
            "a code is spent and nobody in",
        ]);
        (plan.settings.limits.per_challenge, plan.settings.limits.free) = (1, 1);
        if deep { plan.at(&[30, 60]).asks(&[2, 1, 2]) } else { plan.at(&[30, 60]).asks(&[1, 1, 2]) }
    }

    /// Backup codes, the same; and the owner makes new ones meanwhile.
    pub(super) fn backup_code(deep: bool) -> Self {
        const START: &[(usize, What)] = &[
            (0, What::SignIn),
            (0, What::StageApp),
            (0, APP_CONFIRMED),
            (0, What::MakeCodes),
            (1, What::SignIn),
            (1, What::Choose(Method::BackupCode)),
            (THIEF, What::SignIn),
            (THIEF, What::Choose(Method::BackupCode)),
        ];
        let mut plan = Self::new(backup_code, START).reaches(&[
            "the owner's other browser is in",
            "the thief is in by a code he saw",
            "the backup codes are disabled",
            "two nodes meet",
            "a node is overtaken",
            "a node has to begin again",
            "a backup code is spent",
        ]);
        (plan.settings.limits.free, plan.settings.limits.disable_at) = (3, 2);
        if deep { plan.at(&[30, 60]).asks(&[1, 1, 2]) } else { plan.at(&[30]).asks(&[1, 1, 2]) }
    }

    /// Delivered codes: messages that get lost, arrive though they failed, and are sent again.
    pub(super) fn messages(deep: bool) -> Self {
        const START: &[(usize, What)] = &[
            (0, What::SignIn),
            (0, What::StageMail),
            (0, MAIL_CONFIRMED),
            (0, What::SignIn),
            (0, What::Choose(Method::Email)),
            (THIEF, What::SignIn),
        ];
        let mut plan = Self::new(messages, START).reaches(&[
            "the owner is in",
            "two nodes meet",
            "a node is overtaken",
            "a node has to begin again",
            "a code is spent and nobody in",
            "two codes in the mailbox",
        ]);
        plan.settings.cooldown = Duration::from_secs(30);
        plan.settings.code_life = Duration::from_secs(60);
        plan.settings.live_codes = 1;
        (plan.settings.limits.per_challenge, plan.settings.limits.delivered) = (3, 1);
        if deep { plan.at(&[30, 91]).asks(&[2, 0, 1]) } else { plan.at(&[30, 91]).asks(&[2, 0, 0]) }
    }

    /// Setting up, changing and taking away: the owner's two browsers, a thief, an administrator and the host.
    pub(super) fn set_up(deep: bool) -> Self {
        let mut plan = Self::new(set_up, &[]).reaches(&[
            "the owner is in",
            "the thief has begun to set up",
            "two methods",
            "set up and taken away",
            "a session is over",
            "new backup codes",
        ]);
        plan.nodes = 1;
        plan.rough = deep;
        plan.at(&[0, 61]).asks(&[4, 0, 2, 1])
    }

    /// An app beside an address: what a mailbox alone must not get to do.
    pub(super) fn levels(deep: bool) -> Self {
        const START: &[(usize, What)] = &[(0, What::SignIn), (0, What::StageMail), (0, MAIL_CONFIRMED)];
        let mut plan = Self::new(levels, START).reaches(&["the owner is in", "two methods"]);
        plan.settings.cooldown = Duration::from_secs(10);
        plan.nodes = 1;
        plan.rough = false;
        let plan = plan.at(&[30, 80, 121]);
        if deep { plan.asks(&[6, 0, 0, 0]) } else { plan.asks(&[5, 0, 0, 0]) }
    }

    /// Password and mailbox, but not the app beside them: it may be guessed at until it is disabled.
    pub(super) fn guessed(deep: bool) -> Self {
        const START: &[(usize, What)] = &[
            (0, What::SignIn),
            (0, What::StageMail),
            (0, MAIL_CONFIRMED),
            (0, What::StageApp),
            (0, APP_CONFIRMED),
            (1, What::SignIn),
        ];
        let mut plan = Self::new(guessed, START).reaches(&[
            "a method is disabled",
            "in by e-mail after a guess",
            "in by e-mail beside a disabled app",
        ]);
        plan.settings.cooldown = Duration::ZERO;
        (plan.settings.limits.free, plan.settings.limits.disable_at) = (if deep { 3 } else { 9 }, 2);
        plan.nodes = 1;
        plan.rough = false;
        plan.at(if deep { &[30, 61, 121] } else { &[30] }).asks(&[0, 8, 0, 0])
    }

    /// Clocks: nodes that jump within the tolerance and beyond it, a phone that is off, and codes typed again.
    pub(super) fn clocks(deep: bool, skew: i64) -> Self {
        const START: &[(usize, What)] = &[
            (0, What::SignIn),
            (0, What::StageApp),
            (0, APP_CONFIRMED),
            (0, What::SignIn),
            (1, What::SignIn),
            (THIEF, What::SignIn),
        ];
        let mut plan = Self::new(clocks, START).reaches(&[
            "the owner is in",
            "the thief is in by a code he saw",
            "clocks apart",
            "a node is overtaken",
            "in by a clock that is back",
            "two nodes meet",
        ]);
        plan.skew = skew;
        plan.shifts = vec![-30, -60, 60];
        plan.most_shifts = 1;
        if deep {
            plan.at(&[60, 90, 120]).asks(&[1, 0, 1, 1])
        } else {
            plan.at(&[60, 90]).asks(&[1, 0, 1, 1])
        }
    }

    /// Records in hand from before the second factor: one browser sets an app up, another signs in meanwhile, and the
    /// account is reset.
    pub(super) fn in_hand(deep: bool) -> Self {
        const START: &[(usize, What)] = &[(HOST, What::PasswordChanged), (0, What::SignIn)];
        let mut plan = Self::new(in_hand, START).reaches(&[
            "the owner is in",
            "the thief is in with a password",
            "the thief has to answer",
            "a node is overtaken",
        ]);
        plan.policy = Policy::Encouraged;
        plan.at(&[0]).asks(if deep { &[3, 0, 2, 2] } else { &[3, 0, 1, 1] })
    }

    fn reaches(mut self, reached: &'static [&'static str]) -> Self {
        self.reached = reached;
        self
    }

    /// The world at the beginning.
    pub(super) fn begin(&self) -> World {
        let mut world = World::new(self);
        world.now = BASE;
        // Other randomness than is drawn later.
        world.asked.fill(0xff);
        for (browser, what) in self.start {
            let browser = *browser;
            let what = match what {
                What::Confirm(Code::Guess) => What::Confirm(self.shown(&world, browser).unwrap()),
                What::Confirm(_) => What::Confirm(world.owner.mail.first().unwrap().clone()),
                what => what.clone(),
            };
            if what == What::SignIn {
                world.browsers[browser] = Hold::default();
            }
            world = world.after(self, &Step::Ask { node: 0, browser, what }).unwrap();
            while let Some(node) = world.nodes.iter().position(|node| node.work != Work::Idle) {
                let step = match &world.nodes[node].work {
                    Work::Sending { .. } => Step::Send { node, arrives: true, failed: false },
                    Work::Waiting { .. } => Step::Again { node },
                    _ => Step::Commit { node, heard: true },
                };
                world = world.after(self, &step).unwrap();
            }
        }
        world.asked.fill(0);
        world.now = self.moments[0];
        assert!(world.ledger.breaches.is_empty(), "{:?}", world.ledger.breaches);
        world
    }

    /// What the phone of whoever sits at the browser shows.
    fn shown(&self, world: &World, browser: usize) -> Option<Code> {
        let key = world.belongings(browser).app.clone()?;
        let step = world.now.saturating_add_signed(self.skew) / 30;
        Some(Code::App { key, step })
    }
}

/// Stand for the code that the phone shows and the one in the mailbox.
const APP_CONFIRMED: What = What::Confirm(Code::Guess);
const MAIL_CONFIRMED: What = What::Confirm(Code::GuessPaper);

/// Nothing more is asked for by somebody who is in.
fn signs_in(world: &World, browser: usize) -> Option<Vec<What>> {
    let hold = &world.browsers[browser];
    match (&hold.session, &hold.ticket) {
        (Some(_), _) => Some(Vec::new()),
        (None, None) => Some(vec![What::SignIn]),
        (None, Some(_)) => None,
    }
}

fn app_code(plan: &Plan, world: &World, browser: usize) -> Vec<What> {
    if let Some(asks) = signs_in(world, browser) {
        return asks;
    }
    if browser != THIEF {
        return plan.shown(world, browser).map(What::Answer).into_iter().collect();
    }
    world.seen.iter().cloned().chain([Code::Guess]).map(What::Answer).collect()
}

fn backup_code(_: &Plan, world: &World, browser: usize) -> Vec<What> {
    match (browser, signs_in(world, browser)) {
        (0, _) => vec![What::MakeCodes],
        (_, Some(asks)) => asks,
        (THIEF, None) => world.seen.iter().cloned().chain([Code::GuessPaper]).map(What::Answer).collect(),
        (_, None) => world.owner.paper.iter().take(1).cloned().map(What::Answer).collect(),
    }
}

fn messages(_: &Plan, world: &World, browser: usize) -> Vec<What> {
    if let Some(asks) = signs_in(world, browser) {
        return asks;
    }
    let mut asks = vec![What::Choose(Method::Email)];
    if browser == THIEF {
        asks.push(What::Answer(Code::Guess));
        asks.extend(world.seen.iter().cloned().map(What::Answer));
    } else {
        asks.extend(world.owner.mail.iter().cloned().map(What::Answer));
    }
    asks
}

fn set_up(plan: &Plan, world: &World, browser: usize) -> Vec<What> {
    let hold = &world.browsers[browser];
    if browser > THIEF {
        return vec![What::Reset, What::PasswordChanged];
    }
    let mut asks = Vec::new();
    let code = plan.shown(world, browser);
    match (&hold.session, &hold.pass) {
        (None, None) if hold.ticket.is_none() => asks.push(What::SignIn),
        (None, None) => asks.extend(code.map(What::Answer)),
        _ if hold.setup.is_some() => {
            asks.extend(code.map(What::Confirm));
            asks.push(What::Abandon);
        }
        (None, Some(_)) => asks.push(What::StageApp),
        (Some(_), _) => {
            asks.extend([What::MakeCodes, What::Remove(Method::App), What::EndOthers]);
            asks.extend([What::Rename, What::StageApp]);
            asks.extend(if hold.ticket.is_some() { code.map(What::Answer) } else { Some(What::StepUp) });
        }
    }
    asks
}

fn levels(plan: &Plan, world: &World, browser: usize) -> Vec<What> {
    if browser > THIEF {
        return vec![What::PasswordChanged];
    }
    let hold = &world.browsers[browser];
    let mut asks = Vec::new();
    let mailed = || world.owner.mail.iter().cloned();
    if hold.ticket.is_some() {
        asks.push(What::Choose(Method::Email));
        asks.extend(mailed().map(What::Answer));
    }
    match (&hold.session, &hold.setup) {
        (None, _) if hold.ticket.is_none() => asks.push(What::SignIn),
        (None, _) => {}
        (Some(_), Some(_)) => {
            asks.extend(plan.shown(world, browser).map(What::Confirm));
            asks.extend(mailed().map(What::Confirm));
        }
        (Some(_), None) => {
            asks.extend([What::StageApp, What::StageMail, What::Rename, What::Remove(Method::App)]);
            asks.extend(hold.ticket.is_none().then_some(What::StepUp));
        }
    }
    asks
}

fn guessed(_: &Plan, world: &World, browser: usize) -> Vec<What> {
    let hold = &world.browsers[browser];
    let mut asks = Vec::new();
    if let Some(tied) = &hold.ticket {
        asks.extend([What::Choose(Method::App), What::Answer(Code::Guess), What::Choose(Method::Email)]);
        let of_it =
            |code: &&Code| matches!(code, Code::Mail { challenge, .. } if *challenge == tied.challenge());
        asks.extend(world.owner.mail.iter().filter(of_it).cloned().map(What::Answer));
    }
    match (&hold.session, &hold.ticket) {
        (None, None) => asks.push(What::SignIn),
        (None, Some(_)) => {}
        (Some(_), ticket) => {
            asks.extend([What::Remove(Method::App), What::MakeCodes]);
            asks.extend(ticket.is_none().then_some(What::StepUp));
        }
    }
    asks
}

fn in_hand(plan: &Plan, world: &World, browser: usize) -> Vec<What> {
    let hold = &world.browsers[browser];
    match browser {
        HOST => vec![What::PasswordChanged, What::Reset],
        0 if hold.session.is_some() => match &hold.setup {
            Some(_) => plan.shown(world, browser).map(What::Confirm).into_iter().collect(),
            None => vec![What::StageApp],
        },
        _ => signs_in(world, browser).unwrap_or_default(),
    }
}

fn clocks(plan: &Plan, world: &World, browser: usize) -> Vec<What> {
    if browser > THIEF {
        return vec![What::Reset];
    }
    if let Some(asks) = signs_in(world, browser) {
        return asks;
    }
    if browser == THIEF {
        return world.seen.iter().cloned().map(What::Answer).collect();
    }
    plan.shown(world, browser).map(What::Answer).into_iter().collect()
}
