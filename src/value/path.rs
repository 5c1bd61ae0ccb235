//! Where something is in a value, for people: `$.rows[3].conn`.

use super::scan::Items;
use super::{Document, literal};

/// Longest key that a path shows whole.
const SHOWN: usize = 60;

impl Document {
    /// The path of the value or key that starts at this offset, by one scan of the text before it.
    #[cfg_attr(test, allow(dead_code, reason = "the tests look at `path`"))]
    pub(crate) fn path_of(&self, offset: usize) -> String {
        path(self.text(), offset)
    }
}

fn path(text: &str, offset: usize) -> String {
    let mut path = "$".to_owned();
    let mut at = 0;
    while at < offset && matches!(text.as_bytes()[at], b'[' | b'{') {
        let items = Items::of(text.as_bytes(), at).enumerate();
        let mut around = items.skip_while(|(_, item)| item.span().end <= offset);
        let Some((number, item)) = around.next() else {
            break;
        };
        match item.key {
            Some(key) => push_key(&literal::unescape(&text[key]), &mut path),
            None => path.push_str(&format!("[{number}]")),
        }
        if item.value.start > offset {
            break; // the key itself
        }
        at = item.value.start;
    }
    path
}

fn push_key(key: &str, path: &mut String) {
    let plain = key.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    let shown = match key.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &key[..end]),
        None => key.to_owned(),
    };
    if plain {
        path.push('.');
        path.push_str(&shown);
    } else {
        path.push_str(&format!("[{shown:?}]"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_keys_and_numbers() {
        let text = r#"{"a": 1, "rows": [1, {"x y": [[], "conn"]}, 2]}"#;
        let of = |needle: &str| path(text, text.find(needle).unwrap());
        assert_eq!(path(text, 0), "$");
        assert_eq!(of("1,"), "$.a");
        assert_eq!(of("\"rows\""), "$.rows");
        assert_eq!(of("[["), r#"$.rows[1]["x y"]"#);
        assert_eq!(of("\"conn\""), r#"$.rows[1]["x y"][1]"#);
        assert_eq!(of("2]"), "$.rows[2]");
    }
}
