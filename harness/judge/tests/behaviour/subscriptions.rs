//! `subscribes`, `subscription-refresh`, `features-on-fallback`.
use crate::common::Story;
use sipfarm_core::profile::RegistrationMethod;
use sipfarm_judge::Verdict;

/// A phone that is to subscribe to message waiting, registered with the primary.
fn registered() -> Story {
    let mut story = Story::new();
    story.profile.subscriptions.packages = vec!["message-summary".to_owned()];
    binds(&mut story, 0.0, "primary");
    story
}

fn binds(story: &mut Story, at: f64, node: &str) {
    story.at(at).phone().sends_with("REGISTER", node, |b| b.set("Expires", 3600));
    story.at(at + 0.1).node(node).answers("REGISTER", 200);
}

fn subscribes(story: &mut Story, at: f64, node: &str, package: &str, expires: u32) {
    story
        .at(at)
        .phone()
        .new_call()
        .sends_with("SUBSCRIBE", node, |b| b.set("Event", package).set("Expires", expires));
    story.at(at + 0.1).node(node).answers_with("SUBSCRIBE", 200, |b| b.set("Expires", expires));
}

#[test]
fn a_package_is_subscribed_to_within_ten_seconds() {
    let verdict = |at: Option<f64>, package: &str, until| {
        let mut story = registered();
        if let Some(at) = at {
            subscribes(&mut story, at, "primary", package, 3600);
        }
        story.verdict("subscribes", until)
    };
    assert_eq!(verdict(Some(1.0), "message-summary", 30.0), Verdict::Pass);
    assert_eq!(verdict(Some(1.0), "Message-Summary;id=1", 30.0), Verdict::Pass);
    assert_eq!(verdict(Some(12.0), "message-summary", 30.0), Verdict::Fail);
    assert_eq!(verdict(Some(1.0), "dialog", 30.0), Verdict::Fail);
    assert_eq!(verdict(None, "", 30.0), Verdict::Fail);
    assert_eq!(verdict(None, "", 9.0), Verdict::NotExercised, "there is time yet");
}

#[test]
fn nothing_is_asked_of_a_phone_without_packages_or_that_was_stopped() {
    let mut story = registered();
    story.profile.subscriptions.packages.clear();
    assert_eq!(story.verdict("subscribes", 30.0), Verdict::NotExercised);

    let mut story = registered();
    story.at(5.0).command("reboot");
    assert_eq!(story.verdict("subscribes", 12.0), Verdict::NotExercised);

    assert_eq!(registered().lossy().verdict("subscribes", 30.0), Verdict::Inconclusive);
}

#[test]
fn after_a_failover_the_profile_says_whether_at_once() {
    let mut story = registered();
    subscribes(&mut story, 1.0, "primary", "message-summary", 3600);
    binds(&mut story, 40.0, "secondary");
    assert_eq!(story.verdict("subscribes", 60.0), Verdict::Fail);
    story.profile.subscriptions.follow_failover = false;
    assert_eq!(story.verdict("subscribes", 60.0), Verdict::Pass);
    binds(&mut story, 70.0, "fallback");
    assert_eq!(story.verdict("subscribes", 90.0), Verdict::Fail, "the fallback takes over everything");
}

#[test]
fn a_subscription_that_still_holds_need_not_be_made_anew() {
    let mut story = registered();
    subscribes(&mut story, 1.0, "primary", "message-summary", 3600);
    binds(&mut story, 40.0, "secondary");
    subscribes(&mut story, 41.0, "secondary", "message-summary", 3600);
    binds(&mut story, 100.0, "primary");
    assert_eq!(story.verdict("subscribes", 130.0), Verdict::Pass);
}

#[test]
fn it_is_refreshed_before_it_runs_out() {
    let rule = "subscription-refresh";
    let mut story = registered();
    subscribes(&mut story, 1.0, "primary", "message-summary", 60);
    assert_eq!(story.verdict(rule, 50.0), Verdict::NotExercised);
    assert_eq!(story.verdict(rule, 70.0), Verdict::Fail);
    subscribes(&mut story, 45.0, "primary", "message-summary", 60);
    assert_eq!(story.verdict(rule, 70.0), Verdict::Pass);
}

#[test]
fn the_refresh_of_another_subscription_to_the_package_is_none() {
    let story = |refreshed: Option<&str>| {
        let mut story = registered();
        let watch = |story: &mut Story, at: f64, whom: &str| {
            story.at(at).phone().sends_with("SUBSCRIBE", "primary", |b| {
                b.set("Event", "dialog")
                    .set("Expires", 60)
                    .set("Call-ID", whom)
                    .set("To", format!("<sip:{whom}>"))
            });
            story.at(at + 0.1).node("primary").answers_with("SUBSCRIBE", 200, |b| b.set("Expires", 60));
        };
        watch(&mut story, 1.0, "1007@example.com");
        watch(&mut story, 2.0, "1008@example.com");
        watch(&mut story, 45.0, "1008@example.com");
        refreshed.into_iter().for_each(|whom| watch(&mut story, 46.0, whom));
        story.verdict("subscription-refresh", 70.0)
    };
    assert_eq!(story(Some("1007@example.com")), Verdict::Pass);
    assert_eq!(story(Some("1009@example.com")), Verdict::Fail);
    assert_eq!(story(None), Verdict::Fail);
}

#[test]
fn a_phone_that_left_the_server_refreshes_nothing_there() {
    let mut story = registered();
    subscribes(&mut story, 1.0, "primary", "message-summary", 60);
    binds(&mut story, 40.0, "secondary");
    assert_eq!(story.verdict("subscription-refresh", 100.0), Verdict::NotExercised);
}

#[test]
fn of_two_bindings_the_fallback_carries_plain_calls() {
    let rule = "features-on-fallback";
    let concurrent = || {
        let mut story = registered();
        story.profile.registration.method = RegistrationMethod::Concurrent;
        binds(&mut story, 0.2, "fallback");
        story
    };
    for package in ["message-summary", "dialog", "call-info", "line-seize"] {
        let mut story = concurrent();
        subscribes(&mut story, 5.0, "fallback", package, 60);
        assert_eq!(story.verdict(rule, 10.0), Verdict::Fail, "{package}");
    }
    let mut story = concurrent();
    subscribes(&mut story, 5.0, "primary", "message-summary", 60);
    story.at(20.0).phone().sends("INVITE", "fallback");
    assert_eq!(story.verdict(rule, 30.0), Verdict::Pass);

    let mut story = concurrent();
    story.profile.registration.features_on_fallback.mwi = true;
    subscribes(&mut story, 5.0, "fallback", "message-summary", 60);
    assert_ne!(story.verdict(rule, 10.0), Verdict::Fail);

    let mut story = registered();
    subscribes(&mut story, 5.0, "fallback", "message-summary", 60);
    assert_eq!(story.verdict(rule, 10.0), Verdict::NotExercised, "one binding at a time: all goes with it");
}
