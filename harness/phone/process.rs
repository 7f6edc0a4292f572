//! The reference phone as a process: `sipfarm phone`, told what to do on its standard input.
//!
//! It answers each line with `ok`, `refused: REASON` or `error: REASON`, a question of what shows at it
//! ([`ASK`]) with `yes` or `no`; lines that start with `- ` are its reports. It ends when its input does, so none survives whoever started it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use sipfarm_core::{Answer, Fact, Key};
use sipfarm_ua::{Defects, Line, Server};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::lateness::Lateness;
use super::press::PressError;
use crate::error::Exit;

/// How long the process may take to start or to answer a line. Not a time of SIP: a phone that is
/// slower than this is lost, and nothing is judged.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(2);

/// How a line begins that asks what shows at the phone; a sentence of [`Fact`] follows.
pub const ASK: &str = "is it so that ";

/// A running `sipfarm phone`.
pub struct ReferenceProcess {
    child: Child,
    /// `None` once it was told to end.
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    complaints: Complaints,
    lateness: Vec<Lateness>,
}

/// What the process is started with.
pub struct ProcessOptions<'a> {
    /// The program: this one.
    pub program: &'a Path,
    /// A profile as YAML, complete.
    pub profile_yaml: &'a str,
    /// The servers, in the order in which it tries them.
    pub servers: &'a [Server],
    /// The DNS server that it asks for domain names, if any.
    pub dns: Option<SocketAddr>,
    /// The phone's address.
    pub local: SocketAddr,
    /// Account and domain.
    pub user: &'a str,
    /// Its lines beside the one of that account.
    pub further_lines: &'a [Line],
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
    /// Starts the process and waits until it is ready. It is killed when it is dropped.
    ///
    /// # Errors
    /// It cannot be started, or does not say that it is ready.
    pub async fn start(options: ProcessOptions<'_>) -> Result<Self, PressError> {
        let mut child = command(&options).spawn().map_err(|error| lost("cannot be started", error))?;
        let (Some(mut input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(PressError::Lost("it has no standard streams".to_owned()));
        };
        // The profile comes first, ended by the document end mark of YAML. A process that cannot
        // take it has ended, and says why instead of being ready.
        let profile = format!("{}\n...\n", options.profile_yaml.trim_end());
        let _ = input.write_all(profile.as_bytes()).await;
        let mut process = ReferenceProcess {
            child,
            input: Some(input),
            output: BufReader::new(output).lines(),
            complaints: Complaints::of(errors),
            lateness: Vec::new(),
        };
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
        if let Some(input) = &mut self.input {
            // When nobody reads it, there is no reply either, and that is told with the reason.
            let _ = input.write_all(line.as_bytes()).await;
        }
        let reply = self.reply().await?;
        match reply.split_once(": ") {
            None if reply == "ok" => Ok(()),
            Some(("refused", reason)) => Err(PressError::Refused { key, reason: reason.to_owned() }),
            _ => Err(PressError::Lost(format!("it answered {key} with {reply:?}"))),
        }
    }

    /// Asks what shows at the phone.
    ///
    /// # Errors
    /// The phone is gone.
    pub async fn ask(&mut self, fact: &Fact) -> Result<Answer, PressError> {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(format!("{ASK}{fact}\n").as_bytes()).await; // as when a key is pressed
        }
        match self.reply().await?.as_str() {
            "yes" => Ok(Answer::Yes),
            "no" => Ok(Answer::No),
            other => Err(PressError::Lost(format!("asked whether {fact}, it answered {other:?}"))),
        }
    }

    /// Waits until the process has ended by itself, and tells how. May be given up and asked again.
    pub async fn ended(&mut self) -> PressError {
        while let Ok(Some(line)) = self.output.next_line().await {
            self.lateness.extend(report(&line));
        }
        match self.child.wait().await {
            Ok(status) => how_it_ended(status, &self.complaints.last().await),
            Err(error) => lost("cannot be watched", error),
        }
    }

    /// When this machine has served the process late, as far as it has told since this was asked
    /// last.
    pub fn take_lateness(&mut self) -> Vec<Lateness> {
        while let Some(Ok(Some(line))) = self.output.next_line().now_or_never() {
            self.lateness.extend(report(&line));
        }
        std::mem::take(&mut self.lateness)
    }

    /// Ends the process, and tells when this machine had served it late.
    ///
    /// # Errors
    /// It had ended by itself before.
    pub async fn stop(&mut self) -> Result<Vec<Lateness>, PressError> {
        if let Ok(Some(_)) = self.child.try_wait() {
            return Err(self.ended().await);
        }
        self.input = None; // the end of its input is its own end
        while let Ok(Ok(Some(line))) = timeout(FAREWELL, self.output.next_line()).await {
            self.lateness.extend(report(&line));
        }
        match timeout(FAREWELL, self.child.wait()).await {
            Ok(Ok(status)) if !status.success() => Err(how_it_ended(status, &self.complaints.last().await)),
            Ok(_) => Ok(std::mem::take(&mut self.lateness)),
            Err(_) => {
                let _ = self.child.kill().await; // it may end at this very moment
                Ok(std::mem::take(&mut self.lateness))
            }
        }
    }

    async fn reply(&mut self) -> Result<String, PressError> {
        loop {
            let line = timeout(PATIENCE, self.output.next_line())
                .await
                .map_err(|_| PressError::Lost(format!("it has not answered for {} s", PATIENCE.as_secs())))?
                .map_err(|error| lost("cannot be read", error))?;
            match line {
                Some(line) if line.starts_with("- ") => self.lateness.extend(report(&line)),
                Some(reply) => return Ok(reply),
                None => return Err(self.ended().await),
            }
        }
    }
}

/// What the process says on standard error.
struct Complaints {
    said: Arc<Mutex<VecDeque<String>>>,
    reader: JoinHandle<()>,
}

impl Complaints {
    /// How many lines are kept.
    const LINES: usize = 10;

    fn of(errors: ChildStderr) -> Self {
        let said = Arc::default();
        let reader = tokio::spawn(Self::read(errors, Arc::clone(&said)));
        Complaints { said, reader }
    }

    async fn read(errors: ChildStderr, said: Arc<Mutex<VecDeque<String>>>) {
        // Whoever asked for our log wants the phone's, too.
        let log = std::env::var_os("SIPFARM_LOG").is_some();
        let mut lines = BufReader::new(errors).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if log {
                eprintln!("{line}");
            }
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_back(line.trim().to_owned());
            if said.len() > Self::LINES {
                said.pop_front();
            }
        }
    }

    /// The last of it, once the process has ended.
    async fn last(&mut self) -> String {
        if !self.reader.is_finished() {
            let _ = timeout(FAREWELL, &mut self.reader).await;
        }
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.iter().filter(|line| !line.is_empty()).cloned().collect::<Vec<_>>().join("; ")
    }
}

fn command(options: &ProcessOptions<'_>) -> Command {
    let mut command = Command::new(options.program);
    command
        .args(["phone", "--profile", "-", "--local", &options.local.to_string()])
        .args(["--user", options.user, "--domain", options.domain, "--seed", &options.seed.to_string()])
        .env("SIPFARM_PASSWORD", options.password)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C on the terminal is for us: the phone must not die first, as if it were lost.
        .process_group(0)
        .kill_on_drop(true);
    for line in options.further_lines {
        command.args(["--line", &format!("{}:{}", line.user, line.appearances)]);
    }
    for server in options.servers {
        command.args(["--server", &server.to_string()]);
    }
    if let Some(dns) = options.dns {
        command.args(["--dns", &dns.to_string()]);
    }
    for defect in options.defects.iter() {
        command.args(["--defect", defect.name()]);
    }
    command
}

/// What a report says about lateness, if it does.
fn report(line: &str) -> Option<Lateness> {
    line.strip_prefix("- ")?.parse().ok()
}

fn how_it_ended(status: ExitStatus, complaints: &str) -> PressError {
    let colon = if complaints.is_empty() { "" } else { ": " };
    let how = format!("its process has ended ({status}){colon}{complaints}");
    match status.code() {
        Some(code) if code == i32::from(Exit::Bug.code()) => PressError::Bug(how),
        _ => PressError::Lost(how),
    }
}

fn lost(what: &str, error: std::io::Error) -> PressError {
    PressError::Lost(format!("its process {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_phone_that_broke_is_ours_and_one_that_is_gone_is_the_labs() {
        let ended = |raw| how_it_ended(ExitStatus::from_raw(raw), "error[lab]: cannot bind");
        assert!(matches!(ended(70 << 8), PressError::Bug(_)));
        let PressError::Lost(how) = ended(5 << 8) else { panic!("{:?}", ended(5 << 8)) };
        assert_eq!(how, "its process has ended (exit status: 5): error[lab]: cannot bind");
        assert!(matches!(ended(libc::SIGKILL), PressError::Lost(_)));
    }

    #[test]
    fn a_report_of_lateness_is_understood_and_any_other_is_passed_over() {
        let late = Lateness { at: sipfarm_core::Instant::from_nanos(7), by: Lateness::LEAST };
        assert_eq!(report(&format!("- {late}")), Some(late));
        assert_eq!(report("- registered with primary"), None);
    }
}
