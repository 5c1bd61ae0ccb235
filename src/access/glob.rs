//! Shell-style patterns that mean exactly what Python's `fnmatch.fnmatch` means on POSIX.
//!
//! A pattern is cut at its stars into runs of single-character units. The first run is tied to the start
//! of the text, the last to its end, and each one between takes its leftmost place: nothing is ever
//! tried twice, so a thousand stars cost as much as one.

/// A compiled pattern of names: `*`, `?`, `[seq]` and `[!seq]`, everything else stands for itself.
///
/// ```
/// use mcp_refcache::access::Glob;
/// let pattern = Glob::new("session:*");
/// assert!(pattern.matches("session:conv-123"));
/// assert!(!pattern.matches("user:alice"));
/// ```
#[derive(Debug, Clone)]
pub struct Glob {
    text: Box<str>,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    /// No star: the text is exactly as long as the run.
    Fixed(Run),
    /// At least one star.
    Starred {
        first: Run,
        between: Box<[Run]>,
        last: Run,
    },
}

/// Units that follow each other without a star.
#[derive(Debug, Clone)]
enum Run {
    Text(Box<str>),
    Units(Box<[Unit]>),
}

/// What one character of the text is compared with.
#[derive(Debug, Clone, PartialEq)]
enum Unit {
    Char(char),
    Any,
    OneOf(Set),
}

/// `[...]`: an empty set matches nothing, an empty negated one anything.
#[derive(Debug, Clone, PartialEq)]
struct Set {
    negated: bool,
    ranges: Box<[(char, char)]>,
}

impl Glob {
    /// Compiles a pattern; every text is one.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self {
            text: pattern.into(),
            shape: Shape::of(runs(pattern)),
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Fixed(run) => run.strip_start(text) == Some(""),
            Shape::Starred {
                first,
                between,
                last,
            } => {
                let Some(mut rest) = first.strip_start(text).and_then(|t| last.strip_end(t)) else {
                    return false;
                };
                between.iter().all(|run| match run.after_leftmost(rest) {
                    Some(after) => {
                        rest = after;
                        true
                    }
                    None => false,
                })
            }
        }
    }
}

/// Cuts a pattern at its stars.
fn runs(pattern: &str) -> Vec<Run> {
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut runs, mut run, mut at) = (Vec::new(), Vec::new(), 0);
    let mut may_close = true; // where one bracket stays open, those behind it do: looking once keeps it linear
    while at < pattern.len() {
        let unit = pattern[at];
        at += 1;
        match unit {
            '*' => runs.push(Run::new(std::mem::take(&mut run))),
            '?' => run.push(Unit::Any),
            '[' => match may_close.then(|| closing_bracket(&pattern[at..])).flatten() {
                Some(length) => {
                    run.push(Unit::OneOf(Set::parse(&pattern[at..at + length])));
                    at += length + 1;
                }
                None => {
                    may_close = false;
                    run.push(Unit::Char('['));
                }
            },
            other => run.push(Unit::Char(other)),
        }
    }
    runs.push(Run::new(run));
    runs
}

impl Shape {
    fn of(mut runs: Vec<Run>) -> Self {
        let first = runs.remove(0); // there is one run more than there are stars
        match runs.pop() {
            None => Self::Fixed(first),
            Some(last) => {
                runs.retain(|run| !run.is_empty());
                Self::Starred {
                    first,
                    between: runs.into(),
                    last,
                }
            }
        }
    }
}

impl Run {
    fn new(units: Vec<Unit>) -> Self {
        let text: Option<String> = units
            .iter()
            .map(|unit| match unit {
                Unit::Char(char) => Some(*char),
                Unit::Any | Unit::OneOf(_) => None,
            })
            .collect();
        match text {
            Some(text) => Self::Text(text.into()),
            None => Self::Units(units.into()),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    /// What follows the run if the text begins with it.
    fn strip_start<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(run) => text.strip_prefix(&**run),
            Self::Units(units) => {
                let mut chars = text.chars();
                let fits = |unit: &Unit| chars.next().is_some_and(|char| unit.matches(char));
                units.iter().all(fits).then_some(chars.as_str())
            }
        }
    }

    /// What precedes the run if the text ends with it.
    fn strip_end<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(run) => text.strip_suffix(&**run),
            Self::Units(units) => {
                let mut chars = text.chars();
                let fits = |unit: &Unit| chars.next_back().is_some_and(|char| unit.matches(char));
                units.iter().rev().all(fits).then_some(chars.as_str())
            }
        }
    }

    /// What follows the first place in the text where the run fits.
    fn after_leftmost<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(run) => text.split_once(&**run).map(|(_, after)| after),
            Self::Units(_) => text
                .char_indices()
                .find_map(|(at, _)| self.strip_start(&text[at..])),
        }
    }
}

impl Unit {
    fn matches(&self, char: char) -> bool {
        match self {
            Self::Char(own) => *own == char,
            Self::Any => true,
            Self::OneOf(set) => {
                set.negated
                    != set
                        .ranges
                        .iter()
                        .any(|(low, high)| (*low..=*high).contains(&char))
            }
        }
    }
}

/// Length of what stands between `[` and its `]`; a `]` right at the start is part of the set.
fn closing_bracket(after_open: &[char]) -> Option<usize> {
    let skip_negation = usize::from(after_open.first() == Some(&'!'));
    let skip = skip_negation + usize::from(after_open.get(skip_negation) == Some(&']'));
    let found = after_open.get(skip..)?.iter().position(|c| *c == ']')?;
    Some(skip + found)
}

impl Set {
    /// Reads the inside of the brackets the way Python does: cut it at the hyphens that can stand for a
    /// range, drop the ranges that run backwards, and only then look for the `!`.
    fn parse(inside: &[char]) -> Self {
        let mut chunks = Self::drop_backward_ranges(Self::split_at_ranges(inside));
        let mut ranges = Vec::new();
        let negated = chunks[0].first() == Some(&'!');
        if negated {
            chunks[0].remove(0);
            if chunks[0].is_empty() && chunks.len() > 1 {
                // a dropped range moved the `!` right before a hyphen, which thereby stands for itself
                ranges.push(('-', '-'));
                chunks.remove(0);
            }
        }
        for (i, chunk) in chunks.iter().enumerate() {
            let opens_range = i + 1 < chunks.len();
            let singles = usize::from(i > 0)..chunk.len() - usize::from(opens_range);
            ranges.extend(chunk[singles].iter().map(|c| (*c, *c)));
            if opens_range {
                ranges.push((chunk[chunk.len() - 1], chunks[i + 1][0]));
            }
        }
        Self {
            negated,
            ranges: ranges.into(),
        }
    }

    /// `a-cx-z` becomes `a`, `cx`, `z`: between two chunks lies a range.
    fn split_at_ranges(inside: &[char]) -> Vec<Vec<char>> {
        let mut chunks = Vec::new();
        let mut start = 0;
        let mut search = if inside[0] == '!' { 2 } else { 1 };
        while let Some(found) = inside
            .get(search..)
            .and_then(|tail| tail.iter().position(|c| *c == '-'))
        {
            let hyphen = search + found;
            chunks.push(inside[start..hyphen].to_vec());
            start = hyphen + 1;
            search = hyphen + 3;
        }
        match (&inside[start..], chunks.last_mut()) {
            ([], Some(last)) => last.push('-'),
            (tail, _) => chunks.push(tail.to_vec()),
        }
        chunks
    }

    fn drop_backward_ranges(mut chunks: Vec<Vec<char>>) -> Vec<Vec<char>> {
        for i in (1..chunks.len()).rev() {
            if chunks[i - 1].last() > chunks[i].first() {
                let after = chunks.remove(i);
                chunks[i - 1].pop();
                chunks[i - 1].extend(&after[1..]);
            }
        }
        chunks
    }
}
