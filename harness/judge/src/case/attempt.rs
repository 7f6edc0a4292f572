//! Attempts: one call or one registration, carried from server to server.

use sipfarm_core::Key;
use sipfarm_core::sip::Method;

use super::Case;
use super::exchange::{ClientExchange, status};
use super::register::Purpose;

/// What the phone did for one purpose: the exchanges of one method outside of a dialog, as they
/// follow each other from server to server, credentials and repeated tries included.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// INVITE or REGISTER.
    pub method: Method,
    /// Places in the list of client exchanges, in order of time.
    pub exchanges: Vec<usize>,
}

/// How an exchange ended, as far as the packets tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A final response.
    Final(u16),
    /// A fatal ICMP error or the loss of its connection, and no final response.
    Unreachable,
    /// A provisional response and nothing more.
    Provisional,
    /// Nothing at all.
    Silence,
}

impl ClientExchange<'_> {
    /// How it ended, as far as the packets tell. A response that was cut short has not come.
    pub fn outcome(&self) -> Outcome {
        let code = self.finals().find(|response| !response.is_cut()).map(|response| status(response));
        let answered = self.responses.iter().find(|response| !response.is_cut());
        match (code, self.failures.first(), answered) {
            (Some(code), _, _) => Outcome::Final(code),
            (None, Some(_), _) => Outcome::Unreachable,
            (None, None, Some(_)) => Outcome::Provisional,
            (None, None, None) => Outcome::Silence,
        }
    }
}

/// Joins exchanges to attempts.
pub(super) fn join(case: &Case<'_>) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for (at, exchange) in case.client.iter().enumerate() {
        let register = exchange.method == Method::Register;
        if exchange.in_dialog() || !(register || exchange.method == Method::Invite) {
            continue;
        }
        if register && !case.registration(at).is_some_and(|r| r.purpose.is_attempt()) {
            continue;
        }
        let made_good = case.makes_good(at);
        let open = attempts.iter_mut().rev().find(|attempt| {
            attempt.method == exchange.method
                && attempt
                    .exchanges
                    .last()
                    .is_some_and(|&last| made_good == Some(last) || case.continues(last, at))
        });
        match open {
            Some(attempt) => attempt.exchanges.push(at),
            None => attempts.push(Attempt { method: exchange.method.clone(), exchanges: vec![at] }),
        }
    }
    attempts
}

impl Case<'_> {
    /// Whether exchange `next` goes on with what exchange `last` was for, but for one that it makes good.
    fn continues(&self, last: usize, next: usize) -> bool {
        let (before, after) = (&self.client[last], &self.client[next]);
        if before.from.ip() != after.from.ip() {
            return false;
        }
        if after.method == Method::Invite && before.first().call_id == after.first().call_id {
            return true;
        }
        if falls_short(before, after) {
            return true;
        }
        if before.to == after.to {
            return false;
        }
        // A binding that this server has already is refreshed for its own sake.
        if self.registration(next).is_some_and(|registration| registration.purpose == Purpose::Refresh) {
            return false;
        }
        // The bindings of a phone that registers with two at once go their own ways.
        let set = |exchange: &ClientExchange<'_>| self.place_of(exchange).map(|place| self.set_of(place));
        if after.method == Method::Register && set(before) != set(after) {
            return false;
        }
        let is_of_the_user = |key: &Key| match after.method {
            Method::Invite => matches!(key, Key::Dial(_) | Key::Reboot),
            _ => key.is_for_registration(),
        };
        let same_target =
            before.first().message.to().map(|to| to.uri) == after.first().message.to().map(|to| to.uri);
        same_target
            && !self.notes.commanded(is_of_the_user, before.t0(), after.t0())
            && self.follows_at_once(before, after)
    }

    /// Whether `after` comes no later than the failure of `before` allows.
    fn follows_at_once(&self, before: &ClientExchange<'_>, after: &ClientExchange<'_>) -> bool {
        let failed = match before.outcome() {
            Outcome::Final(_) => before.final_response().map(|response| response.at),
            Outcome::Unreachable => before.failures.first().map(|failure| failure.at),
            // A phone that does not notice ICMP moves on when its timer or its patience ends.
            Outcome::Silence | Outcome::Provisional => None,
        };
        let latest = match failed {
            Some(failed) if before.failures.is_empty() => failed + self.limits.at_once(),
            _ => self.limits.give_up(before.t0(), self.limits.timeout(&before.method)).to,
        };
        after.t0() <= latest
    }
}

/// Whether a REGISTER comes after 423 at the same server, whatever time it asks for now: with too short a
/// one it is the same attempt once more.
fn falls_short(before: &ClientExchange<'_>, after: &ClientExchange<'_>) -> bool {
    let refused = before.final_response().filter(|refusal| status(refusal) == 423);
    after.method == Method::Register
        && before.to == after.to
        && before.first().call_id == after.first().call_id
        && refused.is_some_and(|refusal| refusal.at <= after.t0())
}
