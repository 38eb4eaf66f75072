//! Which settings of the server keep what it has answered "done" to, and what is lost with the others.

use std::fmt;

use crate::error::StoreError;
use crate::link::{Again, Link};

/// When the server's append-only log is safe on its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendLog {
    /// Before a write is answered. The only setting that keeps every write that was answered.
    Always,
    /// Within a second or two.
    EverySecond,
    /// When the operating system likes, often half a minute later.
    Someday,
    /// There is none.
    Off,
    /// There is one; the server doesn't tell how it is kept.
    Unknown,
}

/// What the server is to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows another server, and may be behind.
    Replica,
}

/// A way in which the server may forget what it has answered "done" to. Its `Display` says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// Nothing is logged: a restart loses everything since the last snapshot.
    NoLog,
    /// The log is not on the disk when a write is answered: a crash loses the newest writes.
    LogLate,
    /// The log is not brought to the disk while the server rewrites it.
    LogPauses,
    /// The server doesn't tell how it keeps its log.
    LogUnknown,
    /// The server drops keys when its memory is full.
    Evicts,
    /// There are replicas: one that takes over may lack the newest writes.
    Replicas,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLog => {
                "Redis keeps no append-only log: after a crash, codes already used are accepted again and new \
                 factors are gone; set `appendonly yes` and `appendfsync always`"
            }
            Self::LogLate => {
                "Redis answers before its log is on the disk: after a crash of its machine, codes used in the last \
                 seconds are accepted again; set `appendfsync always`"
            }
            Self::LogPauses => {
                "Redis doesn't bring its log to the disk while it rewrites it: after a crash meanwhile, used codes \
                 are accepted again; set `no-appendfsync-on-rewrite no`"
            }
            Self::LogUnknown => {
                "Redis doesn't tell how it keeps its append-only log; make sure of `appendfsync always` and of \
                 `no-appendfsync-on-rewrite no`, or allow this user `CONFIG GET`"
            }
            Self::Evicts => {
                "Redis drops keys when its memory is full, and with them everybody's second factors; set \
                 `maxmemory-policy noeviction`"
            }
            Self::Replicas => {
                "Redis has replicas, which follow a little behind: one that takes over accepts again the codes whose \
                 use it hasn't heard of; fail over by hand, when they are level, or accept it"
            }
        })
    }
}

/// The settings of the server that decide what it still knows after a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persistence {
    role: Role,
    replicas: u32,
    log: AppendLog,
    pauses: bool,
    evicts: bool,
}

impl Persistence {
    pub(crate) async fn ask(link: &Link) -> Result<Self, StoreError> {
        let info: String = link.call(&redis::cmd("INFO"), Again::Harmless).await?;
        let setting = async |name: &str| -> Option<String> {
            let mut command = redis::cmd("CONFIG");
            command.arg("GET").arg(name);
            // Where servers are let, it is often not allowed.
            let pair: Vec<String> = link.call(&command, Again::Harmless).await.ok()?;
            pair.into_iter().nth(1)
        };
        let appendfsync = setting("appendfsync").await;
        let pauses = setting("no-appendfsync-on-rewrite").await;
        Ok(Self::of(&info, appendfsync.as_deref(), pauses.as_deref()))
    }

    fn of(info: &str, appendfsync: Option<&str>, pauses: Option<&str>) -> Self {
        let value = |name: &str| {
            info.lines()
                .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))
                .unwrap_or_default()
        };
        let log = match (value("aof_enabled"), appendfsync) {
            ("0", _) => AppendLog::Off,
            (_, Some("always")) if pauses.is_some() => AppendLog::Always,
            (_, Some("everysec")) => AppendLog::EverySecond,
            (_, Some("no")) => AppendLog::Someday,
            _ => AppendLog::Unknown,
        };
        Self {
            role: if value("role") == "slave" { Role::Replica } else { Role::Primary },
            replicas: value("connected_slaves").parse().unwrap_or(0),
            log,
            pauses: pauses == Some("yes"),
            // The `volatile-` ones drop only keys that have an end, and ours have none.
            evicts: value("maxmemory_policy").starts_with("allkeys"),
        }
    }

    /// What the server is to others.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How many servers follow it.
    pub fn replicas(&self) -> u32 {
        self.replicas
    }

    /// When its append-only log is safe on its disk.
    pub fn log(&self) -> AppendLog {
        self.log
    }

    /// Whether it drops keys to make room.
    pub fn evicts(&self) -> bool {
        self.evicts
    }

    /// Every way in which the server may forget what it has answered "done" to; empty if it won't.
    pub fn doubts(&self) -> Vec<Doubt> {
        let of_log = match self.log {
            AppendLog::Always => None,
            AppendLog::EverySecond | AppendLog::Someday => Some(Doubt::LogLate),
            AppendLog::Off => Some(Doubt::NoLog),
            AppendLog::Unknown => Some(Doubt::LogUnknown),
        };
        let doubts = [
            of_log,
            (self.pauses && self.log != AppendLog::Off).then_some(Doubt::LogPauses),
            self.evicts.then_some(Doubt::Evicts),
            (self.replicas > 0).then_some(Doubt::Replicas),
        ];
        doubts.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Memory\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\n\
                        # Replication\r\nrole:master\r\nconnected_slaves:0\r\n";

    fn doubts(info: &str, appendfsync: Option<&str>, pauses: Option<&str>) -> Vec<Doubt> {
        Persistence::of(info, appendfsync, pauses).doubts()
    }

    #[test]
    fn a_server_that_keeps_everything_gives_no_doubt() {
        assert_eq!(doubts(GOOD, Some("always"), Some("no")), []);
        assert_eq!(doubts(&GOOD.replace("noeviction", "volatile-lru"), Some("always"), Some("no")), []);
    }

    #[test]
    fn every_forgetful_setting_is_a_doubt() {
        assert_eq!(doubts(GOOD, Some("everysec"), Some("no")), [Doubt::LogLate]);
        assert_eq!(doubts(GOOD, Some("no"), Some("no")), [Doubt::LogLate]);
        assert_eq!(doubts(GOOD, Some("always"), Some("yes")), [Doubt::LogPauses]);
        assert_eq!(doubts(GOOD, None, None), [Doubt::LogUnknown]);
        assert_eq!(doubts(GOOD, Some("always"), None), [Doubt::LogUnknown]);
        let off = GOOD.replace("aof_enabled:1", "aof_enabled:0");
        assert_eq!(doubts(&off, Some("always"), Some("yes")), [Doubt::NoLog]);
        let evicting = GOOD.replace("noeviction", "allkeys-lru");
        assert_eq!(doubts(&evicting, Some("always"), Some("no")), [Doubt::Evicts]);
        let followed = GOOD.replace("connected_slaves:0", "connected_slaves:2");
        assert_eq!(doubts(&followed, Some("always"), Some("no")), [Doubt::Replicas]);
    }

    #[test]
    fn what_a_server_says_of_itself_can_be_asked_for() {
        let replica = Persistence::of(&GOOD.replace("role:master", "role:slave"), None, None);
        assert_eq!((replica.role(), replica.log()), (Role::Replica, AppendLog::Unknown));
        let good = Persistence::of(GOOD, Some("always"), Some("no"));
        assert_eq!((good.role(), good.log()), (Role::Primary, AppendLog::Always));
        assert_eq!((good.replicas(), good.evicts()), (0, false));
        let other = GOOD.replace("noeviction", "allkeys-lru").replace("slaves:0", "slaves:2");
        let other = Persistence::of(&other, Some("everysec"), Some("no"));
        assert_eq!((other.replicas(), other.evicts(), other.log()), (2, true, AppendLog::EverySecond));
    }

    #[test]
    fn each_doubt_says_what_to_do() {
        for doubt in [Doubt::NoLog, Doubt::LogLate, Doubt::LogPauses, Doubt::LogUnknown, Doubt::Evicts] {
            assert!(doubt.to_string().contains('`'), "{doubt}");
        }
    }
}
