//! What is wrong with a message, and where.

use std::fmt;
use std::ops::Range;

/// Something in a message that the grammar or RFC 3261 forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// What is wrong.
    pub kind: DefectKind,
    /// Where: octets from the start of the message.
    pub span: Range<usize>,
}

/// The kinds of [`Defect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DefectKind {
    /// The first line is neither a request line nor a status line.
    BadStartLine,
    /// The SIP version is not 2.0.
    BadVersion,
    /// The Request-URI does not follow the grammar.
    BadRequestUri,
    /// The status code is not a number of three digits from 100 to 699.
    BadStatusCode,
    /// A line of the head has no colon.
    HeaderWithoutColon,
    /// The empty line that ends the head is missing.
    UnterminatedHead,
    /// Lines end in a bare LF.
    BareLineFeed,
    /// A header field that every message carries is missing.
    MissingHeader,
    /// A header field that may stand once stands more than once.
    RepeatedHeader,
    /// A header field's value does not follow its grammar.
    BadHeaderValue,
    /// A number is out of its range.
    NumberOutOfRange,
    /// The method of CSeq is not the method of the request.
    CSeqMethodMismatch,
    /// Content-Length says more octets than there are.
    BodyTooShort,
    /// A datagram has octets after the body that Content-Length says.
    BodyTooLong,
    /// A quoted string or an angle bracket is not closed.
    Unbalanced,
    /// Octets that are not UTF-8.
    NotUtf8,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at octet {}", self.kind, self.span.start)
    }
}
