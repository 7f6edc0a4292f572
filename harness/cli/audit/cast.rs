//! Who is who in a capture: what the harness noted, else what the user tells, else what the packets suggest.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::Serialize;
use sipfarm_judge::case::Guess;
use sipfarm_judge::mark::{Cast, Mark, Node, Scene};
use sipfarm_judge::{Event, EventKind, Timeline};

use crate::error::{Error, Result, clean};

/// What the user tells.
#[derive(Debug, clap::Args)]
pub struct CastArgs {
    /// The phone's address, where the capture does not say it; several for a phone with several
    #[arg(long = "phone-address", value_name = "ADDR")]
    phone: Vec<IpAddr>,
    /// A server of the phone's list, in order, so that rules of order can judge: primary=192.0.2.11:5060
    #[arg(long = "server", value_name = "NAME=ADDR")]
    servers: Vec<Told>,
    /// Nothing is missing in the capture: what is not in it did not happen. And nothing is in it twice, as a mirror
    /// port may copy it. Without this, a packet that somebody else's capture lacks may have been lost, and accuses nobody
    #[arg(long)]
    complete: bool,
}

impl CastArgs {
    /// As they stand on the command line, each after a space.
    pub fn words(&self) -> String {
        let phone = self.phone.iter().map(|addr| format!(" --phone-address {addr}"));
        let servers = self.servers.iter().map(|Told(node)| format!(" --server {}={}", node.name, node.addr));
        phone.chain(servers).chain(self.complete.then(|| " --complete".to_owned())).collect()
    }
}

/// A server as `--server` tells it.
#[derive(Debug, Clone)]
struct Told(Node);

impl FromStr for Told {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let usage =
            || "write a name and an address: primary=192.0.2.11 or primary=192.0.2.11:5060".to_owned();
        let (name, addr) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(usage)?;
        let ip = || addr.trim_matches(['[', ']']).parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 5060));
        let addr = addr.parse().or_else(|_| ip()).map_err(|_| usage())?;
        Ok(Told(Node { name: name.to_owned(), addr, tls: None, server: true, dns: false }))
    }
}

/// Whom an audit took for whom, and why.
#[derive(Debug, Clone, Serialize)]
pub struct WhoIsWho {
    /// Where the phone is.
    pub phone: Vec<IpAddr>,
    phone_because: String,
    /// Its servers, in order.
    pub servers: Vec<ServerSeen>,
    servers_because: String,
    /// Those of them whom no SIP reaches or comes from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_seen: Vec<ServerSeen>,
}

/// A server in a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerSeen {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Where it is.
    pub addr: SocketAddr,
}

/// Puts what the user tells on the timeline, and says who is who.
///
/// # Errors
/// The capture says so itself, the same is told twice, or nobody speaks SIP at the phone's address or at any server's.
pub fn cast(args: &CastArgs, scene: Option<&Scene>, timeline: &mut Timeline) -> Result<WhoIsWho> {
    if let Some(scene) = scene {
        return noted(args, scene);
    }
    let not_seen = check(args, timeline)?;
    let cast = Cast {
        phone: args.phone.clone(),
        servers: args.servers.iter().map(|Told(node)| node.clone()).collect(),
        complete: args.complete,
    };
    let guess = Guess::of(timeline);
    let (phone, phone_because) = match args.phone.is_empty() {
        true => (guess.phone.into_iter().collect(), guess.why),
        false => (args.phone.clone(), "as --phone-address says"),
    };
    let (servers, servers_because) = match args.servers.is_empty() {
        true => (asked_by(timeline, &phone), "the phone sends them requests; rules of order need --server"),
        false => (cast.servers.iter().map(ServerSeen::of).collect(), "as --server says, in this order"),
    };
    if let Some(at) = timeline.events().first().map(|event| event.at) {
        timeline.insert(Event { at, packets: Vec::new(), kind: EventKind::Mark(Mark::Cast(cast)) });
    }
    Ok(WhoIsWho {
        phone,
        phone_because: phone_because.to_owned(),
        servers,
        servers_because: servers_because.to_owned(),
        not_seen,
    })
}

impl WhoIsWho {
    /// In two lines, and one more for each server that does not show.
    pub fn print(&self) {
        let list = |words: Vec<String>| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
        let phone = list(self.phone.iter().map(ToString::to_string).collect());
        println!("phone: {phone} ({})", clean(&self.phone_because));
        let servers = self.servers.iter().map(|server| match &server.name {
            Some(name) => format!("\"{name}\" {}", server.addr),
            None => server.addr.to_string(),
        });
        println!("servers: {} ({})", clean(&list(servers.collect())), clean(&self.servers_because));
        for ServerSeen { name, addr } in &self.not_seen {
            let name = name.as_deref().unwrap_or_default();
            println!(
                "note: no SIP goes to \"{}\" {addr} or comes from there: see that the address is right",
                clean(name)
            );
        }
    }
}

impl ServerSeen {
    fn of(node: &Node) -> ServerSeen {
        ServerSeen { name: Some(node.name.clone()), addr: node.addr }
    }
}

/// A capture of ours says it itself.
fn noted(args: &CastArgs, scene: &Scene) -> Result<WhoIsWho> {
    if !args.phone.is_empty() || !args.servers.is_empty() || args.complete {
        return Err(Error::usage(
            format!("this is a capture of the scenario \"{}\", and says itself who is who", scene.name),
            "leave --phone-address, --server and --complete away",
        ));
    }
    let servers = scene.nodes.iter().filter(|node| node.server).map(ServerSeen::of);
    let because = format!("as the capture says: scenario \"{}\"", scene.name);
    Ok(WhoIsWho {
        phone: scene.phone.clone(),
        phone_because: because.clone(),
        servers: servers.collect(),
        servers_because: because,
        not_seen: Vec::new(),
    })
}

/// Yields the servers that do not show: a fallback that was never needed does not, nor does a misspelt one.
fn check(args: &CastArgs, timeline: &Timeline) -> Result<Vec<ServerSeen>> {
    let mut told = BTreeSet::new();
    for Told(node) in &args.servers {
        if !told.insert(node.name.clone()) || !told.insert(node.addr.to_string()) {
            let message =
                format!("--server {}={}: the name or the address stands twice", node.name, node.addr);
            return Err(Error::usage(message, "give each server once, with a name of its own"));
        }
    }
    let speakers: BTreeSet<SocketAddr> = timeline.sip().flat_map(|(_, sip)| [sip.src, sip.dst]).collect();
    let hosts: BTreeSet<IpAddr> = speakers.iter().map(SocketAddr::ip).collect();
    if let Some(absent) = args.phone.iter().find(|phone| !hosts.contains(phone)) {
        return Err(nobody_there(&format!("--phone-address {absent}"), &hosts));
    }
    let servers = args.servers.iter().map(|Told(node)| ServerSeen::of(node));
    let (seen, not_seen): (Vec<_>, Vec<_>) = servers.partition(|server| speakers.contains(&server.addr));
    match not_seen.first() {
        Some(server) if seen.is_empty() => {
            let name = server.name.as_deref().unwrap_or_default();
            Err(nobody_there(&format!("--server {name}={}", server.addr), &speakers))
        }
        _ => Ok(not_seen),
    }
}

fn nobody_there(option: &str, speakers: &BTreeSet<impl ToString>) -> Error {
    let speakers: Vec<String> = speakers.iter().map(ToString::to_string).collect();
    let hint = match speakers.is_empty() {
        true => "there is no SIP in this capture at all".to_owned(),
        false => format!("SIP goes to or from {}", speakers.join(", ")),
    };
    Error::usage(format!("{option}: no SIP goes there or comes from there"), hint)
}

/// To whom the phone sends requests, in order.
fn asked_by(timeline: &Timeline, phone: &[IpAddr]) -> Vec<ServerSeen> {
    let mut asked: Vec<ServerSeen> = Vec::new();
    for (_, sip) in timeline.sip() {
        let is_request = sip.message.status().is_none() && sip.message.method().is_some();
        let is_new = asked.iter().all(|server| server.addr != sip.dst);
        if is_request && is_new && phone.contains(&sip.src.ip()) && !phone.contains(&sip.dst.ip()) {
            asked.push(ServerSeen { name: None, addr: sip.dst });
        }
    }
    asked
}
