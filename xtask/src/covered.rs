//! What was counted, read from the reports and put into tables: the files with the least first, and the lines never run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::coverage::{is_of_tests, lines_of_tests, read};

/// Below this share of its lines a file's uncovered ones are listed.
const LISTED_BELOW: f64 = 0.97;

/// A place in a file: where it begins and ends, line and column each.
type Span = [u64; 4];

/// What was counted in one file.
#[derive(Debug, Default)]
struct File {
    lines: BTreeMap<u32, u64>,
    regions: BTreeMap<Span, u64>,
    /// Twice: how often the condition held and how often not.
    branches: BTreeMap<Span, [u64; 2]>,
}

/// What was counted, by path.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    files: BTreeMap<String, File>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Share {
    covered: usize,
    all: usize,
}

impl Share {
    fn of(counts: impl Iterator<Item = u64>) -> Self {
        counts.fold(Self::default(), |share, count| Self {
            covered: share.covered + usize::from(count > 0),
            all: share.all + 1,
        })
    }

    fn plus(self, other: Self) -> Self {
        Self { covered: self.covered + other.covered, all: self.all + other.all }
    }

    fn ratio(self) -> f64 {
        if self.all == 0 { 1.0 } else { self.covered as f64 / self.all as f64 }
    }

    fn shown(self) -> String {
        match self.all {
            0 => "–".to_owned(),
            all => format!("{:.1} % ({} of {all})", self.ratio() * 100.0, self.covered),
        }
    }
}

impl File {
    fn shares(&self) -> [Share; 3] {
        [
            Share::of(self.lines.values().copied()),
            Share::of(self.regions.values().copied()),
            Share::of(self.branches.values().flatten().copied()),
        ]
    }

    fn without(&mut self, tests: &BTreeSet<u32>) {
        let outside = |line: u64| u32::try_from(line).is_ok_and(|line| !tests.contains(&line));
        self.lines.retain(|line, _| !tests.contains(line));
        self.regions.retain(|[line, ..], _| outside(*line));
        self.branches.retain(|[line, ..], _| outside(*line));
    }
}

/// The tables.
pub(crate) struct Page {
    /// Without the lines.
    pub(crate) short: String,
    /// With them.
    pub(crate) whole: String,
}

impl Measured {
    /// Reads lines from an lcov trace.
    pub(crate) fn read_lines(&mut self, trace: &str) {
        let mut file = String::new();
        for line in trace.lines() {
            if let Some(path) = line.strip_prefix("SF:") {
                path.clone_into(&mut file);
            } else if let Some((number, count)) = line.strip_prefix("DA:").and_then(|da| da.split_once(','))
                && let (Ok(number), Ok(count)) = (number.parse(), count.parse::<u64>())
            {
                *self.files.entry(file.clone()).or_default().lines.entry(number).or_default() += count;
            }
        }
    }

    /// Reads regions and branches from the JSON of `llvm-cov export`: those of every instance of a generic function,
    /// added up.
    pub(crate) fn read_regions(&mut self, json: &str) -> Result<(), String> {
        let export: Value = serde_json::from_str(json).map_err(|error| format!("not JSON: {error}"))?;
        let functions = export.pointer("/data/0/functions").and_then(Value::as_array);
        for function in functions.ok_or("no functions in the report")? {
            let names = function.get("filenames").and_then(Value::as_array).into_iter().flatten();
            let names: Vec<&str> = names.filter_map(Value::as_str).collect();
            let name =
                |number: u64| usize::try_from(number).ok().and_then(|number| names.get(number).copied());
            let numbers = |field: &str| -> Vec<Vec<u64>> {
                let rows = function.get(field).and_then(Value::as_array).into_iter().flatten();
                rows.map(|row| row.as_array().into_iter().flatten().filter_map(Value::as_u64).collect())
                    .collect()
            };
            for row in numbers("regions") {
                // Kind 0 is code; gaps, expansions of macros and skipped text are none.
                if let [a, b, c, d, count, of, _, 0] = *row.as_slice()
                    && let Some(name) = name(of)
                {
                    let file = self.files.entry(name.to_owned()).or_default();
                    *file.regions.entry([a, b, c, d]).or_default() += count;
                }
            }
            for row in numbers("branches") {
                if let [a, b, c, d, held, not, of, _, _] = *row.as_slice()
                    && let Some(name) = name(of)
                {
                    let file = self.files.entry(name.to_owned()).or_default();
                    let counts = file.branches.entry([a, b, c, d]).or_default();
                    *counts = [counts[0] + held, counts[1] + not];
                }
            }
        }
        Ok(())
    }

    /// Keeps the sources of some crates, without the tests in them, by their paths in the workspace.
    pub(crate) fn keep(&mut self, root: &Path, crates: &[&str]) -> Result<(), String> {
        let sources: Vec<_> = crates.iter().map(|name| format!("{name}/src/")).collect();
        for (path, mut file) in std::mem::take(&mut self.files) {
            let Ok(inside) = Path::new(&path).strip_prefix(root) else { continue };
            let inside = inside.display().to_string();
            if sources.iter().any(|source| inside.starts_with(source)) && !is_of_tests(Path::new(&path)) {
                file.without(&lines_of_tests(&read(Path::new(&path))?));
                self.files.insert(inside, file);
            }
        }
        if self.files.is_empty() { Err("nothing was measured".to_owned()) } else { Ok(()) }
    }
}

/// Puts what was counted into words.
pub(crate) fn page(measured: &Measured, crates: &[&str], shortcomings: &[String]) -> Page {
    let head = "| | lines | regions | branches |\n|---|---|---|---|\n";
    let mut short = String::from("# Coverage\n\nWithout the tests that stand beside the code.\n\n");
    for shortcoming in shortcomings {
        let _ = writeln!(short, "**{shortcoming}**\n");
    }
    short.push_str(head);
    let row = |name: &str, [lines, regions, branches]: [Share; 3]| {
        format!("| {name} | {} | {} | {} |\n", lines.shown(), regions.shown(), branches.shown())
    };
    for name in crates {
        let of_crate = measured.files.iter().filter(|(path, _)| path.starts_with(&format!("{name}/")));
        let sum = of_crate.fold([Share::default(); 3], |sum, (_, file)| {
            let [a, b, c] = file.shares();
            [sum[0].plus(a), sum[1].plus(b), sum[2].plus(c)]
        });
        short.push_str(&row(&format!("**{name}**"), sum));
    }
    let mut files: Vec<_> = measured.files.iter().map(|(path, file)| (path, file, file.shares())).collect();
    files.sort_by(|(_, _, one), (_, _, other)| {
        let least = |shares: &[Share; 3]| shares[0].ratio().min(shares[2].ratio());
        least(one).total_cmp(&least(other))
    });
    let _ = write!(short, "\n{head}");
    for (path, _, shares) in &files {
        short.push_str(&row(path, *shares));
    }
    let mut whole = short.clone();
    whole.push_str("\n## Never run, or never both ways\n");
    for (path, file, [lines, _, branches]) in files {
        if lines.ratio() < LISTED_BELOW || branches.ratio() < LISTED_BELOW {
            let _ = writeln!(whole, "\n`{path}`\n");
            let never = file.lines.iter().filter(|(_, count)| **count == 0).map(|(line, _)| *line);
            let never = ranges(never);
            if !never.is_empty() {
                let _ = writeln!(whole, "* lines {never}");
            }
            for ([line, column, ..], counts) in &file.branches {
                let said = match counts {
                    [0, 0] => "never reached",
                    [0, _] => "never true",
                    [_, 0] => "never false",
                    _ => continue,
                };
                let _ = writeln!(whole, "* {line}:{column} {said}");
            }
        }
    }
    Page { short, whole }
}

/// `1–3, 7`.
fn ranges(lines: impl Iterator<Item = u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    let shown = ranges.into_iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}–{last}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Measured, page, ranges};

    #[test]
    fn lines_follow_each_other_in_ranges() {
        assert_eq!(ranges([1, 2, 3, 7, 9, 10].into_iter()), "1–3, 7, 9–10");
        assert_eq!(ranges([].into_iter()), "");
    }

    #[test]
    fn reports_become_tables_with_the_least_covered_file_first() {
        let root = std::env::temp_dir().join(format!("mfa-covered-{}", std::process::id()));
        let source = root.join("mfa-core/src");
        std::fs::create_dir_all(&source).unwrap();
        let [good, bad] = ["good.rs", "bad.rs"].map(|name| source.join(name));
        std::fs::write(&good, "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n").unwrap();
        std::fs::write(&bad, "fn a() {\n}\nfn b() {\n}\n").unwrap();
        let [good, bad] = [good, bad].map(|path| path.display().to_string());
        let mut measured = Measured::default();
        measured.read_lines(&format!(
            "SF:{good}\nDA:1,5\nDA:4,0\nend_of_record\nSF:{bad}\nDA:1,2\nDA:3,0\nDA:4,0\nend_of_record\n\
             SF:/elsewhere/lib.rs\nDA:1,0\nend_of_record\n"
        ));
        // Two instances of one generic function: each goes one way.
        let function = |held: u32, not: u32| {
            format!(
                "{{\"filenames\":[\"{bad}\"],\"regions\":[[1,1,2,2,{held},0,0,0],[1,1,2,2,0,0,0,3]],\
                 \"branches\":[[1,5,1,9,{held},{not},0,0,4],[3,1,3,4,0,0,0,0,4]]}}"
            )
        };
        let json = format!("{{\"data\":[{{\"functions\":[{},{}]}}]}}", function(2, 0), function(0, 3));
        measured.read_regions(&json).unwrap();
        measured.keep(&root, &["mfa-core", "mfa-web"]).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        let page = page(&measured, &["mfa-core"], &["No branches.".to_owned()]);
        assert!(
            page.short.contains("| **mfa-core** | 50.0 % (2 of 4) | 100.0 % (1 of 1) | 50.0 % (2 of 4) |")
        );
        let (bad, good) = (page.short.find("bad.rs"), page.short.find("good.rs"));
        assert!(bad.is_some() && bad < good, "{}", page.short);
        assert!(page.short.contains("| mfa-core/src/good.rs | 100.0 % (1 of 1) | – | – |"), "{}", page.short);
        assert!(
            page.whole.contains("* lines 3–4\n* 3:1 never reached")
                && page.short.contains("**No branches.**")
        );
        assert!(!page.whole.contains("1:5") && !page.whole.contains("elsewhere"), "{}", page.whole);
    }
}
