//! A proxy in front of a service, end to end on loopback with real TLS.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;

use house::{Running, Service, ask, exchange, get, nobody_came, service_link};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use umweg_io::clock;
use umweg_io::dial::{DialError, Form, RoadChoice, Who, dial};
use umweg_io::listen::Doors;
use umweg_io::session::{Purpose, SealedStream};
use umweg_road::ranking::{Failure, Output, ProxyUse, Ranking, Winners};
use umweg_road::upgrade::Upgrade;
use umweg_wire::Timestamp;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

#[tokio::test]
async fn every_form_of_the_road_by_a_proxy_ends_at_the_service() {
    let mut service = Service::start().await;
    let proxy = Running::start(&service.link, &[]).await;
    for form in Form::ALL {
        let mut client = dial(&RoadChoice::via(proxy.link.clone(), form), &service.link, Purpose::Rpc).await.unwrap();
        let mut served = service.arrivals.rpc.recv().await.unwrap();
        let sent: Vec<u8> = (0..200_000u32).map(|i| i.to_le_bytes()[1]).collect();
        assert!(exchange(&mut client, &mut served, &sent).await == sent, "{form:?}");
        assert!(exchange(&mut served, &mut client, &sent).await == sent, "{form:?}");
        drop(client);
        assert_eq!(served.read(&mut [0; 1]).await.unwrap_or(0), 0, "the service notices that the client has gone");
    }
    let _media = dial(&RoadChoice::via(proxy.link.clone(), Form::Tls), &service.link, Purpose::Media).await.unwrap();
    assert!(service.arrivals.media.recv().await.is_some());
}

#[tokio::test]
async fn a_proxy_that_is_full_turns_new_people_away_and_keeps_those_it_has() {
    let mut service = Service::start().await;
    let proxy = Running::start(&service.link, &["--connections-max=2"]).await;
    let road = RoadChoice::via(proxy.link.clone(), Form::Tls);
    let mut helped = Vec::new();
    for _ in 0..2 {
        let client = dial(&road, &service.link, Purpose::Rpc).await.unwrap();
        helped.push((client, service.arrivals.rpc.recv().await.unwrap()));
    }
    for _ in 0..20 {
        assert!(dial(&road, &service.link, Purpose::Rpc).await.is_err(), "there is no room");
    }
    for (client, served) in &mut helped {
        assert_eq!(exchange(client, served, b"still here").await, b"still here");
    }
    drop(helped.pop());
    while dial(&road, &service.link, Purpose::Rpc).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_lacks_the_secret_gets_the_web_sites_bytes_and_no_other() {
    let service = Service::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<h1>Bicycles</h1>").unwrap();
    std::fs::write(folder.path().join("secret.txt"), "outside").unwrap();
    std::fs::create_dir(folder.path().join("site")).unwrap();
    std::fs::write(folder.path().join("site/index.html"), "<h1>Bicycles</h1>").unwrap();
    let site = folder.path().join("site");
    let proxy = Running::start(&service.link, &["--site", site.to_str().unwrap()]).await;
    let web = proxy.plain();

    let home = ask(web, &get("/")).await;
    assert!(home.starts_with("HTTP/1.1 200 OK\r\n") && home.ends_with("<h1>Bicycles</h1>\r\n"));
    let unknown = ask(web, &get("/nothing-here")).await;
    assert!(unknown.starts_with("HTTP/1.1 404 Not Found\r\n"));

    let upgrade = Upgrade::new(vec![7; 120], &mut rand::rng());
    let guesses =
        [proxy.link.path[..proxy.link.path.len() - 1].to_owned(), format!("{}x", proxy.link.path), "/live".into(), "/admin".into()];
    for guess in &guesses {
        let request = String::from_utf8(upgrade.to_request("x", guess)).unwrap();
        let request = request.replace("Connection: Upgrade", "Connection: Upgrade, close").into_bytes();
        assert_eq!(ask(web, &request).await, unknown, "a wrong secret");
    }
    assert_eq!(ask(web, &get(&proxy.link.path)).await, unknown, "the right secret without an upgrade");
    for escape in ["/../secret.txt", "/%2e%2e/secret.txt", "//../secret.txt", "/.hidden"] {
        let answer = ask(web, &get(escape)).await;
        assert!(answer == unknown || answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{escape}: {answer}");
    }
}

#[tokio::test]
async fn it_is_no_open_relay() {
    let service = Service::start().await;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = other.local_addr().unwrap();
    let proxy = Running::start(&service.link, &[]).await;
    for request in [
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"),
        format!("GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {target}\r\nX-Forwarded-Host: {target}\r\nConnection: close\r\n\r\n"),
    ] {
        let answer = ask(proxy.plain(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 "), "a web server's answer");
    }
    let mut socks = vec![5, 1, 0];
    socks.extend_from_slice(&[5, 1, 0, 1, 127, 0, 0, 1]);
    socks.extend_from_slice(&target.port().to_be_bytes());
    for door in [proxy.plain(), proxy.bare()] {
        let _ = ask(door, &socks).await;
    }
    assert!(nobody_came(other), "nothing was connected to the other place");
}

#[tokio::test]
async fn the_service_learns_nothing_of_the_client() {
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = ServiceLink { relay_port: relay.local_addr().unwrap().port().into(), ..service_link([1; 32], Doors::default()) };
    let proxy = Running::start(&link, &[]).await;
    let upgrade = Upgrade::new(vec![7; 120], &mut rand::rng());
    let request = String::from_utf8(upgrade.to_request("proxy.example", &proxy.link.path)).unwrap();
    let request = request
        .replace("\r\nHost", "\r\nUser-Agent: Mine/1.0\r\nX-Forwarded-For: 192.0.2.7\r\nHost")
        .replace("Cookie: ", "Cookie: me=1; ");
    let mut client = TcpStream::connect(proxy.plain()).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    client.write_all(b"what follows").await.unwrap();
    let expected = [upgrade.to_request("127.0.0.1", "/live"), b"what follows".to_vec()].concat();
    let mut got = vec![0; expected.len()];
    // The proxy also looks now and then whether the service is there, and says nothing then.
    loop {
        let (mut service, _) = relay.accept().await.unwrap();
        if service.read_exact(&mut got).await.is_ok() {
            break;
        }
    }
    assert_eq!(String::from_utf8(got).unwrap(), String::from_utf8(expected).unwrap());
}

#[tokio::test]
async fn each_way_to_fail_says_what_it_is() {
    let service = Service::start().await;
    let proxy = Running::start(&service.link, &[]).await;
    let failure = async |link: ProxyLink, service: &ServiceLink| {
        dial(&RoadChoice::via(link, Form::Tls), service, Purpose::Rpc).await.err().unwrap()
    };
    let wrong_pin = ProxyLink { pin: vec![9; 32], ..proxy.link.clone() };
    assert_eq!(failure(wrong_pin, &service.link).await, DialError::WrongPin(Who::Proxy));
    let wrong_path = ProxyLink { path: "/guessed-wrong".into(), ..proxy.link.clone() };
    let not_ours = failure(wrong_path, &service.link).await;
    assert_eq!(not_ours.to_string(), "the proxy answered, but not as a proxy of ours (status 404): is the link current?");

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let gone = ServiceLink { relay_port: closed.into(), ..service.link.clone() };
    let without_service = Running::start(&gone, &[]).await;
    assert_eq!(failure(without_service.link.clone(), &service.link).await, DialError::ServiceBehind);
    let bare = dial(&RoadChoice::via(without_service.link.clone(), Form::Bare), &service.link, Purpose::Rpc).await.err().unwrap();
    assert_eq!(bare, DialError::ServiceBehind);
}

#[tokio::test]
async fn when_a_proxy_dies_the_ranking_finds_the_second_one() {
    let mut service = Service::start().await;
    let (first, second) = (Running::start(&service.link, &[]).await, Running::start(&service.link, &[]).await);
    let proxies = vec![first.link.clone(), second.link.clone()];
    let mut ranking = Ranking::new(service.link.clone(), Winners::default(), 1);
    let mut now = clock::now();
    ranking.handle_roads(proxies, ProxyUse::Always, now);

    let (attempt, mut client) = seek(&mut ranking, &mut now, &service.link).await;
    let mut served = service.arrivals.rpc.recv().await.unwrap();
    assert_eq!(exchange(&mut client, &mut served, b"by the first").await, b"by the first");
    assert!(ranking.road().unwrap().way == umweg_road::Way::Via(first.link.clone()));

    first.stop().await;
    assert_eq!(client.read(&mut [0; 1]).await.unwrap_or(0), 0, "the dead road is noticed");
    ranking.handle_lost(attempt, now);
    let (_, mut client) = seek(&mut ranking, &mut now, &service.link).await;
    let mut served = service.arrivals.rpc.recv().await.unwrap();
    assert_eq!(exchange(&mut client, &mut served, b"by the second").await, b"by the second");
    assert!(ranking.road().unwrap().way == umweg_road::Way::Via(second.link.clone()));
}

/// As an app does it: dials what the ranking says, one after the other, until there is a road. The time between is not waited for:
/// it is told that it has come.
async fn seek(ranking: &mut Ranking, now: &mut Timestamp, service: &ServiceLink) -> (umweg_road::ranking::Attempt, SealedStream) {
    loop {
        while let Some(output) = ranking.poll_output() {
            let Output::Dial { attempt, road, .. } = output else { continue };
            match dial(&road, service, Purpose::Rpc).await {
                Ok(stream) => {
                    ranking.handle_result(attempt, Ok(()), *now);
                    return (attempt, stream);
                }
                Err(error) => {
                    let failure = if error.made_no_connection() { Failure::NoConnection } else { Failure::Broken };
                    ranking.handle_result(attempt, Err(failure), *now);
                }
            }
        }
        *now = ranking.poll_timeout(*now).expect("a road is sought");
        ranking.handle_timeout(*now);
    }
}
