//! The whole suite, as a newcomer runs it.
#![allow(clippy::unwrap_used)]

mod common;

use common::{captures, results, sipfarm};
use sipfarm::phone::profiles;

#[test]
fn the_reference_phone_passes_everything_in_virtual_time() {
    let bundle = tempfile::tempdir().unwrap();
    let out = bundle.path().join("out");
    let ran = sipfarm(&["run", "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(captures(&out).len() > 50, "only {} captures", captures(&out).len());
}

/// The reference phone in the place of each model: what a scenario supposes of the phone it must say.
#[test]
fn the_reference_phone_passes_everything_as_each_model() {
    let bundle = tempfile::tempdir().unwrap();
    let models = || profiles::names().filter(|name| profiles::find(name).unwrap().control.process.is_none());
    assert!(models().any(|name| name == "polycom-vvx"));
    for name in models() {
        let out = bundle.path().join(name);
        let ran = sipfarm(&["run", "--phone", name, "--out", out.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{name}: {}{}", ran.out, ran.err);
        let aside = ran.out.contains("the phone has no precedence: mlpp.enabled is false");
        assert_ne!(aside, profiles::find(name).unwrap().mlpp.enabled, "{name}");
    }
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_seed_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, seed: &str| {
        let out = folder.path().join(name);
        let ran = sipfarm(&["run", "features/failover", "--seed", seed, "--out", out.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        captures(&out).iter().map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    let (first, again, other) = (run("first", "7"), run("again", "7"), run("other", "8"));
    assert_eq!(first, again);
    assert_eq!(first.len(), other.len());
    assert!(first.iter().zip(&other).all(|(a, b)| a != b));
}

#[test]
fn an_audit_repeats_the_verdict_of_every_capture() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = sipfarm(&["run", "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let results = results(&out);
    assert_eq!(results.len(), captures(&out).len());
    for result in results {
        let capture = result["capture"].as_str().unwrap();
        let audit = sipfarm(&["audit", capture, "--format", "json"]);
        let audited: serde_json::Value = serde_json::from_str(&audit.out).unwrap();
        assert_eq!(audited["verdict"], result["verdict"], "{capture}: {}", audit.out);
        assert_eq!(audited["findings"], result["findings"], "{capture}");
    }
}
