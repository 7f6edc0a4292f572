//! A definite verdict of a live wait is the verdict of the audit of the finished capture, whatever
//! happens later: random timelines, every expectation.
use crate::common::{Story, span};
use sipfarm_core::sip::Method;
use sipfarm_judge::Expectation;
use sipfarm_judge::timeline::TcpStep;

/// A linear congruential generator: the same stories every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'p, T>(&mut self, of: &'p [T]) -> &'p T {
        &of[self.roll(of.len() as u64) as usize]
    }
}

const NODES: [&str; 3] = ["primary", "secondary", "fallback"];

fn expectations() -> Vec<Expectation> {
    let node = |at: usize| NODES[at].to_owned();
    let nodes = || NODES.map(str::to_owned).to_vec();
    let mut all = Vec::new();
    for method in [Method::Invite, Method::Register] {
        all.push(Expectation::Sends { method: method.clone(), node: node(1), within: None });
        all.push(Expectation::Sends { method: method.clone(), node: node(0), within: Some(span(2.0)) });
        for (header, value) in [("Contact", None), ("Expires", Some("60".to_owned()))] {
            let (method, node, header) = (method.clone(), node(0), header.to_owned());
            all.push(Expectation::Carries { method, node, header, value, within: Some(span(2.0)) });
        }
        all.push(Expectation::SendsNothing {
            method: Some(method.clone()),
            node: Some(node(1)),
            during: span(5.0),
        });
        all.push(Expectation::Order { method: method.clone(), nodes: nodes(), only: false });
        all.push(Expectation::Order { method: method.clone(), nodes: vec![node(0), node(1)], only: true });
        all.push(Expectation::MovesOn { method: method.clone(), from: node(0), to: node(1) });
        all.push(Expectation::MovesOn { method: method.clone(), from: node(1), to: node(2) });
        all.push(Expectation::CompleteTimeout { method: method.clone(), node: node(0) });
        for count in [1, 3] {
            let (method, node) = (method.clone(), node(0));
            all.push(Expectation::Transmissions { method, node, count, quiet: span(9.0) });
        }
    }
    all.push(Expectation::SendsNothing { method: None, node: None, during: span(3.0) });
    for code in [180, 200, 486] {
        all.push(Expectation::Answers { method: Method::Invite, node: node(0), code, within: None });
        all.push(Expectation::RepeatsResponse { node: node(0), code });
        all.push(Expectation::AcknowledgesEvery { node: node(0), code, at_least: 2 });
    }
    all.push(Expectation::CallEstablished { through: Some(node(0)), within: None });
    all.push(Expectation::CallFails { code: None });
    all.push(Expectation::CallFails { code: Some(486) });
    all.push(Expectation::Registered { with: node(0), within: None });
    all.push(Expectation::RegistrationRounds { nodes: nodes(), rounds: 2 });
    all.push(Expectation::CallEnds { through: node(0), within: None });
    all.push(Expectation::AudioFlows { within: Some(span(2.0)) });
    all.push(Expectation::AudioKeepsFlowing { during: span(3.0) });
    all.push(Expectation::SendsNoAudio { during: span(3.0) });
    all.push(Expectation::AudioPast { node: node(0) });
    all.push(Expectation::Held { hold: true, within: None });
    all.push(Expectation::Sees { fact: sipfarm_core::Topic::Call.into(), is: true });
    all
}

/// One random event.
fn event(story: &mut Story, dice: &mut Dice, at: f64) {
    let node = *dice.pick(&NODES);
    let method = *dice.pick(&["INVITE", "INVITE", "REGISTER", "REGISTER", "BYE", "OPTIONS"]);
    let key = (method.to_owned(), node.to_owned());
    let sent = story.memory.requests.contains_key(&key);
    let code = *dice.pick(&[100, 180, 200, 401, 486, 503]);
    match dice.roll(13) {
        0..=2 => story.at(at).phone().sends(method, node),
        3 | 4 if sent => story.at(at).phone().repeats(method, node),
        5 | 6 if sent => story.at(at).node(node).answers(method, code),
        7 if story.memory.was_answered(node) => story.at(at).node(node).repeats_answer(),
        8 if story.memory.can_ack(node) => story.at(at).phone().acks(node),
        9 => story.at(at).node(node).sends(if dice.roll(2) == 0 { "INVITE" } else { "BYE" }),
        10 if story.memory.was_asked() => story.at(at).phone().answers(code),
        11 => match dice.roll(6) {
            0 => story.at(at).icmp(node),
            1 => story.at(at).syn(node),
            2 => story.at(at).tcp_from(node, TcpStep::Rst),
            3 => story.at(at).command("dial 1002"),
            4 => story.at(at).fault(node, "silent", true),
            _ => story.at(at).phone().new_call().sends("INVITE", node),
        },
        12 => {
            let (phone, far_end) = ("10.0.0.5:4000", "10.0.1.1:40000");
            let (src, dst) = if dice.roll(2) == 0 { (phone, far_end) } else { (far_end, phone) };
            story.audio(src, dst, at, at + *dice.pick(&[0.05, 0.3]));
        }
        _ => {}
    }
}

fn story(dice: &mut Dice) -> Story {
    let mut story =
        if dice.roll(2) == 0 { Story::new() } else { Story::with_retry_count(dice.roll(5) as u32) };
    story.sight.lossy = dice.roll(4) == 0;
    story.sight.frames = dice.roll(4) != 0;
    story.sight.latency = span(*dice.pick(&[0.0, 0.005, 0.2]));
    if dice.roll(3) == 0 {
        story = story.tcp();
    }
    let mut at = 0.0;
    for _ in 0..dice.roll(25) {
        at += *dice.pick(&[0.0, 0.01, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]);
        event(&mut story, dice, at);
    }
    story
}

#[test]
fn the_audit_repeats_the_live_verdict() {
    let mut dice = Dice(7);
    for _ in 0..80 {
        let base = story(&mut dice);
        let since = *dice.pick(&[0.0, 0.0, 1.0, 5.0]);
        for expectation in expectations() {
            let mut story = base.clone();
            let expected = story.expect(since, expectation);
            story.check(&expected, 20_000.0);
        }
    }
}

#[test]
fn no_capture_makes_the_judge_panic_and_every_accusation_shows_its_packets() {
    let mut dice = Dice(11);
    for _ in 0..400 {
        let story = story(&mut dice);
        for finding in story.judge_at(*dice.pick(&[0.0, 1.0, 20.0, 3000.0])) {
            if finding.verdict == sipfarm_judge::Verdict::Fail {
                assert!(!finding.packets.is_empty() && !finding.seen.is_empty(), "{finding:#?}");
                assert!(finding.window.is_none_or(|window| window.from <= window.to), "{finding:#?}");
            }
        }
    }
}
