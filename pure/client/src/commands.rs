//! A wish, and the room that grants it.

use crate::account;
use crate::calls::wishes as calls;
use crate::chats;
use crate::command::{Command, CommandError};
use crate::conversation::{content, wishes};
use crate::outbox::stuck;
use crate::people;
use crate::proxies;
use crate::renewals;
use crate::step::Step;

/// Writes a wish down.
pub(crate) fn handle(step: &mut Step<'_>, command: Command) -> Result<(), CommandError> {
    match command {
        Command::CreateAccount { name } => account::create(step, &name),
        Command::AddProxy { link } => proxies::add(step, &link).map(drop),
        Command::RemoveProxy { link } => proxies::remove(step, &link),
        Command::TestProxy { link } => proxies::test(step, &link),
        Command::RenewProxy { link, fresh } => renewals::renew(step, &link, &fresh),
        Command::GiveRenewals { link, on } => renewals::give(step, &link, on),
        Command::TakeRenewals { link, on } => renewals::accept(step, &link, on),
        Command::UseProxies { when } => proxies::set_use(step, when),
        Command::UseBites { when } => proxies::set_bites(step, when),
        command if account::my_id(step.db)?.is_some() => handle_with_account(step, command),
        _ => Err(CommandError::NoAccount),
    }
}

fn handle_with_account(step: &mut Step<'_>, command: Command) -> Result<(), CommandError> {
    match command {
        Command::Rename { name } => account::rename(step, &name),
        Command::RequestContact { link, text } => people::request(step, &link, &text),
        Command::AcceptRequest { account } => people::accept(step, account),
        Command::DeclineRequest { account } => people::decline(step, account),
        Command::Verify { account, verified } => people::verify(step, account, verified),
        Command::Block { account, blocked } => people::block(step, account, blocked),
        Command::SendText { chat, text, reply_to } => wishes::send_text(step, chat, &text, reply_to),
        Command::ShareProxy { link, chat } => renewals::share(step, &link, chat),
        Command::TakeProxy { link, chat, message } => renewals::take(step, chat, message, &link),
        Command::TryAgain { chat } => Ok(stuck::try_again(step, chat)?),
        Command::TakeBack { chat, message } => stuck::take_back(step, chat, message),
        Command::Typing { chat } => wishes::typing(step, chat),
        Command::MarkRead { chat, seq } => {
            let chat = chats::chat(step.db, chat)?.ok_or(CommandError::Unknown)?;
            Ok(content::mark_read(step, &chat, seq)?)
        }
        Command::CreateGroup { name, members } => wishes::create_group(step, &name, &members),
        Command::AddMembers { chat, members } => wishes::add_members(step, chat, &members),
        Command::RemoveMember { chat, account } => wishes::remove_member(step, chat, account),
        Command::RenameGroup { chat, name } => wishes::rename_group(step, chat, &name),
        Command::LeaveGroup { chat } => wishes::leave(step, chat),
        command => handle_in_call(step, command),
    }
}

fn handle_in_call(step: &mut Step<'_>, command: Command) -> Result<(), CommandError> {
    match command {
        Command::StartCall { chat, video } => calls::start(step, chat, video),
        Command::JoinCall { call, video } => calls::join(step, call, video),
        Command::DeclineCall { call } => calls::decline(step, call),
        Command::IgnoreCall { call } => calls::ignore(step, call),
        Command::LeaveCall { call } => calls::leave(step, call),
        Command::AddToCall { call, members } => calls::add(step, call, &members),
        Command::RingAgain { call, account } => calls::ring_again(step, call, account),
        Command::RaiseHand { call, raised } => calls::raise_hand(step, call, raised),
        Command::React { call, reaction } => calls::react(step, call, &reaction),
        Command::Offer { call, sdp } => calls::offer(step, call, &sdp),
        Command::Mute { call, muted } => calls::mute(step, call, muted),
        Command::Camera { call, on } => calls::camera(step, call, on),
        Command::Screen { call, on } => calls::screen(step, call, on),
        Command::ChooseVideos { call, participants, height_max } => calls::choose_videos(step, call, participants, height_max),
        _ => Err(CommandError::Unknown),
    }
}
