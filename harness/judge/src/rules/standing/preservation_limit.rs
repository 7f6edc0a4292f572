//! A call that has outlived its signalling is ended by the phone when the profile's longest time for such
//! calls is over, counted from the instant at which the loss was found out (AM-17, F-11).

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
        let Some((max, off)) = case.longest_preservation() else { return docket.close() };
        // A call that has its signalling back is preserved no longer.
        for call in case.lost_calls().iter().filter(|call| call.is_preserved() && call.back.is_none()) {
            let until = call.loss.at + max + off;
            // What is heard after the end of the call is of another one, or a matter of `audio-end`.
            let Some(heard_until) = call.heard_until else { continue };
            let heard_until = call.ended.map_or(heard_until, |ended| heard_until.min(ended));
            if heard_until > until {
                let draft = docket
                    .draft(format!(
                        "no audio of the phone {max:.0} after the loss of its server was found out"
                    ))
                    .window(Window { from: call.loss.since + max - off, to: until })
                    .packets(&call.loss.shown.0, call.loss.shown.1)
                    .decided(heard_until)
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
