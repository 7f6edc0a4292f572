//! Precedence and preemption in the phone (RFC 4411, RFC 4412): which level a call has, what it says of it, and
//! which call has to give way.

mod dialled;
mod victim;

use sipfarm_core::profile::Mlpp;
use sipfarm_core::sip::{Message, RESOURCE_PRIORITY, ResourceValue};

pub use dialled::dialled;
pub use victim::{Standing, active_victim, astray, victim};

/// The value of Resource-Priority for a level, by its place among those of the profile.
pub fn value(mlpp: &Mlpp, level: usize) -> Option<String> {
    Some(format!("{}.{}", mlpp.namespace.as_deref()?, mlpp.levels.get(level)?))
}

/// The level that a message asks for; `None` where it asks for none that the phone understands, which is as if
/// it asked for none at all (RFC 4412 section 4.6.2).
pub fn level(mlpp: &Mlpp, message: &Message) -> Option<usize> {
    message.resource_priority().iter().find_map(|value| level_of(mlpp, value)).filter(|_| mlpp.enabled)
}

/// Whether a request insists on a precedence of which the phone understands nothing: 417 (RFC 4412 section 4.6.2).
pub fn insists_in_vain(mlpp: &Mlpp, request: &Message) -> bool {
    let insists = request.values("Require").iter().any(|tag| tag.eq_ignore_ascii_case(RESOURCE_PRIORITY));
    let asks = request.fields("Resource-Priority").next().is_some();
    mlpp.enabled && insists && asks && level(mlpp, request).is_none()
}

/// Accept-Resource-Priority: every value that the phone understands.
pub fn accepted(mlpp: &Mlpp) -> String {
    let values: Vec<String> = (0..mlpp.levels.len()).filter_map(|level| value(mlpp, level)).collect();
    values.join(", ")
}

/// Reason of what ends a call in favour of another (RFC 4411 section 5.1).
pub fn reason(cause: u8) -> String {
    format!("preemption;cause={cause};text=\"UA Preemption\"")
}

/// What the screen says of a call of that level (PA-18 to PA-21); nothing of the lowest.
pub fn priority_text(mlpp: &Mlpp, level: usize) -> Option<String> {
    let text = mlpp.priority_text.as_deref().filter(|_| level > 0)?;
    Some(text.replace("{n}", &level.to_string()))
}

/// The ring type of a level (PA-10).
pub fn ring_type(mlpp: &Mlpp, level: usize) -> Option<u8> {
    mlpp.ring_types.iter().find(|(name, _)| mlpp.place_of(name) == Some(level)).map(|(_, number)| *number)
}

fn level_of(mlpp: &Mlpp, value: &ResourceValue) -> Option<usize> {
    let ours = mlpp.namespace.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(&value.namespace));
    let position = mlpp.levels.iter().position(|level| level.eq_ignore_ascii_case(&value.level));
    position.filter(|_| ours)
}

#[cfg(test)]
mod tests {
    use sipfarm_core::sip::{MessageBuilder, Method};

    use super::*;

    fn dsn() -> Mlpp {
        let levels = ["routine", "priority", "immediate", "flash", "flash-override"];
        Mlpp {
            enabled: true,
            namespace: Some("dsn".to_owned()),
            levels: levels.map(str::to_owned).to_vec(),
            ..Mlpp::default()
        }
    }

    fn invite(fields: &[(&'static str, &str)]) -> Message {
        let builder = MessageBuilder::request(&Method::Invite, "sip:1001@lab.example");
        fields.iter().fold(builder, |builder, (name, value)| builder.header(name, *value)).build()
    }

    #[test]
    fn only_values_of_the_own_namespace_count() {
        let read = |value| level(&dsn(), &invite(&[("Resource-Priority", value)]));
        assert_eq!(read("dsn.flash"), Some(3));
        assert_eq!(read("wps.0, DSN.Flash-Override"), Some(4));
        assert_eq!(read("drsn.flash"), None);
        assert_eq!(read("dsn.urgent"), None);
        assert_eq!(level(&dsn(), &invite(&[])), None);
        let off = Mlpp { enabled: false, ..dsn() };
        assert_eq!(level(&off, &invite(&[("Resource-Priority", "dsn.flash")])), None);
    }

    #[test]
    fn who_insists_on_what_nobody_understands_insists_in_vain() {
        let require = ("Require", "Resource-Priority");
        assert!(insists_in_vain(&dsn(), &invite(&[require, ("Resource-Priority", "foo.bar")])));
        assert!(!insists_in_vain(&dsn(), &invite(&[("Resource-Priority", "foo.bar")])));
        assert!(!insists_in_vain(&dsn(), &invite(&[require, ("Resource-Priority", "foo.bar, dsn.flash")])));
        assert!(!insists_in_vain(&dsn(), &invite(&[require])));
    }

    #[test]
    fn what_is_said_of_a_level() {
        let mut mlpp = Mlpp { priority_text: Some("P-{n}".to_owned()), ..dsn() };
        mlpp.ring_types.insert("flash".to_owned(), 7);
        assert_eq!(value(&mlpp, 3).as_deref(), Some("dsn.flash"));
        assert_eq!(value(&mlpp, 9), None);
        assert_eq!((priority_text(&mlpp, 0), priority_text(&mlpp, 3)), (None, Some("P-3".to_owned())));
        assert_eq!((ring_type(&mlpp, 3), ring_type(&mlpp, 2)), (Some(7), None));
        assert!(accepted(&mlpp).starts_with("dsn.routine, dsn.priority"));
        assert_eq!(reason(1), "preemption;cause=1;text=\"UA Preemption\"");
    }
}
