//! Deleting a node from its page.

use std::sync::Arc;

use isems_core::{Node, NodeId, RedbRepository, unix_now};
use isems_dashboard::DeletionPage;
use poem::{Request, Response, Result};
use tracing::info;

use super::{
    Pages, answer,
    node::unknown,
    origin,
    sign_in::{lead_to, see_other},
    viewer,
};
use crate::{
    api::{Access, Refusal},
    time::EVER,
};

impl Pages {
    /// Says what goes with a node, and asks. Who may not delete it is led to where one can sign in.
    pub(super) async fn ask_deletion(&self, request: &Request, name: &str) -> Result<Response> {
        if Access::of(request).authorize(request).is_err() {
            return Ok(lead_to(request));
        }
        let viewer = viewer::of(request, &self.time_zone, unix_now());
        let Some(node) = self.known(name).await? else { return Ok(unknown(request, &viewer, name)) };
        let bytes = self.size_of(&node).await?;
        Ok(answer::page(request, DeletionPage { viewer: &viewer, node: &node, bytes }.page()))
    }

    /// Deletes a node and everything that it measured, and leads to the overview.
    pub(super) async fn delete(&self, request: &Request, name: &str) -> Result<Response> {
        origin::check(request)?;
        let token = Access::of(request).authorize(request)?;
        let Some(node) = self.known(name).await? else {
            let viewer = viewer::of(request, &self.time_zone, unix_now());
            return Ok(unknown(request, &viewer, name));
        };
        let deleted = self.watcher.repository().delete(&node.id, EVER.start, EVER.end).await.map_err(Refusal::from)?;
        info!(%token, node = %node.id, deleted, "deleted a node");
        Ok(see_other(request, "/"))
    }

    async fn known(&self, name: &str) -> Result<Option<Arc<Node>>> {
        let Ok(id) = NodeId::new(name) else { return Ok(None) };
        Ok(self.watcher.repository().node(&id).await.map_err(Refusal::from)?)
    }

    /// Returns the share of a node's measurements in the file, bytes: its exact size would take reading all of it.
    async fn size_of(&self, node: &Node) -> Result<Option<f64>> {
        let Some(bytes) = self.database.as_deref().and_then(RedbRepository::file_bytes) else { return Ok(None) };
        let nodes = self.watcher.repository().nodes().await.map_err(Refusal::from)?;
        let all: u64 = nodes.iter().map(|node| node.measurements).sum();
        Ok((all > 0).then(|| bytes as f64 * node.measurements as f64 / all as f64))
    }
}
