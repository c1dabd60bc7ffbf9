//! Flags, environment and file.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use umweg_wire::limits::PROXY_CONNECTIONS_MAX;

/// Lends people a road to their messenger's service, where it is blocked.
///
/// It needs a host with a public address, better with a domain name, and the ports 443, 80 and 5222. To anyone without your link it
/// is a web site.
#[derive(Parser)]
#[command(name = "umweg-proxy", version, arg_required_else_help = true)]
pub struct Program {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What the program can do.
#[derive(Subcommand)]
pub enum Action {
    /// Runs the proxy until it is told to end (SIGTERM, Ctrl-C).
    Run(Settings),
    /// Shows the link to pass on to people whom you trust, as text and as a QR code.
    Link(Settings),
    /// Says whether these settings would work, without opening a port.
    CheckConfig(Settings),
    /// Writes a configuration file with every setting, commented, to standard output.
    ExampleConfig,
}

/// How a proxy is set up.
#[derive(Args, Clone)]
pub struct Settings {
    /// A file (TOML) with these settings, by the same names.
    #[arg(long, env = "UMWEG_PROXY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The link of the service that people are to reach: umweg://service/…, from its operator.
    #[arg(long, env = "UMWEG_PROXY_SERVICE", value_name = "LINK")]
    pub service: String,

    /// The domain name or bare address under which people reach this proxy. It stands in your link.
    #[arg(long, alias = "domain", env = "UMWEG_PROXY_HOST", value_name = "NAME")]
    pub host: String,

    /// What people see as this proxy's name.
    #[arg(long, env = "UMWEG_PROXY_NAME", default_value = "")]
    pub name: String,

    /// The address to listen on; `::` is every address of this machine, IPv4 too.
    #[arg(long, env = "UMWEG_PROXY_LISTEN", default_value = "::", value_name = "ADDRESS")]
    pub listen: IpAddr,

    /// The port for HTTPS, or `off`.
    #[arg(long, env = "UMWEG_PROXY_TLS_PORT", default_value = "443", value_name = "PORT")]
    pub tls_port: PortSetting,

    /// The port for HTTP, or `off`.
    #[arg(long, env = "UMWEG_PROXY_PLAIN_PORT", default_value = "80", value_name = "PORT")]
    pub plain_port: PortSetting,

    /// The port for the bare session, or `off`.
    #[arg(long, env = "UMWEG_PROXY_BARE_PORT", default_value = "5222", value_name = "PORT")]
    pub bare_port: PortSetting,

    /// The certificate chain (PEM) for your name, for example from certbot. Without one the proxy makes its own, and your link says
    /// how to recognise it.
    #[arg(long, env = "UMWEG_PROXY_CERT", requires = "key", value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The certificate's private key (PEM).
    #[arg(long, env = "UMWEG_PROXY_KEY", requires = "cert", value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// A folder with a web site to show to everybody else; without one there is a plain page.
    #[arg(long, env = "UMWEG_PROXY_SITE", value_name = "FOLDER")]
    pub site: Option<PathBuf>,

    /// Where the proxy keeps the secret of your link, and its own certificate.
    #[arg(long, env = "UMWEG_PROXY_DATA", default_value = "umweg-proxy-data", value_name = "FOLDER")]
    pub data: PathBuf,

    /// Connections at once.
    #[arg(long, env = "UMWEG_PROXY_CONNECTIONS_MAX", default_value_t = PROXY_CONNECTIONS_MAX)]
    pub connections_max: usize,

    /// How many seconds people's connections have to end by themselves when the proxy is told to end.
    #[arg(long, env = "UMWEG_PROXY_DRAIN_SECONDS", default_value_t = 5)]
    pub drain_seconds: u64,

    /// A loopback address for Prometheus metrics, for example 127.0.0.1:9464. They hold no addresses.
    #[arg(long, env = "UMWEG_PROXY_METRICS", value_name = "ADDRESS:PORT")]
    pub metrics: Option<SocketAddr>,
}

/// A port, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortSetting {
    /// This form of the road is not offered.
    Off,
    /// That port; 0 lets the system choose.
    On(u16),
}

impl FromStr for PortSetting {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            number => number.parse().map(Self::On).map_err(|_| "a port is a number up to 65535, or `off`".to_owned()),
        }
    }
}

impl PortSetting {
    /// Where to listen.
    #[must_use]
    pub fn at(self, address: IpAddr) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::On(port) => Some(SocketAddr::new(address, port)),
        }
    }
}
