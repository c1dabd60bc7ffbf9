//! Only by proxy: nothing else leaves the machine. The app runs in a network namespace of its own, and every packet is looked at.
//!
//! Needs root, as everything that makes network namespaces does; without, it says that nothing was tried.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use umweg_io::listen::{Arrivals, Doors, Entrance, ListenConfig};
use umweg_io::session::{Scheme, SealedStream, StaticKey};
use umweg_io::shutdown::Shutdown;
use umweg_io::site::Site;
use umweg_io::tls::Certificate;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

/// Of private use (RFC 1918, RFC 4193), on a pair of devices that exist for this test.
const SERVICE: [IpAddr; 2] = both(1);
const PROXY: [IpAddr; 2] = both(2);
const APP: [IpAddr; 2] = both(3);
/// Whoever it is asked of, the question leaves the namespace.
const NAME: &str = "service.umweg.test";
const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
#[expect(clippy::print_stderr, reason = "who runs the tests hears what was not tried")]
async fn only_by_proxy_nothing_else_leaves_the_machine() {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("NOT TRIED: only root can make a network");
        return;
    }
    let _place = Place::make();
    for (service, proxy) in SERVICE.into_iter().zip(PROXY) {
        only_by(proxy, service).await;
    }
}

async fn only_by(proxy: IpAddr, service: IpAddr) {
    let (mut doors, links) = open_doors(proxy, service).await;

    // The watch works: an app that may go directly asks for the service's name, and connects to its address.
    let watch = Watch::begin();
    let free = App::start(&links.service, &[]);
    watch.until(|seen| seen.iter().any(|flow| flow.to != proxy)).await;
    drop(free);
    let free = App::start(&links.service_by_address, &[]);
    drop(connection(&mut doors).await);
    watch.until(|seen| seen.iter().any(|flow| flow.to == service && flow.port == links.port)).await;
    drop(free);

    let watch = Watch::begin();
    let app = App::start(&links.service, &["--no-direct", "--proxy", &links.proxy]);
    for _ in 0..2 {
        // It connects, loses the connection, and connects again.
        drop(connection(&mut doors).await);
    }
    // With the proxy gone there is nothing but its door to knock at.
    links.shutdown.begin();
    drop(doors);
    let knocks = watch.packets();
    watch.until_packets(knocks + 3).await;
    drop(app);
    let to_proxy = Flow { protocol: Protocol::TCP.into(), to: proxy, port: links.port };
    assert_eq!(watch.seen(), BTreeSet::from([to_proxy]), "everything that left, by where it went");
}

async fn connection(doors: &mut Arrivals) -> SealedStream {
    tokio::time::timeout(SOON, doors.rpc.recv()).await.expect("the app connects").unwrap()
}

/// Where a packet went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Flow {
    protocol: i32,
    to: IpAddr,
    port: u16,
}

/// Everything that comes out of the app's namespace, from now on.
struct Watch {
    flows: Arc<Mutex<Vec<Flow>>>,
    came: Arc<tokio::sync::Notify>,
}

impl Watch {
    fn begin() -> Self {
        const ETH_P_ALL: u16 = 3;
        let all = Protocol::from(i32::from(ETH_P_ALL.to_be()));
        // Without link-layer heads, from every device: the app's packets are told by their source.
        let socket =
            Socket::new(Domain::PACKET, Type::DGRAM, Some(all)).expect("only root sees all packets: run this test as root");
        let (flows, came): (Arc<Mutex<Vec<Flow>>>, _) = (Arc::default(), Arc::new(tokio::sync::Notify::new()));
        let kept = Arc::downgrade(&flows);
        let watch = Self { flows, came: Arc::clone(&came) };
        std::thread::spawn(move || {
            let mut socket = socket;
            let mut packet = [0; 2_048];
            while let (Ok(length), Some(flows)) = (std::io::Read::read(&mut socket, &mut packet), kept.upgrade()) {
                if let Some(flow) = flow_of(&packet[..length]) {
                    flows.lock().unwrap().push(flow);
                    came.notify_one();
                }
            }
        });
        watch
    }

    fn packets(&self) -> usize {
        self.flows.lock().unwrap().len()
    }

    fn seen(&self) -> BTreeSet<Flow> {
        self.flows.lock().unwrap().iter().copied().collect()
    }

    async fn until(&self, holds: impl Fn(&BTreeSet<Flow>) -> bool) {
        let happens = async {
            while !holds(&self.seen()) {
                self.came.notified().await;
            }
        };
        tokio::time::timeout(SOON, happens).await.expect("it is seen");
    }

    async fn until_packets(&self, count: usize) {
        self.until(|_| self.packets() >= count).await;
    }
}

/// Of a packet from the app, or from its side of the pair: neighbours are found there, by ARP in IPv4, and by ICMP in IPv6.
fn flow_of(packet: &[u8]) -> Option<Flow> {
    let (protocol, from, to, inside): (_, IpAddr, IpAddr, _) = match packet.first()? >> 4 {
        4 => {
            let head = packet.first_chunk::<20>()?;
            let [from, to] = [*head[12..].first_chunk::<4>()?, *head.last_chunk::<4>()?];
            (head[9], from.into(), to.into(), packet.get(usize::from(head[0] & 15) * 4..)?)
        }
        6 => {
            let (head, inside) = packet.split_first_chunk::<40>()?;
            let [from, to] = [*head[8..].first_chunk::<16>()?, *head.last_chunk::<16>()?];
            (head[6], from.into(), to.into(), inside)
        }
        _ => return None,
    };
    let finds_neighbours = Protocol::from(i32::from(protocol)) == Protocol::ICMPV6 && NEIGHBOURS.contains(inside.first()?);
    let port = u16::from_be_bytes([*inside.get(2)?, *inside.get(3)?]);
    (APP.contains(&from) && !finds_neighbours).then(|| Flow { protocol: protocol.into(), to, port })
}

/// RFC 4861, section 4: solicitations and advertisements of routers and neighbours.
const NEIGHBOURS: std::ops::RangeInclusive<u8> = 133..=136;

const fn both(last: u8) -> [IpAddr; 2] {
    [IpAddr::V4(Ipv4Addr::new(10, 213, 9, last)), IpAddr::V6(Ipv6Addr::new(0xfd3c, 0x51a7, 0x9e02, 0, 0, 0, 0, last as u16))]
}

/// The namespace, joined to this one by a pair of devices. All else is taken from it.
struct Place;

impl Place {
    const NAMESPACE: &str = "umweg-leaks";

    fn make() -> Self {
        let place = Self;
        place.remove();
        ip(&["netns", "add", Self::NAMESPACE]);
        ip(&["link", "add", "uwleak0", "type", "veth", "peer", "name", "uwleak1", "netns", Self::NAMESPACE]);
        let inside = |arguments: &[&str]| ip(&[&["-n", Self::NAMESPACE], arguments].concat());
        let given = |address: IpAddr| format!("{address}/{}", if address.is_ipv4() { 24 } else { 64 });
        for address in [SERVICE, PROXY].concat() {
            ip(&["address", "add", &given(address), "dev", "uwleak0", "nodad"]);
        }
        ip(&["link", "set", "uwleak0", "up"]);
        inside(&["link", "set", "lo", "up"]);
        // The app has these addresses and no others.
        inside(&["link", "set", "uwleak1", "addrgenmode", "none"]);
        for address in APP {
            inside(&["address", "add", &given(address), "dev", "uwleak1", "nodad"]);
        }
        inside(&["link", "set", "uwleak1", "up"]);
        for address in SERVICE {
            let family = if address.is_ipv4() { "-4" } else { "-6" };
            inside(&[family, "route", "add", "default", "via", &address.to_string()]);
        }
        place
    }

    fn remove(&self) {
        // Its end of the pair goes with the namespace, and the other end with that.
        let _ = Command::new("ip").args(["netns", "delete", Self::NAMESPACE]).stderr(Stdio::null()).status();
        let _ = Command::new("ip").args(["link", "delete", "uwleak0"]).stderr(Stdio::null()).status();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.remove();
    }
}

fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).status().expect("ip (iproute2) is installed");
    assert!(done.success(), "ip {} failed: this test makes a network namespace, and needs root", arguments.join(" "));
}

struct Links {
    service: String,
    service_by_address: String,
    proxy: String,
    port: u16,
    shutdown: Shutdown,
}

/// A service, and a "proxy": another address of the same door, which is all that the app can see of one.
async fn open_doors(proxy: IpAddr, service: IpAddr) -> (Arrivals, Links) {
    let key = StaticKey::random(&mut rand::rng());
    let certificate = Certificate::self_signed(NAME).unwrap();
    let config = ListenConfig {
        doors: Doors { tls: Some((Ipv6Addr::UNSPECIFIED, 0).into()), ..Doors::default() },
        tls: Some(certificate.server_config().unwrap()),
        path: "/live".into(),
        key: key.clone(),
        scheme: Scheme::default(),
        site: Site::default(),
        connections_max: 10,
    };
    let (entrance, shutdown) = (Entrance::bind(config).await.unwrap(), Shutdown::new());
    let port = entrance.addresses().tls.unwrap().port();
    let (tls_port, path, pin) = (u32::from(port), "/live".to_owned(), certificate.pin().unwrap().to_vec());
    let proxy = ProxyLink { host: proxy.to_string(), tls_port, path: path.clone(), pin: pin.clone(), ..Default::default() };
    let named = ServiceLink { host: NAME.into(), static_key: key.public().to_vec(), tls_port, path, pin, ..Default::default() };
    let service_by_address = ServiceLink { host: service.to_string(), ..named.clone() }.to_link();
    let (service, proxy) = (named.to_link(), proxy.to_link());
    (entrance.open(&shutdown), Links { service, service_by_address, proxy, port, shutdown })
}

/// An app in the namespace, with an account.
struct App {
    child: Child,
    _folder: tempfile::TempDir,
}

impl App {
    fn start(service: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", Place::NAMESPACE, env!("CARGO_BIN_EXE_umweg"), "--data"]).arg(folder.path());
        command.args(["--service", service, "--key-from", "file", "--no-browser"]).args(more);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ready "), "the app says that it runs: {line}");
        Self { child, _folder: folder }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
