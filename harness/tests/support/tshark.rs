//! tshark as a second opinion.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use sipfarm_core::Instant;

/// Says so and gives false where tshark is not installed.
pub fn is_installed() -> bool {
    let found = Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        crate::skip::tool("tshark is not installed (Debian: apt-get install tshark)");
    }
    found
}

/// The values of fields in each packet that passes the display filter. A field that occurs more
/// than once has its values joined by commas.
pub fn fields(file: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    run(file, &["-n", "-Y", filter], fields)
}

/// As [`fields`], with the checksums of IP and UDP looked at: a status of 1 is good.
pub fn checked(file: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let check = ["-n", "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y", filter];
    run(file, &check, fields)
}

/// As [`fields`], with the names that the file gives to addresses.
pub fn named(file: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    run(file, &["-o", "nameres.network_name:TRUE", "-Y", filter], fields)
}

fn run(file: &Path, options: &[&str], fields: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(options).args(["-T", "fields", "-E", "occurrence=a"]);
    let fields = fields.iter().flat_map(|field| ["-e", field]);
    let output = command.args(fields).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// What tshark itself complains about when it reads the whole file.
pub fn complaints(file: &Path) -> String {
    let output = Command::new("tshark").arg("-r").arg(file).arg("-V").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let ours = errors.lines().filter(|line| !line.contains("This could be dangerous"));
    ours.collect::<Vec<_>>().join("\n")
}

/// From `frame.time_epoch`: seconds with nine decimals.
pub fn instant(time_epoch: &str) -> Instant {
    let (seconds, nanos) = time_epoch.split_once('.').unwrap();
    assert_eq!(nanos.len(), 9, "{time_epoch}");
    Instant::from_nanos(seconds.parse::<i64>().unwrap() * 1_000_000_000 + nanos.parse::<i64>().unwrap())
}
