//! What happens inside a system or between two and in no packet.

use std::fmt;
use std::str::FromStr;

use sipfarm_core::Instant;
use sipfarm_core::nearest::nearest;

/// Declares what can happen: what it is, and the words for it.
macro_rules! occurrences {
    ($($(#[doc = $about:literal])+ $variant:ident = $words:literal;)+) => {
        /// Something that happens inside a system or between two.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Occurrence {
            $($(#[doc = $about])+ $variant,)+
        }

        impl Occurrence {
            /// Everything that can happen.
            pub const ALL: &[Occurrence] = &[$(Occurrence::$variant),+];

            /// The words for it in scenarios and captures.
            pub const fn words(self) -> &'static str {
                match self { $(Occurrence::$variant => $words),+ }
            }
        }
    };
}

occurrences! {
    /// The alternate does not see the home any more.
    HomeLost = "home lost";
    /// The alternate sees it again.
    HomeBack = "home back";
    /// The alternate takes guests from now on (AR-05, AR-06).
    GateOpened = "gate opened";
    /// The alternate takes no guests any more.
    GateClosed = "gate closed";
    /// A phone was accepted as a guest (AR-17).
    GuestRegistered = "guest registered";
    /// The users of the home are served at the alternate (AR-08, AR-19).
    UserResilience = "user resilience begins";
    /// Its hunt groups are (AR-08).
    HuntGroupResilience = "hunt group resilience begins";
    /// Its voicemail is (AR-08).
    VoicemailResilience = "voicemail resilience begins";
    /// The alternate has the home's records of users and phones (AR-14).
    ReplicaReceived = "replica received";
    /// It has lost them (AR-13, AR-15).
    ReplicaLost = "replica lost";
    /// The home was in sight for long enough (AR-26).
    FailbackBegins = "failback begins";
    /// A guest is registered at its home again.
    CameHome = "phone came home";
    /// The hot-desked user was logged out (AR-20).
    HotDeskOut = "hot-desked user logged out";
    /// And logged in again (AR-21).
    HotDeskIn = "hot-desked user logged in";
    /// The alternate does not serve such extensions (AR-22).
    NoExtensions = "extensions do not match";
    /// The two have different SIP domains (AR-24).
    OtherDomain = "domains do not match";
    /// A call to a hunt group, and so none that is preserved (AM-19).
    HuntGroupCall = "hunt-group call";
    /// The system at the other end of its trunk is lost, and the call goes on (AM-11).
    CallPreserved = "call preserved";
    /// That system is lost, and this one ends what is left of the call (AM-27, AM-29).
    CallReleased = "call released";
    /// A preserved call has lived for as long as this system keeps one, which ends it (AM-17).
    PreservationOver = "preserved call ended";
}

impl FromStr for Occurrence {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        if let Some(found) = Self::ALL.iter().find(|occurrence| occurrence.words() == words) {
            return Ok(*found);
        }
        let known = || Self::ALL.iter().map(|occurrence| occurrence.words());
        let help = match nearest(words, known()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("there is \"{}\"", known().collect::<Vec<_>>().join("\", \"")),
        };
        Err(format!("nothing that a system notes is called \"{words}\"; {help}"))
    }
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Instant,
    /// The system that noted it.
    pub node: String,
    /// What.
    pub what: Occurrence,
}
