//! Defects: switches with which the phone breaks one rule each, so that every rule of the judge is
//! seen to catch what it is for.
//!
//! A defect is one branch at the one place where the right behaviour lives.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use sipfarm_core::nearest::nearest;

/// Declares the defects: what each does wrong in one sentence, its name, and the rules that catch it.
macro_rules! defects {
    ($($(#[doc = $about:literal])+ $variant:ident = $name:literal, caught by $rules:expr;)+) => {
        /// Something that the phone can be told to do wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Defect {
            $($(#[doc = $about])+ $variant,)+
        }

        impl Defect {
            /// Every defect, sorted by subject.
            pub const ALL: &[Defect] = &[$(Defect::$variant),+];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Defect::$variant => $name),+ }
            }

            /// What the phone does wrong, in a sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Defect::$variant => concat!($($about),+).trim_ascii()),+ }
            }

            /// The ids of the judge's rules each of which must catch it.
            pub const fn rules(self) -> &'static [&'static str] {
                match self { $(Defect::$variant => &$rules),+ }
            }
        }
    };
}

defects! {
    // The choice of the server.

    /// Tries the servers of a call from the last to the first.
    WrongOrder = "wrong-order", caught by ["server-order", "order"];
    /// Registers with the servers from the last to the first.
    RegistersInWrongOrder = "registers-in-wrong-order", caught by ["server-order"];
    /// Leaves the second server out.
    SkipsSecondary = "skips-secondary", caught by ["server-order", "order"];
    /// Never goes on to another server.
    NeverFailsOver = "never-fails-over", caught by ["order", "call-established"];
    /// Takes 404 for a failure of the server.
    FailsOverOn404 = "fails-over-on-404", caught by ["failover-cause", "call-fails"];
    /// Gives a server up that said 100 and nothing more.
    FailsOverAfterTrying = "fails-over-after-trying", caught by ["failover-cause", "sends-nothing"];
    /// Starts over with the first server when the last has failed.
    StartsOver = "starts-over", caught by ["server-order", "dns-order", "order", "call-fails"];
    /// Stays with the server that works although a better one is to be tried.
    NeverFailsBack = "never-fails-back", caught by ["server-order", "failback", "token", "call-established"];
    /// Asks a better server whether it lives, hears that it does, and stays where it is.
    StaysAway = "stays-away", caught by ["failback", "token"];
    /// Goes back to a better server when a quarter of the time for that has passed.
    FailsBackTooSoon = "fails-back-too-soon", caught by ["failback"];
    /// Goes back to a better server although a call is up.
    FailsBackDuringCall = "fails-back-during-call", caught by ["idle-failback"];
    /// Goes on to the next server although a call is up.
    FailsOverDuringCall = "fails-over-during-call", caught by ["idle-failover"];
    /// Stays with a server that failed during a call when that is over.
    ForgetsDeferredFailover = "forgets-deferred-failover", caught by ["idle-failover"];
    /// Goes back to a better server without the token that it is to ask for.
    SkipsToken = "skips-token", caught by ["token"];
    /// Asks a server whose queue is full for a token again after a second.
    IgnoresQueue = "ignores-queue", caught by ["token"];
    /// Is granted a token and stays where it is.
    WastesToken = "wastes-token", caught by ["token"];
    /// Sends INVITE to the next server without the REGISTER that is to come first.
    SkipsRegistration = "skips-registration", caught by ["registers-before-invite", "sends"];
    /// Sends requests to servers that it is not registered with, where it is not to.
    SignalsUnregistered = "signals-unregistered", caught by ["signals-with-registered", "sends"];
    /// Does not leave a server alone for the time of its Retry-After.
    IgnoresRetryAfter = "ignores-retry-after", caught by ["retry-after"];
    /// Does not notice ICMP errors.
    IgnoresIcmp = "ignores-icmp", caught by ["icmp-reaction"];
    /// Takes source quench and time exceeded for failures of the server, too.
    ObeysSourceQuench = "obeys-source-quench", caught by ["give-up", "sends-nothing"];
    /// Takes an ICMP error about any datagram for a failure of the server that it waits for.
    BelievesAnyIcmp = "believes-any-icmp", caught by ["give-up", "sends-nothing"];
    /// Goes on sending over a connection that the server has closed.
    KeepsDeadConnection = "keeps-dead-connection", caught by ["call-established"];
    /// Sends the next server the same request with the same branch.
    KeepsBranch = "keeps-branch", caught by ["branch"];
    /// Sends the next server another session description.
    ChangesBody = "changes-body", caught by ["same-request"];

    // Servers behind a name.

    /// Tries the servers behind a name from the highest priority to the lowest.
    IgnoresDnsPriority = "ignores-dns-priority", caught by ["dns-order"];
    /// Tries servers of equal priority from the lowest weight to the highest.
    IgnoresWeight = "ignores-weight", caught by ["dns-order"];
    /// Tries only the first address behind a name.
    TriesFirstAddressOnly = "tries-first-address-only", caught by ["dns-order"];
    /// Asks for the address of a domain without asking for its services first.
    AsksNoSrv = "asks-no-srv", caught by ["asks-dns"];
    /// Goes on using what DNS said when it has run out.
    KeepsExpiredDnsAnswer = "keeps-expired-dns-answer", caught by ["dns-ttl"];
    /// Asks a silent DNS server the same every 250 ms.
    HammersDns = "hammers-dns", caught by ["dns-hammering"];
    /// Takes a DNS answer that was cut for the whole.
    IgnoresTruncation = "ignores-truncation", caught by ["dns-truncation"];

    // Repetitions and time-outs of a request.

    /// Takes T1 for twice as long as the profile says.
    DoublesT1 = "doubles-t1", caught by ["invite-schedule", "non-invite-schedule"];
    /// Does not let the interval between two sends of an INVITE grow beyond T2.
    CapsInviteAtT2 = "caps-invite-at-t2", caught by ["invite-schedule"];
    /// Lets the interval between two sends of any request grow beyond T2.
    UncappedRegister = "uncapped-register", caught by ["non-invite-schedule"];
    /// Repeats requests other than INVITE as quickly after a provisional response as before it.
    IgnoresSlowdown = "ignores-slowdown", caught by ["non-invite-schedule"];
    /// Sends a request three times and then only waits.
    StopsRepeating = "stops-repeating", caught by ["invite-schedule", "complete-timeout"];
    /// Goes on repeating an INVITE after a provisional response.
    RetransmitsAfterProvisional = "retransmits-after-provisional",
        caught by ["repetition-after-response", "transmissions"];
    /// Takes responses that are not whole.
    TakesBrokenResponses = "takes-broken-responses", caught by ["cut-response"];
    /// Repeats requests over TCP, too.
    RetransmitsOverTcp = "retransmits-over-tcp", caught by ["repetition-over-tcp", "transmissions"];
    /// Counts the sends of a request in the request.
    RetransmissionDiffers = "retransmission-differs", caught by ["identical-repetition"];
    /// Sends a request once more when it gives up.
    OneSendTooMany = "one-send-too-many", caught by ["transmission-count"];
    /// Leaves a server one send earlier than its retry count says.
    OneSendTooFew = "one-send-too-few", caught by ["give-up", "moves-on"];
    /// Gives up when half of its time is over.
    GivesUpEarly = "gives-up-early", caught by ["give-up", "moves-on"];
    /// Waits for an answer for ever.
    NeverGivesUp = "never-gives-up", caught by ["transmission-count", "moves-on"];

    // ACK and CANCEL.

    /// Does not acknowledge a refusal.
    NoAck = "no-ack", caught by ["ack-refusal"];
    /// Acknowledges a refusal, but not its repetitions.
    AcknowledgesOnce = "acknowledges-once", caught by ["ack-refusal", "acknowledges-every"];
    /// Sends the ACK for a refusal to the last server of its list.
    AckToWrongServer = "ack-to-wrong-server", caught by ["ack-transaction"];
    /// Gives the ACK for a refusal a branch of its own.
    AckNewBranch = "ack-new-branch", caught by ["ack-transaction"];
    /// Does not acknowledge a 2xx to INVITE the first time.
    NoAckOfAcceptance = "no-ack-of-acceptance", caught by ["ack-acceptance"];
    /// Acknowledges a 2xx to INVITE, but not its repetitions.
    AcknowledgesAcceptanceOnce = "acknowledges-acceptance-once", caught by ["ack-acceptance"];
    /// Gives the ACK for a 2xx the branch of its INVITE.
    AckKeepsBranch = "ack-keeps-branch", caught by ["branch"];
    /// Sends CANCEL before any response has come.
    CancelsBeforeProvisional = "cancels-before-provisional", caught by ["cancel-timing"];
    /// Gives CANCEL a branch of its own.
    CancelNewBranch = "cancel-new-branch", caught by ["cancel-transaction"];
    /// Sends CANCEL to the last server of its list.
    CancelToWrongServer = "cancel-to-wrong-server", caught by ["cancel-transaction"];
    /// Lets the far end ring when its user has hung up.
    NeverCancels = "never-cancels", caught by ["sends"];

    // Dialogs.

    /// Sends BYE with the CSeq number of the request before.
    CSeqStuck = "cseq-stuck", caught by ["cseq"];
    /// Leaves the To tag out of ACK and BYE.
    DropsToTag = "drops-to-tag", caught by ["dialog-identifiers"];
    /// Sends ACK and BYE to the address that it dialled instead of the Contact of the other side.
    ForgetsRemoteTarget = "forgets-remote-target", caught by ["dialog-route"];
    /// Takes the route set of a dialog the wrong way round.
    ReversesRouteSet = "reverses-route-set", caught by ["dialog-route"];
    /// Leaves Route out of ACK and BYE.
    ForgetsRouteSet = "forgets-route-set", caught by ["dialog-route", "carries"];
    /// Gives its 2xx to INVITE another To tag than its 180.
    AnotherTagIn2xx = "another-tag-in-2xx", caught by ["dialog-identifiers"];
    /// Keeps a dialog whose other side does not know it any more, or does not answer.
    KeepsDeadDialog = "keeps-dead-dialog", caught by ["dead-dialog", "sends"];
    /// Does not refresh a session that is its to refresh.
    ForgetsSessionRefresh = "forgets-session-refresh", caught by ["session-refresh", "sends"];
    /// Keeps a session that the other side has not refreshed.
    KeepsExpiredSession = "keeps-expired-session", caught by ["session-expiry", "sends"];
    /// Asks again for the session that was called too short.
    Ignores422 = "ignores-422", caught by ["call-established"];
    /// Hangs up without BYE.
    NoBye = "no-bye", caught by ["cancelled-call", "sends", "call-ends"];

    // Credentials.

    /// Answers every challenge with nonce count 1.
    ReusesNonceCount = "reuses-nonce-count", caught by ["digest"];
    /// Computes its credentials for another URI than the one that it asks for.
    DigestForAnotherUri = "digest-for-another-uri", caught by ["digest"];
    /// Answers the challenge to a REGISTER without a new CSeq number.
    CSeqStuckAfterChallenge = "cseq-stuck-after-challenge", caught by ["register-identity"];

    // Registration.

    /// Registers with its first server only, where it is to register with the fallback as well.
    ForgetsFallback = "forgets-fallback", caught by ["both-registrations", "registered"];
    /// Registers with the fallback as well, where it is to register with one server at a time.
    RegistersWithBoth = "registers-with-both", caught by ["server-order", "one-active-server", "sends-nothing"];
    /// Keeps its binding with the server that it has left for a better one.
    StaysRegistered = "stays-registered", caught by ["one-active-server"];
    /// Goes to the next server with the Call-ID that the last knows, where it is to draw another.
    KeepsCallId = "keeps-call-id", caught by ["one-active-server"];
    /// Sends no keep-alives.
    ForgetsKeepalives = "forgets-keepalives", caught by ["keepalive"];
    /// Sends keep-alives to every server, where one is enough.
    WatchesEveryServer = "watches-every-server", caught by ["keepalive"];
    /// Draws a new Call-ID for each REGISTER.
    NewCallIdPerRegister = "new-call-id-per-register", caught by ["register-identity"];
    /// Names its user in the Request-URI of REGISTER.
    RegistersAtUser = "registers-at-user", caught by ["register-uri"];
    /// Registers under the address of the server instead of its domain, where that is not its first.
    ChangesAorAtTheAlternate = "changes-aor-at-the-alternate", caught by ["same-aor"];
    /// Refreshes a binding when it has run out.
    RefreshesLate = "refreshes-late", caught by ["registration-refresh"];
    /// Refreshes its binding every second.
    RefreshesEverySecond = "refreshes-every-second", caught by ["registration-refresh"];
    /// Asks again for the time that the registrar has called too short.
    Ignores423 = "ignores-423", caught by ["registered"];
    /// Tries again a second after every server has refused.
    HammersDeadServer = "hammers-dead-server", caught by ["no-hammering", "registration-rounds"];
    /// Does not try again when every server has refused.
    StopsTrying = "stops-trying", caught by ["registration-rounds"];

    // Subscriptions.

    /// Subscribes to everything at the fallback of two bindings, too.
    SubscribesAtFallback = "subscribes-at-fallback", caught by ["features-on-fallback", "sends-nothing"];
    /// Subscribes to nothing.
    NeverSubscribes = "never-subscribes", caught by ["subscribes", "sends"];
    /// Lets its subscriptions run out.
    LetsSubscriptionExpire = "lets-subscription-expire", caught by ["subscription-refresh"];
    /// Answers every NOTIFY as if it had not subscribed.
    RefusesNotify = "refuses-notify", caught by ["answers"];

    // Reset.

    /// Resets at once when it is told to, although a call is up.
    ResetsDuringCall = "resets-during-call", caught by ["reset"];
    /// Accepts to reset and does not.
    IgnoresReset = "ignores-reset", caught by ["reset"];

    // Answers.

    /// Rings without saying so.
    RingsInSilence = "rings-in-silence", caught by ["answers"];
    /// Does not repeat its refusal of an INVITE.
    NoRefusalRepetition = "no-refusal-repetition", caught by ["refusal-repetition", "repeats-response"];
    /// Lets the interval between two sends of a refusal grow beyond T2.
    UncappedRefusal = "uncapped-refusal", caught by ["refusal-repetition", "repeats-response"];
    /// Repeats its refusal of an INVITE over TCP, too.
    RepeatsRefusalOverTcp = "repeats-refusal-over-tcp", caught by ["refusal-repetition"];
    /// Does not repeat its 2xx to INVITE.
    No2xxRepetition = "no-2xx-repetition", caught by ["acceptance-repetition", "repeats-response"];
    /// Stops repeating its 2xx to INVITE when the interval has come to T2.
    Stops2xxRepetition = "stops-2xx-repetition", caught by ["acceptance-repetition", "repeats-response"];
    /// Does not repeat its 2xx to INVITE over TCP.
    No2xxRepetitionOverTcp = "no-2xx-repetition-over-tcp", caught by ["acceptance-repetition"];
    /// Keeps a call whose 2xx nobody has acknowledged.
    NoByeAfterUnacked2xx = "no-bye-after-unacked-2xx", caught by ["sends"];
    /// Hangs up without waiting for the ACK to its 2xx.
    ByeBeforeAck = "bye-before-ack", caught by ["bye-timing"];
    /// Answers BYE with 180 before 200.
    RingsForBye = "rings-for-bye", caught by ["non-invite-responses"];

    // Audio.

    /// Says nothing in a call.
    SaysNothing = "says-nothing", caught by ["audio-flows"];
    /// Falls silent a second after a call has begun.
    FallsSilent = "falls-silent", caught by ["audio-keeps-flowing", "call-keeps-audio"];
    /// Sends its audio to the port next to the one that it was told.
    TalksToWrongPort = "talks-to-wrong-port", caught by ["audio-address"];
    /// Stops talking when its user holds the call, and tells nobody.
    HoldsInSilence = "holds-in-silence", caught by ["held"];
    /// Sends its audio to the server that it has called through.
    TalksToServer = "talks-to-server", caught by ["audio-past-node", "audio-address"];
    /// Goes on talking when its user holds the call.
    TalksWhileHolding = "talks-while-holding", caught by ["sends-no-audio"];
    /// Goes on talking when the far end holds the call.
    TalksOnHold = "talks-on-hold", caught by ["audio-direction"];
    /// Answers every offer as if it would send and receive.
    AnswersSendrecv = "answers-sendrecv", caught by ["answer-direction"];
    /// Goes on talking when the call has ended.
    TalksAfterEnd = "talks-after-end", caught by ["audio-end"];

    // TLS.

    /// Sends in clear text what it could not send over TLS.
    DropsToClearText = "drops-to-clear-text", caught by ["no-clear-text"];
    /// Takes every certificate for the right one.
    TrustsAnyCertificate = "trusts-any-certificate", caught by ["refuses-certificate"];

    // Calls that outlive their server.

    /// Goes on registering with the lost server while it preserves a call.
    ReRegistersWhilePreserved = "re-registers-while-preserved", caught by ["preserved-registration"];
    /// Registers with another server while it preserves a call.
    FailsOverWhilePreserved = "fails-over-while-preserved", caught by ["preserved-failover"];
    /// Tries, while it preserves a call, whether another server is there.
    TriesStandbyPort = "tries-standby-port", caught by ["standby-left-alone"];
    /// Ends a call whose session could not be refreshed, where it is to keep it.
    ByeAfterFailedRefresh = "bye-after-failed-refresh", caught by ["bye-after-loss"];
    /// Ends a preserved call 40 s after it has stopped hearing the far end, although it hears it again.
    ForgetsAudioIsBack = "forgets-audio-is-back", caught by ["bye-after-loss"];
    /// Preserves one leg of a conference, and ends the others.
    DropsConferenceLeg = "drops-conference-leg", caught by ["bye-after-loss", "call-keeps-audio"];
    /// Preserves a call that is on hold.
    KeepsAHeldCall = "keeps-a-held-call", caught by ["held-call-lost"];
    /// Lets its user hold a preserved call.
    AnswersASoftkey = "answers-a-softkey", caught by ["preserved-keys", "seen-at-phone"];
    /// Opens its feature menus while it preserves a call.
    OpensMenus = "opens-menus", caught by ["seen-at-phone"];
    /// Goes on showing a call that is over.
    ShowsADeadCall = "shows-a-dead-call", caught by ["seen-at-phone"];
    /// Does not tell its user that a call has failed.
    HidesFailure = "hides-failure", caught by ["seen-at-phone"];
    /// Preserves a call for ever.
    ExceedsTwoHours = "exceeds-two-hours", caught by ["preservation-limit"];
    /// Does not register again when a preserved call has ended.
    ForgetsToRecover = "forgets-to-recover", caught by ["recovery"];

    // Precedence.

    /// Ends the highest of the calls that a new one is above, instead of the lowest.
    PreemptsWrongLevel = "preempts-wrong-level", caught by ["preemption-victim"];
    /// Ends an active call before one on hold, and that before one that rings.
    PreemptsWrongState = "preempts-wrong-state", caught by ["preemption-victim"];
    /// Ends the one of several equal calls that is the last by age.
    PreemptsWrongAge = "preempts-wrong-age", caught by ["preemption-victim"];
    /// Ends a call of another line.
    PreemptsOtherLine = "preempts-other-line", caught by ["preemption-victim"];
    /// Ends a call for one of the same level.
    PreemptsEqual = "preempts-equal", caught by ["preemption-occasion", "call-refused"];
    /// Ends a call although a call appearance is free.
    PreemptsWithRoom = "preempts-with-room", caught by ["preemption-occasion", "calls-untouched"];
    /// Ends two calls for one.
    PreemptsTwo = "preempts-two", caught by ["preemption-victim", "calls-untouched"];
    /// Refuses a call that is above others.
    RefusesPrecedence = "refuses-precedence", caught by ["preemption-occasion"];
    /// Does not say why it ends a call for a higher one.
    PreemptsWithoutReason = "preempts-without-reason", caught by ["preemption-teardown"];
    /// Says that the network has ended a call which it has ended itself.
    PreemptsWithWrongCause = "preempts-with-wrong-cause", caught by ["preemption-teardown"];
    /// Sends CANCEL instead of BYE for a call that is up.
    CancelsForBye = "cancels-for-bye", caught by ["preempted"];
    /// Ends one leg of a conference that gives way, and keeps the others.
    PreemptsOneLeg = "preempts-one-leg", caught by ["conference-preemption"];
    /// Repeats an INVITE without its precedence.
    LosesPrecedenceInRepetition = "loses-precedence-in-repetition", caught by ["precedence-kept", "call-carries"];
    /// Leaves the precedence out of an INVITE that comes again with credentials.
    LosesPrecedenceWhenChallenged = "loses-precedence-when-challenged", caught by ["precedence-kept", "call-carries"];
    /// Does not understand that a precedence is required.
    RefusesRequiredPrecedence = "refuses-required-precedence", caught by ["precedence-refusal"];
    /// Diverts and rejects calls of contacts although they have precedence.
    DivertsPrecedence = "diverts-precedence", caught by ["call-alerts"];
    /// Answers calls by itself although they have precedence.
    AutoAnswersPrecedence = "auto-answers-precedence", caught by ["call-unanswered"];
    /// Does not answer by itself what Alert-Info asks it to answer.
    IgnoresAlertInfo = "ignores-alert-info", caught by ["call-answered"];
    /// Lets a call with precedence ring like any other.
    RingsAsUsual = "rings-as-usual", caught by ["seen-at-phone"];
    /// Tells of no call that waits.
    MutesCallWaiting = "mutes-call-waiting", caught by ["seen-at-phone"];
    /// Does not show which precedence a call has.
    HidesPrecedence = "hides-precedence", caught by ["seen-at-phone"];
    /// Lists calls that ring in the order in which they came.
    ListsByArrival = "lists-by-arrival", caught by ["seen-at-phone"];
    /// Makes a call without precedence of a number that says none, although its profile gives such calls one.
    ForgetsDefaultLevel = "forgets-default-level", caught by ["call-carries"];
    /// Leaves the prefix that has said the level of a call in its address.
    KeepsDialledPrefix = "keeps-dialled-prefix", caught by ["call-addressed"];
    /// Does not require that the precedence of its calls is understood.
    ForgetsToRequirePrecedence = "forgets-to-require-precedence", caught by ["call-carries"];
    /// Keeps the level of a call that the server has changed.
    KeepsOldLevel = "keeps-old-level", caught by ["call-carries"];

    // The form of messages.

    /// Draws branches without the magic cookie.
    BadMagicCookie = "bad-magic-cookie", caught by ["branch"];
    /// Leaves Max-Forwards out.
    ForgetsMaxForwards = "forgets-max-forwards", caught by ["well-formed"];
    /// Writes a space into the URI of its Contact.
    MalformedContact = "malformed-contact", caught by ["well-formed"];
    /// Repeats only the first Via of a request in its responses.
    LosesVia = "loses-via", caught by ["well-formed"];
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Defect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = || Defect::ALL.iter().copied();
        all().find(|defect| defect.name() == name).ok_or_else(|| {
            let nearest = nearest(name, all().map(Defect::name));
            let help = nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
            format!("there is no defect `{name}`{help}")
        })
    }
}

/// What one phone does wrong: nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defects(BTreeSet<Defect>);

impl Defects {
    /// Whether the phone has that defect.
    pub fn has(&self, defect: Defect) -> bool {
        self.0.contains(&defect)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Defect> {
        self.0.iter().copied()
    }
}

impl FromIterator<Defect> for Defects {
    fn from_iter<I: IntoIterator<Item = Defect>>(defects: I) -> Self {
        Defects(defects.into_iter().collect())
    }
}
