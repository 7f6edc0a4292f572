//! Phones of call managers that keep the rules in another way than the nearest, and some that break them in a way
//! that looks like an excuse.
use crate::call_managers::{TOKEN, asks, away, call, managed, registers, registers_as};
use crate::common::{PHONE, Story};
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::Verdict;
use sipfarm_judge::timeline::TcpStep;

const KEEPALIVE: &str = "keepalive";
const ONE: &str = "one-active-server";
const FAILOVER: &str = "idle-failover";
const FAILBACK: &str = "idle-failback";

fn refuses_connect(story: &mut Story, at: f64, node: &str) {
    story.at(at).syn(node);
    story.at(at + 0.01).tcp_from(node, TcpStep::Rst);
}

fn closes(story: &mut Story, at: f64, node: &str) {
    story.at(at).tcp_from(node, TcpStep::Rst);
}

#[test]
fn a_standby_that_refuses_connections_is_kept_an_eye_on_by_trying() {
    let story = |times: &[f64]| {
        let mut story = managed().tcp();
        registers(&mut story, 0.0, "primary", 200, 3600);
        times.iter().for_each(|at| refuses_connect(&mut story, *at, "secondary"));
        story.verdict(KEEPALIVE, 200.0)
    };
    assert_ne!(story(&[60.0, 120.0, 180.0]), Verdict::Fail);
    assert_eq!(story(&[60.0]), Verdict::Fail);
}

#[test]
fn when_the_standby_fails_the_next_one_stands_by() {
    let story = |standby: u16| {
        let mut story = managed();
        registers(&mut story, 0.0, "primary", 200, 3600);
        registers(&mut story, 60.0, "secondary", standby, 0);
        registers(&mut story, 120.0, "fallback", 200, 0);
        registers(&mut story, 180.0, "fallback", 200, 0);
        story.verdict(KEEPALIVE, 200.0)
    };
    assert_eq!(story(503), Verdict::Pass);
    assert_eq!(story(200), Verdict::Fail, "it was well");
}

#[test]
fn the_next_standby_may_be_asked_at_once() {
    let story = |third: f64| {
        let mut story = managed();
        registers(&mut story, 0.0, "primary", 200, 3600);
        registers(&mut story, 60.0, "secondary", 503, 0);
        registers(&mut story, 60.2, "fallback", 200, 0);
        registers(&mut story, third, "fallback", 200, 0);
        story.verdict(KEEPALIVE, 130.0)
    };
    assert_eq!(story(120.2), Verdict::Pass);
    assert_eq!(story(80.0), Verdict::Fail, "the same server, too early");
}

#[test]
fn a_standby_that_says_when_to_come_back_is_not_left_alone_for_ever() {
    let story = |again: &[f64]| {
        let mut story = managed();
        registers(&mut story, 0.0, "primary", 200, 3600);
        story.at(60.0).phone().sends_with("REGISTER", "secondary", |b| b.set("Expires", 0));
        let node = story.at(60.1).node("secondary");
        node.answers_with("REGISTER", 503, |b| b.header("Retry-After", 10));
        again.iter().for_each(|at| registers(&mut story, *at, "secondary", 200, 0));
        story.verdict(KEEPALIVE, 200.0)
    };
    assert_eq!(story(&[]), Verdict::Fail);
    assert_ne!(story(&[71.0, 131.0, 191.0]), Verdict::Fail, "as it was told");
    assert_ne!(story(&[130.0, 190.0]), Verdict::Fail, "in its own time after that");
}

#[test]
fn each_line_sends_its_own_keepalives() {
    let second = |b: MessageBuilder| {
        b.set("From", "<sip:1009@example.com>;tag=second").set("To", "<sip:1009@example.com>")
    };
    let mut story = managed();
    let mut line = |at: f64, node: &str, expires: u32, first: bool| {
        let call_id = format!("{node}-{first}");
        story.at(at).phone().sends_with("REGISTER", node, |b| {
            let b = b.set("Expires", expires).set("Call-ID", call_id);
            if first { b } else { second(b).set("Contact", "<sip:1009@10.0.0.5:5060>") }
        });
        story.at(at + 0.1).node(node).answers("REGISTER", 200);
    };
    line(0.0, "primary", 3600, true);
    line(30.0, "primary", 3600, false);
    for at in [60.0, 120.0, 180.0] {
        line(at, "secondary", 0, true);
        line(at + 30.0, "secondary", 0, false);
    }
    assert_eq!(story.verdict(KEEPALIVE, 230.0), Verdict::Pass);
}

/// The next is due a period after the last one came to its end: a phone does not know before that it failed.
#[test]
fn the_period_may_run_from_the_end_of_a_keepalive_that_failed() {
    let story = |again: f64| {
        let mut story = managed();
        registers(&mut story, 0.0, "primary", 200, 3600);
        story
            .at(60.0)
            .phone()
            .sends_with("REGISTER", "secondary", |b| b.set("Expires", 0).set("Call-ID", "k"));
        story
            .at(again)
            .phone()
            .sends_with("REGISTER", "secondary", |b| b.set("Expires", 0).set("Call-ID", "k"));
        story.at(again + 0.1).node("secondary").answers("REGISTER", 200);
        story.verdict(KEEPALIVE, again + 20.0)
    };
    assert_eq!(story(120.0), Verdict::Pass);
    assert_eq!(story(152.5), Verdict::Pass);
    assert_eq!(story(170.0), Verdict::Fail);
}

/// CC-04 (a): the connection of an idle phone is reset.
#[test]
fn a_connection_that_was_reset_is_a_failure() {
    let story = |reset: bool| {
        let mut story = managed().tcp();
        registers(&mut story, 0.0, "primary", 200, 3600);
        if reset {
            closes(&mut story, 30.0, "primary");
        }
        registers(&mut story, 30.2, "secondary", 200, 3600);
        story
    };
    assert_eq!(story(true).verdict(ONE, 40.0), Verdict::Pass);
    assert_eq!(story(false).verdict(ONE, 40.0), Verdict::Fail);
    for rule in ["server-order", "failover-cause", "idle-failover", "registration-refresh"] {
        assert_ne!(story(true).verdict(rule, 40.0), Verdict::Fail, "{rule}");
    }
}

/// What the called party says is no failure of the server, and the end of a call is no reason to move.
#[test]
fn a_busy_party_or_the_end_of_a_call_excuses_no_second_binding() {
    let mut busy = managed();
    registers(&mut busy, 0.0, "primary", 200, 3600);
    busy.at(10.0).phone().sends("INVITE", "primary");
    busy.at(10.1).node("primary").answers("INVITE", 486);
    busy.at(10.1).phone().acks("primary");
    registers(&mut busy, 30.0, "secondary", 200, 3600);
    assert_eq!(busy.verdict(ONE, 40.0), Verdict::Fail);

    let mut ended = managed();
    registers(&mut ended, 0.0, "primary", 200, 3600);
    ended.at(10.0).command("hang up");
    registers(&mut ended, 30.0, "secondary", 200, 3600);
    assert_eq!(ended.verdict(ONE, 40.0), Verdict::Fail);
}

#[test]
fn a_phone_in_the_queue_of_the_best_server_asks_no_other() {
    let mut story = managed();
    registers(&mut story, 0.0, "primary", 503, 3600);
    registers(&mut story, 0.2, "secondary", 503, 3600);
    registers(&mut story, 0.4, "fallback", 200, 3600);
    registers(&mut story, 60.4, "primary", 200, 0);
    registers(&mut story, 60.5, "secondary", 200, 0);
    asks(&mut story, 60.7, "primary", 486, Some(600));
    assert_ne!(story.verdict("token", 200.0), Verdict::Fail);
}

#[test]
fn a_server_that_dies_again_is_asked_for_nothing() {
    let mut queued = away().tcp();
    registers(&mut queued, 60.2, "primary", 200, 0);
    asks(&mut queued, 60.4, "primary", 486, Some(20));
    refuses_connect(&mut queued, 80.4, "primary");
    assert_ne!(queued.verdict("token", 110.0), Verdict::Fail, "in the queue");

    let mut granted = away().tcp();
    registers(&mut granted, 60.2, "primary", 200, 0);
    asks(&mut granted, 60.4, "primary", 202, None);
    closes(&mut granted, 60.5, "primary");
    refuses_connect(&mut granted, 60.6, "primary");
    assert_ne!(granted.verdict("token", 110.0), Verdict::Fail, "with a token in its hand");

    let mut seen = away().tcp().without_frames();
    registers(&mut seen, 60.2, "primary", 200, 0);
    assert_ne!(seen.verdict("token", 300.0), Verdict::Fail, "nobody sees a refused connection");
}

/// Without Retry-After the next keep-alive's time counts, and that has its tolerance (CC-02, CC-06).
#[test]
fn without_retry_after_the_keepalive_sets_the_time() {
    let again = |at: f64| {
        let mut story = away();
        registers(&mut story, 60.2, "primary", 200, 0);
        asks(&mut story, 60.4, "primary", 486, None);
        asks(&mut story, at, "primary", 202, None);
        registers(&mut story, at + 0.2, "primary", 200, 3600);
        registers(&mut story, at + 0.4, "secondary", 200, 0);
        story.verdict("token", at + 30.0)
    };
    assert_eq!(again(115.5), Verdict::Pass);
    assert_eq!(again(127.5), Verdict::Pass);
    assert_eq!(again(110.0), Verdict::Fail);
    assert_eq!(again(131.0), Verdict::Fail);
}

/// The leave to return may be asked for with credentials.
#[test]
fn a_token_may_be_granted_after_a_challenge() {
    let story = |granted: u16| {
        let mut story = away();
        registers(&mut story, 60.2, "primary", 200, 0);
        asks(&mut story, 60.4, "primary", 401, None);
        let credentials = crate::common::credentials("n", 1, "sip:1002@example.com");
        story.at(60.6).phone().sends_with("REFER", "primary", |b| {
            b.header("Refer-To", TOKEN).header("Authorization", credentials).set("CSeq", "2 REFER")
        });
        story.at(60.7).node("primary").answers("REFER", granted);
        registers(&mut story, 60.8, "primary", 200, 3600);
        registers(&mut story, 61.0, "secondary", 200, 0);
        story.verdict("token", 80.0)
    };
    assert_eq!(story(202), Verdict::Pass);
    assert_eq!(story(486), Verdict::Fail);
}

#[test]
fn only_a_register_that_failed_moves_a_phone_after_its_call() {
    let mut story = managed();
    registers(&mut story, 0.0, "primary", 200, 3600);
    call(&mut story, "primary", 60.0);
    registers(&mut story, 30.0, "primary", 200, 3600);
    story.at(40.0).phone().new_call().sends("INVITE", "primary");
    story.at(40.1).node("primary").answers("INVITE", 603);
    story.at(40.1).phone().acks("primary");
    assert_ne!(story.verdict(FAILOVER, 90.0), Verdict::Fail, "somebody declined a second call");

    let mut back = managed();
    registers(&mut back, 0.0, "primary", 200, 3600);
    call(&mut back, "primary", 60.0);
    registers(&mut back, 40.0, "primary", 503, 3600);
    registers(&mut back, 61.0, "primary", 200, 3600);
    assert_ne!(back.verdict(FAILOVER, 90.0), Verdict::Fail, "the server serves again");
}

#[test]
fn a_way_back_that_was_begun_before_the_call_may_come_to_its_end() {
    let story = |begun: f64| {
        let mut story = away();
        registers(&mut story, begun, "primary", 401, 3600);
        call(&mut story, "secondary", 80.0);
        let credentials = crate::common::credentials("n", 1, "sip:example.com");
        story.at(20.5).phone().sends_with("REGISTER", "primary", |b| {
            b.set("Call-ID", "reg-primary").header("Authorization", credentials)
        });
        story.verdict(FAILBACK, 90.0)
    };
    assert_ne!(story(19.9), Verdict::Fail);
    assert_eq!(story(20.3), Verdict::Fail);

    let mut lost = away().tcp();
    call(&mut lost, "secondary", 80.0);
    closes(&mut lost, 40.0, "secondary");
    registers(&mut lost, 40.2, "primary", 200, 3600);
    assert_ne!(lost.verdict(FAILBACK, 90.0), Verdict::Fail, "its server has closed the connection");
}

fn told_to_reset(story: &mut Story, event: &str) {
    let reset = story.at(30.0).node("primary");
    reset.sends_with("NOTIFY", |b| b.header("Event", event).set("Call-ID", "reset"));
    story.at(30.1).phone().answers(200);
}

#[test]
fn to_read_the_configuration_again_is_no_reset() {
    let verdict = |event: &str| {
        let mut story = managed();
        registers(&mut story, 0.0, "primary", 200, 60);
        told_to_reset(&mut story, event);
        registers(&mut story, 50.0, "primary", 200, 60);
        story.verdict("reset", 110.0)
    };
    assert_eq!(verdict("check-sync;reboot=false"), Verdict::NotExercised);
    assert_eq!(verdict("check-sync;reboot=true"), Verdict::Fail);
}

/// CC-09 gives the phone 10 s to lose its registration, which over UDP nobody sees, and none to start: only what a
/// phone of the old life sends shows that there was no reset.
#[test]
fn over_udp_a_reset_may_be_silent() {
    let idle = |old_life_at: Option<f64>| {
        let mut story = managed();
        registers_as(&mut story, 0.0, "primary", 200, 3600, "life");
        told_to_reset(&mut story, "check-sync");
        if let Some(at) = old_life_at {
            registers_as(&mut story, at, "primary", 200, 3600, "life");
        }
        story.verdict("reset", 200.0)
    };
    assert_eq!(idle(None), Verdict::Inconclusive);
    assert_eq!(idle(Some(35.0)), Verdict::Inconclusive, "there is time yet");
    assert_eq!(idle(Some(45.0)), Verdict::Fail, "after 10 s it is still what it was");
}

/// A REGISTER with a CSeq number of its own.
fn numbered(story: &mut Story, at: f64, cseq: u32) {
    story.at(at).phone().sends_with("REGISTER", "primary", |b| {
        b.set("Call-ID", "mac").set("CSeq", format!("{cseq} REGISTER")).set("Expires", 3600)
    });
    story.at(at + 0.05).node("primary").answers("REGISTER", 200);
}

/// A Call-ID that is made of the hardware's address lasts for ever, and its numbers may be the time.
#[test]
fn a_phone_that_keeps_its_call_id_over_a_start_lives_anew_with_numbers_of_its_own() {
    let verdict = |cseq: &[u32]| {
        let mut story = managed();
        numbered(&mut story, 0.0, 7);
        told_to_reset(&mut story, "check-sync");
        for (n, cseq) in cseq.iter().enumerate() {
            numbered(&mut story, 50.0 + n as f64, *cseq);
        }
        story.verdict("reset", 200.0)
    };
    assert_eq!(verdict(&[8]), Verdict::Fail, "it goes on");
    assert_eq!(verdict(&[1_000]), Verdict::Inconclusive, "the time as its number");
    assert_eq!(verdict(&[1, 2, 8]), Verdict::Inconclusive, "from 1 again");
}

/// A phone may be cut off without a word, and its connection with it.
#[test]
fn over_tcp_a_reset_may_cut_the_connection_off() {
    let verdict = |talks_on: bool| {
        let mut story = managed().tcp();
        registers_as(&mut story, 0.0, "primary", 200, 3600, "life");
        told_to_reset(&mut story, "check-sync");
        if talks_on {
            registers_as(&mut story, 45.0, "secondary", 200, 0, "keep");
        }
        registers_as(&mut story, 75.0, "primary", 200, 3600, "another");
        story.verdict("reset", 200.0)
    };
    assert_eq!(verdict(false), Verdict::Pass);
    assert_eq!(verdict(true), Verdict::Fail);

    // Who closes it in good order after 40 s was not cut off, and lived until then.
    let mut late = managed().tcp();
    registers_as(&mut late, 0.0, "primary", 200, 3600, "life");
    told_to_reset(&mut late, "check-sync");
    let primary = late.addr("primary");
    late.at(70.0).tcp(PHONE, primary, TcpStep::Fin);
    registers_as(&mut late, 75.0, "primary", 200, 3600, "another");
    assert_eq!(late.verdict("reset", 200.0), Verdict::Fail);

    let mut closed = managed().tcp();
    registers_as(&mut closed, 0.0, "primary", 200, 3600, "life");
    told_to_reset(&mut closed, "check-sync");
    let primary = closed.addr("primary");
    closed.at(36.0).tcp(PHONE, primary, TcpStep::Fin);
    assert_eq!(closed.verdict("reset", 200.0), Verdict::Pass);
}
