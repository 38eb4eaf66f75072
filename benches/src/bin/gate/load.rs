//! The load: a server in a process of its own, and a client that costs as little as one can.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;

/// Connections that ask at the same time.
pub(crate) const AT_ONCE: usize = 8;

#[derive(Clone, Copy)]
pub(crate) enum Page {
    Alone,
    Floor,
    Guarded,
}

impl Page {
    pub(crate) const ALL: [Self; 3] = [Self::Alone, Self::Floor, Self::Guarded];

    fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Floor => "floor",
            Self::Guarded => "guarded",
        }
    }
}

/// Says where the server is, and ends this process when whoever asked for it closes its end or is gone.
pub(crate) fn announce(address: SocketAddr) {
    println!("{address}");
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
}

/// A server in a process of its own.
pub(crate) struct Served {
    process: Child,
    address: SocketAddr,
}

impl Served {
    /// `before` is a program that runs it, such as valgrind, with its arguments.
    pub(crate) fn start(before: &[&str], framework: &str, store: &str) -> Self {
        let this = std::env::current_exe().unwrap().display().to_string();
        let mut words = before.to_vec();
        words.extend([this.as_str(), "serve", framework, store]);
        let stderr = if before.is_empty() { Stdio::inherit() } else { Stdio::piped() };
        let mut process = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { address: line.trim().parse().unwrap(), process }
    }

    /// Seconds of processor time that all its threads have had.
    fn worked(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let nanoseconds = |task: fs::DirEntry| {
            let times = fs::read_to_string(task.path().join("schedstat")).unwrap();
            times.split(' ').next().unwrap().parse::<f64>().unwrap()
        };
        tasks.map(|task| nanoseconds(task.unwrap())).sum::<f64>() / 1e9
    }

    /// Ends it, and what it said on its way.
    fn end(mut self) -> String {
        drop(self.process.stdin.take());
        let mut said = String::new();
        if let Some(mut stderr) = self.process.stderr.take() {
            stderr.read_to_string(&mut said).unwrap();
        }
        self.process.wait().unwrap();
        said
    }

    /// One request on a connection of its own, and the whole answer.
    fn ask(&self, path: &str, cookie: &str) -> String {
        let mut connection = TcpStream::connect(self.address).unwrap();
        let close = "connection: close\r\n";
        connection.write_all(&request(path, cookie, close)).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    fn enter(&self, page: Page) -> String {
        let answer = self.ask(&format!("/enter/{}", page.name()), "");
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// As a browser asks, with the headers that the gate looks at.
fn request(path: &str, cookie: &str, more: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: portal.hillside.example\r\naccept: text/html,application/xhtml+xml,*/*;q=0.8\r\n\
         user-agent: Mozilla/5.0\r\naccept-language: en-GB,en;q=0.5\r\ncookie: {cookie}\r\n{more}\r\n"
    )
    .into_bytes()
}

/// How a round went, in seconds.
pub(crate) struct Round {
    pub(crate) took: f64,
    pub(crate) worked: f64,
}

/// One person at all pages.
pub(crate) struct Sitting<'a> {
    served: &'a Served,
    runtime: Runtime,
    cookies: [String; 3],
}

impl<'a> Sitting<'a> {
    pub(crate) fn begin(served: &'a Served) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { served, runtime, cookies: Page::ALL.map(|page| served.enter(page)) }
    }

    fn answer(&self, page: Page) -> String {
        self.served.ask(&format!("/{}", page.name()), &self.cookies[page as usize])
    }

    /// So many requests of a page, several at a time.
    pub(crate) fn round(&mut self, page: Page, requests: usize) -> Round {
        let [alone, floor, guarded] = Page::ALL.map(|page| self.answer(page));
        let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        assert!(guarded.starts_with("HTTP/1.1 200 ") && body(&guarded).contains("user-0000000"), "{guarded}");
        assert!(body(&alone) == body(&guarded) && body(&floor) == body(&guarded), "all are the same page");
        let request = request(&format!("/{}", page.name()), &self.cookies[page as usize], "");
        let (address, share) = (self.served.address, requests / AT_ONCE);
        self.runtime.block_on(async {
            let mut connections = Vec::new();
            for _ in 0..AT_ONCE {
                let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
                // The first answer says how long all are.
                let length = answer_length(&mut connection, &request).await;
                connections.push((connection, length));
            }
            let (began, worked) = (Instant::now(), self.served.worked());
            let mut running = tokio::task::JoinSet::new();
            for (mut connection, length) in connections {
                let request = request.clone();
                running.spawn(async move {
                    let mut answer = vec![0; length];
                    for _ in 0..share {
                        connection.write_all(&request).await.unwrap();
                        connection.read_exact(&mut answer).await.unwrap();
                        assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"</p>"));
                    }
                });
            }
            running.join_all().await;
            Round { took: began.elapsed().as_secs_f64(), worked: self.served.worked() - worked }
        })
    }

    /// A gate that doesn't look at the account on each request would not see this.
    pub(crate) fn reset_ends_it(&self) {
        self.served.ask("/end", "");
        let answer = self.answer(Page::Guarded);
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    }
}

async fn answer_length(connection: &mut tokio::net::TcpStream, request: &[u8]) -> usize {
    connection.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"</p>") {
        connection.read_buf(&mut answer).await.unwrap();
    }
    answer.len()
}

/// Instructions that the serving process executes from beginning to end, with so many requests of a page.
pub(crate) fn instructions(framework: &str, store: &str, page: Page, requests: usize) -> f64 {
    let before = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let served = Served::start(&before, framework, store);
    let mut sitting = Sitting::begin(&served);
    sitting.round(page, requests);
    drop(sitting);
    let said = served.end();
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")).unwrap().1;
    collected.trim().parse().unwrap()
}
