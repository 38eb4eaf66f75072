//! What cargo-mutants tried and what came of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::mutants::argued::Argued;

/// What came of one mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Summary {
    /// A test failed.
    Caught,
    /// A test didn't end, which somebody would notice.
    TimedOut,
    /// No test noticed.
    Missed,
    /// It doesn't compile.
    Unviable,
}

/// One mutant that was tried.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    /// The file in which it was made.
    pub(crate) file: String,
    /// File and change without the line, which moves with every edit above it.
    pub(crate) name: String,
    pub(crate) summary: Summary,
}

/// Reads `outcomes.json`: each mutant by the name that cargo-mutants has for it, with its line.
///
/// # Errors
///
/// It isn't what this version of cargo-mutants writes.
pub(crate) fn read(text: &str) -> Result<BTreeMap<String, Tried>, String> {
    let outcomes: Value = serde_json::from_str(text).map_err(|error| format!("outcomes.json: {error}"))?;
    let list = outcomes.get("outcomes").and_then(Value::as_array).ok_or("outcomes.json has no outcomes")?;
    let mut tried = BTreeMap::new();
    for outcome in list {
        // The run of what isn't broken is no mutant.
        let Some(mutant) = outcome.get("scenario").and_then(|scenario| scenario.get("Mutant")) else {
            continue;
        };
        let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(file), Some(name)) = (text(mutant, "file"), text(mutant, "name")) else {
            return Err("outcomes.json has a mutant without a file or a name".to_owned());
        };
        let summary = match outcome.get("summary").and_then(Value::as_str) {
            Some("CaughtMutant") => Summary::Caught,
            Some("Timeout") => Summary::TimedOut,
            Some("MissedMutant") => Summary::Missed,
            Some("Unviable") => Summary::Unviable,
            other => return Err(format!("outcomes.json says {other:?} of {name}")),
        };
        let one = Tried { name: without_place(&file, &name)?, file, summary };
        tried.insert(name, one);
    }
    Ok(tried)
}

/// A regular expression for this mutant alone.
pub(crate) fn exactly(name: &str) -> String {
    let mut pattern = String::from("^");
    for letter in name.chars() {
        match letter {
            // Some go over several lines, which are not told alike everywhere.
            _ if letter.is_whitespace() => pattern.push_str(r"\s"),
            // With a backslash these would be ends of words.
            '<' | '>' => pattern.push(letter),
            _ if letter.is_ascii_punctuation() => pattern.extend(['\\', letter]),
            _ => pattern.push(letter),
        }
    }
    pattern + "$"
}

/// `src/a.rs:12:5: replace …` becomes `src/a.rs: replace …`.
fn without_place(file: &str, name: &str) -> Result<String, String> {
    let change = name.strip_prefix(file).and_then(|rest| rest.split_once(": "));
    let (_, change) = change.ok_or_else(|| format!("a mutant of {file} has a name without one: {name}"))?;
    let words: Vec<_> = change.split_whitespace().collect();
    Ok(format!("{file}: {}", words.join(" ")))
}

/// The figures of one package or file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    killed: usize,
    timed_out: usize,
    unviable: usize,
    argued: usize,
    surviving: usize,
}

impl Figures {
    pub(crate) fn of(tried: &[&Tried], argued: &Argued) -> Self {
        let count = |summary| tried.iter().filter(|one| one.summary == summary).count();
        let names = tried.iter().filter(|one| one.summary == Summary::Missed).map(|one| one.name.as_str());
        let excused = argued.excused(names);
        Self {
            killed: count(Summary::Caught),
            timed_out: count(Summary::TimedOut),
            unviable: count(Summary::Unviable),
            argued: excused,
            surviving: count(Summary::Missed).saturating_sub(excused),
        }
    }

    pub(crate) fn heading() -> String {
        "| | mutants | killed | timed out | unviable | argued | surviving | killed of the viable |\n\
         |---|---|---|---|---|---|---|---|\n"
            .to_owned()
    }

    pub(crate) fn row(&self, name: &str) -> String {
        let Self { killed, timed_out, unviable, argued, surviving } = self;
        let all = killed + timed_out + unviable + argued + surviving;
        let share = self.tenths_of_percent().map_or("–".to_owned(), |n| format!("{}.{} %", n / 10, n % 10));
        format!(
            "| {name} | {all} | {killed} | {timed_out} | {unviable} | {argued} | {surviving} | {share} |\n"
        )
    }

    /// A test that didn't end counts as killed; what was argued away doesn't.
    fn tenths_of_percent(&self) -> Option<usize> {
        let dead = self.killed + self.timed_out;
        (dead * 1000).checked_div(dead + self.argued + self.surviving)
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Summary, Tried, exactly, read};
    use crate::mutants::argued::Argued;

    const SAMPLE: &str = r#"{
        "outcomes": [
            { "scenario": "Baseline", "summary": "Success", "log_path": "log/baseline.log" },
            { "scenario": { "Mutant": { "name": "a/src/b.rs:7:5: replace f -> bool with true",
              "package": "a", "file": "a/src/b.rs", "replacement": "true", "genre": "FnValue" } },
              "summary": "CaughtMutant", "phase_results": [] },
            { "scenario": { "Mutant": { "name": "a/src/b.rs:17:9: replace < with <= in f",
              "package": "a", "file": "a/src/b.rs" } }, "summary": "MissedMutant" },
            { "scenario": { "Mutant": { "name": "a/src/b.rs:19:9: replace < with <= in f",
              "package": "a", "file": "a/src/b.rs" } }, "summary": "MissedMutant" },
            { "scenario": { "Mutant": { "name": "a/src/b.rs:20:1: replace match guard x ==\n    y with true in f",
              "package": "a", "file": "a/src/b.rs" } }, "summary": "Timeout" },
            { "scenario": { "Mutant": { "name": "a/src/c.rs:1:1: delete match arm C::D in g",
              "package": "a", "file": "a/src/c.rs" } }, "summary": "Unviable" }
        ],
        "total_mutants": 5, "missed": 2, "cargo_mutants_version": "27.1.0"
    }"#;

    fn tried(file: &str, change: &str, summary: Summary) -> Tried {
        Tried { file: file.to_owned(), name: format!("{file}: {change}"), summary }
    }

    #[test]
    fn outcomes_are_read_without_the_lines_they_stand_in() {
        let expected = [
            tried("a/src/b.rs", "replace < with <= in f", Summary::Missed),
            tried("a/src/b.rs", "replace < with <= in f", Summary::Missed),
            tried("a/src/b.rs", "replace match guard x == y with true in f", Summary::TimedOut),
            tried("a/src/b.rs", "replace f -> bool with true", Summary::Caught),
            tried("a/src/c.rs", "delete match arm C::D in g", Summary::Unviable),
        ];
        let found = read(SAMPLE).unwrap();
        assert!(found.values().eq(&expected), "{found:?}");
        assert!(found.contains_key("a/src/b.rs:17:9: replace < with <= in f"));
    }

    #[test]
    fn one_is_named_to_be_tried_again() {
        let name = "a/src/b.rs:20:1: replace <A as B>::f -> (u8, Vec<C>) with x[1] | -1";
        let expected = r"^a\/src\/b\.rs\:20\:1\:\sreplace\s<A\sas\sB>\:\:f\s\->\s\(u8\,\sVec<C>\)\swith\sx\[1\]\s\|\s\-1$";
        assert_eq!(exactly(name), expected);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert!(read("{}").is_err());
        assert!(read(&SAMPLE.replace("CaughtMutant", "Failure")).unwrap_err().contains("Failure"));
        assert!(read(&SAMPLE.replace("\"file\"", "\"path\"")).is_err());
    }

    #[test]
    fn a_test_that_does_not_end_counts_as_killed_and_an_argument_does_not() {
        let list = Argued::read("* `a/src/b.rs: replace < with <= in f`\n  Both give one.\n").unwrap();
        let tried = read(SAMPLE).unwrap();
        let figures = Figures::of(&tried.values().collect::<Vec<_>>(), &list);
        let expected = Figures { killed: 1, timed_out: 1, unviable: 1, argued: 1, surviving: 1 };
        assert_eq!(figures, expected);
        assert_eq!(figures.row("a"), "| a | 5 | 1 | 1 | 1 | 1 | 1 | 50.0 % |\n");
        assert_eq!(Figures::default().row("b"), "| b | 0 | 0 | 0 | 0 | 0 | 0 | – |\n");
    }
}
