//! What one call of the phone does, as far as packets tell: a precondition, never a verdict.

use std::fmt;
use std::net::IpAddr;

use sipfarm_core::sdp::Session;
use sipfarm_core::sip::{Message, Method, NameAddr};
use sipfarm_judge::{Mark, Timeline};

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// It has been asked for, and nothing has come of that yet.
    Asked,
    /// It rings: at the phone, or where the phone has dialled.
    Ringing,
    /// It is up.
    Active,
    /// It is up, and the phone has put it on hold.
    Held,
    /// It is over.
    Ended,
}

impl fmt::Display for CallState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CallState::Asked => "asked for",
            CallState::Ringing => "ringing",
            CallState::Active => "up",
            CallState::Held => "on hold",
            CallState::Ended => "over",
        })
    }
}

/// The addresses of the phone of the scenario.
pub fn phone_of(timeline: &Timeline) -> &[IpAddr] {
    let scene = timeline.marks().find_map(|(_, mark)| match mark {
        Mark::Scenario(scene) => Some(scene),
        _ => None,
    });
    scene.map(|scene| scene.phone.as_slice()).unwrap_or_default()
}

/// What the call with that Call-ID does, seen at the phone; `None` before its first INVITE.
pub fn state_of(timeline: &Timeline, call_id: &str) -> Option<CallState> {
    let phone = phone_of(timeline);
    let (mut state, mut accepted) = (None, false);
    // What the phone has offered inside the dialog, and not yet agreed on.
    let mut offered = None;
    for (_, sip) in timeline.sip() {
        let (out, into) = (phone.contains(&sip.src.ip()), phone.contains(&sip.dst.ip()));
        if sip.message.call_id() != Some(call_id) || !(out || into) {
            continue;
        }
        let message = &*sip.message;
        let in_dialog = message.to().as_ref().and_then(NameAddr::tag).is_some();
        let is_up = matches!(state, Some(CallState::Active | CallState::Held));
        match (message.method(), message.status()) {
            (Some(Method::Invite), _) if !in_dialog => state = state.or(Some(CallState::Asked)),
            (Some(Method::Invite | Method::Update), _) if out && !message.body.is_empty() => {
                offered = Some(holds(message));
            }
            (Some(Method::Bye | Method::Cancel), _) => state = Some(CallState::Ended),
            (Some(Method::Ack), _) if accepted && !is_up && state != Some(CallState::Ended) => {
                state = Some(CallState::Active);
            }
            (_, Some(101..200)) if is_of(message, &Method::Invite) && !is_up => {
                state = Some(CallState::Ringing);
            }
            (_, Some(200..300)) if is_up => {
                let agreed = is_of(message, &Method::Invite) || is_of(message, &Method::Update);
                if let Some(hold) = offered.filter(|_| into && agreed) {
                    offered = None;
                    state = Some(if hold { CallState::Held } else { CallState::Active });
                }
            }
            (_, Some(200..300)) => accepted |= is_of(message, &Method::Invite),
            (_, Some(300..)) if is_of(message, &Method::Invite) && !is_up && !asks_again(message) => {
                state = Some(CallState::Ended);
            }
            _ => {}
        }
    }
    state
}

fn holds(offer: &Message) -> bool {
    Session::parse(&offer.body).holds()
}

fn is_of(response: &Message, method: &Method) -> bool {
    response.cseq().is_some_and(|cseq| cseq.method == *method)
}

/// After these the phone may try the same call once more: with credentials, or elsewhere.
fn asks_again(response: &Message) -> bool {
    matches!(response.status(), Some(401 | 407 | 408 | 500..600))
}
