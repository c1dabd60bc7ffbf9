//! A proxy beside other things: other web servers before and behind it, other messengers' people, and those who want to know what
//! it is.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use house::{Running, Service, exchange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use umweg_io::dial::{Form, RoadChoice, dial};
use umweg_io::session::Purpose;
use umweg_proxy::invites::{FIRST, Invite, Invites};
use umweg_road::upgrade::Upgrade;
use umweg_wire::proto::v1::ProxyLink;

#[tokio::test]
async fn a_revoked_invite_is_cut_and_the_others_go_on() {
    let mut service = Service::start().await;
    let proxy = Running::start(&service.link, &[]).await;
    let invites = Invites::of(proxy.data.path());
    let second = Invite::new("second", &mut rand::rng());
    invites.add(second.clone()).unwrap();
    let second = ProxyLink { path: second.path, ..proxy.link.clone() };

    let first = RoadChoice::via(proxy.link.clone(), Form::Tls);
    let mut leaked = dial(&first, &service.link, Purpose::Rpc).await.unwrap();
    let _served = service.arrivals.rpc.recv().await.unwrap();
    let mut kept = loop {
        if let Ok(stream) = dial(&RoadChoice::via(second.clone(), Form::Plain), &service.link, Purpose::Rpc).await {
            break stream;
        }
    };
    let mut served = service.arrivals.rpc.recv().await.unwrap();
    invites.revoke(FIRST).unwrap();
    assert_eq!(leaked.read(&mut [0; 1]).await.unwrap_or(0), 0, "who used the revoked invite is cut");
    assert!(dial(&first, &service.link, Purpose::Rpc).await.is_err(), "its link opens nothing any more");
    assert_eq!(exchange(&mut kept, &mut served, b"still here").await, b"still here");
}

#[tokio::test]
async fn behind_a_real_haproxy_and_a_real_nginx_the_road_is_the_same() {
    let mut service = Service::start().await;
    let twin = free_port();
    let proxy = Running::start(&service.link, &["--proxy-protocol=tls", "--proxy-protocol", &format!("plain={twin}")]).await;
    let folder = tempfile::tempdir().unwrap();
    let [tls_v1, tls_v2, plain_v2, nginx_v1, nginx_http] = std::array::from_fn(|_| free_port());
    let haproxy = format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
         listen a\n bind 127.0.0.1:{tls_v1}\n server a {tls} send-proxy\n\
         listen b\n bind 127.0.0.1:{tls_v2}\n server b {tls} send-proxy-v2\n\
         listen c\n bind 127.0.0.1:{plain_v2}\n server c 127.0.0.1:{twin} send-proxy-v2\n",
        tls = proxy.tls()
    );
    let _haproxy = front("/usr/sbin/haproxy", &["-db", "-f"], folder.path(), "haproxy.cfg", &haproxy);
    let nginx = nginx_config(
        folder.path(),
        &format!("stream {{ server {{ listen 127.0.0.1:{nginx_v1}; proxy_pass {}; proxy_protocol on; }} }}", proxy.tls()),
        &format!(
            "server {{ listen 127.0.0.1:{nginx_http}; location / {{ proxy_pass http://{}; proxy_http_version 1.1; \
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; proxy_read_timeout 600s; }} }}",
            proxy.plain()
        ),
    );
    let _nginx = front("/usr/sbin/nginx", &["-c"], folder.path(), "nginx.conf", &nginx);
    for (port, form) in
        [(tls_v1, Form::Tls), (tls_v2, Form::Tls), (plain_v2, Form::Plain), (nginx_v1, Form::Tls), (nginx_http, Form::Plain)]
    {
        listening(port).await;
        let link = ProxyLink { tls_port: port.into(), plain_port: port.into(), ..proxy.link.clone() };
        let mut client = dial(&RoadChoice::via(link, form), &service.link, Purpose::Rpc).await.unwrap();
        let mut served = service.arrivals.rpc.recv().await.unwrap();
        assert_eq!(exchange(&mut client, &mut served, b"by another server").await, b"by another server", "{form:?}");
    }
    let unannounced = dial(&RoadChoice::via(proxy.link.clone(), Form::Tls), &service.link, Purpose::Rpc).await;
    assert!(unannounced.is_err(), "without the header there is no way in where one was announced");
}

#[tokio::test]
async fn signals_people_are_led_to_signal_and_nowhere_else() {
    let service = Service::start().await;
    let (signal, other) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let to = format!(
        "--connect-to=chat.signal.org:443:{},evil.example:443:{}",
        signal.local_addr().unwrap(),
        other.local_addr().unwrap()
    );
    let proxy = Running::start(&service.link, &["--signal", &to]).await;
    let without = Running::start(&service.link, &[&to]).await;

    let hello = client_hello("chat.signal.org");
    let mut client = outer_tls(&proxy).await;
    client.write_all(&hello).await.unwrap();
    let (mut upstream, _) = signal.accept().await.unwrap();
    let mut got = vec![0; hello.len()];
    upstream.read_exact(&mut got).await.unwrap();
    assert!(got == hello, "the inner ClientHello arrives as it was sent");
    upstream.write_all(b"and back").await.unwrap();
    let mut back = [0; 8];
    client.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"and back");

    let refused = answer_in_tls(&proxy, &client_hello("evil.example")).await;
    assert!(refused.starts_with("HTTP/1.1 400 Bad Request\r\n"), "a name that is not on the list is a web server's bad request");
    assert_eq!(answer_in_tls(&without, &hello).await, refused, "so is every name where Signal is not helped");
    let nobody = tokio::select! {
        _ = other.accept() => false,
        () = tokio::task::yield_now() => true,
    };
    assert!(nobody);
    assert!(proxy.other_links[0].1.starts_with("https://signal.tube/#127.0.0.1"));
}

#[tokio::test]
async fn whatsapps_people_are_led_to_whatsapp() {
    let service = Service::start().await;
    let [chat, web, media] = [bound().await, bound().await, bound().await];
    let to = format!(
        "--connect-to=g.whatsapp.net:5222:{},g.whatsapp.net:80:{},whatsapp.net:443:{}",
        chat.local_addr().unwrap(),
        web.local_addr().unwrap(),
        media.local_addr().unwrap()
    );
    let media_port = free_port();
    let proxy = Running::start(&service.link, &["--whatsapp", &to, &format!("--whatsapp-media-ports={media_port}")]).await;
    let hello = b"WA\x06\x03and what follows";
    let mut by_tls = outer_tls(&proxy).await;
    passes(&mut by_tls, &chat, hello).await;
    passes(&mut TcpStream::connect(proxy.plain()).await.unwrap(), &web, hello).await;
    passes(&mut TcpStream::connect(proxy.bare()).await.unwrap(), &chat, hello).await;
    passes(&mut TcpStream::connect(("127.0.0.1", media_port)).await.unwrap(), &media, &client_hello("whatsapp.net")).await;
    let expected =
        format!("https://wa.me/proxy?host=127.0.0.1&chatPort={}&mediaPort={media_port}&chatTLS=true", proxy.tls().port());
    assert_eq!(proxy.other_links, [("whatsapp", expected)]);
}

#[tokio::test]
async fn a_prober_gets_the_bytes_of_the_web_site_behind_and_no_others() {
    let service = Service::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (bare, bare_tls) = (free_port(), free_port());
    let proxy = Running::start(&service.link, &[&format!("--site-upstream=http://127.0.0.1:{bare}")]).await;
    Invites::of(proxy.data.path()).add(Invite::new("revoked", &mut rand::rng())).unwrap();
    let revoked = Invites::of(proxy.data.path()).named("revoked").unwrap().path;
    Invites::of(proxy.data.path()).revoke("revoked").unwrap();
    let data = proxy.data.path().display();
    let root = folder.path().join("site");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("index.html"), "<h1>Bicycles</h1>").unwrap();
    let site = format!(
        "root {};\nserver {{ listen 127.0.0.1:{bare}; }}\n\
         server {{ listen 127.0.0.1:{bare_tls} ssl; ssl_certificate {data}/certificate.pem; ssl_certificate_key {data}/certificate-key.pem; }}",
        root.display()
    );
    let _nginx = front("/usr/sbin/nginx", &["-c"], folder.path(), "nginx.conf", &nginx_config(folder.path(), "", &site));
    listening(bare).await;
    for (name, probe) in probes(&proxy.link.path, &revoked) {
        let expected = answer(TcpStream::connect(("127.0.0.1", bare)).await.unwrap(), &probe).await;
        let got = answer(TcpStream::connect(proxy.plain()).await.unwrap(), &probe).await;
        assert_eq!(got, expected, "{name}");
        let expected = answer(tls_to(([127, 0, 0, 1], bare_tls).into(), proxy.link.pin.clone()).await, &probe).await;
        assert_eq!(answer_in_tls(&proxy, &probe).await, expected, "{name}, in TLS");
    }
    let plain_on_tls = house::get("/");
    let expected = answer(TcpStream::connect(("127.0.0.1", bare_tls)).await.unwrap(), &plain_on_tls).await;
    assert_eq!(answer(TcpStream::connect(proxy.tls()).await.unwrap(), &plain_on_tls).await, expected, "HTTP where TLS is spoken");
}

#[tokio::test]
async fn nmap_sees_a_web_server() {
    let service = Service::start().await;
    let proxy = Running::start(&service.link, &["--signal", "--whatsapp", "--whatsapp-media-ports=off"]).await;
    let ports = format!("{},{}", proxy.tls().port(), proxy.plain().port());
    let scan = tokio::process::Command::new("nmap").args(["-Pn", "-sT", "-sV", "-p", &ports, "127.0.0.1"]).output();
    let scan = scan.await.expect("nmap is needed: ./x test installs it");
    let seen = String::from_utf8_lossy(&scan.stdout).into_owned();
    let services: Vec<_> = seen.lines().filter(|line| line.contains("/tcp")).collect();
    assert_eq!(services.len(), 2, "{seen}");
    assert!(services.iter().all(|line| line.contains("http") && line.ends_with("nginx")), "{seen}");
}

/// What somebody sends who wants to know what is there, each on a connection of its own.
fn probes(path: &str, revoked: &str) -> Vec<(&'static str, Vec<u8>)> {
    let get = |path: &str| house::get(path);
    let upgrade = |path: &str| {
        let request = Upgrade::new(vec![7; 120], &mut rand::rng()).to_request("x", path);
        String::from_utf8(request).unwrap().replace("Connection: Upgrade", "Connection: Upgrade, close").into_bytes()
    };
    let raw = |text: &str| text.as_bytes().to_vec();
    let close = "Host: x\r\nConnection: close\r\n\r\n";
    vec![
        ("home", get("/")),
        ("nothing there", get("/nothing-here")),
        ("the secret without an upgrade", get(path)),
        ("a secret cut short", upgrade(&path[..path.len() - 1])),
        ("a secret too long", upgrade(&format!("{path}x"))),
        ("a revoked secret, as it was used", upgrade(revoked)),
        ("an upgrade elsewhere", upgrade("/live")),
        ("the secret with another method", raw(&format!("POST {path} HTTP/1.1\r\nContent-Length: 0\r\n{close}"))),
        ("the secret in another case", upgrade(&path.to_uppercase())),
        ("HEAD", raw(&format!("HEAD / HTTP/1.1\r\n{close}"))),
        ("OPTIONS", raw(&format!("OPTIONS * HTTP/1.1\r\n{close}"))),
        ("TRACE", raw(&format!("TRACE / HTTP/1.1\r\n{close}"))),
        ("CONNECT", raw(&format!("CONNECT a:443 HTTP/1.1\r\n{close}"))),
        ("a method that is none", raw(&format!("BREW / HTTP/1.1\r\n{close}"))),
        ("HTTP/1.0", raw("GET / HTTP/1.0\r\n\r\n")),
        ("HTTP/0.9", raw("GET /\r\n")),
        ("HTTP/2 without asking", raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
        ("no host", raw("GET / HTTP/1.1\r\n\r\n")),
        ("a later version", raw(&format!("GET / HTTP/9.9\r\n{close}"))),
        ("small letters", raw("get nonsense\r\n\r\n")),
        ("a broken header", raw("GET / HTTP/1.1\r\nHost x\r\n\r\n")),
        ("a header without end", raw(&format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(40_000)))),
        ("two requests at once", [house::get("/"), house::get("/")].concat()),
        ("Signal's probe", client_hello("updates.signal.org")),
        ("WhatsApp's first bytes", raw("WA\u{6}\u{3}")),
        ("SOCKS", vec![5, 1, 0]),
        ("nothing but line ends", raw("\r\n\r\n")),
        ("no bytes at all", Vec::new()),
    ]
}

async fn passes(client: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), upstream: &TcpListener, bytes: &[u8]) {
    client.write_all(bytes).await.unwrap();
    let (mut there, _) = upstream.accept().await.unwrap();
    let mut got = vec![0; bytes.len()];
    there.read_exact(&mut got).await.unwrap();
    assert!(got == bytes, "nothing is put before it, and so nothing of the client's address");
    there.write_all(b"back").await.unwrap();
    let mut back = [0; 4];
    client.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"back");
}

async fn outer_tls(proxy: &Running) -> TlsStream<TcpStream> {
    tls_to(proxy.tls(), proxy.link.pin.clone()).await
}

async fn tls_to(address: SocketAddr, pin: Vec<u8>) -> TlsStream<TcpStream> {
    let config = umweg_io::tls::client_config(Some(pin.try_into().unwrap())).unwrap();
    let tcp = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(config).connect("road.example".try_into().unwrap(), tcp).await.unwrap()
}

async fn answer_in_tls(proxy: &Running, request: &[u8]) -> String {
    answer(outer_tls(proxy).await, request).await
}

/// The whole answer, without its date.
async fn answer(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, request: &[u8]) -> String {
    let _ = stream.write_all(request).await;
    let _ = stream.flush().await;
    if request.is_empty() || request == b"\r\n\r\n" || request == b"WA\x06\x03" {
        stream.shutdown().await.unwrap();
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split_inclusive('\n').filter(|line| !line.starts_with("Date: ")).collect()
}

fn client_hello(name: &str) -> Vec<u8> {
    let config = umweg_io::tls::client_config(None).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::clone(&config), name.to_owned().try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// A program that ends with the test.
struct Front(Child);

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn front(program: &str, arguments: &[&str], folder: &Path, file: &str, config: &str) -> Front {
    let file = folder.join(file);
    std::fs::write(&file, config).unwrap();
    let child = Command::new(program).args(arguments).arg(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Front(child.unwrap_or_else(|error| panic!("{program} is needed ({error}): ./x test installs it")))
}

fn nginx_config(folder: &Path, streams: &str, servers: &str) -> String {
    let folder = folder.display();
    format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\ndaemon off;\nmaster_process off;\npid {folder}/nginx.pid;\n\
         error_log /dev/null;\nevents {{}}\n{streams}\nhttp {{\naccess_log off;\nserver_tokens off;\nclient_body_temp_path {folder}/b;\n\
         proxy_temp_path {folder}/p;\nfastcgi_temp_path {folder}/f;\nuwsgi_temp_path {folder}/u;\nscgi_temp_path {folder}/s;\n{servers}\n}}\n"
    )
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn bound() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn listening(port: u16) {
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::task::yield_now().await;
    }
}
