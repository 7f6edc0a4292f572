//! How a fault declares its parameters: once, as fields with doc comments. Reading the words,
//! the help, the checks and the table in README.md all come from that one declaration.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::spec::FaultError;
use crate::farm::dns::Row;

/// A parameter as help, lint and README show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// The word before the equals sign.
    pub name: String,
    /// What it means, with its unit and its range.
    pub meaning: String,
    /// What it is when not given; `None` when its absence has a meaning of its own.
    pub default: Option<&'static str>,
}

impl ParameterInfo {
    pub(super) fn new(field: &str, meaning: &str, default: Option<&'static str>) -> Self {
        ParameterInfo { name: word(field), meaning: meaning.trim().to_owned(), default }
    }
}

/// The word for a field: hyphens instead of underscores; one at the end sets it apart from a keyword of
/// Rust.
fn word(field: &str) -> String {
    field.trim_end_matches('_').replace('_', "-")
}

/// Declares a struct of parameters. Each field is one: its doc comment is its meaning, the literal
/// behind `=` its default as the user would write it. Fields under `state` are no parameters;
/// they start with their `Default`.
macro_rules! parameters {
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $Type:ident {
            $( $(#[doc = $meaning:literal])+ $field:ident: $ty:ty $(= $default:literal)? ),* $(,)?
        }
        $(state { $( $(#[doc = $note:literal])+ $state:ident: $state_ty:ty ),* $(,)? })?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug)]
        $vis struct $Type {
            $( $(#[doc = $meaning])+ $field: $ty, )*
            $( $( $(#[doc = $note])+ $state: $state_ty, )* )?
        }

        impl $Type {
            /// The parameters in the order of their declaration.
            $vis fn parameters() -> Vec<$crate::farm::faults::declare::ParameterInfo> {
                vec![$( $crate::farm::faults::declare::ParameterInfo::new(
                    stringify!($field),
                    concat!($($meaning),+),
                    { const DEFAULT: &[&str] = &[$($default)?]; DEFAULT.first().copied() },
                ), )*]
            }

            /// Reads the parameters from the words of a specification.
            $vis fn read(
                words: &$crate::farm::faults::declare::Words<'_>,
            ) -> Result<Self, $crate::farm::faults::spec::FaultError> {
                let _ = words; // a fault without parameters
                Ok($Type {
                    $( $field: words.value(stringify!($field), {
                        const DEFAULT: &[&str] = &[$($default)?];
                        DEFAULT.first().copied()
                    })?, )*
                    $( $( $state: Default::default(), )* )?
                })
            }
        }
    };
}

/// Declares a fault: the doc comment is its one sentence, then its name, what it acts on, its
/// parameters.
macro_rules! fault {
    (
        $(#[doc = $sentence:literal])+
        pub struct $Type:ident = $name:literal, acts on $acts:ident { $($fields:tt)* }
        $($state:tt)*
    ) => {
        $crate::farm::faults::declare::parameters! {
            $(#[doc = $sentence])+
            pub struct $Type { $($fields)* }
            $($state)*
        }

        impl $Type {
            /// How the fault is found, explained and started.
            pub(super) const DECLARATION: $crate::farm::faults::Declaration =
                $crate::farm::faults::Declaration {
                    name: $name,
                    sentence: concat!($($sentence),+),
                    acts_on: $crate::farm::faults::ActsOn::$acts,
                    parameters: $Type::parameters,
                    start: |words| Ok(Box::new($Type::read(words)?)),
                };
        }
    };
}

pub(super) use {fault, parameters};

/// The words of one specification, as the declarations read them.
pub struct Words<'a> {
    pub(super) fault: &'a str,
    pub(super) words: &'a [(String, String)],
}

impl Words<'_> {
    /// The value of the parameter behind a field, or its default.
    ///
    /// # Errors
    /// The value cannot be read, or it is missing and has no default.
    pub(super) fn value<V: Value>(&self, field: &str, default: Option<&str>) -> Result<V, FaultError> {
        let parameter = word(field);
        let given = self.words.iter().find(|(name, _)| *name == parameter).map(|(_, value)| value.as_str());
        let Some(text) = given.or(default) else {
            return V::absent()
                .ok_or_else(|| FaultError::Missing { fault: self.fault.to_owned(), parameter });
        };
        V::read(text).ok_or_else(|| FaultError::BadValue {
            fault: self.fault.to_owned(),
            parameter,
            value: text.to_owned(),
            expected: V::EXPECTED,
        })
    }
}

/// Something that can stand behind the equals sign of a parameter.
pub(super) trait Value: Sized {
    /// What the user should have written.
    const EXPECTED: &'static str;
    /// Reads it.
    fn read(text: &str) -> Option<Self>;
    /// Its value when it is not given and has no default.
    fn absent() -> Option<Self> {
        None
    }
}

impl<V: Value> Value for Option<V> {
    const EXPECTED: &'static str = V::EXPECTED;
    fn read(text: &str) -> Option<Self> {
        V::read(text).map(Some)
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl Value for u8 {
    const EXPECTED: &'static str = "a whole number up to 255";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for u32 {
    const EXPECTED: &'static str = "a whole number";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for String {
    const EXPECTED: &'static str = "some text";
    fn read(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
    }
}

impl Value for Method {
    const EXPECTED: &'static str = "a method that SIP has, such as INVITE, in capitals";
    /// A method that nobody sends would make a fault that never acts.
    fn read(text: &str) -> Option<Self> {
        Some(Method::from(text)).filter(|method| !matches!(method, Method::Other(_)))
    }
}

/// A domain name.
#[derive(Debug, Clone)]
pub(super) struct Name(pub String);

impl Value for Name {
    const EXPECTED: &'static str = "a domain name such as sip.example.test";
    fn read(text: &str) -> Option<Self> {
        let good = !text.is_empty() && !text.contains(char::is_whitespace);
        good.then(|| Name(sipfarm_core::dns::plain(text)))
    }
}

/// Records of a zone.
#[derive(Debug, Clone)]
pub(super) struct Records(pub Vec<Row>);

impl Value for Records {
    const EXPECTED: &'static str = "a list such as \"p.example.test 30 A secondary; _sip._udp.example.test 30 SRV 10 0 5060 p.example.test\"";
    fn read(text: &str) -> Option<Self> {
        let rows: Option<Vec<Row>> = text.split(';').map(|row| row.parse().ok()).collect();
        rows.map(Records)
    }
}

/// A count of at least one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count(pub u32);

impl Value for Count {
    const EXPECTED: &'static str = "a whole number of at least 1";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|n| *n > 0).map(Count)
    }
}

/// Milliseconds, at most a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Millis(pub Span);

impl Value for Millis {
    const EXPECTED: &'static str = "a whole number of milliseconds, at most 86400000 (a day)";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|n| (0..=86_400_000).contains(n)).map(|n| Millis(Span::from_millis(n)))
    }
}

/// A status code that a server can answer with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code(pub u16);

impl Value for Code {
    const EXPECTED: &'static str = "a status code from 100 to 699";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|n| (100..700).contains(n)).map(Code)
    }
}

/// A header field of one's own.
#[derive(Debug, Clone)]
pub(super) struct HeaderField(pub String, pub String);

impl Value for HeaderField {
    const EXPECTED: &'static str = "a header field such as \"Min-Expires: 60\"";
    fn read(text: &str) -> Option<Self> {
        let (name, value) = text.split_once(':')?;
        let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
        let good = !name.is_empty() && name.chars().all(token) && !value.chars().any(char::is_control);
        good.then(|| HeaderField(name.to_owned(), value.trim().to_owned()))
    }
}

/// A probability.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probability(pub f64);

impl Value for Probability {
    const EXPECTED: &'static str = "a number from 0 to 1, such as 0.25";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|p| (0.0..=1.0).contains(p)).map(Probability)
    }
}

/// The other side of a message, with or without a port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(IpAddr, Option<u16>);

impl Peer {
    pub(super) fn is(&self, addr: SocketAddr) -> bool {
        self.0 == addr.ip() && self.1.is_none_or(|port| port == addr.port())
    }
}

impl Value for Peer {
    const EXPECTED: &'static str = "an address such as 10.0.0.9, 10.0.0.9:5060 or [2001:db8::9]:5060";
    fn read(text: &str) -> Option<Self> {
        match text.parse::<SocketAddr>() {
            Ok(addr) => Some(Peer(addr.ip(), Some(addr.port()))),
            Err(_) => text.trim_matches(['[', ']']).parse().ok().map(|ip| Peer(ip, None)),
        }
    }
}

/// One of a few words: declares an enum that is written as its variants' words.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $vis:vis enum $Type:ident { $( $(#[$variant_meta:meta])* $Variant:ident = $word:literal ),+ $(,)? }
        expected $expected:literal
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $Type { $( $(#[$variant_meta])* $Variant, )+ }

        impl $crate::farm::faults::declare::Value for $Type {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                match text {
                    $( $word => Some($Type::$Variant), )+
                    _ => None,
                }
            }
        }
    };
}

pub(super) use words;

impl fmt::Display for ParameterInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.meaning)?;
        match self.default {
            Some(default) => write!(f, " (default {default})"),
            None => Ok(()),
        }
    }
}
