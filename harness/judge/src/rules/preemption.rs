//! What a further call has to do to the others on its line, and what the phone did: shared by the rules about
//! preemption (PA-06 to PA-09, F-13 to F-16; RFC 4411 section 2, RFC 4412 sections 4.6.6 and 4.7.2.1).

use sipfarm_core::profile::{CallAction, EqualPrecedence, Mlpp, PreemptState, SignallingLoss, Tie};
use sipfarm_core::sip::{Namespace, Policy, Reason};
use sipfarm_core::{Instant, Key, Span};

use crate::case::{CallEnd, CallState, Case, LineCall, Seen, Unit, asks_for_more, preempts, status};

/// A teardown may take so long beyond the profile's delay (PA-06).
const TEARDOWN: Span = Span::from_secs(2);

/// Which of two calls is the newer, or was held for longer, is beyond doubt when they are further apart than
/// this (PA-08).
const APART: Span = Span::from_secs(1);

/// How long after the INVITE the phone may take to tear a call down, and to refuse.
pub fn limit(case: &Case<'_>) -> Span {
    Span::from_secs(case.profile.mlpp.preempt_delay_s.local.into()) + TEARDOWN + case.limits.grace()
}

/// How a call was torn down.
pub struct Teardown {
    /// `BYE`, `CANCEL`, or the status code of a refusal.
    pub with: String,
    /// Its Reason, where that tells of preemption.
    pub reason: Option<Reason>,
}

impl Teardown {
    /// What the end of a call was.
    pub fn of(end: &CallEnd<'_, '_>) -> Teardown {
        let with = match status(end.message) {
            0 => end.message.what(),
            code => code.to_string(),
        };
        Teardown { with, reason: end.message.message.preemption() }
    }
}

/// What a further call must lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// There is room: it alerts, and nobody is torn down.
    Room,
    /// There is none, and it is not above any other: 486, and nobody is torn down.
    Busy,
    /// Nobody is torn down; what becomes of it, the profile leaves open.
    NobodyFalls,
    /// One of these is torn down, and no other.
    Falls(Vec<Unit>),
}

/// What the calls on a line demand when one more of the rank `new` comes: more than one thing where phones may
/// take the state of a call for either.
pub fn demand(mlpp: &Mlpp, appearances: usize, units: &[Unit], new: usize) -> Vec<Demand> {
    let below = |unit: &&Unit| preempts(mlpp, new, unit.rank);
    let in_state = |state: CallState| -> Vec<Unit> {
        units.iter().filter(|unit| unit.state == state).filter(below).cloned().collect()
    };
    if units.len() < appearances {
        let (active, either) = (in_state(CallState::Active), in_state(CallState::HeldByOther));
        // With room, only a phone after RFC 4412 section 4.7.2.1 ends the call that its user is in (F-14).
        if mlpp.requires_all_appearances || (active.is_empty() && either.is_empty()) {
            return vec![Demand::Room];
        }
        let room = active.is_empty().then_some(Demand::Room);
        return room.into_iter().chain([Demand::Falls(active.into_iter().chain(either).collect())]).collect();
    }
    // Who queues tears nobody down, and may let the call wait, or not (RFC 4412 sections 4.5.2 and 4.7.2.2).
    let space = mlpp.namespace.as_deref().and_then(Namespace::named);
    if space.is_some_and(|space| space.policy == Policy::Queue) {
        return vec![Demand::NobodyFalls];
    }
    let Some(lowest) = units.iter().map(|unit| unit.rank).min() else { return vec![Demand::NobodyFalls] };
    if !preempts(mlpp, new, lowest) {
        return vec![match mlpp.equal_precedence {
            EqualPrecedence::Reject486 => Demand::Busy,
            EqualPrecedence::Preempt if new == lowest => Demand::Falls(chosen(mlpp, units, lowest)),
            EqualPrecedence::Preempt => Demand::Busy,
        }];
    }
    let mut falls = chosen(mlpp, units, lowest);
    if !mlpp.requires_all_appearances {
        // Of a phone that ends the call that its user is in, nobody has said whether a full line changes that (F-14).
        falls.extend(in_state(CallState::Active));
    }
    vec![Demand::Falls(falls)]
}

/// Those among the units of that rank that may be torn down (PA-07, PA-08).
fn chosen(mlpp: &Mlpp, units: &[Unit], rank: usize) -> Vec<Unit> {
    let candidates = || units.iter().filter(|unit| unit.rank == rank);
    // Where calls that wait for an answer stand in the order, nobody has said.
    let mut allowed: Vec<Unit> =
        candidates().filter(|unit| unit.state == CallState::Dialling).cloned().collect();
    // A call that the other side holds is held for some phones, and active for others.
    for as_if in [CallState::Held, CallState::Active] {
        let state = |unit: &Unit| match unit.state {
            CallState::HeldByOther => as_if,
            state => state,
        };
        let first = mlpp.order.iter().find_map(|&wanted| {
            let those: Vec<Unit> = candidates().filter(|unit| state(unit) == of(wanted)).cloned().collect();
            (!those.is_empty()).then(|| tied(tie(mlpp, wanted), those))
        });
        let new: Vec<Unit> = first.into_iter().flatten().filter(|unit| !allowed.contains(unit)).collect();
        allowed.extend(new);
    }
    allowed
}

fn of(state: PreemptState) -> CallState {
    match state {
        PreemptState::Alerting => CallState::Alerting,
        PreemptState::Held => CallState::Held,
        PreemptState::Active => CallState::Active,
    }
}

fn tie(mlpp: &Mlpp, state: PreemptState) -> Tie {
    match state {
        PreemptState::Alerting => mlpp.tie.alerting,
        PreemptState::Held => mlpp.tie.held,
        PreemptState::Active => mlpp.tie.active,
    }
}

/// Those of several in the same state that the tie-break may mean: the one, and whoever is too near to it in time
/// for anybody to tell.
fn tied(tie: Tie, units: Vec<Unit>) -> Vec<Unit> {
    let key = |unit: &Unit| match tie {
        Tie::Newest | Tie::Oldest => unit.created,
        Tie::Shortest | Tie::Longest => unit.since,
        Tie::Any => Instant::EPOCH,
    };
    let latest = matches!(tie, Tie::Newest | Tie::Shortest);
    let keys = units.iter().map(key);
    let Some(best) = (if latest { keys.max() } else { keys.min() }) else { return units };
    units.into_iter().filter(|unit| (key(unit) - best).abs() < APART).collect()
}

/// A call that came to the phone when its line had others, with what the phone did about it.
pub struct Arrival<'c, 'a> {
    /// Its place in the list of calls.
    pub call: usize,
    /// What it may have led to: one for each state that the line may have been in when the phone decided.
    pub demands: Vec<Demand>,
    /// The calls that the phone tore down in its favour, by place.
    pub fallen: Vec<usize>,
    /// The phone's refusal, if it is its own: not its user's, nor for a third call that is higher still.
    pub refusal: Option<&'c Seen<'a>>,
    /// Whether the phone rang for it or took it.
    pub let_in: bool,
    /// Whether nothing more can be asked: the user has refused it, the phone was starting, or it keeps a call and may
    /// take no other.
    pub excused: bool,
    /// Whether another call of the line was over without being torn down before anybody had to fall.
    pub relieved: bool,
    /// Until when the phone had to act.
    pub until: Instant,
}

/// The calls with precedence, or against one, that came to the phone's lines, in order; empty where what the phone
/// had to do cannot be known.
pub fn arrivals<'c, 'a>(case: &'c Case<'a>, calls: &'c [LineCall<'c, 'a>]) -> Vec<Arrival<'c, 'a>> {
    // Who fell already, and for a call that came when.
    let mut doomed: Vec<(usize, Instant)> = Vec::new();
    let mut arrivals: Vec<Arrival<'c, 'a>> = Vec::new();
    for (place, call) in calls.iter().enumerate().filter(|(_, call)| call.incoming) {
        let Some(appearances) = appearances(case, &call.line) else { continue };
        let mut arrival = arrival(case, calls, place, appearances, &doomed);
        // Of what fell since, it takes what it had to; the rest may have fallen for one that came behind it.
        arrival.fallen = arrival.share();
        doomed.extend(arrival.fallen.iter().map(|&fallen| (fallen, call.created())));
        arrivals.push(arrival);
    }
    // What fell for nobody, fell for the last that came before.
    for other in (0..calls.len()).filter(|other| !doomed.iter().any(|(fallen, _)| fallen == other)) {
        let fell_for = |arrival: &&mut Arrival<'c, 'a>| {
            other != arrival.call
                && falls_for(case, &calls[other], calls[arrival.call].created(), arrival.until)
        };
        if let Some(last) = arrivals.iter_mut().rev().find(fell_for) {
            last.fallen.push(other);
        }
    }
    arrivals
}

/// How many appearances a line has; known of our own scenarios only.
pub fn appearances(case: &Case<'_>, line: &str) -> Option<usize> {
    let scene = case.notes.scene?;
    if scene.lines.is_empty() {
        return Some(case.profile.lines.appearances.into());
    }
    scene.lines.iter().find(|known| known.user == line).map(|known| known.appearances.into())
}

impl Arrival<'_, '_> {
    /// Those of the fallen that it had to bring down.
    fn share(&self) -> Vec<usize> {
        let of_unit =
            |unit: &Unit| self.fallen.iter().copied().filter(|fallen| unit.calls.contains(fallen)).collect();
        let allowed = self.demands.iter().filter_map(|demand| match demand {
            Demand::Falls(units) => Some(units),
            _ => None,
        });
        allowed.flatten().map(of_unit).find(|share: &Vec<usize>| !share.is_empty()).unwrap_or_default()
    }
}

fn arrival<'c, 'a>(
    case: &'c Case<'a>,
    calls: &'c [LineCall<'c, 'a>],
    place: usize,
    appearances: usize,
    doomed: &[(usize, Instant)],
) -> Arrival<'c, 'a> {
    let call = &calls[place];
    let until = call.created() + limit(case);
    let exchange = case.server.iter().find(|e| e.first().at == call.created() && call.has(e.first().call_id));
    let responses = || exchange.into_iter().flat_map(|e| &e.responses);
    let let_in = responses().any(|r| (101..300).contains(&status(r)) && r.at <= until);
    let ends = |key: &Key| matches!(key, Key::Reject(_) | Key::HangUp | Key::Reboot);
    let by_user = |r: &Seen<'_>| case.notes.commanded(ends, call.created(), r.at);
    let fell_itself = |r: &Seen<'_>| {
        let is_later = |other: &LineCall<'_, '_>| {
            let (mlpp, new, old) = (&case.profile.mlpp, other.rank(r.at), call.rank(r.at));
            let is_equal = mlpp.equal_precedence == EqualPrecedence::Preempt && new == old;
            let is_above = preempts(mlpp, new, old) || is_equal;
            other.incoming && is_above && other.created() > call.created() && other.created() <= r.at
        };
        r.message.preemption().is_some() && calls.iter().any(is_later)
    };
    let refused = responses().find(|r| status(r) >= 300 && r.at <= until);
    let rejected = refused.is_some_and(|r| by_user(r));
    let refusal = refused.filter(|r| !by_user(r) && !fell_itself(r)).map(|response| &**response);
    let gave_way = refused.is_some_and(|r| fell_itself(r));
    let excused =
        rejected || gave_way || (responses().next().is_none() && is_starting(case, call.created(), until));
    let is_doomed =
        |other: usize, at: Instant| doomed.iter().any(|(known, since)| *known == other && *since <= at);
    let keeps = refusal.is_some() && may_preserve(case, call.created());
    let fallen: Vec<usize> = (0..calls.len())
        .filter(|&other| other != place && !is_doomed(other, until))
        .filter(|&other| falls_for(case, &calls[other], call.created(), until))
        .collect();
    let relieves = |other: &LineCall<'_, '_>| {
        let over = other.end.map(|end| end.at).into_iter().chain(other.doubtful);
        other.line == call.line
            && other.let_in
            && other.created() < call.created()
            && over.min().is_some_and(|at| at > call.created() && at <= until)
    };
    let relieved = (0..calls.len())
        .any(|other| !is_doomed(other, until) && !fallen.contains(&other) && relieves(&calls[other]));
    // The phone has decided when it first said something, or tore somebody down.
    let acted = responses().map(|r| r.at).filter(|at| *at >= call.created());
    let said = responses().find(|r| status(r) > 100).map(|r| r.at);
    let fell = fallen.iter().filter_map(|&other| Some(calls[other].end?.at)).min();
    let decided = said.into_iter().chain(fell).min().or_else(|| acted.max()).unwrap_or(until).min(until);
    let mut demands = Vec::new();
    // What ended in the very instant, in a capture of coarse stamps, was there when the call came.
    let mut lasting = calls.to_vec();
    let ended_with_it = |end: &&mut CallEnd<'_, '_>| end.at == call.created();
    for end in lasting.iter_mut().filter_map(|call| call.end.as_mut()).filter(ended_with_it) {
        end.at += Span::from_nanos(1);
    }
    let known = instants(case, calls, call.created(), decided).into_iter();
    for (calls, at) in known.map(|at| (calls, at)).chain([(&*lasting, call.created())]) {
        // Of those that came with it, the ones behind it come later.
        let is_behind =
            |leg: usize| leg > place && calls[leg].created() == call.created() && at == call.created();
        for sure in [false, true] {
            let mut units = case.units(calls, &call.line, at, sure);
            units.retain(|unit| {
                let legs = || unit.calls.iter().copied();
                !unit.calls.contains(&place)
                    && !legs().all(|leg| is_doomed(leg, at))
                    && !legs().any(is_behind)
            });
            for shown in 0..=shown(case, calls, &call.line, at).min(appearances) {
                let new = call.rank(call.created());
                for demand in demand(&case.profile.mlpp, appearances - shown, &units, new) {
                    if !demands.contains(&demand) {
                        demands.push(demand);
                    }
                }
            }
        }
    }
    let excused = excused || keeps && fallen.is_empty();
    Arrival { call: place, demands, fallen, refusal, let_in, excused, relieved, until }
}

/// Whether the phone may have been keeping a call whose server it had lost, during which its profile lets it take no
/// other (AM-23).
fn may_preserve(case: &Case<'_>, at: Instant) -> bool {
    let mcp = &case.profile.mcp;
    let preserves = case.profile.call_in_progress.on_signalling_loss == SignallingLoss::Preserve;
    if !mcp.supported || !preserves || mcp.allowed_actions.contains(&CallAction::AnswerIncoming) {
        return false;
    }
    case.dialogs.iter().filter(|dialog| dialog.confirmed).any(|dialog| {
        let bye = case.end_by_bye(&dialog.call_id, &dialog.local_tag, &dialog.remote_tag);
        bye.is_none_or(|(end, _)| end > at) && case.may_have_lost(dialog, Instant::EPOCH, at)
    })
}

/// Whether the phone was switched off and on before `to`, and had said nothing since when it was `from`.
fn is_starting(case: &Case<'_>, from: Instant, to: Instant) -> bool {
    let pressed = case.notes.when_commanded(|key| *key == Key::Reboot).filter(|at| *at <= to).max();
    let has_spoken = |since: Instant| {
        let mut own = case.messages.iter().filter(|seen| case.names.is_phone(seen.src));
        own.any(|seen| seen.at > since + case.limits.at_once() && seen.at < from)
    };
    pressed.is_some_and(|pressed| !has_spoken(pressed))
}

/// How many calls of a line the other side has preempted just before: a phone may go on to show each for the time
/// of its profile, and then it may have no room for another yet.
fn shown(case: &Case<'_>, calls: &[LineCall<'_, '_>], line: &str, at: Instant) -> usize {
    let lasts = Span::from_secs(case.profile.mlpp.preempt_delay_s.remote.into()) + case.limits.at_once();
    let is_shown = |call: &&LineCall<'_, '_>| {
        call.line == line
            && call.end.is_some_and(|end| {
                !end.by_phone
                    && end.at <= at
                    && end.at + lasts >= at
                    && end.message.message.preemption().is_some()
            })
    };
    calls.iter().filter(is_shown).count()
}

/// The instants at which the line may have been looked at: before and after each change that came about while the
/// phone decided, from as long before as the tap's view may be ahead of the phone's.
fn instants<'a>(
    case: &Case<'a>,
    calls: &[LineCall<'_, 'a>],
    came: Instant,
    decided: Instant,
) -> Vec<Instant> {
    let tick = Span::from_nanos(1);
    let changes = case.changes(calls, came - case.doubt(), decided - tick);
    let around = changes.into_iter().filter(|at| *at != came).flat_map(|at| [at - tick, at]);
    let mut instants: Vec<Instant> = around.chain([came]).collect();
    instants.sort();
    instants
}

/// Whether the phone tore a call down of its own accord within that time: it says that it preempts, or nothing else
/// explains it. Who pressed which key is known of our own scenarios only.
fn falls_for(case: &Case<'_>, call: &LineCall<'_, '_>, from: Instant, to: Instant) -> bool {
    let Some(end) = call.end.filter(|end| end.by_phone && end.at >= from && end.at <= to) else {
        return false;
    };
    if call.created() >= from {
        return false;
    }
    if end.message.message.preemption().is_some() {
        return true;
    }
    if !call.let_in {
        return false; // It was refused before it rang: there was nothing to tear down.
    }
    let ends = |key: &Key| matches!(key, Key::HangUp | Key::Reject(_) | Key::Reboot);
    let failed = |end: Instant| {
        case.client.iter().any(|e| {
            call.has(e.first().call_id)
                && e.in_dialog()
                && e.t0() < end
                && e.code().is_none_or(|code| code >= 300 && code != 491 && !asks_for_more(code))
        })
    };
    case.notes.scene.is_some()
        && !case.notes.commanded(ends, from - case.limits.at_once(), end.at)
        && !failed(end.at)
        && !has_expired(case, call, end.at)
}

/// Whether the session of a call may have expired by then, so that the phone ends it (RFC 4028 section 10).
fn has_expired(case: &Case<'_>, call: &LineCall<'_, '_>, at: Instant) -> bool {
    let sessions = case.sessions();
    let of_it = sessions
        .iter()
        .filter(|session| call.has(&case.dialogs[session.dialog].call_id) && session.accepted.at <= at);
    let last = of_it.max_by_key(|session| session.accepted.at);
    last.and_then(|session| session.given_up()).is_some_and(|given_up| given_up - case.doubt() <= at)
}
