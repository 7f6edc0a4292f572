//! Keys that were typed into a phone that does not say whether it took them.
use crate::common::{Story, span};
use sipfarm_core::sip::Method;
use sipfarm_judge::mark::Command;
use sipfarm_judge::{Expectation, Mark, Verdict};

fn sends(method: Method, node: &str) -> Expectation {
    Expectation::Sends { method, node: node.to_owned(), within: Some(span(5.0)) }
}

/// What is said of a phone that was told something by `tell`, and did something by `does`.
fn said_of(
    tell: impl FnOnce(&mut Story),
    does: impl FnOnce(&mut Story),
    expectation: Expectation,
) -> (Verdict, String) {
    let mut story = Story::new();
    tell(&mut story);
    let expected = story.expect(0.0, expectation);
    does(&mut story);
    let finding = story.run(&expected, 60.0);
    (finding.verdict, finding.seen)
}

fn idle(_: &mut Story) {}

#[test]
fn silence_after_a_key_that_was_only_typed_accuses_nobody() {
    let typed = |story: &mut Story| story.at(0.0).types("dial 1002");
    let (verdict, why) = said_of(typed, idle, sends(Method::Invite, "primary"));
    assert_eq!(verdict, Verdict::NotExercised);
    assert!(why.contains("\"dial 1002\""), "{why}");
    // Nor does it prove that the phone refrains from anything.
    let nothing = || Expectation::SendsNothing { method: None, node: None, during: span(5.0) };
    assert_eq!(said_of(typed, idle, nothing()).0, Verdict::NotExercised);
    // A phone that has said that it took the key has no such excuse.
    let taken = |story: &mut Story| story.at(0.0).command("dial 1002");
    assert_eq!(said_of(taken, idle, sends(Method::Invite, "primary")).0, Verdict::Fail);
    assert_eq!(said_of(taken, idle, nothing()).0, Verdict::Pass);
}

#[test]
fn who_has_shown_that_it_took_the_key_is_judged_for_what_came_of_it() {
    let typed = |story: &mut Story| story.at(0.0).types("dial 1002");
    let elsewhere = |story: &mut Story| story.at(0.5).phone().sends("INVITE", "secondary");
    assert_eq!(said_of(typed, elsewhere, sends(Method::Invite, "primary")).0, Verdict::Fail);
    // What it sends for another reason shows nothing of this key.
    let unrelated = |story: &mut Story| story.at(0.5).phone().sends("REGISTER", "primary");
    assert_eq!(said_of(typed, unrelated, sends(Method::Invite, "primary")).0, Verdict::NotExercised);
    let late = |story: &mut Story| story.at(30.0).phone().sends("INVITE", "primary");
    assert_eq!(said_of(typed, late, sends(Method::Invite, "primary")).0, Verdict::NotExercised);
}

#[test]
fn each_key_has_its_own_sign() {
    for (key, method, is_sign) in [
        ("register", "REGISTER", true),
        ("unregister", "REGISTER", true),
        ("reboot", "REGISTER", true),
        ("register", "INVITE", false),
        ("dial 1002", "INVITE", true),
        ("dial 1002", "REGISTER", false),
        ("hang up", "BYE", true),
        ("hang up", "CANCEL", true),
        ("hang up", "INVITE", false),
    ] {
        let does = |story: &mut Story| story.at(0.5).phone().sends(method, "secondary");
        let expected = Expectation::Sends {
            method: Method::Options,
            node: "primary".to_owned(),
            within: Some(span(5.0)),
        };
        let verdict = said_of(|story| story.at(0.0).types(key), does, expected).0;
        let wanted = if is_sign { Verdict::Fail } else { Verdict::NotExercised };
        assert_eq!(verdict, wanted, "{method} after {key}");
    }
}

#[test]
fn a_final_response_is_the_sign_of_answering_and_refusing() {
    for (key, code, is_sign) in [
        ("answer", 180, false),
        ("answer", 200, true),
        ("reject 486", 180, false),
        ("reject 486", 486, true),
        ("hang up", 480, true),
    ] {
        let rings = |story: &mut Story| {
            story.at(0.0).node("primary").sends("INVITE");
            story.at(0.0).types(key);
        };
        let does = |story: &mut Story| story.at(0.5).phone().answers(code);
        let verdict = said_of(rings, does, sends(Method::Options, "primary")).0;
        let wanted = if is_sign { Verdict::Fail } else { Verdict::NotExercised };
        assert_eq!(verdict, wanted, "{code} after {key}");
    }
}

/// There is nothing to be seen of giving up a call as long as nobody has answered (RFC 3261 section 9.1).
#[test]
fn hanging_up_needs_no_sign_before_the_first_response() {
    for (answered, verdict) in [(false, Verdict::Pass), (true, Verdict::NotExercised)] {
        let mut story = Story::new();
        story.at(0.0).phone().sends("INVITE", "primary");
        if answered {
            story.at(0.1).node("primary").answers("INVITE", 180);
        }
        story.at(1.0).types("hang up");
        let nothing =
            Expectation::SendsNothing { method: Some(Method::Cancel), node: None, during: span(5.0) };
        let expected = story.expect(1.0, nothing);
        assert_eq!(story.run(&expected, 20.0).verdict, verdict, "answered: {answered}");
    }
}

#[test]
fn a_connect_is_the_beginning_of_a_request() {
    let mut story = Story::new().tcp();
    story.at(0.0).types("dial 1002");
    let expected = story.expect(0.0, sends(Method::Invite, "primary"));
    story.at(0.5).syn("primary");
    assert_eq!(story.run(&expected, 60.0).verdict, Verdict::Fail);
}

/// The words of captures that were made before, and those of a harness that is not made yet.
#[test]
fn a_command_is_saved_in_its_words() {
    let read = |words: &str| {
        let json = format!("{{\"mark\":\"command\",\"command\":\"{words}\"}}");
        let mark: Mark = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&mark).unwrap(), json);
        let Mark::Command { command, unconfirmed: false } = mark else { panic!("{mark:?}") };
        command
    };
    for words in ["register", "unregister", "dial 1002", "answer", "reject 486", "hang up", "reboot"] {
        assert!(matches!(read(words), Command::Key(_)), "{words}");
    }
    assert_eq!(read("sing a song"), Command::Other("sing a song".to_owned()));
}

/// A command that nobody here knows may have been what made the phone do it.
#[test]
fn an_unknown_command_excuses_what_any_key_would() {
    for (command, verdict) in [(None, Verdict::Fail), (Some("sing a song"), Verdict::NotExercised)] {
        let mut story = Story::new();
        story.at(0.0).phone().sends("REGISTER", "primary");
        story.at(0.1).node("primary").answers("REGISTER", 503);
        command.into_iter().for_each(|command| story.at(0.2).command(command));
        story.at(0.3).phone().sends("REGISTER", "primary");
        story.at(0.4).node("primary").answers("REGISTER", 200);
        assert_eq!(story.verdict("no-hammering", 31.0), verdict, "{command:?}");
    }
}
