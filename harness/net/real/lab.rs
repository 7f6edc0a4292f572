//! Real sockets and their machines on a thread of their own, so that the farm answers on time
//! while a step is thinking.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use sipfarm_core::Instant;
use sipfarm_core::machine::Machine;
use tokio::sync::Notify;

use super::clock::Clock;
use super::{RealNet, RealOptions};
use crate::net::{Driver, MachineId, Net, Trouble};

/// A handle to a driver with real sockets on a thread of its own. When the last handle is dropped
/// the thread stops, and all sockets are closed by then.
#[derive(Clone)]
pub struct RealLab(Arc<Inner>);

type Lab = Driver<RealNet>;
type Command = Box<dyn FnOnce(&mut Lab) + Send>;

struct Inner {
    /// `None` only while it is being dropped.
    commands: Option<mpsc::Sender<Command>>,
    interrupt: Arc<Notify>,
    troubles: Arc<Mutex<Vec<Trouble>>>,
    clock: Clock,
    thread: Option<JoinHandle<()>>,
}

impl RealLab {
    /// Events that one is ready to wait for: who is never through is flooded, not late.
    const CATCH_UP: usize = 10_000;

    /// Starts the thread.
    ///
    /// # Errors
    /// When the operating system gives us no thread or no runtime.
    pub fn start(options: RealOptions) -> io::Result<RealLab> {
        let tls = options.tls.clone();
        let net = RealNet::new(options)?;
        let (interrupt, troubles, clock) = (net.interrupt.clone(), net.troubles.clone(), net.clock.clone());
        let (commands, commanded) = mpsc::channel();
        let serve = move || serve(Driver::with_tls(net, tls), &commanded);
        let thread = thread::Builder::new().name("sipfarm-net".into()).spawn(serve)?;
        let (commands, thread) = (Some(commands), Some(thread));
        Ok(RealLab(Arc::new(Inner { commands, interrupt, troubles, clock, thread })))
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.0.clock.now()
    }

    /// Takes a machine in. A port that could not be bound is a [`Trouble`].
    ///
    /// # Panics
    /// When the machine does; it is gone then.
    pub fn add(&self, machine: Box<dyn Machine>) -> MachineId {
        self.run(move |driver| driver.add(machine))
    }

    /// Takes a machine in if all ports that it opens at once can be bound.
    ///
    /// # Errors
    /// Every port that could not be bound; the machine is gone then, and none of its ports is open.
    ///
    /// # Panics
    /// When the machine does.
    pub fn try_add(&self, machine: Box<dyn Machine>) -> Result<MachineId, Vec<Trouble>> {
        self.run(move |driver| {
            let known = driver.net().troubles().len();
            let id = driver.add(machine);
            let mut troubles = driver.net().troubles().split_off(known);
            troubles.retain(|trouble| matches!(trouble, Trouble::BindFailed { .. }));
            if troubles.is_empty() {
                return Ok(id);
            }
            driver.remove(id);
            Err(troubles)
        })
    }

    /// Runs a command of the machine's own type, and returns when what follows from it is done;
    /// that takes microseconds.
    ///
    /// # Panics
    /// When there is no such machine (any more), when it is not an `M`, or when the command does.
    pub fn command<M: Machine, R: Send + 'static>(
        &self,
        id: MachineId,
        f: impl FnOnce(&mut M, Instant) -> R + Send + 'static,
    ) -> R {
        self.run(move |driver| driver.command(id, f))
    }

    /// Takes a machine out, and closes its ports and streams.
    pub fn remove(&self, id: MachineId) -> Option<Box<dyn Machine>> {
        self.run(move |driver| driver.remove(id))
    }

    /// What went wrong so far.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.troubles_after(0)
    }

    /// What went wrong so far, but for the first `known`.
    pub fn troubles_after(&self, known: usize) -> Vec<Trouble> {
        let troubles = self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.get(known..).unwrap_or_default().to_vec()
    }

    /// Waits until the machines have been served with all that is due by now, so that whoever was
    /// served late is known. A thread that is held up holds this up too.
    pub fn catch_up(&self) {
        self.run(|driver| {
            driver.net().read_sockets();
            let now = driver.now();
            for _ in 0..Self::CATCH_UP {
                if !driver.step(now) {
                    return;
                }
            }
        });
    }

    /// Has the thread do something, and waits for it.
    fn run<R: Send + 'static>(&self, f: impl FnOnce(&mut Lab) -> R + Send + 'static) -> R {
        let (answer, answered) = mpsc::sync_channel(1);
        let command: Command = Box::new(move |driver| {
            let result = catch_unwind(AssertUnwindSafe(|| f(driver)));
            if let Err(panic) = &result {
                bury(driver, panic.as_ref());
            }
            let _ = answer.send(result);
        });
        let sent = self.0.commands.as_ref().is_some_and(|commands| commands.send(command).is_ok());
        self.0.interrupt.notify_one();
        match answered.recv() {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => panic!("the thread of the real network is gone (it took the command: {sent})"),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.commands = None;
        self.interrupt.notify_one();
        // A machine that holds a handle is dropped on the thread itself.
        if let Some(thread) =
            self.thread.take().filter(|thread| thread.thread().id() != thread::current().id())
        {
            let _ = thread.join();
        }
    }
}

/// Serves machines and commands until there are no more handles.
fn serve(mut driver: Lab, commands: &mpsc::Receiver<Command>) {
    loop {
        match commands.try_recv() {
            Ok(command) => command(&mut driver),
            Err(TryRecvError::Disconnected) => return driver.net().flush(),
            Err(TryRecvError::Empty) => {
                let step = catch_unwind(AssertUnwindSafe(|| driver.step(Instant::FAR_FUTURE)));
                if let Err(panic) = step
                    && !bury(&mut driver, panic.as_ref())
                {
                    resume_unwind(panic); // no machine's fault
                }
            }
        }
    }
}

/// Takes the machine out that panicked. False when none did.
fn bury(driver: &mut Lab, panic: &(dyn Any + Send)) -> bool {
    let Some(machine) = driver.bury() else { return false };
    let message = panic.downcast_ref::<String>().cloned();
    let message =
        message.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
    let at = driver.now();
    driver.net().note(Trouble::Panicked { at, machine, message });
    true
}
