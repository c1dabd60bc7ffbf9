//! The machine: how many connections the system permits, room on the disk, and what the kernel can do.

use std::fs::OpenOptions;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::amount::Amount;
use crate::sandbox::{self, Holds};
use crate::settings::Settings;

/// A road takes two sockets; one on which the kernel moves the bytes takes a pipe of two ends meanwhile, which few do at once.
const DESCRIPTORS_EACH: u64 = 3;
/// For listening, files and the rest.
const DESCRIPTORS_BESIDE: u64 = 100;
/// With less than that nobody is helped.
const DESCRIPTORS_LEAST: u64 = 400;
/// Certificates, invites and counts are some kilobytes.
const ROOM_LEAST: u64 = 1_000_000;
const ROOM_GOOD: u64 = 50_000_000;

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let limit = getrlimit(Resource::Nofile).current;
    vec![descriptors(limit, settings.connections_max as u64), disk(&settings.data), kernel(sandbox::kernel())]
}

/// Of the limit of this process: a service manager gives its own.
fn descriptors(limit: Option<u64>, connections: u64) -> Finding {
    let about = "descriptors";
    let needed = connections.saturating_mul(DESCRIPTORS_EACH).saturating_add(DESCRIPTORS_BESIDE);
    let advice = format!(
        "raise it (`ulimit -n {needed}`; in a systemd unit LimitNOFILE={needed}), or permit fewer connections with --connections-max"
    );
    let few = |limit| format!("{limit} open files are permitted here, and {connections} connections at once may need {needed}");
    match limit {
        None => Finding::ok(about, "the system sets no limit to open files"),
        Some(limit) if limit >= needed => {
            Finding::ok(about, format!("{limit} open files are permitted here, enough for {connections} connections"))
        }
        Some(limit) if limit < DESCRIPTORS_LEAST => Finding::problem(about, few(limit), advice),
        Some(limit) => Finding::warning(about, few(limit), advice),
    }
}

fn disk(data: &Path) -> Finding {
    let about = "disk";
    let shown = data.display();
    if !data.exists() {
        return Finding::ok(about, format!("the data folder {shown} is not there yet: it is made at the first start"));
    }
    let trial = data.join("doctor-was-here");
    let written =
        OpenOptions::new().write(true).create(true).truncate(true).open(&trial).and_then(|_| std::fs::remove_file(&trial));
    if let Err(error) = written {
        let advice = "choose another folder with --data, or give this one to the proxy's user (chown)";
        return Finding::problem(about, format!("this user cannot write to the data folder {shown}: {error}"), advice);
    }
    match rustix::fs::statvfs(data) {
        Ok(disk) => room(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => Finding::warning(about, format!("cannot ask how much room there is in {shown}: {error}"), "look with `df`"),
    }
}

fn room(bytes: u64) -> Finding {
    let found = format!("{} are free where the data folder is", Amount(bytes));
    let advice = "make room: new certificates and invites cannot be stored on a full disk";
    match bytes {
        ..ROOM_LEAST => Finding::problem("disk", found, advice),
        ROOM_LEAST..ROOM_GOOD => Finding::warning("disk", found, advice),
        _ => Finding::ok("disk", found),
    }
}

fn kernel(holds: Holds) -> Finding {
    let about = "sandbox";
    match holds {
        Holds::FilesAndPorts => Finding::ok(about, "this kernel has landlock: a program can be shut in"),
        Holds::Files => Finding::ok(
            about,
            "this kernel has landlock: a program can be shut in, but for the ports that it connects to (they take Linux 6.7)",
        ),
        Holds::Nothing => Finding::warning(
            about,
            "this kernel has no landlock, or it is switched off",
            "run the proxy by its systemd unit, which shuts it in by other means, or start the kernel with landlock in `lsm=`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_held_against_the_connections() {
        for (limit, connections, state) in [
            (None, 4_000, State::Ok),
            (Some(65_536), 4_000, State::Ok),
            (Some(8_200), 4_000, State::Warning),
            (Some(1_024), 4_000, State::Warning),
            (Some(256), 4_000, State::Problem),
        ] {
            assert_eq!(descriptors(limit, connections).state, state, "{limit:?}");
        }
        assert!(descriptors(Some(1_024), 4_000).advice.unwrap().contains("LimitNOFILE=12100"));
    }

    #[test]
    fn room_runs_out_in_two_steps() {
        assert_eq!([room(10).state, room(2_000_000).state, room(1 << 40).state], [State::Problem, State::Warning, State::Ok]);
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_a_problem() {
        // Root may write where it is forbidden, but not into what is no folder.
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(disk(file.path()).state, State::Problem);
        let folder = tempfile::tempdir().unwrap();
        assert_ne!(disk(folder.path()).state, State::Problem);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_kernel_without_landlock_is_warned_of() {
        let found = [Holds::FilesAndPorts, Holds::Files, Holds::Nothing].map(kernel);
        assert_eq!(found.each_ref().map(|finding| finding.state), [State::Ok, State::Ok, State::Warning]);
        assert!(found[1].found.contains("Linux 6.7"), "what an older one cannot do is said");
    }
}
