//! A finding while it is put together.

use sipfarm_core::{Instant, Span};

use super::{Rule, RuleInfo};
use crate::case::{Case, Seen};
use crate::finding::{Finding, Nearest, Verdict, Window, WindowKind};
use crate::mark::Expected;

/// A finding while it is put together. The methods that end it weigh what stands against a definite
/// verdict: trouble of the harness, a condition that never held, a command that was never given,
/// the end of the capture.
#[derive(Clone)]
pub struct Draft<'c, 'a> {
    case: &'c Case<'a>,
    finding: Finding,
    /// When the step was begun, for an expectation.
    asked_at: Option<Instant>,
    /// The stretch of time that the verdict rests on.
    stretch: Option<(Instant, Instant)>,
    /// Until when something was waited for in vain.
    in_vain: Option<Instant>,
    /// Whether the verdict rests on what never came, so that no packet says when.
    is_absent: bool,
}

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Packets,
    /// That nothing was seen.
    Nothing,
}

impl<'c, 'a> Draft<'c, 'a> {
    /// For a standing rule.
    pub fn standing(case: &'c Case<'a>, rule: &dyn Rule, expected: impl Into<String>) -> Self {
        Draft::new(case, &rule.info(), expected.into())
    }

    /// For an expectation.
    pub fn asked(
        case: &'c Case<'a>,
        rule: &RuleInfo,
        expected: &Expected,
        sentence: impl Into<String>,
    ) -> Self {
        let mut draft = Draft::new(case, rule, sentence.into());
        draft.finding.expected_id = Some(expected.id);
        draft.finding.line = Some(expected.line);
        draft.asked_at = Some(case.notes.asked_at(expected).unwrap_or(case.horizon));
        draft.stretch = Some((expected.since, expected.since));
        draft
    }

    fn new(case: &'c Case<'a>, rule: &RuleInfo, expected: String) -> Self {
        let finding = Finding {
            rule: rule.id.to_owned(),
            requirements: rule.requirements.iter().map(|&id| id.to_owned()).collect(),
            verdict: Verdict::Pass,
            phone: case.which,
            expected_id: None,
            line: None,
            expected,
            window: None,
            window_kind: WindowKind::Allowed,
            seen: String::new(),
            packets: Vec::new(),
            shown_from: None,
            decided: None,
            nearest: Vec::new(),
            until: None,
        };
        Draft { case, finding, asked_at: None, stretch: None, in_vain: None, is_absent: false }
    }

    /// When it was allowed to happen.
    pub fn window(mut self, window: Window) -> Self {
        self.finding.window = Some(window);
        self.covers(window.from).covers(window.to)
    }

    /// When it must not happen.
    pub fn forbidden(self, window: Window) -> Self {
        self.window(window).of_kind(WindowKind::Forbidden)
    }

    /// How long it must hold.
    pub fn throughout(self, window: Window) -> Self {
        self.window(window).of_kind(WindowKind::Throughout)
    }

    fn of_kind(mut self, kind: WindowKind) -> Self {
        self.finding.window_kind = kind;
        self
    }

    /// The verdict rests on that instant, too.
    pub fn covers(mut self, at: Instant) -> Self {
        self.stretch = Some(self.stretch.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
        self
    }

    /// What was seen, in a sentence.
    pub fn seen(mut self, seen: impl Into<String>) -> Self {
        self.finding.seen = seen.into();
        self
    }

    /// What never came, in a sentence. The packets then only show that it was due, and none was late or early.
    pub fn absent(self, seen: impl Into<String>) -> Self {
        Draft { is_absent: true, ..self }.seen(seen)
    }

    /// When it happened, where the time of the last packet is not it.
    pub fn decided(mut self, at: Instant) -> Self {
        self.finding.decided = self.finding.decided.max(Some(at));
        self
    }

    /// A message that shows it.
    pub fn message(self, seen: &Seen<'_>) -> Self {
        self.packets(seen.packets, seen.at)
    }

    /// Messages that show it.
    pub fn messages<'s>(self, seen: impl IntoIterator<Item = &'s Seen<'s>>) -> Self {
        seen.into_iter().fold(self, |draft, seen| draft.message(seen))
    }

    /// Packets that show it.
    pub fn packets(mut self, packets: &[u32], at: Instant) -> Self {
        self.finding.packets.extend_from_slice(packets);
        let first = self.finding.shown_from.map_or(at, |first| first.min(at));
        self.finding.shown_from = Some(first);
        self.decided(at).covers(at)
    }

    /// What came near.
    pub fn nearest(mut self, nearest: Vec<Nearest>) -> Self {
        self.finding.nearest = nearest;
        self
    }

    /// As it must be, shown by packets.
    pub fn pass(self) -> Finding {
        let unmet = self.unmet();
        match unmet {
            Some(why) => self.because(Verdict::Inconclusive, &why),
            None => self.end(Verdict::Pass),
        }
    }

    /// As it must be, shown by what did not happen: that needs a tap that worked, and a phone that
    /// was really asked.
    pub fn pass_by_absence(self) -> Finding {
        let draft = Draft { is_absent: true, ..self };
        match draft.objection(Shown::Nothing) {
            Some((verdict, why)) => draft.because(verdict, &why),
            None => draft.end(Verdict::Pass),
        }
    }

    /// The phone broke it.
    pub fn fail(self) -> Finding {
        match self.objection(Shown::Packets) {
            Some((verdict, why)) => self.because(verdict, &why),
            None => self.end(Verdict::Fail),
        }
    }

    /// The phone broke it, if the tap sees everything; on a lossy tap `why_not` explains the packets.
    pub fn fail_unless_lossy(self, why_not: &str) -> Finding {
        if self.case.sees_all() { self.fail() } else { self.inconclusive(why_not) }
    }

    /// Not as it must be, which is not the phone's doing for that reason, if for no other.
    pub fn excused(self, why: &str) -> Finding {
        match self.objection(Shown::Packets) {
            Some((verdict, other)) => self.because(verdict, &other),
            None => self.inconclusive(why),
        }
    }

    /// Legal but poor.
    pub fn warn(self) -> Finding {
        match self.objection(Shown::Packets) {
            Some((verdict, why)) => self.because(verdict, &why),
            None => self.end(Verdict::Warn),
        }
    }

    /// Legal but poor, if the tap sees everything; on a lossy tap `why_not` explains the packets.
    pub fn warn_unless_lossy(self, why_not: &str) -> Finding {
        if self.case.sees_all() { self.warn() } else { self.inconclusive(why_not) }
    }

    /// We cannot tell.
    pub fn inconclusive(self, why: &str) -> Finding {
        self.because(Verdict::Inconclusive, why)
    }

    /// It was never put to the test.
    pub fn not_exercised(self, why: &str) -> Finding {
        self.because(Verdict::NotExercised, why)
    }

    /// Nothing was decided so far, and at `deadline` the phone has failed, unless what was waited for
    /// may have been lost: pending while live, and inconclusive when the capture ends before.
    pub fn fail_at(self, deadline: Instant) -> Finding {
        let lost = "a packet that it takes may have been lost";
        self.at(deadline, |draft| Draft { is_absent: true, ..draft }.fail_unless_lossy(lost))
    }

    /// Nothing was decided so far, and at `deadline` all is well.
    pub fn pass_at(self, deadline: Instant) -> Finding {
        self.at(deadline, Draft::pass_by_absence)
    }

    /// Nothing was decided so far; at `deadline`, `then` says what it is.
    pub fn at(self, deadline: Instant, then: impl FnOnce(Self) -> Finding) -> Finding {
        let draft = self.covers(deadline);
        // A packet may still come at the deadline itself: virtual time is exact.
        if draft.case.horizon > deadline {
            return then(Draft { in_vain: Some(deadline), ..draft });
        }
        if draft.case.live {
            let mut finding = draft.end(Verdict::Pending);
            finding.until = Some(deadline + Span::from_nanos(1));
            return finding;
        }
        let missing = deadline - draft.case.horizon;
        draft.inconclusive(&format!("the capture ends {missing:.2} before this could be decided"))
    }

    /// What stands against a verdict that is not a pass shown by packets.
    fn objection(&self, shown: Shown) -> Option<(Verdict, String)> {
        let stretch = self.stretch.map(|(from, to)| (from, to.min(self.case.horizon)));
        let not_given = self
            .asked_at
            .and_then(|asked| self.case.notes.failed_commands.iter().find(|(at, ..)| *at <= asked));
        if let Some((_, command, reason)) = not_given {
            return Some((Verdict::NotExercised, format!("\"{command}\" could not be done: {reason}")));
        }
        if let Some(why) = self.unmet() {
            return Some((Verdict::Inconclusive, why));
        }
        if let Some(why) = self.asked_in_vain() {
            return Some((Verdict::NotExercised, why));
        }
        let (from, to) = stretch?;
        if let Some(trouble) = self.case.notes.trouble(from, to) {
            let why = format!("the harness was not fit to judge: {}", trouble.what);
            return Some((Verdict::Inconclusive, why));
        }
        // Nothing is missing because somebody was late, unless it was due when the stretch ended.
        let from = if shown == Shown::Nothing { to } else { from };
        let late = self.case.notes.late(from, to)?;
        let why = format!("{} was served {:.2} late by this machine", late.what, late.to - late.from);
        Some((Verdict::Inconclusive, why))
    }

    /// Silence, for as long as something was waited for, after a key that perhaps was never pressed.
    fn asked_in_vain(&self) -> Option<String> {
        let late = || {
            let until = self.finding.window?.to;
            self.stretch.filter(|(_, to)| *to > until).map(|_| until)
        };
        let command = self.case.without_trace(self.asked_at?, self.in_vain.or_else(late)?)?;
        Some(format!(
            "nobody knows whether the phone took the key \"{command}\": it has not said so, and it has sent nothing that the key is for"
        ))
    }

    fn unmet(&self) -> Option<String> {
        let asked = self.asked_at?;
        let (_, condition) = self.case.notes.unmet.iter().find(|(at, _)| *at <= asked)?;
        Some(format!("a condition did not hold: {condition}"))
    }

    fn because(mut self, verdict: Verdict, why: &str) -> Finding {
        let seen = &mut self.finding.seen;
        *seen = if seen.is_empty() { why.to_owned() } else { format!("{seen}; {why}") };
        self.end(verdict)
    }

    fn end(mut self, verdict: Verdict) -> Finding {
        self.finding.packets.sort_unstable();
        self.finding.packets.dedup();
        self.finding.decided = self.finding.decided.filter(|_| !self.is_absent);
        self.finding.verdict = verdict;
        self.finding
    }
}

/// What a standing rule found, collected.
pub struct Docket<'c, 'a> {
    case: &'c Case<'a>,
    rule: &'c dyn Rule,
    findings: Vec<Finding>,
    occasions: u32,
    packets: Vec<u32>,
}

impl<'c, 'a> Docket<'c, 'a> {
    /// Nothing found yet.
    pub fn open(case: &'c Case<'a>, rule: &'c dyn Rule) -> Self {
        Docket { case, rule, findings: Vec::new(), occasions: 0, packets: Vec::new() }
    }

    /// An occasion on which the phone kept the rule, with the packets that show it.
    pub fn kept(&mut self, packets: &[u32]) {
        self.occasions += 1;
        self.packets.extend_from_slice(packets);
    }

    /// Something other than a pass.
    pub fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// A draft for this rule.
    pub fn draft(&self, expected: impl Into<String>) -> Draft<'c, 'a> {
        Draft::standing(self.case, self.rule, expected)
    }

    /// What was found; when nothing is wrong, one *pass*, or one *not exercised*.
    pub fn close(mut self) -> Vec<Finding> {
        if !self.findings.is_empty() {
            return self.findings;
        }
        let mut draft = Draft::standing(self.case, self.rule, self.rule.about());
        if self.occasions == 0 {
            return vec![draft.seen("no occasion for it").end(Verdict::NotExercised)];
        }
        draft.finding.packets.append(&mut self.packets);
        let times = if self.occasions == 1 { "once".to_owned() } else { format!("{} times", self.occasions) };
        vec![draft.seen(format!("kept {times}")).end(Verdict::Pass)]
    }

    /// One *not applicable* for a rule that the profile switches off.
    pub fn not_applicable(self, why: &str) -> Vec<Finding> {
        let draft = Draft::standing(self.case, self.rule, self.rule.about());
        vec![draft.seen(why).end(Verdict::NotApplicable)]
    }
}

/// A point in time for people, counted from another: `+1.52 s`.
pub fn after(at: Instant, since: Instant) -> String {
    let span: Span = at - since;
    format!("{}{span:.2}", if span < Span::ZERO { "" } else { "+" })
}
