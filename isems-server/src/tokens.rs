//! API tokens, which permit more than reading.

use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use isems_core::NodeId;
use ring::{
    digest::{SHA256, SHA256_OUTPUT_LEN, digest},
    hmac,
    rand::{self, SystemRandom},
};
use subtle::ConstantTimeEq;

/// The minimum length of a token, in characters.
const MIN_LENGTH: usize = 16;

/// The known tokens, each under a name. Only the SHA-256 of a token is kept; no token is shown anywhere.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Arc<[Token]>);

struct Token {
    name: Arc<str>,
    hash: [u8; SHA256_OUTPUT_LEN],
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Token").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Parses `name:token` pairs. Names are unique and consist of letters, digits and `-._`; tokens are unique, have at
    /// least 16 characters, and consist of characters that need no escaping in an `Authorization` header: letters,
    /// digits and `-._~+/=`. An error says which pair is wrong and why, but never shows a token.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidToken> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        Self::read(pairs, |name| !name.is_empty() && name.bytes().all(is_name))
    }

    /// Parses `node:token` pairs in the same way as [`parse`](Self::parse). The name is that of a node, or `*` for
    /// every node; the token is the part after the last colon.
    pub fn parse_of_nodes<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidToken> {
        Self::read(pairs, |name| NodeId::new(name).is_ok())
    }

    fn read<'a>(
        pairs: impl IntoIterator<Item = &'a str>,
        is_name: impl Fn(&str) -> bool,
    ) -> Result<Self, InvalidToken> {
        let mut tokens: Vec<Token> = Vec::new();
        for (position, pair) in (1..).zip(pairs) {
            let (name, token) = pair.rsplit_once(':').ok_or(InvalidToken::NoPair { position })?;
            if !is_name(name) {
                return Err(InvalidToken::Name { position });
            }
            let name: Arc<str> = name.into();
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
            if !token.bytes().all(is_token) {
                return Err(InvalidToken::Characters { name });
            }
            if token.len() < MIN_LENGTH {
                return Err(InvalidToken::Short { name });
            }
            let hash = hash_of(token);
            for other in &tokens {
                if other.name == name {
                    return Err(InvalidToken::NameTwice { name });
                }
                if bool::from(other.hash.ct_eq(&hash)) {
                    return Err(InvalidToken::TokenTwice { name, other: other.name.clone() });
                }
            }
            tokens.push(Token { name, hash });
        }
        Ok(Self(tokens.into()))
    }

    /// Returns whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the name of a token if it is known, in a time that reveals nothing about the tokens.
    pub(crate) fn name_of(&self, token: &str) -> Option<Arc<str>> {
        let hash = hash_of(token);
        self.0.iter().fold(
            None,
            |found, token| {
                if bool::from(token.hash.ct_eq(&hash)) { Some(token.name.clone()) } else { found }
            },
        )
    }
}

impl Tokens {
    /// Returns a text that stands for a token until a time, Unix seconds, UTC, or for as long as the token is known.
    /// `None` if the token is not. No two are the same, so that each can end by itself.
    pub(crate) fn session(&self, token: &str, until: i64) -> Option<String> {
        let name = self.name_of(token)?;
        let known = self.0.iter().find(|known| known.name == name)?;
        let number: [u8; 8] = rand::generate(&SystemRandom::new()).ok()?.expose();
        let number = BASE64_URL_SAFE_NO_PAD.encode(number);
        let seal = BASE64_URL_SAFE_NO_PAD.encode(known.seal(&number, until));
        Some(format!("{name}.{number}.{until}.{seal}"))
    }

    /// Returns when the time of a session is over, Unix seconds, UTC, as the session itself says.
    pub(crate) fn end_of_session(session: &str) -> Option<i64> {
        let (session, _) = session.rsplit_once('.')?;
        session.rsplit_once('.')?.1.parse().ok()
    }

    /// Returns the name of the token that a text stands for at a time, Unix seconds, UTC.
    pub(crate) fn name_of_session(&self, session: &str, now: i64) -> Option<Arc<str>> {
        let (session, seal) = session.rsplit_once('.')?;
        let (session, until) = session.rsplit_once('.')?;
        let (name, number) = session.rsplit_once('.')?;
        let until = until.parse().ok().filter(|until| now < *until)?;
        let known = self.0.iter().find(|known| *known.name == *name)?;
        let seal = BASE64_URL_SAFE_NO_PAD.decode(seal).ok()?;
        bool::from(known.seal(number, until).as_ref().ct_eq(&seal)).then(|| known.name.clone())
    }
}

impl Token {
    /// Returns the proof that somebody knew the token, for a session with a number.
    fn seal(&self, number: &str, until: i64) -> hmac::Tag {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.hash);
        hmac::sign(&key, format!("isems session {number} of {} until {until}", self.name).as_bytes())
    }
}

fn hash_of(token: &str) -> [u8; SHA256_OUTPUT_LEN] {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// The reason why a text is not a valid list of [`Tokens`]. It shows no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// An entry has no colon.
    #[error(
        "entry {position} is not a pair; expected NAME:TOKEN, such as admin: and at least 16 characters of \
         `openssl rand -hex 32`"
    )]
    NoPair {
        /// The position of the entry, counted from 1.
        position: usize,
    },
    /// An entry has no valid name.
    #[error("entry {position} has no valid name before the colon; names consist of letters, digits and -._")]
    Name {
        /// The position of the entry, counted from 1.
        position: usize,
    },
    /// Two tokens have the same name.
    #[error("two tokens are named {name}; every token needs a name of its own")]
    NameTwice {
        /// The name.
        name: Arc<str>,
    },
    /// Two names have the same token.
    #[error("{name} has the same token as {other}; revoking one would not revoke the other")]
    TokenTwice {
        /// A name.
        name: Arc<str>,
        /// The other name.
        other: Arc<str>,
    },
    /// The token can be guessed.
    #[error("the token of {name} is shorter than 16 characters; `openssl rand -hex 32` makes a good one")]
    Short {
        /// The name.
        name: Arc<str>,
    },
    /// The token contains characters that would need escaping.
    #[error("the token of {name} contains characters other than letters, digits and -._~+/=")]
    Characters {
        /// The name.
        name: Arc<str>,
    },
}
