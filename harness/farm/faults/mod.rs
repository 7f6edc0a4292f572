//! Misbehaviour that is switched on at a node: one fault per file, found by name.
//!
//! Faults form a chain in the order in which they were switched on. Every SIP message that comes
//! to the node or leaves it is shown to them; the first that does not let it pass decides. Which
//! messages a fault is meant for (its scope) is worked out here, once for all. README.md tells how
//! to add one.

mod chain;
mod declare;
mod group;
mod scope;
mod spec;

mod closed;
mod cut_short;
mod delay;
mod dns;
mod dns_change;
mod dns_nxdomain;
mod dns_servfail;
mod dns_silent;
mod dns_truncated;
mod drop;
mod duplicate;
mod icmp;
mod kill;
mod loss;
mod media_loss;
mod restart;
mod silent;
mod status;
mod tcp_blackhole;
mod tcp_close;
mod tcp_refuse;
mod tcp_reset;
/// What `sipfarm new fault` begins with: tested here, and known to nobody else.
#[cfg(test)]
mod template;
mod tls_alert;
mod tls_expired;
mod tls_self_signed;
mod tls_stall;
mod tls_wrong_ca;
mod tls_wrong_name;
mod token_queue;
mod trying_then_silent;

use std::fmt;
use std::net::SocketAddr;

use sipfarm_core::Span;
use sipfarm_core::machine::{IcmpKind, PortState, TlsManner, Transport};
use sipfarm_core::sip::Message;

pub(in crate::farm) use chain::Chain;
pub use declare::ParameterInfo;
pub use dns::NodeKind;
pub(in crate::farm) use dns::{DnsAction, SeenDns};
pub use scope::Direction;
pub use spec::{FaultError, FaultSpec};

use super::dns::Row;
use declare::Words;
use scope::Scope;

/// All faults, in the order in which help shows them.
const FAULTS: &[Declaration] = &[
    status::Status::DECLARATION,
    silent::Silent::DECLARATION,
    trying_then_silent::TryingThenSilent::DECLARATION,
    delay::Delay::DECLARATION,
    drop::Drop::DECLARATION,
    loss::Loss::DECLARATION,
    media_loss::MediaLoss::DECLARATION,
    duplicate::Duplicate::DECLARATION,
    cut_short::CutShort::DECLARATION,
    closed::Closed::DECLARATION,
    icmp::Icmp::DECLARATION,
    restart::Restart::DECLARATION,
    kill::Kill::DECLARATION,
    tcp_refuse::TcpRefuse::DECLARATION,
    tcp_blackhole::TcpBlackhole::DECLARATION,
    tcp_reset::TcpReset::DECLARATION,
    tcp_close::TcpClose::DECLARATION,
    tls_wrong_ca::TlsWrongCa::DECLARATION,
    tls_self_signed::TlsSelfSigned::DECLARATION,
    tls_expired::TlsExpired::DECLARATION,
    tls_wrong_name::TlsWrongName::DECLARATION,
    tls_stall::TlsStall::DECLARATION,
    tls_alert::TlsAlert::DECLARATION,
    token_queue::TokenQueue::DECLARATION,
    dns_servfail::DnsServfail::DECLARATION,
    dns_nxdomain::DnsNxdomain::DECLARATION,
    dns_silent::DnsSilent::DECLARATION,
    dns_truncated::DnsTruncated::DECLARATION,
    dns_change::DnsChange::DECLARATION,
];

/// What tests know besides.
#[cfg(test)]
const TEMPLATES: &[Declaration] = &[template::Template::DECLARATION];
#[cfg(not(test))]
const TEMPLATES: &[Declaration] = &[];

/// Every fault with its parameters, for help, lint and the README.
pub fn fault_catalogue() -> Vec<FaultInfo> {
    FAULTS.iter().map(Declaration::info).collect()
}

/// What there is to know about a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultInfo {
    /// Its name, the first word of a [`FaultSpec`].
    pub name: &'static str,
    /// What it does, in one sentence.
    pub sentence: String,
    /// Its own parameters.
    pub parameters: Vec<ParameterInfo>,
    /// The shared words that say which messages it is meant for, as far as they fit it.
    pub scope: Vec<ParameterInfo>,
}

/// An active fault at its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(pub(super) u64);

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A message as the faults see it.
pub(in crate::farm) struct Seen<'a> {
    /// The message.
    pub message: &'a Message,
    /// Towards the node or away from it.
    pub direction: Direction,
    /// Over what.
    pub transport: Transport,
    /// The address of the other side.
    pub peer: SocketAddr,
    /// Whether it is a request that the node has had before.
    pub retransmission: bool,
}

/// What a fault does with a message.
#[derive(Debug, Clone)]
pub(in crate::farm) enum Action {
    /// The node answers the request so, and nothing else of it hears of the request.
    Answer(Answer),
    /// The message goes on later, to the faults behind this one.
    Delay(Span),
    /// The message is gone.
    Drop,
    /// The message goes on so, to the faults behind this one.
    Alter(Box<Message>),
    /// The message goes on now, and again `count` times, each `every` after the one before.
    Duplicate {
        /// How many copies.
        count: u32,
        /// How far apart.
        every: Span,
    },
    /// The connection that carries the message is reset; the message is gone.
    Reset,
    /// The datagram is answered with an ICMP error; the message is gone.
    Icmp {
        /// Which.
        kind: IcmpKind,
        /// Whether it quotes that datagram, or one that was never sent.
        right: bool,
    },
}

/// A response that a fault gives in the node's name.
#[derive(Debug, Clone)]
pub(in crate::farm) struct Answer {
    /// Status code.
    pub code: u16,
    /// Reason phrase; the RFC's when `None`.
    pub reason: Option<String>,
    /// Header fields beside those of every response.
    pub headers: Vec<(String, String)>,
}

/// What becomes of connections that are open when a fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::farm) enum OpenStreams {
    Keep,
    Finish,
    Reset,
}

/// What carries out a fault. Everything has a default that does nothing.
pub(in crate::farm) trait Rule: fmt::Debug + Send {
    /// What is wrong with the parameters taken together, in words for the user.
    fn contradiction(&self) -> Option<String> {
        None
    }

    /// Decides on a message in the fault's scope; `None` lets it pass to the next fault. Only what
    /// does not pass counts for `first`.
    fn see(&mut self, seen: &Seen<'_>) -> Option<Action> {
        let _ = seen;
        None
    }

    /// Decides on any message, in scope or not, before [`Rule::see`]: for faults that go on with
    /// what they began.
    fn follow_up(&mut self, seen: &Seen<'_>) -> Option<Action> {
        let _ = seen;
        None
    }

    /// As [`Rule::see`], at a DNS node.
    fn see_dns(&mut self, seen: &SeenDns<'_>) -> Option<DnsAction> {
        let _ = seen;
        None
    }

    /// The records that stand instead of the zone's own while the fault is on.
    fn records(&self) -> Vec<Row> {
        Vec::new()
    }

    /// Whether it can be switched on at a node of that kind.
    fn fits(&self, node: NodeKind) -> bool {
        node == NodeKind::Sip
    }

    /// What the node's port is to do while the fault is on; `None` has no wish.
    fn port_state(&self, transport: Transport) -> Option<PortState> {
        let _ = transport;
        None
    }

    /// How the node meets those who want TLS while the fault is on; `None` has no wish.
    fn tls_manner(&self) -> Option<TlsManner> {
        None
    }

    /// What becomes of the connections that are open when the fault begins.
    fn open_streams(&self) -> OpenStreams {
        OpenStreams::Keep
    }

    /// Whether the node forgets everybody and everything when the fault begins.
    fn forgets_everything(&self) -> bool {
        false
    }

    /// Whether a connection is reset as soon as it is open.
    fn resets_accepted(&self) -> bool {
        false
    }

    /// Whether what it does cannot be seen from the node's sockets: ICMP, RST, a SYN that vanishes.
    fn hides_from_sockets(&self) -> bool {
        [Transport::Udp, Transport::Tcp].into_iter().any(|transport| self.port_state(transport).is_some())
    }

    /// Whether audio finds its way no more, neither in nor out.
    fn cuts_audio(&self) -> bool {
        false
    }

    /// Whether keep-alives that are no SIP messages stay unanswered too.
    fn is_mute(&self) -> bool {
        false
    }
}

/// What a fault acts on, and so which words of the scope fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::farm) enum ActsOn {
    /// Every message, in and out.
    Messages,
    /// Incoming requests that can be answered: no ACK, CANCEL only by name, no retransmissions.
    Requests,
    /// The state of the port.
    Ports,
    /// DNS queries that come in.
    Queries,
    /// The records of a zone.
    Records,
}

/// A fault in the list of all faults.
struct Declaration {
    name: &'static str,
    sentence: &'static str,
    acts_on: ActsOn,
    parameters: fn() -> Vec<ParameterInfo>,
    start: fn(&Words<'_>) -> Result<Box<dyn Rule>, FaultError>,
}

impl Declaration {
    fn info(&self) -> FaultInfo {
        let fitting = Scope::words_for(self.acts_on);
        FaultInfo {
            name: self.name,
            sentence: self.sentence.trim().to_owned(),
            parameters: (self.parameters)(),
            scope: Scope::parameters().into_iter().filter(|p| fitting.contains(&p.name.as_str())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = include_str!("README.md");

    /// Parameters as words, with their defaults as the user would write them.
    fn words(parameters: &[ParameterInfo]) -> String {
        let word = |p: &ParameterInfo| match p.default {
            Some(default) => format!("`{}={default}` {}", p.name, p.meaning),
            None => format!("`{}` {}", p.name, p.meaning),
        };
        parameters.iter().map(word).collect::<Vec<_>>().join("<br>")
    }

    #[test]
    fn the_readme_lists_the_faults_and_the_scope_as_they_are_declared() {
        let fault = |info: &FaultInfo| {
            format!("| `{}` | {} | {} |", info.name, info.sentence, words(&info.parameters))
        };
        let word = |p: &ParameterInfo| format!("| `{}` | {} |", p.name, p.meaning);
        let catalogue = fault_catalogue();
        let scope = Scope::parameters();
        let rows: Vec<String> = catalogue.iter().map(fault).chain(scope.iter().map(word)).collect();
        let listed: Vec<&str> = README.lines().filter(|line| line.starts_with("| `")).collect();
        let not_in = |rows: &[&str], others: &[&str]| -> String {
            let rows: Vec<&str> = rows.iter().copied().filter(|row| !others.contains(row)).collect();
            rows.join("\n")
        };
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        assert!(
            listed == rows,
            "harness/farm/faults/README.md\nlacks, or has in another place:\n{}\nhas too much:\n{}",
            not_in(&rows, &listed),
            not_in(&listed, &rows)
        );
    }

    #[test]
    fn the_catalogue_shows_only_what_fits() {
        let scope = |name: &str| -> Vec<String> {
            let info = fault_catalogue().into_iter().find(|info| info.name == name);
            info.map(|info| info.scope.into_iter().map(|p| p.name).collect()).unwrap_or_default()
        };
        assert_eq!(scope("status"), ["method", "from", "first", "probability"]);
        assert_eq!(
            scope("drop"),
            ["method", "direction", "kind", "response", "from", "first", "probability"]
        );
        assert!(scope("closed").is_empty());
    }
}
