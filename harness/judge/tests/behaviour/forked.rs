//! An INVITE that a proxy has forked: two branches accept it, each with its own To tag.
use crate::audio::{EAR, FAR_EAR, description};
use crate::common::Story;
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::Verdict;

const OTHER_EAR: &str = "10.0.1.4:50000";

fn branch(builder: MessageBuilder, tag: &str, ear: &str) -> MessageBuilder {
    builder
        .set("To", format!("<sip:1002@example.com>;tag={tag}"))
        .set("Contact", format!("<sip:1002@10.0.1.4:5060;f={tag}>"))
        .body("application/sdp", description(ear, "sendrecv"))
}

/// Branch A accepts at 1 s and branch B at 2 s; the phone acknowledges the first.
fn forked() -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 100);
    story.at(1.0).node("primary").answers_with("INVITE", 200, |ok| branch(ok, "A", FAR_EAR));
    story.at(1.0).phone().acks("primary");
    story.at(2.0).node("primary").answers_with("INVITE", 200, |ok| branch(ok, "B", OTHER_EAR));
    story
}

/// The phone's BYE in one branch.
fn hangs_up(story: &mut Story, at: f64, tag: &str) {
    story.at(at).phone().sends_with("BYE", "primary", |bye| {
        bye.set_uri(&format!("sip:1002@10.0.1.4:5060;f={tag}"))
            .set("To", format!("<sip:1002@example.com>;tag={tag}"))
    });
    story.at(at + 0.05).node("primary").answers("BYE", 200);
}

#[test]
fn the_end_of_one_branch_is_not_the_end_of_the_other() {
    let talks = |ear: &str, ends: &[(f64, &str)]| {
        let mut story = forked();
        story.at(2.0).phone().acks("primary");
        for (at, tag) in ends {
            hangs_up(&mut story, *at, tag);
        }
        story.audio(EAR, ear, 1.5, 20.0);
        story.verdict("audio-end", 30.0)
    };
    assert_eq!(talks(FAR_EAR, &[(2.1, "B")]), Verdict::NotExercised);
    assert_eq!(talks(FAR_EAR, &[(2.1, "B"), (5.0, "A")]), Verdict::Fail);
}

#[test]
fn a_branch_that_hangs_up_by_itself_ends_only_itself() {
    let mut story = forked();
    story.at(2.0).phone().acks("primary");
    story.at(2.1).node("far-end").sends_with("BYE", |bye| {
        bye.set("Call-ID", "call-0")
            .set("From", "<sip:1002@example.com>;tag=B")
            .set("To", "<sip:1001@example.com>;tag=from-call-0")
    });
    story.at(2.2).phone().answers(200);
    let mut other = story.clone();
    story.audio(EAR, FAR_EAR, 1.5, 20.0);
    assert_eq!(story.verdict("audio-end", 30.0), Verdict::NotExercised);
    other.audio(EAR, OTHER_EAR, 2.1, 20.0);
    assert_eq!(other.verdict("audio-end", 30.0), Verdict::Fail, "there is nobody any more");
}

#[test]
fn each_branch_has_its_own_ack() {
    let rule = "ack-acceptance";
    assert_eq!(forked().verdict(rule, 60.0), Verdict::Fail);
    let mut right = forked();
    right.at(2.1).phone().acks("primary");
    assert_eq!(right.verdict(rule, 60.0), Verdict::Pass);
    let mut wrong = forked();
    for n in 0..4 {
        let at = 2.1 + f64::from(n);
        wrong.at(at).phone().acks_with("primary", "primary", |ack| {
            ack.set_uri("sip:1002@10.0.1.4:5060;f=A").set("To", "<sip:1002@example.com>;tag=A")
        });
    }
    assert_eq!(wrong.verdict(rule, 60.0), Verdict::Fail, "the first branch has got five, the second none");
}
