//! Real sockets: UDP and TCP on a runtime of their own, many addresses at once.

mod clock;
mod datagrams;
mod forge;
mod lab;
mod listener;
mod ports;
mod stream;
mod tap;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sipfarm_core::machine::{Input, Output, StreamEnd, StreamId, Transport};
use sipfarm_core::{Instant, Span};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

use super::{CONNECT_TIMEOUT, MachineId, Net, TlsOptions, Trouble, UNACKNOWLEDGED_TIMEOUT};
use clock::Clock;
use datagrams::Report;
use ports::{Outgoing, TcpPort, UdpPort};
use stream::{Order, Stream};
use tap::SocketTap;

pub use lab::RealLab;
pub use tap::FrameSink;

/// How a [`RealNet`] behaves.
pub struct RealOptions {
    /// Takes what the sockets send and receive as frames; for when there is no privilege to watch
    /// the wire.
    pub socket_tap: Option<FrameSink>,
    /// How long a connect may take.
    pub connect_timeout: Span,
    /// How long sent data may stay without acknowledgement.
    pub unacknowledged_timeout: Span,
    /// Who is served later than this is worth a [`Trouble::Late`].
    pub late_after: Span,
    /// Is told of each trouble at once, on the network's own thread.
    pub told: Option<TroubleListener>,
    /// How TLS is spoken.
    pub tls: TlsOptions,
}

/// Is told of troubles.
pub type TroubleListener = Box<dyn FnMut(&Trouble) + Send>;

impl Default for RealOptions {
    fn default() -> Self {
        RealOptions {
            socket_tap: None,
            connect_timeout: CONNECT_TIMEOUT,
            unacknowledged_timeout: UNACKNOWLEDGED_TIMEOUT,
            late_after: Span::from_millis(20),
            told: None,
            tls: TlsOptions::default(),
        }
    }
}

/// Real sockets. Belongs to one thread, which must not be one of a tokio runtime: `next` blocks.
/// [`RealLab`] gives it a thread of its own.
pub struct RealNet {
    udp: BTreeMap<SocketAddr, UdpPort>,
    tcp: BTreeMap<SocketAddr, TcpPort>,
    streams: BTreeMap<(MachineId, StreamId), mpsc::Sender<Order>>,
    /// Streams whose tasks do not take orders any more; their machines have to hear of it.
    given_up: VecDeque<(MachineId, StreamId)>,
    accepted: u64,
    /// The number of the last UDP socket.
    sockets: u64,
    /// Datagrams that go out as soon as nothing waits to be served.
    outgoing: Vec<Outgoing>,
    events: mpsc::Receiver<Event>,
    reporter: mpsc::Sender<Event>,
    interrupt: Arc<Notify>,
    troubles: Arc<Mutex<Vec<Trouble>>>,
    /// Whether there was more trouble than is listed.
    overwhelmed: bool,
    clock: Clock,
    /// When the wall clock was looked at last.
    clock_seen: Instant,
    tap: SocketTap,
    connect_timeout: Duration,
    unacknowledged: Duration,
    late_after: Span,
    told: Option<TroubleListener>,
    runtime: Runtime,
}

/// What the sockets' tasks report.
#[derive(Debug)]
enum Event {
    Udp { local: SocketAddr, number: u64, report: Report },
    Accepted { local: SocketAddr, remote: SocketAddr, socket: TcpStream },
    Stream { machine: MachineId, stream: StreamId, input: Input },
}

impl RealNet {
    /// Reports that may wait until a task that reads a socket waits for us.
    const EVENTS: usize = 1_024;
    /// Orders that a stream's task may not have taken yet. It takes them each time that one is
    /// given, so that more than a few mean that it waits for us to take its reports.
    const ORDERS: usize = 1_024;
    /// Datagrams that may wait to go out: a millisecond's worth.
    const OUTGOING: usize = 64;
    /// How often the wall clock is looked at when nothing else happens.
    const CLOCK_CHECK: Duration = Duration::from_secs(1);
    /// Of trouble that comes with packets, more is not listed one by one.
    const TROUBLES: usize = 10_000;

    /// A network without sockets.
    ///
    /// # Errors
    /// When the operating system does not give us a runtime.
    pub fn new(options: RealOptions) -> io::Result<RealNet> {
        let (reporter, events) = mpsc::channel(Self::EVENTS);
        let clock = Clock::start();
        Ok(RealNet {
            udp: BTreeMap::new(),
            tcp: BTreeMap::new(),
            streams: BTreeMap::new(),
            given_up: VecDeque::new(),
            accepted: 0,
            sockets: 0,
            outgoing: Vec::new(),
            events,
            reporter,
            interrupt: Arc::default(),
            troubles: Arc::default(),
            overwhelmed: false,
            clock_seen: clock.now(),
            clock,
            told: options.told,
            tap: SocketTap::new(options.socket_tap),
            connect_timeout: duration(options.connect_timeout),
            unacknowledged: duration(options.unacknowledged_timeout),
            late_after: options.late_after,
            runtime: Builder::new_current_thread().enable_all().build()?,
        })
    }

    /// Gives the tasks that read the sockets their turn, as those that wait give it to them.
    fn read_sockets(&self) {
        self.runtime.block_on(async {
            // The first turn asks the system what there is, and the next ones take it.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        });
    }

    /// What went wrong so far.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Net for RealNet {
    fn now(&mut self) -> Instant {
        self.clock.now()
    }

    fn perform(&mut self, machine: MachineId, output: Output) {
        if !matches!(output, Output::Datagram { .. }) {
            self.send_queued();
        }
        match output {
            Output::SetPort { transport, local, state } => {
                let result = match transport {
                    Transport::Udp => self.set_udp(machine, local, state),
                    // What TLS is on it, the driver sees to.
                    Transport::Tcp | Transport::Tls => self.set_tcp(machine, local, state),
                };
                if let Err(error) = result {
                    let at = self.clock.now();
                    self.note(Trouble::BindFailed { at, transport, addr: local, error: error.into() });
                }
            }
            Output::Datagram { local, remote, payload } => self.queue(Outgoing { local, remote, payload }),
            Output::Icmp { local, kind, quoted } => {
                if let Err(error) = forge::send(local, kind, &quoted) {
                    let at = self.clock.now();
                    self.note(Trouble::ForgeryFailed { at, local, error: error.into() });
                }
            }
            Output::Connect { stream, local, remote, .. } => self.connect(machine, stream, local, remote),
            Output::StreamData { stream, data } => self.order(machine, stream, Order::Write(data)),
            Output::CloseStream { stream, reset } => {
                self.order(machine, stream, if reset { Order::Reset } else { Order::Close });
                self.streams.remove(&(machine, stream));
            }
            Output::ServeTls { .. } => {} // the driver's
        }
    }

    fn next(&mut self, until: Instant) -> Option<(MachineId, Input)> {
        if let Some((machine, stream)) = self.given_up.pop_front() {
            return Some((machine, Input::StreamClosed { stream, end: StreamEnd::TimedOut }));
        }
        loop {
            let step = self.clock.take_step();
            let at = self.clock.now();
            let since = std::mem::replace(&mut self.clock_seen, at);
            if let Some(by) = step {
                self.note(Trouble::Stepped { since, at, by });
            }
            match self.events.try_recv() {
                Ok(event) => match self.take(event) {
                    Some(input) => return Some(input),
                    None => continue,
                },
                Err(_) => self.send_queued(),
            }
            let now = tokio::time::Instant::now();
            let deadline = tokio::time::Instant::from_std(self.clock.monotonic(until));
            let pause = deadline.min(now + Self::CLOCK_CHECK);
            let event = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    event = self.events.recv() => event.map(Some),
                    _ = self.interrupt.notified() => None,
                    _ = tokio::time::sleep_until(pause) => Some(None),
                }
            });
            match event {
                None => return None,
                Some(None) if pause == deadline => return None,
                Some(None) => {}
                Some(Some(event)) => {
                    if let Some(input) = self.take(event) {
                        return Some(input);
                    }
                }
            }
        }
    }

    fn flush(&mut self) {
        self.send_queued();
    }

    fn release(&mut self, machine: MachineId) {
        self.send_queued();
        let udp = self.udp.iter().filter(|(_, port)| port.machine == machine);
        for local in udp.map(|(local, _)| *local).collect::<Vec<_>>() {
            self.close_udp(local);
        }
        let tcp = self.tcp.iter().filter(|(_, port)| port.machine == machine);
        for local in tcp.map(|(local, _)| *local).collect::<Vec<_>>() {
            self.close_tcp(local);
        }
        self.given_up.retain(|(whose, _)| *whose != machine);
        self.streams.retain(|(whose, _), _| *whose != machine); // a task without orders closes
        self.settle();
    }

    fn note(&mut self, trouble: Trouble) {
        if matches!(trouble, Trouble::Late { by, .. } if by <= self.late_after) {
            return;
        }
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = match trouble {
            Trouble::Late { at, .. }
            | Trouble::SendFailed { at, .. }
            | Trouble::Overflowed { since: at, .. }
                if troubles.len() >= Self::TROUBLES =>
            {
                if std::mem::replace(&mut self.overwhelmed, true) {
                    return;
                }
                Trouble::TooMany { at }
            }
            trouble => trouble,
        };
        tracing::warn!("{trouble}");
        if let Some(told) = &mut self.told {
            told(&trouble);
        }
        troubles.push(trouble);
    }
}

/// Streams and what the tasks report.
impl RealNet {
    fn connect(&mut self, machine: MachineId, stream: StreamId, local: IpAddr, remote: SocketAddr) {
        let stream = self.stream(machine, stream);
        self.runtime.spawn(stream.connect(local, remote, self.connect_timeout));
        self.settle();
    }

    /// A stream that its machine may give orders to.
    fn stream(&mut self, machine: MachineId, number: StreamId) -> Stream {
        let (orders, ordered) = mpsc::channel(Self::ORDERS);
        self.streams.insert((machine, number), orders);
        Stream {
            machine,
            number,
            orders: ordered,
            events: self.reporter.clone(),
            clock: self.clock.clone(),
            tap: self.tap.clone(),
            unacknowledged: self.unacknowledged,
            pending: Vec::new(),
        }
    }

    /// Closes a stream as one whose peer has stopped to read.
    fn give_up(&mut self, machine: MachineId, stream: StreamId) {
        self.streams.remove(&(machine, stream)); // a task without orders closes
        self.given_up.push_back((machine, stream));
    }

    fn order(&mut self, machine: MachineId, stream: StreamId, order: Order) {
        // A stream that is gone may well be written to before its machine hears of the end.
        if let Some(orders) = self.streams.get(&(machine, stream)) {
            let refused = orders.try_send(order);
            self.settle();
            if matches!(refused, Err(TrySendError::Full(_))) {
                self.give_up(machine, stream);
            }
        }
    }

    /// Lets the tasks do at once what they were told.
    fn settle(&self) {
        self.runtime.block_on(tokio::task::yield_now());
    }

    /// What a machine hears of an event; `None` when it must not hear of it any more.
    fn take(&mut self, event: Event) -> Option<(MachineId, Input)> {
        match event {
            Event::Udp { local, number, report } => self.take_report(local, number, report),
            Event::Accepted { local, remote, socket } => {
                let machine = self.tcp.get(&local)?.machine;
                self.accepted += 1;
                let stream = StreamId(StreamId::ACCEPTED | self.accepted);
                let task = self.stream(machine, stream).live(socket);
                self.runtime.spawn(task);
                Some((machine, Input::Accepted { stream, transport: Transport::Tcp, local, remote }))
            }
            Event::Stream { machine, stream, input } => {
                if matches!(input, Input::StreamClosed { .. } | Input::ConnectFailed { .. }) {
                    self.streams.remove(&(machine, stream))?;
                } else {
                    self.streams.get(&(machine, stream))?;
                }
                Some((machine, input))
            }
        }
    }

    fn take_report(&mut self, local: SocketAddr, number: u64, report: Report) -> Option<(MachineId, Input)> {
        if let Report::Lost { since, at, count } = report {
            self.note(Trouble::Overflowed { since, at, local, count });
            return None;
        }
        let port = self.udp.get(&local).filter(|port| port.number == number && !port.mute)?;
        let machine = port.machine;
        let input = match report {
            Report::Datagram { at, remote, payload } => {
                let by = self.clock.now().since(at);
                self.note(Trouble::Late { at, by });
                Input::Datagram { local, remote, payload }
            }
            Report::Icmp { remote, kind } => Input::Icmp { local, remote, kind },
            Report::Lost { .. } => return None,
        };
        Some((machine, input))
    }
}

fn duration(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.as_nanos()).unwrap_or(0))
}

#[cfg(test)]
mod limits {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn orders_that_nobody_takes_end_the_stream() {
        let mut net = RealNet::new(RealOptions::default()).unwrap();
        let (machine, stream) = (MachineId(1), StreamId(1));
        let _idle = net.stream(machine, stream);
        for _ in 0..2_000 {
            net.perform(machine, Output::StreamData { stream, data: vec![0; 10] });
        }
        let end = StreamEnd::TimedOut;
        let until = net.now();
        assert_eq!(net.next(until), Some((machine, Input::StreamClosed { stream, end })));
        assert_eq!(net.next(until), None, "it hears so once");
    }
}
