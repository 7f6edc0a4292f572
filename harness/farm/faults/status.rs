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

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, ack_to, in_dialog, invite, over_tcp, register};
    use sipfarm_core::sip::Method;

    /// RFC 3261 section 17.2.1: Timer G doubles up to T2, Timer H ends it at 64·T1.
    #[test]
    fn without_ack_the_answer_to_invite_is_retransmitted_by_timer_g() {
        let mut lab = Lab::new();
        lab.fault_on("status code=503");
        lab.say(&invite(1));
        lab.run_s(100);
        let schedule = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
        assert_eq!(lab.times("503 INVITE"), schedule);
        assert!(lab.lines().iter().all(|line| !line.contains("far end") && !line.contains("100")));
    }

    #[test]
    fn the_ack_stops_timer_g_and_goes_no_further() {
        let mut lab = Lab::new();
        lab.fault_on("status code=486 method=INVITE");
        lab.say(&invite(1));
        lab.run_s(1);
        let busy = lab.last();
        lab.say(&ack_to(&invite(1), &busy));
        lab.run_s(1);
        lab.say(&ack_to(&invite(1), &busy)); // absorbed during Timer I
        lab.run_s(60);
        assert_eq!(lab.times("486 INVITE"), [0.0, 0.5]);
        assert!(lab.lines().iter().all(|line| !line.contains("far end")));
    }

    #[test]
    fn over_tcp_the_answer_is_sent_once() {
        let mut lab = Lab::new();
        lab.fault_on("status");
        lab.connect();
        lab.say_tcp(&over_tcp(invite(1)));
        lab.run_s(60);
        assert_eq!(lab.times("503 INVITE"), [0.0]);
    }

    #[test]
    fn first_counts_requests_and_not_their_retransmissions() {
        let mut lab = Lab::new();
        lab.fault_on("status code=500 method=REGISTER first=1");
        for _ in 0..3 {
            lab.say(&register(1));
            lab.run_ms(500);
        }
        assert_eq!(lab.times("500 REGISTER").len(), 3);
        lab.forget();
        lab.say(&register(2));
        lab.run_s(1);
        assert_eq!(lab.lines(), ["phone > node: REGISTER", "node > phone: 200 REGISTER"]);
    }

    #[test]
    fn a_provisional_answer_is_all_there_is() {
        let mut lab = Lab::new();
        lab.fault_on("status code=100 method=REGISTER");
        lab.say(&register(1));
        lab.run_s(40);
        assert_eq!(lab.times("100 REGISTER"), [0.0]);
    }

    #[test]
    fn reason_retry_after_and_a_header_of_ones_own_stand_in_the_answer() {
        let mut lab = Lab::new();
        lab.fault_on("status code=503 retry-after=120 reason=\"Gone Fishing\" header=\"Warning: 399 x y\"");
        lab.say(&register(1));
        lab.run_s(1);
        let answer = lab.last();
        assert!(answer.raw.starts_with(b"SIP/2.0 503 Gone Fishing\r\n"));
        assert_eq!(answer.number("Retry-After"), Some(120));
        assert_eq!(answer.header("Warning"), Some("399 x y"));
        assert!(answer.to().is_some_and(|to| to.tag().is_some()));
    }

    #[test]
    fn other_methods_and_later_times_are_served() {
        let mut lab = Lab::new();
        lab.fault_on("status method=INVITE");
        lab.register();
        lab.fault_off("status");
        lab.say(&invite(1));
        lab.run_ms(100);
        assert_eq!(lab.last().status(), Some(200));
    }

    #[test]
    fn the_ack_for_a_2xx_is_never_answered() {
        let mut lab = Lab::new();
        lab.say(&invite(1));
        lab.run_ms(100);
        let ok = lab.last();
        lab.forget();
        lab.fault_on("status");
        lab.say(&in_dialog(&Method::Ack, &ok, 1));
        lab.run_s(10);
        assert_eq!(lab.lines(), ["phone > node: ACK", "node > far end: ACK"]);
    }
}
