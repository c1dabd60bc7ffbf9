//! Janus' HTTP interface, as far as it is needed: one connection for each request, in HTTP/1.0, which spares us chunks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

const CONNECTS_WITHIN: Duration = Duration::from_secs(2);
/// A long poll comes back with nothing after thirty seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(40);

/// A session.
#[derive(Clone)]
pub(super) struct Session {
    at: SocketAddr,
    path: String,
}

/// One of its handles: an attached plugin.
pub(super) struct Handle(String);

/// What a plugin answered.
pub(super) struct Answer {
    pub(super) data: Value,
    pub(super) sdp: Option<String>,
}

impl Session {
    /// Opens one.
    pub(super) fn open(at: SocketAddr) -> anyhow::Result<Self> {
        let created = post(at, "/janus", &json!({ "janus": "create", "transaction": "create" }))?;
        Ok(Self { at, path: format!("/janus/{}", created["data"]["id"]) })
    }

    /// Attaches the VideoRoom.
    pub(super) fn attach(&self) -> anyhow::Result<Handle> {
        let wish = json!({ "janus": "attach", "plugin": "janus.plugin.videoroom", "transaction": "attach" });
        let attached = post(self.at, &self.path, &wish)?;
        Ok(Handle(format!("{}/{}", self.path, attached["data"]["id"])))
    }

    /// Asks the plugin, and waits for its answer.
    pub(super) fn ask(&mut self, handle: &Handle, body: &Value, description: Option<Value>) -> anyhow::Result<Answer> {
        let transaction = body["request"].as_str().context("a request has a name")?;
        let mut message = json!({ "janus": "message", "body": body, "transaction": transaction });
        if let Some(description) = description {
            message["jsep"] = description;
        }
        let mut answer = post(self.at, &handle.0, &message)?;
        while answer["janus"] != "success" && !(answer["janus"] == "event" && answer["transaction"] == transaction) {
            // The first was *ack*; others tell of other things.
            answer = request(self.at, &format!("GET {}?maxev=1 HTTP/1.0\r\n\r\n", self.path))?;
        }
        let data = answer["plugindata"]["data"].take();
        ensure!(data.get("error").is_none(), "Janus refused {transaction}: {}", data["error"]);
        Ok(Answer { data, sdp: answer["jsep"]["sdp"].as_str().map(str::to_owned) })
    }

    /// Says that no more candidates come.
    pub(super) fn end_of_candidates(&self, handle: &Handle) -> anyhow::Result<()> {
        let end = json!({ "janus": "trickle", "candidate": { "completed": true }, "transaction": "end" });
        post(self.at, &handle.0, &end).map(drop)
    }

    /// Ends it, and with it its handles.
    pub(super) fn destroy(self) -> anyhow::Result<()> {
        post(self.at, &self.path, &json!({ "janus": "destroy", "transaction": "destroy" })).map(drop)
    }
}

fn post(at: SocketAddr, path: &str, message: &Value) -> anyhow::Result<Value> {
    let body = message.to_string();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    let answer = request(at, &format!("{head}{body}"))?;
    if answer["janus"] == "error" {
        bail!("Janus refused {}: {}", message["janus"], answer["error"]["reason"]);
    }
    Ok(answer)
}

fn request(at: SocketAddr, request: &str) -> anyhow::Result<Value> {
    let mut stream = TcpStream::connect_timeout(&at, CONNECTS_WITHIN)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("Janus answers in HTTP")?;
    Ok(serde_json::from_str(body)?)
}
