//! Messages of the pages. A page is ours, but another program on the computer can open a WebSocket too.

use serde_json::Value;
use umweg_client::command::{Command, Look};

use super::Target;

pub(super) const PAGE_MESSAGE: Target = Target {
    name: "page-message",
    decodes: "what a page says to the app on the loopback WebSocket",
    bytes_max: 4_096,
    run: |input| {
        let _ = serde_json::from_slice::<Command>(input);
        let _ = serde_json::from_slice::<Look>(input);
        let Ok(Value::Object(message)) = serde_json::from_slice(input) else { return };
        for part in message.into_values() {
            let _ = serde_json::from_value::<Command>(part.clone());
            let _ = serde_json::from_value::<Look>(part);
        }
    },
    seeds: || {
        let id = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let call = "AAAAAAAAAAAAAAAAAAAAAA";
        vec![
            format!(r#"{{"kind":"sendText","chat":"{id}","text":"hello","replyTo":null}}"#).into(),
            format!(r#"{{"kind":"createGroup","name":"us","members":["{id}","{id}"]}}"#).into(),
            format!(r#"{{"id":7,"command":{{"kind":"offer","call":"{call}","sdp":"v=0"}}}}"#).into(),
            format!(r#"{{"look":{{"chat":"{id}","before":9,"call":"{call}"}}}}"#).into(),
            br#"{"kind":"useProxies","when":"whenBlocked"}"#.to_vec(),
        ]
    },
};
