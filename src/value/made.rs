//! [`Made`]: what a language binding made of an excerpt, kept beside it so that it need not be made again.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// A place for one object that this crate does not look into. It belongs to one excerpt: a copy has its own.
#[derive(Default)]
pub(crate) struct Made {
    was_asked: AtomicBool,
    object: OnceLock<Object>,
}

struct Object {
    object: Box<dyn Any + Send + Sync>,
    bytes: usize,
}

impl Made {
    /// What was kept.
    pub(crate) fn get<T: Any>(&self) -> Option<&T> {
        self.object.get()?.object.downcast_ref()
    }

    /// Whether it was asked for before. What is shown but once is not worth its memory.
    pub(crate) fn is_asked_again(&self) -> bool {
        self.was_asked.swap(true, Ordering::Relaxed)
    }

    /// Keeps it, which takes about so many bytes; what another thread kept first stays.
    pub(crate) fn keep<T: Any + Send + Sync>(&self, object: T, bytes: usize) {
        let object = Box::new(object);
        let _ = self.object.set(Object { object, bytes });
    }

    /// Bytes of what is kept.
    pub(crate) fn bytes(&self) -> usize {
        self.object.get().map_or(0, |kept| kept.bytes)
    }
}

impl Clone for Made {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Made {
    /// Never shows what is kept.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made")
            .field("bytes", &self.bytes())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_first_stays_and_counts() {
        let made = Made::default();
        assert!(made.get::<&str>().is_none());
        made.keep("first", 10);
        made.keep("second", 20);
        assert_eq!((made.get(), made.bytes()), (Some(&"first"), 10));
        assert!(made.get::<u8>().is_none());
    }

    #[test]
    fn a_copy_has_its_own_place() {
        let made = Made::default();
        made.keep("kept", 10);
        assert!(!made.is_asked_again());
        let copy = made.clone();
        assert!(made.is_asked_again() && !copy.is_asked_again());
        assert_eq!((copy.get::<&str>(), copy.bytes()), (None, 0));
    }

    #[test]
    fn what_is_kept_is_not_shown() {
        let made = Made::default();
        made.keep("secret", 10);
        assert_eq!(format!("{made:?}"), "Made { bytes: 10 }");
    }
}
