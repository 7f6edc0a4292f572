//! The notifier of the account's event packages (RFC 6665): grants each SUBSCRIBE and sends the first
//! NOTIFY at once. Nothing ever happens to the account, so no other comes.

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::{Message, MessageBuilder, Method, Uri, Via};
use sipfarm_core::{Instant, Span};

use super::Node;
use super::flows::Flow;
use crate::farm::stack::{Key, Path};

/// The packages that it serves (RFC 3842, RFC 4235, and those of shared lines).
const PACKAGES: &str = "message-summary, dialog, call-info, line-seize";
/// Granted at most, and where nothing is asked, in seconds.
const EXPIRES_MAX_S: u32 = 3_600;
/// One account has no more subscriptions than that.
const SUBSCRIPTIONS_MAX: usize = 64;

/// The subscriptions that were granted.
#[derive(Debug, Default)]
pub(super) struct Notifier {
    subscriptions: Vec<Subscription>,
}

/// A subscription from the notifier's side.
#[derive(Debug, Clone)]
struct Subscription {
    call_id: String,
    /// Its header fields as they stand in our NOTIFY.
    local: String,
    remote: String,
    our_tag: String,
    their_tag: String,
    package: String,
    target: String,
    flow: Flow,
    cseq: u32,
    until: Instant,
}

impl Notifier {
    /// Forgets every subscription.
    pub(super) fn forget(&mut self) {
        self.subscriptions.clear();
    }

    fn find(&self, request: &Message) -> Option<usize> {
        let (from, to) = (request.from()?, request.to()?);
        self.subscriptions.iter().position(|subscription| {
            request.call_id() == Some(&subscription.call_id)
                && from.tag() == Some(&subscription.their_tag)
                && to.tag() == Some(&subscription.our_tag)
        })
    }
}

impl Node {
    /// The packages that the phone is subscribed to here, in order of time.
    pub fn subscriptions(&self) -> Vec<&str> {
        self.notifier.subscriptions.iter().map(|subscription| subscription.package.as_str()).collect()
    }

    /// Answers a SUBSCRIBE for the account (section 4.2.1), and notifies.
    pub(super) fn subscribe(&mut self, server: &Key, request: &Message, path: Path, now: Instant) {
        self.notifier.subscriptions.retain(|subscription| subscription.until > now);
        let event = request.header("Event").unwrap_or_default();
        let package = event.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !PACKAGES.split(", ").any(|known| known == package) {
            return self.refuse_package(server, now);
        }
        let Some(contact) = request.contact() else { return self.stack.answer(server, 400, now) };
        let Some(uri) = contact.sip_uri() else { return self.stack.answer(server, 400, now) };
        let expires_s = request.number("Expires").unwrap_or(EXPIRES_MAX_S).min(EXPIRES_MAX_S);
        let in_dialog = request.to().is_some_and(|to| to.tag().is_some());
        let place = self.notifier.find(request);
        if in_dialog && place.is_none() {
            return self.stack.answer(server, 481, now);
        }
        let Some(place) = place.or_else(|| self.admit(server, request, &package, &contact.uri, &uri, path))
        else {
            return self.stack.answer(server, 403, now);
        };
        let subscription = &mut self.notifier.subscriptions[place];
        subscription.until = now + Span::from_secs(expires_s.into());
        subscription.cseq += 1;
        let subscription = subscription.clone();
        let accepted = self.stack.response(server, 200).map(|response| {
            let contact = self.stack.host_and_transport(told(path.transport));
            let response = response.header("Contact", format!("<sip:{contact}>"));
            response.header("Expires", expires_s).build()
        });
        accepted.into_iter().for_each(|accepted| self.stack.respond(server, accepted, now));
        self.notify(&subscription, expires_s, now);
        if expires_s == 0 {
            self.notifier.subscriptions.remove(place);
        }
    }

    fn refuse_package(&mut self, server: &Key, now: Instant) {
        let refusal = self.stack.response(server, 489);
        let refusal = refusal.map(|refusal| refusal.header("Allow-Events", PACKAGES).build());
        refusal.into_iter().for_each(|refusal| self.stack.respond(server, refusal, now));
    }

    /// A new subscription; `None` where there are too many, or the request lacks what a dialog needs.
    fn admit(
        &mut self,
        server: &Key,
        request: &Message,
        package: &str,
        target: &str,
        uri: &Uri,
        path: Path,
    ) -> Option<usize> {
        if self.notifier.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return None;
        }
        let our_tag = self.stack.to_tag(server)?.to_owned();
        let (from, mut to) = (request.from()?, request.to()?);
        to.params.set("tag", Some(&our_tag));
        self.notifier.subscriptions.push(Subscription {
            call_id: request.call_id()?.to_owned(),
            local: to.to_string(),
            remote: from.to_string(),
            their_tag: from.tag()?.to_owned(),
            our_tag,
            package: package.to_owned(),
            target: target.to_owned(),
            flow: Flow::new(uri, path),
            cseq: 0,
            until: Instant::EPOCH,
        });
        Some(self.notifier.subscriptions.len() - 1)
    }

    fn notify(&mut self, subscription: &Subscription, expires_s: u32, now: Instant) {
        let path = subscription.flow.path(&self.stack);
        let (addr, branch) = (path.transport.beside(self.stack.addr()), self.stack.token());
        let contact = self.stack.host_and_transport(told(path.transport));
        let state = match expires_s {
            0 => "terminated;reason=timeout".to_owned(),
            seconds => format!("active;expires={seconds}"),
        };
        let request = MessageBuilder::request(&Method::Notify, &subscription.target)
            .header("Via", format!("SIP/2.0/{} {addr};branch={}{branch}", path.transport, Via::COOKIE))
            .header("Max-Forwards", 70)
            .header("From", &subscription.local)
            .header("To", &subscription.remote)
            .header("Call-ID", &subscription.call_id)
            .header("CSeq", format!("{} NOTIFY", subscription.cseq))
            .header("Contact", format!("<sip:{contact}>"))
            .header("Event", &subscription.package)
            .header("Subscription-State", state);
        let request = match subscription.package.as_str() {
            "message-summary" => {
                request.body("application/simple-message-summary", "Messages-Waiting: no\r\n")
            }
            _ => request,
        };
        self.stack.request(request.build(), path, None, now);
    }
}

/// What a node says of its transport in Contact: TLS, or nothing.
fn told(transport: Transport) -> Transport {
    if transport == Transport::Tls { Transport::Tls } else { Transport::Udp }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::sip::{Message, MessageBuilder, Method};

    use crate::farm::testing::{Lab, PHONE, request};

    fn subscribe(n: u32, package: &str, expires: u32) -> MessageBuilder {
        let uri = "sip:1001@example.test";
        request(&Method::Subscribe, uri, n).header("Event", package).header("Expires", expires)
    }

    /// What the phone hears of a request: the response, and the NOTIFY if there is one.
    fn heard(lab: &mut Lab, request: &MessageBuilder) -> (Message, Option<Message>) {
        lab.forget();
        lab.say(request);
        lab.run_ms(10);
        let mut heard = lab.heard().into_iter();
        let response = heard.next().expect("a response");
        (response, heard.next())
    }

    #[test]
    fn a_subscription_is_granted_and_notified_at_once() {
        let mut lab = Lab::new();
        let (ok, notify) = heard(&mut lab, &subscribe(1, "message-summary", 600));
        assert_eq!((ok.status(), ok.number("Expires")), (Some(200), Some(600)));
        let notify = notify.expect("a NOTIFY");
        assert_eq!(notify.request_uri(), Some(format!("sip:1001@{PHONE}").as_str()));
        assert_eq!(notify.call_id(), ok.call_id());
        assert_eq!(
            notify.from().and_then(|from| from.tag().map(str::to_owned)),
            ok.to().and_then(|to| to.tag().map(str::to_owned))
        );
        assert_eq!(notify.to().and_then(|to| to.tag().map(str::to_owned)).as_deref(), Some("phone"));
        assert_eq!(notify.header("Event"), Some("message-summary"));
        assert_eq!(notify.header("Subscription-State"), Some("active;expires=600"));
        assert!(notify.defects.is_empty(), "{:?}", notify.defects);
        assert_eq!(lab.node(|node, _| node.subscriptions().len()), 1);
    }

    #[test]
    fn it_is_refreshed_and_ended_within_its_dialog() {
        let mut lab = Lab::new();
        let (ok, _) = heard(&mut lab, &subscribe(1, "dialog", 600));
        let to = ok.header("To").expect("To").to_owned();
        let (refreshed, _) = heard(&mut lab, &subscribe(2, "dialog", 300).set("To", &to));
        assert_eq!((refreshed.status(), refreshed.number("Expires")), (Some(200), Some(300)));
        let (ended, notify) = heard(&mut lab, &subscribe(3, "dialog", 0).set("To", &to));
        assert_eq!(ended.status(), Some(200));
        let state = notify.and_then(|notify| notify.header("Subscription-State").map(str::to_owned));
        assert_eq!(state.as_deref(), Some("terminated;reason=timeout"));
        assert_eq!(lab.node(|node, _| node.subscriptions().len()), 0);
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let mut lab = Lab::new();
        let (refused, notify) = heard(&mut lab, &subscribe(1, "presence", 600));
        assert_eq!((refused.status(), notify.is_none()), (Some(489), true));
        assert!(refused.header("Allow-Events").is_some_and(|events| events.contains("message-summary")));
        let strange = subscribe(2, "dialog", 600).set("To", "<sip:1001@example.test>;tag=strange");
        assert_eq!(heard(&mut lab, &strange).0.status(), Some(481));
    }

    #[test]
    fn a_restart_forgets_it() {
        let mut lab = Lab::new();
        heard(&mut lab, &subscribe(1, "dialog", 600));
        lab.fault_on("restart");
        assert_eq!(lab.node(|node, _| node.subscriptions().len()), 0);
    }
}
