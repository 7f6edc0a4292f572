//! `sipfarm schema`: what an editor needs to complete and check a profile.

use sipfarm_core::profile;

use crate::error::{Exit, Result};

/// Prints the JSON schema of profiles.
pub fn schema() -> Result<Exit> {
    println!("{}", text());
    Ok(Exit::Passed)
}

/// As it stands in `fixtures/profiles/profile.schema.json`, but for the last line's end.
fn text() -> String {
    format!("{:#}", profile::schema())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_file_beside_the_profiles_is_the_schema() {
        let file = include_str!("../../fixtures/profiles/profile.schema.json");
        assert!(
            file.trim_end() == super::text(),
            "profiles have changed: sipfarm schema > fixtures/profiles/profile.schema.json"
        );
    }
}
