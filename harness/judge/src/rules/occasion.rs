//! What kept a scenario from putting the phone to the test: a condition that never held, a command
//! that could not be given. Neither is the phone's verdict, and neither lets a scenario pass.

use sipfarm_core::Instant;

use super::RuleInfo;
use crate::case::Case;
use crate::finding::{Finding, Verdict, WindowKind};

/// A condition on which the scenario rested did not come to pass.
pub const PRECONDITION: RuleInfo = RuleInfo {
    id: "precondition",
    requirements: &[],
    about: "What a scenario rests on came to pass; where it did not, nothing after it can be judged.",
    standing: false,
};

/// The harness ended the scenario, and the capture reaches that far.
pub const COMPLETE: RuleInfo = RuleInfo {
    id: "complete",
    requirements: &[],
    about: "A capture of a scenario reaches its end; what is cut off may have held the failure.",
    standing: false,
};

/// A command could not be given to the phone.
pub const COMMAND: RuleInfo = RuleInfo {
    id: "command",
    requirements: &[],
    about: "Every command was given to the phone; where one was not, nobody pressed the key.",
    standing: false,
};

/// A finding for each condition that never held and each command that was not given; none where
/// all went well.
pub(crate) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let notes = &case.notes;
    let unmet = notes.unmet.iter().map(|&(at, condition)| {
        finding(
            case,
            &PRECONDITION,
            Verdict::Inconclusive,
            at,
            "the precondition holds",
            condition.to_owned(),
        )
    });
    let failed = notes.failed_commands.iter().map(|&(at, command, reason)| {
        let expected = format!("the phone can be told: {command}");
        finding(case, &COMMAND, Verdict::NotExercised, at, &expected, reason.to_owned())
    });
    let cut = (notes.scene.is_some() && notes.end.is_none()).then(|| {
        let (expected, seen) = ("the scenario comes to its end", "the capture ends before the scenario does");
        finding(case, &COMPLETE, Verdict::Inconclusive, case.horizon, expected, seen.to_owned())
    });
    unmet.chain(failed).chain(cut).collect()
}

fn finding(
    case: &Case<'_>,
    rule: &RuleInfo,
    verdict: Verdict,
    at: Instant,
    expected: &str,
    seen: String,
) -> Finding {
    Finding {
        rule: rule.id.to_owned(),
        requirements: Vec::new(),
        verdict,
        phone: case.which,
        expected_id: None,
        line: case.notes.line_at(at),
        expected: expected.to_owned(),
        window: None,
        window_kind: WindowKind::Allowed,
        seen,
        packets: Vec::new(),
        shown_from: None,
        decided: None,
        nearest: Vec::new(),
        until: None,
    }
}
