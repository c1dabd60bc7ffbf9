//! The ports of a proxy: bound, then opened. What comes in is [`relay`](crate::relay)'s.

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::Semaphore;
use umweg_io::cores::Cores;
use umweg_io::door::Door;
use umweg_io::shutdown::Shutdown;
use umweg_io::tls::Live;
use umweg_road::first_bytes::Port;
use umweg_wire::proto::v1::ProxyLink;

use crate::acme::Acme;
use crate::invites::book::Book;
use crate::plan::{Plan, Ports};
use crate::relay::{Relay, Sent};
use crate::settings::{PortSetting, Settings};
use crate::share::{Reached, other_links};

/// A proxy whose ports are bound and not open yet.
pub struct Proxy {
    doors: Vec<(Door, Port)>,
    link: ProxyLink,
    other_links: Vec<(&'static str, String)>,
    book: Arc<Book>,
    relay: Arc<Relay>,
    acme: Option<Acme>,
    connections_max: usize,
}

impl Proxy {
    /// Binds every port of the plan, to be served by this runtime.
    pub async fn bind(plan: Plan) -> Result<Self> {
        Self::bind_on(plan, &Cores::here())
    }

    /// Binds every port of the plan, to be served by all of those.
    pub fn bind_on(plan: Plan, cores: &Cores) -> Result<Self> {
        let tls = plan.certificate.as_ref().map(|certificate| Live::new(certificate, plan.site.has_http2())).transpose()?;
        let settings = &plan.settings;
        let mut ports = Ports::default();
        let mut doors = Vec::new();
        let places = [
            (Port::Tls, settings.tls_port, &mut ports.tls),
            (Port::Plain, settings.plain_port, &mut ports.plain),
            (Port::Bare, settings.bare_port, &mut ports.bare),
        ];
        for (port, setting, bound) in places {
            if let Some(door) = bind(settings, port, setting, cores)? {
                *bound = door.address().port();
                let announced = settings.proxy_protocol.iter().any(|other| other.port == port && other.second.is_none());
                doors.push((if announced { door.announced() } else { door }, port));
            }
        }
        for other in &settings.proxy_protocol {
            if let Some(second) = other.second
                && let Some(door) = bind(settings, other.port, PortSetting::On(second), cores)?
            {
                doors.push((door.announced(), other.port));
            }
        }
        let mut media_port = None;
        for &setting in settings.whatsapp_media_ports.iter().filter(|_| settings.whatsapp) {
            if let Some(door) = bind(settings, Port::Through, setting, cores)? {
                media_port.get_or_insert(door.address().port());
                doors.push((door, Port::Through));
            }
        }
        let link = plan.link(ports)?;
        Reached::of(&settings.data).write(&link)?;
        let other_links = other_links(settings, &link, media_port);
        let (connections_max, book) = (settings.connections_max, Arc::clone(&plan.book));
        let relay = Relay { service: plan.service, book: plan.book, others: plan.others, tls, site: plan.site };
        Ok(Self { doors, link, other_links, book, relay: Arc::new(relay), acme: plan.acme, connections_max })
    }

    /// What the volunteer passes on.
    #[must_use]
    pub fn link(&self) -> &ProxyLink {
        &self.link
    }

    /// What the volunteer passes on to other messengers' people, with whose they are.
    #[must_use]
    pub fn other_links(&self) -> &[(&'static str, String)] {
        &self.other_links
    }

    /// Who may come in.
    #[must_use]
    pub fn book(&self) -> &Arc<Book> {
        &self.book
    }

    /// Lets people in until the end begins.
    pub fn open(self, shutdown: &Shutdown) {
        let permits = Arc::new(Semaphore::new(self.connections_max));
        for (door, port) in self.doors {
            let (relay, end) = (Arc::clone(&self.relay), shutdown.clone());
            let sent = if door.is_announced() { Sent::ByServer } else { Sent::ByClient };
            door.open(Arc::clone(&permits), shutdown, move |tcp, what, permit| {
                let (relay, end) = (Arc::clone(&relay), end.clone());
                async move { relay.handle(tcp, (port, what, sent), permit, &end).await }
            });
        }
        if let (Some(acme), Some(tls)) = (self.acme, self.relay.tls.clone()) {
            shutdown.spawn_until_begun(acme.keep(tls));
        }
        shutdown.spawn_until_begun(self.book.keep());
        let relay = Arc::clone(&self.relay);
        shutdown.spawn_until_begun(async move { relay.others.keep_list().await });
        let relay = self.relay;
        shutdown.spawn_until_begun(async move { relay.watch_service().await });
    }
}

fn bind(settings: &Settings, port: Port, setting: PortSetting, cores: &Cores) -> Result<Option<Door>> {
    match setting.at(settings.listen) {
        Some(address) => Ok(Some(Door::bind_on(port, address, cores)?)),
        None => Ok(None),
    }
}
