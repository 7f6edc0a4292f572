//! Namespaces of Resource-Priority: which levels there are, which is higher, and what a higher one may do
//! (RFC 4412 section 10, RFC 5478, and the form that AS-SIP has besides).

/// What happens when there is no room for a request (RFC 4412 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It takes the place of a lower one.
    Preemption,
    /// It waits, in front of lower ones.
    Queue,
}

/// A namespace with its levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace {
    /// From low to high, in small letters.
    pub levels: &'static [&'static str],
    /// What a higher level may do.
    pub policy: Policy,
    /// Whether the highest level preempts its equal, too: it defends itself as the one below it
    /// (RFC 4412 section 10.3).
    pub top_preempts_equal: bool,
}

const SWITCHED: &[&str] = &["routine", "priority", "immediate", "flash", "flash-override"];
const RED_SWITCHED: &[&str] =
    &["routine", "priority", "immediate", "flash", "flash-override", "flash-override-override"];
const DOWN: &[&str] = &["4", "3", "2", "1", "0"];
const UP: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
/// ROUTINE, PRIORITY, IMMEDIATE, FLASH, FLASH OVERRIDE, FLASH OVERRIDE OVERRIDE.
const UNIFIED: &[&str] = &["0", "2", "4", "6", "8", "9"];

impl Namespace {
    /// The one of that name, whatever the case of its letters; `None` when nobody has defined it.
    pub fn named(name: &str) -> Option<Namespace> {
        let name = name.to_ascii_lowercase();
        let preempts =
            |levels, top_preempts_equal| Namespace { levels, policy: Policy::Preemption, top_preempts_equal };
        match name.as_str() {
            "dsn" => Some(preempts(SWITCHED, false)),
            "drsn" => Some(preempts(RED_SWITCHED, true)),
            "q735" => Some(preempts(DOWN, false)),
            "ets" | "wps" => {
                Some(Namespace { levels: DOWN, policy: Policy::Queue, top_preempts_equal: false })
            }
            _ => {
                // RFC 5478: `dsn-000000` to `dsn-000009`, the same of three others; AS-SIP: `uc` and any domain.
                let (family, domain) = name.rsplit_once('-')?;
                let is_domain = domain.len() == 6 && domain.bytes().all(|octet| octet.is_ascii_digit());
                match family {
                    "dsn" | "drsn" | "rts" | "crts" if is_domain && domain.starts_with("00000") => {
                        Some(preempts(UP, false))
                    }
                    "uc" if is_domain => Some(preempts(UNIFIED, false)),
                    _ => None,
                }
            }
        }
    }

    /// The place of a level among its namespace's, from 0 for the lowest, whatever the case of its letters.
    pub fn rank(&self, level: &str) -> Option<usize> {
        self.levels.iter().position(|known| known.eq_ignore_ascii_case(level))
    }

    /// Whether a call of the rank `new` preempts one of the rank `old`. Equals do not, but for the top of
    /// namespaces where that is said. The ranks are places among `levels`, which are some of the namespace's from low
    /// to high; all of them where that is empty.
    pub fn preempts(&self, levels: &[String], new: usize, old: usize) -> bool {
        let top = self.levels.last();
        let is_top = |rank: usize| match levels.is_empty() {
            true => rank + 1 == self.levels.len(),
            false => levels.get(rank).zip(top).is_some_and(|(level, top)| level.eq_ignore_ascii_case(top)),
        };
        let tops = || self.top_preempts_equal && new == old && is_top(new);
        self.policy == Policy::Preemption && (new > old || tops())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn levels_rise_as_the_rfc_lists_them() {
        let rank = |space: &str, level| Namespace::named(space).unwrap().rank(level);
        assert_eq!(rank("DSN", "Flash-Override"), Some(4));
        assert_eq!(rank("dsn", "routine"), Some(0));
        assert_eq!(rank("dsn", "flash-override-override"), None);
        assert_eq!(rank("drsn", "flash-override-override"), Some(5));
        // The lower the number, the higher the level.
        for space in ["q735", "ets", "wps"] {
            assert!(rank(space, "0") > rank(space, "4"), "{space}");
        }
        assert!(rank("dsn-000003", "9") > rank("dsn-000003", "0"));
        assert!(rank("uc-000000", "8") > rank("uc-000000", "6"));
        assert_eq!(rank("uc-000000", "1"), None);
    }

    #[test]
    fn what_nobody_has_defined_is_unknown() {
        for name in
            ["", "foo", "dsn-", "dsn-00000", "dsn-000010", "rts-0000000", "uc", "uc-00000x", "-000000"]
        {
            assert_eq!(Namespace::named(name), None, "{name}");
        }
        // RFC 5478 section 3 has ten of each of four.
        let families = ["dsn", "drsn", "rts", "crts"];
        let all = families.iter().flat_map(|family| (0..10).map(move |n| format!("{family}-{n:06}")));
        assert_eq!(all.filter(|name| Namespace::named(name).is_some()).count(), 40);
    }

    #[test]
    fn only_what_is_higher_preempts() {
        let dsn = Namespace::named("dsn").unwrap();
        assert!(dsn.preempts(&[], 4, 3) && !dsn.preempts(&[], 4, 4) && !dsn.preempts(&[], 3, 4));
        let drsn = Namespace::named("drsn").unwrap();
        assert!(drsn.preempts(&[], 5, 5) && !drsn.preempts(&[], 4, 4));
        // A model may know some of the levels only.
        let some = ["Priority", "FLASH-override-override"].map(str::to_owned);
        assert!(
            drsn.preempts(&some, 1, 1) && !drsn.preempts(&some, 0, 0) && !drsn.preempts(&some[..1], 0, 0)
        );
        let ets = Namespace::named("ets").unwrap();
        assert!(!ets.preempts(&[], 4, 0), "a queue has no victims");
    }
}
