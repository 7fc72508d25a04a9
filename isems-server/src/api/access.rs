//! Access control: reading is open unless it is protected; everything else needs a token.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use isems_core::{NodeId, unix_now};
use poem::{
    Request, RequestBody, Result,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use serde::{Deserialize, Deserializer, Serialize, de};
use tracing::{debug, info};

use super::problem::Refusal;
use crate::{
    page::{COOKIE, check_origin, cookie, is_asset, lead_to},
    tokens::Tokens,
};

/// Paths that stay open when reading is protected: health, the documentation, which contains no data and is where
/// programmers enter their token, and the page where others do.
const OPEN_PATHS: [&str; 6] = ["/docs", "/openapi.json", "/healthz", "/readyz", "/sign-in", "/manifest.webmanifest"];

/// The name that stands in for a token if none is needed.
const UNRESTRICTED: &str = "none needed";

/// The rights of clients.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// The tokens of clients that may do everything.
    #[serde(skip_serializing, deserialize_with = "tokens")]
    pub tokens: Tokens,
    /// The tokens of clients that may send measurements of one node, named like the token, or of every node (`*`).
    #[serde(skip_serializing, deserialize_with = "push_tokens")]
    pub push_tokens: Tokens,
    /// Requires a token for reading, too. Health and documentation stay open.
    pub protect_reading: bool,
    /// Lets everybody do everything, whatever the tokens are: for a listener that only the operator can reach. It is no
    /// setting.
    #[serde(skip)]
    pub unrestricted: bool,
}

fn tokens<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Tokens, D::Error> {
    let pairs = Vec::<String>::deserialize(deserializer)?;
    Tokens::parse(pairs.iter().map(|pair| pair.trim())).map_err(de::Error::custom)
}

fn push_tokens<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Tokens, D::Error> {
    let pairs = Vec::<String>::deserialize(deserializer)?;
    Tokens::parse_of_nodes(pairs.iter().map(|pair| pair.trim())).map_err(de::Error::custom)
}

impl Access {
    /// Makes rights that let everybody do everything.
    pub fn unrestricted() -> Self {
        Self { unrestricted: true, ..Self::default() }
    }

    /// Returns the rights that hold at the listener of a request.
    pub(crate) fn of(request: &Request) -> &Arc<Self> {
        request.data().expect("the service gives it to every request")
    }

    /// Returns the name of the token that a request carries.
    pub(crate) fn authorize(&self, request: &Request) -> Result<Arc<str>, Refusal> {
        if self.unrestricted {
            return Ok(UNRESTRICTED.into());
        }
        if self.tokens.is_empty() {
            let detail = "this needs a token, but none is configured on this server; its operator can set some \
                          with ISEMS_API_TOKENS (--api-tokens, api_tokens)";
            return Err(Refusal::new(StatusCode::FORBIDDEN, detail));
        }
        let refuse = |detail| Refusal::new(StatusCode::UNAUTHORIZED, detail);
        let header = request.headers().get(header::AUTHORIZATION);
        if header.is_none()
            && let Some(name) = self.session(request)
        {
            return Ok(name);
        }
        let header = header.ok_or_else(|| refuse("this needs a token: send the header Authorization: Bearer TOKEN"))?;
        let token = credentials(header, "bearer");
        let token = token.ok_or_else(|| refuse("expected the header Authorization: Bearer TOKEN"))?;
        self.tokens.name_of(token).ok_or_else(|| refuse("this token is unknown or was revoked"))
    }

    /// Returns whether any client may send measurements.
    pub(crate) fn may_push(&self) -> bool {
        !self.tokens.is_empty() || !self.push_tokens.is_empty()
    }

    /// Returns the name of the token that permits sending measurements of a node.
    pub(super) fn authorize_push(&self, credentials: &PushCredentials, node: &NodeId) -> Result<Arc<str>, Refusal> {
        if self.unrestricted {
            return Ok(UNRESTRICTED.into());
        }
        if !self.may_push() {
            let detail = "this needs a token, but none is configured on this server; its operator can set some \
                          with ISEMS_PUSH_TOKENS (--push-tokens, push_tokens)";
            return Err(Refusal::new(StatusCode::FORBIDDEN, detail));
        }
        let unauthorized = |detail| Refusal::new(StatusCode::UNAUTHORIZED, detail);
        let token = credentials.0.as_deref().ok_or_else(|| {
            unauthorized("this needs a token: send Authorization: Bearer TOKEN, or put it into the URL as http://NODE:TOKEN@HOST")
        })?;
        if let Some(name) = self.tokens.name_of(token) {
            return Ok(name);
        }
        let owner = self.push_tokens.name_of(token);
        let owner = owner.ok_or_else(|| unauthorized("this token is unknown or was revoked"))?;
        if *owner == *"*" || *owner == *node.as_str() {
            return Ok(owner);
        }
        let detail = format!("this token is for measurements of {owner:?}, not of {:?}", node.as_str());
        Err(Refusal::new(StatusCode::FORBIDDEN, detail))
    }

    /// Returns the name of the token with which the viewer of a page has signed in. A request that changes something
    /// must come from a page of this server.
    pub(crate) fn session(&self, request: &Request) -> Option<Arc<str>> {
        let is_reading = [Method::GET, Method::HEAD].contains(request.method());
        if !is_reading && check_origin(request).is_err() {
            return None;
        }
        self.tokens.name_of_session(cookie(request, COOKIE)?, unix_now())
    }

    /// Lets a request pass if it may read. Every request goes through here, so that no operation can be forgotten.
    pub(super) fn check_reading(&self, request: Request) -> Result<Request> {
        // Other rights are checked by the operations.
        let is_reading = [Method::GET, Method::HEAD].contains(request.method());
        let path = request.original_uri().path();
        if self.protect_reading && is_reading && !OPEN_PATHS.contains(&path) && !is_asset(path) {
            let name = match self.authorize(&request) {
                Ok(name) => name,
                Err(_) if shows_pages(&request) => return Err(poem::Error::from_response(lead_to(&request))),
                Err(refusal) => return Err(refusal.into()),
            };
            debug!(token = %name, path = request.original_uri().path(), "reading");
        }
        Ok(request)
    }
}

/// Returns whether a browser wants to show the answer.
fn shows_pages(request: &Request) -> bool {
    request.header(header::ACCEPT).is_some_and(|accepted| accepted.contains("text/html"))
}

/// Returns the part after the scheme of an `Authorization` header, if it has that scheme.
fn credentials<'a>(header: &'a HeaderValue, wanted: &str) -> Option<&'a str> {
    let (scheme, credentials) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(wanted).then(|| credentials.trim())
}

/// Proof that a request carries a valid token. An operation with this parameter requires one, and the document says so.
#[derive(Debug)]
pub(super) struct Authorized;

impl Authorized {
    const SCHEME: &'static str = "token";
}

impl<'a> ApiExtractor<'a> for Authorized {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some("A token of ISEMS_API_TOKENS."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(Self::SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![Self::SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let name = Access::of(request).authorize(request)?;
        info!(token = %name, method = %request.method(), path = request.original_uri().path(), "authorized");
        Ok(Self)
    }
}

/// The token that a request carries for pushing, valid or not. Because a node's firmware is limited, the token can also
/// be in the URL, which turns it into HTTP Basic.
#[derive(Debug)]
pub(super) struct PushCredentials(Option<String>);

impl PushCredentials {
    const SCHEME: &'static str = "pushToken";

    fn of(headers: &HeaderMap) -> Option<String> {
        let header = headers.get(header::AUTHORIZATION)?;
        if let Some(token) = credentials(header, "bearer") {
            return Some(token.into());
        }
        let pair = String::from_utf8(BASE64_STANDARD.decode(credentials(header, "basic")?).ok()?).ok()?;
        // The token is the password, or the user where there is no password.
        let (user, password) = pair.rsplit_once(':').unwrap_or((&pair, ""));
        Some(if password.is_empty() { user.into() } else { password.into() })
    }
}

impl<'a> ApiExtractor<'a> for PushCredentials {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Authorized::register(registry);
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some("A token of ISEMS_PUSH_TOKENS or ISEMS_API_TOKENS as the password, with any user name."),
            name: None,
            key_in: None,
            scheme: Some("basic"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(Self::SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![Authorized::SCHEME, Self::SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self(Self::of(request.headers())))
    }
}
