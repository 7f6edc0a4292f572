//! What DNS said, for as long as it may be kept. Only records are kept: that there are none is asked
//! again each time, which RFC 2308 section 5 leaves open, so that a name that comes to life is
//! noticed at once.

use std::collections::BTreeMap;

use sipfarm_core::Instant;
use sipfarm_core::dns::Question;

use super::Answer;

/// How many answers are kept; the one that would run out first makes room. A server behind a name
/// takes a handful.
const MAX_KEPT: usize = 256;

/// The answers that are still good.
#[derive(Debug, Default)]
pub struct Cache {
    kept: BTreeMap<Question, Answer>,
}

impl Cache {
    /// The answer to a question, if it may still be used.
    pub fn get(&self, question: &Question, now: Instant) -> Option<&Answer> {
        self.kept.get(question).filter(|answer| expires(answer) > Some(now))
    }

    /// Keeps an answer for its time.
    pub fn keep(&mut self, question: &Question, answer: &Answer, now: Instant) {
        if expires(answer) <= Some(now) {
            return;
        }
        self.kept.retain(|_, answer| expires(answer) > Some(now));
        self.kept.insert(question.clone(), answer.clone());
        if self.kept.len() > MAX_KEPT {
            let first = self.kept.iter().min_by_key(|(_, answer)| expires(answer));
            if let Some(first) = first.map(|(question, _)| question.clone()) {
                self.kept.remove(&first);
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.kept.clear();
    }
}

fn expires(answer: &Answer) -> Option<Instant> {
    match answer {
        Answer::Records { expires, .. } => Some(*expires),
        _ => None,
    }
}
