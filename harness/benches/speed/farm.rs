//! A node of the farm on one core beside a SIPp server on the same core, one after the other, under
//! the same load.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sipfarm::capture::tap::Tap;
use sipfarm::farm::{Account, FaultSpec, Node, NodeConfig};
use sipfarm::net::{RealLab, RealOptions, Slice};
use sipfarm_core::frame::Frame;

use super::load::{Kind, Load, Served, call_number};
use super::{Row, processor, quantile};

/// For the rate: so many requests, so many of them open at once.
const REQUESTS: usize = 40_000;
const OPEN: usize = 64;
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
    let load = |to, from, requests, open| Load { kind, from, to, requests, open, at_most: AT_MOST };

    let ours = {
        let (_lab, to) = (node(kind, at(11)), at(11));
        let rate = processor::off_one(|| load(to, at(201), REQUESTS, OPEN).run()).unwrap();
        (rate, latency(&slice, load(to, at(202), ONE_BY_ONE, 1)))
    };
    let theirs = Sipp::start(kind, at(12)).map(|_sipp| {
        let to = at(12);
        let rate = processor::off_one(|| load(to, at(203), REQUESTS, OPEN).run()).unwrap();
        (rate, latency(&slice, load(to, at(204), ONE_BY_ONE, 1)))
    });
    let theirs = theirs.as_ref();
    let no_sipp = || "SIPp is not installed (Debian: apt-get install sip-tester)".to_owned();
    let rate_of_sipp = theirs.map_or_else(no_sipp, |(rate, _)| {
        format!("SIPp: {}; ratio {:.2}, goal 2", told(rate), ours.0.rate() / rate.rate().max(1.0))
    });
    let latency_of_sipp = theirs.map_or_else(no_sipp, |(_, latency)| format!("SIPp: {latency}"));
    vec![
        Row::new(format!("{what}, one core, {OPEN} open at once"), told(&ours.0), rate_of_sipp),
        Row::new(
            format!("{what}, frame to frame, {ONE_BY_ONE} one by one"),
            ours.1,
            format!("median under 100 µs; {latency_of_sipp}"),
        ),
    ]
}

fn told(served: &Served) -> String {
    let missing = match REQUESTS - served.answered {
        0 => String::new(),
        missing => format!(" ({missing} of {REQUESTS} not answered in time)"),
    };
    let others =
        if served.others > 0 { format!(" ({} other answers)", served.others) } else { String::new() };
    format!("{:.0}/s{missing}{others}", served.rate())
}

/// A node on one core.
fn node(kind: Kind, at: SocketAddr) -> RealLab {
    let lab = processor::on_one(|| RealLab::start(RealOptions::default())).unwrap();
    let config = NodeConfig {
        name: "primary".to_owned(),
        addr: at,
        domain: "lab.example".to_owned(),
        zone: None,
        account: Account { user: "1001".to_owned(), password: "secret".to_owned() },
        challenge: false,
        expires_s: None,
        far_end: SocketAddr::new(at.ip(), 5_999),
        seed: 1,
    };
    let id = lab.try_add(Box::new(Node::new(config))).unwrap();
    if kind == Kind::Invite {
        let fault: FaultSpec = "status code=503 method=INVITE".parse().unwrap();
        lab.command(id, move |node: &mut Node, now| node.fault_on(&fault, now)).unwrap();
    }
    lab
}

/// From the frame of each request to the frame of its answer, by the kernel's stamps.
fn latency(slice: &Arc<Slice>, load: Load) -> String {
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
    processor::off_one(|| load.run()).unwrap();
    tap.settle(AT_MOST).unwrap();
    let mut times = times(&frames.lock().unwrap());
    let (median, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    format!("median {median:.1?}, p99 {p99:.1?} ({} pairs)", times.len())
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
        let sipp = Sipp { child, _folder: folder };
        let until = Instant::now() + AT_MOST;
        while UdpSocket::bind(at).is_ok() {
            assert!(Instant::now() < until, "sipp does not bind {at}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(sipp)
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
