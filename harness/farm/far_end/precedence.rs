//! The far end's part in precedence (RFC 4412): it gives a call another level, or refuses to serve it with one.

use sipfarm_core::sip::{Message, RESOURCE_PRIORITY};

use super::FarEnd;
use crate::farm::stack::Key;

/// What it takes where it does not take what was asked for (RFC 4412 section 3.2).
const ACCEPTED: &str = "q735.0, q735.1, q735.2, q735.3, q735.4";
/// What 488 says about bandwidth (RFC 4412 section 4.6.5, RFC 3261 section 20.43).
const TOO_LITTLE_BANDWIDTH: &str = "370 lab.example \"Insufficient bandwidth\"";

/// What the far end does with calls that come with precedence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Precedence {
    /// Resource-Priority of its 180, its 200 and all that it sends in such a call (PA-05), one value for each
    /// header field; empty: the level stays what the caller has asked for, and no response names it.
    pub answers_with: Vec<String>,
    /// It refuses calls that ask for precedence with that code, and takes all others.
    pub refuses: Option<u16>,
}

impl Precedence {
    /// The level of a call that it takes.
    pub(super) fn of_answered(&self, invite: &Message) -> Vec<String> {
        if self.answers_with.is_empty() { asked(invite) } else { self.answers_with.clone() }
    }
}

impl FarEnd {
    /// What it does with precedence, from the next call on.
    pub fn heed_precedence(&mut self, precedence: Precedence) {
        self.precedence = precedence;
    }

    /// The refusal of a call that asks for precedence, where it refuses such.
    pub(super) fn refuses_precedence(&self, server: &Key, invite: &Message) -> Option<Message> {
        let code = self.precedence.refuses.filter(|_| !asked(invite).is_empty())?;
        let refusal = self.stack.response(server, code)?;
        let refusal = match code {
            417 => refusal.header("Accept-Resource-Priority", ACCEPTED),
            420 => refusal.header("Unsupported", RESOURCE_PRIORITY),
            488 => refusal.header("Warning", TOO_LITTLE_BANDWIDTH),
            _ => refusal,
        };
        Some(refusal.build())
    }
}

fn asked(invite: &Message) -> Vec<String> {
    invite.values("Resource-Priority").into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::farm::testing::{Lab, in_dialog, invite};
    use sipfarm_core::sip::Method;

    fn lab(precedence: Precedence) -> Lab {
        let mut lab = Lab::new();
        lab.far_end(|far_end, _| far_end.heed_precedence(precedence));
        lab
    }

    #[test]
    fn a_refusal_of_precedence_says_why_and_is_of_nobody_else() {
        for (code, field, value) in [
            (417, "Accept-Resource-Priority", Some(ACCEPTED)),
            (420, "Unsupported", Some("resource-priority")),
            (488, "Warning", Some(TOO_LITTLE_BANDWIDTH)),
            (403, "Warning", None),
        ] {
            let mut lab = lab(Precedence { refuses: Some(code), ..Precedence::default() });
            lab.say(&invite(1).header("Resource-Priority", "dsn.flash"));
            lab.run_ms(100);
            let refusal = lab.last();
            assert_eq!((refusal.status(), refusal.header(field)), (Some(code), value));
            assert!(refusal.defects.is_empty(), "{:?}", refusal.defects);
            lab.say(&invite(2).set("Call-ID", "another"));
            lab.run_ms(100);
            assert_eq!(lab.last().status(), Some(200), "this one asks for nothing");
        }
    }

    #[test]
    fn another_level_than_was_asked_for_stands_in_all_that_it_says() {
        let mut lab = lab(Precedence { answers_with: vec!["dsn.flash".to_owned()], refuses: None });
        lab.far_end(|far_end, _| far_end.behave(crate::farm::Behaviour::Answer { after: SECOND }));
        lab.say(&invite(1).header("Resource-Priority", "dsn.routine"));
        lab.run_ms(2_000);
        let ok = lab.last();
        lab.say(&in_dialog(&Method::Ack, &ok, 1));
        lab.run_ms(100);
        lab.far_end(|far_end, now| far_end.hang_up(now));
        lab.run_ms(100);
        let heard = lab.heard();
        let levels: Vec<_> = heard.iter().map(|message| message.values("Resource-Priority")).collect();
        // 100 is the node's.
        assert_eq!(heard.first().unwrap().status(), Some(100));
        assert!(levels[1..].iter().all(|values| *values == ["dsn.flash"]), "{levels:?}");
        assert!(heard.len() >= 4 && heard.last().unwrap().is_request(&Method::Bye));
    }

    #[test]
    fn otherwise_no_response_names_a_level_and_its_requests_keep_it() {
        let mut lab = lab(Precedence::default());
        lab.say(&invite(1).header("Resource-Priority", "dsn.flash").header("Resource-Priority", "q735.1"));
        lab.run_ms(100);
        let ok = lab.last();
        assert_eq!((ok.status(), ok.header("Resource-Priority")), (Some(200), None));
        lab.say(&in_dialog(&Method::Ack, &ok, 1));
        lab.run_ms(100);
        lab.far_end(|far_end, now| far_end.hang_up(now));
        lab.run_ms(100);
        assert_eq!(lab.last().values("Resource-Priority"), ["dsn.flash", "q735.1"]);
    }

    const SECOND: sipfarm_core::Span = sipfarm_core::Span::from_secs(1);
}
