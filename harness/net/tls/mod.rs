//! TLS between the machines and the network (RFC 8446): machines speak and hear clear octets, the network
//! carries records. It stands in the driver, so that both networks have it and no machine has to.
//!
//! Its time is the driver's, its randomness the seed's.

mod credulous;
mod identity;
mod random;
mod session;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, KeyLog, RootCertStore, ServerConfig, ServerConnection};
use sipfarm_core::Instant;
use sipfarm_core::machine::{
    CertificateFlaw, ConnectError, Input, Output, StreamEnd, StreamId, TlsManner, TlsName, Transport,
};

use super::MachineId;
use credulous::Credulous;
use session::{Progress, Session, pending, take};

pub use identity::authority_pem;

/// Is told of every secret of a session that a node of ours accepts, as a line of NSS's key log, before
/// anything is sent that it hides.
pub type SecretSink = Arc<dyn Fn(&str) + Send + Sync>;

/// How TLS is spoken.
#[derive(Clone, Default)]
pub struct TlsOptions {
    /// The source of all that is random in it.
    pub seed: u64,
    /// Who is told of secrets.
    pub secrets: Option<SecretSink>,
}

type Name = (MachineId, StreamId);

/// All connections with TLS of a driver.
pub(super) struct Tls {
    sessions: BTreeMap<Name, Session>,
    ports: BTreeMap<SocketAddr, Port>,
    clock: Arc<Clock>,
    random: fastrand::Rng,
    secrets: Option<SecretSink>,
}

/// A port that speaks TLS.
#[derive(Default)]
struct Port {
    domains: Vec<String>,
    manner: TlsManner,
    /// Made at the first need of it, for it costs a signature.
    config: Option<Arc<ServerConfig>>,
}

/// What follows from an input of the network.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// For the network.
    pub(super) wire: Vec<Output>,
    /// For the machine.
    pub(super) inputs: Vec<Input>,
}

impl Tls {
    /// Without connections.
    pub(super) fn new(options: TlsOptions) -> Self {
        Tls {
            sessions: BTreeMap::new(),
            ports: BTreeMap::new(),
            clock: Arc::default(),
            random: fastrand::Rng::with_seed(options.seed ^ 0x0071_5c0d),
            secrets: options.secrets,
        }
    }

    /// Whether it is about more than the network does by itself.
    pub(super) fn concerns(output: &Output) -> bool {
        match output {
            Output::SetPort { transport, .. } => *transport == Transport::Tls,
            Output::Datagram { .. } | Output::Icmp { .. } => false,
            _ => true,
        }
    }

    /// What the network has to do so that a machine's wish comes true.
    pub(super) fn perform(&mut self, machine: MachineId, output: Output, now: Instant) -> Vec<Output> {
        self.clock.set(now);
        match output {
            Output::SetPort { transport: Transport::Tls, local, state } => {
                self.ports.entry(local).or_default();
                vec![Output::SetPort { transport: Transport::Tcp, local, state }]
            }
            Output::ServeTls { local, domains, manner } => {
                self.ports.insert(local, Port { domains, manner, config: None });
                Vec::new()
            }
            Output::Connect { stream, local, remote, tls: Some(name) } => {
                let session = self.client(&name, remote).unwrap_or(Session::Hopeless);
                self.sessions.insert((machine, stream), session);
                vec![Output::Connect { stream, local, remote, tls: None }]
            }
            Output::StreamData { stream, data } => self.write((machine, stream), data),
            Output::CloseStream { stream, reset } => self.close((machine, stream), reset),
            other => vec![other],
        }
    }

    /// What a machine hears of what happened on the network, and what goes back.
    pub(super) fn handle(&mut self, machine: MachineId, input: Input, now: Instant) -> Effects {
        self.clock.set(now);
        match input {
            Input::Accepted { stream, local, remote, .. } if self.ports.contains_key(&local) => {
                let session = self.server(local).unwrap_or(Session::Mute);
                self.sessions.insert((machine, stream), session);
                let accepted = Input::Accepted { stream, transport: Transport::Tls, local, remote };
                Effects { wire: Vec::new(), inputs: vec![accepted] }
            }
            Input::Connected { stream, local } => self.connected((machine, stream), local),
            Input::StreamData { stream, data } => self.read((machine, stream), data),
            Input::StreamClosed { stream, end } => self.closed((machine, stream), end),
            Input::ConnectFailed { stream, .. } => {
                self.sessions.remove(&(machine, stream));
                Effects { wire: Vec::new(), inputs: vec![input] }
            }
            other => Effects { wire: Vec::new(), inputs: vec![other] },
        }
    }

    /// A machine is gone.
    pub(super) fn release(&mut self, machine: MachineId) {
        self.sessions.retain(|(whose, _), _| *whose != machine);
    }

    fn write(&mut self, name: Name, data: Vec<u8>) -> Vec<Output> {
        let stream = name.1;
        match self.sessions.get_mut(&name) {
            None => vec![Output::StreamData { stream, data }],
            // Before the handshake is over, TLS keeps it until then.
            Some(Session::Running { tls, .. } | Session::Waiting(tls)) => {
                let records = random::drawing_from(&mut self.random, || {
                    let _ = tls.writer().write_all(&data); // more than it keeps is lost, as on a dead stream
                    if tls.is_handshaking() { Vec::new() } else { pending(tls) }
                });
                octets(stream, records)
            }
            Some(_) => Vec::new(),
        }
    }

    fn close(&mut self, name: Name, reset: bool) -> Vec<Output> {
        let stream = name.1;
        let mut wire = match self.sessions.remove(&name) {
            Some(Session::Running { mut tls, .. }) if !reset && !tls.is_handshaking() => {
                tls.send_close_notify();
                octets(stream, random::drawing_from(&mut self.random, || pending(&mut tls)))
            }
            _ => Vec::new(),
        };
        wire.push(Output::CloseStream { stream, reset });
        wire
    }

    fn connected(&mut self, name: Name, local: SocketAddr) -> Effects {
        let stream = name.1;
        let mut tls = match self.sessions.remove(&name) {
            None => return Effects { wire: Vec::new(), inputs: vec![Input::Connected { stream, local }] },
            Some(Session::Waiting(tls)) => tls,
            Some(_) => {
                let failed = Input::ConnectFailed { stream, error: ConnectError::Tls };
                return self.fail(name, Vec::new(), failed);
            }
        };
        let hello = random::drawing_from(&mut self.random, || pending(&mut tls));
        self.sessions.insert(name, Session::Running { tls, local });
        Effects { wire: octets(stream, hello), inputs: Vec::new() }
    }

    fn read(&mut self, name: Name, data: Vec<u8>) -> Effects {
        let stream = name.1;
        match self.sessions.get_mut(&name) {
            Some(Session::Running { tls, local }) => {
                let progress = random::drawing_from(&mut self.random, || take(tls, &data));
                let (ours, local) = (matches!(**tls, rustls::Connection::Client(_)), *local);
                self.went_on(name, progress, ours, local)
            }
            Some(Session::Alerting(code)) => {
                // A record of type alert with one fatal alert in it (RFC 8446 sections 5.1 and 6).
                let alert = octets(stream, vec![21, 3, 3, 0, 2, 2, *code]);
                self.fail(name, alert, Input::StreamClosed { stream, end: StreamEnd::Fin })
            }
            Some(Session::Mute | Session::Waiting(_) | Session::Hopeless) => Effects::default(),
            None => Effects { wire: Vec::new(), inputs: vec![Input::StreamData { stream, data }] },
        }
    }

    fn went_on(&mut self, name: Name, progress: Progress, ours: bool, local: SocketAddr) -> Effects {
        let stream = name.1;
        let Progress { clear, wire, established, failed } = progress;
        let mut inputs = Vec::new();
        if ours && established {
            inputs.push(Input::Connected { stream, local });
        }
        if !clear.is_empty() {
            inputs.push(Input::StreamData { stream, data: clear });
        }
        let wire = octets(stream, wire);
        if !failed {
            return Effects { wire, inputs };
        }
        let handshaking = match self.sessions.get(&name) {
            Some(Session::Running { tls, .. }) => tls.is_handshaking(),
            _ => false,
        };
        let end = match ours && handshaking {
            true => Input::ConnectFailed { stream, error: ConnectError::Tls },
            false => Input::StreamClosed { stream, end: StreamEnd::Reset },
        };
        let failure = self.fail(name, wire, end);
        inputs.extend(failure.inputs);
        Effects { wire: failure.wire, inputs }
    }

    /// Says the last, closes the connection and tells the machine.
    fn fail(&mut self, name: Name, mut wire: Vec<Output>, end: Input) -> Effects {
        self.sessions.remove(&name);
        wire.push(Output::CloseStream { stream: name.1, reset: false });
        Effects { wire, inputs: vec![end] }
    }

    fn closed(&mut self, name: Name, end: StreamEnd) -> Effects {
        let stream = name.1;
        let input = match self.sessions.remove(&name) {
            Some(Session::Running { tls, .. })
                if tls.is_handshaking() && matches!(*tls, rustls::Connection::Client(_)) =>
            {
                Input::ConnectFailed { stream, error: ConnectError::Tls }
            }
            _ => Input::StreamClosed { stream, end },
        };
        Effects { wire: Vec::new(), inputs: vec![input] }
    }
}

/// Sessions of either side.
impl Tls {
    fn client(&mut self, name: &TlsName, remote: SocketAddr) -> Option<Session> {
        let credulous = *name == TlsName::Anybody;
        let name = match name {
            TlsName::Address(ip) => ServerName::from(*ip),
            TlsName::Domain(name) => ServerName::try_from(name.clone()).ok()?,
            TlsName::Anybody => ServerName::from(remote.ip()),
        };
        let mut roots = RootCertStore::empty();
        roots.add(identity::authority().ok()?).ok()?;
        let mut config = ClientConfig::builder_with_details(random::provider(), self.clock.clone())
            .with_protocol_versions(&[&TLS13])
            .ok()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        if credulous {
            config.dangerous().set_certificate_verifier(Arc::new(Credulous(random::provider())));
        }
        let new = || ClientConnection::new(Arc::new(config), name);
        let tls = random::drawing_from(&mut self.random, new).ok()?;
        Some(Session::Waiting(Box::new(tls.into())))
    }

    fn server(&mut self, local: SocketAddr) -> Option<Session> {
        let port = self.ports.get(&local)?;
        let flaw = match port.manner {
            TlsManner::Stall => return Some(Session::Mute),
            TlsManner::Alert(code) => return Some(Session::Alerting(code)),
            TlsManner::Certificate(flaw) => Some(flaw),
            TlsManner::Proper => None,
        };
        let config = match &port.config {
            Some(config) => config.clone(),
            None => self.server_config(local, &port.domains, flaw)?,
        };
        self.ports.get_mut(&local)?.config = Some(config.clone());
        let tls = random::drawing_from(&mut self.random, || ServerConnection::new(config)).ok()?;
        Some(Session::Running { tls: Box::new(tls.into()), local })
    }

    fn server_config(
        &self,
        local: SocketAddr,
        domains: &[String],
        flaw: Option<CertificateFlaw>,
    ) -> Option<Arc<ServerConfig>> {
        let shown = identity::shown(local.ip(), domains, flaw).ok()?;
        let mut config = ServerConfig::builder_with_details(random::provider(), self.clock.clone())
            .with_protocol_versions(&[&TLS13])
            .ok()?
            .with_no_client_auth()
            .with_single_cert(shown.chain, shown.key)
            .ok()?;
        config.send_tls13_tickets = 0;
        config.key_log = Arc::new(Log(self.secrets.clone()));
        Some(Arc::new(config))
    }
}

/// Octets for the network, if there are any.
fn octets(stream: StreamId, data: Vec<u8>) -> Vec<Output> {
    if data.is_empty() { Vec::new() } else { vec![Output::StreamData { stream, data }] }
}

/// The driver's time, for the validity of certificates.
#[derive(Debug, Default)]
struct Clock(AtomicI64);

impl Clock {
    fn set(&self, now: Instant) {
        self.0.store(now.as_nanos(), Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let nanos = u64::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0);
        Some(UnixTime::since_unix_epoch(Duration::from_nanos(nanos)))
    }
}

/// Hands on the secrets that open the records of a session.
struct Log(Option<SecretSink>);

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        if let Some(sink) = &self.0 {
            sink(&format!("{label} {} {}\n", hex(client_random), hex(secret)));
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label.contains("_TRAFFIC_SECRET")
    }
}

#[cfg(test)]
mod tests;
