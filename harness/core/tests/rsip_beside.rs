//! `rsip` beside our own layer, over all fixtures: where they differ, and why. The list is whole: a
//! difference that is new or gone fails the test, so that an update of `rsip` shows what it mends.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use sipfarm_core::sip::Message;
use sipfarm_core::sip::typed::{
    Accept, ContentType, Priority, RecordRoute, Route, Served, Typed, TypedCSeq, TypedContact, TypedFrom,
    TypedTo, TypedVia,
};

/// A cause, and what it makes different in which file.
struct Cause {
    why: &'static str,
    differences: &'static [(&'static str, &'static [&'static str])],
}

const REFUSES: &str = "refuses what is valid";
const ACCEPTS: &str = "accepts what is not";

const CAUSES: &[Cause] = &[
    // What is valid and refused.
    Cause {
        why: "a folded line or a blank before a colon breaks the whole message",
        differences: &[
            ("esc01", &[REFUSES]),
            ("longreq", &[REFUSES]),
            ("wsinv", &[REFUSES, "From refused", "Via refused", "Contact refused"]),
        ],
    },
    Cause {
        why: "blanks around the semicolon and the equals sign of a parameter: it is dropped",
        differences: &[("wsinv", &["To mangled"])],
    },
    Cause {
        why: "methods are a closed list, in the request line and in CSeq",
        differences: &[("esc02", &[REFUSES, "CSeq refused"]), ("intmeth", &[REFUSES, "CSeq refused"])],
    },
    Cause { why: "quoted parameter values are not read", differences: &[("intmeth", &["From refused"])] },
    Cause { why: "schemes need two slashes", differences: &[("unkscm", &[REFUSES])] },
    Cause {
        why: "URIs of other schemes are taken apart like SIP's, or not read",
        differences: &[("unksm2", &["From mangled", "To refused", "Contact refused"])],
    },
    Cause { why: "URIs with headers are not read", differences: &[("regescrt", &["Contact refused"])] },
    Cause {
        why: "a user with a dot becomes part of the host",
        differences: &[
            ("badaspec", &["From mangled"]),
            ("badinv01", &["To mangled"]),
            ("clerr", &["To mangled"]),
            ("dblreq", &["From mangled", "To mangled", "Contact mangled"]),
            ("intmeth", &["To mangled"]),
            ("invut", &["To mangled"]),
            ("mismatch01", &["To mangled"]),
            ("mismatch02", &["To mangled"]),
            ("ncl", &["To mangled"]),
            ("regaut01", &["From mangled", "To mangled"]),
            ("semiuri", &[REFUSES]),
            ("badvers", &["From mangled", "To mangled"]),
        ],
    },
    Cause {
        why: "IPv6 is not read, in any place",
        differences: &[
            ("ipv4-mapped-ipv6", &["Via refused", "Contact refused"]),
            ("ipv6-bad", &["Via refused", "Contact refused"]),
            ("ipv6-bug-abnf-3-colons", &[REFUSES, "To refused"]),
            ("ipv6-correct-abnf-2-colons", &[REFUSES, "To refused"]),
            ("ipv6-good", &[REFUSES, "Via refused", "Contact refused"]),
            ("ipv6-in-sdp", &[REFUSES, "To refused", "Via refused", "Contact refused"]),
            ("mult-ip-in-header", &["Via refused"]),
            ("mult-ip-in-sdp", &[REFUSES, "To refused", "Via refused", "Contact refused"]),
            ("port-ambiguous", &[REFUSES, "Via refused", "Contact refused"]),
            ("port-unambiguous", &[REFUSES, "Via refused", "Contact refused"]),
            ("via-received-param-no-delim", &[REFUSES, "Via refused", "Contact refused"]),
            ("via-received-param-with-delim", &["Via refused"]),
        ],
    },
    // What is not valid and accepted, as a message. That a typed value is refused is right then.
    Cause {
        why: "values are not looked at before they are asked for",
        differences: &[
            ("badaspec", &[ACCEPTS, "To refused"]),
            ("badbranch", &[ACCEPTS]),
            ("baddate", &[ACCEPTS]),
            ("badinv01", &[ACCEPTS, "Via mangled"]),
            ("badvers", &["Via refused"]),
            ("mismatch01", &[ACCEPTS]),
            ("regbadct", &[ACCEPTS, "Contact refused"]),
            ("scalar02", &["CSeq refused", "Contact refused"]),
            ("scalarlg", &[ACCEPTS, "CSeq refused"]),
        ],
    },
    Cause {
        why: "Content-Length is not looked at",
        differences: &[("clerr", &[ACCEPTS]), ("mcl01", &[ACCEPTS]), ("ncl", &[ACCEPTS])],
    },
    Cause {
        why: "what is missing or repeated is not counted",
        differences: &[("insuf", &[ACCEPTS]), ("inv2543", &[ACCEPTS]), ("multi01", &[ACCEPTS])],
    },
    Cause {
        why: "without a scheme that it knows, a URI is all user: `<sip` with the password `user`",
        differences: &[("ltgtruri", &[ACCEPTS])],
    },
    Cause {
        why: "anything before the bracket is a display name",
        differences: &[
            ("baddn", &[ACCEPTS, "From mangled", "To mangled"]),
            ("quotbal", &[ACCEPTS, "To mangled"]),
        ],
    },
    Cause {
        why: "an address without a scheme is an address",
        differences: &[("test", &["From mangled", "To mangled"])],
    },
];

#[test]
fn rsip_differs_where_we_know_and_nowhere_else() {
    let mut expected = BTreeSet::new();
    for cause in CAUSES {
        for (file, kinds) in cause.differences {
            for kind in *kinds {
                assert!(expected.insert((file.to_string(), kind.to_string())), "{file}: {kind} twice");
            }
        }
    }
    let mut seen = BTreeSet::new();
    for (file, raw) in support::files("rfc4475").into_iter().chain(support::rfc_5118_mended()) {
        seen.extend(differences(&raw).into_iter().map(|kind| (file.clone(), kind)));
    }
    let new: Vec<_> = seen.difference(&expected).collect();
    let gone: Vec<_> = expected
        .difference(&seen)
        .map(|(file, kind)| {
            let is_cause = |cause: &&Cause| {
                cause.differences.iter().any(|(f, kinds)| f == file && kinds.contains(&kind.as_str()))
            };
            (file, kind, CAUSES.iter().find(is_cause).unwrap().why)
        })
        .collect();
    assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}\ngone: {gone:#?}");
}

fn differences(raw: &[u8]) -> Vec<String> {
    let ours = Message::parse(raw);
    let theirs = rsip::SipMessage::try_from(raw);
    let whole = match (&theirs, ours.is_valid()) {
        (Err(_), true) => Some(REFUSES.to_owned()),
        (Ok(_), false) => Some(ACCEPTS.to_owned()),
        _ => None,
    };
    let values = [
        difference(ours.typed::<TypedFrom>()),
        difference(ours.typed::<TypedTo>()),
        difference(ours.typed::<TypedVia>()),
        difference(ours.typed::<TypedCSeq>()),
        difference(ours.typed::<TypedContact>()),
        difference(ours.typed::<Route>()),
        difference(ours.typed::<RecordRoute>()),
        difference(ours.typed::<ContentType>()),
        difference(ours.typed::<Accept>()),
        difference(ours.typed::<Priority>()),
    ];
    whole.into_iter().chain(values.into_iter().flatten()).collect()
}

fn difference<'a, H: Served<'a>>(typed: Typed<H>) -> Option<String> {
    match typed {
        Typed::Absent | Typed::Right(_) => None,
        Typed::Refused(_) => Some(format!("{} refused", H::NAME)),
        Typed::Mangled(_) => Some(format!("{} mangled", H::NAME)),
    }
}
