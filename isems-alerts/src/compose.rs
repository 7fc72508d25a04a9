//! Composing messages: facts become sentences that a person can act on.

use isems_dashboard::{Language, node_path};
use isems_insight::{FindingCode, FindingSeverity, SilenceCause};

use crate::{
    Change, Code, Episode, Item, Message, MessageKind, Problem, Subject,
    ledger::Policy,
    texts::{Texts, texts},
};

/// The number of problems of one kind from which they share a line.
const SHARE_A_LINE: usize = 4;

/// The number of names in such a line.
const NAMES: usize = 12;

/// The probability from which something is said to happen, rather than that it may.
const LIKELY: f64 = 0.8;

/// Something that a channel has to be told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct News<'a> {
    pub(crate) place: usize,
    pub(crate) episode: &'a Episode,
    pub(crate) change: Change,
    pub(crate) severity: FindingSeverity,
}

/// Writes messages in a language, at a moment.
pub(crate) struct Composer<'a> {
    language: Language,
    texts: &'static Texts,
    at: i64,
    policy: &'a Policy,
}

impl<'a> Composer<'a> {
    pub(crate) fn new(language: Language, at: i64, policy: &'a Policy) -> Self {
        Self { language, texts: texts(language), at, policy }
    }

    /// Writes a message with news, of which there must be some.
    pub(crate) fn alert(&self, id: String, news: &[News<'_>]) -> Message {
        let mut news = news.to_vec();
        // What lasts comes before what is over, and the worst first.
        news.sort_by_key(|news| (!news.change.is_open(), std::cmp::Reverse(news.severity), news.episode.problem.code));
        let items: Vec<Item> = news.iter().map(|news| self.item(news)).collect();
        let open = items.iter().filter(|item| item.change.is_open());
        let severity = open.map(|item| item.severity).max().unwrap_or(FindingSeverity::Info);
        let (title, text) = (self.title(&news), self.lines(&news, &items));
        self.message(id, MessageKind::Alert, severity, title, text, items)
    }

    /// Writes the regular report: on a number of nodes, and on what is the matter with them.
    pub(crate) fn digest(&self, id: String, open: &[&Episode], nodes: usize) -> Message {
        let news: Vec<News<'_>> = open
            .iter()
            .map(|episode| News { place: 0, episode, change: Change::Repeated, severity: episode.problem.severity })
            .collect();
        let items: Vec<Item> = news.iter().map(|news| self.item(news)).collect();
        let severity = items.iter().map(|item| item.severity).max().unwrap_or(FindingSeverity::Info);
        let text = if items.is_empty() { self.texts.all_well.to_owned() } else { self.lines(&news, &items) };
        self.message(id, MessageKind::Digest, severity, (self.texts.digest)(nodes, items.len()), text, items)
    }

    /// Writes a trial message to a channel.
    pub(crate) fn test(&self, id: String, channel: &str) -> Message {
        let (title, text) = (self.texts.test_title.to_owned(), (self.texts.test_text)(channel));
        self.message(id, MessageKind::Test, FindingSeverity::Info, title, text, Vec::new())
    }

    fn message(
        &self,
        id: String,
        kind: MessageKind,
        severity: FindingSeverity,
        title: String,
        text: String,
        items: Vec<Item>,
    ) -> Message {
        let link = match items.as_slice() {
            [item] => item.link.clone().or_else(|| self.policy.public_url.clone()),
            _ => self.policy.public_url.clone(),
        };
        Message { id, kind, at: self.at, severity, title, text, link, items }
    }

    fn item(&self, news: &News<'_>) -> Item {
        let problem = &news.episode.problem;
        let until = if news.change.is_open() { None } else { news.episode.gone_at };
        let link = problem.subject.node().zip(self.policy.public_url.as_ref());
        Item {
            subject: problem.subject.clone(),
            code: problem.code,
            change: news.change,
            severity: news.severity,
            since: problem.since,
            until,
            text: self.sentence(news),
            link: link.map(|(node, address)| format!("{address}{}", node_path(node.as_str()))),
        }
    }

    /// Returns a line for each item, or for many of one kind together.
    fn lines(&self, news: &[News<'_>], items: &[Item]) -> String {
        let mut kinds: Vec<(Code, Change, Vec<usize>)> = Vec::new();
        for (place, News { episode, change, .. }) in news.iter().enumerate() {
            let code = episode.problem.code;
            match kinds.iter_mut().find(|kind| (kind.0, kind.1) == (code, *change)) {
                Some((_, _, places)) => places.push(place),
                None => kinds.push((code, *change, vec![place])),
            }
        }
        let mut lines = Vec::new();
        for (code, change, places) in kinds {
            if places.len() < SHARE_A_LINE {
                lines.extend(places.into_iter().map(|place| items[place].text.clone()));
            } else {
                let names: Vec<String> = places.iter().map(|place| self.listed(&news[*place])).collect();
                lines.push(self.together(code, change, &names));
            }
        }
        lines.join("\n")
    }

    /// Returns the name as it stands in a list: with the time at which a node will switch off.
    fn listed(&self, news: &News<'_>) -> String {
        let problem = &news.episode.problem;
        let name = self.name(problem);
        let at = problem.time("expectedAt").filter(|_| news.change.is_open());
        at.map_or_else(|| name.clone(), |at| format!("{name} ({})", self.when(at)))
    }

    /// Returns a line about many of one kind.
    fn together(&self, code: Code, change: Change, names: &[String]) -> String {
        let (title, advice) = self.words(code);
        let beginning = match change {
            Change::Cleared | Change::Passed => (self.texts.title_over)(title),
            Change::Repeated => format!("{}{title}", self.texts.still),
            Change::Raised | Change::Worsened => capital(title),
        };
        let listed = names[..names.len().min(NAMES)].join(", ");
        let more = match names.len() - names.len().min(NAMES) {
            0 => String::new(),
            more => format!(" {}", (self.texts.more)(more)),
        };
        let advice = if change.is_open() { format!(" {advice}") } else { String::new() };
        format!("{beginning} ({}): {listed}{more}.{advice}", names.len())
    }

    /// Returns a few words about everything.
    fn title(&self, news: &[News<'_>]) -> String {
        let (open, over): (Vec<&News<'_>>, Vec<&News<'_>>) = news.iter().partition(|news| news.change.is_open());
        match (open.as_slice(), over.as_slice()) {
            ([one], []) => self.headline(&one.episode.problem),
            ([], [one]) => (self.texts.title_over)(&self.headline(&one.episode.problem)),
            ([], over) => (self.texts.problems_over)(over.len()),
            (open, _) => {
                let kind = open[0].episode.problem.code;
                let count = match open.len() {
                    1 => self.headline(&open[0].episode.problem),
                    count if open.iter().all(|news| news.episode.problem.code == kind) => {
                        format!("{count} × {}", self.words(kind).0)
                    }
                    count => (self.texts.problems)(count),
                };
                if over.is_empty() { count } else { format!("{count}; {}", (self.texts.problems_over)(over.len())) }
            }
        }
    }

    fn headline(&self, problem: &Problem) -> String {
        format!("{}: {}", self.name(problem), self.words(problem.code).0)
    }

    fn name(&self, problem: &Problem) -> String {
        match &problem.subject {
            Subject::Node(node) => node.as_str().to_owned(),
            Subject::Collector(part) if part.is_empty() => self.texts.collector.to_owned(),
            Subject::Collector(part) => format!("{} ({part})", self.texts.collector),
        }
    }

    /// Returns the title and the advice of what a problem is about.
    fn words(&self, code: Code) -> (&'static str, &'static str) {
        match code {
            Code::Trouble(trouble) => {
                let words = (self.texts.trouble)(trouble);
                (words.title, words.advice)
            }
            Code::Finding(finding) => {
                let words = (self.language.texts().finding)(finding);
                (words.title, words.advice)
            }
        }
    }

    /// Returns one thing in words: whom, what, since when, how bad, and what to do.
    fn sentence(&self, news: &News<'_>) -> String {
        let problem = &news.episode.problem;
        let name = self.name(problem);
        let (title, advice) = self.words(problem.code);
        let since = self.when(problem.since);
        let lasted = duration(news.episode.gone_at.unwrap_or(self.at) - problem.since);
        match news.change {
            Change::Raised | Change::Worsened | Change::Repeated => {
                let still = if news.change == Change::Repeated { self.texts.still } else { "" };
                format!("{still}{name}{}{}. {advice}", self.state(problem), self.facts(problem))
            }
            Change::Cleared if problem.is_finding(FindingCode::LoadOffPredicted) => {
                format!("{name} {}.", self.texts.stays_on)
            }
            Change::Cleared if problem.is_off() => format!("{name} {}.", (self.texts.back)(&lasted)),
            Change::Cleared => format!("{name}: {}.", (self.texts.over)(title, &lasted)),
            Change::Passed => format!("{name}: {}.", (self.texts.passed)(title, &since, &lasted)),
        }
    }

    /// Returns the state of a problem, as it follows the name.
    fn state(&self, problem: &Problem) -> String {
        let pages = self.language.texts().pages;
        if problem.is_off() {
            let cause = problem.text("cause").and_then(cause).map(|cause| (self.language.texts().cause)(cause));
            let back = problem.time("expectedBackAt").map(|back| self.when(back));
            return format!(" {}", (pages.silent_since)(&self.when(problem.since), cause, back.as_deref()));
        }
        if let (true, Some(at)) = (problem.is_finding(FindingCode::LoadOffPredicted), problem.time("expectedAt")) {
            let is_likely = problem.number("probability").is_none_or(|probability| probability >= LIKELY);
            return format!(" {}", (pages.will_switch_off)(&self.when(at), is_likely));
        }
        format!(": {}", (self.texts.since)(self.words(problem.code).0, &self.when(problem.since)))
    }

    /// Returns the figures of a problem, in parentheses, that its state does not tell.
    fn facts(&self, problem: &Problem) -> String {
        if problem.is_off() || problem.is_finding(FindingCode::LoadOffPredicted) {
            return String::new();
        }
        let fact = |(name, fact): (&String, _)| {
            if name == "detail" {
                return problem.text(name).map(str::to_owned);
            }
            self.language.fact(name, &fact, self.at, &self.policy.time_zone)
        };
        let facts: Vec<String> =
            problem.facts.iter().map(|(name, value)| (name, value.into())).filter_map(fact).collect();
        if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) }
    }

    fn when(&self, time: i64) -> String {
        self.language.when(time, self.at, &self.policy.time_zone)
    }
}

/// Returns a duration as briefly as is useful.
fn duration(seconds: i64) -> String {
    let minutes = (seconds.max(0) + 30) / 60;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..1440 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes % 1440 / 60),
    }
}

/// Returns the cause of a silence that has a stable name. An unknown one is none.
fn cause(name: &str) -> Option<SilenceCause> {
    let known = SilenceCause::ALL.into_iter().find(|cause| cause.name() == name);
    known.filter(|cause| *cause != SilenceCause::Unknown)
}

/// Returns a text with a capital letter at its beginning.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
