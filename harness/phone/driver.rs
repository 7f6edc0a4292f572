//! Drivers: how the harness makes a phone act.

use sipfarm_core::{Answer, Fact, Key};
use sipfarm_ua::{Phone, PhoneConfig, Refusal};

use super::lateness::Lateness;
use super::press::PressError;
use super::process::ReferenceProcess;
use super::program::Program;
use crate::net::{Bench, MachineId};

/// A phone and the way to its keys.
pub enum PhoneDriver {
    /// The reference phone on the scenario's own bench.
    Reference(MachineId),
    /// The reference phone as a process of its own.
    Process(Box<ReferenceProcess>),
    /// A program of somebody else's.
    Program(Box<Program>),
}

impl PhoneDriver {
    /// Puts the reference phone on the bench.
    pub fn reference(bench: &mut Bench, config: PhoneConfig) -> Self {
        PhoneDriver::Reference(bench.add(Box::new(Phone::new(config))))
    }

    /// Whether the phone itself says that it took a key. What is typed into a program may be lost on it.
    pub fn confirms(&self) -> bool {
        !matches!(self, PhoneDriver::Program(_))
    }

    /// Presses a key.
    ///
    /// # Errors
    /// The phone refuses, or is gone.
    pub async fn press(&mut self, bench: &mut Bench, key: Key) -> Result<(), PressError> {
        match self {
            PhoneDriver::Reference(id) => {
                let pressed = key.clone();
                bench
                    .command(*id, move |phone: &mut Phone, now| press(phone, &pressed, now))
                    .map_err(|refusal| PressError::Refused { key, reason: refusal.to_string() })
            }
            PhoneDriver::Process(process) => process.press(key).await,
            PhoneDriver::Program(program) => program.press(key).await,
        }
    }

    /// Whether the phone itself says what shows at it: no person is needed.
    pub fn answers_itself(&self) -> bool {
        matches!(self, PhoneDriver::Reference(_) | PhoneDriver::Process(_))
    }

    /// Asks what shows at the phone, and in no packet.
    ///
    /// # Errors
    /// The phone is gone.
    pub async fn ask(&mut self, bench: &mut Bench, fact: Fact) -> Result<Answer, PressError> {
        match self {
            PhoneDriver::Reference(id) => {
                Ok(bench.command(*id, move |phone: &mut Phone, _| phone.shows(&fact)).into())
            }
            PhoneDriver::Process(process) => process.ask(&fact).await,
            PhoneDriver::Program(program) => Ok(program.ask(&fact).await),
        }
    }

    /// Waits until the phone is lost, and tells how. May be given up and asked again.
    pub async fn lost(&mut self) -> PressError {
        match self {
            PhoneDriver::Reference(_) => std::future::pending().await,
            PhoneDriver::Process(process) => process.ended().await,
            PhoneDriver::Program(program) => program.ended().await,
        }
    }

    /// When this machine has served a phone's process late, as far as it has told since this was
    /// asked last.
    pub fn take_lateness(&mut self) -> Vec<Lateness> {
        match self {
            PhoneDriver::Reference(_) | PhoneDriver::Program(_) => Vec::new(),
            PhoneDriver::Process(process) => process.take_lateness(),
        }
    }

    /// Ends a phone that runs as a process, and tells when this machine had served it late.
    ///
    /// # Errors
    /// The phone was lost before.
    pub async fn stop(&mut self) -> Result<Vec<Lateness>, PressError> {
        match self {
            PhoneDriver::Reference(_) => Ok(Vec::new()),
            PhoneDriver::Process(process) => process.stop().await,
            PhoneDriver::Program(program) => program.stop().await.map(|()| Vec::new()),
        }
    }
}

/// Presses a key of the reference phone.
///
/// # Errors
/// The phone is in no state for it.
pub fn press(phone: &mut Phone, key: &Key, now: sipfarm_core::Instant) -> Result<(), Refusal> {
    match key {
        Key::Register => phone.register(now),
        Key::Unregister => phone.unregister(now),
        Key::Reboot => phone.reboot(now),
        Key::Dial(target) => return phone.dial(target, now),
        Key::Answer => return phone.answer(now),
        Key::Reject(code) => return phone.reject(*code, now),
        Key::Hold => return phone.hold(true, now),
        Key::Resume => return phone.hold(false, now),
        Key::HangUp => return phone.hang_up(now),
        Key::Select(call_id) => return phone.select(call_id),
        Key::Line(number) => return phone.use_line(*number),
        Key::Conference => return phone.join(now),
        Key::Split => return phone.split(now),
    }
    Ok(())
}
