//! A conference that the phone mixes falls as a whole: each leg is torn down (PA-09; RFC 4411 section 2.1).

use sipfarm_core::Span;

use crate::case::Case;
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;
use crate::rules::preemption::arrivals;

/// All legs fall within this time (PA-09).
const TOGETHER: Span = Span::from_secs(2);

/// See the module.
pub struct ConferencePreemption;

impl Rule for ConferencePreemption {
    fn id(&self) -> &'static str {
        "conference-preemption"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["PA-09", "RFC 4411 2.1"]
    }

    fn about(&self) -> &'static str {
        "A conference that is torn down for a higher call is torn down with all its legs, within 2 s."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.profile.mlpp.enabled {
            return docket.close();
        }
        let calls = case.line_calls();
        for arrival in arrivals(case, &calls) {
            let came = calls[arrival.call].created();
            let Some(&first) = arrival.fallen.first() else { continue };
            let legs = case.legs(&calls, &calls[first].line, came);
            if !legs.contains(&first) {
                continue;
            }
            let fell = legs.iter().filter_map(|&leg| calls[leg].end).map(|end| end.at);
            let Some(begun) = fell.min() else { continue };
            let until = begun + TOGETHER + case.limits.grace();
            let left: Vec<&_> = legs
                .iter()
                .map(|&leg| &calls[leg])
                .filter(|leg| leg.is_there(until.min(case.horizon)))
                .collect();
            if left.is_empty() {
                legs.iter()
                    .filter_map(|&leg| calls[leg].end)
                    .for_each(|end| docket.kept(end.message.packets));
                continue;
            }
            if case.horizon <= until {
                continue;
            }
            let names: Vec<String> = left.iter().map(|call| case.show_call(call)).collect();
            let draft = docket
                .draft("every leg of the conference torn down")
                .window(Window { from: begun, to: until })
                .messages(legs.iter().filter_map(|&leg| Some(&**calls[leg].end?.message)))
                .seen(format!("{} left up", names.join(", ")));
            docket.add(draft.fail_unless_lossy("its BYE may have been lost"));
        }
        docket.close()
    }
}
