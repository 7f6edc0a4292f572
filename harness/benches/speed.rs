//! How fast sipfarm is, as a table in Markdown. `cargo bench` runs all, `cargo bench -- farm audit`
//! some; README.md says what is measured. Every load is bounded and ends by itself.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "speed/audit.rs"]
mod audit;
#[path = "speed/burst.rs"]
mod burst;
#[path = "speed/farm.rs"]
mod farm;
#[path = "speed/load.rs"]
mod load;
#[path = "speed/media.rs"]
mod media;
#[path = "speed/processor.rs"]
mod processor;
#[path = "speed/suite.rs"]
mod suite;
#[path = "speed/time_out.rs"]
mod time_out;

use std::time::Duration;

/// A line of the table.
struct Row {
    what: String,
    figure: String,
    /// What we want it to be, or what stands beside it.
    beside: String,
}

impl Row {
    fn new(what: impl Into<String>, figure: impl Into<String>, beside: impl Into<String>) -> Row {
        Row { what: what.into(), figure: figure.into(), beside: beside.into() }
    }
}

/// A measurement: its name on the command line, and what makes its rows.
type Measurement = (&'static str, fn() -> Vec<Row>);

const ALL: [Measurement; 6] = [
    ("suite", suite::measure),
    ("time-out", time_out::measure),
    ("farm", farm::measure),
    ("burst", burst::measure),
    ("audit", audit::measure),
    ("media", media::measure),
];

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs this without it, and nobody wants to wait there.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("not measured: run `cargo bench`");
        return;
    }
    arguments.retain(|argument| argument != "--bench");
    let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = arguments.iter().find(|argument| !names.contains(&argument.as_str())) {
        eprintln!("there is no benchmark {unknown:?}; there are: {}", names.join(", "));
        std::process::exit(2);
    }
    println!("{}\n", processor::describe());
    println!("| what | measured | goal, or beside it |\n|---|---|---|");
    for (name, measure) in ALL {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            for Row { what, figure, beside } in measure() {
                println!("| {what} | {figure} | {beside} |");
            }
        }
    }
}

/// The value below which this share of them lies; they are sorted for it.
fn quantile(values: &mut [Duration], share: f64) -> Duration {
    values.sort();
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

/// The value in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
