//! A call that has outlived its signalling is ended by the phone when the profile's longest time for such
//! calls is over, counted from the instant at which the loss was found out (AM-17, F-11).

use sipfarm_core::Span;

use crate::case::Case;
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct PreservationLimit;

impl Rule for PreservationLimit {
    fn id(&self) -> &'static str {
        "preservation-limit"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["AM-17"]
    }

    fn about(&self) -> &'static str {
        "A preserved call ends when its longest time is over."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let Some(max_s) = case.profile.mcp.max_s else { return docket.close() };
        let max = Span::from_secs(max_s.into());
        // Long times may be off by 1 % or 5 s, whichever is more.
        let off = max.scale(0.01).max(Span::from_secs(5));
        for call in case.lost_calls().iter().filter(|call| call.is_preserved()) {
            let until = call.loss.at + max + off;
            let Some(heard_until) = call.heard_until else { continue };
            if heard_until > until {
                let draft = docket
                    .draft(format!(
                        "no audio of the phone {max_s} s after the loss of its server was found out"
                    ))
                    .window(Window { from: call.loss.since + max - off, to: until })
                    .packets(&call.loss.shown.0, call.loss.shown.1)
                    .seen(format!(
                        "audio until {:.0} after {}; the limit may be the server's alone",
                        heard_until - call.loss.since,
                        call.loss.what
                    ));
                docket.add(draft.fail_unless_lossy("an answer of the server may have been lost"));
            } else if heard_until >= call.loss.since + max - off && call.over.is_some() {
                docket.kept(&call.loss.shown.0);
            }
        }
        docket.close()
    }
}
