//! Janus' VideoRoom: Debian's package, with that one plugin and the HTTP interface, configured for the run.
//!
//! Janus answers most requests twice: at once with *ack*, and later with an event on the session's long poll. A participant has a
//! session with two handles, as its clients have: one publishes, and one subscribes to everybody who published before.

mod http;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;
use umweg_sfu::synthetic::{Person, Profile};

use super::Router;
use super::load::{Load, Seat};
use super::measured::Measured;
use super::network::Network;
use http::Session;

const PORT: u16 = 8_088;
const ROOM: u32 = 1;
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// An installed Janus.
pub(super) struct Installed {
    pub(super) name: String,
    folder: PathBuf,
}

/// Looks for it; else says why it cannot be measured.
pub(super) fn find(network: &Network) -> Result<Installed, String> {
    if let Network::Loopback(reason) = network {
        return Err(reason.clone());
    }
    let folders = fs::read_dir("/usr/lib").map_err(|error| format!("/usr/lib: {error}"))?;
    let mut folders = folders.flatten().map(|folder| folder.path().join("janus"));
    let folder = folders.find(|folder| folder.join("plugins/libjanus_videoroom.so").exists());
    let folder = folder.ok_or("it is not installed: `apt install janus`")?;
    let version = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "janus"]).output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    Ok(Installed { name: format!("Janus VideoRoom {version} (Debian)"), folder })
}

/// Janus with the room of one round.
pub(super) struct Janus {
    measured: Measured,
    at: SocketAddr,
    generator: Ipv4Addr,
    participants: Vec<Participant>,
    _folder: TempDir,
}

struct Participant {
    session: Session,
    feed: Value,
}

impl Janus {
    pub(super) fn start(network: &Network, installed: &Installed, size: usize) -> anyhow::Result<Self> {
        let folder = configure(installed, network.inside())?;
        let mut command = network.command("janus".as_ref());
        command.arg("-F").arg(folder.path()).arg("-o");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let measured = Measured::start(command)?;
        let at = SocketAddr::from((network.inside(), PORT));
        let began_at = Instant::now();
        let mut session = loop {
            match Session::open(at) {
                Ok(session) => break session,
                Err(error) if began_at.elapsed() > STARTS_WITHIN => return Err(error.context("Janus did not start")),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        let handle = session.attach()?;
        // One more than the size: who left may still be on its way out when it comes again.
        let room = json!({ "request": "create", "room": ROOM, "publishers": size + 1, "bitrate": 0 });
        session.ask(&handle, &room, None)?;
        Ok(Self { measured, at, generator: network.outside(), participants: Vec::new(), _folder: folder })
    }

    /// Publishes; gives what subscribers call it.
    fn publish(&self, session: &mut Session, load: &Load, mark: usize, profile: Profile) -> anyhow::Result<Value> {
        let socket = UdpSocket::bind((self.generator, 0))?;
        let profile = Profile { audio_slots: 0, video_slots: 0, address: Some(socket.local_addr()?), ..profile };
        let (mut person, offer) = Person::new(u32::try_from(mark)?, profile, Instant::now());
        let handle = session.attach()?;
        let join = json!({ "request": "joinandconfigure", "ptype": "publisher", "room": ROOM });
        let joined = session.ask(&handle, &join, Some(json!({ "type": "offer", "sdp": offer })))?;
        let answer = joined.sdp.context("Janus answers an offer")?;
        person.handle_answer(&answer);
        add(load, 2 * mark, person, socket, &answer)?;
        session.end_of_candidates(&handle)?;
        Ok(joined.data["id"].clone())
    }

    /// Subscribes to everybody else.
    fn subscribe(&self, session: &mut Session, load: &Load, mark: usize, profile: Profile) -> anyhow::Result<()> {
        let others = self.participants.iter().enumerate().filter(|(other, _)| *other != mark);
        let streams: Vec<_> = others.map(|(_, other)| json!({ "feed": other.feed })).collect();
        let socket = UdpSocket::bind((self.generator, 0))?;
        let handle = session.attach()?;
        let join = json!({ "request": "join", "ptype": "subscriber", "room": ROOM, "streams": streams });
        let began_at = Instant::now();
        let offer = loop {
            match session.ask(&handle, &join, None) {
                Ok(offered) => break offered.sdp.context("Janus offers to subscribers")?,
                // Nobody is a feed before the keys are agreed with it.
                Err(error) if began_at.elapsed() > STARTS_WITHIN => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let profile = Profile { address: Some(socket.local_addr()?), ..profile };
        let (person, answer) = Person::answering(u32::try_from(mark)?, profile, &offer, Instant::now());
        session.ask(&handle, &json!({ "request": "start" }), Some(json!({ "type": "answer", "sdp": answer })))?;
        add(load, 2 * mark + 1, person, socket, &offer)?;
        session.end_of_candidates(&handle)
    }
}

impl Router for Janus {
    fn measured(&self) -> &Measured {
        &self.measured
    }

    fn fill(&mut self, load: &Load, size: usize, profile: Profile) -> anyhow::Result<()> {
        for mark in 0..size {
            let mut session = Session::open(self.at)?;
            let feed = self.publish(&mut session, load, mark, profile)?;
            self.participants.push(Participant { session, feed });
        }
        for mark in 0..size {
            let mut session = self.participants[mark].session.clone();
            self.subscribe(&mut session, load, mark, profile)?;
        }
        Ok(())
    }

    fn join(&mut self, load: &Load, profile: Profile) -> anyhow::Result<()> {
        let mark = self.participants.len();
        let mut session = Session::open(self.at)?;
        let feed = self.publish(&mut session, load, mark, profile)?;
        self.subscribe(&mut session, load, mark, profile)?;
        self.participants.push(Participant { session, feed });
        Ok(())
    }

    fn leave_newest(&mut self, load: &Load) -> anyhow::Result<()> {
        let newest = self.participants.pop().context("somebody is in")?;
        let mark = self.participants.len();
        load.remove(2 * mark)?;
        load.remove(2 * mark + 1)?;
        newest.session.destroy()
    }
}

/// Hands a connection to the generator.
fn add(load: &Load, number: usize, mut person: Person, socket: UdpSocket, description: &str) -> anyhow::Result<()> {
    let router = candidate(description).context("Janus has a UDP candidate")?;
    person.reach_at(router);
    load.add(number, Seat::new(person, socket, router, None)?)
}

/// The first UDP candidate: RFC 8839, section 5.1.
fn candidate(description: &str) -> Option<SocketAddr> {
    description.lines().filter_map(|line| line.strip_prefix("a=candidate:")).find_map(|candidate| {
        let mut fields = candidate.split_whitespace().skip(2);
        let is_udp = fields.next()?.eq_ignore_ascii_case("udp");
        let (address, port) = (fields.nth(1)?.parse::<Ipv4Addr>().ok()?, fields.next()?.parse::<u16>().ok()?);
        is_udp.then_some(SocketAddr::from((address, port)))
    })
}

/// A folder with the configuration, and of the plugins and interfaces only those that are needed.
fn configure(installed: &Installed, address: Ipv4Addr) -> anyhow::Result<TempDir> {
    let folder = TempDir::new()?;
    let at = |name: &str| folder.path().join(name);
    for (kind, library) in [("plugins", "libjanus_videoroom.so"), ("transports", "libjanus_http.so")] {
        fs::create_dir(at(kind))?;
        symlink(installed.folder.join(kind).join(library), at(kind).join(library))?;
    }
    let path = |path: PathBuf| path.display().to_string();
    let main = format!(
        "general: {{\n configs_folder = \"{}\"\n plugins_folder = \"{}\"\n transports_folder = \"{}\"\n debug_level = 1\n session_timeout = 0\n}}\n\
         nat: {{\n ice_lite = true\n}}\nmedia: {{\n ipv6 = false\n}}\n",
        path(folder.path().into()),
        path(at("plugins")),
        path(at("transports")),
    );
    fs::write(at("janus.jcfg"), main)?;
    let http = format!(
        "general: {{\n json = \"plain\"\n base_path = \"/janus\"\n http = true\n port = {PORT}\n ip = \"{address}\"\n https = false\n}}\n"
    );
    fs::write(at("janus.transport.http.jcfg"), http)?;
    fs::write(at("janus.plugin.videoroom.jcfg"), "general: {\n}\n")?;
    Ok(folder)
}
