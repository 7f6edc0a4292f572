//! Request methods (RFC 3261 section 7.1; case-sensitive).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! methods {
    ($($variant:ident = $name:literal,)*) => {
        /// A request method. Methods are case-sensitive tokens; unknown ones are kept.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// An extension method.
            Other(String),
        }

        impl Method {
            /// As it stands in the request line.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Method::$variant => $name,)*
                    Method::Other(name) => name,
                }
            }
        }

        impl From<&str> for Method {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Method::$variant,)*
                    other => Method::Other(other.to_owned()),
                }
            }
        }
    };
}

methods! {
    Invite = "INVITE",
    Ack = "ACK",
    Bye = "BYE",
    Cancel = "CANCEL",
    Register = "REGISTER",
    Options = "OPTIONS",
    Subscribe = "SUBSCRIBE",
    Notify = "NOTIFY",
    Refer = "REFER",
    Update = "UPDATE",
    Prack = "PRACK",
    Info = "INFO",
    Message = "MESSAGE",
    Publish = "PUBLISH",
}

impl From<String> for Method {
    fn from(name: String) -> Self {
        Method::from(name.as_str())
    }
}
impl From<Method> for String {
    fn from(method: Method) -> Self {
        method.as_str().to_owned()
    }
}
impl FromStr for Method {
    type Err = std::convert::Infallible;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(Method::from(name))
    }
}
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
