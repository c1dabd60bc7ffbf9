//! The arguments and their help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::start::Place;

/// Umweg: a private messenger that keeps working where the network is censored.
///
/// Without a command it runs the app and opens its page in the browser.
#[derive(Parser)]
#[command(
    name = "umweg",
    version,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 done; 1 failed; 2 wrong arguments; 3 the app refused, and says why; 4 written down, but not yet at the service: \
it will be sent when there is a road.\n\n\
Environment: UMWEG_PASSPHRASE opens a folder that a passphrase protects; UMWEG_LOG sets what is logged, e.g. umweg=debug."
)]
pub struct Args {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) run: Run,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// How the app runs.
#[derive(clap::Args, Clone, Default)]
pub(crate) struct Run {
    /// Listen on this port of 127.0.0.1 [default: the one of the last time, or any]
    #[arg(long, env = "UMWEG_PORT")]
    pub(crate) port: Option<u16>,
    /// Do not open the browser; the link is printed in any case
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Never connect directly: use proxies only. Remembered, as if chosen in the settings
    #[arg(long)]
    pub(crate) no_direct: bool,
    /// Add a proxy, by its link, or by its host if it is open to everybody (port 5222); may be given several times
    #[arg(long = "proxy", value_name = "LINK")]
    pub(crate) proxies: Vec<String>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the app (as without a command)
    Run(Run),
    #[command(flatten)]
    Script(Script),
}

/// What scripts can do.
#[derive(Subcommand)]
pub(crate) enum Script {
    /// Create this folder's account
    CreateAccount {
        /// How other people see you
        name: String,
    },
    /// Print your contact link, for passing on
    Link,
    /// Ask somebody to be your contact, or accept if they asked you
    Add {
        /// Their contact link
        link: String,
        /// What they read with your request
        #[arg(default_value = "")]
        text: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// List people who ask to be your contact
    Requests,
    /// Accept somebody's request
    Accept {
        /// Their name or account id
        #[arg(allow_hyphen_values = true)]
        who: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// List your contacts
    Contacts,
    /// List conversations, the newest first
    Chats,
    /// Send a text
    Send {
        /// The conversation's title or id
        #[arg(allow_hyphen_values = true)]
        chat: String,
        /// The text; - reads it from standard input
        #[arg(allow_hyphen_values = true)]
        text: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Print a conversation
    Read {
        /// The conversation's title or id
        #[arg(allow_hyphen_values = true)]
        chat: String,
        /// Tell the others that you have read it
        #[arg(long)]
        mark: bool,
    },
    /// Make a group
    Group {
        /// Its name
        name: String,
        /// Its members: names or account ids of your contacts
        #[arg(required = true, allow_hyphen_values = true)]
        members: Vec<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// List calls, the running ones first
    Calls,
    /// Proxies: add, list, remove, test, and when to use them
    #[command(subcommand)]
    Proxy(Proxy),
    /// How the service is reached
    Status,
}

#[derive(Subcommand)]
pub(crate) enum Proxy {
    /// Add a proxy by its link
    Add { link: String },
    /// List proxies and what is known of each
    List,
    /// Remove a proxy
    Remove {
        /// Its link, name or host
        proxy: String,
    },
    /// Try whether the service can be reached through a proxy now
    Test {
        /// Its link, name or host
        proxy: String,
    },
    /// Say when proxies are used
    Use { when: When },
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum When {
    /// Where the direct road fails
    #[value(name = "when-blocked")]
    Blocked,
    /// Never connect directly
    Always,
    /// Only connect directly
    Never,
}

/// How long a command waits for the service.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Wait {
    /// Seconds to wait until the service has it; it is sent in any case, now or when the app runs again
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub(crate) wait: u64,
}

impl Run {
    /// What was said before the command, and what was said after it.
    pub(crate) fn and(self, after: Self) -> Self {
        Self {
            port: after.port.or(self.port),
            no_browser: self.no_browser || after.no_browser,
            no_direct: self.no_direct || after.no_direct,
            proxies: [self.proxies, after.proxies].concat(),
        }
    }
}

impl Script {
    /// What an app that runs for this command alone has to do besides.
    pub(crate) fn errand(&self) -> Errand {
        match self {
            Self::Add { wait, .. } | Self::Accept { wait, .. } | Self::Group { wait, .. } => {
                Errand::Deliver(Duration::from_secs(wait.wait))
            }
            Self::CreateAccount { .. } | Self::Send { .. } | Self::Read { .. } => Errand::DeliverIfPossible,
            Self::Requests | Self::Chats | Self::Calls => Errand::Fetch,
            Self::Link | Self::Contacts | Self::Proxy(_) | Self::Status => Errand::None,
        }
    }
}

/// What is to go over the road for a command, where no app runs that does it anyway.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    None,
    /// What came since the last time is fetched first.
    Fetch,
    /// Likewise, and afterwards what there is to say is said, if that is soon done.
    DeliverIfPossible,
    /// Likewise, and the command failed if it is not done in time.
    Deliver(Duration),
}

impl Place {
    /// The folder, given or by default.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.data.clone().or_else(crate::folder::default_path)
    }
}
