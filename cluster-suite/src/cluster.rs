//! Three nodes, a proxy before them and one home behind them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_suite::browser::Browser;
use mfa_core::time::Timestamp;
use mfa_testing::clock::ManualClock;

use crate::home::{Engine, Home, KEYS, Reader};
use crate::node::{MIXED, Node, Orders};
use crate::proxy::Proxy;

/// A cluster that runs, and ends with this value.
pub struct Cluster {
    /// Where everything is kept.
    pub home: Home,
    /// The processes.
    pub nodes: Vec<Node>,
    proxy: Proxy,
    keys: String,
    ahead: u64,
    clock: ManualClock,
}

impl Cluster {
    /// Three processes, both frameworks among them, on a fresh store.
    pub async fn start(engine: Engine) -> Self {
        let (home, proxy) = (Home::new(engine), Proxy::start().await);
        let mut cluster = Self {
            home,
            nodes: Vec::new(),
            proxy,
            keys: KEYS.to_owned(),
            ahead: 0,
            clock: ManualClock::default(),
        };
        for number in 0..MIXED.len() {
            let node = Node::start(&cluster.orders(number)).await;
            cluster.nodes.push(node);
        }
        cluster.serve_from_all_but(None);
        cluster.clock.set(cluster.now());
        cluster
    }

    fn orders(&self, number: usize) -> Orders {
        Orders {
            program: MIXED[number],
            store: self.home.store(),
            host_url: self.proxy.base(),
            keys: self.keys.clone(),
        }
    }

    fn serve_from_all_but(&self, resting: Option<usize>) {
        let working = self.nodes.iter().enumerate().filter(|(number, _)| Some(*number) != resting);
        self.proxy.serve_from(working.map(|(_, node)| node.port()));
    }

    /// The address people use.
    pub fn base(&self) -> String {
        self.proxy.base()
    }

    /// A browser whose requests go to one node after the other.
    pub fn browser(&self) -> Browser {
        Browser::without_keep_alive(&self.base())
    }

    /// The time the nodes go by.
    pub fn now(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Timestamp::from_unix(now + self.ahead)
    }

    /// Turns all clocks ahead, one after the other.
    pub async fn turn(&mut self, seconds: u64) {
        for node in &self.nodes {
            node.turn_clock(seconds).await;
        }
        self.ahead += seconds;
        self.clock.set(self.now());
    }

    /// Turns all clocks ahead but one, which is behind from now on.
    pub async fn turn_all_but(&mut self, late: usize, seconds: u64) {
        for (number, node) in self.nodes.iter().enumerate() {
            if number != late {
                node.turn_clock(seconds).await;
            }
        }
        self.ahead += seconds;
        self.clock.set(self.now());
    }

    /// A look at the store, by the same clock.
    pub async fn reader(&self) -> Reader {
        self.home.reader(&self.clock).await
    }

    /// Kills a node in the middle of whatever it does, and starts another one in its place.
    pub async fn replace(&mut self, number: usize) {
        self.nodes[number].kill().await;
        self.start_in_place_of(number).await;
    }

    /// Takes a node out of the proxy, stops it in good order, and starts another one with these keys.
    pub async fn restart(&mut self, number: usize, keys: &str) {
        self.keys = keys.to_owned();
        self.serve_from_all_but(Some(number));
        self.nodes[number].stop().await;
        self.start_in_place_of(number).await;
    }

    async fn start_in_place_of(&mut self, number: usize) {
        // Not before its clock is right does anybody come to it.
        self.serve_from_all_but(Some(number));
        let node = Node::start(&self.orders(number)).await;
        node.turn_clock(self.ahead).await;
        self.nodes[number] = node;
        self.serve_from_all_but(None);
    }
}

/// A little less than the tolerance between nodes: they are turned one after the other.
pub const TICK: Duration = Duration::from_secs(29);
