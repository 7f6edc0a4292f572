//! Phones that are programs, described by a profile alone: our own phone by that way, and baresip.

use std::path::Path;

use sipfarm::capture::read::read;
use sipfarm_core::sip::Method;

use crate::common::{Ran, captures, feature, results, sipfarm};
use crate::{dumpcap, may_watch_packets, the_same_packets};

/// A call, and a phone that is switched off and on.
const SCENARIOS: &str = r#"
Feature: A program as the phone

  Scenario: A call
    Given a farm with servers "primary"
    And a phone
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone hangs up
    Then the call ends through "primary"

  Scenario: A reboot
    Given a farm with servers "primary"
    And a phone
    And the phone is registered with "primary"
    When the phone reboots
    Then the phone sends REGISTER to "primary" within 5 s
"#;

/// Our own phone, as if somebody else had written it.
fn own_phone(folder: &Path, change: &dyn Fn(String) -> String) -> String {
    let profile = format!(
        r#"
schema: sipfarm.profile/1
id: someone
servers: {{ order: [primary] }}
control:
  driver: process
  process:
    program: {program}
    arguments: [phone, --profile, '{{{{ folder }}}}/behaviour.yaml', --local, '{{{{ ip }}}}:{{{{ port }}}}',
      --user, '{{{{ user }}}}', --seed, '{{{{ start }}}}', --domain, '{{{{ domain }}}}', --server, 'primary={{{{ servers[0].host }}}}:{{{{ servers[0].port }}}}']
    environment: {{ SIPFARM_PASSWORD: '{{{{ password }}}}' }}
    files:
      behaviour.yaml: |
        schema: sipfarm.profile/1
        id: behaviour
        registration: {{ expires_s: {{{{ expires_s }}}} }}
    ready: '^ready$'
    keys:
      register: register
      dial: 'dial {{{{ target }}}}'
      answer: answer
      hang_up: hang up
    settings: [registration.expires_s]
"#,
        program = env!("CARGO_BIN_EXE_sipfarm")
    );
    let path = folder.join("someone.yaml");
    std::fs::write(&path, change(profile)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn run(folder: &Path, scenarios: &str, profile: &str) -> Ran {
    let file = feature(folder, scenarios);
    let out = folder.join("out");
    sipfarm(&["run", &file, "--net", "loopback", "--phone", profile, "--out", out.to_str().unwrap()])
}

#[test]
fn a_program_that_a_profile_describes_registers_calls_and_reboots() {
    let folder = tempfile::tempdir().unwrap();
    let profile = own_phone(folder.path(), &|profile| profile);
    let ran = run(folder.path(), SCENARIOS, &profile);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert_eq!(results(&folder.path().join("out")).len(), 2);
}

/// Whoever uses the phone next must not meet the call, so it is named and ended.
#[test]
fn a_call_that_a_scenario_leaves_up_is_named_and_hung_up() {
    let folder = tempfile::tempdir().unwrap();
    let profile = own_phone(folder.path(), &|profile| {
        profile.replacen("hang_up: hang up", "hang_up: hang up\n      quit: quit", 1)
    });
    let text = "Feature: F\n  Scenario: S\n    Given a farm with servers \"primary\"\n    And a phone\n    When the phone dials the far end\n    Then the call is established through \"primary\"\n";
    let ran = run(folder.path(), text, &profile);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    let out = folder.path().join("out");
    let left = results(&out)[0]["calls_up"].as_array().unwrap().clone();
    let timeline = read(&captures(&out)[0]).unwrap().timeline;
    let invite = timeline.sip().find(|(_, sip)| sip.message.method() == Some(&Method::Invite)).unwrap().1;
    assert_eq!(left, [invite.message.call_id().unwrap()]);
    assert!(ran.out.contains("left a call up"), "{}", ran.out);
    assert!(timeline.sip().any(|(_, sip)| sip.message.method() == Some(&Method::Bye)), "it was hung up");
}

/// What the program cannot be told is no verdict on it.
#[test]
fn what_the_program_cannot_do_is_not_exercised() {
    let not_exercised = |steps: &str, reason: &str| {
        let folder = tempfile::tempdir().unwrap();
        let profile = own_phone(folder.path(), &|profile| profile);
        let text = format!(
            "Feature: F\n  Scenario: S\n    Given a farm with servers \"primary\" and \"secondary\"\n{steps}"
        );
        let ran = run(folder.path(), &text, &profile);
        assert_eq!(ran.code, 4, "{}\n{}", ran.out, ran.err);
        assert!(ran.out.contains("1 not exercised") && ran.out.contains(reason), "{}", ran.out);
    };
    not_exercised(
        "    And a phone with settings\n      | timers.t1_ms | 250 |\n    When the phone dials the far end\n    Then the call is established through \"primary\"\n",
        "cannot be told timers.t1_ms = 250",
    );
    not_exercised(
        "    And a phone\n    And the phone is registered with \"primary\"\n    When the far end calls the phone through \"primary\"\n    Then the phone answers INVITE from \"primary\" with 180\n    When the phone rejects the call with 486\n    Then the phone repeats 486 to \"primary\" on the schedule\n",
        "nothing under control.process.keys.reject",
    );
    not_exercised(
        "    And a phone\n    When the phone dials the far end\n    Then the call is established through \"secondary\"\n",
        "does not know \"secondary\"",
    );
}

/// What is typed into a program may be lost on it: then nobody has pressed a key, and nobody is accused.
#[test]
fn a_key_that_the_program_does_not_understand_is_not_exercised() {
    let folder = tempfile::tempdir().unwrap();
    let profile = own_phone(folder.path(), &|profile| profile.replacen("'dial ", "'dail ", 1));
    let text = "Feature: F\n  Scenario: S\n    Given a farm with servers \"primary\"\n    And a phone\n    And the phone is registered with \"primary\"\n    When the phone dials the far end\n    Then the phone sends INVITE to \"primary\" within 1 s\n";
    let ran = run(folder.path(), text, &profile);
    assert_eq!(ran.code, 4, "{}\n{}", ran.out, ran.err);
    let reason = "nobody knows whether the phone took the key \"dial 1002\"";
    assert!(ran.out.contains("1 not exercised") && ran.out.contains(reason), "{}", ran.out);
    let capture = captures(&folder.path().join("out"))[0].clone();
    let audit = sipfarm(&["audit", capture.to_str().unwrap()]);
    assert!(audit.code == 4 && audit.out.contains(reason), "the capture says the same: {}", audit.out);
}

/// A field that its files follow may be set by a scenario.
#[test]
fn what_its_files_follow_is_told_to_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let profile = own_phone(folder.path(), &|profile| profile);
    let text = "Feature: F\n  Scenario: S\n    Given a farm with servers \"primary\"\n    And a phone with settings\n      | registration.expires_s | 77 |\n    When the phone registers\n    Then the phone is registered with \"primary\"\n";
    let ran = run(folder.path(), text, &profile);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    let timeline = read(&captures(&folder.path().join("out"))[0]).unwrap().timeline;
    let expires = timeline.sip().find_map(|(_, sip)| sip.message.header("Expires").map(str::to_owned));
    assert_eq!(expires.as_deref(), Some("77"));
}

#[test]
fn a_program_that_does_not_come_up_is_the_labs_and_says_its_last_words() {
    for (from, to, code, reason) in [
        (
            "'^ready$'",
            "'^never$'\n    ready_within_s: 1",
            5,
            "\"^never$\" of control.process.ready matches within 1 s: ready",
        ),
        (env!("CARGO_BIN_EXE_sipfarm"), "no-such-softphone", 5, "there is no program no-such-softphone"),
        ("--local,", "--lokal,", 5, "--lokal"),
        ("{{ target }}", "{{ tarjet }}", 2, "a template can name"),
        ("{{ user }}", "{{ user", 2, "control.process.arguments"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let profile = own_phone(folder.path(), &|profile| profile.replacen(from, to, 1));
        let ran = run(folder.path(), SCENARIOS, &profile);
        assert_eq!(ran.code, code, "{to}: {}\n{}", ran.out, ran.err);
        assert!(format!("{}{}", ran.out, ran.err).contains(reason), "{to}: {}\n{}", ran.out, ran.err);
    }
}

/// baresip binds its address for UDP alone: connections and questions to DNS come from the host's, and its
/// profile says so. It does not ask DNS over TCP, which is known of it.
#[test]
fn what_baresip_sends_from_the_hosts_address_is_baresips() {
    if !is_installed("baresip") || !may_watch_packets() {
        return;
    }
    let farm = "    Given a farm with servers \"primary\" and \"secondary\"\n    And a phone\n";
    let dns =
        "    And DNS for \"example.test\" with \"primary\"\n    And the phone's server is \"example.test\"\n";
    let dials = "    When the phone dials the far end\n";
    let asks = "    Then the phone asks DNS for SRV \"_sip._udp.example.test\"\n";
    let established = "the call is established through \"primary\"\n";
    let text = format!(
        "Feature: F\n  Scenario: TCP\n{farm}    And the phone speaks TCP\n    And the phone is registered with \"primary\"\n{dials}    Then {established}  \
         Scenario: DNS\n{farm}{dns}{dials}{asks}    And {established}  \
         Scenario: Cut\n{farm}{dns}    And \"dns\" has fault \"dns-truncated\"\n{dials}{asks}    And the phone sends no INVITE for 5 s\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &text, "baresip");
    let results = results(&folder.path().join("out"));
    let verdict = |name: &str| {
        results.iter().find(|result| result["name"] == name).unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    let verdicts = ["TCP", "DNS"].map(verdict);
    assert_eq!(verdicts, ["pass", "pass"], "{}\n{}", ran.out, ran.err);
    let cut = results.iter().find(|result| result["name"] == "Cut").unwrap()["findings"].as_array().unwrap();
    let known: Vec<_> = cut.iter().filter(|finding| finding["verdict"] == "known-issue").collect();
    assert!(!known.is_empty() && known.iter().all(|finding| finding["rule"] == "dns-truncation"), "{cut:?}");
    assert!(cut.iter().all(|finding| finding["verdict"] != "fail"), "{cut:?}");
}

fn is_installed(program: &str) -> bool {
    let found = std::process::Command::new(program).arg("-h").output().is_ok();
    if !found {
        crate::skip::tool(format!("{program} is not installed (Debian: apt-get install baresip-core)"));
    }
    found
}

/// Verdicts on a phone that nobody here wrote, and every packet at the nanosecond that dumpcap tells.
#[test]
fn baresip_is_judged_and_wireshark_agrees_on_its_packets() {
    if !is_installed("baresip") || !may_watch_packets() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs.pcapng");
    let beside = dumpcap::Dumpcap::start("net 127.0.0.0/8 and udp port 5060", &theirs);
    let ran = run(folder.path(), SCENARIOS, "baresip");
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    if let Some(beside) = beside {
        beside.stop();
        the_same_packets(&captures(&folder.path().join("out")), &theirs);
    }
}
