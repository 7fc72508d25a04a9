//! The database of a command: a file opened here, or the server that has it open.

use std::{
    fmt::Write as _,
    io::{self, Write},
    ops::Range,
    path::Path,
    pin::pin,
    sync::Arc,
};

use futures_util::TryStreamExt;
use hyper::{Method, StatusCode};
use isems_alerts::{Mute, store};
use isems_core::{
    BoxError, Checked, Copied, Damage, FieldSet, NodeId, OpenError, Order, RedbRepository, RejectPage, RejectQuery,
    Repository, RepositoryError, unix_now,
};
use isems_insight::assess_all;
use jiff::tz::TimeZone;
use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::{alerts, client::Client, export::Export, file::OutputFile};
use crate::{
    api::{self, Names},
    stream::{Selection, TextFormat},
    time::{EVER, Time},
};

/// The database of a command.
pub(super) enum Database {
    /// A file opened here.
    File(Arc<RedbRepository>),
    /// The server that has the file open.
    Server(Client),
}

impl Database {
    /// Opens an existing database, or finds the server that has it open.
    pub(super) async fn open(path: &Path) -> Result<Self, BoxError> {
        if let Some(repository) = super::open(path)? {
            return Ok(Self::File(Arc::new(repository)));
        }
        let client = Client::find(path).await?;
        client.map(Self::Server).ok_or_else(|| OpenError::Locked { path: path.into() }.into())
    }

    /// Fails if there is no such node.
    pub(super) async fn expect_node(&self, node: &NodeId) -> Result<(), BoxError> {
        let is_known = match self {
            Self::File(repository) => repository.node(node).await?.is_some(),
            Self::Server(client) => {
                client.request(Method::GET, &node_path(node)).await?.status != StatusCode::NOT_FOUND
            }
        };
        let unknown = || format!("there is no node {node}; `isems-server stats` lists the existing ones");
        if is_known { Ok(()) } else { Err(unknown().into()) }
    }

    /// Writes measurements, node after node, each from oldest to newest, so that memory use stays flat.
    pub(super) async fn export(&self, export: &Export, output: &mut dyn Write) -> Result<(), BoxError> {
        for node in &export.nodes {
            self.expect_node(node).await?;
        }
        match self {
            Self::File(repository) => {
                let is_wanted = |id: &NodeId| export.nodes.is_empty() || export.nodes.contains(id);
                let nodes = repository.nodes().await?;
                let nodes = nodes.iter().map(|node| node.id.clone()).filter(is_wanted);
                let selection = Selection {
                    nodes: nodes.map(|node| (node, export.seconds.clone())).collect(),
                    order: Order::OldestFirst,
                    limit: usize::MAX,
                    fields: match export.format {
                        TextFormat::Csvlog => FieldSet::ALL,
                        TextFormat::Csv | TextFormat::Ndjson => export.layout.fields.iter().copied().collect(),
                    },
                };
                let text = selection.text(repository.clone(), export.format, export.layout.clone()).await?;
                let mut text = pin!(text);
                while let Some(chunk) = text.try_next().await.map_err(cause)? {
                    output.write_all(&chunk)?;
                }
            }
            Self::Server(client) => {
                let mut answer = client.ask(Method::GET, &measurements(export)).await?;
                while let Some(chunk) = answer.chunk().await? {
                    output.write_all(&chunk)?;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn statistics(&self) -> Result<api::Statistics, BoxError> {
        match self {
            Self::File(repository) => Ok(repository.statistics().await?.into()),
            Self::Server(client) => client.ask(Method::GET, "/api/v1/statistics").await?.json().await,
        }
    }

    /// Returns the assessments at a time (Unix seconds, UTC), or now, the node that most needs attention first.
    pub(super) async fn insights(&self, at: Option<i64>) -> Result<api::Insights, BoxError> {
        match self {
            Self::File(repository) => {
                let assessments = assess_all(&**repository, at.unwrap_or_else(unix_now)).await?;
                Ok(api::Insights { nodes: assessments.iter().map(Into::into).collect() })
            }
            Self::Server(client) => {
                let at = at.map(|second| format!("?at={}", Time { second, zone: &TimeZone::UTC }));
                let target = format!("/api/v1/insight{}", at.unwrap_or_default());
                client.ask(Method::GET, &target).await?.json().await
            }
        }
    }

    pub(super) async fn rejects(&self, query: &RejectQuery) -> Result<RejectPage, BoxError> {
        let client = match self {
            Self::File(repository) => return Ok(repository.rejects(query).await?),
            Self::Server(client) => client,
        };
        let RejectQuery { node, transport, reason, before, limit } = query;
        let mut target = format!("/api/v1/rejects?limit={limit}");
        for (name, text) in [("node", node.as_deref()), ("transport", transport.as_deref())] {
            push(&mut target, name, text);
        }
        push(&mut target, "reason", reason.map(Names::name));
        push(&mut target, "cursor", before.map(|before| before.to_string()).as_deref());
        let page: api::RejectPage = client.ask(Method::GET, &target).await?.json().await?;
        let cursor = page.next.as_deref().and_then(|next| next.rsplit_once("cursor="));
        let next = cursor.map(|(_, cursor)| cursor.parse()).transpose()?;
        Ok(RejectPage { rejects: page.rejects.into_iter().map(Into::into).collect(), next })
    }

    pub(super) async fn alerts(&self) -> Result<api::AlertsReport, BoxError> {
        match self {
            Self::File(repository) => Ok(api::AlertsReport::new(&[], store::load(&**repository).await?.state())),
            Self::Server(client) => client.ask(Method::GET, "/api/v1/alerts").await?.json().await,
        }
    }

    /// Tries the channels of the server that has the file open.
    pub(super) async fn test_alerts(&self) -> Result<api::Trials, BoxError> {
        match self {
            Self::File(_) => Err("no server is running".into()),
            Self::Server(client) => client.ask(Method::POST, "/api/v1/alerts/test").await?.json().await,
        }
    }

    /// Mutes for a time, which the server reads as it was entered.
    pub(super) async fn mute(&self, mute: Mute, time: &str) -> Result<api::MuteSchema, BoxError> {
        match self {
            Self::File(repository) => Ok(alerts::mute(&**repository, mute).await?.into()),
            Self::Server(client) => {
                let mut target = format!("/api/v1/alerts/mutes?for={}", encoded(time));
                push(&mut target, "node", Some(&mute.node));
                push(&mut target, "finding", mute.finding.as_deref());
                push(&mut target, "reason", mute.reason.as_deref());
                client.ask(Method::POST, &target).await?.json().await
            }
        }
    }

    /// Ends a mute.
    pub(super) async fn unmute(&self, id: u64) -> Result<api::MuteSchema, BoxError> {
        match self {
            Self::File(repository) => {
                let mute = alerts::unmute(&**repository, id).await?;
                let unknown = || format!("there is no mute {id}; `isems-server alerts list` lists the existing ones");
                Ok(mute.ok_or_else(unknown)?.into())
            }
            Self::Server(client) => {
                client.ask(Method::DELETE, &format!("/api/v1/alerts/mutes/{id}")).await?.json().await
            }
        }
    }

    pub(super) async fn check(&self) -> Result<Checked, BoxError> {
        match self {
            Self::File(repository) => Ok(repository.check().await?),
            Self::Server(client) => {
                let checked: api::Checked = client.ask(Method::POST, "/api/v1/check").await?.json().await?;
                Ok(checked.into())
            }
        }
    }

    /// Writes a copy to a new file, which is complete and on disk when this returns.
    pub(super) async fn backup(&self, path: &Path) -> Result<Copied, BoxError> {
        let client = match self {
            Self::File(repository) => return Ok(repository.backup(path).await?),
            Self::Server(client) => client,
        };
        let mut file = OutputFile::create_new(path)?;
        let mut answer = client.ask(Method::POST, "/api/v1/backup").await?;
        while let Some(chunk) = answer.chunk().await? {
            file.write_all(&chunk).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
        let is_sound = answer.headers.get(api::DAMAGES).is_some_and(|damages| damages == "0");
        let bytes = file.finish()?;
        // The answer has the number of damaged parts; a check lists them.
        let damages: Vec<Damage> = if is_sound { Vec::new() } else { self.check().await?.damages };
        Ok(Copied { bytes, damages })
    }

    /// Deletes the measurements of a node within a range of Unix seconds, and returns their number.
    pub(super) async fn delete(&self, node: &NodeId, seconds: &Range<i64>) -> Result<u64, BoxError> {
        self.expect_node(node).await?;
        match self {
            Self::File(repository) => Ok(repository.delete(node, seconds.start, seconds.end).await?),
            Self::Server(client) => {
                let mut target = node_path(node);
                if *seconds != EVER {
                    target.push_str("/measurements?");
                    push_range(&mut target, seconds);
                }
                let deleted: api::Deleted = client.ask(Method::DELETE, &target).await?.json().await?;
                Ok(deleted.deleted)
            }
        }
    }
}

/// Returns the repository's error from which a stream of text has failed.
fn cause(error: io::Error) -> BoxError {
    error.downcast::<RepositoryError>().map_or_else(Into::into, Into::into)
}

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

fn node_path(node: &NodeId) -> String {
    format!("/api/v1/nodes/{}", encoded(node.as_str()))
}

/// Returns path and query of an export.
fn measurements(export: &Export) -> String {
    let Export { nodes, seconds, format, time_zone, layout } = export;
    let mut target = "/api/v1/measurements?order=asc".to_owned();
    push(&mut target, "format", Some(format.name()));
    push_range(&mut target, seconds);
    if *format != TextFormat::Csvlog {
        let fields: Vec<&str> = layout.fields.iter().map(|field| field.name()).collect();
        push(&mut target, "fields", Some(&fields.join(",")));
        push(&mut target, "tz", Some(time_zone));
    }
    if *format == TextFormat::Csv {
        push(&mut target, "separator", Some(Names::name(layout.dialect.separator)));
        push(&mut target, "decimal", Some(Names::name(layout.dialect.decimal)));
    }
    for node in nodes {
        push(&mut target, "nodes", Some(node.as_str()));
    }
    target
}

/// Adds a parameter, if it has a value.
fn push(target: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        // Writing to a string cannot fail.
        let _ = write!(target, "&{name}={}", encoded(value));
    }
}

/// Adds the bounded ends of a range.
fn push_range(target: &mut String, seconds: &Range<i64>) {
    let time = |second| Time { second, zone: &TimeZone::UTC }.to_string();
    push(target, "from", (seconds.start != EVER.start).then(|| time(seconds.start)).as_deref());
    push(target, "to", (seconds.end != EVER.end).then(|| time(seconds.end)).as_deref());
}
