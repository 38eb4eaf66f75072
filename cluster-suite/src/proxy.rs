//! A round-robin proxy: each connection goes to the next node that can be reached.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy that ends with this value.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    nodes: Arc<Mutex<Vec<SocketAddr>>>,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// A proxy without nodes yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let nodes = Arc::new(Mutex::new(Vec::new()));
        let serving = tokio::spawn(serve(listener, Arc::clone(&nodes)));
        Self { port, nodes, serving }
    }

    /// The address people use.
    pub fn base(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// From now on, connections go to these ports. Those that are open go on.
    pub fn serve_from(&self, ports: impl IntoIterator<Item = u16>) {
        let nodes = ports.into_iter().map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        *self.nodes.lock().unwrap_or_else(PoisonError::into_inner) = nodes;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, nodes: Arc<Mutex<Vec<SocketAddr>>>) {
    let mut turn = 0;
    while let Ok((client, _)) = listener.accept().await {
        let mut order = nodes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !order.is_empty() {
            let first = turn % order.len();
            order.rotate_left(first);
        }
        turn += 1;
        tokio::spawn(connect(client, order));
    }
}

/// Links the client to the first node that takes the connection; when none does, the client is hung up on.
async fn connect(mut client: TcpStream, order: Vec<SocketAddr>) {
    for node in order {
        if let Ok(mut node) = TcpStream::connect(node).await {
            let _ = copy_bidirectional(&mut client, &mut node).await;
            return;
        }
    }
}
