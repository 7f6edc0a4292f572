//! How long a registration waits: until a refresh, and until the next round of attempts.

use sipfarm_core::Span;
use sipfarm_core::profile::RetryKind;

use super::Registration;
use crate::core::Core;
use crate::defect::Defect;

/// So many REGISTERs show that a phone refreshes too often; judging thousands would only take long.
const SEEN_ENOUGH: u32 = 100;

impl Registration {
    /// The time until the next round of attempts.
    pub(super) fn pause(&self, core: &mut Core) -> Span {
        if core.has(Defect::HammersDeadServer) {
            return Span::from_secs(1);
        }
        let retry = core.profile().registration.retry.clone();
        let (base, max) = (f64::from(retry.base_s), f64::from(retry.max_s));
        let share = core.ids.share();
        let seconds = match retry.kind {
            RetryKind::Fixed => base,
            RetryKind::RandomRange => base + (max - base) * share,
            RetryKind::Rfc5626 => {
                let doublings = i32::try_from(self.failed_rounds).unwrap_or(i32::MAX).min(30);
                (base * 2f64.powi(doublings)).min(max) * (0.5 + 0.5 * share)
            }
        };
        let jitter = 1.0 + retry.jitter * (2.0 * core.ids.share() - 1.0);
        Span::from_secs_f64(seconds * jitter)
    }
}

/// The time from the grant of a binding to its refresh.
pub(super) fn refresh_after(granted: Span, cseq: u32, core: &mut Core) -> Span {
    let policy = &core.profile().registration;
    let (lo, hi) = (policy.refresh_lo, policy.refresh_hi);
    // From the middle half of the window: away from both of its ends, and from other phones.
    let share = lo + (hi - lo) * (0.25 + 0.5 * core.ids.share());
    match () {
        () if core.has(Defect::RefreshesLate) => granted.scale(hi + 0.2),
        () if core.has(Defect::RefreshesEverySecond) && cseq < SEEN_ENOUGH => Span::from_secs(1),
        () => granted.scale(share),
    }
}
