//! Many at the same time.

use std::future::{Future, poll_fn};
use std::task::Poll;

use super::subject::{Subject, document, done, fresh, text};
use crate::backend::Backend;

/// How many there are at the same time.
const MANY: usize = 40;

/// The outputs of futures that are run at the same time by whoever awaits this.
async fn together<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut all = true;
        for (future, output) in &mut running {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(ready) => *output = Some(ready),
                    Poll::Pending => all = false,
                }
            }
        }
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
}

/// Entries that are put, read, replaced and deleted at the same time do not disturb each other.
pub async fn many_at_the_same_time_lose_nothing(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let one = async |number: usize| {
        let name = store.name(&format!("n{}", number % 3), &number.to_string());
        let id = store.put_named(&name).await;
        let value = document(&number.to_string());
        store
            .put(&id, store.entry(&name.namespace, value, None))
            .await;
        let entry = store.got(&id).await;
        assert_eq!(
            text(&entry).await,
            number.to_string(),
            "a value is not another's"
        );
        assert_eq!(
            store.find(&name).await.as_ref(),
            Some(&id),
            "a name is not another's"
        );
        let gone = store.put_new("public", None).await;
        assert!(store.delete(&gone).await, "who puts an entry can delete it");
        id
    };
    let mut ids = together((0..MANY).map(one)).await;
    ids.sort_unstable();
    assert_eq!(
        store.keys(store.scope(None)).await,
        ids,
        "what many put at the same time is all there, and nothing else"
    );
    assert_eq!(
        store.clear(store.scope(None)).await,
        MANY,
        "what many put can be cleared"
    );
}

/// A name that many want at the same time leads to one of theirs, and only that one has it.
pub async fn of_many_who_want_a_name_one_has_it(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let name = store.name("public", "k");
    let ids = together((0..MANY).map(|_| store.put_named(&name))).await;
    let holder = store
        .find(&name)
        .await
        .expect("a name that many want leads somewhere");
    for id in &ids {
        assert!(
            store.exists(id).await,
            "an entry without a name is there, too"
        );
        assert_eq!(
            store.name_of(id).await.is_some(),
            *id == holder,
            "one of many has the name"
        );
    }
}

/// A lease that many want at the same time is given once.
pub async fn of_many_who_want_a_lease_one_gets_it(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let lease = fresh("lease");
    let takers = (0..MANY).map(|_| backend.acquire(&lease, 60.0, store.now));
    let taken = together(takers).await.into_iter();
    let tokens = taken.filter_map(|token| done("taking a lease", token));
    assert_eq!(tokens.count(), 1, "a lease that many want is given once");
}
