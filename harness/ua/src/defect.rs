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
    /// Leaves the second server out.
    SkipsSecondary = "skips-secondary", caught by ["server-order", "order"];
    /// Takes 404 for a failure of the server.
    FailsOverOn404 = "fails-over-on-404", caught by ["failover-cause", "call-fails"];
    /// Gives a server up that said 100 and nothing more.
    FailsOverAfterTrying = "fails-over-after-trying", caught by ["failover-cause", "sends-nothing"];

    // Repetitions and time-outs of a request.

    /// Takes T1 for twice as long as the profile says.
    DoublesT1 = "doubles-t1", caught by ["invite-schedule", "non-invite-schedule"];
    /// Does not let the interval between two sends of an INVITE grow beyond T2.
    CapsInviteAtT2 = "caps-invite-at-t2", caught by ["invite-schedule"];
    /// Lets the interval between two sends of any request grow beyond T2.
    UncappedRegister = "uncapped-register", caught by ["non-invite-schedule"];
    /// Sends a request once more when it gives up.
    OneSendTooMany = "one-send-too-many", caught by ["transmission-count"];
    /// Gives up when half of its time is over.
    GivesUpEarly = "gives-up-early", caught by ["give-up", "moves-on"];

    // ACK and CANCEL.

    /// Does not acknowledge a refusal.
    NoAck = "no-ack", caught by ["ack-refusal"];
    /// Gives CANCEL a branch of its own.
    CancelNewBranch = "cancel-new-branch", caught by ["cancel-transaction"];

    // Registration.

    /// Tries again a second after every server has refused.
    HammersDeadServer = "hammers-dead-server", caught by ["no-hammering"];
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
