//! What can be connected to: data, without an order.

use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

/// By whom the bytes go.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Way {
    /// Straight to the service.
    Direct,
    /// By a volunteer's proxy.
    Via(ProxyLink),
}

/// What stands around the sealed session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Form {
    /// TLS, then an upgrade to WebSocket.
    Tls,
    /// The same upgrade without TLS.
    Plain,
    /// Nothing.
    Bare,
}

impl Form {
    /// The least conspicuous first.
    pub const ALL: [Self; 3] = [Self::Tls, Self::Plain, Self::Bare];
}

/// How what goes by a road is spread over connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Carriage {
    /// One connection for all.
    #[default]
    Whole,
    /// Many short ones, each below what a censor freezes ([`crate::bites`]).
    Bites,
}

/// One road that can be dialed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RoadChoice {
    /// By whom.
    pub way: Way,
    /// In what form.
    pub form: Form,
}

/// Where a road's first connection goes, and how to know who is there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or a bare address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What to connect by.
    pub form: Form,
    /// Of the upgrade.
    pub path: String,
    /// SHA-256 of the certificate's SubjectPublicKeyInfo; without it the web's authorities decide.
    pub pin: Option<[u8; 32]>,
}

impl RoadChoice {
    /// The direct road in that form, if the service offers it.
    #[must_use]
    pub fn direct(form: Form) -> Self {
        Self { way: Way::Direct, form }
    }

    /// The road by that proxy.
    #[must_use]
    pub fn via(proxy: ProxyLink, form: Form) -> Self {
        Self { way: Way::Via(proxy), form }
    }

    /// Whom the network sees us connect to.
    pub(crate) fn name<'a>(&'a self, service: &'a ServiceLink) -> &'a str {
        match &self.way {
            Way::Direct => &service.host,
            Way::Via(proxy) => &proxy.host,
        }
    }

    /// Where it leads first. `None`: that form is not offered there, or the link is not whole.
    #[must_use]
    pub fn endpoint(&self, service: &ServiceLink) -> Option<Endpoint> {
        let (host, path, pin, ports) = match &self.way {
            Way::Direct => (&service.host, &service.path, &service.pin, [service.tls_port, service.plain_port, service.bare_port]),
            Way::Via(proxy) => (&proxy.host, &proxy.path, &proxy.pin, [proxy.tls_port, proxy.plain_port, proxy.bare_port]),
        };
        let port = match self.form {
            Form::Tls => ports[0],
            Form::Plain => ports[1],
            Form::Bare => ports[2],
        };
        let port = u16::try_from(port).ok().filter(|&port| port != 0)?;
        let pin = if pin.is_empty() { None } else { Some(pin.as_slice().try_into().ok()?) };
        Some(Endpoint { host: host.clone(), port, form: self.form, path: path.clone(), pin })
    }
}

/// Every road that service and proxies offer: the direct ones first, the least conspicuous form first.
#[must_use]
pub fn roads(service: &ServiceLink, proxies: &[ProxyLink]) -> Vec<RoadChoice> {
    let ways = std::iter::once(Way::Direct).chain(proxies.iter().cloned().map(Way::Via));
    let all: Vec<_> = ways.flat_map(|way| Form::ALL.map(|form| RoadChoice { way: way.clone(), form })).collect();
    all.into_iter().filter(|road| road.endpoint(service).is_some()).collect()
}
