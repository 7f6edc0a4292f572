//! A machine for tests: does as told and notes what it hears.

use std::any::Any;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::Sender;

use sipfarm_core::machine::{Input, Machine, Output, PortState, StreamId, Transport};
use sipfarm_core::{Instant, Span};

/// Does as told, notes what it hears, and answers `ping` with `pong`.
#[derive(Default)]
pub(crate) struct Puppet {
    pub(crate) heard: Vec<(Instant, Input)>,
    pub(crate) wishes: VecDeque<Output>,
    pub(crate) wake_at: Option<Instant>,
    /// Hears everything too, at once.
    pub(crate) ear: Option<Sender<(Instant, Input)>>,
}

impl Puppet {
    /// A puppet with its UDP and TCP ports at `local` open.
    pub(crate) fn at(local: SocketAddr) -> Box<Puppet> {
        let mut puppet = Box::new(Puppet::default());
        puppet.set_port(Transport::Udp, local, PortState::Open);
        puppet.set_port(Transport::Tcp, local, PortState::Open);
        puppet
    }

    pub(crate) fn set_port(&mut self, transport: Transport, local: SocketAddr, state: PortState) {
        self.wishes.push_back(Output::SetPort { transport, local, state });
    }

    pub(crate) fn send(&mut self, local: SocketAddr, remote: SocketAddr, payload: &[u8]) {
        self.wishes.push_back(Output::Datagram { local, remote, payload: payload.to_vec() });
    }

    pub(crate) fn connect(&mut self, stream: u64, local: IpAddr, remote: SocketAddr) {
        self.wishes.push_back(Output::Connect { stream: StreamId(stream), local, remote, tls: None });
    }

    pub(crate) fn write(&mut self, stream: StreamId, data: &[u8]) {
        self.wishes.push_back(Output::StreamData { stream, data: data.to_vec() });
    }

    pub(crate) fn close(&mut self, stream: StreamId, reset: bool) {
        self.wishes.push_back(Output::CloseStream { stream, reset });
    }

    /// What it heard, without the times.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        self.heard.iter().map(|(_, input)| input.clone()).collect()
    }

    /// The stream it accepted last.
    pub(crate) fn accepted(&self) -> Option<StreamId> {
        self.heard.iter().rev().find_map(|(_, input)| match input {
            Input::Accepted { stream, .. } => Some(*stream),
            _ => None,
        })
    }

    /// All octets it heard on streams.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let parts = self.heard.iter().filter_map(|(_, input)| match input {
            Input::StreamData { data, .. } => Some(data.as_slice()),
            _ => None,
        });
        parts.collect::<Vec<_>>().concat()
    }
}

impl Machine for Puppet {
    fn handle(&mut self, input: Input, now: Instant) {
        match &input {
            Input::Datagram { local, remote, payload } if payload == b"ping" => {
                self.send(*local, *remote, b"pong");
            }
            Input::StreamData { stream, data } if data == b"ping" => self.write(*stream, b"pong"),
            Input::Wake => self.wake_at = None,
            Input::Datagram { payload, .. } if payload == b"panic" => panic!("told to"),
            _ => {}
        }
        if let Some(ear) = &self.ear {
            let _ = ear.send((now, input.clone()));
        }
        self.heard.push((now, input));
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.wishes.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        self.wake_at
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// A client on the schedule of RFC 3261 section 17.1.1.2: sends at T1 × (0, 1, 3, 7, 15, 31, 63)
/// and gives up at 64 × T1.
pub(crate) struct Client {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) started: Option<Instant>,
    pub(crate) sent: u32,
    pub(crate) gave_up: Option<Instant>,
    pub(crate) wishes: VecDeque<Output>,
}

impl Client {
    const T1: Span = Span::from_millis(500);

    pub(crate) fn new(local: SocketAddr, remote: SocketAddr) -> Box<Client> {
        let open = Output::SetPort { transport: Transport::Udp, local, state: PortState::Open };
        let wishes = VecDeque::from([open]);
        Box::new(Client { local, remote, started: None, sent: 0, gave_up: None, wishes })
    }

    pub(crate) fn start(&mut self, now: Instant) {
        self.started = Some(now);
        self.send();
    }

    fn send(&mut self) {
        let payload = format!("request {}", self.sent).into_bytes();
        self.sent += 1;
        self.wishes.push_back(Output::Datagram { local: self.local, remote: self.remote, payload });
    }
}

impl Machine for Client {
    fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Wake if self.sent < 7 => self.send(),
            Input::Wake => self.gave_up = Some(now),
            _ => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.wishes.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        let started = self.started.filter(|_| self.gave_up.is_none())?;
        let steps = if self.sent == 7 { 64 } else { (1 << self.sent) - 1 };
        Some(started + Client::T1 * steps)
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
