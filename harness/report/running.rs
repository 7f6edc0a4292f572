//! What is under way: which scenarios run, what each waits for, and how much of its window is gone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use sipfarm_core::Span;

use super::text::{clean, count, cut, seconds};
use crate::run::events::ScenarioId;
use crate::run::record::{Event, LastMessage};

/// The scenarios that are under way.
#[derive(Debug, Default)]
pub struct Running {
    scenarios: BTreeMap<ScenarioId, Scenario>,
    /// Whether the clock of the scenarios is the one on the wall. A virtual clock stands still while a step waits
    /// for its turn.
    real: bool,
}

#[derive(Debug)]
struct Scenario {
    name: String,
    phone: String,
    what: String,
    elapsed: Span,
    window: Option<Span>,
    last: Option<LastMessage>,
    faults: Vec<String>,
    told_at: Instant,
}

impl Running {
    /// Takes note of what happened.
    pub fn event(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Started(started) => self.real = started.net != "virtual",
            Event::ScenarioStarted { id, name } => {
                let scenario = Scenario {
                    name: name.clone(),
                    phone: String::new(),
                    what: String::new(),
                    elapsed: Span::ZERO,
                    window: None,
                    last: None,
                    faults: Vec::new(),
                    told_at: now,
                };
                self.scenarios.insert(*id, scenario);
            }
            Event::Waiting { id, phone, what, elapsed, window, last, faults } => {
                if let Some(scenario) = self.scenarios.get_mut(id) {
                    scenario.phone.clone_from(phone);
                    scenario.what.clone_from(what);
                    (scenario.elapsed, scenario.window) = (*elapsed, *window);
                    scenario.last.clone_from(last);
                    scenario.faults.clone_from(faults);
                    scenario.told_at = now;
                }
            }
            Event::ScenarioFinished(scenario) => _ = self.scenarios.remove(&scenario.id),
            Event::ScenarioInterrupted { id, .. } => _ = self.scenarios.remove(id),
            Event::Finished(_) => self.scenarios.clear(),
        }
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.scenarios.len()
    }

    /// A line for each of the first so many, with its window as a bar.
    pub fn lines(&self, shown: usize, name_width: usize, now: Instant) -> Vec<String> {
        let scenarios = self.scenarios.values().take(shown);
        let mut lines: Vec<String> =
            scenarios.map(|scenario| scenario.line(self.elapsed(scenario, now), name_width)).collect();
        if self.len() > shown {
            lines.push(format!("  … and {} more", self.len() - shown));
        }
        lines
    }

    /// The state of each, for somebody who asks what is going on.
    pub fn state(&self, now: Instant) -> String {
        if self.scenarios.is_empty() {
            return "no scenario is running\n".to_owned();
        }
        let are = if self.len() == 1 { "is" } else { "are" };
        let mut text = format!("{} {are} running\n", count(self.len(), "scenario"));
        for (id, scenario) in &self.scenarios {
            text += &scenario.state(*id, self.elapsed(scenario, now));
        }
        text
    }

    fn elapsed(&self, scenario: &Scenario, now: Instant) -> Span {
        let since = now.saturating_duration_since(scenario.told_at).as_nanos();
        let since = Span::from_nanos(i64::try_from(since).unwrap_or(i64::MAX));
        if self.real { scenario.elapsed + since } else { scenario.elapsed }
    }
}

impl Scenario {
    fn line(&self, elapsed: Span, name_width: usize) -> String {
        let clock = |span: Span| {
            let seconds = span.as_millis() / 1_000;
            format!("{:02}:{:02}", seconds / 60, seconds % 60)
        };
        let mut line = match self.window {
            Some(window) => {
                format!("  RUN   [{} of {}]  {}  ", clock(elapsed), clock(window), bar(elapsed, window))
            }
            None => format!("  RUN   [{}]  {:WIDTH$}           ", clock(elapsed), ""),
        };
        line += &format!("{:<name_width$}", cut(&clean(&self.name), name_width));
        line += &format!("  {}", self.phone);
        if !self.what.is_empty() {
            line += &format!("  waiting {}", clean(&self.what));
        }
        line.trim_end().to_owned()
    }

    fn state(&self, id: ScenarioId, elapsed: Span) -> String {
        let phone =
            if self.phone.is_empty() { String::new() } else { format!("   ({})", clean(&self.phone)) };
        let mut text = format!("  {id:03}  {}{phone}\n", clean(&self.name));
        if self.what.is_empty() {
            let _ = writeln!(text, "       not waiting for the phone; {} since its start", tenths(elapsed));
            return text;
        }
        let _ = writeln!(text, "       waiting   {}", clean(&self.what));
        let _ = match self.window {
            Some(window) if window >= elapsed => writeln!(
                text,
                "       clock     {} since its start, {} left until {}",
                tenths(elapsed),
                tenths(window - elapsed),
                seconds(window)
            ),
            Some(window) => writeln!(
                text,
                "       clock     {} since its start, {} past its deadline at {}",
                tenths(elapsed),
                tenths(elapsed - window),
                seconds(window)
            ),
            None => {
                writeln!(text, "       clock     {} since its start, without a deadline", tenths(elapsed))
            }
        };
        if let Some(LastMessage { packet, what, elapsed: at }) = &self.last {
            let ago = tenths(elapsed - *at);
            let _ = writeln!(text, "       last      packet {packet}, {ago} ago: {}", clean(what));
        }
        if !self.faults.is_empty() {
            let _ = writeln!(text, "       faults    {}", clean(&self.faults.join(", ")));
        }
        text
    }
}

/// Seconds as somebody who watches wants them.
fn tenths(span: Span) -> String {
    format!("{:.1} s", span.as_secs_f64())
}

/// The letters of a bar.
const WIDTH: usize = 10;

/// How much of the window is gone.
fn bar(elapsed: Span, window: Span) -> String {
    let part = if window > Span::ZERO { elapsed.as_secs_f64() / window.as_secs_f64() } else { 1.0 };
    let full = ((part * WIDTH as f64) as usize).min(WIDTH);
    "#".repeat(full) + &"-".repeat(WIDTH - full)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::run::record::{SCHEMA, Started};

    fn started(net: &str) -> Event {
        let (schema, version) = (SCHEMA.to_owned(), "0.1.0".to_owned());
        Event::Started(Started { schema, version, seed: 1, net: net.to_owned(), lab: None, selected: 2 })
    }

    fn waiting(net: &str, begun: Instant) -> Running {
        let mut running = Running::default();
        for event in [
            started(net),
            Event::ScenarioStarted { id: 7, name: "primary goes silent".into() },
            Event::ScenarioStarted { id: 9, name: "a \x1b[2Jname".into() },
            Event::Waiting {
                id: 7,
                phone: "t46u".into(),
                what: "the phone sends REGISTER to \"secondary\" within 32 s".into(),
                elapsed: Span::from_millis(18_400),
                window: Some(Span::from_secs(33)),
                last: Some(LastMessage {
                    packet: 42,
                    what: "INVITE from the phone to \"primary\"".into(),
                    elapsed: Span::from_millis(15_500),
                }),
                faults: vec!["\"primary\": silent".into(), "\"secondary\": delay ms=200".into()],
            },
        ] {
            running.event(&event, begun);
        }
        running
    }

    #[test]
    fn who_asks_hears_what_each_waits_for_and_how_long_still() {
        let begun = Instant::now();
        let running = waiting("loopback", begun);
        insta::assert_snapshot!(running.state(begun + Duration::from_secs(2)), @r#"
        2 scenarios are running
          007  primary goes silent   (t46u)
               waiting   the phone sends REGISTER to "secondary" within 32 s
               clock     20.4 s since its start, 12.6 s left until 33 s
               last      packet 42, 4.9 s ago: INVITE from the phone to "primary"
               faults    "primary": silent, "secondary": delay ms=200
          009  a  [2Jname
               not waiting for the phone; 2.0 s since its start
        "#);
        let late = running.state(begun + Duration::from_secs(20));
        assert!(late.contains("38.4 s since its start, 5.4 s past its deadline at 33 s"), "{late}");
    }

    #[test]
    fn a_virtual_clock_stands_still_between_two_events() {
        let begun = Instant::now();
        let running = waiting("virtual", begun);
        assert_eq!(running.state(begun), running.state(begun + Duration::from_secs(60)));
    }

    #[test]
    fn the_window_goes_on_between_two_events_on_a_real_clock() {
        let begun = Instant::now();
        let line = waiting("loopback", begun).lines(1, 20, begun + Duration::from_secs(11)).remove(0);
        assert!(line.starts_with("  RUN   [00:29 of 00:33]  ########--  "), "{line}");
    }

    #[test]
    fn nothing_runs_when_all_is_over() {
        let now = Instant::now();
        let mut running = waiting("virtual", now);
        running.event(
            &Event::ScenarioInterrupted {
                id: 7,
                name: String::new(),
                feature: String::new(),
                line: 1,
                real_time: Span::ZERO,
            },
            now,
        );
        assert!(running.state(now).starts_with("1 scenario is running"));
        running.scenarios.clear();
        assert_eq!(running.state(now), "no scenario is running\n");
    }

    #[test]
    fn the_bar_is_the_window() {
        let bar = |elapsed, window| bar(Span::from_secs(elapsed), Span::from_secs(window));
        assert_eq!(bar(0, 32), "----------");
        assert_eq!(bar(16, 32), "#####-----");
        assert_eq!(bar(40, 32), "##########");
        assert_eq!(bar(0, 0), "##########");
    }
}
