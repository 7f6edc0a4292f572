//! When a call that has outlived its signalling has ended, the phone begins to register again, within the
//! time that its profile says (AM-31).

use sipfarm_core::{Instant, Key, Span};

use crate::case::{Case, LostCall};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct Recovery;

impl Rule for Recovery {
    fn id(&self) -> &'static str {
        "recovery"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["AM-31"]
    }

    fn about(&self) -> &'static str {
        "When a preserved call has ended, the phone registers again in time."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let Some(within_s) = case.profile.mcp.restart_after_end_s else { return docket.close() };
        let lost = case.lost_calls();
        for call in lost.iter().filter(|call| call.is_preserved()) {
            let Some(over) = end(case, call).filter(|_| !case.registrations.is_empty()) else { continue };
            // Another call may still be preserved, and then nobody registers (AM-15).
            let beyond = over + case.limits.at_once();
            if lost.iter().any(|other| other.dialog != call.dialog && other.may_live_at(beyond)) {
                continue;
            }
            let until = over + Span::from_secs(within_s.into()) + case.limits.at_once();
            let gives_up = |key: &Key| matches!(key, Key::Unregister | Key::Reboot);
            match case.registers_after(over - case.limits.reaction(), call.loss.register) {
                Some(register) if register.t0() <= until => docket.kept(register.first().packets),
                _ if case.horizon <= until
                    || !case.must_register(call, until)
                    || case.notes.commanded(gives_up, call.loss.since, until) => {}
                _ => {
                    let draft = docket
                        .draft(format!("REGISTER within {within_s} s of the end of the preserved call"))
                        .window(Window { from: over, to: until })
                        .packets(&call.loss.shown.0, call.loss.shown.1)
                        .absent("no REGISTER");
                    docket.add(draft.fail_unless_lossy("a REGISTER may have been lost"));
                }
            }
        }
        docket.close()
    }
}

/// When a preserved call was over for certain: it was ended, or the phone fell silent when its time was over. A phone
/// that falls silent before may only be muted.
fn end(case: &Case<'_>, call: &LostCall<'_>) -> Option<Instant> {
    let limit = case.longest_preservation().map(|(max, off)| call.loss.since + max - off);
    call.ended.or(call.over.filter(|over| limit.is_some_and(|limit| *over >= limit)))
}
