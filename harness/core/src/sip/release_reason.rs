//! The header field Reason (RFC 3326): why a request was sent, such as the BYE of a preempted call (RFC 4411).

use super::{Message, Params};

/// One value of Reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The protocol that the cause is of, in small letters: `sip`, `q.850`, `preemption`.
    pub protocol: String,
    /// The cause.
    pub cause: Option<u16>,
    /// For people; also where it stands without the quotes that it should have.
    pub text: Option<String>,
}

impl Reason {
    /// The protocol of RFC 4411 section 5.
    pub const PREEMPTION: &'static str = "preemption";

    fn parse(value: &str) -> Reason {
        let (protocol, params) = value.split_once(';').unwrap_or((value, ""));
        let params = Params::parse(params);
        let text = params.value("text").map(|text| text.trim_matches('"').to_owned());
        Reason {
            protocol: protocol.trim().to_ascii_lowercase(),
            cause: params.value("cause").and_then(|cause| cause.trim_matches('"').parse().ok()),
            text,
        }
    }

    /// Whether a call was preempted, as it says (RFC 4411).
    pub fn is_preemption(&self) -> bool {
        self.protocol == Reason::PREEMPTION
    }
}

impl Message {
    /// Why it was sent, as far as it says.
    pub fn reasons(&self) -> Vec<Reason> {
        self.values("Reason").into_iter().map(Reason::parse).collect()
    }

    /// The value of Reason that tells of preemption.
    pub fn preemption(&self) -> Option<Reason> {
        self.reasons().into_iter().find(Reason::is_preemption)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sip::{DefectKind, MessageBuilder, Method};

    fn bye(reason: &str) -> Message {
        MessageBuilder::request(&Method::Bye, "sip:1001@lab.example").header("Reason", reason).build()
    }

    #[test]
    fn protocol_cause_and_text_are_read() {
        let reason = bye("preemption ;cause=1 ;text=\"UA Preemption\"").preemption().unwrap();
        assert_eq!((reason.cause, reason.text.as_deref()), (Some(1), Some("UA Preemption")));
        // RFC 4542 writes the text without quotes.
        let loose = bye("Preemption ;cause=2 ;text=reserved resourced preempted").preemption().unwrap();
        assert_eq!((loose.cause, loose.text.as_deref()), (Some(2), Some("reserved resourced preempted")));
        let kinds = |value| bye(value).defects.iter().map(|defect| defect.kind).collect::<Vec<_>>();
        assert!(kinds("preemption;cause=2;text=reserved resourced").contains(&DefectKind::UnquotedText));
        assert!(!kinds("preemption;cause=2;text=\"reserved resourced\"").contains(&DefectKind::UnquotedText));
    }

    #[test]
    fn of_several_reasons_the_one_about_preemption_counts() {
        let several = bye("Q.850;cause=16;text=\"Terminated, normally\", preemption;cause=1");
        assert_eq!(several.reasons().len(), 2);
        assert_eq!(several.preemption().unwrap().cause, Some(1));
        assert_eq!(bye("SIP;cause=200;text=\"Call completed elsewhere\"").preemption(), None);
        assert_eq!(bye("preemption").preemption().unwrap().cause, None);
    }
}
