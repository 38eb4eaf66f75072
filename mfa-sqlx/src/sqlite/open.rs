//! Opening a database: look first, refuse what isn't ours untouched, then make or mend it under the lock.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mfa_batch::{Batch, Lanes};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::error::OpenError;
use crate::sqlite::SqliteStore;
use crate::sqlite::code::{BUSY, file_error, opening, primary_code};
use crate::sqlite::options::{Durability, SqliteOptions};
use crate::sqlite::reader::{self, Reader};
use crate::sqlite::schema::{self, Found};

/// One page of the smallest size: https://sqlite.org/fileformat.html, §1.2.
const SMALLEST_DATABASE: u64 = 512;

/// Held while a file is made: closing it must be over before any store of this process can have it open.
static MAKING: Mutex<()> = Mutex::new(());

/// How often a call is tried when another program holds the lock. SQLite waits its busy time-out each time.
pub(crate) const TRIES: u32 = 3;

/// How long a writer of this process waits for its turn. The queue is fair, and each turn is bounded.
pub(crate) const TURN: Duration = Duration::from_secs(60);

impl SqliteOptions {
    /// Opens the database at `path`, makes it if there is none (with mode 0600), and brings its tables up to date.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do. A file that is refused is left as it is.
    pub async fn open(&self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        open(self, path.as_ref()).await
    }
}

async fn open(options: &SqliteOptions, path: &Path) -> Result<SqliteStore, OpenError> {
    prepare_file(path)?;
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(options.busy_timeout)
        .synchronous(match options.durability {
            Durability::PowerCut => SqliteSynchronous::Full,
            Durability::Crash => SqliteSynchronous::Normal,
        })
        // What is erased is overwritten in the file, not only unlinked.
        .pragma("secure_delete", "ON")
        .disable_statement_logging();

    let patience = options.busy_timeout.saturating_mul(TRIES);
    let mut ready = make_ready(options, &connect, path, patience).await;
    for _ in 1..TRIES {
        if matches!(ready, Err(OpenError::Busy { .. })) {
            ready = make_ready(options, &connect, path, patience).await;
        }
    }
    ready?;

    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(TURN)
        .connect_with(connect.clone())
        .await
        .map_err(|error| opening(path, error))?;
    let connect = connect.pragma("query_only", "ON");
    let count = usize::try_from(options.readers).unwrap_or(usize::MAX);
    let lanes = Lanes { count, slow: reader::SLOW, ..Lanes::default() };
    let reader = Batch::with_lanes(Reader::new(connect.clone(), patience), lanes);
    let readers = SqlitePoolOptions::new()
        .max_connections(options.readers)
        .acquire_timeout(TURN)
        .connect_lazy_with(connect);
    Ok(SqliteStore::from_pools(writer, reader, readers, patience, path.to_owned()))
}

/// Refuses paths that can't be, and makes the file if there is none.
fn prepare_file(path: &Path) -> Result<(), OpenError> {
    let text = path.to_string_lossy();
    let fix = if text == ":memory:" || text.is_empty() || text.contains(":memory:") {
        Some("for a store without a file there is `mfa_core::port::memory::MemoryStore`")
    } else if text.starts_with("sqlite:") || text.starts_with("file:") {
        Some("give the path alone, without what stands before the colon")
    } else {
        None
    };
    if let Some(fix) = fix {
        return Err(OpenError::NotAPath { given: path.to_owned(), fix });
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    if !folder.is_dir() {
        return Err(OpenError::NoFolder { folder });
    }
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    // Only for this user. SQLite gives its log the mode of the file.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    match file.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => look_at(path),
        Err(error) => Err(file_error(path, error)),
    }
}

/// SQLite takes a file of a few bytes for an empty database and writes over it, so that we look at the length;
/// a longer one SQLite itself refuses.
///
/// The file must not be opened here: POSIX drops *all* of a process's locks on a file when any descriptor of it is
/// closed, and with them those of a store that is open on it already (https://sqlite.org/howtocorrupt.html, §2.2).
/// Another process would then take the log for abandoned and delete it with the commits in it.
pub(super) fn look_at(path: &Path) -> Result<(), OpenError> {
    let there = fs::metadata(path).map_err(|error| file_error(path, error))?;
    if !there.is_file() {
        return Err(OpenError::NotAFile { path: path.to_owned() });
    }
    if (1..SMALLEST_DATABASE).contains(&there.len()) {
        return Err(OpenError::NotSqlite { path: path.to_owned() });
    }
    Ok(())
}

/// One try, on a connection of its own: a lock can be in the way of connecting too.
async fn make_ready(
    options: &SqliteOptions,
    connect: &SqliteConnectOptions,
    path: &Path,
    patience: Duration,
) -> Result<(), OpenError> {
    let mut connection =
        SqliteConnection::connect_with(connect).await.map_err(|error| opening(path, error))?;
    let set_up = set_up(options, &mut connection, path, patience).await;
    // Also after a refusal: a connection left to itself would still hold the file for a moment.
    let closed = connection.close().await;
    set_up?;
    closed.map_err(|error| opening(path, error))
}

async fn set_up(
    options: &SqliteOptions,
    connection: &mut SqliteConnection,
    path: &Path,
    patience: Duration,
) -> Result<(), OpenError> {
    let allowed = |found| match found {
        Found::Others if !options.in_host_database => Err(OpenError::Foreign { path: path.to_owned() }),
        found => Ok(found),
    };
    // Before anything is written, so that a refused file is left as it is.
    allowed(schema::inspect(connection, path).await?)?;
    use_log(connection, path, patience).await?;
    // Again under the lock: another process may have made the tables since.
    let mut transaction =
        connection.begin_with("BEGIN IMMEDIATE").await.map_err(|error| opening(path, error))?;
    let found = allowed(schema::inspect(&mut transaction, path).await?)?;
    let migrated = schema::migrate(&mut transaction, found).await;
    let committed = match migrated {
        Ok(()) => transaction.commit().await,
        failed => failed,
    };
    committed.map_err(|error| opening(path, error))
}

/// Switches to write-ahead logging. SQLite doesn't wait for locks here, so that we do.
pub(super) async fn use_log(
    connection: &mut SqliteConnection,
    path: &Path,
    patience: Duration,
) -> Result<(), OpenError> {
    const STEP: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        let mode =
            sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await;
        match mode {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(mode) => {
                return Err(OpenError::NoLog { path: path.to_owned(), mode });
            }
            Err(error) if primary_code(&error) == Some(BUSY) => {
                if waited >= patience {
                    return Err(opening(path, error));
                }
                tokio::time::sleep(STEP).await;
                waited += STEP;
            }
            Err(error) => return Err(opening(path, error)),
        }
    }
}
