//! Links come from anywhere: a chat, a web page, a QR code on a wall.

use umweg_wire::limits::LINK_BYTES_MAX;
use umweg_wire::links::Linked;
use umweg_wire::proto::{sealed, v1};

use super::Target;

pub(super) const LINKS: Target = Target {
    name: "links",
    decodes: "umweg:// links that a person pastes or scans",
    bytes_max: LINK_BYTES_MAX + 1,
    run: |input| {
        let text = String::from_utf8_lossy(input);
        reads_what_it_wrote(v1::ServiceLink::from_link(&text));
        reads_what_it_wrote(v1::ProxyLink::from_link(&text));
        reads_what_it_wrote(sealed::ContactCard::from_link(&text));
    },
    seeds: || vec![service().to_link().into(), proxy().to_link().into(), contact().to_link().into()],
};

/// What was let through is whole, so it can be passed on.
fn reads_what_it_wrote<L: Linked + PartialEq, E>(read: Result<L, E>) {
    if let Ok(link) = read {
        let again = L::from_link(&link.to_link());
        assert!(again.is_ok_and(|again| again == link), "a link that was read cannot be written and read again");
    }
}

fn service() -> v1::ServiceLink {
    v1::ServiceLink {
        host: "umweg.example".into(),
        static_key: vec![1; 32],
        tls_port: 443,
        path: "/live".into(),
        relay_port: 4433,
        ..Default::default()
    }
}

fn proxy() -> v1::ProxyLink {
    v1::ProxyLink {
        host: "192.0.2.1".into(),
        tls_port: 443,
        pin: vec![2; 32],
        path: "/secret".into(),
        name: "Ada's".into(),
        ..Default::default()
    }
}

fn contact() -> sealed::ContactCard {
    let key = || vec![3; 32];
    sealed::ContactCard {
        account_key: key(),
        inbox: key(),
        link_secret: key(),
        inbox_key: key(),
        name: "Ada".into(),
        service: vec![4; 8],
    }
}
