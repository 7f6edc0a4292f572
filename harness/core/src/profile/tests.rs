//! Loading profiles: what is right, and what each error says.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const HEAD: &str = "schema: sipfarm.profile/1\nid: mine\n";

fn load_text(text: &str, bases: &[(&str, &str)]) -> Result<Profile, LoadError> {
    let bases: BTreeMap<&str, &str> = bases.iter().copied().collect();
    let source = |name: &str, text: &str| Source { origin: format!("{name}.yaml"), text: text.to_owned() };
    load(&source("mine", text), &|name| bases.get(name).map(|text| source(name, text)))
}

/// The error of a profile with the two required lines and `text` after them.
fn error(text: &str) -> String {
    load_text(&format!("{HEAD}{text}"), &[]).unwrap_err().to_string()
}

#[test]
fn a_silent_profile_is_the_default_under_its_own_name() {
    assert_eq!(load_text(HEAD, &[]).unwrap(), Profile { id: "mine".to_owned(), ..Profile::default() });
}

#[test]
fn words_that_look_like_other_types_need_no_quotes() {
    let text = format!(
        "{HEAD}failover: {{triggers: [503, '408', icmp], honour_retry_after: true}}\nknown_issues: {{R-1: 17}}\n"
    );
    let profile = load_text(&text, &[]).unwrap();
    let triggers = [Trigger::ServiceUnavailable, Trigger::RequestTimeout, Trigger::Icmp];
    assert_eq!(profile.failover.triggers, triggers);
    assert_eq!(profile.failover.honour_retry_after, HonourRetryAfter::Must);
    assert_eq!(profile.known_issues["R-1"], "17");
}

#[test]
fn a_profile_survives_being_written_and_read() {
    let mut profile = Profile::default();
    profile.failover.invite_retry_count = Some(RetryCount { value: 5, counts: Counts::Sends });
    profile.failback.token = Some(FailbackToken::default());
    profile.timers.connect_timeout_ms = Some(9_000);
    let text = serde_yaml::to_string(&profile).unwrap();
    assert_eq!(load_text(&text, &[]).unwrap(), profile);
}

#[test]
fn a_base_speaks_where_the_profile_is_silent() {
    let base = "schema: sipfarm.profile/1\nid: base\ntimers: {t1_ms: 700, invite_timeout_ms: 9000}\n\
                servers: {order: [a, b]}\nfailover: {invite_retry_count: {value: 7, counts: sends}}\nknown_issues: {R-1: old}\n";
    let text = format!(
        "{HEAD}extends: base\ntimers: {{invite_timeout_ms: null}}\nservers: {{order: [c]}}\n\
         failover: {{invite_retry_count: {{value: 2}}}}\nknown_issues: {{R-2: new}}\n"
    );
    let profile = load_text(&text, &[("base", base)]).unwrap();
    assert_eq!(profile.timers.t1_ms, 700, "not written: from the base");
    assert_eq!(profile.timers.invite_timeout_ms, None, "written as null: not from the base");
    assert_eq!(profile.servers.order, ["c"], "a list is replaced whole");
    assert_eq!(profile.failover.invite_retry_count, Some(RetryCount { value: 2, counts: Counts::Sends }));
    assert_eq!(profile.known_issues.len(), 2);
    assert_eq!(profile.extends.as_deref(), Some("base"));
}

#[test]
fn a_base_may_supply_what_makes_the_whole_make_sense() {
    let base = "schema: sipfarm.profile/1\nid: base\ntimers: {invite_timeout_ms: 4000}\n";
    let rule = "failover: {retry_rule: fixed_timeout}\n";
    assert!(load_text(&format!("{HEAD}extends: base\n{rule}"), &[("base", base)]).is_ok());
    assert_eq!(
        error(rule),
        "mine.yaml:3:24: failover.retry_rule: `fixed_timeout` needs `timers.invite_timeout_ms`"
    );
}

#[test]
fn signalling_with_the_registered_server_only_needs_a_registration_first() {
    let only = "failover: {only_signal_with_registered: true, register_before_invite: ";
    assert_eq!(
        error(&format!("{only}false}}\n")),
        "mine.yaml:3:41: failover.only_signal_with_registered: it needs `failover.register_before_invite`"
    );
    let text = error(&format!("{only}true}}\n"));
    assert!(text.contains("`failback.mode: new_requests`"), "{text}");
    assert!(load_text(&format!("{HEAD}{only}true}}\nfailback: {{mode: duration}}\n"), &[]).is_ok());
}

#[test]
fn broken_chains_of_bases_are_errors() {
    let extending = |id: &str, base: &str| format!("schema: sipfarm.profile/1\nid: {id}\nextends: {base}\n");
    let (a, b) = (extending("a", "b"), extending("b", "mine"));
    let circle = load_text(&format!("{HEAD}extends: a\n"), &[("a", &a), ("b", &b)]).unwrap_err();
    assert_eq!(circle.to_string(), "b.yaml:3:10: extends: mine → a → b → mine closes a circle");
    assert_eq!(error("extends: mine\n"), "mine.yaml:3:10: extends: mine → mine closes a circle");
    assert_eq!(error("extends: nobody\n"), "mine.yaml:3:10: extends: there is no profile `nobody`");
    let with_ending = "mine.yaml:3:10: extends: there is no profile `base.yaml`; write `base`";
    assert_eq!(error("extends: base.yaml\n"), with_ending);
    // A base that answers to every name, each time with an id of its own.
    let endless = load(&Source { origin: "x".to_owned(), text: extending("n", "n0") }, &|name| {
        Some(Source { origin: name.to_owned(), text: extending(name, &format!("{name}0")) })
    });
    assert!(endless.unwrap_err().problem.contains("more than 8 profiles"));
}

#[test]
fn unknown_keys_have_their_place_and_a_hint() {
    let text = error("failover:\n  retry_cuont: { value: 5 }\n");
    assert!(
        text.starts_with("mine.yaml:4:3: failover: unknown field `retry_cuont`, expected one of "),
        "{text}"
    );
    assert!(text.ends_with("; did you mean `retry_count`?"), "{text}");
    let text = error("codecs: [pcmu]\n");
    assert!(text.starts_with("mine.yaml:3:1: unknown field `codecs`"), "{text}");
    assert!(!text.contains("did you mean"), "{text}");
}

#[test]
fn unknown_words_have_their_place_and_a_hint() {
    assert_eq!(
        error("failover: { retry_rule: retry_cont }\n"),
        "mine.yaml:3:25: failover.retry_rule: unknown word `retry_cont`, expected one of `retry_count`, \
         `timer_b`, `fixed_timeout`; did you mean `retry_count`?"
    );
    assert!(error("failover: { triggers: [503, 507] }\n").starts_with("mine.yaml:3:29: "));
}

#[test]
fn wrong_types_have_their_place() {
    assert_eq!(
        error("timers:\n  t1_ms: soon\n"),
        "mine.yaml:4:10: timers.t1_ms: expected a whole number, not negative; found the text \"soon\""
    );
    assert!(
        error("timers: { t1_ms: -1 }\n").starts_with("mine.yaml:3:18: timers.t1_ms: expected a whole number")
    );
    assert!(
        error("timers: { t1_ms: 4294967296 }\n")
            .starts_with("mine.yaml:3:18: timers.t1_ms: expected a whole number")
    );
    assert!(
        error("servers: primary\n")
            .starts_with("mine.yaml:3:10: servers: expected fields below it; found the text")
    );
    assert!(
        error("servers: { order: primary }\n")
            .starts_with("mine.yaml:3:19: servers.order: expected a list; found the text")
    );
    assert!(error("kind: !x physical\n").starts_with("mine.yaml:3:7: "));
}

#[test]
fn duplicate_keys_have_the_place_of_the_second() {
    assert_eq!(
        error("timers: { t1_ms: 500 }\nkind: physical\ntimers: { t2_ms: 4000 }\n"),
        "mine.yaml:5:1: the key `timers` stands here for the second time"
    );
    assert_eq!(
        error("known_issues:\n  R-1: a\n  \"R-1\": b\n"),
        "mine.yaml:5:3: known_issues: the key `R-1` stands here for the second time"
    );
}

#[test]
fn values_out_of_range_have_their_place() {
    assert_eq!(error("timers: { t1_ms: 0 }\n"), "mine.yaml:3:18: timers.t1_ms: T1 is more than 0");
    assert_eq!(
        error("servers: { order: [a, b, a] }\n"),
        "mine.yaml:3:19: servers.order: no server is named twice"
    );
    assert_eq!(
        error("known_issues: { R-1: ' ' }\n"),
        "mine.yaml:3:15: known_issues: every known issue has its reason"
    );
    assert!(
        error("registration: { refresh_lo: .nan }\n")
            .starts_with("mine.yaml:3:29: registration.refresh_lo: ")
    );
    assert!(error("tolerance: { retx_hi: .inf }\n").starts_with("mine.yaml:3:23: tolerance.retx_hi: "));
}

#[test]
fn a_known_issue_is_one_of_a_rule_that_there_is() {
    let source = |name: &str, text: &str| Source { origin: format!("{name}.yaml"), text: text.to_owned() };
    let base = format!("{HEAD}known_issues:\n  invite-schedul: late\n").replace("mine", "base");
    let load = |text: &str| {
        let lookup = |name: &str| (name == "base").then(|| source(name, &base));
        load_for(&source("mine", &format!("{HEAD}{text}")), &lookup, &["branch", "invite-schedule"])
    };
    assert_eq!(load("known_issues: {branch: odd}\n").unwrap().known_issues["branch"], "odd");
    let problem = |text: &str| load(text).unwrap_err().to_string();
    assert_eq!(
        problem("known_issues:\n  branch: odd\n  moon: full\n"),
        "mine.yaml:5:9: known_issues: there is no rule `moon`; harness/judge/src/rules/README.md lists the rules"
    );
    assert_eq!(
        problem("extends: base\n"),
        "base.yaml:4:19: known_issues: there is no rule `invite-schedul`; did you mean `invite-schedule`?",
        "the place is in the text that is wrong"
    );
}

#[test]
fn the_head_of_the_file_is_required() {
    let problem = |text: &str| load_text(text, &[]).unwrap_err().to_string();
    assert_eq!(problem("schema: sipfarm.profile/1\n"), "mine.yaml: `id:` is missing");
    assert_eq!(problem("id: mine\n"), "mine.yaml: `schema:` is missing");
    assert_eq!(
        problem("schema: sipfarm.profile/2\nid: mine\n"),
        "mine.yaml:1:9: schema: this version reads `sipfarm.profile/1` only"
    );
    assert_eq!(problem("- a\n- b\n"), "mine.yaml:1:1: a profile is a mapping of fields");
    assert!(problem("").starts_with("mine.yaml"));
    assert!(problem("# nothing\n").starts_with("mine.yaml"));
    assert!(problem("id: [\n").starts_with("mine.yaml:2:1: "));
    assert!(problem(&format!("{HEAD}---\n{HEAD}")).contains("more than one document"));
}

#[test]
fn a_text_made_to_exhaust_us_is_an_error() {
    // Ten levels of ten aliases each would be ten thousand million values.
    let mut laughs = format!("{HEAD}known_issues:\n  l0: &l0 lol\n");
    for level in 1..=10 {
        let below = vec![format!("*l{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("  l{level}: &l{level} [{below}]\n"));
    }
    let deep = format!("{HEAD}known_issues: {}{}\n", "[".repeat(20_000), "]".repeat(20_000));
    let deep_blocks: String = (0..300).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let circle = format!("{HEAD}known_issues: &a {{x: *a}}\n");
    let long = format!("{HEAD}# {}\n", "x".repeat(70_000));
    // Many small aliases of one long list.
    let wide = format!("{HEAD}a: &a [{}]\nb: [{}]\n", "0,".repeat(9_000), "*a,".repeat(9_000));
    for text in [laughs, deep, deep_blocks, circle, long, wide] {
        assert!(load_text(&text, &[]).is_err(), "{text:.60}");
    }
}

#[test]
fn a_setting_changes_one_value() {
    let changed = |path: &str, value: &str| Profile::default().with_setting(path, value).unwrap();
    assert_eq!(changed("failover.retry_count.value", "5").failover.retry_count.value, 5);
    assert_eq!(changed("timers.t1_ms", "250").timers, Timers { t1_ms: 250, ..Timers::default() });
    assert_eq!(changed("servers.order", "[primary]").servers.order, ["primary"]);
    assert_eq!(changed("failover.triggers", "[503, icmp]").failover.triggers.len(), 2);
    assert_eq!(
        changed("failover.invite_retry_count.value", "7").failover.invite_retry_count.unwrap().value,
        7
    );
    assert_eq!(changed("registration.fallback_probe_s", "null").registration.fallback_probe_s, None);
    assert_eq!(changed("known_issues.retransmission-schedule", "late by a tick").known_issues.len(), 1);
    let twice = changed("timers.t1_ms", "250").with_setting("timers.t2_ms", "2000").unwrap();
    assert_eq!((twice.timers.t1_ms, twice.timers.t2_ms), (250, 2000));
}

#[test]
fn a_wrong_setting_says_what_to_do() {
    let problem =
        |path: &str, value: &str| Profile::default().with_setting(path, value).unwrap_err().to_string();
    assert!(problem("timer.t1_ms", "250").ends_with("; did you mean `timers`?"));
    assert!(problem("timers.t1", "250").ends_with("; did you mean `t1_ms`?"));
    assert_eq!(
        problem("timers.t1_ms", "soon"),
        "timers.t1_ms = soon: timers.t1_ms: expected a whole number, not negative; found the text \"soon\""
    );
    assert!(problem("id.inner", "x").contains("expected a text; found fields"));
    for (path, value) in
        [("", "1"), ("timers.", "1"), ("timers.\"a", "1"), ("timers.t1_ms", ""), ("timers.t1_ms", "1\nid: x")]
    {
        problem(path, value);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", yaml in "[a-z0-9:{}\\[\\]&*!|>#%'\", \n-]{0,200}") {
        for text in [text.clone(), yaml.clone(), format!("{HEAD}{text}"), format!("{HEAD}{yaml}")] {
            let _ = load_text(&text, &[]);
        }
        let _ = Profile::default().with_setting(&text, &yaml);
        let _ = Profile::default().with_setting("failover.triggers", &yaml);
    }

    #[test]
    fn no_damage_to_a_profile_makes_the_reader_panic(
        at in any::<prop::sample::Index>(),
        cut in 0_usize..40,
        put in "[a-z0-9:{}\\[\\]&*!|>#%'\", \n-]{0,20}",
    ) {
        let whole = serde_yaml::to_string(&Profile::default()).unwrap();
        let from = at.index(whole.len());
        let damaged = format!("{}{put}{}", &whole[..from], &whole[(from + cut).min(whole.len())..]);
        let _ = load_text(&damaged, &[]);
    }
}

#[test]
fn settings_need_to_fit_only_together() {
    let set = |pairs: &[(&str, &str)]| {
        let owned: Vec<_> =
            pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
        Profile::default().with_settings(&owned)
    };
    for pair in [
        [("registration.retry.max_s", "10"), ("registration.retry.base_s", "10")],
        [("registration.retry.base_s", "60"), ("registration.retry.max_s", "60")],
    ] {
        let profile = set(&pair).unwrap();
        assert_eq!(profile.registration.retry.base_s, profile.registration.retry.max_s);
    }
    let (at, error) = set(&[("timers.t1_ms", "250"), ("registration.retry.max_s", "10")]).unwrap_err();
    assert_eq!(at, 1, "{error}");
}

/// Levels, what is dialled for them and the level of all other calls hang together: no order of single changes would do.
#[test]
fn settings_that_fit_only_together_are_taken_together() {
    let set = |rows: &[(&str, &str)]| {
        rows.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let with_levels = set(&[
        ("mlpp.enabled", "true"),
        ("mlpp.namespace", "uc-000000"),
        ("mlpp.levels", "['0', '2']"),
        ("mlpp.dialplan", "[{prefix: '93', level: '2'}]"),
        ("mlpp.default_level", "'0'"),
    ]);
    let model = Profile::default().with_settings(&with_levels).unwrap();
    let other =
        set(&[("mlpp.levels", "[routine, flash]"), ("mlpp.dialplan", "[]"), ("mlpp.default_level", "flash")]);
    for rotated in 0..other.len() {
        let mut rows = other.clone();
        rows.rotate_left(rotated);
        let changed = model.with_settings(&rows).unwrap();
        assert_eq!(changed.mlpp.default_level.as_deref(), Some("flash"), "{rows:?}");
        assert_eq!(changed.mlpp.namespace.as_deref(), Some("uc-000000"), "what is not named stays");
    }
    let wrong = set(&[("mlpp.levels", "[routine]"), ("mlpp.default_level", "'7'")]);
    assert!(model.with_settings(&wrong).is_err());
}
