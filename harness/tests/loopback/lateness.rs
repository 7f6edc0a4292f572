//! A machine that is held up accuses nobody. Whoever is held up here is stopped by a signal, and the
//! packets of the others get the kernel's times all the while.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use sipfarm::capture::read::read;
use sipfarm_judge::mark::Scene;

use super::common::{Ran, captures, feature, program, results};
use super::interruptions::{kill, phones, until};
use super::{an_audit_agrees, may_watch_packets, scene_of, text};

/// A run whose phone has just sent its INVITE.
struct Running {
    child: Child,
    bundle: PathBuf,
    scene: Scene,
    _folder: tempfile::TempDir,
}

fn dialled(steps: &str) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("out");
    let path = feature(folder.path(), &format!("Feature: F\n  Scenario: S\n{steps}"));
    let run = ["run", &path, "--net", "loopback", "--out", bundle.to_str().unwrap()];
    let child = program().args(run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let scene = until("the phone sends INVITE", || {
        let timeline = read(captures(&bundle.exists().then_some(bundle.clone())?).first()?).ok()?.timeline;
        timeline.sip().any(|(_, sip)| sip.message.status().is_none()).then(|| scene_of(&timeline))?
    });
    Running { child, bundle, scene, _folder: folder }
}

/// Stops a process for so long.
fn hold_up(process: u32, time: Duration) {
    kill(process, "STOP");
    sleep(time);
    kill(process, "CONT");
}

/// The run has ended without a verdict on the phone, for that reason, and so does an audit.
fn nobody_is_accused(running: Running, reason: &str) {
    let Running { child, bundle, _folder, .. } = running;
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    let result = &results(&bundle)[0];
    assert_eq!(result["verdict"], "inconclusive", "{result:#}");
    let findings = result["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["verdict"] != "fail"), "{result:#}");
    let in_doubt = findings.iter().filter(|finding| finding["verdict"] == "inconclusive");
    let why: Vec<String> = in_doubt.map(|finding| text(&finding["seen"])).collect();
    assert!(why.iter().any(|why| why.contains(reason)), "{why:?}");
    an_audit_agrees(&bundle);
}

#[test]
fn a_farm_that_is_held_up_does_not_blame_the_phone_for_what_comes_late() {
    if !may_watch_packets() {
        return;
    }
    let running = dialled(
        "    Given a farm with servers \"primary\"\n    And a phone\n    And the far end answers after 1 s\n    \
         When the phone dials the far end\n    \
         Then the call is established through \"primary\" within 1.2 s\n",
    );
    hold_up(running.child.id(), Duration::from_millis(1_700));
    nobody_is_accused(running, "the farm was served");
}

#[test]
fn a_phone_that_is_held_up_by_its_machine_is_not_blamed_for_its_timers() {
    if !may_watch_packets() {
        return;
    }
    let running = dialled(
        "    Given a farm with servers \"primary\"\n    And a phone\n    And \"primary\" has fault \"silent\"\n    \
         When the phone dials the far end\n    Then the phone sends no REGISTER for 3 s\n",
    );
    hold_up(phones(&running.scene)[0], Duration::from_millis(1_000));
    nobody_is_accused(running, "the reference phone was served");
}
