//! `sipfarm phone`: the reference phone as a process of its own.
//!
//! It reads commands from standard input, one a line, and answers each with `ok`, `refused: REASON`
//! or `error: REASON`, and questions of what shows at it with `yes` or `no`. Lines that start with `- ` are its reports. It ends with its input.

use std::any::Any;
use std::collections::BTreeSet;
use std::io::{BufRead, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};

use sipfarm_core::key::KEYS;
use sipfarm_core::machine::{Input, Machine, Output};
use sipfarm_core::profile::{Profile, Source, load_for};
use sipfarm_core::{Fact, Instant, Key, Topic};
use sipfarm_ua::{Defect, Destination, Line, Phone, PhoneConfig, Server};

use super::check::{rules, wrong_profile};
use crate::error::{Error, Exit, Result};
use crate::net::{MachineId, RealLab, RealOptions, Trouble};
use crate::phone::{ASK, Lateness, press};
use crate::world::fix;

/// Arguments of `sipfarm phone`.
#[derive(Debug, clap::Args)]
pub struct PhoneArgs {
    /// The profile to behave by: a name, a file, or `-` to read YAML from standard input up to a line `...`
    #[arg(long, default_value = "rfc3261")]
    profile: String,
    /// A server of the list, in order: primary=192.0.2.11:5060, or by name: main=sip.example.test,
    /// main=sip.example.test:5070;transport=tcp
    #[arg(long = "server", value_name = "NAME=HOST[:PORT][;transport=udp|tcp|tls]", required = true)]
    servers: Vec<Server>,
    /// A DNS server that finds the servers given by name; several are asked in order
    #[arg(long = "dns", value_name = "ADDR", value_parser = dns_server)]
    dns: Vec<SocketAddr>,
    /// The phone's own address for SIP over UDP and TCP
    #[arg(long, default_value = "127.0.0.1:5070")]
    local: SocketAddr,
    /// The user part of its address of record, also for digest
    #[arg(long, default_value = "1001")]
    user: String,
    /// A further line: the user part of its address of record, and how many calls it has room for unless that is
    /// what the profile says
    #[arg(long = "line", value_name = "USER[:CALLS]", value_parser = further_line)]
    lines: Vec<FurtherLine>,
    /// The domain of its address of record
    #[arg(long, default_value = "lab.example")]
    domain: String,
    /// What its ids are drawn from
    #[arg(long, default_value_t = 1, value_parser = super::whole_number)]
    seed: u64,
    /// Do something wrong; `sipfarm mutants --list` names the defects
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<Defect>,
}

/// A line beside the first.
#[derive(Debug, Clone)]
struct FurtherLine {
    user: String,
    appearances: Option<u8>,
}

fn further_line(text: &str) -> std::result::Result<FurtherLine, String> {
    let Some((user, calls)) = text.split_once(':') else {
        return Ok(FurtherLine { user: text.to_owned(), appearances: None });
    };
    match calls.parse() {
        Ok(calls @ 1..) => Ok(FurtherLine { user: user.to_owned(), appearances: Some(calls) }),
        _ => Err(format!("a line has room for 1 to 255 calls, not {calls:?}")),
    }
}

/// Runs the phone until its input ends. The password comes from `SIPFARM_PASSWORD`.
///
/// # Errors
/// The profile cannot be read, or the address cannot be taken.
pub fn phone(args: PhoneArgs) -> Result<Exit> {
    check_servers(&args)?;
    let mut input = Lines::new(std::io::stdin().lock());
    let profile = profile(&args.profile, &mut input)?.at_own_scale();
    let local = args.local;
    let mut servers = args.servers;
    // How to speak to a name is for DNS to say (RFC 3263 section 4.1); nobody says it of an address.
    for server in servers.iter_mut().filter(|server| matches!(server.at, Destination::Address(_))) {
        server.transport.get_or_insert(profile.transport.default);
    }
    let password = std::env::var("SIPFARM_PASSWORD").unwrap_or_default();
    let room = profile.lines.appearances;
    let first = (args.user, room);
    let further = args.lines.into_iter().map(|line| (line.user, line.appearances.unwrap_or(room)));
    let line = |(user, appearances)| Line { user, password: password.clone(), appearances };
    let lines = [first].into_iter().chain(further).map(line).collect();
    let config = PhoneConfig {
        profile,
        servers,
        dns: args.dns,
        local,
        lines,
        domain: args.domain,
        seed: args.seed,
        defects: args.defects.into_iter().collect(),
    };
    // Told at once, and before what is late is sent: whoever sees it late knows why.
    let options = RealOptions {
        late_after: Lateness::LEAST,
        told: Some(Box::new(tell_trouble)),
        ..RealOptions::default()
    };
    let lab = RealLab::start(options)
        .map_err(|error| Error::lab(format!("no network: {error}"), fix::NO_SOCKETS))?;
    let id = lab.try_add(Box::new(Reporting(Phone::new(config)))).map_err(|troubles| {
        let troubles: Vec<String> = troubles.iter().map(ToString::to_string).collect();
        Error::lab(troubles.join("; "), format!("choose another address than {local} with --local"))
    })?;
    say("ready");
    obey(&lab, id, &mut input)?;
    Ok(Exit::Passed)
}

/// Does what the input says until it ends.
fn obey(lab: &RealLab, id: MachineId, input: &mut Lines<impl BufRead>) -> Result<()> {
    while let Some(line) = input.next()? {
        if line.as_ref().is_ok_and(|line| line.is_empty()) {
            continue;
        }
        let asked = line.as_ref().ok().and_then(|line| line.strip_prefix(ASK)).map(str::parse::<Fact>);
        if let Some(fact) = asked {
            let shows = fact.map(|fact| lab.command(id, move |phone: &mut Phone, _| phone.shows(&fact)));
            say(&shows.map_or_else(|why| format!("error: {why}"), |shows| yes_or_no(shows).to_owned()));
            continue;
        }
        let reply = match line.and_then(|line| line.parse::<Key>()) {
            Ok(key) => match lab.command(id, move |phone: &mut Phone, now| press(phone, &key, now)) {
                Ok(()) => "ok".to_owned(),
                Err(refusal) => format!("refused: {refusal}"),
            },
            Err(error) => format!("error: {error}"),
        };
        say(&reply);
    }
    Ok(())
}

fn yes_or_no(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// Tells what went wrong under the phone.
fn tell_trouble(trouble: &Trouble) {
    match *trouble {
        Trouble::Late { at, by } => say(&format!("- {}", Lateness { at, by })),
        ref trouble => say(&format!("- {trouble}")),
    }
}

/// A phone that prints its reports.
struct Reporting(Phone);

impl Machine for Reporting {
    fn handle(&mut self, input: Input, now: Instant) {
        // A phone that panicked must not go on half dead; the panic was reported where it happened.
        let handled = catch_unwind(AssertUnwindSafe(|| self.0.handle(input, now)));
        handled.unwrap_or_else(|_| std::process::exit(Exit::Bug.code().into()));
    }
    fn poll_output(&mut self) -> Option<Output> {
        let output = self.0.poll_output();
        while let Some(report) = self.0.poll_report() {
            say(&format!("- {report}"));
        }
        output
    }
    fn deadline(&self) -> Option<Instant> {
        self.0.deadline()
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self.0.as_any_mut()
    }
}

/// Prints a line; a reader that is gone will end our input too.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn profile(name: &str, input: &mut Lines<impl BufRead>) -> Result<Profile> {
    if name == "-" {
        let mut text = String::new();
        while let Some(line) = input.next()? {
            match line {
                Ok(line) if line == "..." => break,
                Ok(line) => text += &(line + "\n"),
                Err(error) => return Err(Error::usage(format!("standard input: {error}"), "send a profile")),
            }
        }
        load_for(&Source { origin: "standard input".to_owned(), text }, &|_| None, &rules())
            .map_err(|error| wrong_profile(&error))
    } else {
        super::check::profile(name)
    }
}

/// A DNS server listens on port 53 unless told otherwise (RFC 1035 section 4.2).
fn dns_server(text: &str) -> std::result::Result<SocketAddr, String> {
    let ip = || text.trim_matches(['[', ']']).parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    text.parse().or_else(|_| ip()).map_err(|_| "it is an address like 192.0.2.9 or 192.0.2.9:5353".to_owned())
}

fn check_servers(args: &PhoneArgs) -> Result<()> {
    let mut names = BTreeSet::new();
    if let Some(server) = args.servers.iter().find(|server| !names.insert(&server.name)) {
        let message = format!("--server {}: the name stands twice", server.name);
        return Err(Error::usage(message, "give each its own"));
    }
    let is_named = |server: &&Server| matches!(server.at, Destination::Name { .. });
    let named = args.servers.iter().find(is_named);
    match (named, args.dns.iter().find(|dns| dns.is_ipv4() != args.local.is_ipv4())) {
        (Some(server), _) if args.dns.is_empty() => Err(Error::usage(
            format!("--server {server}: that is a domain name, and there is no DNS server to ask"),
            "add --dns ADDR, or give the server's address: --server NAME=192.0.2.11:5060",
        )),
        (_, Some(dns)) => Err(Error::usage(
            format!("--dns {dns}: the phone at {} cannot reach it", args.local.ip()),
            "give both an IPv4 address, or both an IPv6 address",
        )),
        _ => Ok(()),
    }
}

/// The help's last part: what the phone can be told.
pub fn after_help() -> String {
    let call = Fact::from(Topic::Call);
    format!(
        "Commands on standard input, one a line: {KEYS}.\n\
         Each is answered with `ok`, `refused: REASON` or `error: REASON`; lines that begin with `- ` are reports. \
         What shows at the phone, a line that begins with `{ASK}` asks, as `{ASK}{call}`; it is answered with `yes` or \
         `no`. \
         The phone ends with its input.\n\
         The password is taken from the environment: SIPFARM_PASSWORD."
    )
}

/// Lines of text, none longer than [`Lines::LONGEST`].
struct Lines<R>(R);

impl<R: BufRead> Lines<R> {
    /// In octets; a line of a profile is the longest that anybody sends.
    const LONGEST: u64 = 64 * 1024;

    fn new(input: R) -> Self {
        Lines(input)
    }

    /// The next line, or what is wrong with it; `None` at the end.
    fn next(&mut self) -> Result<Option<std::result::Result<String, String>>> {
        let line = self.piece()?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.len() as u64 == Self::LONGEST && !line.ends_with(b"\n") {
            while self.piece()?.last().is_some_and(|octet| *octet != b'\n') {}
            return Ok(Some(Err(format!("a line of more than {} octets", Self::LONGEST))));
        }
        let text = String::from_utf8(line).map(|line| line.trim_end().to_owned());
        Ok(Some(text.map_err(|_| "a line that is no UTF-8 text".to_owned())))
    }

    /// A line, or as much of it as is allowed; nothing at the end.
    fn piece(&mut self) -> Result<Vec<u8>> {
        let mut piece = Vec::new();
        let read = self.0.by_ref().take(Self::LONGEST).read_until(b'\n', &mut piece);
        read.map_err(|error| {
            Error::usage(format!("standard input: {error}"), "give it commands, one a line")
        })?;
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(input: &[u8]) -> Vec<std::result::Result<String, String>> {
        let mut lines = Lines::new(input);
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    #[test]
    fn garbage_costs_its_own_line_and_no_other() {
        let long = vec![b'x'; 3 * 64 * 1024];
        let input = [b"register\r\n\n\xff\xfe\n".as_slice(), &long, b"\n  \nhang up"].concat();
        let said = lines(&input);
        assert_eq!(said[..2], [Ok("register".to_owned()), Ok(String::new())]);
        assert!(said[2].as_ref().unwrap_err().contains("UTF-8"));
        assert!(said[3].as_ref().unwrap_err().contains("65536 octets"));
        assert_eq!(said[4..], [Ok(String::new()), Ok("hang up".to_owned())]);
    }

    #[test]
    fn a_dns_server_is_an_address_and_its_port_is_53_unless_told_otherwise() {
        for (text, expected) in
            [("192.0.2.9", "192.0.2.9:53"), ("192.0.2.9:5353", "192.0.2.9:5353"), ("[::1]", "[::1]:53")]
        {
            assert_eq!(dns_server(text), Ok(expected.parse().unwrap()));
        }
        assert!(dns_server("dns.test").is_err());
    }
}
