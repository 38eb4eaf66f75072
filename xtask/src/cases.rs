//! The tables of a run: which case of which suite has passed on which adapter, portal or store.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The variable that tells the tests where to put their notes.
pub(crate) const VARIABLE: &str = "MFA_CASES";

/// A suite, what it is run on, and whether every case has to pass on all of them.
struct Suite {
    name: &'static str,
    title: &'static str,
    columns: &'static [&'static str],
    everywhere: bool,
    /// The column and the case that can't be, with the reason.
    except: &'static [(&'static str, &'static str, &'static str)],
}

const SUITES: [Suite; 4] = [
    Suite {
        name: "http",
        title: "HTTP suite",
        columns: &["axum", "axum, PostgreSQL", "axum, Redis", "actix", "actix, PostgreSQL", "actix, Redis"],
        everywhere: true,
        except: &[],
    },
    Suite {
        name: "browser",
        title: "Browser suite",
        columns: &["portal-axum", "portal-actix"],
        everywhere: true,
        except: &[],
    },
    Suite {
        name: "store",
        title: "Conformance of stores",
        columns: &["memory", "sqlite", "postgres", "redis"],
        everywhere: true,
        except: &[("memory", "an_error_is_never_an_answer", "memory never fails")],
    },
    Suite {
        name: "cluster",
        title: "Three nodes, axum and actix-web mixed",
        columns: &["Sqlite", "Postgres", "Redis"],
        // A file can't be paused, and a server's file can't be locked.
        everywhere: false,
        except: &[],
    },
];

impl Suite {
    /// Why a case need not pass on a column, where that is so.
    fn lacks(&self, column: &str, case: &str) -> Option<&'static str> {
        let known = self.except.iter().find(|(other, name, _)| *other == column && *name == case);
        known.map(|(.., why)| *why).or((!self.everywhere).then_some(""))
    }
}

/// The notes of a run.
#[derive(Debug, Default)]
pub(crate) struct Cases {
    passed: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Cases {
    /// Reads the notes that the tests have left in a folder.
    ///
    /// # Errors
    ///
    /// The folder can't be read.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("can't read {}: {error}", folder.display());
        let mut cases = Self::default();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let notes = fs::read_to_string(entry.map_err(failed)?.path()).map_err(failed)?;
            notes.lines().for_each(|line| cases.take(line));
        }
        Ok(cases)
    }

    fn take(&mut self, line: &str) {
        let mut parts = line.split('\t');
        if let (Some(suite), Some(column), Some(case)) = (parts.next(), parts.next(), parts.next()) {
            let cases = self.passed.entry(suite.to_owned()).or_default();
            cases.entry(case.to_owned()).or_default().insert(column.to_owned());
        }
    }

    /// All tables, as Markdown.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::from("# What has passed where\n");
        for suite in &SUITES {
            let Some(cases) = self.passed.get(suite.name) else { continue };
            // Writing to a String can't fail.
            let _ = writeln!(text, "\n## {}\n\n| case | {} |", suite.title, suite.columns.join(" | "));
            let _ = writeln!(text, "|---{}|", "|---".repeat(suite.columns.len()));
            for (case, columns) in cases {
                let marks = suite.columns.iter().map(|column| match suite.lacks(column, case) {
                    _ if columns.contains(*column) => "passed",
                    Some(why) => why,
                    None => "**missing**",
                });
                let _ = writeln!(text, "| {case} | {} |", marks.collect::<Vec<_>>().join(" | "));
            }
        }
        text
    }

    /// A line for each suite: how many cases on what.
    pub(crate) fn summary(&self) -> String {
        let lines = SUITES.iter().filter_map(|suite| {
            let cases = self.passed.get(suite.name)?;
            let counts = suite.columns.iter().map(|column| {
                format!("{column} {}", cases.values().filter(|columns| columns.contains(*column)).count())
            });
            Some(format!("{}: {}", suite.title, counts.collect::<Vec<_>>().join(", ")))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The cases that have passed on one thing and not on another, of the suites that must be the same on all; and the
    /// suites that were not run at all.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for suite in &SUITES {
            let Some(cases) = self.passed.get(suite.name) else {
                gaps.push(format!("no case of the {}", suite.title));
                continue;
            };
            for (case, columns) in cases {
                let lacking = suite
                    .columns
                    .iter()
                    .filter(|column| !columns.contains(**column) && suite.lacks(column, case).is_none());
                gaps.extend(lacking.map(|column| format!("{} `{case}` on {column}", suite.title)));
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::{Cases, SUITES};

    fn cases(lines: &[&str]) -> Cases {
        let mut cases = Cases::default();
        lines.iter().for_each(|line| cases.take(line));
        cases
    }

    #[test]
    fn a_case_that_lacks_a_column_is_a_gap_and_shown_as_one() {
        let lines =
            ["browser\tportal-axum\ta: one", "browser\tportal-actix\ta: one", "browser\tportal-axum\ta: two"];
        let notes = cases(&[&lines[..], &["torn"]].concat());
        let tables = notes.tables();
        assert!(tables.contains("| a: one | passed | passed |"), "{tables}");
        assert!(tables.contains("| a: two | passed | **missing** |"), "{tables}");
        assert_eq!(notes.summary(), "Browser suite: portal-axum 2, portal-actix 1");
        let gaps = notes.gaps();
        assert_eq!(gaps.get(1).map(String::as_str), Some("Browser suite `a: two` on portal-actix"));
        assert_eq!(gaps.len(), SUITES.len(), "each suite that was not run is a gap too");
    }

    #[test]
    fn some_cases_make_sense_on_some_stores_only() {
        let all = |suite: &super::Suite| {
            suite.columns.iter().map(|column| format!("{}\t{column}\tx", suite.name)).collect::<Vec<_>>()
        };
        let mut lines: Vec<_> = SUITES.iter().flat_map(all).collect();
        lines.push("cluster\tSqlite\tfile_locked".to_owned());
        let stores = ["sqlite", "postgres", "redis"];
        lines.extend(stores.map(|store| format!("store\t{store}\tan_error_is_never_an_answer")));
        let notes = cases(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(notes.gaps().is_empty(), "{:?}", notes.gaps());
        assert!(notes.tables().contains("| memory never fails | passed |"), "{}", notes.tables());
    }
}
