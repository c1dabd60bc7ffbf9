//! Where the proxy leads: the service, what is beside it, and the clock that the service's machine shows.

use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use umweg_wire::proto::v1::ServiceLink;

use super::Finding;
use crate::acme::Acme;
use crate::settings::Settings;
use crate::upstreams::{Connector, List, Place};

const PATIENCE: Duration = Duration::from_secs(5);
/// The head of an answer is shorter.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// Nothing depends on seconds.
const CLOCK_GOOD: Duration = Duration::from_secs(60);
/// Certificates that are new or near their end are refused from about here on.
const CLOCK_BEARABLE: Duration = Duration::from_secs(60 * 60);

pub(super) async fn examine(settings: &Settings, service: &ServiceLink) -> Vec<Finding> {
    let host = service.host.trim_start_matches('[').trim_end_matches(']');
    let mut findings = match u16::try_from(service.relay_port) {
        Ok(port) => service_and_clock(host, port).await,
        Err(_) => Vec::new(),
    };
    if let Some(url) = &settings.site_upstream {
        let about = "web site";
        findings.push(match reach_url(url).await {
            Ok(()) => Finding::ok(about, format!("your web site behind the proxy answers at {url}")),
            Err(why) => Finding::problem(about, format!("your web site at {url} {why}"), "start it, or correct --site-upstream"),
        });
    }
    if let (None, Ok(Some(_))) = (&settings.cert, Acme::new(settings)) {
        let (about, url) = ("authority", &settings.acme_directory);
        findings.push(match reach_url(url).await {
            Ok(()) => Finding::ok(about, "the certificate authority can be reached"),
            Err(why) => {
                Finding::problem(about, format!("the certificate authority at {url} {why}"), "may this machine connect out to it?")
            }
        });
    }
    findings.extend(messengers(settings).await);
    findings
}

async fn service_and_clock(host: &str, port: u16) -> Vec<Finding> {
    let about = "service";
    let mut tcp = match connect(host, port).await {
        Ok(tcp) => tcp,
        Err(why) => {
            let advice = "is the service running, is its link current, and may this machine connect out to that port?";
            return vec![Finding::problem(about, format!("the service's port for proxies {why}"), advice)];
        }
    };
    let mut findings = vec![Finding::ok(about, "the service's port for proxies can be reached")];
    let theirs = timeout(PATIENCE, date_shown(&mut tcp, host)).await.ok().flatten();
    findings.push(theirs.map_or_else(
        || Finding::warning("clock", "the service did not tell the time", "compare this machine's clock by hand: `timedatectl`"),
        |theirs| clock(SystemTime::now(), theirs),
    ));
    findings
}

/// The date of a web server's answer (RFC 9110, section 6.6.1).
async fn date_shown(tcp: &mut TcpStream, host: &str) -> Option<SystemTime> {
    let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.ok()?;
    let mut head = Vec::new();
    tcp.take(HEAD_BYTES_MAX as u64).read_to_end(&mut head).await.ok()?;
    let head = String::from_utf8_lossy(&head);
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let date = lines.filter(|(name, _)| name.eq_ignore_ascii_case("date")).map(|(_, value)| value.trim()).next()?;
    httpdate::parse_http_date(date).ok()
}

fn clock(ours: SystemTime, theirs: SystemTime) -> Finding {
    let (difference, way) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let advice = "is it this clock that is wrong? `timedatectl set-ntp true` lets the system set it";
    let found = format!("this machine's clock is {} minutes {way} the service's", difference.as_secs() / 60);
    if difference < CLOCK_GOOD {
        Finding::ok("clock", "this machine's clock agrees with the service's")
    } else if difference < CLOCK_BEARABLE {
        Finding::warning("clock", found, advice)
    } else {
        Finding::problem("clock", format!("{found}: certificates and invites go by it"), advice)
    }
}

async fn messengers(settings: &Settings) -> Vec<Finding> {
    if !settings.signal && !settings.whatsapp {
        return Vec::new();
    }
    let list = match (&settings.upstreams, &settings.upstreams_key) {
        (Some(file), Some(key)) => List::signed(file, key),
        _ => Ok(List::built_in()),
    };
    let list = match list {
        Ok(list) => list,
        Err(error) => return vec![Finding::problem("upstreams", error.to_string(), "correct --upstreams, or leave it away")],
    };
    let connector = Connector::new(settings.connect_to.clone());
    let mut findings = Vec::new();
    for (about, place) in places(settings, &list) {
        let Place { host, port } = &place;
        findings.push(match connector.connect(&place).await {
            Ok(_) => Finding::ok(about, format!("{host} can be reached")),
            Err(error) => Finding::problem(
                about,
                format!("{host} cannot be reached at port {port}: {error}"),
                "may this machine connect out, and is that messenger blocked where it stands? Then leave its switch away",
            ),
        });
    }
    findings
}

/// Of Signal's hosts those without which nothing goes.
fn places(settings: &Settings, list: &List) -> Vec<(&'static str, Place)> {
    let signal = ["chat.signal.org", "grpc.chat.signal.org"].into_iter().filter(|_| settings.signal);
    let mut places: Vec<_> = signal.filter_map(|host| Some(("signal", list.signal(host)?))).collect();
    if settings.whatsapp {
        places.extend([list.whatsapp_chat(), list.whatsapp_media()].map(|place| ("whatsapp", place)));
    }
    places
}

async fn reach_url(url: &str) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").ok_or("is no URL")?;
    let authority: axum::http::uri::Authority =
        rest.split(['/', '?']).next().unwrap_or_default().parse().map_err(|_| "has no host".to_owned())?;
    let port = authority.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    connect(authority.host().trim_start_matches('[').trim_end_matches(']'), port).await.map(drop)
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    use std::io::ErrorKind::{ConnectionRefused, ConnectionReset};
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(tcp)) => Ok(tcp),
        Ok(Err(error)) if error.kind() == ConnectionRefused => Err(format!("is closed ({host}, port {port})")),
        Ok(Err(error)) if error.kind() == ConnectionReset => Err(format!("cuts connections off ({host}, port {port})")),
        Ok(Err(error)) => Err(format!("cannot be reached ({host}, port {port}): {error}")),
        Err(_) => Err(format!("does not answer ({host}, port {port})")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_may_differ_a_little() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (minutes, state) in [(0, State::Ok), (10, State::Warning), (600, State::Problem)] {
            let other = now + Duration::from_secs(minutes * 60);
            assert_eq!([clock(now, other).state, clock(other, now).state], [state; 2], "{minutes} minutes");
        }
        assert!(clock(now, now + CLOCK_BEARABLE).found.contains("60 minutes behind"));
    }

    #[tokio::test]
    async fn a_closed_port_is_told_from_what_is_no_url() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(reach_url(&format!("http://{free}/x")).await.unwrap_err().contains("is closed"));
        assert_eq!(reach_url("nonsense").await.unwrap_err(), "is no URL");
    }
}
