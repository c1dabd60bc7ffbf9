//! What the program itself remembers, in a table of its own in the person's database: the service, the port and the lasting secret of
//! its pages, and which road led through in which network.

use rusqlite::{Connection, OptionalExtension};
use umweg_road::ranking::Winners;
use umweg_wire::links::{Linked, WrongLink};
use umweg_wire::proto::v1::ServiceLink;

use super::vault::{VaultError, from_store};
use crate::pages::Secret;

const SERVICE: &str = "service";
const PORT: &str = "port";
const PAGES_SECRET: &str = "pages_secret";
const WINNERS: &str = "winners";

/// Why the service is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    #[error("no service is known yet: start with --service LINK; the operator of a service gives you its link")]
    None,
    #[error("failed to use the link of --service")]
    WrongLink(#[from] WrongLink),
    #[error("this folder belongs to another service: choose another folder with --data for an account there")]
    Other,
    #[error(transparent)]
    Store(VaultError),
}

impl From<rusqlite::Error> for ServiceError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(from_store(error))
    }
}

/// The program's own table.
pub(crate) struct Settings(Connection);

impl Settings {
    /// On this connection, which is not the client's.
    pub(crate) fn open(database: Connection) -> rusqlite::Result<Self> {
        database.execute_batch("CREATE TABLE IF NOT EXISTS program_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")?;
        Ok(Self(database))
    }

    /// The service of this folder's account; `given` is remembered the first time. Later a link to the same service (the same
    /// static key) replaces the one known: its host or ports may have changed.
    pub(crate) fn service(&self, given: Option<&str>) -> Result<ServiceLink, ServiceError> {
        let known = self.get(SERVICE)?.map(|link| ServiceLink::from_link(&link)).transpose()?;
        let given = given.map(ServiceLink::from_link).transpose()?;
        match (known, given) {
            (None, None) => Err(ServiceError::None),
            (Some(known), None) => Ok(known),
            (Some(known), Some(given)) if known.static_key != given.static_key => Err(ServiceError::Other),
            (Some(known), Some(given)) if known == given => Ok(known),
            (_, Some(given)) => {
                self.set(SERVICE, &given.to_link())?;
                Ok(given)
            }
        }
    }

    /// The port of the last time: the browser knows its permissions for camera and microphone by it.
    pub(crate) fn port(&self) -> rusqlite::Result<Option<u16>> {
        Ok(self.get(PORT)?.and_then(|port| port.parse().ok()))
    }

    /// Remembers it.
    pub(crate) fn set_port(&self, port: u16) -> rusqlite::Result<()> {
        self.set(PORT, &port.to_string())
    }

    /// By which pages that stayed open are known again.
    pub(crate) fn pages_secret(&self) -> rusqlite::Result<Secret> {
        self.0.execute("INSERT OR IGNORE INTO program_setting VALUES (?1, ?2)", [PAGES_SECRET, Secret::random().expose()])?;
        self.0.query_row("SELECT value FROM program_setting WHERE name = ?1", [PAGES_SECRET], |row| row.get(0).map(Secret::kept))
    }

    /// Which road led through in which network.
    pub(crate) fn winners(&self) -> rusqlite::Result<Winners> {
        Ok(self.get(WINNERS)?.and_then(|winners| serde_json::from_str(&winners).ok()).unwrap_or_default())
    }

    /// Remembers it.
    pub(crate) fn set_winners(&self, winners: &Winners) -> rusqlite::Result<()> {
        let winners = serde_json::to_string(winners).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        self.set(WINNERS, &winners)
    }

    fn get(&self, name: &str) -> rusqlite::Result<Option<String>> {
        self.0.query_row("SELECT value FROM program_setting WHERE name = ?1", [name], |row| row.get(0)).optional()
    }

    fn set(&self, name: &str, value: &str) -> rusqlite::Result<()> {
        self.0.execute("INSERT OR REPLACE INTO program_setting (name, value) VALUES (?1, ?2)", [name, value]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(key: u8, port: u32) -> String {
        ServiceLink {
            host: "umweg.example".into(),
            static_key: vec![key; 32],
            tls_port: port,
            path: "/live".into(),
            ..Default::default()
        }
        .to_link()
    }

    #[test]
    fn a_service_is_remembered_and_may_move_but_not_be_another() {
        let settings = Settings::open(Connection::open_in_memory().unwrap()).unwrap();
        assert!(matches!(settings.service(None), Err(ServiceError::None)));
        settings.service(Some(&link(1, 443))).unwrap();
        assert_eq!(settings.service(None).unwrap().tls_port, 443);
        settings.service(Some(&link(1, 8443))).unwrap();
        assert_eq!(settings.service(None).unwrap().tls_port, 8443);
        assert!(matches!(settings.service(Some(&link(2, 443))), Err(ServiceError::Other)));
        assert_eq!(settings.service(None).unwrap().tls_port, 8443);
    }

    #[test]
    fn a_wrong_link_is_said_and_not_remembered() {
        let settings = Settings::open(Connection::open_in_memory().unwrap()).unwrap();
        let refused = format!("{:#}", anyhow::Error::from(settings.service(Some("umweg://proxy/AA")).err().unwrap()));
        assert_eq!(refused, "failed to use the link of --service: this is a proxy link, and a service link is needed here");
        assert!(matches!(settings.service(None), Err(ServiceError::None)));
    }

    #[test]
    fn the_port_is_remembered() {
        let settings = Settings::open(Connection::open_in_memory().unwrap()).unwrap();
        assert_eq!(settings.port().unwrap(), None);
        settings.set_port(4_321).unwrap();
        assert_eq!(settings.port().unwrap(), Some(4_321));
    }

    #[test]
    fn the_secret_of_pages_that_stay_open_lasts() {
        let settings = Settings::open(Connection::open_in_memory().unwrap()).unwrap();
        let first = settings.pages_secret().unwrap();
        assert_eq!(settings.pages_secret().unwrap().expose(), first.expose());
        assert_eq!(first.expose().len(), 43);
    }
}
