//! Dialogs (RFC 3261 section 12).

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::{Message, MessageBuilder, Method, NameAddr, Uri};

use crate::defect::{Defect, Defects};
use crate::tx::Target;

/// One side of a dialog, early or confirmed.
#[derive(Debug, Clone)]
pub struct Dialog {
    /// Call-ID.
    pub call_id: String,
    /// Our address with our tag, as it stands in From of our requests.
    pub local: NameAddr,
    /// The peer's address with the peer's tag.
    pub remote: NameAddr,
    /// CSeq of our last request.
    pub local_cseq: u32,
    /// CSeq of the peer's last request.
    pub remote_cseq: Option<u32>,
    /// The remote target: the peer's Contact.
    pub remote_target: String,
    /// The route set, our next hop first.
    pub route: Vec<NameAddr>,
    /// The server through which the dialog came about.
    pub through: Target,
    /// The Resource-Priority of our requests (RFC 4412 section 4.2).
    pub precedence: Option<String>,
    defects: Defects,
}

impl Dialog {
    /// The caller's side, from its INVITE and a response with a To tag (section 12.1.2). `None`
    /// where the response lacks what a dialog needs.
    pub fn of_caller(
        invite: &Message,
        response: &Message,
        through: Target,
        defects: &Defects,
    ) -> Option<Dialog> {
        let mut route = response.name_addrs("Record-Route");
        route.reverse();
        Some(Dialog {
            call_id: invite.call_id()?.to_owned(),
            local: invite.from()?,
            remote: response.to()?,
            local_cseq: invite.cseq()?.number,
            remote_cseq: None,
            remote_target: response
                .contact()
                .map_or_else(|| invite.request_uri().map(str::to_owned), |contact| Some(contact.uri))?,
            route,
            through,
            precedence: invite.header("Resource-Priority").map(str::to_owned),
            defects: defects.clone(),
        })
    }

    /// The callee's side, from the INVITE and the tag that our responses give To (section 12.1.1).
    pub fn of_callee(invite: &Message, tag: &str, through: Target, defects: &Defects) -> Option<Dialog> {
        let mut local = invite.to()?;
        local.params.set("tag", Some(tag));
        Some(Dialog {
            call_id: invite.call_id()?.to_owned(),
            local,
            remote: invite.from()?,
            local_cseq: 0,
            remote_cseq: Some(invite.cseq()?.number),
            remote_target: invite.contact()?.uri,
            route: invite.name_addrs("Record-Route"),
            through,
            precedence: None,
            defects: defects.clone(),
        })
    }

    /// Whether a request of the peer is within this dialog (section 12.2.2).
    pub fn has(&self, request: &Message) -> bool {
        request.call_id() == Some(&self.call_id)
            && request.to().is_some_and(|to| to.tag() == self.local.tag())
            && request.from().is_some_and(|from| from.tag() == self.remote.tag())
    }

    /// Takes note of the peer's CSeq. False when it is lower than one before (section 12.2.2).
    pub fn accept_cseq(&mut self, request: &Message) -> bool {
        let Some(number) = request.cseq().map(|cseq| cseq.number) else { return false };
        if self.remote_cseq.is_some_and(|last| number < last) {
            return false;
        }
        self.remote_cseq = Some(number);
        true
    }

    /// A target refresh: the peer's new Contact.
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(contact) = message.contact() {
            self.remote_target = contact.uri;
        }
    }

    /// Our next request within the dialog (section 12.2.1.1).
    pub fn request(&mut self, method: &Method) -> MessageBuilder {
        if !self.defects.has(Defect::CSeqStuck) {
            self.local_cseq += 1;
        }
        self.draft(method, self.local_cseq)
    }

    /// The ACK for a 2xx to the INVITE with that CSeq (section 13.2.2.4).
    pub fn ack(&self, number: u32) -> MessageBuilder {
        self.draft(&Method::Ack, number)
    }

    /// Where requests within the dialog are sent: to the first route, else to the remote target.
    /// Where the URI names no address, the server that the dialog came through is the way.
    pub fn target(&self) -> Target {
        let next = self.route.first().map_or(self.remote_target.as_str(), |route| &route.uri);
        let Some(uri) = Uri::parse(next) else { return self.through };
        let Some(addr) = uri.socket_addr() else { return self.through };
        let transport = match uri.transport() {
            Some(transport) => transport,
            None if addr == self.through.addr => self.through.transport,
            None => Transport::Udp,
        };
        Target { addr, transport }
    }

    fn draft(&self, method: &Method, number: u32) -> MessageBuilder {
        let (uri, routes) = self.uri_and_routes();
        let mut builder = MessageBuilder::request(method, &uri).header("Max-Forwards", 70);
        for route in routes {
            builder = builder.header("Route", route);
        }
        let mut to = self.remote.clone();
        if self.defects.has(Defect::DropsToTag) {
            to.params.remove("tag");
        }
        builder
            .header("From", &self.local)
            .header("To", to)
            .header("Call-ID", &self.call_id)
            .header("CSeq", format!("{number} {method}"))
            .header_opt("Resource-Priority", self.precedence.as_deref())
    }

    /// Request-URI and Route. A first route without `lr` is a strict router: it takes the
    /// Request-URI's place, and the remote target goes to the end.
    fn uri_and_routes(&self) -> (String, Vec<String>) {
        let routes = self.routes();
        if self.defects.has(Defect::ForgetsRemoteTarget) {
            return (self.remote.uri.clone(), routes);
        }
        match self.route.first() {
            Some(first) if !first.sip_uri().is_some_and(|uri| uri.params.has("lr")) => {
                let rest = routes.into_iter().skip(1).chain([format!("<{}>", self.remote_target)]);
                (first.uri.clone(), rest.collect())
            }
            _ => (self.remote_target.clone(), routes),
        }
    }

    fn routes(&self) -> Vec<String> {
        let mut routes: Vec<String> = self.route.iter().map(|route| route.to_string()).collect();
        if self.defects.has(Defect::ReversesRouteSet) {
            routes.reverse();
        }
        routes.retain(|_| !self.defects.has(Defect::ForgetsRouteSet));
        routes
    }
}
