//! What `Then` steps expect: one file per variant of [`Expectation`].
//!
//! A verdict here rests on the earliest packets that decide it. What comes later changes nothing,
//! so that the finished capture gives the verdict of the live wait again.

mod acknowledges_every;
mod answers;
mod asks_dns;
mod audio_flows;
mod audio_keeps_flowing;
mod call_answer;
mod call_carries;
mod call_ends;
mod call_established;
mod call_fails;
mod carries;
mod complete_timeout;
mod held;
mod moves_on;
mod near;
mod order;
mod preempted;
mod registered;
mod registration_rounds;
mod repeats_response;
mod same_aor;
mod sees;
mod sends;
mod sends_no_audio;
mod sends_nothing;
mod transmissions;

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use self::call_carries::What;
use super::RuleInfo;
use crate::case::{Case, ClientExchange, Done, MOMENT, SeenRef, status};
use crate::expectation::Expectation;
use crate::finding::{Finding, Window};
use crate::mark::Expected;

/// Every rule behind a `Then` step.
pub const ALL: &[RuleInfo] = &[
    sends::RULE,
    carries::RULE,
    sends_nothing::RULE,
    order::RULE,
    moves_on::RULE,
    complete_timeout::RULE,
    transmissions::RULE,
    answers::RULE,
    repeats_response::RULE,
    acknowledges_every::RULE,
    call_established::RULE,
    call_fails::RULE,
    registered::RULE,
    registration_rounds::RULE,
    same_aor::RULE,
    call_ends::RULE,
    asks_dns::RULE,
    audio_flows::RULE,
    audio_keeps_flowing::RULE,
    sends_no_audio::SILENT,
    sends_no_audio::PAST,
    held::RULE,
    preempted::RULE,
    preempted::UNTOUCHED,
    call_answer::ALERTS,
    call_answer::ANSWERED,
    call_answer::UNANSWERED,
    call_answer::REFUSED,
    call_carries::RULE,
    call_carries::ADDRESSED,
    audio_keeps_flowing::OF_CALL,
    sees::RULE,
];

/// Judges one expectation.
pub fn judge(case: &Case<'_>, expected: &Expected) -> Finding {
    let asked = Asked { case, expected };
    match &expected.expectation {
        Expectation::Sends { method, node, within } => sends::judge(&asked, method, node, *within),
        Expectation::Carries { method, node, header, value, within } => {
            let header = carries::Header { name: header, value: value.as_deref() };
            carries::judge(&asked, method, node, &header, *within)
        }
        Expectation::SendsNothing { method, node, during } => {
            sends_nothing::judge(&asked, method.as_ref(), node.as_deref(), *during)
        }
        Expectation::Order { method, nodes, only } => order::judge(&asked, method, nodes, *only),
        Expectation::MovesOn { method, from, to } => moves_on::judge(&asked, method, from, to),
        Expectation::CompleteTimeout { method, node } => complete_timeout::judge(&asked, method, node),
        Expectation::Transmissions { method, node, count, quiet } => {
            transmissions::judge(&asked, method, node, *count as usize, *quiet)
        }
        Expectation::Answers { method, node, code, within } => {
            answers::judge(&asked, method, node, *code, *within)
        }
        Expectation::RepeatsResponse { node, code } => repeats_response::judge(&asked, node, *code),
        Expectation::AcknowledgesEvery { node, code, at_least } => {
            acknowledges_every::judge(&asked, node, *code, *at_least as usize)
        }
        Expectation::CallEstablished { through, within } => {
            call_established::judge(&asked, through.as_deref(), *within)
        }
        Expectation::CallFails { code } => call_fails::judge(&asked, *code),
        Expectation::Registered { with, within } => registered::judge(&asked, with, *within),
        Expectation::RegistrationRounds { nodes, rounds } => {
            registration_rounds::judge(&asked, nodes, *rounds as usize)
        }
        Expectation::SameAor { first, second } => same_aor::judge(&asked, [first, second]),
        Expectation::CallEnds { through, within } => call_ends::judge(&asked, through, *within),
        Expectation::AsksDns { kind, name, within } => asks_dns::judge(&asked, *kind, name, *within),
        Expectation::AudioFlows { within } => audio_flows::judge(&asked, *within),
        Expectation::AudioKeepsFlowing { during } => audio_keeps_flowing::judge(&asked, None, *during),
        Expectation::CallKeepsAudio { call, during } => {
            audio_keeps_flowing::judge(&asked, Some(call), *during)
        }
        Expectation::SendsNoAudio { during } => sends_no_audio::judge(&asked, *during),
        Expectation::AudioPast { node } => sends_no_audio::judge_past(&asked, node),
        Expectation::Held { hold, within } => held::judge(&asked, *hold, *within),
        Expectation::Preempted { call, with, cause, before, within } => {
            let (with, before) = (with.as_deref(), before.as_deref());
            preempted::judge(
                &asked,
                &preempted::Wanted { call, with, cause: *cause, before, within: *within },
            )
        }
        Expectation::CallsUntouched { but, during } => preempted::judge_untouched(&asked, but, *during),
        Expectation::CallAlerts { call, within } => {
            call_answer::judge(&asked, call, &call_answer::Answer::Alerts, *within)
        }
        Expectation::CallAnswered { call, within } => {
            call_answer::judge(&asked, call, &call_answer::Answer::Accepts, *within)
        }
        Expectation::CallUnanswered { call, during } => call_answer::judge_unanswered(&asked, call, *during),
        Expectation::CallRefused { call, code, header, within } => {
            let answer = call_answer::Answer::Refuses { code: *code, header: header.as_deref() };
            call_answer::judge(&asked, call, &answer, *within)
        }
        Expectation::CallCarries { call, method, header, value } => {
            call_carries::judge(&asked, call, method, &What::Header { name: header, value })
        }
        Expectation::CallAddressed { call, method, user } => {
            call_carries::judge(&asked, call, method, &What::User(user))
        }
        Expectation::Sees { fact, is } => sees::judge(&asked, fact, *is),
    }
}

/// An expectation with the case that it is put to.
struct Asked<'c, 'a> {
    case: &'c Case<'a>,
    expected: &'c Expected,
}

impl<'c, 'a> Asked<'c, 'a> {
    /// From when on events count.
    fn since(&self) -> Instant {
        self.expected.since
    }

    /// When the step was begun.
    fn asked_at(&self) -> Instant {
        self.case.notes.asked_at(self.expected).unwrap_or(self.case.horizon)
    }

    /// A draft of the finding.
    fn draft(&self, rule: &RuleInfo, sentence: String) -> super::Draft<'c, 'a> {
        super::Draft::asked(self.case, rule, self.expected, sentence)
    }

    /// From the trigger to the author's limit, or to what the profile allows.
    fn window(&self, within: Option<Span>, otherwise: Instant) -> Window {
        let to = within.map_or(otherwise, |within| self.since() + within + self.case.limits.grace());
        Window { from: self.since(), to }
    }

    /// The latest instant for a request of that method to reach a node, when the step names no time.
    fn reach(&self, method: &Method, node: Option<&str>) -> Instant {
        self.since() + self.case.reach(self.since(), method, node)
    }

    /// A window in seconds after the trigger: `0.00 to 32.10 s after "dial"`. Of what the author's limit ends it
    /// says what is added to that.
    fn show_window(&self, window: Window) -> String {
        let grace = self.case.limits.grace();
        if let Some(within) = self.expected.expectation.within() {
            return format!("within {within:.2} of {} (tolerance {grace:.2})", self.trigger());
        }
        let seconds = |at: Instant| (at - self.since()).as_secs_f64();
        format!("{:.2} to {:.2} s after {}", seconds(window.from), seconds(window.to), self.trigger())
    }

    /// What was done when events began to count.
    fn done(&self) -> Option<&'c Done<'a>> {
        let (since, line, asked) = (self.since(), self.expected.since_line, self.asked_at());
        // On a real network the mark of what was done lies a moment after the time it counts from.
        let is_it = |done: &&Done<'_>| {
            (done.at - since).abs() <= MOMENT && done.at <= asked && line.is_none_or(|_| done.line == line)
        };
        self.case.notes.done.iter().rfind(is_it)
    }

    /// The same in words.
    fn trigger(&self) -> String {
        match (self.done(), self.expected.since_line) {
            (Some(done), _) => done.what.clone(),
            (None, Some(line)) => format!("line {line}"),
            (None, None) => "the start of the scenario".to_owned(),
        }
    }

    /// The new requests of that method since the trigger, in order of time.
    fn requests<'s>(&'s self, method: &'s Method) -> impl Iterator<Item = &'c ClientExchange<'a>> + 's {
        let case = self.case;
        case.client.iter().enumerate().filter_map(move |(at, exchange)| {
            let counts =
                exchange.method == *method && exchange.t0() >= self.since() && case.is_new_request(at);
            counts.then_some(exchange)
        })
    }

    /// The ACKs since the trigger to a node, or to any. They are no exchanges of their own.
    fn acks<'s>(&'s self, node: Option<&'s str>) -> impl Iterator<Item = &'c SeenRef<'a>> + 's {
        self.case.messages.iter().filter(move |message| {
            message.is_request(&Method::Ack)
                && message.at >= self.since()
                && self.case.names.is_phone(message.src)
                && node.is_none_or(|node| self.case.names.is_node(node, message.dst, message.transport))
        })
    }

    /// Whether an exchange goes to the node of that name.
    fn goes_to(&self, exchange: &ClientExchange<'_>, node: &str) -> bool {
        self.case.names.is_node(node, exchange.to, exchange.transport)
    }

    /// The first new request of that method to that node since the trigger.
    fn first_request(&self, method: &Method, node: &str) -> Option<&'c ClientExchange<'a>> {
        self.requests(method).find(|exchange| self.goes_to(exchange, node))
    }

    /// A request of that method to that node (any when `None`) that nobody has answered when the window closes, though
    /// there was time: what the phone has to wait for is not the phone's doing. Where any node would do, only word that
    /// somebody works on it keeps the phone there.
    fn unanswered(
        &self,
        method: &Method,
        node: Option<&str>,
        window: Window,
    ) -> Option<&'c ClientExchange<'a>> {
        let there_and_back = self.case.limits.latency() * 2;
        let answered = |e: &ClientExchange<'_>| e.final_response().is_some_and(|last| last.at <= window.to);
        let works = |e: &ClientExchange<'_>| {
            e.responses
                .iter()
                .any(|response| (101..200).contains(&status(response)) && response.at <= window.to)
        };
        self.requests(method).find(|e| {
            let stays = node.map_or_else(|| works(e), |node| self.goes_to(e, node));
            stays && e.t0() + there_and_back < window.to && !answered(e)
        })
    }

    /// Why the phone had to wait.
    fn kept_waiting(&self, request: &ClientExchange<'_>) -> String {
        let (what, since) = (request.what(&self.case.names), self.after(request.t0()));
        format!(
            "{what} (packet {}) waits since {since} for an answer, which the phone cannot hasten",
            request.first().packet()
        )
    }

    /// The same for a rule that looks at what comes of it; without one in time, the finding that
    /// says so.
    fn subject(
        &self,
        draft: &super::Draft<'c, 'a>,
        method: &Method,
        node: &str,
    ) -> Result<&'c ClientExchange<'a>, Box<Finding>> {
        let window = Window { from: self.since(), to: self.reach(method, Some(node)) };
        self.first_request(method, node).filter(|exchange| exchange.t0() <= window.to).ok_or_else(|| {
            let nearest = near::requests(self.case, Some(method), Some(node), window);
            Box::new(draft.clone().seen("no such request").nearest(nearest).window(window).fail_at(window.to))
        })
    }

    /// The node's name with its address.
    fn node(&self, name: &str) -> String {
        self.case.names.show_node(name)
    }

    /// A point in time for people, counted from the trigger.
    fn after(&self, at: Instant) -> String {
        super::draft::after(at, self.since())
    }

    /// Whether a message from `addr` came through the node of that name.
    fn comes_from(&self, addr: std::net::SocketAddr, transport: Transport, node: &str) -> bool {
        self.case.names.is_node(node, addr, transport)
    }
}
