//! Templates of namespaces and owners: `org:{org_id}:user:{user_id}`.

use std::borrow::Cow;

use super::escape::escaped;

/// What stands in the place of a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filling<'a> {
    /// An id from outside. It is written escaped, so that it stays one part of the name.
    Id(Cow<'a, str>),
    /// The author's own text, written as it is.
    Text(Cow<'a, str>),
}

/// Fills the placeholders of a template; other braces stay as they are.
///
/// A placeholder is a name in braces: ASCII letters, digits and `_`, no digit first. Ids cannot forge a
/// name: no two ids give the same text, none opens a further part, and none is the owner `user:*` of
/// everybody without a name.
///
/// # Errors
/// Whatever `fill` fails with.
///
/// ```
/// use mcp_refcache::access::{Filling, expand_template};
/// let name = expand_template("user:{user_id}", |_| Ok::<_, ()>(Filling::Id("alice:session:s1".into())));
/// assert_eq!(name.unwrap(), "user:alice%3Asession%3As1");
/// ```
pub fn expand_template<'a, E>(
    template: &str,
    mut fill: impl FnMut(&str) -> Result<Filling<'a>, E>,
) -> Result<String, E> {
    let mut name = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, placeholder, after)) = next_placeholder(rest) {
        name.push_str(before);
        match fill(placeholder)? {
            Filling::Id(id) => name.push_str(&escape_id(&id)),
            Filling::Text(text) => name.push_str(&text),
        }
        rest = after;
    }
    name.push_str(rest);
    Ok(name)
}

/// An id as templates write it: `%`, `:` and `*` become `%25`, `%3A` and `%2A`.
#[must_use]
pub fn escape_id(id: &str) -> Cow<'_, str> {
    escaped(id)
}

/// What stands before the first placeholder, its name, and what stands after it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find('{')?;
        let inside = &text[open + 1..];
        let length = inside
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            .count();
        let is_name = length > 0 && !inside.as_bytes()[0].is_ascii_digit();
        if is_name && inside[length..].starts_with('}') {
            return Some((&text[..open], &inside[..length], &inside[length + 1..]));
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_braces_are_placeholders() {
        for (template, expected) in [
            ("", ""),
            ("user:{a}", "user:<a>"),
            ("{a}{b_1}", "<a><b_1>"),
            ("{{a}}", "{<a>}"),
            ("{1a} {} {a b} {a", "{1a} {} {a b} {a"),
            ("é{ü}{_}", "é{ü}<_>"),
        ] {
            let filled = expand_template(template, |name| {
                Ok::<_, ()>(Filling::Text(format!("<{name}>").into()))
            });
            assert_eq!(filled.as_deref(), Ok(expected), "{template}");
        }
    }
}
