//! `keepalive` and `failback` of a phone that asks the better servers whether they are back, with a REGISTER without
//! Contact (AR-26).
use crate::common::Story;
use sipfarm_core::profile::{FailbackMode, KeepaliveForm};
use sipfarm_judge::Verdict;

const PERIOD: f64 = 60.0;

/// A phone that asks every 60 s; the primary has refused, and it stands with the secondary from second 0 on.
fn away() -> Story {
    let mut story = Story::new();
    story.profile.registration.keepalive.form = KeepaliveForm::Query;
    story.profile.registration.keepalive.period_s = Some(60);
    story.profile.failback.mode = FailbackMode::OnPrimaryUp;
    story.profile.failback.only_when_idle = Some(true);
    for (at, node, code) in [(0.0, "primary", 503), (0.2, "secondary", 200)] {
        story.at(at).phone().sends_with("REGISTER", node, |b| b.set("Expires", 3600));
        story.at(at + 0.1).node(node).answers("REGISTER", code);
    }
    story
}

/// Asks the primary, which still refuses.
fn asks(story: &mut Story, at: f64) {
    let phone = story.at(at).phone().new_call();
    phone.sends_with("REGISTER", "primary", |b| b.remove("Contact"));
    story.at(at + 0.1).node("primary").answers("REGISTER", 503);
}

/// A call through the secondary between these seconds.
fn call(story: &mut Story, from: f64, to: f64) {
    story.at(from).phone().new_call().sends("INVITE", "secondary");
    story.at(from + 0.1).node("secondary").answers("INVITE", 200);
    story.at(from + 0.2).phone().acks("secondary");
    story.at(to).phone().sends("BYE", "secondary");
    story.at(to + 0.1).node("secondary").answers("BYE", 200);
}

#[test]
fn it_asks_in_its_time() {
    let mut asking = away();
    (1..=4).for_each(|n| asks(&mut asking, f64::from(n) * PERIOD));
    assert_eq!(asking.verdict("keepalive", 290.0), Verdict::Pass);

    let mut tired = away();
    asks(&mut tired, PERIOD);
    assert_eq!(tired.verdict("keepalive", 290.0), Verdict::Fail);

    let mut hasty = away();
    asks(&mut hasty, PERIOD);
    asks(&mut hasty, PERIOD + 30.0);
    assert_eq!(hasty.verdict("keepalive", 100.0), Verdict::Fail);
}

/// No source says that a phone goes on with it in a call, nor that it does not; when the call is over, it does.
#[test]
fn in_a_call_it_may_leave_off() {
    let story = |asks_in_call: bool, asks_after: bool| {
        let mut story = away();
        asks(&mut story, PERIOD);
        call(&mut story, 70.0, 400.0);
        if asks_in_call {
            (2..=6).for_each(|n| asks(&mut story, f64::from(n) * PERIOD));
        }
        if asks_after {
            asks(&mut story, 420.0);
        }
        story
    };
    for asks_in_call in [true, false] {
        assert_eq!(story(asks_in_call, true).verdict("keepalive", 470.0), Verdict::Pass, "{asks_in_call}");
        assert_eq!(story(asks_in_call, false).verdict("keepalive", 520.0), Verdict::Fail, "{asks_in_call}");
    }
    assert_eq!(story(false, false).verdict("keepalive", 390.0), Verdict::Pass);
}
