//! The JSON between page and app.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use umweg_client::command::{Command, CommandError, Look};
use umweg_client::port::MediaEvent;
use umweg_client::view::View;

/// A frame from a page.
pub(crate) enum FromPage {
    /// What it looks at from now on.
    Look(Look),
    /// A wish, to be answered under this number.
    Wish(Wish),
    /// Whether the calls' media events are for it.
    Media(bool),
}

/// A wish with its number.
pub(crate) struct Wish {
    pub(crate) id: u64,
    pub(crate) command: Command,
}

/// A frame to a page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ToPage<'a> {
    View(&'a View),
    Answer(Answered),
    Media(&'a MediaEvent),
}

/// The answer to a wish.
#[derive(Serialize)]
pub(crate) struct Answered {
    /// `None`: it had no number that could be read.
    pub(crate) id: Option<u64>,
    /// `None`: done.
    pub(crate) error: Option<CommandError>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    #[serde(default)]
    look: Option<Value>,
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    command: Option<Value>,
    #[serde(default)]
    media: Option<bool>,
}

impl FromPage {
    /// Reads a frame. What cannot be read is answered, under its number if it has one.
    pub(crate) fn read(text: &str) -> Result<Self, Answered> {
        let frame: Frame = serde_json::from_str(text).map_err(|_| refusal(None))?;
        match frame {
            Frame { look: Some(look), id: None, command: None, media: None } => {
                serde_json::from_value(look).map(Self::Look).map_err(|_| refusal(None))
            }
            Frame { look: None, id: Some(id), command: Some(command), media: None } => {
                let command = serde_json::from_value(command).map_err(|_| refusal(Some(id)))?;
                Ok(Self::Wish(Wish { id, command }))
            }
            Frame { look: None, id: None, command: None, media: Some(media) } => Ok(Self::Media(media)),
            Frame { id, .. } => Err(refusal(id)),
        }
    }
}

impl ToPage<'_> {
    /// As it goes over the WebSocket.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("views, answers and media events have string keys only")
    }
}

/// What it was is not logged: it may hold what a person wrote.
fn refusal(id: Option<u64>) -> Answered {
    tracing::error!("a page sent what the app does not understand: is it of another version?");
    Answered { id, error: Some(CommandError::Ours) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<u64> {
        let answer = FromPage::read(text).err().unwrap_or_else(|| panic!("{text} was taken"));
        assert!(matches!(answer.error, Some(CommandError::Ours)));
        answer.id
    }

    #[test]
    fn the_three_kinds_of_frame_are_read() {
        assert!(
            matches!(FromPage::read(r#"{"look":{"chat":null,"before":7}}"#), Ok(FromPage::Look(look)) if look.before == Some(7))
        );
        assert!(matches!(FromPage::read(r#"{"look":{}}"#), Ok(FromPage::Look(look)) if look == Look::default()));
        assert!(matches!(FromPage::read(r#"{"media":true}"#), Ok(FromPage::Media(true))));
        let wish = FromPage::read(r#"{"id":3,"command":{"kind":"createAccount","name":"Ada"}}"#);
        assert!(matches!(wish, Ok(FromPage::Wish(Wish { id: 3, command: Command::CreateAccount { name } })) if name == "Ada"));
    }

    #[test]
    fn garbage_is_answered_and_under_its_number_where_it_has_one() {
        for text in ["", "x", "[]", "{}", "null", r#"{"id":-1,"command":{}}"#, r#"{"other":1}"#, r#"{"look":{"chat":"short"}}"#] {
            assert_eq!(refused(text), None, "{text}");
        }
        for text in [
            r#"{"id":7}"#,
            r#"{"id":7,"command":{}}"#,
            r#"{"id":7,"command":{"kind":"launchMissiles"}}"#,
            r#"{"id":7,"command":{"kind":"createAccount","name":3}}"#,
            r#"{"id":7,"command":{"kind":"createAccount","name":"a","admin":true}}"#,
            r#"{"id":7,"command":{"kind":"createAccount","name":"a"},"media":true}"#,
        ] {
            assert_eq!(refused(text), Some(7), "{text}");
        }
    }

    #[test]
    fn nested_garbage_does_not_overflow() {
        let deep = format!(r#"{{"id":7,"command":{}}}"#, "[".repeat(100_000));
        assert_eq!(refused(&deep), None);
    }

    #[test]
    fn answers_are_written_as_the_pages_expect_them() {
        let done = ToPage::Answer(Answered { id: Some(3), error: None });
        assert_eq!(done.to_json(), r#"{"answer":{"id":3,"error":null}}"#);
        let failed = ToPage::Answer(Answered { id: Some(4), error: Some(CommandError::TooLong { max: 9 }) });
        assert_eq!(failed.to_json(), r#"{"answer":{"id":4,"error":{"kind":"tooLong","max":9}}}"#);
    }
}
