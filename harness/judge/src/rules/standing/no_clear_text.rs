//! A phone that was told to speak TLS sends its servers nothing without it, least of all to one with which TLS
//! has just failed: whoever can disturb a handshake could else read and answer for the server (RFC 3261
//! section 26.2.2; AR-23). The next server, over TLS, is where it may go.

use sipfarm_core::machine::Transport;

use crate::case::{Case, ClientExchange, Connected};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct NoClearText;

impl Rule for NoClearText {
    fn id(&self) -> &'static str {
        "no-clear-text"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 26.2.2", "AR-23", "YL-06"]
    }

    fn about(&self) -> &'static str {
        "A phone that speaks TLS sends its servers no SIP in clear text, also after TLS has failed."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if case.profile.transport.allowed != [Transport::Tls] {
            return docket.close();
        }
        let is_server =
            |e: &&ClientExchange<'_>| case.names.node_at(e.to, e.transport).is_some_and(|node| node.server);
        for exchange in case.client.iter().filter(is_server) {
            if exchange.transport == Transport::Tls {
                docket.kept(exchange.first().packets);
                continue;
            }
            let seen = format!("over {}{}", exchange.transport, failure_before(case, exchange));
            let expected = format!("{} over TLS", exchange.what(&case.names));
            docket.add(docket.draft(expected).message(exchange.first()).seen(seen).fail());
        }
        for connect in case.connects.iter().filter(|connect| connect.result() != connect.outcome) {
            connect.packets.last().into_iter().for_each(|packets| docket.kept(packets));
        }
        docket.close()
    }
}

/// What had become of TLS with the same host.
fn failure_before(case: &Case<'_>, exchange: &ClientExchange<'_>) -> String {
    let before = |at| at <= exchange.t0();
    let failed = case.connects.iter().rev().find(|connect| {
        let refused = matches!(connect.result(), Connected::Refused(at) if before(at));
        connect.to.ip() == exchange.to.ip() && before(connect.at) && refused
    });
    let packet = failed.and_then(|connect| connect.packets.last()?.last());
    packet.map_or_else(String::new, |packet| format!(", after TLS had failed in packet {packet}"))
}
