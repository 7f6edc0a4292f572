//! A call on hold does not outlive its signalling: the phone does not wait for anybody to end it, and
//! begins to register again within the time that its profile says (AM-18).

use sipfarm_core::Span;
use sipfarm_core::profile::CallKind;

use crate::case::{Case, Hold};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct HeldCallLost;

impl Rule for HeldCallLost {
    fn id(&self) -> &'static str {
        "held-call-lost"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["AM-18"]
    }

    fn about(&self) -> &'static str {
        "A call on hold is not preserved: when its signalling is lost, the phone registers again in time."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let drops = case.profile.mcp.not_preserve.contains(&CallKind::Held);
        let Some(within_s) = case.profile.mcp.restart_after_end_s.filter(|_| drops) else {
            return docket.close();
        };
        let lost = case.lost_calls();
        for call in lost.iter().filter(|call| call.hold == Hold::Yes) {
            // While another call is preserved, nobody registers (AM-15).
            let at = call.loss.at;
            if lost.iter().any(|other| other.hold == Hold::No && other.may_live_at(at)) {
                continue;
            }
            let until = call.loss.at + Span::from_secs(within_s.into()) + case.limits.at_once();
            match case.registers_after(call.loss.since, call.loss.register) {
                Some(register) if register.t0() <= until => docket.kept(register.first().packets),
                _ if case.horizon <= until
                    || !case.must_register(call, until)
                    || case.interrupted(call.loss.since, until) => {}
                _ => {
                    let draft = docket
                        .draft(format!(
                            "REGISTER within {within_s} s, as the call was on hold when its server was lost"
                        ))
                        .window(Window { from: call.loss.since, to: until })
                        .packets(&call.loss.shown.0, call.loss.shown.1)
                        .absent(format!("no REGISTER after {}", call.loss.what));
                    docket.add(draft.fail_unless_lossy("a REGISTER may have been lost"));
                }
            }
        }
        docket.close()
    }
}
