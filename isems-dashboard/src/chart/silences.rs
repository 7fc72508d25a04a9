//! The silences in a chart.

use std::ops::Range;

use isems_insight::Silence;
use maud::{Markup, html};

use super::Chart;
use crate::percent::percent;

/// The width of the plot on a phone and on a screen, in the pixels of CSS.
const WIDTHS: [f64; 2] = [290.0, 680.0];

/// The width of a letter and the height of a line, in the same pixels.
const LETTER: (f64, f64) = (6.6, 16.0);

/// The height that a text standing upright can take, in the same pixels.
const UPRIGHT: f64 = 160.0;

/// The narrowest silence that can be seen, as a share of the width.
const NARROWEST: f64 = 0.002;

/// A way to write the cause of a silence.
#[derive(Clone, Copy)]
enum Writing {
    Level,
    Upright,
}

impl Chart<'_> {
    /// Returns the silences that are wide enough to be seen, each with the part of the range that it takes.
    fn visible_silences(&self) -> impl Iterator<Item = (&Silence, Range<i64>)> {
        self.silences.iter().filter_map(|silence| {
            let until = silence.until.unwrap_or(self.range.end);
            let part = silence.since.max(self.range.start)..until.min(self.range.end);
            (self.share(part.end) - self.share(part.start) > NARROWEST).then_some((silence, part))
        })
    }

    /// Draws the silences as areas.
    pub(super) fn silence_areas(&self) -> Markup {
        html! {
            @for (silence, part) in self.visible_silences() {
                @let width = percent(self.share(part.end) - self.share(part.start));
                rect.silence x=(self.place(part.start)) width=(width) height="100%" {
                    title { (self.silence_in_words(silence)) }
                }
            }
        }
    }

    /// Writes the causes of the silences, where there is room.
    pub(super) fn silence_labels(&self) -> Markup {
        html! {
            @for (silence, part) in self.visible_silences() {
                @let (from, to) = (self.share(part.start), self.share(part.end));
                @let (cause, middle) = ((self.language.texts().cause)(silence.cause), percent(f64::midpoint(from, to)));
                @if let Some((writing, is_fine)) = writing(cause, to - from) {
                    svg.silence.fine[is_fine] x=(middle) y="50%" overflow="visible" {
                        @match writing {
                            Writing::Level => text { (cause) },
                            Writing::Upright => text transform="rotate(-90)" dy=".35em" { (cause) },
                        }
                    }
                }
            }
        }
    }

    pub(super) fn silences_in_words(&self) -> impl Iterator<Item = String> {
        let in_range = self.silences.iter().filter(|silence| {
            silence.since < self.range.end && silence.until.is_none_or(|until| until > self.range.start)
        });
        // More than these nobody listens to; the page has a list.
        in_range.take(8).map(|silence| self.silence_in_words(silence))
    }

    fn silence_in_words(&self, silence: &Silence) -> String {
        let texts = self.language.texts();
        let moment = |time| self.language.moment(time, &self.time_zone);
        let until = silence.until.map(moment);
        (texts.silent)(&moment(silence.since), until.as_deref(), (texts.cause)(silence.cause))
    }
}

/// Chooses how to write a text in a share of the width, and whether only a screen has room for it.
fn writing(text: &str, share: f64) -> Option<(Writing, bool)> {
    let length = text.chars().count() as f64 * LETTER.0;
    WIDTHS.into_iter().zip([false, true]).find_map(|(width, is_fine)| {
        let room = share * width;
        if room > length {
            Some((Writing::Level, is_fine))
        } else if room > LETTER.1 && length < UPRIGHT {
            Some((Writing::Upright, is_fine))
        } else {
            None
        }
    })
}
