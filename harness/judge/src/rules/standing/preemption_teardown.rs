//! How a call is torn down for a higher one: by BYE when it is up, by CANCEL when the other side has not answered,
//! by a refusal when it rings; each says why (PA-06; RFC 4411 sections 2 and 5).

use crate::case::{CallState, Case, LineCall, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;
use crate::rules::preemption::{Teardown, arrivals};
use std::collections::BTreeSet;

use sipfarm_core::Span;
use sipfarm_core::profile::Mlpp;

/// See the module.
pub struct PreemptionTeardown;

impl Rule for PreemptionTeardown {
    fn id(&self) -> &'static str {
        "preemption-teardown"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["PA-06", "RFC 4411 2", "RFC 4411 5", "RFC 3326 2"]
    }

    fn about(&self) -> &'static str {
        "A call is torn down for a higher one in the way of its state, with Reason: preemption and the profile's cause."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.profile.mlpp.enabled {
            return docket.close();
        }
        let calls = case.line_calls();
        for arrival in arrivals(case, &calls) {
            let came = calls[arrival.call].created();
            for call in arrival.fallen.iter().map(|&other| &calls[other]) {
                let Some(end) = call.end else { continue };
                let teardown = Teardown::of(&end);
                let faults = faults(case, call, &teardown);
                let is_bare = teardown.reason.is_none() && status(end.message) >= 300;
                if faults.is_empty() && !is_bare {
                    docket.kept(end.message.packets);
                    continue;
                }
                let what = match status(end.message) {
                    0 => end.message.what(),
                    code => code.to_string(),
                };
                let draft = docket
                    .draft(format!(
                        "{} torn down rightly, for {}",
                        case.show_call(call),
                        case.show_call(&calls[arrival.call])
                    ))
                    .throughout(Window { from: came, to: arrival.until })
                    .message(end.message)
                    .seen(format!("{what} (packet {}): {}", end.message.packet(), faults.join(", ")));
                let why_not = "the answer to the call may have been lost";
                if faults.is_empty() {
                    // That a refusal says why is practice, and no RFC's demand (RFC 3326 section 2).
                    docket.add(draft.seen("no Reason: preemption in the refusal").warn_unless_lossy(why_not));
                    continue;
                }
                docket.add(draft.fail_unless_lossy(why_not));
            }
        }
        docket.close()
    }
}

fn faults(case: &Case<'_>, call: &LineCall<'_, '_>, teardown: &Teardown) -> Vec<String> {
    let mlpp = &case.profile.mlpp;
    let mut faults = Vec::new();
    let at = call.end.map_or(call.created(), |end| end.at - Span::from_nanos(1));
    // An answer that the teardown crosses makes it right in either state.
    let before = (at - case.doubt()).max(call.created());
    let right: Vec<String> = [at, before].iter().flat_map(|&at| ways(mlpp, case.state(call, at).0)).collect();
    if !right.contains(&teardown.with) {
        let ways: BTreeSet<&str> = right.iter().map(String::as_str).collect();
        faults.push(format!("not {}", ways.into_iter().collect::<Vec<_>>().join(" or ")));
    }
    match &teardown.reason {
        None if teardown.with.parse::<u16>().is_ok() => {}
        None => faults.push("no Reason: preemption in it".to_owned()),
        Some(reason) if reason.cause != Some(u16::from(mlpp.reason_cause)) => {
            let cause = reason.cause.map_or("none".to_owned(), |cause| cause.to_string());
            faults.push(format!("cause {cause} in its Reason, not {}", mlpp.reason_cause));
        }
        Some(_) => {}
    }
    faults
}

/// With what a call in that state may be torn down.
fn ways(mlpp: &Mlpp, state: CallState) -> Vec<String> {
    match state {
        CallState::Active | CallState::Held | CallState::HeldByOther => vec!["BYE".to_owned()],
        CallState::Alerting => mlpp.teardown.alerting_in.iter().map(u16::to_string).collect(),
        CallState::Dialling => vec!["CANCEL".to_owned()],
    }
}
