//! The explored world: the store, two nodes with their clocks and work under way, browsers, a mailbox, and every step.

use std::collections::BTreeSet;

use super::asking::{Ask, Code, Said, What};
use super::ledger::{Drafted, Ledger};
use super::plan::{Plan, THIEF};
use super::ports::{Held, Seeded, Told};
use crate::account::delivering::Outgoing;
use crate::account::{Account, Glance};
use crate::factor::backup::HashedCode;
use crate::factor::key::SharedKey;
use crate::id::ChallengeId;
use crate::port::sender::Purpose;
use crate::port::store::{Version, Versioned};
use crate::proof::{Method, Standing};
use crate::refusal::Refusal;
use crate::service::sign_in::{Seen, at_the_gate};
use crate::service::turn::{Origin, Turn};
use crate::service::{Demand, Gate};
use crate::ticket::{EnrolPass, Ticket};
use crate::time::Timestamp;

/// A session's hold on a challenge, with the number of purges there had been when it was begun.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tied {
    pub(super) ticket: Held<Ticket>,
    pub(super) purpose: Purpose,
    pub(super) purges: u8,
}

/// A session's standing, with what is known of it apart from what it says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Session {
    pub(super) standing: Held<Standing>,
    pub(super) epochs: u8,
    /// When a second factor was last proved, and when one that lifts the level.
    pub(super) proved: Option<u64>,
    pub(super) lifted: Option<u64>,
}

/// What one browser's session holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Hold {
    pub(super) ticket: Option<Tied>,
    /// The one that confirms a new method.
    pub(super) setup: Option<Tied>,
    pub(super) session: Option<Session>,
    /// With the number of epochs there had been.
    pub(super) pass: Option<(Held<EnrolPass>, u8)>,
}

/// What a person has in hand beside the browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Belongings {
    pub(super) app: Option<Held<SharedKey>>,
    pub(super) paper: Vec<Code>,
    pub(super) mail: BTreeSet<Code>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Work {
    #[default]
    Idle,
    /// To be looked at (again): the account was written meanwhile, or a backup code had to be hashed.
    Waiting { ask: Held<Ask>, hashed: Option<Held<HashedCode>> },
    /// Loaded and drafted, not committed.
    Drafted { ask: Held<Ask>, hashed: Option<Held<HashedCode>>, draft: Held<Drafted> },
    /// Committed; the message is to go out.
    Sending { ask: Held<Ask>, message: Held<Outgoing>, staged: Option<Held<Ticket>> },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Node {
    /// How far its clock is off, in seconds.
    pub(super) off: i64,
    pub(super) work: Work,
    /// The record as it saw it last, if it still has that in hand.
    pub(super) recent: Option<Held<Versioned>>,
}

pub(super) struct Stored {
    pub(super) versioned: Versioned,
    pub(super) account: Account,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) now: u64,
    pub(super) stored: Option<Held<Stored>>,
    /// In order: nodes are alike.
    pub(super) nodes: Vec<Node>,
    pub(super) browsers: Vec<Hold>,
    /// Which of its requests each has made: a bit for each that came to something or is under way.
    pub(super) asked: Vec<u16>,
    pub(super) owner: Belongings,
    pub(super) thief: Belongings,
    /// Codes that the thief has seen typed.
    pub(super) seen: BTreeSet<Code>,
    pub(super) shifts: u8,
    pub(super) ledger: Ledger,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// A request arrives at a node, which loads the account and drafts what to write.
    Ask {
        node: usize,
        browser: usize,
        what: What,
    },
    /// The node loads and drafts again.
    Again {
        node: usize,
    },
    /// The draft is written; the answer arrives or is lost.
    Commit {
        node: usize,
        heard: bool,
    },
    /// The message is handed over: whether it arrives, and whether the sender says so.
    Send {
        node: usize,
        arrives: bool,
        failed: bool,
    },
    /// The node dies with all it was about to do.
    Crash {
        node: usize,
    },
    Tick,
    /// A node's clock jumps.
    Shift {
        node: usize,
        by: i64,
    },
}

const NEWEST: Version = Version::new(1);
pub(super) const OVERTAKEN: Version = Version::new(0);

fn remembered(version: Version, record: &[u8]) -> Held<Versioned> {
    let record = record.to_vec();
    let print = (version, record.clone());
    Held::new(Versioned { version, record }, print)
}

impl World {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            now: plan.moments[0],
            stored: None,
            nodes: vec![Node::default(); plan.nodes],
            browsers: vec![Hold::default(); plan.asks.len()],
            asked: vec![0; plan.asks.len()],
            owner: Belongings::default(),
            thief: Belongings::default(),
            seen: BTreeSet::new(),
            shifts: 0,
            ledger: Ledger::default(),
        }
    }

    pub(super) fn belongings(&self, browser: usize) -> &Belongings {
        if browser == THIEF { &self.thief } else { &self.owner }
    }

    fn belongings_mut(&mut self, browser: usize) -> &mut Belongings {
        if browser == THIEF { &mut self.thief } else { &mut self.owner }
    }

    pub(super) fn account(&self) -> Account {
        self.stored.as_ref().map(|stored| stored.account.clone()).unwrap_or_default()
    }

    /// Every step that can be taken from here.
    pub(super) fn steps(&self, plan: &Plan, steps: &mut Vec<Step>) {
        if !self.ledger.breaches.is_empty() {
            return;
        }
        for (node, held) in self.nodes.iter().enumerate() {
            if self.nodes[..node].contains(held) {
                continue;
            }
            match &held.work {
                Work::Idle => {
                    for (browser, most) in plan.asks.iter().enumerate() {
                        if self.asked[browser].count_ones() < u32::from(*most) {
                            let asks = (plan.asks_for)(plan, self, browser);
                            steps.extend(asks.into_iter().map(|what| Step::Ask { node, browser, what }));
                        }
                    }
                }
                Work::Waiting { .. } => steps.push(Step::Again { node }),
                Work::Drafted { .. } => {
                    steps.push(Step::Commit { node, heard: true });
                    steps.extend(plan.rough.then_some(Step::Commit { node, heard: false }));
                }
                Work::Sending { .. } => {
                    let send = |(arrives, failed)| Step::Send { node, arrives, failed };
                    steps.push(send((true, false)));
                    if plan.rough {
                        steps.extend([(false, false), (true, true), (false, true)].map(send));
                    }
                }
            }
            if plan.rough && held.work != Work::Idle {
                steps.push(Step::Crash { node });
            }
            if self.shifts < plan.most_shifts {
                steps.extend(plan.shifts.iter().map(|by| Step::Shift { node, by: *by }));
            }
        }
        steps.push(Step::Tick);
    }

    /// The world after a step; `None` if it changed nothing.
    pub(super) fn after(&self, plan: &Plan, step: &Step) -> Option<Self> {
        let mut world = self.clone();
        match *step {
            Step::Ask { node, browser, ref what } => world.ask(plan, node, browser, what),
            Step::Again { node } => {
                let Work::Waiting { ask, hashed } = world.take(node) else { return None };
                world.load(plan, node, ask, hashed);
            }
            Step::Commit { node, heard } => world.commit(plan, node, heard)?,
            Step::Send { node, arrives, failed } => world.send(plan, node, arrives, failed)?,
            Step::Crash { node } => {
                world.nodes[node].recent = None;
                match world.take(node) {
                    Work::Waiting { ask, .. } | Work::Drafted { ask, .. } => world.came_to_nothing(&ask),
                    Work::Idle | Work::Sending { .. } => {}
                }
            }
            Step::Tick => world.now = *plan.moments.iter().find(|moment| **moment > self.now)?,
            Step::Shift { node, by } => {
                world.nodes[node].off += by;
                world.shifts += 1;
            }
        }
        world.nodes.sort_unstable();
        (world != *self).then_some(world)
    }

    fn take(&mut self, node: usize) -> Work {
        std::mem::take(&mut self.nodes[node].work)
    }

    /// Nothing was written: the request may be made again, so that what a browser asks for in vain is not limited.
    fn came_to_nothing(&mut self, ask: &Ask) {
        if !matches!(ask.what, What::Delivery { .. }) {
            self.asked[usize::from(ask.hand)] &= !(1 << ask.nth);
        }
    }

    fn clock(&self, node: usize) -> Timestamp {
        Timestamp::from_unix(self.now.saturating_add_signed(self.nodes[node].off))
    }

    fn ask(&mut self, plan: &Plan, node: usize, browser: usize, what: &What) {
        let (hand, nth) = (browser as u8, self.asked[browser].trailing_ones() as u8);
        self.asked[browser] |= 1 << nth;
        if let Some(code) = what.code().filter(|code| browser != THIEF && !code.is_guess()) {
            self.seen.insert(code.clone());
        }
        let ask = Ask { hand, nth, what: what.clone(), hold: self.browsers[browser].clone() };
        self.load(plan, node, Held::new(ask.clone(), ask), None);
    }

    fn load(&mut self, plan: &Plan, node: usize, ask: Held<Ask>, hashed: Option<Held<HashedCode>>) {
        let clock = self.clock(node);
        let stored = self.stored.as_ref().map(|stored| &stored.versioned);
        let on = |loaded| {
            let mut hash = hashed.clone();
            (ask.turn(plan, loaded, clock, &mut hash), hash)
        };
        let recent = self.nodes[node].recent.take();
        let on_recent = recent.as_deref().map(|held| on(Some(held)));
        let (turn, hash) =
            on_recent.filter(|(turn, _)| Origin::Recent.vouches_for(turn)).unwrap_or_else(|| on(stored));
        let expects = |turn: &Turn<Said>| turn.write.as_ref().and_then(|write| write.expected);
        let is_overtaken = turn.as_ref().is_ok_and(|turn| expects(turn) == Some(OVERTAKEN));
        if !is_overtaken {
            // Else the commit finds out, and it is looked at again.
            let fault = turn.as_ref().err().map(|fault| fault.kind());
            self.ledger.faulted(plan, &ask, clock.as_unix(), fault);
        }
        let Ok(turn) = turn else { return self.came_to_nothing(&ask) };
        let said = turn.outcome;
        if turn.write.is_none() {
            let read = self.stored.as_ref().map(|stored| remembered(NEWEST, &stored.versioned.record));
            self.nodes[node].recent = read;
        }
        self.nodes[node].work = match turn.write {
            Some(write) => {
                let (notices, addresses) = (turn.notices, turn.addresses);
                let at = clock.as_unix();
                let print = (write.record.clone(), write.expected, at, said.clone());
                let draft = Drafted { write, said, clock: at, notices, addresses };
                Work::Drafted { ask, hashed: hash, draft: Held::new(draft, print) }
            }
            None if said == Said::NeedsHash && hash.is_some() => Work::Waiting { ask, hashed: hash },
            None => {
                let account = self.account();
                self.ledger.unwritten(&account, &said);
                self.hear(&ask, &said, clock.as_unix());
                self.came_to_nothing(&ask);
                Work::Idle
            }
        };
    }

    fn commit(&mut self, plan: &Plan, node: usize, heard: bool) -> Option<()> {
        let Work::Drafted { ask, hashed, draft } = self.take(node) else { return None };
        let stored = self.stored.as_ref().map(|stored| stored.versioned.version);
        if stored != draft.write.expected {
            self.nodes[node].work = Work::Waiting { ask, hashed };
            return Some(());
        }
        let before = self.account();
        let Ok(after) = Account::decode(&draft.write.record) else {
            self.ledger.unreadable();
            return Some(());
        };
        self.ledger.book(plan, (&before, &after), &ask, &draft);
        let said = draft.said.clone();
        self.nodes[node].work = match &said {
            Said::ToSend(message, staged) => {
                Work::Sending { ask: ask.clone(), message: message.clone(), staged: staged.clone() }
            }
            _ => Work::Idle,
        };
        if heard {
            let at = after.seen.as_unix();
            self.hear(&ask, &said, at);
        } else if matches!(said, Said::ToSend(..)) {
            return None;
        }
        self.store(node, draft.write.record.clone(), after);
        self.look(plan);
        Some(())
    }

    /// Puts a record in its place. What was drafted on the one before can't be committed any more, whatever was in it. Of
    /// versions it matters only which is the newest, so that one number does, and another for all those before.
    fn store(&mut self, writer: usize, record: Vec<u8>, account: Account) {
        for node in &mut self.nodes {
            if let Work::Drafted { ask, hashed, .. } = &node.work {
                node.work = Work::Waiting { ask: ask.clone(), hashed: hashed.clone() };
            }
            node.recent = node.recent.take().map(|held| remembered(OVERTAKEN, &held.record));
        }
        self.nodes[writer].recent = Some(remembered(NEWEST, &record));
        let print = record.clone();
        self.stored =
            Some(Held::new(Stored { versioned: Versioned { version: NEWEST, record }, account }, print));
    }

    fn send(&mut self, plan: &Plan, node: usize, arrives: bool, failed: bool) -> Option<()> {
        let Work::Sending { ask, message, staged } = self.take(node) else { return None };
        if arrives {
            let challenge =
                staged.as_deref().map_or_else(|| ask.tied().unwrap().challenge(), Ticket::challenge);
            let (text, drawn) = (message.code.expose().into(), message.drawn.as_unix());
            let to_thief = message.to.expose().starts_with(&THIEF.to_string());
            let of = self.belongings_mut(if to_thief { THIEF } else { 0 });
            of.mail.insert(Code::Mail { challenge, text, drawn });
        }
        let what = What::Delivery { message, staged, failed };
        let second = Ask { what, ..(*ask).clone() };
        self.load(plan, node, Held::new(second.clone(), second), None);
        Some(())
    }

    /// The answer reaches the browser.
    fn hear(&mut self, ask: &Ask, said: &Said, at: u64) {
        let (epochs, purges) = (self.ledger.epochs, self.ledger.purges);
        let browser = usize::from(ask.hand);
        let tied = |ticket: &Held<Ticket>, purpose| Some(Tied { ticket: ticket.clone(), purpose, purges });
        let session = |standing: &Held<Standing>, proved, lifted| {
            Some(Session { standing: standing.clone(), epochs, proved, lifted })
        };
        let old = ask.hold.session.as_ref();
        let proof = |method: Option<Method>| {
            let lifts = method.is_some_and(Method::lifts_level);
            let lifted = if lifts { Some(at) } else { old.and_then(|session| session.lifted) };
            (Some(at), lifted)
        };
        let hold = &mut self.browsers[browser];
        match said {
            Said::Challenged(ticket, purpose) => hold.ticket = tied(ticket, *purpose),
            Said::MustEnrol(pass) => hold.pass = Some((pass.clone(), epochs)),
            Said::Admitted(standing) => hold.session = session(standing, None, None),
            Said::Passed(standing) => {
                let method = match ask.what.code() {
                    Some(Code::App { .. }) => Method::App,
                    Some(Code::Mail { .. }) => Method::Email,
                    _ => Method::BackupCode,
                };
                let (proved, lifted) = proof(Some(method));
                hold.session = standing.as_ref().and_then(|standing| session(standing, proved, lifted));
                hold.ticket = None;
            }
            Said::StagedApp(ticket, key) => {
                hold.setup = tied(ticket, Purpose::Enrol);
                let key = key.clone();
                self.belongings_mut(browser).app = Some(key);
            }
            Said::StagedMail(ticket) => hold.setup = tied(ticket, Purpose::Enrol),
            Said::Bound(standing, method) => {
                let (proved, lifted) = proof(Some(*method));
                let ticket = hold.ticket.take();
                *hold = Hold { ticket, session: session(standing, proved, lifted), ..Hold::default() };
            }
            Said::Moved(standing) => {
                let proofs = old.map(|old| (old.proved, old.lifted)).unwrap_or_default();
                hold.session = session(standing, proofs.0, proofs.1);
            }
            Said::Codes(codes) => {
                let codes = codes.clone();
                self.belongings_mut(browser).paper = codes;
            }
            Said::Refused(refusal) => match **refusal {
                Refusal::SignInAgain => *hold = Hold::default(),
                Refusal::ChallengeUnknown | Refusal::ChallengeFailed | Refusal::ChallengeExpired => {
                    let over = ask.tied();
                    hold.ticket = hold.ticket.take().filter(|tied| Some(tied) != over);
                    hold.setup = hold.setup.take().filter(|tied| Some(tied) != over);
                }
                _ => {}
            },
            Said::NeedsHash | Said::ToSend(..) | Said::Done => {}
        }
    }

    /// What the gate says of every session, by every node's clock.
    fn look(&mut self, plan: &Plan) {
        for browser in 0..self.browsers.len() {
            let Some(session) = self.browsers[browser].session.clone() else { continue };
            for node in 0..self.nodes.len() {
                for fresh in [None, Some(plan.settings.fresh)] {
                    let open = self.is_open(plan, &session, node, fresh.is_some());
                    let account = self.account();
                    self.ledger.seen_open(
                        plan,
                        &account,
                        &session,
                        self.clock(node).as_unix(),
                        fresh.is_some(),
                        open,
                    );
                }
            }
        }
    }

    fn is_open(&self, plan: &Plan, session: &Session, node: usize, fresh: bool) -> bool {
        let (clock, entropy) = (Told(self.clock(node)), Seeded::new([0; 3]));
        let loaded = self.stored.as_ref().map(|stored| &stored.versioned);
        let demand = Demand { fresh_within: fresh.then_some(plan.settings.fresh) };
        let glance = |held: &Versioned| Glance::at(&held.record);
        let seen = at_the_gate(plan.ports(&clock, &entropy), loaded, glance, &session.standing, demand);
        match seen {
            Ok(Seen::Decided(gate)) => gate == Gate::Open,
            Ok(Seen::Unproved) => plan.policy != crate::policy::Policy::Required,
            Err(_) => false,
        }
    }

    /// Whether somebody comes in at that browser.
    pub(super) fn is_in(&self, plan: &Plan, browser: usize) -> bool {
        let session = self.browsers[browser].session.as_ref();
        session.is_some_and(|session| self.is_open(plan, session, 0, false))
    }
}

/// Which challenge a session holds.
impl Tied {
    pub(super) fn challenge(&self) -> ChallengeId {
        self.ticket.challenge()
    }
}
