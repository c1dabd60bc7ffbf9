//! Requests to the service: whoever has a road to it can send any.

use prost::Message;
use umweg_delivery::memory::MemoryEngine;
use umweg_delivery::service::Service;
use umweg_delivery::watch::WatcherId;
use umweg_wire::proto::v1;
use umweg_wire::{Capability, Timestamp};

use super::Target;

/// An input is a list of `[which 1][length 2, big endian][request]`; they meet a service that holds an inbox and a group.
pub(super) const REQUESTS: Target = Target {
    name: "service-requests",
    decodes: "requests to the service, from whoever reaches it",
    bytes_max: 8_000,
    run: |mut input| {
        let mut service = service();
        while let Some((&[which, high, low], rest)) = input.split_first_chunk() {
            let (request, rest) = rest.split_at(usize::from(u16::from_be_bytes([high, low])).min(rest.len()));
            handle(&mut service, which, request);
            input = rest;
        }
        // Every event that was promised comes, and then none.
        for _ in 0..10_000 {
            if !matches!(service.poll_event(WATCHER, NOW), Ok(Some(_))) {
                return;
            }
        }
        panic!("the events of a watcher never end");
    },
    seeds: || {
        let watch = v1::WatchRequest { subscribe: vec![subscription(GROUP), subscription(INBOX)], unsubscribe: vec![] };
        let trim = v1::TrimRequest { log_id: INBOX.to_vec(), capability: CAPABILITY.to_vec(), up_to: 1 };
        let show = v1::GetSnapshotRequest { log_id: GROUP.to_vec(), capability: CAPABILITY.to_vec() };
        let publish = v1::PublishKeyPackagesRequest {
            log_id: INBOX.to_vec(),
            capability: CAPABILITY.to_vec(),
            key_packages: vec![vec![1; 40]; 3],
            last_resort: vec![2; 40],
            replace: true,
        };
        let take = v1::TakeKeyPackageRequest { log_id: INBOX.to_vec(), capability: SENDERS_CAPABILITY.to_vec() };
        let message = append(v1::EntryKind::Message, 0);
        let commit = v1::AppendRequest { rotate_to: vec![3; 32], snapshot: vec![4; 40], ..append(v1::EntryKind::Commit, 0) };
        vec![
            [request(5, &watch), request(1, &message), request(1, &commit), request(1, &message)].concat(),
            [request(1, &append(v1::EntryKind::Resync, 7)), request(3, &show), request(0, &create([7; 32], v1::LogKind::Group))]
                .concat(),
            [request(4, &publish), request(6, &take), request(2, &trim)].concat(),
        ]
    },
};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const WATCHER: WatcherId = WatcherId(1);
const GROUP: [u8; 32] = [1; 32];
const INBOX: [u8; 32] = [2; 32];
const CAPABILITY: [u8; 32] = [5; 32];
const SENDERS_CAPABILITY: [u8; 32] = [6; 32];

fn handle(service: &mut Service<MemoryEngine>, which: u8, request: &[u8]) {
    match which {
        0 => with(request, |request| service.create(&request, NOW)),
        1 => with(request, |request| service.append(request, NOW)),
        2 => with(request, |request| service.trim(&request, NOW)),
        3 => with(request, |request| service.snapshot(&request, NOW)),
        4 => with(request, |request| service.publish(request, NOW)),
        5 => with(request, |request| service.handle_watch(WATCHER, &request, NOW)),
        _ => with(request, |request| service.take(&request, NOW)),
    }
}

fn with<R: Message + Default, A>(bytes: &[u8], ask: impl FnOnce(R) -> A) {
    if let Ok(request) = R::decode(bytes) {
        ask(request);
    }
}

fn service() -> Service<MemoryEngine> {
    let mut service = Service::new(MemoryEngine::new());
    for (id, kind) in [(GROUP, v1::LogKind::Group), (INBOX, v1::LogKind::Inbox)] {
        if service.create(&create(id, kind), NOW).is_err() {
            panic!("an empty service takes a log");
        }
    }
    service
}

fn create(id: [u8; 32], kind: v1::LogKind) -> v1::CreateLogRequest {
    let hash = |capability| Capability::new(capability).hash().to_vec();
    let append = if kind == v1::LogKind::Inbox { SENDERS_CAPABILITY } else { CAPABILITY };
    v1::CreateLogRequest { log_id: id.to_vec(), kind: kind.into(), read_hash: hash(CAPABILITY), append_hash: hash(append) }
}

fn append(kind: v1::EntryKind, epoch: u64) -> v1::AppendRequest {
    v1::AppendRequest {
        log_id: GROUP.to_vec(),
        capability: CAPABILITY.to_vec(),
        client_id: vec![6; 16],
        kind: kind.into(),
        epoch,
        payload: b"sealed".to_vec(),
        ..Default::default()
    }
}

fn subscription(log: [u8; 32]) -> v1::Subscription {
    v1::Subscription { log_id: log.to_vec(), capability: CAPABILITY.to_vec(), after: 0 }
}

fn request(which: u8, request: &impl Message) -> Vec<u8> {
    let bytes = request.encode_to_vec();
    let length = u16::try_from(bytes.len()).expect("the requests here are short");
    [&[which], &length.to_be_bytes()[..], &bytes].concat()
}
