//! The ways of a participant (`umweg_sfu::ways`), with the router's connections.

use umweg_io::media::MediaSender;
pub(super) use umweg_sfu::ways::{Role, Way};

use super::link::LinkId;

pub(super) type Ways = umweg_sfu::ways::Ways<LinkId, MediaSender>;
pub(super) type WayId = umweg_sfu::ways::WayId<LinkId>;
