//! The scripts: each one atomic step of the store.

use std::sync::LazyLock;

use redis::Cmd;

/// A script and the hash the server knows it by.
pub(crate) struct Script {
    source: &'static str,
    hash: String,
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {$(
        $(#[$doc])*
        pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!($file)));
    )*};
}

scripts! {
    /// A record, or nothing.
    LOAD = "lua/load.lua";
    /// The conditional write of a record with its events.
    COMMIT = "lua/commit.lua";
    /// The removal of a record with its events.
    ERASE = "lua/erase.lua";
    /// A stretch of the record of events.
    EVENTS = "lua/events.lua";
    /// A stretch of the records in the order of their names.
    PAGE = "lua/page.lua";
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().to_owned() }
    }

    /// The call of the script by its hash; the server has to know it.
    pub(crate) fn by_hash(&self, keys: &[Vec<u8>], arguments: &[Vec<u8>]) -> Cmd {
        call("EVALSHA", &self.hash, keys, arguments)
    }

    /// The call of the script by its text, after which the server knows it.
    pub(crate) fn by_source(&self, keys: &[Vec<u8>], arguments: &[Vec<u8>]) -> Cmd {
        call("EVAL", self.source, keys, arguments)
    }
}

fn call(command: &str, script: &str, keys: &[Vec<u8>], arguments: &[Vec<u8>]) -> Cmd {
    let mut call = redis::cmd(command);
    call.arg(script).arg(keys.len());
    for part in keys.iter().chain(arguments) {
        call.arg(part.as_slice());
    }
    call
}
