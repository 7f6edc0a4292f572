//! What a phone must not do.

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;

use super::*;

/// Applies `harm` at every place where it says that it fits; each time one of `rules` must accuse.
fn is_named(rules: &[&str], harm: impl Fn(&mut Tape, usize) -> bool) {
    let mut done = 0;
    let mut missed = Vec::new();
    for tape in tapes().iter().filter(|tape| !loses(tape)) {
        for at in 0..tape.events.len() {
            let mut harmed = tape.clone();
            if tape.sip(at).is_none_or(|sip| !tape.is_phone(sip)) || !harm(&mut harmed, at) {
                continue;
            }
            done += 1;
            let accusers: Vec<String> = harmed.accusers().into_iter().map(|finding| finding.rule).collect();
            if !accusers.iter().any(|rule| rules.contains(&&**rule)) {
                missed.push(format!("{}, packets {:?}: {accusers:?}", tape.name, tape.events[at].packets));
            }
        }
    }
    assert!(done > 0, "there was no occasion");
    assert!(missed.is_empty(), "{} of {done}:\n{}", missed.len(), missed.join("\n"));
}

/// Whether a node loses datagrams on purpose: what is missing there can be its doing.
fn loses(tape: &Tape) -> bool {
    let lossy = |event: &Event| matches!(&event.kind, EventKind::Mark(Mark::Fault { fault, .. }) if fault.starts_with("loss"));
    tape.events.iter().any(lossy)
}

/// The places of all sends of the UDP request at that place that nobody answered: at least four.
fn unanswered(tape: &Tape, at: usize) -> Option<Vec<usize>> {
    let sip = tape.sip(at)?;
    let branch = sip.message.branch()?;
    let same = |n: &usize| {
        tape.sip(*n).is_some_and(|other| {
            other.message.branch().as_ref() == Some(&branch)
                && (other.dst == sip.dst || other.src == sip.dst)
                && (tape.scene.phone.contains(&other.src.ip()) || tape.scene.phone.contains(&other.dst.ip()))
        })
    };
    let messages: Vec<usize> = (0..tape.events.len()).filter(same).collect();
    let all_sends = messages.iter().all(|n| tape.sip(*n).is_some_and(|m| m.message.raw == sip.message.raw));
    let repeats = sip.message.method().is_some_and(|method| *method != Method::Ack);
    (sip.transport == Transport::Udp && repeats && all_sends && messages.len() >= 4).then_some(messages)
}

/// The place of `at` among its sends, neither the first nor the last of them.
fn middle(tape: &Tape, at: usize) -> Option<(Vec<usize>, usize)> {
    let sends = unanswered(tape, at)?;
    let place = sends.iter().position(|send| *send == at)?;
    (place > 0 && place + 1 < sends.len()).then_some((sends, place))
}

const SCHEDULES: &[&str] = &["invite-schedule", "non-invite-schedule"];

#[test]
fn a_missing_repetition() {
    is_named(SCHEDULES, |tape, at| {
        let fits = middle(tape, at).is_some();
        if fits {
            tape.events.remove(at);
        }
        fits
    });
}

/// To just outside of its window: 1.25 × interval + 100 ms, or 0.9 × interval - 20 ms.
fn moved(tape: &mut Tape, at: usize, late: bool) -> bool {
    let Some((sends, place)) = middle(tape, at) else { return false };
    let time = |place: usize| tape.events[sends[place]].at;
    let interval = (nanos(time(place)) - nanos(time(place - 1))) as f64;
    let latency = tape.scene.sight.latency.as_nanos() as f64;
    let by = if late {
        0.25 * interval + 100e6 + latency + 5e6
    } else {
        -(0.10 * interval + 20e6 + latency + 5e6)
    };
    let to = tape.events[at].at + Span::from_nanos(by as i64);
    let between = time(place - 1) < to && to < time(place + 1);
    tape.events[at].at = to;
    between
}

#[test]
fn a_repetition_after_its_window() {
    is_named(SCHEDULES, |tape, at| moved(tape, at, true));
}

#[test]
fn a_repetition_before_its_window() {
    is_named(SCHEDULES, |tape, at| moved(tape, at, false));
}

#[test]
fn a_repetition_too_many() {
    is_named(SCHEDULES, |tape, at| {
        let Some((sends, place)) = middle(tape, at) else { return false };
        let (before, own) = (tape.events[sends[place - 1]].at, tape.events[at].at);
        let mut extra = tape.events[at].clone();
        extra.at = before + Span::from_nanos((nanos(own) - nanos(before)) / 2);
        tape.events.insert(sends[place - 1] + 1, extra);
        true
    });
}

#[test]
fn another_branch_on_a_repetition() {
    // Behind a fixed time-out it is a new request, which must have a number of its own.
    is_named(&["branch", "cseq"], |tape, at| {
        let fits = middle(tape, at).is_some();
        if fits {
            tape.rewrite(at, |text| text.replacen("branch=z9hG4bK", "branch=z9hG4bKother", 1));
        }
        fits
    });
}

#[test]
fn another_text_in_a_repetition() {
    is_named(&["identical-repetition"], |tape, at| {
        let fits = middle(tape, at).is_some();
        if fits {
            tape.rewrite(at, |text| text.replacen("Max-Forwards: 70", "Max-Forwards: 69", 1));
        }
        fits
    });
}

/// Whether the capture goes on for longer than any profile here leaves a phone for an ACK.
fn goes_on(tape: &Tape, at: usize) -> bool {
    tape.events.last().unwrap().at > tape.events[at].at + Span::from_secs(2)
}

/// What the phone's ACK at that place is for: the code of the response with its Call-ID and To tag.
fn acknowledged(tape: &Tape, at: usize) -> Option<u16> {
    let ack = tape.sip(at)?;
    if !ack.message.is_request(&Method::Ack) {
        return None;
    }
    let tag = |message: &Message| message.to().and_then(|to| to.tag().map(str::to_owned));
    (0..at).rev().find_map(|n| {
        let response = tape.sip(n).filter(|sip| sip.dst.ip() == ack.src.ip())?;
        let same = response.message.call_id() == ack.message.call_id()
            && tag(&response.message) == tag(&ack.message)
            && response.message.cseq()?.method == Method::Invite;
        response.message.status().filter(|code| same && *code >= 200)
    })
}

fn other_cseq(text: &str, method: &str) -> String {
    let (head, rest) = text.split_once("CSeq: ").unwrap();
    let (number, rest) = rest.split_once(' ').unwrap();
    assert!(rest.starts_with(method), "{text}");
    format!("{head}CSeq: {} {rest}", number.parse::<u32>().unwrap() + 1)
}

#[test]
fn another_cseq_in_the_ack_to_a_refusal() {
    is_named(&["ack-transaction"], |tape, at| {
        let fits = acknowledged(tape, at).is_some_and(|code| code >= 300);
        if fits {
            tape.rewrite(at, |text| other_cseq(text, "ACK"));
        }
        fits
    });
}

#[test]
fn another_cseq_in_the_ack_to_an_acceptance() {
    is_named(&["ack-acceptance"], |tape, at| {
        let fits = acknowledged(tape, at).is_some_and(|code| code < 300) && goes_on(tape, at);
        if fits {
            tape.rewrite(at, |text| other_cseq(text, "ACK"));
        }
        fits
    });
}

#[test]
fn a_missing_ack() {
    is_named(&["ack-refusal", "ack-acceptance"], |tape, at| {
        let fits = acknowledged(tape, at).is_some() && goes_on(tape, at);
        tape.events.remove(at);
        fits
    });
}

#[test]
fn an_ack_to_another_server() {
    is_named(&["ack-transaction"], |tape, at| {
        let servers = tape.scene.nodes.iter().filter(|node| node.server);
        let there = tape.sip(at).unwrap().dst;
        let other = servers.map(|node| node.addr).find(|addr| *addr != there);
        let udp = tape.sip(at).unwrap().transport == Transport::Udp;
        let (Some(other), Some(300..), true) = (other, acknowledged(tape, at), udp) else { return false };
        let EventKind::Sip(sip) = &mut tape.events[at].kind else { unreachable!() };
        sip.dst = other;
        true
    });
}

#[test]
fn another_branch_on_the_ack_to_a_refusal() {
    is_named(&["ack-transaction"], |tape, at| {
        let fits = acknowledged(tape, at).is_some_and(|code| code >= 300);
        if fits {
            tape.rewrite(at, |text| text.replacen("branch=z9hG4bK", "branch=z9hG4bKother", 1));
        }
        fits
    });
}

fn is_request(tape: &Tape, at: usize, method: &Method) -> bool {
    tape.sip(at).unwrap().message.is_request(method)
}

#[test]
fn another_branch_or_cseq_on_a_cancel() {
    for cseq in [true, false] {
        is_named(&["cancel-transaction"], |tape, at| {
            let fits = is_request(tape, at, &Method::Cancel);
            if fits && cseq {
                tape.rewrite(at, |text| other_cseq(text, "CANCEL"));
            } else if fits {
                tape.rewrite(at, |text| text.replacen("branch=z9hG4bK", "branch=z9hG4bKother", 1));
            }
            fits
        });
    }
}

/// Only where the phone made the call: its BYE counts on from its INVITE.
fn bye_of_a_caller(tape: &Tape, at: usize) -> bool {
    let bye = tape.sip(at).unwrap();
    let call_id = bye.message.call_id();
    let dialled = (0..at).filter_map(|n| tape.sip(n)).any(|sip| {
        tape.is_phone(sip) && sip.message.is_request(&Method::Invite) && sip.message.call_id() == call_id
    });
    is_request(tape, at, &Method::Bye) && dialled
}

#[test]
fn the_cseq_of_the_invite_in_bye() {
    is_named(&["cseq"], |tape, at| {
        let fits = bye_of_a_caller(tape, at);
        if fits {
            tape.rewrite(at, |text| {
                let (head, rest) = text.split_once("CSeq: ").unwrap();
                format!("{head}CSeq: 0 {}", rest.split_once(' ').unwrap().1)
            });
        }
        fits
    });
}

#[test]
fn another_to_tag_in_bye() {
    // A repetition that differs is one thing more.
    is_named(&["dialog-identifiers", "identical-repetition"], |tape, at| {
        let fits = is_request(tape, at, &Method::Bye);
        if fits {
            tape.rewrite(at, |text| {
                let (head, rest) = text.split_once("\r\nTo: ").unwrap();
                format!("{head}\r\nTo: {}", rest.replacen(";tag=", ";tag=other", 1))
            });
        }
        fits
    });
}
