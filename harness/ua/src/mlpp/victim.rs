//! Which call gives way to a higher one (PA-06 to PA-08, F-02, F-13 to F-16; RFC 4412 sections 4.5.1, 4.6.6).

use std::cmp::Reverse;

use sipfarm_core::Instant;
use sipfarm_core::profile::{EqualPrecedence, Mlpp, PreemptState, Tie};
use sipfarm_core::sip::Namespace;

use crate::defect::{Defect, Defects};

/// What takes one appearance of a line: a call, or a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The place of its level among those of the profile; a call without precedence has the lowest.
    pub rank: usize,
    /// What it is doing.
    pub state: PreemptState,
    /// When it was made.
    pub created: Instant,
    /// Since when it is in that state.
    pub since: Instant,
}

/// The place of the one that gives way to a call of the rank `new` where the line is full; `None` when none does.
/// The lowest gives way, of equals the first in the order of states, of those the one that the tie-break names.
pub fn victim(mlpp: &Mlpp, line: &[Standing], new: usize) -> Option<usize> {
    let lowest = line.iter().map(|standing| standing.rank).min()?;
    if !gives_way(mlpp, new, lowest) {
        return None;
    }
    (0..line.len()).filter(|&at| line[at].rank == lowest).min_by_key(|&at| order(mlpp, &line[at], at))
}

/// The same where the line has room: after RFC 4412 section 4.7.2.1, the call that the user is in gives way to a
/// higher one all the same (F-14).
pub fn active_victim(mlpp: &Mlpp, line: &[Standing], new: usize) -> Option<usize> {
    let active = |at: &usize| line[*at].state == PreemptState::Active;
    let lower = |at: &usize| gives_way(mlpp, new, line[*at].rank);
    (0..line.len()).filter(active).filter(lower).min_by_key(|&at| (line[at].rank, order(mlpp, &line[at], at)))
}

/// The policy of a phone that chooses wrongly.
pub fn astray(mlpp: &Mlpp, defects: &Defects) -> Mlpp {
    let mut mlpp = mlpp.clone();
    if defects.has(Defect::PreemptsWrongState) {
        mlpp.order.reverse();
    }
    if defects.has(Defect::PreemptsWrongAge) {
        for tie in [&mut mlpp.tie.alerting, &mut mlpp.tie.held, &mut mlpp.tie.active] {
            *tie = match tie {
                Tie::Newest | Tie::Any => Tie::Oldest,
                Tie::Oldest => Tie::Newest,
                Tie::Shortest => Tie::Longest,
                Tie::Longest => Tie::Shortest,
            };
        }
    }
    if defects.has(Defect::PreemptsEqual) {
        mlpp.equal_precedence = EqualPrecedence::Preempt;
    }
    mlpp
}

/// Whether a call of the rank `old` gives way to one of the rank `new`: only to a higher one (RFC 4412 section
/// 4.5.1), unless the namespace or the profile says otherwise.
fn gives_way(mlpp: &Mlpp, new: usize, old: usize) -> bool {
    let space = mlpp.namespace.as_deref().and_then(Namespace::named);
    space.map_or(new > old, |space| space.preempts(&mlpp.levels, new, old))
        || mlpp.equal_precedence == EqualPrecedence::Preempt && new == old
}

/// Who comes first, gives way first.
fn order(mlpp: &Mlpp, standing: &Standing, at: usize) -> (usize, Reverse<i64>, Reverse<usize>) {
    let state = mlpp.order.iter().position(|state| *state == standing.state).unwrap_or(mlpp.order.len());
    let tie = match standing.state {
        PreemptState::Alerting => mlpp.tie.alerting,
        PreemptState::Held => mlpp.tie.held,
        PreemptState::Active => mlpp.tie.active,
    };
    let late = match tie {
        Tie::Newest | Tie::Any => standing.created.as_nanos(),
        Tie::Oldest => -standing.created.as_nanos(),
        Tie::Shortest => standing.since.as_nanos(),
        Tie::Longest => -standing.since.as_nanos(),
    };
    (state, Reverse(late), Reverse(at))
}

#[cfg(test)]
mod tests {
    use sipfarm_core::Span;

    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn standing(rank: usize, state: PreemptState, created: i64, since: i64) -> Standing {
        assert!(at(since) - at(created) >= Span::ZERO);
        Standing { rank, state, created: at(created), since: at(since) }
    }

    fn dsn() -> Mlpp {
        Mlpp { enabled: true, namespace: Some("dsn".to_owned()), ..Mlpp::default() }
    }

    use PreemptState::{Active, Alerting, Held};

    #[test]
    fn the_lowest_gives_way_whatever_its_state() {
        let line = [standing(2, Alerting, 5, 5), standing(0, Active, 0, 1), standing(1, Held, 0, 2)];
        assert_eq!(victim(&dsn(), &line, 4), Some(1));
        assert_eq!(victim(&dsn(), &line, 1), Some(1), "higher than the lowest is enough (F-16)");
    }

    #[test]
    fn an_equal_does_not_give_way() {
        let line = [standing(3, Active, 0, 1), standing(3, Held, 0, 2)];
        assert_eq!(victim(&dsn(), &line, 3), None);
        assert_eq!(victim(&dsn(), &line, 0), None);
        let yielding = Mlpp { equal_precedence: EqualPrecedence::Preempt, ..dsn() };
        assert_eq!(victim(&yielding, &line, 3), Some(1));
        let top = [standing(5, Active, 0, 1)];
        let drsn = Mlpp { namespace: Some("drsn".to_owned()), ..dsn() };
        assert_eq!(victim(&drsn, &top, 5), Some(0), "RFC 4412 section 10.3");
        let queue = Mlpp { namespace: Some("ets".to_owned()), ..dsn() };
        assert_eq!(victim(&queue, &[standing(0, Active, 0, 1)], 4), None);
    }

    #[test]
    fn of_equals_alerting_then_held_then_active() {
        let line = [standing(1, Active, 0, 1), standing(1, Held, 0, 2), standing(1, Alerting, 0, 0)];
        assert_eq!(victim(&dsn(), &line, 2), Some(2));
        assert_eq!(victim(&dsn(), &line[..2], 2), Some(1));
        let other = Mlpp { order: vec![Active, Held, Alerting], ..dsn() };
        assert_eq!(victim(&other, &line, 2), Some(0));
    }

    #[test]
    fn of_equals_in_one_state_the_profile_says_which() {
        let line = [standing(1, Held, 0, 30), standing(1, Held, 10, 20), standing(1, Held, 5, 25)];
        let with = |held| {
            let mut mlpp = dsn();
            mlpp.tie.held = held;
            victim(&mlpp, &line, 2)
        };
        assert_eq!(with(Tie::Shortest), Some(0));
        assert_eq!(with(Tie::Longest), Some(1));
        assert_eq!(with(Tie::Newest), Some(1));
        assert_eq!(with(Tie::Oldest), Some(0));
        let ringing =
            [standing(1, Alerting, 0, 0), standing(1, Alerting, 10, 10), standing(1, Alerting, 5, 5)];
        assert_eq!(victim(&dsn(), &ringing, 2), Some(1), "PA-08: the one made last");
    }

    #[test]
    fn with_room_only_the_call_that_the_user_is_in_gives_way() {
        let line = [standing(0, Held, 0, 1), standing(1, Active, 0, 1)];
        assert_eq!(active_victim(&dsn(), &line, 2), Some(1));
        assert_eq!(active_victim(&dsn(), &line, 1), None);
        assert_eq!(active_victim(&dsn(), &line[..1], 2), None);
    }
}
