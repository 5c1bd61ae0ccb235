//! Which encoding a model uses, by the names that its maker gave the models.

use super::Encoding;

const O200K_NAMES: &[&str] = &["o1", "o3", "o4-mini", "gpt-4.1", "gpt-4o"];
const O200K_PREFIXES: &[&str] = &[
    "o1-",
    "o3-",
    "o4-mini-",
    "gpt-5",
    "gpt-4.5-",
    "gpt-4.1-",
    "chatgpt-4o-",
    "gpt-4o-",
    // o200k_harmony: it differs in special tokens only, and those are ordinary text here
    "gpt-oss-",
    "ft:gpt-4o",
];
const CL100K_NAMES: &[&str] = &[
    "gpt-4",
    "gpt-3.5-turbo",
    "gpt-3.5",
    "gpt-35-turbo",
    "davinci-002",
    "babbage-002",
    "text-embedding-ada-002",
    "text-embedding-3-small",
    "text-embedding-3-large",
];
const CL100K_PREFIXES: &[&str] = &[
    "gpt-4-",
    "gpt-3.5-turbo-",
    "gpt-35-turbo-",
    "ft:gpt-4",
    "ft:gpt-3.5-turbo",
    "ft:davinci-002",
    "ft:babbage-002",
];

/// The encoding of a model, under the rules that tiktoken has for names; `None` for models that use
/// another encoding, and for names of other makers.
///
/// ```
/// use mcp_refcache::measure::{Tokenizer, encoding_for_model};
/// let encoding = encoding_for_model("gpt-4o-2024-08-06").expect("a known model");
/// assert_eq!(encoding.model_name(), "o200k_base");
/// assert!(encoding_for_model("text-davinci-003").is_none());
/// ```
pub fn encoding_for_model(name: &str) -> Option<&'static Encoding> {
    let among = |names: &[&str], prefixes: &[&str]| {
        names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    if among(O200K_NAMES, O200K_PREFIXES) {
        Some(Encoding::o200k_base())
    } else if among(CL100K_NAMES, CL100K_PREFIXES) {
        Some(Encoding::cl100k_base())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Tokenizer;
    use rstest::rstest;

    #[rstest]
    #[case("gpt-4o", Some("o200k_base"))]
    #[case("gpt-4o-mini", Some("o200k_base"))]
    #[case("gpt-4.1-nano", Some("o200k_base"))]
    #[case("gpt-5-mini", Some("o200k_base"))]
    #[case("o1", Some("o200k_base"))]
    #[case("o3-mini", Some("o200k_base"))]
    #[case("gpt-oss-120b", Some("o200k_base"))]
    #[case("ft:gpt-4o:me", Some("o200k_base"))]
    #[case("gpt-4", Some("cl100k_base"))]
    #[case("gpt-4-0314", Some("cl100k_base"))]
    #[case("gpt-3.5-turbo-16k", Some("cl100k_base"))]
    #[case("ft:gpt-4:me", Some("cl100k_base"))]
    #[case("text-embedding-3-large", Some("cl100k_base"))]
    #[case("davinci-002", Some("cl100k_base"))]
    #[case("davinci", None)]
    #[case("gpt2", None)]
    #[case("claude-sonnet", None)]
    #[case("", None)]
    fn models_have_their_encoding(#[case] model: &str, #[case] encoding: Option<&str>) {
        assert_eq!(
            encoding_for_model(model).map(Tokenizer::model_name),
            encoding
        );
    }
}
