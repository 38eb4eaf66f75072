//! Our codes, URIs and pictures against other people's: Debian's `oathtool` and `zbarimg`, PyPI's `pyotp`.
//!
//! The tools are asked for only where `MFA_TEST_TOOLS=1` is set, as `cargo xtask test` does; then a missing tool is
//! a failure. Elsewhere the tests say that they were left out. `MFA_PYTHON` names the interpreter that has
//! `pyotp` (`python3` unless set).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test helper fails by panicking, and says so if it was left out"
)]

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use mfa_core::factor::hotp::{self, Counter, LookAhead, PreparedKey};
use mfa_core::factor::key::{Algorithm, Digits, Period, SharedKey};
use mfa_core::factor::otpauth::{Kind, OtpauthUri, parse};
use mfa_core::factor::totp::{Outcome, Progress, TotpParams, Window, code_at, verify};
use mfa_core::factor::typed::read_code;
use mfa_core::port::entropy::{Entropy, SystemEntropy, random_bytes, uniform_below};
use mfa_core::secret::SecretBytes;
use mfa_core::time::Timestamp;
use serde_json::{Value, json};

fn tools_are_asked_for(test: &str) -> bool {
    let asked = env::var("MFA_TEST_TOOLS").is_ok_and(|value| value == "1");
    if !asked {
        eprintln!("{test} was left out: set MFA_TEST_TOOLS=1 to compare with oathtool, pyotp and zbarimg");
    }
    asked
}

/// Runs a tool to its end and gives back what it printed.
fn run(tool: &str, from: &str, arguments: &[String], input: &str) -> String {
    let mut child = Command::new(tool)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{tool} can't be run ({error}); install {from}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{tool} {arguments:?}: {}\n{errors}\n(is {from} installed?)",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

fn oathtool(arguments: &[String]) -> String {
    run("oathtool", "Debian's oathtool", arguments, "").trim().to_owned()
}

fn pyotp(script: &str, input: &Value) -> Value {
    let python = env::var("MFA_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let arguments = ["-c".to_owned(), format!("{PRELUDE}{script}")];
    let printed = run(&python, "PyPI's pyotp", &arguments, &input.to_string());
    serde_json::from_str(&printed).unwrap()
}

const PRELUDE: &str = "
import json, sys, hashlib, pyotp
cases = json.load(sys.stdin)
def totp(c):
    return pyotp.TOTP(c['secret'], digits=c['digits'], digest=getattr(hashlib, c['hash']), interval=c['period'])
def hotp(c):
    return pyotp.HOTP(c['secret'], digits=c['digits'], digest=getattr(hashlib, c['hash']))
";

/// A random credential at a random time.
struct Case {
    key: SharedKey,
    params: TotpParams,
    now: Timestamp,
    counter: u64,
}

impl Case {
    fn random() -> Self {
        let below = |bound| uniform_below(&SystemEntropy, bound).unwrap();
        // From the shortest key to one that fills more than a block of SHA-1 and SHA-256.
        let mut bytes = vec![0; 16 + below(113) as usize];
        SystemEntropy.fill(&mut bytes).unwrap();
        let algorithms = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
        Self {
            key: SharedKey::from_bytes(SecretBytes::new(bytes)).unwrap(),
            params: TotpParams {
                algorithm: algorithms[below(3) as usize],
                digits: Digits::new(6 + below(3) as u8).unwrap(),
                period: Period::from_seconds(15 + u64::from(below(106))).unwrap(),
            },
            now: Timestamp::from_unix(u64::from(below(u32::MAX)) * 3),
            counter: u64::from_le_bytes(random_bytes(&SystemEntropy).unwrap()) >> (1 + below(62)),
        }
    }

    fn prepared(&self) -> PreparedKey {
        PreparedKey::new(self.params.algorithm, &self.key)
    }

    fn totp(&self) -> String {
        code_at(&self.prepared(), &self.params, self.now).expose().to_owned()
    }

    fn hotp(&self) -> String {
        self.prepared().code(self.counter, self.params.digits).expose().to_owned()
    }

    fn json(&self) -> Value {
        json!({
            "secret": self.key.to_base32().expose(),
            "hash": self.params.algorithm.name().to_lowercase(),
            "digits": self.params.digits.as_u8(),
            "period": self.params.period.as_seconds(),
            "now": self.now.as_unix(),
            "counter": self.counter,
            "our_totp": self.totp(),
            "our_hotp": self.hotp(),
        })
    }

    fn accepts_totp(&self, theirs: &str) {
        let typed = read_code(theirs, self.params.digits).unwrap();
        let (window, progress) = (Window::STRICT, Progress::default());
        let outcome = verify(&self.prepared(), &self.params, &window, &progress, self.now, &typed);
        assert!(matches!(outcome, Outcome::Accepted(_)), "{theirs} for {}", self.json());
    }

    fn accepts_hotp(&self, theirs: &str) {
        let typed = read_code(theirs, self.params.digits).unwrap();
        let (next, none_ahead) = (Counter::new(self.counter), LookAhead::new(0).unwrap());
        let matched = hotp::verify(&self.prepared(), self.params.digits, next, none_ahead, &typed);
        assert!(matched.is_some(), "{theirs} for {}", self.json());
    }

    /// The arguments of `oathtool` that name this case by time.
    fn oathtool_by_time(&self) -> Vec<String> {
        vec![
            format!("--totp={}", self.params.algorithm.name()),
            format!("--digits={}", self.params.digits.as_u8()),
            format!("--time-step-size={}s", self.params.period.as_seconds()),
            format!("--now=@{}", self.now.as_unix()),
            "--base32".to_owned(),
            self.key.to_base32().expose().to_owned(),
        ]
    }
}

#[test]
fn oathtool_and_we_accept_each_others_codes() {
    if !tools_are_asked_for("oathtool_and_we_accept_each_others_codes") {
        return;
    }
    for _ in 0..40 {
        let case = Case::random();
        case.accepts_totp(&oathtool(&case.oathtool_by_time()));
        // With a code behind the key it checks that one, and fails if it is wrong.
        let mut checking = case.oathtool_by_time();
        checking.push(case.totp());
        oathtool(&checking);
    }
    for _ in 0..10 {
        let case = Case::random();
        let prepared = PreparedKey::new(Algorithm::Sha1, &case.key);
        let theirs = oathtool(&[
            format!("--digits={}", case.params.digits.as_u8()),
            format!("--counter={}", case.counter),
            "--base32".to_owned(),
            case.key.to_base32().expose().to_owned(),
        ]);
        assert_eq!(prepared.code(case.counter, case.params.digits).expose(), theirs, "{}", case.json());
    }
}

#[test]
fn pyotp_and_we_accept_each_others_codes() {
    if !tools_are_asked_for("pyotp_and_we_accept_each_others_codes") {
        return;
    }
    let cases: Vec<Case> = (0..300).map(|_| Case::random()).collect();
    let answers = pyotp(
        "print(json.dumps([[totp(c).at(c['now']), hotp(c).at(c['counter']), \
         totp(c).verify(c['our_totp'], for_time=c['now']), hotp(c).verify(c['our_hotp'], c['counter'])] \
         for c in cases]))",
        &cases.iter().map(Case::json).collect(),
    );
    assert_eq!(answers.as_array().unwrap().len(), cases.len());
    for (case, answer) in cases.iter().zip(answers.as_array().unwrap()) {
        case.accepts_totp(answer[0].as_str().unwrap());
        case.accepts_hotp(answer[1].as_str().unwrap());
        assert_eq!((&answer[2], &answer[3]), (&json!(true), &json!(true)), "{}", case.json());
    }
}

/// Names that stretch the encoding, none with a colon.
const NAMES: [(&str, &str); 5] = [
    ("Hill School", "ann@example.org"),
    ("Ysgol y Bryn & Co", "siân+tŷ@x.cymru"),
    ("50% / 100%?", "a=b&c#d"),
    ("学校", "山田 太郎"),
    ("X", "0"),
];

#[test]
fn pyotp_and_we_read_each_others_uris() {
    if !tools_are_asked_for("pyotp_and_we_read_each_others_uris") {
        return;
    }
    let mut cases = Vec::new();
    for (issuer, account) in NAMES {
        let mut case = Case::random();
        case.key = SharedKey::generate(&SystemEntropy).unwrap();
        let mut sent = case.json();
        let ours = OtpauthUri::new(issuer, account, &case.key, case.params).unwrap();
        sent["uri"] = json!(ours.to_uri().expose());
        sent["issuer"] = json!(issuer);
        sent["account"] = json!(account);
        cases.push((case, sent));
    }
    let answers = pyotp(
        "
def answer(c):
    read = pyotp.parse_uri(c['uri'])
    return {'issuer': read.issuer, 'account': read.name, 'code': read.at(c['now']),
        'totp': totp(c).provisioning_uri(name=c['account'], issuer_name=c['issuer']),
        'hotp': hotp(c).provisioning_uri(name=c['account'], issuer_name=c['issuer'], initial_count=c['counter'])}
print(json.dumps([answer(c) for c in cases]))",
        &cases.iter().map(|(_, sent)| sent.clone()).collect(),
    );
    for ((case, sent), answer) in cases.iter().zip(answers.as_array().unwrap()) {
        assert_eq!(answer["issuer"], sent["issuer"]);
        assert_eq!(answer["account"], sent["account"]);
        assert_eq!(answer["code"], sent["our_totp"]);
        let by_counter = Kind::Hotp {
            algorithm: case.params.algorithm,
            digits: case.params.digits,
            counter: Counter::new(case.counter),
        };
        for (field, kind) in [("totp", Kind::Totp(case.params)), ("hotp", by_counter)] {
            let theirs = answer[field].as_str().unwrap();
            let parsed = parse(theirs).unwrap_or_else(|error| panic!("{theirs}: {error}"));
            assert_eq!(parsed.issuer.as_deref(), sent["issuer"].as_str(), "{theirs}");
            assert_eq!(Some(parsed.account.expose()), sent["account"].as_str(), "{theirs}");
            assert_eq!(parsed.key, case.key);
            assert_eq!(parsed.kind, kind, "{theirs}");
        }
    }
}

#[cfg(feature = "qr")]
#[test]
fn zbarimg_reads_the_picture() {
    use std::fs;

    use mfa_core::factor::qr;

    if !tools_are_asked_for("zbarimg_reads_the_picture") {
        return;
    }
    let folder = env::temp_dir().join(format!("mfa-core-qr-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut arguments: Vec<String> =
        ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"].map(str::to_owned).to_vec();
    let mut uris = Vec::new();
    let longest = "n".repeat(100);
    let names = NAMES.into_iter().chain([(longest.as_str(), longest.as_str())]);
    for (number, (issuer, account)) in names.enumerate() {
        let key = SharedKey::generate(&SystemEntropy).unwrap();
        let uri = OtpauthUri::new(issuer, account, &key, TotpParams::default()).unwrap().to_uri();
        let file = folder.join(format!("{number}.pgm"));
        let picture = rasterise(qr::svg(&uri, "QR code for your authenticator app").unwrap().expose());
        fs::write(&file, picture).unwrap();
        arguments.push(file.to_str().unwrap().to_owned());
        uris.push(uri);
    }
    let printed = run("zbarimg", "Debian's zbar-tools", &arguments, "");
    fs::remove_dir_all(&folder).unwrap();
    let read: Vec<&str> = printed.lines().collect();
    assert_eq!(read, uris.iter().map(|uri| uri.expose()).collect::<Vec<_>>());
}

/// Draws the strokes of the SVG (only `M`, `m` and `h` occur) as a PGM, four pixels a module.
#[cfg(feature = "qr")]
fn rasterise(svg: &str) -> Vec<u8> {
    const SCALE: usize = 4;
    let between = |before: &str, after: &str| {
        let from = svg.find(before).unwrap() + before.len();
        &svg[from..from + svg[from..].find(after).unwrap()]
    };
    let side: usize = between("viewBox=\"0 0 ", " ").parse().unwrap();
    let mut dark = vec![vec![false; side]; side];
    let (mut column, mut row) = (0, 0);
    let path = between("stroke=\"#000\" d=\"", "\"");
    let starts: Vec<usize> = path
        .char_indices()
        .filter(|(_, c)| c.is_ascii_alphabetic())
        .map(|(at, _)| at)
        .chain([path.len()])
        .collect();
    for pair in starts.windows(2) {
        let (command, numbers) = path[pair[0]..pair[1]].split_at(1);
        let numbers: Vec<f64> = numbers.split(' ').map(|number| number.parse().unwrap()).collect();
        match command {
            "M" => (column, row) = (numbers[0] as usize, (numbers[1] - 0.5) as usize),
            "m" => column += numbers[0] as usize,
            "h" => {
                dark[row][column..column + numbers[0] as usize].fill(true);
                column += numbers[0] as usize;
            }
            other => panic!("unexpected path command {other}"),
        }
    }
    let mut picture = format!("P5\n{0} {0}\n255\n", side * SCALE).into_bytes();
    for line in &dark {
        for _ in 0..SCALE {
            picture.extend(line.iter().flat_map(|dark| [if *dark { 0 } else { 255 }; SCALE]));
        }
    }
    picture
}
