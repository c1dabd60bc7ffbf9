//! The client's side: it opens one bite after the other.

use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::time::Duration;

use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use umweg_road::bites::{Account, ChainId, Hello, Welcome};
use umweg_road::session::Purpose;
use umweg_wire::limits::{BITE_GAP_MAX, BITE_GAP_MIN, DIAL_TIME_MAX};

use super::ends::{Ends, Stopped};
use crate::carrier::send;
use crate::dial::{DialError, Dialing, Stage};
use crate::session::SealedStream;

/// Why there can be no bites.
const TOO_LARGE: &str = "its certificate is too large for small bites";
/// Bites in a row that came to nothing: the road is dead.
const FAILURES_MAX: u32 = 2;
/// A bite that the other side ends earlier was not meant to be.
const SHORT: Duration = Duration::from_secs(1);
/// For what is under way when a bite is closed; what does not come in this time comes in the next.
const CLOSING_TIME_MAX: Duration = Duration::from_secs(1);
/// For the rest of a chain that was dropped.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(2);

/// How far apart bites begin.
#[derive(Clone, Debug)]
pub struct Pace(pub RangeInclusive<Duration>);

impl Default for Pace {
    fn default() -> Self {
        Self(BITE_GAP_MIN..=BITE_GAP_MAX)
    }
}

/// Begins a chain on that road. It has begun when the first bite stands.
pub(crate) async fn begin(dialing: Dialing, pace: Pace) -> Result<SealedStream, DialError> {
    let (ends, far) = Ends::new();
    let mut chain = Chain { dialing, pace, id: ChainId(rand::random()), ends };
    let began = Instant::now();
    let first = chain.open().await?;
    let mut stream = SealedStream::chained(far);
    let (held, dropped) = oneshot::channel::<()>();
    stream.hold(held);
    tokio::spawn(async move {
        tokio::select! {
            () = chain.run(first, began) => {}
            () = goodbye(dropped) => {}
        }
    });
    Ok(stream)
}

/// When the program drops the stream, its last words still go, if that is quick: who was heard saying goodbye is not waited for.
async fn goodbye(dropped: oneshot::Receiver<()>) {
    // The sender is dropped with the stream, and never used.
    let _ = dropped.await;
    sleep(GOODBYE_TIME_MAX).await;
}

struct Chain {
    dialing: Dialing,
    pace: Pace,
    id: ChainId,
    ends: Ends,
}

/// A bite that stands.
struct Bite {
    stream: SealedStream,
    account: Account,
}

impl Chain {
    async fn run(mut self, first: Bite, mut began: Instant) {
        let mut next = Some(first);
        let mut failures = 0;
        loop {
            if let Some(bite) = next.take() {
                match self.serve(bite).await {
                    Stopped::Chain => return,
                    // Bites that stand and are ended at once are no better than those that fail.
                    Stopped::Bite if began.elapsed() < SHORT => failures += 1,
                    Stopped::Bite | Stopped::UsedUp => failures = 0,
                }
            }
            if failures >= FAILURES_MAX {
                return;
            }
            let gap = rand::rng().random_range(self.pace.0.clone());
            sleep_until(began + gap).await;
            began = Instant::now();
            match self.open().await {
                Ok(bite) => next = Some(bite),
                Err(error) => {
                    tracing::debug!(%error, "a bite came to nothing");
                    failures += 1;
                }
            }
        }
    }

    async fn open(&mut self) -> Result<Bite, DialError> {
        let who = self.dialing.who();
        let mut stream = self.dialing.run_in_time(Purpose::Bite).await?;
        let account =
            Account::open(stream.moved().total(), self.ends.waiting()).ok_or_else(|| DialError::Tls(who, TOO_LARGE.to_owned()))?;
        let hello = Hello { chain: self.id, received: self.ends.received(), allowance: account.allowance() };
        let mut welcome = [0; Welcome::LEN];
        let greet = async {
            send(&mut stream, &hello.encode()).await?;
            stream.read_exact(&mut welcome).await
        };
        match timeout(DIAL_TIME_MAX, greet).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return Err(DialError::Cut(who, Stage::Session)),
            Err(_) => return Err(DialError::TimedOut(who, Stage::Session)),
        }
        // A service that was restarted does not have the chain any more; then the next attempt begins one.
        let Welcome::Received(received) = Welcome::decode(welcome) else { return Err(DialError::Cut(who, Stage::Session)) };
        self.ends.handle_confirmed(received).map_err(|_| DialError::Cut(who, Stage::Session))?;
        Ok(Bite { stream, account })
    }

    /// Until the bite is over, and closed.
    async fn serve(&mut self, bite: Bite) -> Stopped {
        let Bite { mut stream, account } = bite;
        let mut room = |stream: &SealedStream, any_wait: bool| {
            let received = stream.spent().received;
            let fits = stream.data_within(account.room(stream.moved().total(), received));
            (!account.is_used_up(received) && (fits > 0 || !any_wait)).then_some(fits)
        };
        let stopped = poll_fn(|context| self.ends.poll_move(&mut stream, context, &mut room)).await;
        // What the service sent before it saw the end still comes; and an end that leaves nothing unread is an ordinary one.
        let mut closed = false;
        let close = poll_fn(|context| {
            if !closed && Pin::new(&mut stream).poll_shutdown(context).is_ready() {
                closed = true;
            }
            self.ends.poll_rest(&mut stream, context)
        });
        let _ = timeout(CLOSING_TIME_MAX, close).await;
        stopped
    }
}
