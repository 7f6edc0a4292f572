//! The way of the audio is cut, and only that: signalling passes, nobody is told, no ICMP error comes back.
//! What the far end says is lost on its way, and what it is told it does not hear. It is the far end's, as
//! audio that needs no server runs between the phone and that.

use super::declare::fault;
use super::{NodeKind, Rule};

fault! {
    /// Cuts the way of the audio between the phone and the far end, in both directions.
    pub struct MediaLoss = "media-loss", acts on Ports {}
}

impl Rule for MediaLoss {
    fn fits(&self, node: NodeKind) -> bool {
        node == NodeKind::FarEnd
    }

    fn cuts_audio(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sipfarm_core::sip::{Message, Method};

    use crate::farm::testing::{Lab, in_dialog, invite};
    use crate::farm::{FaultSpec, NodeKind};

    fn cut(lab: &mut Lab) {
        let fault: FaultSpec = "media-loss".parse().unwrap();
        lab.far_end(|far_end, _| far_end.fault_on(&fault)).unwrap();
    }

    /// Whether audio comes from the far end in the next two seconds.
    fn comes(lab: &mut Lab) -> bool {
        lab.forget();
        lab.run_s(2);
        lab.audio().contains("far end > phone")
    }

    /// A call through the node; the 200.
    fn established(lab: &mut Lab) -> Message {
        lab.say(&invite(1));
        lab.run_ms(10);
        let ok = lab.last();
        lab.say(&in_dialog(&Method::Ack, &ok, 1));
        lab.run_ms(10);
        ok
    }

    #[test]
    fn no_audio_comes_while_it_is_on_and_it_comes_again_when_it_ends() {
        let mut lab = Lab::new();
        established(&mut lab);
        assert!(comes(&mut lab));
        cut(&mut lab);
        assert!(!comes(&mut lab));
        lab.far_end(|far_end, now| far_end.faults_off(now));
        assert!(comes(&mut lab));
    }

    #[test]
    fn signalling_passes() {
        let mut lab = Lab::new();
        let ok = established(&mut lab);
        cut(&mut lab);
        lab.say(&in_dialog(&Method::Bye, &ok, 2));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }

    #[test]
    fn it_is_the_far_ends_and_the_far_end_has_no_other() {
        let fits = |fault: &str, node| fault.parse::<FaultSpec>().unwrap().fits(node).is_ok();
        assert!(fits("media-loss", NodeKind::FarEnd));
        assert!(!fits("media-loss", NodeKind::Sip) && !fits("media-loss", NodeKind::Dns));
        let others = ["silent", "closed", "drop", "delay", "duplicate", "kill", "tcp-reset", "dns-silent"];
        others.iter().for_each(|other| assert!(!fits(other, NodeKind::FarEnd), "{other}"));
    }
}
