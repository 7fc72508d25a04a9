//! Notifications through an ntfy server.

use async_trait::async_trait;
use isems_core::BoxError;
use isems_insight::FindingSeverity;
use reqwest::{Method, Url};
use serde_json::json;

use super::{address::Login, http::HttpClient};
use crate::{ChannelConfig, Message, MessageKind, Notifier, NotifyError};

/// The maximum length of a message in bytes. An ntfy server turns a longer one into a file, if it accepts it at all.
const MESSAGE_BYTES: usize = 4096;

/// The maximum length of a topic.
const TOPIC_BYTES: usize = 64;

/// A topic of an ntfy server.
pub(super) struct Topic {
    server: Url,
    name: String,
}

impl Topic {
    pub(super) fn parse(url: &Url) -> Result<Self, &'static str> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let (folder, name) = url.path().rsplit_once('/').unwrap_or_default();
        if name.is_empty() || name.len() > TOPIC_BYTES || !name.bytes().all(is_allowed) {
            return Err("its topic is not made of 1 to 64 letters, digits, - and _");
        }
        if url.query().is_some() {
            return Err("an ntfy address contains no ?: settings follow a #");
        }
        let mut server = url.clone();
        server.set_path(&format!("{folder}/"));
        // These fail only for URLs that cannot have a host.
        let _ = server.set_username("");
        let _ = server.set_password(None);
        Ok(Self { server, name: name.into() })
    }
}

/// Publishes messages as JSON, which an ntfy server accepts at its root.
pub(super) struct Ntfy {
    http: HttpClient,
    topic: Topic,
    login: Option<Login>,
}

impl Ntfy {
    pub(super) fn new(config: &ChannelConfig) -> Result<Self, BoxError> {
        let topic = Topic::parse(config.to.url())?;
        let login = config.to.login()?;
        let mut secrets = login.as_ref().map(Login::secrets).unwrap_or_default();
        secrets.push(topic.name.clone());
        Ok(Self { http: HttpClient::new(config.ca_file.as_deref(), config.to.place(), secrets)?, topic, login })
    }
}

#[async_trait]
impl Notifier for Ntfy {
    async fn notify(&self, message: &Message) -> Result<String, NotifyError> {
        let is_over = message.kind == MessageKind::Alert && message.items.iter().all(|item| !item.change.is_open());
        let (priority, tag) = match message.severity {
            _ if is_over => (2, "white_check_mark"),
            FindingSeverity::Info => (2, "information_source"),
            FindingSeverity::Attention => (3, "warning"),
            FindingSeverity::Urgent => (5, "rotating_light"),
        };
        let body = json!({
            "topic": self.topic.name,
            "title": message.title,
            "message": shortened(&message.text),
            "priority": priority,
            "tags": [tag],
            "click": message.link,
            // Whoever is told twice sees one notification.
            "sequence_id": message.id,
        });
        let mut request = self.http.request(Method::POST, self.topic.server.clone()).body(body.to_string());
        request = match &self.login {
            None => request,
            Some(Login { user, password: Some(password) }) => request.basic_auth(user, Some(password)),
            Some(Login { user: token, password: None }) => request.bearer_auth(token),
        };
        self.http.send(request).await
    }
}

/// Returns the beginning of a text if the whole is too long.
fn shortened(text: &str) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= MESSAGE_BYTES {
        return text.into();
    }
    let end = text.floor_char_boundary(MESSAGE_BYTES - ELLIPSIS.len());
    format!("{}{ELLIPSIS}", &text[..end])
}
