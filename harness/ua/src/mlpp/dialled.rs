//! The precedence of a call that the user makes, by what is dialled (PA-02).

use sipfarm_core::profile::Mlpp;

use crate::defect::{Defect, Defects};

/// The level of a dialled number, and the number without what has said so. The longest prefix that fits counts;
/// a prefix alone is a number like any other.
pub fn dialled<'n>(mlpp: &Mlpp, defects: &Defects, number: &'n str) -> (Option<usize>, &'n str) {
    if !mlpp.enabled {
        return (None, number);
    }
    let fits = mlpp.dialplan.iter().filter_map(|entry| {
        let rest = number.strip_prefix(&entry.prefix).filter(|rest| !rest.is_empty())?;
        Some((entry, rest))
    });
    match fits.max_by_key(|(entry, _)| entry.prefix.len()) {
        Some((entry, rest)) => {
            let strips = entry.strip && !defects.has(Defect::KeepsDialledPrefix);
            (mlpp.place_of(&entry.level), if strips { rest } else { number })
        }
        None if defects.has(Defect::ForgetsDefaultLevel) => (None, number),
        None => (mlpp.default_level.as_deref().and_then(|level| mlpp.place_of(level)), number),
    }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::profile::Precedence;

    use super::*;

    #[test]
    fn the_longest_prefix_that_fits_counts() {
        let entry = |prefix: &str, level: &str, strip| Precedence {
            prefix: prefix.to_owned(),
            level: level.to_owned(),
            strip,
        };
        let mut mlpp = Mlpp {
            enabled: true,
            levels: ["routine", "flash", "flash-override"].map(str::to_owned).to_vec(),
            dialplan: vec![entry("9", "flash", false), entry("90", "flash-override", true)],
            ..Mlpp::default()
        };
        assert_eq!(dialled(&mlpp, &Defects::default(), "901002"), (Some(2), "1002"));
        assert_eq!(dialled(&mlpp, &Defects::default(), "911002"), (Some(1), "911002"));
        assert_eq!(dialled(&mlpp, &Defects::default(), "1002"), (None, "1002"));
        assert_eq!(
            dialled(&mlpp, &Defects::default(), "90"),
            (Some(1), "90"),
            "a prefix is followed by a number"
        );
        mlpp.default_level = Some("routine".to_owned());
        assert_eq!(dialled(&mlpp, &Defects::default(), "1002"), (Some(0), "1002"));
        mlpp.enabled = false;
        assert_eq!(dialled(&mlpp, &Defects::default(), "901002"), (None, "901002"));
    }
}
