//! Ids as templates write them into names: a value must stay one part of a namespace or owner.

use std::borrow::Cow;

/// What would end a part, open a pattern or be taken for an escape.
const SPECIAL: [char; 3] = ['%', ':', '*'];

/// An id with `%`, `:` and `*` as `%25`, `%3A` and `%2A`.
pub(super) fn escaped(id: &str) -> Cow<'_, str> {
    if !id.contains(SPECIAL) {
        return Cow::Borrowed(id);
    }
    id.replace('%', "%25")
        .replace(':', "%3A")
        .replace('*', "%2A")
        .into()
}

/// Whether a part of a name means this id: escaped, as templates write it, or as the author wrote it,
/// as long as that cannot be the escape of another id.
pub(super) fn means(part: &str, id: &str) -> bool {
    part == escaped(id) || (part == id && !id.contains('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_means_one_id_only() {
        for (part, id, expected) in [
            ("alice", "alice", true),
            ("alice", "bob", false),
            ("urn%3Ax", "urn:x", true),
            ("urn:x", "urn:x", true),
            ("urn%3Ax", "urn%3Ax", false),
            ("urn%253Ax", "urn%3Ax", true),
            ("%2A", "*", true),
        ] {
            assert_eq!(means(part, id), expected, "{part} {id}");
        }
    }
}
