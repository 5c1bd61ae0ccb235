//! The five things that can be allowed, as a set of bits.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

bitflags::bitflags! {
    /// A set of permissions. As JSON it is the number of its bits.
    ///
    /// ```
    /// use mcp_refcache::access::Permission;
    /// let use_only = Permission::EXECUTE;
    /// assert!(!use_only.contains(Permission::READ));
    /// assert_eq!((Permission::READ | Permission::WRITE).to_string(), "READ|WRITE");
    /// assert_eq!(Permission::FULL.bits(), 31);
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Permission: u8 {
        /// See the value.
        const READ = 1;
        /// Create entries.
        const WRITE = 2;
        /// Replace entries.
        const UPDATE = 4;
        /// Remove entries.
        const DELETE = 8;
        /// Let the server compute with the value without seeing it.
        const EXECUTE = 16;
        /// Everything that needs the value or changes it, without `EXECUTE`.
        const CRUD = 15;
        /// Everything.
        const FULL = 31;
    }
}

impl Permission {
    /// Nothing at all.
    pub const NONE: Self = Self::empty();

    const SINGLE: [(&'static str, Self); 5] = [
        ("READ", Self::READ),
        ("WRITE", Self::WRITE),
        ("UPDATE", Self::UPDATE),
        ("DELETE", Self::DELETE),
        ("EXECUTE", Self::EXECUTE),
    ];

    /// These permissions, and `EXECUTE` wherever `READ` is among them: who may see a value may have
    /// the server compute with it.
    #[must_use]
    pub fn with_implied_execute(self) -> Self {
        if self.contains(Self::READ) {
            self | Self::EXECUTE
        } else {
            self
        }
    }

    /// What is left where the value may not be seen; it may still be used.
    #[must_use]
    pub(super) fn without_read(self) -> Self {
        self.with_implied_execute() - Self::READ
    }
}

impl Default for Permission {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NONE => return f.write_str("NONE"),
            Self::CRUD => return f.write_str("CRUD"),
            Self::FULL => return f.write_str("FULL"),
            _ => {}
        }
        let names = Self::SINGLE.iter().filter(|(_, flag)| self.contains(*flag));
        for (i, (name, _)) in names.enumerate() {
            if i > 0 {
                f.write_str("|")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.bits())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bits = i64::deserialize(deserializer)?;
        u8::try_from(bits)
            .ok()
            .and_then(Self::from_bits)
            .ok_or_else(|| {
                de::Error::custom(format_args!(
                    "a permission is a number from 0 to 31, not {bits}"
                ))
            })
    }
}
