//! [`PreviewStrategy`]: the names of the ways to show part of a value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How the part of a value that an agent is shown is chosen.
///
/// ```
/// use mcp_refcache::preview::PreviewStrategy;
/// assert_eq!("sample".parse::<PreviewStrategy>()?, PreviewStrategy::Sample);
/// assert_eq!(PreviewStrategy::Summary.as_str(), "summary");
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PreviewStrategy {
    /// The beginning of the text.
    Truncate,
    /// One page of the items.
    Paginate,
    /// Items evenly spaced over all of them.
    #[default]
    Sample,
    /// Types, counts, names and ranges instead of the items.
    Summary,
}

impl PreviewStrategy {
    const ALL: [Self; 4] = [Self::Truncate, Self::Paginate, Self::Sample, Self::Summary];

    /// The name of the strategy, as it is written in settings and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Truncate => "truncate",
            Self::Paginate => "paginate",
            Self::Sample => "sample",
            Self::Summary => "summary",
        }
    }
}

impl fmt::Display for PreviewStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PreviewStrategy {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.as_str() == name)
            .ok_or_else(|| {
                let allowed = Self::ALL.map(Self::as_str).join(", ");
                Error::invalid(format!("preview strategy must be one of {allowed}"))
                    .with("strategy", format_args!("{name:?}"))
            })
    }
}
