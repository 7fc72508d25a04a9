//! The texts of messages, one file a language. Each language is a value of one type, so none lacks a text. The words
//! about nodes are those of the pages.

mod english;
mod german;

use isems_dashboard::Language;

use crate::{Code, Trouble};

/// The texts of messages in one language.
pub(crate) struct Texts {
    /// The word and the advice of a trouble of the collector.
    pub(crate) trouble: fn(Trouble) -> TroubleTexts,
    /// The name of the collector, at the beginning of a line.
    pub(crate) collector: &'static str,
    /// The beginning of something that was told before and still lasts.
    pub(crate) still: &'static str,
    /// The end of a problem: its title, and how long it lasted.
    pub(crate) over: fn(&str, &str) -> String,
    /// The end of a silence: for how long the node was away.
    pub(crate) back: fn(&str) -> String,
    /// The end of a prediction.
    pub(crate) stays_on: &'static str,
    /// A problem that passed before it could be told: its title, since when, and how long it lasted.
    pub(crate) passed: fn(&str, &str, &str) -> String,
    /// The title and since when.
    pub(crate) since: fn(&str, &str) -> String,
    /// The number of names that are left out of a list.
    pub(crate) more: fn(usize) -> String,
    /// The number of problems, in a title.
    pub(crate) problems: fn(usize) -> String,
    /// The number of problems that are over, in a title.
    pub(crate) problems_over: fn(usize) -> String,
    /// A title of what is over.
    pub(crate) title_over: fn(&str) -> String,
    /// The title of a digest: the number of nodes, and of those with problems.
    pub(crate) digest: fn(usize, usize) -> String,
    /// The text of a digest without any problem.
    pub(crate) all_well: &'static str,
    /// The title of a trial.
    pub(crate) test_title: &'static str,
    /// The text of a trial: the name of the channel.
    pub(crate) test_text: fn(&str) -> String,
}

/// The words for a trouble of the collector.
pub(crate) struct TroubleTexts {
    pub(crate) title: &'static str,
    pub(crate) advice: &'static str,
}

/// Returns the words for the matter of an alert, as they follow a name and a colon.
pub fn title_of(code: Code, language: Language) -> &'static str {
    match code {
        Code::Trouble(trouble) => (texts(language).trouble)(trouble).title,
        Code::Finding(finding) => (language.texts().finding)(finding).title,
    }
}

/// Returns the texts of a language.
pub(crate) fn texts(language: Language) -> &'static Texts {
    match language {
        Language::English => &english::ENGLISH,
        Language::German => &german::GERMAN,
    }
}
