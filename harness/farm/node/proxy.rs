//! The stateful proxy between the phone and the far end (RFC 3261 section 16).

use sipfarm_core::Instant;
use sipfarm_core::digest::Algorithm;
use sipfarm_core::dns::plain;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::{Host, Message, MessageBuilder, Method, NameAddr, Uri, Via};

use super::anchor::Side;
use super::{Member, Node};
use crate::farm::group::Rings;
use crate::farm::stack::{Key, Path, set_vias, without_top_via};

/// Where a request goes next.
struct Hop {
    /// The Request-URI from here on.
    uri: String,
    path: Path,
    /// What is left of Route.
    routes: Vec<String>,
}

impl Node {
    /// Sends a request on, or refuses it.
    pub(super) fn forward(&mut self, server: Key, request: &Message, path: Path, now: Instant) {
        if request.number("Max-Forwards") == Some(0) {
            return self.stack.answer(&server, 483, now);
        }
        let required = request.values("Proxy-Require");
        if !required.is_empty() {
            let refusal = self.stack.response(&server, 420);
            let refusal = refusal.map(|r| r.header("Unsupported", required.join(", ")).build());
            return refusal.into_iter().for_each(|refusal| self.stack.respond(&server, refusal, now));
        }
        let hop = match self.route(request) {
            Ok(hop) => hop,
            Err(code) => return self.stack.answer(&server, code, now),
        };
        if request.is_request(&Method::Invite) {
            let begins = request.to().is_some_and(|to| to.tag().is_none());
            if begins
                && self.challenges_calls
                && let Err(refusal) = self.registrar.admit(request, now)
            {
                return self.reply(&server, &refusal, now);
            }
            self.stack.answer(&server, 100, now);
            self.member.iter().filter(|_| begins).for_each(Member::call);
        }
        let forwarded = self.forwarded(request, &hop, path.transport);
        let forwarded = self.anchored(forwarded, hop.path.remote != self.config.far_end);
        let next = hop.path.remote;
        let Some(client) = self.stack.request(forwarded, hop.path, Some(server.clone()), now) else {
            return self.stack.answer(&server, 503, now); // more than its share
        };
        if let Some(trunking) = &mut self.trunking {
            trunking.requested(request, path.remote, next, now);
        }
        self.stack.set_downstream(&server, client);
        self.learn(request, path);
    }

    /// Sends an ACK for a 2xx on; nobody waits for an answer.
    pub(super) fn forward_ack(&mut self, ack: &Message, now: Instant) {
        if ack.number("Max-Forwards") == Some(0) {
            return;
        }
        if let Ok(hop) = self.route(ack) {
            let forwarded = self.forwarded(ack, &hop, hop.path.transport);
            let forwarded = self.anchored(forwarded, hop.path.remote != self.config.far_end);
            self.stack.send(forwarded, hop.path, now);
        }
    }

    /// Answers a CANCEL and takes the INVITE back (section 16.10).
    pub(super) fn cancel(&mut self, server: &Key, cancel: &Message, now: Instant) {
        let Some(invite) = self.stack.cancelled(cancel) else {
            return self.stack.answer(server, 481, now);
        };
        self.stack.answer(server, 200, now);
        match self.stack.downstream(&invite).cloned() {
            Some(client) => self.stack.cancel(&client, now),
            None => self.stack.answer(&invite, 487, now),
        }
    }

    /// Sends a response back to where the request came from (section 16.7).
    pub(super) fn send_back(&mut self, upstream: &Key, response: &Message, path: Path, now: Instant) {
        self.learn(response, path);
        self.trunking.iter_mut().for_each(|trunking| trunking.responded(response));
        match response.status() {
            None | Some(100) => {}
            // The far end is overloaded, this node is not: 503 would drive the phone away from
            // here (section 16.7, step 6).
            Some(503) => self.stack.answer(upstream, 500, now),
            Some(_) => {
                if let Some(response) = without_top_via(response) {
                    let response = self.anchored(response, path.remote == self.config.far_end);
                    self.stack.respond(upstream, response, now);
                }
            }
        }
    }

    /// No response came from downstream: 408 for INVITE, nothing for others (RFC 4320 section 4.2).
    pub(super) fn give_up(&mut self, upstream: &Key, now: Instant) {
        match self.stack.request_of(upstream).map(|request| request.is_request(&Method::Invite)) {
            Some(true) => self.stack.answer(upstream, 408, now),
            Some(false) => self.stack.abandon(upstream),
            None => {}
        }
    }

    /// Whether a URI names this node or its domain.
    pub(super) fn is_mine(&self, uri: &Uri) -> bool {
        let addr = self.stack.addr();
        match &uri.host {
            Host::Ip(ip) => {
                let port = uri.port.unwrap_or(uri.transport().unwrap_or(Transport::Udp).default_port());
                let mine = |transport: Transport| transport.beside(addr).port() == port;
                *ip == addr.ip() && (mine(Transport::Udp) || (self.config.tls && mine(Transport::Tls)))
            }
            Host::Name(name) => {
                let zone = self.config.zone.as_deref();
                name.eq_ignore_ascii_case(&self.config.domain)
                    || zone.is_some_and(|zone| is_within(name, zone))
            }
        }
    }

    /// Sections 16.4 to 16.6: where a request goes, or the code that refuses it.
    fn route(&self, request: &Message) -> Result<Hop, u16> {
        let uri_of = |route: &NameAddr| route.sip_uri();
        let mut routes: Vec<NameAddr> = request.name_addrs("Route");
        let mut text = request.request_uri().unwrap_or_default().to_owned();
        let mut uri = Uri::parse(&text).ok_or(416_u16)?;
        if self.is_mine(&uri) && uri.params.has("lr") {
            // A strict router put our own route into the Request-URI (section 16.4).
            if let Some(last) = routes.pop() {
                uri = last.sip_uri().ok_or(400_u16)?;
                text = last.uri;
            }
        }
        let foreign = routes.iter().position(|route| !uri_of(route).is_some_and(|uri| self.is_mine(&uri)));
        let routes = routes.split_off(foreign.unwrap_or(routes.len()));
        let rest = routes.iter().map(ToString::to_string).collect();
        if let Some(next) = routes.first() {
            let path = self.path_to(&uri_of(next).ok_or(400_u16)?)?;
            return Ok(Hop { uri: text, path, routes: rest });
        }
        if !self.is_mine(&uri) {
            return Ok(Hop { uri: text, path: self.path_to(&uri)?, routes: rest });
        }
        let user = uri.user.ok_or(404_u16)?;
        if let Some(peer) = self.trunking.as_ref().and_then(|trunking| trunking.end().way_to(&user)) {
            return Ok(Hop {
                uri: Uri::at(Some(&user), peer).to_string(),
                path: Path::udp(peer),
                routes: rest,
            });
        }
        let record = self.record();
        let is_hot_desked = record.hot_desk_user.as_deref() == Some(&*user);
        if is_hot_desked && !record.logged_in {
            return Err(480);
        }
        let of_group = self.member.as_ref().and_then(|member| member.hunts(&user));
        if of_group == Some(false) {
            return Err(404);
        }
        let is_hunted = of_group == Some(true) || self.rings(&user) == Some(Rings::Phone);
        if self.config.has(&user) || is_hot_desked || is_hunted {
            if record.refuses_calls && request.is_request(&Method::Invite) {
                return Err(486);
            }
            let line = if self.config.has(&user) { &*user } else { &self.config.account.user };
            let (uri, path) = self.registrar.reach(line, &self.stack).ok_or(480_u16)?;
            return Ok(Hop { uri, path, routes: rest });
        }
        let uri = Uri::at(Some(&user), self.config.far_end).to_string();
        Ok(Hop { uri, path: Path::udp(self.config.far_end), routes: rest })
    }

    /// The way to a peer that this node knows; it is no relay to the rest of the world.
    pub(super) fn path_to(&self, uri: &Uri) -> Result<Path, u16> {
        if let Some(flow) = self.flows.find(uri) {
            return Ok(flow.path(&self.stack));
        }
        let is_peer =
            |addr| self.trunking.as_ref().is_some_and(|trunking| trunking.end().peer_at(addr).is_some());
        let known = uri.socket_addr().filter(|addr| *addr == self.config.far_end || is_peer(*addr));
        known.map(Path::udp).ok_or(404)
    }

    /// Section 16.6: what is sent on. `came_by` is the transport of the other side.
    fn forwarded(&self, request: &Message, hop: &Hop, came_by: Transport) -> Message {
        let mut builder = request.rebuild().remove("Route").set_uri(&hop.uri);
        let max_forwards = request.number("Max-Forwards").map_or(70, |left| left.saturating_sub(1).min(255));
        builder = builder.set("Max-Forwards", max_forwards);
        for route in hop.routes.iter().rev() {
            builder = builder.prepend("Route", route);
        }
        builder = self.record_route(builder, request, came_by, hop.path.transport);
        let mut vias: Vec<String> = request.values("Via").into_iter().map(str::to_owned).collect();
        let (transport, branch) = (hop.path.transport, self.branch_for(request));
        let addr = transport.beside(self.stack.addr());
        vias.insert(0, format!("SIP/2.0/{transport} {addr};branch={branch}"));
        set_vias(builder, &vias).build()
    }

    /// What the other side gets to know of where to send audio.
    fn anchored(&mut self, message: Message, from_far_end: bool) -> Message {
        let from = if from_far_end { Side::FarEnd } else { Side::Phone };
        match &mut self.anchor {
            Some(anchor) => anchor.pass(message, from),
            None => message,
        }
    }

    /// Stays on the path of the dialog that a request may begin; with a route for each side when
    /// they use different transports (RFC 5658 section 6).
    fn record_route(
        &self,
        builder: MessageBuilder,
        request: &Message,
        came_by: Transport,
        goes_by: Transport,
    ) -> MessageBuilder {
        let begins = matches!(request.method(), Some(Method::Invite | Method::Subscribe | Method::Refer))
            && request.to().is_some_and(|to| to.tag().is_none());
        if !begins {
            return builder;
        }
        let route = |transport: Transport| format!("<sip:{};lr>", self.stack.host_and_transport(transport));
        let builder = builder.prepend("Record-Route", route(came_by));
        if came_by == goes_by { builder } else { builder.prepend("Record-Route", route(goes_by)) }
    }

    /// The same for each repetition of a request, also of an ACK that no transaction knows
    /// (section 16.11).
    fn branch_for(&self, request: &Message) -> String {
        let via = request.values("Via").first().copied().unwrap_or_default().to_owned();
        let call_id = request.call_id().unwrap_or_default();
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        let hash = Algorithm::Md5.hash(format!("{} {via} {call_id} {number}", self.config.seed).as_bytes());
        format!("{}{}", Via::COOKIE, hash.unwrap_or_default().get(..16).unwrap_or_default())
    }

    /// Takes note of where a Contact can be reached.
    fn learn(&mut self, message: &Message, path: Path) {
        if let Some(contact) = message.contact().and_then(|contact| contact.sip_uri()) {
            self.flows.learn(&contact, path);
        }
    }
}

/// Whether a domain name is that of a zone, or of something in it.
fn is_within(name: &str, zone: &str) -> bool {
    let (name, zone) = (plain(name), plain(zone));
    name.strip_suffix(&zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
