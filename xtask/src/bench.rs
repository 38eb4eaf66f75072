//! The place a test run works in: a temporary folder and child processes, all gone when it ends, however it ends.
//!
//! A server for the tests (a database, say) is a further child: start it with [`Bench::command`], its files
//! in the folder and on a port the system gave out for `127.0.0.1:0`, and tell the tests its address in a
//! variable. It needs no clean-up of its own, because every process that inherits the mark of the run is
//! stopped with it.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PREFIX: &str = "mfa-test-";
const MARK: &str = "MFA_TEST_RUN";

/// A temporary folder and the mark by which the processes of one run are known.
#[derive(Debug)]
pub(crate) struct Bench {
    folder: PathBuf,
    mark: String,
}

impl Bench {
    /// Makes a fresh folder whose files only this user can list, and sweeps up after runs that were cut off.
    ///
    /// # Errors
    ///
    /// The folder can't be made.
    pub(crate) fn set_up() -> Result<Self, String> {
        // The system's own folder rather than `target`: the path of a Unix socket is limited to 107 bytes, and
        // Chromium puts one here.
        let parent = std::env::temp_dir();
        let own_number = std::process::id();
        sweep(&parent, own_number);
        Self::set_up_in(&parent, &own_number.to_string())
    }

    /// The same in a folder of another name, for the tests of this program.
    pub(crate) fn set_up_in(parent: &Path, name: &str) -> Result<Self, String> {
        let folder = parent.join(format!("{PREFIX}{name}"));
        DirBuilder::new()
            // Passable but not listable: a test hands its work to a user without rights, who has to get there.
            .mode(0o711)
            .create(&folder)
            .map_err(|error| format!("can't make the temporary folder {}: {error}", folder.display()))?;
        let mark = format!("{MARK}={}", folder.display());
        Ok(Self { folder, mark })
    }

    /// The folder: for files that are to go with the run.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command that belongs to this run: without a terminal to read from, with its temporary files in the
    /// folder, and stopped with the run.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).env("TMPDIR", &self.folder).env(MARK, &self.folder);
        command
    }

    /// Stops every process of this run that is still there.
    pub(crate) fn stop_processes(&self) {
        // More than once, because a process may start another one while they are being counted.
        for _ in 0..5 {
            let marked = processes().filter(|process| is_marked(process, &self.mark));
            let ours: Vec<_> =
                marked.filter_map(|process| process.file_name().map(OsStr::to_owned)).collect();
            if ours.is_empty() {
                break;
            }
            // A process that has ended by itself in the meantime is no trouble.
            let _ = Command::new("kill").arg("-KILL").args(&ours).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop_processes();
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("warning: can't remove {}: {error}", self.folder.display());
        }
    }
}

/// The folders `/proc` keeps of the running processes.
fn processes() -> impl Iterator<Item = PathBuf> {
    fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| {
        path.file_name()
            .and_then(OsStr::to_str)
            .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn is_marked(process: &Path, mark: &str) -> bool {
    fs::read(process.join("environ"))
        .is_ok_and(|variables| variables.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()))
}

/// Removes the folders of runs whose process is gone: nothing tidies up after a kill. A folder with our own
/// number is such a one too, as a container hands out the same numbers again.
fn sweep(parent: &Path, own_number: u32) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let Ok(number) = process.parse::<u32>() else { continue };
        if number == own_number || !Path::new("/proc").join(process).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Stdio;

    use super::{Bench, PREFIX, sweep};

    fn bench(name: &str) -> Bench {
        Bench::set_up_in(&std::env::temp_dir(), &unique(name)).unwrap()
    }

    fn unique(name: &str) -> String {
        format!("{name}-{}", std::process::id())
    }

    #[test]
    fn the_folder_is_not_listed_to_others_and_goes_with_the_bench() {
        let bench = bench("unit-folder");
        let folder = bench.folder.to_owned();
        fs::write(folder.join("left-behind"), "x").unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o711);
        let again = Bench::set_up_in(&std::env::temp_dir(), &unique("unit-folder"));
        assert!(again.is_err(), "never a folder that was there before");
        drop(bench);
        assert!(!folder.exists());
    }

    #[test]
    fn a_process_left_running_is_stopped_with_its_children() {
        let bench = bench("unit-process");
        let mut shell = bench.command("sh");
        let mut left = shell.args(["-c", "echo; sleep 60 & wait"]).stdout(Stdio::piped()).spawn().unwrap();
        // For a moment after it was started a process has no variables yet that could be read.
        left.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let mut stranger = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        drop(bench);
        let ended = left.wait().unwrap();
        assert!(!ended.success());
        assert!(stranger.try_wait().unwrap().is_none(), "only processes of the run are stopped");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }

    #[test]
    fn folders_of_dead_runs_are_swept_and_others_left() {
        let bench = bench("unit-sweep");
        let dead = bench.folder.join(format!("{PREFIX}{}", u32::MAX));
        let alive = bench.folder.join(format!("{PREFIX}1"));
        let own = bench.folder.join(format!("{PREFIX}{}", std::process::id()));
        let other = bench.folder.join("somebody-elses");
        for folder in [&dead, &alive, &own, &other] {
            fs::create_dir(folder).unwrap();
        }
        sweep(&bench.folder, std::process::id());
        assert!(!dead.exists() && !own.exists());
        assert!(alive.exists() && other.exists());
    }
}
