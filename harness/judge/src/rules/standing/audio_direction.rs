//! A phone sends no audio while what both sides have agreed on forbids it: it is on hold, or it has said
//! that it does not send (RFC 3264 sections 5.1, 6.1 and 8.4).

use sipfarm_core::Instant;

use crate::case::{Agreement, Case};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct AudioDirection;

impl Rule for AudioDirection {
    fn id(&self) -> &'static str {
        "audio-direction"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3264 5.1", "RFC 3264 6.1", "RFC 3264 8.4"]
    }

    fn about(&self) -> &'static str {
        "The phone sends no audio while offer and answer forbid it."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let ears = case.ears();
        let forbids = |agreement: &Agreement<'_, '_>| !agreement.lets_phone_send();
        for agreement in case.agreements().into_iter().filter(forbids) {
            let call_id = agreement.call_id();
            let of_it = || ears.iter().filter(|ear| ear.call_id == call_id);
            let over = of_it().map(|ear| ear.over).min().unwrap_or(Instant::FAR_FUTURE);
            let next = case.next_offer(call_id, agreement.answer.at).unwrap_or(Instant::FAR_FUTURE);
            let window = Window {
                from: agreement.answer.at + case.limits.at_once(),
                to: next.min(over).min(case.horizon),
            };
            if window.from >= window.to {
                continue;
            }
            // What another call that is not over, or another medium, goes to, too, may be theirs.
            let shared = |to| {
                let live = |at: Instant, over: Instant| at <= window.to && over >= window.from;
                let others = ears.iter().filter(|ear| ear.call_id != call_id || !ear.audio);
                others.into_iter().any(|ear| ear.may_be(to) && live(ear.at, ear.over))
            };
            let own = |to| of_it().any(|ear| ear.audio && ear.to == Some(to)) && !shared(to);
            let streams = case.audio(true).filter(|stream| own(stream.dst));
            let heard = streams.flat_map(|stream| &stream.stretches);
            let heard =
                heard.filter(|stretch| stretch.touches(window.from, window.to)).min_by_key(|s| s.from);
            let Some(stretch) = heard else {
                docket.kept(agreement.answer.packets);
                continue;
            };
            let seen = match stretch.from < window.from {
                true => "the phone goes on sending".to_owned(),
                false => {
                    format!("the phone begins to send {:.2} after it", stretch.from - agreement.answer.at)
                }
            };
            let draft = docket
                .draft(format!(
                    "no audio to {}, from the phone's \"{}\" and the other side's \"{}\" on",
                    case.names.show(agreement.offer.dst, agreement.offer.transport),
                    agreement.own.as_str(),
                    agreement.theirs.as_str(),
                ))
                .forbidden(window)
                .message(agreement.offer)
                .message(agreement.answer)
                .packets(&stretch.packets, window.from.max(stretch.from))
                .seen(seen);
            docket.add(
                draft.fail_unless_lossy("the phone may not have got the answer, or the tap a later one"),
            );
        }
        docket.close()
    }
}
