//! What is wrong with a message, and where.

use std::fmt;
use std::ops::Range;

/// A detail is cut after so many octets: a value may be as long as its message.
const DETAIL_OCTETS: usize = 200;

/// Something in a message that the grammar or RFC 3261 forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// What is wrong.
    pub kind: DefectKind,
    /// Where: octets from the start of the message.
    pub span: Range<usize>,
    /// The same for people, with the value that is wrong.
    pub detail: String,
}

impl Defect {
    pub(super) fn new(kind: DefectKind, span: Range<usize>, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > DETAIL_OCTETS {
            let end = (0..=DETAIL_OCTETS).rev().find(|at| detail.is_char_boundary(*at));
            detail.truncate(end.unwrap_or(0));
            detail.push('…');
        }
        Defect { kind, span, detail }
    }
}

/// The kinds of [`Defect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DefectKind {
    /// The first line is neither a request line nor a status line.
    BadStartLine,
    /// Spaces in the start line that its grammar has no place for, or the one before an empty
    /// reason phrase is missing (RFC 4475 sections 3.1.1.13, 3.1.2.9, 3.1.2.10).
    StartLineSpacing,
    /// The method is not a token.
    BadMethod,
    /// The SIP version is not `SIP/2.0` in capital letters, in the start line or in a Via.
    BadVersion,
    /// The Request-URI does not follow the grammar.
    BadRequestUri,
    /// The Request-URI has headers or a `method` parameter, which table 1 of RFC 3261 section
    /// 19.1.1 forbids there (RFC 4475 section 3.1.2.11).
    ForbiddenInRequestUri,
    /// The status code is not a number of three digits from 100 to 699.
    BadStatusCode,
    /// Empty lines before the start line of a datagram. Streams may have them (section 7.5).
    EmptyLineBeforeStart,
    /// A line of the head has no colon.
    HeaderWithoutColon,
    /// The name of a header field is not a token.
    BadHeaderName,
    /// The empty line that ends the head is missing.
    UnterminatedHead,
    /// Lines end in a bare LF.
    BareLineFeed,
    /// A control character stands where only text may.
    ControlCharacter,
    /// Octets that are not UTF-8.
    NotUtf8,
    /// A header field that a message of this kind must carry is missing (section 20, tables 2
    /// and 3; on streams, Content-Length).
    MissingHeader,
    /// A header field that may stand once stands more than once.
    RepeatedHeader,
    /// From, or To of a response, has no tag (sections 8.1.1.3, 8.2.6.2).
    MissingTag,
    /// The branch of the topmost Via is the magic cookie and nothing more (RFC 4475 section 3.2.1).
    EmptyBranch,
    /// A header field's value does not follow its grammar, in a way that has no kind of its own.
    BadHeaderValue,
    /// A comma or a semicolon with nothing to separate (RFC 4475 section 3.1.2.1).
    ExtraSeparator,
    /// A parameter stands twice, of a header field's value (section 7.3.1) or of a URI (section
    /// 19.1.1).
    RepeatedParameter,
    /// Resource-Priority has the same namespace twice, in one field or in several (RFC 4412 section 3.1).
    RepeatedNamespace,
    /// The text of a Reason stands without quotes (RFC 3326 section 2), as in the examples of RFC 4542. What it
    /// says is clear all the same.
    UnquotedText,
    /// A quoted string or an angle bracket is not closed.
    Unbalanced,
    /// A display name is neither quoted nor made of tokens (RFC 4475 section 3.1.2.15).
    BadDisplayName,
    /// A URI in a header field does not follow the grammar.
    BadUri,
    /// A URI that must stand in angle brackets does not (section 20, RFC 4475 section 3.1.2.13).
    UriNeedsBrackets,
    /// A date is not of the one form that section 20.17 allows.
    BadDate,
    /// A number is out of its range.
    NumberOutOfRange,
    /// The method of CSeq is not the method of the request.
    CSeqMethodMismatch,
    /// Content-Length is not one number of octets, or several that contradict each other.
    BadContentLength,
    /// Content-Length says more octets than there are.
    BodyTooShort,
    /// A datagram has octets after the body that Content-Length says.
    BodyTooLong,
}

impl DefectKind {
    /// Whether it lies beside the message rather than in it: octets around the message that its
    /// receiver has to ignore (sections 7.5 and 18.3).
    pub fn is_noise(self) -> bool {
        matches!(self, DefectKind::BodyTooLong | DefectKind::EmptyLineBeforeStart)
    }
}

/// What is wrong, and at which octet.
impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at octet {})", self.detail, self.span.start)
    }
}
