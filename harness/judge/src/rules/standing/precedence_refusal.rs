//! What a phone refuses for the precedence that a call asks for: nothing that it understands; nothing at all where
//! understanding is not required; else 417 of a phone that has precedence, and 420 of one that has not (RFC 4412
//! sections 4.3 and 4.6.2; RFC 3261 section 8.2.2.3).

use sipfarm_core::sip::{Method, RESOURCE_PRIORITY};

use crate::case::{Case, SeenRef, ServerExchange, rank, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct PrecedenceRefusal;

impl Rule for PrecedenceRefusal {
    fn id(&self) -> &'static str {
        "precedence-refusal"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 4412 4.3", "RFC 4412 4.6.2", "RFC 3261 8.2.2.3"]
    }

    fn about(&self) -> &'static str {
        "A call is refused with 417 or 420 for its precedence only where it requires what the phone does not understand."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for exchange in
            case.server.iter().filter(|e| e.method == Method::Invite && e.first().to_tag.is_none())
        {
            let invite = exchange.first();
            let Some(wanted) = wanted(case, exchange) else { continue };
            // The first that is more than 100 decides.
            let Some(answer) = exchange.responses.iter().find(|response| status(response) > 100) else {
                continue;
            };
            let Some(wrong) = wrong(wanted, answer) else {
                docket.kept(answer.packets);
                continue;
            };
            let draft = docket
                .draft(wanted.show())
                .throughout(Window { from: invite.at, to: answer.at })
                .message(invite)
                .message(answer)
                .seen(format!("{wrong} (packet {})", answer.packet()));
            docket.add(draft.fail());
        }
        docket.close()
    }
}

/// What precedence asks of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Neither 417 nor 420.
    NoRefusal,
    /// 417, or a refusal for another reason.
    Unknown,
    /// 420 with Unsupported.
    Unsupported,
}

impl Wanted {
    fn show(self) -> &'static str {
        match self {
            Wanted::NoRefusal => "neither 417 nor 420 to an INVITE whose precedence is no hindrance",
            Wanted::Unknown => "417 to an INVITE that requires a precedence nobody here knows",
            Wanted::Unsupported => {
                "420 with Unsupported: resource-priority to an INVITE that requires precedence"
            }
        }
    }
}

/// None where it says nothing of precedence, or has another hindrance: a defect, or an extension besides.
fn wanted(case: &Case<'_>, exchange: &ServerExchange<'_>) -> Option<Wanted> {
    let invite = exchange.first().message;
    invite.header("Resource-Priority")?;
    if !invite.defects.is_empty() {
        return None;
    }
    let required = invite.values("Require");
    if required.iter().any(|tag| !tag.eq_ignore_ascii_case(RESOURCE_PRIORITY)) {
        return None;
    }
    let known = rank(&case.profile.mlpp, invite).is_some();
    Some(match (required.is_empty(), case.profile.mlpp.enabled, known) {
        (true, ..) | (false, true, true) => Wanted::NoRefusal,
        (false, true, false) => Wanted::Unknown,
        (false, false, _) => Wanted::Unsupported,
    })
}

fn wrong(wanted: Wanted, answer: &SeenRef<'_>) -> Option<String> {
    let code = status(answer);
    let names_it =
        || answer.message.values("Unsupported").iter().any(|tag| tag.eq_ignore_ascii_case(RESOURCE_PRIORITY));
    match wanted {
        Wanted::NoRefusal => matches!(code, 417 | 420).then(|| code.to_string()),
        Wanted::Unknown => (code < 300 || code == 420).then(|| code.to_string()),
        Wanted::Unsupported if code < 300 => Some(code.to_string()),
        Wanted::Unsupported => {
            (code == 420 && !names_it()).then(|| "420 without that in Unsupported".to_owned())
        }
    }
}
