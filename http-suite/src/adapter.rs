//! What an adapter brings to the suite: one small portal, the same for every framework.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mfa_web::web::Web;

/// What stands in every answer of a guarded route, and nowhere else.
pub const GUARDED: &str = "GUARDED for";

/// What `/fresh` allows, in seconds.
pub const FRESH_SECONDS: u64 = 300;

/// A portal to be served by an adapter, on a session store that works in memory.
///
/// | route | method | what it does |
/// |---|---|---|
/// | `/`, `/deep/{*}`, `/merged`, `/nested/inner`, any path not in this table | any | guarded; says [`guarded`] |
/// | `/fresh` | any | guarded with `fresh_within` of [`FRESH_SECONDS`]; says [`guarded`] |
/// | `/upgrade` | GET | guarded; 101 with `Connection: upgrade` and `Upgrade: websocket` |
/// | `/open` | GET | not guarded, behind the layer that only looks; says [`open`] |
/// | `/bare` | GET | takes the extractor though there is no layer; says [`guarded`] if it ever gets one |
/// | `/bare-option` | GET | takes the optional extractor though there is no layer; says [`open`] |
/// | `/sign-in` | GET | the host's own page |
/// | `/visit` | POST | the host keeps something in the session of a stranger, such as a basket |
/// | `/password` | POST | fields `user` and `next`: signs in somebody whose password was right |
/// | `/sign-out` | POST | signs out; 204, or 503 if that failed |
///
/// `/merged` comes from another router that is merged in, `/nested/inner` from a nested one, and the paths that
/// no route has from a fallback: all of them inside of the gate. The pages are at [`Web::mount`].
#[derive(Clone, Debug)]
pub struct TestApp {
    /// What guards it.
    pub web: Web,
    /// What its session store must do before each call.
    pub sessions: SessionFaults,
}

/// What a guarded route answers.
pub fn guarded(user: &str) -> String {
    format!("{GUARDED} {user}")
}

/// What a route answers that others may see too.
pub fn open(user: Option<&str>) -> String {
    format!("open to {}", user.unwrap_or("nobody"))
}

/// What a session store is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionCall {
    /// Reading a session.
    Load,
    /// Writing one, new or old.
    Save,
    /// Deleting one.
    Delete,
}

/// Says when the session store fails. The adapter asks it before every call of the store.
#[derive(Clone, Debug, Default)]
pub struct SessionFaults {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    load: AtomicBool,
    save: AtomicBool,
    delete: AtomicBool,
    failed: AtomicUsize,
}

impl SessionFaults {
    fn flag(&self, call: SessionCall) -> &AtomicBool {
        match call {
            SessionCall::Load => &self.inner.load,
            SessionCall::Save => &self.inner.save,
            SessionCall::Delete => &self.inner.delete,
        }
    }

    /// Makes every such call fail until [`heal`](Self::heal).
    pub fn fail(&self, call: SessionCall) {
        self.inner.failed.store(0, Ordering::SeqCst);
        self.flag(call).store(true, Ordering::SeqCst);
    }

    /// Nothing fails any more. Says how many calls have failed.
    pub fn heal(&self) -> usize {
        for call in [SessionCall::Load, SessionCall::Save, SessionCall::Delete] {
            self.flag(call).store(false, Ordering::SeqCst);
        }
        self.inner.failed.swap(0, Ordering::SeqCst)
    }

    /// Whether this call has to fail.
    pub fn is_due(&self, call: SessionCall) -> bool {
        let due = self.flag(call).load(Ordering::SeqCst);
        if due {
            self.inner.failed.fetch_add(1, Ordering::SeqCst);
        }
        due
    }
}

/// A framework's adapter.
#[async_trait::async_trait]
pub trait Adapter: Sync {
    /// Serves the app on a free port of 127.0.0.1 until the runtime ends, and says its origin, such as
    /// `http://127.0.0.1:4711`.
    async fn serve(&self, app: TestApp) -> String;

    /// Where accounts are kept.
    fn store(&self) -> Kept {
        Kept::InMemory
    }

    /// Whether the framework reads sessions before our pages are asked, and answers by itself if that fails: an
    /// empty 500 then stands where else there is a page.
    fn sessions_are_read_before_pages(&self) -> bool {
        false
    }
}

/// Where accounts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In the process.
    InMemory,
    /// On a PostgreSQL server.
    OnPostgres,
    /// On a Redis server.
    OnRedis,
}

impl Kept {
    /// Whether that can be had here; `cargo xtask test` sees to it.
    pub fn is_there(self) -> bool {
        self == Self::InMemory || test_tools::tools()
    }
}

/// An adapter on a store.
#[derive(Clone, Copy, Debug)]
pub struct On<A>(
    /// The store.
    pub Kept,
    /// The adapter.
    pub A,
);

#[async_trait::async_trait]
impl<A: Adapter + Send> Adapter for On<A> {
    async fn serve(&self, app: TestApp) -> String {
        self.1.serve(app).await
    }

    fn store(&self) -> Kept {
        self.0
    }

    fn sessions_are_read_before_pages(&self) -> bool {
        self.1.sessions_are_read_before_pages()
    }
}
