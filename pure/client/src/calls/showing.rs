//! What this device shows the others in a call: microphone, camera and screen, a raised hand, a reaction. It stands in the device's sealed
//! note on the roster; nothing of it is kept.

use prost::Message;
use umweg_wire::limits::{CAMERA_ASK_GAP, REACTION_SHOWN};
use umweg_wire::proto::sealed::RosterNoteBody;
use umweg_wire::proto::v1::{self, participant_request::Request};
use umweg_wire::{CallId, Timestamp};

use super::session::{self, Phase, Session};
use crate::account;
use crate::error::StoreError;
use crate::step::Step;
use crate::view::RoadState;

/// Every note's body is that long: the service cannot tell a reaction from a muting.
const NOTE_BODY_BYTES: usize = 128;

/// What the person wants to be seen and heard of.
#[derive(Clone, Default)]
pub(crate) struct Showing {
    pub(crate) muted: bool,
    /// The camera is on.
    pub(crate) camera: bool,
    /// It is to be on: where there is no place for it, as soon as there is one.
    pub(crate) camera_wanted: bool,
    /// Not before then.
    camera_ask_at: Timestamp,
    pub(crate) screen: Screen,
    pub(crate) hand: Option<Timestamp>,
    pub(crate) reaction: Option<Reaction>,
}

/// This device's screen, beside its camera.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Screen {
    #[default]
    Hidden,
    Shown,
    /// The service said that as many are shown as may be.
    Refused,
}

/// Shown for a few seconds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Reaction {
    pub(crate) text: String,
    /// By its author's clock: tells it from the same one before.
    pub(crate) at: u64,
    /// By this device's clock.
    pub(crate) until: Timestamp,
}

impl Showing {
    pub(crate) fn with_camera(camera: bool) -> Self {
        Self { camera, camera_wanted: camera, ..Self::default() }
    }

    /// An offer asks for a place anew, and the browser for the camera: that there was none before says nothing any more.
    pub(crate) fn ask_anew(&mut self) {
        self.camera = self.camera_wanted;
    }

    pub(crate) fn camera_refused(&self) -> bool {
        self.camera_wanted && !self.camera
    }
}

/// The device's note, sealed and signed.
pub(crate) fn note(step: &mut Step<'_>, session: &Session) -> Result<Vec<u8>, StoreError> {
    let me = account::mine(step.db)?;
    let showing = &session.showing;
    let mut body = RosterNoteBody {
        since: session.since.0,
        video: showing.camera,
        muted: showing.muted,
        by_proxy: matches!(step.live.road, RoadState::Proxy { .. }),
        leaf: session.own_leaf(&me.device.key.public()),
        hand: showing.hand.map_or(0, |since| since.0),
        reaction: showing.reaction.as_ref().map(|reaction| reaction.text.clone()).unwrap_or_default(),
        reacted_at: showing.reaction.as_ref().map_or(0, |reaction| reaction.at),
        padding: vec![],
        screen: showing.screen == Screen::Shown,
    };
    body.padding.resize(NOTE_BODY_BYTES.saturating_sub(body.encoded_len() + 2), 0);
    Ok(session.secrets().seal_note(&me.device, session.call, &body, step.rng))
}

/// Something that others see of this device has changed.
pub(crate) fn update_note(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone().filter(|session| matches!(session.phase, Phase::In { .. })) else {
        return Ok(());
    };
    let note = note(step, &session)?;
    session::participate(step, session.call, Request::Note(v1::UpdateNote { note }));
    step.changed();
    Ok(())
}

/// The service said whether there is a place for this device's camera.
pub(crate) fn handle_camera(step: &mut Step<'_>, on: bool) -> Result<(), StoreError> {
    let ask_at = step.now.after(CAMERA_ASK_GAP);
    if let Some(session) = &mut step.live.session {
        session.showing.camera = on && session.showing.camera_wanted;
        session.showing.camera_ask_at = ask_at;
    }
    update_note(step)
}

/// The service said whether there is a place for this device's screen. Should one become free later, nobody's screen appears by itself.
pub(crate) fn handle_screen(step: &mut Step<'_>, on: bool) -> Result<(), StoreError> {
    if let Some(showing) = step.live.session.as_mut().map(|session| &mut session.showing)
        && showing.screen == Screen::Shown
        && !on
    {
        showing.screen = Screen::Refused;
    }
    update_note(step)
}

/// The seat was taken again after a break: what was switched meanwhile the service does not know.
pub(crate) fn handle_resumed(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = &step.live.session else { return Ok(()) };
    let (call, camera, screen) = (session.call, session.showing.camera_wanted, session.showing.screen == Screen::Shown);
    session::participate(step, call, Request::Camera(v1::Camera { on: camera }));
    session::participate(step, call, Request::Screen(v1::Screen { on: screen }));
    update_note(step)
}

/// A place has become free, and the person still wants it.
fn camera_to_ask_for(step: &Step<'_>) -> Option<(CallId, Timestamp)> {
    let session = step.live.session.as_ref().filter(|session| matches!(session.phase, Phase::In { .. }))?;
    let seen = step.live.rosters.get(&session.call)?;
    let free = session.showing.camera_refused() && seen.cameras < seen.cameras_max;
    free.then_some((session.call, session.showing.camera_ask_at))
}

pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    if let Some((call, _)) = camera_to_ask_for(step).filter(|(_, at)| *at <= step.now) {
        let ask_at = step.now.after(CAMERA_ASK_GAP);
        session::participate(step, call, Request::Camera(v1::Camera { on: true }));
        if let Some(session) = &mut step.live.session {
            session.showing.camera_ask_at = ask_at;
        }
    }
    let now = step.now;
    let Some(session) = &mut step.live.session else { return Ok(()) };
    if session.showing.reaction.take_if(|reaction| reaction.until <= now).is_some() {
        step.changed();
        return update_note(step);
    }
    Ok(())
}

pub(crate) fn next_due(step: &Step<'_>) -> Option<Timestamp> {
    let session = step.live.session.as_ref()?;
    let reaction = session.showing.reaction.as_ref().map(|reaction| reaction.until);
    let camera = if step.live.connected { camera_to_ask_for(step).map(|(_, at)| at) } else { None };
    [reaction, camera].into_iter().flatten().min()
}

/// One that begins now.
pub(crate) fn reaction(text: &str, now: Timestamp) -> Reaction {
    Reaction { text: text.to_owned(), at: now.0, until: now.after(REACTION_SHOWN) }
}
