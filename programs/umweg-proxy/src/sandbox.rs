//! Shuts the running program in, as soon as its settings are read. Whoever finds a way into it finds no file but those that it needs,
//! starts no program, signals nobody, and has of root only the right to the low ports.
//!
//! Linux' landlock holds it, where the kernel has that; elsewhere the systemd unit and the container do.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use caps::{CapSet, Capability};
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

use crate::plan::Plan;

/// The newest landlock that is asked for; of an older one as much as it has.
const LANDLOCK: ABI = ABI::V6;
/// What finding a name's address takes, and what vouches for a certificate authority's own server.
const OF_THE_SYSTEM: [&str; 18] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/run/systemd/resolve",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/var/lib/ca-certificates",
    "/proc/self",
    "/sys/fs/cgroup",
];
/// Where somebody keeps those authorities elsewhere.
const AUTHORITIES_BY: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Why it cannot be.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel has landlock and refuses it.
    #[error("cannot shut the program in by landlock")]
    Landlock(#[from] RulesetError),
    /// A capability stays.
    #[error("cannot give root's rights up")]
    Capabilities(#[from] caps::errors::CapsError),
}

/// For this thread, and all that it begins from now on.
pub fn enter(plan: &Plan) -> Result<(), SandboxError> {
    give_rights_up()?;
    if !shut_in(&files_of(plan), &plan.settings.data)? {
        tracing::info!("this kernel has no landlock: the program is shut in only by what started it");
    }
    Ok(())
}

/// Whether this kernel has landlock. Nobody is shut in by asking.
#[must_use]
pub fn is_possible() -> bool {
    let strict = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    strict.handle_access(AccessFs::from_all(ABI::V1)).and_then(Ruleset::create).is_ok()
}

fn files_of(plan: &Plan) -> Vec<PathBuf> {
    let settings = &plan.settings;
    // A newer list may be another file by the same name.
    let lists = settings.upstreams.as_deref().and_then(Path::parent).map(Path::to_owned);
    let of_the_system = OF_THE_SYSTEM.into_iter().map(PathBuf::from);
    let authorities = AUTHORITIES_BY.into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    of_the_system.chain(authorities).chain(settings.site.clone()).chain(settings.acme_ca.clone()).chain(lists).collect()
}

/// Answers whether the kernel could. With that the thread has no new privileges either: what it would start gains none.
fn shut_in(read: &[PathBuf], write: &Path) -> Result<bool, RulesetError> {
    let reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let writing = AccessFs::from_all(LANDLOCK) & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock);
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(read, reading))?
        .add_rules(path_beneath_rules([write], writing))?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

fn give_rights_up() -> Result<(), caps::errors::CapsError> {
    let mut kept = caps::read(None, CapSet::Permitted)?;
    kept.retain(|capability| *capability == Capability::CAP_NET_BIND_SERVICE);
    // What it would start gets none, not even as root; taking that away is itself a right.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        caps::clear(None, CapSet::Bounding)?;
    }
    caps::set(None, CapSet::Inheritable, &HashSet::new())?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, read, read_dir, write};
    use std::process::Command;

    use super::*;

    #[test]
    #[expect(clippy::print_stdout, reason = "who runs the tests must know what was not looked at")]
    fn what_is_not_needed_is_out_of_reach() {
        if !is_possible() {
            return println!("skipped: this kernel has no landlock, so whether it shuts the program in is not tested");
        }
        let [data, site, elsewhere] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
        for folder in [&data, &site, &elsewhere] {
            write(folder.path().join("file"), "x").unwrap();
        }
        let seen = |path: &Path| read(path.join("file")).is_ok();
        let shut = || {
            assert!(shut_in(&[site.path().to_owned()], data.path()).unwrap());
            assert!(seen(data.path()) && write(data.path().join("new"), "y").is_ok());
            assert!(seen(site.path()) && File::create(site.path().join("new")).is_err());
            assert!(!seen(elsewhere.path()) && read_dir(elsewhere.path()).is_err() && read_dir("/etc").is_err());
            assert!(Command::new("/bin/true").status().is_err(), "no program can be started");
        };
        // Landlock holds a thread, so that the other tests stay free.
        std::thread::scope(|scope| scope.spawn(shut).join().unwrap());
    }
}
