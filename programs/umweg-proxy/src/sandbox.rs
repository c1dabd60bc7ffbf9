//! Shuts the running program in, as soon as its settings are read. Whoever finds a way into it finds no file but those that it needs,
//! starts no program, signals nobody, listens and connects at no ports but those that it needs (TCP; of UDP it has only questions to
//! name servers), and has of root only the right to the low ports.
//!
//! Linux' landlock holds it, as far as the kernel has that (ports: Linux 6.7); elsewhere the systemd unit and the container do.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use caps::{CapSet, Capability};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, Scope, path_beneath_rules,
};

use crate::acme::Acme;
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
/// Where name servers are asked again whose answer is too long for UDP.
const DNS_PORT: u16 = 53;
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

/// What this kernel's landlock can hold a program back from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Holds {
    /// There is none.
    Nothing,
    /// From files, programs and signals.
    Files,
    /// From ports too.
    FilesAndPorts,
}

/// For this thread, and all that it begins from now on.
pub fn enter(plan: &Plan) -> Result<(), SandboxError> {
    give_rights_up()?;
    match kernel() {
        Holds::Nothing => tracing::info!("this kernel has no landlock: the program is shut in only by what started it"),
        Holds::Files => tracing::info!("this kernel's landlock knows no ports (Linux 6.7 does): the program can connect anywhere"),
        Holds::FilesAndPorts => {}
    }
    Ok(shut_in(&files_of(plan), &plan.settings.data, &Ports::of(plan))?)
}

/// Nobody is shut in by asking.
#[must_use]
pub fn kernel() -> Holds {
    let strict = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let holds_ports = strict().handle_access(AccessNet::from_all(ABI::V4)).and_then(Ruleset::create);
    let holds_files = strict().handle_access(AccessFs::from_all(ABI::V1)).and_then(Ruleset::create);
    match (holds_ports, holds_files) {
        (Ok(_), _) => Holds::FilesAndPorts,
        (_, Ok(_)) => Holds::Files,
        _ => Holds::Nothing,
    }
}

fn files_of(plan: &Plan) -> Vec<PathBuf> {
    let settings = &plan.settings;
    // A newer list may be another file by the same name.
    let lists = settings.upstreams.as_deref().and_then(Path::parent).map(Path::to_owned);
    let of_the_system = OF_THE_SYSTEM.into_iter().map(PathBuf::from);
    let authorities = AUTHORITIES_BY.into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    of_the_system.chain(authorities).chain(settings.site.clone()).chain(settings.acme_ca.clone()).chain(lists).collect()
}

/// Of TCP.
#[derive(PartialEq, Eq, Debug)]
struct Ports {
    /// `None`: the system chooses one, so that it cannot be named.
    listen: Option<BTreeSet<u16>>,
    connect: BTreeSet<u16>,
}

impl Ports {
    fn of(plan: &Plan) -> Self {
        let settings = &plan.settings;
        let media = settings.whatsapp_media_ports.iter().filter(|_| settings.whatsapp);
        let doors = [settings.tls_port, settings.plain_port, settings.bare_port].into_iter().chain(media.copied());
        let doors = doors.filter_map(|door| door.at(settings.listen)).chain(settings.metrics).map(|address| address.port());
        let listen: BTreeSet<_> = doors.chain(settings.proxy_protocol.iter().filter_map(|other| other.second)).collect();
        let service = u16::try_from(plan.service.relay_port).ok();
        let connect = [DNS_PORT].into_iter().chain(service).chain(plan.acme.as_ref().map(Acme::port));
        Self {
            listen: (!listen.contains(&0)).then_some(listen),
            connect: connect.chain(plan.site.ports_behind()).chain(plan.others.ports()).collect(),
        }
    }
}

/// As far as the kernel can. With that the thread has no new privileges either: what it would start gains none.
fn shut_in(read: &[PathBuf], write: &Path, ports: &Ports) -> Result<(), RulesetError> {
    let reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let writing = AccessFs::from_all(LANDLOCK) & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock);
    let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(LANDLOCK))?.handle_access(AccessNet::ConnectTcp)?;
    if ports.listen.is_some() {
        ruleset = ruleset.handle_access(AccessNet::BindTcp)?;
    }
    let connect = ports.connect.iter().map(|port| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::ConnectTcp)));
    let listen = ports.listen.iter().flatten().map(|port| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::BindTcp)));
    ruleset
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(read, reading))?
        .add_rules(path_beneath_rules([write], writing))?
        .add_rules(connect)?
        .add_rules(listen)?
        .restrict_self()?;
    Ok(())
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
    use std::io::ErrorKind::PermissionDenied;
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;

    use umweg_wire::links::Linked;
    use umweg_wire::proto::v1::ServiceLink;

    use super::*;
    use crate::settings::{Action, Program};

    #[test]
    #[expect(clippy::print_stdout, reason = "who runs the tests must know what was not looked at")]
    fn what_is_not_needed_is_out_of_reach() {
        if kernel() == Holds::Nothing {
            return println!("skipped: this kernel has no landlock, so whether it shuts the program in is not tested");
        }
        let [data, site, elsewhere] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
        for folder in [&data, &site, &elsewhere] {
            write(folder.path().join("file"), "x").unwrap();
        }
        let seen = |path: &Path| read(path.join("file")).is_ok();
        let ports = Ports { listen: None, connect: BTreeSet::new() };
        alone(|| {
            shut_in(&[site.path().to_owned()], data.path(), &ports).unwrap();
            assert!(seen(data.path()) && write(data.path().join("new"), "y").is_ok());
            assert!(seen(site.path()) && File::create(site.path().join("new")).is_err());
            assert!(!seen(elsewhere.path()) && read_dir(elsewhere.path()).is_err() && read_dir("/etc").is_err());
            assert!(Command::new("/bin/true").status().is_err(), "no program can be started");
        });
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "who runs the tests must know what was not looked at")]
    fn only_the_ports_that_are_needed_can_be_listened_at_and_connected_to() {
        if kernel() != Holds::FilesAndPorts {
            return println!("skipped: this kernel's landlock knows no ports, so whether it holds them is not tested");
        }
        for host in ["127.0.0.1", "::1"] {
            let [needed, other, free] = std::array::from_fn(|_| TcpListener::bind((host, 0)).unwrap());
            let [needed, other, freed] = [&needed, &other, &free].map(|listener| listener.local_addr().unwrap());
            drop(free);
            let data = tempfile::tempdir().unwrap();
            let only = |port: u16| BTreeSet::from([port]);
            alone(|| {
                shut_in(&[], data.path(), &Ports { listen: None, connect: only(needed.port()) }).unwrap();
                assert_eq!(TcpStream::connect(other).unwrap_err().kind(), PermissionDenied);
                assert!(TcpStream::connect(needed).is_ok() && TcpListener::bind((host, 0)).is_ok());
                shut_in(&[], data.path(), &Ports { listen: Some(only(freed.port())), connect: only(needed.port()) }).unwrap();
                assert_eq!(TcpListener::bind((host, 0)).unwrap_err().kind(), PermissionDenied);
                assert!(TcpListener::bind(freed).is_ok() && TcpStream::connect(needed).is_ok());
            });
        }
    }

    #[test]
    fn a_proxy_needs_the_ports_that_its_settings_name() {
        let ports = ports_of(&["--host=192.0.2.7"]);
        assert_eq!(ports, Ports { listen: Some([80, 443].into()), connect: [53, 4_000].into() });
        let ports = ports_of(&["--host=road.example.org", "--plain-port=off", "--bare-port=5222", "--metrics=127.0.0.1:9464"]);
        assert_eq!(ports, Ports { listen: Some([443, 5_222, 9_464].into()), connect: [53, 443, 4_000].into() });
        let authority = "--acme-directory=https://ca.example:14000/dir";
        let behind = ["--site-upstream=http://127.0.0.1:8080", "--site-upstream-http2=http://[::1]:8081"];
        let ports = ports_of(&[&["--host=road.example.org", authority, "--proxy-protocol=tls=8443,plain"], &behind[..]].concat());
        assert_eq!(ports, Ports { listen: Some([80, 443, 8_443].into()), connect: [53, 4_000, 8_080, 8_081, 14_000].into() });
        let ports = ports_of(&["--host=192.0.2.7", "--whatsapp", "--whatsapp-media-ports=587,7777"]);
        assert_eq!(ports, Ports { listen: Some([80, 443, 587, 7_777].into()), connect: [53, 80, 443, 4_000, 5_222].into() });
        let ports = ports_of(&["--host=192.0.2.7", "--signal"]);
        assert_eq!(ports, Ports { listen: Some([80, 443].into()), connect: [53, 443, 4_000].into() });
        let ports = ports_of(&["--host=192.0.2.7", "--tls-port=0"]);
        assert_eq!(ports.listen, None, "which one it will be is not known yet");
    }

    fn ports_of(arguments: &[&str]) -> Ports {
        let data = tempfile::tempdir().unwrap();
        let link = ServiceLink {
            host: "service.example".into(),
            static_key: vec![1; 32],
            path: "/live".into(),
            relay_port: 4_000,
            tls_port: 443,
            ..Default::default()
        };
        let (service, folder) = (format!("--service={}", link.to_link()), format!("--data={}", data.path().display()));
        let program: Program =
            umweg_io::config::try_parse([&["umweg-proxy", "run", &service, &folder], arguments].concat()).unwrap();
        let Action::Run(settings) = program.action else { panic!("not the action asked for") };
        Ports::of(&Plan::new(settings).unwrap())
    }

    /// Landlock holds a thread, so that the other tests stay free.
    fn alone(act: impl FnOnce() + Send) {
        std::thread::scope(|scope| scope.spawn(act).join().unwrap());
    }
}
