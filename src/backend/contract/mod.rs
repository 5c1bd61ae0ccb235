//! The promises of [`Backend`] as functions, to be run for every store, also for one of your own:
//!
//! ```
//! use mcp_refcache::backend::{Backend, MemoryBackend, contract};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! contract::all(&MemoryBackend::new()).await;
//! # }
//! ```
//!
//! Each function tests one behaviour and panics with the sentence that does not hold. All but
//! [`clear_without_a_scope_removes_everything`] leave alone what they did not write, use references and
//! names that no other run uses, and can be run at the same time. The store must have no limit that a few
//! megabytes exceed. They wait for timers of Tokio, so they need its runtime.

mod buckets;
mod entries;
mod leases;
mod names;
mod scopes;
mod subject;
mod together;
mod values;

pub use buckets::*;
pub use entries::*;
pub use leases::*;
pub use names::*;
pub use scopes::*;
pub use together::*;
pub use values::*;

use super::Backend;

/// Runs everything, one after the other, on a store that has nothing in it that is still needed.
///
/// # Panics
/// With the first promise that the store does not keep.
pub async fn all(backend: &dyn Backend) {
    an_entry_is_there_until_it_is_deleted(backend).await;
    what_is_absent_is_no_error(backend).await;
    an_entry_is_replaced_as_a_whole(backend).await;
    an_entry_is_absent_once_it_is_expired(backend).await;
    a_later_end_replaces_an_earlier_one(backend).await;
    purge_removes_what_is_expired_and_nothing_else(backend).await;
    ids_may_be_any_text(backend).await;
    a_cache_is_known_once_it_has_stored(backend).await;
    remembering_changes_no_entry(backend).await;

    a_name_leads_to_its_entry(backend).await;
    a_name_belongs_to_one_cache_and_namespace(backend).await;
    a_key_is_found_in_every_namespace(backend).await;
    a_name_moves_to_the_newer_entry(backend).await;
    the_former_holder_of_a_name_is_retired(backend).await;
    a_name_is_forgotten_with_its_entry(backend).await;
    a_replaced_entry_keeps_its_name(backend).await;
    names_may_be_any_text(backend).await;

    keys_are_those_of_their_scope(backend).await;
    clear_removes_its_scope_and_nothing_else(backend).await;

    a_lease_has_one_holder(backend).await;
    a_lease_ends_by_itself(backend).await;
    a_renewed_lease_ends_later(backend).await;
    a_released_lease_is_free(backend).await;
    tokens_of_a_lease_grow(backend).await;
    a_fence_keeps_the_name_with_the_newer_holder(backend).await;
    a_fence_lets_the_holder_have_the_name(backend).await;

    a_bucket_gives_its_burst(backend).await;
    tokens_come_back(backend).await;
    several_buckets_give_together_or_not_at_all(backend).await;

    values_come_back_as_they_were(backend).await;
    types_beside_the_text_come_back(backend).await;
    a_large_value_can_be_read_later(backend).await;
    policies_come_back_as_they_were(backend).await;
    details_come_back_as_they_were(backend).await;
    metadata_of_the_users_own_comes_back(backend).await;

    many_at_the_same_time_lose_nothing(backend).await;
    of_many_who_want_a_name_one_has_it(backend).await;
    of_many_who_want_a_lease_one_gets_it(backend).await;

    clear_without_a_scope_removes_everything(backend).await;
}
