//! A message: start line, header fields in order, body, bytes, defects.

use super::defect::Defect;
use super::grammar::is_digits;
use super::header::{Header, same_header};
use super::method::Method;
use super::name_addr::{Contact, NameAddr};
use super::text::split_list;
use super::via::Via;
use crate::digest::{Authorization, Challenge};

/// The first line of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartLine {
    /// A request line.
    Request {
        /// The method.
        method: Method,
        /// The Request-URI as it stands.
        uri: String,
    },
    /// A status line.
    Response {
        /// The status code.
        code: u16,
        /// The reason phrase.
        reason: String,
    },
    /// Neither; the line as it stands. The message carries a defect that says so.
    Broken(String),
}

/// The value of CSeq.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// The sequence number, below 2³¹.
    pub number: u32,
    /// The method.
    pub method: Method,
}

impl CSeq {
    /// Reads the value; `None` where it is not a number below 2³¹ and a method.
    pub fn parse(value: &str) -> Option<CSeq> {
        let (number, method) = value.split_once(char::is_whitespace)?;
        let number = number.parse().ok().filter(|n| *n < 1 << 31 && is_digits(number))?;
        Some(CSeq { number, method: Method::from(method.trim()) })
    }
}

/// A SIP message as it was on the wire, with what was understood of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: StartLine,
    /// The header fields in order.
    pub headers: Vec<Header>,
    /// The body, cut to Content-Length.
    pub body: Vec<u8>,
    /// The octets of the whole message.
    pub raw: Vec<u8>,
    /// What is wrong with it; empty for a good message.
    pub defects: Vec<Defect>,
}

impl Message {
    /// Whether it has no defect that its receiver may refuse it for; noise around it does not
    /// count ([`DefectKind::is_noise`](super::DefectKind::is_noise)).
    pub fn is_valid(&self) -> bool {
        self.defects.iter().all(|defect| defect.kind.is_noise())
    }

    /// The method, when it is a request.
    pub fn method(&self) -> Option<&Method> {
        match &self.start {
            StartLine::Request { method, .. } => Some(method),
            _ => None,
        }
    }

    /// Whether it is a request of that method.
    pub fn is_request(&self, method: &Method) -> bool {
        self.method() == Some(method)
    }

    /// The Request-URI as it stands, when it is a request.
    pub fn request_uri(&self) -> Option<&str> {
        match &self.start {
            StartLine::Request { uri, .. } => Some(uri),
            _ => None,
        }
    }

    /// The status code, when it is a response.
    pub fn status(&self) -> Option<u16> {
        match &self.start {
            StartLine::Response { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The fields of that name in order, whichever form the name has.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Header> {
        self.headers.iter().filter(move |header| same_header(&header.name, name))
    }

    /// The value of the first field of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| same_header(&header.name, name)).map(|header| header.value.as_str())
    }

    /// All values of a list header: every field of that name, split at its commas.
    pub fn values<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        self.fields(name).flat_map(|header| split_list(&header.value)).collect()
    }

    /// The readable Via values, topmost first.
    pub fn vias(&self) -> Vec<Via> {
        self.values("Via").into_iter().filter_map(Via::parse).collect()
    }

    /// The topmost Via; `None` also when the first value cannot be read.
    pub fn top_via(&self) -> Option<Via> {
        Via::parse(self.values("Via").first()?)
    }

    /// The branch of the topmost Via.
    pub fn branch(&self) -> Option<String> {
        self.top_via()?.branch().map(str::to_owned)
    }

    /// From.
    pub fn from(&self) -> Option<NameAddr> {
        NameAddr::parse(self.header("From")?)
    }

    /// To.
    pub fn to(&self) -> Option<NameAddr> {
        NameAddr::parse(self.header("To")?)
    }

    /// Call-ID.
    pub fn call_id(&self) -> Option<&str> {
        self.header("Call-ID")
    }

    /// CSeq; `None` when it is missing or broken.
    pub fn cseq(&self) -> Option<CSeq> {
        CSeq::parse(self.header("CSeq")?)
    }

    /// The readable values of Contact.
    pub fn contacts(&self) -> Vec<Contact> {
        self.values("Contact")
            .into_iter()
            .filter_map(|value| match value {
                "*" => Some(Contact::Star),
                value => NameAddr::parse(value).map(Contact::Addr),
            })
            .collect()
    }

    /// The first Contact that is an address.
    pub fn contact(&self) -> Option<NameAddr> {
        self.contacts().into_iter().find_map(|contact| match contact {
            Contact::Addr(addr) => Some(addr),
            Contact::Star => None,
        })
    }

    /// The readable values of Route, Record-Route, Path and other headers of that shape, in order.
    pub fn name_addrs(&self, name: &str) -> Vec<NameAddr> {
        self.values(name).into_iter().filter_map(NameAddr::parse).collect()
    }

    /// A header whose value is a number, perhaps followed by parameters or a comment
    /// (Expires, Min-Expires, Retry-After, Max-Forwards, Content-Length).
    pub fn number(&self, name: &str) -> Option<u32> {
        let value = self.header(name)?;
        let digits = value.find(|c: char| !c.is_ascii_digit()).map_or(value, |end| &value[..end]);
        digits.parse().ok()
    }
}

impl Message {
    /// The digest challenges that can be read, in order: of WWW-Authenticate, then of
    /// Proxy-Authenticate. Their commas separate parameters, not values (RFC 3261 section 7.3.1).
    pub fn challenges(&self) -> Vec<Challenge> {
        let fields = self.fields("WWW-Authenticate").chain(self.fields("Proxy-Authenticate"));
        fields.filter_map(|field| Challenge::parse(&field.value).ok()).collect()
    }

    /// The digest authorizations that can be read, in order: of Authorization, then of
    /// Proxy-Authorization.
    pub fn authorizations(&self) -> Vec<Authorization> {
        let fields = self.fields("Authorization").chain(self.fields("Proxy-Authorization"));
        fields.filter_map(|field| Authorization::parse(&field.value).ok()).collect()
    }
}
