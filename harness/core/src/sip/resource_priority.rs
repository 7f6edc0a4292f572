//! Resource-Priority (RFC 4412 section 3.1): which precedence a request asks for.

use std::fmt;

use super::{Message, Namespace};

/// The option tag of Resource-Priority (RFC 4412 section 3.4).
pub const RESOURCE_PRIORITY: &str = "resource-priority";

/// One value. As text: `dsn.flash`; names and levels are kept in small letters, as case means nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceValue {
    /// The namespace.
    pub namespace: String,
    /// The level within it.
    pub level: String,
}

impl ResourceValue {
    /// From its text; `None` when it is no namespace and level with one dot between them.
    pub fn parse(text: &str) -> Option<ResourceValue> {
        let (namespace, level) = text.trim().split_once('.')?;
        let is_sound = |part: &str| {
            !part.is_empty() && part.bytes().all(|o| o.is_ascii_alphanumeric() || b"-!%*_+`'~".contains(&o))
        };
        (is_sound(namespace) && is_sound(level)).then(|| ResourceValue {
            namespace: namespace.to_ascii_lowercase(),
            level: level.to_ascii_lowercase(),
        })
    }

    /// Its rank within its namespace; `None` when either is not known.
    pub fn rank(&self) -> Option<usize> {
        Namespace::named(&self.namespace)?.rank(&self.level)
    }
}

impl fmt::Display for ResourceValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.namespace, self.level)
    }
}

impl Message {
    /// What it asks for, in one or many header fields, in the order in which it stands there. Values that
    /// cannot be read, and all of a namespace that stands more than once, are left out: they say nothing
    /// that could be followed.
    pub fn resource_priority(&self) -> Vec<ResourceValue> {
        let values: Vec<ResourceValue> =
            self.values("Resource-Priority").into_iter().filter_map(ResourceValue::parse).collect();
        let is_once = |value: &&ResourceValue| {
            values.iter().filter(|other| other.namespace == value.namespace).count() == 1
        };
        values.iter().filter(is_once).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sip::{DefectKind, MessageBuilder, Method};

    fn invite(fields: &[&str]) -> Message {
        let builder = MessageBuilder::request(&Method::Invite, "sip:1001@lab.example");
        fields.iter().fold(builder, |builder, field| builder.header("Resource-Priority", *field)).build()
    }

    fn read(fields: &[&str]) -> Vec<String> {
        invite(fields).resource_priority().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_or_many_fields_and_any_case_say_the_same() {
        assert_eq!(read(&["dsn.flash, wps.3"]), ["dsn.flash", "wps.3"]);
        assert_eq!(read(&["DSN.Flash", "WPS.3"]), ["dsn.flash", "wps.3"]);
        assert_eq!(read(&["uc-000000.8"]), ["uc-000000.8"]);
        assert!(read(&[]).is_empty());
    }

    #[test]
    fn a_namespace_that_stands_twice_says_nothing() {
        assert_eq!(read(&["dsn.flash, wps.3", "DSN.routine"]), ["wps.3"]);
        let kinds = |fields: &[&str]| {
            let kinds: Vec<DefectKind> = invite(fields).defects.iter().map(|defect| defect.kind).collect();
            kinds.contains(&DefectKind::RepeatedNamespace)
        };
        assert!(kinds(&["dsn.flash, dsn.routine"]) && kinds(&["dsn.flash", "DSN.flash"]));
        assert!(!kinds(&["dsn.flash, drsn.flash", "dsn-000000.1"]));
    }

    #[test]
    fn what_is_no_value_is_left_out() {
        for value in ["flash", ".flash", "dsn.", "dsn.flash.1", "dsn flash", "dsn.fl@sh"] {
            assert_eq!(ResourceValue::parse(value), None, "{value}");
        }
        assert_eq!(ResourceValue::parse("dsn.flash").unwrap().rank(), Some(3));
        assert_eq!(ResourceValue::parse("dsn.urgent").unwrap().rank(), None);
        assert_eq!(ResourceValue::parse("foo.flash").unwrap().rank(), None);
    }
}
