//! What a phone model must do, as data. The same profile configures the reference phone and
//! tells the judge what to expect. `None` (`null` in YAML) means *do not assert*.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::machine::Transport;
use crate::time::Span;

#[macro_use]
mod words;
mod call;
mod check;
mod handling;
mod lines;
mod load;
mod plain;
mod policy;
mod scale;
mod schema;
mod session_timer;
mod subscriptions;
mod yaml;

pub use call::*;
pub use check::SERVERS_MAX;
pub use handling::*;
pub use lines::Lines;
pub use load::{LoadError, Place, Source, check_rule, load, load_for};
pub use policy::*;
pub use scale::{TIME_SCALE_LEAST, check_time_scale, scaled_s};
pub use schema::schema;
pub use session_timer::{RefreshMethod, SessionTimer};
pub use subscriptions::Subscriptions;

/// A phone model's behaviour. [`Profile::default`] is the profile `rfc3261`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The format of this file: `sipfarm.profile/1`.
    pub schema: String,
    /// Its name, as in `--phone` and in feature files.
    pub id: String,
    /// The profile whose values hold where this one is silent.
    pub extends: Option<String>,
    /// How to recognise the model.
    pub r#match: Match,
    /// Physical or software (AR-06).
    pub kind: Kind,
    /// By how much its policy times are shortened, from 0.1 to 1, such as expiries and pauses; `null`: not,
    /// unless the run says so. Timers of RFC 3261 never are.
    pub time_scale: Option<f64>,
    /// RFC 3261 timers.
    pub timers: Timers,
    /// How far times may be off.
    pub tolerance: Tolerance,
    /// Which servers, in which order.
    pub servers: Servers,
    /// Transports.
    pub transport: TransportPolicy,
    /// When and how the next server is tried.
    pub failover: Failover,
    /// Registration.
    pub registration: Registration,
    /// Subscriptions.
    pub subscriptions: Subscriptions,
    /// When the primary is used again.
    pub failback: Failback,
    /// The session timer.
    pub session_timer: SessionTimer,
    /// Its lines.
    pub lines: Lines,
    /// What the phone does by itself with calls that come in.
    pub incoming: Incoming,
    /// What holds while a call is up.
    pub call_in_progress: CallInProgress,
    /// Media connection preservation.
    pub mcp: Mcp,
    /// Precedence and preemption.
    pub mlpp: Mlpp,
    /// How to make the phone act.
    pub control: Control,
    /// How to hear the phone's own opinion.
    pub observe: Observe,
    /// How to provision it.
    pub provision: Provision,
    /// Rules that this model is known to break: rule id to reason. Each must really fail.
    pub known_issues: BTreeMap<String, String>,
}

impl Default for Profile {
    fn default() -> Self {
        Profile {
            schema: "sipfarm.profile/1".to_owned(),
            id: "rfc3261".to_owned(),
            extends: None,
            r#match: Match::default(),
            kind: Kind::Softphone,
            time_scale: None,
            timers: Timers::default(),
            tolerance: Tolerance::default(),
            servers: Servers::default(),
            transport: TransportPolicy::default(),
            failover: Failover::default(),
            registration: Registration::default(),
            subscriptions: Subscriptions::default(),
            failback: Failback::default(),
            session_timer: SessionTimer::default(),
            lines: Lines::default(),
            incoming: Incoming::default(),
            call_in_progress: CallInProgress::default(),
            mcp: Mcp::default(),
            mlpp: Mlpp::default(),
            control: Control::default(),
            observe: Observe::default(),
            provision: Provision::default(),
            known_issues: BTreeMap::new(),
        }
    }
}

/// RFC 3261 timers (table 4). Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timers {
    /// T1: the round-trip time estimate.
    pub t1_ms: u32,
    /// T2: the longest interval between retransmissions of a non-INVITE request.
    pub t2_ms: u32,
    /// T4: how long a message stays in the network.
    pub t4_ms: u32,
    /// Timer D over UDP.
    pub d_ms: u32,
    /// Timer B; 64×T1 when `null`.
    pub invite_timeout_ms: Option<u32>,
    /// Timer F; 64×T1 when `null`.
    pub non_invite_timeout_ms: Option<u32>,
    /// How long a TCP connect may take; unspecified by the RFC.
    pub connect_timeout_ms: Option<u32>,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            t1_ms: 500,
            t2_ms: 4_000,
            t4_ms: 5_000,
            d_ms: 32_000,
            invite_timeout_ms: None,
            non_invite_timeout_ms: None,
            connect_timeout_ms: None,
        }
    }
}

impl Timers {
    /// T1.
    pub fn t1(&self) -> Span {
        Span::from_millis(self.t1_ms.into())
    }
    /// T2.
    pub fn t2(&self) -> Span {
        Span::from_millis(self.t2_ms.into())
    }
    /// T4.
    pub fn t4(&self) -> Span {
        Span::from_millis(self.t4_ms.into())
    }
    /// Timer B.
    pub fn invite_timeout(&self) -> Span {
        self.invite_timeout_ms.map_or(self.t1() * 64, |ms| Span::from_millis(ms.into()))
    }
    /// Timer F.
    pub fn non_invite_timeout(&self) -> Span {
        self.non_invite_timeout_ms.map_or(self.t1() * 64, |ms| Span::from_millis(ms.into()))
    }
}

/// How far times may be off before they count as wrong (`tol.*` in the catalogue).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tolerance {
    /// A retransmission may come this factor of its interval early …
    pub retx_lo: f64,
    /// … or late.
    pub retx_hi: f64,
    /// Milliseconds added early to every retransmission window.
    pub early_ms: u32,
    /// Milliseconds added late to every retransmission window.
    pub abs_ms: u32,
    /// Giving up may come this early (negative milliseconds) …
    pub giveup_lo_ms: i32,
    /// … or this late.
    pub giveup_hi_ms: i32,
    /// How long no audio may be seen where audio flows (`tol.rtp_gap`).
    pub rtp_gap_ms: u32,
}

impl Default for Tolerance {
    fn default() -> Self {
        Tolerance {
            retx_lo: 0.90,
            retx_hi: 1.25,
            early_ms: 20,
            abs_ms: 100,
            giveup_lo_ms: -500,
            giveup_hi_ms: 2_000,
            rtp_gap_ms: 200,
        }
    }
}

/// Transports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TransportPolicy {
    /// What the phone can speak.
    pub allowed: Vec<Transport>,
    /// What it speaks unless told otherwise.
    pub default: Transport,
    /// Whether it notices ICMP errors on UDP; `null`: do not assert.
    pub icmp_sensitive: Option<bool>,
}

impl TransportPolicy {
    /// Whether the phone may use connections, with TLS or without.
    pub fn may_connect(&self) -> bool {
        self.allowed.iter().any(|transport| transport.is_reliable())
    }
}

impl Default for TransportPolicy {
    fn default() -> Self {
        TransportPolicy {
            allowed: vec![Transport::Udp, Transport::Tcp],
            default: Transport::Udp,
            icmp_sensitive: Some(true),
        }
    }
}

#[cfg(test)]
mod tests;
