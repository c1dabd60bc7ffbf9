//! A call's datagrams on connections that are too narrow for them.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use umweg_io::carrier::Carrier;
use umweg_io::media::{Class, MediaError, MediaLink};
use umweg_io::udp::TicketedSocket;
use umweg_wire::Ticket;
use umweg_wire::datagram::{self, Flow};
use umweg_wire::limits::{MEDIA_QUEUE_MAX, MEDIA_UNSENT_BYTES_MAX, VIDEO_AGE_MAX};

const TICKET: Ticket = Ticket([5; 16]);

#[tokio::test]
async fn datagrams_come_as_they_went_both_ways() {
    let (mut app, mut sfu) = pair(duplex(4_096)).await;
    for n in 0..FLOWS {
        app.send(flow(n), &[n; 1_200], Class::Video);
        assert_eq!(sfu.recv().await.unwrap(), (flow(n), vec![n; 1_200]));
        sfu.send(flow(n), &[n; 60], Class::Urgent);
        assert_eq!(app.recv().await.unwrap(), (flow(n), vec![n; 60]));
    }
}

#[tokio::test]
async fn audio_overtakes_video_that_waits_for_a_narrow_road() {
    let (near, far) = duplex(2_000);
    let app = MediaLink::open(near, TICKET).await.unwrap();
    for _ in 0..40 {
        app.send(flow(0), &[2; 1_200], Class::Video);
    }
    tokio::task::yield_now().await;
    app.send(flow(0), &[1; 100], Class::Urgent);
    let (_, mut sfu) = MediaLink::accept(far).await.unwrap();
    let mut before = 0;
    while sfu.recv().await.unwrap().1[0] != 1 {
        before += 1;
    }
    assert!(before <= 4, "{before} datagrams of video went before the audio: more than the pipe and one batch hold");
}

#[tokio::test(start_paused = true)]
async fn a_blocked_road_keeps_little_and_what_comes_after_is_fresh() {
    let (near, mut far) = duplex(2_000);
    let app = MediaLink::open(near, TICKET).await.unwrap();
    for n in 0..4 * MEDIA_QUEUE_MAX {
        app.send(flow(0), &u32::try_from(n).unwrap().to_be_bytes().repeat(250), Class::Video);
    }
    assert!(app.sender().dropped() >= 3 * MEDIA_QUEUE_MAX as u64 - 8, "the queue is bounded");
    tokio::time::advance(VIDEO_AGE_MAX + Duration::from_millis(1)).await;
    app.send(flow(0), b"fresh", Class::Video);
    let mut ticket = [0; 16];
    far.read_exact(&mut ticket).await.unwrap();
    let mut received = Vec::new();
    let mut datagrams = 0;
    loop {
        if let Some((_, datagram, length)) = datagram::from_frames(&received).unwrap() {
            datagrams += 1;
            let fresh = datagram == b"fresh";
            received.drain(..length);
            if fresh {
                break;
            }
        } else {
            far.read_buf(&mut received).await.unwrap();
        }
    }
    assert!(datagrams <= 5, "{datagrams}: stale video was written although it was too late");
}

#[tokio::test]
async fn on_tcp_too_little_waits_unsent_to_make_audio_late() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    near.limit_unsent(MEDIA_UNSENT_BYTES_MAX);
    let app = MediaLink::open(near, TICKET).await.unwrap();
    // Nobody reads: the windows fill, then the kernel's few unsent bytes, and the rest waits where it can be dropped.
    while app.sender().dropped() == 0 {
        app.send(flow(0), &[2; 1_200], Class::Video);
        tokio::task::yield_now().await;
    }
    app.send(flow(0), &[1; 100], Class::Urgent);
    let (_, mut sfu) = MediaLink::accept(far).await.unwrap();
    let mut before = 0;
    while next(&mut sfu).await[0] != 1 {
        before += 1;
    }
    assert!(before < 1_000, "{before} old datagrams came first");
}

#[tokio::test]
async fn the_end_and_malformed_frames_are_told_apart() {
    let (near, mut far) = duplex(4_096);
    let mut app = MediaLink::open(near, TICKET).await.unwrap();
    far.write_all(&[0xff, 0xff, 0]).await.unwrap();
    assert!(matches!(app.recv().await, Err(MediaError::Malformed(_))));
    let (near, far) = duplex(4_096);
    let mut app = MediaLink::open(near, TICKET).await.unwrap();
    drop(far);
    assert!(matches!(app.recv().await, Err(MediaError::Ended(_))));
}

#[tokio::test]
async fn by_udp_only_ones_own_ticket_is_heard() {
    let sfu = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let app = TicketedSocket::connect(sfu.local_addr().unwrap(), TICKET).await.unwrap();
    app.send(flow(3), b"there");
    let mut bytes = [0; 100];
    let (length, from) = sfu.recv_from(&mut bytes).await.unwrap();
    assert!(datagram::from_udp(&bytes[..length]) == Ok((TICKET, flow(3), &b"there"[..])));
    sfu.send_to(&datagram::to_udp(Ticket([6; 16]), flow(3), b"somebody else's"), from).await.unwrap();
    sfu.send_to(b"short", from).await.unwrap();
    sfu.send_to(&datagram::to_udp(TICKET, flow(3), b"back"), from).await.unwrap();
    assert!(app.recv().await.unwrap() == (flow(3), b"back".to_vec()));
}

/// The next datagram; that none comes is a failure, too.
async fn next<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(link: &mut MediaLink<S>) -> Vec<u8> {
    tokio::time::timeout(Duration::from_secs(5), link.recv()).await.expect("a datagram comes").unwrap().1
}

const FLOWS: u8 = 32;

fn flow(number: u8) -> Flow {
    Flow::new(number).unwrap()
}

async fn pair((near, far): (DuplexStream, DuplexStream)) -> (MediaLink<DuplexStream>, MediaLink<DuplexStream>) {
    let app = MediaLink::open(near, TICKET).await.unwrap();
    let (ticket, sfu) = MediaLink::accept(far).await.unwrap();
    assert!(ticket == TICKET);
    (app, sfu)
}
