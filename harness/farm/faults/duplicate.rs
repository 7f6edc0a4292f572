//! `duplicate response=final after-ms=10000` repeats a final response ten seconds later, which the
//! phone's Timer D must absorb. When the fault ends, copies not yet sent are dropped.

use super::declare::{Count, Millis, fault};
use super::{Action, DnsAction, NodeKind, Rule, Seen, SeenDns};

/// More copies of one message have no use but to fill memory.
const COPIES_MAX: u32 = 100;

fault! {
    /// Lets a message pass and repeats it.
    pub struct Duplicate = "duplicate", acts on Messages {
        /// how many copies, beside the message itself
        count: Count = "1",
        /// milliseconds from one to the next
        after_ms: Millis = "0",
    }
}

impl Rule for Duplicate {
    fn contradiction(&self) -> Option<String> {
        let count = self.count.0;
        (count > COPIES_MAX).then(|| format!("count={count} is more than {COPIES_MAX}"))
    }

    fn see(&mut self, _: &Seen<'_>) -> Option<Action> {
        Some(Action::Duplicate { count: self.count.0, every: self.after_ms.0 })
    }

    fn see_dns(&mut self, _: &SeenDns<'_>) -> Option<DnsAction> {
        Some(DnsAction::Duplicate { count: self.count.0, every: self.after_ms.0 })
    }

    fn fits(&self, node: NodeKind) -> bool {
        node != NodeKind::FarEnd
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, ack_to, invite, register};

    #[test]
    fn a_response_is_repeated_at_even_distances() {
        let mut lab = Lab::new();
        lab.fault_on("duplicate count=3 after-ms=1000 direction=out");
        lab.say(&register(1));
        lab.run_s(10);
        assert_eq!(lab.times("200 REGISTER"), [0.0, 1.0, 2.0, 3.0]);
        let heard = lab.heard();
        assert!(heard.iter().all(|copy| copy.raw == heard[0].raw));
    }

    /// For Timer D: 10 s after a final response that was acknowledged, it comes again.
    #[test]
    fn a_final_response_comes_again_long_after_its_ack() {
        let mut lab = Lab::new();
        lab.fault_on("duplicate response=final after-ms=10000 direction=out first=1");
        lab.fault_on("status code=486 method=INVITE");
        lab.say(&invite(1));
        lab.run_ms(100);
        let busy = lab.last();
        lab.say(&ack_to(&invite(1), &busy));
        lab.run_s(60);
        assert_eq!(lab.times("486 INVITE"), [0.0, 10.0]);
    }

    #[test]
    fn a_request_that_comes_twice_is_served_once() {
        let mut lab = Lab::new();
        lab.fault_on("duplicate direction=in method=INVITE first=1");
        lab.say(&invite(1));
        lab.run_ms(100);
        assert_eq!(lab.lines().iter().filter(|line| *line == "node > far end: INVITE").count(), 1);
    }

    #[test]
    fn copies_not_sent_yet_are_dropped_when_the_fault_ends() {
        let mut lab = Lab::new();
        lab.fault_on("duplicate count=5 after-ms=1000 direction=out");
        lab.say(&register(1));
        lab.run_ms(1500);
        lab.fault_off("duplicate");
        lab.run_s(20);
        assert_eq!(lab.times("200 REGISTER"), [0.0, 1.0]);
    }

    #[test]
    fn absurd_counts_are_refused() {
        assert!("duplicate count=101".parse::<crate::farm::FaultSpec>().is_err());
    }
}
