//! Which ACK answers which repetition of a final response.

use crate::case::SeenRef;

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
