//! The connection: one for all calls, made anew when it has ended or a call on it went unanswered.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, ServerErrorKind};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::StoreError;
use crate::script::Script;

/// A server and the connection to it.
pub(crate) struct Link {
    client: Client,
    patience: Duration,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    connection: Option<MultiplexedConnection>,
    /// How many there have been: who finds one broken must not throw away the one made since.
    number: u64,
}

/// Whether a call may be made twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It changes nothing.
    Harmless,
    /// The first one may have been carried out though its answer was lost.
    Never,
}

impl Link {
    pub(crate) fn new(client: Client, patience: Duration) -> Self {
        Self { client, patience, current: Mutex::default() }
    }

    /// Runs a script, by its hash if the server knows it.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        arguments: &[Vec<u8>],
        again: Again,
    ) -> Result<T, StoreError> {
        let by_hash = script.by_hash(keys, arguments);
        match self.call(&by_hash, again).await {
            // Restarted or flushed. It has not run, so that nothing happens twice.
            Err(StoreError::Server(error)) if unknown_script(&error) => {
                self.call(&script.by_source(keys, arguments), again).await
            }
            answer => answer,
        }
    }

    /// Sends one command and waits for its answer, never longer than the patience.
    pub(crate) async fn call<T: FromRedisValue>(&self, command: &Cmd, again: Again) -> Result<T, StoreError> {
        let patient = timeout(self.patience, async {
            match self.once(command).await {
                // The server was restarted since the last call: nobody has to see that who only reads.
                Err(StoreError::Cut(_)) if again == Again::Harmless => self.once(command).await,
                answer => answer,
            }
        });
        patient.await.unwrap_or(Err(StoreError::TimedOut { after: self.patience }))
    }

    async fn once<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let (mut connection, number) = self.connection().await?;
        let answer = command.query_async(&mut connection).await;
        let answer = answer.map_err(|error| StoreError::of_call(error, self.patience));
        if matches!(answer, Err(StoreError::Cut(_) | StoreError::TimedOut { .. } | StoreError::Replica)) {
            // After a time-out, too: of a machine that is gone without a word the system only hears after a
            // quarter of an hour. And a replica's name may lead to the new primary.
            self.drop_connection(number).await;
        }
        answer
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), StoreError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.connection {
            return Ok((connection.clone(), current.number));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            // A little less than the outer one, which would leave the connection in place.
            .set_response_timeout(Some(self.patience.mul_f32(0.8)));
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = connecting.await.map_err(|error| StoreError::of_connecting(error, self.patience))?;
        current.number = current.number.wrapping_add(1);
        current.connection = Some(connection.clone());
        Ok((connection, current.number))
    }

    async fn drop_connection(&self, number: u64) {
        let mut current = self.current.lock().await;
        if current.number == number {
            current.connection = None;
        }
    }
}

fn unknown_script(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript)
}
