//! The native half of the Python class `RefCache`.

mod parts;
mod reply;

use std::sync::Arc;

use parking_lot::RwLock;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};

use self::parts::{Parts, config, default_ttl, rule, store};
use super::access::{PyActor, PyPolicy, checker_from_python};
use super::arguments::{self, number, optional_text, readable, shown, text};
use super::backend::wait;
use super::clock::PythonClock;
use super::error::to_py;
use super::snapshot::{self, Keep, Snapshot};
use super::{measure, preview};
use crate::backend::Want;
use crate::cache::{
    Access, Answer, AnswerOptions, GetOptions, RefCache, Reference, ResolveRequires, SetOptions,
    Ttl, checked_ttl, not_found,
};
use crate::entry::Entry;
use crate::error::Result;
use crate::preview::PreviewStrategy;
use crate::value::Value;

/// `ref_id, namespace, created_at, expires_at, total_items, total_size` of a stored value.
type Stored<'py> = (
    Bound<'py, PyString>,
    Bound<'py, PyString>,
    f64,
    Option<f64>,
    Option<usize>,
    Option<usize>,
);

/// The native half of a `RefCache`: storage, permissions, previews.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(super) struct Cache {
    core: RwLock<RefCache>,
    keep: Keep,
    parts: RwLock<Parts>,
}

#[pymethods]
impl Cache {
    #[new]
    #[pyo3(signature = (name, *, backend, default_policy, default_ttl, default_namespace, preview_config, measurer, checker, namespaces, rules, trusted, copy_values, resolve_requires, max_entries, default = None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "called by one constructor, by keyword"
    )]
    fn new(
        name: &Bound<'_, PyAny>,
        backend: &Bound<'_, PyAny>,
        default_policy: &Bound<'_, PyAny>,
        default_ttl: &Bound<'_, PyAny>,
        default_namespace: &Bound<'_, PyAny>,
        preview_config: &Bound<'_, PyAny>,
        measurer: &Bound<'_, PyAny>,
        checker: &Bound<'_, PyAny>,
        namespaces: Vec<(String, Bound<'_, PyAny>, Option<Bound<'_, PyAny>>)>,
        rules: Vec<(String, Bound<'_, PyAny>, Option<Bound<'_, PyAny>>)>,
        trusted: Vec<String>,
        copy_values: bool,
        resolve_requires: &str,
        max_entries: Option<usize>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let (native_backend, backend_hook) = store(backend, max_entries);
        let (native_measurer, measurer_hook) = measure::from_python(measurer)?;
        let (native_checker, checker_hook) = checker_from_python(checker)?;
        let native_policy = Arc::new(PyPolicy::new(default_policy));
        let mut builder = RefCache::builder(text("name", name)?)
            .shared_backend(native_backend)
            .clock(Arc::new(PythonClock))
            .default_policy(Arc::clone(&native_policy) as _)
            .default_ttl(self::default_ttl(default_ttl)?)
            .default_namespace(text("default_namespace", default_namespace)?)
            .preview(config(preview_config)?)
            .measurer(native_measurer)
            .checker(native_checker)
            .trusted_caches(trusted);
        if resolve_requires == "read" {
            builder = builder.resolve_requires(ResolveRequires::Read);
        }
        for given in &namespaces {
            builder = builder.namespace(rule(given)?);
        }
        for given in &rules {
            builder = builder.namespace_rule(rule(given)?);
        }
        let parts = Parts {
            backend: backend.clone().unbind(),
            measurer: measurer.clone().unbind(),
            generator: None,
            samples: false,
            preview_config: preview_config.clone().unbind(),
            default,
            backend_hook,
            measurer_hook,
            checker_hook,
            default_policy: native_policy,
        };
        let core = RwLock::new(builder.build().map_err(to_py)?);
        Ok(Self {
            core,
            keep: if copy_values { Keep::Copy } else { Keep::Share },
            parts: RwLock::new(parts),
        })
    }

    /// Exchanges the object that measures.
    fn set_measurer(&self, measurer: &Bound<'_, PyAny>) -> PyResult<()> {
        let (native, hook) = measure::from_python(measurer)?;
        self.exchange(|parts| parts.measurer = native);
        let former = {
            let mut parts = self.parts.write();
            let object = std::mem::replace(&mut parts.measurer, measurer.clone().unbind());
            (object, std::mem::replace(&mut parts.measurer_hook, hook))
        };
        drop(former);
        Ok(())
    }

    /// Exchanges the object that makes previews; None = the built-in one of the strategy.
    fn set_generator(&self, generator: Option<&Bound<'_, PyAny>>, samples: bool) {
        let former = {
            let mut parts = self.parts.write();
            parts.samples = samples;
            std::mem::replace(
                &mut parts.generator,
                generator.map(|generator| generator.clone().unbind()),
            )
        };
        drop(former);
    }

    /// Exchanges the object that decides on permissions.
    fn set_checker(&self, checker: &Bound<'_, PyAny>) -> PyResult<()> {
        let (native, hook) = checker_from_python(checker)?;
        self.exchange(|parts| parts.checker = native);
        let former = std::mem::replace(&mut self.parts.write().checker_hook, hook);
        drop(former);
        Ok(())
    }

    /// Exchanges the preview configuration, whose attributes are read at each call.
    fn set_preview_config(&self, preview_config: &Bound<'_, PyAny>) -> PyResult<()> {
        config(preview_config)?;
        let former = std::mem::replace(
            &mut self.parts.write().preview_config,
            preview_config.clone().unbind(),
        );
        drop(former);
        Ok(())
    }

    /// Exchanges the default policy.
    fn set_default_policy(&self, policy: &Bound<'_, PyAny>) {
        let native = Arc::new(PyPolicy::new(policy));
        self.exchange(|parts| parts.settings.default_policy = Arc::clone(&native) as _);
        let former = std::mem::replace(&mut self.parts.write().default_policy, native);
        drop(former);
    }

    /// Exchanges the default TTL; None or NEVER = never expires.
    fn set_default_ttl(&self, seconds: &Bound<'_, PyAny>) -> PyResult<()> {
        let seconds = checked_ttl("default_ttl", default_ttl(seconds)?).map_err(to_py)?;
        self.exchange(|parts| parts.settings.default_ttl = seconds);
        Ok(())
    }

    /// Stores a value. Gives `ref_id, namespace, created_at, expires_at, total_items, total_size`.
    ///
    /// With `any`, a value that has no JSON text is kept as the object it is; else it is an error.
    #[pyo3(signature = (key, value, *, namespace = None, policy = None, ttl = None, tool_name = None, actor = None, max_size = None, strategy = None, bound = false, any = false))]
    #[allow(
        clippy::too_many_arguments,
        reason = "called by two methods, by keyword"
    )]
    fn set<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
        namespace: Option<&Bound<'py, PyAny>>,
        policy: Option<&Bound<'py, PyAny>>,
        ttl: Option<&Bound<'py, PyAny>>,
        tool_name: Option<&Bound<'py, PyAny>>,
        actor: Option<&Bound<'py, PyAny>>,
        max_size: Option<usize>,
        strategy: Option<&str>,
        bound: bool,
        any: bool,
    ) -> PyResult<Stored<'py>> {
        let key = text("key", key)?;
        let actor = actor.map(PyActor::new).transpose()?;
        let options = SetOptions {
            namespace: optional_text("namespace", namespace)?,
            policy: policy.map(|policy| Arc::new(PyPolicy::new(policy)) as _),
            ttl: ttl.map_or(Ok(Ttl::Default), |ttl| arguments::ttl("ttl", ttl))?,
            tool_name: optional_text("tool_name", tool_name)?,
            actor: actor.as_ref().map(|actor| actor as _),
            max_size,
            strategy: strategy
                .map(str::parse::<PreviewStrategy>)
                .transpose()
                .map_err(to_py)?,
            bound,
        };
        let snapshot = if any {
            Snapshot::take_any(value, self.keep)
        } else {
            Snapshot::take(value, self.keep)
        }?;
        let snapshot = snapshot.or_default(self.parts.read().default.as_ref(), py);
        let value = Value::Foreign(Arc::new(snapshot));
        let Reference {
            ref_id,
            namespace,
            created_at,
            expires_at,
            total_items,
            total_size,
            ..
        } = wait(py, self.core().set_with(key, value, options))?;
        let (ref_id, namespace) = (
            PyString::new(py, ref_id.as_str()),
            PyString::new(py, &namespace),
        );
        Ok((
            ref_id,
            namespace,
            created_at,
            expires_at,
            total_items,
            total_size,
        ))
    }

    /// The fields of a `CacheResponse`.
    #[pyo3(signature = (ref_id, *, actor, page = None, page_size = None, max_size = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        ref_id: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
        page: Option<&Bound<'py, PyAny>>,
        page_size: Option<&Bound<'py, PyAny>>,
        max_size: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let core = self.configured(py)?;
        let ref_id = known(ref_id)?;
        let actor = PyActor::new(actor)?;
        let mut options = GetOptions {
            page: number("page", 1, page)?,
            page_size: number("page_size", 1, page_size)?,
            max_size: number("max_size", 0, max_size)?,
            ..GetOptions::default()
        };
        let (ref_id, entry) = wait(py, core.fetch(ref_id, &actor, Access::Read, Want::Head))?;
        let fields = PyDict::new(py);
        fields.set_item(intern!(py, "ref_id"), &*ref_id)?;
        fields.set_item(intern!(py, "cache_name"), core.name())?;
        fields.set_item(intern!(py, "namespace"), &*entry.namespace)?;
        if let Some(generator) = self.foreign_generator(py, &entry, &mut options) {
            let result = self.foreign(py, &core, &generator, &entry, &options)?;
            reply::foreign_response(&fields, &result)?;
            return Ok(fields);
        }
        let result = self.unlocked(py, &entry, || core.view(&entry, &options))?;
        reply::response(&fields, &result, core.measurer())?;
        Ok(fields)
    }

    /// The value: for `use`, READ or EXECUTE is enough.
    #[pyo3(signature = (ref_id, *, actor, r#use = false))]
    fn resolve<'py>(
        &self,
        py: Python<'py>,
        ref_id: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
        r#use: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let ref_id = known(ref_id)?;
        let actor = PyActor::new(actor)?;
        let access = if r#use { Access::Use } else { Access::Read };
        let (_, entry) = wait(py, self.core().fetch(ref_id, &actor, access, Want::Value))?;
        snapshot::fresh(py, &entry.value)
    }

    /// Removes an entry; whether it was there. With an actor, needs DELETE.
    #[pyo3(signature = (ref_id, *, actor = None))]
    fn delete(
        &self,
        py: Python<'_>,
        ref_id: &Bound<'_, PyAny>,
        actor: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let actor = actor.map(PyActor::new).transpose()?;
        let Some(ref_id) = readable("ref_id", ref_id)? else {
            return Ok(false);
        };
        wait(
            py,
            self.core()
                .delete(ref_id, actor.as_ref().map(|actor| actor as _)),
        )
    }

    /// Whether a live entry has this reference or key.
    fn exists(&self, py: Python<'_>, ref_id: &Bound<'_, PyAny>) -> PyResult<bool> {
        match readable("ref_id", ref_id)? {
            Some(ref_id) => wait(py, self.core().exists(ref_id)),
            None => Ok(false),
        }
    }

    /// Removes entries of this cache; how many.
    #[pyo3(signature = (namespace = None, *, actor = None))]
    fn clear(
        &self,
        py: Python<'_>,
        namespace: Option<&Bound<'_, PyAny>>,
        actor: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        let namespace = optional_text("namespace", namespace)?;
        let actor = actor.map(PyActor::new).transpose()?;
        wait(
            py,
            self.core()
                .clear(namespace, actor.as_ref().map(|actor| actor as _)),
        )
    }

    /// Whether a text is a reference that this cache may follow.
    fn knows(&self, py: Python<'_>, text: &str) -> PyResult<bool> {
        wait(py, self.core().knows(text))
    }

    /// The reference of a live entry by its exact key.
    fn find<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        namespace: &str,
    ) -> PyResult<Option<Bound<'py, PyString>>> {
        let core = self.core();
        let name = core.key_name(namespace, key);
        let found = wait(py, core.backend().find(&name, core.now(), Want::Head))?;
        Ok(found.map(|(id, _)| PyString::new(py, &id)))
    }

    /// Raises ValueError for a namespace that was not declared.
    fn check_namespace(&self, namespace: &Bound<'_, PyAny>) -> PyResult<()> {
        let namespace = text("namespace", namespace)?;
        self.core()
            .settings()
            .check_namespace(namespace)
            .map_err(to_py)
    }

    /// Raises TypeError or ValueError for what is no TTL.
    #[staticmethod]
    fn check_ttl(ttl: &Bound<'_, PyAny>) -> PyResult<()> {
        match arguments::ttl("ttl", ttl)? {
            Ttl::Seconds(seconds) => checked_ttl("ttl", Some(seconds)).map(drop).map_err(to_py),
            Ttl::Default | Ttl::Never => Ok(()),
        }
    }

    /// Whether answering for this entry may take long.
    fn is_large(&self, py: Python<'_>, ref_id: &str) -> PyResult<bool> {
        let core = self.core();
        let found = wait(py, core.backend().get(ref_id, core.now(), Want::Head))?;
        Ok(found.is_some_and(|entry| snapshot::is_large(&entry.value) && entry.views().is_empty()))
    }

    /// What a tool answers in place of its result; None if the entry is gone.
    #[pyo3(signature = (ref_id, *, actor, producer))]
    fn answer<'py>(
        &self,
        py: Python<'py>,
        ref_id: &str,
        actor: &Bound<'py, PyAny>,
        producer: bool,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let core = self.configured(py)?;
        let Some(entry) = wait(py, core.backend().get(ref_id, core.now(), Want::Head))? else {
            return Ok(None);
        };
        let actor = PyActor::new(actor)?;
        let options = AnswerOptions {
            actor: &actor,
            producer,
        };
        let foreign = self.foreign_generator(py, &entry, &mut GetOptions::default());
        let answer = match foreign {
            None => Some(self.unlocked(py, &entry, || core.answer(&entry, &options))?),
            Some(_) => match core.hidden(&entry, &options).map_err(to_py)? {
                Some(hidden) => Some(hidden),
                None => core
                    .complete_size(&entry)
                    .map_err(to_py)?
                    .map(|size| Answer::Complete { size }),
            },
        };
        let fields = PyDict::new(py);
        fields.set_item(intern!(py, "ref_id"), ref_id)?;
        match (answer, foreign) {
            (Some(Answer::Complete { size }), _) => reply::complete(&fields, &entry, size)?,
            (Some(Answer::Preview(result)), _) => {
                reply::preview(&fields, &result, &core, &entry)?;
            }
            (None, Some(generator)) => {
                let result = self.foreign(py, &core, &generator, &entry, &GetOptions::default())?;
                reply::foreign_preview(&fields, &result)?;
            }
            (Some(Answer::Hidden { usable }), _) => reply::hidden(&fields, usable)?,
            (None, None) => return Ok(None),
        }
        fields.set_item(intern!(py, "namespace"), &*entry.namespace)?;
        fields.set_item(intern!(py, "cache_name"), core.name())?;
        Ok(Some(fields))
    }

    /// When an entry ends, in seconds since 1970; None = never, or it is gone.
    fn expires_at(&self, py: Python<'_>, ref_id: &str) -> PyResult<Option<f64>> {
        let core = self.core();
        let found = wait(py, core.backend().get(ref_id, core.now(), Want::Head))?;
        Ok(found.and_then(|entry| entry.expires_at))
    }

    /// What hooks hold is theirs to visit once; entries belong to their store.
    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        let Some(parts) = self.parts.try_read() else {
            return Ok(());
        };
        parts.traverse(&visit)
    }
}

impl Cache {
    fn core(&self) -> RefCache {
        self.core.read().clone()
    }

    /// The core, brought up to date with a preview configuration that was changed in place.
    fn configured(&self, py: Python<'_>) -> PyResult<RefCache> {
        let object = self.parts.read().preview_config.clone_ref(py);
        let config = config(object.bind(py))?;
        if self.core.read().settings().preview != config {
            self.exchange(|parts| parts.settings.preview = config);
        }
        Ok(self.core())
    }

    fn exchange(&self, change: impl FnOnce(&mut crate::cache::Parts)) {
        let former = {
            let mut core = self.core.write();
            let mut parts = (*core.parts).clone();
            change(&mut parts);
            std::mem::replace(&mut core.parts, Arc::new(parts))
        };
        // may be the last owner of somebody's object
        drop(former);
    }

    /// The user's generator, if it is to make this view.
    fn foreign_generator(
        &self,
        py: Python<'_>,
        entry: &Entry,
        options: &mut GetOptions<'_>,
    ) -> Option<Py<PyAny>> {
        let parts = self.parts.read();
        let generator = parts.generator.as_ref()?;
        if entry.details.strategy.is_some() {
            return None;
        }
        if parts.samples && options.page.is_some() {
            options.strategy = Some(PreviewStrategy::Paginate);
            return None;
        }
        Some(generator.clone_ref(py))
    }

    fn foreign<'py>(
        &self,
        py: Python<'py>,
        core: &RefCache,
        generator: &Py<PyAny>,
        entry: &Entry,
        options: &GetOptions<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let value = snapshot::fresh(py, &entry.value)?;
        let measurer = self.parts.read().measurer.clone_ref(py);
        let max_size = options.max_size.unwrap_or_else(|| core.preview_size(entry));
        preview::generate_foreign(
            generator.bind(py),
            &value,
            max_size,
            measurer.bind(py),
            options.page,
            options.page_size,
        )
    }

    /// Does work on an entry, without the interpreter if that may take long.
    fn unlocked<T: Send>(
        &self,
        py: Python<'_>,
        entry: &Entry,
        work: impl FnOnce() -> Result<T> + Send,
    ) -> PyResult<T> {
        if snapshot::is_large(&entry.value) {
            py.detach(work)
        } else {
            work()
        }
        .map_err(to_py)
    }
}

/// A text that may be a reference or a key; nothing is stored under one with lone surrogates.
fn known<'a>(ref_id: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    readable("ref_id", ref_id)?
        .ok_or_else(|| to_py(not_found(shown(ref_id).trim_matches(['\'', '"']))))
}
