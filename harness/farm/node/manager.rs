//! What a call manager has to do with a phone beside calls: it lets phones back with a token (CC-05), and
//! tells a phone to reset (CC-08, CC-09).

use sipfarm_core::Instant;
use sipfarm_core::sip::{Message, MessageBuilder, Method, Via};

use super::Node;
use crate::farm::stack::{Key, Path};

/// What a phone refers to that asks for leave to return, without regard to case (RFC 8141 section 3.1
/// compares the namespace so; the rest is Cisco's).
const TOKEN: &str = "urn:x-cisco-remotecc:token-registration";

/// Whether a request asks for leave to return.
pub(in crate::farm) fn asks_for_token(request: &Message) -> bool {
    let refers_to = request.header("Refer-To").unwrap_or_default();
    request.is_request(&Method::Refer) && refers_to.to_ascii_lowercase().contains(TOKEN)
}

impl Node {
    /// Lets the phone return. It is told nothing more of that (RFC 4488 section 4).
    pub(super) fn grant_token(&mut self, server: &Key, now: Instant) {
        let accepted = self.stack.response(server, 202);
        let accepted = accepted.map(|accepted| {
            let contact = format!("<sip:{}>", self.stack.addr());
            accepted.header("Contact", contact).header("Refer-Sub", "false").build()
        });
        accepted.into_iter().for_each(|accepted| self.stack.respond(server, accepted, now));
    }

    /// Tells the phone to reset: a NOTIFY of event `check-sync`, which no SUBSCRIBE has asked for. False when
    /// no phone is registered here.
    pub fn reset_phone(&mut self, now: Instant) -> bool {
        let Some((target, path)) = self.registrar.reach(&self.config.account.user, &self.stack) else {
            return false;
        };
        let request = self.check_sync(&target, path);
        self.stack.request(request, path, None, now).is_some()
    }

    fn check_sync(&mut self, target: &str, path: Path) -> Message {
        let (addr, branch) = (self.stack.addr(), self.stack.token());
        let (tag, call_id) = (self.stack.token(), self.stack.token());
        let (user, domain) = (&self.config.account.user, &self.config.domain);
        MessageBuilder::request(&Method::Notify, target)
            .header("Via", format!("SIP/2.0/{} {addr};branch={}{branch}", path.transport, Via::COOKIE))
            .header("Max-Forwards", 70)
            .header("From", format!("<sip:{domain}>;tag={tag}"))
            .header("To", format!("<sip:{user}@{domain}>"))
            .header("Call-ID", format!("{call_id}@{}", addr.ip()))
            .header("CSeq", "1 NOTIFY")
            .header("Contact", format!("<sip:{addr}>"))
            .header("Event", "check-sync")
            .header("Subscription-State", "terminated")
            .build()
    }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::sip::Method;

    use crate::farm::testing::{Lab, PHONE, request};

    #[test]
    fn a_token_is_granted_and_another_refer_goes_on() {
        let mut lab = Lab::new();
        let token = request(&Method::Refer, "sip:example.test", 1)
            .header("Refer-To", "<urn:X-cisco-remotecc:token-registration>");
        lab.say(&token);
        lab.run_ms(100);
        assert_eq!((lab.last().status(), lab.last().header("Refer-Sub")), (Some(202), Some("false")));
        lab.say(
            &request(&Method::Refer, "sip:example.test", 2).header("Refer-To", "<sip:1002@example.test>"),
        );
        lab.run_ms(100);
        assert_ne!(lab.last().status(), Some(202));
    }

    #[test]
    fn only_a_phone_that_is_registered_is_reset() {
        let mut lab = Lab::new();
        assert!(!lab.node(|node, now| node.reset_phone(now)));
        lab.register();
        assert!(lab.node(|node, now| node.reset_phone(now)));
        lab.run_ms(10);
        let notify = lab.last();
        assert_eq!(notify.request_uri(), Some(format!("sip:1001@{PHONE}").as_str()));
        assert_eq!(notify.header("Event"), Some("check-sync"));
        assert!(notify.defects.is_empty(), "{:?}", notify.defects);
    }
}
