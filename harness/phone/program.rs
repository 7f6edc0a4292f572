//! A phone that is a program of somebody else's, described by its profile alone: what is started,
//! which files it finds, what is typed for each key.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sipfarm_core::profile::{ControlProcess, KeysTo, Profile};
use sipfarm_core::{Answer, Fact, Key};
use sipfarm_ua::Server;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::desk::Seat;
use super::press::PressError;
use super::said::Said;
use super::template::{self, Values};

/// How long it may take to take a line, or to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(3);

/// A running program.
pub struct Program {
    control: ControlProcess,
    values: Values,
    /// Its files; gone with it.
    folder: tempfile::TempDir,
    /// How many times it was started.
    starts: u32,
    running: Running,
    /// Who looks at it.
    seat: Option<Seat>,
}

struct Running {
    child: Child,
    keys: Box<dyn AsyncWrite + Send + Unpin>,
    said: Said,
}

/// What the program is to be.
pub struct ProgramOptions<'a> {
    /// Whose `control.process` describes it.
    pub profile: &'a Profile,
    /// The servers, in the order in which it tries them.
    pub servers: &'a [Server],
    /// The DNS server that it asks for domain names, if any.
    pub dns: Option<SocketAddr>,
    /// The phone's address.
    pub local: SocketAddr,
    /// Account and domain.
    pub user: &'a str,
    /// Its password.
    pub password: &'a str,
    /// Its domain.
    pub domain: &'a str,
    /// Who looks at it and is asked what he sees, if anybody.
    pub seat: Option<Seat>,
}

impl Program {
    /// Writes its files, starts it and waits until it is ready. It is killed when it is dropped.
    ///
    /// # Errors
    /// The profile does not describe it rightly, or it cannot be started, or is not ready in time.
    pub async fn start(options: ProgramOptions<'_>) -> Result<Self, PressError> {
        let profile = options.profile;
        let control = profile.control.process.clone().ok_or_else(|| {
            wrong(profile, "control.process", "is missing, and control.driver is `process`".to_owned())
        })?;
        let folder = tempfile::Builder::new().prefix("sipfarm-phone-").tempdir();
        let folder = folder.map_err(|error| lost("cannot be given a folder", &error))?;
        let values = Values::new(&options, folder.path());
        for (name, text) in &control.files {
            if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
                return Err(wrong(
                    profile,
                    "control.process.files",
                    format!("{name:?} is not a plain file name"),
                ));
            }
            let text = values.render(&format!("control.process.files.{name}"), text)?;
            std::fs::write(folder.path().join(name), text)
                .map_err(|error| lost(&format!("cannot be given its file {name}"), &error))?;
        }
        let running = Running::start(&control, &values).await?;
        Ok(Program { control, values, folder, starts: 1, running, seat: options.seat })
    }

    /// Types what stands for a key. That it did anything is for the packets to say.
    ///
    /// # Errors
    /// The profile has nothing for that key, or the program is gone.
    pub async fn press(&mut self, key: Key) -> Result<(), PressError> {
        let keys = &self.control.keys;
        let (name, written) = match &key {
            Key::Register => ("register", &keys.register),
            Key::Unregister => ("unregister", &keys.unregister),
            Key::Dial(_) => ("dial", &keys.dial),
            Key::Answer => ("answer", &keys.answer),
            Key::Reject(_) => ("reject", &keys.reject),
            Key::Hold => ("hold", &keys.hold),
            Key::Resume => ("resume", &keys.resume),
            Key::HangUp => ("hang_up", &keys.hang_up),
            Key::Select(_) => ("select", &keys.select),
            Key::Line(_) => ("line", &keys.line),
            Key::Conference => ("conference", &keys.conference),
            Key::Split => ("split", &keys.split),
            Key::Reboot => ("reboot", &keys.reboot),
        };
        let Some(text) = written.clone() else {
            return match key {
                Key::Reboot => self.restart().await,
                _ => Err(PressError::NoKey { key, name: name.to_owned() }),
            };
        };
        let values = match &key {
            Key::Dial(target) => self.values.with("target", target),
            Key::Reject(code) => self.values.with("code", code),
            Key::Select(call_id) => self.values.with("call", call_id),
            Key::Line(line) => self.values.with("line", line),
            _ => self.values.clone(),
        };
        let text = values.render(&format!("control.process.keys.{name}"), &text)?;
        match text.trim() {
            "" => Err(PressError::NoKey { key, name: name.to_owned() }),
            _ => self.running.type_in(&text).await,
        }
    }

    /// Asks who looks at it what shows there.
    pub async fn ask(&self, fact: &Fact) -> Answer {
        match &self.seat {
            Some(seat) => seat.ask(fact).await,
            None => Answer::NotAsked {
                why: "nobody is asked what shows at a program where standard input is no terminal: run it in one, or \
                      leave such scenarios out with --tags \"not @operator\""
                    .to_owned(),
            },
        }
    }

    /// Waits until the program has ended by itself, and tells how. May be given up and asked again.
    pub async fn ended(&mut self) -> PressError {
        match self.running.child.wait().await {
            Ok(status) => self.running.how_it_ended(status).await,
            Err(error) => lost("cannot be watched", &error),
        }
    }

    /// Ends it, and before that a call that it may still have, so that the other side is not left with it.
    ///
    /// # Errors
    /// It had ended by itself before.
    pub async fn stop(&mut self) -> Result<(), PressError> {
        if let Ok(Some(status)) = self.running.child.try_wait() {
            return Err(self.running.how_it_ended(status).await);
        }
        if let Some(quit) = &self.control.keys.quit {
            let hang_up = self.control.keys.hang_up.as_deref().unwrap_or_default();
            for (name, key) in [("hang_up", hang_up), ("quit", quit)] {
                let text = self.values.render(&format!("control.process.keys.{name}"), key)?;
                let _ = self.running.type_in(&text).await; // it may end at this very moment
            }
        } else {
            let _ = self.running.child.start_kill();
        }
        if timeout(PATIENCE, self.running.child.wait()).await.is_err() {
            let _ = self.running.child.kill().await;
        }
        Ok(())
    }

    /// As if it had been switched off and on: what it had in memory is gone, and it registers.
    async fn restart(&mut self) -> Result<(), PressError> {
        tracing::debug!(folder = %self.folder.path().display(), "the phone's program is started again");
        let _ = self.running.child.kill().await;
        self.starts += 1;
        self.values = self.values.with("start", self.starts);
        self.running = Running::start(&self.control, &self.values).await?;
        match self.control.keys.register {
            Some(_) => Box::pin(self.press(Key::Register)).await,
            None => Ok(()),
        }
    }
}

impl Running {
    async fn start(control: &ControlProcess, values: &Values) -> Result<Self, PressError> {
        let arguments: Vec<String> = control
            .arguments
            .iter()
            .map(|argument| values.render("control.process.arguments", argument))
            .collect::<Result<_, _>>()?;
        let mut command = Command::new(&control.program);
        for (name, value) in &control.environment {
            command.env(name, values.render(&format!("control.process.environment.{name}"), value)?);
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C on the terminal is for us: the phone must not die first, as if it were lost.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| cannot_start(&control.program, &error))?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(PressError::Lost("it has no standard streams".to_owned()));
        };
        let mut said = Said::by(output, errors);
        if let Some(ready) = &control.ready {
            let expected = regex::Regex::new(ready)
                .map_err(|error| PressError::Profile(format!("control.process.ready: {error}")))?;
            let within = Duration::from_secs(control.ready_within_s.into());
            if !said.wait_for(expected, within).await {
                let last = said.last().await;
                return Err(PressError::Lost(format!(
                    "{} has said nothing that the regular expression \"{ready}\" of control.process.ready matches within {} s{last}",
                    control.program,
                    within.as_secs()
                )));
            }
        }
        let keys: Box<dyn AsyncWrite + Send + Unpin> = match control.keys_to {
            KeysTo::StandardInput => Box::new(input),
            KeysTo::Tcp => {
                let address = values.render("control.process.keys_address", &control.keys_address)?;
                let connected = timeout(PATIENCE, TcpStream::connect(&address)).await;
                let stream = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
                Box::new(stream.map_err(|error| lost(&format!("takes no keys at {address}"), &error))?)
            }
        };
        Ok(Running { child, keys, said })
    }

    /// Types lines.
    async fn type_in(&mut self, text: &str) -> Result<(), PressError> {
        let lines = format!("{}\n", text.trim_end());
        let typed = async {
            self.keys.write_all(lines.as_bytes()).await?;
            self.keys.flush().await
        };
        match timeout(PATIENCE, typed).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => match timeout(PATIENCE, self.child.wait()).await {
                Ok(Ok(status)) => Err(self.how_it_ended(status).await),
                _ => Err(lost("takes no keys", &error)),
            },
            Err(_) => Err(PressError::Lost(format!("it has taken no keys for {} s", PATIENCE.as_secs()))),
        }
    }

    async fn how_it_ended(&mut self, status: ExitStatus) -> PressError {
        PressError::Lost(format!("its program has ended ({status}){}", self.said.last().await))
    }
}

fn wrong(profile: &Profile, field: &str, problem: String) -> PressError {
    PressError::Profile(format!("profile {}: {field} {problem}", profile.id))
}

fn cannot_start(program: &str, error: &std::io::Error) -> PressError {
    match error.kind() {
        std::io::ErrorKind::NotFound if program.is_empty() => {
            PressError::Profile("control.process.program names no program".to_owned())
        }
        std::io::ErrorKind::NotFound => PressError::Lost(format!(
            "there is no program {program}; install it, or give its path in control.process.program"
        )),
        _ => PressError::Lost(format!("{program} cannot be started: {error}")),
    }
}

fn lost(what: &str, error: &std::io::Error) -> PressError {
    PressError::Lost(format!("its program {what}: {error}"))
}

impl From<template::Problem> for PressError {
    fn from(problem: template::Problem) -> Self {
        PressError::Profile(problem.to_string())
    }
}
