//! Where times stand on the page: what follows closely stands closely, and long silence is made short.

use sipfarm_core::Span;

use super::Row;

/// From one row to the next, in pixels.
const ROW: f64 = 26.0;
/// What silence adds: so much for each power of ten beyond [`SHORT`].
const DECADE: f64 = 9.0;
/// Silence that adds nothing.
const SHORT: Span = Span::from_millis(20);
/// Silence that is labelled.
const LABELLED: Span = Span::from_millis(250);
/// The room of a label.
const LABEL: f64 = 14.0;
/// The first row.
const TOP: f64 = 20.0;

/// Where each row stands, and each time between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// The height of each row.
    pub rows: Vec<f64>,
    /// Stretches of silence that were made short: from which height to which, and how long.
    pub gaps: Vec<Gap>,
    /// The whole height.
    pub height: f64,
    /// Times with their heights, both growing.
    knots: Vec<(Span, f64)>,
}

/// A stretch of silence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Where the last row before it stands …
    pub from: f64,
    /// … and the first behind it.
    pub to: f64,
    /// How long it is.
    pub span: Span,
}

impl Scale {
    /// The scale of these rows, and of what is to be shown until then.
    pub fn of(rows: &[Row], latest: Span) -> Scale {
        let mut scale =
            Scale { rows: Vec::new(), gaps: Vec::new(), height: TOP, knots: vec![(Span::ZERO, TOP)] };
        let mut before = Span::ZERO;
        for row in rows {
            scale.go_on(row.at - before);
            scale.rows.push(scale.height);
            scale.knots.push((row.at, scale.height));
            before = row.at;
        }
        if latest > before {
            scale.go_on(latest - before);
            scale.knots.push((latest, scale.height));
        }
        scale.height += ROW;
        scale
    }

    /// The height of a time; what is before the first row or after the last stands there.
    pub fn y(&self, at: Span) -> f64 {
        // Of rows in one instant, the first for what begins.
        let next = self.knots.partition_point(|(time, _)| *time < at);
        match (next.checked_sub(1).and_then(|before| self.knots.get(before)), self.knots.get(next)) {
            (Some((t0, y0)), Some((t1, y1))) => {
                let part = (at - *t0).as_secs_f64() / (*t1 - *t0).as_secs_f64().max(1e-9);
                y0 + (y1 - y0) * part
            }
            (None, Some((_, y))) | (Some((_, y)), None) => *y,
            (None, None) => TOP,
        }
    }

    fn go_on(&mut self, silence: Span) {
        let from = self.height;
        self.height += ROW;
        let times = silence.as_secs_f64() / SHORT.as_secs_f64();
        if times > 1.0 {
            self.height += (DECADE * times.log10()).round();
        }
        if silence >= LABELLED {
            self.height += LABEL;
            self.gaps.push(Gap { from, to: self.height, span: silence });
        }
    }
}
