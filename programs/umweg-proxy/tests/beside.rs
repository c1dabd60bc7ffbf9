//! A proxy beside other things: other web servers before and behind it, other messengers' people, and those who want to know what
//! it is.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;

use data_encoding::BASE64;
use ed25519_dalek::{Signer, SigningKey};
use house::hello::client_hello;
use house::neighbours::{answer_in_tls, front, listening, nginx_config, outer_tls};
use house::ports::free_port;
use house::{Running, Service, exchange, nobody_came};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use umweg_io::dial::{Form, RoadChoice, dial};
use umweg_io::session::Purpose;
use umweg_io::tls::Certificate;
use umweg_proxy::invites::{FIRST, Invite, Invites};
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
async fn behind_a_real_caddy_that_holds_the_certificate_the_road_is_the_same() {
    let mut service = Service::start().await;
    let (folder, port, behind) = (tempfile::tempdir().unwrap(), free_port(), free_port());
    let certificate = Certificate::load_or_make(folder.path(), "127.0.0.1").unwrap();
    let (public, plain) = (format!("--public-tls-port={port}"), format!("--plain-port={behind}"));
    let proxy = Running::start(&service.link, &["--tls-port=off", &public, &plain, "--public-plain-port=off"]).await;
    assert_eq!((proxy.link.tls_port, proxy.link.plain_port), (port.into(), 0), "people reach the other server, and nothing else");
    assert!(proxy.link.pin.is_empty(), "its certificate is one that everybody trusts");
    let caddy = format!(
        "{{\n admin off\n auto_https off\n default_sni 127.0.0.1\n}}\nhttps://127.0.0.1:{port} {{\n\
         tls {folder}/certificate.pem {folder}/certificate-key.pem\n reverse_proxy 127.0.0.1:{behind}\n}}\n",
        folder = folder.path().display()
    );
    let _caddy = front("/usr/bin/caddy", &["run", "--adapter", "caddyfile", "--config"], folder.path(), "Caddyfile", &caddy);
    listening(port).await;
    let link = ProxyLink { pin: certificate.pin().unwrap().to_vec(), ..proxy.link.clone() };
    let mut client = dial(&RoadChoice::via(link, Form::Tls), &service.link, Purpose::Rpc).await.unwrap();
    let mut served = service.arrivals.rpc.recv().await.unwrap();
    assert_eq!(exchange(&mut client, &mut served, b"by another server").await, b"by another server");
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
    assert!(nobody_came(other));
    assert!(proxy.other_links[0].1.starts_with("https://signal.tube/#127.0.0.1"));
}

#[tokio::test]
async fn a_list_that_changes_on_the_disk_leads_people_elsewhere_but_never_into_the_hosts_own_network() {
    let service = Service::start().await;
    let [before, after, inside] = [bound().await, bound().await, bound().await];
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (folder.path().join("list.toml"), SigningKey::from_bytes(&[7; 32]));
    let inside_port = inside.local_addr().unwrap().port();
    let write = |serial: u64, hosts: &str| {
        // A name of this machine's own, which a list may hold and which leads nowhere all the same.
        let text = format!(
            "serial = {serial}\n[signal]\nhosts = [{hosts}]\n[whatsapp]\nchat = \"g.whatsapp.net\"\nchat-port = 5222\nchat-web-port = 80\n\
             media = \"localhost\"\nmedia-port = {inside_port}\n"
        );
        std::fs::write(&file, &text).unwrap();
        std::fs::write(folder.path().join("list.toml.sig"), key.sign(text.as_bytes()).to_bytes()).unwrap();
    };
    write(3_000_000_000, "\"before.example\"");
    let to = format!(
        "--connect-to=before.example:443:{},after.example:443:{}",
        before.local_addr().unwrap(),
        after.local_addr().unwrap()
    );
    let media_port = free_port();
    let media_ports = format!("--whatsapp-media-ports={media_port}");
    let list = format!("--upstreams={}", file.display());
    let trusted = format!("--upstreams-key={}", BASE64.encode(key.verifying_key().as_bytes()));
    let proxy = Running::start(&service.link, &["--signal", "--whatsapp", &media_ports, &to, &list, &trusted]).await;
    passes(&mut outer_tls(&proxy).await, &before, &client_hello("before.example")).await;
    let refused = answer_in_tls(&proxy, &client_hello("after.example")).await;
    assert!(refused.starts_with("HTTP/1.1 400 Bad Request\r\n"));

    write(3_000_000_001, "\"after.example\"");
    let hello = client_hello("after.example");
    let mut led = loop {
        let mut client = outer_tls(&proxy).await;
        client.write_all(&hello).await.unwrap();
        let mut first = [0];
        tokio::select! {
            came = after.accept() => break came.unwrap().0,
            // Not yet: it is still a bad request.
            _ = client.read(&mut first) => {}
        }
    };
    let mut got = vec![0; hello.len()];
    led.read_exact(&mut got).await.unwrap();
    assert!(got == hello);
    assert_eq!(answer_in_tls(&proxy, &client_hello("before.example")).await, refused, "what is off the list is off");
    let mut by_media = TcpStream::connect(("127.0.0.1", media_port)).await.unwrap();
    by_media.write_all(b"to the inside").await.unwrap();
    assert_eq!(by_media.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert!(nobody_came(inside));
}

#[tokio::test]
async fn whatsapp_learns_addresses_only_where_the_volunteer_wants_it() {
    let service = Service::start().await;
    let [chat, web, media] = [bound().await, bound().await, bound().await];
    let to = in_whatsapps_place([&chat, &web, &media]);
    let (media_port, twin) = (free_port(), free_port());
    let announced = format!("--proxy-protocol=bare={twin}");
    let media_ports = format!("--whatsapp-media-ports={media_port}");
    let proxy = Running::start(&service.link, &["--whatsapp", "--whatsapp-tell-addresses", &to, &media_ports, &announced]).await;
    let hello = b"WA\x06\x03and what follows";
    let told = async |client: &mut TcpStream, upstream: &TcpListener| {
        client.write_all(hello).await.unwrap();
        let mut said = Vec::new();
        let (mut there, _) = upstream.accept().await.unwrap();
        while !said.ends_with(hello) {
            assert!(there.read_buf(&mut said).await.unwrap() > 0);
        }
        String::from_utf8(said[..said.len() - hello.len()].to_vec()).unwrap()
    };
    for (door, upstream) in [(proxy.plain(), &web), (proxy.bare(), &chat)] {
        let mut client = TcpStream::connect(door).await.unwrap();
        let expected = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", client.local_addr().unwrap().port(), door.port());
        assert_eq!(told(&mut client, upstream).await, expected);
    }
    let mut by_media = TcpStream::connect(("127.0.0.1", media_port)).await.unwrap();
    assert_eq!(told(&mut by_media, &media).await, "", "for pictures and files it is told nothing");
    let mut by_server = TcpStream::connect(("127.0.0.1", twin)).await.unwrap();
    by_server.write_all(b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 5222\r\n").await.unwrap();
    assert_eq!(told(&mut by_server, &chat).await, "PROXY UNKNOWN\r\n", "what another server told was thrown away");
}

#[tokio::test]
async fn whatsapps_people_are_led_to_whatsapp() {
    let service = Service::start().await;
    let [chat, web, media] = [bound().await, bound().await, bound().await];
    let to = in_whatsapps_place([&chat, &web, &media]);
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

/// For all that is asked of WhatsApp: who stands in for its chats, by the bare port and by the web's, and for its media.
fn in_whatsapps_place([chat, web, media]: [&TcpListener; 3]) -> String {
    let [chat, web, media] = [chat, web, media].map(|upstream| upstream.local_addr().unwrap());
    format!("--connect-to=g.whatsapp.net:5222:{chat},g.whatsapp.net:80:{web},whatsapp.net:443:{media}")
}

async fn bound() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}
