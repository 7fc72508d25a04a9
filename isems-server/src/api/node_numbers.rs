//! The numbers of nodes, from which the original's API builds its identifiers.
//!
//! The numbers are a list of names in the repository's metadata, in pages of 1,024: line n of all pages together is the
//! node with number n, counted from 1, and a blank line is a number without a node. A name stays in the list when its
//! node is deleted, so an identifier never changes its meaning. While the list cannot be stored, new nodes have numbers
//! that are valid until the program ends.

use std::{collections::HashMap, sync::Arc};

use isems_core::{Batch, Node, NodeId, RedbRepository, Repository, RepositoryError};
use tokio::sync::RwLock;
use tracing::debug;

/// The number of names in a page of the list.
const PAGE: usize = 1024;

/// The numbers of nodes.
pub(crate) struct NodeNumbers {
    repository: Arc<dyn Repository>,
    /// Files without a list yet have given out numbers of their own.
    database: Option<Arc<RedbRepository>>,
    /// `None` until it is first needed.
    list: RwLock<Option<List>>,
}

#[derive(Default)]
struct List {
    names: Vec<Option<NodeId>>,
    numbers: HashMap<NodeId, u32>,
    /// The number of names that are stored.
    stored: usize,
}

impl NodeNumbers {
    pub(crate) fn new(repository: Arc<dyn Repository>, database: Option<Arc<RedbRepository>>) -> Self {
        Self { repository, database, list: RwLock::new(None) }
    }

    /// Returns the number of each node. New nodes are numbered in the order of their first arrival.
    pub(crate) async fn of(&self, nodes: &[&Node]) -> Result<Vec<u32>, RepositoryError> {
        // Requests nearly always ask for known nodes, and must not wait for each other then.
        if let Some(numbers) = self.list.read().await.as_ref().and_then(|list| list.settled(nodes)) {
            return Ok(numbers);
        }
        let mut list = self.list.write().await;
        let list = match &mut *list {
            Some(list) => list,
            none => none.insert(self.load().await?),
        };
        let mut new: Vec<&Node> = nodes.iter().copied().filter(|node| !list.numbers.contains_key(&node.id)).collect();
        new.sort_by_key(|node| (node.first_received_at, &node.id));
        for node in new {
            list.push(Some(node.id.clone()));
        }
        if list.stored < list.names.len() {
            match self.repository.store(Batch { metadata: list.unstored_pages(), ..Batch::default() }).await {
                Ok(_) => list.stored = list.names.len(),
                Err(error) => debug!(%error, "cannot store the numbers of nodes"),
            }
        }
        Ok(nodes.iter().map(|node| list.numbers[&node.id]).collect())
    }

    async fn load(&self) -> Result<List, RepositoryError> {
        let mut list = List::default();
        while let Some(page) = self.repository.metadata(&key(list.names.len() / PAGE)).await? {
            String::from_utf8_lossy(&page).split('\n').for_each(|name| list.push(NodeId::new(name).ok()));
            if !list.names.len().is_multiple_of(PAGE) {
                break;
            }
        }
        list.stored = list.names.len();
        if let Some(database) = self.database.as_ref().filter(|_| list.names.is_empty()) {
            let mut names: Vec<_> = database.node_numbers().into_iter().map(|(id, number)| (number, id)).collect();
            names.sort_unstable();
            for (number, id) in names {
                while list.names.len() + 1 < number as usize {
                    list.push(None);
                }
                list.push(Some(id));
            }
        }
        Ok(list)
    }
}

impl List {
    /// Returns the numbers of nodes, or `None` if one of them is new or something is left to be stored.
    fn settled(&self, nodes: &[&Node]) -> Option<Vec<u32>> {
        if self.stored < self.names.len() {
            return None;
        }
        nodes.iter().map(|node| self.numbers.get(&node.id).copied()).collect()
    }

    fn push(&mut self, name: Option<NodeId>) {
        self.names.push(name.clone());
        if let Some(name) = name {
            self.numbers.insert(name, self.names.len() as u32);
        }
    }

    fn unstored_pages(&self) -> Vec<(String, Vec<u8>)> {
        let first = self.stored / PAGE;
        let pages = self.names.chunks(PAGE).enumerate().skip(first);
        let text = |names: &[Option<NodeId>]| {
            let names: Vec<&str> = names.iter().map(|name| name.as_ref().map_or("", NodeId::as_str)).collect();
            names.join("\n").into_bytes()
        };
        pages.map(|(page, names)| (key(page), text(names))).collect()
    }
}

fn key(page: usize) -> String {
    format!("original/nodes/{page}")
}
