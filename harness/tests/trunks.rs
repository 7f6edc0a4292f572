//! What a scenario says of systems and their trunks can be wrong, and then it is told; and whatever the systems
//! do, it is not held against the phone.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Ran, feature, sipfarm};

const LINK: &str = "And \"primary\" and \"branch\" are linked systems";
const BOTH: &str = "And call preservation is on at \"primary\" and \"branch\"";
const ONE: &str = "And call preservation is on at \"primary\"";
const AT_BRANCH: &str = "And the far end is a phone at \"branch\"";
const BRIEFLY: &str = "And \"branch\" ends preserved calls after 20 s";
const TRUNK_OFF: &str = "And \"primary\" has a SIP trunk to \"branch\" with call preservation off";

/// A call of the phone's, in which that system is lost.
fn call(givens: &[&str], lost: &str, then: &str) -> Ran {
    let lost = format!("When \"{lost}\" has fault \"kill\"");
    let farm = ["Given a farm with servers \"primary\", \"secondary\" and \"branch\"", "And a phone"];
    let call = [
        "And the phone is registered with \"primary\"",
        "When the phone dials the far end",
        "Then audio flows both ways within 1 s",
        &lost,
        then,
    ];
    let steps: String = [&farm, givens, &call].concat().iter().map(|step| format!("    {step}\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = feature(folder.path(), &format!("Feature: F\n  Scenario: S\n{steps}"));
    sipfarm(&["run", &path, "--out", &folder.path().join("out").display().to_string()])
}

#[test]
fn what_systems_do_not_do_is_told_and_accuses_nobody() {
    for (givens, lost, then) in [
        (&[LINK, BOTH, AT_BRANCH][..], "primary", "Then \"branch\" notes \"call released\" within 1 s"),
        (&[LINK, BOTH, AT_BRANCH], "primary", "Then \"branch\" sends BYE to the far end"),
        (&[LINK, BOTH, AT_BRANCH], "primary", "Then no audio comes from the far end for 5 s"),
        (&[LINK, BOTH, AT_BRANCH], "primary", "Then \"branch\" notes \"preserved call ended\" within 30 s"),
        (
            &[LINK, BOTH, AT_BRANCH, BRIEFLY],
            "primary",
            "Then \"branch\" sends no BYE to the far end for 30 s",
        ),
        (&[LINK, BOTH, AT_BRANCH, BRIEFLY], "primary", "Then audio keeps flowing both ways for 30 s"),
        (&[LINK, ONE, AT_BRANCH], "primary", "Then \"branch\" notes \"call preserved\" within 1 s"),
        (&[LINK, ONE, AT_BRANCH], "primary", "Then \"branch\" sends no BYE to the far end for 1 s"),
        (&[LINK, ONE, AT_BRANCH], "primary", "Then audio keeps flowing both ways for 5 s"),
        (&[LINK, ONE, AT_BRANCH], "branch", "Then \"primary\" sends BYE to the phone"),
        (&[TRUNK_OFF, ONE, AT_BRANCH], "branch", "Then \"primary\" notes \"call preserved\" within 1 s"),
        (&[TRUNK_OFF, ONE, AT_BRANCH], "branch", "Then \"primary\" sends no BYE to the phone for 1 s"),
    ] {
        let ran = call(givens, lost, then);
        assert_eq!(ran.code, 4, "{givens:?}, {then}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(then.trim_start_matches("Then ")), "{then}: {}", ran.out);
    }
}

#[test]
fn the_far_end_rings_a_hunt_group_only_where_it_is_one() {
    let then = "Then \"branch\" notes \"call preserved\" within 1 s";
    for (kind, code) in [("phone", 0), ("hunt group", 4)] {
        let far_end = format!("And the far end is a {kind} at \"branch\"");
        let ran = call(&[LINK, BOTH, &far_end], "primary", then);
        assert_eq!(ran.code, code, "{kind}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn systems_that_do_not_fit_together_are_the_authors_mistake() {
    let then = "Then \"branch\" notes \"call preserved\" within 1 s";
    for (givens, said) in [
        (&[AT_BRANCH][..], "nobody reaches the far end at \"branch\": write"),
        (&[LINK, TRUNK_OFF], "\"primary\" and \"branch\" are joined already"),
        (&["And \"branch\" and \"branch\" are linked systems"], "a trunk joins two systems"),
        (&["And \"branch\" has hunt group 1002"], "1002 is somebody's number already"),
        (&["And \"branch\" ends preserved calls after 0 s"], "at least 1 s"),
        (&["And the far end is a voicemail"], "did you mean voicemail box?"),
        (&[], "\"branch\" notes nothing, being in no resilience group and on no trunk"),
    ] {
        let ran = call(givens, "primary", then);
        assert_eq!(ran.code, 2, "{givens:?}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(said), "{givens:?}: {}", ran.out);
    }
}
