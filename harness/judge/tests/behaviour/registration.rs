//! REGISTER: its classes, `same-aor`, `register-identity`, `registration-refresh`, `no-hammering`.
use crate::common::{Story, credentials, when};
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::case::{Case, Purpose};
use sipfarm_judge::{Expectation, Verdict};

/// The classes of all REGISTERs of a story, and whether each makes good a refused one.
fn classes(story: &Story) -> Vec<(Purpose, bool)> {
    let timeline = story.timeline();
    let case = Case::new(&timeline, &story.profile, when(10_000.0), false);
    case.registrations.iter().map(|r| (r.purpose, r.makes_good.is_some())).collect()
}

fn registered(expires: u32) -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", expires));
    story.at(0.1).node("primary").answers("REGISTER", 200);
    story
}

#[test]
fn initial_refresh_unregister_keepalive_and_query_are_told_apart() {
    let mut story = registered(100);
    story.at(50.0).phone().sends("REGISTER", "primary");
    story.at(50.1).node("primary").answers("REGISTER", 200);
    // At another node the contact is not bound: a keep-alive, as Cisco phones send it.
    story.at(60.0).phone().sends_with("REGISTER", "secondary", |b| b.set("Expires", 0));
    story.at(60.1).node("secondary").answers("REGISTER", 200);
    story.at(70.0).phone().sends_with("REGISTER", "primary", |b| b.remove("Contact"));
    story.at(70.1).node("primary").answers("REGISTER", 200);
    story.at(80.0).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 0));
    story.at(80.1).node("primary").answers("REGISTER", 200);
    story.at(90.0).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 0));
    story.at(100.0).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 0).set("Contact", "*"));
    story.at(110.0).phone().sends("REGISTER", "primary");
    let purposes: Vec<_> = classes(&story).into_iter().map(|(purpose, _)| purpose).collect();
    use Purpose::{Initial, Keepalive, Query, Refresh, Unregister};
    assert_eq!(purposes, [Initial, Refresh, Keepalive, Query, Unregister, Keepalive, Unregister, Initial]);
}

#[test]
fn an_expired_binding_is_made_anew() {
    let mut story = registered(60);
    story.at(100.0).phone().sends("REGISTER", "primary");
    assert_eq!(classes(&story)[1].0, Purpose::Initial);
}

#[test]
fn the_time_granted_counts_not_the_time_asked_for() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers_with("REGISTER", 200, |b| {
        b.set("Contact", "<sip:1001@10.0.0.5:5060>;expires=60").remove("Expires")
    });
    story.at(100.0).phone().sends("REGISTER", "primary");
    assert_eq!(classes(&story)[1].0, Purpose::Initial);
}

#[test]
fn an_answer_to_a_challenge_goes_on_with_the_attempt() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 401);
    story.at(0.2).phone().sends_with("REGISTER", "primary", |b| b.header("Authorization", "Digest"));
    story.at(0.3).node("primary").answers("REGISTER", 423);
    story.at(0.4).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 7200));
    // The same credentials elsewhere are a new attempt.
    story.at(0.5).phone().sends_with("REGISTER", "secondary", |b| b.header("Authorization", "Digest"));
    let made_good: Vec<_> = classes(&story).into_iter().map(|(_, made_good)| made_good).collect();
    assert_eq!(made_good, [false, true, true, false]);
}

#[test]
fn a_repetition_is_no_registration_of_its_own() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.5).phone().repeats("REGISTER", "primary");
    assert_eq!(classes(&story).len(), 1);
}

#[test]
fn call_id_stays_and_cseq_grows() {
    let rule = "register-identity";
    let mut story = registered(100);
    story.at(50.0).phone().sends("REGISTER", "primary");
    assert_eq!(story.verdict(rule, 60.0), Verdict::Pass);

    let mut story = registered(100);
    story.at(50.0).phone().sends_with("REGISTER", "primary", |b| b.set("Call-ID", "other"));
    assert_eq!(story.verdict(rule, 60.0), Verdict::Fail);

    let mut story = registered(100);
    story.at(50.0).phone().sends_with("REGISTER", "primary", |b| b.set("CSeq", "1 REGISTER"));
    assert_eq!(story.verdict(rule, 60.0), Verdict::Fail);
}

#[test]
fn the_answer_to_a_challenge_has_a_greater_cseq_however_soon_it_comes() {
    let rule = "register-identity";
    let story = |cseq: &str, challenge: u16| {
        let mut story = Story::new().latency(0.005);
        story.at(0.0).phone().sends("REGISTER", "primary");
        story.at(0.001).node("primary").answers("REGISTER", challenge);
        let answer = |b: MessageBuilder| b.header("Authorization", "Digest").set("CSeq", cseq);
        story.at(0.002).phone().sends_with("REGISTER", "primary", answer);
        story.verdict(rule, 10.0)
    };
    assert_eq!(story("1 REGISTER", 401), Verdict::Fail);
    assert_eq!(story("2 REGISTER", 401), Verdict::Pass);
    // Two for reasons of their own may have changed places on their way to the tap, which proves nothing, but they
    // have two numbers.
    assert_eq!(story("0 REGISTER", 404), Verdict::NotExercised);
    assert_eq!(story("1 REGISTER", 404), Verdict::Fail);
}

#[test]
fn a_reboot_or_a_failure_may_begin_afresh() {
    let rule = "register-identity";
    let mut story = registered(100);
    story.at(40.0).command("reboot");
    story
        .at(50.0)
        .phone()
        .sends_with("REGISTER", "primary", |b| b.set("Call-ID", "other").set("CSeq", "1 REGISTER"));
    assert_eq!(story.verdict(rule, 60.0), Verdict::NotExercised);

    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 503);
    story.at(50.0).phone().sends_with("REGISTER", "primary", |b| b.set("Call-ID", "other"));
    assert_eq!(story.verdict(rule, 60.0), Verdict::NotExercised);
}

#[test]
fn a_capture_of_others_may_hold_a_reboot() {
    let mut story = registered(100).foreign();
    story.at(10.0).phone().sends_with("REGISTER", "primary", |b| b.set("Call-ID", "other"));
    assert_eq!(story.verdict("register-identity", 20.0), Verdict::NotExercised);
    assert_eq!(story.verdict("registration-refresh", 20.0), Verdict::NotExercised);
}

#[test]
fn the_next_server_may_get_the_same_cseq() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 503);
    story.at(0.2).phone().sends_with("REGISTER", "secondary", |b| b.set("CSeq", "1 REGISTER"));
    assert_eq!(story.verdict("register-identity", 1.0), Verdict::Pass);
}

#[test]
fn a_binding_is_refreshed_in_its_window() {
    let rule = "registration-refresh";
    for (at, verdict) in
        [(49.0, Verdict::Warn), (51.0, Verdict::Pass), (99.0, Verdict::Pass), (101.0, Verdict::Fail)]
    {
        let mut story = registered(100);
        story.at(at).phone().sends("REGISTER", "primary");
        story.at(at + 0.1).node("primary").answers("REGISTER", 200);
        assert_eq!(story.verdict(rule, 110.0), verdict, "at {at}");
    }
    assert_eq!(registered(100).verdict(rule, 110.0), Verdict::Fail);
    // While it may still come, nothing is missing.
    assert_eq!(registered(100).verdict(rule, 90.0), Verdict::NotExercised);
    assert_eq!(registered(100).lossy().verdict(rule, 110.0), Verdict::Inconclusive);
}

/// A binding of 600 s, made with credentials, whose refresh at 500 s is answered with that or not at all.
fn refreshed_in_vain(code: Option<u16>) -> Story {
    let mut story = Story::new();
    let own = credentials("first", 1, "sip:example.com");
    story
        .at(0.0)
        .phone()
        .sends_with("REGISTER", "primary", |b| b.set("Expires", 600).header("Authorization", own));
    story.at(0.1).node("primary").answers("REGISTER", 200);
    story.at(500.0).phone().sends("REGISTER", "primary");
    match code {
        Some(code) => story.at(500.1).node("primary").answers("REGISTER", code),
        None => [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
            .into_iter()
            .for_each(|at| story.at(500.0 + at).phone().repeats("REGISTER", "primary")),
    }
    story
}

#[test]
fn a_refresh_in_vain_is_not_the_last() {
    let rule = "registration-refresh";
    for code in [Some(401), Some(503), None] {
        let story = refreshed_in_vain(code);
        assert_eq!(story.verdict(rule, 4_200.0), Verdict::Fail, "{code:?}");
        // 30 s, a fifth more, and two to act; after silence timer F comes first.
        let due = if code.is_some() { 538.2 } else { 570.5 };
        assert_eq!(story.verdict(rule, due - 2.0), Verdict::NotExercised, "{code:?}: there is time yet");
        assert_eq!(story.clone().lossy().verdict(rule, 4_200.0), Verdict::Inconclusive, "{code:?}");
        for node in ["primary", "secondary"] {
            let mut story = story.clone();
            story.at(535.0).phone().sends("REGISTER", node);
            assert_eq!(story.verdict(rule, 4_200.0), Verdict::NotExercised, "{code:?}: tried at {node}");
        }
        let mut again = story.clone();
        again.at(535.0).phone().sends("REGISTER", "primary");
        again.at(535.1).node("primary").answers("REGISTER", 200);
        assert_eq!(again.verdict(rule, 900.0), Verdict::Pass, "{code:?}: bound again");
        let mut stopped = story.clone();
        stopped.at(510.0).command("unregister");
        assert_eq!(stopped.verdict(rule, 4_200.0), Verdict::NotExercised, "{code:?}: told to stop");
    }
    // Nothing obliges a phone to ask again for what it is refused for good.
    assert_eq!(refreshed_in_vain(Some(403)).verdict(rule, 4_200.0), Verdict::NotExercised);
}

#[test]
fn an_early_refresh_may_have_its_reason() {
    let mut story = registered(100);
    story.at(20.0).command("register");
    story.at(20.1).phone().sends("REGISTER", "primary");
    assert_eq!(story.verdict("registration-refresh", 60.0), Verdict::NotExercised);
}

#[test]
fn a_phone_that_went_to_another_server_refreshes_there() {
    let mut story = registered(100);
    story.at(75.0).phone().sends("REGISTER", "secondary");
    assert_eq!(story.verdict("registration-refresh", 110.0), Verdict::NotExercised);
}

#[test]
fn a_phone_that_was_told_to_unregister_refreshes_no_more() {
    let mut story = registered(100);
    story.at(30.0).command("unregister");
    story.at(30.1).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 0));
    story.at(30.2).node("primary").answers("REGISTER", 200);
    assert_eq!(story.verdict("registration-refresh", 110.0), Verdict::NotExercised);
}

#[test]
fn a_registrar_that_refused_is_not_asked_again_at_once() {
    let rule = "no-hammering";
    for (code, at, verdict) in [
        (503, 0.5, Verdict::Fail),
        (403, 0.5, Verdict::Fail),
        (503, 30.0, Verdict::Pass),
        (423, 0.5, Verdict::NotExercised),
    ] {
        let mut story = Story::new();
        story.at(0.0).phone().sends("REGISTER", "primary");
        story.at(0.1).node("primary").answers("REGISTER", code);
        story.at(at).phone().sends("REGISTER", "primary");
        story.at(at + 0.1).node("primary").answers("REGISTER", 200);
        assert_eq!(story.verdict(rule, 31.0), verdict, "{code} at {at}");
    }
}

#[test]
fn a_silent_registrar_is_not_asked_again_at_once() {
    let timed_out = |again: f64| {
        let mut story = Story::new().servers(&["primary"]);
        story.at(0.0).phone().sends("REGISTER", "primary");
        for at in [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5] {
            story.at(at).phone().repeats("REGISTER", "primary");
        }
        story.at(again).phone().sends("REGISTER", "primary");
        story
    };
    assert_eq!(timed_out(32.1).verdict("no-hammering", 70.0), Verdict::Fail);
    assert_eq!(timed_out(62.0).verdict("no-hammering", 70.0), Verdict::Pass);
    assert_eq!(timed_out(32.1).lossy().verdict("no-hammering", 70.0), Verdict::Inconclusive);
}

#[test]
fn a_user_may_ask_again_at_once_and_a_connection_may_be_opened_again() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 503);
    story.at(0.3).command("register");
    story.at(0.4).phone().sends("REGISTER", "primary");
    assert_eq!(story.verdict("no-hammering", 1.0), Verdict::NotExercised);

    let mut story = Story::new().tcp();
    assert_eq!(story.transport, Transport::Tcp);
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).tcp_from("primary", sipfarm_judge::timeline::TcpStep::Rst);
    story.at(0.2).phone().sends("REGISTER", "primary");
    assert_eq!(story.verdict("no-hammering", 1.0), Verdict::NotExercised);
}

/// An ICMP error quotes neither Call-ID nor branch: it does not say that an earlier request failed.
#[test]
fn an_icmp_error_after_the_next_request_is_not_for_the_one_before() {
    let mut story = Story::new().lossy();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(60.0).phone().sends("REGISTER", "primary");
    story.at(60.001).icmp("primary");
    assert_ne!(story.verdict("no-hammering", 70.0), Verdict::Fail);
}

#[test]
fn the_request_uri_of_a_registration_has_no_user() {
    let rule = "register-uri";
    let registers = |uri: &str| {
        let mut story = Story::new();
        for at in [0.0, 50.0] {
            story.at(at).phone().sends_with("REGISTER", "primary", |b| b.set_uri(uri));
            story.at(at + 0.1).node("primary").answers("REGISTER", 200);
        }
        story
    };
    for uri in ["sip:example.com", "sips:example.com:5061;transport=tcp", "sip:10.0.0.1"] {
        assert_eq!(registers(uri).verdict(rule, 60.0), Verdict::Pass, "{uri}");
    }
    let named = registers("sip:1001@example.com");
    assert_eq!(named.verdict(rule, 60.0), Verdict::Fail);
    assert_eq!(named.findings(rule, 60.0).len(), 1, "one finding for what stands in each");
    // Other requests name somebody.
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    assert_eq!(story.verdict(rule, 60.0), Verdict::NotExercised);
}

fn same_aor() -> Expectation {
    Expectation::SameAor { first: "primary".to_owned(), second: "secondary".to_owned() }
}

#[test]
fn the_same_aor_is_named_to_both_and_hosts_have_no_case() {
    let mut story = registered(60);
    let expected = story.expect(1.0, same_aor());
    story.at(1.5).phone().sends_with("REGISTER", "secondary", |b| {
        let shout = |name: &str, b: &MessageBuilder| {
            let value = b.build().header(name).unwrap().to_owned();
            let (user, host) = value.split_once('@').unwrap();
            format!("{user}@{}", host.replace("example", "EXAMPLE"))
        };
        let to = shout("To", &b);
        b.set("To", to)
    });
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
}

#[test]
fn another_aor_or_domain_at_the_second_registrar_fails() {
    for name in ["To", "From"] {
        let mut story = registered(60);
        let expected = story.expect(1.0, same_aor());
        story
            .at(1.5)
            .phone()
            .sends_with("REGISTER", "secondary", |b| b.set(name, "<sip:1001@elsewhere.example>;tag=phone"));
        assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail, "{name}");
    }
    let mut story = registered(60);
    let expected = story.expect(1.0, same_aor());
    story.at(1.5).phone().sends_with("REGISTER", "secondary", |b| b.set_uri("sip:elsewhere.example"));
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

#[test]
fn without_a_register_to_either_the_aor_is_missed_or_cannot_be_compared() {
    let mut story = registered(60);
    let expected = story.expect(1.0, same_aor());
    assert_eq!(story.run(&expected, 1_000.0).verdict, Verdict::Fail);
    let mut story = Story::new();
    let expected = story.expect(1.0, same_aor());
    story.at(1.5).phone().sends("REGISTER", "secondary");
    assert_eq!(story.run(&expected, 1_000.0).verdict, Verdict::Inconclusive);
}

/// Each line of a phone has an AOR of its own.
#[test]
fn a_second_line_is_held_to_its_own_aor() {
    let line = |user: &'static str| {
        move |b: MessageBuilder| {
            let aor = format!("<sip:{user}@example.com>");
            b.set("To", aor.clone()).set("From", format!("{aor};tag={user}")).set("Call-ID", user)
        }
    };
    let verdict = |user: &'static str| {
        let mut story = registered(60);
        story.at(0.5).phone().sends_with("REGISTER", "primary", line("1009"));
        let expected = story.expect(1.0, same_aor());
        story.at(1.5).phone().sends_with("REGISTER", "secondary", line(user));
        story.run(&expected, 10.0).verdict
    };
    assert_eq!(verdict("1009"), Verdict::Pass);
    assert_eq!(verdict("1010"), Verdict::Fail);
}

/// RFC 3261 section 8.1.3.4: after a redirection the Request-URI is what the Contact of that says.
#[test]
fn a_redirection_may_name_a_user_to_register_with() {
    let verdict = |target: &str| {
        let mut story = Story::new();
        story.at(0.0).phone().sends("REGISTER", "primary");
        let moved = |b: MessageBuilder| b.header("Contact", "<sip:registrar@10.0.1.2>");
        story.at(0.1).node("primary").answers_with("REGISTER", 302, moved);
        story.at(0.2).phone().sends_with("REGISTER", "secondary", |b| b.set_uri(target));
        story.verdict("register-uri", 60.0)
    };
    assert_eq!(verdict("sip:registrar@10.0.1.2"), Verdict::Pass);
    assert_eq!(verdict("sip:1001@10.0.1.2"), Verdict::Fail);
}
