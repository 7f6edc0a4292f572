#![allow(clippy::unwrap_used)]
use std::sync::Mutex;

use sipfarm_core::machine::PortState;

use super::*;
use crate::net::testing::Puppet;
use crate::net::{Driver, VirtualNet};

/// 2026-01-01T00:00:00Z.
const NOW: Instant = Instant::from_nanos(1_767_225_600_000_000_000);

type Lines = Arc<Mutex<String>>;

/// Two puppets on a simulated network: one listens for TLS, the other connects to it.
struct Pair {
    driver: Driver<VirtualNet>,
    client: MachineId,
    server: MachineId,
    at: SocketAddr,
    secrets: Lines,
}

impl Pair {
    fn new(manner: TlsManner) -> Pair {
        Pair::at(NOW, manner, 7)
    }

    fn at(now: Instant, manner: TlsManner, seed: u64) -> Pair {
        let secrets = Lines::default();
        let sink = secrets.clone();
        let secrets_sink: SecretSink = Arc::new(move |line| sink.lock().unwrap().push_str(line));
        let options = TlsOptions { seed, secrets: Some(secrets_sink) };
        let mut driver = Driver::with_tls(VirtualNet::new(1, now), options);
        let at = SocketAddr::from(([10, 0, 0, 2], 5061));
        let mut listener = Box::new(Puppet::default());
        let domains = vec!["lab.example".to_owned()];
        listener.wishes.push_back(Output::ServeTls { local: at, domains, manner });
        listener.set_port(Transport::Tls, at, PortState::Open);
        let server = driver.add(listener);
        let client = driver.add(Box::new(Puppet::default()));
        Pair { driver, client, server, at, secrets }
    }

    fn connect(&mut self, name: TlsName) {
        let (remote, local) = (self.at, [10, 0, 0, 1].into());
        let wish = Output::Connect { stream: StreamId(1), local, remote, tls: Some(name) };
        self.driver.command(self.client, move |puppet: &mut Puppet, _| puppet.wishes.push_back(wish));
        self.run();
    }

    fn run(&mut self) {
        let end = self.driver.now() + sipfarm_core::Span::from_secs(1);
        while self.driver.step(end) {}
    }

    fn client_hears(&mut self) -> Vec<Input> {
        self.driver.command(self.client, |puppet: &mut Puppet, _| puppet.inputs())
    }

    fn wire(&mut self) -> Vec<u8> {
        self.driver.net().take_frames().into_iter().flat_map(|frame| frame.data).collect()
    }
}

fn itself() -> TlsName {
    TlsName::Address([10, 0, 0, 2].into())
}

const FAILED: Input = Input::ConnectFailed { stream: StreamId(1), error: ConnectError::Tls };

#[test]
fn what_one_machine_says_the_other_hears_and_nobody_between_them() {
    for name in [itself(), TlsName::Domain("lab.example".to_owned())] {
        let mut pair = Pair::new(TlsManner::Proper);
        pair.connect(name);
        assert!(matches!(pair.client_hears()[..], [Input::Connected { .. }]));
        pair.driver.command(pair.client, |puppet: &mut Puppet, _| puppet.write(StreamId(1), b"ping"));
        pair.run();
        let heard = pair.driver.command(pair.server, |puppet: &mut Puppet, _| puppet.octets());
        assert_eq!(heard, b"ping");
        let answer = pair.driver.command(pair.client, |puppet: &mut Puppet, _| puppet.octets());
        assert_eq!(answer, b"pong");
        let wire = pair.wire();
        assert!(!wire.windows(4).any(|four| four == b"ping" || four == b"pong"));
    }
}

#[test]
fn the_server_tells_every_secret_of_its_sessions_once() {
    let mut pair = Pair::new(TlsManner::Proper);
    pair.connect(itself());
    let secrets = pair.secrets.lock().unwrap().clone();
    let labels: Vec<&str> = secrets.lines().filter_map(|line| line.split(' ').next()).collect();
    let expected = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ];
    assert_eq!(labels, expected);
}

#[test]
fn the_same_seed_gives_the_same_octets_and_another_seed_others() {
    let wire = |seed| {
        let mut pair = Pair::at(NOW, TlsManner::Proper, seed);
        pair.connect(itself());
        pair.wire()
    };
    assert_eq!(wire(7), wire(7));
    assert_ne!(wire(7), wire(8));
}

#[test]
fn a_wrong_certificate_fails_the_connection_and_nothing_else_is_said() {
    for flaw in [
        CertificateFlaw::WrongCa,
        CertificateFlaw::SelfSigned,
        CertificateFlaw::Expired,
        CertificateFlaw::WrongName,
    ] {
        let mut pair = Pair::new(TlsManner::Certificate(flaw));
        pair.connect(itself());
        assert_eq!(pair.client_hears(), [FAILED], "{flaw:?}");
        let heard = pair.driver.command(pair.server, |puppet: &mut Puppet, _| puppet.inputs());
        let ended = |heard: &[Input]| matches!(heard, [Input::Accepted { .. }, Input::StreamClosed { .. }]);
        assert!(ended(&heard), "{flaw:?}: {heard:?}");
    }
}

#[test]
fn a_proper_certificate_counts_for_its_names_and_its_time_alone() {
    let mut other_name = Pair::new(TlsManner::Proper);
    other_name.connect(TlsName::Domain("example.org".to_owned()));
    assert_eq!(other_name.client_hears(), [FAILED]);
    let year_2130 = NOW + sipfarm_core::Span::from_secs(104 * 366 * 24 * 3_600);
    let mut too_late = Pair::at(year_2130, TlsManner::Proper, 7);
    too_late.connect(itself());
    assert_eq!(too_late.client_hears(), [FAILED]);
}

#[test]
fn an_alert_fails_the_connection_and_silence_leaves_it_to_the_machine() {
    let mut alerting = Pair::new(TlsManner::Alert(40));
    alerting.connect(itself());
    assert_eq!(alerting.client_hears(), [FAILED]);
    let mut mute = Pair::new(TlsManner::Stall);
    mute.connect(itself());
    assert_eq!(mute.client_hears(), []);
}

#[test]
fn a_name_that_is_none_never_leads_to_clear_text() {
    let mut pair = Pair::new(TlsManner::Proper);
    pair.connect(TlsName::Domain("not a name".to_owned()));
    assert_eq!(pair.client_hears(), [FAILED]);
}
