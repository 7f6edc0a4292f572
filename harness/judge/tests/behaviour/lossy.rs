//! A tap behind a link that loses and doubles packets: what may have been lost or doubled accuses
//! nobody, and the same packets behind a good link do.
use sipfarm_core::sip::Method;
use sipfarm_judge::Verdict::{Fail, Inconclusive, Pass};
use sipfarm_judge::{Expectation, Verdict};

use crate::common::{Story, credentials, span};

const INVITE: [f64; 7] = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5];

/// The verdicts behind a good link, and behind one that loses and doubles packets.
fn both(tell: impl Fn(&mut Story), expectation: &Expectation, end: f64) -> (Verdict, Verdict) {
    let verdict = |mut story: Story| {
        let expected = story.expect(-0.01, expectation.clone());
        tell(&mut story);
        story.run(&expected, end).verdict
    };
    (verdict(Story::new().latency(0.05)), verdict(Story::new().latency(0.05).lossy()))
}

fn invites(story: &mut Story, node: &str, times: &[f64]) {
    story.at(times[0]).phone().sends("INVITE", node);
    for at in &times[1..] {
        story.at(*at).phone().repeats("INVITE", node);
    }
}

fn doubled(times: &[f64], which: usize) -> Vec<f64> {
    let mut times = times.to_vec();
    times.insert(which + 1, times[which] + 0.01);
    times
}

#[test]
fn what_never_came_may_have_been_lost() {
    let (method, node) = (Method::Invite, "secondary".to_owned());
    let (with, through) = ("primary".to_owned(), "secondary".to_owned());
    let nodes = vec!["primary".to_owned(), "secondary".to_owned()];
    let within = Some(span(1.0));
    let header = "Supported".to_owned();
    let expectations = [
        Expectation::Carries { method: method.clone(), node: with.clone(), header, value: None, within },
        Expectation::Sends { method: method.clone(), node, within },
        Expectation::Registered { with, within },
        Expectation::CallEstablished { through: Some(through), within },
        Expectation::Order { method, nodes, only: false },
    ];
    for expectation in expectations {
        let tell = |story: &mut Story| invites(story, "primary", &INVITE);
        assert_eq!(both(tell, &expectation, 100.0), (Fail, Inconclusive), "{expectation:?}");
    }
}

#[test]
fn a_server_that_seems_left_out_may_have_been_tried() {
    let node = |name: &str| name.to_owned();
    let tell = |story: &mut Story| {
        invites(story, "primary", &INVITE);
        invites(story, "fallback", &[32.1]);
    };
    let order = Expectation::Order {
        method: Method::Invite,
        nodes: vec![node("primary"), node("secondary")],
        only: false,
    };
    assert_eq!(both(tell, &order, 100.0), (Fail, Inconclusive));
    let moves = Expectation::MovesOn { method: Method::Invite, from: node("primary"), to: node("secondary") };
    assert_eq!(both(tell, &moves, 100.0), (Fail, Inconclusive));
}

#[test]
fn a_doubled_send_is_one_send() {
    let node = "primary".to_owned();
    let whole = Expectation::CompleteTimeout { method: Method::Invite, node: node.clone() };
    for which in 0..INVITE.len() {
        let tell = |story: &mut Story| invites(story, "primary", &doubled(&INVITE, which));
        assert_eq!(both(tell, &whole, 100.0), (Fail, Pass), "send {which}");
    }
    let once = Expectation::Transmissions { method: Method::Invite, node, count: 1, quiet: span(40.0) };
    let tell = |story: &mut Story| invites(story, "primary", &[0.0, 0.01]);
    assert_eq!(both(tell, &once, 100.0), (Fail, Pass));
    // Half a second later it is no double: a send too many, or one that was called for by a loss.
    let tell = |story: &mut Story| invites(story, "primary", &[0.0, 0.5]);
    assert_eq!(both(tell, &once, 100.0), (Fail, Inconclusive));
}

/// The phone's 200 at these times, to an INVITE that nobody acknowledges.
fn accepted(mut story: Story, times: &[f64]) -> Story {
    story.at(-0.1).node("primary").sends("INVITE");
    story.at(times[0]).phone().answers(200);
    for at in &times[1..] {
        story.at(*at).phone().repeats_answer();
    }
    story
}

#[test]
fn the_first_of_the_repeated_responses_may_be_lost_too() {
    const LADDER: [f64; 10] = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    let rule = "acceptance-repetition";
    assert_eq!(accepted(Story::new(), &LADDER).verdict(rule, 60.0), Fail);
    assert_eq!(accepted(Story::new().lossy(), &LADDER).verdict(rule, 60.0), Pass);
    assert_eq!(accepted(Story::new().lossy().latency(0.05), &doubled(&LADDER, 2)).verdict(rule, 60.0), Pass);
    // No loss makes a rhythm of its own.
    let wrong = [0.0, 0.8, 1.6, 2.4, 3.2];
    assert_eq!(accepted(Story::new().lossy(), &wrong).verdict(rule, 60.0), Fail);
}

#[test]
fn over_tcp_a_lost_segment_comes_late() {
    let rule = "acceptance-repetition";
    let late = [0.0, 0.5, 2.6, 3.5];
    assert_eq!(accepted(Story::new().tcp(), &late).verdict(rule, 5.0), Fail);
    assert_eq!(accepted(Story::new().tcp().lossy(), &late).verdict(rule, 5.0), Inconclusive);
}

/// An INVITE that the node answers at 0.1 s, 0.6 s, 1.6 s and 3.6 s, and ACKs of the phone.
fn answered(mut story: Story, code: u16, acks: &[f64]) -> Story {
    story.at(0.0).phone().sends("INVITE", "primary");
    let mut acks = acks.iter().copied().peekable();
    for (n, at) in [0.1, 0.6, 1.6, 3.6].into_iter().enumerate() {
        let node = story.at(at).node("primary");
        if n == 0 {
            node.answers("INVITE", code)
        } else {
            node.repeats_answer()
        }
        while let Some(ack) = acks.next_if(|ack| *ack < at + 0.4) {
            story.at(ack).phone().acks("primary");
        }
    }
    story
}

#[test]
fn a_later_repetition_that_was_acknowledged_makes_good_for_a_lost_one() {
    for (rule, code) in [("ack-refusal", 486), ("ack-acceptance", 200)] {
        for (acks, verdict) in [
            (&[0.12, 0.62, 1.62, 3.62][..], Pass),
            // One and two that were lost, each time before one that was not.
            (&[0.62, 1.62, 3.62][..], Pass),
            (&[0.12, 3.62][..], Pass),
            // Three are too many to be taken for granted, and nothing makes good for the last.
            (&[3.62][..], Inconclusive),
            (&[0.12, 0.62, 1.62][..], Inconclusive),
            (&[][..], Inconclusive),
        ] {
            assert_eq!(
                answered(Story::new().lossy(), code, acks).verdict(rule, 10.0),
                verdict,
                "{code} {acks:?}"
            );
            let seen = answered(Story::new(), code, acks).verdict(rule, 10.0);
            assert_eq!(seen, if acks.len() == 4 { Pass } else { Fail }, "{code} {acks:?}");
        }
    }
}

#[test]
fn an_icmp_error_may_not_have_reached_the_phone() {
    let told = |mut story: Story| {
        invites(&mut story, "primary", &[0.0]);
        story.at(0.01).icmp("primary");
        for at in &INVITE[1..] {
            story.at(*at).phone().repeats("INVITE", "primary");
        }
        story.verdict("icmp-reaction", 60.0)
    };
    assert_eq!((told(Story::new()), told(Story::new().lossy())), (Verdict::Warn, Inconclusive));
}

#[test]
fn over_tcp_the_same_segment_twice_is_one_send() {
    let rule = "repetition-over-tcp";
    let told = |mut story: Story, again: f64| {
        invites(&mut story, "primary", &[0.0, again]);
        story.verdict(rule, 60.0)
    };
    let lossy = || Story::new().tcp().lossy().latency(0.05);
    assert_eq!((told(Story::new().tcp(), 0.01), told(lossy(), 0.01)), (Fail, Pass));
    // A phone that repeats its request does so later.
    assert_eq!(told(lossy(), 0.5), Fail);
}

/// Two requests of one nonce, the second with the lower count.
fn counted(story: Story, gap: f64) -> Verdict {
    let mut story = story;
    for (at, nc) in [(0.0, 3), (gap, 2)] {
        let value = credentials("n", nc, "sip:1002@example.com");
        story
            .at(at)
            .phone()
            .new_call()
            .sends_with("OPTIONS", "primary", |b| b.header("Authorization", value));
    }
    story.verdict("digest", 60.0)
}

#[test]
fn requests_sent_at_once_may_change_places_and_the_first_send_of_one_may_be_lost() {
    let slow = || Story::new().latency(0.05);
    assert_eq!((counted(Story::new(), 0.04), counted(slow(), 0.04)), (Fail, Pass));
    // Half a second later is when a lost one is sent again, and in between there is no excuse.
    assert_eq!((counted(slow(), 0.5), counted(slow().lossy(), 0.5)), (Fail, Pass));
    assert_eq!(counted(slow().lossy(), 40.0), Fail);
}

/// The answer to a challenge, sent before the INVITE and seen after it: of its sends the second, behind a
/// link that loses the first. A challenge that came after the INVITE leaves no such way.
#[test]
fn the_first_answer_to_a_challenge_may_be_lost_and_another_use_of_the_nonce_seen_before() {
    let told = |mut story: Story, invited: f64| {
        let with = |nc, uri| credentials("n", nc, uri);
        let challenge = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"";
        story.at(0.0).phone().sends("REGISTER", "primary");
        let invite = |story: &mut Story| {
            let phone = story.at(invited).phone().new_call();
            phone.sends_with("INVITE", "primary", |b| {
                b.header("Authorization", with(2, "sip:1002@example.com"))
            });
        };
        if invited < 0.1 {
            invite(&mut story);
        }
        story
            .at(0.1)
            .node("primary")
            .answers_with("REGISTER", 401, |b| b.header("WWW-Authenticate", challenge));
        if invited >= 0.1 {
            invite(&mut story);
        }
        story
            .at(0.7)
            .phone()
            .sends_with("REGISTER", "primary", |b| b.header("Authorization", with(1, "sip:example.com")));
        story.verdict("digest", 60.0)
    };
    let slow = || Story::new().latency(0.05);
    assert_eq!((told(slow(), 0.5), told(slow().lossy(), 0.5)), (Fail, Pass));
    assert_eq!(told(slow().lossy(), 0.05), Fail);
}

#[test]
fn an_error_for_the_request_before_may_end_this_one() {
    let told = |mut story: Story, wait: f64| {
        story.at(0.0).phone().sends("SUBSCRIBE", "primary");
        story.at(0.01).icmp("primary");
        story.at(0.01 + wait).phone().new_call().sends("INVITE", "primary");
        story.at(0.02 + wait).phone().sends("INVITE", "secondary");
        story.verdict("give-up", 60.0)
    };
    assert_ne!(told(Story::new().latency(0.05), 0.06), Fail);
    // Without delay it had arrived long before, and half a second later in any case.
    assert_eq!((told(Story::new(), 0.06), told(Story::new().latency(0.05), 0.5)), (Fail, Fail));
}
