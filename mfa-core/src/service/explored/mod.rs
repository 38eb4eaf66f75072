//! Every state that an account can get into, explored: two nodes, browsers, a thief with the password, crashes, clocks.
//!
//! What runs is real: the commit loop's turn, the account's operations, the challenge, the stored form. What stands in
//! for the world is small: a store that compares versions, browsers that hold what they were told, a mailbox, an
//! observer ([`ledger`]) who keeps count by himself and says which promise a commit broke. Between any two steps a
//! node may die, an answer may be lost, a request may come twice (a request doesn't end what its browser holds).
//!
//! `MFA_EXPLORE=deep` goes further than there is time for in each run.

mod asking;
mod ledger;
mod plan;
mod ports;
mod world;

use std::env;
use std::time::Instant;

use stateright::{Checker, Model, Property};

use self::ledger::Promise;
use self::plan::{Plan, THIEF};
use self::world::{OVERTAKEN, Step, Work, World};

impl Model for Plan {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![self.begin()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        world.steps(self, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        world.after(self, &step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn keeps(world: &World, promise: Promise) -> bool {
            world.ledger.breaches.iter().all(|(broken, _)| *broken != promise)
        }
        let mut properties = vec![
            Property::always("Once", |_, world| keeps(world, Promise::Once)),
            Property::always("Counted", |_, world| keeps(world, Promise::Counted)),
            Property::always("Closed", |_, world| keeps(world, Promise::Closed)),
            Property::always("Whole", |_, world| keeps(world, Promise::Whole)),
            Property::always("Fresh", |_, world| keeps(world, Promise::Fresh)),
            Property::always("Reset means reset", |_, world| keeps(world, Promise::Reset)),
            Property::always("Told", |_, world| keeps(world, Promise::Told)),
            Property::always("Spaced", |_, world| keeps(world, Promise::Spaced)),
        ];
        properties.extend(self.reached.iter().map(|name| reached(name)));
        properties
    }
}

/// Something that has to happen somewhere, or the exploration says nothing.
fn reached(name: &'static str) -> Property<Plan> {
    let condition: fn(&Plan, &World) -> bool = match name {
        "the owner is in" => |plan, world| world.is_in(plan, 0),
        "the thief is in by a code he saw" => |plan, world| world.is_in(plan, THIEF),
        "the thief is in with a password" => |_, world| world.browsers[THIEF].session.is_some(),
        "the thief has to answer" => |_, world| world.browsers[THIEF].ticket.is_some(),
        "the owner's other browser is in" => |plan, world| world.is_in(plan, 1),
        "the account has to wait" => |_, world| world.ledger.closed_until > world.now,
        "two nodes meet" => {
            |_, world| world.nodes.iter().all(|node| matches!(node.work, Work::Drafted { .. }))
        }
        "a node has to begin again" => {
            |_, world| world.nodes.iter().any(|node| matches!(node.work, Work::Waiting { hashed: None, .. }))
        }
        "a node is overtaken" => {
            |_, world| world.nodes.iter().flat_map(|node| &node.recent).any(|held| held.version == OVERTAKEN)
        }
        "a code is spent and nobody in" => |_, world| {
            !world.ledger.accepted.is_empty()
                && world.nodes.iter().all(|node| node.work == Work::Idle)
                && world.browsers.iter().all(|hold| hold.session.is_none())
        },
        "a backup code is spent" => |_, world| world.account().backup_left() == Some(1),
        "a method is disabled" => {
            |_, world| world.account().factors.iter().any(|factor| factor.is_disabled())
        }
        "two codes in the mailbox" => |_, world| world.owner.mail.len() > 2,
        "the thief has begun to set up" => |_, world| world.browsers[THIEF].setup.is_some(),
        "two methods" => |_, world| world.account().factors.len() == 2,
        "set up and taken away" => |_, world| world.ledger.epochs >= 2 && world.account().factors.is_empty(),
        "a session is over" => |_, world| {
            world.browsers.iter().flat_map(|hold| &hold.session).any(|one| one.epochs != world.ledger.epochs)
        },
        "in by e-mail after a guess" => {
            |plan, world| world.is_in(plan, 1) && world.account().throttle.failures() == 1
        }
        "in by e-mail beside a disabled app" => |plan, world| {
            world.is_in(plan, 1) && world.account().factors.iter().any(|factor| factor.is_disabled())
        },
        "the backup codes are disabled" => {
            |_, world| world.account().backup.is_some_and(|backup| backup.tally.is_disabled())
        }
        "new backup codes" => |_, world| world.account().backup.is_some(),
        "clocks apart" => |_, world| world.nodes[0].off != world.nodes[1].off,
        "in by a clock that is back" => {
            |plan, world| world.nodes.iter().any(|node| node.off < 0) && world.is_in(plan, 0)
        }
        other => panic!("nobody knows when {other}"),
    };
    Property::sometimes(name, condition)
}

fn is_deep() -> bool {
    env::var("MFA_EXPLORE").is_ok_and(|how| how == "deep")
}

fn explore(name: &str, plan: Plan) {
    let began = Instant::now();
    let explored = plan.checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} of them different, {} steps deep, in {:.1} s",
        explored.state_count(),
        explored.unique_state_count(),
        explored.max_depth(),
        began.elapsed().as_secs_f64()
    );
    for (property, path) in explored.discoveries() {
        if explored.model().reached.contains(&property) {
            continue;
        }
        let broken = path.last_state().ledger.breaches.clone();
        let steps: Vec<Step> = path.into_actions();
        println!("{property}: {broken:?}, after");
        for step in steps {
            println!("    {step:?}");
        }
    }
    explored.assert_properties();
    assert!(explored.is_done());
}

#[test]
fn a_code_of_an_app() {
    explore("app code", Plan::app_code(is_deep()));
}

#[test]
fn a_backup_code() {
    explore("backup code", Plan::backup_code(is_deep()));
}

#[test]
fn codes_by_message() {
    explore("messages", Plan::messages(is_deep()));
}

#[test]
fn setting_up_and_taking_away() {
    explore("setting up", Plan::set_up(is_deep()));
}

#[test]
fn an_app_beside_a_mailbox() {
    explore("levels", Plan::levels(is_deep()));
}

#[test]
fn an_app_guessed_at_from_a_mailbox() {
    explore("guessed", Plan::guessed(is_deep()));
}

#[test]
fn a_record_in_hand() {
    explore("in hand", Plan::in_hand(is_deep()));
}

#[test]
fn clocks_that_jump() {
    for skew in [-30, 30] {
        explore("clocks", Plan::clocks(is_deep(), skew));
    }
}
