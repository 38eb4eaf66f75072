//! PgBouncer in front of a server, which lends a connection for one transaction and then to somebody else.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use crate::postgres::{self, Postgres};
use crate::process;

/// A proxy that ends with this value.
#[derive(Debug)]
pub struct PgBouncer {
    process: Child,
    _folder: TempDir,
    port: u16,
}

impl PgBouncer {
    /// Starts one that has so many connections to the server, with further lines of its settings.
    pub fn start(server: &Postgres, connections: u32, further: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), process::free_port());
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=portal\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = {connections}\nmax_client_conn = 1000\n{further}\n",
            server.port()
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        for path in [file.as_path(), folder.path()] {
            postgres::hand_over(path);
        }
        // Where Debian has it, which isn't on everybody's `PATH`.
        let program = env::var_os("MFA_PGBOUNCER").unwrap_or_else(|| "/usr/sbin/pgbouncer".into());
        let mut command = postgres::as_user(Path::new(&program));
        command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        postgres::wait_for(&mut process, port);
        Self { process, _folder: folder, port }
    }

    /// Its address, as stores take it.
    pub fn url(&self) -> String {
        format!("postgres://portal@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
