//! An answer over UDP that says that it was cut (TC) is no answer: the same question goes to a server
//! over TCP (RFC 1035 section 4.2.1, RFC 7766 section 5).

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;

use crate::case::{Case, Lookup, Told};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct DnsTruncation;

impl Rule for DnsTruncation {
    fn id(&self) -> &'static str {
        "dns-truncation"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 1035 4.2.1", "RFC 7766 5"]
    }

    fn about(&self) -> &'static str {
        "After a truncated DNS answer over UDP the phone asks the same over TCP."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for lookup in case.dns.lookups.iter().filter(|lookup| lookup.transport == Transport::Udp) {
            let Some(told) = lookup.answer.filter(|told| told.message.truncated) else { continue };
            let window = Window { from: told.at, to: told.at + case.limits.at_once() };
            if went_to_tcp(case, lookup, &told, window.to) {
                docket.kept(told.packets);
                continue;
            }
            // The phone may still do it, or was stopped.
            if case.horizon <= window.to || case.interrupted(window.from, window.to) {
                continue;
            }
            let draft = docket
                .draft(format!("{} over TCP", lookup.what()))
                .window(window)
                .packets(told.packets, told.at)
                .absent(format!("the answer was truncated, and {}", instead(case, lookup, told.at)));
            docket.add(if case.sight.frames {
                draft.fail_unless_lossy("the query over TCP may have been lost")
            } else {
                draft.inconclusive("without frames a refused connection cannot be excluded")
            });
        }
        docket.close()
    }
}

/// Whether the phone asked over TCP, or tried to connect for it.
fn went_to_tcp(case: &Case<'_>, lookup: &Lookup<'_>, told: &Told<'_>, until: Instant) -> bool {
    let asked = case.dns.lookups.iter().any(|other| {
        other.transport == Transport::Tcp
            && other.question == lookup.question
            && other.at() >= told.at
            && other.at() <= until
    });
    let servers: Vec<_> = case.dns.lookups.iter().map(|lookup| lookup.to).collect();
    let connected = case
        .connects
        .iter()
        .any(|connect| connect.at >= told.at && connect.at <= until && servers.contains(&connect.to));
    asked || connected
}

/// What the phone did instead.
fn instead(case: &Case<'_>, lookup: &Lookup<'_>, since: Instant) -> String {
    let again = case.dns.lookups.iter().find(|other| other.question == lookup.question && other.at() > since);
    match again {
        Some(again) => format!("asked again over UDP {:.2} later", again.at() - since),
        None => "nothing was asked over TCP".to_owned(),
    }
}
