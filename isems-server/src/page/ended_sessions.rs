//! Sessions that somebody has ended before their time.

use std::{collections::HashMap, sync::Arc};

use isems_core::{Batch, Repository, RepositoryError, unix_now};
use poem::{
    Request, Result,
    http::{HeaderValue, header},
};
use tokio::sync::RwLock;
use tracing::warn;

use super::{
    sign_in::COOKIE,
    viewer::{cookie, cookies},
};
use crate::{api::Refusal, tokens::Tokens};

/// The key of the list in the repository's metadata. Each line is a session.
const KEY: &str = "sessions.ended";

/// The sessions from which somebody has signed out. They are kept in the repository's metadata until their time is over
/// anyway, so that a copy of the cookie is worth nothing, even after a restart.
pub(crate) struct EndedSessions {
    repository: Arc<dyn Repository>,
    /// The sessions, and when their time is over, Unix seconds, UTC. `None` until they are first needed.
    list: RwLock<Option<HashMap<String, i64>>>,
}

impl EndedSessions {
    pub(crate) fn new(repository: Arc<dyn Repository>) -> Self {
        Self { repository, list: RwLock::new(None) }
    }

    /// Removes the cookie of a session that has ended from a request.
    pub(crate) async fn forget(self: Arc<Self>, mut request: Request) -> Result<Request> {
        let Some(session) = cookie(&request, COOKIE) else { return Ok(request) };
        if self.has(session).await.map_err(Refusal::from)? {
            let others: Vec<_> = cookies(&request).filter(|(name, _)| *name != COOKIE).collect();
            let others: Vec<_> = others.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let others = HeaderValue::try_from(others.join("; "));
            request.headers_mut().remove(header::COOKIE);
            request.headers_mut().extend(others.ok().map(|others| (header::COOKIE, others)));
        }
        Ok(request)
    }

    /// Ends a session. While that cannot be stored, it is only ended until the program stops.
    pub(super) async fn end(&self, session: &str) -> Result<(), RepositoryError> {
        let Some(until) = Tokens::end_of_session(session) else { return Ok(()) };
        let mut list = self.list.write().await;
        let list = match &mut *list {
            Some(list) => list,
            none => none.insert(self.load().await?),
        };
        let now = unix_now();
        list.retain(|_, until| *until > now);
        list.insert(session.into(), until);
        let lines: Vec<&str> = list.keys().map(String::as_str).collect();
        let metadata = vec![(KEY.into(), lines.join("\n").into_bytes())];
        if let Err(error) = self.repository.store(Batch { metadata, ..Batch::default() }).await {
            warn!(%error, "cannot store that somebody has signed out; it is forgotten with a restart");
        }
        Ok(())
    }

    async fn has(&self, session: &str) -> Result<bool, RepositoryError> {
        if let Some(list) = &*self.list.read().await {
            return Ok(list.contains_key(session));
        }
        let mut list = self.list.write().await;
        let list = match &mut *list {
            Some(list) => list,
            none => none.insert(self.load().await?),
        };
        Ok(list.contains_key(session))
    }

    async fn load(&self) -> Result<HashMap<String, i64>, RepositoryError> {
        let lines = self.repository.metadata(KEY).await?.unwrap_or_default();
        let lines = String::from_utf8_lossy(&lines).into_owned();
        Ok(lines.lines().filter_map(|session| Some((session.into(), Tokens::end_of_session(session)?))).collect())
    }
}
