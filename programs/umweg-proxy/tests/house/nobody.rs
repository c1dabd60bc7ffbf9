//! A service that is not there.

use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ServiceLink;

/// Its link.
pub(crate) fn service() -> String {
    let link = ServiceLink {
        host: "127.0.0.1".into(),
        static_key: vec![1; 32],
        path: "/live".into(),
        relay_port: 9,
        tls_port: 9,
        ..Default::default()
    };
    link.to_link()
}
