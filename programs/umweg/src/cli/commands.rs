//! What each command does.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use umweg_wire::limits::TEXT_BYTES_MAX;

use super::args::{Proxy, Script, Wait, When};
use super::print;
use super::session::{Refused, Session};
use crate::start::{Place, WithApp};

/// A proxy's test ends within this time: three forms of the road, each with its own limit.
const TEST_TIME_MAX: Duration = Duration::from_secs(40);

/// Runs a command with the app that runs on the folder, or with one of its own.
pub(super) async fn run(place: Place, command: Script, json: bool) -> anyhow::Result<()> {
    WithApp::on(place)
        .await?
        .run(command.errand(), async |running| {
            let mut session = Session::connect(running).await?;
            execute(&mut session, &command, json).await
        })
        .await
}

async fn execute(session: &mut Session, command: &Script, json: bool) -> anyhow::Result<()> {
    match command {
        Script::CreateAccount { name } => {
            session.wish(json!({ "kind": "createAccount", "name": name })).await?;
            link(session, json).await
        }
        Script::Link => link(session, json).await,
        Script::Add { link, text, .. } => session.wish(json!({ "kind": "requestContact", "link": link, "text": text })).await,
        Script::Requests => show(session, "requests", json, print::requests).await,
        Script::Accept { who, .. } => {
            let view = session.view().await?;
            let account = find(&view["requests"], who, ["account", "name"]).context("nobody of that name asks")?["account"].clone();
            session.wish(json!({ "kind": "acceptRequest", "account": account })).await
        }
        Script::Contacts => show(session, "contacts", json, print::contacts).await,
        Script::Chats => show(session, "chats", json, print::chats).await,
        Script::Send { chat, text, wait } => send(session, chat, text, *wait, json).await,
        Script::Read { chat, mark } => read(session, chat, *mark, json).await,
        Script::Group { name, members, .. } => group(session, name, members).await,
        Script::Calls => show(session, "calls", json, print::calls).await,
        Script::Proxy(command) => proxy(session, command, json).await,
        Script::Status => status(session, json).await,
    }
}

async fn link(session: &mut Session, json: bool) -> anyhow::Result<()> {
    let has_link = |view: &Value| view["me"]["link"].is_string();
    let view = session
        .until(json!({}), Duration::from_secs(5), has_link)
        .await?
        .context("create an account first: umweg create-account NAME")?;
    print::value(&json!({ "link": view["me"]["link"] }), json, |value| vec![value["link"].as_str().unwrap_or_default().to_owned()]);
    Ok(())
}

async fn show(session: &mut Session, part: &str, json: bool, lines: fn(&Value) -> Vec<String>) -> anyhow::Result<()> {
    let view = session.view().await?;
    print::value(&view[part], json, lines);
    Ok(())
}

async fn send(session: &mut Session, chat: &str, text: &str, wait: Wait, json: bool) -> anyhow::Result<()> {
    let text = if text == "-" { standard_input()? } else { text.to_owned() };
    let view = session.view().await?;
    let chat = chat_id(&view, chat)?;
    let look = json!({ "chat": chat });
    let is_there = |view: &Value| view["chat"]["id"] == chat;
    let before = session.until(look.clone(), Duration::from_secs(5), is_there).await?.context("the conversation is gone")?;
    let known: Vec<Value> = own_ids(&before);
    session.wish(json!({ "kind": "sendText", "chat": chat, "text": text, "replyTo": null })).await?;
    let new = |view: &Value| own_ids(view).into_iter().find(|id| !known.contains(id));
    let written = session.until(look.clone(), Duration::from_secs(5), |view| new(view).is_some()).await?;
    let id = written.as_ref().and_then(new).context("the message is written down, but not shown")?;
    let is_sent = |view: &Value| line(view, &id).is_some_and(|line| line["progress"] != "waiting");
    let sent = session.until(look, Duration::from_secs(wait.wait), is_sent).await?;
    let progress = sent.as_ref().and_then(|view| line(view, &id)).map_or(json!("waiting"), |line| line["progress"].clone());
    print::value(&json!({ "id": id, "progress": progress }), json, |_| Vec::new());
    match (sent, progress.as_str()) {
        (_, Some("noRoom")) => bail!("the service has no room for it; it is tried on while the app runs"),
        (_, Some("refused")) => bail!("the service does not take it; it is tried on while the app runs"),
        (_, Some("failed")) => bail!("the service or this app has a fault; it is tried on while the app runs"),
        (Some(_), _) => Ok(()),
        (None, _) => Err(Refused::NotYet("the message is written down and will be sent when there is a road").into()),
    }
}

async fn read(session: &mut Session, chat: &str, mark: bool, json: bool) -> anyhow::Result<()> {
    let view = session.view().await?;
    let chat = chat_id(&view, chat)?;
    let is_there = |view: &Value| view["chat"]["id"] == chat;
    let view =
        session.until(json!({ "chat": chat }), Duration::from_secs(5), is_there).await?.context("the conversation is gone")?;
    print::value(&view["chat"], json, print::lines);
    let newest = view["chat"]["lines"].as_array().into_iter().flatten().filter_map(|line| line["seq"].as_u64()).max();
    match newest {
        Some(seq) if mark && seq > 0 => session.wish(json!({ "kind": "markRead", "chat": chat, "seq": seq })).await,
        _ => Ok(()),
    }
}

async fn group(session: &mut Session, name: &str, members: &[String]) -> anyhow::Result<()> {
    let view = session.view().await?;
    let account = |who: &String| {
        let contact = find(&view["contacts"], who, ["account", "name"]).with_context(|| format!("there is no contact {who:?}"))?;
        Ok(contact["account"].clone())
    };
    let members = members.iter().map(account).collect::<anyhow::Result<Vec<Value>>>()?;
    session.wish(json!({ "kind": "createGroup", "name": name, "members": members })).await
}

async fn proxy(session: &mut Session, command: &Proxy, json: bool) -> anyhow::Result<()> {
    match command {
        Proxy::Add { link } => session.wish(json!({ "kind": "addProxy", "link": link.trim() })).await,
        Proxy::List => show(session, "proxies", json, print::proxies).await,
        Proxy::Remove { proxy } => {
            let link = proxy_link(&session.view().await?, proxy)?;
            session.wish(json!({ "kind": "removeProxy", "link": link })).await
        }
        Proxy::Test { proxy } => test(session, proxy, json).await,
        Proxy::Use { when } => {
            let when = match when {
                When::Blocked => "whenBlocked",
                When::Always => "always",
                When::Never => "never",
            };
            session.wish(json!({ "kind": "useProxies", "when": when })).await
        }
    }
}

async fn test(session: &mut Session, proxy: &str, json: bool) -> anyhow::Result<()> {
    let link = proxy_link(&session.view().await?, proxy)?;
    session.wish(json!({ "kind": "testProxy", "link": link })).await?;
    let standing = |view: &Value| find(&view["proxies"], &link, ["link", "link"]).map(|row| row["standing"].clone());
    // A view in which it runs may be skipped, when the test ends at once; then the next one is its result already.
    let runs = |view: &Value| standing(view).is_some_and(|standing| standing["kind"] == "testing");
    session.until(json!({}), Duration::from_secs(1), runs).await?;
    let is_over = |view: &Value| {
        standing(view).is_some_and(|standing| matches!(standing["kind"].as_str(), Some("works" | "failed" | "inUse")))
    };
    let view = session.until(json!({}), TEST_TIME_MAX, is_over).await?.context("the test does not end")?;
    let standing = standing(&view).unwrap_or_default();
    print::value(&standing, json, |standing| vec![print::proxy_standing(standing)]);
    if standing["kind"] == "failed" { bail!("the proxy does not work: {}", print::proxy_standing(&standing)) } else { Ok(()) }
}

async fn status(session: &mut Session, json: bool) -> anyhow::Result<()> {
    let is_settled = |view: &Value| view["road"]["kind"] != "connecting";
    let settled = session.until(json!({}), Duration::from_secs(5), is_settled).await?;
    let view = match settled {
        Some(view) => view,
        None => session.view().await?,
    };
    let status =
        json!({ "name": view["me"]["name"], "road": view["road"], "proxyUse": view["proxyUse"], "proxies": view["proxies"] });
    print::value(&status, json, print::status);
    Ok(())
}

fn standard_input() -> anyhow::Result<String> {
    let mut text = String::new();
    let limit = TEXT_BYTES_MAX as u64 + 1;
    std::io::stdin().take(limit).read_to_string(&mut text).context("failed to read the text from standard input")?;
    Ok(text)
}

/// The row that one of the two fields names, if it names one alone.
fn find<'a>(rows: &'a Value, name: &str, fields: [&str; 2]) -> Option<&'a Value> {
    let rows = rows.as_array()?;
    let by = |field: &str| {
        let mut found = rows.iter().filter(|row| row[field] == name);
        found.next().filter(|_| found.next().is_none())
    };
    by(fields[0]).or_else(|| by(fields[1]))
}

fn chat_id(view: &Value, chat: &str) -> anyhow::Result<Value> {
    let found = find(&view["chats"], chat, ["id", "title"])
        .context("there is no such conversation, or several of that title: give its id")?;
    Ok(found["id"].clone())
}

fn proxy_link(view: &Value, proxy: &str) -> anyhow::Result<String> {
    if proxy.trim().starts_with("umweg://") {
        return Ok(proxy.trim().to_owned());
    }
    let found = find(&view["proxies"], proxy, ["host", "name"])
        .context("there is no such proxy, or several of that name: give its link")?;
    Ok(found["link"].as_str().unwrap_or_default().to_owned())
}

fn own_ids(view: &Value) -> Vec<Value> {
    let lines = view["chat"]["lines"].as_array().into_iter().flatten();
    lines.filter(|line| line["from"].is_null() && line["id"].is_string()).map(|line| line["id"].clone()).collect()
}

fn line<'a>(view: &'a Value, id: &Value) -> Option<&'a Value> {
    view["chat"]["lines"].as_array()?.iter().find(|line| line["id"] == *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_either_field_if_it_is_the_only_one() {
        let rows = json!([{ "id": "1", "title": "Ada" }, { "id": "2", "title": "Club" }, { "id": "3", "title": "Club" }]);
        assert_eq!(find(&rows, "Ada", ["id", "title"]).unwrap()["id"], "1");
        assert_eq!(find(&rows, "3", ["id", "title"]).unwrap()["title"], "Club");
        assert!(find(&rows, "Club", ["id", "title"]).is_none(), "two have that title");
        assert!(find(&rows, "Bob", ["id", "title"]).is_none());
    }
}
