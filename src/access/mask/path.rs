//! [`Path`]: one mask as it is written, read into its steps.

use crate::error::{Error, Result};

/// More steps than any value is deep.
const MOST_STEPS: usize = 1000;
/// How much of a bad path its error shows.
const SHOWN: usize = 80;

/// One step from a list or dict to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The value of this key.
    Key(String),
    /// This item of a list.
    Item(usize),
    /// Each item of a list.
    EachItem,
    /// Each value or item.
    Any,
}

/// A mask, or an exception to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) exception: bool,
    pub(super) steps: Vec<Step>,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument): the path, where it is wrong and what is allowed.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (exception, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut reader = Reader { text, rest };
        let steps = reader.steps()?;
        Ok(Self { exception, steps })
    }
}

/// What of a path is still to be read.
struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    fn steps(&mut self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        // `$` is where every path begins; a key of this name is written `["$"]`
        let whole = self.rest.strip_prefix('$');
        let whole = whole.filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        match whole {
            Some(rest) => self.rest = rest,
            None if self.rest.starts_with('[') => steps.push(self.bracket()?),
            None => steps.push(self.name()?),
        }
        while !self.rest.is_empty() {
            if steps.len() == MOST_STEPS {
                return Err(self.wrong("it may have 1000 steps at most"));
            }
            steps.push(match self.rest.strip_prefix('.') {
                Some(rest) => {
                    self.rest = rest;
                    self.name()?
                }
                None if self.rest.starts_with('[') => self.bracket()?,
                None => return Err(self.wrong("steps are joined by '.'")),
            });
        }
        Ok(steps)
    }

    /// A name or `*`.
    fn name(&mut self) -> Result<Step> {
        let end = self.rest.find(['.', '[']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let step = match name {
            "" => return Err(self.wrong("a name is missing")),
            "*" => Step::Any,
            _ if name.contains('*') => {
                return Err(self.wrong("'*' stands for a whole step, not for a part of a name"));
            }
            _ if name.contains(|c: char| {
                matches!(c, ']' | '"' | '\'' | '\\' | '!') || c.is_whitespace() || c.is_control()
            }) =>
            {
                return Err(self.wrong(r#"such a name is written ["..."], as a JSON string"#));
            }
            _ => Step::Key(name.to_owned()),
        };
        self.rest = rest;
        Ok(step)
    }

    /// `[3]`, `[*]` or `["any key"]`.
    fn bracket(&mut self) -> Result<Step> {
        let inside = &self.rest[1..];
        if inside.starts_with('"') {
            let mut keys = serde_json::Deserializer::from_str(inside).into_iter::<String>();
            let key = keys.next().and_then(std::result::Result::ok);
            let rest = inside.get(keys.byte_offset()..);
            return match (key, rest.and_then(|rest| rest.strip_prefix(']'))) {
                (Some(key), Some(rest)) => {
                    self.rest = rest;
                    Ok(Step::Key(key))
                }
                _ => Err(self.wrong(r#"["..."] holds one JSON string"#)),
            };
        }
        let Some((inside, rest)) = inside.split_once(']') else {
            return Err(self.wrong("a ']' is missing"));
        };
        let plain = inside == "0" || !inside.starts_with(['0', '+']);
        let step = match inside {
            "*" => Step::EachItem,
            _ => match inside.parse() {
                Ok(number) if plain => Step::Item(number),
                _ => {
                    return Err(self.wrong(
                        r#"between '[' and ']' stands a number from 0 on, '*' or a name in double quotes"#,
                    ));
                }
            },
        };
        self.rest = rest;
        Ok(step)
    }

    fn wrong(&self, what: &str) -> Error {
        let shown: String = self.text.chars().take(SHOWN).collect();
        let at = self.text.len() - self.rest.len();
        let at = self.text[..at].chars().count() + 1;
        Error::invalid(format!(
            "masked_paths: '{}' is no path (at character {at}): {what}",
            shown.escape_debug()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<Step> {
        Path::parse(text).unwrap().steps
    }

    #[test]
    fn steps_are_read() {
        use Step::{Any, EachItem, Item, Key};
        let key = |name: &str| Key(name.to_owned());
        assert_eq!(steps("users[*].ssn"), [key("users"), EachItem, key("ssn")]);
        assert_eq!(steps("*"), [Any]);
        assert_eq!(steps("[3][0].*"), [Item(3), Item(0), Any]);
        assert_eq!(steps("$"), []);
        assert_eq!(steps("$.a"), [key("a")]);
        assert_eq!(steps("$[1]"), [Item(1)]);
        assert_eq!(steps("$a"), [key("$a")]);
        assert_eq!(steps(r#"["a.b]\"\u00e9"].c"#), [key("a.b]\"é"), key("c")]);
        assert_eq!(steps(r#"x["$"]"#), [key("x"), key("$")]);
        assert_eq!(
            steps("größe.e-mail.a/b:c"),
            [key("größe"), key("e-mail"), key("a/b:c")]
        );
        assert!(Path::parse("!rows[3].id").unwrap().exception);
    }

    #[test]
    fn what_is_no_path_is_told_where() {
        for (text, told) in [
            ("", "at character 1): a name is missing"),
            ("!", "at character 2): a name is missing"),
            ("a.", "at character 3): a name is missing"),
            ("a..b", "at character 3): a name is missing"),
            (".a", "at character 1): a name is missing"),
            ("a[", "a ']' is missing"),
            ("a[]", "a number from 0 on"),
            ("a[-1]", "a number from 0 on"),
            ("a[01]", "a number from 0 on"),
            ("a[+1]", "a number from 0 on"),
            ("a[99999999999999999999]", "a number from 0 on"),
            ("a[b]", "a number from 0 on"),
            ("a[0]b", "joined by '.'"),
            ("a*", "a whole step"),
            ("**", "a whole step"),
            ("a b", "as a JSON string"),
            ("a]", "as a JSON string"),
            ("!!a", "as a JSON string"),
            (r#"["a]"#, "one JSON string"),
            (r#"["a"x]"#, "one JSON string"),
            (r#"["\ud800"]"#, "one JSON string"),
        ] {
            let error = Path::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        let long = Path::parse(&format!("a{}", "[0]".repeat(1000))).unwrap_err();
        assert!(long.to_string().contains("1000 steps"));
    }
}
