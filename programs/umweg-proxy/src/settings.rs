//! Flags, environment and file.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use umweg_road::first_bytes::Port;
use umweg_wire::limits::PROXY_CONNECTIONS_MAX;

use crate::amount::Amount;
use crate::date::Date;
use crate::upstreams::{ConnectTo, ListKey};

/// Gives certificates to everybody, for nothing.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Lends people a road to their messenger's service, where it is blocked.
///
/// It needs a host with a public address, better with a domain name, and the ports 443 and 80. To anyone without your link it
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
    /// Makes, shows and revokes invites: each is a link with a secret and bounds of its own. The running proxy notices at once.
    #[command(subcommand)]
    Invite(InviteAction),
    /// Says whether these settings would work, without opening a port.
    CheckConfig(Settings),
    /// Looks at this machine, the name, the certificate, the ports and where they lead, and says what to do.
    Doctor(Examination),
    /// Writes a configuration file with every setting, commented, to standard output.
    ExampleConfig,
}

/// What is examined.
#[derive(Args)]
pub struct Examination {
    /// As the proxy is run.
    #[command(flatten)]
    pub settings: Settings,
    /// Writes the findings for programs.
    #[arg(long)]
    pub json: bool,
}

/// What can be done with invites.
#[derive(Subcommand)]
pub enum InviteAction {
    /// Makes one and shows its link.
    Add(NewInvite),
    /// Shows all, with what went through them.
    List(Folder),
    /// Shows one with its link, as text and as a QR code.
    Show(NamedInvite),
    /// Takes one back: who uses it is cut, and its link leads to the web site only.
    Revoke(NamedInvite),
}

/// Where the invites are.
#[derive(Args)]
pub struct Folder {
    /// The proxy's data folder.
    #[arg(long, env = "UMWEG_PROXY_DATA", default_value = "umweg-proxy-data", value_name = "FOLDER")]
    pub data: PathBuf,
}

/// One of them.
#[derive(Args)]
pub struct NamedInvite {
    /// Its name.
    pub name: String,
    /// Where it is.
    #[command(flatten)]
    pub folder: Folder,
}

/// A new one.
#[derive(Args)]
pub struct NewInvite {
    /// A name for your own eyes: for whom it is.
    pub name: String,
    /// How many connections may be open at once. One person has one, and in a call one or two more.
    #[arg(long, value_name = "NUMBER")]
    pub connections_max: Option<u32>,
    /// Bytes a second at most, for example 500k or 2M.
    #[arg(long, value_name = "BYTES")]
    pub bandwidth: Option<Amount>,
    /// Bytes in a month (UTC) at most, both directions together, for example 50G.
    #[arg(long, value_name = "BYTES")]
    pub monthly: Option<Amount>,
    /// The last day (UTC) on which it opens anything.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub expires: Option<Date>,
    /// Where the invites are.
    #[command(flatten)]
    pub folder: Folder,
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

    /// The port for the bare session, or `off`. It knows no invites: whoever has the service's link can use it, and none can be
    /// taken back. 5222 is usual.
    #[arg(long, env = "UMWEG_PROXY_BARE_PORT", default_value = "off", value_name = "PORT")]
    pub bare_port: PortSetting,

    /// The certificate chain (PEM) for your name, for example from certbot. Without one the proxy asks for one, if it has a domain
    /// name; for a bare address it makes its own, and your link says how to recognise it.
    #[arg(long, env = "UMWEG_PROXY_CERT", requires = "key", value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The certificate's private key (PEM).
    #[arg(long, env = "UMWEG_PROXY_KEY", requires = "cert", value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Where to ask for a certificate for your domain name, when you give none (ACME). By using it you accept that authority's
    /// terms; for Let's Encrypt: https://letsencrypt.org/repository/. `off`: the proxy makes its own.
    #[arg(long, env = "UMWEG_PROXY_ACME_DIRECTORY", default_value = LETS_ENCRYPT, value_name = "URL")]
    pub acme_directory: String,

    /// The authority (PEM) that vouches for that place itself, when this system does not know it.
    #[arg(long, env = "UMWEG_PROXY_ACME_CA", value_name = "FILE")]
    pub acme_ca: Option<PathBuf>,

    /// A folder with a web site to show to everybody else; without one there is the page of a web server just set up.
    #[arg(long, env = "UMWEG_PROXY_SITE", value_name = "FOLDER")]
    pub site: Option<PathBuf>,

    /// The address of your own web site, for example http://127.0.0.1:8080: everybody else is passed on to it.
    #[arg(long, env = "UMWEG_PROXY_SITE_UPSTREAM", conflicts_with = "site", value_name = "URL")]
    pub site_upstream: Option<String>,

    /// Where your web site speaks HTTP/2 without TLS (for nginx before 1.25 a `listen … http2` of its own): HTTP/2 is offered then,
    /// and who takes it is passed on to there.
    #[arg(long, env = "UMWEG_PROXY_SITE_UPSTREAM_HTTP2", requires = "site_upstream", value_name = "URL")]
    pub site_upstream_http2: Option<String>,

    /// The ports whose connections come by another server of yours that sends the PROXY protocol (1 or 2): `tls`, `plain`, `bare`,
    /// or with a number a second port for such connections, for example `tls=8443`. The addresses in it are thrown away.
    #[arg(long, env = "UMWEG_PROXY_PROXY_PROTOCOL", value_delimiter = ',', value_name = "PORTS")]
    pub proxy_protocol: Vec<Announced>,

    /// The port for HTTPS that people reach, if another server of yours listens there and passes connections on; `off`: none.
    #[arg(long, env = "UMWEG_PROXY_PUBLIC_TLS_PORT", value_name = "PORT")]
    pub public_tls_port: Option<PortSetting>,

    /// The same for HTTP.
    #[arg(long, env = "UMWEG_PROXY_PUBLIC_PLAIN_PORT", value_name = "PORT")]
    pub public_plain_port: Option<PortSetting>,

    /// Helps Signal's people too. It needs a domain name with a certificate that everybody trusts. Whoever knows Signal's way can
    /// then find out that this is a proxy.
    #[arg(long, env = "UMWEG_PROXY_SIGNAL")]
    pub signal: bool,

    /// Helps WhatsApp's people too. Whoever knows WhatsApp's way can then find out that this is a proxy.
    #[arg(long, env = "UMWEG_PROXY_WHATSAPP")]
    pub whatsapp: bool,

    /// Tells WhatsApp the addresses of its people, as WhatsApp's own proxy does (PROXY protocol 1, chats only). Without this it sees
    /// yours. Of connections that come by another server of yours it is told that the address is unknown.
    #[arg(long, env = "UMWEG_PROXY_WHATSAPP_TELL_ADDRESSES", requires = "whatsapp")]
    pub whatsapp_tell_addresses: bool,

    /// The ports for WhatsApp's pictures and files, when it is helped; WhatsApp knows 587 and 7777. `off`: none.
    #[arg(long, env = "UMWEG_PROXY_WHATSAPP_MEDIA_PORTS", default_value = "587", value_delimiter = ',', value_name = "PORTS")]
    pub whatsapp_media_ports: Vec<PortSetting>,

    /// A newer list of the hosts to which other messengers' people are led, with its signature in a file of the same name and `.sig`. The
    /// running proxy takes a newer one as soon as it is there.
    #[arg(long, env = "UMWEG_PROXY_UPSTREAMS", requires = "upstreams_key", value_name = "FILE")]
    pub upstreams: Option<PathBuf>,

    /// Whose signature counts for that list: an Ed25519 public key in base64.
    #[arg(long, env = "UMWEG_PROXY_UPSTREAMS_KEY", requires = "upstreams", value_name = "KEY")]
    pub upstreams_key: Option<ListKey>,

    /// For tests only: connections to an upstream go to that address instead.
    #[arg(long, env = "UMWEG_PROXY_CONNECT_TO", value_delimiter = ',', value_name = "HOST:PORT:ADDRESS:PORT")]
    pub connect_to: Vec<ConnectTo>,

    /// Where the proxy keeps the secret of your link, its certificates and their keys.
    #[arg(long, env = "UMWEG_PROXY_DATA", default_value = "umweg-proxy-data", value_name = "FOLDER")]
    pub data: PathBuf,

    /// Connections at once.
    #[arg(long, env = "UMWEG_PROXY_CONNECTIONS_MAX", default_value_t = PROXY_CONNECTIONS_MAX)]
    pub connections_max: usize,

    /// How many seconds people's connections have to end by themselves when the proxy is told to end.
    #[arg(long, env = "UMWEG_PROXY_DRAIN_SECONDS", default_value_t = 5)]
    pub drain_seconds: u64,

    /// A loopback address for a page with your invites and for Prometheus metrics, for example 127.0.0.1:9464. They hold no addresses.
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
    /// As it stands in a link: 0 is none.
    #[must_use]
    pub fn in_link(self) -> u16 {
        match self {
            Self::Off => 0,
            Self::On(port) => port,
        }
    }

    /// Where to listen.
    #[must_use]
    pub fn at(self, address: IpAddr) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::On(port) => Some(SocketAddr::new(address, port)),
        }
    }
}

/// A port of which another server sends the PROXY protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announced {
    /// Which one.
    pub port: Port,
    /// A second one for such connections; without, it is the port itself.
    pub second: Option<u16>,
}

impl FromStr for Announced {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, second) = text.split_once('=').map_or((text, None), |(name, second)| (name, Some(second)));
        let port = match name {
            "tls" => Port::Tls,
            "plain" => Port::Plain,
            "bare" => Port::Bare,
            _ => return Err("a port is `tls`, `plain` or `bare`, and for a second one for example `tls=8443`".to_owned()),
        };
        let second = second.map(str::parse).transpose().map_err(|_| "a port is a number up to 65535".to_owned())?;
        Ok(Self { port, second })
    }
}
