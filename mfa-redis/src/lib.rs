//! Second-factor storage in Redis, for portals on several machines.
//!
//! ```no_run
//! use mfa_redis::store::RedisStore;
//!
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! let store = RedisStore::open("rediss://portal:password@redis.internal:6379/0").await?;
//! # let _ = store;
//! # Ok(())
//! # }
//! ```
//!
//! Every process of every portal machine opens the same address. Changes are made by a script, those that meet by one
//! for all of them; each record and its events change together or not at all.
//!
//! # What the server has to be set to
//!
//! A code that was accepted stays used up only as long as the server remembers. Out of the box Redis does not:
//!
//! | setting | why |
//! |---|---|
//! | `appendonly yes` | without it, a restart goes back to the last snapshot: used codes work again, new factors are gone |
//! | `appendfsync always` | with `everysec`, a crash of the machine takes back the last second or two |
//! | `no-appendfsync-on-rewrite no` | with `yes`, the same for as long as a rewrite of the log lasts |
//! | `maxmemory-policy noeviction` | with one of the `allkeys-` policies a full server drops keys: everybody's second factors |
//!
//! A server that is set otherwise is opened with a warning in the log;
//! [`RedisStore::persistence`](store::RedisStore::persistence) tells a portal that would rather not start. Everything of
//! a tenant is in two keys. An eviction that took one of them is noticed wherever what it held is needed, and is [a
//! fault](error::StoreError::Lost), not "this person has no second factor"; one that took both is not.
//!
//! **Replicas** follow a little behind, and Redis has no way to make a write wait that also holds when one of them
//! takes over. An automatic failover can therefore accept once more a code that was used in the moment before. Where
//! that can't be taken, fail over by hand, or use PostgreSQL with synchronous replication. Reads never go to a
//! replica: opening one is refused, and a server that has become one answers every call with a fault.
//!
//! **A restored backup** brings back the codes used since, and the factors removed since. Start the portal on it
//! only when the app codes of the time of the loss have run out, and let those make new backup codes who used one since.
//!
//! # Clusters
//!
//! All keys of one tenant have one hash tag, `{prefix:tenant}`, and so live in one slot on one node: an account with
//! its events, and the roster that lists it, change in one step there. A cluster spreads tenants over its nodes,
//! never the accounts of one tenant. This crate talks to one address and follows no redirection: put a proxy that
//! knows the cluster in front, or give the node that has the tenant's slot. (One node takes tens of thousands of
//! sign-ins a second, and few portals need a cluster.)
//!
//! # What it needs
//!
//! Redis 6 or newer, and everything in memory: about a kilobyte for an account, and 0.4 for each write with
//! its events. The user of the address needs, on the keys `{prefix:*`, the commands `EVAL`, `EVALSHA`, `HGET`, `HMGET`,
//! `HSET`, `HDEL`, `ZADD`, `ZREM`, `ZSCORE`, `ZCARD`, `ZRANGEBYLEX`, `PERSIST` and `INFO`; with `CONFIG|GET` the check
//! above sees everything.
//!
//! A question for events of one record follows that record's alone. One for a kind or a time reads backwards through
//! all events of the tenant, some two thousand at a time, between which the server serves others.
//!
//! Every command ends within [`RedisOptions::patience`](options::RedisOptions::patience), and nearly every call is one: a read of what
//! isn't there may take three, a question for events or a list one for each stretch of two thousand. A write that went unanswered
//! is a fault, never "done"; it happened whole or not at all.

pub mod error;
mod key;
mod link;
pub mod options;
pub mod persistence;
mod script;
pub mod store;
mod together;
mod value;
