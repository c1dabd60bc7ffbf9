//! What commands print: values as JSON, or lines for people.

use std::io::Write;

use serde::Deserialize;
use serde_json::{Value, json};
use umweg_client::view::RoadTrouble;

use super::Refused;

/// A line on standard output. Who closed it wants no more.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A value: as JSON, or as its lines.
pub(super) fn value(value: &Value, json: bool, lines: impl FnOnce(&Value) -> Vec<String>) {
    if json {
        line(&format!("{value:#}"));
    } else {
        lines(value).iter().for_each(|text| line(text));
    }
}

/// Why it failed, on standard error. With `--json` as JSON, on standard output too, so that scripts read one stream.
pub(super) fn error(error: &anyhow::Error, json: bool) {
    let _ = writeln!(std::io::stderr(), "umweg: {error:#}");
    if json {
        let refusal = match error.downcast_ref() {
            Some(Refused::Command { error, .. }) => error.clone(),
            _ => Value::Null,
        };
        line(&format!("{:#}", json!({ "error": format!("{error:#}"), "refusal": refusal })));
    }
}

pub(super) fn chats(chats: &Value) -> Vec<String> {
    rows(chats, |chat| {
        let call = if chat["call"].is_null() { "" } else { "  [a call runs]" };
        format!("{}  {}  {} unread{call}", text(&chat["id"]), text(&chat["title"]), chat["unread"])
    })
}

pub(super) fn lines(chat: &Value) -> Vec<String> {
    rows(&chat["lines"], |line| {
        let progress = line["progress"].as_str().map(|progress| format!("  ({progress})")).unwrap_or_default();
        format!("{}: {}{progress}", text(&line["fromName"]), said(&line["line"]))
    })
}

pub(super) fn requests(requests: &Value) -> Vec<String> {
    rows(requests, |request| format!("{}  {}: {}", text(&request["account"]), text(&request["name"]), text(&request["text"])))
}

pub(super) fn contacts(contacts: &Value) -> Vec<String> {
    rows(contacts, |contact| {
        let verified = if contact["verified"] == true { "  verified" } else { "" };
        format!("{}  {}  {}{verified}", text(&contact["account"]), text(&contact["name"]), text(&contact["standing"]))
    })
}

pub(super) fn calls(calls: &Value) -> Vec<String> {
    rows(calls, |call| format!("{}  {}  {}", text(&call["id"]), text(&call["title"]), text(&call["state"]["kind"])))
}

pub(super) fn proxies(proxies: &Value) -> Vec<String> {
    rows(proxies, |proxy| format!("{}  {}  {}", text(&proxy["host"]), text(&proxy["name"]), proxy_standing(&proxy["standing"])))
}

pub(super) fn proxy_standing(standing: &Value) -> String {
    match standing["kind"].as_str() {
        Some("works") => format!("works, {} ms", standing["ms"]),
        Some("failed") => format!("failed: {}", trouble(&standing["trouble"])),
        Some("inUse") => "in use".to_owned(),
        kind => kind.unwrap_or_default().to_owned(),
    }
}

fn trouble(trouble: &Value) -> String {
    RoadTrouble::deserialize(trouble)
        .map_or_else(|_| "for a reason that this version does not know".to_owned(), |trouble| trouble.to_string())
}

pub(super) fn status(status: &Value) -> Vec<String> {
    let road_state = &status["road"];
    let road = match road_state["kind"].as_str() {
        Some("direct") => "connected directly".to_owned(),
        Some("proxy") => format!("connected through the proxy {}", text(&road_state["name"])),
        Some("connecting") => "connecting".to_owned(),
        _ if road_state["trouble"].is_null() => "offline".to_owned(),
        _ => format!("offline: {}", trouble(&road_state["trouble"])),
    };
    let road = if road_state["bites"] == true { format!("{road}, in small bites: slow, and without calls") } else { road };
    let name = status["name"].as_str().map_or("no account yet".to_owned(), |name| format!("account of {name}"));
    vec![name, road]
}

fn rows(value: &Value, row: impl Fn(&Value) -> String) -> Vec<String> {
    value.as_array().map(|rows| rows.iter().map(row).collect()).unwrap_or_default()
}

fn said(line: &Value) -> String {
    match line["kind"].as_str() {
        Some("text") => text(&line["text"]),
        kind => format!("[{}]", kind.unwrap_or_default()),
    }
}

/// Texts of other people go to a terminal: control characters could rewrite it.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_text_rewrites_the_terminal() {
        let chat = json!({ "lines": [{ "fromName": "Eve\u{1b}[2J", "line": { "kind": "text", "text": "a\u{7}b\nc" }, "progress": null }] });
        assert_eq!(lines(&chat), ["Eve\u{fffd}[2J: a\u{fffd}b\nc"]);
    }

    #[test]
    fn the_road_is_said_in_words() {
        let on = |road: Value| status(&json!({ "name": "Ada", "road": road })).remove(1);
        assert_eq!(on(json!({ "kind": "proxy", "name": "rowan" })), "connected through the proxy rowan");
        assert_eq!(on(json!({ "kind": "offline", "trouble": null })), "offline");
        let cut = json!({ "kind": "offline", "trouble": { "end": "proxy", "why": "cut" } });
        assert_eq!(on(cut), "offline: the connection to the proxy was cut: somebody in between may do that");
    }
}
