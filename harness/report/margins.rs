//! Which of the passed expectations were met in the nick of time: the next to fail.

use sipfarm_core::Span;
use sipfarm_judge::{Verdict, WindowKind};

use crate::run::record::{Finding, Scenario};

/// An expectation that was met, and the time that was left.
#[derive(Debug, Clone, PartialEq)]
pub struct Margin<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// What was met.
    pub finding: &'a Finding,
    /// How much of its window was left.
    pub left: Span,
}

impl Margin<'_> {
    /// What was left as a part of the window, from 0 to 1.
    pub fn part(&self) -> f64 {
        let width = self.finding.window.map_or(Span::ZERO, |window| window.to - window.from);
        self.left.as_secs_f64() / width.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// The tightest of the expectations that steps state, of each scenario its tightest, by what was left as a part
/// of the window. What may happen in one instant only has no margin.
pub fn tightest<'a>(scenarios: impl IntoIterator<Item = &'a Scenario>, most: usize) -> Vec<Margin<'a>> {
    let by_part = |a: &Margin<'_>, b: &Margin<'_>| a.part().total_cmp(&b.part());
    let of = |scenario: &'a Scenario| {
        scenario.findings.iter().filter_map(|finding| margin(scenario, finding)).min_by(by_part)
    };
    let mut margins: Vec<Margin<'a>> = scenarios.into_iter().filter_map(of).collect();
    margins.sort_by(|a, b| by_part(a, b).then(a.scenario.id.cmp(&b.scenario.id)));
    margins.truncate(most);
    margins
}

fn margin<'a>(scenario: &'a Scenario, finding: &'a Finding) -> Option<Margin<'a>> {
    let (window, at) = (finding.window?, finding.decided?);
    let met = finding.verdict == Verdict::Pass && (window.from..=window.to).contains(&at);
    let ends_in_time = window.kind == WindowKind::Allowed && finding.line.is_some();
    if !met || !ends_in_time || window.to <= window.from {
        return None;
    }
    // What comes as soon as it may is on time: a timer that is kept exactly is no close call.
    Some(Margin { scenario, finding, left: window.to - at })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::run::events::tests::result;
    use crate::run::record::Window;

    fn whole_second(kind: WindowKind) -> Window {
        Window { from: Span::ZERO, to: Span::from_secs(1), kind }
    }

    /// A scenario that met an expectation so many milliseconds before the end of its window of a second.
    fn met(id: u32, left: &[i64]) -> Scenario {
        let verdicts = vec![Verdict::Pass; left.len()];
        let mut scenario = Scenario::of(&result(id, &verdicts), Path::new("b"));
        for (finding, left) in scenario.findings.iter_mut().zip(left) {
            finding.window = Some(whole_second(WindowKind::Allowed));
            finding.decided = Some(Span::from_millis(1_000 - left));
        }
        scenario
    }

    #[test]
    fn the_least_time_left_comes_first_and_each_scenario_once() {
        let scenarios = [met(1, &[300, 700]), met(2, &[20, 10]), met(3, &[500]), met(4, &[0])];
        let told: Vec<(u32, i64)> =
            tightest(&scenarios, 3).iter().map(|m| (m.scenario.id, m.left.as_millis())).collect();
        assert_eq!(told, [(4, 0), (2, 10), (1, 300)]);
    }

    #[test]
    fn what_comes_as_soon_as_it_may_has_its_whole_window_left() {
        let mut scenario = met(1, &[900]);
        scenario.findings[0].window =
            Some(Window { from: Span::from_millis(100), ..whole_second(WindowKind::Allowed) });
        assert_eq!(tightest([&scenario], 1)[0].left, Span::from_millis(900));
    }

    #[test]
    fn what_failed_or_has_no_window_or_no_step_has_no_margin() {
        let mut scenarios: Vec<Scenario> =
            (1..=6).map(|id| met(id, &[if id == 5 { -1 } else { 1 }])).collect();
        scenarios[5].findings[0].window = Some(whole_second(WindowKind::Throughout));
        scenarios[0].findings[0].verdict = Verdict::Fail;
        scenarios[1].findings[0].window = None;
        scenarios[2].findings[0].line = None;
        scenarios[3].findings[0].decided = None;
        assert_eq!(tightest(&scenarios, 9), []);
    }
}
