//! Pairs of what is kept of a code rather than the code: backup codes and their digests, delivered codes and their prints.

use mfa_core::factor::backup::{self, BackupSet, HashCost, HashedCode, Salt, Taken, TypedBackupCode};
use mfa_core::factor::delivered::{Found, LiveCode, Request};
use mfa_core::id::{AccountKey, ChallengeId, FactorId, UserId};
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Purpose;
use mfa_core::time::Timestamp;
use mfa_testing::entropy::SeededEntropy;
use serde_json::Value;

use crate::arithmetic::{alike, by_answers};
use crate::dice::Dice;
use crate::measure::{Names, Subject};
use crate::people::RING;

const MADE: Timestamp = Timestamp::from_unix(1_795_424_400);
const COST: HashCost = HashCost::danger_for_tests();

/// Which backup codes are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backup {
    /// From what was typed, through the slow hash: all of a code but its last character, or none of it.
    Typed,
    /// Digests alike but for the last byte, or in none.
    Digest,
    /// The first of the set, or the last.
    Place,
}

/// A set of ten, and a code for it.
#[derive(Debug)]
pub struct BackupCode {
    set: BackupSet,
    typed: TypedBackupCode,
    hashed: HashedCode,
}

impl BackupCode {
    fn is_of_the_set(&self) -> bool {
        matches!(self.set.clone().take(&self.hashed), Taken::Used(_))
    }
}

/// Each character from `kept` on changed to another one.
pub(crate) fn spoil(code: &str, kept: usize, dice: &Dice) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let characters = code.chars().filter(|character| *character != '-');
    let change = |(place, character): (usize, char)| {
        let at = ALPHABET.iter().position(|symbol| char::from(*symbol) == character).unwrap();
        let other = (at + 1 + dice.below(31) as usize) % ALPHABET.len();
        if place < kept { character } else { char::from(*ALPHABET.get(other).unwrap()) }
    };
    characters.enumerate().map(change).collect()
}

fn digest(value: &Value) -> [u8; 16] {
    let digest: Salt = serde_json::from_value(value.clone()).unwrap();
    *digest.as_bytes()
}

impl Subject for Backup {
    type Input = BackupCode;

    fn names(&self) -> Names {
        match self {
            Self::Typed => alike("backup::hash and take", ["15 of 16 characters right", "wrong"]),
            Self::Digest => alike("BackupSet::take", ["15 of 16 bytes alike", "none alike"]),
            Self::Place => alike("BackupSet::take", ["right, first of ten", "right, last of ten"]),
        }
    }

    fn draw(&self, first: bool, dice: &Dice) -> BackupCode {
        let entropy = SeededEntropy::new(dice.any());
        let codes = backup::draw(&entropy, 1).unwrap();
        let code = codes.iter().next().unwrap();
        let salt = Salt::draw(&entropy).unwrap();
        // One real code among nine digests of nothing: ten slow hashes would take most of the time.
        let mut stored =
            serde_json::to_value(BackupSet::seal_up(&codes, salt, COST, None, MADE).unwrap()).unwrap();
        let digests = stored.get_mut("d").and_then(Value::as_array_mut).unwrap();
        let mut kept = digest(digests.first().unwrap());
        if *self == Self::Digest {
            let spoilt = kept.iter_mut().skip(if first { 15 } else { 0 });
            spoilt.for_each(|byte| *byte ^= 1 + dice.below(255) as u8);
        }
        let place = match self {
            Self::Place if first => 0,
            Self::Place => 9,
            Self::Typed | Self::Digest => dice.below(10) as usize,
        };
        let ten = (0..10).map(|number| if number == place { kept } else { dice.bytes() });
        *digests = ten.map(|digest| serde_json::to_value(Salt::from_bytes(digest)).unwrap()).collect();
        let set: BackupSet = serde_json::from_value(stored).unwrap();
        let spelt = match self {
            Self::Typed => spoil(code.expose(), if first { 15 } else { 0 }, dice),
            Self::Digest | Self::Place => code.expose().to_owned(),
        };
        let typed = backup::read_backup_code(&spelt).unwrap();
        let hashed = backup::hash(&typed, &salt, &COST, None).unwrap();
        let drawn = BackupCode { set, typed, hashed };
        assert_eq!(drawn.is_of_the_set(), *self == Self::Place);
        drawn
    }

    fn run(&self, input: &BackupCode) -> bool {
        if *self != Self::Typed {
            return input.is_of_the_set();
        }
        let hashed = backup::hash(&input.typed, &input.set.salt(), &input.set.cost(), None).unwrap();
        matches!(input.set.clone().take(&hashed), Taken::Used(_))
    }

    fn batch(&self) -> u32 {
        if *self == Self::Typed { 1 } else { 8 }
    }
}

/// What is typed for codes that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The code of the first message of three.
    First,
    /// That of the last.
    Last,
    /// Five digits of one.
    Near,
    /// None of its digits.
    Wrong,
}

impl Sent {
    fn name(self) -> &'static str {
        match self {
            Self::First => "right, first message",
            Self::Last => "right, last message",
            Self::Near => "five digits right",
            Self::Wrong => "wrong",
        }
    }
}

/// Codes that were sent.
#[derive(Debug)]
pub struct Delivered {
    sent: [Sent; 2],
    ring: KeyRing,
    account: AccountKey,
}

impl Delivered {
    /// Of two classes.
    pub fn new(sent: [Sent; 2]) -> Self {
        let account = AccountKey::of_user(UserId::new("ann").unwrap());
        Self { sent, ring: KeyRing::from_hex(RING).unwrap(), account }
    }
}

/// Three codes under way, and what was typed.
#[derive(Debug)]
pub struct DeliveredCode {
    challenge: ChallengeId,
    factor: FactorId,
    live: Vec<LiveCode>,
    typed: String,
}

impl Delivered {
    fn request<'a>(&'a self, challenge: &'a ChallengeId, factor: FactorId) -> Request<'a> {
        Request { account: &self.account, challenge, purpose: Purpose::SignIn, factor }
    }
}

impl Subject for Delivered {
    type Input = DeliveredCode;

    fn names(&self) -> Names {
        let [one, other] = self.sent.map(|sent| matches!(sent, Sent::First | Sent::Last));
        by_answers("LiveCode::find", self.sent.map(Sent::name), one == other)
    }

    fn draw(&self, first: bool, dice: &Dice) -> DeliveredCode {
        let [one, other] = self.sent;
        let sent = if first { one } else { other };
        let (challenge, factor) = (ChallengeId::from_bytes(dice.bytes()), FactorId::from_bytes(dice.bytes()));
        let entropy = SeededEntropy::new(dice.any());
        loop {
            let request = self.request(&challenge, factor);
            let life = std::time::Duration::from_secs(600);
            let drawn = (0..3).map(|_| LiveCode::draw(request, &entropy, &self.ring, MADE, life).unwrap());
            let (live, codes): (Vec<_>, Vec<_>) = drawn.unzip();
            let code = if sent == Sent::Last { codes.last() } else { codes.first() };
            let code = code.unwrap().expose();
            let typed = match sent {
                Sent::Near => dice.spoil(code, 5),
                Sent::Wrong => dice.spoil(code, 0),
                Sent::First | Sent::Last => code.to_owned(),
            };
            let drawn = DeliveredCode { challenge, factor, live, typed };
            // Two of three codes may be alike by chance.
            if self.run(&drawn) == matches!(sent, Sent::First | Sent::Last) {
                return drawn;
            }
        }
    }

    fn run(&self, input: &DeliveredCode) -> bool {
        let request = self.request(&input.challenge, input.factor);
        let found = LiveCode::find(&input.live, request, &self.ring, MADE, &input.typed).unwrap();
        found == Found::Live
    }

    fn batch(&self) -> u32 {
        1
    }
}
