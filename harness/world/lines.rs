//! The lines of the phone: each an address of record of its own, with room for some calls.

use sipfarm_core::profile::Profile;
use sipfarm_judge::mark;

use super::StepFailure;

/// The users of the lines, from line 1 on.
pub const LINE_USERS: [&str; 3] = ["1001", "2001", "3001"];

/// The lines that the scenario gives the phone, and how many call appearances each has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinePlan {
    /// Of each line from 1 on, unless that is for the profile to say.
    appearances: Vec<Option<u8>>,
}

impl LinePlan {
    /// The users of its lines, from line 1 on: one at least.
    pub fn users(&self) -> impl Iterator<Item = &'static str> + use<> {
        LINE_USERS.into_iter().take(self.appearances.len().max(1))
    }

    /// The user of a line.
    ///
    /// # Errors
    /// The phone has no such line; the message says what to write.
    pub fn user(&self, line: u8) -> Result<&'static str, StepFailure> {
        let place = usize::from(line).checked_sub(1);
        place.and_then(|place| self.users().nth(place)).ok_or_else(|| {
            let there = self.users().count();
            StepFailure::Setup(format!(
                "the phone has no line {line}, its last is line {there}: write  Given line {line} has 2 call appearances"
            ))
        })
    }

    /// How many calls a line has room for: as many as the profile says, where no step does.
    pub fn appearances(&self, line: u8, profile: &Profile) -> u8 {
        let place = usize::from(line).saturating_sub(1);
        self.appearances.get(place).copied().flatten().unwrap_or(profile.lines.appearances)
    }

    /// The lines of a phone of that profile.
    pub fn of_phone(&self, profile: &Profile) -> Vec<mark::Line> {
        let line = |(user, line): (&str, u8)| mark::Line {
            user: user.to_owned(),
            appearances: self.appearances(line, profile),
        };
        self.users().zip(1..).map(line).collect()
    }

    /// As they stand in the scene: none where the profile says it all.
    pub fn of_scene(&self, profile: &Profile) -> Vec<mark::Line> {
        if self.appearances.is_empty() { Vec::new() } else { self.of_phone(profile) }
    }

    /// Whether a program can be that phone: it has one line, with the room that its profile knows.
    ///
    /// # Errors
    /// It cannot; then the scenario is not exercised.
    pub fn check_program(&self, profile: &Profile) -> Result<(), StepFailure> {
        let planned = self.of_phone(profile);
        match planned.as_slice() {
            [] | [_] if self.appearances(1, profile) == profile.lines.appearances => Ok(()),
            [] | [_] => Err(StepFailure::NotExercised(format!(
                "this phone is a program, whose line has {} call appearances (lines.appearances of its profile)",
                profile.lines.appearances
            ))),
            _ => Err(StepFailure::NotExercised("this phone is a program, and has one line".to_owned())),
        }
    }

    /// Gives a line room for so many calls; the phone has it, and those before it, from then on.
    ///
    /// # Errors
    /// There is no such line, or no such room.
    pub fn set(&mut self, line: u8, appearances: u8) -> Result<(), StepFailure> {
        if line == 0 || usize::from(line) > LINE_USERS.len() {
            let most = LINE_USERS.len();
            return Err(StepFailure::Setup(format!(
                "a phone has lines 1 to {most}, and none is line {line}"
            )));
        }
        if appearances == 0 {
            return Err(StepFailure::Setup(format!("line {line} needs at least 1 call appearance")));
        }
        let lines = self.appearances.len().max(line.into());
        self.appearances.resize(lines, None);
        self.appearances[usize::from(line) - 1] = Some(appearances);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_phone_has_one_line_unless_it_is_given_more() {
        let mut lines = LinePlan::default();
        let profile = Profile::default();
        assert_eq!(lines.users().collect::<Vec<_>>(), ["1001"]);
        assert_eq!(lines.appearances(1, &profile), profile.lines.appearances);
        lines.set(2, 4).unwrap();
        assert_eq!(lines.users().collect::<Vec<_>>(), ["1001", "2001"]);
        assert_eq!((lines.appearances(1, &profile), lines.appearances(2, &profile)), (1, 4));
        assert_eq!(lines.user(2).unwrap(), "2001");
    }

    #[test]
    fn a_line_that_there_is_not_is_refused_with_what_to_write() {
        let mut lines = LinePlan::default();
        let said = lines.user(2).unwrap_err().to_string();
        assert!(said.contains("Given line 2 has 2 call appearances"), "{said}");
        assert!(lines.user(0).is_err());
        assert!(lines.set(4, 1).unwrap_err().to_string().contains("lines 1 to 3"));
        assert!(lines.set(1, 0).is_err());
    }
}
