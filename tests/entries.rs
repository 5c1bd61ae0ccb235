//! Records as the entries of another backend.

use std::sync::Arc;

use bytes::Bytes;
use mcp_refcache::backend::{Backend, MemoryBackend};
use mcp_refcache::backend::{Entries, Head, PutOptions, Record, RecordStore, SMALL, Want};
use mcp_refcache::value::{Document, Value};
use mcp_refcache::{AccessPolicy, Details, Entry, KeyName};
use rstest::rstest;

const NOW: f64 = 1_000.0;
const ID: &str = "c:00000001";

fn record(body: &[u8], plain: bool) -> Record {
    let policy = AccessPolicy::read_only().with_owner("user:alice");
    let head = Head {
        namespace: "public".into(),
        policy: serde_json::to_string(&policy).unwrap(),
        created_at: NOW,
        expires_at: Some(NOW + 60.0),
        metadata: r#"{"tool_name": "t", "big": 123456789012345678901234567890, "nan": NaN}"#.into(),
        side: Bytes::from_static(b"\x00side\xff"),
        body_len: body.len() as u64,
        plain,
    };
    let body = Some(Bytes::copy_from_slice(body));
    Record { head, body }
}

fn entries() -> (Arc<MemoryBackend>, Entries) {
    let memory = Arc::new(MemoryBackend::new());
    (Arc::clone(&memory), Entries::new(memory))
}

#[rstest]
#[case::plain(br#"[1.5, NaN, "\u00e9\ud800", 123456789012345678901234567890]"#, true)]
#[case::sealed(b"!rcseal1\x00\xff\xfe and more", false)]
#[case::sealed_and_large(&[0x80; SMALL + 1], false)]
#[tokio::test]
async fn a_record_comes_back_as_it_was(#[case] body: &[u8], #[case] plain: bool) {
    let (_, store) = entries();
    let written = record(body, plain);
    let name = KeyName {
        cache: "c".into(),
        namespace: "public".into(),
        key: "k".into(),
    };
    let options = PutOptions {
        name: Some(&name),
        ..PutOptions::default()
    };
    store.write(ID, written.clone(), options).await.unwrap();
    let read = store.read(ID, NOW, Want::Value).await.unwrap();
    assert_eq!(read.as_ref(), Some(&written));
    let (id, head) = store.find(&name, NOW, Want::Head).await.unwrap().unwrap();
    assert_eq!((&*id, head.body.is_some()), (ID, body.len() <= SMALL));
    let ranges = [2..5, 0..0, 0..body.len() as u64];
    let parts = store.read_body(ID, &written.head, &ranges).await.unwrap();
    assert_eq!(parts.unwrap(), [&body[2..5], b"", body]);
    let other = Head {
        created_at: NOW + 1.0,
        ..written.head
    };
    assert_eq!(store.read_body(ID, &other, &ranges).await.unwrap(), None);
    assert_eq!(store.read(ID, NOW + 60.0, Want::Head).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_sealed_is_a_string_in_the_backend() {
    let (memory, store) = entries();
    let sealed = record(b"!rcseal1\x00\xff", false);
    store
        .write(ID, sealed, PutOptions::default())
        .await
        .unwrap();
    let entry = memory.get(ID, NOW, Want::Value).await.unwrap().unwrap();
    assert_eq!(
        entry.value.document().unwrap().text(),
        r#""IXJjc2VhbDEA/w==""#
    );
    let policy = entry.policy.policy().unwrap().into_owned();
    assert_eq!(policy.owner.as_deref(), Some("user:alice"));
}

#[tokio::test]
async fn an_entry_that_was_put_there_directly_is_a_plain_record() {
    let (memory, store) = entries();
    let document = Document::parse("[1, 2]").unwrap();
    let entry = Entry::new(
        Value::Document(Arc::new(document)),
        "public".into(),
        Arc::new(AccessPolicy::default()),
        NOW,
        None,
        Details::default(),
    );
    memory
        .put(ID, Arc::new(entry), PutOptions::default())
        .await
        .unwrap();
    let record = store.read(ID, NOW, Want::Value).await.unwrap().unwrap();
    assert!(record.head.plain);
    assert_eq!(record.body.as_deref(), Some(&b"[1, 2]"[..]));
}

#[tokio::test]
async fn a_sealed_entry_that_was_changed_in_the_backend_is_an_error() {
    let (memory, store) = entries();
    let sealed = record(b"!rcseal1\x00\xff", false);
    store
        .write(ID, sealed, PutOptions::default())
        .await
        .unwrap();
    let entry = memory.get(ID, NOW, Want::Value).await.unwrap().unwrap();
    for text in ["\"no base64!\"", "[1]"] {
        let value = Value::Document(Arc::new(Document::parse(text).unwrap()));
        let changed = Entry::new(
            value,
            Arc::clone(&entry.namespace),
            Arc::clone(&entry.policy),
            entry.created_at,
            None,
            entry.details.clone(),
        );
        memory
            .put(ID, Arc::new(changed), PutOptions::default())
            .await
            .unwrap();
        let error = store.read(ID, NOW, Want::Value).await.unwrap_err();
        assert!(error.kind().is_backend() && !error.to_string().contains("base64"));
    }
}
