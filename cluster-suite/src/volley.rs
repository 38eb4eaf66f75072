//! The same request many times at once: all but its last byte is sent on every connection, then the last bytes together.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use http_suite::browser::Browser;
use http_suite::world::at;

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Shot {
    bytes: Vec<u8>,
    authority: String,
}

/// Whether a code was right by what follows it: the start page, or before it the word that few backup codes are left.
pub(crate) fn leads_in(status: u16, location: &str) -> bool {
    status == 303 && (location == "/" || location == at("backup-codes/low"))
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The status.
    pub status: u16,
    /// Where a redirect leads.
    pub location: String,
    /// The cookie that was set, as it is sent back; empty if none was.
    pub cookie: String,
    /// The page.
    pub body: String,
    /// How long it took.
    pub took: Duration,
}

impl Hit {
    /// Whether the answer lets somebody in, with a session of its own.
    pub fn is_in(&self) -> bool {
        leads_in(self.status, &self.location)
    }
}

impl Shot {
    /// A page, as by typing its address.
    pub fn page(browser: &Browser, path: &str) -> Self {
        let request = browser.ask("GET", path).header("accept", "text/html").header("sec-fetch-site", "none");
        Self::new(&request.header("connection", "close").build().unwrap())
    }

    /// The form with this action on the page that the browser shows, with these fields filled in.
    pub fn form(browser: &Browser, action: &str, fields: &[(&str, &str)]) -> Self {
        let forms = browser.page().forms();
        let form = forms.iter().find(|form| form.action == action).unwrap();
        let hidden = form.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<_> = hidden.chain(fields.iter().copied()).collect();
        Self::new(&browser.form(action, &all).header("connection", "close").build().unwrap())
    }

    fn new(request: &reqwest::Request) -> Self {
        let url = request.url();
        let authority = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {authority}\r\n", request.method(), url.path());
        for (name, value) in request.headers() {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        Self { bytes: [head.as_bytes(), body].concat(), authority }
    }
}

/// Fires all of them at once. The answers stand in the order of the shots, whichever comes first.
pub async fn fire(shots: &[Shot]) -> Vec<Hit> {
    let mut loaded = Vec::new();
    for shot in shots {
        let mut stream = TcpStream::connect(&shot.authority).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (last, rest) = shot.bytes.split_last().unwrap();
        stream.write_all(rest).await.unwrap();
        loaded.push((stream, *last));
    }
    let fired = loaded.into_iter().map(|(mut stream, last)| {
        tokio::spawn(async move {
            let began = Instant::now();
            stream.write_all(&[last]).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            hit(&String::from_utf8_lossy(&answer), began.elapsed())
        })
    });
    let mut hits = Vec::new();
    for answer in fired.collect::<Vec<_>>() {
        hits.push(answer.await.unwrap());
    }
    hits
}

fn hit(answer: &str, took: Duration) -> Hit {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let header = |wanted: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.to_owned())
            .unwrap_or_default()
    };
    Hit {
        status: head
            .get(9..12)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("no answer: {answer:?}")),
        location: header("location"),
        cookie: header("set-cookie").split(';').next().unwrap_or_default().to_owned(),
        body: body.to_owned(),
        took,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers whoever comes last first, and the next one only when that one has gone.
    async fn answer_backwards(listener: TcpListener, count: usize) {
        let mut streams = Vec::new();
        for _ in 0..count {
            streams.push(listener.accept().await.unwrap().0);
        }
        for mut stream in streams.into_iter().rev() {
            let mut asked = [0; 1];
            stream.read_exact(&mut asked).await.unwrap();
            let status = 200 + u16::from(asked[0] - b'0');
            stream.write_all(format!("HTTP/1.1 {status} so\r\n\r\n").as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn answers_stand_in_the_order_of_the_shots() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(answer_backwards(listener, 4));
        let shot = |number| Shot { bytes: format!("{number}.").into_bytes(), authority: authority.clone() };
        let hits = fire(&(0..4).map(shot).collect::<Vec<_>>()).await;
        assert_eq!(hits.iter().map(|hit| hit.status).collect::<Vec<_>>(), [200, 201, 202, 203]);
        server.await.unwrap();
    }
}
