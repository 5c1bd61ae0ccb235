//! Putting values in the place of references, inside JSON values of any nesting.

use std::future::Future;
use std::pin::Pin;

use serde_json::Value;

use super::RefCache;
use super::options::{Access, Asking};
use super::uses::Uses;
use crate::access::Actor;
use crate::backend::Want;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::is_ref_id;
use crate::value::MAX_DEPTH;

/// Options of [`RefCache::resolve_refs`].
#[derive(Clone, Copy)]
pub struct ResolveOptions<'a> {
    /// Who resolves.
    pub actor: &'a dyn Actor,
    /// What the actor needs for references of its own; those that stand in stored values always
    /// need READ, so that an outsider's text cannot pull in what the actor may only use.
    pub access: Access,
    /// Whether references that stand in stored values are followed.
    pub follow: bool,
    /// Whether a missing or forbidden reference is an error; else it stays where it is.
    pub fail_on_missing: bool,
    /// Collects what was used.
    pub uses: Option<&'a Uses>,
}

impl<'a> ResolveOptions<'a> {
    /// For the server's own use on behalf of this actor: READ or EXECUTE, follow, fail on missing.
    pub fn server(actor: &'a dyn Actor) -> Self {
        Self {
            actor,
            access: Access::Use,
            follow: true,
            fail_on_missing: true,
            uses: None,
        }
    }
}

/// A value whose references were replaced.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Resolution {
    /// The value.
    pub value: Value,
    /// The replaced references, outer before inner, repeats included.
    pub resolved: Vec<String>,
    /// References that were left in place because they are missing or forbidden.
    pub missing: Vec<String>,
}

impl RefCache {
    /// Replaces the references inside a value: in lists and in the values of dicts. Text of the form
    /// of a reference whose cache name is neither this cache's nor known stays what it is.
    ///
    /// # Errors
    /// [`CircularReference`](ErrorKind::CircularReference), and [`NotFound`](ErrorKind::NotFound) for a
    /// missing or forbidden reference alike if `fail_on_missing`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> mcp_refcache::Result<()> {
    /// use mcp_refcache::{DefaultActor, RefCache, ResolveOptions};
    /// let cache = RefCache::new("calc")?;
    /// let rows = cache.set("rows", &[1, 2, 3]).await?;
    /// let arguments = serde_json::json!({"data": rows.ref_id.as_str(), "factor": 2});
    /// let agent = DefaultActor::agent(None, None);
    /// let resolved = cache.resolve_refs(arguments, &ResolveOptions::server(&agent)).await?;
    /// assert_eq!(resolved.value, serde_json::json!({"data": [1, 2, 3], "factor": 2}));
    /// # Ok(()) }
    /// ```
    pub async fn resolve_refs(
        &self,
        value: Value,
        options: &ResolveOptions<'_>,
    ) -> Result<Resolution> {
        let mut resolver = Resolver {
            cache: self,
            options,
            chain: Vec::new(),
            outcome: Resolution::default(),
        };
        let value = resolver.visit(value, 0).await?;
        Ok(Resolution {
            value,
            ..resolver.outcome
        })
    }
}

struct Resolver<'a> {
    cache: &'a RefCache,
    options: &'a ResolveOptions<'a>,
    /// References being resolved, outermost first.
    chain: Vec<String>,
    outcome: Resolution,
}

impl Resolver<'_> {
    /// Boxed because it calls itself.
    fn visit(
        &mut self,
        value: Value,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Value>> + Send + '_>> {
        Box::pin(async move {
            if depth > MAX_DEPTH {
                return Err(Error::invalid("a value may nest 1000 levels deep at most"));
            }
            Ok(match value {
                Value::String(text) if is_ref_id(&text) && self.cache.knows(&text).await? => {
                    self.replace(text, depth).await?
                }
                Value::Array(mut items) => {
                    for item in &mut items {
                        *item = self.visit(item.take(), depth + 1).await?;
                    }
                    Value::Array(items)
                }
                Value::Object(mut fields) => {
                    for field in fields.values_mut() {
                        *field = self.visit(field.take(), depth + 1).await?;
                    }
                    Value::Object(fields)
                }
                other => other,
            })
        })
    }

    async fn replace(&mut self, reference: String, depth: usize) -> Result<Value> {
        if self.chain.contains(&reference) {
            let message = format!(
                "Circular reference detected: {} -> {reference}",
                self.chain.join(" -> ")
            );
            return Err(Error::new(ErrorKind::CircularReference, message));
        }
        let access = if self.chain.is_empty() {
            self.options.access
        } else {
            Access::Read
        };
        let entry = match self
            .cache
            .fetch(
                &reference,
                self.options.actor,
                Asking {
                    access,
                    want: Want::Value,
                    counted: true,
                    alike: true,
                },
            )
            .await
        {
            Ok((id, entry)) => {
                if let Some(uses) = self.options.uses {
                    uses.note(self.cache, &id, &entry);
                }
                entry
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.missing(reference);
            }
            Err(error) => return Err(error),
        };
        self.outcome.resolved.push(reference.clone());
        let value = entry.value.document()?.deserialize()?;
        if !self.options.follow {
            return Ok(value);
        }
        self.chain.push(reference);
        let value = self.visit(value, depth + 1).await;
        self.chain.pop();
        value
    }

    /// Missing and forbidden are one answer; inside a stored value it names the caller's reference.
    fn missing(&mut self, reference: String) -> Result<Value> {
        if self.options.fail_on_missing {
            let named = self.chain.first().unwrap_or(&reference);
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("Invalid or inaccessible reference: {named}"),
            ));
        }
        self.outcome.missing.push(reference.clone());
        Ok(Value::String(reference))
    }
}
