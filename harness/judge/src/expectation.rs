//! What `Then` steps expect, as values that are saved in the capture.

use serde::{Deserialize, Serialize};

use sipfarm_core::dns::RecordKind;
use sipfarm_core::sip::Method;
use sipfarm_core::{Fact, Span};

/// What a `Then` step expects of the phone. Times run from [`crate::mark::Expected::since`]
/// unless a field says otherwise. Where no time is given, the profile's timers bound it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "expect", rename_all = "kebab-case")]
pub enum Expectation {
    /// A new request (no retransmission) of that method to that node.
    Sends {
        /// The method.
        method: Method,
        /// The node.
        node: String,
        /// At the latest.
        within: Option<Span>,
    },
    /// A request of that method to that node with a header field; repetitions count, too.
    Carries {
        /// The method.
        method: Method,
        /// The node.
        node: String,
        /// The name of the field.
        header: String,
        /// Its whole text, or one of the values in it; any when `None`.
        value: Option<String>,
        /// At the latest.
        within: Option<Span>,
    },
    /// No request at all of that method (any when `None`) to that node (any when `None`).
    SendsNothing {
        /// The method.
        method: Option<Method>,
        /// The node.
        node: Option<String>,
        /// For how long.
        during: Span,
    },
    /// New requests of that method reach these nodes in this order, none skipped, no other node
    /// first, each once.
    Order {
        /// The method.
        method: Method,
        /// The nodes.
        nodes: Vec<String>,
        /// And afterwards no other request of that method, for as long as the profile's
        /// time-outs allow one.
        only: bool,
    },
    /// The phone leaves a silent server for the next after as many sends and as much time as
    /// the profile says (YL-03, YL-11; RFC 3263 section 4.3).
    MovesOn {
        /// The method.
        method: Method,
        /// The silent node.
        from: String,
        /// The next.
        to: String,
    },
    /// The phone runs the complete schedule of RFC 3261 against a silent server and then stops
    /// (YL-10; sections 17.1.1.2, 17.1.2.2).
    CompleteTimeout {
        /// The method.
        method: Method,
        /// The silent node.
        node: String,
    },
    /// One transaction of that method to that node is sent exactly so many times.
    Transmissions {
        /// The method.
        method: Method,
        /// The node.
        node: String,
        /// Sends, the first included.
        count: u32,
        /// And not once more for so long after the last.
        quiet: Span,
    },
    /// The phone answers a request that came through that node.
    Answers {
        /// The request's method.
        method: Method,
        /// The node.
        node: String,
        /// The status code.
        code: u16,
        /// At the latest.
        within: Option<Span>,
    },
    /// The phone repeats its final response to an INVITE on the schedule of timer G, or of
    /// section 13.3.1.4 for 2xx, until timer H ends it.
    RepeatsResponse {
        /// The node that does not acknowledge.
        node: String,
        /// The status code.
        code: u16,
    },
    /// The phone acknowledges every repetition of a final response for the life of timer D.
    AcknowledgesEvery {
        /// The node that repeats.
        node: String,
        /// The status code.
        code: u16,
        /// How many times it comes at least, the first included.
        at_least: u32,
    },
    /// An INVITE gets a 2xx through that node (any when `None`), and the phone acknowledges it.
    CallEstablished {
        /// The node.
        through: Option<String>,
        /// At the latest.
        within: Option<Span>,
    },
    /// The phone tries nothing more: every INVITE has ended without 2xx, and no other comes.
    CallFails {
        /// The last final response, when there is one to be expected.
        code: Option<u16>,
    },
    /// A REGISTER of class initial or refresh is answered 2xx by that node.
    Registered {
        /// The node.
        with: String,
        /// At the latest.
        within: Option<Span>,
    },
    /// After all of these failed, the phone starts over after the profile's retry time, so many
    /// times (YL-14).
    RegistrationRounds {
        /// The nodes of a round, in order.
        nodes: Vec<String>,
        /// How many rounds.
        rounds: u32,
    },
    /// The phone names the same AOR and the same domain to two registrars (AR-24).
    SameAor {
        /// The one that it registered with before.
        first: String,
        /// The one that it goes to now.
        second: String,
    },
    /// The phone asks DNS for that type of record of that name (RFC 3263 section 4).
    AsksDns {
        /// The type.
        kind: RecordKind,
        /// The name.
        name: String,
        /// At the latest.
        within: Option<Span>,
    },
    /// A BYE of the phone for an established call is answered 2xx, or the other way round.
    CallEnds {
        /// The node.
        through: String,
        /// At the latest.
        within: Option<Span>,
    },
    /// Audio flows from the phone and to it.
    AudioFlows {
        /// At the latest.
        within: Option<Span>,
    },
    /// Audio flows from the phone and to it without a gap (`tol.rtp_gap`), from the step on.
    AudioKeepsFlowing {
        /// For how long.
        during: Span,
    },
    /// The phone sends no audio, from the step on.
    SendsNoAudio {
        /// For how long.
        during: Span,
    },
    /// No audio of the phone has passed through that node, up to the step.
    AudioPast {
        /// The node.
        node: String,
    },
    /// The phone tears a call down in favour of another (PA-06, PA-07; RFC 4411 section 2).
    Preempted {
        /// The call's name.
        call: String,
        /// With what: `BYE`, `CANCEL`, or a status code; anything that is right for its state when `None`.
        with: Option<String>,
        /// The cause in Reason; that of the profile when `None`.
        cause: Option<u8>,
        /// The phone answers this call, with 2xx, no sooner than that.
        before: Option<String>,
        /// At the latest; the profile's delay and 2 s when `None`.
        within: Option<Span>,
    },
    /// The phone ends none of the calls that it had at the trigger, but these.
    CallsUntouched {
        /// The names of those that may be ended.
        but: Vec<String>,
        /// For so long from the step on.
        during: Span,
    },
    /// The phone rings for a call: it answers its INVITE with 180 or 183.
    CallAlerts {
        /// The call's name.
        call: String,
        /// At the latest; 2 s when `None` (PA-06).
        within: Option<Span>,
    },
    /// The phone answers the INVITE of a call with 2xx.
    CallAnswered {
        /// The call's name.
        call: String,
        /// At the latest; 2 s when `None`.
        within: Option<Span>,
    },
    /// The phone does not answer the INVITE of a call with 2xx (PA-11).
    CallUnanswered {
        /// The call's name.
        call: String,
        /// For so long from the step on.
        during: Span,
    },
    /// The phone answers the INVITE of a call with that final status (PA-06c, PA-13; RFC 4412 section 4.6).
    CallRefused {
        /// The call's name.
        call: String,
        /// The status code, from 300.
        code: u16,
        /// A header field that the response has.
        header: Option<String>,
        /// At the latest; 2 s when `None` (PA-06c).
        within: Option<Span>,
    },
    /// Every request of that method that the phone sends for a call, repetitions included, has a header field
    /// with that value, and there is one at least (PA-01 to PA-05).
    CallCarries {
        /// The call's name.
        call: String,
        /// The method.
        method: Method,
        /// The name of the field.
        header: String,
        /// One of the values in it, whatever the case of its letters.
        value: String,
    },
    /// Every request of that method that the phone sends for a call, repetitions included, is addressed to a user,
    /// and there is one at least (PA-02).
    CallAddressed {
        /// The call's name.
        call: String,
        /// The method.
        method: Method,
        /// The user part of the Request-URI.
        user: String,
    },
    /// Audio of one call flows from the phone and to it without a gap (`tol.rtp_gap`), from the step on (AM-22).
    CallKeepsAudio {
        /// The call's name.
        call: String,
        /// For how long.
        during: Span,
    },
    /// The phone's offer puts the call on hold, or takes it off.
    Held {
        /// On hold.
        hold: bool,
        /// At the latest.
        within: Option<Span>,
    },
    /// What shows at the phone and in no packet is so, or is not, as somebody there says who is asked.
    Sees {
        /// What.
        fact: Fact,
        /// Whether it is to be so.
        is: bool,
    },
}

impl Expectation {
    /// The limit that the author gave it.
    pub fn within(&self) -> Option<Span> {
        match self {
            Expectation::Sends { within, .. }
            | Expectation::Carries { within, .. }
            | Expectation::Answers { within, .. }
            | Expectation::CallEstablished { within, .. }
            | Expectation::Registered { within, .. }
            | Expectation::AsksDns { within, .. }
            | Expectation::CallEnds { within, .. }
            | Expectation::AudioFlows { within }
            | Expectation::Preempted { within, .. }
            | Expectation::CallAlerts { within, .. }
            | Expectation::CallAnswered { within, .. }
            | Expectation::CallRefused { within, .. }
            | Expectation::Held { within, .. } => *within,
            _ => None,
        }
    }

    /// The nodes that it names.
    pub fn nodes(&self) -> Vec<&str> {
        match self {
            Expectation::Sends { node, .. }
            | Expectation::Carries { node, .. }
            | Expectation::CompleteTimeout { node, .. }
            | Expectation::Transmissions { node, .. }
            | Expectation::Answers { node, .. }
            | Expectation::RepeatsResponse { node, .. }
            | Expectation::AcknowledgesEvery { node, .. }
            | Expectation::Registered { with: node, .. }
            | Expectation::AudioPast { node }
            | Expectation::CallEnds { through: node, .. } => vec![node],
            Expectation::SendsNothing { node, .. } | Expectation::CallEstablished { through: node, .. } => {
                node.as_deref().into_iter().collect()
            }
            Expectation::Order { nodes, .. } | Expectation::RegistrationRounds { nodes, .. } => {
                nodes.iter().map(String::as_str).collect()
            }
            Expectation::MovesOn { from, to, .. } => vec![from, to],
            Expectation::SameAor { first, second } => vec![first, second],
            Expectation::CallFails { .. }
            | Expectation::AsksDns { .. }
            | Expectation::AudioFlows { .. }
            | Expectation::SendsNoAudio { .. }
            | Expectation::Preempted { .. }
            | Expectation::CallsUntouched { .. }
            | Expectation::CallAlerts { .. }
            | Expectation::CallAnswered { .. }
            | Expectation::CallUnanswered { .. }
            | Expectation::CallRefused { .. }
            | Expectation::CallCarries { .. }
            | Expectation::CallAddressed { .. }
            | Expectation::CallKeepsAudio { .. }
            | Expectation::Held { .. }
            | Expectation::Sees { .. }
            | Expectation::AudioKeepsFlowing { .. } => Vec::new(),
        }
    }
}
