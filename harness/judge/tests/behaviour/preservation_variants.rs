//! Calls that outlive their server, and all that a phone may rightly do about them in another way: nobody is
//! accused who only looks like one that breaks `bye-after-loss` and the rules beside it.
use crate::audio::{EAR, FAR_EAR, call, description, talking};
use crate::common::{PHONE, Story};
use crate::preservation::{MOVES, REGISTERS, keeps, lost};
use sipfarm_core::profile::{DuringCall, KeepaliveForm, RegistrationMethod};
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::Verdict;
use sipfarm_judge::timeline::TcpStep;

const BYE: &str = "bye-after-loss";
const HELD: &str = "held-call-lost";
const RECOVERY: &str = "recovery";
const LIMIT: &str = "preservation-limit";
const KEYS: &str = "preserved-keys";
const FAILOVER: &str = "idle-failover";

/// It is registered with the primary for an hour, and talks from 1 s on.
fn registered(story: Story, end: f64) -> Story {
    let mut story = talking(story, end);
    story.at(0.1).phone().sends("REGISTER", "primary");
    story.at(0.2).node("primary").answers("REGISTER", 200);
    story
}

/// The session refresh at 45 s is answered so.
fn refreshed(code: u16) -> Story {
    let mut story = registered(keeps(), 200.0);
    story.at(45.0).phone().sends("UPDATE", "primary");
    story.at(45.1).node("primary").answers("UPDATE", code);
    story
}

fn offer(direction: &str) -> impl Fn(MessageBuilder) -> MessageBuilder {
    let sdp = description(EAR, direction);
    move |invite| invite.remove("Content-Type").body("application/sdp", sdp.clone())
}

fn holds(story: &mut Story, at: f64, own: &str, far_ear: &str, theirs: &str) {
    story.at(at).phone().sends_with("INVITE", "primary", offer(own));
    let answer = description(far_ear, theirs);
    story.at(at + 0.1).node("primary").answers_with("INVITE", 200, |ok| ok.body("application/sdp", answer));
    story.at(at + 0.1).phone().acks("primary");
}

fn bye(story: &mut Story, at: f64) {
    story.at(at).phone().sends("BYE", "primary");
}

/// A phone that closes its connection itself, or whose server closes one that nothing goes over any more, has
/// lost nothing.
#[test]
fn not_every_connection_that_ends_is_a_loss() {
    let primary = Story::new().addr("primary");
    let register = |story: &mut Story| {
        story.at(50.0).phone().sends("REGISTER", "primary");
        story.at(50.1).node("primary").answers("REGISTER", 200);
    };
    let mut own = registered(keeps().tcp(), 200.0);
    own.at(40.0).tcp(PHONE, primary, TcpStep::Fin);
    own.at(40.01).tcp_from("primary", TcpStep::Fin);
    register(&mut own);
    assert_eq!(own.verdict(REGISTERS, 210.0), Verdict::NotExercised, "the phone closed it");

    let mut old = registered(keeps().tcp(), 200.0);
    old.at(40.0).tcp("10.0.1.1:5060", "10.0.0.5:50001".parse().unwrap(), TcpStep::Fin);
    register(&mut old);
    assert_eq!(old.verdict(REGISTERS, 210.0), Verdict::NotExercised, "nothing went over it");

    let mut theirs = registered(keeps().tcp(), 200.0);
    theirs.at(40.0).tcp_from("primary", TcpStep::Fin);
    register(&mut theirs);
    assert_eq!(theirs.verdict(REGISTERS, 210.0), Verdict::Fail);
}

/// One AOR with two contacts, each refreshed by itself: the one is not the other's second try.
#[test]
fn two_bindings_of_a_line_are_refreshed_side_by_side() {
    let second = |at: f64| {
        let mut story = lost(keeps(), 200.0);
        story.at(at).phone().sends_with("REGISTER", "primary", |b| {
            b.set("Call-ID", "other").set("Contact", "<sip:1001@10.0.0.5:5070>")
        });
        story.verdict(REGISTERS, 210.0)
    };
    assert_eq!(second(50.1), Verdict::Pass);
    assert_eq!(second(120.0), Verdict::Fail);
}

/// What a phone sends with the last of its audio it sends because the call is over.
#[test]
fn a_register_with_the_end_of_the_audio_is_no_second_try() {
    let verdict = |end: f64| {
        let mut story = lost(keeps(), end);
        story.at(120.0).phone().sends("REGISTER", "primary");
        story.verdict(REGISTERS, 210.0)
    };
    assert_eq!(verdict(120.1), Verdict::Pass);
    assert_eq!(verdict(125.0), Verdict::Fail);
}

/// A call that may be on hold when its server is lost need not be kept, nor given up.
#[test]
fn a_call_that_may_be_on_hold_is_nobodys_fault() {
    let mut pending = registered(keeps(), 200.0);
    pending.at(50.0).command("hold");
    pending.at(50.0).phone().sends_with("INVITE", "primary", offer("sendonly"));
    bye(&mut pending, 82.0);
    assert_eq!(pending.verdict(BYE, 210.0), Verdict::NotExercised, "the hold itself is not answered");

    let mut meanwhile = lost(keeps(), 200.0);
    holds(&mut meanwhile, 60.0, "sendonly", FAR_EAR, "recvonly");
    bye(&mut meanwhile, 83.0);
    assert_eq!(meanwhile.verdict(BYE, 210.0), Verdict::NotExercised, "held while the REGISTER is repeated");
    assert_eq!(meanwhile.verdict(HELD, 210.0), Verdict::NotExercised);

    let mut resumed = lost(keeps(), 200.0);
    holds(&mut resumed, 20.0, "sendonly", FAR_EAR, "recvonly");
    holds(&mut resumed, 30.0, "sendrecv", FAR_EAR, "sendrecv");
    bye(&mut resumed, 83.0);
    assert_eq!(resumed.verdict(BYE, 210.0), Verdict::Fail, "held, and resumed before the loss");
}

/// RFC 3264 section 8.4: the old way to hold is an address of zeros.
#[test]
fn an_address_of_zeros_is_a_hold() {
    let mut story = lost(keeps(), 200.0);
    let sdp = description("0.0.0.0:4000", "sendrecv");
    story.at(20.0).phone().sends_with("INVITE", "primary", |invite| {
        invite.remove("Content-Type").body("application/sdp", sdp.clone())
    });
    let answer = description(FAR_EAR, "sendrecv");
    story.at(20.1).node("primary").answers_with("INVITE", 200, |ok| ok.body("application/sdp", answer));
    story.at(20.1).phone().acks("primary");
    bye(&mut story, 83.0);
    assert_eq!(story.verdict(BYE, 210.0), Verdict::NotExercised);
}

/// Of two calls one is on hold and one is kept: while that lives, nobody may register (AM-15 before AM-18).
#[test]
fn a_held_call_waits_for_the_one_that_is_preserved() {
    let two = |end: f64| {
        let mut story = keeps();
        story.at(-0.5).phone().sends("REGISTER", "primary");
        story.at(-0.4).node("primary").answers("REGISTER", 200);
        let mut story = talking(story, end);
        holds(&mut story, 10.0, "sendonly", FAR_EAR, "recvonly");
        story.at(12.0).phone().new_call().sends_with("INVITE", "primary", offer("sendrecv"));
        let answer = description(FAR_EAR, "sendrecv");
        let ok = |ok: MessageBuilder| ok.body("application/sdp", answer.clone());
        story.at(12.1).node("primary").answers_with("INVITE", 200, ok);
        story.at(12.1).phone().acks("primary");
        story.at(50.0).phone().sends("REGISTER", "primary");
        story
    };
    assert_eq!(two(300.0).verdict(HELD, 290.0), Verdict::NotExercised);
    assert_eq!(two(300.0).verdict(REGISTERS, 290.0), Verdict::Pass);
}

/// With `failover: forbidden`, a call that is given up, or that its user has ended, forbids no more.
#[test]
fn a_lost_call_that_is_over_holds_no_phone() {
    let confined = || {
        let mut story = keeps();
        story.profile.call_in_progress.failover = Some(DuringCall::Forbidden);
        story
    };
    let mut held = registered(confined(), 20.0);
    holds(&mut held, 20.0, "sendonly", FAR_EAR, "recvonly");
    held.at(50.0).phone().sends("REGISTER", "primary");
    held.at(90.0).phone().sends("REGISTER", "secondary");
    assert_ne!(held.verdict(FAILOVER, 200.0), Verdict::Fail, "a held call is given up, BYE or no BYE");

    let mut ended = lost(confined(), 150.0);
    ended.at(150.0).command("hang up");
    ended.at(190.0).phone().sends("REGISTER", "secondary");
    assert_ne!(ended.verdict(FAILOVER, 200.0), Verdict::Fail, "BYE is optional (AM-23)");

    let mut alive = lost(confined(), 250.0);
    alive.at(120.0).phone().sends("REGISTER", "secondary");
    assert_eq!(alive.verdict(FAILOVER, 200.0), Verdict::Fail);
}

/// AM-06: without its media a call need not go on.
#[test]
fn a_call_that_hears_nothing_any_more_may_end() {
    let verdict = |far_until: f64| {
        let mut story = call(keeps());
        story.audio(EAR, FAR_EAR, 1.0, 130.0);
        story.audio(FAR_EAR, EAR, 1.01, far_until);
        story.at(50.0).phone().sends("REGISTER", "primary");
        bye(&mut story, 130.0);
        story.verdict(BYE, 210.0)
    };
    assert_eq!(verdict(100.0), Verdict::NotExercised);
    assert_eq!(verdict(131.0), Verdict::Fail);
}

/// The audio of a phone that ends its call at once ends with the packet before the refusal.
#[test]
fn a_bye_at_once_leaves_no_audio_behind_the_refusal() {
    for code in [408, 481] {
        let mut story = registered(keeps(), 45.09);
        story.audio(FAR_EAR, EAR, 45.09, 60.0);
        story.at(45.0).phone().sends("UPDATE", "primary");
        story.at(45.1).node("primary").answers("UPDATE", code);
        bye(&mut story, 45.1);
        assert_eq!(story.verdict(BYE, 60.0), Verdict::Fail, "{code}");
    }
}

/// A limit of 300 s, give or take 5 s (AM-17), that runs from the first sign of the loss at the earliest.
#[test]
fn the_limit_ends_a_call_within_its_tolerance() {
    let verdict = |at: f64| {
        let mut story = lost(keeps(), at);
        bye(&mut story, at);
        story.verdict(BYE, 400.0)
    };
    assert_eq!(verdict(346.0), Verdict::Pass);
    assert_eq!(verdict(344.0), Verdict::Fail);
}

/// RFC 3261 section 13.3.1.4: BYE when the 2xx is not acknowledged; such a call is not connected (AM-20).
#[test]
fn a_call_without_its_ack_may_end() {
    let incoming = |acked: bool| {
        let mut story = keeps();
        let sdp = description(FAR_EAR, "sendrecv");
        let invite = |b: MessageBuilder| b.body("application/sdp", sdp.clone());
        story.at(0.0).node("primary").sends_with("INVITE", invite);
        let answer = description(EAR, "sendrecv");
        story.at(1.0).phone().answers_with(200, |ok| ok.body("application/sdp", answer));
        if acked {
            story.at(1.1).node("primary").acks();
        }
        story.audio(EAR, FAR_EAR, 1.0, 33.0);
        story.audio(FAR_EAR, EAR, 1.0, 60.0);
        story.at(20.0).phone().sends("REGISTER", "primary");
        story.at(33.0).phone().sends_with("BYE", "primary", |bye| {
            bye.set("Call-ID", "in-0")
                .set("From", "<sip:1001@example.com>;tag=phone-tag")
                .set("To", "<sip:1002@10.0.1.1:5060>;tag=caller")
        });
        story.verdict(BYE, 100.0)
    };
    assert_eq!(incoming(true), Verdict::Fail);
    assert_eq!(incoming(false), Verdict::NotExercised);
}

/// F-25: a call whose audio runs through its server is none that is kept.
#[test]
fn a_refused_refresh_of_an_anchored_call_may_end_it() {
    let mut story = keeps();
    story.at(0.0).phone().sends("INVITE", "primary");
    let ear = "10.0.1.1:30000";
    let ok = description(ear, "sendrecv");
    story.at(1.0).node("primary").answers_with("INVITE", 200, |b| b.body("application/sdp", ok));
    story.at(1.0).phone().acks("primary");
    story.audio(EAR, ear, 1.0, 200.0);
    story.audio(ear, EAR, 1.0, 200.0);
    story.at(45.0).phone().sends("UPDATE", "primary");
    story.at(45.1).node("primary").answers("UPDATE", 481);
    bye(&mut story, 45.2);
    assert_eq!(story.verdict(BYE, 210.0), Verdict::NotExercised);
}

/// RFC 5057: other refusals mean other things, some of them that the call is over.
#[test]
fn what_is_refused_for_another_reason_is_no_loss() {
    for code in [404, 410, 488, 500, 603, 604] {
        let mut story = refreshed(code);
        bye(&mut story, 45.2);
        assert_eq!(story.verdict(BYE, 210.0), Verdict::NotExercised, "{code}");
    }
    let mut story = refreshed(503);
    story.at(67.0).phone().sends("UPDATE", "primary");
    story.at(67.1).node("primary").answers("UPDATE", 200);
    bye(&mut story, 150.0);
    assert_ne!(story.verdict(BYE, 210.0), Verdict::Fail, "the second try was accepted");
}

/// Whether 503 to a refresh is a loss (AM-14) or an answer (D) is the phone's to say: it may go on registering, and
/// it may leave that.
#[test]
fn a_phone_may_take_503_for_a_loss_or_for_an_answer() {
    for registers in [true, false] {
        let mut story = refreshed(503);
        if registers {
            story.at(120.0).phone().sends("REGISTER", "primary");
            story.at(120.1).node("primary").answers("REGISTER", 200);
        }
        for rule in [REGISTERS, MOVES, BYE, RECOVERY, HELD, "registration-refresh"] {
            assert_ne!(story.verdict(rule, 3700.0), Verdict::Fail, "{rule}, registers: {registers}");
        }
    }
}

/// A session is refreshed when it is time, whatever key was pressed.
#[test]
fn a_refresh_of_the_session_is_no_doing_of_a_key() {
    let pressed = |refresher: &'static str, sends: fn(&mut Story)| {
        let mut story = lost(keeps(), 200.0);
        story.at(80.0).phone().sends_with("UPDATE", "primary", |b| b.header("Supported", "timer"));
        let ok = |b: MessageBuilder| b.header("Session-Expires", format!("90;refresher={refresher}"));
        story.at(80.1).node("primary").answers_with("UPDATE", 200, ok);
        story.at(124.0).command("hold");
        sends(&mut story);
        story.verdict(KEYS, 210.0)
    };
    let update: fn(&mut Story) = |story| story.at(125.0).phone().sends("UPDATE", "primary");
    let invite: fn(&mut Story) =
        |story| story.at(125.0).phone().sends_with("INVITE", "primary", offer("sendrecv"));
    let hold: fn(&mut Story) =
        |story| story.at(125.0).phone().sends_with("INVITE", "primary", offer("sendonly"));
    assert_eq!(pressed("uac", update), Verdict::Pass);
    assert_eq!(pressed("uac", invite), Verdict::Pass);
    assert_eq!(pressed("uac", hold), Verdict::Fail);
    assert_eq!(pressed("uas", update), Verdict::Fail, "it is not the phone's to refresh");
}

/// Only what certainly has ended is followed by REGISTER: a phone may fall silent with a muted microphone, and a key
/// may not have been heard.
#[test]
fn a_call_that_may_live_on_needs_no_recovery() {
    assert_ne!(lost(keeps(), 150.0).verdict(RECOVERY, 300.0), Verdict::Fail, "it only fell silent");
    let mut unheard = lost(keeps(), 300.0);
    unheard.at(150.0).types("hang up");
    assert_ne!(unheard.verdict(RECOVERY, 300.0), Verdict::Fail, "it talks on");
}

/// In virtual time what a key does is sent in the instant of the key, and BYE and REGISTER may change places.
#[test]
fn recovery_may_begin_with_the_key() {
    let mut story = lost(keeps(), 150.0);
    story.at(150.0).command("hang up");
    story.at(150.0).phone().sends("REGISTER", "primary");
    assert_eq!(story.verdict(RECOVERY, 300.0), Verdict::Pass);
    assert_eq!(story.verdict(REGISTERS, 300.0), Verdict::Pass);
}

/// A server that has answered is there, and a binding that has not run out needs no recovery.
#[test]
fn a_phone_that_is_registered_has_nothing_to_recover() {
    for code in [408, 481] {
        let mut story = refreshed(code);
        story.at(150.0).command("hang up");
        bye(&mut story, 150.0);
        assert_ne!(story.verdict(RECOVERY, 300.0), Verdict::Fail, "{code}");
        let mut story = registered(keeps(), 20.0);
        holds(&mut story, 20.0, "sendonly", FAR_EAR, "recvonly");
        story.at(45.0).phone().sends("UPDATE", "primary");
        story.at(45.1).node("primary").answers("UPDATE", code);
        bye(&mut story, 45.2);
        assert_ne!(story.verdict(HELD, 300.0), Verdict::Fail, "{code}");
    }
}

/// A call whose server answers within the dialog again is preserved no longer.
#[test]
fn a_call_that_has_its_signalling_back_has_no_limit() {
    let verdict = |back: bool| {
        let mut story = lost(keeps(), 500.0);
        if back {
            story.at(120.0).phone().sends("UPDATE", "primary");
            story.at(120.1).node("primary").answers("UPDATE", 200);
        }
        story.verdict(LIMIT, 510.0)
    };
    assert_eq!(verdict(false), Verdict::Fail);
    assert_eq!(verdict(true), Verdict::NotExercised);
}

/// A phone with two bindings at once keeps the other one, and may have to ask for it anew.
#[test]
fn the_other_of_two_bindings_is_no_failover() {
    let verdict = |method: RegistrationMethod| {
        let mut story = keeps();
        story.profile.registration.method = method;
        let mut story = lost(story, 200.0);
        story.at(120.0).phone().sends("REGISTER", "fallback");
        story.verdict(MOVES, 210.0)
    };
    assert_eq!(verdict(RegistrationMethod::Concurrent), Verdict::Pass);
    assert_eq!(verdict(RegistrationMethod::ActiveOnly), Verdict::Fail);
}

/// (d) of the ways to find a loss out: a keep-alive without an answer.
#[test]
fn a_keepalive_without_an_answer_tells_the_loss() {
    let verdict = |form: KeepaliveForm| {
        let mut story = keeps();
        story.profile.registration.keepalive.form = form;
        let mut story = registered(story, 200.0);
        let options = |b: MessageBuilder| {
            b.set("To", "<sip:1002@example.com>").set("Call-ID", "keepalive").set("CSeq", "1 OPTIONS")
        };
        story.at(50.0).phone().sends_with("OPTIONS", "primary", options);
        story.at(120.0).phone().sends("REGISTER", "primary");
        story.verdict(REGISTERS, 210.0)
    };
    assert_eq!(verdict(KeepaliveForm::Options), Verdict::Fail);
    assert_eq!(verdict(KeepaliveForm::None), Verdict::Pass, "this REGISTER tells the loss");
}
