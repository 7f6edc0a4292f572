//! A phone whose profile has it signal only with the server that it is registered with sends no other
//! server a request, but for the REGISTER that changes that, and for what belongs to a request that is
//! under way: CANCEL, ACK (Yealink's `only_signal_with_registered`, Polycom's `onlySignalWithRegistered`).
//! What the profile has it keep an eye on its servers with is no signalling: OPTIONS as a keep-alive.
//! A call whose server is no longer the registered one ends without BYE.

use sipfarm_core::profile::KeepaliveForm;
use sipfarm_core::sip::Method;

use crate::case::{Case, ClientExchange};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct SignalsWithRegistered;

impl Rule for SignalsWithRegistered {
    fn id(&self) -> &'static str {
        "signals-with-registered"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["YL-15"]
    }

    fn about(&self) -> &'static str {
        "Where the profile says so, only the server that the phone is registered with gets its requests."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.profile.failover.only_signal_with_registered {
            return docket.close();
        }
        for exchange in case.client.iter().filter(|exchange| is_asked_freely(case, exchange)) {
            let why = case.not_registered(exchange).or_else(|| case.moved_from(exchange));
            let Some(why) = why else {
                docket.kept(exchange.first().packets);
                continue;
            };
            let whom = case.names.show(exchange.to, exchange.transport);
            let draft = docket
                .draft(format!("no {} to {whom} while the phone is not registered there", exchange.method))
                .message(exchange.first())
                .seen(format!("packet {}, {why}", exchange.first().packet()));
            docket.add(draft.fail_unless_lossy("a REGISTER or its 2xx may have been lost"));
        }
        docket.close()
    }
}

/// Whether it is a request that the phone may choose to make, to one of its servers.
fn is_asked_freely(case: &Case<'_>, exchange: &ClientExchange<'_>) -> bool {
    let chosen = !matches!(exchange.method, Method::Register | Method::Ack | Method::Cancel);
    let keepalive = case.profile.registration.keepalive.form == KeepaliveForm::Options;
    let watches = keepalive && exchange.method == Method::Options && !exchange.in_dialog();
    chosen && !watches && case.names.node_at(exchange.to, exchange.transport).is_some_and(|node| node.server)
}
