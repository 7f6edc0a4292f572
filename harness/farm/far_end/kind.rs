//! What the other party of a call is. A phone calls all of them alike; what tells them apart on the wire is
//! how each names itself in Contact, and that nothing rings in front of a machine.

use std::net::SocketAddr;
use std::str::FromStr;

use sipfarm_core::Span;
use sipfarm_core::nearest::nearest;

use super::Behaviour;

/// The telephone behind a SIP trunk, and whoever of a hunt group takes the call.
const TELEPHONE: &str = "+12025550100";
const MEMBER: &str = "1003";

/// What a far end is (AM-21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FarEndKind {
    /// A phone, of this system or of another.
    #[default]
    Phone,
    /// The end of a SIP trunk: a telephone number.
    SipTrunk,
    /// A machine that answers at once and plays what it has to say, until somebody hangs up.
    Voicemail,
    /// A member of a hunt group: not the one who was called. For whoever calls it is as a phone (F-08).
    HuntGroup,
    /// The focus of a conference: it answers at once and mixes those who are in it (AM-22, RFC 4579).
    Focus,
}

impl FarEndKind {
    /// Each with its words.
    pub const NAMES: [(&'static str, FarEndKind); 5] = [
        ("phone", FarEndKind::Phone),
        ("SIP trunk", FarEndKind::SipTrunk),
        ("voicemail box", FarEndKind::Voicemail),
        ("hunt group", FarEndKind::HuntGroup),
        ("conference", FarEndKind::Focus),
    ];

    /// Contact, where it answers for that user.
    pub(super) fn contact(self, user: &str, addr: SocketAddr) -> String {
        match self {
            FarEndKind::Phone => format!("<sip:{user}@{addr}>"),
            FarEndKind::SipTrunk => format!("<sip:{TELEPHONE}@{addr};user=phone>"),
            // Feature tags of RFC 3840 section 10.
            FarEndKind::Voicemail => format!("<sip:{user}@{addr}>;automata;actor=\"msg-taker\""),
            FarEndKind::HuntGroup => format!("<sip:{MEMBER}@{addr}>"),
            // By this a phone knows a conference (RFC 4579 section 4).
            FarEndKind::Focus => format!("<sip:{user}@{addr}>;isfocus"),
        }
    }

    /// What it does with a call when it is told to do that.
    pub(super) fn behaves(self, told: Behaviour) -> Behaviour {
        match (self, told) {
            (FarEndKind::Voicemail | FarEndKind::Focus, Behaviour::Answer { .. } | Behaviour::Ring) => {
                Behaviour::Answer { after: Span::ZERO }
            }
            _ => told,
        }
    }
}

impl FromStr for FarEndKind {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == words);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let known = Self::NAMES.map(|(name, _)| name);
            let help = match nearest(words, known) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("it can be a {}", known.join(", a ")),
            };
            format!("the far end cannot be a {words}; {help}")
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::farm::testing::{Lab, invite};

    #[test]
    fn a_machine_does_not_ring_and_says_what_it_is() {
        for (kind, said) in [
            (FarEndKind::Voicemail, "<sip:1002@10.0.0.50:5060>;automata;actor=\"msg-taker\""),
            (FarEndKind::Focus, "<sip:1002@10.0.0.50:5060>;isfocus"),
        ] {
            let mut lab = Lab::with_far_end(kind);
            lab.far_end(|far_end, _| far_end.behave(Behaviour::Ring));
            lab.say(&invite(1));
            lab.run_ms(100);
            let ok = lab.last();
            assert_eq!((ok.status(), ok.header("Contact")), (Some(200), Some(said)));
            assert!(ok.defects.is_empty(), "{:?}", ok.defects);
        }
    }

    #[test]
    fn whoever_answers_for_a_trunk_or_a_hunt_group_is_not_who_was_called() {
        for (kind, contact) in [
            (FarEndKind::Phone, "<sip:1002@10.0.0.50:5060>"),
            (FarEndKind::SipTrunk, "<sip:+12025550100@10.0.0.50:5060;user=phone>"),
            (FarEndKind::HuntGroup, "<sip:1003@10.0.0.50:5060>"),
        ] {
            let mut lab = Lab::with_far_end(kind);
            lab.say(&invite(1));
            lab.run_ms(100);
            assert_eq!(lab.last().header("Contact"), Some(contact));
            assert!(lab.last().defects.is_empty(), "{:?}", lab.last().defects);
        }
    }

    #[test]
    fn a_kind_that_there_is_not_is_told_the_nearest() {
        let said = "voicemail".parse::<FarEndKind>().unwrap_err();
        assert!(said.contains("did you mean voicemail box?"), "{said}");
        assert!("robot arm".parse::<FarEndKind>().unwrap_err().contains("a phone, a SIP trunk"));
    }
}
