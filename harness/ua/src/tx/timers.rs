//! The timers of one transaction: a table keyed by RFC letter.

use sipfarm_core::Instant;

/// The timers of RFC 3261 section 17 and of RFC 6026. Where several are due at one instant, they
/// fire in the order of their letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// INVITE client: repeat the request.
    A,
    /// INVITE client: give up.
    B,
    /// INVITE client: repetitions of the final response have died out.
    D,
    /// Non-INVITE client: repeat the request.
    E,
    /// Non-INVITE client: give up.
    F,
    /// INVITE server: repeat the final response.
    G,
    /// INVITE server: no ACK came.
    H,
    /// INVITE server: repetitions of the ACK have died out.
    I,
    /// Non-INVITE server: repetitions of the request have died out.
    J,
    /// Non-INVITE client: repetitions of the response have died out.
    K,
    /// INVITE server, accepted: repetitions of the INVITE have died out.
    L,
    /// INVITE client, accepted: no further 2xx is waited for.
    M,
    /// INVITE server: the 200 ms after which 100 must have been sent (section 17.2.1). The RFC
    /// gives it no letter.
    Trying,
}

const COUNT: usize = Timer::Trying as usize + 1;

const ALL: [Timer; COUNT] = [
    Timer::A,
    Timer::B,
    Timer::D,
    Timer::E,
    Timer::F,
    Timer::G,
    Timer::H,
    Timer::I,
    Timer::J,
    Timer::K,
    Timer::L,
    Timer::M,
    Timer::Trying,
];

/// When each timer of a transaction is due.
#[derive(Debug, Clone, Default)]
pub struct Timers([Option<Instant>; COUNT]);

impl Timers {
    /// Starts a timer, or starts it anew.
    pub fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    /// Stops a timer.
    pub fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    /// Stops all.
    pub fn stop_all(&mut self) {
        self.0 = Default::default();
    }

    /// The timer that is due first; of those due at one instant, the first letter.
    pub fn next(&self) -> Option<(Instant, Timer)> {
        ALL.iter().filter_map(|timer| Some((self.0[*timer as usize]?, *timer))).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_is_next_and_letters_break_ties() {
        let at = Instant::from_nanos;
        let mut timers = Timers::default();
        assert_eq!(timers.next(), None);
        timers.set(Timer::H, at(5));
        timers.set(Timer::G, at(5));
        timers.set(Timer::Trying, at(9));
        assert_eq!(timers.next(), Some((at(5), Timer::G)));
        timers.set(Timer::G, at(7));
        assert_eq!(timers.next(), Some((at(5), Timer::H)));
        timers.stop(Timer::H);
        assert_eq!(timers.next(), Some((at(7), Timer::G)));
        timers.stop_all();
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn the_table_has_a_place_for_every_timer() {
        for (place, timer) in ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, place);
        }
    }
}
