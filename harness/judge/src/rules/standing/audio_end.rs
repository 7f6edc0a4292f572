//! A phone sends no audio in a call that is over: BYE ends the session (RFC 3261 section 15), and so does
//! the refusal of the INVITE what was heard before (section 13.2.2.3). AM-23 gives it 2 s.

use crate::audio::Stretch;
use crate::case::{Case, Ear};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct AudioEnd;

impl Rule for AudioEnd {
    fn id(&self) -> &'static str {
        "audio-end"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 15", "AM-23"]
    }

    fn about(&self) -> &'static str {
        "The phone's audio ends with the call."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let told = case.ears();
        for stream in case.audio(true) {
            let of_it: Vec<&Ear<'_>> = told.iter().filter(|told| told.may_be(stream.dst)).collect();
            for stretch in stream.stretches.iter().filter(|stretch| stretch.from <= case.horizon) {
                let known = stretch.from + case.limits.latency();
                // Of several calls with one address, the one that lasts longest allows it.
                let calls = || of_it.iter().filter(|told| told.at <= known);
                let is_named = calls().any(|told| told.audio && told.to.is_some());
                let Some(last) = calls().max_by_key(|told| told.over).filter(|_| is_named) else { continue };
                let until = last.over + case.limits.at_once();
                if last.over > case.horizon {
                    continue;
                }
                match stretch.to > until && !began_again(&of_it, stretch, last) {
                    false => docket.kept(last.ended_by),
                    true => docket.add(
                        docket
                            .draft(format!("no audio to {} once the call is over", stream.dst))
                            .window(Window { from: last.over, to: until })
                            .packets(last.ended_by, last.over)
                            .packets(&[stretch.packets[1]], until)
                            .decided(stretch.to)
                            .seen(format!("audio until {:.2} after the call's end", stretch.to - last.over))
                            .fail(),
                    ),
                }
            }
        }
        docket.close()
    }
}

/// Whether a call that lasts longer has told the same address before the stretch was over.
fn began_again(told: &[&Ear<'_>], stretch: &Stretch, last: &Ear<'_>) -> bool {
    told.iter().any(|other| other.over > last.over && other.at <= stretch.to && other.at > last.at)
}
