//! Header fields as values of `rsip`, where what it makes of them is right.
//!
//! `rsip` supplies types for header fields that we have none of our own for, but it refuses or
//! changes much that is valid. So each value that it reads is held against our own reading before
//! it is served. Where the two differ over the messages of RFC 4475 and RFC 5118 stands in
//! `tests/rsip_beside.rs`.

use std::fmt::Display;

use rsip::headers::typed::media_type::MediaTypeParam;
pub use rsip::headers::typed::{
    Accept, CSeq as TypedCSeq, Contact as TypedContact, ContentType, From as TypedFrom, MediaType, Priority,
    RecordRoute, Route, To as TypedTo, Tokenize, TypedHeader, Via as TypedVia,
};

use super::message::{CSeq, Message};
use super::name_addr::NameAddr;
use super::params::Params;
use super::text::{split_list, unquote};
use super::via::Via;
use crate::sdp;

/// A header field as `rsip` reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed<H> {
    /// There is no such field.
    Absent,
    /// Both read the same.
    Right(H),
    /// `rsip` makes something else of it: how it prints that.
    Mangled(String),
    /// `rsip` does not read it: what it says.
    Refused(String),
}

impl<H> Typed<H> {
    /// The value, where it can be relied on.
    pub fn right(self) -> Option<H> {
        match self {
            Typed::Right(value) => Some(value),
            _ => None,
        }
    }
}

/// A header field that `rsip` has a type for, and how to tell whether it has read it right.
pub trait Served<'a>: TypedHeader<'a> + Display {
    /// Its name.
    const NAME: &'static str;

    /// Whether the value of the field means what `rsip` has made of it.
    fn agrees(&self, value: &str) -> bool;
}

impl Message {
    /// The first field of the type's name, as `rsip` reads it.
    pub fn typed<'a, H: Served<'a>>(&'a self) -> Typed<H> {
        let Some(value) = self.header(H::NAME) else { return Typed::Absent };
        match H::Tokenizer::tokenize(value).and_then(H::try_from) {
            Err(error) => Typed::Refused(error.to_string()),
            Ok(typed) if typed.agrees(value) => Typed::Right(typed),
            Ok(typed) => Typed::Mangled(typed.to_string()),
        }
    }

    /// The type of the body.
    pub fn media_type(&self) -> Option<MediaType> {
        media_type(self.header("Content-Type")?)
    }

    /// The session description in the body, when the body is one.
    pub fn sdp(&self) -> Option<sdp::Session> {
        matches!(self.media_type(), Some(MediaType::Sdp(_))).then(|| sdp::Session::parse(&self.body))
    }
}

/// The type of `rsip`, filled by our own reading: with quoted parameters, and blanks where they
/// may stand.
fn media_type(value: &str) -> Option<MediaType> {
    let (name, params) = value.split_once(';').unwrap_or((value, ""));
    let (kind, sub) = name.split_once('/')?;
    let name = format!("{}/{}", kind.trim(), sub.trim());
    let params = Params::parse(params).0.into_iter();
    let params = params
        .map(|(name, value)| Some(MediaTypeParam(name, unquote(&value?)?)))
        .collect::<Option<Vec<_>>>()?;
    Some(match name.eq_ignore_ascii_case("application/sdp") {
        true => MediaType::Sdp(params),
        false => MediaType::Other(name, params),
    })
}

macro_rules! served {
    ($($type:ty = $name:literal, $agrees:expr;)*) => {
        $(impl<'a> Served<'a> for $type {
            const NAME: &'static str = $name;

            fn agrees(&self, value: &str) -> bool {
                let agrees: fn(&Self, &str) -> bool = $agrees;
                agrees(self, value)
            }
        })*
    };
}

served! {
    TypedFrom = "From", |typed, value| address(&typed.uri, &typed.to_string(), value);
    TypedTo = "To", |typed, value| address(&typed.uri, &typed.to_string(), value);
    TypedContact = "Contact", |typed, value| address(&typed.uri, &typed.to_string(), value);
    TypedCSeq = "CSeq", |typed, value| same(CSeq::parse, &typed.to_string(), value);
    TypedVia = "Via", |typed, value| split_list(value).len() == 1 && same(Via::parse, &typed.to_string(), value);
    Route = "Route", |typed, value| same(addresses, &typed.to_string(), value);
    RecordRoute = "Record-Route", |typed, value| same(addresses, &typed.to_string(), value);
    ContentType = "Content-Type", |typed, value| media_type(value).as_ref() == Some(&typed.0);
    Accept = "Accept", |typed, value| {
        split_list(value).into_iter().map(media_type).eq(typed.0.iter().cloned().map(Some))
    };
    Priority = "Priority", |typed, value| typed.to_string().eq_ignore_ascii_case(value);
}

/// Whether both texts read the same, and can be read.
fn same<T: PartialEq>(read: impl Fn(&str) -> Option<T>, printed: &str, value: &str) -> bool {
    let ours = read(value);
    ours.is_some() && ours == read(printed)
}

/// Whether the address prints as it came, and its URI was taken apart as ours: a `tel:` URI would
/// become the host `tel`.
fn address(theirs: &rsip::Uri, printed: &str, value: &str) -> bool {
    let Some(ours) = NameAddr::parse(value).and_then(|address| address.sip_uri()) else { return false };
    let port = theirs.host_with_port.port.as_ref().map(|port| *port.value());
    let user = theirs.auth.as_ref().map(ToString::to_string);
    same(NameAddr::parse, printed, value)
        && ours.host.to_string() == theirs.host_with_port.host.to_string()
        && (ours.port, ours.user) == (port, user)
}

fn addresses(text: &str) -> Option<Vec<NameAddr>> {
    split_list(text).into_iter().map(NameAddr::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{MessageBuilder, Method};

    fn with(name: &str, value: &str) -> Message {
        MessageBuilder::request(&Method::Options, "sip:b@192.0.2.2").header(name, value).build()
    }

    #[test]
    fn plain_values_are_served() {
        let message = with("f", "\"Alice\" <sip:alice@192.0.2.1:5070>;tag=1");
        let from = message.typed::<TypedFrom>().right().expect("a From");
        assert_eq!(from.uri.user(), Some("alice"));
        let message = with("CSeq", "7 INVITE");
        assert_eq!(message.typed::<TypedCSeq>().right().expect("a CSeq").seq, 7);
        let message = with("Route", "<sip:a.example.com;lr>, <sip:b.example.com;lr>");
        assert_eq!(message.typed::<Route>().right().expect("a Route").uris().len(), 2);
        assert_eq!(with("X-a", "b").typed::<TypedFrom>(), Typed::Absent);
    }

    /// Each of these would mislead, were it served.
    #[test]
    fn what_rsip_gets_wrong_is_not() {
        let ipv6 = with("To", "<sip:a@[2001:db8::1]>");
        assert!(matches!(ipv6.typed::<TypedTo>(), Typed::Refused(_)));
        let extension = with("CSeq", "1 HELLO");
        assert!(matches!(extension.typed::<TypedCSeq>(), Typed::Refused(_)));
        let case = with("CSeq", "1 invite");
        assert_eq!(case.typed::<TypedCSeq>(), Typed::Mangled("1 INVITE".to_owned()));
        let tel = with("To", "<tel:+15551234>");
        assert_eq!(tel.typed::<TypedTo>().right(), None);
        let vias = with("Via", "SIP/2.0/UDP a.example.com;branch=z9hG4bK1, SIP/2.0/UDP b.example.com");
        assert_eq!(vias.typed::<TypedVia>().right(), None);
        let star = with("Contact", "*");
        assert_eq!(star.typed::<TypedContact>().right(), None);
    }

    #[test]
    fn bodies_are_known_by_their_type() {
        let typed = |value| with("c", value).media_type();
        assert_eq!(typed("application/sdp"), Some(MediaType::Sdp(vec![])));
        assert_eq!(typed("Application / SDP"), Some(MediaType::Sdp(vec![])));
        let boundary = MediaTypeParam("boundary".to_owned(), "a b;c".to_owned());
        assert_eq!(
            typed("multipart/mixed; boundary=\"a b;c\""),
            Some(MediaType::Other("multipart/mixed".to_owned(), vec![boundary]))
        );
        assert_eq!(typed("nonsense"), None);
        let offer =
            MessageBuilder::request(&Method::Invite, "sip:b@192.0.2.2").body("application/sdp", "v=0\r\n");
        assert!(offer.build().sdp().is_some());
        assert!(with("c", "text/plain").sdp().is_none());
    }
}
