//! The shelf as one table, `portal_shelf`, in an SQLite file or on a PostgreSQL server: the statements are the same.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::{AnyPoolOptions, install_default_drivers};

use crate::error::{PortalError, StartError};
use crate::shelf::{Drawer, Ends, Held};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS portal_shelf (
    drawer TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    version BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (drawer, name)
)";

/// Nodes that start at once may all try to make the table, and PostgreSQL lets one of them win.
const TRIES: usize = 5;

/// A connection pool on either engine.
#[derive(Clone)]
pub(crate) struct SqlShelf {
    pool: AnyPool,
}

impl SqlShelf {
    /// In a file, made with its folder when it is not there yet.
    pub(crate) async fn in_file(path: &Path) -> Result<Self, StartError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // Addresses and password hashes: a folder of ours is for its owner only.
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|source| StartError::File {
                what: "cannot create the folder",
                path: folder.to_owned(),
                source,
            })?;
        }
        let address = format!("sqlite:{}?mode=rwc", path.display());
        let options = options().after_connect(|connection, _| {
            Box::pin(async move {
                for setting in
                    ["PRAGMA busy_timeout = 3000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"]
                {
                    sqlx::query(setting).execute(&mut *connection).await?;
                }
                Ok(())
            })
        });
        let pool = options.connect(&address).await.map_err(PortalError::from)?;
        Ok(Self::with_table(pool).await?)
    }

    /// On a server.
    pub(crate) async fn on_server(address: &str) -> Result<Self, StartError> {
        let pool = options().connect(address).await.map_err(PortalError::from)?;
        Ok(Self::with_table(pool).await?)
    }

    async fn with_table(pool: AnyPool) -> Result<Self, PortalError> {
        let mut tries = 1;
        while let Err(error) = sqlx::query(TABLE).execute(&pool).await {
            if tries == TRIES {
                return Err(error.into());
            }
            tries += 1;
        }
        Ok(Self { pool })
    }

    #[cfg(test)]
    pub(crate) async fn in_memory() -> Self {
        let options = options().max_connections(1).idle_timeout(None).max_lifetime(None);
        Self::with_table(options.connect("sqlite::memory:").await.unwrap()).await.unwrap()
    }

    pub(crate) async fn get(&self, drawer: Drawer, name: &str) -> Result<Option<Held>, PortalError> {
        let row: Option<(String, i64, i64)> = sqlx::query_as(
            "SELECT value, version, ends_at FROM portal_shelf WHERE drawer = $1 AND name = $2",
        )
        .bind(drawer.as_str())
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(held))
    }

    pub(crate) async fn put_new(
        &self,
        drawer: Drawer,
        name: &str,
        value: &str,
        ends: i64,
        now: i64,
    ) -> Result<bool, PortalError> {
        let done = sqlx::query(
            "INSERT INTO portal_shelf (drawer, name, value, version, ends_at) VALUES ($1, $2, $3, 1, $4)
             ON CONFLICT (drawer, name) DO UPDATE
             SET value = excluded.value, version = portal_shelf.version + 1, ends_at = excluded.ends_at
             WHERE portal_shelf.ends_at <= $5",
        )
        .bind(drawer.as_str())
        .bind(name)
        .bind(value)
        .bind(ends)
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    pub(crate) async fn replace(
        &self,
        drawer: Drawer,
        name: &str,
        value: &str,
        ends: i64,
        version: Option<i64>,
    ) -> Result<bool, PortalError> {
        let done = sqlx::query(
            "UPDATE portal_shelf SET value = $3, version = version + 1, ends_at = $4
             WHERE drawer = $1 AND name = $2 AND ($5 < 0 OR version = $5)",
        )
        .bind(drawer.as_str())
        .bind(name)
        .bind(value)
        .bind(ends)
        .bind(version.unwrap_or(-1))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    pub(crate) async fn take_out(&self, drawer: Drawer, name: &str) -> Result<(), PortalError> {
        sqlx::query("DELETE FROM portal_shelf WHERE drawer = $1 AND name = $2")
            .bind(drawer.as_str())
            .bind(name)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(crate) async fn all(&self, drawer: Drawer) -> Result<Vec<(String, Held)>, PortalError> {
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "SELECT name, value, version, ends_at FROM portal_shelf WHERE drawer = $1 ORDER BY name",
        )
        .bind(drawer.as_str())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(name, value, version, ends)| (name, held((value, version, ends))))
            .collect())
    }

    pub(crate) async fn tidy(&self, drawer: Drawer, now: i64) -> Result<u64, PortalError> {
        let done = sqlx::query("DELETE FROM portal_shelf WHERE drawer = $1 AND ends_at <= $2")
            .bind(drawer.as_str())
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

fn options() -> AnyPoolOptions {
    install_default_drivers();
    AnyPoolOptions::new().max_connections(8).acquire_timeout(Duration::from_secs(3))
}

fn held((value, version, ends): (String, i64, i64)) -> Held {
    Held { value, version, ends: Ends::from_seconds(ends) }
}
