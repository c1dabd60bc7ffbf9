//! Where the routers run: a network namespace behind a veth pair, or loopback where none can be made.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

/// The network of one run. The namespace is gone when this is dropped.
pub(super) enum Network {
    /// Made for the run.
    Namespace { name: String, inside: Ipv4Addr, outside: Ipv4Addr },
    /// Why there is none.
    Loopback(String),
}

impl Network {
    /// Makes the namespace.
    pub(super) fn open() -> Self {
        let id = std::process::id();
        let name = format!("umweg-bench-{id}");
        let [_, _, high, low] = id.to_be_bytes();
        // 198.18.0.0/15 is for benchmarks: RFC 2544.
        let address = |host| Ipv4Addr::new(198, 19, high, (low & 0xfc) | host);
        let (inside, outside) = (address(1), address(2));
        let (near, far) = (format!("ub{id}a"), format!("ub{id}b"));
        let steps = [
            format!("netns add {name}"),
            format!("link add {near} type veth peer name {far}"),
            format!("link set {far} netns {name}"),
            format!("address add {outside}/30 dev {near}"),
            format!("link set {near} up"),
            format!("-n {name} address add {inside}/30 dev {far}"),
            format!("-n {name} link set {far} up"),
            format!("-n {name} link set lo up"),
        ];
        let network = Self::Namespace { name, inside, outside };
        match steps.iter().try_for_each(|step| ip(step)) {
            Ok(()) => network,
            Err(reason) => Self::Loopback(format!("no network namespace could be made: {reason}")),
        }
    }

    /// The address of what runs in it.
    pub(super) fn inside(&self) -> Ipv4Addr {
        match self {
            Self::Namespace { inside, .. } => *inside,
            Self::Loopback(_) => Ipv4Addr::LOCALHOST,
        }
    }

    /// The load generator's own address.
    pub(super) fn outside(&self) -> Ipv4Addr {
        match self {
            Self::Namespace { outside, .. } => *outside,
            Self::Loopback(_) => Ipv4Addr::LOCALHOST,
        }
    }

    /// A command that runs inside.
    pub(super) fn command(&self, program: &std::ffi::OsStr) -> Command {
        match self {
            Self::Namespace { name, .. } => {
                // `ip` becomes the program, under the same process number.
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(program);
                command
            }
            Self::Loopback(_) => Command::new(program),
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Self::Namespace { name, .. } = self {
            // Its end of the pair goes with it, and so does ours.
            _ = ip(&format!("netns delete {name}"));
        }
    }
}

fn ip(step: &str) -> Result<(), String> {
    let done = Command::new("ip").args(step.split(' ')).stdin(Stdio::null()).output().map_err(|error| format!("ip: {error}"))?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()) }
}
