//! [`Masks`]: which parts of a value are hidden from agents.

mod path;
mod tree;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use self::path::Path;
use self::tree::Tree;
use crate::error::{Error, Result};

pub(crate) use self::tree::Walk;

/// Paths of the parts of a value that agents do not see, compiled once; a copy shares them.
///
/// A path names keys and items from the outermost in: `users[*].ssn` is the `ssn` of each item of `users`.
///
/// | step | goes to |
/// | --- | --- |
/// | `name` | the value of this key; steps after the first are joined by `.` |
/// | `["any key"]` | the same for keys with other characters, in the quotes of JSON |
/// | `[3]` | one item of a list, counted from 0 |
/// | `[*]` | each item of a list |
/// | `*` | the value of each key, or each item |
/// | `$` | the whole value; only as the first step |
///
/// What stands at such a path or below it is hidden. `!path` is an exception: what stands at or below
/// it is shown whatever masks cover it, and the lists and dicts on the way to it keep their shape.
///
/// ```
/// use mcp_refcache::access::Masks;
/// let masks = Masks::new(["users[*].ssn", r#"["private notes"]"#])?;
/// assert!(masks.iter().eq([r#"["private notes"]"#, "users[*].ssn"]));
/// let wrong = Masks::new(["users[].ssn"]).unwrap_err();
/// assert!(wrong.to_string().contains("users[].ssn"));
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Clone)]
pub struct Masks(Arc<Compiled>);

struct Compiled {
    /// Sorted, each once.
    texts: Box<[Box<str>]>,
    tree: Tree,
    id: u64,
}

impl Masks {
    /// The masks of these paths.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a text that is no path: where, and what is allowed.
    pub fn new<T: AsRef<str>>(paths: impl IntoIterator<Item = T>) -> Result<Self> {
        let mut texts: Vec<Box<str>> = paths.into_iter().map(|path| path.as_ref().into()).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut tree = Tree::default();
        let mut hash = Sha256::new();
        for text in &texts {
            tree.add(&Path::parse(text)?);
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        let id = hash.finalize();
        let id = id.first_chunk().expect("a digest of 32 bytes");
        Ok(Self(Arc::new(Compiled {
            texts: texts.into(),
            tree,
            id: u64::from_le_bytes(*id),
        })))
    }

    /// The paths as they were written, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.texts.iter().map(|text| &**text)
    }

    /// A number that these paths have and hardly any others, the same in every process.
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    /// A walk along one value.
    pub(crate) fn walk(&self) -> Walk<'_> {
        self.0.tree.walk()
    }
}

impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl PartialEq for Masks {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.texts == other.0.texts
    }
}

impl Eq for Masks {}

impl Serialize for Masks {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Masks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let paths = Vec::<String>::deserialize(deserializer)?;
        Self::new(paths).map_err(|error: Error| de::Error::custom(error))
    }
}
