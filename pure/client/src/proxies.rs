//! The proxies that the app knows, and when they are used. Which of them is dialed is the road's matter.

use rusqlite::{Connection, OptionalExtension, params};
use umweg_wire::limits::PROXIES_MAX;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ProxyLink;

use crate::command::CommandError;
use crate::error::StoreError;
use crate::port::Output;
use crate::step::{Live, Step};
use crate::view::{ProxyRow, ProxyStanding, ProxyUse, RoadState};

pub(crate) fn add(step: &mut Step<'_>, link: &str) -> Result<(), CommandError> {
    let proxy = parse(link)?;
    let known: usize = step.db.query_row("SELECT count(*) FROM proxy", [], |row| row.get(0))?;
    if known >= PROXIES_MAX {
        return Err(CommandError::TooMany { max: PROXIES_MAX as u64 });
    }
    step.db.execute("INSERT OR IGNORE INTO proxy (link, added) VALUES (?1, ?2)", params![proxy.to_link(), step.now.0])?;
    tell_roads(step)?;
    Ok(())
}

pub(crate) fn remove(step: &mut Step<'_>, link: &str) -> Result<(), CommandError> {
    let link = parse(link)?.to_link();
    if step.db.execute("DELETE FROM proxy WHERE link = ?1", [&link])? == 0 {
        return Err(CommandError::Unknown);
    }
    step.live.proxies_by_link.remove(&link);
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
    let value = serde_json::to_string(&when).map_err(StoreError::from)?;
    step.db.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('proxy use', ?1)", [value])?;
    tell_roads(step)?;
    Ok(())
}

/// What the road is to know; also said once after every start.
pub(crate) fn tell_roads(step: &mut Step<'_>) -> Result<(), StoreError> {
    let (proxies, when) = known(step.db)?;
    step.output(Output::RoadsChanged { proxies, when });
    step.changed();
    Ok(())
}

/// All proxies, the oldest first, and when they are used.
pub(crate) fn known(db: &Connection) -> Result<(Vec<ProxyLink>, ProxyUse), StoreError> {
    let mut query = db.prepare_cached("SELECT link FROM proxy ORDER BY added, link")?;
    let links = query.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok((links.iter().filter_map(|link| ProxyLink::from_link(link).ok()).collect(), usage(db)?))
}

pub(crate) fn usage(db: &Connection) -> Result<ProxyUse, StoreError> {
    let value: Option<String> =
        db.query_row("SELECT value FROM setting WHERE name = 'proxy use'", [], |row| row.get(0)).optional()?;
    Ok(value.map(|value| serde_json::from_str(&value)).transpose()?.unwrap_or(ProxyUse::WhenBlocked))
}

pub(crate) fn show(db: &Connection, live: &Live) -> Result<Vec<ProxyRow>, StoreError> {
    let row = |proxy: ProxyLink| {
        let link = proxy.to_link();
        let name = if proxy.name.is_empty() { proxy.host.clone() } else { proxy.name.clone() };
        let in_use = matches!(&live.road, RoadState::Proxy { name: used } if *used == name);
        let standing =
            if in_use { ProxyStanding::InUse } else { live.proxies_by_link.get(&link).cloned().unwrap_or(ProxyStanding::Untried) };
        ProxyRow { host: host_and_port(&proxy), name, link, standing }
    };
    Ok(known(db)?.0.into_iter().map(row).collect())
}

fn host_and_port(proxy: &ProxyLink) -> String {
    let port = [proxy.tls_port, proxy.plain_port, proxy.bare_port].into_iter().find(|&port| port != 0).unwrap_or_default();
    format!("{}:{port}", proxy.host)
}

fn parse(link: &str) -> Result<ProxyLink, CommandError> {
    ProxyLink::from_link(link).map_err(|wrong| CommandError::WrongLink { wrong })
}
