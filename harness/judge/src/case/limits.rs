//! The numbers of RFC 3261 and the tolerances of the profile, as the rules use them.

use sipfarm_core::profile::{Profile, RetryRule};
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use crate::finding::Window;
use crate::mark::Sight;

/// A connect that nobody answers may take this long where the profile names no time (YL-06).
pub const CONNECT_CAP: Span = Span::from_secs(130);

/// No schedule has more sends: T2 of a millisecond would make a list without end.
pub const SENDS_MAX: i64 = 1000;

/// How intervals grow from one send to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ladder {
    /// Timer A: doubles without end (RFC 3261 section 17.1.1.2).
    Invite,
    /// Timers E and G, and 2xx to INVITE: doubles up to T2 (sections 17.1.2.2, 17.2.1, 13.3.1.4).
    Capped,
}

impl Ladder {
    /// The ladder of a client transaction of that method.
    pub fn of(method: &Method) -> Self {
        if *method == Method::Invite { Ladder::Invite } else { Ladder::Capped }
    }
}

/// How long requests wait for a response.
#[derive(Debug, Clone, Copy)]
struct Timeouts {
    invite: Span,
    non_invite: Span,
}

impl Timeouts {
    fn of(self, method: &Method) -> Span {
        if *method == Method::Invite { self.invite } else { self.non_invite }
    }
}

/// Times and tolerances, with the delay between phone and tap worked in.
#[derive(Debug, Clone)]
pub struct Limits {
    t1: Span,
    t2: Span,
    own: Timeouts,
    timer_b: Timeouts,
    retx_lo: f64,
    retx_hi: f64,
    early: Span,
    late: Span,
    giveup_lo: Span,
    giveup_hi: Span,
    latency: Span,
}

impl Limits {
    /// From a profile and what the tap can see.
    pub fn new(profile: &Profile, sight: &Sight) -> Self {
        let tolerance = &profile.tolerance;
        let own = Timeouts {
            invite: profile.timers.invite_timeout(),
            non_invite: profile.timers.non_invite_timeout(),
        };
        // Where rule `fixed_timeout` takes the profile's times for itself, `timer_b` means the RFC's.
        let failover = &profile.failover;
        let fixed = [failover.retry_rule, failover.last_server].contains(&RetryRule::FixedTimeout);
        let rfc = profile.timers.t1() * 64;
        let timer_b = if fixed { Timeouts { invite: rfc, non_invite: rfc } } else { own };
        Limits {
            t1: profile.timers.t1(),
            t2: profile.timers.t2(),
            own,
            timer_b,
            retx_lo: tolerance.retx_lo,
            retx_hi: tolerance.retx_hi,
            early: Span::from_millis(tolerance.early_ms.into()),
            late: Span::from_millis(tolerance.abs_ms.into()),
            giveup_lo: Span::from_millis(tolerance.giveup_lo_ms.into()),
            giveup_hi: Span::from_millis(tolerance.giveup_hi_ms.into()),
            latency: sight.latency,
        }
    }

    /// T2.
    pub fn t2(&self) -> Span {
        self.t2
    }

    /// 64×T1: timers H and L, and the life of an unacknowledged 2xx. Unlike timers B and F no
    /// vendor parameter changes it.
    pub fn sixty_four_t1(&self) -> Span {
        self.t1 * 64
    }

    /// Timer B for INVITE, timer F for every other method: the longest that any server is given.
    pub fn timeout(&self, method: &Method) -> Span {
        self.own.of(method).max(self.timer_b.of(method))
    }

    /// Whether the retry rules give different times, so that it matters which one holds.
    pub fn differs_by_rule(&self, method: &Method) -> bool {
        self.own.of(method) != self.timer_b.of(method)
    }

    /// The time that a retry rule gives a request.
    pub fn timeout_by(&self, rule: RetryRule, method: &Method) -> Span {
        match rule {
            RetryRule::TimerB => self.timer_b.of(method),
            RetryRule::FixedTimeout | RetryRule::RetryCount => self.own.of(method),
        }
    }

    /// When the sends of a client transaction are due, counted from the first: `0, T1, 3·T1, 7·T1 …`
    /// before the time-out. Seven for INVITE and eleven for other methods with the RFC's defaults.
    pub fn slots(&self, method: &Method, timeout: Span) -> Vec<Span> {
        self.ladder(Ladder::of(method), timeout)
    }

    /// When the sends of a final response are due while nobody acknowledges it.
    pub fn response_slots(&self) -> Vec<Span> {
        self.ladder(Ladder::Capped, self.sixty_four_t1())
    }

    /// All instants of a ladder before `until`.
    pub fn ladder(&self, ladder: Ladder, until: Span) -> Vec<Span> {
        let mut slots = vec![Span::ZERO];
        let (mut at, mut interval) = (self.t1, self.t1);
        while at < until && (slots.len() as i64) < SENDS_MAX && interval > Span::ZERO {
            slots.push(at);
            interval = match ladder {
                Ladder::Invite => interval * 2,
                Ladder::Capped => (interval * 2).min(self.t2.max(self.t1)),
            };
            at += interval;
        }
        slots
    }

    /// The window of one repetition, `tol.retx` of the behaviour catalogue laid on the absolute
    /// schedule. With `S(k)` the nominal instant of repetition k after the first send and
    /// `I(k) = S(k) − S(k−1)` its nominal interval:
    ///
    /// ```text
    /// from  t0 + S(k−1) + retx_lo·I(k) − early_ms − latency
    /// to    t0 + S(k−1) + retx_hi·I(k) + abs_ms   + latency
    /// ```
    ///
    /// So a repetition that came late moves no later window, and the delays of two packets on
    /// their way to the tap, each between nothing and `latency`, cannot make a punctual phone late.
    pub fn repetition(&self, t0: Instant, before: Span, due: Span) -> Window {
        let interval = due - before;
        Window {
            from: t0 + before + interval.scale(self.retx_lo) - self.early - self.latency,
            to: t0 + before + interval.scale(self.retx_hi) + self.late + self.latency,
        }
    }

    /// When a phone may leave a server, or stop, because a timer of nominal length `span` that
    /// began at `t0` has run out (`tol.giveup`).
    pub fn give_up(&self, t0: Instant, span: Span) -> Window {
        Window {
            from: t0 + span + self.giveup_lo - self.latency,
            to: t0 + span + self.giveup_hi + self.latency,
        }
    }

    /// How long after a packet was seen at the tap the phone may still send as if it had not been
    /// there: the packet's way to the phone, the phone's reaction (`abs_ms`, as handset timers
    /// tick that coarsely) and the way of what it sent to the tap.
    pub fn reaction(&self) -> Span {
        self.latency * 2 + self.late
    }

    /// What counts as *at once* for something that needs a decision of the phone, the next server
    /// or an ACK: `giveup_hi_ms`, as it includes name resolution and connecting.
    pub fn at_once(&self) -> Span {
        self.latency * 2 + self.giveup_hi
    }

    /// How far a limit that an author wrote may be overstepped: `abs_ms`, and the way to the tap.
    pub fn grace(&self) -> Span {
        self.latency + self.late
    }

    /// The longest delay from the phone to the tap or back.
    pub fn latency(&self) -> Span {
        self.latency
    }

    /// Two sends closer than this may be one packet that the network doubled.
    pub fn same_instant(&self) -> Span {
        self.latency + self.early
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(profile: &Profile) -> Limits {
        Limits::new(profile, &Sight { frames: true, lossy: false, latency: Span::ZERO })
    }

    fn secs(spans: &[Span]) -> Vec<f64> {
        spans.iter().map(|span| span.as_secs_f64()).collect()
    }

    #[test]
    fn the_ladders_are_those_of_the_rfc() {
        let limits = limits(&Profile::default());
        assert_eq!(
            secs(&limits.slots(&Method::Invite, limits.timeout(&Method::Invite))),
            [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
        );
        assert_eq!(
            secs(&limits.slots(&Method::Register, limits.timeout(&Method::Register))),
            [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        );
    }

    #[test]
    fn a_shorter_time_out_cuts_the_ladder() {
        let mut profile = Profile::default();
        profile.timers.invite_timeout_ms = Some(4_000);
        let limits = limits(&profile);
        let timeout = limits.timeout(&Method::Invite);
        assert_eq!(secs(&limits.slots(&Method::Invite, timeout)), [0.0, 0.5, 1.5, 3.5]);
    }

    #[test]
    fn timer_b_is_the_rfcs_only_beside_a_fixed_time() {
        let mut profile = Profile::default();
        profile.timers.invite_timeout_ms = Some(4_000);
        let of = |profile: &Profile, rule| limits(profile).timeout_by(rule, &Method::Invite).as_secs_f64();
        assert_eq!(of(&profile, RetryRule::TimerB), 4.0);
        profile.failover.retry_rule = RetryRule::FixedTimeout;
        assert_eq!(of(&profile, RetryRule::FixedTimeout), 4.0);
        assert_eq!(of(&profile, RetryRule::TimerB), 32.0);
    }

    #[test]
    fn a_window_is_tol_retx_on_the_absolute_schedule() {
        let limits = limits(&Profile::default());
        let window = limits.repetition(Instant::EPOCH, Span::from_millis(1_500), Span::from_millis(3_500));
        // 1.5 + 0.90 × 2 − 0.02 and 1.5 + 1.25 × 2 + 0.1
        assert_eq!(window.from, Instant::EPOCH + Span::from_millis(3_280));
        assert_eq!(window.to, Instant::EPOCH + Span::from_millis(4_100));
    }

    #[test]
    fn latency_widens_every_window_on_both_sides() {
        let sight = Sight { frames: true, lossy: false, latency: Span::from_millis(30) };
        let limits = Limits::new(&Profile::default(), &sight);
        let window = limits.repetition(Instant::EPOCH, Span::ZERO, Span::from_millis(500));
        assert_eq!(window.from, Instant::EPOCH + Span::from_millis(400));
        assert_eq!(window.to, Instant::EPOCH + Span::from_millis(755));
        assert_eq!(limits.reaction(), Span::from_millis(160));
    }
}
