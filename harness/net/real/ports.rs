//! Ports: sockets that listen, what they hear, and what goes out of them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sipfarm_core::machine::PortState;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::datagrams::{self, Report};
use super::listener::Listener;
use super::tap::SocketTap;
use super::{Event, RealNet};
use crate::net::{MachineId, Net, Trouble};

pub(super) struct UdpPort {
    pub(super) machine: MachineId,
    /// Tells a socket from earlier ones of the same address.
    pub(super) number: u64,
    pub(super) mute: bool,
    pub(super) socket: Arc<UdpSocket>,
    pub(super) task: JoinHandle<()>,
}

pub(super) struct TcpPort {
    pub(super) machine: MachineId,
    pub(super) listener: Listener,
    /// Accepts, unless the listener plays dead.
    pub(super) task: Option<JoinHandle<()>>,
}

/// A datagram on its way out.
pub(super) struct Outgoing {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) payload: Vec<u8>,
}

impl RealNet {
    pub(super) fn set_udp(
        &mut self,
        machine: MachineId,
        local: SocketAddr,
        state: PortState,
    ) -> io::Result<()> {
        match self.udp.get_mut(&local) {
            Some(port) if port.machine != machine && state == PortState::Closed => {}
            Some(port) if port.machine != machine => return Err(io::ErrorKind::AddrInUse.into()),
            Some(_) if state == PortState::Closed => self.close_udp(local),
            Some(port) => port.mute = state == PortState::Blackhole,
            None if state == PortState::Closed => {}
            None => {
                let _context = self.runtime.enter();
                let socket = datagrams::bind(local)?;
                self.sockets += 1;
                let number = self.sockets;
                let listen = listen(
                    local,
                    number,
                    socket.clone(),
                    self.reporter.clone(),
                    self.clock.clone(),
                    self.tap.clone(),
                );
                let task = self.runtime.spawn(listen);
                let mute = state == PortState::Blackhole;
                self.udp.insert(local, UdpPort { machine, number, mute, socket, task });
            }
        }
        Ok(())
    }

    pub(super) fn set_tcp(
        &mut self,
        machine: MachineId,
        local: SocketAddr,
        state: PortState,
    ) -> io::Result<()> {
        if let Some(port) = self.tcp.get(&local)
            && port.machine != machine
        {
            return if state == PortState::Closed { Ok(()) } else { Err(io::ErrorKind::AddrInUse.into()) };
        }
        if state == PortState::Closed {
            self.close_tcp(local);
            return Ok(());
        }
        let dead = state == PortState::Blackhole;
        let mut port = match self.tcp.remove(&local) {
            Some(port) => port,
            None => TcpPort { machine, listener: Listener::bind(local, dead)?, task: None },
        };
        let result = if dead {
            self.stop(port.task.take());
            port.listener.play_dead()
        } else {
            port.listener.revive().and_then(|()| self.start_to_accept(&mut port, local))
        };
        self.tcp.insert(local, port);
        result
    }

    fn start_to_accept(&self, port: &mut TcpPort, local: SocketAddr) -> io::Result<()> {
        if port.task.is_none() {
            let _context = self.runtime.enter();
            let accept = accept(local, port.listener.acceptor()?, self.reporter.clone());
            port.task = Some(self.runtime.spawn(accept));
        }
        Ok(())
    }

    pub(super) fn close_udp(&mut self, local: SocketAddr) {
        if let Some(port) = self.udp.remove(&local) {
            self.stop(Some(port.task));
        }
    }

    pub(super) fn close_tcp(&mut self, local: SocketAddr) {
        if let Some(port) = self.tcp.remove(&local) {
            self.stop(port.task);
        }
    }

    /// Ends a task and waits until it has let go of its socket: a port that is said to be closed
    /// is closed.
    fn stop(&self, task: Option<JoinHandle<()>>) {
        if let Some(task) = task {
            task.abort();
            let _ = self.runtime.block_on(task);
        }
    }

    /// Keeps a datagram until what has come in is served, or until there are so many. To wake whom they
    /// are for is what costs most, and it is paid once for those that go one behind the other.
    pub(super) fn queue(&mut self, datagram: Outgoing) {
        self.outgoing.push(datagram);
        if self.outgoing.len() >= Self::OUTGOING {
            self.send_queued();
        }
    }

    /// Sends what was kept, in order.
    pub(super) fn send_queued(&mut self) {
        let mut outgoing = std::mem::take(&mut self.outgoing);
        for datagram in outgoing.drain(..) {
            if let Err(error) = self.send(&datagram) {
                let (at, Outgoing { local, remote, .. }) = (self.clock.now(), datagram);
                self.note(Trouble::SendFailed { at, local, remote, error: error.into() });
            }
        }
        self.outgoing = outgoing; // its room is used again
    }

    fn send(&self, datagram: &Outgoing) -> io::Result<()> {
        let Outgoing { local, remote, payload } = datagram;
        let port = self.udp.get(local).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let at = self.clock.now();
        datagrams::send(&port.socket, *remote, payload)?;
        self.tap.datagram(at, *local, *remote, payload);
        Ok(())
    }
}

/// Reads a UDP socket for ever.
async fn listen(
    local: SocketAddr,
    number: u64,
    socket: Arc<UdpSocket>,
    events: mpsc::Sender<Event>,
    clock: Clock,
    tap: SocketTap,
) {
    let mut reader = datagrams::Reader::new(clock);
    while let Ok(reports) = reader.receive(&socket).await {
        for report in reports {
            if let Report::Datagram { at, remote, payload } = &report {
                tap.datagram(*at, *remote, local, payload);
            }
            if events.send(Event::Udp { local, number, report }).await.is_err() {
                return;
            }
        }
    }
}

/// Accepts for ever.
async fn accept(local: SocketAddr, listener: TcpListener, events: mpsc::Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((socket, remote)) => {
                if events.send(Event::Accepted { local, remote, socket }).await.is_err() {
                    return;
                }
            }
            // The connection was gone again, or we have too many files open: later.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
