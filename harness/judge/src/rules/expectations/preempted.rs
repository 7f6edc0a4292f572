//! A call is torn down in favour of another, or is left alone (PA-06 to PA-09; RFC 4411, RFC 4412 section 4.7.2.1).

use sipfarm_core::{Instant, Span};

use super::Asked;
use crate::case::{CallEnd, LineCall, status};
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;
use crate::rules::preemption::{Teardown, limit};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "preempted",
    requirements: &["PA-06", "PA-07", "RFC 4411 2"],
    about: "The phone tears the call down in favour of another, as the step says.",
    standing: false,
};

pub(super) const UNTOUCHED: RuleInfo = RuleInfo {
    id: "calls-untouched",
    requirements: &["PA-06", "PA-06b", "PA-06c"],
    about: "The phone ends no call but those that the step names.",
    standing: false,
};

/// What a step asks for.
pub(super) struct Wanted<'c> {
    pub call: &'c str,
    pub with: Option<&'c str>,
    pub cause: Option<u8>,
    pub before: Option<&'c str>,
    pub within: Option<Span>,
}

pub(super) fn judge(asked: &Asked<'_, '_>, wanted: &Wanted<'_>) -> Finding {
    let case = asked.case;
    let mlpp = &case.profile.mlpp;
    let window = asked.window(wanted.within, asked.since() + limit(case));
    let cause = u16::from(wanted.cause.unwrap_or(mlpp.reason_cause));
    let with = wanted.with.unwrap_or("what is right for its state");
    let name = wanted.call;
    let sentence = format!(
        "call \"{name}\" torn down with {with} and Reason: preemption;cause={cause}, {}",
        asked.show_window(window)
    );
    let draft = asked.draft(&RULE, sentence).window(window);
    let calls = case.line_calls();
    let Some(call) = case.call_named(name).and_then(|id| calls.iter().find(|call| call.has(id))) else {
        return draft.inconclusive(&format!("no INVITE of call \"{name}\" was seen"));
    };
    let before = wanted.before.and_then(|other| {
        let id = case.call_named(other)?;
        calls.iter().find(|call| call.has(id))?.up
    });
    let Some(end) = call.end.filter(|end| end.at <= window.to) else {
        let late = call.end.map(|end| end.at);
        let seen = late.map_or("it was left alone".to_owned(), |at| format!("it ended {}", asked.after(at)));
        let fell = calls.iter().filter_map(|other| Some((other, other.end?))).find(|(_, end)| {
            end.by_phone
                && end.at >= asked.since()
                && end.at <= window.to
                && Teardown::of(end).reason.is_some()
        });
        let Some((other, end)) = fell else { return draft.seen(seen).fail_at(window.to) };
        let how = format!("{} torn down instead with {}", case.show_call(other), show(&end));
        let seen = format!("{seen}; {how} {} (packet {})", asked.after(end.at), end.message.packet());
        return draft.seen(seen).message(end.message).fail_at(window.to);
    };
    let packet = end.message.packet();
    let seen = format!("{} {} (packet {packet})", show(&end), asked.after(end.at));
    let draft = draft.seen(seen).message(end.message);
    if end.at < asked.since() {
        return draft.inconclusive("it was over before the trigger");
    }
    if !end.by_phone {
        return draft.inconclusive("the other side ended it");
    }
    let faults = faults(&end, wanted, cause);
    if !faults.is_empty() {
        let why = faults.join(", ");
        return draft.seen(format!("{} {} (packet {packet}): {why}", show(&end), asked.after(end.at))).fail();
    }
    match before.filter(|up| *up < end.at && !case.may_have_swapped(*up, end.at)) {
        Some(up) => {
            let other = wanted.before.unwrap_or_default();
            let seen = format!(
                "{} {}, after \"{other}\" was answered {}",
                show(&end),
                asked.after(end.at),
                asked.after(up)
            );
            draft.seen(seen).fail_unless_lossy("it may have been sent before, and lost")
        }
        None => draft.pass(),
    }
}

/// What is wrong with how it was torn down.
fn faults(end: &CallEnd<'_, '_>, wanted: &Wanted<'_>, cause: u16) -> Vec<String> {
    let mut faults = Vec::new();
    let teardown = Teardown::of(end);
    if let Some(with) = wanted.with.filter(|with| *with != teardown.with) {
        faults.push(format!("not {with}"));
    }
    match teardown.reason {
        // That a refusal says why is practice, and no RFC's demand (RFC 3326 section 2): an author may ask for it.
        None if wanted.cause.is_none() && teardown.with.parse::<u16>().is_ok() => {}
        None => faults.push("it has no Reason: preemption".to_owned()),
        Some(reason) if reason.cause != Some(cause) => {
            let cause = reason.cause.map_or("no cause".to_owned(), |cause| format!("cause {cause}"));
            faults.push(format!("Reason has {cause}"));
        }
        Some(_) => {}
    }
    faults
}

fn show(end: &CallEnd<'_, '_>) -> String {
    match status(end.message) {
        0 => end.message.what(),
        code => format!("{code}"),
    }
}

pub(super) fn judge_untouched(asked: &Asked<'_, '_>, but: &[String], during: Span) -> Finding {
    let case = asked.case;
    let window = Window { from: asked.since(), to: asked.asked_at() + during };
    let others = match but {
        [] => String::new(),
        names => format!(" but \"{}\"", names.join("\", \"")),
    };
    let sentence = format!("no call ended{others}, {}", asked.show_window(window));
    let draft = asked.draft(&UNTOUCHED, sentence).forbidden(window);
    let calls = case.line_calls();
    let excepted: Vec<&str> = but.iter().filter_map(|name| case.call_named(name)).collect();
    let was_there =
        // What comes with the trigger itself was not there before it.
        |call: &&LineCall<'_, '_>| call.created() < asked.since() && call.is_there(asked.since()) && !excepted.iter().any(|id| call.has(id));
    let known: Vec<&LineCall<'_, '_>> = calls.iter().filter(was_there).collect();
    let ended = |call: &&LineCall<'_, '_>, by_phone: bool| -> Option<Instant> {
        call.end.filter(|end| end.by_phone == by_phone && end.at <= window.to).map(|end| end.at)
    };
    if let Some(call) = known.iter().find(|call| ended(call, true).is_some())
        && let Some(end) = call.end
    {
        let seen = format!(
            "{}: {} {} (packet {})",
            case.show_call(call),
            show(&end),
            asked.after(end.at),
            end.message.packet()
        );
        return draft.seen(seen).message(end.message).fail();
    }
    if let Some(call) = known.iter().find(|call| ended(call, false).is_some()) {
        let why = format!("the other side ended {}", case.show_call(call));
        return draft.inconclusive(&why);
    }
    if known.is_empty() {
        return draft.at(window.to, |draft| draft.inconclusive("the phone had no other call at the trigger"));
    }
    draft.seen("none").pass_at(window.to)
}
