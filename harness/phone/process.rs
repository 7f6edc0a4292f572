//! The reference phone as a process: `sipfarm phone`, told what to do on its standard input.
//!
//! It answers each line with `ok`, `refused: REASON` or `error: REASON`; lines that start with `- `
//! are its reports.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use sipfarm_ua::Defects;

use super::key::{Key, PressError};

/// How long the process may take to start or to answer a line. Not a time of SIP: a phone that is
/// slower than this is lost, and nothing is judged.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running `sipfarm phone`.
pub struct ReferenceProcess {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// What the process is started with.
pub struct ProcessOptions<'a> {
    /// The program: this one.
    pub program: &'a Path,
    /// A profile as YAML, complete.
    pub profile_yaml: &'a str,
    /// Names and addresses of the servers, in the profile's order.
    pub servers: &'a [(String, SocketAddr)],
    /// The phone's address.
    pub local: SocketAddr,
    /// Account and domain.
    pub user: &'a str,
    /// Its password, handed over in the environment.
    pub password: &'a str,
    /// Its domain.
    pub domain: &'a str,
    /// The seed of its ids.
    pub seed: u64,
    /// What it does wrong.
    pub defects: &'a Defects,
}

impl ReferenceProcess {
    /// Starts the process and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, or does not say that it is ready.
    pub async fn start(options: ProcessOptions<'_>) -> Result<Self, PressError> {
        let mut command = Command::new(options.program);
        command
            .args(["phone", "--profile", "-", "--local", &options.local.to_string()])
            .args(["--user", options.user, "--domain", options.domain, "--seed", &options.seed.to_string()])
            .env("SIPFARM_PASSWORD", options.password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        for (name, addr) in options.servers {
            command.args(["--server", &format!("{name}={addr}")]);
        }
        for defect in options.defects.iter() {
            command.args(["--defect", defect.name()]);
        }
        let mut child = command.spawn().map_err(|error| lost("cannot be started", error))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(PressError::Lost("it has no standard streams".to_owned()));
        };
        // The profile comes first, ended by the document end mark of YAML.
        let profile = format!("{}\n...\n", options.profile_yaml.trim_end());
        input.write_all(profile.as_bytes()).await.map_err(|error| lost("takes no profile", error))?;
        let mut process = ReferenceProcess { child, input, output: BufReader::new(output).lines() };
        match process.reply().await?.as_str() {
            "ready" => Ok(process),
            other => Err(PressError::Lost(format!("it said {other:?} instead of \"ready\""))),
        }
    }

    /// Presses a key and waits until the phone has taken it.
    ///
    /// # Errors
    /// The phone refuses, or is gone.
    pub async fn press(&mut self, key: Key) -> Result<(), PressError> {
        let line = format!("{key}\n");
        self.input.write_all(line.as_bytes()).await.map_err(|error| lost("takes no commands", error))?;
        let reply = self.reply().await?;
        match reply.split_once(": ") {
            None if reply == "ok" => Ok(()),
            Some(("refused", reason)) => Err(PressError::Refused { key, reason: reason.to_owned() }),
            _ => Err(PressError::Lost(format!("it answered {key} with {reply:?}"))),
        }
    }

    /// Ends the process.
    pub async fn stop(&mut self) {
        // It may have ended by itself, which is what we want.
        let _ = self.child.kill().await;
    }

    async fn reply(&mut self) -> Result<String, PressError> {
        loop {
            let line = timeout(PATIENCE, self.output.next_line())
                .await
                .map_err(|_| PressError::Lost(format!("it has not answered for {} s", PATIENCE.as_secs())))?
                .map_err(|error| lost("cannot be read", error))?;
            match line {
                Some(report) if report.starts_with("- ") => continue,
                Some(reply) => return Ok(reply),
                None => return Err(PressError::Lost("its process has ended".to_owned())),
            }
        }
    }
}

fn lost(what: &str, error: std::io::Error) -> PressError {
    PressError::Lost(format!("its process {what}: {error}"))
}
