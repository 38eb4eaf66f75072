//! Everything that is measured, part by part, and the page it is written to.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::criterion;

/// Something that is measured by itself.
#[derive(Debug)]
struct Part {
    /// What it is asked for by.
    name: &'static str,
    /// The programs that print its sections, each by its package and its own name. Without any it is the peers' benches.
    programs: &'static [(&'static str, &'static str)],
}

/// In the order of the page.
const PARTS: [Part; 7] = [
    Part { name: "verification", programs: &[] },
    Part { name: "sign-in", programs: &[("inside", "inside"), ("benches", "sign_in")] },
    Part { name: "backup-codes", programs: &[("benches", "backup_codes")] },
    Part { name: "load", programs: &[("benches", "load")] },
    Part { name: "gate", programs: &[("benches", "gate")] },
    Part { name: "pages", programs: &[("benches", "pages")] },
    Part { name: "build", programs: &[("benches", "build_time")] },
];

const TITLE: &str = "# Measurements

What `cargo xtask bench` measured and wrote, each part on the machine and at the time that stand over it. `cargo xtask bench
sign-in` measures one part again and leaves the others as they were. How many verifications the stores make a second stands in
[STORES.md](STORES.md).
";

/// Measures all parts, or those that are wanted, and writes `benches/RESULTS.md`.
///
/// # Errors
///
/// There is no such part, or one doesn't build or run, or what it printed can't be written.
pub(crate) fn run(root: &Path, wanted: &[String]) -> Result<(), String> {
    let path = root.join("benches/RESULTS.md");
    let parts = choose(wanted)?;
    let mut page = Page::read(&fs::read_to_string(&path).unwrap_or_default());
    for part in parts {
        let sections = measure(root, part)?;
        page.put(part.name, format!("{}\n\n{}", machine(root), sections.trim()));
        // After each, so that what took long isn't lost to what fails later.
        fs::write(&path, page.write()).map_err(|error| format!("can't write {}: {error}", path.display()))?;
    }
    println!("{}\n(written to {})", page.write(), path.display());
    Ok(())
}

fn choose(wanted: &[String]) -> Result<Vec<&'static Part>, String> {
    if let Some(unknown) = wanted.iter().find(|name| PARTS.iter().all(|part| part.name != **name)) {
        let names = PARTS.map(|part| part.name).join(", ");
        return Err(format!("there is no part `{unknown}`: there are {names}"));
    }
    let is_wanted = |part: &&Part| wanted.is_empty() || wanted.iter().any(|name| name == part.name);
    Ok(PARTS.iter().filter(is_wanted).collect())
}

/// What the programs of a part print; nothing of those that don't exist.
fn measure(root: &Path, part: &Part) -> Result<String, String> {
    let cargo = PathBuf::from(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if part.programs.is_empty() {
        return criterion::run(&cargo, root);
    }
    let mut sections = String::new();
    for (package, program) in part.programs {
        println!("Measuring: {program}");
        let mut command = Command::new(&cargo);
        command.current_dir(root).args([
            "run",
            "--release",
            "--locked",
            "--package",
            package,
            "--bin",
            program,
        ]);
        let output = command.stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("can't run cargo: {error}"))?;
        if !output.status.success() {
            return Err(format!("`{program}` didn't run through"));
        }
        let printed = String::from_utf8(output.stdout).map_err(|_| format!("`{program}` printed no text"))?;
        let _ = writeln!(sections, "{}\n", printed.trim());
    }
    Ok(sections)
}

/// The page, cut into its parts by comments that a reader doesn't see.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    parts: Vec<(String, String)>,
}

const BEGINS: &str = "<!-- part: ";
const ENDS: &str = " -->";

impl Page {
    fn read(text: &str) -> Self {
        let mut parts: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            let name = line.strip_prefix(BEGINS).and_then(|rest| rest.strip_suffix(ENDS));
            match (name, parts.last_mut()) {
                (Some(name), _) => parts.push((name.to_owned(), String::new())),
                (None, Some((_, section))) => {
                    section.push_str(line);
                    section.push('\n');
                }
                (None, None) => {}
            }
        }
        parts.iter_mut().for_each(|(_, section)| *section = section.trim().to_owned());
        Self { parts }
    }

    fn put(&mut self, name: &str, section: String) {
        match self.parts.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = section,
            None => self.parts.push((name.to_owned(), section)),
        }
        let place = |name: &str| PARTS.iter().position(|part| part.name == name).unwrap_or(PARTS.len());
        self.parts.sort_by_key(|(name, _)| place(name));
    }

    fn write(&self) -> String {
        let mut text = TITLE.to_owned();
        for (name, section) in &self.parts {
            let _ = write!(text, "\n{BEGINS}{name}{ENDS}\n\n{section}\n");
        }
        text
    }
}

/// What it ran on, of which version, and when.
fn machine(root: &Path) -> String {
    let first = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(root).output().ok()?;
        let line = String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)?;
        output.status.success().then_some(line)
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu =
        cpu.lines().find_map(|line| line.strip_prefix("model name")).and_then(|line| line.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let ours = match first("git", &["rev-parse", "--short", "HEAD"]) {
        Some(commit) => format!("{} at {commit}", env!("CARGO_PKG_VERSION")),
        None => env!("CARGO_PKG_VERSION").to_owned(),
    };
    format!(
        "*{} of {}, {}, version {ours}, {}.*",
        if cores == 1 { "One core".to_owned() } else { format!("{cores} cores") },
        cpu.unwrap_or("an unknown processor"),
        first("rustc", &["--version"]).unwrap_or_default(),
        first("date", &["-u", "+%F"]).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::{PARTS, Page, choose};

    fn names(wanted: &[&str]) -> Result<Vec<&'static str>, String> {
        let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
        choose(&wanted).map(|parts| parts.iter().map(|part| part.name).collect())
    }

    #[test]
    fn all_parts_are_measured_unless_some_are_named() {
        assert_eq!(names(&[]).unwrap().len(), PARTS.len());
        assert_eq!(names(&["load", "sign-in"]), Ok(vec!["sign-in", "load"]));
        let mistake = names(&["sign-in", "singin"]).unwrap_err();
        assert!(mistake.contains("`singin`") && mistake.contains("verification"), "{mistake}");
    }

    #[test]
    fn a_part_is_renewed_and_the_others_stay_as_they_were() {
        let mut page = Page::default();
        page.put("load", "*then*\n\n## Load\n\n| a |\n|---|\n| 1 |".to_owned());
        page.put("verification", "*then*\n\n## Codes".to_owned());
        let before = page.write();
        assert_eq!(Page::read(&before), page, "{before}");
        assert!(
            before.find("## Codes").unwrap() < before.find("## Load").unwrap(),
            "in the order of the parts"
        );

        let mut page = Page::read(&before);
        page.put("verification", "*now*\n\n## Codes again".to_owned());
        let after = page.write();
        assert_eq!(after, before.replace("*then*\n\n## Codes", "*now*\n\n## Codes again"));
    }

    #[test]
    fn a_page_from_before_the_parts_is_begun_anew() {
        assert_eq!(Page::read("# Making and verifying codes\n\n## SHA-1 make\n"), Page::default());
    }
}
