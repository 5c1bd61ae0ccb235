//! [`Rate`]: so many in a time, and how many at once.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The most that a rate or a burst may be.
const MOST: u32 = 1_000_000;

/// Names of units and their seconds; the first name of each is the one that is shown.
const UNITS: [(&[&str], f64); 4] = [
    (&["s", "sec", "second"], 1.0),
    (&["min", "m", "minute"], 60.0),
    (&["h", "hour"], 3600.0),
    (&["day", "d"], 86_400.0),
];

/// So many in a second, minute, hour or day; at once as many as the burst says, else as many as the count.
///
/// ```
/// use mcp_refcache::limits::Rate;
/// let rate: Rate = "60/min burst 10".parse()?;
/// assert_eq!((rate.per_second(), rate.burst()), (1.0, 10.0));
/// assert_eq!("5/s".parse::<Rate>()?.burst(), 5.0);
/// assert!("60 per minute".parse::<Rate>().is_err());
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    count: u32,
    unit: (&'static str, f64),
    burst: Option<u32>,
}

impl Rate {
    /// Tokens that come back in a second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        f64::from(self.count) / self.unit.1
    }

    /// Tokens in a full bucket.
    #[must_use]
    pub fn burst(self) -> f64 {
        f64::from(self.burst.unwrap_or(self.count))
    }
}

impl FromStr for Rate {
    type Err = Error;

    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), which says the grammar.
    fn from_str(text: &str) -> Result<Self> {
        read(text).ok_or_else(|| {
            Error::invalid(
                "a rate is '<count>/<unit>' or '<count>/<unit> burst <count>', such as '60/min' or \
                 '1000/h burst 50'; units are s, min, h and day, counts are 1 to 1000000",
            )
            .with("rate", format!("{text:?}"))
        })
    }
}

fn read(text: &str) -> Option<Rate> {
    let mut words = text.split_whitespace();
    let (count, unit) = words.next()?.split_once('/')?;
    let burst = match (words.next(), words.next()) {
        (None, _) => None,
        (Some("burst"), Some(burst)) => Some(number(burst)?),
        _ => return None,
    };
    let unit = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
    match words.next() {
        Some(_) => None,
        None => Some(Rate {
            count: number(count)?,
            unit: (unit.0[0], unit.1),
            burst,
        }),
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits)?;
    (1..=MOST).contains(&number).then_some(number)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.unit.0)?;
        match self.burst {
            Some(burst) => write!(f, " burst {burst}"),
            None => Ok(()),
        }
    }
}
