//! A pattern matches what the rules of `fnmatch`, written down naively, say; and quickly.
//!
//! The input is a pattern, a NUL, and the text it is held against.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_refcache::access::{ActorPattern, ActorType, Glob};

fuzz_target!(|input: &str| {
    let (pattern, text) = input.split_once('\0').unwrap_or((input, ""));
    let matches = Glob::new(pattern).matches(text);
    let actor = ActorPattern::parse(pattern).matches(ActorType::Agent, Some(text));
    if let Some(("agent", of_id)) = pattern.split_once(':') {
        assert_eq!(actor, Glob::new(of_id).matches(text));
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Python joins what is left and right of a range that is the wrong way round
    let is_odd = pattern.windows(3).any(|three| three[1] == '-' && three[0] > three[2]);
    // the naive matcher tries every split at every star
    if !is_odd && pattern.iter().filter(|c| **c == '*').count() <= 3 && text.len() <= 40 {
        assert_eq!(matches, naive(&pattern, &text));
    }
});

fn naive(pattern: &[char], text: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return text.is_empty();
    };
    match first {
        '*' => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
        '?' => !text.is_empty() && naive(rest, &text[1..]),
        '[' => match set(rest) {
            Some((set, rest)) => {
                text.first().is_some_and(|c| contains(set, *c)) && naive(rest, &text[1..])
            }
            None => text.first() == Some(&'[') && naive(rest, &text[1..]),
        },
        other => text.first() == Some(other) && naive(rest, &text[1..]),
    }
}

/// The inside of `[...]` and what follows it; a `]` right after the bracket, or after `[!`, belongs to it.
fn set(text: &[char]) -> Option<(&[char], &[char])> {
    let mut end = usize::from(text.first() == Some(&'!'));
    end += usize::from(text.get(end) == Some(&']'));
    end += text.get(end..)?.iter().position(|c| *c == ']')?;
    Some((&text[..end], &text[end + 1..]))
}

fn contains(set: &[char], c: char) -> bool {
    let (negated, set) = match set.split_first() {
        Some(('!', rest)) => (true, rest),
        _ => (false, set),
    };
    // as `fnmatch` of Python: each hyphen with something before and behind it makes a range
    let mut found = false;
    let mut at = 0;
    while at < set.len() {
        if set.get(at + 1) == Some(&'-') && at + 2 < set.len() {
            found |= set[at] <= c && c <= set[at + 2];
            at += 3;
        } else {
            found |= set[at] == c;
            at += 1;
        }
    }
    found != negated
}
