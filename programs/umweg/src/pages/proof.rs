//! Before anything else, page and app prove to each other that they know the same secret, and neither shows it:
//!
//! 1. app → page: `{"challenge": NONCE}`
//! 2. page → app: `{"nonce": NONCE, "proof": HMAC-SHA256(secret, "umweg.v1 page", host, the app's nonce, the page's nonce)}`
//! 3. app → page: `{"welcome": {"proof": HMAC-SHA256(secret, "umweg.v1 app", …), "start": SECRET, "lasting": SECRET}}`
//!
//! So a program that takes the app's port while it is away learns nothing from the pages that come back, and is not believed by them.
//! The host in the proofs says which port was meant: nobody can pass a page's proof on to the app on another port.
//!
//! There are two secrets, and either will do. That of the start link ends with the app: a page stores it to be loaded again, and
//! whoever serves the port next could read it there. The lasting one outlives the app, so that a page that stays open goes on; pages
//! hold it in memory only.

use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::guard::{Refusal, Secret};

/// How long the nonce of a page may be: a UUID is.
const NONCE_LEN: std::ops::RangeInclusive<usize> = 16..=64;

/// What opens the app, either by itself.
#[derive(Clone)]
pub(crate) struct Secrets {
    /// Of the start link: new at every start.
    pub(crate) start: Secret,
    /// The folder's own, for pages that stay open.
    pub(crate) lasting: Secret,
}

#[derive(Clone, Copy)]
enum Who {
    Page,
    App,
}

/// What both ends prove their secret over.
struct Said<'a> {
    host: &'a str,
    apps_nonce: &'a str,
    pages_nonce: &'a str,
}

impl Said<'_> {
    fn by(&self, who: Who, secret: &Secret) -> Hmac<Sha256> {
        let who = match who {
            Who::Page => "page",
            Who::App => "app",
        };
        let text = ["umweg.v1", who, self.host, self.apps_nonce, self.pages_nonce].join("\n");
        let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("a key of any length will do");
        mac.chain_update(text.as_bytes())
    }

    fn proof(&self, who: Who, secret: &Secret) -> String {
        HEXLOWER_PERMISSIVE.encode(&self.by(who, secret).finalize().into_bytes())
    }

    /// In a time that tells nothing.
    fn is_proven(&self, who: Who, secret: &Secret, proof: &[u8]) -> bool {
        self.by(who, secret).verify_slice(proof).is_ok()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChallengeFrame {
    challenge: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofFrame {
    nonce: String,
    proof: String,
}

#[derive(Serialize, Deserialize)]
struct WelcomeFrame {
    welcome: Welcome,
}

#[derive(Serialize, Deserialize)]
struct Welcome {
    proof: String,
    start: Secret,
    lasting: Secret,
}

/// The app's end, for one connection.
pub(crate) struct Challenge {
    host: String,
    nonce: String,
}

impl Challenge {
    /// For who asked for this host.
    pub(crate) fn new(host: String) -> Self {
        Self { host, nonce: Secret::random().expose().to_owned() }
    }

    /// The first frame.
    pub(crate) fn to_json(&self) -> String {
        json(&ChallengeFrame { challenge: self.nonce.clone() })
    }

    /// The page's answer, and the frame that welcomes it.
    pub(crate) fn check(&self, frame: &str, secrets: &Secrets) -> Result<String, Refusal> {
        let ProofFrame { nonce, proof } = serde_json::from_str(frame).map_err(|_| Refusal::Secret)?;
        let proof = HEXLOWER_PERMISSIVE.decode(proof.as_bytes()).map_err(|_| Refusal::Secret)?;
        let is_one_line = nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !NONCE_LEN.contains(&nonce.len()) || !is_one_line {
            return Err(Refusal::Secret);
        }
        let said = Said { host: &self.host, apps_nonce: &self.nonce, pages_nonce: &nonce };
        let known = [&secrets.start, &secrets.lasting].into_iter().find(|secret| said.is_proven(Who::Page, secret, &proof));
        let proof = said.proof(Who::App, known.ok_or(Refusal::Secret)?);
        Ok(json(&WelcomeFrame { welcome: Welcome { proof, start: secrets.start.clone(), lasting: secrets.lasting.clone() } }))
    }
}

/// A command's end: it comes as a page does.
pub(crate) struct Answer<'a> {
    secret: &'a Secret,
    host: &'a str,
    challenge: String,
    nonce: String,
}

impl<'a> Answer<'a> {
    /// To the app's first frame. `None`: that is not the app.
    pub(crate) fn to_challenge(frame: &str, host: &'a str, secret: &'a Secret) -> Option<Self> {
        let ChallengeFrame { challenge } = serde_json::from_str(frame).ok()?;
        Some(Self { secret, host, challenge, nonce: Secret::random().expose().to_owned() })
    }

    /// The frame that proves who this is.
    pub(crate) fn to_json(&self) -> String {
        json(&ProofFrame { nonce: self.nonce.clone(), proof: self.said().proof(Who::Page, self.secret) })
    }

    /// Whether the frame that came back is the app's.
    pub(crate) fn is_welcome(&self, frame: &str) -> bool {
        let Ok(WelcomeFrame { welcome }) = serde_json::from_str(frame) else { return false };
        HEXLOWER_PERMISSIVE.decode(welcome.proof.as_bytes()).is_ok_and(|proof| self.said().is_proven(Who::App, self.secret, &proof))
    }

    fn said(&self) -> Said<'_> {
        Said { host: self.host, apps_nonce: &self.challenge, pages_nonce: &self.nonce }
    }
}

fn json(frame: &impl Serialize) -> String {
    serde_json::to_string(frame).expect("these frames are made of text")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HOST: &str = "127.0.0.1:4000";

    fn secrets() -> Secrets {
        Secrets { start: Secret::random(), lasting: Secret::random() }
    }

    fn asks(app: &Challenge, host: &str, secret: &Secret, secrets: &Secrets) -> Result<(), Refusal> {
        let answer = Answer::to_challenge(&app.to_json(), host, secret).unwrap();
        let welcome = app.check(&answer.to_json(), secrets)?;
        assert!(answer.is_welcome(&welcome));
        Ok(())
    }

    #[test]
    fn either_secret_lets_a_page_in_and_proves_the_app() {
        let (app, secrets) = (Challenge::new(HOST.into()), secrets());
        assert_eq!(asks(&app, HOST, &secrets.start, &secrets), Ok(()));
        assert_eq!(asks(&app, HOST, &secrets.lasting, &secrets), Ok(()));
        assert_eq!(asks(&app, HOST, &Secret::random(), &secrets), Err(Refusal::Secret));
    }

    #[test]
    fn a_proof_for_another_port_or_another_connection_is_none() {
        let secrets = secrets();
        let (here, there) = (Challenge::new(HOST.into()), Challenge::new(HOST.into()));
        assert_eq!(asks(&here, "127.0.0.1:4001", &secrets.start, &secrets), Err(Refusal::Secret));
        let answer = Answer::to_challenge(&there.to_json(), HOST, &secrets.start).unwrap();
        assert_eq!(here.check(&answer.to_json(), &secrets).err(), Some(Refusal::Secret));
    }

    #[test]
    fn who_lacks_the_secret_is_not_taken_for_the_app() {
        let (app, secrets) = (Challenge::new(HOST.into()), secrets());
        let answer = Answer::to_challenge(&app.to_json(), HOST, &secrets.start).unwrap();
        let own: Value = serde_json::from_str(&answer.to_json()).unwrap();
        for proof in [own["proof"].clone(), json!(""), json!("00"), json!(7), json!("zz")] {
            assert!(!answer.is_welcome(&json!({ "welcome": { "proof": proof, "start": "", "lasting": "" } }).to_string()));
        }
        assert!(!answer.is_welcome("") && !answer.is_welcome(&app.to_json()));
    }

    #[test]
    fn no_secret_travels_before_both_are_proven() {
        let (app, secrets) = (Challenge::new(HOST.into()), secrets());
        let answer = Answer::to_challenge(&app.to_json(), HOST, &secrets.start).unwrap();
        assert!(![app.to_json(), answer.to_json()].iter().any(|frame| frame.contains(secrets.start.expose())));
    }

    #[test]
    fn garbage_is_no_proof() {
        let (app, secrets) = (Challenge::new(HOST.into()), secrets());
        let with_nonce = |nonce: &str| {
            let said = Said { host: HOST, apps_nonce: &app.nonce, pages_nonce: nonce };
            json!({ "nonce": nonce, "proof": said.proof(Who::Page, &secrets.start) }).to_string()
        };
        assert!(app.check(&with_nonce("0123456789abcdef"), &secrets).is_ok());
        let nonces = ["", "short", "two\nlines of a page", &"x".repeat(65)].map(with_nonce);
        let garbage = ["", "[]", "{}", r#"{"nonce":"0123456789abcdef","proof":"00"}"#, r#"{"look":{}}"#].map(str::to_owned);
        for frame in nonces.iter().chain(&garbage) {
            assert_eq!(app.check(frame, &secrets).err(), Some(Refusal::Secret), "{frame}");
        }
    }

    /// What the pages compute, too: a change here would lock out a page that stays open over an update of the app.
    #[test]
    fn proofs_are_as_they_were() {
        let said = Said { host: HOST, apps_nonce: "app-nonce", pages_nonce: "page-nonce" };
        let secret: Secret = serde_json::from_value(json!("secret")).unwrap();
        assert_eq!(said.proof(Who::Page, &secret), "902eb73ad2319edcaec82cf242b66e90997a945542b074062996b7421c1cbf1b");
        assert_eq!(said.proof(Who::App, &secret), "c733292b5a7a6990157cca7a7a039ec1b1b165bd62b34a6ee5a0e1287b6d9c2f");
    }
}
