//! Values that have the right type and still make no sense.

use std::collections::BTreeSet;

use super::{FailbackMode, KeepaliveForm, PreemptState, Profile, RetryRule};

/// The schema that this code reads.
pub(super) const SCHEMA: &str = "sipfarm.profile/1";

impl Profile {
    /// The first value out of range: its dotted path and what is wrong with it. What a file brings
    /// along is asked before anybody uses it.
    pub fn out_of_range(&self) -> Option<(&'static str, String)> {
        let checks = [
            head,
            super::scale::check,
            timers,
            tolerance,
            servers,
            failover,
            registration,
            subscriptions,
            super::session_timer::check,
            super::lines::check,
            incoming,
            mlpp,
        ];
        checks.iter().find_map(|check| check(self).err())
    }
}

/// More servers than any phone takes. Each that is a name can stand for several addresses, and the
/// judge weighs every combination.
pub const SERVERS_MAX: usize = 10;

type Checked = Result<(), (&'static str, String)>;

fn need(holds: bool, path: &'static str, problem: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err((path, problem.into())) }
}

fn head(profile: &Profile) -> Checked {
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    need(profile.schema == SCHEMA, "schema", format!("this version reads `{SCHEMA}` only"))?;
    need(
        !profile.id.is_empty() && profile.id.chars().all(named),
        "id",
        "a name has letters, digits, hyphens, underscores and dots only",
    )?;
    let has_reasons = profile.known_issues.values().all(|reason| !reason.trim().is_empty());
    need(has_reasons, "known_issues", "every known issue has its reason")
}

fn timers(profile: &Profile) -> Checked {
    let timers = &profile.timers;
    need(timers.t1_ms > 0, "timers.t1_ms", "T1 is more than 0")?;
    need(timers.t2_ms >= timers.t1_ms, "timers.t2_ms", "T2 is not less than T1")?;
    need(timers.invite_timeout_ms != Some(0), "timers.invite_timeout_ms", "a time-out is more than 0")?;
    need(
        timers.non_invite_timeout_ms != Some(0),
        "timers.non_invite_timeout_ms",
        "a time-out is more than 0",
    )?;
    need(timers.connect_timeout_ms != Some(0), "timers.connect_timeout_ms", "a time-out is more than 0")
}

fn tolerance(profile: &Profile) -> Checked {
    let tolerance = &profile.tolerance;
    need(
        tolerance.retx_lo > 0.0 && tolerance.retx_lo <= 1.0,
        "tolerance.retx_lo",
        "the factor is over 0 and at most 1",
    )?;
    need((1.0..=10.0).contains(&tolerance.retx_hi), "tolerance.retx_hi", "the factor is from 1 to 10")?;
    need(tolerance.giveup_lo_ms <= 0, "tolerance.giveup_lo_ms", "early is written as a negative number")?;
    need(tolerance.giveup_hi_ms >= 0, "tolerance.giveup_hi_ms", "late is not negative")?;
    need(tolerance.rtp_gap_ms >= 100, "tolerance.rtp_gap_ms", "shorter gaps than 100 ms are not looked at")
}

fn servers(profile: &Profile) -> Checked {
    let order = &profile.servers.order;
    let names: BTreeSet<&String> = order.iter().collect();
    need(!order.is_empty(), "servers.order", "at least one server is named")?;
    need(names.len() == order.len(), "servers.order", "no server is named twice")?;
    need(order.iter().all(|name| !name.trim().is_empty()), "servers.order", "every server has a name")?;
    need(profile.servers.max as usize <= SERVERS_MAX, "servers.max", format!("it is at most {SERVERS_MAX}"))?;
    need(
        order.len() as u64 <= u64::from(profile.servers.max),
        "servers.order",
        format!("{} servers are more than `servers.max`, {}", order.len(), profile.servers.max),
    )?;
    let transport = &profile.transport;
    need(
        transport.allowed.contains(&transport.default),
        "transport.default",
        "it is among `transport.allowed`",
    )
}

fn failover(profile: &Profile) -> Checked {
    let failover = &profile.failover;
    let fixed = failover.retry_rule == RetryRule::FixedTimeout;
    need(
        !fixed || profile.timers.invite_timeout_ms.is_some(),
        "failover.retry_rule",
        "`fixed_timeout` needs `timers.invite_timeout_ms`",
    )?;
    let only = failover.only_signal_with_registered;
    need(
        !only || failover.register_before_invite,
        "failover.only_signal_with_registered",
        "it needs `failover.register_before_invite`",
    )?;
    need(
        !only || profile.failback.mode != FailbackMode::NewRequests,
        "failover.only_signal_with_registered",
        "with `failback.mode: new_requests` the primary gets requests without a registration",
    )
}

fn registration(profile: &Profile) -> Checked {
    let registration = &profile.registration;
    need(registration.expires_s > 0, "registration.expires_s", "a registration asks for more than 0 s")?;
    need(
        registration.refresh_lo >= 0.0 && registration.refresh_lo <= registration.refresh_hi,
        "registration.refresh_lo",
        "it is from 0 to `registration.refresh_hi`",
    )?;
    need(
        registration.refresh_hi <= 1.0,
        "registration.refresh_hi",
        "a refresh comes before the registration ends: at most 1",
    )?;
    need(
        registration.retry.base_s > 0,
        "registration.retry.base_s",
        "attempts without a pause hammer the server",
    )?;
    need(
        registration.retry.base_s <= registration.retry.max_s,
        "registration.retry.max_s",
        "it is not less than `base_s`",
    )?;
    need(
        (0.0..=1.0).contains(&registration.retry.jitter),
        "registration.retry.jitter",
        "a share is from 0 to 1",
    )?;
    let keepalive = &registration.keepalive;
    need(keepalive.period_s != Some(0), "registration.keepalive.period_s", "a period is more than 0 s")?;
    need(
        keepalive.form != KeepaliveForm::None || keepalive.period_s.is_none(),
        "registration.keepalive.period_s",
        "form `none` has no period",
    )?;
    need(
        registration.fallback_probe_s != Some(0),
        "registration.fallback_probe_s",
        "a period is more than 0 s",
    )
}

fn subscriptions(profile: &Profile) -> Checked {
    let subscriptions = &profile.subscriptions;
    let names: BTreeSet<&String> = subscriptions.packages.iter().collect();
    let token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let is_name = |name: &&String| !name.is_empty() && name.chars().all(token);
    need(
        names.len() == subscriptions.packages.len() && names.iter().all(is_name),
        "subscriptions.packages",
        "each is a name such as `message-summary`, and stands once",
    )?;
    need(subscriptions.expires_s > 0, "subscriptions.expires_s", "a subscription asks for more than 0 s")
}

fn incoming(profile: &Profile) -> Checked {
    let contacts = &profile.incoming.contacts;
    need(
        contacts.iter().all(|contact| !contact.user.is_empty()),
        "incoming.contacts",
        "each has its `user`",
    )?;
    let codes = contacts.iter().filter_map(|contact| contact.reject);
    need(
        codes.into_iter().all(|code| (400..700).contains(&code)),
        "incoming.contacts",
        "`reject` is from 400 to 699",
    )?;
    let texts = &profile.incoming.auto_answer_alert_info;
    need(texts.iter().all(|text| !text.is_empty()), "incoming.auto_answer_alert_info", "no text is empty")?;
    let texts = profile.incoming.alert_info_ring_types.keys();
    need(texts.into_iter().all(|text| !text.is_empty()), "incoming.alert_info_ring_types", "no text is empty")
}

fn mlpp(profile: &Profile) -> Checked {
    let mlpp = &profile.mlpp;
    need(!mlpp.enabled || mlpp.namespace.is_some(), "mlpp.namespace", "precedence needs a namespace")?;
    need(!mlpp.enabled || !mlpp.levels.is_empty(), "mlpp.levels", "precedence needs levels")?;
    let known = |level: &String| mlpp.place_of(level).is_some();
    need(
        mlpp.dialplan.iter().all(|entry| !entry.prefix.is_empty() && known(&entry.level)),
        "mlpp.dialplan",
        "each has a `prefix` and a `level` of `mlpp.levels`",
    )?;
    need(mlpp.default_level.iter().all(known), "mlpp.default_level", "it is one of `mlpp.levels`")?;
    need(mlpp.ring_types.keys().all(known), "mlpp.ring_types", "each is one of `mlpp.levels`")?;
    let codes = &mlpp.teardown.alerting_in;
    need(
        !codes.is_empty() && codes.iter().all(|code| (400..700).contains(code)),
        "mlpp.teardown.alerting_in",
        "it has status codes from 400 to 699",
    )?;
    let states = [PreemptState::Alerting, PreemptState::Held, PreemptState::Active];
    need(
        mlpp.order.len() == states.len() && states.iter().all(|state| mlpp.order.contains(state)),
        "mlpp.order",
        "it has alerting, held and active, each once",
    )?;
    need((1..=5).contains(&mlpp.reason_cause), "mlpp.reason_cause", "a preemption cause is from 1 to 5")
}
