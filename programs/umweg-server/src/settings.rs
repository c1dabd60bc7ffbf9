//! What an operator can set. Flags, environment and file have the same names; there is no secret among them: the service's key and
//! its database lie in the data folder.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{RangedU64ValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use umweg_io::listen::Doors;
use umweg_sfu::Capacity;
use umweg_wire::limits::{CAMERAS_MAX, CAMERAS_USUAL, PARTICIPANTS_MAX, PARTICIPANTS_USUAL};

/// The service of Umweg: holds sealed entries, hands out key packages, runs the calls. It can read nothing of it.
#[derive(Parser)]
#[command(name = "umweg-server", version, max_term_width = 100)]
pub struct Program {
    /// What to do.
    #[command(subcommand)]
    pub what: What,
}

/// What the program does.
#[derive(Subcommand)]
pub enum What {
    /// Runs the service until it is asked to end (SIGTERM, SIGINT). Prints `ready link=umweg://…` once everything is open.
    Run(Settings),
    /// Prints the service's link, which every app and every proxy needs.
    Link(Settings),
    /// Looks at the settings, the folder and the certificate, and says what is wrong with them, without opening anything.
    CheckConfig(Settings),
    /// Prints a file with every setting, its meaning and its default.
    ExampleConfig,
}

/// The settings.
#[derive(Args, Clone)]
pub struct Settings {
    /// A TOML file with these settings; see example-config.
    #[arg(long, env = "UMWEG_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// For trying things out on one machine: everything on loopback, on ports that the system chooses, in a folder that vanishes
    /// (or in --data).
    #[arg(long, env = "UMWEG_DEV", default_value = "false")]
    pub dev: bool,

    /// The name (or bare address) under which apps and proxies reach this service. It stands in the link.
    #[arg(long, env = "UMWEG_HOST", value_name = "NAME", default_value_if("dev", "true", "127.0.0.1"))]
    pub host: Option<String>,

    /// The folder of the database, the files, and the service's key. Only this program may write to it. Without this setting it is
    /// /var/lib/umweg-server.
    #[arg(long, env = "UMWEG_DATA", value_name = "FOLDER")]
    pub data: Option<PathBuf>,

    /// The address to listen on: `::` for all, also those of IPv4.
    #[arg(long, env = "UMWEG_LISTEN", value_name = "ADDRESS", default_value = "::", default_value_if("dev", "true", "127.0.0.1"))]
    pub listen: IpAddr,

    /// The port for HTTPS with the upgrade. Each port may be `off`, or 0 for one that the system chooses.
    #[arg(long, env = "UMWEG_TLS_PORT", value_name = "PORT", default_value = "443", default_value_if("dev", "true", "0"))]
    pub tls_port: Port,

    /// The port for the upgrade without TLS, for where TLS does not pass.
    #[arg(long, env = "UMWEG_PLAIN_PORT", value_name = "PORT", default_value = "80", default_value_if("dev", "true", "0"))]
    pub plain_port: Port,

    /// The port for the bare session, for where nothing that looks like the web passes.
    #[arg(long, env = "UMWEG_BARE_PORT", value_name = "PORT", default_value = "5222", default_value_if("dev", "true", "0"))]
    pub bare_port: Port,

    /// The port that proxies relay to.
    #[arg(long, env = "UMWEG_RELAY_PORT", value_name = "PORT", default_value = "4433", default_value_if("dev", "true", "0"))]
    pub relay_port: Port,

    /// The port for calls by UDP.
    #[arg(long, env = "UMWEG_UDP_PORT", value_name = "PORT", default_value = "443", default_value_if("dev", "true", "0"))]
    pub udp_port: Port,

    /// The path of the upgrade. It is no secret: it stands in the link.
    #[arg(long, env = "UMWEG_PATH", value_name = "PATH", default_value = "/live")]
    pub path: String,

    /// The certificate chain, a PEM file, as certbot leaves it (fullchain.pem). Without one the service makes its own, and the link
    /// carries its fingerprint.
    #[arg(long, env = "UMWEG_CERT", value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// The certificate's key, a PEM file (privkey.pem).
    #[arg(long, env = "UMWEG_KEY", value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Put the fingerprint of --cert into the link: needed if no public authority signed it. Links then must be given out again when
    /// its key changes.
    #[arg(long, env = "UMWEG_PIN_CERT", default_value = "false")]
    pub pin_cert: bool,

    /// A folder with a web site, for everybody who comes without a link. Without it there is a plain page.
    #[arg(long, env = "UMWEG_SITE", value_name = "FOLDER")]
    pub site: Option<PathBuf>,

    /// Where Prometheus finds the metrics: an address of loopback.
    #[arg(
        long,
        env = "UMWEG_METRICS",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9464",
        default_value_if("dev", "true", "127.0.0.1:0")
    )]
    pub metrics: SocketAddr,

    /// Connections at once.
    #[arg(long, env = "UMWEG_CONNECTIONS_MAX", value_name = "NUMBER", default_value_t = umweg_wire::limits::CONNECTIONS_MAX)]
    pub connections_max: usize,

    /// Participants of one call.
    #[arg(long, env = "UMWEG_CALL_PARTICIPANTS_MAX", value_name = "NUMBER", default_value_t = PARTICIPANTS_USUAL,
          value_parser = within::<PARTICIPANTS_MAX>())]
    pub call_participants_max: usize,

    /// Cameras that are on in one call at once.
    #[arg(long, env = "UMWEG_CALL_CAMERAS_MAX", value_name = "NUMBER", default_value_t = CAMERAS_USUAL,
          value_parser = within::<CAMERAS_MAX>())]
    pub call_cameras_max: usize,

    /// Keep from the service how loud each voice in a call is. It can't choose the loudest then, so that a call has no more
    /// participants than can all be heard, which is nine.
    #[arg(long, env = "UMWEG_HIDE_LOUDNESS", default_value = "false")]
    pub hide_loudness: bool,

    /// Gigabytes of sealed files that the service holds.
    #[arg(long, env = "UMWEG_FILES_GB_MAX", value_name = "NUMBER", default_value_t = umweg_wire::limits::BLOBS_BYTES_MAX >> 30)]
    pub files_gb_max: u64,
}

/// A number from 1 to so many.
fn within<const MOST: usize>() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::new().range(1..=MOST as u64)
}

/// A port, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Port {
    /// Not offered.
    Off,
    /// That one; 0: the system chooses.
    On(u16),
}

/// What is wrong with a port.
#[derive(Debug, thiserror::Error)]
#[error("a port is a number up to 65535, or `off`")]
pub struct NotAPort;

/// There is no name for the link.
#[derive(Debug, thiserror::Error)]
#[error("a service needs a name: set --host to the name (or bare address) under which apps and proxies reach it")]
pub struct NoHost;

impl FromStr for Port {
    type Err = NotAPort;
    fn from_str(text: &str) -> Result<Self, NotAPort> {
        match text {
            "off" => Ok(Self::Off),
            number => number.parse().map(Self::On).map_err(|_| NotAPort),
        }
    }
}

impl Port {
    fn at(self, address: IpAddr) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::On(port) => Some(SocketAddr::new(address, port)),
        }
    }
}

impl Settings {
    /// Where the service listens.
    #[must_use]
    pub fn doors(&self) -> Doors {
        let at = |port: Port| port.at(self.listen);
        Doors { tls: at(self.tls_port), plain: at(self.plain_port), bare: at(self.bare_port), relay: at(self.relay_port) }
    }

    /// What one call may hold.
    pub(crate) fn capacity(&self) -> Capacity {
        Capacity {
            participants: self.call_participants_max,
            cameras: self.call_cameras_max,
            learns_loudness: !self.hide_loudness,
            ..Capacity::default()
        }
    }

    /// Where the calls' datagrams come in.
    #[must_use]
    pub fn udp(&self) -> Option<SocketAddr> {
        self.udp_port.at(self.listen)
    }

    /// The host, without which there is no link.
    pub fn host(&self) -> Result<&str, NoHost> {
        self.host.as_deref().ok_or(NoHost)
    }

    /// The data folder, if it is a lasting one.
    #[must_use]
    pub fn data(&self) -> Option<&Path> {
        match &self.data {
            Some(folder) => Some(folder),
            None if self.dev => None,
            None => Some(Path::new("/var/lib/umweg-server")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Result<Settings, clap::Error> {
        let arguments = ["umweg-server", "run"].into_iter().chain(arguments.iter().copied());
        match umweg_io::config::try_parse::<Program>(arguments)?.what {
            What::Run(settings) => Ok(settings),
            _ => panic!("`run` was asked for"),
        }
    }

    #[test]
    fn in_development_everything_is_on_loopback_and_no_port_is_fixed() {
        let settings = settings(&["--dev"]).unwrap();
        let doors = settings.doors();
        for address in [doors.tls, doors.plain, doors.bare, doors.relay, settings.udp(), Some(settings.metrics)] {
            let address = address.expect("every door is open");
            assert!(address.ip().is_loopback() && address.port() == 0);
        }
        assert_eq!((settings.host().unwrap(), settings.data()), ("127.0.0.1", None));
    }

    #[test]
    fn a_service_needs_a_name() {
        assert!(settings(&[]).unwrap().host().is_err());
        assert_eq!(settings(&["--host", "umweg.example"]).unwrap().host().unwrap(), "umweg.example");
    }

    #[test]
    fn a_port_can_be_off_and_nothing_else_that_is_no_number() {
        assert_eq!(settings(&["--dev", "--plain-port", "off"]).unwrap().doors().plain, None);
        let error = settings(&["--dev", "--plain-port", "http"]).err().expect("that is no port").to_string();
        assert!(error.contains("a port is a number"), "{error}");
    }

    #[test]
    fn calls_hold_what_the_operator_says_and_no_more_than_all_of_them_can() {
        let capacity = settings(&["--dev"]).unwrap().capacity();
        assert!((capacity.participants, capacity.cameras, capacity.learns_loudness) == (32, 8, true));
        let wanted = ["--dev", "--call-participants-max", "75", "--call-cameras-max", "16", "--hide-loudness"];
        let capacity = settings(&wanted).unwrap().capacity();
        assert!((capacity.participants, capacity.cameras, capacity.learns_loudness) == (75, 16, false));
        for wrong in [["--call-participants-max", "76"], ["--call-cameras-max", "17"], ["--call-participants-max", "0"]] {
            let error = settings(&["--dev", wrong[0], wrong[1]]).err().expect("that is too much, or nothing").to_string();
            assert!(error.contains("is not in 1..="), "{error}");
        }
    }

    #[test]
    fn every_setting_stands_in_the_example_and_the_example_can_be_read_back() {
        let example = umweg_io::config::example::<Program>("run");
        for name in ["host", "data", "listen", "tls-port", "udp-port", "cert", "files-gb-max"] {
            assert!(example.contains(&format!("# {name} = ")), "{name} in\n{example}");
        }
    }
}
