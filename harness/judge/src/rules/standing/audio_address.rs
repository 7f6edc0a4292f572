//! A phone sends audio only where a session description of the other side said (RFC 3264 sections 5.1
//! and 6.1), be it audio or another medium. A description that was replaced later in the call still counts
//! here, and while a call is up whose description leaves the address open, any address may be that call's.

use std::collections::BTreeSet;

use crate::case::{Case, Ear};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct AudioAddress;

impl Rule for AudioAddress {
    fn id(&self) -> &'static str {
        "audio-address"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3264 5.1", "RFC 3264 6.1", "AM-03"]
    }

    fn about(&self) -> &'static str {
        "The phone sends audio only to an address that a session description told it."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let told = case.ears();
        for stream in case.audio(true) {
            for stretch in stream.stretches.iter().filter(|stretch| stretch.from <= case.horizon) {
                let known = stretch.from + case.limits.latency();
                let known = || told.iter().filter(|told| told.at <= known);
                if known().any(|told| told.to == Some(stream.dst)) {
                    docket.kept(&stretch.packets);
                    continue;
                }
                let open =
                    |told: &Ear<'_>| told.to.is_none() && stretch.from <= told.over + case.limits.at_once();
                if known().any(open) {
                    continue;
                }
                let addresses: BTreeSet<_> = known().filter_map(|told| told.to).collect();
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                let expected = match addresses.is_empty() {
                    true => "no audio before a session description says where to".to_owned(),
                    false => format!("audio to {}", addresses.join(" or ")),
                };
                let draft = docket
                    .draft(expected)
                    .packets(&stretch.packets, stretch.from)
                    .seen(format!("audio to {}", stream.dst));
                docket.add(draft.fail_unless_lossy("the tap may have missed the description"));
            }
        }
        docket.close()
    }
}
