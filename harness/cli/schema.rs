//! `sipfarm schema`: what an editor needs to complete and check a profile or a lab.

use sipfarm_core::profile;

use crate::error::{Exit, Result};
use crate::phone::lab;

/// Arguments of `sipfarm schema`.
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {
    /// Of which files
    #[arg(value_enum, default_value_t = Of::Profile)]
    of: Of,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Of {
    /// What a phone model must do
    Profile,
    /// Where the farm stands, and which phones are there
    Lab,
}

/// Prints the JSON schema.
pub fn schema(args: &SchemaArgs) -> Result<Exit> {
    println!("{}", text(args.of));
    Ok(Exit::Passed)
}

/// As it stands in `fixtures/`, but for the last line's end.
fn text(of: Of) -> String {
    let schema = match of {
        Of::Profile => profile::schema(),
        Of::Lab => lab::schema(),
    };
    format!("{schema:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_beside_profiles_and_labs_are_the_schemas() {
        let file = include_str!("../../fixtures/profiles/profile.schema.json");
        assert!(
            file.trim_end() == text(Of::Profile),
            "profiles have changed: sipfarm schema > fixtures/profiles/profile.schema.json"
        );
        let file = include_str!("../../fixtures/labs/lab.schema.json");
        assert!(
            file.trim_end() == text(Of::Lab),
            "labs have changed: sipfarm schema lab > fixtures/labs/lab.schema.json"
        );
    }
}
