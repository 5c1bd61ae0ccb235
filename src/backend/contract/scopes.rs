//! Operations over many entries: of a cache, of a namespace, of both, of everything.

use super::subject::{Subject, document, fresh};
use crate::backend::{Backend, Scope};

/// Two caches, of which one's name begins with the other's, with one entry in each of two namespaces.
struct World<'a> {
    store: Subject<'a>,
    mine: String,
    shared: String,
    /// The longer cache name.
    other: String,
    other_mine: String,
    other_shared: String,
    /// A namespace that only this world uses.
    own: String,
}

async fn world(backend: &dyn Backend) -> World<'_> {
    let store = Subject::new(backend);
    let own = fresh("namespace");
    let mine = store.put_new(&own, None).await;
    let shared = store.put_new("public", None).await;
    let other = format!("{}-2", store.cache);
    let (other_mine, other_shared) = (format!("{other}:0123456789"), format!("{other}:1123456789"));
    for (id, namespace) in [(&other_mine, &*own), (&other_shared, "public")] {
        store
            .put(id, store.entry(namespace, document("1"), None))
            .await;
    }
    World {
        store,
        mine,
        shared,
        other,
        other_mine,
        other_shared,
        own,
    }
}

fn sorted(ids: &[&String]) -> Vec<String> {
    let mut ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    ids
}

/// A cache has the entries whose reference begins with its name, a namespace exactly its own.
pub async fn keys_are_those_of_their_scope(backend: &dyn Backend) {
    let world = world(backend).await;
    let World {
        store,
        mine,
        shared,
        other_mine,
        other_shared,
        own,
        ..
    } = &world;
    assert_eq!(
        store.keys(store.scope(None)).await,
        sorted(&[mine, shared]),
        "a cache has the entries whose reference begins with its name"
    );
    let of_other = Scope {
        cache: Some(&world.other),
        namespace: None,
    };
    assert_eq!(
        store.keys(of_other).await,
        sorted(&[other_mine, other_shared]),
        "caches whose names begin alike are told apart"
    );
    let of_namespace = Scope {
        cache: None,
        namespace: Some(own),
    };
    assert_eq!(
        store.keys(of_namespace).await,
        sorted(&[mine, other_mine]),
        "a namespace has the entries of all caches in it"
    );
    assert_eq!(
        store.keys(store.scope(Some(own))).await,
        sorted(&[mine]),
        "a scope of cache and namespace has the entries that are in both"
    );
    let all = store.keys(Scope::default()).await;
    for id in [mine, shared, other_mine, other_shared] {
        assert!(
            all.contains(id),
            "everything has the entries of every scope"
        );
    }
    let part = &own[..own.len() - 1];
    assert!(
        store.keys(store.scope(Some(part))).await.is_empty(),
        "a namespace is not its beginning"
    );
}

/// Clearing a scope removes what its keys are, tells how many, and leaves the rest alone.
pub async fn clear_removes_its_scope_and_nothing_else(backend: &dyn Backend) {
    for which in 0..3 {
        let world = world(backend).await;
        let World {
            store,
            mine,
            shared,
            other_mine,
            other_shared,
            own,
            ..
        } = &world;
        let (scope, gone): (_, &[&String]) = match which {
            0 => (store.scope(None), &[mine, shared]),
            1 => (
                Scope {
                    cache: None,
                    namespace: Some(own),
                },
                &[mine, other_mine],
            ),
            _ => (store.scope(Some(own)), &[mine]),
        };
        let cleared = store.clear(scope).await;
        assert_eq!(cleared, gone.len(), "clearing tells how many it removed");
        assert!(
            store.keys(scope).await.is_empty(),
            "a cleared scope is empty"
        );
        for id in [mine, shared, other_mine, other_shared] {
            assert_eq!(
                store.exists(id).await,
                !gone.contains(&id),
                "clearing removes its scope and nothing else"
            );
        }
        assert_eq!(
            store.clear(scope).await,
            0,
            "a cleared scope has nothing to clear"
        );
    }
}

/// Clearing everything leaves nothing, also of what others wrote.
pub async fn clear_without_a_scope_removes_everything(backend: &dyn Backend) {
    let world = world(backend).await;
    let store = &world.store;
    let name = store.name("public", "k");
    store.put_named(&name).await;
    let cleared = store.clear(Scope::default()).await;
    assert!(cleared >= 5, "clearing everything tells how much it was");
    assert!(
        store.keys(Scope::default()).await.is_empty(),
        "nothing is left"
    );
    assert!(
        !store.exists(&world.mine).await,
        "what was cleared does not exist"
    );
    assert_eq!(
        store.find(&name).await,
        None,
        "no name leads to what was cleared"
    );
}
