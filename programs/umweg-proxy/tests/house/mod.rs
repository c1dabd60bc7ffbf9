//! A service and proxies before it, on loopback.

pub(crate) mod anyone;
pub(crate) mod bare;
pub(crate) mod hello;
pub(crate) mod neighbours;
pub(crate) mod ports;

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use umweg_io::listen::{Arrivals, Doors, Entrance, ListenConfig};
use umweg_io::log::ForbidsPrivate;
use umweg_io::session::{Scheme, SealedStream, StaticKey};
use umweg_io::shutdown::Shutdown;
use umweg_io::site::Site;
use umweg_proxy::plan::Plan;
use umweg_proxy::proxy::Proxy;
use umweg_proxy::sandbox;
use umweg_proxy::settings::{Action, Program};
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

pub(crate) struct Service {
    pub(crate) link: ServiceLink,
    pub(crate) arrivals: Arrivals,
    shutdown: Shutdown,
}

impl Service {
    pub(crate) async fn start() -> Self {
        ForbidsPrivate::new(["/live"]).everywhere();
        let key = StaticKey::random(&mut rand::rng());
        let doors = Doors { relay: Some(([127, 0, 0, 1], 0).into()), ..Doors::default() };
        let config = ListenConfig {
            doors,
            tls: None,
            path: "/live".into(),
            key: key.clone(),
            scheme: Scheme::default(),
            site: Site::default(),
            connections_max: 100,
        };
        let entrance = Entrance::bind(config).await.unwrap();
        let link = service_link(*key.public(), entrance.addresses());
        let shutdown = Shutdown::new();
        Self { link, arrivals: entrance.open(&shutdown), shutdown }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

pub(crate) fn service_link(static_key: [u8; 32], doors: Doors) -> ServiceLink {
    ServiceLink {
        host: "127.0.0.1".into(),
        static_key: static_key.to_vec(),
        // A service that is blocked: nobody listens there.
        tls_port: 9,
        path: "/live".into(),
        relay_port: doors.relay.map_or(0, |relay| relay.port().into()),
        ..Default::default()
    }
}

/// A proxy of its own, with its own runtime: stopping it cuts what it carries.
pub(crate) struct Running {
    pub(crate) link: ProxyLink,
    pub(crate) other_links: Vec<(&'static str, String)>,
    runtime: Option<tokio::runtime::Runtime>,
    pub(crate) data: tempfile::TempDir,
}

impl Running {
    pub(crate) async fn start(service: &ServiceLink, more: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let service = format!("--service={}", service.to_link());
        let folder = format!("--data={}", data.path().display());
        let mut arguments = vec!["umweg-proxy", "run", &service, &folder, "--host=127.0.0.1", "--listen=127.0.0.1"];
        let name = |argument: &str| argument.split_once('=').map(|(name, _)| name.to_owned());
        let is_said = |argument: &str| more.iter().any(|said| name(said) == name(argument));
        arguments.extend(["--tls-port=0", "--plain-port=0", "--bare-port=0"].into_iter().filter(|port| !is_said(port)));
        arguments.extend(more);
        let program: Program = umweg_io::config::try_parse(arguments).unwrap();
        let Action::Run(settings) = program.action else { panic!("not the action asked for") };
        let plan = Plan::new(settings).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let opened = runtime.spawn(async move {
            // As the program is; it holds this runtime's threads.
            sandbox::enter(&plan).unwrap();
            let proxy = Proxy::bind(plan).await.unwrap();
            let links = (proxy.link().clone(), proxy.other_links().to_vec());
            proxy.open(&Shutdown::new());
            links
        });
        let (link, other_links) = opened.await.unwrap();
        Self { link, other_links, runtime: Some(runtime), data }
    }

    pub(crate) fn tls(&self) -> SocketAddr {
        ([127, 0, 0, 1], u16::try_from(self.link.tls_port).unwrap()).into()
    }

    pub(crate) fn plain(&self) -> SocketAddr {
        ([127, 0, 0, 1], u16::try_from(self.link.plain_port).unwrap()).into()
    }

    pub(crate) fn bare(&self) -> SocketAddr {
        ([127, 0, 0, 1], u16::try_from(self.link.bare_port).unwrap()).into()
    }

    pub(crate) async fn stop(mut self) {
        let runtime = self.runtime.take().unwrap();
        tokio::task::spawn_blocking(move || drop(runtime)).await.unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) async fn exchange(from: &mut SealedStream, to: &mut SealedStream, bytes: &[u8]) -> Vec<u8> {
    let mut got = vec![0; bytes.len()];
    let write = async {
        from.write_all(bytes).await.unwrap();
        from.flush().await.unwrap();
    };
    let ((), read) = tokio::join!(write, to.read_exact(&mut got));
    read.unwrap();
    got
}

pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes()
}

/// The whole answer, without its date.
pub(crate) async fn ask(door: SocketAddr, request: &[u8]) -> String {
    let mut tcp = TcpStream::connect(door).await.unwrap();
    tcp.write_all(request).await.unwrap();
    tcp.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).lines().filter(|line| !line.starts_with("Date: ")).map(|line| format!("{line}\r\n")).collect()
}

/// Whether nobody has connected to it, asked after everything that could have led to it is over.
pub(crate) fn nobody_came(listener: TcpListener) -> bool {
    listener.into_std().unwrap().accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}
