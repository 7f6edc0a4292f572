//! What shows at a phone and in no packet: one vocabulary for the steps that ask for it, for whoever
//! answers, and for the judge.
//!
//! What a fact is about is a row of one table; some facts have a value besides, such as the text on a display. A person is asked about the fact and not about what a scenario expects of
//! it, so that the question does not suggest its answer.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::nearest::nearest;

/// Declares what facts are about: what each means, how a step says that it is so and that it is not, and what a
/// person is asked. Where a fact has a value, `{}` stands for it.
macro_rules! topics {
    ($($(#[doc = $about:literal])+ $variant:ident: $is:literal, $is_not:literal, $question:literal;)+) => {
        /// What a fact is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Topic {
            $($(#[doc = $about])+ $variant,)+
        }

        impl Topic {
            /// Every topic.
            pub const ALL: &[Topic] = &[$(Topic::$variant),+];

            /// That it is so, or that it is not, as a step says it.
            pub const fn sentence(self, is: bool) -> &'static str {
                match self { $(Topic::$variant => if is { $is } else { $is_not }),+ }
            }

            /// What a person is asked, who answers with yes or no.
            const fn question(self) -> &'static str {
                match self { $(Topic::$variant => $question),+ }
            }
        }
    };
}

topics! {
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
    /// The display says that, word for word, such as the priority of a call (PA-18 to PA-21).
    Text: "the display shows \"{}\"", "the display does not show \"{}\"",
        "Does the display show \"{}\"?";
    /// The phone rings with the ring type of that number (PA-10, PA-11, PA-13).
    RingType: "the phone rings with ring type {}", "the phone does not ring with ring type {}",
        "The phone's menu has a list of ring types. Does the phone ring with number {} of that list?";
    /// The phone rings in its usual pattern, but faster (PA-12).
    FastRing: "the phone rings faster than usual", "the phone rings no faster than usual",
        "Does the phone ring faster than it does for a call without precedence?";
    /// A tone tells of a call that waits, where the call that is up is heard (PA-14).
    WaitingTone: "a tone in the call tells of the one that waits", "no tone in the call tells of the one that waits",
        "Do you hear a tone where you hear the call, which tells of another one?";
    /// The speaker rings for a call that waits (PA-15).
    SpeakerRings: "the speaker rings for the call that waits", "the speaker does not ring for the call that waits",
        "Does the speaker ring for the call that waits?";
    /// Three short tones tell of a call that waits, and not a single longer one (PA-16).
    ThreeTones: "three short tones tell of the call that waits", "no three short tones tell of the call that waits",
        "Do you hear three short tones that tell of another call, and not a single longer one?";
    /// Of several calls that ring, the one of the highest precedence is on top (PA-17).
    HighestOnTop: "the highest of the calls that ring is on top", "the highest of the calls that ring is not on top",
        "Does the display list the calls that ring with the one of the highest precedence on top?";
}

/// Something that somebody at a phone can see or hear.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about.
    pub topic: Topic,
    /// What a sentence says in place of `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Of a topic that needs no value.
impl From<Topic> for Fact {
    fn from(topic: Topic) -> Self {
        Fact { topic, value: None }
    }
}

impl Fact {
    /// That it is so, or that it is not, as a step says it.
    pub fn sentence(&self, is: bool) -> String {
        self.fill(self.topic.sentence(is))
    }

    /// What a person is asked, who answers with yes or no.
    pub fn question(&self) -> String {
        self.fill(self.topic.question())
    }

    fn fill(&self, words: &str) -> String {
        words.replace("{}", self.value.as_deref().unwrap_or_default())
    }

    /// The fact that a step names, and whether it says that it is so.
    ///
    /// # Errors
    /// No fact is worded so; the text names the nearest, or all of them.
    pub fn read(sentence: &str) -> Result<(Fact, bool), String> {
        let sentences = || Topic::ALL.iter().flat_map(|topic| [true, false].map(|is| (*topic, is)));
        let read = |(topic, is): (Topic, bool)| {
            Some((Fact { topic, value: value(topic.sentence(is), sentence)? }, is))
        };
        sentences().find_map(read).ok_or_else(|| {
            let words: Vec<&str> = sentences().map(|(topic, is)| topic.sentence(is)).collect();
            let help = match nearest(sentence, words.iter().copied()) {
                Some(near) => format!("did you mean  {near}"),
                None => format!("there are:  {}", words.join(",  ")),
            };
            format!("nobody at a phone is asked whether  {sentence}; {help}")
        })
    }
}

/// What a sentence says in place of `{}`; none where the words are other ones.
fn value(words: &str, sentence: &str) -> Option<Option<String>> {
    let Some((before, behind)) = words.split_once("{}") else {
        return (words == sentence).then_some(None);
    };
    let value = sentence.strip_prefix(before)?.strip_suffix(behind)?;
    (!value.is_empty() && !value.contains('"')).then(|| Some(value.to_owned()))
}

/// As a step says that it is so; what `sipfarm phone` is asked.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(true))
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
        for topic in Topic::ALL {
            let value = topic.sentence(true).contains("{}").then(|| "P-3".to_owned());
            let fact = Fact { topic: *topic, value };
            for is in [true, false] {
                assert_eq!(Fact::read(&fact.sentence(is)), Ok((fact.clone(), is)));
                assert!(sentences.insert(fact.sentence(is)));
            }
            assert_eq!(fact.to_string().parse(), Ok(fact.clone()));
            assert!(fact.question().ends_with('?'), "{fact}");
        }
    }

    #[test]
    fn a_fact_with_a_value_is_asked_with_it() {
        let (fact, is) = Fact::read("the display does not show \"Priority-3\"").unwrap();
        assert_eq!((fact.value.as_deref(), is), (Some("Priority-3"), false));
        assert_eq!(fact.question(), "Does the display show \"Priority-3\"?");
        assert!(Fact::read("the display shows \"\"").is_err());
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
