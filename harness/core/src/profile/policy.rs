//! Which servers a phone uses, when it leaves one and when it comes back.

section! {
    /// Which servers a phone has, in which order.
    Servers {
        /// Where the list comes from.
        model: ServerModel = ServerModel::OrderedList,
        /// Node names in the order in which they are tried (YL-01, YL-04, CC-04, AR-02).
        order: Vec<String> = ["primary", "secondary", "fallback"].map(str::to_owned).to_vec(),
        /// How many the phone can hold.
        max: u32 = 3,
        /// How weights of equal priority are read.
        srv_weight: SrvWeight = SrvWeight::Random,
        /// Whether it keeps what DNS said for its time, as it may; if not, it asks for each request.
        keeps_dns: bool = true,
        /// Whether they are outbound proxies in front of one registrar. Then one binding goes along
        /// them, whatever the method (YL-17).
        outbound_proxy: bool = false,
    }
}

words! {
    /// Where the list of servers comes from.
    ServerModel:
    /// A literal list.
    OrderedList = "ordered_list",
    /// A name that DNS resolves to several servers, and one more server with an address of its own
    /// (Yealink): the last of `order` is the one more, all before it are behind the name.
    DnsPairPlusFallback = "dns_pair_plus_fallback",
    /// All from DNS (RFC 3263).
    Dns = "dns",
}

words! {
    /// How SRV weights are read (F-07).
    SrvWeight:
    /// Weighted random, as RFC 2782 says.
    Random = "random",
    /// The highest weight first (Yealink).
    HighestFirst = "highest_first",
}

words! {
    /// What makes a phone try the next server (RFC 3263 section 4.3 and vendors' additions).
    Trigger:
    /// A 503 response.
    ServiceUnavailable = "503",
    /// A 408 response.
    RequestTimeout = "408",
    /// A 500 response.
    ServerError = "500",
    /// A 504 response.
    ServerTimeout = "504",
    /// No response at all.
    Timeout = "timeout",
    /// A fatal ICMP error (RFC 3261 section 18.4).
    Icmp = "icmp",
    /// A TCP connection that cannot be opened.
    TcpConnect = "tcp_connect",
    /// A TCP connection on which sending fails.
    TcpSend = "tcp_send",
    /// A TLS handshake that fails.
    Tls = "tls",
    /// A DNS answer that fails.
    Dns = "dns",
}

words! {
    /// How long a phone stays with a silent server.
    RetryRule:
    /// A number of sends (YL-11).
    RetryCount = "retry_count",
    /// Timer B or F (RFC 3261 section 17.1).
    TimerB = "timer_b",
    /// A time of the vendor's own: `timers.invite_timeout_ms`, `timers.non_invite_timeout_ms`.
    FixedTimeout = "fixed_timeout",
}

words! {
    /// What a retry count counts (F-03).
    Counts:
    /// All sends, the first included.
    Sends = "sends",
    /// Only the repetitions.
    Retransmissions = "retransmissions",
    /// Either reading is accepted; the reference phone counts sends.
    Either = "either",
}

section! {
    /// A retry count and what it counts.
    RetryCount {
        /// The number configured. With 0 a request is sent once.
        value: u32 = 3,
        /// What it counts.
        counts: Counts = Counts::Either,
    }
}

words! {
    /// Whether a phone stays away from a server for the time of Retry-After (YL-02b).
    HonourRetryAfter:
    /// It must.
    Must = "true",
    /// It does not.
    Never = "false",
    /// Both are accepted; not staying away earns a warning (RFC 3261 section 21.5.4 says SHOULD).
    Any = "any",
}

words! {
    /// What a phone does when every server has failed.
    OnExhausted:
    /// The call fails (YL-04).
    FailCall = "fail_call",
    /// It starts again at the first server.
    RestartList = "restart_list",
    /// It reboots.
    Reboot = "reboot",
}

section! {
    /// When and how the next server is tried.
    Failover {
        /// What makes the phone try the next server; nothing else does.
        triggers: Vec<Trigger> = vec![Trigger::ServiceUnavailable, Trigger::Timeout, Trigger::Icmp, Trigger::TcpConnect, Trigger::TcpSend, Trigger::Tls],
        /// How long the phone stays with a silent server that is not the last.
        retry_rule: RetryRule = RetryRule::TimerB,
        /// The retry count of `retry_rule: retry_count`.
        retry_count: RetryCount = RetryCount::default(),
        /// The retry count for INVITE; `null`: as `retry_count` (F-04).
        invite_retry_count: Option<RetryCount> = None,
        /// How long it stays with the last (YL-10).
        last_server: RetryRule = RetryRule::TimerB,
        /// Whether it registers at the next server before it sends an INVITE there.
        register_before_invite: bool = false,
        /// Whether it sends requests other than REGISTER only to the server that it is registered with;
        /// only beside `register_before_invite`, and not where every new request tries the primary first.
        only_signal_with_registered: bool = false,
        /// Whether it honours Retry-After of a 503.
        honour_retry_after: HonourRetryAfter = HonourRetryAfter::Any,
        /// What it does when every server has failed.
        on_exhausted: OnExhausted = OnExhausted::FailCall,
    }
}

words! {
    /// With which servers a phone registers.
    RegistrationMethod:
    /// With two at once: with the working one among all but the last, and with the last, which is
    /// the fallback (YL-18).
    Concurrent = "concurrent",
    /// With one at a time (YL-21).
    Successive = "successive",
    /// With one, and keep-alives to one more (CC-02).
    ActivePlusKeepalive = "active_plus_keepalive",
    /// With one only.
    ActiveOnly = "active_only",
}

words! {
    /// How a phone keeps a path alive or watches a server.
    KeepaliveForm:
    /// Not at all.
    None = "none",
    /// REGISTER with Expires 0 at a server without a binding (Cisco).
    RegisterExpires0 = "register_expires0",
    /// REGISTER without Contact, at every better server (RFC 3261 section 10.2.3; Avaya).
    Query = "query",
    /// OPTIONS.
    Options = "options",
}

section! {
    /// Keep-alives.
    Keepalive {
        /// How.
        form: KeepaliveForm = KeepaliveForm::None,
        /// How often, in seconds; `null` with form `none`, or to assert no period.
        period_s: Option<u32> = None,
    }
}

words! {
    /// How a phone spaces its rounds after every server refused.
    RetryKind:
    /// The same time always.
    Fixed = "fixed",
    /// A random time between base and max.
    RandomRange = "random_range",
    /// RFC 5626 section 4.5: doubled with each failure from base to max, half of it at random.
    Rfc5626 = "rfc5626",
}

section! {
    /// The time between rounds of registration attempts after all servers failed (YL-14, AR-03).
    RegistrationRetry {
        /// How it is spaced.
        kind: RetryKind = RetryKind::Fixed,
        /// Seconds, or the lower end.
        base_s: u32 = 30,
        /// The upper end in seconds.
        max_s: u32 = 30,
        /// Share of the time by which it may vary, 0 to 1.
        jitter: f64 = 0.0,
    }
}

section! {
    /// What a phone asks of the fallback server (YL-20, F-22).
    FallbackFeatures {
        /// Message waiting (SUBSCRIBE message-summary).
        mwi: bool = false,
        /// Shared call appearance (SUBSCRIBE call-info, line-seize, dialog).
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
        /// Successive only: seconds between probes of the working server while the fallback is
        /// in use (YL-23); `null`: none.
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
    NewRequests = "new_requests",
    /// The end of a DNS record's life.
    DnsTtl = "dns_ttl",
    /// The next registration refresh.
    Registration = "registration",
    /// A time.
    Duration = "duration",
    /// The primary answers again.
    OnPrimaryUp = "on_primary_up",
    /// A token is granted (Cisco, CC-05).
    Token = "token",
    /// A person.
    Manual = "manual",
    /// Nothing.
    Never = "never",
}

section! {
    /// The request with which a phone asks leave to return, and what answers mean (CC-05, CC-06).
    FailbackToken {
        /// Its method.
        method: String = "REFER".to_owned(),
        /// Its Refer-To.
        refer_to: String = "urn:X-cisco-remotecc:token-registration".to_owned(),
        /// Status codes that grant it.
        ok: Vec<u16> = vec![202, 200],
        /// Status codes after which the phone asks again, after Retry-After when there is one.
        wait: Vec<u16> = vec![486, 503],
        /// For how many seconds a phone may watch the server after its first sign of life before it asks.
        monitor_s: u32 = 0,
    }
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
        /// The token of mode `token`; `null`: there is none.
        token: Option<FailbackToken> = None,
    }
}
