//! Which header field follows which grammar (RFC 3261 section 25.1 and the RFCs of extensions).

use super::super::defect::{Defect, DefectKind};
use super::super::grammar::{is_digits, is_quoted_string, is_token, is_word, skip_comment};
use super::super::header::{Header, canonical_name};
use super::super::message::Message;
use super::super::params::Params;
use super::super::resource_priority::ResourceValue;
use super::super::text::{is_balanced, split_all};
use super::address::{self, elements, parameters};
use super::scalars;
use super::sink::Sink;
use super::via;
use crate::digest::{Authorization, Challenge, DigestError};

type Grammar = fn(&str, &mut Sink);

/// Header fields by their long names. Those that are not here are text.
const GRAMMARS: &[(&str, Grammar)] = &[
    ("Accept", media_ranges),
    ("Accept-Encoding", tokens_with_parameters_or_none),
    ("Accept-Language", tokens_with_parameters_or_none),
    ("Accept-Resource-Priority", resource_priorities_or_none),
    ("Alert-Info", address::bracketed_list),
    ("Allow", tokens_or_none),
    ("Allow-Events", tokens),
    ("Authorization", authorization),
    ("CSeq", scalars::cseq),
    ("Call-ID", call_id),
    ("Call-Info", address::bracketed_list),
    ("Contact", address::contact),
    ("Content-Disposition", token_with_parameters),
    ("Content-Encoding", tokens),
    ("Content-Language", tokens),
    ("Content-Length", scalars::content_length),
    ("Content-Type", media_type),
    ("Date", scalars::date),
    ("Diversion", address::list),
    ("Error-Info", address::bracketed_list),
    ("Event", token_with_parameters),
    ("Expires", scalars::seconds),
    ("From", address::one),
    ("In-Reply-To", call_ids),
    ("MIME-Version", mime_version),
    ("Max-Forwards", scalars::hops),
    ("Min-Expires", scalars::seconds),
    ("Min-SE", scalars::seconds_with_parameters),
    ("P-Asserted-Identity", address::list),
    ("P-Preferred-Identity", address::list),
    ("Path", address::bracketed_list),
    ("Priority", token),
    ("Proxy-Authenticate", challenge),
    ("Proxy-Authorization", authorization),
    ("Proxy-Require", tokens),
    ("RAck", scalars::rack),
    ("RSeq", scalars::sequence),
    ("Reason", reasons),
    ("Record-Route", address::bracketed_list),
    ("Refer-To", address::one),
    ("Referred-By", address::one),
    ("Replaces", replaces),
    ("Reply-To", address::one),
    ("Require", tokens),
    ("Resource-Priority", resource_priorities),
    ("Retry-After", scalars::retry_after),
    ("Route", address::bracketed_list),
    ("Server", products),
    ("Service-Route", address::bracketed_list),
    ("Session-Expires", scalars::seconds_with_parameters),
    ("Subscription-State", token_with_parameters),
    ("Supported", tokens_or_none),
    ("Timestamp", scalars::timestamp),
    ("To", address::one),
    ("Unsupported", tokens),
    ("User-Agent", products),
    ("Via", via::list),
    ("WWW-Authenticate", challenge),
    ("Warning", scalars::warning),
];

pub(super) fn check(message: &Message) -> Vec<Defect> {
    let mut found = Vec::new();
    for field in &message.headers {
        if let Some(grammar) = grammar(field) {
            let mut sink = Sink::new(field, &mut found);
            grammar(&field.value, &mut sink);
        }
    }
    found
}

fn grammar(field: &Header) -> Option<Grammar> {
    let name = canonical_name(&field.name);
    GRAMMARS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, grammar)| *grammar)
}

fn call_id(value: &str, sink: &mut Sink) {
    let (word, host) = value.split_once('@').map_or((value, None), |(word, host)| (word, Some(host)));
    sink.require(is_word(word) && host.is_none_or(is_word), value, "a Call-ID");
}

fn call_ids(value: &str, sink: &mut Sink) {
    for part in split_all(value, b',') {
        call_id(part, sink);
    }
}

/// RFC 3891 section 6.1.
fn replaces(value: &str, sink: &mut Sink) {
    let (id, params) = value.split_once(';').map_or((value, None), |(id, params)| (id, Some(params)));
    call_id(id.trim_end(), sink);
    parameters(params, sink);
}

fn token(value: &str, sink: &mut Sink) {
    sink.require(is_token(value), value, "a token");
}

fn tokens(value: &str, sink: &mut Sink) {
    for element in elements(value, sink) {
        token(element, sink);
    }
}

fn tokens_or_none(value: &str, sink: &mut Sink) {
    if !value.is_empty() {
        tokens(value, sink);
    }
}

fn token_with_parameters(value: &str, sink: &mut Sink) {
    let (word, params) = value.split_once(';').map_or((value, None), |(word, params)| (word, Some(params)));
    token(word.trim_end(), sink);
    parameters(params, sink);
}

fn tokens_with_parameters(value: &str, sink: &mut Sink) {
    for element in elements(value, sink) {
        token_with_parameters(element, sink);
    }
}

fn tokens_with_parameters_or_none(value: &str, sink: &mut Sink) {
    if !value.is_empty() {
        tokens_with_parameters(value, sink);
    }
}

fn media_type(value: &str, sink: &mut Sink) {
    if !is_balanced(value) {
        return sink.add(DefectKind::Unbalanced, format!("{value:?} leaves a quote open"));
    }
    let (range, params) =
        value.split_once(';').map_or((value, None), |(range, params)| (range, Some(params)));
    let sound =
        range.split_once('/').is_some_and(|(kind, sub)| is_token(kind.trim()) && is_token(sub.trim()));
    sink.require(sound, value, "a media type");
    parameters(params, sink);
}

/// Accept, which may be empty (section 20.1).
fn media_ranges(value: &str, sink: &mut Sink) {
    if !value.is_empty() {
        for element in elements(value, sink) {
            media_type(element, sink);
        }
    }
}

fn mime_version(value: &str, sink: &mut Sink) {
    let sound = value.split_once('.').is_some_and(|(major, minor)| is_digits(major) && is_digits(minor));
    sink.require(sound, value, "a version");
}

/// RFC 4412 section 3.1: `namespace.priority`, where neither part has a dot.
fn resource_priorities(value: &str, sink: &mut Sink) {
    for element in elements(value, sink) {
        sink.require(ResourceValue::parse(element).is_some(), element, "a namespace and a priority");
    }
}

/// RFC 4412 section 3.2.
fn resource_priorities_or_none(value: &str, sink: &mut Sink) {
    if !value.is_empty() {
        resource_priorities(value, sink);
    }
}

/// RFC 3326 section 2.
fn reasons(value: &str, sink: &mut Sink) {
    for element in elements(value, sink) {
        let text = Params::parse(element).value("text").unwrap_or("\"\"").to_owned();
        if is_quoted_string(&text) {
            token_with_parameters(element, sink);
        } else {
            sink.add(DefectKind::UnquotedText, format!("{text:?} has no quotes around it"));
        }
    }
}

/// User-Agent, Server: products and comments.
fn products(value: &str, sink: &mut Sink) {
    let mut rest = value.trim_start();
    sink.require(!rest.is_empty(), value, "a product");
    while !rest.is_empty() {
        if rest.starts_with('(') {
            let Some(after) = skip_comment(rest) else {
                return sink.add(DefectKind::Unbalanced, format!("{value:?} leaves a comment open"));
            };
            rest = after.trim_start();
            continue;
        }
        let (product, after) = rest.split_at(rest.find([' ', '\t', '(']).unwrap_or(rest.len()));
        let (name, version) = product.split_once('/').map_or((product, None), |(n, v)| (n, Some(v)));
        if !is_token(name) || !version.is_none_or(is_token) {
            return sink.require(false, product, "a product");
        }
        rest = after.trim_start();
    }
}

fn challenge(value: &str, sink: &mut Sink) {
    credentials(Challenge::parse(value).map(|_| ()), value, sink);
}

fn authorization(value: &str, sink: &mut Sink) {
    credentials(Authorization::parse(value).map(|_| ()), value, sink);
}

/// Of other schemes than Digest only the name is known.
fn credentials(read: Result<(), DigestError>, value: &str, sink: &mut Sink) {
    match read {
        Ok(()) => {}
        Err(DigestError::OtherScheme(scheme)) => {
            sink.require(
                is_token(&scheme) && scheme.len() < value.trim().len(),
                value,
                "a scheme with parameters",
            );
        }
        Err(error) => sink.add(DefectKind::BadHeaderValue, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kinds that a header field has by itself.
    fn kinds(name: &str, value: &str) -> Vec<DefectKind> {
        let field = Header { name: name.to_owned(), value: value.to_owned(), span: 0..0 };
        let mut found = Vec::new();
        grammar(&field).expect(name)(value, &mut Sink::new(&field, &mut found));
        found.into_iter().map(|defect| defect.kind).collect()
    }

    #[test]
    fn what_the_grammar_allows_carries_no_defect() {
        for (name, value) in [
            (
                "Via",
                "SIP  / 2.0  / TCP     spindle.example.com   ; branch  =   z9hG4bK9ikj8 , SIP/2.0/UDP [2001:db8::9:1]:6050;rport;received=2001:db8::9:255",
            ),
            ("v", "SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en;ttl=16;maddr=224.2.0.1;rport=5060"),
            (
                "From",
                "token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
            ),
            ("f", "caller<sip:caller@example.com>;tag=323"),
            ("To", "sip:+16505552222@ss1.example.net;user=phone"),
            ("To", "isbn:2983792873"),
            ("Contact", "*"),
            (
                "m",
                "\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam = newvalue ; secondparam ; q = 0.33, sip:a@b",
            ),
            (
                "Contact",
                "<sip:a@[::1]:5060;transport=tcp>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\";expires=60;reg-id=1",
            ),
            ("Route", "<sip:services.example.com;lr;unknownwith=value;unknown-no-value>, <sips:b>;x"),
            ("CSeq", "0009 INVITE"),
            ("CSeq", "2147483647 RE%47IST%45R"),
            ("Max-Forwards", "0068"),
            ("Expires", "4294967295"),
            ("Retry-After", "18000;duration=3600"),
            ("Retry-After", "120 (I'm in a \\) (long) meeting)"),
            (
                "Warning",
                "307 isi.edu \"Session parameter 'foo' not understood\", 399 192.0.2.1:5060 \"b, c\"",
            ),
            ("Date", "Sat, 13 Nov 2010 23:29:00 GMT"),
            ("Timestamp", "54.25 .5"),
            ("Call-ID", "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"),
            ("Accept", ""),
            ("Accept", "application/sdp;level=1, application/x-private, text/html"),
            ("Accept-Language", "da, en-gb;q=0.8, *;q=0"),
            ("Allow", ""),
            ("Supported", "100rel, timer"),
            ("c", "multipart/mixed;boundary=7a9cbec02ceef655"),
            ("c", "text/html; charset=\"ISO-8859-4\""),
            ("Authorization", "NoOneKnowsThisScheme opaque-data=here"),
            ("WWW-Authenticate", "Digest realm=\"a, b\", nonce=\"n\", qop=\"auth,auth-int\", stale=TRUE"),
            ("User-Agent", "SIPimp.org/0.2.5 (curses (\\( twice))"),
            ("Server", "HomeServer v2"),
            ("Reason", "Q.850;cause=16;text=\"Terminated\", SIP;cause=600"),
            ("Resource-Priority", "dsn-000000.flash-override, q735.0"),
            ("Event", "message-summary"),
            ("Subscription-State", "active;expires=3600"),
            ("Session-Expires", "1800;refresher=uac"),
            ("RAck", "776656 1 INVITE"),
            ("Replaces", "12adf2f34456gs5@a.example;to-tag=12345;from-tag=54321"),
            ("Alert-Info", "<http://www.example.com/sounds/moo.wav>;info=x"),
            ("In-Reply-To", "70710@saturn.bell-tel.com, 17320@saturn.bell-tel.com"),
        ] {
            assert_eq!(kinds(name, value), [], "{name}: {value}");
        }
    }

    #[test]
    fn what_it_forbids_has_its_kind() {
        use DefectKind::*;
        for (name, value, kind) in [
            ("Via", "SIP/2.0/UDP 192.0.2.15;;,;,,", vec![ExtraSeparator, ExtraSeparator, BadHeaderValue]),
            ("Via", "SIP/7.0/UDP c.example.com", vec![BadVersion]),
            ("Via", "SIP/2.0/UDP", vec![BadHeaderValue]),
            ("Via", "SIP/2.0/UDP 2001:db8::1", vec![BadHeaderValue]),
            ("Via", "SIP/2.0/UDP a:65536", vec![NumberOutOfRange]),
            (
                "Via",
                "SIP/2.0/UDP a;ttl=256;branch=a b",
                vec![BadHeaderValue, NumberOutOfRange, BadHeaderValue],
            ),
            ("Via", "SIP/2.0/UDP a;received=[2001:db8::9:255]", vec![BadHeaderValue]),
            ("Via", "SIP/2.0/UDP a;branch", vec![BadHeaderValue]),
            ("Via", "", vec![BadHeaderValue]),
            ("Contact", "\"Joe\" <sip:joe@example.org>;;;;", vec![ExtraSeparator]),
            ("Contact", "*, <sip:a@b>", vec![BadHeaderValue]),
            ("Contact", "sip:user@example.com?Route=%3Csip:b%3E", vec![UriNeedsBrackets]),
            ("Contact", "<sip:a@b>;expires=280297596632815;q=1.5", vec![NumberOutOfRange, NumberOutOfRange]),
            ("Contact", "<sip:a@b>;expires=soon", vec![BadHeaderValue]),
            ("To", "\"Mr. J. User <sip:j.user@example.com>", vec![Unbalanced]),
            ("To", "<sip:j.user@example.com", vec![Unbalanced]),
            ("To", "\"Watson\" < sip:t.watson@example.org >", vec![BadUri]),
            ("To", "Watson, Thomas <sip:t.watson@example.org>", vec![BadDisplayName]),
            ("To", "\"A\" B <sip:a@b>", vec![BadDisplayName]),
            ("To", "<sip:a@b> x", vec![BadHeaderValue]),
            ("To", "<sip:a@b>, <sip:c@d>", vec![BadHeaderValue]),
            ("To", "<sip:a@b>;tag=", vec![BadHeaderValue, BadHeaderValue]),
            ("To", "", vec![BadUri]),
            ("To", "<sip:a@b>;tag=1;Tag=1", vec![RepeatedParameter]),
            ("Via", "SIP/2.0/UDP a;branch=b;branch=c", vec![RepeatedParameter]),
            ("Contact", "<sip:a@b;lr;lr>", vec![RepeatedParameter]),
            ("Route", "sip:a@b;lr", vec![UriNeedsBrackets]),
            ("CSeq", "36893488147419103232 REGISTER", vec![NumberOutOfRange]),
            ("CSeq", "2147483648 INVITE", vec![NumberOutOfRange]),
            ("CSeq", "INVITE", vec![BadHeaderValue]),
            ("CSeq", "1 IN VITE", vec![BadHeaderValue]),
            ("CSeq", "x INV@TE", vec![BadHeaderValue, BadHeaderValue]),
            ("Max-Forwards", "256", vec![NumberOutOfRange]),
            ("Max-Forwards", "-1", vec![NumberOutOfRange]),
            ("Expires", "4294967296", vec![NumberOutOfRange]),
            ("Expires", "0x10", vec![BadHeaderValue]),
            ("Retry-After", "949302838503028349304023988", vec![NumberOutOfRange]),
            ("Retry-After", "5 (open", vec![Unbalanced]),
            ("Retry-After", "5 6", vec![BadHeaderValue]),
            ("Warning", "1812 overture \"In Progress\"", vec![NumberOutOfRange]),
            ("Warning", "399 a b", vec![BadHeaderValue]),
            ("Date", "Fri, 01 Jan 2010 16:00:00 EST", vec![BadDate]),
            ("Date", "Fri, 1 Jan 2010 16:00:00 GMT", vec![BadDate]),
            ("Date", "Fri, 01 Jan 2010 24:00:00 GMT", vec![BadDate]),
            ("Date", "Friday, 01-Jan-10 16:00:00 GMT", vec![BadDate]),
            ("Timestamp", "1.2.3", vec![BadHeaderValue]),
            ("Call-ID", "a@b@c", vec![BadHeaderValue]),
            ("Call-ID", "a b", vec![BadHeaderValue]),
            ("Content-Length", "-999", vec![BadContentLength]),
            ("Content-Length", "+5", vec![BadContentLength]),
            ("Content-Length", "", vec![BadContentLength]),
            ("Content-Length", "4294967296", vec![BadContentLength]),
            ("Content-Type", "application", vec![BadHeaderValue]),
            ("Content-Type", "text/plain;charset=\"x", vec![Unbalanced]),
            ("Require", "", vec![BadHeaderValue]),
            ("Require", "a,,b", vec![ExtraSeparator]),
            ("Allow", "INVITE, A CK", vec![BadHeaderValue]),
            ("Authorization", "Digest username=\"a\"", vec![BadHeaderValue]),
            ("Authorization", "Basic", vec![BadHeaderValue]),
            ("WWW-Authenticate", "Digest realm=\"a\" nonce=\"b\"", vec![BadHeaderValue]),
            ("User-Agent", "a (b", vec![Unbalanced]),
            ("User-Agent", "a [b]", vec![BadHeaderValue]),
            ("Resource-Priority", "dsn", vec![BadHeaderValue]),
            ("RAck", "1 2", vec![BadHeaderValue]),
            ("MIME-Version", "1", vec![BadHeaderValue]),
            ("Alert-Info", "info=alert-internal", vec![UriNeedsBrackets]),
        ] {
            assert_eq!(kinds(name, value), kind, "{name}: {value}");
        }
    }
}
