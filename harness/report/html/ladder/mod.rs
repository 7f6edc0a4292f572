//! The ladder of a scenario as values: who stands where, what passed between them when, and what the reader is to
//! see beside it. [`svg`] draws it.

mod again;
mod cast;
mod rows;
mod scale;
pub mod svg;

use sipfarm_core::{Instant, Span};
use sipfarm_judge::timeline::FaultWindow;
use sipfarm_judge::{Timeline, Verdict};

use self::cast::Cast;
pub use self::cast::Column;
use self::rows::Found;
pub use self::scale::Scale;
use crate::run::record::{Scenario, Window};

/// How many rows a ladder has at most: beyond, its middle is left out but for what findings show.
const MAX_ROWS: usize = 260;
/// How many rows are kept at the end of one that is too long, …
const KEPT_AT_END: usize = 60;
/// … and around each packet that a finding shows.
const KEPT_AROUND: usize = 2;

/// A ladder.
#[derive(Debug, Clone, PartialEq)]
pub struct Ladder {
    /// Who takes part, from left to right.
    pub columns: Vec<Column>,
    /// What happened, in order of time.
    pub rows: Vec<Row>,
    /// Where each time stands.
    pub scale: Scale,
    /// Faults, each over its node's column.
    pub bands: Vec<Band>,
    /// Audio, each over its receiver's column.
    pub streams: Vec<Band>,
    /// The windows of findings.
    pub windows: Vec<Timed>,
}

/// One line of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When, from the scenario's start.
    pub at: Span,
    /// The packets that carried it.
    pub packets: Vec<u32>,
    /// What.
    pub what: What,
}

impl Row {
    /// Whether it shows something at that column.
    fn is_at(&self, at: usize) -> bool {
        match &self.what {
            What::Arrow { from, to, .. } => *from == at || *to == at,
            What::Note { column, .. } => *column == Some(at),
            What::Step { .. } | What::Cut(_) => false,
        }
    }
}

/// What a row shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Something went from one column to another.
    Arrow {
        /// The sender's column.
        from: usize,
        /// The receiver's.
        to: usize,
        /// What it is.
        kind: Kind,
        /// In a few words.
        label: String,
        /// Whole.
        text: String,
        /// Where it was sent more than once: the how manieth, and of how many.
        again: Option<(usize, usize)>,
    },
    /// A note of the harness, at a column or across all.
    Note {
        /// Where.
        column: Option<usize>,
        /// What.
        text: String,
        /// Whether it weighs on the verdict.
        trouble: bool,
    },
    /// A step begins.
    Step {
        /// Its line in the feature file.
        line: u32,
    },
    /// So many rows are left out.
    Cut(usize),
}

/// The kinds of arrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A SIP request.
    Request,
    /// A response of 1xx or 2xx.
    Response,
    /// A response from 3xx on.
    Refusal,
    /// A SIP message that cannot be read.
    Broken,
    /// DNS.
    Dns,
    /// An ICMP error.
    Icmp,
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
    /// RTP.
    Audio,
}

impl Kind {
    /// Its name, also in the style sheet.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Request => "request",
            Kind::Response => "response",
            Kind::Refusal => "refusal",
            Kind::Broken => "broken",
            Kind::Dns => "dns",
            Kind::Icmp => "icmp",
            Kind::Tcp => "tcp",
            Kind::Tls => "tls",
            Kind::Audio => "audio",
        }
    }
}

/// Something that lasts, at a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// Where.
    pub column: usize,
    /// What.
    pub label: String,
    /// From when on …
    pub from: Span,
    /// … and until when.
    pub to: Span,
}

/// A finding's window and when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// The number of the finding within the scenario.
    pub finding: usize,
    /// The rule.
    pub rule: String,
    /// The line of its step, where there is one.
    pub line: Option<u32>,
    /// When it was allowed.
    pub window: Window,
    /// When it happened.
    pub decided: Option<Span>,
}

impl Timed {
    /// By how much it missed its window: positive when late, negative when early.
    pub fn missed_by(&self) -> Option<Span> {
        self.window.missed_by(self.decided?)
    }
}

impl Ladder {
    /// The ladder of a scenario.
    pub fn of(scenario: &Scenario, timeline: &Timeline) -> Ladder {
        let mut cast = Cast::of(timeline);
        let start = scenario.started;
        let mut rows = rows::of(timeline, start, &mut cast);
        again::number(&mut rows);
        rows::leave_out_idle_steps(&mut rows);
        let windows = windows(scenario);
        let end = rows.last().map_or(Span::ZERO, |found| found.row.at);
        let (bands, streams) =
            (bands(timeline, start, end, &mut cast), rows::streams(timeline, start, &mut cast));
        let rows = cut(rows, &shown_by_findings(scenario));
        let latest = windows.iter().filter_map(|timed| timed.decided).max().unwrap_or(end).max(end);
        let scale = Scale::of(&rows, latest);
        let shown: Vec<bool> = (0..cast.len())
            .map(|column| cast.is_shown_idle(column) || rows.iter().any(|row| row.is_at(column)))
            .collect();
        let columns = cast.into_columns();
        let mut ladder = Ladder { columns, rows, scale, bands, streams, windows };
        ladder.leave_out(&shown);
        ladder
    }

    /// Leaves out the columns that are not to be shown; nothing but faults and audio stands there.
    fn leave_out(&mut self, shown: &[bool]) {
        let new: Vec<usize> =
            (0..shown.len()).map(|column| shown[..column].iter().filter(|shown| **shown).count()).collect();
        let mut at = shown.iter();
        self.columns.retain(|_| *at.next().unwrap_or(&true));
        for bands in [&mut self.bands, &mut self.streams] {
            bands.retain(|band| shown[band.column]);
            bands.iter_mut().for_each(|band| band.column = new[band.column]);
        }
        for row in &mut self.rows {
            match &mut row.what {
                What::Arrow { from, to, .. } => (*from, *to) = (new[*from], new[*to]),
                What::Note { column, .. } => *column = column.filter(|at| shown[*at]).map(|at| new[at]),
                What::Step { .. } | What::Cut(_) => {}
            }
        }
    }
}

/// The windows to show: those of steps, and those that were missed.
fn windows(scenario: &Scenario) -> Vec<Timed> {
    let findings = scenario.findings.iter().enumerate();
    let timed = findings.filter_map(|(number, finding)| {
        let timed = Timed {
            finding: number,
            rule: finding.rule.clone(),
            line: finding.line,
            window: finding.window?,
            decided: finding.decided,
        };
        let missed = timed.missed_by().is_some() || finding.verdict == Verdict::Fail;
        (finding.line.is_some() || missed).then_some(timed)
    });
    let mut timed: Vec<Timed> = timed.collect();
    // What was missed has the first claim to the room; then all stand in the order of the scenario.
    timed.sort_by_key(|timed| timed.missed_by().is_none());
    timed.truncate(MAX_WINDOWS);
    timed.sort_by_key(|timed| timed.finding);
    timed
}

/// How many windows stand in the margin at most.
const MAX_WINDOWS: usize = 6;

/// The packets that findings show, but for those that only say that a rule was kept.
fn shown_by_findings(scenario: &Scenario) -> Vec<u32> {
    let told =
        scenario.findings.iter().filter(|finding| finding.verdict != Verdict::Pass || finding.line.is_some());
    told.flat_map(|finding| {
        finding.packets.iter().copied().chain(finding.nearest.iter().map(|near| near.packet))
    })
    .collect()
}

/// Leaves the middle of a long ladder out, but for what findings show.
fn cut(rows: Vec<Found>, shown: &[u32]) -> Vec<Row> {
    if rows.len() <= MAX_ROWS {
        return rows.into_iter().map(rows::tell).collect();
    }
    let (first, last) = (MAX_ROWS - KEPT_AT_END - MAX_ROWS / 4, rows.len() - KEPT_AT_END);
    let mut keep: Vec<bool> = (0..rows.len()).map(|at| at < first || at >= last).collect();
    let mut room = MAX_ROWS / 4;
    for (at, found) in rows.iter().enumerate() {
        if !found.row.packets.iter().any(|packet| shown.contains(packet)) {
            continue;
        }
        let around = at.saturating_sub(KEPT_AROUND)..=(at + KEPT_AROUND).min(rows.len() - 1);
        for near in keep[around].iter_mut().filter(|near| !**near).take(room) {
            (*near, room) = (true, room - 1);
        }
    }
    let mut kept: Vec<Row> = Vec::new();
    for (found, keep) in rows.into_iter().zip(keep) {
        match kept.last_mut() {
            _ if keep => kept.push(rows::tell(found)),
            Some(Row { what: What::Cut(number), .. }) => *number += 1,
            _ => kept.push(Row { at: found.row.at, packets: Vec::new(), what: What::Cut(1) }),
        }
    }
    kept
}

/// The faults, each from when it is switched on until it is switched off.
fn bands(timeline: &Timeline, start: Instant, end: Span, cast: &mut Cast) -> Vec<Band> {
    let within = |at: Instant| (at - start).max(Span::ZERO);
    let band = |fault: FaultWindow<'_>| {
        let to = if fault.is_on() { end } else { within(fault.to) };
        let column = cast.named(fault.node)?;
        Some(Band { column, label: fault.fault.to_owned(), from: within(fault.from), to })
    };
    timeline.faults().into_iter().filter_map(band).take(MAX_ROWS).collect()
}

#[cfg(test)]
mod tests;
