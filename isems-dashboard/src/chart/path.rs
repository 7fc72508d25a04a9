//! Path data, written as briefly as SVG permits.

/// The data of a path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Path(String);

impl Path {
    /// Returns the data.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether nothing was drawn.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Draws an open line through points of whole numbers. A single point is drawn as a dot by round line caps.
    pub(crate) fn line(&mut self, points: &[(i64, i64)]) {
        let Some(first) = points.first() else { return };
        self.command('M', &[first.0 as f64, first.1 as f64]);
        if points.len() == 1 {
            self.0.push_str("h0");
        }
        self.onward(points);
    }

    /// Draws the area between two lines with the same first coordinates.
    pub(crate) fn area(&mut self, upper: &[(i64, i64)], lower: &[(i64, i64)]) {
        let (Some(first), Some(top), Some(bottom)) = (upper.first(), upper.last(), lower.last()) else { return };
        self.command('M', &[first.0 as f64, first.1 as f64]);
        self.onward(upper);
        self.command('v', &[(bottom.1 - top.1) as f64]);
        let back: Vec<_> = lower.iter().rev().copied().collect();
        self.onward(&back);
        self.0.push('z');
    }

    /// Draws an open line through points of any numbers.
    pub(crate) fn polyline(&mut self, points: impl IntoIterator<Item = (f64, f64)>) {
        for (place, (x, y)) in points.into_iter().enumerate() {
            self.command(if place == 0 { 'M' } else { 'L' }, &[x, y]);
        }
    }

    /// Draws the area within points of any numbers.
    pub(crate) fn polygon(&mut self, points: impl IntoIterator<Item = (f64, f64)>) {
        self.polyline(points);
        self.0.push('z');
    }

    /// Draws a rectangle from its upper left corner, with its width and height.
    pub(crate) fn rectangle(&mut self, (x, y): (f64, i64), (width, height): (f64, i64)) {
        self.command('M', &[x, y as f64]);
        self.command('h', &[width]);
        self.command('v', &[height as f64]);
        self.command('h', &[-width]);
        self.0.push('z');
    }

    /// Goes on from the first point to the others. Points on a straight line are left out.
    fn onward(&mut self, points: &[(i64, i64)]) {
        let mut steps: Vec<(i64, i64)> = Vec::with_capacity(points.len());
        for pair in points.windows(2) {
            let step = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
            match steps.last_mut() {
                Some(last) if last.0 * step.1 == last.1 * step.0 && last.0 * step.0 > 0 => {
                    *last = (last.0 + step.0, last.1 + step.1);
                }
                _ => steps.push(step),
            }
        }
        for (place, (x, y)) in steps.into_iter().enumerate() {
            if place == 0 {
                self.0.push('l');
            }
            self.number(x as f64);
            self.number(y as f64);
        }
    }

    fn command(&mut self, letter: char, numbers: &[f64]) {
        self.0.push(letter);
        for number in numbers {
            self.number(*number);
        }
    }

    /// Adds a number. A minus separates it from the number before as well as a space does.
    fn number(&mut self, number: f64) {
        let text = short(number);
        if self.0.ends_with(|last: char| last.is_ascii_digit()) && !text.starts_with('-') {
            self.0.push(' ');
        }
        self.0.push_str(&text);
    }
}

/// Returns a number with at most one decimal.
pub(crate) fn short(number: f64) -> String {
    // Adding zero turns -0 into 0.
    ((number * 10.0).round() / 10.0 + 0.0).to_string()
}
