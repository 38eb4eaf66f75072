//! The list of mutants that survive and may: each with a sentence that says why nobody can tell.

use std::collections::BTreeMap;

use crate::mutants::outcome::{Summary, Tried};

/// How often each mutant may survive, by its name without the line.
#[derive(Debug)]
pub(crate) struct Argued(BTreeMap<String, usize>);

impl Argued {
    /// Reads the list: items such as `* ` + `` `file: change` `` + ` × 2`, with the argument on indented lines below.
    ///
    /// # Errors
    ///
    /// An item that can't be read, stands twice or isn't argued.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut argued = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(item) = line.strip_prefix("* `") else {
                continue;
            };
            let (name, rest) =
                item.rsplit_once('`').ok_or_else(|| format!("an item that isn't closed: {line}"))?;
            let times = match rest.trim().strip_prefix('×') {
                Some(number) => number.trim().parse().ok().filter(|times| *times > 1),
                None => rest.trim().is_empty().then_some(1),
            };
            let times = times.ok_or_else(|| format!("only `× 2` and more may follow: {line}"))?;
            if !lines.peek().is_some_and(|next| next.starts_with("  ") && !next.trim().is_empty()) {
                return Err(format!("no argument stands below: {name}"));
            }
            if argued.insert(name.to_owned(), times).is_some() {
                return Err(format!("stands twice: {name}"));
            }
        }
        Ok(Self(argued))
    }

    /// How many of these survivors the list argues away.
    pub(crate) fn excused<'a>(&self, survivors: impl Iterator<Item = &'a str>) -> usize {
        let counted = count(survivors);
        counted.iter().map(|(name, times)| (*times).min(self.0.get(*name).copied().unwrap_or(0))).sum()
    }

    /// What is wrong between what survived and the list. `within` is the folder or file that was tried whole; without it, only
    /// what was tried can be judged.
    pub(crate) fn compare(&self, tried: &[Tried], within: Option<&str>) -> Vec<String> {
        let missed = tried.iter().filter(|one| one.summary == Summary::Missed);
        let survivors = count(missed.map(|one| one.name.as_str()));
        let mut troubles = Vec::new();
        for (name, times) in &survivors {
            let may = self.0.get(*name).copied().unwrap_or(0);
            if *times > may {
                troubles.push(format!("survives {times} times, argued {may} times: {name}"));
            }
        }
        let all = count(tried.iter().map(|one| one.name.as_str()));
        let is_judged = |name: &str, may: usize| match within {
            Some(within) => name.starts_with(within),
            None => all.get(name).is_some_and(|times| *times >= may),
        };
        for (name, may) in self.0.iter().filter(|(name, may)| is_judged(name, **may)) {
            let times = survivors.get(name.as_str()).copied().unwrap_or(0);
            if times < *may {
                troubles.push(format!("argued {may} times, survives only {times} times: {name}"));
            }
        }
        troubles
    }
}

fn count<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counted = BTreeMap::new();
    for name in names {
        *counted.entry(name).or_insert(0) += 1;
    }
    counted
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Argued;
    use crate::mutants::outcome::{Summary, Tried};

    const LIST: &str = "# List\n\nWords.\n\n* `a/b.rs: replace < with <= in f` × 2\n  Both give one.\n\
                        * `a/c.rs: replace g with ()`\n  Only a log.\n* `z/c.rs: delete ! in h`\n  Words.\n";

    fn survivor(name: &str) -> Tried {
        let file = name.split_once(':').unwrap().0.to_owned();
        Tried { file, name: name.to_owned(), summary: Summary::Missed }
    }

    #[test]
    fn what_survives_has_to_be_argued_as_often() {
        let list = Argued::read(LIST).unwrap();
        let twice = "a/b.rs: replace < with <= in f";
        let once = "a/c.rs: replace g with ()";
        let whole = [survivor(twice), survivor(twice), survivor(once)];
        assert!(list.compare(&whole, Some("a/")).is_empty());
        assert_eq!(list.excused(whole.iter().map(|one| one.name.as_str())), 3);
        let more = [survivor(twice), survivor(twice), survivor(twice), survivor(once)];
        assert!(list.compare(&more, Some("a/"))[0].contains("survives 3 times, argued 2 times"));
        let unknown = [survivor(twice), survivor(twice), survivor(once), survivor("a/c.rs: delete ! in i")];
        assert!(list.compare(&unknown, Some("a/"))[0].contains("delete ! in i"));
    }

    #[test]
    fn an_argument_for_what_was_tried_and_does_not_survive_is_told() {
        let list = Argued::read(LIST).unwrap();
        let twice = "a/b.rs: replace < with <= in f";
        let told = list.compare(&[survivor(twice)], Some("a/"));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("argued 2 times, survives only 1 times"));
        // Only one file was tried: nothing is known of the other.
        assert!(list.compare(&[survivor(twice), survivor(twice)], Some("a/b.rs")).is_empty());
        // Of a part, what was tried as often as it is argued.
        assert!(list.compare(&[survivor(twice)], None).is_empty());
        let once = Tried { summary: Summary::Caught, ..survivor(twice) };
        assert_eq!(list.compare(&[survivor(twice), once], None).len(), 1);
        // A mutant that was caught is no survivor.
        let caught = Tried { summary: Summary::Caught, ..survivor(twice) };
        assert_eq!(list.compare(&[caught], Some("a/b.rs")).len(), 1);
    }

    #[test]
    fn a_list_with_a_mistake_is_refused() {
        for (list, complaint) in [
            ("* `a.rs: x`\n", "no argument"),
            ("* `a.rs: x`\n* `b.rs: y`\n  Words.\n", "no argument"),
            ("* `a.rs: x\n  Words.\n", "closed"),
            ("* `a.rs: x` twice\n  Words.\n", "× 2"),
            ("* `a.rs: x` × 1\n  Words.\n", "× 2"),
            ("* `a.rs: x`\n  Words.\n* `a.rs: x`\n  Words.\n", "twice"),
        ] {
            assert!(Argued::read(list).unwrap_err().contains(complaint), "{list}");
        }
    }

    #[test]
    fn the_list_of_this_workspace_is_read_and_names_files_that_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let list = Argued::read(&std::fs::read_to_string(root.join(crate::mutants::LIST)).unwrap()).unwrap();
        for name in list.0.keys() {
            let (file, _) = name.split_once(": ").unwrap();
            assert!(root.join(file).is_file(), "{name}");
        }
    }
}
