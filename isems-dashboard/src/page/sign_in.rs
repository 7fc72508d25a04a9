//! Signing in.

use maud::{Markup, html};

use super::Layout;
use crate::viewer::Viewer;

/// The page that takes a token.
#[derive(Debug, Clone, Copy)]
pub struct SignInPage<'a> {
    /// The viewer.
    pub viewer: &'a Viewer,
    /// Set if a token was refused.
    pub is_refused: bool,
    /// The path and query to go on with.
    pub back: &'a str,
}

impl SignInPage<'_> {
    /// Draws the page.
    pub fn page(&self) -> Markup {
        let viewer = self.viewer;
        let texts = viewer.texts().collector;
        let main = html! {
            h1 { (texts.sign_in) }
            @if viewer.can_sign_in {
                p { (texts.sign_in_why) }
                @if self.is_refused { p.odd role="alert" #refused { "⚠ " (texts.wrong_token) } }
                form.sign-in method="post" action=(viewer.href("/sign-in")) {
                    input type="hidden" name="back" value=(self.back);
                    label {
                        (texts.token)
                        input type="password" name="token" autocomplete="current-password" required
                            aria-describedby=[self.is_refused.then_some("refused")];
                    }
                    button { (texts.sign_in) }
                }
            } @else {
                p { (texts.no_tokens) }
            }
        };
        Layout { viewer, title: texts.sign_in, section: None, scripts: &[], main }.page()
    }
}
