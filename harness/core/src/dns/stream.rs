//! DNS over TCP: two octets of length before each message (RFC 1035 section 4.2.2).

/// The octets of a message with their length before them. A message of more than 65,535 octets
/// cannot be sent; `None`.
pub fn to_stream(octets: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(octets.len()).ok()?;
    Some([&length.to_be_bytes()[..], octets].concat())
}

/// Cuts a stream into messages, wherever the network cut it. It holds one message at most, which
/// its length limits to 64 KiB.
#[derive(Debug, Clone, Default)]
pub struct StreamFramer {
    held: Vec<u8>,
}

impl StreamFramer {
    /// Takes what arrived and gives the messages that are whole now.
    pub fn push(&mut self, data: &[u8]) -> Vec<Vec<u8>> {
        self.held.extend_from_slice(data);
        let mut messages = Vec::new();
        let mut from = 0;
        while let Some(length) = self.held.get(from..from + 2) {
            let end = from + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            let Some(message) = self.held.get(from + 2..end) else { break };
            messages.push(message.to_vec());
            from = end;
        }
        self.held.drain(..from);
        messages
    }
}
