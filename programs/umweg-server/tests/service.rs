//! The service as its users meet it: by its link, over sealed sessions.

mod house;

use std::time::Duration;

use house::{Group, House, SOON, hash, message, random};
use tokio_stream::StreamExt;
use tonic::Code;
use umweg_road::choice::Form;
use umweg_wire::limits;
use umweg_wire::proto::v1::{self, append_response::Outcome, closed::Reason, put_blob_request::Part, watch_event::Event};

#[tokio::test(flavor = "multi_thread")]
async fn every_door_leads_to_the_same_logs() {
    let house = House::open(&[]).await;
    let group = house.person_by(Form::Tls).await.group().await;
    for (form, number) in [(Form::Tls, 1), (Form::Plain, 2), (Form::Bare, 3)] {
        assert_eq!(house.person_by(form).await.say(&group, b"hello").await.seq, number);
    }
    house.close().await;
}

/// Appends go on all the while: whoever begins to watch, at whatever moment, sees every entry once and in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_sees_every_entry_once_while_appends_go_on() {
    const ENTRIES: u64 = 400;
    let house = House::open(&[]).await;
    let mut writer = house.person().await;
    let group = writer.group().await;
    let mut watchers = Vec::new();
    for number in 0..ENTRIES {
        writer.say(&group, b"entry").await;
        if number % 50 == 25 {
            let (mut reader, group) = (house.person().await, group.clone());
            watchers.push(tokio::spawn(async move {
                let mut watching = reader.watch().await;
                watching.subscribe(&group, number / 2).await;
                (number / 2, watching.numbers_up_to(ENTRIES).await)
            }));
        }
    }
    for watcher in watchers {
        let (after, numbers) = watcher.await.unwrap();
        assert!(numbers.into_iter().eq(after + 1..=ENTRIES), "entries after {after} come once and in order");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ephemeral_reaches_who_watches_and_nobody_later() {
    let house = House::open(&[]).await;
    let (mut anna, mut ben) = (house.person().await, house.person().await);
    let group = anna.group().await;
    let mut watching = ben.watch().await;
    watching.subscribe(&group, 0).await;
    assert!(matches!(watching.next().await, Event::CaughtUp(v1::CaughtUp { seq: 0, .. })));
    let typing = v1::AppendRequest { ephemeral: true, ..message(&group, b"typing") };
    anna.logs.append(typing).await.unwrap();
    assert!(matches!(watching.next().await, Event::Ephemeral(ephemeral) if ephemeral.payload == b"typing"));
    anna.say(&group, b"hello").await;
    assert_eq!(watching.numbers_up_to(1).await, [1]);
    let mut later = ben.watch().await;
    later.subscribe(&group, 0).await;
    assert!(matches!(later.next().await, Event::Entries(entries) if entries.entries.len() == 1));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_closes_what_the_old_capability_watches() {
    let house = House::open(&[]).await;
    let mut anna = house.person().await;
    let group = anna.group().await;
    let mut watching = anna.watch().await;
    watching.subscribe(&group, 0).await;
    assert!(matches!(watching.next().await, Event::CaughtUp(_)));
    let new = Group { capability: random(32), ..group.clone() };
    let commit =
        v1::AppendRequest { kind: v1::EntryKind::Commit.into(), rotate_to: hash(&new.capability), ..message(&group, b"commit") };
    anna.logs.append(commit).await.unwrap();
    assert!(matches!(watching.next().await, Event::Entries(entries) if entries.entries[0].rotates));
    assert!(matches!(watching.next().await, Event::Closed(closed) if closed.reason() == Reason::Rotated));
    watching.subscribe(&new, 1).await;
    assert!(matches!(watching.next().await, Event::CaughtUp(v1::CaughtUp { seq: 1, .. })));
    watching.subscribe(&Group { capability: random(32), ..group }, 0).await;
    assert!(matches!(watching.next().await, Event::Closed(closed) if closed.reason() == Reason::Refused));
    house.close().await;
}

/// It takes nothing off its connection; the others do not notice, and when it reads again it goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_watcher_is_cut_and_goes_on_later() {
    let house = House::open(&[]).await;
    let (mut writer, mut slow, mut quick) = (house.person().await, house.person().await, house.person().await);
    let group = writer.group().await;
    let (mut stuck, mut watching) = (slow.watch().await, quick.watch().await);
    for watching in [&mut stuck, &mut watching] {
        watching.subscribe(&group, 0).await;
        assert!(matches!(watching.next().await, Event::CaughtUp(_)));
    }
    // More than the queue, and the windows and buffers of the connection before it, can hold.
    let (payload, entries) = (vec![7; 512 << 10], 60);
    for number in 1..=entries {
        writer.say(&group, &payload).await;
        assert_eq!(watching.numbers_up_to(number).await, [number], "who reads is not held up");
    }

    let mut last = 0;
    let reason = loop {
        match stuck.next().await {
            Event::Entries(entries) => {
                assert!(
                    entries.entries.iter().all(|entry| {
                        last += 1;
                        entry.seq == last
                    }),
                    "in order until it is cut"
                );
            }
            Event::Closed(closed) => break closed.reason(),
            Event::CaughtUp(_) | Event::Ephemeral(_) => {}
        }
    };
    assert!(reason == Reason::Slow);
    assert!(last < entries);
    stuck.subscribe(&group, last).await;
    assert!(stuck.numbers_up_to(entries).await.into_iter().eq(last + 1..=entries));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greedy_connection_is_told_to_wait_and_others_are_not() {
    let house = House::open(&[]).await;
    let mut greedy = house.person().await;
    let group = greedy.group().await;
    let attempts = (0..2 * limits::APPENDS_BURST).map(|_| {
        let (mut logs, append) = (greedy.logs.clone(), message(&group, b"more"));
        async move { logs.append(append).await.map_err(|status| status.code()) }
    });
    let outcomes = futures_util::future::join_all(attempts).await;
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(Code::ResourceExhausted))).count();
    let taken = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(taken >= limits::APPENDS_BURST as usize && refused > 0, "{taken} taken, {refused} refused");
    assert_eq!(taken + refused, outcomes.len(), "and nothing else happens");
    house.person().await.say(&group, b"hello").await;

    let mut streams = Vec::new();
    for _ in 0..limits::WATCHERS_PER_CONNECTION_MAX {
        streams.push(greedy.watch().await);
    }
    let (_requests, stream) = tokio::sync::mpsc::channel::<v1::WatchRequest>(1);
    let refused = greedy.logs.watch(tokio_stream::wrappers::ReceiverStream::new(stream)).await;
    assert_eq!(code(refused), Code::ResourceExhausted);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_what_the_contract_says() {
    let house = House::open(&[]).await;
    let mut anna = house.person().await;
    let group = anna.group().await;
    let stranger = Group { capability: random(32), ..group.clone() };
    let nowhere = Group { log_id: random(32), ..group.clone() };
    let mut texts = Vec::new();
    for denied in [&stranger, &nowhere] {
        let status = anna.logs.append(message(denied, b"hello")).await.err().expect("it is denied");
        assert_eq!(status.code(), Code::PermissionDenied);
        texts.push(status.message().to_owned());
        let Group { log_id, capability } = denied.clone();
        let snapshot = anna.logs.get_snapshot(v1::GetSnapshotRequest { log_id, capability }).await;
        assert_eq!(code(snapshot), Code::PermissionDenied);
    }
    assert_eq!(texts[0], texts[1], "no such log, and not its capability, are not told apart");
    let Group { log_id, capability } = group.clone();
    let snapshot = anna.logs.get_snapshot(v1::GetSnapshotRequest { log_id, capability }).await;
    assert_eq!(code(snapshot), Code::NotFound);
    let malformed = [
        v1::AppendRequest { log_id: vec![1; 31], ..message(&group, b"x") },
        v1::AppendRequest { client_id: Vec::new(), ..message(&group, b"x") },
        v1::AppendRequest { kind: 9, ..message(&group, b"x") },
        v1::AppendRequest { rotate_to: vec![1; 32], ..message(&group, b"x") },
        message(&group, b""),
        message(&group, &vec![0; limits::ENTRY_BYTES_MAX + 1]),
    ];
    for append in malformed {
        assert_eq!(code(anna.logs.append(append).await), Code::InvalidArgument);
    }
    let hash = hash(&random(32));
    let (kind, log_id) = (v1::LogKind::Group.into(), group.log_id.clone());
    let taken = v1::CreateLogRequest { log_id, kind, read_hash: hash.clone(), append_hash: hash };
    assert_eq!(code(anna.logs.create(taken).await), Code::AlreadyExists);
    let mut watching = anna.watch().await;
    let subscribe = vec![v1::Subscription { log_id: vec![1], ..Default::default() }];
    watching.requests.send(v1::WatchRequest { subscribe, unsubscribe: Vec::new() }).await.unwrap();
    assert_eq!(code(watching.events.message().await), Code::InvalidArgument);
    house.close().await;
}

/// What was accepted is there after the end; what was not got an error that says nothing of acceptance.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_finishes_what_is_under_way() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().to_str().unwrap().to_owned();
    let house = House::open(&["--data", &data]).await;
    let mut anna = house.person().await;
    let group = anna.group().await;
    let mut watching = anna.watch().await;
    let attempts: Vec<_> = (0..200)
        .map(|_| {
            let (mut logs, append) = (anna.logs.clone(), message(&group, b"under way"));
            tokio::spawn(async move { (append.client_id.clone(), logs.append(append).await) })
        })
        .collect();
    let (shutdown, serving) = (house.shutdown.clone(), house.serving);
    shutdown.begin();
    assert_eq!(code(watching.events.message().await), Code::Unavailable, "watchers are told");
    let mut accepted = std::collections::BTreeSet::new();
    for attempt in attempts {
        if let (client_id, Ok(answer)) = attempt.await.unwrap() {
            assert!(matches!(answer.into_inner().outcome, Some(Outcome::Accepted(_))));
            accepted.insert(client_id);
        }
    }
    anna.lost().await;
    tokio::time::timeout(SOON, serving).await.expect("it ends soon").unwrap().expect("it ends well");

    let house = House::open(&["--data", &data]).await;
    let mut anna = house.person().await;
    let mut watching = anna.watch().await;
    watching.subscribe(&group, 0).await;
    let mut stored = std::collections::BTreeSet::new();
    loop {
        match watching.next().await {
            Event::Entries(entries) => {
                for entry in entries.entries {
                    assert!(stored.insert(entry.client_id), "nothing is there twice");
                }
            }
            Event::CaughtUp(_) => break,
            _ => panic!("the log is well"),
        }
    }
    assert!(accepted.is_subset(&stored));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_whole_and_from_any_offset() {
    let house = House::open(&[]).await;
    let mut anna = house.person().await;
    let (blob_id, capability, data) = (random(32), random(32), random(300_000));
    let head = v1::BlobHead { blob_id: blob_id.clone(), read_hash: hash(&capability), bytes: data.len() as u64 };
    let short = anna.blobs.put(tokio_stream::iter(parts(&head, &data[..1_000]))).await;
    assert_eq!(code(short), Code::InvalidArgument);
    anna.blobs.put(tokio_stream::iter(parts(&head, &data))).await.expect("after an interruption it may come again");
    let again = anna.blobs.put(tokio_stream::iter(parts(&head, &data))).await;
    assert_eq!(code(again), Code::AlreadyExists);
    for offset in [0, 1, 65_536, 299_999, 300_000] {
        let get = v1::GetBlobRequest { blob_id: blob_id.clone(), capability: capability.clone(), offset };
        let got: Vec<_> = anna.blobs.get(get).await.unwrap().into_inner().map(Result::unwrap).collect().await;
        assert_eq!(got[0].bytes, data.len() as u64);
        assert!(got.iter().all(|part| part.data.len() <= limits::BLOB_PART_BYTES_MAX));
        assert!(got.iter().flat_map(|part| &part.data).eq(&data[offset as usize..]));
    }
    let stranger = v1::GetBlobRequest { blob_id, capability: random(32), offset: 0 };
    assert_eq!(code(anna.blobs.get(stranger).await), Code::PermissionDenied);
    house.close().await;
}

fn parts(head: &v1::BlobHead, data: &[u8]) -> Vec<v1::PutBlobRequest> {
    let part = |part| v1::PutBlobRequest { part: Some(part) };
    let data = data.chunks(limits::BLOB_PART_BYTES_MAX).map(|chunk| part(Part::Data(chunk.to_vec())));
    std::iter::once(part(Part::Head(head.clone()))).chain(data).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn key_packages_are_handed_out_by_the_inbox() {
    let house = House::open(&[]).await;
    let mut anna = house.person().await;
    let (log_id, owner, sender) = (random(32), random(32), random(32));
    let kind = v1::LogKind::Inbox.into();
    let create = v1::CreateLogRequest { log_id: log_id.clone(), kind, read_hash: hash(&owner), append_hash: hash(&sender) };
    anna.logs.create(create).await.unwrap();
    let publish = v1::PublishKeyPackagesRequest {
        log_id: log_id.clone(),
        capability: owner.clone(),
        key_packages: vec![b"one".to_vec()],
        last_resort: b"last".to_vec(),
        replace: true,
    };
    assert_eq!(anna.key_packages.publish(publish).await.unwrap().into_inner().left, 1);
    let mut ben = house.person().await;
    for expected in [&b"one"[..], b"last", b"last"] {
        let take = v1::TakeKeyPackageRequest { log_id: log_id.clone(), capability: sender.clone() };
        assert_eq!(ben.key_packages.take(take).await.unwrap().into_inner().key_package, expected);
    }
    let take = v1::TakeKeyPackageRequest { log_id, capability: owner };
    assert_eq!(code(ben.key_packages.take(take).await), Code::PermissionDenied);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_can_probe_and_ask_for_the_contract() {
    let house = House::open(&[]).await;
    let channel = house.person().await.channel;
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let check = tonic_health::pb::HealthCheckRequest { service: "umweg.v1.Logs".to_owned() };
    let status = health.check(check).await.unwrap().into_inner().status;
    assert_eq!(status, i32::from(tonic_health::pb::health_check_response::ServingStatus::Serving));

    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient, server_reflection_request::MessageRequest,
        server_reflection_response::MessageResponse,
    };
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let ask = ServerReflectionRequest { host: String::new(), message_request };
    let mut answers =
        ServerReflectionClient::new(channel).server_reflection_info(tokio_stream::iter([ask])).await.unwrap().into_inner();
    let answer = tokio::time::timeout(SOON, answers.message()).await.unwrap().unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!("services are listed") };
    for service in ["umweg.v1.Logs", "umweg.v1.KeyPackages", "umweg.v1.Blobs", "umweg.v1.Calls"] {
        assert!(list.service.iter().any(|listed| listed.name == service), "{service}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_open_to_who_can_open_its_log() {
    let house = House::open(&[]).await;
    let mut anna = house.person().await;
    let call = anna.group().await;
    let mut calls = umweg_io::rpc::calls_client::CallsClient::new(anna.channel.clone());
    let Group { log_id, capability } = call.clone();
    let mut roster = calls.watch_roster(v1::WatchRosterRequest { log_id, capability }).await.unwrap().into_inner();
    let first = tokio::time::timeout(Duration::from_secs(5), roster.message()).await.unwrap().unwrap().unwrap();
    assert!(first.present.is_empty());
    let stranger = v1::WatchRosterRequest { log_id: call.log_id, capability: random(32) };
    assert_eq!(code(calls.watch_roster(stranger).await), Code::PermissionDenied);
    house.close().await;
}

fn code<T>(outcome: Result<T, tonic::Status>) -> Code {
    outcome.err().map_or(Code::Ok, |status| status.code())
}
