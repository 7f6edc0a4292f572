//! A node of the farm on one core beside a SIPp server on the same core, one after the other, under
//! the same load.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sipfarm::capture::tap::Tap;
use sipfarm::farm::{FaultSpec, Node, NodeConfig};
use sipfarm::net::{RealLab, RealOptions, Slice};
use sipfarm_core::frame::Frame;

use super::load::{Kind, Load, Served, call_number};
use super::{Row, median, processor, quantile};

/// For the rate: so many requests, so many of them open at once, so often.
const REQUESTS: usize = 40_000;
const OPEN: usize = 64;
const ROUNDS: usize = 7;
/// For the latency: so many requests, one at a time.
const ONE_BY_ONE: usize = 5_000;
/// No load takes longer.
const AT_MOST: Duration = Duration::from_secs(5);
/// Octets before the SIP message: Ethernet, IPv4 and UDP.
const HEADS: usize = 14 + 20 + 8;

pub fn measure() -> Vec<Row> {
    let kinds = [(Kind::Register, "REGISTER → 200"), (Kind::Invite, "INVITE → 503")];
    kinds.into_iter().flat_map(|(kind, what)| compare(kind, what)).collect()
}

fn compare(kind: Kind, what: &str) -> Vec<Row> {
    let slice = Arc::new(Slice::claim().unwrap());
    let at = |host: u8| SocketAddr::new(slice.ip(host), 5060);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(rate(&Ours::start(kind, at(11)), kind, at(201)));
        theirs.extend(Sipp::start(kind, at(12)).map(|sipp| rate(&sipp, kind, at(202))));
    }
    let our_latency = latency(&slice, &Ours::start(kind, at(11)), kind, at(203));
    let their_latency = Sipp::start(kind, at(12)).map(|sipp| latency(&slice, &sipp, kind, at(204)));
    let (rate_of_sipp, latency_of_sipp) = match their_latency {
        None => {
            let missing = "SIPp is not installed (Debian: apt-get install sip-tester)";
            (missing.to_owned(), missing.to_owned())
        }
        Some(latency) => {
            let ratio =
                |of: fn(&Rate) -> f64| median(ours.iter().map(of)) / median(theirs.iter().map(of)).max(1.0);
            let ratio = format!(
                "ratio {:.2}, by time of processor {:.2}",
                ratio(Rate::per_second),
                ratio(Rate::per_busy_second)
            );
            (format!("twice SIPp; SIPp: {}; {ratio}", told(&theirs)), format!("SIPp: {latency}"))
        }
    };
    let rate_of = format!("{what}, one core, {OPEN} open at once, median of {ROUNDS} times {REQUESTS}");
    let latency_of = format!("{what}, frame to frame, {ONE_BY_ONE} one by one");
    vec![
        Row::new(rate_of, told(&ours), rate_of_sipp),
        Row::new(latency_of, our_latency, format!("median under 100 µs; {latency_of_sipp}")),
    ]
}

/// A server under the load, and how long it and the load were busy with it.
struct Rate {
    served: Served,
    server_busy: Duration,
}

impl Rate {
    fn per_second(&self) -> f64 {
        self.served.rate()
    }

    /// Answers for a second of the server's time on its processor: what others do on the machine
    /// weighs less on it.
    fn per_busy_second(&self) -> f64 {
        self.served.answered as f64 / self.server_busy.as_secs_f64().max(1e-9)
    }

    fn share(&self, busy: Duration) -> f64 {
        100.0 * busy.as_secs_f64() / self.served.time.as_secs_f64().max(1e-9)
    }
}

/// A server that is measured.
trait Server {
    /// Where it listens.
    fn at(&self) -> SocketAddr;
    /// How long it was on its processor so far.
    fn busy(&self) -> Duration;
}

fn rate(server: &impl Server, kind: Kind, from: SocketAddr) -> Rate {
    let load = Load { kind, from, to: server.at(), requests: REQUESTS, open: OPEN, at_most: AT_MOST };
    let before = server.busy();
    let served = processor::off_one(|| load.run()).unwrap();
    Rate { served, server_busy: server.busy() - before }
}

/// The medians, and whatever was not answered as it should have been. Who is busy all the time is
/// who sets the rate.
fn told(rates: &[Rate]) -> String {
    let missing: usize = rates.iter().map(|rate| REQUESTS - rate.served.answered).sum();
    let others: usize = rates.iter().map(|rate| rate.served.others).sum();
    let unwanted = match (missing, others) {
        (0, 0) => String::new(),
        _ => format!(" ({missing} NOT ANSWERED, {others} OTHER ANSWERS)"),
    };
    let rate = median(rates.iter().map(Rate::per_second));
    let server = median(rates.iter().map(|rate| rate.share(rate.server_busy)));
    let load = median(rates.iter().map(|rate| rate.share(rate.served.busy)));
    format!("{rate:.0}/s, server {server:.0} % busy, load {load:.0} %{unwanted}")
}

/// A node on one core.
struct Ours {
    at: SocketAddr,
    _lab: RealLab,
}

impl Ours {
    fn start(kind: Kind, at: SocketAddr) -> Ours {
        let lab = processor::on_one(|| RealLab::start(RealOptions::default())).unwrap();
        let config = NodeConfig::alone(at, SocketAddr::new(at.ip(), 5_999));
        let id = lab.try_add(Box::new(Node::new(config))).unwrap();
        if kind == Kind::Invite {
            let fault: FaultSpec = "status code=503 method=INVITE".parse().unwrap();
            lab.command(id, move |node: &mut Node, now| node.fault_on(&fault, now)).unwrap();
        }
        Ours { at, _lab: lab }
    }
}

impl Server for Ours {
    fn at(&self) -> SocketAddr {
        self.at
    }

    fn busy(&self) -> Duration {
        processor::time_of(std::process::id(), Some("sipfarm-net"))
    }
}

/// From the frame of each request to the frame of its answer, by the kernel's stamps. The tap runs
/// beside the server, as it does in a scenario.
fn latency(slice: &Arc<Slice>, server: &impl Server, kind: Kind, from: SocketAddr) -> String {
    let tap = match Tap::open("lo") {
        Ok(tap) => tap,
        Err(error) => return format!("not measured: {error}"),
    };
    let frames = Arc::new(Mutex::new(Vec::new()));
    let (ours, sink) = (Arc::clone(slice), Arc::clone(&frames));
    let _subscription = tap.subscribe(
        move |from, to| ours.contains(from) || ours.contains(to),
        move |frame| sink.lock().unwrap().push(frame),
    );
    let load = Load { kind, from, to: server.at(), requests: ONE_BY_ONE, open: 1, at_most: AT_MOST };
    processor::off_one(|| load.run()).unwrap();
    tap.settle(AT_MOST).unwrap();
    let mut times = times(&frames.lock().unwrap());
    let (median, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    let missing = match ONE_BY_ONE - times.len() {
        0 => String::new(),
        missing => format!(" ({missing} NOT ANSWERED)"),
    };
    format!("median {median:.1?}, p99 {p99:.1?}{missing}")
}

fn times(frames: &[Frame]) -> Vec<Duration> {
    let (mut asked, mut times) = (BTreeMap::new(), Vec::new());
    for frame in frames {
        let text = String::from_utf8_lossy(frame.data.get(HEADS..).unwrap_or_default());
        let Some(number) = call_number(&text) else { continue };
        if text.starts_with("REGISTER") || text.starts_with("INVITE") {
            asked.insert(number, frame.at);
        } else if text.starts_with("SIP/2.0")
            && let Some(at) = asked.remove(&number)
        {
            times.push(Duration::from_nanos(frame.at.since(at).as_nanos().max(0) as u64));
        }
    }
    times
}

/// SIPp as a server on one core, until it is dropped.
struct Sipp {
    at: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Sipp {
    /// `None` where it is not installed.
    fn start(kind: Kind, at: SocketAddr) -> Option<Sipp> {
        let scenario = match kind {
            Kind::Register => "harness/benches/sipp/registrar.xml",
            Kind::Invite => "fixtures/captures/sipp/refuse.xml",
        };
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join(scenario);
        let (ip, port) = (at.ip().to_string(), at.port().to_string());
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sipp");
        command.arg("-sf").arg(scenario);
        // It ends by itself, should we not come to end it.
        command.args(["-i", &ip, "-p", &port, "-ci", &ip, "-mi", &ip, "-nostdin", "-timeout", "60s"]);
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = processor::on_one(|| command.spawn()).ok()?;
        let sipp = Sipp { at, child, _folder: folder };
        let until = Instant::now() + AT_MOST;
        while UdpSocket::bind(at).is_ok() {
            assert!(Instant::now() < until, "sipp does not bind {at}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(sipp)
    }
}

impl Server for Sipp {
    fn at(&self) -> SocketAddr {
        self.at
    }

    fn busy(&self) -> Duration {
        processor::time_of(self.child.id(), None)
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
