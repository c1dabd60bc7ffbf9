//! Who is measured, and how each is set up.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::{TcpListener, TcpStream};
use umweg_io::cores::Cores;
use umweg_io::shutdown::Shutdown;
use umweg_proxy::plan::Plan;
use umweg_proxy::proxy::Proxy;
use umweg_proxy::settings::{Action, Program};
use umweg_road::upgrade::Upgrade;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

use super::load::Form;
use super::process::Tree;

const NGINX_STREAM: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Ours,
    Haproxy,
    HaproxyWhatsapp,
    Nginx,
    NginxTwoHop,
}

impl Kind {
    pub(super) const PEERS: [Self; 4] = [Self::Haproxy, Self::HaproxyWhatsapp, Self::Nginx, Self::NginxTwoHop];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Haproxy => "haproxy",
            Self::HaproxyWhatsapp => "haproxy_whatsapp",
            Self::Nginx => "nginx",
            Self::NginxTwoHop => "nginx_two_hop",
        }
    }
}

/// The certificates and the sink that all have in common.
pub(super) struct House {
    folder: tempfile::TempDir,
    sink: SocketAddr,
    versions: Vec<(&'static str, String)>,
}

/// One that runs.
pub(super) struct Peer {
    kind: Kind,
    trees: Vec<Tree>,
    tls: SocketAddr,
    plain: Option<SocketAddr>,
    head: Vec<u8>,
}

impl Peer {
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it serves that form.
    pub(super) fn address(&self, form: Form) -> Option<SocketAddr> {
        match form {
            Form::Tls => Some(self.tls),
            Form::Plain => self.plain,
        }
    }

    /// What a client says first.
    pub(super) fn head(&self, form: Form) -> &[u8] {
        match form {
            Form::Tls => &self.head,
            Form::Plain => &[],
        }
    }

    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        self.trees.iter().map(Tree::cpu).sum()
    }

    pub(super) fn memory(&self) -> anyhow::Result<u64> {
        self.trees.iter().map(Tree::memory).sum()
    }
}

impl House {
    pub(super) fn new(sink: SocketAddr) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        make_certificate(folder.path(), "p256", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])?;
        make_certificate(folder.path(), "rsa", &["rsa:4096"])?;
        let mut versions = Vec::new();
        if let Some(version) = first_line("haproxy", "-v") {
            versions.push(("haproxy", version));
        }
        if let Some(version) = first_line("nginx", "-v").filter(|_| Path::new(NGINX_STREAM).exists()) {
            versions.push(("nginx", version));
        }
        Ok(Self { folder, sink, versions })
    }

    pub(super) fn versions(&self) -> &[(&'static str, String)] {
        &self.versions
    }

    /// Us, and the peers that are installed.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let installed = |kind: &Kind| self.versions.iter().any(|(name, _)| kind.name().starts_with(name));
        std::iter::once(Kind::Ours).chain(Kind::PEERS.into_iter().filter(installed)).collect()
    }

    pub(super) async fn start(&self, kind: Kind) -> anyhow::Result<Peer> {
        let [tls, plain, between] = free_ports().await?;
        let mut peer = Peer { kind, trees: Vec::new(), tls, plain: Some(plain), head: Vec::new() };
        match kind {
            Kind::Ours => self.start_ours(&mut peer)?,
            Kind::Haproxy => peer.trees.push(self.haproxy(&peer, "p256", "tune.bufsize 16384", "option splice-auto")?),
            Kind::HaproxyWhatsapp => peer.trees.push(self.haproxy(&peer, "rsa", "tune.bufsize 4096", "")?),
            Kind::Nginx => {
                let plain = format!("server {{ listen {plain} reuseport; proxy_pass {}; }}", self.sink);
                peer.trees.push(self.nginx(&format!("{}\n{plain}", self.terminates(tls, self.sink)))?);
            }
            Kind::NginxTwoHop => {
                let upstream = format!("map $ssl_preread_server_name $upstream {{ default {}; }}", self.sink);
                let relays = format!("server {{ listen {between} reuseport; ssl_preread on; proxy_pass $upstream; }}");
                peer.trees.push(self.nginx(&format!("{upstream}\n{relays}"))?);
                peer.trees.push(self.nginx(&self.terminates(tls, between))?);
                peer.plain = None;
            }
        }
        for address in [Some(peer.tls), peer.plain].into_iter().flatten() {
            answers(address).await?;
        }
        Ok(peer)
    }

    fn start_ours(&self, peer: &mut Peer) -> anyhow::Result<()> {
        let service = ServiceLink {
            host: self.sink.ip().to_string(),
            static_key: vec![1; 32],
            path: "/live".into(),
            tls_port: 9,
            relay_port: self.sink.port().into(),
            ..Default::default()
        };
        let data = tempfile::tempdir_in(self.folder.path())?.keep();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["proxy-process", "umweg-proxy", "run", "--host=127.0.0.1", "--listen=127.0.0.1", "--plain-port=off"]);
        command.args(["--tls-port=0", "--bare-port=0", "--connections-max=6000", &format!("--service={}", service.to_link())]);
        command.arg("--cert").arg(self.folder.path().join("p256.crt")).arg("--key").arg(self.folder.path().join("p256.key"));
        command.arg("--data").arg(data).stdout(Stdio::piped());
        let mut tree = Tree::start(command)?;
        let mut line = String::new();
        BufReader::new(tree.stdout().context("our output is read")?).read_line(&mut line)?;
        let link = ProxyLink::from_link(&line).context("our proxy did not start")?;
        peer.tls.set_port(link.tls_port.try_into()?);
        peer.plain = Some(SocketAddr::new(peer.tls.ip(), link.bare_port.try_into()?));
        peer.head = Upgrade::new(vec![7; 120], &mut rand::rng()).to_request("127.0.0.1", &link.path);
        peer.trees.push(tree);
        Ok(())
    }

    fn haproxy(&self, peer: &Peer, certificate: &str, global: &str, defaults: &str) -> anyhow::Result<Tree> {
        let folder = self.folder.path();
        let plain = peer.plain.context("haproxy serves both forms")?;
        let config = format!(
            "global\n  nbthread 2\n  maxconn 6000\n  {global}\n  ssl-default-bind-options ssl-min-ver TLSv1.3\n\
             defaults\n  mode tcp\n  {defaults}\n  timeout connect 5s\n  timeout client 10m\n  timeout server 10m\n\
             frontend plain\n  bind {plain}\n  default_backend sink\n\
             frontend tls\n  bind {} ssl crt {}\n  default_backend sink\n\
             backend sink\n  server sink {}\n",
            peer.tls,
            folder.join(format!("{certificate}.pem")).display(),
            self.sink,
        );
        let file = folder.join(format!("haproxy-{}.cfg", peer.tls.port()));
        fs::write(&file, config)?;
        let mut command = Command::new("haproxy");
        command.arg("-q").arg("-f").arg(file);
        Tree::start(command)
    }

    fn terminates(&self, tls: SocketAddr, to: SocketAddr) -> String {
        let file = |name| self.folder.path().join(name).display().to_string();
        format!(
            "server {{ listen {tls} ssl reuseport; ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3; \
             proxy_pass {to}; }}",
            file("p256.crt"),
            file("p256.key")
        )
    }

    fn nginx(&self, servers: &str) -> anyhow::Result<Tree> {
        let own = tempfile::tempdir_in(self.folder.path())?.keep();
        let config = format!(
            "load_module {NGINX_STREAM};\nworker_processes 2;\nworker_rlimit_nofile 20000;\ndaemon off;\npid nginx.pid;\n\
             events {{ worker_connections 19000; }}\nstream {{\ntcp_nodelay on;\nproxy_timeout 10m;\n{servers}\n}}\n"
        );
        fs::write(own.join("nginx.conf"), config)?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(&own).args(["-c", "nginx.conf", "-e"]).arg(own.join("error.log"));
        Tree::start(command)
    }
}

/// Our proxy as the program runs it: a thread for each core.
pub(super) fn run_ours(arguments: Vec<String>) -> anyhow::Result<()> {
    let program: Program = umweg_io::config::try_parse(arguments)?;
    let Action::Run(settings) = program.action else { bail!("only `run` is measured") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let cores = Cores::all()?;
        let proxy = Proxy::bind_on(Plan::new(settings)?, &cores)?;
        let shutdown = Shutdown::new();
        shutdown.on_signals()?;
        println!("{}", proxy.link().to_link());
        proxy.open(&shutdown);
        shutdown.begun().await;
        Ok(())
    })
}

fn make_certificate(folder: &Path, name: &str, kind: &[&str]) -> anyhow::Result<()> {
    let (chain, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-newkey"])
        .args(kind)
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&chain)
        .stderr(Stdio::null())
        .status()
        .context("openssl makes the certificates")?;
    if !made.success() {
        bail!("openssl could not make a certificate");
    }
    Ok(fs::write(folder.join(format!("{name}.pem")), [fs::read(chain)?, fs::read(key)?].concat())?)
}

fn first_line(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).lines().next().map(str::to_owned)
}

async fn free_ports<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let mut taken = Vec::new();
    for _ in 0..N {
        taken.push(TcpListener::bind("127.0.0.1:0").await?);
    }
    let addresses = taken.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    addresses.try_into().ok().context("as many as were asked for")
}

async fn answers(address: SocketAddr) -> anyhow::Result<()> {
    for _ in 0..100 {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("a proxy does not open its port within ten seconds")
}
