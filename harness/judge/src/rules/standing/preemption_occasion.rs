//! When a call takes another's place, and when it does not: only where its line has no room for it, and only
//! where it is above one of the others; then it is never refused as busy (PA-06, PA-06b, PA-06c, F-14 to F-16;
//! RFC 4412 sections 4.5.1, 4.6.6, 4.7.2.1).

use crate::case::{Case, LineCall, rank, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;
use crate::rules::preemption::{Arrival, Demand, arrivals};

/// See the module.
pub struct PreemptionOccasion;

impl Rule for PreemptionOccasion {
    fn id(&self) -> &'static str {
        "preemption-occasion"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["PA-06", "PA-06b", "PA-06c", "RFC 4412 4.6.6", "RFC 4412 4.7.2.1"]
    }

    fn about(&self) -> &'static str {
        "A call takes another's place when its line is full and it is above that one, and at no other time."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.profile.mlpp.enabled {
            return docket.close();
        }
        let calls = case.line_calls();
        for arrival in arrivals(case, &calls) {
            let call = &calls[arrival.call];
            let Some(wrong) = arrival.occasion_fault(case, &calls) else {
                if arrival.is_settled() {
                    docket.kept(call.invite.packets);
                }
                continue;
            };
            // What is missing may still come.
            let waits = arrival.fallen.is_empty() || !arrival.let_in;
            if waits && arrival.refusal.is_none() && case.horizon <= arrival.until {
                continue;
            }
            let draft = docket
                .draft(format!("{}: {}", case.show_call(call), arrival.show_demand(case, &calls)))
                .window(Window { from: call.created(), to: arrival.until })
                .message(call.invite)
                .messages(arrival.shown(&calls))
                .seen(wrong);
            docket.add(draft.fail_unless_lossy("what the phone knew of its calls may have been lost"));
        }
        docket.close()
    }
}

impl<'c, 'a> Arrival<'c, 'a> {
    /// Whether the phone has done what can be judged.
    pub(super) fn is_settled(&self) -> bool {
        self.let_in || self.is_busy() || !self.fallen.is_empty()
    }

    /// Whether the phone refused it because it has no room.
    fn is_busy(&self) -> bool {
        self.refusal.is_some_and(|refusal| matches!(status(refusal), 480 | 486 | 600 | 603))
    }

    /// Whether the phone refused it as its user has chosen for that caller (PA-13).
    fn is_treated(&self, case: &Case<'_>, calls: &[LineCall<'_, '_>]) -> bool {
        let caller = calls[self.call].invite.message.from().and_then(|from| from.sip_uri());
        let user = caller.and_then(|uri| uri.user_name());
        let code = self.refusal.map(status);
        let has_precedence = rank(&case.profile.mlpp, calls[self.call].invite.message).is_some();
        let contacts = &case.profile.incoming.contacts;
        !has_precedence
            && contacts.iter().any(|contact| Some(&contact.user) == user.as_ref() && contact.reject == code)
    }

    /// What is wrong with whether somebody was torn down at all; none where it is right in one of the states that
    /// the line may have been in, or where the call went another way: taken back, or refused for another reason.
    fn occasion_fault(&self, case: &Case<'_>, calls: &[LineCall<'_, '_>]) -> Option<String> {
        let gone = calls[self.call].end.is_some_and(|end| !end.by_phone && end.at <= self.until);
        let refused_otherwise = self.refusal.is_some() && (!self.is_busy() || self.is_treated(case, calls));
        if self.fallen.is_empty() && (gone || refused_otherwise || self.excused) {
            return None;
        }
        if self.demands.iter().any(|demand| self.is_occasion(demand, gone)) {
            return None;
        }
        let fell =
            self.fallen.iter().map(|&other| case.show_call(&calls[other])).collect::<Vec<_>>().join(", ");
        let refused = self.refusal.map(|refusal| format!("refused with {}", status(refusal)));
        Some(match (fell.is_empty(), refused) {
            (false, None) if self.let_in => format!("{fell} torn down"),
            (false, None) => format!("{fell} torn down, and the call not let in"),
            (false, Some(refused)) => format!("{fell} torn down, and the call {refused}"),
            (true, Some(refused)) => format!("nobody torn down, the call {refused}"),
            (true, None) if self.let_in => "nobody torn down, the call let in".to_owned(),
            (true, None) => "nobody torn down, the call neither let in nor refused".to_owned(),
        })
    }

    fn is_occasion(&self, demand: &Demand, gone: bool) -> bool {
        match demand {
            Demand::Room => self.fallen.is_empty() && self.let_in && !self.is_busy(),
            Demand::Busy => {
                self.fallen.is_empty() && self.refusal.is_some_and(|refusal| status(refusal) == 486)
            }
            Demand::NobodyFalls => self.fallen.is_empty(),
            // Nobody has to fall any more for a call that was let in, when another has ended by itself.
            Demand::Falls(_) if self.fallen.is_empty() => {
                self.relieved && self.let_in && self.refusal.is_none()
            }
            Demand::Falls(_) => (self.refusal.is_none() && self.let_in) || gone || self.excused,
        }
    }
}
