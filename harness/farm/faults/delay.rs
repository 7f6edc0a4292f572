//! A message that was held goes on to the faults that were switched on later. When the fault
//! ends, what it still holds goes on at once: delay loses nothing.

use super::declare::{Millis, fault};
use super::{Action, DnsAction, NodeKind, Rule, Seen, SeenDns};

fault! {
    /// Holds messages back for a while.
    pub struct Delay = "delay", acts on Messages {
        /// how long, in milliseconds
        ms: Millis = "500",
    }
}

impl Rule for Delay {
    fn see(&mut self, _: &Seen<'_>) -> Option<Action> {
        Some(Action::Delay(self.ms.0))
    }

    fn see_dns(&mut self, _: &SeenDns<'_>) -> Option<DnsAction> {
        Some(DnsAction::Delay(self.ms.0))
    }

    fn fits(&self, node: NodeKind) -> bool {
        node != NodeKind::FarEnd
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, register};

    /// From the request to the first response, in seconds; the network itself takes 0.1 ms a way.
    fn answered_after(words: &str) -> f64 {
        let mut lab = Lab::new();
        lab.fault_on(words);
        lab.say(&register(1));
        lab.run_s(10);
        let answer = lab.wire().into_iter().find(|packet| packet.to == "phone");
        answer.map_or(f64::NAN, |packet| (packet.at * 1e3).round() / 1e3)
    }

    #[test]
    fn messages_are_held_on_the_way_in_or_out_or_both() {
        assert_eq!(answered_after("delay ms=300 direction=in"), 0.3);
        assert_eq!(answered_after("delay ms=300 direction=out"), 0.3);
        assert_eq!(answered_after("delay ms=300"), 0.6);
        assert_eq!(answered_after("delay ms=300 method=INVITE"), 0.0);
    }

    #[test]
    fn faults_behind_it_see_the_message_when_it_goes_on() {
        let mut lab = Lab::new();
        lab.fault_on("delay ms=1000 direction=in");
        lab.fault_on("status code=500");
        lab.say(&register(1));
        lab.run_s(3);
        assert_eq!(lab.lines(), ["phone > node: REGISTER", "node > phone: 500 REGISTER"]);
        assert!(lab.wire()[1].at >= 1.0);
    }

    #[test]
    fn what_is_held_goes_on_at_once_when_the_fault_ends() {
        let mut lab = Lab::new();
        lab.fault_on("delay ms=60000 direction=out");
        lab.say(&register(1));
        lab.run_s(5);
        assert!(lab.heard().is_empty());
        lab.fault_off("delay");
        lab.run_ms(1);
        assert_eq!(lab.last().status(), Some(200));
        lab.run_s(100);
        assert_eq!(lab.heard().len(), 1);
    }
}
