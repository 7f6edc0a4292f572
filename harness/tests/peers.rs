//! Our farm, our phone and our judge beside SIPp and baresip, which we did not write. SIPp says by its exit code
//! whether it was content with us, and the judge says what it thinks of SIPp. Every test has a slice
//! of loopback addresses of its own.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sipfarm::capture::read::read;
use sipfarm::capture::recorder::{Mode, Recorder};
use sipfarm::capture::tap::{Subscription, Tap, TapError};
use sipfarm::farm::{FarEnd, FarEndConfig, FarEndKind, FaultSpec, Node, NodeConfig};
use sipfarm::net::{MachineId, RealLab, RealOptions, Slice};
use sipfarm_core::profile::Profile;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::{self, Mark, Scene, Sight};

mod common;
#[path = "support/peers.rs"]
mod peers;
#[path = "support/skip.rs"]
mod skip;

use common::{program, sipfarm};
use peers::{Peer, is_installed, scenario};

const PATIENCE: Duration = Duration::from_secs(10);
/// The peers are processes of their own on a machine that may be busy, and nobody measures how late
/// they are served.
const LATENCY: Span = Span::from_millis(500);

/// A slice with the tap on it; who is who stands at the head of the capture, so that the judge is
/// as strict as in a run of ours.
struct Bench {
    folder: tempfile::TempDir,
    slice: Arc<Slice>,
    tap: Tap,
    subscription: Subscription,
    recorder: Arc<Mutex<Recorder>>,
}

impl Bench {
    /// `None`, which it says, where SIPp is missing or packets may not be watched.
    fn new(servers: &[&str]) -> Option<Bench> {
        is_installed("sipp", "sip-tester").then(|| Bench::watched(servers))?
    }

    /// `None`, which it says, where packets may not be watched.
    fn watched(servers: &[&str]) -> Option<Bench> {
        let tap = match Tap::open("lo") {
            Err(error @ TapError::NotPermitted { .. }) => {
                skip::right(error);
                return None;
            }
            tap => tap.unwrap(),
        };
        let folder = tempfile::tempdir().unwrap();
        let slice = Arc::new(Slice::claim().unwrap());
        let file = folder.path().join("peers.pcapng");
        let mut recorder = Recorder::new(Some(file), Mode::Streamed).unwrap();
        let now = RealLab::start(RealOptions::default()).unwrap().now();
        recorder.mark(Mark::Scenario(Box::new(scene(&slice, servers))), now);
        let recorder = Arc::new(Mutex::new(recorder));
        let (ours, sink) = (Arc::clone(&slice), Arc::clone(&recorder));
        let subscription = tap.subscribe(
            move |from, to| ours.contains(from) || ours.contains(to),
            move |frame| {
                sink.lock().unwrap().frame(frame);
            },
        );
        Some(Bench { folder, slice, tap, subscription, recorder })
    }

    fn at(&self, host: u8) -> SocketAddr {
        SocketAddr::new(self.slice.ip(host), 5060)
    }

    fn server(&self, index: u8) -> SocketAddr {
        self.at(11 + index)
    }

    fn phone(&self) -> SocketAddr {
        self.at(200)
    }

    /// SIPp in the place of the phone has done its one call against our farm, and was content.
    fn sipp_calls(&self, name: &str, more: &[&str]) {
        let to = Some(self.server(0));
        Peer::sipp(&scenario(name), self.phone(), to, more, self.folder.path()).must_be_content();
    }

    /// The same, but it was not.
    fn sipp_calls_in_vain(&self, name: &str, more: &[&str]) {
        let to = Some(self.server(0));
        Peer::sipp(&scenario(name), self.phone(), to, more, self.folder.path()).must_complain();
    }

    /// SIPp in the place of a server.
    fn sipp_serves(&self, index: u8, scenario: &std::path::Path) -> Peer {
        let at = self.server(index);
        Peer::sipp(scenario, at, None, &[], self.folder.path()).has_bound(at)
    }

    /// baresip in the place of the phone: it registers, dials, and hangs up and leaves when its time is over.
    fn baresip_calls(&self, seconds: u32) {
        Peer::baresip(self.phone(), self.server(0), seconds, self.folder.path()).must_be_content();
    }

    /// Ends the capture and has it audited; what was told of the findings: rule, verdict, what was seen.
    fn audit(self) -> Vec<[String; 3]> {
        let Bench { folder, tap, subscription, recorder, .. } = self;
        let end = tap.settle(PATIENCE).unwrap();
        drop(subscription);
        drop(tap);
        let mut recorder = Arc::into_inner(recorder).unwrap().into_inner().unwrap();
        recorder.mark(Mark::End, end);
        let file: PathBuf = recorder.finish().unwrap().unwrap();
        let ran = sipfarm(&["audit", file.to_str().unwrap(), "--format", "json"]);
        let audit: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        println!("{}", sipfarm(&["audit", file.to_str().unwrap()]).out);
        assert!(read(&file).unwrap().timeline.sip().count() > 0);
        drop(folder);
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let findings = audit["findings"].as_array().unwrap();
        findings.iter().map(|f| [text(&f["rule"]), text(&f["verdict"]), text(&f["seen"])]).collect()
    }
}

fn scene(slice: &Slice, servers: &[&str]) -> Scene {
    let node = |name: &str, host: u8, server: bool| mark::Node {
        name: name.to_owned(),
        addr: SocketAddr::new(slice.ip(host), 5060),
        tls: None,
        server,
        dns: false,
    };
    let mut nodes: Vec<_> = servers.iter().zip(11..).map(|(name, host)| node(name, host, true)).collect();
    nodes.push(node("far end", 100, false));
    Scene {
        name: "beside SIPp".to_owned(),
        feature: String::new(),
        line: 0,
        tags: Vec::new(),
        seed: 1,
        net: "loopback".to_owned(),
        sight: Sight { frames: true, lossy: false, latency: LATENCY },
        phone: vec![slice.ip(200)],
        lines: Vec::new(),
        nodes,
        servers: Vec::new(),
        profile: Profile::default(),
        time_scale: 1.0,
    }
}

/// Our farm: one node that challenges REGISTER, and a far end that answers.
struct Farm {
    lab: RealLab,
    primary: MachineId,
}

impl Farm {
    fn new(bench: &Bench) -> Farm {
        let lab = RealLab::start(RealOptions::default()).unwrap();
        let primary = NodeConfig { challenge: true, ..NodeConfig::alone(bench.server(0), bench.at(100)) };
        let far_end = FarEndConfig {
            addr: bench.at(100),
            domain: primary.domain.clone(),
            user: "1002".to_owned(),
            kind: FarEndKind::Phone,
            seed: 2,
        };
        let primary = lab.try_add(Box::new(Node::new(primary))).unwrap();
        lab.try_add(Box::new(FarEnd::new(far_end))).unwrap();
        Farm { lab, primary }
    }

    fn has_fault(&self, words: &str) {
        let fault: FaultSpec = words.parse().unwrap();
        let switched = move |node: &mut Node, now: Instant| node.fault_on(&fault, now);
        self.lab.command(self.primary, switched).unwrap();
    }
}

/// Our reference phone as a process of its own.
struct Phone {
    child: std::process::Child,
    input: ChildStdin,
    output: std::io::Lines<BufReader<ChildStdout>>,
}

impl Phone {
    fn start(bench: &Bench, servers: &[&str]) -> Phone {
        let mut command = program();
        command.args(["phone", "--local", &bench.phone().to_string()]);
        for (name, index) in servers.iter().zip(0..) {
            command.args(["--server", &format!("{name}={}", bench.server(index))]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut phone = Phone { child, input, output: BufReader::new(output).lines() };
        phone.says("ready");
        phone
    }

    /// Presses a key, and waits for a report that begins with these words.
    fn press(&mut self, key: &str, report: &str) {
        writeln!(self.input, "{key}").unwrap();
        self.says(&format!("- {report}"));
    }

    fn says(&mut self, beginning: &str) {
        let mut said = Vec::new();
        for line in self.output.by_ref() {
            let line = line.unwrap();
            if line.starts_with(beginning) {
                return;
            }
            said.push(line);
        }
        panic!("the phone did not say {beginning:?}: {said:?}");
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The rules that accuse, and what they say.
fn accusations(findings: &[[String; 3]]) -> Vec<&[String; 3]> {
    findings.iter().filter(|[_, verdict, _]| !matches!(&**verdict, "pass" | "not-exercised")).collect()
}

/// Nothing stands against the phone, and these rules were put to the test.
fn kept(findings: &[[String; 3]], rules: &[&str]) {
    assert_eq!(accusations(findings), Vec::<&[String; 3]>::new());
    for rule in rules {
        let found = findings.iter().find(|[id, ..]| id == rule).unwrap();
        assert_eq!(found[1], "pass", "{found:?}");
    }
}

#[test]
fn sipp_registers_with_our_farm_and_proves_its_password() {
    let Some(bench) = Bench::new(&["primary"]) else { return };
    let farm = Farm::new(&bench);
    bench.sipp_calls("register", &["-auth_uri", "lab.example"]);
    let bindings = farm.lab.command(farm.primary, |node: &mut Node, _| node.bindings());
    let bound: Vec<_> = bindings.iter().map(|binding| (&*binding.contact, binding.from)).collect();
    assert_eq!(bound, [(&*format!("sip:1001@{}", bench.phone()), bench.phone())]);
    kept(&bench.audit(), &["digest", "register-identity", "branch"]);
}

#[test]
fn sipp_calls_the_far_end_through_our_farm() {
    let Some(bench) = Bench::new(&["primary"]) else { return };
    let _farm = Farm::new(&bench);
    bench.sipp_calls("call", &["-s", "1002"]);
    kept(&bench.audit(), &["ack-acceptance", "branch", "cseq", "dialog-identifiers", "well-formed"]);
}

#[test]
fn sipp_calls_the_far_end_over_tcp() {
    let Some(bench) = Bench::new(&["primary"]) else { return };
    let _farm = Farm::new(&bench);
    bench.sipp_calls("call", &["-s", "1002", "-t", "t1"]);
    kept(&bench.audit(), &["ack-acceptance", "branch", "cseq", "dialog-identifiers", "well-formed"]);
}

#[test]
fn sipp_sees_the_503_of_our_farm() {
    let Some(bench) = Bench::new(&["primary"]) else { return };
    let farm = Farm::new(&bench);
    farm.has_fault("status code=503 method=INVITE");
    bench.sipp_calls("refused", &["-s", "1002"]);
    kept(&bench.audit(), &["ack-refusal", "ack-transaction"]);
}

#[test]
fn our_phone_calls_sipp_and_hangs_up() {
    let Some(bench) = Bench::new(&["primary"]) else { return };
    let sipp = bench.sipp_serves(0, &scenario("answer"));
    let mut phone = Phone::start(&bench, &["primary"]);
    phone.press("dial 1002", "call established");
    phone.press("hang up", "call ended");
    sipp.must_be_content();
    kept(&bench.audit(), &["ack-acceptance", "branch", "cseq", "dialog-identifiers", "server-order"]);
}

#[test]
fn our_phone_goes_on_to_the_next_sipp_after_503() {
    let Some(bench) = Bench::new(&["primary", "secondary"]) else { return };
    let refusing = bench.sipp_serves(0, &scenario("refuse"));
    let answering = bench.sipp_serves(1, &scenario("answer"));
    let mut phone = Phone::start(&bench, &["primary", "secondary"]);
    phone.press("dial 1002", "call established");
    phone.press("hang up", "call ended");
    refusing.must_be_content();
    answering.must_be_content();
    let rules = ["ack-refusal", "ack-transaction", "failover-cause", "server-order", "same-request"];
    kept(&bench.audit(), &rules);
}

#[test]
fn our_phone_stays_with_sipp_after_404() {
    let Some(bench) = Bench::new(&["primary", "secondary"]) else { return };
    let not_found = bench.folder.path().join("not-found.xml");
    let refuse = std::fs::read_to_string(scenario("refuse")).unwrap();
    std::fs::write(&not_found, refuse.replace("SIP/2.0 503", "SIP/2.0 404")).unwrap();
    let refusing = bench.sipp_serves(0, &not_found);
    let mut phone = Phone::start(&bench, &["primary", "secondary"]);
    phone.press("dial 1002", "call failed");
    refusing.must_be_content();
    kept(&bench.audit(), &["ack-refusal", "ack-transaction", "server-order"]);
}

/// SIPp's digest is for the address that it sends to unless it is told otherwise; RFC 2617 section
/// 3.2.2 has the Request-URI there.
#[test]
fn sipp_is_accused_of_a_digest_for_another_uri_and_of_nothing_else() {
    let Some(bench) = Bench::new(&["primary"]) else { return };
    let farm = Farm::new(&bench);
    bench.sipp_calls_in_vain("register", &[]);
    let bindings = farm.lab.command(farm.primary, |node: &mut Node, _| node.bindings());
    assert_eq!(bindings, [], "our registrar does not take it either");
    let seen = format!("digest URI \"sip:{}\" for sip:lab.example", bench.server(0));
    let findings = bench.audit();
    let [[rule, verdict, why]] = accusations(&findings)[..] else { panic!("{findings:?}") };
    assert_eq!([&**rule, verdict, why], ["digest", "fail", &*seen]);
}

#[test]
fn baresip_registers_and_calls_through_our_farm() {
    if !is_installed("baresip", "baresip-core") {
        return;
    }
    let Some(bench) = Bench::watched(&["primary"]) else { return };
    let _farm = Farm::new(&bench);
    bench.baresip_calls(2);
    kept(&bench.audit(), &["ack-acceptance", "branch", "cseq", "dialog-identifiers", "digest"]);
}

#[test]
fn baresip_acknowledges_the_503_of_our_farm() {
    if !is_installed("baresip", "baresip-core") {
        return;
    }
    let Some(bench) = Bench::watched(&["primary"]) else { return };
    let farm = Farm::new(&bench);
    farm.has_fault("status code=503 method=INVITE");
    bench.baresip_calls(2);
    kept(&bench.audit(), &["ack-refusal", "ack-transaction"]);
}
