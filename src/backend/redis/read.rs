//! Reading one entry: whole, its head, or parts of its body; one round trip each (two to find a name in a
//! Cluster, where the index lies on another server).

use std::ops::Range;
use std::sync::Arc;

use ::redis::{Value, cmd, pipe};
use bytes::Bytes;

use super::super::{Head, Record, SMALL, Want};
use super::errors::unexpected;
use super::link::Again;
use super::{RedisStore, keys, layout, reply, scripts};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::KeyName;

impl RedisStore {
    pub(super) async fn read_record(
        &self,
        id: &str,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<Record>> {
        let record = match want {
            Want::Value if !self.link.options().is_cluster() => self.read_whole(id).await?,
            _ => self.read_by_script(id, want).await?,
        };
        Ok(record.filter(|record| is_live(&record.head, now)))
    }

    async fn read_by_script(&self, id: &str, want: Want) -> Result<Option<Record>> {
        let (entry, side) = (keys::entry(id), keys::side(id));
        let call = scripts::READ
            .call(&[&entry, &side])
            .arg(word(want))
            .arg(SMALL);
        match self.link.run(&call, Again::Yes).await {
            Ok(answer) => match reply::some(answer)? {
                None => Ok(None),
                Some(parts) => record(id, parts).map(Some),
            },
            Err(error) if self.is_half_moved(&error) => self.read_alone(id).await,
            Err(error) => Err(error),
        }
    }

    /// Whether this may be a slot on its way to another node of a Cluster: until all of it has moved, requests of
    /// two keys are refused if one of them is not there.
    pub(super) fn is_half_moved(&self, error: &Error) -> bool {
        self.link.options().is_cluster() && error.kind() == ErrorKind::Busy
    }

    /// The entry without what stands beside it.
    async fn read_alone(&self, id: &str) -> Result<Option<Record>> {
        let mut get = cmd("GET");
        get.arg(keys::entry(id));
        match reply::bytes(self.link.ask(&get, Again::Yes).await?)? {
            Some(text) => layout::read(id, text, None, Bytes::new()).map(Some),
            None => Ok(None),
        }
    }

    /// Two plain commands: a script would copy the value twice more.
    async fn read_whole(&self, id: &str) -> Result<Option<Record>> {
        let mut commands = pipe();
        commands.cmd("GET").arg(keys::entry(id));
        let fields = commands.cmd("HMGET").arg(keys::side(id));
        fields.arg(&["len", "body", "created", "side"]);
        let answers = self.link.ask_all(&commands).await?;
        let [text, beside] = <[Value; 2]>::try_from(answers).map_err(|_| unexpected())?;
        let Some(text) = reply::bytes(text)?.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let [len, body, created, side] = reply::some(beside)?.ok_or_else(unexpected)?;
        if reply::number(len)? != Some(text.len() as u64) {
            return layout::read(id, text, None, Bytes::new()).map(Some);
        }
        let (body, created) = (reply::number(body)?, reply::text(created)?);
        let side = reply::bytes(side)?.unwrap_or_default();
        match layout::read(id, text.clone(), body, side) {
            Ok(record) if created.as_deref() == Some(&layout::moment(record.head.created_at)) => {
                Ok(Some(record))
            }
            // what stands beside it is of another entry of the same length
            _ => layout::read(id, text, None, Bytes::new()).map(Some),
        }
    }

    pub(super) async fn find_record(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<(Arc<str>, Record)>> {
        let key = keys::name_of(name);
        if self.link.options().is_cluster() {
            let mut lookup = cmd("HGET");
            lookup.arg(&key).arg(&*name.namespace);
            let Some(id) = reply::text(self.link.ask(&lookup, Again::Yes).await?)? else {
                return Ok(None);
            };
            let record = self.read_record(&id, now, want).await?;
            return Ok(record.map(|record| (id, record)));
        }
        let call = scripts::FIND
            .call(&[&key])
            .arg(&*name.namespace)
            .arg(word(want))
            .arg(SMALL);
        let Some([id, text, body, at, tail, side]) =
            reply::some(self.link.run(&call, Again::Yes).await?)?
        else {
            return Ok(None);
        };
        let id = reply::text(id)?.ok_or_else(unexpected)?;
        let record = record(&id, [text, body, at, tail, side])?;
        Ok(is_live(&record.head, now).then_some((id, record)))
    }

    pub(super) async fn read_parts(
        &self,
        id: &str,
        head: &Head,
        ranges: &[Range<u64>],
    ) -> Result<Option<Vec<Bytes>>> {
        if ranges
            .iter()
            .any(|range| range.start > range.end || range.end > head.body_len)
        {
            return Ok(None);
        }
        let (entry, start) = (keys::entry(id), layout::start(head.plain) as u64);
        let mut commands = pipe();
        commands.atomic();
        let tail = start + head.body_len;
        let mut get = |from: u64, until: u64| {
            let part = commands.cmd("GETRANGE");
            part.arg(&entry).arg(from).arg(until - 1);
        };
        get(tail, tail + layout::longest_tail(head) as u64);
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            get(start + range.start, start + range.end);
        }
        let mut parts = self.link.ask_all(&commands).await?.into_iter();
        let tail = reply::bytes(parts.next().ok_or_else(unexpected)?)?.unwrap_or_default();
        if !is_tail_of(id, &tail, head) {
            return Ok(None);
        }
        let mut read = Vec::with_capacity(ranges.len());
        for range in ranges {
            let part = match range.is_empty() {
                true => Bytes::new(),
                false => reply::bytes(parts.next().ok_or_else(unexpected)?)?.unwrap_or_default(),
            };
            if part.len() as u64 != range.end - range.start {
                return Ok(None);
            }
            read.push(part);
        }
        Ok(Some(read))
    }
}

fn word(want: Want) -> &'static str {
    match want {
        Want::Head => "head",
        Want::Value => "value",
    }
}

/// A record of what the scripts return.
fn record(id: &str, [text, body, at, tail, side]: [Value; 5]) -> Result<Record> {
    let body = reply::number(body)?;
    let side = reply::bytes(side)?.unwrap_or_default();
    if let Some(text) = reply::bytes(text)? {
        return layout::read(id, text, body, side);
    }
    let (body, at) = (body.ok_or_else(unexpected)?, reply::number(at)?);
    let tail = reply::bytes(tail)?.unwrap_or_default();
    let head = layout::read_tail(id, &tail, body, at != Some(body), side)?;
    Ok(Record { head, body: None })
}

/// Whether an entry with this tail is the one with this head.
fn is_tail_of(id: &str, tail: &Bytes, head: &Head) -> bool {
    let tail = match head.plain {
        true => &tail[..],
        false => &tail[..tail.len() - layout::TRAILER.min(tail.len())],
    };
    layout::read_tail(id, tail, head.body_len, head.plain, Bytes::new())
        .is_ok_and(|found| found.created_at == head.created_at)
}

fn is_live(head: &Head, now: Timestamp) -> bool {
    head.expires_at.is_none_or(|end| now < end)
}
