//! Which messages a fault is meant for: said once, for all faults.

use sipfarm_core::dns::RecordKind;
use sipfarm_core::sip::{Message, Method};

use super::declare::{Count, Name, Peer, Probability, Value, parameters, words};
use super::{ActsOn, NodeKind, Seen, SeenDns};

parameters! {
    /// The words that every fault shares, as far as they have a meaning for it.
    pub(super) struct Scope {
        /// only requests of this method, and the responses to them
        method: Option<Method>,
        /// only messages that come in, or only those that go out: in, out
        direction: Option<Direction>,
        /// only requests, or only responses: request, response
        kind: Option<Kind>,
        /// only responses with this code or of this class: 180, 1xx, 2xx, final
        response: Option<Responses>,
        /// only DNS queries for this name
        name: Option<Name>,
        /// only DNS queries for this type of record: A, AAAA, SRV, NAPTR, CNAME
        record: Option<RecordType>,
        /// only messages whose other side has this address, with or without a port
        from: Option<Peer>,
        /// how often the fault acts before it lets everything pass; without end when not given
        first: Option<Count>,
        /// how likely it is to act on a message, 0 to 1, drawn from the node's seed; always when not given
        probability: Option<Probability>,
    }
}

impl Scope {
    /// The words that have a meaning for faults of that sort.
    pub(super) fn words_for(acts_on: ActsOn) -> &'static [&'static str] {
        match acts_on {
            ActsOn::Messages => &["method", "direction", "kind", "response", "from", "first", "probability"],
            ActsOn::Requests => &["method", "from", "first", "probability"],
            ActsOn::Queries => &["name", "record", "from", "first", "probability"],
            ActsOn::Ports | ActsOn::Records => &[],
        }
    }

    /// Whether a fault that has acted `acted` times is meant for this message.
    pub(super) fn covers(&self, acts_on: ActsOn, seen: &Seen<'_>, acted: u32) -> bool {
        let by_sort = match acts_on {
            ActsOn::Messages => true,
            ActsOn::Requests => self.is_new_request(seen),
            ActsOn::Ports | ActsOn::Queries | ActsOn::Records => false,
        };
        by_sort
            && self.first.is_none_or(|first| acted < first.0)
            && self.direction.is_none_or(|direction| direction == seen.direction)
            && self.kind.is_none_or(|kind| (kind == Kind::Request) == seen.message.method().is_some())
            && self.from.is_none_or(|peer| peer.is(seen.peer))
            && self.method.as_ref().is_none_or(|method| method_of(seen.message).as_ref() == Some(method))
            && self.response.is_none_or(|responses| responses.hold(seen.message.status()))
    }

    /// As [`Scope::covers`], at a DNS node. A query counts as a request, an answer as a response.
    pub(super) fn covers_dns(&self, acts_on: ActsOn, seen: &SeenDns<'_>, acted: u32) -> bool {
        let by_sort = match acts_on {
            ActsOn::Messages => true,
            ActsOn::Queries | ActsOn::Requests => seen.direction == Direction::In,
            ActsOn::Ports | ActsOn::Records => false,
        };
        let question = seen.message.question();
        by_sort
            && self.first.is_none_or(|first| acted < first.0)
            && self.direction.is_none_or(|direction| direction == seen.direction)
            && self.kind.is_none_or(|kind| (kind == Kind::Request) != seen.message.is_response)
            && self.from.is_none_or(|peer| peer.is(seen.peer))
            && self.name.as_ref().is_none_or(|name| question.is_some_and(|q| q.name == name.0))
            && self.record.is_none_or(|record| question.is_some_and(|q| q.kind == record.0))
    }

    /// A word that has no meaning at a node of that kind, though the fault fits it.
    pub(super) fn stranger(&self, node: NodeKind) -> Option<&'static str> {
        let words = [("method", self.method.is_some()), ("response", self.response.is_some())];
        words.into_iter().find(|(_, given)| *given && node == NodeKind::Dns).map(|(word, _)| word)
    }

    /// Whether the draw says so. Drawn only for messages that are covered, so that other traffic
    /// does not shift the sequence.
    pub(super) fn draws(&self, rng: &mut fastrand::Rng) -> bool {
        self.probability.is_none_or(|probability| rng.f64() < probability.0)
    }

    /// Whether a connection from there is covered.
    pub(super) fn covers_connection(&self, peer: std::net::SocketAddr, acted: u32) -> bool {
        self.from.is_none_or(|from| from.is(peer)) && self.first.is_none_or(|first| acted < first.0)
    }

    /// ACK has no answer, and CANCEL belongs to its INVITE unless it is asked for by name.
    fn is_new_request(&self, seen: &Seen<'_>) -> bool {
        let answerable = match seen.message.method() {
            None | Some(Method::Ack) => false,
            Some(Method::Cancel) => self.method == Some(Method::Cancel),
            Some(_) => true,
        };
        answerable && seen.direction == Direction::In && !seen.retransmission
    }
}

words! {
    /// Seen from the node.
    pub enum Direction {
        /// Towards the node.
        In = "in",
        /// Away from the node.
        Out = "out",
    }
    expected "one of: in, out"
}

words! {
    /// Half of all messages.
    pub(super) enum Kind {
        Request = "request",
        Response = "response",
    }
    expected "one of: request, response"
}

/// A type of record.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordType(RecordKind);

impl Value for RecordType {
    const EXPECTED: &'static str = "one of: A, AAAA, SRV, NAPTR, CNAME";
    fn read(text: &str) -> Option<Self> {
        let known = [RecordKind::A, RecordKind::Aaaa, RecordKind::Srv, RecordKind::Naptr, RecordKind::Cname];
        known.into_iter().find(|kind| kind.to_string() == text).map(RecordType)
    }
}

/// Some responses, by code.
#[derive(Debug, Clone, Copy)]
pub(super) enum Responses {
    Code(u16),
    Class(u16),
    Final,
}

impl Responses {
    fn hold(self, status: Option<u16>) -> bool {
        status.is_some_and(|status| match self {
            Responses::Code(code) => status == code,
            Responses::Class(class) => status / 100 == class,
            Responses::Final => status >= 200,
        })
    }
}

impl Value for Responses {
    const EXPECTED: &'static str = "a code such as 180, a class from 1xx to 6xx, or final";
    fn read(text: &str) -> Option<Self> {
        if text == "final" {
            return Some(Responses::Final);
        }
        if let Some(class) = text.strip_suffix("xx") {
            return class.parse().ok().filter(|class| (1..=6).contains(class)).map(Responses::Class);
        }
        text.parse().ok().filter(|code| (100..700).contains(code)).map(Responses::Code)
    }
}

/// The method that a message belongs to: a response belongs to its request's, as CSeq names it.
fn method_of(message: &Message) -> Option<Method> {
    message.method().cloned().or_else(|| message.cseq().map(|cseq| cseq.method))
}
