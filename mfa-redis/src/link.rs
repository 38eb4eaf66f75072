//! The connection: one for all calls, made anew when it has ended or a call on it went unanswered.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, ServerErrorKind,
    Value,
};
use tokio::time::timeout;

use crate::error::StoreError;
use crate::script::Script;

/// How many calls may be on their way to the connection before a further one waits to join them.
const QUEUE: usize = 1_024;

/// A server and the connection to it.
pub(crate) struct Link {
    client: Client,
    patience: Duration,
    current: Mutex<Current>,
    /// Held by the one who connects: the others wait, and find the connection made.
    connecting: tokio::sync::Mutex<()>,
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

/// What is sent in one piece.
enum Sent<'c> {
    One(&'c Cmd),
    /// The last one's answer counts, and the others must not be errors.
    All(&'c Pipeline),
}

impl Sent<'_> {
    async fn on(&self, connection: &mut MultiplexedConnection) -> RedisResult<Value> {
        match self {
            Self::One(command) => connection.send_packed_command(command).await?.extract_error(),
            Self::All(commands) => {
                let answers = connection.send_packed_commands(commands, 0, commands.len()).await?;
                let mut last = Value::Nil;
                for answer in answers {
                    last = answer.extract_error()?;
                }
                Ok(last)
            }
        }
    }
}

impl Link {
    pub(crate) fn new(client: Client, patience: Duration) -> Self {
        Self { client, patience, current: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }

    /// How long a call waits for its answer.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Runs a script, by its hash if the server knows it.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[Vec<u8>; 2],
        arguments: &[&[u8]],
        again: Again,
    ) -> Result<T, StoreError> {
        match self.call(&script.by_hash(keys, arguments), again).await {
            // Restarted or flushed. It has not run, so that nothing happens twice.
            Err(StoreError::Server(error)) if unknown_script(&error) => {
                self.call(&script.by_source(keys, arguments), again).await
            }
            answer => answer,
        }
    }

    /// Sends one command and waits for its answer, never longer than the patience.
    pub(crate) async fn call<T: FromRedisValue>(&self, command: &Cmd, again: Again) -> Result<T, StoreError> {
        self.ask(Sent::One(command), again).await
    }

    /// Sends commands that change nothing, and waits for the answer to the last one, never longer than the patience.
    pub(crate) async fn read<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, StoreError> {
        self.ask(Sent::All(commands), Again::Harmless).await
    }

    async fn ask<T: FromRedisValue>(&self, sent: Sent<'_>, again: Again) -> Result<T, StoreError> {
        let mut used = None;
        let patient = timeout(self.patience, async {
            match self.once(&sent, &mut used).await {
                // The server was restarted since the last call: nobody has to see that who only reads.
                Err(StoreError::Cut(_)) if again == Again::Harmless => self.once(&sent, &mut used).await,
                answer => answer,
            }
        });
        let Ok(answer) = patient.await else {
            // Of a machine that is gone without a word the system only hears after a quarter of an hour.
            self.drop_connection(used);
            return Err(StoreError::TimedOut { after: self.patience });
        };
        answer.and_then(|value| {
            redis::from_redis_value(value).map_err(|error| StoreError::of_call(error.into(), self.patience))
        })
    }

    /// `used` is the number of the connection it went over, as soon as there is one.
    async fn once(&self, sent: &Sent<'_>, used: &mut Option<u64>) -> Result<Value, StoreError> {
        *used = None;
        let (mut connection, number) = self.connection().await?;
        *used = Some(number);
        let answer = sent.on(&mut connection).await;
        let answer = answer.map_err(|error| StoreError::of_call(error, self.patience));
        if matches!(answer, Err(StoreError::Cut(_) | StoreError::TimedOut { .. } | StoreError::Replica)) {
            // A replica's, too: its name may lead to the new primary.
            self.drop_connection(Some(number));
        }
        answer
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // Nothing is half done under this lock.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connected(&self) -> Option<(MultiplexedConnection, u64)> {
        let current = self.current();
        current.connection.clone().map(|connection| (connection, current.number))
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), StoreError> {
        if let Some(connected) = self.connected() {
            return Ok(connected);
        }
        let _alone = self.connecting.lock().await;
        if let Some(connected) = self.connected() {
            return Ok(connected);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            // Each call has a patience of its own, which includes the connecting.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = connecting.await.map_err(|error| StoreError::of_connecting(error, self.patience))?;
        let mut current = self.current();
        current.number = current.number.wrapping_add(1);
        current.connection = Some(connection.clone());
        Ok((connection, current.number))
    }

    fn drop_connection(&self, number: Option<u64>) {
        let mut current = self.current();
        if number == Some(current.number) {
            current.connection = None;
        }
    }
}

fn unknown_script(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript)
}
