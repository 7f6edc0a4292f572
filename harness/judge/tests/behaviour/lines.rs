//! Phones with two lines, two AORs that register each for itself: none is accused of what the other did,
//! and none is excused by it.
use crate::common::Story;
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::Verdict;

/// A REGISTER of the second line.
fn second(builder: MessageBuilder, cseq: u32) -> MessageBuilder {
    builder
        .set("From", "<sip:1009@example.com>;tag=second")
        .set("To", "<sip:1009@example.com>")
        .set("Call-ID", "second")
        .set("CSeq", format!("{cseq} REGISTER"))
        .set("Contact", "<sip:1009@10.0.0.5:5060>")
}

/// The first line's REGISTER is refused at once, the second's comes right after.
fn refused(code: u16) -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.02).node("primary").answers("REGISTER", code);
    story.at(0.1).phone().sends_with("REGISTER", "primary", |b| second(b, 1));
    story
}

#[test]
fn each_line_may_ask_a_registrar_that_refused_the_other() {
    let rule = "no-hammering";
    for code in [403, 503] {
        let mut story = refused(code);
        story.at(0.12).node("primary").answers("REGISTER", 200);
        assert_eq!(story.verdict(rule, 60.0), Verdict::Pass, "{code}");

        // Its own second try is one too many, though the other line's lies between.
        let mut story = refused(code);
        story.at(0.12).node("primary").answers("REGISTER", code);
        story.at(0.3).phone().sends("REGISTER", "primary");
        assert_eq!(story.verdict(rule, 60.0), Verdict::Fail, "{code}");
        assert_eq!(story.findings(rule, 60.0).len(), 1, "{code}: the second line has done nothing wrong");
    }
}

#[test]
fn each_line_may_wait_for_a_silent_registrar() {
    let repeated = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    for tcp in [false, true] {
        let mut story = if tcp { Story::new().tcp() } else { Story::new() };
        story.at(0.0).phone().sends("REGISTER", "primary");
        repeated.iter().filter(|_| !tcp).for_each(|at| story.at(*at).phone().repeats("REGISTER", "primary"));
        story.at(0.1).phone().sends_with("REGISTER", "primary", |b| second(b, 1));
        repeated
            .iter()
            .filter(|_| !tcp)
            .for_each(|at| story.at(at + 0.1).phone().repeats("REGISTER", "primary"));
        assert_ne!(story.verdict("no-hammering", 60.0), Verdict::Fail, "over TCP: {tcp}");
        story.at(32.2).phone().sends_with("REGISTER", "primary", |b| second(b, 2));
        assert_eq!(story.verdict("no-hammering", 60.0), Verdict::Fail, "over TCP: {tcp}");
    }
}
