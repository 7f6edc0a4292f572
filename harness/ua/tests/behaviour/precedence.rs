//! Precedence and preemption (PA-01 to PA-17; RFC 4411, RFC 4412).

use crate::common::*;
use sipfarm_core::profile::{Contact, Precedence, Profile};
use sipfarm_core::sip::{Message, Method};

fn profile(appearances: u8) -> Profile {
    let levels = ["routine", "priority", "immediate", "flash", "flash-override"];
    let mut profile = Profile::default();
    profile.lines.appearances = appearances;
    profile.mlpp.enabled = true;
    profile.mlpp.namespace = Some("dsn".to_owned());
    profile.mlpp.levels = levels.map(str::to_owned).to_vec();
    profile
}

fn phone(appearances: u8) -> Bench {
    Bench::for_calls(profile(appearances))
}

const FLASH: (&str, &str) = ("Resource-Priority", "dsn.flash");
const ROUTINE: (&str, &str) = ("Resource-Priority", "dsn.routine");
const REQUIRE: (&str, &str) = ("Require", "resource-priority");

fn reason(message: &Message) -> String {
    let reason = message.preemption().expect("Reason: preemption");
    format!("{:?}", reason.cause)
}

#[test]
fn a_higher_call_takes_the_place_of_the_lowest() {
    let mut bench = phone(2);
    bench.answered_call("a", &[ROUTINE]);
    bench.answered_call("b", &[FLASH]);
    bench.run(1.0);
    bench.ring("c", "1001", &[("Resource-Priority", "DSN.Flash-Override")]);
    assert_eq!(bench.said_of("a").last().unwrap(), "BYE");
    assert_eq!(reason(bench.sent_for("a").last().map(|sent| &sent.message).unwrap()), "Some(1)");
    assert_eq!(bench.said_of("b"), ["180", "200"]);
    assert_eq!(bench.said_of("c"), ["180"]);
}

#[test]
fn with_room_nobody_falls_and_an_equal_is_refused() {
    let mut bench = phone(2);
    bench.answered_call("a", &[FLASH]);
    bench.ring("b", "1001", &[("Resource-Priority", "dsn.flash-override")]);
    assert_eq!(bench.said_of("b"), ["180"]);
    bench.ring("c", "1001", &[FLASH]);
    assert_eq!(bench.said_of("c"), ["486"]);
    bench.ring("d", "1001", &[]);
    assert_eq!(bench.said_of("d"), ["486"]);
    assert_eq!(bench.said_of("a"), ["180", "200"]);
}

#[test]
fn after_the_rfc_the_active_call_falls_though_there_is_room() {
    let mut profile = profile(3);
    profile.mlpp.requires_all_appearances = false;
    let mut bench = Bench::for_calls(profile);
    bench.answered_call("a", &[]);
    bench.ring("b", "1001", &[ROUTINE]);
    assert_eq!(bench.said_of("a"), ["180", "200"]);
    bench.ring("c", "1001", &[FLASH]);
    assert_eq!(bench.said_of("a").last().unwrap(), "BYE");
    assert_eq!(bench.said_of("b"), ["180"]);
}

#[test]
fn a_call_that_rings_falls_by_a_refusal() {
    let mut bench = phone(1);
    bench.ring("a", "1001", &[ROUTINE]);
    bench.ring("b", "1001", &[FLASH]);
    assert_eq!(bench.said_of("a"), ["180", "480"]);
    assert_eq!(reason(bench.last_of("a")), "Some(1)");
    assert_eq!(bench.said_of("b"), ["180"]);
}

#[test]
fn a_call_that_dials_falls_by_cancel_when_that_may_be_sent() {
    let mut bench = phone(1);
    bench.script(0, |_| vec![]);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let dialled = bench.dialled();
    bench.ring("b", "1001", &[FLASH]);
    assert_eq!(bench.said_of("b"), ["180"]);
    assert!(!bench.said_of(&dialled).contains(&"CANCEL".to_owned()), "nothing has come yet");
    let invite = bench.sent_for(&dialled)[0].message.clone();
    bench.deliver(0, &reply(&invite, 180));
    assert_eq!(bench.said_of(&dialled).last().unwrap(), "CANCEL");
    assert_eq!(reason(bench.last_of(&dialled)), "Some(1)");
}

#[test]
fn a_conference_falls_with_all_legs_and_after_the_delay() {
    let mut profile = profile(2);
    profile.mlpp.preempt_delay_s.local = 5;
    let mut bench = Bench::for_calls(profile);
    bench.answered_call("a", &[ROUTINE]);
    bench.answered_call("b", &[ROUTINE]);
    bench.tell(|phone, now| phone.join(now)).unwrap();
    bench.run(1.0);
    bench.ring("c", "1001", &[FLASH]);
    bench.ring("d", "1001", &[("Resource-Priority", "dsn.immediate")]);
    assert_eq!((bench.said_of("c"), bench.said_of("d")), (vec!["180".to_owned()], vec!["180".to_owned()]));
    bench.run(4.9);
    assert!(!bench.said_of("a").contains(&"BYE".to_owned()));
    bench.run(0.2);
    assert_eq!(bench.said_of("a").last().unwrap(), "BYE");
    assert_eq!(bench.said_of("b").last().unwrap(), "BYE");
}

#[test]
fn a_precedence_that_nobody_knows_counts_as_none_unless_it_is_required() {
    let unknown = ("Resource-Priority", "foo.bar");
    let mut bench = phone(1);
    bench.ring("a", "1001", &[unknown, REQUIRE]);
    assert_eq!(bench.said_of("a"), ["417"]);
    assert!(bench.last_of("a").header("Accept-Resource-Priority").unwrap().contains("dsn.flash"));
    bench.ring("b", "1001", &[ROUTINE, REQUIRE]);
    assert_eq!(bench.said_of("b"), ["180"]);
    bench.ring("c", "1001", &[unknown]);
    assert_eq!(bench.said_of("c"), ["486"]);
    let mut without = Bench::for_calls(Profile::default());
    without.ring("a", "1001", &[FLASH, REQUIRE]);
    assert_eq!(without.said_of("a"), ["420"]);
    assert_eq!(without.last_of("a").header("Unsupported"), Some("resource-priority"));
}

#[test]
fn options_tell_what_it_understands() {
    let mut bench = phone(1);
    bench.deliver(0, &request("OPTIONS", "o", 1));
    assert_eq!(bench.last_response().header("Supported"), Some("resource-priority"));
    assert!(bench.last_response().header("Accept-Resource-Priority").unwrap().starts_with("dsn.routine"));
}

fn dialling(profile: Profile) -> Bench {
    let entry = |prefix: &str, level: &str| Precedence {
        prefix: prefix.to_owned(),
        level: level.to_owned(),
        strip: true,
    };
    let mut profile = profile;
    profile.mlpp.dialplan = vec![entry("91", "flash"), entry("90", "flash-override")];
    profile.mlpp.require = Some(true);
    Bench::for_calls(profile)
}

#[test]
fn what_is_dialled_says_the_level_in_every_request() {
    let mut bench = dialling(profile(1));
    let mut challenged = false;
    bench.script(0, move |request| match request.method() {
        Some(Method::Invite) if !std::mem::replace(&mut challenged, true) => {
            let challenge = "Digest realm=\"lab\", nonce=\"n1\", qop=\"auth\", algorithm=MD5";
            vec![reply(request, 407).header("Proxy-Authenticate", challenge)]
        }
        Some(Method::Invite) => vec![reply(request, 180)],
        Some(Method::Ack) => vec![],
        _ => vec![reply(request, 200)],
    });
    bench.tell(|phone, now| phone.dial("911002", now)).unwrap();
    let dialled = bench.dialled();
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    assert_eq!(bench.said_of(&dialled), ["INVITE", "INVITE", "CANCEL"]);
    for sent in bench.sent_for(&dialled).iter().filter(|sent| !sent.message.is_request(&Method::Ack)) {
        assert_eq!(sent.message.header("Resource-Priority"), Some("dsn.flash"));
        assert!(sent.message.request_uri().unwrap().starts_with("sip:1002@"));
    }
    assert_eq!(bench.sent_for(&dialled)[0].message.header("Require"), Some("resource-priority"));
}

#[test]
fn the_server_may_change_the_level() {
    for may in [true, false] {
        let mut profile = profile(1);
        profile.mlpp.server_may_change_level = may;
        let mut bench = dialling(profile);
        bench.script(0, |request| match request.method() {
            Some(Method::Invite) => {
                let answer = accepted(request, "callee").remove("Record-Route");
                let answer = answer.set("Contact", "<sip:callee@192.0.2.10:5060>");
                vec![answer.header("Resource-Priority", "dsn.flash-override")]
            }
            Some(Method::Ack) => vec![],
            _ => vec![reply(request, 200)],
        });
        bench.tell(|phone, now| phone.dial("911002", now)).unwrap();
        let dialled = bench.dialled();
        bench.tell(|phone, now| phone.hang_up(now)).unwrap();
        let level = if may { "dsn.flash-override" } else { "dsn.flash" };
        assert!(bench.last_of(&dialled).is_request(&Method::Bye));
        assert_eq!(bench.last_of(&dialled).header("Resource-Priority"), Some(level));
    }
}

#[test]
fn precedence_overrides_what_the_phone_does_by_itself() {
    let mut profile = profile(1);
    let contact = |divert_to: Option<&str>, reject| Contact {
        user: "caller".to_owned(),
        divert_to: divert_to.map(str::to_owned),
        reject,
        ring_type: None,
    };
    profile.incoming.contacts = vec![contact(Some("1009"), None)];
    let mut bench = Bench::for_calls(profile.clone());
    bench.ring("a", "1001", &[]);
    assert_eq!(bench.said_of("a"), ["302"]);
    assert_eq!(bench.last_of("a").header("Contact"), Some("<sip:1009@example.org>"));
    bench.ring("b", "1001", &[FLASH]);
    assert_eq!(bench.said_of("b"), ["180"]);
    profile.incoming.contacts = vec![contact(None, Some(603))];
    let mut bench = Bench::for_calls(profile.clone());
    bench.ring("a", "1001", &[]);
    assert_eq!(bench.said_of("a"), ["603"]);
    profile.incoming.contacts.clear();
    profile.incoming.auto_answer_alert_info = vec!["info=alert-autoanswer".to_owned()];
    let alert = ("Alert-Info", "<http://127.0.0.1>;info=alert-autoanswer");
    let mut bench = Bench::for_calls(profile.clone());
    bench.ring("a", "1001", &[alert]);
    assert_eq!(bench.said_of("a"), ["180", "200"]);
    let mut bench = Bench::for_calls(profile);
    bench.ring("a", "1001", &[alert, FLASH]);
    bench.run(10.0);
    assert_eq!(bench.said_of("a"), ["180"]);
}

#[test]
fn the_highest_call_is_on_top_of_the_alerting_list() {
    let mut profile = profile(3);
    profile.mlpp.priority_text = Some("Priority-{n}".to_owned());
    let mut bench = Bench::for_calls(profile);
    bench.ring("a", "1001", &[ROUTINE]);
    bench.ring("b", "1001", &[("Resource-Priority", "dsn.flash-override")]);
    bench.ring("c", "1001", &[FLASH]);
    assert_eq!(bench.reports().last().unwrap(), "alerting list: b, c, a");
    assert!(bench.reports().contains(&"precedence: Priority-3; ring type: normal, faster".to_owned()));
    bench.tell(|phone, now| phone.answer(now)).unwrap();
    assert_eq!(bench.said_of("b"), ["180", "200"]);
}

#[test]
fn the_screen_tells_of_a_call_that_the_other_side_has_preempted() {
    let mut bench = phone(1);
    bench.answered_call("a", &[ROUTINE]);
    let bye = bench.within_call("BYE", "a", 2).header("Reason", "preemption;cause=1");
    bench.deliver(0, &bye);
    bench.run(2.9);
    bench.ring("b", "1001", &[]);
    assert_eq!(bench.said_of("b"), ["486"]);
    bench.run(0.2);
    bench.ring("c", "1001", &[]);
    assert_eq!(bench.said_of("c"), ["180"]);
}
