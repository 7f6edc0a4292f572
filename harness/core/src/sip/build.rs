//! From values to octets.

use super::header::same_header;
use super::message::{Message, StartLine};
use super::method::Method;
use super::text::split_list;
use super::via::Via;

/// Puts a message together; [`MessageBuilder::build`] writes Content-Length and reads the result
/// back, so that what we send and what we judge pass the same parser.
#[derive(Debug, Clone)]
pub struct MessageBuilder {
    start: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl MessageBuilder {
    /// A request.
    pub fn request(method: &Method, uri: &str) -> Self {
        MessageBuilder { start: format!("{method} {uri} SIP/2.0"), headers: Vec::new(), body: Vec::new() }
    }

    /// A response with no headers yet.
    pub fn response(code: u16, reason: &str) -> Self {
        MessageBuilder { start: format!("SIP/2.0 {code} {reason}"), headers: Vec::new(), body: Vec::new() }
    }

    /// A response to a request: Via, From, To, Call-ID and CSeq copied as they stand
    /// (RFC 3261 section 8.2.6.2). `to_tag` is added where To has no tag; 100 takes none.
    pub fn response_to(request: &Message, code: u16, reason: &str, to_tag: Option<&str>) -> Self {
        let mut builder = MessageBuilder::response(code, reason);
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for field in request.fields(name) {
                let mut value = field.value.clone();
                if let ("To", Some(tag)) = (name, to_tag)
                    && request.to().is_some_and(|to| to.tag().is_none())
                {
                    value = format!("{value};tag={tag}");
                }
                builder = builder.header(name, &value);
            }
        }
        builder
    }

    /// Appends a header field.
    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Appends a header field where there is a value.
    pub fn header_opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Sets the body and its type.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", content_type)
    }

    /// The octets.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.start.clone().into_bytes();
        out.extend_from_slice(b"\r\n");
        for (name, value) in &self.headers {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
        out.extend_from_slice(&self.body);
        out
    }

    /// The message.
    pub fn build(&self) -> Message {
        Message::parse(&self.to_bytes())
    }
}

impl Message {
    /// Starts a builder from this message, to send it again with changes: start line, header
    /// fields (without Content-Length) and body as they stand.
    pub fn rebuild(&self) -> MessageBuilder {
        let start = match &self.start {
            StartLine::Request { method, uri } => format!("{method} {uri} SIP/2.0"),
            StartLine::Response { code, reason } => format!("SIP/2.0 {code} {reason}"),
            StartLine::Broken(line) => line.clone(),
        };
        let headers = self
            .headers
            .iter()
            .filter(|header| !same_header(&header.name, "Content-Length"))
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect();
        MessageBuilder { start, headers, body: self.body.clone() }
    }

    /// Writes another value in place of the topmost Via. Everything else stays as it came, and what
    /// stands behind it moves.
    pub fn set_top_via(&mut self, via: &Via) {
        let holds_one = |value: &str| !split_list(value).is_empty();
        let mut fields = self.headers.iter_mut();
        let Some(field) = fields.find(|field| same_header(&field.name, "Via") && holds_one(&field.value))
        else {
            return;
        };
        let mut value = via.to_string();
        for further in split_list(&field.value).into_iter().skip(1) {
            value = format!("{value}, {further}");
        }
        field.value = value;
        let line = format!("{}: {}", field.name, field.value);
        let before = field.span.clone();
        let after = before.start + line.len();
        self.raw.splice(before.clone(), line.into_bytes());
        let moved = |at: usize| if at < before.end { at.min(after) } else { at - before.end + after };
        let spans = self.headers.iter_mut().map(|field| &mut field.span);
        for span in spans.chain(self.defects.iter_mut().map(|defect| &mut defect.span)) {
            *span = moved(span.start)..moved(span.end);
        }
    }
}

impl MessageBuilder {
    /// Replaces the first field of that name, or appends one.
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        match self.headers.iter_mut().find(|(n, _)| same_header(n, name)) {
            Some(slot) => slot.1 = value.to_string(),
            None => self.headers.push((name.to_owned(), value.to_string())),
        }
        self
    }

    /// Puts a field before all others (a proxy's Via).
    pub fn prepend(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.insert(0, (name.to_owned(), value.to_string()));
        self
    }

    /// Takes away every field of that name.
    pub fn remove(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| !same_header(n, name));
        self
    }

    /// Replaces the Request-URI of a request.
    pub fn set_uri(mut self, uri: &str) -> Self {
        if let Some((method, _)) = self.start.split_once(' ') {
            self.start = format!("{method} {uri} SIP/2.0");
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_via_leaves_the_rest_of_the_message_as_it_came() {
        for (vias, wanted) in [
            ("Via: SIP/2.0/UDP a.example.com;branch=z9hG4bK1", "Via: SIP/2.0/UDP 192.0.2.1:5070;rport=9"),
            (
                "v:SIP/2.0/UDP\r\n  a.example.com , SIP/2.0/TCP b",
                "v: SIP/2.0/UDP 192.0.2.1:5070;rport=9, SIP/2.0/TCP b",
            ),
            ("Via: \r\nVia: SIP/2.0/UDP a", "Via: \r\nVia: SIP/2.0/UDP 192.0.2.1:5070;rport=9"),
        ] {
            let with = |vias: &str| {
                format!(
                    "OPTIONS sip:b SIP/2.0\r\nMax-Forwards: x\r\n{vias}\r\nFrom: <sip:a@b>;tag=1\r\n\
                     To : <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 2\r\n\r\nabc"
                )
            };
            let mut message = Message::parse(with(vias).as_bytes());
            let via = Via::parse("SIP/2.0/UDP 192.0.2.1:5070;rport=9");
            via.into_iter().for_each(|via| message.set_top_via(&via));
            assert_eq!(String::from_utf8_lossy(&message.raw), with(wanted));
            assert_eq!(message, Message::parse(with(wanted).as_bytes()), "as if it had come so");
        }
    }
}
