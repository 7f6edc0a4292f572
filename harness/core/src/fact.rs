//! What shows at a phone and in no packet: one vocabulary for the steps that ask for it, for whoever
//! answers, and for the judge.
//!
//! Each fact is a row of one table. A person is asked about the fact and not about what a scenario expects of
//! it, so that the question does not suggest its answer.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::nearest::nearest;

/// Declares the facts: what each means, how a step says that it is so and that it is not, and what a
/// person is asked.
macro_rules! facts {
    ($($(#[doc = $about:literal])+ $variant:ident: $is:literal, $is_not:literal, $question:literal;)+) => {
        /// Something that somebody at a phone can see or hear.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Fact {
            $($(#[doc = $about])+ $variant,)+
        }

        impl Fact {
            /// Every fact.
            pub const ALL: &[Fact] = &[$(Fact::$variant),+];

            /// That it is so, or that it is not, as a step says it.
            pub const fn sentence(self, is: bool) -> &'static str {
                match self { $(Fact::$variant => if is { $is } else { $is_not }),+ }
            }

            /// What a person is asked, who answers with yes or no.
            pub const fn question(self) -> &'static str {
                match self { $(Fact::$variant => $question),+ }
            }
        }
    };
}

facts! {
    /// The display shows a call, in whatever state.
    Call: "the display shows a call", "the display shows no call",
        "Does the display show a call?";
    /// The display shows a call that the user has put on hold.
    CallOnHold: "the display shows a call on hold", "the display shows no call on hold",
        "Does the display show a call on hold?";
    /// Softkeys do what they say, those apart that end the call (AM-24).
    Softkeys: "a softkey works besides the one that ends the call", "no softkey works but the one that ends the call",
        "Press the softkeys one by one, but none that ends the call. Does any of them do anything?";
    /// The menus of the phone's features open (AM-24).
    Menus: "a feature menu opens", "no feature menu opens",
        "Press the keys that open menus. Does any menu open?";
    /// The phone tells its user that the call which he has dialled has failed (YL-04).
    FailedCall: "the phone tells that the call has failed", "the phone tells of no failed call",
        "Does the phone tell, by a tone or on its display, that the call has failed?";
}

impl Fact {
    /// The fact that a step names, and whether it says that it is so.
    ///
    /// # Errors
    /// No fact is worded so; the text names the nearest, or all of them.
    pub fn read(sentence: &str) -> Result<(Fact, bool), String> {
        let sentences = || Fact::ALL.iter().flat_map(|fact| [true, false].map(|is| (*fact, is)));
        sentences().find(|(fact, is)| fact.sentence(*is) == sentence).ok_or_else(|| {
            let words: Vec<&str> = sentences().map(|(fact, is)| fact.sentence(is)).collect();
            let help = match nearest(sentence, words.iter().copied()) {
                Some(near) => format!("did you mean  {near}"),
                None => format!("there are:  {}", words.join(",  ")),
            };
            format!("nobody at a phone is asked whether  {sentence}; {help}")
        })
    }
}

/// As a step says that it is so; what `sipfarm phone` is asked.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence(true))
    }
}

impl FromStr for Fact {
    type Err = String;

    fn from_str(sentence: &str) -> Result<Self, String> {
        Fact::read(sentence).and_then(|(fact, is)| match is {
            true => Ok(fact),
            false => Err(format!("ask whether  {fact}")),
        })
    }
}

/// What came of a question about a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It is so.
    Yes,
    /// It is not.
    No,
    /// Whoever was asked could not tell.
    Skipped,
    /// Nobody answered in time.
    Silence {
        /// How long that was, in seconds.
        waited_s: u32,
    },
    /// There was nobody to be asked.
    NotAsked {
        /// Why, and what to do.
        why: String,
    },
}

impl From<bool> for Answer {
    fn from(is: bool) -> Self {
        if is { Answer::Yes } else { Answer::No }
    }
}

/// As the end of a sentence about who was asked.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Yes => f.write_str("yes"),
            Answer::No => f.write_str("no"),
            Answer::Skipped => f.write_str("that cannot be told"),
            Answer::Silence { waited_s } => write!(f, "no answer for {waited_s} s"),
            Answer::NotAsked { why } => write!(f, "not asked: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_sentence_names_its_fact_and_no_two_are_alike() {
        let mut sentences = BTreeSet::new();
        for fact in Fact::ALL {
            for is in [true, false] {
                assert_eq!(Fact::read(fact.sentence(is)), Ok((*fact, is)));
                assert!(sentences.insert(fact.sentence(is)));
            }
            assert_eq!(fact.to_string().parse(), Ok(*fact));
            assert!(fact.question().ends_with('?'), "{fact}");
        }
    }

    #[test]
    fn other_words_name_the_nearest() {
        let error = Fact::read("the display shows a cal").unwrap_err();
        assert!(error.contains("did you mean  the display shows a call"), "{error}");
        let error = Fact::read("the moon is full").unwrap_err();
        assert!(error.contains("the display shows no call,"), "{error}");
        assert!("the display shows no call".parse::<Fact>().is_err(), "only one way to ask");
    }
}
