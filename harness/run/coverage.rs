//! Which requirement has which scenarios, and why one has none.

use std::fmt;

use serde::Serialize;

use super::select::Chosen;
use crate::requirements::{Class, Gap, Requirement, Requirements};

/// The version of the JSON.
const SCHEMA: &str = "sipfarm.coverage/1";

/// Every requirement with its scenarios.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    schema: &'static str,
    /// In the order of their ids.
    pub requirements: Vec<Row>,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// How it can be decided: `network`, `phone`, `farm`, `document`.
    pub decided_by: Vec<Class>,
    /// What it says.
    pub text: String,
    /// The scenarios that are tagged with it.
    pub scenarios: Vec<Place>,
    /// What is not covered of it, and why; none when nothing is missing.
    pub gap: Option<Gap>,
}

/// Where a scenario stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// `features/a.feature:12`.
    pub place: String,
    /// Its name.
    pub name: String,
}

impl Coverage {
    /// Of these requirements by these scenarios.
    pub fn of(requirements: &Requirements, scenarios: &[Chosen]) -> Self {
        let requirements = requirements.iter().map(|requirement| Row::of(requirement, scenarios)).collect();
        Coverage { schema: SCHEMA, requirements }
    }

    /// Without the requirements of which nothing is missing.
    #[must_use]
    pub fn only_missing(self) -> Self {
        Coverage { requirements: self.missing().cloned().collect(), ..self }
    }

    /// What somebody could still write a scenario for.
    pub fn missing(&self) -> impl Iterator<Item = &Row> {
        self.requirements.iter().filter(|row| row.gap.is_some_and(|gap| gap != Gap::NothingToAssert))
    }
}

impl Row {
    fn of(requirement: &Requirement, scenarios: &[Chosen]) -> Self {
        let tagged: Vec<&Chosen> =
            scenarios.iter().filter(|scenario| scenario.tags.contains(&requirement.id)).collect();
        let gap = requirement.gap(tagged.iter().map(|scenario| scenario.tags.as_slice()));
        let place = |scenario: &Chosen| Place {
            place: format!("{}:{}", scenario.path.display(), scenario.line),
            name: scenario.name.clone(),
        };
        Row {
            id: requirement.id.clone(),
            decided_by: requirement.classes.clone(),
            text: requirement.text.clone(),
            scenarios: tagged.into_iter().map(place).collect(),
            gap,
        }
    }
}

/// A line for each requirement, those of its scenarios below it, and a count.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.requirements {
            writeln!(f, "{:<7} {}", row.id, row.text)?;
            for Place { place, name } in &row.scenarios {
                writeln!(f, "        {place}  {name}")?;
            }
            if let Some(gap) = row.gap {
                writeln!(f, "        {gap}")?;
            }
        }
        let having = |test: &dyn Fn(&Row) -> bool| self.requirements.iter().filter(|row| test(row)).count();
        writeln!(
            f,
            "\n{} requirements: {} with a scenario, {} with nothing to assert, {} not covered",
            self.requirements.len(),
            having(&|row| !row.scenarios.is_empty()),
            having(&|row| row.gap == Some(Gap::NothingToAssert)),
            self.missing().count(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(tags: &[&str]) -> Chosen {
        Chosen {
            id: 1,
            path: "features/a.feature".into(),
            feature: "F".into(),
            rule: None,
            name: "S".into(),
            line: 3,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        }
    }

    fn gap(classes: &[Class], tags: &[&str]) -> Option<Gap> {
        let requirement = Requirement {
            id: "YL-01".to_owned(),
            source: "s".to_owned(),
            classes: classes.to_vec(),
            text: "It is so.".to_owned(),
        };
        Row::of(&requirement, &[chosen(tags), chosen(&["YL-02"])]).gap
    }

    #[test]
    fn what_is_missing_says_why() {
        use Class::{Document, Farm, Network, Phone};
        assert_eq!(gap(&[Network], &["YL-01"]), None);
        assert_eq!(gap(&[Farm], &["yl-01"]), Some(Gap::NoScenario));
        assert_eq!(gap(&[Network, Phone], &["YL-01"]), Some(Gap::NobodyAsked));
        assert_eq!(gap(&[Network, Phone], &["YL-01", "operator"]), None);
        assert_eq!(gap(&[Phone], &[]), Some(Gap::NobodyAsked));
        assert_eq!(gap(&[Document], &[]), Some(Gap::NothingToAssert));
        assert_eq!(gap(&[Document], &["YL-01"]), None);
    }
}
