//! Code verification beside peers and floors: runs criterion's benches and makes tables of what they left.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The row that others are compared with.
const OURS: &str = "mfa-core";

/// Nanoseconds by group and row.
type Times = BTreeMap<String, BTreeMap<String, f64>>;

/// Runs the benches of `benches/peers`, and gives their tables.
///
/// # Errors
///
/// A bench doesn't build or run, or what it left can't be read.
pub(crate) fn run(cargo: &Path, root: &Path) -> Result<String, String> {
    let built = root.join("target/peers");
    let mut bench = Command::new(cargo);
    bench.current_dir(root.join("benches/peers")).args(["bench", "--locked"]).env("CARGO_TARGET_DIR", &built);
    let status = bench.status().map_err(|error| format!("can't run cargo: {error}"))?;
    if !status.success() {
        return Err("the benches of benches/peers didn't run through".to_owned());
    }
    let mut times = Times::new();
    gather(&built.join("criterion"), &mut times)?;
    Ok(format!("## Making and verifying codes\n\nMedians of criterion, in nanoseconds.\n{}", tables(&times)))
}

/// Reads what criterion left of each measurement.
fn gather(folder: &Path, times: &mut Times) -> Result<(), String> {
    let failed =
        |path: &Path, error: &dyn std::fmt::Display| format!("can't read {}: {error}", path.display());
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, &error))?.flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "new" {
                waiting.push(path);
            } else if path.is_dir() {
                let read = |name: &str| -> Result<Value, String> {
                    let file: PathBuf = path.join(name);
                    let text = fs::read_to_string(&file).map_err(|error| failed(&file, &error))?;
                    serde_json::from_str(&text).map_err(|error| failed(&file, &error))
                };
                let (about, estimates) = (read("benchmark.json")?, read("estimates.json")?);
                let text = |name: &str| about.get(name).and_then(Value::as_str).map(str::to_owned);
                let median = estimates.pointer("/median/point_estimate").and_then(Value::as_f64);
                if let (Some(group), Some(row), Some(median)) =
                    (text("group_id"), text("function_id"), median)
                {
                    times.entry(group).or_default().insert(row, median);
                }
            }
        }
    }
    Ok(())
}

fn tables(times: &Times) -> String {
    let mut page = String::new();
    for (group, rows) in times {
        let Some(ours) = rows.get(OURS) else { continue };
        let _ = writeln!(page, "\n### {group}\n\n| | ns | ours is × of it |\n|---|---|---|");
        let mut rows: Vec<_> = rows.iter().collect();
        rows.sort_by(|one, other| one.1.total_cmp(other.1));
        for (row, time) in rows {
            let _ = writeln!(page, "| {row} | {time:.0} | {:.2} |", ours / time);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::{Times, gather, tables};

    #[test]
    fn what_criterion_leaves_becomes_a_table() {
        let folder = std::env::temp_dir().join(format!("mfa-measure-{}", std::process::id()));
        for (row, nanoseconds) in [("mfa-core", 300.0), ("peer", 600.0)] {
            let new = folder.join("SHA-1_wrong").join(row).join("new");
            std::fs::create_dir_all(&new).unwrap();
            let about = format!("{{\"group_id\":\"SHA-1 wrong\",\"function_id\":\"{row}\"}}");
            std::fs::write(new.join("benchmark.json"), about).unwrap();
            let estimates = format!("{{\"median\":{{\"point_estimate\":{nanoseconds}}}}}");
            std::fs::write(new.join("estimates.json"), estimates).unwrap();
        }
        let mut times = Times::new();
        gather(&folder, &mut times).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let page = tables(&times);
        assert!(page.contains("### SHA-1 wrong"), "{page}");
        assert!(page.contains("| mfa-core | 300 | 1.00 |\n| peer | 600 | 0.50 |"), "{page}");
    }
}
