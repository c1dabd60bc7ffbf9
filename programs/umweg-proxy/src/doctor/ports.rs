//! The ports: free for the proxy, or already its own, and then whether a road through it leads to the service.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use umweg_io::dial::{DialError, Form, RoadChoice, test};
use umweg_io::door::{BindError, Door};
use umweg_io::tls::Certificate;
use umweg_road::first_bytes::Port;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

use super::Finding;
use crate::invites::Invites;
use crate::settings::{PortSetting, Settings};
use crate::share::Reached;

const ABOUT: &str = "port";

/// What a port turned out to be.
enum Found {
    Free,
    Ours,
    Finding(Finding),
}

pub(super) async fn examine(settings: &Settings, service: &ServiceLink) -> Vec<Finding> {
    let path = Invites::of(&settings.data).read().ok().and_then(|invites| Some(invites.into_iter().next()?.path));
    let mut findings = Vec::new();
    let mut ours = false;
    for (form, kind, setting) in [
        (Form::Tls, Port::Tls, settings.tls_port),
        (Form::Plain, Port::Plain, settings.plain_port),
        (Form::Bare, Port::Bare, settings.bare_port),
    ] {
        let Some(address) = setting.at(settings.listen).filter(|address| address.port() != 0) else { continue };
        let announced = settings.proxy_protocol.iter().any(|other| other.port == kind && other.second.is_none());
        let tried = path.as_ref().filter(|_| !announced);
        let link = tried.map(|path| link_here(address, form, path, pin(&settings.data)));
        findings.push(match look(address, kind, form, link, service).await {
            Found::Free => Finding::ok(ABOUT, format!("{} is free for the proxy", address.port())),
            Found::Ours => {
                ours = true;
                Finding::ok(ABOUT, format!("{} is this proxy's, and a road through it leads to the service", address.port()))
            }
            Found::Finding(finding) => finding,
        });
    }
    let media = settings.whatsapp_media_ports.iter().filter(|_| settings.whatsapp).copied();
    let second = settings.proxy_protocol.iter().filter_map(|announced| announced.second).map(PortSetting::On);
    for address in media.chain(second).filter_map(|setting| setting.at(settings.listen)).filter(|_| !ours) {
        findings.push(match Door::bind(Port::Through, address).await {
            Ok(_) => Finding::ok(ABOUT, format!("{} is free for the proxy", address.port())),
            Err(error) => not_bound(&error, address.port()),
        });
    }
    findings.push(by_its_name(settings, service, path.filter(|_| ours)).await);
    findings
}

async fn look(address: SocketAddr, kind: Port, form: Form, link: Option<ProxyLink>, service: &ServiceLink) -> Found {
    let port = address.port();
    match (Door::bind(kind, address).await, link) {
        (Ok(_), _) => Found::Free,
        (Err(BindError::Taken(_)), Some(link)) => match test(&RoadChoice::via(link, form), service).await {
            Ok(_) => Found::Ours,
            Err(DialError::ServiceBehind) => Found::Finding(Finding::problem(
                ABOUT,
                format!("{port} is this proxy's, but it does not reach the service"),
                "is the service running, and is its link current?",
            )),
            Err(error) => Found::Finding(Finding::problem(
                ABOUT,
                format!("{port} is taken, and not by this proxy: {error}"),
                format!(
                    "`ss --listening --tcp --processes 'sport = :{port}'` as root names who has it. Stop that program, choose another port, or \
                     put the proxy in front of it (--site-upstream)"
                ),
            )),
        },
        (Err(BindError::Taken(_)), None) => Found::Finding(Finding::warning(
            ABOUT,
            format!("{port} is taken, and it cannot be tried from here by whom"),
            format!("`ss --listening --tcp --processes 'sport = :{port}'` as root names who has it"),
        )),
        (Err(error), _) => Found::Finding(not_bound(&error, port)),
    }
}

fn not_bound(error: &BindError, port: u16) -> Finding {
    let words = error.to_string();
    let (found, advice) = words.split_once(": ").unwrap_or((&words, "choose another port or address"));
    Finding::problem(ABOUT, format!("{port} cannot be opened: {found}"), advice)
}

/// The proxy at its address on this machine, known by its certificate's key whatever name is in it.
fn link_here(address: SocketAddr, form: Form, path: &str, pin: Option<[u8; 32]>) -> ProxyLink {
    let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    let port = |this| if this == form { address.port().into() } else { 0 };
    ProxyLink {
        host: ip.to_string(),
        tls_port: port(Form::Tls),
        plain_port: port(Form::Plain),
        bare_port: port(Form::Bare),
        pin: pin.map(Vec::from).unwrap_or_default(),
        path: path.to_owned(),
        name: String::new(),
    }
}

/// Of the certificate that the proxy shows, as far as it stands in its folder.
fn pin(data: &Path) -> Option<[u8; 32]> {
    let file = data.join("acme-certificate.pem");
    let got = std::fs::read(&file).ok().and_then(|pem| Certificate::from_pem(&pem, &file).ok());
    let own = || Certificate::from_pem_files(&data.join("certificate.pem"), &data.join("certificate-key.pem")).ok();
    got.or_else(own)?.pin().ok()
}

async fn by_its_name(settings: &Settings, service: &ServiceLink, path: Option<String>) -> Finding {
    let about = "road";
    let Some(path) = path else {
        let advice = "start it with these settings and ask again: then a road through it is tried, by its public name too";
        return Finding::warning(about, "the proxy does not run here, so no road was tried", advice);
    };
    let link = match Reached::of(&settings.data).link(&path) {
        Ok(link) => link,
        Err(error) => return Finding::warning(about, error.to_string(), "then ask again"),
    };
    let form = Form::ALL.into_iter().find(|&form| RoadChoice::via(link.clone(), form).endpoint(service).is_some());
    match test(&RoadChoice::via(link, form.unwrap_or(Form::Tls)), service).await {
        Ok(took) => Finding::ok(
            about,
            format!("a road by the proxy's public name leads to the service, from this machine in {} ms", took.as_millis()),
        ),
        Err(error) => Finding::warning(
            about,
            format!("no road by the proxy's public name from this machine: {error}"),
            "some routers don't lead back to their own network; if it does not work from elsewhere either, look at what stands above and at the \
             firewall",
        ),
    }
}
