//! Policy times in less time: on real sockets nobody wants to wait ten minutes for a way back that takes ten.

use super::Profile;

/// The least that policy times can be scaled to. Below it, what a profile says in whole seconds is rounding.
pub const TIME_SCALE_LEAST: f64 = 0.1;

/// YL-16: shorter times of failback mode `duration` count as this long, so there is nothing to be gained.
const DURATION_LEAST_S: u32 = 60;

/// Who asks again sooner than `tolerance.giveup_hi_ms` asks at once, which a pause must not come down to.
const PAUSE_LEAST_S: u32 = 3;

/// The end of a preserved call may be off by 5 s, in which a limit must not get lost.
const PRESERVED_LEAST_S: u32 = 20;

impl Profile {
    /// This profile with its policy times multiplied by that scale, and nothing left to be scaled: its
    /// `time_scale` is `null`.
    ///
    /// Policy is what a vendor or an operator has chosen: expiries, periods, pauses, limits. What the RFCs fix
    /// stays as it is: `timers`, `tolerance`, the shortest session (RFC 4028 section 4). So does
    /// `mcp.restart_after_end_s`, which holds a time-out of REGISTER besides the pause, and as an upper
    /// bound accuses nobody by being long. What people do takes its time, too: `mlpp.preempt_delay_s`.
    ///
    /// ```
    /// use sipfarm_core::profile::Profile;
    /// let profile = Profile::default().at_scale(0.1);
    /// assert_eq!((profile.registration.expires_s, profile.timers.t1_ms), (360, 500));
    /// ```
    pub fn at_scale(&self, scale: f64) -> Profile {
        let mut profile = Profile { time_scale: None, ..self.clone() };
        let shrink = |seconds: &mut u32| *seconds = scaled_s(*seconds, scale);
        let registration = &mut profile.registration;
        shrink(&mut registration.expires_s);
        registration.keepalive.period_s.iter_mut().for_each(shrink);
        let pauses = [&mut registration.retry.base_s, &mut registration.retry.max_s];
        for pause_s in pauses.into_iter().chain(&mut registration.fallback_probe_s) {
            *pause_s = shrunk(*pause_s, scale, PAUSE_LEAST_S);
        }
        shrink(&mut profile.subscriptions.expires_s);
        let failback = &mut profile.failback;
        failback.token.iter_mut().for_each(|token| shrink(&mut token.monitor_s));
        failback.timeout_s = shrunk(failback.timeout_s, scale, DURATION_LEAST_S);
        let session = &mut profile.session_timer;
        let least_s = session.min_se_s;
        session.expires_s.iter_mut().for_each(|expires_s| *expires_s = shrunk(*expires_s, scale, least_s));
        profile.mcp.max_s.iter_mut().for_each(|max_s| *max_s = shrunk(*max_s, scale, PRESERVED_LEAST_S));
        profile
    }

    /// This profile as a phone lives by it that nobody has told another scale.
    pub fn at_own_scale(&self) -> Profile {
        self.at_scale(self.time_scale.unwrap_or(1.0))
    }
}

/// A policy time of so many seconds, scaled. It is rounded up, so that nothing is due before the time at which
/// an exact reckoning has it.
pub fn scaled_s(seconds: u32, scale: f64) -> u32 {
    // A thousandth is no part of a second that anybody has written: 70 × 0.1 is a little more than 7.
    (f64::from(seconds) * scale - 0.001).ceil() as u32
}

/// Why a number is no time scale, when it is none.
pub fn check_time_scale(scale: f64) -> Result<(), String> {
    match (TIME_SCALE_LEAST..=1.0).contains(&scale) {
        true => Ok(()),
        false => Err(format!("a time scale is from {TIME_SCALE_LEAST} to 1")),
    }
}

pub(super) fn check(profile: &Profile) -> Result<(), (&'static str, String)> {
    profile.time_scale.map_or(Ok(()), check_time_scale).map_err(|problem| ("time_scale", problem))
}

/// The scaled time, but not below what counts at least, unless it was less already.
fn shrunk(seconds: u32, scale: f64, least_s: u32) -> u32 {
    scaled_s(seconds, scale).max(least_s).min(seconds)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::profile::{FailbackToken, Keepalive, KeepaliveForm};

    /// Every time in seconds of a profile in which each is set, by its path.
    fn times_s(profile: &Profile) -> BTreeMap<String, u64> {
        fn walk(path: &str, value: &serde_json::Value, times: &mut BTreeMap<String, u64>) {
            let below = value.as_object().into_iter().flatten();
            below.for_each(|(key, value)| walk(&format!("{path}.{key}"), value, times));
            let in_seconds = path.contains("_s.") || path.ends_with("_s");
            times
                .extend(value.as_u64().filter(|_| in_seconds).map(|seconds| (path[1..].to_owned(), seconds)));
        }
        let mut times = BTreeMap::new();
        walk("", &serde_json::to_value(profile).unwrap_or_default(), &mut times);
        times
    }

    /// A profile whose every policy time is set.
    fn full() -> Profile {
        let mut profile = Profile::default();
        profile.registration.keepalive = Keepalive { form: KeepaliveForm::Options, period_s: Some(120) };
        profile.failback.token = Some(FailbackToken { monitor_s: 125, ..FailbackToken::default() });
        profile.session_timer.expires_s = Some(1_800);
        profile.mcp.restart_after_end_s = Some(92);
        profile.control.process = Some(Default::default());
        profile
    }

    #[test]
    fn policy_shrinks_and_what_the_rfcs_fix_does_not() {
        let (full, scaled) = (full(), full().at_scale(0.1));
        let (before, after) = (times_s(&full), times_s(&scaled));
        let shrunk: Vec<(&str, u64)> = after
            .iter()
            .filter(|(path, seconds)| before[*path] != **seconds)
            .map(|(path, seconds)| (path.as_str(), *seconds))
            .collect();
        assert_eq!(
            shrunk,
            [
                ("failback.timeout_s", 360),
                ("failback.token.monitor_s", 13),
                ("mcp.max_s", 720),
                ("registration.expires_s", 360),
                ("registration.fallback_probe_s", 12),
                ("registration.keepalive.period_s", 12),
                ("registration.retry.base_s", 3),
                ("registration.retry.max_s", 3),
                ("session_timer.expires_s", 180),
                ("subscriptions.expires_s", 360),
            ]
        );
        let stays: Vec<&str> =
            before.keys().map(String::as_str).filter(|path| before[*path] == after[*path]).collect();
        assert_eq!(
            stays,
            [
                "control.process.ready_within_s",
                "mcp.restart_after_end_s",
                "mlpp.preempt_delay_s.local",
                "mlpp.preempt_delay_s.remote",
                "session_timer.min_se_s",
            ]
        );
        assert_eq!((&scaled.timers, &scaled.tolerance), (&full.timers, &full.tolerance));
        assert_eq!(scaled.at_scale(1.0), scaled, "there is nothing left to be scaled");
    }

    #[test]
    fn a_scaled_time_is_rounded_up_and_never_nothing() {
        let at = |scale| move |seconds| scaled_s(seconds, scale);
        assert_eq!([0, 1, 10, 11, 70, 7_200].map(at(0.1)), [0, 1, 1, 2, 7, 720]);
        assert_eq!([1, 3, 5, 600].map(at(0.25)), [1, 1, 2, 150]);
        assert_eq!([3, 90, 3_600, u32::MAX].map(at(1.0)), [3, 90, 3_600, u32::MAX]);
    }

    #[test]
    fn what_counts_at_least_stays() {
        let mut profile = full();
        let mut shrunk = |duration_s, expires_s| {
            profile.failback.timeout_s = duration_s;
            profile.session_timer.expires_s = Some(expires_s);
            let scaled = profile.at_scale(0.1);
            assert_eq!(scaled.out_of_range(), None);
            (scaled.failback.timeout_s, scaled.session_timer.expires_s)
        };
        assert_eq!(shrunk(120, 90), (60, Some(90)));
        assert_eq!(shrunk(10, 100), (10, Some(90)));
        assert_eq!(shrunk(0, 9_000), (0, Some(900)));
        profile.mcp.max_s = Some(50);
        assert_eq!(profile.at_scale(0.1).mcp.max_s, Some(20));
        profile.registration.retry.base_s = 2;
        profile.registration.retry.max_s = 20;
        let retry = profile.at_scale(0.1).registration.retry;
        assert_eq!((retry.base_s, retry.max_s), (2, 3));
    }

    #[test]
    fn a_scale_that_is_none_is_refused() {
        for (scale, is_one) in [(0.1, true), (1.0, true), (0.09, false), (0.0, false), (1.1, false)] {
            let profile = Profile { time_scale: Some(scale), ..Profile::default() };
            assert_eq!(profile.out_of_range().is_none(), is_one, "{scale}");
        }
        assert!(check_time_scale(f64::NAN).is_err());
    }

    #[test]
    fn the_own_scale_of_a_profile_is_taken_once() {
        let profile = Profile { time_scale: Some(0.5), ..Profile::default() };
        let own = profile.at_own_scale();
        assert_eq!((own.registration.expires_s, own.time_scale), (1_800, None));
        assert_eq!(own.at_own_scale(), own);
    }
}
