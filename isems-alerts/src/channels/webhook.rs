//! Webhooks: HTTP requests with a message as JSON, or as a template makes it.

use std::time::SystemTime;

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use isems_core::BoxError;
use isems_insight::FindingSeverity;
use reqwest::{
    Method, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use ring::hmac;

use super::{
    address::Login,
    http::HttpClient,
    template::{Escape, Template},
};
use crate::{ChannelConfig, Message, MessageKind, Notifier, NotifyError};

/// The minimum length of a part of an address or template that is kept out of errors as a possible secret.
const SECRET_CHARS: usize = 8;

/// Sends requests, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it if there is a secret.
pub(super) struct Webhook {
    http: HttpClient,
    method: Method,
    /// The address, which can contain placeholders, too.
    url: Template,
    headers: HeaderMap,
    /// The body. Without it, the body is the message as JSON.
    body: Option<Template>,
    key: Option<hmac::Key>,
}

impl Webhook {
    pub(super) fn new(config: &ChannelConfig) -> Result<Self, BoxError> {
        let method = config.method.as_deref().unwrap_or("POST").parse().map_err(|_| "its method is none of HTTP")?;
        let headers = headers(config)?;
        let escape = match headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
            Some(kind) if kind.contains("json") => Escape::Json,
            Some(kind) if kind.starts_with("application/x-www-form-urlencoded") => Escape::Url,
            _ => Escape::None,
        };
        let body = config.template.as_ref().map(|template| Template::new(&template.0, escape)).transpose();
        let body = body.map_err(|problem| format!("in its template, {problem}"))?;
        if escape == Escape::Json
            && let Some(body) = &body
        {
            serde_json::from_str::<serde_json::Value>(&body.fill(&sample())).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                format!(
                    "its template is not JSON at line {line}, column {column}: put placeholders in quotes, or set the \
                     header Content-Type if it is something else"
                )
            })?;
        }
        let url = config.to.url().as_str().replace("%7B%7B", "{{").replace("%7D%7D", "}}");
        let url = Template::new(&url, Escape::Url).map_err(|problem| format!("in its address, {problem}"))?;
        Url::parse(&url.fill(&sample())).map_err(|_| "its address is no URL with the placeholders filled")?;
        let key = config.secret.as_ref().map(|secret| signing_key(&secret.0)).transpose()?;
        let http = HttpClient::new(config.ca_file.as_deref(), config.to.place(), secrets(config)?)?;
        Ok(Self { http, method, url, headers, body, key })
    }

    /// Returns the headers that prove where a body comes from.
    fn signature(&self, id: &str, body: &str) -> Option<[(&'static str, String); 3]> {
        let key = self.key.as_ref()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let tag = hmac::sign(key, format!("{id}.{now}.{body}").as_bytes());
        Some([
            ("webhook-id", id.into()),
            ("webhook-timestamp", now.to_string()),
            ("webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(tag))),
        ])
    }
}

#[async_trait]
impl Notifier for Webhook {
    async fn notify(&self, message: &Message) -> Result<String, NotifyError> {
        let body = match &self.body {
            Some(template) => template.fill(message),
            None => serde_json::to_string(message).map_err(|error| NotifyError::new(error.to_string()))?,
        };
        let mut request = self
            .http
            .request(self.method.clone(), self.url.fill(message))
            .headers(self.headers.clone())
            .header("Idempotency-Key", &message.id);
        for (name, value) in self.signature(&message.id, &body).into_iter().flatten() {
            request = request.header(name, value);
        }
        self.http.send(request.body(body)).await
    }
}

/// Returns the headers of a request. The content is JSON unless they say otherwise.
fn headers(config: &ChannelConfig) -> Result<HeaderMap, BoxError> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    for (name, value) in &config.headers {
        let name = HeaderName::try_from(name).map_err(|_| format!("{name:?} is no name of a header"))?;
        let value =
            HeaderValue::try_from(&value.0).map_err(|_| format!("the value of the header {name} is invalid"))?;
        headers.insert(name, value);
    }
    for value in headers.values_mut() {
        value.set_sensitive(true);
    }
    Ok(headers)
}

/// Makes the key of a secret: of its bytes, or of what follows `whsec_` in Base64.
fn signing_key(secret: &str) -> Result<hmac::Key, BoxError> {
    let bytes = match secret.strip_prefix("whsec_") {
        Some(text) => BASE64_STANDARD.decode(text).map_err(|_| "what follows whsec_ in its secret is no Base64")?,
        None => secret.into(),
    };
    if bytes.is_empty() {
        return Err("its secret is empty: make one with `openssl rand -hex 32`".into());
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// Returns what a server could repeat in its answers, but must not be shown: what is in the address and the headers,
/// and the longer words of the template.
fn secrets(config: &ChannelConfig) -> Result<Vec<String>, BoxError> {
    let url = config.to.url();
    let is_separator = |c: char| !c.is_alphanumeric() && !"_-:.".contains(c);
    let parts = url.path().split('/').chain(url.query().unwrap_or_default().split(['&', '=']));
    let words = config.template.iter().flat_map(|template| template.0.split(is_separator));
    let header_words = config.headers.values().flat_map(|value| value.0.split_whitespace());
    let long = parts.chain(words).chain(header_words).filter(|part| part.len() >= SECRET_CHARS).map(str::to_owned);
    let login = config.to.login()?.as_ref().map(Login::secrets).unwrap_or_default();
    Ok(login.into_iter().chain(config.secret.iter().map(|secret| secret.0.clone())).chain(long).collect())
}

/// Returns a message to try a template with.
fn sample() -> Message {
    Message {
        id: "sample".into(),
        kind: MessageKind::Test,
        at: 0,
        severity: FindingSeverity::Info,
        title: "\"".into(),
        text: "\\\n".into(),
        link: None,
        items: Vec::new(),
    }
}
