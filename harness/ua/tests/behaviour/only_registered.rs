//! A phone that signals only with the server that it is registered with.

use crate::common::*;
use sipfarm_core::profile::{FailbackMode, Profile};
use sipfarm_core::sip::Method;

fn profile() -> Profile {
    let mut profile = Profile::default();
    profile.failover.register_before_invite = true;
    profile.failover.only_signal_with_registered = true;
    profile.failback.mode = FailbackMode::Registration;
    profile
}

/// Methods and servers of the phone's requests but for ACK, in order.
fn requests(bench: &Bench) -> Vec<(String, String)> {
    let method = |sent: &Sent| sent.message.method().map(|method| method.as_str().to_owned());
    let all = bench.sent.iter().filter_map(|sent| Some((method(sent)?, sent.to.clone())));
    all.filter(|(method, _)| method != "ACK").collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(method, to)| ((*method).to_owned(), (*to).to_owned())).collect()
}

/// A registrar that grants 60 s, and a proxy in the path of its calls.
fn grants_a_minute(bench: &mut Bench, server: usize) {
    bench.script(server, move |request| match request.method() {
        Some(Method::Ack) => vec![],
        Some(Method::Register) => vec![registered(request, 60)],
        Some(Method::Invite) => {
            let route = format!("<sip:{};lr>", addr(server));
            vec![accepted(request, "callee").header("Record-Route", route)]
        }
        _ => vec![reply(request, 200)],
    });
}

#[test]
fn it_registers_before_its_first_call() {
    let mut bench = Bench::new(profile());
    bench.healthy(0);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert_eq!(requests(&bench), pairs(&[("REGISTER", "primary"), ("INVITE", "primary")]));
    assert_eq!(bench.reports().last().unwrap(), "call established");
}

#[test]
fn it_calls_nobody_where_it_cannot_register() {
    let mut bench = Bench::new(profile());
    bench.always(0, 403);
    bench.healthy(1);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let expected = [("REGISTER", "primary"), ("REGISTER", "secondary"), ("INVITE", "secondary")];
    assert_eq!(requests(&bench), pairs(&expected));
}

/// In a call through the primary, which then refuses the refresh; the secondary takes it.
fn moved_during_a_call(profile: Profile) -> Bench {
    let mut bench = Bench::new(profile);
    grants_a_minute(&mut bench, 0);
    grants_a_minute(&mut bench, 1);
    bench.tell(|phone, now| phone.register(now));
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.always(0, 503);
    bench.run(60.0);
    assert!(bench.reports().contains(&"registered with secondary".to_owned()));
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    bench.run(60.0);
    bench
}

#[test]
fn a_call_whose_server_it_has_left_ends_without_bye() {
    let bench = moved_during_a_call(profile());
    assert!(bench.requests("BYE", "primary").is_empty());
    assert!(bench.reports().contains(&"call ended".to_owned()));
    let mut anywhere = profile();
    anywhere.failover.only_signal_with_registered = false;
    assert_eq!(moved_during_a_call(anywhere).requests("BYE", "primary").len(), 1);
}

/// The refresh is on its way when the binding runs out: then there is none.
#[test]
fn a_binding_that_has_run_out_does_not_count() {
    let ended_at = |seconds: f64| {
        let mut bench = Bench::new(profile());
        grants_a_minute(&mut bench, 0);
        bench.tell(|phone, now| phone.register(now));
        bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
        bench.silent(0);
        bench.run(seconds);
        bench.tell(|phone, now| phone.hang_up(now)).unwrap();
        bench.requests("BYE", "primary").len()
    };
    assert_eq!(ended_at(59.9), 1);
    assert_eq!(ended_at(60.0), 0);
}
