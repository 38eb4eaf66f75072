//! Sums up what the test programs report, line by line, while it is being printed.

use std::fmt;

/// How many tests passed, failed and were ignored, over all programs of one run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    failures: Vec<String>,
    unfinished: Vec<u8>,
}

impl Tally {
    /// Takes the next bytes of the output, cut anywhere.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.unfinished.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.unfinished);
                self.take_line(&String::from_utf8_lossy(&line));
            }
        }
    }

    fn take_line(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failures.push(name.to_owned());
        }
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, kind)) = count.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match kind {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    /// Whether no test was reported at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.passed + self.failed + self.ignored == 0
    }

    /// Whether a test failed.
    pub(crate) fn has_failures(&self) -> bool {
        self.failed > 0 || !self.failures.is_empty()
    }

    /// The names of the tests that failed, in the order they were reported.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 {
            write!(f, ", {} ignored", self.ignored)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    const OUTPUT: &str = "\
running 3 tests
test totp::accepts ... ok
test totp::rejects ... FAILED
test slow ... ignored

failures:

---- totp::rejects stdout ----
12 passed; this line is a test's own

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.01s

running 2 tests
test src/lib.rs - (line 3) ... ok
test src/lib.rs - (line 9) - compile fail ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.20s

all doctests ran in 0.51s; merged doctests compilation took 0.30s
";

    #[test]
    fn all_programs_are_summed_and_failures_named() {
        let mut tally = Tally::default();
        tally.take(OUTPUT.as_bytes());
        assert_eq!(tally.to_string(), "3 passed, 1 failed, 1 ignored");
        assert_eq!(tally.failures(), ["totp::rejects"]);
        assert!(tally.has_failures());
    }

    #[test]
    fn it_does_not_matter_where_the_output_is_cut() {
        let mut whole = Tally::default();
        whole.take(OUTPUT.as_bytes());
        for size in [1, 2, 7, 64] {
            let mut cut = Tally::default();
            OUTPUT.as_bytes().chunks(size).for_each(|bytes| cut.take(bytes));
            assert_eq!(cut, whole, "in pieces of {size}");
        }
    }

    #[test]
    fn no_report_is_not_a_success() {
        let mut tally = Tally::default();
        tally.take(b"error: could not compile `mfa-core`\n");
        assert!(tally.is_empty());
        assert_eq!(tally.to_string(), "0 passed, 0 failed");
    }

    #[test]
    fn a_program_that_died_in_the_middle_still_counts_as_failed() {
        let mut tally = Tally::default();
        tally.take(b"test a ... ok\ntest b ... FAILED\n");
        assert!(tally.has_failures());
    }
}
