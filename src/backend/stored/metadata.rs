//! An entry's metadata as JSON text: what the original reads, and under [`RESERVED`] what is ours.

use serde::{Deserialize, Serialize};

use crate::entry::Details;
use crate::error::{Error, ErrorKind, Result};
use crate::preview::PreviewStrategy;
use crate::value::{Document, Value};

/// The key that the original ignores.
const RESERVED: &str = "_refcache";

/// What plain JSON and the original's metadata do not tell.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Reserved {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<PreviewStrategy>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bound: bool,
    /// What the value's text does not tell about types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) types: Option<String>,
    /// The same of metadata that is the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_types: Option<String>,
}

/// The facts that the original's own writing has.
#[derive(Serialize)]
struct Facts<'a> {
    tool_name: Option<&'a str>,
    total_items: Option<usize>,
    total_size: Option<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    async_completed: bool,
}

/// The metadata of an entry whose value has these types.
///
/// # Errors
/// [`ErrorKind::Codec`] for metadata of the user's own that is no dict or has no JSON text.
pub(super) fn write(details: &Details, types: Option<String>) -> Result<String> {
    let mut reserved = Reserved {
        max_size: details.max_size,
        strategy: details.strategy,
        bound: details.bound,
        types,
        extra_types: None,
    };
    let members = match &details.extra {
        Some(extra) => {
            let extra = extra.portable()?;
            reserved.extra_types = extra.types();
            members(&extra)?
        }
        None => {
            let facts = Facts {
                tool_name: details.tool_name.as_deref(),
                total_items: details.total_items,
                total_size: details.total_size,
                async_completed: details.promised,
            };
            members(&Document::from_serialize(&facts)?)?
        }
    };
    let ours = Document::from_serialize(&reserved)?;
    if ours.is_empty() {
        return Ok(format!("{{{members}}}"));
    }
    let comma = if members.is_empty() { "" } else { ", " };
    Ok(format!(
        "{{{members}{comma}\"{RESERVED}\": {}}}",
        ours.text()
    ))
}

/// The items of a dict as they stand in its text, without ours.
fn members(document: &Document) -> Result<String> {
    let root = document
        .root()
        .filter(|root| root.is_dict())
        .ok_or_else(|| Error::new(ErrorKind::Codec, "the metadata of an entry must be a dict"))?;
    let kept = document.items(root, 0).filter(|item| {
        let key = item.key.clone().map(|key| document.slice(key));
        key.map(|key| key.trim_matches('"')) != Some(RESERVED)
    });
    let texts: Vec<_> = kept.map(|item| document.slice(item.span())).collect();
    Ok(texts.join(", "))
}

/// The details that metadata tells, and what is ours in it. What is missing or of another type is not known.
///
/// # Errors
/// [`ErrorKind::Codec`] if it is no JSON object.
pub(super) fn read(text: &str) -> Result<(Details, Reserved)> {
    let document = Document::parse(text)?;
    let root = document
        .root()
        .filter(|root| root.is_dict())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Codec,
                "the metadata of an entry is no JSON object",
            )
        })?;
    let mut details = Details::default();
    let mut reserved = Reserved::default();
    let mut is_ours = false;
    for item in document.items(root, 0) {
        let key = item.key.map(|key| document.slice(key).trim_matches('"'));
        match key.unwrap_or_default() {
            "tool_name" => {
                let name: Option<String> = document.deserialize_at(item.value).ok();
                details.tool_name = name.map(Into::into);
            }
            "total_items" => details.total_items = document.deserialize_at(item.value).ok(),
            "total_size" => details.total_size = document.deserialize_at(item.value).ok(),
            "async_completed" => {
                details.promised = document.deserialize_at(item.value).unwrap_or_default();
            }
            RESERVED => {
                is_ours = true;
                reserved = document.deserialize_at(item.value).unwrap_or_default();
            }
            _ => {}
        }
    }
    details.max_size = reserved.max_size;
    details.strategy = reserved.strategy;
    details.bound = reserved.bound;
    let extra = match is_ours {
        true => super::decode::document(
            &format!("{{{}}}", members(&document)?),
            reserved.extra_types.as_deref(),
        )?,
        false => document,
    };
    details.extra = Some(Value::Document(extra.into()));
    Ok((details, reserved))
}
