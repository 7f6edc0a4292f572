//! Scenarios over IPv6 on real sockets. They need addresses that a route alone gives to this machine, so they run in
//! a network namespace of their own, with that route and without.

use std::process::Command;

use super::common::{Ran, program, results};
use super::{an_audit_agrees, nothing_stands_against_the_phone, skip};

const ROUTE: &str = "ip -6 route add local fd9a:5f1b:7a6e::/48 dev lo";

/// The program with these arguments, where the loopback is up and this was done besides; `None` where this machine
/// permits no namespaces, which it says.
fn run_in_a_namespace(besides: &str, args: &[&str]) -> Option<Ran> {
    let script = format!("ip link set lo up && {besides} && echo ready");
    let try_it = Command::new("unshare").args(["-rn", "sh", "-c", &script]).output();
    if !try_it.is_ok_and(|tried| tried.stdout.ends_with(b"ready\n")) {
        skip::right("this machine permits no network namespaces with IPv6");
        return None;
    }
    let here = program();
    let script = format!("ip link set lo up && {besides} && exec \"$0\" \"$@\"");
    let mut inside = Command::new("unshare");
    inside.args(["-rn", "sh", "-c", &script]).arg(here.get_program()).args(args);
    inside.current_dir(env!("CARGO_MANIFEST_DIR"));
    Some(Ran::from(inside.output().unwrap()))
}

#[test]
fn they_pass_over_ipv6_and_an_audit_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let to = out.to_str().unwrap();
    let args = ["run", "features/failover/ipv6.feature", "-k", "over IPv6", "--net", "loopback", "--out", to];
    let Some(ran) = run_in_a_namespace(ROUTE, &args) else { return };
    nothing_stands_against_the_phone(&ran, &out);
    an_audit_agrees(&out);
    let results = results(&out);
    assert!(results.len() > 5, "{results:?}");
    assert!(results.iter().all(|result| result["verdict"] == "pass"), "{results:?}");
}

#[test]
fn without_the_route_they_are_not_exercised_and_it_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let to = out.to_str().unwrap();
    let args =
        ["run", "features/failover/ipv6.feature", "-k", "503 over IPv6", "--net", "loopback", "--out", to];
    let Some(ran) = run_in_a_namespace("true", &args) else { return };
    assert!(ran.out.contains(ROUTE), "{}\n{}", ran.out, ran.err);
    let results = results(&out);
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["verdict"], "not-exercised");
}
