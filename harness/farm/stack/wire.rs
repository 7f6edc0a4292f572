//! What the transport layer reads from and writes into messages: Via, and what makes a request
//! unfit to be served.

use std::net::SocketAddr;

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::{DefectKind, Message, MessageBuilder, Method, NameAddr, Via};

use super::{Key, Path};

/// What RFC 3261 section 17.2.3 matches a request by; `None` when it has no readable Via, so that
/// no answer would find its way.
pub(super) fn server_key(request: &Message) -> Option<Key> {
    server_key_as(request, request.method()?)
}

/// As [`server_key`], for the transaction of another method: an ACK or a CANCEL names an INVITE's.
pub(super) fn server_key_as(request: &Message, method: &Method) -> Option<Key> {
    let via = request.top_via()?;
    match via.branch().filter(|branch| branch.starts_with(Via::COOKIE)) {
        Some(branch) => {
            let host = via.host.to_string().to_ascii_lowercase();
            Some(format!("{branch} {host}:{} {method}", via.port.unwrap_or(5060)))
        }
        None => {
            let from = request.from();
            let tag = from.as_ref().and_then(NameAddr::tag).unwrap_or_default();
            let number = request.cseq().map_or(0, |cseq| cseq.number);
            let (uri, call_id) = (request.request_uri()?, request.call_id().unwrap_or_default());
            Some(format!("{uri} {tag} {call_id} {number} {method} {}", request.values("Via").first()?))
        }
    }
}

/// The request, with `received` and `rport` in its topmost Via (RFC 3261 section 18.2.1, RFC 3581
/// section 4: with `rport`, `received` stands there even when it says nothing new).
pub(super) fn receive_via(mut request: Message, source: SocketAddr) -> Option<Message> {
    let mut via = request.top_via()?;
    let wants_rport = via.params.has("rport");
    if wants_rport {
        via.params.set("rport", Some(&source.port().to_string()));
    }
    if wants_rport || via.host.ip() != Some(source.ip()) {
        via.params.set("received", Some(&source.ip().to_string()));
    }
    request.set_top_via(&via);
    Some(request)
}

/// Where responses go by Via alone (RFC 3261 section 18.2.2, RFC 3581 section 4): to the source
/// address, at the port of `rport` or sent-by. `maddr` is not followed.
pub(super) fn response_path(request: &Message, path: Path) -> Option<Path> {
    let via = request.top_via()?;
    let rport = via.params.value("rport").and_then(|port| port.parse().ok());
    let port = match path.transport {
        Transport::Udp => rport.or(via.port),
        Transport::Tcp | Transport::Tls => via.port,
    };
    let remote = SocketAddr::new(
        via.received().unwrap_or(path.remote.ip()),
        port.unwrap_or(path.transport.default_port()),
    );
    Some(Path { transport: path.transport, remote, stream: None })
}

/// Replaces all Via values.
pub(in crate::farm) fn set_vias(builder: MessageBuilder, vias: &[String]) -> MessageBuilder {
    vias.iter().rev().fold(builder.remove("Via"), |builder, via| builder.prepend("Via", via))
}

/// A response on its way back through a proxy: without the proxy's own Via. `None` when no Via is
/// left, so that it was meant for the proxy itself.
pub(in crate::farm) fn without_top_via(response: &Message) -> Option<Message> {
    let vias: Vec<String> = response.values("Via").into_iter().skip(1).map(str::to_owned).collect();
    (!vias.is_empty()).then(|| set_vias(response.rebuild(), &vias).build())
}

/// The status code that refuses a request which cannot be served as it stands. Lesser defects are
/// for the judge to tell: a node goes on serving.
pub(super) fn refusal(request: &Message) -> Option<u16> {
    let has = |kind| request.defects.iter().any(|defect| defect.kind == kind);
    if has(DefectKind::BadVersion) {
        return Some(505);
    }
    let addressed = request.from().is_some() && request.to().is_some() && request.call_id().is_some();
    let numbered = request.cseq().is_some_and(|cseq| Some(&cseq.method) == request.method());
    let cut = has(DefectKind::BodyTooShort) || has(DefectKind::UnterminatedHead);
    let readable = addressed && numbered && !cut && !has(DefectKind::BadRequestUri);
    (!readable).then_some(400)
}
