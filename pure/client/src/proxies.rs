//! The proxies that the app knows, when they are used, and when the road goes in small bites. Which of them is dialed is the road's matter.

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use umweg_wire::limits::PROXIES_MAX;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ProxyLink;

use crate::command::CommandError;
use crate::error::StoreError;
use crate::port::Output;
use crate::renewals;
use crate::step::{Live, Step};
use crate::view::{BitesUse, ProxyRow, ProxyStanding, ProxyUse, RoadState};

/// Names of settings.
const PROXY_USE: &str = "proxy use";
const BITES_USE: &str = "bites use";

/// Answers whether it is new.
pub(crate) fn add(step: &mut Step<'_>, link: &str) -> Result<bool, CommandError> {
    let proxy = parse(link)?;
    let known: usize = step.db.query_row("SELECT count(*) FROM proxy", [], |row| row.get(0))?;
    if known >= PROXIES_MAX {
        return Err(CommandError::TooMany { max: PROXIES_MAX as u64 });
    }
    let sql = "INSERT OR IGNORE INTO proxy (link, added) VALUES (?1, ?2)";
    let is_new = step.db.execute(sql, params![proxy.to_link(), step.now.0])? > 0;
    tell_roads(step)?;
    Ok(is_new)
}

pub(crate) fn remove(step: &mut Step<'_>, link: &str) -> Result<(), CommandError> {
    let link = parse(link)?.to_link();
    if step.db.execute("DELETE FROM proxy WHERE link = ?1", [&link])? == 0 {
        return Err(CommandError::Unknown);
    }
    step.live.proxies_by_link.remove(&link);
    renewals::forget_shares(step, &link)?;
    tell_roads(step)?;
    Ok(())
}

pub(crate) fn test(step: &mut Step<'_>, link: &str) -> Result<(), CommandError> {
    let proxy = parse(link)?;
    step.live.proxies_by_link.insert(proxy.to_link(), ProxyStanding::Testing);
    step.output(Output::TestProxy { proxy });
    step.changed();
    Ok(())
}

pub(crate) fn handle_tested(step: &mut Step<'_>, link: &str, standing: ProxyStanding) {
    if let Ok(proxy) = parse(link) {
        step.live.proxies_by_link.insert(proxy.to_link(), standing);
        step.changed();
    }
}

pub(crate) fn set_use(step: &mut Step<'_>, when: ProxyUse) -> Result<(), CommandError> {
    set(step, PROXY_USE, &when)
}

pub(crate) fn set_bites(step: &mut Step<'_>, when: BitesUse) -> Result<(), CommandError> {
    set(step, BITES_USE, &when)
}

fn set(step: &mut Step<'_>, name: &str, value: &impl Serialize) -> Result<(), CommandError> {
    let value = serde_json::to_string(value).map_err(StoreError::from)?;
    step.db.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)", [name, &value])?;
    tell_roads(step)?;
    Ok(())
}

/// What the road is to know; also said once after every start.
pub(crate) fn tell_roads(step: &mut Step<'_>) -> Result<(), StoreError> {
    let (proxies, when, bites) = (known(step.db)?, usage(step.db)?, bites(step.db)?);
    step.output(Output::RoadsChanged { proxies, when, bites });
    step.changed();
    Ok(())
}

/// All proxies, the oldest first.
fn known(db: &Connection) -> Result<Vec<ProxyLink>, StoreError> {
    let mut query = db.prepare_cached("SELECT link FROM proxy ORDER BY added, link")?;
    let links = query.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(links.iter().filter_map(|link| ProxyLink::from_link(link).ok()).collect())
}

/// When proxies are used.
pub(crate) fn usage(db: &Connection) -> Result<ProxyUse, StoreError> {
    Ok(get(db, PROXY_USE)?.unwrap_or(ProxyUse::WhenBlocked))
}

/// When the road goes in small bites.
pub(crate) fn bites(db: &Connection) -> Result<BitesUse, StoreError> {
    Ok(get(db, BITES_USE)?.unwrap_or(BitesUse::WhenFrozen))
}

fn get<T: DeserializeOwned>(db: &Connection, name: &str) -> Result<Option<T>, StoreError> {
    let value: Option<String> = db.query_row("SELECT value FROM setting WHERE name = ?1", [name], |row| row.get(0)).optional()?;
    Ok(value.map(|value| serde_json::from_str(&value)).transpose()?)
}

pub(crate) fn show(db: &Connection, live: &Live) -> Result<Vec<ProxyRow>, StoreError> {
    let row = |proxy: ProxyLink| {
        let link = proxy.to_link();
        let name = if proxy.name.is_empty() { proxy.host.clone() } else { proxy.name.clone() };
        let in_use = matches!(&live.road, RoadState::Proxy { name: used, .. } if *used == name);
        let standing =
            if in_use { ProxyStanding::InUse } else { live.proxies_by_link.get(&link).cloned().unwrap_or(ProxyStanding::Untried) };
        let renewals = renewals::show(db, &link)?;
        Ok(ProxyRow { host: host_and_port(&proxy), name, link, standing, renewals })
    };
    known(db)?.into_iter().map(row).collect()
}

fn host_and_port(proxy: &ProxyLink) -> String {
    let port = [proxy.tls_port, proxy.plain_port, proxy.bare_port].into_iter().find(|&port| port != 0).unwrap_or_default();
    format!("{}:{port}", proxy.host)
}

pub(crate) fn is_known(db: &Connection, link: &str) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT 1 FROM proxy WHERE link = ?1")?.exists([link])?)
}

pub(crate) fn parse(link: &str) -> Result<ProxyLink, CommandError> {
    ProxyLink::from_typed(link).map_err(|wrong| CommandError::WrongLink { wrong })
}
