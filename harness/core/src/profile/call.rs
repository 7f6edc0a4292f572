//! What holds while a call is up: loss of signalling, preservation of media, preemption.

use std::collections::BTreeMap;

section! {
    /// What the phone does by itself with the calls of somebody.
    Contact {
        /// The caller: the user part of its URI.
        user: String = String::new(),
        /// Where its calls are diverted to: the user part of an address of the phone's domain.
        divert_to: Option<String> = None,
        /// The status code with which its calls are rejected.
        reject: Option<u16> = None,
        /// The ring type of its calls.
        ring_type: Option<u8> = None,
    }
}

words! {
    /// What tells of a call that comes in while another is up (PA-14, PA-15).
    CallWaiting:
    /// A tone where that other call is heard.
    Beep = "beep",
    /// The speaker, with the ring of the call that waits.
    Ring = "ring",
    /// Nothing but the display.
    Silent = "silent",
}

section! {
    /// What the phone does by itself with calls that come in. A call with precedence rings all the same, in its own
    /// way, and nobody is spared the key that answers it (PA-11, PA-13).
    Incoming {
        /// Its contacts.
        contacts: Vec<Contact> = vec![],
        /// A call is answered at once whose Alert-Info contains one of these texts.
        auto_answer_alert_info: Vec<String> = vec![],
        /// The ring type of a call whose Alert-Info contains a text, by that text.
        alert_info_ring_types: BTreeMap<String, u8> = BTreeMap::new(),
        /// What tells of a call while another is up.
        call_waiting: CallWaiting = CallWaiting::Beep,
    }
}

words! {
    /// Whether something happens while a call is up.
    DuringCall:
    /// It may happen.
    Allowed = "allowed",
    /// After the call.
    Deferred = "deferred",
    /// Not at all.
    Forbidden = "forbidden",
    /// At once, call or no call.
    Immediate = "immediate",
}

words! {
    /// What a phone does with a call whose signalling is lost (F-10).
    SignallingLoss:
    /// BYE, as RFC 3261 section 12.2.1.2 and RFC 4028 section 10 say.
    Rfc = "rfc",
    /// It keeps the call (AM-14).
    Preserve = "preserve",
}

section! {
    /// What holds while a call is up. `null`: do not assert.
    CallInProgress {
        /// Failover: registering at the next server (AM-16, CC-07).
        failover: Option<DuringCall> = Some(DuringCall::Allowed),
        /// Failback: returning to the primary (CC-07).
        failback: Option<DuringCall> = Some(DuringCall::Deferred),
        /// A reset asked for over SIP (CC-08, CC-09).
        reset: Option<DuringCall> = Some(DuringCall::Immediate),
        /// Loss of signalling.
        on_signalling_loss: SignallingLoss = SignallingLoss::Rfc,
    }
}

words! {
    /// What a user can do with a preserved call (AM-23, F-09).
    CallAction:
    /// End it.
    End = "end",
    /// Put it on hold.
    Hold = "hold",
    /// Take it off hold.
    Resume = "resume",
    /// Answer another call that comes in.
    AnswerIncoming = "answer_incoming",
}

words! {
    /// A kind of call that may be excluded from preservation (AM-18 to AM-20, AM-22).
    CallKind:
    /// With more than two parties.
    Conference = "conference",
    /// On hold.
    Held = "held",
    /// Delivered through a hunt group; only the server can know (F-08).
    HuntGroup = "hunt_group",
    /// Not answered yet.
    Ringing = "ringing",
    /// Not ringing yet.
    Dialling = "dialling",
}

section! {
    /// Media connection preservation.
    Mcp {
        /// Whether the model has it. Where it has not, AM-01, AM-05 and AM-06 only warn.
        supported: bool = false,
        /// The longest a preserved call lives, in seconds (AM-17); `null`: do not assert.
        max_s: Option<u32> = Some(7200),
        /// What a user can do with a preserved call.
        allowed_actions: Vec<CallAction> = vec![],
        /// Calls that are not preserved; all others that are connected, with media past the server, are.
        not_preserve: Vec<CallKind> = vec![],
        /// Seconds from the end of a preserved call until registration has started at the latest
        /// (AM-31); `null`: do not assert.
        restart_after_end_s: Option<u32> = None,
    }
}

words! {
    /// The state of a call that may be preempted (PA-07).
    PreemptState:
    /// Ringing, not answered.
    Alerting = "alerting",
    /// On hold.
    Held = "held",
    /// Connected.
    Active = "active",
}

words! {
    /// Which of several equal calls is preempted (PA-08, F-02).
    Tie:
    /// The one made last.
    Newest = "newest",
    /// The one made first.
    Oldest = "oldest",
    /// The one in this state for the shortest time.
    Shortest = "shortest",
    /// The one in this state for the longest time.
    Longest = "longest",
    /// Whichever.
    Any = "any",
}

section! {
    /// Which of several calls of equal level and state is preempted.
    MlppTie {
        /// Among those alerting.
        alerting: Tie = Tie::Newest,
        /// Among those held.
        held: Tie = Tie::Shortest,
        /// Among those connected.
        active: Tie = Tie::Newest,
    }
}

words! {
    /// What becomes of a new call that is not above any other (PA-06c, RFC 4412 section 4.6.6).
    EqualPrecedence:
    /// 486, and nobody is torn down.
    Reject486 = "reject_486",
    /// It preempts an equal one.
    Preempt = "preempt",
}

section! {
    /// How a call is torn down; one that is up gets BYE, one that is dialled CANCEL.
    MlppTeardown {
        /// An incoming call that alerts: any of these status codes.
        alerting_in: Vec<u16> = vec![480, 486, 488],
    }
}

section! {
    /// Seconds that a preempted call lives on before the phone clears it.
    PreemptDelay {
        /// Where the phone itself preempts.
        local: u32 = 0,
        /// Where the far side preempts.
        remote: u32 = 3,
    }
}

words! {
    /// The level of a conference, when calls are ranked (PA-09).
    ConferenceLevel:
    /// The highest of its legs.
    Max = "max",
    /// The lowest of its legs.
    Min = "min",
    /// The level of the leg that was there first.
    Creator = "creator",
}

section! {
    /// What is dialled for a call with precedence (PA-02).
    Precedence {
        /// The number dialled begins so.
        prefix: String = String::new(),
        /// The level of such a call.
        level: String = String::new(),
        /// Whether the prefix stays out of the address.
        strip: bool = true,
    }
}

section! {
    /// Precedence and preemption (RFC 4411, RFC 4412).
    Mlpp {
        /// Whether the model has it.
        enabled: bool = false,
        /// The namespace of Resource-Priority (RFC 4412 section 10).
        namespace: Option<String> = None,
        /// Levels from low to high.
        levels: Vec<String> = vec![],
        /// What is dialled for which level; the longest prefix that fits counts.
        dialplan: Vec<Precedence> = vec![],
        /// The level of a call for which the dialled number says none; `null`: it has no Resource-Priority.
        default_level: Option<String> = None,
        /// The ring type of each level, by its name or the usual one (PA-10); the others ring as usual, but faster.
        ring_types: BTreeMap<String, u8> = BTreeMap::new(),
        /// What the screen says of a call with precedence, with its place among those above the lowest level
        /// for `{n}` (PA-18 to PA-21); `null`: do not assert.
        priority_text: Option<String> = None,
        /// In which order calls of equal level are preempted.
        order: Vec<PreemptState> = vec![PreemptState::Alerting, PreemptState::Held, PreemptState::Active],
        /// Which of several calls of equal level and state.
        tie: MlppTie = MlppTie::default(),
        /// Whether preemption waits until every appearance of the line is taken (PA-06b, F-14).
        requires_all_appearances: bool = true,
        /// What becomes of a new call that is not above any other.
        equal_precedence: EqualPrecedence = EqualPrecedence::Reject486,
        /// Whether outgoing calls carry `Require: resource-priority` (PA-03); `null`: do not
        /// assert.
        require: Option<bool> = None,
        /// The cause in `Reason: preemption;cause=…` (RFC 4411 section 5; 5 is not in the RFC).
        reason_cause: u8 = 1,
        /// How calls are torn down.
        teardown: MlppTeardown = MlppTeardown::default(),
        /// How long a preempted call lives on.
        preempt_delay_s: PreemptDelay = PreemptDelay::default(),
        /// The level of a conference.
        conf_level: ConferenceLevel = ConferenceLevel::Max,
        /// Whether the server may change the level during the call (PA-05, F-13).
        server_may_change_level: bool = true,
    }
}

impl Mlpp {
    /// The names of the levels of switched networks, from low to high (RFC 4412 section 10.2). Where the levels of a
    /// profile have other names, these mean its levels in the same order.
    pub const USUAL_LEVELS: [&str; 6] =
        ["routine", "priority", "immediate", "flash", "flash-override", "flash-override-override"];

    /// The place of a level among those of the profile, from low to high: by its name there, or by the usual one.
    pub fn place_of(&self, level: &str) -> Option<usize> {
        let is_it = |known: &str| known.eq_ignore_ascii_case(level);
        let by_name = self.levels.iter().position(|known| is_it(known));
        let usual = || Self::USUAL_LEVELS.into_iter().take(self.levels.len()).position(is_it);
        by_name.or_else(usual)
    }
}
