//! A ladder as SVG. Every string goes through [`Escaped`]; nothing here names a colour: the style sheet does.

use std::fmt::Write as _;

use super::{Band, Column, Kind, Ladder, Row, Timed, What};
use crate::report::html::escape::Escaped;
use crate::report::text::{after, count, cut, seconds};

/// The room for times, left of everything.
const TIMES: f64 = 92.0;
/// From one column to the next: at least, …
const COLUMN_MIN: f64 = 168.0;
/// … at most, …
const COLUMN_MAX: f64 = 200.0;
/// … and in between so that the page need not be moved for all columns together.
const COLUMNS: f64 = 860.0;
/// What a letter of a label takes.
const LETTER: f64 = 5.9;
/// The room of a window in the margin.
const WINDOW: f64 = 40.0;
/// The height of the heading with the names.
const HEAD: f64 = 46.0;
/// Half the width of a fault's band.
const HALF_BAND: f64 = 62.0;

/// The picture. `steps_of` says which steps of the feature file a packet belongs to, beside the one in whose time it
/// was seen.
pub fn draw(ladder: &Ladder, steps_of: &dyn Fn(&[u32]) -> Vec<u32>) -> String {
    let place = Place::of(ladder);
    let Place { left, right, .. } = place;
    let width = right + 30.0;
    let height = HEAD + ladder.scale.height;
    let mut svg = format!(
        "<svg class=\"ladder\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"group\" \
         aria-label=\"Ladder of {} between {}\">\n",
        count(ladder.rows.len(), "event"),
        Escaped(&ladder.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")),
    );
    for band in &ladder.bands {
        fault(&mut svg, ladder, place, band);
    }
    for (number, column) in ladder.columns.iter().enumerate() {
        lane(&mut svg, place.x(number), column, height);
    }
    for stream in &ladder.streams {
        let (x, y0, y1) = (place.x(stream.column), y(ladder, stream.from), y(ladder, stream.to));
        let _ = writeln!(
            svg,
            "<rect class=\"stream\" x=\"{:.1}\" y=\"{y0:.1}\" width=\"6\" height=\"{:.1}\"><title>{}</title></rect>",
            x - 3.0,
            (y1 - y0).max(2.0),
            Escaped(&stream.label)
        );
    }
    for gap in &ladder.scale.gaps {
        let middle = HEAD + (gap.from + gap.to) / 2.0;
        let _ = writeln!(
            svg,
            "<g class=\"gap\"><line x1=\"{left:.0}\" x2=\"{right:.0}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\">{} later</text></g>",
            8.0,
            middle + 3.5,
            seconds(gap.span)
        );
    }
    let mut step = None;
    for (row, at) in ladder.rows.iter().zip(&ladder.scale.rows) {
        draw_row(&mut svg, row, HEAD + at, place, &mut step, steps_of);
    }
    for (number, timed) in ladder.windows.iter().enumerate() {
        window(&mut svg, ladder, timed, TIMES + WINDOW * (number as f64 + 0.5));
    }
    svg + "</svg>\n"
}

/// Where columns stand.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Where they begin, right of times and windows.
    left: f64,
    /// From one to the next.
    column: f64,
    /// Where they end.
    right: f64,
}

impl Place {
    fn of(ladder: &Ladder) -> Place {
        let columns = ladder.columns.len().max(1) as f64;
        let left = TIMES + WINDOW * ladder.windows.len() as f64;
        let column = (COLUMNS / columns).clamp(COLUMN_MIN, COLUMN_MAX);
        Place { left, column, right: left + column * columns }
    }

    fn x(self, column: usize) -> f64 {
        self.left + self.column * (column as f64 + 0.5)
    }
}

fn y(ladder: &Ladder, at: sipfarm_core::Span) -> f64 {
    HEAD + ladder.scale.y(at)
}

fn lane(svg: &mut String, x: f64, column: &Column, height: f64) {
    let _ = writeln!(
        svg,
        "<g class=\"lane\"><line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{HEAD}\" y2=\"{height:.0}\"/>\
         <text class=\"name\" x=\"{x:.1}\" y=\"18\">{}</text><text class=\"addr\" x=\"{x:.1}\" y=\"34\">{}</text></g>",
        Escaped(&cut(&column.name, 24)),
        Escaped(&column.address)
    );
}

fn fault(svg: &mut String, ladder: &Ladder, place: Place, band: &Band) {
    let (x, y0, y1) = (place.x(band.column) - HALF_BAND, y(ladder, band.from), y(ladder, band.to));
    let label = Escaped(&band.label);
    let _ = writeln!(
        svg,
        "<g class=\"fault\"><title>fault {label}, {} to {}</title><rect x=\"{x:.1}\" y=\"{y0:.1}\" width=\"{}\" height=\"{:.1}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
        after(band.from),
        after(band.to),
        HALF_BAND * 2.0,
        (y1 - y0).max(4.0),
        x + 4.0,
        y0 + 13.0,
        Escaped(&cut(&format!("fault: {}", band.label), 40)),
    );
}

fn draw_row(
    svg: &mut String,
    row: &Row,
    y: f64,
    place: Place,
    step: &mut Option<u32>,
    steps_of: &dyn Fn(&[u32]) -> Vec<u32>,
) {
    match &row.what {
        What::Step { line } => {
            *step = Some(*line);
            let _ = writeln!(
                svg,
                "<g class=\"step\" data-steps=\"{line}\"><line x1=\"{:.0}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.0}\" y=\"{:.1}\">line {line}</text></g>",
                place.left,
                place.right,
                place.left + 2.0,
                y - 2.0
            );
        }
        What::Cut(number) => {
            let _ = writeln!(
                svg,
                "<text class=\"cut\" x=\"{:.0}\" y=\"{:.1}\">… {} not drawn here; the capture has them all …</text>",
                place.left + 20.0,
                y + 4.0,
                count(*number, "event")
            );
        }
        What::Note { column, text, trouble } => {
            let class = if *trouble { "note trouble" } else { "note" };
            // Below its column where there is room for it, otherwise from the left.
            let half = text.chars().count() as f64 * LETTER / 2.0;
            let middle = column.map(|column| place.x(column)).filter(|x| x - half > place.left);
            let (x, anchor) = middle.map_or((place.left + 20.0, "start"), |x| (x, "middle"));
            let _ = writeln!(
                svg,
                "<g class=\"{class}\"{}>{}<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}{}</text></g>",
                steps_attribute(*step, &[]),
                time(row, y),
                y + 4.0,
                if *trouble { "trouble: " } else { "" },
                Escaped(text)
            );
        }
        What::Arrow { .. } => arrow(svg, row, y, place, &steps_attribute(*step, &steps_of(&row.packets))),
    }
}

/// The steps that a row belongs to, for the page to light them together.
fn steps_attribute(step: Option<u32>, others: &[u32]) -> String {
    let mut steps: Vec<u32> = step.into_iter().chain(others.iter().copied()).collect();
    steps.sort_unstable();
    steps.dedup();
    let list: Vec<String> = steps.iter().map(u32::to_string).collect();
    format!(" data-steps=\"{}\"", list.join(" "))
}

/// When, to the millisecond, so that rows close to each other can be told apart.
fn time(row: &Row, y: f64) -> String {
    let at = row.at.as_secs_f64();
    format!("<text class=\"time\" x=\"{:.0}\" y=\"{:.1}\">+{at:.3} s</text>", TIMES - 14.0, y + 4.0)
}

fn arrow(svg: &mut String, row: &Row, y: f64, place: Place, steps: &str) {
    let What::Arrow { from, to, kind, label, text, again } = &row.what else { return };
    let (x0, x1) = (place.x(*from), place.x(*to));
    let repeated = again.is_some_and(|(number, _)| number > 1);
    let label = match again {
        None => label.clone(),
        Some((1, of)) => format!("{label}  ×{of}"),
        Some((number, of)) => format!("{label}, {number} of {of}"),
    };
    let packets: Vec<String> = row.packets.iter().map(u32::to_string).collect();
    let number = row.packets.last().copied().unwrap_or(0);
    let class = format!("m {}{}", kind.name(), if repeated { " again" } else { "" });
    let name = format!("packet {number}, {}: {label}", after(row.at));
    let _ = write!(
        svg,
        "<g class=\"{class}\" tabindex=\"0\" role=\"button\" data-p=\"{}\"{steps} aria-label=\"{}\">\
         <rect class=\"hit\" x=\"4\" y=\"{:.1}\" width=\"{:.1}\" height=\"24\"/>{}",
        packets.join(" "),
        Escaped(&name),
        y - 14.0,
        x0.max(x1) + 40.0,
        time(row, y),
    );
    if from == to {
        let _ = write!(
            svg,
            "<path class=\"line\" d=\"M{x0:.1},{:.1} h26 v8 h-20\"/><path class=\"head\" d=\"M{:.1},{:.1} l8,-4 v8 z\"/>",
            y - 4.0,
            x0 + 1.0,
            y + 4.0
        );
    } else {
        let (sign, end) = if x1 > x0 { (1.0, x1 - 1.0) } else { (-1.0, x1 + 1.0) };
        let _ = write!(
            svg,
            "<line class=\"line\" x1=\"{x0:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <path class=\"head\" d=\"M{end:.1},{y:.1} l{:.0},-4 v8 z\"/>",
            end - sign * 7.0,
            -8.0 * sign
        );
    }
    let middle = if from == to { x0 + 32.0 } else { (x0 + x1) / 2.0 };
    let anchor = if from == to { "start" } else { "middle" };
    let room = (((x1 - x0).abs().max(COLUMN_MIN) - 6.0) / LETTER) as usize;
    let _ = write!(
        svg,
        "<text class=\"label\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>\
         <text class=\"no\" x=\"{:.1}\" y=\"{:.1}\">{number}</text>",
        y - 4.0,
        Escaped(&cut(&label, room)),
        x0.max(x1) + 8.0,
        y + 3.5,
    );
    if !text.is_empty() {
        let _ = write!(svg, "<desc>{}</desc>", Escaped(text));
    }
    svg.push_str("</g>\n");
}

/// A window in the margin: green where it was allowed, red where it was forbidden or beyond, a dot where it happened.
fn window(svg: &mut String, ladder: &Ladder, timed: &Timed, x: f64) {
    let (y0, y1) = (y(ladder, timed.window.from), y(ladder, timed.window.to));
    let (kind, missed) = (timed.window.kind, timed.missed_by());
    let words = match (timed.decided, missed) {
        (None, _) => "nothing came".to_owned(),
        (Some(at), None) => format!("seen at {}", after(at)),
        (Some(at), Some(by)) => format!("seen at {}, {}", after(at), late(by)),
    };
    let _ = write!(
        svg,
        "<g class=\"window{}\" data-finding=\"{}\"><title>{}: {kind} {} to {}; {words}</title>\
         <rect class=\"{kind}\" x=\"{:.1}\" y=\"{y0:.1}\" width=\"10\" height=\"{:.1}\" rx=\"3\"/>",
        if missed.is_some() { " missed" } else { "" },
        timed.finding,
        Escaped(&timed.rule),
        after(timed.window.from),
        after(timed.window.to),
        x - 5.0,
        (y1 - y0).max(3.0),
    );
    if let Some(at) = timed.decided {
        let dot = y(ladder, at);
        if let Some(by) = missed {
            let (top, bottom) = if dot > y1 { (y1, dot) } else { (dot, y0) };
            let _ = write!(
                svg,
                "<rect class=\"beyond\" x=\"{:.1}\" y=\"{top:.1}\" width=\"4\" height=\"{:.1}\"/>\
                 <text class=\"by\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                x - 2.0,
                (bottom - top).max(2.0),
                if dot > y1 { dot + 15.0 } else { dot - 8.0 },
                after(by)
            );
        }
        let _ = write!(svg, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{dot:.1}\" r=\"4\"/>");
    }
    let _ = writeln!(
        svg,
        "<text class=\"rule\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>",
        34,
        timed.line.map_or_else(|| "rule".to_owned(), |line| format!("l. {line}"))
    );
}

/// `5.41 s late`, `0.2 s early`.
pub fn late(by: sipfarm_core::Span) -> String {
    format!("{} {}", seconds(by.abs()), if by > sipfarm_core::Span::ZERO { "late" } else { "early" })
}

/// What the signs mean.
pub fn legend() -> String {
    let kinds = [
        Kind::Request,
        Kind::Response,
        Kind::Refusal,
        Kind::Dns,
        Kind::Icmp,
        Kind::Tcp,
        Kind::Tls,
        Kind::Audio,
    ];
    let names = kinds.map(|kind| format!("<span class=\"key {0}\">{0}</span>", kind.name()));
    format!(
        "<p class=\"legend\">{} <span class=\"key again\">sent again</span> <span class=\"key fault\">fault</span> \
         <span class=\"key allowed\">allowed</span> <span class=\"key beyond\">beyond it</span> <span class=\"key forbidden\">forbidden</span></p>",
        names.join(" ")
    )
}
