//! Pairs at the service: answers that read alike, and beside them answers that say themselves which they are.

use mfa_core::id::AccountKey;
use mfa_core::refusal::Refusal;
use mfa_core::service::SignIn;
use mfa_core::ticket::Ticket;
use serde_json::json;

use crate::dice::Dice;
use crate::kept;
use crate::measure::{Expected, Names, Subject};
use crate::people::{People, Someone, run};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A wrong code of an app.
    App,
    /// A wrong code for one that was sent.
    Email,
    /// A wrong backup code.
    Backup,
    /// With a ticket whose secret isn't the challenge's.
    Ticket,
    /// What tells which it was, to somebody who may know.
    Told(Door),
}

/// What tells, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A right code lets in: the answer says so.
    RightCode,
    /// A sign-in after the right password, with or without a record of the account: its owner alone gets there.
    SignIn,
    /// A ticket for an account with a second factor or for none, as only a session store could hold it.
    Ticket,
}

/// Asking the service about people on a store that stands still.
#[derive(Debug)]
pub struct Visit {
    answer: Answer,
    people: People,
}

/// One request, ready to be made.
#[derive(Debug)]
pub enum Ask {
    /// An answer to a challenge.
    Answer(Ticket, String),
    /// A sign-in after the password.
    SignIn(AccountKey),
}

impl Visit {
    /// Sets the people up.
    pub fn new(answer: Answer) -> Self {
        Self { answer, people: People::new() }
    }

    fn someone(&self, dice: &Dice) -> &Someone {
        let people = &self.people.people;
        people.get(dice.below(people.len() as u64) as usize).unwrap()
    }

    fn wrong(&self, ask: &Ask) -> bool {
        let Ask::Answer(ticket, typed) = ask else { return false };
        matches!(run(self.people.mfa.answer(ticket, typed)).unwrap(), Err(Refusal::WrongCode { .. }))
    }

    fn unknown(&self, ask: &Ask) -> bool {
        let Ask::Answer(ticket, typed) = ask else { return false };
        matches!(run(self.people.mfa.answer(ticket, typed)).unwrap(), Err(Refusal::ChallengeUnknown))
    }
}

/// The ticket with something else in it, as nobody but a session store could do it.
fn altered(ticket: &Ticket, change: impl FnOnce(&mut serde_json::Value)) -> Ticket {
    let mut stored = serde_json::to_value(ticket).unwrap();
    change(&mut stored);
    serde_json::from_value(stored).unwrap()
}

/// The secret with its last byte, or with every byte, changed.
fn altered_secret(ticket: &Ticket, near: bool, dice: &Dice) -> Ticket {
    altered(ticket, |stored| {
        let field = stored.get_mut("binding").unwrap();
        let text = field.as_str().unwrap();
        let kept = if near { text.len() - 2 } else { 0 };
        // The last character of base64 has bits that must stay zero: every symbol but those two is free.
        let change = |(place, symbol): (usize, char)| match symbol {
            _ if place < kept || place + 1 == text.len() => symbol,
            'a'..='y' => char::from(symbol as u8 + 1),
            'z' => 'a',
            _ => char::from(b'a' + dice.below(26) as u8),
        };
        let other: String = text.chars().enumerate().map(change).collect();
        *field = json!(other);
    })
}

impl Subject for Visit {
    type Input = Ask;

    fn names(&self) -> Names {
        let (subject, classes, expected) = match self.answer {
            Answer::App => ("Mfa::answer, app", ["five digits right", "wrong"], Expected::Alike),
            Answer::Email => ("Mfa::answer, e-mail", ["five digits right", "wrong"], Expected::Alike),
            Answer::Backup => {
                ("Mfa::answer, backup code", ["15 of 16 characters right", "wrong"], Expected::Alike)
            }
            Answer::Ticket => {
                ("Mfa::answer, ticket", ["all but a byte of its secret", "wrong"], Expected::Alike)
            }
            Answer::Told(Door::RightCode) => ("Mfa::answer, app", ["right", "wrong"], Expected::Told),
            Answer::Told(Door::SignIn) => {
                ("Mfa::sign_in, no factor", ["with a record", "never seen"], Expected::Told)
            }
            Answer::Told(Door::Ticket) => {
                ("Mfa::answer, forged ticket", ["account with factors", "never seen"], Expected::Told)
            }
        };
        Names { subject: subject.to_owned(), classes, expected }
    }

    fn draw(&self, first: bool, dice: &Dice) -> Ask {
        let person = self.someone(dice);
        let near = if first { 5 } else { 0 };
        let (app, code) = person.by_app.as_ref().unwrap();
        loop {
            let ask = match self.answer {
                Answer::App => Ask::Answer(app.clone(), dice.spoil(code, near)),
                Answer::Email => {
                    let (ticket, code) = person.by_email.as_ref().unwrap();
                    Ask::Answer(ticket.clone(), dice.spoil(code, near))
                }
                Answer::Backup => {
                    let (ticket, code) = person.by_backup.as_ref().unwrap();
                    Ask::Answer(ticket.clone(), kept::spoil(code, 3 * near, dice))
                }
                Answer::Ticket => Ask::Answer(altered_secret(app, first, dice), code.clone()),
                Answer::Told(Door::RightCode) if first => Ask::Answer(app.clone(), code.clone()),
                Answer::Told(Door::RightCode) => Ask::Answer(app.clone(), dice.spoil(code, 0)),
                Answer::Told(Door::SignIn) => {
                    let key = if first { &self.people.bare } else { &self.people.unknown };
                    Ask::SignIn(key.clone())
                }
                Answer::Told(Door::Ticket) => {
                    let ticket = altered_secret(app, false, dice);
                    let user = json!(self.people.unknown.user().as_str());
                    let unknown = |stored: &mut serde_json::Value| {
                        *stored.pointer_mut("/account/user").unwrap() = user;
                    };
                    let ticket = if first { ticket } else { altered(&ticket, unknown) };
                    Ask::Answer(ticket, code.clone())
                }
            };
            let as_meant = match self.answer {
                Answer::App | Answer::Email | Answer::Backup => self.wrong(&ask),
                Answer::Ticket | Answer::Told(Door::Ticket) => self.unknown(&ask),
                Answer::Told(Door::RightCode) => self.wrong(&ask) != first,
                Answer::Told(Door::SignIn) => true,
            };
            if as_meant {
                return ask;
            }
        }
    }

    fn run(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Answer(ticket, typed) => run(self.people.mfa.answer(ticket, typed)).unwrap().is_ok(),
            Ask::SignIn(key) => {
                matches!(run(self.people.mfa.sign_in(key)).unwrap(), SignIn::Admitted { .. })
            }
        }
    }

    fn batch(&self) -> u32 {
        1
    }

    fn round(&self) -> usize {
        200
    }
}
