//! Testing a proxy: does the service answer through it, in any form of the road?

use umweg_client::view::ProxyStanding;
use umweg_io::dial::{DialError, Who, test};
use umweg_road::{Form, RoadChoice};
use umweg_wire::limits::DIAL_GAP;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

use super::trouble::trouble;

/// Tries the forms that the link offers, the best first; the first failure is told, because that form is the one to mend.
pub(super) async fn test_proxy(proxy: &ProxyLink, service: &ServiceLink) -> ProxyStanding {
    let mut first_failure = None;
    for form in Form::ALL {
        let road = RoadChoice::via(proxy.clone(), form);
        if road.endpoint(service).is_none() {
            continue;
        }
        if first_failure.is_some() {
            tokio::time::sleep(DIAL_GAP).await;
        }
        match test(&road, service).await {
            Ok(took) => return ProxyStanding::Works { ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX) },
            Err(error) => first_failure = first_failure.or(Some(error)),
        }
    }
    // A link that names no port is no link: `umweg_wire::links`.
    let failure = first_failure.unwrap_or(DialError::NotOffered(Who::Proxy));
    ProxyStanding::Failed { trouble: trouble(&failure) }
}
