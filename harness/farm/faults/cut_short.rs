//! What is there stays as it is; only Content-Length is raised. A phone drops such a response and a
//! node answers such a request with 400 (RFC 3261 section 18.3). Over TCP the octets of the next message
//! would make it whole, so streams are left alone.

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Message;

use super::declare::{Count, fault};
use super::{Action, Rule, Seen};

fault! {
    /// Cuts datagrams short: Content-Length says more octets than there are.
    pub struct CutShort = "cut-short", acts on Messages {
        /// how many octets are missing
        octets: Count = "10",
    }
}

impl Rule for CutShort {
    fn see(&mut self, seen: &Seen<'_>) -> Option<Action> {
        if seen.transport != Transport::Udp {
            return None;
        }
        let message = seen.message;
        let field = message.fields("Content-Length").next()?;
        let said = message.body.len() + self.octets.0 as usize;
        let mut raw = message.raw.clone();
        raw.splice(field.span.clone(), format!("{}: {said}", field.name).into_bytes());
        Some(Action::Alter(Box::new(Message::parse(&raw))))
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, invite, over_tcp, register};
    use sipfarm_core::sip::DefectKind;

    /// What is wrong with the responses that came, by their codes.
    fn heard(lab: &Lab) -> Vec<(u16, Vec<DefectKind>)> {
        let kinds = |m: &sipfarm_core::sip::Message| m.defects.iter().map(|defect| defect.kind).collect();
        lab.heard().iter().map(|message| (message.status().unwrap_or_default(), kinds(message))).collect()
    }

    #[test]
    fn a_response_says_that_more_octets_follow_than_there_are() {
        let mut lab = Lab::new();
        lab.fault_on("cut-short octets=7 response=200 direction=out");
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(heard(&lab), [(200, vec![DefectKind::BodyTooShort])]);
        assert_eq!(lab.last().header("Content-Length"), Some("7"));
    }

    #[test]
    fn other_responses_and_later_ones_are_whole() {
        let mut lab = Lab::new();
        lab.fault_on("cut-short response=2xx direction=out first=1");
        lab.say(&invite(1));
        lab.run_ms(100);
        lab.say(&register(1));
        lab.run_ms(100);
        let whole: Vec<_> = heard(&lab).into_iter().map(|(code, faults)| (code, faults.is_empty())).collect();
        assert_eq!(whole, [(100, true), (200, false), (200, true)]);
        lab.fault_off("cut-short");
        lab.forget();
        lab.say(&register(2));
        lab.run_ms(100);
        assert_eq!(heard(&lab), [(200, vec![])]);
    }

    #[test]
    fn a_request_that_comes_cut_short_is_refused() {
        let mut lab = Lab::new();
        lab.fault_on("cut-short direction=in");
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(400));
        assert_eq!(lab.node(|node, _| node.bindings().len()), 0);
    }

    #[test]
    fn streams_are_left_alone() {
        let mut lab = Lab::new();
        lab.fault_on("cut-short");
        lab.connect();
        lab.say_tcp(&over_tcp(register(1)));
        lab.run_s(1);
        assert_eq!(heard(&lab), [(200, vec![])]);
    }
}
