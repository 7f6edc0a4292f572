//! Every requirement of the sources on failover (ids YL-… and CC-…), on resilience (AR-…), on call preservation
//! (AM-…) and on precedence (PA-…) has a scenario: what the wire can decide, and what somebody at the phone has
//! to say.
#![allow(clippy::unwrap_used)]

mod common;

use common::sipfarm;

#[test]
fn no_requirement_is_without_a_scenario() {
    let ran = sipfarm(&["coverage", "--format", "json"]);
    let coverage: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let rows = coverage["requirements"].as_array().unwrap();
    let ids = |gap: &str| -> Vec<&str> {
        rows.iter().filter(|row| row["gap"] == gap).map(|row| row["id"].as_str().unwrap()).collect()
    };
    assert!(rows.iter().filter(|row| row["gap"].is_null()).count() > 80, "{} rows", rows.len());
    assert_eq!(ids("no-scenario"), Vec::<&str>::new(), "packets could decide them");
    assert_eq!(ids("nobody-asked"), Vec::<&str>::new(), "somebody at the phone could tell");
}
