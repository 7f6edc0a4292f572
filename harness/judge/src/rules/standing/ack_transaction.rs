//! The ACK to a final response other than 2xx belongs to the transaction of its INVITE: same branch,
//! same server, same CSeq number, Request-URI, From and Call-ID, and the To of the response (RFC 3261
//! section 17.1.1.3; RFC 3263 section 4.4).

use sipfarm_core::sip::Method;

use crate::case::{Case, ClientExchange, Seen, status};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct AckTransaction;

impl Rule for AckTransaction {
    fn id(&self) -> &'static str {
        "ack-transaction"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 17.1.1.2", "RFC 3261 17.1.1.3", "RFC 3263 4.4", "YL-02"]
    }

    fn about(&self) -> &'static str {
        "The ACK to a refusal has the branch, server, CSeq number and Request-URI of its INVITE."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let refused =
            |e: &&ClientExchange<'_>| e.method == Method::Invite && e.code().is_some_and(|code| code >= 300);
        for exchange in case.client.iter().filter(refused) {
            for ack in &exchange.acks {
                let draft = docket
                    .draft(format!("ACK within the transaction of {}", exchange.what(&case.names)))
                    .message(exchange.first())
                    .message(ack);
                let too_early = exchange.final_response().is_some_and(|response| ack.at < response.at);
                match fault(case, exchange, ack) {
                    Some(fault) if is_surely_for(exchange, ack) => docket.add(draft.seen(fault).fail()),
                    Some(fault) => {
                        let draft = draft.seen(fault);
                        docket.add(
                            draft.fail_unless_lossy("the tap may have missed the INVITE that it is for"),
                        );
                    }
                    None if too_early => {
                        let draft = draft.seen("before any final response");
                        docket.add(draft.fail_unless_lossy("the tap may have missed the response"));
                    }
                    None => docket.kept(ack.packets),
                }
            }
        }
        docket.close()
    }
}

/// Whether its branch or its To tag ties the ACK to that exchange. By Call-ID and CSeq number alone it
/// may as well be for another INVITE of the same call.
fn is_surely_for(exchange: &ClientExchange<'_>, ack: &Seen<'_>) -> bool {
    let tagged = || ack.to_tag.is_some() && exchange.finals().any(|response| response.to_tag == ack.to_tag);
    ack.branch == exchange.branch || tagged()
}

fn fault(case: &Case<'_>, exchange: &ClientExchange<'_>, ack: &Seen<'_>) -> Option<String> {
    let first = exchange.first();
    let answered_tags = || exchange.finals().filter(|r| status(r) >= 300).map(|r| &r.to_tag);
    match () {
        () if ack.dst != exchange.to => {
            Some(format!("it goes to {}", case.names.show(ack.dst, ack.transport)))
        }
        () if ack.transport != exchange.transport => Some(format!("it goes over {}", ack.transport)),
        () if ack.branch != exchange.branch => {
            Some(format!("its branch is \"{}\", not \"{}\"", ack.branch, exchange.branch))
        }
        () if ack.cseq != exchange.cseq() => Some("another CSeq number".to_owned()),
        () if ack.call_id != first.call_id => Some("another Call-ID".to_owned()),
        () if ack.message.request_uri() != first.message.request_uri() => {
            Some("another Request-URI".to_owned())
        }
        () if ack.message.values("Via").len() != 1 => Some("more than one Via".to_owned()),
        () if ack.from_tag != first.from_tag => Some("another From tag".to_owned()),
        () if !answered_tags().any(|tag| *tag == ack.to_tag) => {
            Some("not the To tag of the response".to_owned())
        }
        () => None,
    }
}
