//! Which ACK answers which repetition of a final response.

use super::repetition::LOST_AT_MOST;
use crate::case::{Case, SeenRef};

/// What the packets say of the ACK to one sending of a final response.
#[derive(Debug, Clone, Copy)]
pub enum Acked<'r, 'a> {
    /// It came in time.
    By(&'r SeenRef<'a>),
    /// None came, and the next repetition has made good for it: on a lossy tap the loss of a packet
    /// explains that.
    Later,
    /// None came in time.
    Not,
}

/// For each sending of a response, in order of time, whether it was acknowledged at once.
pub fn acked<'r, 'a>(
    case: &Case<'_>,
    responses: &[&SeenRef<'a>],
    acks: &'r [SeenRef<'a>],
) -> Vec<Acked<'r, 'a>> {
    let matched = if case.sees_all() { match_acks(responses, acks) } else { match_last(responses, acks) };
    let in_time = responses.iter().zip(matched).map(|(response, ack)| {
        let ack = ack.filter(|ack| ack.at <= response.at + case.limits.at_once());
        ack.map_or(Acked::Not, Acked::By)
    });
    let mut all: Vec<Acked<'r, 'a>> = in_time.collect();
    let last = all.iter().rposition(|ack| matches!(ack, Acked::By(_))).unwrap_or(0);
    let missing = |ack: &&mut Acked<'_, '_>| matches!(ack, Acked::Not);
    if !case.sees_all() && all[..last].iter_mut().filter(missing).count() <= LOST_AT_MOST {
        all[..last].iter_mut().filter(missing).for_each(|ack| *ack = Acked::Later);
    }
    all
}

/// Where packets may be lost, an ACK is for the last response before it that has none yet: had the
/// phone got all of them, there would be as many ACKs.
fn match_last<'r, 'a>(responses: &[&SeenRef<'a>], acks: &'r [SeenRef<'a>]) -> Vec<Option<&'r SeenRef<'a>>> {
    let mut free: Vec<&SeenRef<'a>> = acks.iter().collect();
    let mut matched = vec![None; responses.len()];
    for (response, ack) in responses.iter().zip(&mut matched).rev() {
        let after = free.iter().position(|ack| ack.at >= response.at);
        *ack = after.map(|after| free.remove(after));
    }
    matched
}

/// For each response, in order of time, the first ACK after it that answers none before it.
pub fn match_acks<'r, 'a>(
    responses: &[&SeenRef<'a>],
    acks: &'r [SeenRef<'a>],
) -> Vec<Option<&'r SeenRef<'a>>> {
    let mut acks = acks.iter().peekable();
    responses
        .iter()
        .map(|response| {
            while acks.next_if(|ack| ack.at < response.at).is_some() {}
            acks.next()
        })
        .collect()
}
