//! The group alone, on a clock made by hand.

#![allow(clippy::unwrap_used)]

use sipfarm_core::{Instant, Span};

use super::*;

const FORBIDDEN: Admission = Admission::Refuse { code: 403, retry_after_s: None };
const UNKNOWN: Admission = Admission::Refuse { code: 404, retry_after_s: None };
const BUSY: Admission = Admission::Refuse { code: 503, retry_after_s: None };

/// The host of the phone's Contact.
const PHONE: &str = "192.0.2.200";
const OTHER: &str = "192.0.2.201";

struct Pair {
    group: Group,
    home: Member,
    alternate: Member,
}

/// A group whose phone is registered at home.
fn pair(settings: &[(&str, &str)]) -> Pair {
    let mut known = GroupSettings::default();
    settings.iter().for_each(|(name, value)| known.set(name, value).unwrap());
    let group = Group::new(["primary", "secondary"], known, at(0));
    let (home, alternate) = (group.member(Role::Home), group.member(Role::Alternate));
    home.registered(PHONE, true, at(0));
    group.take_notes();
    Pair { group, home, alternate }
}

impl Pair {
    fn notes(&self) -> Vec<(i64, Occurrence)> {
        let second = |note: Note| ((note.at - Instant::EPOCH).as_nanos() / 1_000_000_000, note.what);
        self.group.take_notes().into_iter().map(second).collect()
    }

    /// Home lost at 0, the phone a guest at 200.
    fn moved(settings: &[(&str, &str)]) -> Pair {
        let pair = pair(settings);
        pair.home.seen(false, at(0));
        assert_eq!(pair.alternate.admit(Some(PHONE), at(200)), Admission::Serve);
        pair.alternate.registered(PHONE, true, at(200));
        pair.group.take_notes();
        pair
    }
}

fn at(seconds: i64) -> Instant {
    Instant::EPOCH + Span::from_secs(seconds)
}

#[test]
fn a_phone_of_the_other_system_is_blocked_while_that_is_seen() {
    let pair = pair(&[]);
    assert_eq!(pair.alternate.admit(Some(PHONE), at(10_000)), FORBIDDEN);
    assert!(pair.notes().is_empty());
}

#[test]
fn how_it_is_blocked_is_a_setting() {
    let busy = pair(&[("block_response", "503"), ("retry_after_s", "20")]);
    assert_eq!(
        busy.alternate.admit(Some(PHONE), at(1)),
        Admission::Refuse { code: 503, retry_after_s: Some(20) }
    );
    assert_eq!(pair(&[("block_response", "silent")]).alternate.admit(Some(PHONE), at(1)), Admission::Silence);
}

#[test]
fn the_gate_opens_when_the_home_was_out_of_sight_for_long_enough() {
    let pair = pair(&[]);
    pair.home.seen(false, at(10));
    assert_eq!(pair.alternate.admit(Some(PHONE), at(189)), FORBIDDEN);
    assert_eq!(pair.alternate.deadline(), Some(at(190)));
    pair.alternate.advance(at(195));
    assert_eq!(pair.notes(), [(10, Occurrence::HomeLost), (190, Occurrence::GateOpened)]);
    assert_eq!(pair.alternate.admit(Some(PHONE), at(195)), Admission::Serve);
}

#[test]
fn a_home_that_comes_back_in_time_opens_nothing() {
    let pair = pair(&[]);
    pair.home.seen(false, at(0));
    pair.home.seen(true, at(179));
    pair.home.seen(false, at(180));
    assert_eq!(pair.alternate.admit(Some(PHONE), at(359)), FORBIDDEN);
    assert_eq!(pair.alternate.admit(Some(PHONE), at(360)), Admission::Serve);
}

#[test]
fn softphones_alone_never_open_it() {
    let pair = pair(&[("phone_kind", "softphone")]);
    pair.home.seen(false, at(0));
    assert_eq!(pair.alternate.admit(Some(PHONE), at(100_000)), FORBIDDEN);
    assert_eq!(pair.notes(), [(0, Occurrence::HomeLost)]);
}

#[test]
fn a_physical_phone_must_have_asked_before_it_opens() {
    let pair = pair(&[]);
    pair.home.seen(false, at(0));
    pair.alternate.advance(at(300));
    assert_eq!(pair.notes(), [(0, Occurrence::HomeLost)]);
    assert_eq!(pair.alternate.admit(Some(PHONE), at(300)), Admission::Serve);
    assert_eq!(pair.notes(), [(300, Occurrence::GateOpened)]);
}

#[test]
fn resilience_begins_with_the_first_guest_and_not_before() {
    let pair = pair(&[]);
    pair.home.seen(false, at(0));
    pair.alternate.admit(Some(PHONE), at(200));
    assert!(!pair.notes().iter().any(|(_, what)| *what == Occurrence::UserResilience));
    pair.alternate.registered(PHONE, true, at(200));
    pair.alternate.registered(PHONE, true, at(240));
    let begun = pair.notes().into_iter().filter(|(_, what)| {
        use Occurrence::{HuntGroupResilience, UserResilience, VoicemailResilience};
        [UserResilience, HuntGroupResilience, VoicemailResilience].contains(what)
    });
    assert_eq!(begun.map(|(at, _)| at).collect::<Vec<_>>(), [200, 200, 200]);
}

#[test]
fn a_restart_loses_what_the_home_had_sent() {
    let pair = Pair::moved(&[]);
    pair.alternate.restarted(at(300));
    assert_eq!(pair.alternate.admit(Some(PHONE), at(1_000)), UNKNOWN);
    pair.home.seen(true, at(1_100));
    pair.home.registered(PHONE, true, at(1_110));
    pair.home.seen(false, at(1_200));
    assert_eq!(pair.alternate.admit(Some(PHONE), at(1_200)), FORBIDDEN);
    assert_eq!(pair.alternate.admit(Some(PHONE), at(1_380)), Admission::Serve);
}

#[test]
fn a_restart_in_normal_operation_costs_nothing() {
    let pair = pair(&[]);
    pair.alternate.restarted(at(10));
    assert_eq!(pair.notes(), [(10, Occurrence::ReplicaLost), (10, Occurrence::ReplicaReceived)]);
    assert_eq!(pair.alternate.admit(Some(PHONE), at(11)), FORBIDDEN);
}

#[test]
fn guests_go_home_when_it_was_in_sight_for_long_enough() {
    let pair = Pair::moved(&[]);
    pair.home.seen(true, at(1_000));
    assert_eq!(pair.home.admit(Some(PHONE), at(1_599)), BUSY);
    assert_eq!(pair.alternate.admit(Some(PHONE), at(1_599)), Admission::Serve);
    assert_eq!(pair.home.admit(Some(PHONE), at(1_600)), Admission::Serve);
    assert_eq!(pair.alternate.admit(Some(PHONE), at(1_899)), Admission::Serve);
    pair.home.registered(PHONE, true, at(1_650));
    assert_eq!(pair.alternate.dismisses().into_iter().collect::<Vec<_>>(), [PHONE]);
    assert!(pair.alternate.dismisses().is_empty());
    assert_eq!(pair.alternate.admit(Some(PHONE), at(1_900)), FORBIDDEN);
    let noted: Vec<Occurrence> = pair.notes().into_iter().map(|(_, what)| what).collect();
    use Occurrence::{CameHome, FailbackBegins, GateClosed, HomeBack};
    assert_eq!(noted, [HomeBack, FailbackBegins, CameHome, GateClosed]);
}

#[test]
fn each_phone_comes_home_by_itself() {
    let pair = pair(&[]);
    pair.home.registered(OTHER, true, at(0));
    pair.home.seen(false, at(0));
    for phone in [PHONE, OTHER] {
        assert_eq!(pair.alternate.admit(Some(phone), at(200)), Admission::Serve);
        pair.alternate.registered(phone, true, at(200));
    }
    let begun = pair.notes().into_iter().filter(|(_, what)| *what == Occurrence::UserResilience);
    assert_eq!(begun.count(), 1);
    pair.home.seen(true, at(1_000));
    assert_eq!(pair.home.admit(Some(OTHER), at(1_599)), BUSY);
    pair.home.registered(OTHER, true, at(1_601));
    assert_eq!(pair.alternate.dismisses().into_iter().collect::<Vec<_>>(), [OTHER]);
    assert_eq!(pair.alternate.admit(Some(PHONE), at(1_700)), Admission::Serve, "the other stays a guest");
    assert_eq!(pair.home.admit(Some(PHONE), at(1_700)), Admission::Serve);
    pair.alternate.advance(at(1_900));
    assert_eq!(pair.alternate.dismisses().into_iter().collect::<Vec<_>>(), [PHONE]);
}

#[test]
fn the_homes_hunt_group_is_served_elsewhere_when_there_are_guests() {
    let pair = pair(&[("hunt_group", "300")]);
    assert_eq!((pair.home.hunts("300"), pair.alternate.hunts("300")), (Some(true), Some(false)));
    assert_eq!(pair.alternate.hunts("301"), None);
    let moved = Pair::moved(&[("hunt_group", "300")]);
    assert_eq!(moved.alternate.hunts("300"), Some(true));
}

#[test]
fn a_phone_that_is_nobodys_guest_is_taken_at_home_at_once() {
    let pair = pair(&[]);
    pair.home.seen(false, at(0));
    pair.alternate.advance(at(200));
    pair.home.seen(true, at(210));
    assert_eq!(pair.home.admit(Some(PHONE), at(211)), Admission::Serve);
}

#[test]
fn guests_take_no_licence_and_others_do() {
    let pair = Pair::moved(&[("licences", "1"), ("alternate_phones", "1")]);
    assert_eq!(pair.alternate.licences_in_use(), 1);
    let mut none = GroupSettings::default();
    none.set("licences", "0").unwrap();
    let full = Group::new(["primary", "secondary"], none, at(0)).member(Role::Home);
    assert_eq!(full.admit(Some(PHONE), at(0)), FORBIDDEN);
}

#[test]
fn what_was_done_away_from_home_is_gone_at_home() {
    let pair = Pair::moved(&[]);
    pair.alternate.refuse_calls(true);
    pair.alternate.call();
    assert!(pair.alternate.record().refuses_calls && pair.alternate.history() == 1);
    pair.home.seen(true, at(1_000));
    assert_eq!(pair.alternate.history(), 1, "not before the phone is home");
    pair.home.registered(PHONE, true, at(1_700));
    for member in [&pair.home, &pair.alternate] {
        assert!(!member.record().refuses_calls && member.history() == 0);
    }
}

#[test]
fn a_hot_desked_user_is_logged_out_and_in_again() {
    let pair = Pair::moved(&[("hot_desked_user", "1003")]);
    assert!(!pair.alternate.record().logged_in && !pair.home.record().logged_in);
    pair.home.seen(true, at(1_000));
    pair.home.registered(PHONE, true, at(1_700));
    assert!(pair.home.record().logged_in && !pair.alternate.record().logged_in);
    assert!(pair.notes().contains(&(1_700, Occurrence::HotDeskIn)));
}

#[test]
fn settings_that_do_not_match_are_noted_and_refused() {
    let group = |name, value| {
        let mut settings = GroupSettings::default();
        settings.set(name, value).unwrap();
        Group::new(["primary", "secondary"], settings, at(0))
    };
    let off = group("alternate_extensions", "off");
    assert!(off.take_notes().iter().any(|note| note.what == Occurrence::NoExtensions));
    assert_eq!(off.member(Role::Alternate).admit(Some(PHONE), at(500)), FORBIDDEN);
    let other = group("alternate_domain", "other.example").take_notes();
    assert!(other.iter().any(|note| note.what == Occurrence::OtherDomain));
}

#[test]
fn mistakes_are_told_with_what_would_fit() {
    let mut settings = GroupSettings::default();
    assert!(settings.set("failover_delay", "3").unwrap_err().contains("did you mean failover_delay_s?"));
    assert!(settings.set("block_response", "200").unwrap_err().contains("403, or silent"));
    assert!("gate open".parse::<Occurrence>().unwrap_err().contains("\"gate opened\""));
}

#[test]
fn the_readme_names_every_setting_and_every_note() {
    let readme = include_str!("README.md");
    let settings = settings::NAMES.iter().copied();
    for word in settings.chain(Occurrence::ALL.iter().map(|occurrence| occurrence.words())) {
        assert!(readme.contains(&format!("`{word}`")), "harness/farm/group/README.md lacks `{word}`");
    }
}
