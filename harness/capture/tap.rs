//! The live tap: frames of an interface with the kernel's timestamps, handed to whoever asked for
//! their addresses.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sipfarm_core::Instant;
use sipfarm_core::frame::Frame;

use super::ip::{self, IpPacket};
use super::link;

mod losses;
mod sentinel;
mod socket;

pub use losses::Loss;
use losses::Watch;
use sentinel::{Recogniser, Sentinels};
use socket::{Reader, Statistics, Waker};

/// Sees every frame of one interface, on a thread of its own. Linux only. Dropping it ends the
/// thread; its subscriptions stay silent from then on.
pub struct Tap {
    interface: String,
    shared: Arc<Shared>,
    waker: Waker,
    /// Only on the loopback interface, where packets of our own come by.
    sentinels: Option<Sentinels>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no tap, or no more.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The process may not open packet sockets.
    #[error("packet capture on {interface} is not permitted: it needs CAP_NET_RAW")]
    NotPermitted {
        /// Where.
        interface: String,
    },
    /// There is no interface of that name.
    #[error("there is no network interface {interface:?} (there are: {})", there_are.join(", "))]
    NoSuchInterface {
        /// The name.
        interface: String,
        /// The names that there are.
        there_are: Vec<String>,
    },
    /// The interface's frames are of a kind that is not decoded.
    #[error("the frames of {interface} are of hardware type {hardware}, which is not decoded")]
    UnknownHardware {
        /// The interface.
        interface: String,
        /// ARPHRD number of its frames.
        hardware: u16,
    },
    /// The system refused for another reason.
    #[error("cannot {action} on {interface}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The interface.
        interface: String,
        /// Why not.
        source: io::Error,
    },
    /// Frames were not delivered in time: the tap fell behind or lost its sentinels.
    #[error("the tap did not catch up within {} ms", patience.as_millis())]
    Behind {
        /// How long was waited.
        patience: Duration,
    },
    /// The tap's thread has ended.
    #[error("the tap has ended: {reason}")]
    Ended {
        /// Why.
        reason: String,
    },
}

/// Frames for one receiver. Dropping it ends them: after the drop the sink is not called again. The
/// drop waits for the sink, so it must not happen under a lock that the sink takes.
pub struct Subscription {
    shared: Arc<Shared>,
    id: u64,
}

type Filter = Box<dyn Fn(IpAddr, IpAddr) -> bool + Send>;
type Sink = Box<dyn FnMut(Frame) + Send>;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next_id: u64,
    subscribers: BTreeMap<u64, (Filter, Sink)>,
    /// Who waits for the tap to catch up.
    waiting: BTreeMap<u64, Wait>,
    losses: Vec<Loss>,
    stop: bool,
    ended: Option<String>,
}

/// Somebody waits until what passed before has been delivered.
struct Wait {
    since: Instant,
    /// Sentinels that are still on their way. They queue up behind all that was sent before.
    sentinels: usize,
}

impl Tap {
    /// Opens a tap on an interface; frames sent from now on are seen.
    ///
    /// # Errors
    /// [`TapError::NotPermitted`] without CAP_NET_RAW; otherwise as its kinds say.
    pub fn open(interface: &str) -> Result<Tap, TapError> {
        let (reader, statistics, waker, is_loopback) = socket::open(interface)?;
        let system =
            |action| move |source| TapError::System { action, interface: interface.to_owned(), source };
        let sentinels = match is_loopback {
            true => Some(Sentinels::new().map_err(system("bind a socket for sentinels"))?),
            false => None,
        };
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let recognise = sentinels.as_ref().map(Sentinels::recogniser);
        let thread = thread::Builder::new()
            .name(format!("tap {interface}"))
            .spawn(move || theirs.work(reader, recognise, Watch::new(statistics)))
            .map_err(system("start a thread"))?;
        Ok(Tap { interface: interface.to_owned(), shared, waker, sentinels, thread: Some(thread) })
    }

    /// Hands frames of IP packets whose source and destination satisfy `filter` to `sink`, on the
    /// tap's thread. `sink` must return quickly, and neither of them may subscribe, drop a
    /// subscription or wait for the tap.
    pub fn subscribe(
        &self,
        filter: impl Fn(IpAddr, IpAddr) -> bool + Send + 'static,
        sink: impl FnMut(Frame) + Send + 'static,
    ) -> Subscription {
        let mut state = self.shared.lock();
        let id = state.draw_id();
        state.subscribers.insert(id, (Box::new(filter), Box::new(sink)));
        Subscription { shared: Arc::clone(&self.shared), id }
    }

    /// The losses since the tap was opened, but for the first `known`. What was lost before the last
    /// [`Tap::settle`] is among them.
    pub fn losses(&self, known: usize) -> Vec<Loss> {
        self.shared.lock().losses.get(known..).unwrap_or_default().to_vec()
    }

    /// Waits until every frame that passed before this call has been handed to its sink, and
    /// gives the time of the call. On the loopback interface that holds for whatever was sent
    /// before, on other interfaces for what the kernel had received.
    ///
    /// # Errors
    /// [`TapError::Behind`] when that takes longer than `patience`; [`TapError::Ended`] when it
    /// will never happen.
    pub fn settle(&self, patience: Duration) -> Result<Instant, TapError> {
        let since = socket::now();
        let id = self.shared.wait_since(since, self.sentinels.as_ref().map_or(0, Sentinels::most));
        if let Some(sentinels) = &self.sentinels {
            let sent = sentinels.send(id);
            if sent == 0 {
                self.shared.lock().waiting.remove(&id);
                let source = io::Error::other("no processor could send one");
                return Err(TapError::System {
                    action: "send a sentinel",
                    interface: self.interface.clone(),
                    source,
                });
            }
            self.shared.lock().seen(id, sentinels.most() - sent, &self.shared.changed);
        }
        self.waker.wake();
        let is_waiting = |state: &mut State| state.waiting.contains_key(&id) && state.ended.is_none();
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), patience, is_waiting);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match (state.waiting.remove(&id), &state.ended) {
            (None, _) => Ok(since),
            (Some(_), Some(reason)) => Err(TapError::Ended { reason: reason.clone() }),
            (Some(_), None) => Err(TapError::Behind { patience }),
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic on the tap's thread was reported there.
            let _ = thread.join();
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let subscriber = self.shared.lock().subscribers.remove(&self.id);
        drop(subscriber); // after the lock is released: what it holds may be anything
    }
}

impl Shared {
    /// A sink that panicked leaves nothing half done here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_since(&self, since: Instant, sentinels: usize) -> u64 {
        let mut state = self.lock();
        let id = state.draw_id();
        state.waiting.insert(id, Wait { since, sentinels });
        id
    }

    /// What the tap's thread does.
    fn work(&self, mut reader: Reader, recogniser: Option<Recogniser>, mut watch: Watch<Statistics>) {
        let mut end = End { shared: self, reason: "its thread panicked".to_owned() };
        end.reason = match self.read(&mut reader, recogniser.as_ref(), &mut watch) {
            Ok(()) => "it was closed".to_owned(),
            Err(error) => error.to_string(),
        };
    }

    fn read(
        &self,
        reader: &mut Reader,
        recogniser: Option<&Recogniser>,
        watch: &mut Watch<Statistics>,
    ) -> io::Result<()> {
        let link = reader.link;
        loop {
            let ready = reader.wait()?;
            if ready.woken && self.lock().stop {
                return Ok(());
            }
            if !ready.frame {
                let mut state = self.lock();
                state.lost(watch.look(true));
                state.queue_is_empty(&self.changed);
            } else if let Some((at, data)) = reader.next()? {
                let loss = watch.frame(at);
                self.lock().lost(loss);
                self.take(Frame { at, link, data: data.to_vec() }, recogniser, watch);
            }
        }
    }

    fn take(&self, frame: Frame, recogniser: Option<&Recogniser>, watch: &mut Watch<Statistics>) {
        let Some(packet) = link::ip_packet(&frame).and_then(ip::parse) else { return };
        let mut state = self.lock();
        match recogniser.and_then(|recogniser| recogniser.id(&packet)) {
            Some(id) => {
                state.lost(watch.look(false));
                state.seen(id, 1, &self.changed);
            }
            None => {
                let IpPacket { src, dst, .. } = packet;
                state.deliver(&frame, src, dst, &self.changed);
            }
        }
    }
}

impl State {
    /// Losses that are kept apart.
    const LOSSES: usize = 10_000;

    fn draw_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Keeps a loss; beyond [`Self::LOSSES`], the last one grows.
    fn lost(&mut self, loss: Option<Loss>) {
        let Some(loss) = loss else { return };
        let full = self.losses.len() >= Self::LOSSES;
        match self.losses.last_mut().filter(|_| full) {
            Some(last) => *last = Loss { count: last.count + loss.count, to: loss.to, ..*last },
            None => self.losses.push(loss),
        }
    }

    fn deliver(&mut self, frame: &Frame, src: IpAddr, dst: IpAddr, changed: &Condvar) {
        for (filter, sink) in self.subscribers.values_mut() {
            if filter(src, dst) {
                sink(frame.clone());
            }
        }
        self.settle(changed, |wait| wait.sentinels == 0 && wait.since <= frame.at);
    }

    /// Sentinels have come through, or will never come.
    fn seen(&mut self, id: u64, count: usize, changed: &Condvar) {
        let Some(wait) = self.waiting.get_mut(&id) else { return };
        wait.sentinels = wait.sentinels.saturating_sub(count);
        if wait.sentinels == 0 {
            self.waiting.remove(&id);
            changed.notify_all();
        }
    }

    fn queue_is_empty(&mut self, changed: &Condvar) {
        self.settle(changed, |wait| wait.sentinels == 0);
    }

    fn settle(&mut self, changed: &Condvar, is_settled: impl Fn(&Wait) -> bool) {
        let before = self.waiting.len();
        self.waiting.retain(|_, wait| !is_settled(wait));
        if self.waiting.len() < before {
            changed.notify_all();
        }
    }
}

/// Tells those who wait that the tap's thread is over, also when it panicked.
struct End<'a> {
    shared: &'a Shared,
    reason: String,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.shared.lock().ended = Some(std::mem::take(&mut self.reason));
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
