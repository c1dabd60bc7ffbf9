//! A command's conversation with the app: the pages' WebSocket, as one more page.

use std::time::Duration;

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use umweg_wire::links::WrongLink;

use crate::folder::Running;
use crate::pages::{Answer, PROTOCOL, Secret};

/// The app answers a wish within this time: it writes it down, no more.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// What scripts tell apart.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{words}")]
    Command { words: String, error: Value },
    #[error("{0}")]
    NotYet(&'static str),
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The conversation.
pub(super) struct Session {
    socket: Socket,
    next: u64,
    view: Option<Value>,
}

impl Session {
    /// With the app that listens there.
    pub(super) async fn connect(running: &Running) -> anyhow::Result<Self> {
        let host = format!("127.0.0.1:{}", running.port);
        let mut request = format!("ws://{host}/ws").into_client_request().context("the app's address is damaged")?;
        request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
        request.headers_mut().insert(header::ORIGIN, HeaderValue::from_str(&format!("http://{host}"))?);
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.context("the running app does not answer")?;
        timeout(ANSWER_TIME_MAX, prove(&mut socket, &host, &running.secret)).await.context("the app does not answer")??;
        Ok(Self { socket, next: 1, view: None })
    }

    /// The newest view of what is looked at by default.
    pub(super) async fn view(&mut self) -> anyhow::Result<Value> {
        self.until(json!({}), ANSWER_TIME_MAX, |_| true).await?.context("the app sends no view")
    }

    /// Looks there until the view is as wished. `None`: it was not in time.
    pub(super) async fn until(
        &mut self,
        look: Value,
        patience: Duration,
        wished: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Option<Value>> {
        let deadline = Instant::now() + patience;
        self.send(&json!({ "look": look })).await?;
        loop {
            if let Some(view) = self.view.as_ref().filter(|view| wished(view)) {
                return Ok(Some(view.clone()));
            }
            match timeout_at(deadline, self.receive()).await {
                Ok(frame) => drop(frame?),
                Err(_) => return Ok(None),
            }
        }
    }

    /// A wish, and whether it was taken.
    pub(super) async fn wish(&mut self, command: Value) -> anyhow::Result<()> {
        let id = self.next;
        self.next += 1;
        self.send(&json!({ "id": id, "command": command })).await?;
        let deadline = Instant::now() + ANSWER_TIME_MAX;
        loop {
            let frame = timeout_at(deadline, self.receive()).await.context("the app does not answer")??;
            let answer = &frame["answer"];
            match (answer["id"] == id, &answer["error"]) {
                (false, _) => {}
                (true, Value::Null) => return Ok(()),
                (true, error) => return Err(Refused::Command { words: words(error), error: error.clone() }.into()),
            }
        }
    }

    async fn send(&mut self, frame: &Value) -> anyhow::Result<()> {
        self.socket.send(Message::text(frame.to_string())).await.context("the app has stopped")
    }

    /// The next frame; views are kept on the way.
    async fn receive(&mut self) -> anyhow::Result<Value> {
        let frame = text(&mut self.socket).await?;
        let mut frame: Value = serde_json::from_str(&frame).context("the app said something strange: is it of another version?")?;
        if let Some(view) = frame.get_mut("view") {
            self.view = Some(view.take());
        }
        Ok(frame)
    }
}

/// Both show that they know the secret.
async fn prove(socket: &mut Socket, host: &str, secret: &Secret) -> anyhow::Result<()> {
    let stranger = "another program listens where the app did: stop it, or start the app again";
    let challenge = text(socket).await?;
    let answer = Answer::to_challenge(&challenge, host, secret).context(stranger)?;
    socket.send(Message::text(answer.to_json())).await.context("the app has stopped")?;
    anyhow::ensure!(answer.is_welcome(&text(socket).await?), stranger);
    Ok(())
}

/// The next frame of text.
async fn text(socket: &mut Socket) -> anyhow::Result<String> {
    loop {
        let message = socket.next().await.context("the app has stopped")?.context("the app has stopped")?;
        if let Message::Text(text) = message {
            return Ok(text.as_str().to_owned());
        }
    }
}

/// A `CommandError` in words, as its `Display` has them: a page knows it only as JSON.
fn words(error: &Value) -> String {
    match error["kind"].as_str().unwrap_or_default() {
        "noAccount" => "create an account first: umweg create-account NAME".to_owned(),
        "accountExists" => "this folder has an account already".to_owned(),
        "wrongLink" => WrongLink::deserialize(&error["wrong"])
            .map_or_else(|_| "this link does not fit here".to_owned(), |wrong| wrong.to_string()),
        "otherService" => "this contact uses another service, and cannot be reached from here".to_owned(),
        "ownLink" => "this is your own link".to_owned(),
        "unknown" => "there is nothing of that name".to_owned(),
        "empty" => "the text is empty".to_owned(),
        "tooLong" => format!("this is longer than {} bytes", error["max"]),
        "tooMany" => format!("there is no room for more than {}", error["max"]),
        "notAMember" => "you are no longer in this conversation".to_owned(),
        "notAContact" => format!("{} cannot be added: they have not accepted you yet", error["names"]),
        "diskFull" => "the disk is full: make room, nothing was lost".to_owned(),
        "ours" => "something went wrong in the app: its log says what".to_owned(),
        other => other.to_owned(),
    }
}
