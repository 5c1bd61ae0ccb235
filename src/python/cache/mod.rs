//! The native half of the Python class `RefCache`.

mod found;
mod generator;
mod parts;
mod removals;
mod reply;
mod transfer;
mod uses;

use std::sync::Arc;

use parking_lot::RwLock;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use pyo3::{PyTraverseError, PyVisit};

pub(super) use self::found::Found;
use self::generator::{ForeignGenerator, Generation};
use self::parts::{Parts, config, default_ttl, rule, store};
pub(super) use self::removals::Removed;
use self::transfer::Place;
pub(super) use self::uses::PyUses;
use super::access::{PyActor, PyPolicy, checker_from_python, policy_to_python};
use super::arguments::{self, number, optional_text, readable, shown, text};
use super::audit::{self, AuditLog};
use super::awaitable::{self, Mode, object};
use super::clock::PythonClock;
use super::error::to_py;
use super::measure;
use super::snapshot::{self, Keep, Taking};
use crate::audit::Action;
use crate::backend::{Fence, Want};
use crate::cache::{
    Access, Act, Answer, AnswerOptions, Asking, GetOptions, Received, RefCache, ResolveRequires,
    SetOptions, Ttl, checked_ttl, not_found,
};
use crate::limits::RateLimit;
use crate::preview::PreviewStrategy;
use crate::reference::RefId;
use crate::value::Value;

/// An audit log; what tells the running tool; what is told of a record that could not be written.
type Audited<'py> = (Bound<'py, AuditLog>, Py<PyAny>, Option<Py<PyAny>>);

/// The native half of a `RefCache`: storage, permissions, previews.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(super) struct Cache {
    core: RwLock<RefCache>,
    keep: Keep,
    /// Whether the store waits for a disk, a network or other code.
    waits: bool,
    parts: RwLock<Parts>,
}

#[pymethods]
impl Cache {
    #[new]
    #[pyo3(signature = (name, *, backend, default_policy, default_ttl, default_namespace, preview_config, measurer, checker, namespaces, rules, trusted, copy_values, resolve_requires, max_entries, default = None, audit = None, rate_limits = Vec::new()))]
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
        audit: Option<Audited<'_>>,
        rate_limits: Vec<(String, String)>,
    ) -> PyResult<Self> {
        let (native_backend, backend_hook) = store(backend, max_entries);
        let waits = native_backend.capabilities().waits;
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
        let audit_log = audit.as_ref().map(|(log, ..)| log.clone().unbind());
        if let Some((log, running, told)) = audit {
            builder = builder.audit(super::audit::audit(&log, running, told));
        }
        for (key, rate) in &rate_limits {
            let rate = rate.parse().map_err(to_py)?;
            builder = builder.rate_limit(RateLimit::new(key, rate).map_err(to_py)?);
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
            audit_log,
            backend_hook,
            measurer_hook,
            checker_hook,
            default_policy: native_policy,
        };
        let core = RwLock::new(builder.build().map_err(to_py)?);
        Ok(Self {
            core,
            keep: if copy_values { Keep::Copy } else { Keep::Share },
            waits,
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

    /// Stores a value.
    ///
    /// With `any`, a value that has no JSON text is kept as the object it is; else it is an error. `prepare`
    /// makes the preview at once. `fence` is the name and token of the lease under which it was made,
    /// `uses` what it was made of.
    #[pyo3(signature = (key, value, namespace = None, policy = None, ttl = None, tool_name = None, *, actor = None, caller = None, max_size = None, strategy = None, bound = false, any = false, prepare = false, promised = None, fence = None, uses = None, wait = true))]
    #[allow(
        clippy::too_many_arguments,
        reason = "called by two methods, mostly by keyword"
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
        caller: Option<&Bound<'py, PyAny>>,
        max_size: Option<usize>,
        strategy: Option<&str>,
        bound: bool,
        any: bool,
        prepare: bool,
        promised: Option<&str>,
        fence: Option<(String, u64)>,
        uses: Option<&Bound<'py, PyUses>>,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = match prepare {
            true => self.configured(py)?,
            false => self.core(),
        };
        let key = text("key", key)?.to_owned();
        let actor = actor.map(PyActor::new).transpose()?;
        let caller = match core.is_audited() {
            true => caller.map(PyActor::new).transpose()?,
            false => None,
        };
        let namespace = optional_text("namespace", namespace)?.map(str::to_owned);
        let tool_name = optional_text("tool_name", tool_name)?.map(str::to_owned);
        let policy = policy.map(|policy| Arc::new(PyPolicy::new(policy)) as _);
        let ttl = ttl.map_or(Ok(Ttl::Default), |ttl| arguments::ttl("ttl", ttl))?;
        let strategy = strategy
            .map(str::parse::<PreviewStrategy>)
            .transpose()
            .map_err(to_py)?;
        let promised = promised.and_then(RefId::parse);
        let uses = uses.map(|uses| uses.get().0.clone());
        // a generator of the user's own makes its previews when they are asked for
        let prepare = prepare && self.parts.read().generator.is_none();
        let taking = Taking::begin(value, self.keep, any, wait)?;
        let default = self
            .parts
            .read()
            .default
            .as_ref()
            .map(|default| default.clone_ref(py));
        self.run(py, wait, async move {
            let snapshot = taking.finish().await?.or_default(default);
            let value = Value::Foreign(Arc::new(snapshot));
            let options = SetOptions {
                namespace: namespace.as_deref(),
                policy,
                ttl,
                tool_name: tool_name.as_deref(),
                actor: actor.as_ref().map(|actor| actor as _),
                caller: caller.as_ref().map(|caller| caller as _),
                max_size,
                strategy,
                bound,
                prepare,
                promised,
                uses: uses.as_ref(),
                fence: fence.as_ref().map(|(lease, token)| Fence {
                    lease,
                    token: *token,
                }),
            };
            let stored = core.store(&key, value, options).await;
            let (reference, entry) = stored.map_err(to_py)?;
            Python::attach(|py| Found::of(py, reference.ref_id.shared(), entry))
        })
    }

    /// The fields of a `CacheResponse`. An `own` call is the server's, which no rate limits; `uses` notes what
    /// was shown.
    #[pyo3(signature = (ref_id, *, actor, page = None, page_size = None, max_size = None, own = false, uses = None, wait = true))]
    #[allow(
        clippy::too_many_arguments,
        reason = "called by two methods, by keyword"
    )]
    fn get<'py>(
        &self,
        py: Python<'py>,
        ref_id: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
        page: Option<&Bound<'py, PyAny>>,
        page_size: Option<&Bound<'py, PyAny>>,
        max_size: Option<&Bound<'py, PyAny>>,
        own: bool,
        uses: Option<&Bound<'py, PyUses>>,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.configured(py)?;
        let ref_id = known(ref_id)?.to_owned();
        let uses = uses.map(|uses| uses.get().0.clone());
        let actor = PyActor::new(actor)?;
        let options = GetOptions {
            page: number("page", 1, page)?,
            page_size: number("page_size", 1, page_size)?,
            max_size: number("max_size", 0, max_size)?,
            ..GetOptions::default()
        };
        let generator = self.foreign_generator(py);
        self.run(py, wait, async move {
            let found = core.fetch(
                &ref_id,
                &actor,
                Asking::openly(Access::Read, Want::Head, !own),
            );
            let (ref_id, entry) = found.await.map_err(to_py)?;
            if let Some(uses) = uses {
                uses.note(&core, &ref_id, &entry);
            }
            let shown = match generator.as_ref().map(|own| own.plan(&entry, options)) {
                Some(Generation::Foreign(own)) => {
                    entry.value.load().await.map_err(to_py)?;
                    Err(own)
                }
                Some(Generation::Native(options)) => Ok(core.view(&ref_id, &entry, &options).await),
                None => Ok(core.view(&ref_id, &entry, &options).await),
            };
            Python::attach(|py| {
                let fields = PyDict::new(py);
                fields.set_item(intern!(py, "ref_id"), &*ref_id)?;
                fields.set_item(intern!(py, "cache_name"), core.name())?;
                fields.set_item(intern!(py, "namespace"), &*entry.namespace)?;
                match shown {
                    Ok(view) => reply::response(&fields, &*view.map_err(to_py)?, core.measurer())?,
                    Err(own) => {
                        let result = own.generate(py, &core, &entry, &options)?;
                        reply::foreign_response(&fields, &result)?;
                    }
                }
                Ok(fields.into_any().unbind())
            })
        })
    }

    /// The value: for `use`, READ or EXECUTE is enough; `own` as for `get`. `uses` notes that it was given out.
    /// `alike`: what is forbidden is answered as what is missing.
    #[pyo3(signature = (ref_id, *, actor, r#use = false, own = false, uses = None, alike = false, wait = true))]
    #[allow(
        clippy::too_many_arguments,
        reason = "called by a few methods, by keyword"
    )]
    fn resolve<'py>(
        &self,
        py: Python<'py>,
        ref_id: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
        r#use: bool,
        own: bool,
        uses: Option<&Bound<'py, PyUses>>,
        alike: bool,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        let ref_id = known(ref_id)?.to_owned();
        let actor = PyActor::new(actor)?;
        let access = if r#use { Access::Use } else { Access::Read };
        let uses = uses.map(|uses| uses.get().0.clone());
        self.run(py, wait, async move {
            let asking = Asking {
                access,
                want: Want::Value,
                counted: !own,
                alike,
            };
            let found = core.fetch(&ref_id, &actor, asking).await;
            let (id, entry) = found.map_err(to_py)?;
            if let Some(uses) = uses {
                uses.note(&core, &id, &entry);
            }
            Python::attach(|py| snapshot::fresh_of(py, &entry).map(Bound::unbind))
        })
    }

    /// Removes an entry; whether it was there. With an actor, needs DELETE.
    #[pyo3(signature = (ref_id, *, actor = None, own = false, caller = None, wait = true))]
    fn delete<'py>(
        &self,
        py: Python<'py>,
        ref_id: &Bound<'py, PyAny>,
        actor: Option<&Bound<'py, PyAny>>,
        own: bool,
        caller: Option<&Bound<'py, PyAny>>,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        let actor = actor.map(PyActor::new).transpose()?;
        let caller = caller.map(PyActor::new).transpose()?;
        let ref_id = readable("ref_id", ref_id)?.map(str::to_owned);
        self.run(py, wait, async move {
            let deleted = match &ref_id {
                Some(ref_id) => {
                    let actor = actor.as_ref().map(|actor| actor as _);
                    let counted = actor.is_some() && !own;
                    let caller = caller.as_ref().map(|caller| caller as _);
                    let removed = core.remove(ref_id, actor, counted, caller).await;
                    removed.map_err(to_py)?
                }
                None => false,
            };
            object(deleted)
        })
    }

    /// Whether a live entry has this reference or key.
    #[pyo3(signature = (ref_id, *, wait = true))]
    fn exists<'py>(
        &self,
        py: Python<'py>,
        ref_id: &Bound<'py, PyAny>,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        let ref_id = readable("ref_id", ref_id)?.map(str::to_owned);
        self.run(py, wait, async move {
            object(match &ref_id {
                Some(ref_id) => core.exists(ref_id).await.map_err(to_py)?,
                None => false,
            })
        })
    }

    /// Removes entries of this cache; how many.
    #[pyo3(signature = (namespace = None, *, actor = None, caller = None, wait = true))]
    fn clear<'py>(
        &self,
        py: Python<'py>,
        namespace: Option<&Bound<'py, PyAny>>,
        actor: Option<&Bound<'py, PyAny>>,
        caller: Option<&Bound<'py, PyAny>>,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        let namespace = optional_text("namespace", namespace)?.map(str::to_owned);
        let actor = actor.map(PyActor::new).transpose()?;
        let caller = caller.map(PyActor::new).transpose()?;
        self.run(py, wait, async move {
            let actor = actor.as_ref().map(|actor| actor as _);
            let caller = caller.as_ref().map(|caller| caller as _);
            let removed = core.clear_for(namespace.as_deref(), actor, caller).await;
            object(removed.map_err(to_py)?)
        })
    }

    /// References of this cache's live entries; with an actor, of those that it may read.
    #[pyo3(signature = (namespace = None, *, actor = None, wait = true))]
    fn keys<'py>(
        &self,
        py: Python<'py>,
        namespace: Option<&Bound<'py, PyAny>>,
        actor: Option<&Bound<'py, PyAny>>,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        let namespace = optional_text("namespace", namespace)?.map(str::to_owned);
        let actor = actor.map(PyActor::new).transpose()?;
        self.run(py, wait, async move {
            let actor = actor.as_ref().map(|actor| actor as _);
            let keys = core.keys_as(namespace.as_deref(), actor).await;
            let keys = keys.map_err(to_py)?;
            Python::attach(|py| {
                let keys = keys.iter().map(|key| PyString::new(py, key));
                Ok(PyList::new(py, keys)?.into_any().unbind())
            })
        })
    }

    /// Whether a text is a reference that this cache may follow.
    #[pyo3(signature = (text, *, wait = true))]
    fn knows<'py>(&self, py: Python<'py>, text: &str, wait: bool) -> PyResult<Bound<'py, PyAny>> {
        let (core, text) = (self.core(), text.to_owned());
        self.run(py, wait, async move {
            object(core.knows(&text).await.map_err(to_py)?)
        })
    }

    /// The live entry that has exactly this key.
    #[pyo3(signature = (key, namespace, *, wait = true))]
    fn find<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        namespace: &str,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        let name = core.key_name(namespace, key);
        self.run(py, wait, async move {
            let now = core.now();
            let found = core.backend().find(&name, now, Want::Head).await;
            let found = found.map_err(to_py)?;
            Python::attach(|py| match found {
                Some((id, entry)) => Found::of(py, id, entry),
                None => Ok(py.None()),
            })
        })
    }

    /// The live entry of a reference or key, if the actor may see it.
    #[pyo3(signature = (ref_id, *, actor, wait = true))]
    fn fetch<'py>(
        &self,
        py: Python<'py>,
        ref_id: &Bound<'py, PyAny>,
        actor: &Bound<'py, PyAny>,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        let ref_id = known(ref_id)?.to_owned();
        let actor = PyActor::new(actor)?;
        self.run(py, wait, async move {
            let found = core
                .fetch(
                    &ref_id,
                    &actor,
                    Asking::openly(Access::Read, Want::Head, true),
                )
                .await;
            let (id, entry) = found.map_err(to_py)?;
            Python::attach(|py| Found::of(py, id, entry))
        })
    }

    /// Who may do what in a namespace where nothing else is said.
    fn policy_of<'py>(&self, py: Python<'py>, namespace: &str) -> PyResult<Bound<'py, PyAny>> {
        let policy = self.core().settings().policy(None, namespace);
        policy_to_python(py, &*policy)
    }

    /// Counts an attempt of an actor against the limits of rates; with a namespace, the use of what is there.
    #[pyo3(signature = (actor, *, namespace = None, ref_id = None, wait = true))]
    fn count<'py>(
        &self,
        py: Python<'py>,
        actor: &Bound<'py, PyAny>,
        namespace: Option<String>,
        ref_id: Option<String>,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        let actor = PyActor::new(actor)?;
        self.run(py, wait, async move {
            let counted = match &namespace {
                Some(namespace) => {
                    let actor = Some(&actor as _);
                    core.count_use(namespace, ref_id.as_deref(), actor).await
                }
                None => core.count_attempt(&actor).await,
            };
            counted.map_err(to_py)?;
            Python::attach(|py| Ok(py.None()))
        })
    }

    /// Takes a lease of the store for so many seconds: its token, or None while somebody else has it.
    #[pyo3(signature = (lease, seconds, *, wait = true))]
    fn acquire<'py>(
        &self,
        py: Python<'py>,
        lease: String,
        seconds: f64,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        self.run(py, wait, async move {
            let now = core.now();
            let taken = core.backend().acquire(&lease, seconds, now).await;
            object(taken.map_err(to_py)?)
        })
    }

    /// Lets a lease end so many seconds from now instead; whether the holder of the token still has it.
    #[pyo3(signature = (lease, token, seconds, *, wait = true))]
    fn renew<'py>(
        &self,
        py: Python<'py>,
        lease: String,
        token: u64,
        seconds: f64,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        self.run(py, wait, async move {
            let now = core.now();
            let renewed = core.backend().renew(&lease, token, seconds, now).await;
            object(renewed.map_err(to_py)?)
        })
    }

    /// Gives a lease back; whether the holder of the token still had it.
    #[pyo3(signature = (lease, token, *, wait = true))]
    fn release<'py>(
        &self,
        py: Python<'py>,
        lease: String,
        token: u64,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        self.run(py, wait, async move {
            let now = core.now();
            let released = core.backend().release(&lease, token, now).await;
            object(released.map_err(to_py)?)
        })
    }

    /// Whether operations wait for a disk, a network or other code.
    #[getter]
    fn waits(&self) -> bool {
        self.waits
    }

    /// Whether other processes see the same entries and leases.
    #[getter]
    fn shared(&self) -> bool {
        self.core.read().backend().capabilities().shared
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

    /// The value of an entry that was found, for the server itself.
    #[pyo3(signature = (found, *, wait = true))]
    fn value<'py>(
        &self,
        py: Python<'py>,
        found: &Bound<'py, Found>,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        let Found { id, entry, .. } = found.get();
        let (id, entry) = (Arc::clone(id), Arc::clone(entry));
        self.run(py, wait, async move {
            core.record(Action::Used, Act::on(&id, &entry, None))
                .map_err(to_py)?;
            entry.value.load().await.map_err(to_py)?;
            Python::attach(|py| snapshot::fresh_of(py, &entry).map(Bound::unbind))
        })
    }

    /// Notes that the value of an entry that was found is used.
    fn note(&self, found: &Bound<'_, Found>, uses: &Bound<'_, PyUses>) {
        let Found { id, entry, .. } = found.get();
        uses.get().0.note(&self.core(), id, entry);
    }

    /// Writes the live entries to a path or stream; how many were written and left out, and the bytes.
    #[pyo3(signature = (target, *, namespace = None, skip_unportable = false, progress = None))]
    fn export(
        &self,
        py: Python<'_>,
        target: &Bound<'_, PyAny>,
        namespace: Option<&str>,
        skip_unportable: bool,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(usize, usize, u64)> {
        let (core, place) = (self.core(), Place::of(target, "write")?);
        let exported = py.detach(|| {
            transfer::export(&core, &place, namespace, skip_unportable, progress.as_ref())
        });
        let done = exported.map_err(to_py)?;
        Ok((done.entries, done.skipped, done.bytes))
    }

    /// Reads entries from a path or stream; how many were stored, left out and had expired, and the bytes.
    #[pyo3(signature = (source, *, overwrite = false, rename_namespaces = Vec::new(), dry_run = false, progress = None))]
    fn import_(
        &self,
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        overwrite: bool,
        rename_namespaces: Vec<(String, String)>,
        dry_run: bool,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(usize, usize, usize, u64)> {
        let (core, place) = (self.core(), Place::of(source, "read")?);
        let imported = py.detach(|| {
            let progress = progress.as_ref();
            transfer::import(
                &core,
                &place,
                overwrite,
                &rename_namespaces,
                dry_run,
                progress,
            )
        });
        let done = imported.map_err(to_py)?;
        Ok((done.entries, done.skipped, done.expired, done.bytes))
    }

    /// What a tool answers in place of its result; `counted` for what was found, against limits of rates.
    #[pyo3(signature = (found, *, actor, producer, counted = false, wait = true))]
    fn answer<'py>(
        &self,
        py: Python<'py>,
        found: &Bound<'py, Found>,
        actor: &Bound<'py, PyAny>,
        producer: bool,
        counted: bool,
        wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.configured(py)?;
        let Found { id, entry, .. } = found.get();
        let (id, entry) = (Arc::clone(id), Arc::clone(entry));
        let actor = PyActor::new(actor)?;
        let generator = self.foreign_generator(py);
        self.run(py, wait, async move {
            let options = AnswerOptions {
                actor: &actor,
                producer,
                counted,
            };
            let own =
                generator
                    .as_ref()
                    .and_then(|own| match own.plan(&entry, GetOptions::default()) {
                        Generation::Foreign(own) => Some(own),
                        Generation::Native(_) => None,
                    });
            let seen = core.receive(&id, &entry, &options).await.map_err(to_py)?;
            let answer = match (&seen, own) {
                (Received::Hidden { usable }, _) => Ok(Answer::Hidden { usable: *usable }),
                (Received::Seen(entry), None) => Ok(core.show(&id, entry).await.map_err(to_py)?),
                (Received::Seen(entry), Some(own)) => {
                    entry.value.load().await.map_err(to_py)?;
                    let size = core.complete_size(entry).await.map_err(to_py)?;
                    let complete = |size| Answer::Complete {
                        value: entry.value.clone(),
                        size,
                    };
                    size.map(complete).ok_or(own)
                }
            };
            Python::attach(|py| {
                let fields = PyDict::new(py);
                fields.set_item(intern!(py, "ref_id"), &*id)?;
                let entry = match &seen {
                    Received::Seen(entry) => entry,
                    Received::Hidden { .. } => &entry,
                };
                match answer {
                    Ok(Answer::Complete { size, .. }) => reply::complete(&fields, entry, size)?,
                    Ok(Answer::Preview(view)) => reply::preview(&fields, &view, &core, entry)?,
                    Ok(Answer::Hidden { usable }) => reply::hidden(&fields, usable)?,
                    Err(own) => {
                        let result = own.generate(py, &core, entry, &GetOptions::default())?;
                        reply::foreign_preview(&fields, &result, entry)?;
                    }
                }
                fields.set_item(intern!(py, "namespace"), &*entry.namespace)?;
                fields.set_item(intern!(py, "cache_name"), core.name())?;
                Ok(fields.into_any().unbind())
            })
        })
    }

    /// Writes down what is done without the cache's own methods; nothing where nothing is written down.
    #[pyo3(signature = (action, *, ref_id = None, namespace = None, actor = None, tool = None, reason = None))]
    #[allow(clippy::too_many_arguments, reason = "called by keyword")]
    fn record(
        &self,
        py: Python<'_>,
        action: &str,
        ref_id: Option<&str>,
        namespace: Option<&str>,
        actor: Option<&Bound<'_, PyAny>>,
        tool: Option<&str>,
        reason: Option<&str>,
    ) -> PyResult<()> {
        let core = self.core();
        if !core.is_audited() {
            return Ok(());
        }
        let action = audit::action(action)?;
        let actor = actor.map(PyActor::new).transpose()?;
        let reason = reason.map(known_reason);
        py.detach(|| {
            let act = Act {
                ref_id,
                namespace,
                actor: actor.as_ref().map(|actor| actor as _),
                tool,
                reason,
                ..Act::default()
            };
            core.record(action, act)
        })
        .map_err(to_py)
    }

    /// When an entry ends, in seconds since 1970; None = never, or it is gone.
    fn expires_at<'py>(&self, py: Python<'py>, ref_id: String) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core();
        self.run(py, true, async move {
            let now = core.now();
            let found = core.backend().get(&ref_id, now, Want::Head).await;
            object(found.map_err(to_py)?.and_then(|entry| entry.expires_at))
        })
    }

    /// What the store removes of this cache by itself, from now on; None for a store that does not know.
    fn removed(&self) -> Option<Removed> {
        let core = self.core();
        let removals = core.backend().removals()?;
        Some(Removed(removals.log(core.name())))
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

    /// The user's generator, if there is one.
    fn foreign_generator(&self, py: Python<'_>) -> Option<ForeignGenerator> {
        let parts = self.parts.read();
        Some(ForeignGenerator {
            generator: parts.generator.as_ref()?.clone_ref(py),
            samples: parts.samples,
            measurer: parts.measurer.clone_ref(py),
        })
    }

    /// Does work of the core for a caller that waits for it, or that awaits it.
    fn run<'py>(
        &self,
        py: Python<'py>,
        wait: bool,
        work: impl Future<Output = PyResult<Py<PyAny>>> + Send + 'static,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mode = match (wait, self.waits) {
            (true, false) => Mode::Inline,
            (true, true) => Mode::Blocking,
            (false, waits) => Mode::Awaited { waits },
        };
        awaitable::run(py, mode, work)
    }
}

/// A text that may be a reference or a key; nothing is stored under one with lone surrogates.
fn known<'a>(ref_id: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    readable("ref_id", ref_id)?
        .ok_or_else(|| to_py(not_found(shown(ref_id).trim_matches(['\'', '"']))))
}

/// A reason as the core says it; the words of a checker of the user's own may say anything.
fn known_reason(reason: &str) -> &'static str {
    use crate::access::DenialReason::{
        ExplicitDeny, NamespaceOwnership, OwnerInsufficient, RoleInsufficient, SessionMismatch,
    };
    let known = [
        ExplicitDeny,
        SessionMismatch,
        NamespaceOwnership,
        OwnerInsufficient,
        RoleInsufficient,
    ];
    let words = known.into_iter().map(crate::access::DenialReason::as_str);
    let mut words = words.chain(["egress", "not_admin"]);
    words.find(|word| *word == reason).unwrap_or("refused")
}
