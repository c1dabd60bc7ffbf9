//! The service's side: it knows the chains, and takes the bites of each in turn.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use umweg_road::bites::{ChainId, Hello, Welcome, service_room};
use umweg_wire::limits::{CHAIN_KEPT, HANDSHAKE_TIME_MAX};

use super::ends::{Ends, Stopped};
use crate::carrier::send;
use crate::session::SealedStream;

/// All chains of a service. When nobody holds them any more nobody can bring a bite, and each chain ends with the one it has.
pub(crate) struct Chains {
    known: Arc<Known>,
    permits: Arc<Semaphore>,
}

type Known = Mutex<HashMap<ChainId, mpsc::Sender<Bite>>>;
type Bite = (SealedStream, Hello);

impl Chains {
    /// At most so many.
    pub(crate) fn new(chains_max: usize) -> Self {
        Self { known: Arc::default(), permits: Arc::new(Semaphore::new(chains_max)) }
    }

    /// A bite has come. If it is the first of a chain, this is the chain.
    pub(crate) async fn handle_bite(&self, mut stream: SealedStream) -> Option<SealedStream> {
        let mut hello = [0; Hello::LEN];
        timeout(HANDSHAKE_TIME_MAX, stream.read_exact(&mut hello)).await.ok()?.ok()?;
        let hello = Hello::decode(&hello);
        let known = lock(&self.known).get(&hello.chain).cloned();
        if let Some(chain) = known {
            // A chain that ended this moment: its client will be told at the next bite.
            let _ = chain.send((stream, hello)).await;
            return None;
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok().filter(|_| hello.received == 0);
        let Some(permit) = permit else {
            let _ = timeout(HANDSHAKE_TIME_MAX, send(&mut stream, &Welcome::Unknown.encode())).await;
            return None;
        };
        let (bites, coming) = mpsc::channel(1);
        lock(&self.known).insert(hello.chain, bites);
        let (ends, far) = Ends::new();
        let known = Arc::downgrade(&self.known);
        tokio::spawn(async move {
            serve(ends, (stream, hello), coming).await;
            if let Some(known) = known.upgrade() {
                lock(&known).remove(&hello.chain);
            }
        });
        let mut chained = SealedStream::chained(far);
        chained.hold(permit);
        Some(chained)
    }
}

fn lock(known: &Known) -> std::sync::MutexGuard<'_, HashMap<ChainId, mpsc::Sender<Bite>>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Until the program ends it, or no bite has come for too long or can come any more.
async fn serve(mut ends: Ends, first: Bite, mut coming: mpsc::Receiver<Bite>) {
    let mut next = Some(first);
    loop {
        let bite = match next.take() {
            Some(bite) => bite,
            None => match timeout(CHAIN_KEPT, coming.recv()).await {
                Ok(Some(bite)) => bite,
                _ => return,
            },
        };
        tokio::select! {
            stopped = serve_one(&mut ends, bite) => match stopped {
                Some(Stopped::Chain) | None => return,
                Some(Stopped::UsedUp | Stopped::Bite) => {}
            },
            // The client has given the one before up.
            Some(bite) = coming.recv() => next = Some(bite),
        }
    }
}

/// `None`: the client counts another stream.
async fn serve_one(ends: &mut Ends, (mut stream, hello): Bite) -> Option<Stopped> {
    ends.handle_confirmed(hello.received).ok()?;
    if send(&mut stream, &Welcome::Received(ends.received()).encode()).await.is_err() {
        return Some(Stopped::Bite);
    }
    // Without room it waits for the client, who counts along, to open the next.
    let mut room = |stream: &SealedStream, _| Some(stream.data_within(service_room(&hello, stream.spent().sent)));
    let stopped = poll_fn(|context| ends.poll_move(&mut stream, context, &mut room)).await;
    let _ = timeout(HANDSHAKE_TIME_MAX, stream.shutdown()).await;
    Some(stopped)
}
