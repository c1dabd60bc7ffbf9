//! Calls of so many that they would ring in half a town.

use umweg_client::view::CallState;
use umweg_client::{Command, CommandError};
use umweg_wire::limits::RINGING_INVITED_MAX;

use crate::calls::call;

#[test]
fn a_call_of_very_many_rings_at_nobody_and_is_shown_to_all() {
    let names: Vec<&'static str> = (0..=RINGING_INVITED_MAX).map(|number| &*format!("P{number:02}").leak()).collect();
    let (mut house, chat, call) = call(&names);
    for who in 1..names.len() {
        assert!(house.view(who).ringing.is_none());
        assert!(house.state(who, call) == CallState::Running);
        assert!(house.view(who).chats.iter().find(|row| row.id == chat).unwrap().call == Some(call));
    }
    let again = house.try_order(0, Command::RingAgain { call, account: house.account(1) });
    assert_eq!(again, Err(CommandError::TooMany { max: RINGING_INVITED_MAX as u64 }));
}
