//! What shows at the phone and in no packet, as somebody there says (AM-18, AM-23, AM-24, YL-04, PA-10 to PA-21): a
//! person who is asked, or the reference phone of itself. The note of the answer is the only evidence.

use sipfarm_core::profile::CallAction;
use sipfarm_core::sip::Method;
use sipfarm_core::{Answer, Fact, Instant, Topic};

use super::Asked;
use crate::audio::Stretch;
use crate::case::{Case, Observed, status};
use crate::finding::Finding;
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "seen-at-phone",
    requirements: &[
        "AM-18", "AM-23", "AM-24", "YL-04", "PA-10", "PA-11", "PA-12", "PA-13", "PA-14", "PA-15", "PA-16",
        "PA-17", "PA-18", "PA-19", "PA-20", "PA-21",
    ],
    about: "What shows at the phone and in no packet is as the step says; somebody at the phone is asked.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, fact: &Fact, is: bool) -> Finding {
    let draft = asked.draft(&RULE, format!("{}, which shows in no packet", fact.sentence(is)));
    let let_through = asked.case.profile.mcp.allowed_actions.iter().any(|action| *action != CallAction::End);
    if fact.topic == Topic::Softkeys && !is && let_through {
        return draft.not_exercised("the profile leaves other keys alive, under mcp.allowed_actions");
    }
    let answered = asked.case.notes.observed.iter().find(|seen| seen.expected == asked.expected.id);
    let Some(seen) = answered else {
        return draft.inconclusive("there is no note that somebody at the phone was asked");
    };
    let (by, when) = (seen.by, asked.after(seen.at));
    let draft = draft.packets(seen.packets, seen.at);
    let says = |word: &str| {
        format!("{by} said \"{word}\" {when}, which is an observation and no packet, to: {}", fact.question())
    };
    let (so, draft) = match seen.answer {
        Answer::Yes => (true, draft.seen(says("yes"))),
        Answer::No => (false, draft.seen(says("no"))),
        Answer::Skipped => return draft.not_exercised(&format!("{by} could not tell")),
        Answer::Silence { waited_s } => {
            return draft.inconclusive(&format!("{by} has not answered for {waited_s} s"));
        }
        Answer::NotAsked { why } => return draft.not_exercised(why),
    };
    if is_of_preserved(fact, is) && !is_preserved(asked, seen) {
        return draft.inconclusive("no call was preserved then, as far as packets tell");
    }
    if let Some(missing) = needed(asked.case, fact.topic, seen.at) {
        return draft.inconclusive(missing);
    }
    match so == is {
        true => draft.pass(),
        false => draft.fail_unless_lossy("what it rests on may not have reached the phone"),
    }
}

/// Whether that is asked of a phone because it preserves a call: otherwise its keys are alive.
fn is_of_preserved(fact: &Fact, is: bool) -> bool {
    matches!(fact.topic, Topic::Softkeys | Topic::Menus) && !is
}

/// What has to ring for the question to make sense, and did not, as far as packets tell.
fn needed(case: &Case<'_>, topic: Topic, at: Instant) -> Option<&'static str> {
    let (rings, waits) = match topic {
        Topic::RingType | Topic::FastRing => (1, false),
        Topic::WaitingTone | Topic::SpeakerRings | Topic::ThreeTones => (1, true),
        Topic::HighestOnTop => (2, false),
        Topic::Call
        | Topic::CallOnHold
        | Topic::Softkeys
        | Topic::Menus
        | Topic::FailedCall
        | Topic::Text => (0, false),
    };
    let invited = case.server.iter().filter(|e| e.method == Method::Invite && e.first().to_tag.is_none());
    let ringing = invited.filter(|e| {
        let said = |codes: std::ops::Range<u16>| {
            e.responses.iter().any(|response| response.at <= at && codes.contains(&status(response)))
        };
        said(180..200) && !said(200..700)
    });
    let is_up = || case.calls().iter().any(|call| call.up.is_some_and(|up| up <= at && call.over >= at));
    match ringing.count() {
        number if number < rings && rings > 1 => Some("no two calls rang then, as far as packets tell"),
        number if number < rings => Some("no call rang then, as far as packets tell"),
        _ if waits && !is_up() => Some("no other call was up then, as far as packets tell"),
        _ => None,
    }
}

/// Whether the phone knew by then that the server of its call was lost, and kept the call.
fn is_preserved(asked: &Asked<'_, '_>, seen: &Observed<'_>) -> bool {
    let (calls, heard) = (asked.case.lost_calls(), seen.at - Stretch::PAUSE);
    calls.iter().any(|call| call.is_preserved() && call.loss.at < seen.at && call.lives_at(heard))
}
