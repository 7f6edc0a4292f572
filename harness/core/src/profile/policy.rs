//! The parts of a profile in which vendors differ.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident: $($(#[$vmeta:meta])* $variant:ident),* $(,)?) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vmeta])* $variant,)* }
    };
}

macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident: $ty:ty = $default:expr,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty,)* }
        impl Default for $name {
            fn default() -> Self { $name { $($field: $default,)* } }
        }
    };
}

section! {
    /// How to recognise the model.
    Match {
        /// A regular expression over User-Agent.
        user_agent: Option<String> = None,
    }
}

words! {
    /// Physical or software (AR-06).
    Kind:
    /// A handset.
    Physical,
    /// A program.
    Softphone,
}

section! {
    /// Which servers a phone has, in which order.
    Servers {
        /// Where the list comes from.
        model: ServerModel = ServerModel::OrderedList,
        /// Node names in the order in which they are tried.
        order: Vec<String> = ["primary", "secondary", "fallback"].map(str::to_owned).to_vec(),
        /// How many the phone can hold.
        max: u32 = 3,
        /// How weights of equal priority are read (RFC 2782).
        srv_weight: SrvWeight = SrvWeight::Random,
    }
}

words! {
    /// Where the list of servers comes from.
    ServerModel:
    /// A literal list.
    OrderedList,
    /// Primary and secondary from DNS, fallback as a second server (Yealink).
    DnsPairPlusFallback,
    /// All from DNS.
    Dns,
}

words! {
    /// How SRV weights are read.
    SrvWeight:
    /// Weighted random, as RFC 2782 says.
    Random,
    /// The highest weight first (Yealink).
    HighestFirst,
}

words! {
    /// What makes a phone try the next server.
    Trigger:
    /// A 503 response.
    #[serde(rename = "503")]
    ServiceUnavailable,
    /// A 408 response.
    #[serde(rename = "408")]
    RequestTimeout,
    /// A 500 response.
    #[serde(rename = "500")]
    ServerError,
    /// A 504 response.
    #[serde(rename = "504")]
    ServerTimeout,
    /// No response at all.
    Timeout,
    /// A fatal ICMP error.
    Icmp,
    /// A TCP connection that cannot be opened.
    TcpConnect,
    /// A TCP connection on which sending fails.
    TcpSend,
    /// A TLS handshake that fails.
    Tls,
    /// A DNS answer that fails.
    Dns,
}

words! {
    /// How long a phone stays with a silent server that is not the last.
    RetryRule:
    /// A number of sends.
    RetryCount,
    /// Timer B or F.
    TimerB,
    /// A time of the vendor's own: `timers.invite_timeout_ms`, `timers.non_invite_timeout_ms`.
    FixedTimeout,
}

words! {
    /// What a retry count counts (F-03).
    Counts:
    /// All sends, the first included.
    Sends,
    /// Only the repetitions.
    Retransmissions,
    /// Either reading is accepted; the reference phone counts sends.
    Either,
}

section! {
    /// A retry count and what it counts.
    RetryCount {
        /// The number configured.
        value: u32 = 3,
        /// What it counts.
        counts: Counts = Counts::Either,
    }
}

words! {
    /// Whether a phone stays away from a server for the time of Retry-After.
    HonourRetryAfter:
    /// It must.
    #[serde(rename = "true")]
    Must,
    /// It does not.
    #[serde(rename = "false")]
    Never,
    /// Both are accepted; staying away earns no warning.
    Any,
}

words! {
    /// What a phone does when every server has failed.
    OnExhausted:
    /// The call fails.
    FailCall,
    /// It starts again at the first server.
    RestartList,
    /// It reboots.
    Reboot,
}

section! {
    /// When and how the next server is tried.
    Failover {
        /// What makes the phone try the next server.
        triggers: Vec<Trigger> = vec![Trigger::ServiceUnavailable, Trigger::Timeout, Trigger::Icmp, Trigger::TcpConnect, Trigger::TcpSend],
        /// How long the phone stays with a silent server that is not the last.
        retry_rule: RetryRule = RetryRule::TimerB,
        /// The retry count for REGISTER and other requests.
        retry_count: RetryCount = RetryCount::default(),
        /// The retry count for INVITE; `null`: as `retry_count`.
        invite_retry_count: Option<RetryCount> = None,
        /// How long it stays with the last.
        last_server: RetryRule = RetryRule::TimerB,
        /// Whether it registers at the next server before it sends an INVITE there.
        register_before_invite: bool = false,
        /// Whether it honours Retry-After of a 503.
        honour_retry_after: HonourRetryAfter = HonourRetryAfter::Any,
        /// What it does when every server has failed.
        on_exhausted: OnExhausted = OnExhausted::FailCall,
    }
}

words! {
    /// With which servers a phone registers.
    RegistrationMethod:
    /// With several at once.
    Concurrent,
    /// With one at a time.
    Successive,
    /// With one, and keep-alives to one more.
    ActivePlusKeepalive,
    /// With one only.
    ActiveOnly,
}

words! {
    /// How a phone keeps a path alive.
    KeepaliveForm:
    /// Not at all.
    None,
    /// REGISTER with Expires 0 at a server without a binding (Cisco).
    RegisterExpires0,
    /// REGISTER without Contact.
    Query,
    /// OPTIONS.
    Options,
    /// CRLF.
    Crlf,
    /// STUN.
    Stun,
}

section! {
    /// Keep-alives.
    Keepalive {
        /// How.
        form: KeepaliveForm = KeepaliveForm::None,
        /// How often, in seconds.
        period_s: Option<u32> = None,
    }
}

words! {
    /// How a phone spaces its attempts after every server refused.
    RetryKind:
    /// The same time always.
    Fixed,
    /// A random time between base and max.
    RandomRange,
    /// RFC 5626 section 4.5.
    Rfc5626,
}

section! {
    /// The time between registration attempts after all servers failed.
    RegistrationRetry {
        /// How it is spaced.
        kind: RetryKind = RetryKind::Fixed,
        /// Seconds, or the lower end.
        base_s: u32 = 30,
        /// The upper end in seconds.
        max_s: u32 = 30,
        /// Share of the time by which it may vary.
        jitter: f64 = 0.0,
    }
}

section! {
    /// What a phone asks of the fallback server.
    FallbackFeatures {
        /// Message waiting (SUBSCRIBE message-summary).
        mwi: bool = false,
        /// Shared line appearance.
        sca: bool = false,
    }
}

section! {
    /// Registration (RFC 3261 section 10).
    Registration {
        /// With which servers.
        method: RegistrationMethod = RegistrationMethod::Successive,
        /// The Expires asked for, in seconds.
        expires_s: u32 = 3600,
        /// Refresh when this share of the granted time has passed, at the earliest …
        refresh_lo: f64 = 0.5,
        /// … and at the latest.
        refresh_hi: f64 = 1.0,
        /// Keep-alives.
        keepalive: Keepalive = Keepalive::default(),
        /// Successive only: period of probes to the working server.
        fallback_probe_s: Option<u32> = Some(120),
        /// The time between rounds of attempts.
        retry: RegistrationRetry = RegistrationRetry::default(),
        /// What is asked of the fallback server.
        features_on_fallback: FallbackFeatures = FallbackFeatures::default(),
    }
}

words! {
    /// What brings a phone back to the primary.
    FailbackMode:
    /// Every new request tries the primary first.
    NewRequests,
    /// The end of a DNS record's life.
    DnsTtl,
    /// The next registration refresh.
    Registration,
    /// A time.
    Duration,
    /// The primary answers again.
    OnPrimaryUp,
    /// A token is granted (Cisco).
    Token,
    /// A person.
    Manual,
    /// Nothing.
    Never,
}

section! {
    /// When the primary is used again.
    Failback {
        /// What brings the phone back.
        mode: FailbackMode = FailbackMode::NewRequests,
        /// The time of mode `duration`, in seconds.
        timeout_s: u32 = 3600,
        /// Only while no call is up; `null`: do not assert.
        only_when_idle: Option<bool> = Some(true),
    }
}

words! {
    /// Whether something happens while a call is up.
    DuringCall:
    /// At once.
    Allowed,
    /// After the call.
    Deferred,
    /// Not at all.
    Forbidden,
    /// At once and always.
    Immediate,
}

words! {
    /// What a phone does with a call whose signalling is lost.
    SignallingLoss:
    /// BYE, as RFC 3261 section 12.2.1.2 and RFC 4028 section 10 say.
    Rfc,
    /// It keeps the call.
    Preserve,
}

section! {
    /// What holds while a call is up.
    CallInProgress {
        /// Failover.
        failover: Option<DuringCall> = Some(DuringCall::Allowed),
        /// Failback.
        failback: Option<DuringCall> = Some(DuringCall::Deferred),
        /// Reset.
        reset: Option<DuringCall> = Some(DuringCall::Immediate),
        /// Loss of signalling.
        on_signalling_loss: SignallingLoss = SignallingLoss::Rfc,
    }
}

section! {
    /// Media connection preservation.
    Mcp {
        /// Whether the model has it.
        supported: bool = false,
        /// The longest a preserved call lives, in seconds.
        max_s: Option<u32> = Some(7200),
        /// What a user can do with a preserved call.
        allowed_actions: Vec<String> = vec![],
        /// Calls that are preserved.
        preserve: Vec<String> = vec![],
        /// Calls that are not.
        not_preserve: Vec<String> = vec![],
        /// Seconds until registration starts after a preserved call.
        restart_after_end_s: Option<u32> = None,
    }
}

section! {
    /// Precedence and preemption.
    Mlpp {
        /// Whether the model has it.
        enabled: bool = false,
        /// The namespace of Resource-Priority.
        namespace: Option<String> = None,
        /// Levels from low to high.
        levels: Vec<String> = vec![],
        /// In which order equal calls are preempted.
        order: Vec<String> = ["alerting", "held", "active"].map(str::to_owned).to_vec(),
    }
}

section! {
    /// How to make the phone act.
    Control {
        /// The driver's name.
        driver: String = "reference".to_owned(),
    }
}

section! {
    /// How to hear the phone's own opinion.
    Observe {
        /// Events that the phone sends.
        events: Option<String> = None,
        /// What a person or a camera can see.
        phone_side: Vec<String> = vec![],
    }
}

section! {
    /// How to provision the phone.
    Provision {
        /// The template's name.
        template: Option<String> = None,
        /// The path under which the phone asks for it.
        path: Option<String> = None,
    }
}
