//! `sipfarm open`: Wireshark on the capture of a scenario, at the packet that decided.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Exit, Result};
use crate::report::quoted;
use crate::run::bundle::CAPTURES;
use crate::run::record::{Recorded, Scenario};

/// Arguments of `sipfarm open`.
#[derive(Debug, clap::Args)]
pub struct OpenArgs {
    /// The bundle's folder [default: captures/latest], then the scenario: its number, a part of its name, or
    /// file:line
    #[arg(value_name = "[BUNDLE] SCENARIO", num_args = 1..=2, required = true)]
    what: Vec<String>,
    /// The packet to go to [default: the one that decided against the phone, if any]
    #[arg(long, value_name = "N", value_parser = super::at_least_one)]
    packet: Option<u32>,
    /// Only print the command
    #[arg(long)]
    print: bool,
}

/// How many of the scenarios that fit are named when there are several.
const NAMED: usize = 5;

/// Starts Wireshark and leaves it alone.
///
/// # Errors
/// There is no such bundle, scenario or capture; or no Wireshark, or no display for it.
pub fn open(args: &OpenArgs) -> Result<Exit> {
    let (folder, wanted) = match args.what.as_slice() {
        [scenario] => (Path::new(CAPTURES).join("latest"), scenario),
        [bundle, scenario, ..] => (PathBuf::from(bundle), scenario),
        [] => return Err(Error::usage("no scenario is named", "write its number, such as 014")),
    };
    let recorded = super::report::open(&folder)?;
    let scenario = find(&recorded, wanted)?;
    let capture = capture_of(&recorded, scenario)?;
    let packet = args.packet.or_else(|| scenario.telling_packet());
    let command = command(&capture, packet);
    if args.print {
        println!("{command}");
        return Ok(Exit::Passed);
    }
    if let Some(missing) = missing() {
        return Err(Error::lab(
            format!("{missing}; the command is: {command}"),
            "apt-get install wireshark, on a machine with a screen; the capture alone is enough there",
        ));
    }
    let mut wireshark = Command::new("wireshark");
    wireshark.arg("-r").arg(&capture);
    if let Some(packet) = packet {
        wireshark.arg("-g").arg(packet.to_string());
    }
    // It outlives this command, and Ctrl-C here.
    std::os::unix::process::CommandExt::process_group(&mut wireshark, 0);
    let started = wireshark.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    started.map_err(|error| {
        Error::lab(format!("Wireshark does not start: {error}"), format!("see what it says: {command}"))
    })?;
    println!("{command}");
    Ok(Exit::Passed)
}

/// The scenario by its number, its place, or a part of its name.
fn find<'a>(recorded: &'a Recorded, wanted: &str) -> Result<&'a Scenario> {
    let scenarios = recorded.scenarios();
    let by_number = |scenario: &&Scenario| wanted.parse() == Ok(scenario.id);
    let by_place = |scenario: &&Scenario| {
        wanted.rsplit_once(':').is_some_and(|(feature, line)| {
            line.parse() == Ok(scenario.line) && Path::new(&scenario.feature).ends_with(feature)
        })
    };
    let part = wanted.to_lowercase();
    let by_name = |scenario: &&Scenario| scenario.name.to_lowercase().contains(&part);
    let mut found: Vec<&Scenario> = scenarios.iter().copied().filter(by_number).collect();
    if found.is_empty() {
        found = scenarios.iter().copied().filter(by_place).collect();
    }
    if found.is_empty() {
        found = scenarios.iter().copied().filter(by_name).collect();
    }
    match found[..] {
        [scenario] => Ok(scenario),
        [] => {
            let folder = recorded.folder.display();
            let message = format!("none of the {} scenarios in {folder} is {wanted:?}", scenarios.len());
            Err(Error::usage(message, "write its number, a part of its name, or file:line"))
        }
        _ => {
            let names =
                found.iter().take(NAMED).map(|scenario| format!("{:03} {}", scenario.id, scenario.name));
            let names = names.collect::<Vec<_>>().join("; ");
            let more = found.len().saturating_sub(NAMED);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            let message = format!("{wanted:?} may be {} scenarios: {names}{more}", found.len());
            Err(Error::usage(message, "write the number of one of them"))
        }
    }
}

fn capture_of(recorded: &Recorded, scenario: &Scenario) -> Result<PathBuf> {
    let capture = recorded.capture(scenario).ok_or_else(|| {
        let message = format!("scenario {:03} \"{}\" has left no capture", scenario.id, scenario.name);
        Error::usage(message, format!("repeat it: {}", scenario.repeat))
    })?;
    if capture.is_file() {
        return Ok(capture);
    }
    let message = format!("{} is not there any more", capture.display());
    Err(Error::usage(message, format!("repeat the scenario: {}", scenario.repeat)))
}

/// As a shell takes it.
fn command(capture: &Path, packet: Option<u32>) -> String {
    let path = quoted(&capture.display().to_string());
    let packet = packet.map(|packet| format!(" -g {packet}")).unwrap_or_default();
    format!("wireshark -r {path}{packet}")
}

/// What Wireshark would miss.
fn missing() -> Option<&'static str> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(OsStr::new(&path)).any(|folder| folder.join("wireshark").is_file());
    if !installed {
        return Some("Wireshark is not installed here");
    }
    (!is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY")).then_some("there is no display here for Wireshark")
}
