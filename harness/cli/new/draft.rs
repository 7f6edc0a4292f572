//! A scenario drafted from a capture: what the phone and its servers did there, in the sentences of feature files.
//!
//! What cannot be said in one of these sentences stands in the draft as a comment, with its packet.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::Transport;
use sipfarm_core::sdp::{Direction, Session};
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::Timeline;
use sipfarm_judge::timeline::{EventKind, TcpStep};

use super::super::audit::{ServerSeen, WhoIsWho};
use super::exchanges::{Exchange, Outcome, exchanges};

/// The names of servers that have none, in the order in which the phone asks them.
const NAMES: [&str; 3] = ["primary", "secondary", "fallback"];

/// How long after one try the next may come and still be the same call.
const SAME_CALL: Span = Span::from_secs(40);

/// The keyword of a line of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyword {
    When,
    Then,
}

/// A scenario while it is drafted.
pub struct Draft {
    servers: Vec<(String, SocketAddr)>,
    start: Instant,
    /// What there is before the phone acts.
    given: Vec<String>,
    /// Comments and steps.
    story: Vec<(Option<Keyword>, String)>,
    /// Servers that have a fault by now.
    ill: BTreeSet<String>,
    /// What the far end does.
    far_end: Option<String>,
    /// The server that the phone is registered with.
    home: Option<String>,
    transport: Transport,
    is_challenged: bool,
    lasts_s: Option<u32>,
    /// What has no sentence here.
    notes: Vec<String>,
}

impl Draft {
    /// Of what is on that timeline.
    pub fn of(timeline: &Timeline, who: &WhoIsWho) -> Draft {
        let name = |(at, server): (usize, &ServerSeen)| {
            let usual =
                || NAMES.get(at).map_or_else(|| format!("server {}", at + 1), |name| (*name).to_owned());
            (server.name.clone().unwrap_or_else(usual), server.addr)
        };
        let exchanges = exchanges(timeline, &who.phone);
        let mut draft = Draft {
            servers: who.servers.iter().enumerate().map(name).collect(),
            start: timeline.events().first().map_or(Instant::EPOCH, |event| event.at),
            given: Vec::new(),
            story: Vec::new(),
            ill: BTreeSet::new(),
            far_end: None,
            home: None,
            transport: exchanges.first().map_or(Transport::Udp, |exchange| exchange.transport),
            is_challenged: false,
            lasts_s: None,
            notes: Vec::new(),
        };
        draft.tell(&exchanges);
        draft.note_the_rest(timeline, &who.phone);
        draft.begin_with_a_registration(&exchanges);
        draft
    }

    /// What decided where the phone went, and is no SIP: the author has to say it.
    fn note_the_rest(&mut self, timeline: &Timeline, phone: &[IpAddr]) {
        let asked = timeline.dns().find(|(_, dns)| phone.contains(&dns.src.ip()));
        if let Some((event, _)) = asked {
            let packet = event.packets.first().copied().unwrap_or_default();
            let help = "say what it answers:  DNS for \"example.test\" with \"primary\", then \"secondary\"";
            self.notes.push(format!("packet {packet}: the phone asks DNS; {help}"));
        }
        let refused = timeline.events().iter().find_map(|event| match &event.kind {
            EventKind::Tcp(tcp) if tcp.what == TcpStep::Rst && phone.contains(&tcp.dst.ip()) => {
                Some((event, tcp.src))
            }
            _ => None,
        });
        if let Some((event, from)) = refused {
            let packet = event.packets.first().copied().unwrap_or_default();
            let help = "if it refused the phone, say so:  \"primary\" has fault \"tcp-refuse\"";
            self.notes.push(format!("packet {packet}: {from} resets a TCP connection; {help}"));
        }
    }

    /// Where nothing else happened, the registration is the story, and not what goes before it.
    fn begin_with_a_registration(&mut self, exchanges: &[Exchange]) {
        if !self.is_empty() {
            return;
        }
        let first = exchanges.iter().find(|one| one.by_phone && one.method == Method::Register);
        if let (Some(first), Some(registered)) = (first, self.given.pop()) {
            let others = std::mem::take(&mut self.story);
            self.when(first, "the phone registers".to_owned());
            self.then(registered);
            self.story.extend(others);
        }
    }

    fn tell(&mut self, exchanges: &[Exchange]) {
        let mut told = 0;
        while let Some(exchange) = exchanges.get(told) {
            let (register, invite) = (exchange.method == Method::Register, exchange.method == Method::Invite);
            told += match exchange.by_phone {
                true if exchange.gives_up => self.untold(exchange),
                true if register || invite && !exchange.in_dialog => self.tries(&exchanges[told..]),
                true if invite => self.hold(exchange),
                true if exchange.method == Method::Bye => self.hang_up(exchange),
                false if invite && !exchange.in_dialog => self.rings(exchange),
                false if exchange.method == Method::Bye => self.far_end_hangs_up(exchange),
                _ => self.untold(exchange),
            };
        }
    }

    /// A registration or a call, at one server after the other. Yields how many exchanges that took.
    fn tries(&mut self, exchanges: &[Exchange]) -> usize {
        let first = &exchanges[0];
        let mut tries = vec![first];
        for next in exchanges[1..].iter().take_while(|next| !next.gives_up) {
            let last = tries[tries.len() - 1];
            let goes_on = next.by_phone
                && next.method == first.method
                && !next.in_dialog
                && next.server != last.server
                && !last.outcome.is_success()
                && next.at < last.ends + SAME_CALL;
            if !goes_on {
                break;
            }
            tries.push(next);
        }
        let last = tries[tries.len() - 1];
        self.is_challenged |= first.method == Method::Invite && tries.iter().any(|one| one.challenged);
        match first.method {
            Method::Register => self.registration(&tries, last),
            _ => self.call(&tries, last),
        }
        tries.len()
    }

    fn registration(&mut self, tries: &[&Exchange], last: &Exchange) {
        let server = self.name(last);
        let at_start = self.story.is_empty() && self.home.as_deref() != Some(&server);
        if last.outcome.is_success() && tries.len() == 1 && at_start {
            self.lasts_s = self.lasts_s.or(last.expires_s);
            self.home.get_or_insert_with(|| server.clone());
            return self.given.push(format!("the phone is registered with \"{server}\""));
        }
        if last.outcome.is_success() && self.home.as_deref() == Some(&server) && tries.len() == 1 {
            let lasts = self.lasts_s.map(|seconds| format!("registrations last {seconds} s"));
            let missing = lasts.filter(|lasts| !self.given.contains(lasts));
            self.given.splice(0..0, missing);
            self.when(last, "the phone is left alone".to_owned());
            return self.then(format!("the phone sends REGISTER to \"{server}\""));
        }
        self.faults(tries);
        let trigger = if self.home.is_none() { "the phone registers" } else { "the phone is left alone" };
        self.when(tries[0], trigger.to_owned());
        self.order(tries);
        if last.outcome.is_success() {
            self.then(format!("the phone is registered with \"{server}\""));
            self.home = Some(server);
        }
    }

    fn call(&mut self, tries: &[&Exchange], last: &Exchange) {
        let server = self.name(last);
        self.faults(tries);
        match last.outcome {
            Outcome::Final(200..=299) => self.far_end("the far end answers".to_owned()),
            Outcome::Final(code) if is_of_the_called(code) => {
                self.far_end(format!("the far end rejects with {code}"));
            }
            _ => {}
        }
        self.when(tries[0], "the phone dials the far end".to_owned());
        self.order(tries);
        match last.outcome {
            Outcome::Final(200..=299) => self.then(format!("the call is established through \"{server}\"")),
            Outcome::Final(code) => self.then(format!("the call fails with {code}")),
            Outcome::Silence | Outcome::Unreachable => self.then("the call fails".to_owned()),
        }
    }

    /// Where it went, one server after the other.
    fn order(&mut self, tries: &[&Exchange]) {
        let servers: Vec<String> = tries.iter().map(|one| format!("\"{}\"", self.name(one))).collect();
        self.then(format!("the phone sends {} to {}", tries[0].method, servers.join(", then ")));
    }

    /// What is wrong with the servers that the phone tried in vain, and what is right again.
    fn faults(&mut self, tries: &[&Exchange]) {
        for one in tries {
            let (server, method) = (self.name(one), &one.method);
            let fault = match one.outcome {
                Outcome::Final(200..=299) => None,
                Outcome::Final(code) if *method == Method::Invite && is_of_the_called(code) => None,
                Outcome::Final(code) => Some(format!("\"{server}\" answers {method} with {code}")),
                Outcome::Silence => Some(format!("\"{server}\" has fault \"silent\"")),
                Outcome::Unreachable => Some(format!("\"{server}\" has fault \"closed\"")),
            };
            match fault {
                Some(fault) if self.story.is_empty() => {
                    self.ill.insert(server);
                    self.given.push(fault);
                }
                Some(fault) => {
                    self.ill.insert(server);
                    self.when(one, fault);
                }
                None if self.ill.remove(&server) => self.when(one, format!("the faults at \"{server}\" end")),
                None => {}
            }
        }
    }

    fn hold(&mut self, exchange: &Exchange) -> usize {
        let says = |exchange: &Exchange| {
            let session = Session::parse(&exchange.body);
            session.audio().map(|media| session.direction(media))
        };
        match says(exchange).map(Direction::receives) {
            Some(false) => {
                self.when(exchange, "the phone holds the call".to_owned());
                self.then("the phone puts the call on hold".to_owned());
            }
            Some(true) => {
                self.when(exchange, "the phone resumes the call".to_owned());
                self.then("the phone takes the call off hold".to_owned());
            }
            None => return self.untold(exchange),
        }
        1
    }

    fn hang_up(&mut self, exchange: &Exchange) -> usize {
        self.when(exchange, "the phone hangs up".to_owned());
        let server = self.name(exchange);
        self.then(format!("the phone sends BYE to \"{server}\""));
        1
    }

    fn far_end_hangs_up(&mut self, exchange: &Exchange) -> usize {
        self.when(exchange, "the far end hangs up".to_owned());
        let server = self.name(exchange);
        if let Outcome::Final(code) = exchange.outcome {
            self.then(format!("the phone answers BYE from \"{server}\" with {code}"));
        }
        1
    }

    fn rings(&mut self, exchange: &Exchange) -> usize {
        let server = self.name(exchange);
        self.when(exchange, format!("the far end calls the phone through \"{server}\""));
        if exchange.rang {
            self.then(format!("the phone answers INVITE from \"{server}\" with 180"));
        }
        match exchange.outcome {
            Outcome::Final(200..=299) => {
                self.when(exchange, "the phone answers".to_owned());
                self.then(format!("the call is established through \"{server}\""));
            }
            Outcome::Final(code) if exchange.rang && code != 487 => {
                self.when(exchange, format!("the phone rejects the call with {code}"));
                self.then(format!("the phone answers INVITE from \"{server}\" with {code}"));
            }
            Outcome::Final(code) => {
                self.then(format!("the phone answers INVITE from \"{server}\" with {code}"))
            }
            Outcome::Silence | Outcome::Unreachable => {}
        }
        1
    }

    fn untold(&mut self, exchange: &Exchange) -> usize {
        let (from, to) = match exchange.by_phone {
            true => ("the phone".to_owned(), format!("\"{}\"", self.name(exchange))),
            false => (format!("\"{}\"", self.name(exchange)), "the phone".to_owned()),
        };
        let what = format!("{} of {from} to {to}: not in this draft", exchange.method);
        let what = if exchange.gives_up { format!("{what} (it gives its registration up)") } else { what };
        let comment =
            format!("packet {}, {:.2} after the start: {what}", exchange.packet, exchange.at - self.start);
        self.story.push((None, comment));
        1
    }

    fn far_end(&mut self, does: String) {
        match &self.far_end {
            None => self.far_end = Some(does),
            Some(before) if *before == does => {}
            Some(_) => {
                self.story.push((None, format!("{does} from here on: one scenario has one way for it")))
            }
        }
    }

    fn when(&mut self, at: &Exchange, text: String) {
        let comment = format!("packet {}, {:.2} after the start", at.packet, at.at - self.start);
        if self.story.iter().all(|(_, told)| *told != comment) {
            self.story.push((None, comment));
        }
        self.story.push((Some(Keyword::When), text));
    }

    fn then(&mut self, text: String) {
        self.story.push((Some(Keyword::Then), text));
    }

    fn name(&self, exchange: &Exchange) -> String {
        let known = self.servers.iter().find(|(_, addr)| *addr == exchange.server);
        // What comes from another port of the same host comes from the same server.
        let near = || self.servers.iter().find(|(_, addr)| addr.ip() == exchange.server.ip());
        known.or_else(near).map_or_else(|| exchange.server.to_string(), |(name, _)| name.clone())
    }

    /// Whether there is anything to try.
    pub fn is_empty(&self) -> bool {
        self.story.iter().all(|(keyword, _)| keyword.is_none())
    }

    /// The feature file.
    pub fn text(&self, title: &str, file: &str, phone: &str) -> String {
        let names: Vec<String> = self.servers.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let servers = match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => "\"primary\"".to_owned(),
        };
        let mut text = format!(
            "Feature: {title}\n  Drafted from {file}: what happened there, and not what had to happen. Read it line by line.\n\n  \
             Background:\n"
        );
        let mut background = vec![format!("a farm with servers {servers}"), phone.to_owned()];
        if self.servers.iter().any(|(_, addr)| addr.is_ipv6()) {
            background.insert(1, "an IPv6 network".to_owned());
        }
        if self.transport != Transport::Udp {
            background.push(format!("the phone speaks {}", self.transport));
        }
        background.extend(self.is_challenged.then(|| "the servers challenge every INVITE".to_owned()));
        background.extend(self.far_end.clone());
        for note in &self.notes {
            let _ = writeln!(text, "    # {note}");
        }
        steps(&mut text, "Given", &background);
        let _ = write!(text, "\n  Scenario: {title}\n");
        steps(&mut text, "Given", &self.given);
        let mut before = None;
        for (keyword, told) in &self.story {
            let _ = match keyword {
                None => writeln!(text, "    # {told}"),
                Some(_) if *keyword == before => writeln!(text, "    And {told}"),
                Some(Keyword::When) => writeln!(text, "    When {told}"),
                Some(Keyword::Then) => writeln!(text, "    Then {told}"),
            };
            before = keyword.or(before);
        }
        text
    }
}

/// Whether a refusal of a call is the word of who was called, and not of a server on the way.
fn is_of_the_called(code: u16) -> bool {
    matches!(code, 480 | 486..=488 | 600 | 603 | 604 | 606)
}

fn steps(text: &mut String, keyword: &str, steps: &[String]) {
    for (at, step) in steps.iter().enumerate() {
        let _ = writeln!(text, "    {} {step}", if at == 0 { keyword } else { "And" });
    }
}
