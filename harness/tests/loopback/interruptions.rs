//! Runs that are ended from outside, phones that die, ports that are taken.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sipfarm::capture::read::read;
use sipfarm_judge::Mark;
use sipfarm_judge::mark::Scene;

use super::common::{Ran, captures, feature, program, results};
use super::{scene_of, tshark};

/// Nobody answers the phone for 32 s: time enough to interrupt it.
const LONG: &str = "Feature: F
  Scenario: The primary is silent
    Given a farm with servers \"primary\" and \"secondary\"
    And a phone
    And \"primary\" has fault \"silent\"
    When the phone dials the far end
    Then the phone sends INVITE to \"primary\" on the whole schedule and gives up
  Scenario: The primary answers
    Given a farm with servers \"primary\" and \"secondary\"
    And a phone
    When the phone dials the far end
    Then the call is established through \"primary\"
";
const PATIENCE: Duration = Duration::from_secs(30);

/// A run of [`LONG`] whose phone has sent its INVITE into the silence, and whose other scenario is
/// over.
struct Running {
    child: Child,
    bundle: PathBuf,
    scene: Scene,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start() -> Running {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("out");
        let path = feature(folder.path(), LONG);
        let mut child = program()
            .args(["run", &path, "--net", "loopback", "--out", bundle.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let scene = until("the phone sends INVITE", || {
            assert!(child.try_wait().unwrap().is_none(), "it ended too early");
            let timeline = read(&bundle.join("001.pcapng")).ok()?.timeline;
            let scene = scene_of(&timeline)?;
            let sent = timeline.sip().any(|(_, sip)| Some(&sip.src.ip()) == scene.phone.first());
            let other_is_over = || bundle.join("events.ndjson").exists() && results(&bundle).len() == 1;
            (sent && other_is_over()).then_some(scene)
        });
        Running { child, bundle, scene, _folder: folder }
    }

    fn signal(&self, signal: &str) {
        kill(self.child.id(), signal);
    }

    fn ends(self) -> (Ran, PathBuf, Scene, tempfile::TempDir) {
        let Running { child, bundle, scene, _folder } = self;
        (Ran::from(child.wait_with_output().unwrap()), bundle, scene, _folder)
    }
}

#[test]
fn ctrl_c_leaves_a_complete_bundle_and_nothing_else() {
    an_interruption_leaves_a_complete_bundle_and_nothing_else("INT");
}

#[test]
fn a_system_that_ends_the_run_leaves_a_complete_bundle_and_nothing_else() {
    an_interruption_leaves_a_complete_bundle_and_nothing_else("TERM");
}

fn an_interruption_leaves_a_complete_bundle_and_nothing_else(signal: &str) {
    let running = Running::start();
    assert_eq!(phones(&running.scene).len(), 1, "the phone is a process of its own");
    running.signal(signal);
    let (ran, bundle, scene, _folder) = running.ends();
    assert_eq!(ran.code, 130, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("1 passed  1 interrupted"), "{}", ran.out);
    let events = fs::read_to_string(bundle.join("events.ndjson")).unwrap();
    let events: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = &events[events.len() - 1];
    assert_eq!((&last["event"], &last["exit"]), (&"finished".into(), &"interrupted".into()), "{last}");
    assert_eq!(last["interrupted"], 1, "{last}");
    let cut = events.iter().find(|event| event["event"] == "scenario-interrupted").unwrap();
    assert_eq!((&cut["id"], &cut["name"]), (&1.into(), &"The primary is silent".into()), "{cut}");
    assert_eq!(results(&bundle)[0]["verdict"], "pass");
    captures_open(&bundle);
    nothing_is_left(&scene);
}

#[test]
fn ctrl_c_is_heard_in_virtual_time_too() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("out");
    let rows = "      | 486 |\n".repeat(1_500);
    let path = feature(
        folder.path(),
        &format!(
            "Feature: F\n  Scenario Outline: <code>\n    Given a farm with servers \"primary\"\n    And a phone\n    \
             And the far end rejects with <code>\n    When the phone dials the far end\n    \
             Then the call fails with <code>\n    Examples:\n      | code |\n{rows}"
        ),
    );
    let run = ["run", &path, "--out", bundle.to_str().unwrap()];
    let mut child = program().args(run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("a result", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        fs::read_to_string(bundle.join("events.ndjson")).ok()?.contains("scenario-finished").then_some(())
    });
    kill(child.id(), "INT");
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}{}", ran.out, ran.err);
}

#[test]
fn a_run_that_is_killed_leaves_captures_that_open_and_no_phone() {
    let running = Running::start();
    assert_eq!(phones(&running.scene).len(), 1, "the phone is a process of its own");
    running.signal("KILL");
    let (ran, bundle, scene, _folder) = running.ends();
    assert_eq!(ran.code, -1, "{}{}", ran.out, ran.err);
    assert_eq!(results(&bundle)[0]["verdict"], "pass");
    captures_open(&bundle);
    nothing_is_left(&scene);
}

#[test]
fn a_scenario_that_takes_too_long_as_a_whole_ends_without_a_verdict_on_the_phone() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("out");
    let path = feature(folder.path(), LONG);
    let limit = ["--net", "loopback", "--scenario-limit", "2", "--out", bundle.to_str().unwrap()];
    let ran = Ran::from(program().args(["run", &path]).args(limit).output().unwrap());
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("the scenario is over within 2 s") && ran.out.contains("1 passed"),
        "{}",
        ran.out
    );
    let silent = read(&bundle.join("001.pcapng")).unwrap().timeline;
    let ends = silent.marks().map(|(_, mark)| mark).filter(|mark| matches!(mark, Mark::End)).count();
    assert_eq!(ends, 1, "the capture is whole");
    captures_open(&bundle);
    nothing_is_left(&scene_of(&silent).unwrap());
    let audit = Ran::from(program().arg("audit").arg(bundle.join("001.pcapng")).output().unwrap());
    assert_eq!(audit.code, 4, "the capture says the same: {}", audit.out);
}

#[test]
fn a_phone_that_dies_is_a_matter_of_the_lab() {
    let running = Running::start();
    let phones = phones(&running.scene);
    kill(phones[0], "KILL");
    let (ran, bundle, scene, _folder) = running.ends();
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("the phone is lost: its process has ended (signal: 9 (SIGKILL))"),
        "{}",
        ran.out
    );
    let results = results(&bundle);
    let lost = results.iter().find(|result| result["name"] == "The primary is silent").unwrap();
    assert_eq!(lost["verdict"], "inconclusive", "it is not accused of what it did not live to do");
    assert_eq!(lost["trouble"]["blame"], "lab");
    captures_open(&bundle);
    nothing_is_left(&scene);
}

/// No file may grow beyond 4 KiB, which every capture does: as if the disk were full by then.
#[test]
fn a_capture_that_does_not_fit_on_the_disk_is_a_matter_of_the_lab() {
    let whole = &LONG[LONG.find("  Scenario: The primary answers").unwrap()..];
    for net in ["virtual", "loopback"] {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("out");
        let path = feature(folder.path(), &format!("Feature: F\n{whole}"));
        let small = program();
        let mut command = Command::new("sh");
        // Told that it may not, a program that does not listen to this signal gets an error.
        command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]).arg(small.get_program());
        command.current_dir(small.get_current_dir().unwrap());
        command.args(["run", &path, "--net", net, "--out", bundle.to_str().unwrap()]);
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(ran.code, 5, "{net}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("the capture cannot be written: File too large"), "{net}: {}", ran.out);
        assert!(ran.out.contains("1 inconclusive") && !ran.out.contains("passed"), "{net}: {}", ran.out);
    }
}

#[test]
fn a_port_that_is_taken_is_a_matter_of_the_lab() {
    // In a network of its own, where nobody else misses the port.
    let this = std::env::current_exe().unwrap();
    let child = |unshare: &[&str]| {
        let command = [unshare, &["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]].concat();
        Command::new("unshare")
            .args(command)
            .arg(&this)
            .args(["--exact", "interruptions::in_a_network_of_its_own", "--nocapture"])
            .env(OWN_NETWORK, "1")
            .output()
    };
    let may = |unshare: &[&str]| {
        let try_it = Command::new("unshare").args(unshare).args(["ip", "link", "set", "lo", "up"]).output();
        try_it.is_ok_and(|output| output.status.success())
    };
    let Some(unshare) = [&["-n"][..], &["-rn"]].into_iter().find(|unshare| may(unshare)) else {
        return crate::skip::right("no network namespace may be made here");
    };
    let output = child(unshare).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

const OWN_NETWORK: &str = "SIPFARM_TEST_OWN_NETWORK";

/// The other side of [`a_port_that_is_taken_is_a_matter_of_the_lab`].
#[test]
fn in_a_network_of_its_own() {
    if std::env::var_os(OWN_NETWORK).is_none() {
        return;
    }
    let _taken = UdpSocket::bind("0.0.0.0:5060").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("out");
    let path = feature(folder.path(), LONG);
    let run = ["run", &path, "--net", "loopback", "--out", bundle.to_str().unwrap()];
    let ran = Ran::from(program().args(run).output().unwrap());
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    for part in ["cannot bind UDP 127.", "another program holds it", "ss -lunpt"] {
        assert!(ran.out.contains(part), "{part} is missing in:\n{}", ran.out);
    }
    assert!(results(&bundle).iter().all(|result| result["verdict"] == "inconclusive"));
}

/// What is there before the time is over.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < limit, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn kill(process: u32, signal: &str) {
    let status = Command::new("kill").args(["-s", signal, &process.to_string()]).status().unwrap();
    assert!(status.success());
}

/// The processes that are a scenario's phone.
pub fn phones(scene: &Scene) -> Vec<u32> {
    let local = format!("{}:5060", scene.phone[0]);
    let is_it = |process: &u32| {
        let words = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let words: Vec<&str> = words.split('\0').collect();
        words.get(1) == Some(&"phone") && words.windows(2).any(|pair| pair == ["--local", &local])
    };
    let numbers =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter(is_it).collect()
}

fn captures_open(bundle: &Path) {
    let captures = captures(bundle);
    assert_eq!(captures.len(), 2);
    for capture in captures {
        let recording = read(&capture).unwrap();
        assert_eq!(recording.notes, [], "{}", capture.display());
        assert!(recording.timeline.sip().count() > 0, "{}", capture.display());
        if tshark::is_installed() {
            assert_eq!(tshark::complaints(&capture), "", "{}", capture.display());
        }
    }
}

/// No phone lives on, and every port is free again.
fn nothing_is_left(scene: &Scene) {
    until("the phone ends", || phones(scene).is_empty().then_some(()));
    let parties = scene.nodes.iter().map(|node| node.addr);
    for addr in parties.chain([SocketAddr::new(scene.phone[0], 5060)]) {
        UdpSocket::bind(addr).unwrap();
        match TcpListener::bind(addr) {
            Err(error) if error.kind() != ErrorKind::AddrInUse => panic!("{addr}: {error}"),
            listener => drop(listener.unwrap()),
        }
    }
}
