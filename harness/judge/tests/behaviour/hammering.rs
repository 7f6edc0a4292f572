//! `no-hammering`: what a registrar refused, and who may ask again at once. Phones with several lines are
//! in `lines.rs`.
use crate::common::{Story, credentials, when};
use sipfarm_judge::Verdict;
use sipfarm_judge::case::Case;

const RULE: &str = "no-hammering";

/// Timer E's schedule after the first send.
const REPEATED: [f64; 10] = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

/// A REGISTER without an answer, repeated to the end, and the next one at that time.
fn silent(again: f64) -> Story {
    let mut story = Story::new().servers(&["primary"]);
    story.at(0.0).phone().sends("REGISTER", "primary");
    for at in REPEATED.into_iter().filter(|at| *at < again) {
        story.at(at).phone().repeats("REGISTER", "primary");
    }
    story.at(again).phone().sends("REGISTER", "primary");
    story
}

#[test]
fn what_was_sent_before_the_failure_is_no_answer_to_it() {
    assert_eq!(silent(5.0).verdict(RULE, 5.4), Verdict::NotExercised);
    assert_eq!(silent(32.1).verdict(RULE, 40.0), Verdict::Fail);

    for (again, verdict) in [(0.1, Verdict::NotExercised), (0.3, Verdict::Fail)] {
        let mut story = Story::new();
        story.at(0.0).phone().sends("REGISTER", "primary");
        story.at(0.2).node("primary").answers("REGISTER", 503);
        story.at(again).phone().sends("REGISTER", "primary");
        assert_eq!(story.verdict(RULE, 1.0), verdict, "again at {again}");
    }
}

/// A REGISTER with an extension is refused with that, then comes one with `next` instead, and so on.
fn refused_with(code: u16, extensions: &[Option<&str>]) -> Story {
    let mut story = Story::new();
    for (n, extension) in extensions.iter().enumerate() {
        let at = 0.05 * n as f64;
        story.at(at).phone().sends_with("REGISTER", "primary", |b| b.header_opt("Require", *extension));
        let unsupported = extension.unwrap_or("none");
        story
            .at(at + 0.02)
            .node("primary")
            .answers_with("REGISTER", code, |b| b.header("Unsupported", unsupported));
    }
    story
}

#[test]
fn what_a_refusal_asks_to_change_may_be_changed_at_once() {
    for code in [413, 415, 416, 420, 421, 439, 494] {
        let story = refused_with(code, &[Some("gruu"), None]);
        assert_eq!(story.verdict(RULE, 1.0), Verdict::NotExercised, "{code}");
        let unchanged = refused_with(code, &[Some("gruu"), Some("gruu")]);
        assert_eq!(unchanged.verdict(RULE, 1.0), Verdict::Fail, "{code} and no change");
    }
    // A proxy lacks one extension, the registrar behind it another.
    let two = refused_with(420, &[Some("gruu"), Some("path"), None]);
    assert_eq!(two.verdict(RULE, 1.0), Verdict::NotExercised);
    let other = refused_with(403, &[Some("gruu"), None]);
    assert_eq!(other.verdict(RULE, 1.0), Verdict::Fail, "403 asks for no change");
}

#[test]
fn the_same_refusal_twice_leaves_no_reason_to_hurry() {
    let to_and_fro = |story: &mut Story, times: u32| {
        for n in 0..times {
            let at = 0.05 * f64::from(n);
            let extension = (n % 2 == 0).then_some("path");
            story.at(at).phone().sends_with("REGISTER", "primary", |b| b.header_opt("Supported", extension));
            story
                .at(at + 0.02)
                .node("primary")
                .answers_with("REGISTER", 420, |b| b.header("Unsupported", "gruu"));
        }
    };
    let mut story = Story::new();
    to_and_fro(&mut story, 3);
    let findings = story.findings(RULE, 1.0);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!((findings[0].verdict, &findings[0].packets[..]), (Verdict::Fail, &[3, 5][..]));
}

#[test]
fn a_registrar_may_ask_for_less_time_than_the_house_does() {
    let again = |after: u32, at: f64| {
        let mut story = Story::new();
        story.at(0.0).phone().sends("REGISTER", "primary");
        story.at(0.02).node("primary").answers_with("REGISTER", 503, |b| b.header("Retry-After", after));
        story.at(0.02 + at).phone().sends("REGISTER", "primary");
        story.at(0.04 + at).node("primary").answers("REGISTER", 200);
        story.verdict(RULE, 60.0)
    };
    assert_eq!(again(0, 0.1), Verdict::NotExercised);
    assert_eq!(again(1, 1.2), Verdict::Pass);
    assert_eq!(again(2, 2.2), Verdict::Pass);
    assert_eq!(again(1, 0.5), Verdict::Fail);
    assert_eq!(again(30, 1.0), Verdict::Fail);
}

/// A REGISTER that is challenged, and the next one, each with the nonce of its credentials if it has any.
fn challenged(mut story: Story, code: u16, nonces: &[Option<&str>]) -> Story {
    for (n, nonce) in nonces.iter().enumerate() {
        let at = 0.05 * n as f64;
        let own = nonce.map(|nonce| credentials(nonce, 1, "sip:example.com"));
        story.at(at).phone().sends_with("REGISTER", "primary", |b| b.header_opt("Authorization", own));
        let challenge = format!("Digest realm=\"r\", nonce=\"n{n}\", qop=\"auth\"");
        story
            .at(at + 0.02)
            .node("primary")
            .answers_with("REGISTER", code, |b| b.header("WWW-Authenticate", challenge));
    }
    story
}

#[test]
fn a_challenge_is_answered_and_not_asked_for_again() {
    let verdict = |nonces: &[Option<&str>]| challenged(Story::new(), 401, nonces).verdict(RULE, 1.0);
    assert_eq!(verdict(&[None, Some("n0")]), Verdict::NotExercised);
    assert_eq!(verdict(&[None, None]), Verdict::Fail);
    assert_eq!(challenged(Story::new(), 401, &[None; 40]).findings(RULE, 10.0).len(), 39);
    // Credentials from before may be forgotten, and those for the challenge may not.
    assert_eq!(verdict(&[Some("old"), None, Some("n1")]), Verdict::NotExercised);
    assert_eq!(verdict(&[None, Some("n0"), None]), Verdict::Fail);
    assert_eq!(challenged(Story::new(), 407, &[None, Some("n0")]).verdict(RULE, 1.0), Verdict::NotExercised);
    assert_eq!(challenged(Story::new(), 407, &[None, None]).verdict(RULE, 1.0), Verdict::Fail);
    // The credentials and their 2xx may have been lost between the two.
    let lossy = challenged(Story::new().lossy(), 401, &[None, None]);
    assert_eq!(lossy.verdict(RULE, 1.0), Verdict::Inconclusive);
}

#[test]
fn a_challenge_is_for_the_binding_that_it_was_sent_for() {
    let mut story = challenged(Story::new(), 401, &[None]);
    let other = "<sip:1001@10.0.0.5:5070>";
    story.at(0.03).phone().sends_with("REGISTER", "primary", |b| b.set("Contact", other));
    assert_eq!(story.verdict(RULE, 1.0), Verdict::NotExercised);
}

/// A REGISTER for a minute is refused with 423 and that Min-Expires, and the next one asks for `next`.
fn too_brief(least: Option<u32>, next: &str, contact: &str) -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 60));
    story.at(0.02).node("primary").answers_with("REGISTER", 423, |b| b.header_opt("Min-Expires", least));
    let contact = format!("<sip:1001@10.0.0.5:5060>{contact}");
    let changed = move |b: sipfarm_core::sip::MessageBuilder| b.set("Expires", next).set("Contact", contact);
    story.at(0.1).phone().sends_with("REGISTER", "primary", changed);
    story
}

#[test]
fn after_423_only_a_time_that_is_long_enough_is_an_answer() {
    assert_eq!(too_brief(Some(3600), "60", "").verdict(RULE, 1.0), Verdict::Fail);
    assert_eq!(too_brief(Some(3600), "3599", "").verdict(RULE, 1.0), Verdict::Fail);
    assert_eq!(too_brief(Some(3600), "3600", "").verdict(RULE, 1.0), Verdict::NotExercised);
    assert_eq!(too_brief(None, "60", "").verdict(RULE, 1.0), Verdict::NotExercised, "no time was named");
    // A contact's own time counts. As it differs from the one before, only the classes can show it.
    let makes_good = |story: &Story| {
        let timeline = story.timeline();
        let case = Case::new(&timeline, &story.profile, when(1.0), false);
        case.registrations[1].makes_good.is_some()
    };
    assert!(makes_good(&too_brief(Some(3600), "60", ";expires=7200")));
    assert!(!makes_good(&too_brief(Some(3600), "7200", ";expires=60")));
}

#[test]
fn after_422_only_a_session_that_is_long_enough_is_an_answer() {
    let makes_good = |least: Option<u32>, next: &str| {
        let mut story = Story::new();
        story.at(0.0).phone().sends_with("INVITE", "primary", |b| b.header("Session-Expires", 60));
        story.at(0.02).node("primary").answers_with("INVITE", 422, |b| b.header_opt("Min-SE", least));
        story.at(0.03).phone().acks("primary");
        story.at(0.1).phone().sends_with("INVITE", "primary", |b| b.header("Session-Expires", next));
        let timeline = story.timeline();
        let case = Case::new(&timeline, &story.profile, when(1.0), false);
        case.makes_good(1).is_some()
    };
    assert!(makes_good(Some(1800), "1800;refresher=uac"));
    assert!(!makes_good(Some(1800), "60;refresher=uac"));
    assert!(makes_good(None, "60"));
}
