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
    /// A record, or nothing, where a plain read has found nothing.
    LOAD = "lua/load.lua";
    /// Conditional writes of records with their events.
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
    pub(crate) fn by_hash(&self, keys: &[Vec<u8>; 2], arguments: &[&[u8]]) -> Cmd {
        call("EVALSHA", &self.hash, keys, arguments)
    }

    /// The call of the script by its text, after which the server knows it.
    pub(crate) fn by_source(&self, keys: &[Vec<u8>; 2], arguments: &[&[u8]]) -> Cmd {
        call("EVAL", self.source, keys, arguments)
    }
}

fn call(command: &str, script: &str, keys: &[Vec<u8>; 2], arguments: &[&[u8]]) -> Cmd {
    let parts = || keys.iter().map(Vec::as_slice).chain(arguments.iter().copied());
    // One piece of memory for all of it.
    let bytes = parts().map(<[u8]>::len).sum::<usize>() + script.len() + 16;
    let mut call = Cmd::with_capacity(keys.len() + arguments.len() + 3, bytes);
    call.arg(command).arg(script).arg(keys.len());
    for part in parts() {
        call.arg(part);
    }
    call
}
