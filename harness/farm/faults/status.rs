//! The answer is the node's own, so the node's transactions look after it: a final response to
//! INVITE is retransmitted by Timer G until the ACK comes (RFC 3261 section 17.2.1), and a
//! retransmitted request gets the same answer again and does not count for `first`.

use super::declare::{Code, HeaderField, fault};
use super::{Action, Answer, Rule, Seen};

fault! {
    /// Answers requests with a status code instead of serving them.
    pub struct Status = "status", acts on Requests {
        /// the status code, 100 to 699
        code: Code = "503",
        /// the reason phrase; the RFC's when not given
        reason: Option<String>,
        /// seconds in a Retry-After header field; no such field when not given
        retry_after: Option<u32>,
        /// one more header field, such as "Min-Expires: 60"
        header: Option<HeaderField>,
    }
}

impl Rule for Status {
    fn see(&mut self, _: &Seen<'_>) -> Option<Action> {
        let retry_after = self.retry_after.map(|seconds| ("Retry-After".to_owned(), seconds.to_string()));
        let header = self.header.clone().map(|header| (header.0, header.1));
        Some(Action::Answer(Answer {
            code: self.code.0,
            reason: self.reason.clone(),
            headers: retry_after.into_iter().chain(header).collect(),
        }))
    }
}
