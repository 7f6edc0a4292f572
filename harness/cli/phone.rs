//! `sipfarm phone`: the reference phone as a process of its own.
//!
//! It reads commands from standard input, one a line, and answers each with `ok`, `refused: REASON`
//! or `error: REASON`. Lines that start with `- ` are its reports. It ends with its input.

use std::any::Any;
use std::io::{BufRead, Write};
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::machine::{Input, Machine, Output};
use sipfarm_core::profile::{Profile, Source, load};
use sipfarm_ua::{Defect, Phone, PhoneConfig, Server};

use crate::error::{Error, Exit, Result};
use crate::net::{RealLab, RealOptions, Trouble};
use crate::phone::{KEYS, Key, press, profiles};

/// Arguments of `sipfarm phone`.
#[derive(Debug, clap::Args)]
pub struct PhoneArgs {
    /// The profile to behave by: a name, a file, or `-` to read YAML from standard input up to a line `...`
    #[arg(long, default_value = "rfc3261")]
    profile: String,
    /// A server of the list, in order: primary=192.0.2.11:5060
    #[arg(long = "server", value_name = "NAME=ADDR", required = true, value_parser = server)]
    servers: Vec<(String, SocketAddr)>,
    /// The phone's own address for SIP over UDP and TCP
    #[arg(long, default_value = "127.0.0.1:5070")]
    local: SocketAddr,
    /// The user part of its address of record, also for digest
    #[arg(long, default_value = "1001")]
    user: String,
    /// The domain of its address of record
    #[arg(long, default_value = "lab.example")]
    domain: String,
    /// What its ids are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Do something wrong; `sipfarm mutants --list` names the defects
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<Defect>,
}

/// Runs the phone until its input ends. The password comes from `SIPFARM_PASSWORD`.
///
/// # Errors
/// The profile cannot be read, or the address cannot be taken.
pub fn phone(args: PhoneArgs) -> Result<Exit> {
    let mut lines = std::io::stdin().lines();
    let profile = profile(&args.profile, &mut lines)?;
    let transport = profile.transport.default;
    let local = args.local;
    let config = PhoneConfig {
        profile,
        servers: args.servers.into_iter().map(|(name, addr)| Server { name, addr, transport }).collect(),
        local,
        user: args.user,
        password: std::env::var("SIPFARM_PASSWORD").unwrap_or_default(),
        domain: args.domain,
        seed: args.seed,
        defects: args.defects.into_iter().collect(),
    };
    let lab = RealLab::start(RealOptions::default())
        .map_err(|error| Error::lab(format!("no network: {error}"), ""))?;
    let id = lab.add(Box::new(Reporting(Phone::new(config))));
    if let Some(trouble) =
        lab.troubles().into_iter().find(|trouble| matches!(trouble, Trouble::BindFailed { .. }))
    {
        return Err(Error::lab(
            trouble.to_string(),
            format!("choose another address than {local} with --local"),
        ));
    }
    say("ready");
    for line in lines {
        let line =
            line.map_err(|error| Error::usage(format!("standard input: {error}"), "send UTF-8 text"))?;
        match line.parse::<Key>() {
            _ if line.trim().is_empty() => {}
            Ok(key) => match lab.command(id, move |phone: &mut Phone, now| press(phone, &key, now)) {
                Ok(()) => say("ok"),
                Err(refusal) => say(&format!("refused: {refusal}")),
            },
            Err(error) => say(&format!("error: {error}")),
        }
    }
    Ok(Exit::Passed)
}

/// A phone that prints its reports.
struct Reporting(Phone);

impl Machine for Reporting {
    fn handle(&mut self, input: Input, now: Instant) {
        self.0.handle(input, now);
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

fn profile(name: &str, lines: &mut std::io::Lines<impl BufRead>) -> Result<Profile> {
    let loaded = if name == "-" {
        let text: Vec<String> =
            lines.map_while(std::result::Result::ok).take_while(|line| line != "...").collect();
        let source = Source { origin: "standard input".to_owned(), text: text.join("\n") };
        load(&source, &|_| None)
    } else {
        profiles::find(name)
    };
    loaded.map_err(|error| Error::usage(error.to_string(), "fixtures/profiles/README.md explains profiles"))
}

fn server(text: &str) -> std::result::Result<(String, SocketAddr), String> {
    let (name, addr) = text.split_once('=').ok_or("it looks like primary=192.0.2.11:5060")?;
    let addr =
        addr.parse().map_err(|_| format!("{addr:?} is no address with a port, like 192.0.2.11:5060"))?;
    Ok((name.to_owned(), addr))
}

/// The help's last part: what the phone can be told.
pub fn after_help() -> String {
    format!("Commands on standard input, one a line: {KEYS}")
}
