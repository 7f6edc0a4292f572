//! The lab inventory: where the farm stands, and the phones that stand there.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use sipfarm_core::profile::{LoadError, Place};

use super::profiles;
use crate::net::NetKind;

/// The version of the file's form.
pub const SCHEMA: &str = "sipfarm.lab/1";

/// In place of a profile: the reference phone, with whichever profile a scenario asks for.
pub const REFERENCE: &str = "reference";

/// A lab: its file in `fixtures/labs/`, or wherever its owner keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// The form of this file: `sipfarm.lab/1`.
    schema: String,
    /// The lab's name in reports, small letters, digits and hyphens. Bundles of several labs are joined under it.
    pub id: String,
    /// Where the farm stands: `virtual`, a simulated network, or `loopback`, real sockets on this machine.
    pub net: NetKind,
    /// The phones that stand there, one at least.
    pub phones: Vec<LabPhone>,
}

/// A phone of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabPhone {
    /// Its name in reports and for `--phone`, small letters, digits and hyphens; another one for each phone.
    pub name: String,
    /// What it must do, and how it is commanded: the name of a profile, or its file, counted from the folder of this one.
    /// `reference` is the reference phone, with whichever profile a scenario asks for.
    pub profile: String,
}

impl Inventory {
    /// The lab in that file. The files of its profiles count from the current folder thereafter.
    ///
    /// # Errors
    /// The file cannot be read, is not YAML, holds an unknown field or a wrong value, or lacks a phone.
    pub fn load(path: &Path) -> Result<Inventory, LoadError> {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let help = "a path counts from the folder in which sipfarm is started; `sipfarm new lab NAME` writes one";
            failure(&origin, None, error.to_string(), Some(help.to_owned()))
        })?;
        let mut lab = Inventory::parse(&origin, &text)?;
        for phone in lab.phones.iter_mut().filter(|phone| profiles::is_file(&phone.profile)) {
            phone.profile = path.with_file_name("").join(&phone.profile).display().to_string();
        }
        Ok(lab)
    }

    fn parse(origin: &str, text: &str) -> Result<Inventory, LoadError> {
        let lab: Inventory = serde_yaml::from_str(text).map_err(|error| {
            let place = error.location().map(|at| Place { line: at.line(), column: at.column() });
            let problem = error.to_string();
            // The place is told before it.
            let problem = problem.split(" at line ").next().unwrap_or(&problem).to_owned();
            failure(origin, place, problem, None)
        })?;
        lab.check().map_err(|(problem, help)| failure(origin, None, problem, Some(help)))?;
        Ok(lab)
    }

    fn check(&self) -> Result<(), (String, String)> {
        if self.schema != SCHEMA {
            let help = format!("write  schema: {SCHEMA}");
            return Err((format!("`{}` is no form of a lab that this version knows", self.schema), help));
        }
        let names = std::iter::once(&self.id).chain(self.phones.iter().map(|phone| &phone.name));
        if let Some(name) = names.clone().find(|name| !is_word(name)) {
            return Err((
                format!("{name:?} is no name"),
                "a name is small letters, digits and hyphens".to_owned(),
            ));
        }
        let mut seen = BTreeSet::new();
        if let Some(phone) = self.phones.iter().find(|phone| !seen.insert(&phone.name)) {
            return Err((
                format!("two phones have the name `{}`", phone.name),
                "give each its own".to_owned(),
            ));
        }
        if self.phones.is_empty() {
            let help =
                format!("write one below `phones:`, as in  - {{ name: desk-1, profile: {REFERENCE} }}");
            return Err(("there is no phone in this lab".to_owned(), help));
        }
        Ok(())
    }
}

/// Whether something in a lab can be called so: a word for file names, reports and the command line.
fn is_word(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(is_letter) && name.ends_with(is_letter) && name.chars().all(|c| is_letter(c) || c == '-')
}

fn failure(origin: &str, place: Option<Place>, problem: String, help: Option<String>) -> LoadError {
    LoadError { origin: origin.to_owned(), place, problem, help }
}

/// The JSON schema of a lab (draft 7, which editors' YAML modes read).
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Inventory>();
    schema.insert("title".to_owned(), "A lab of sipfarm".into());
    schema.to_value()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HEAD: &str = "schema: sipfarm.lab/1\nid: berlin\nnet: loopback\n";

    fn wrong(rest: &str) -> String {
        Inventory::parse("berlin.yaml", &format!("{HEAD}{rest}")).unwrap_err().to_string()
    }

    #[test]
    fn a_lab_names_its_phones_and_finds_their_files_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("berlin.yaml");
        let phones = "phones:\n  - { name: a, profile: baresip }\n  - { name: b-2, profile: mine.yaml }\n";
        std::fs::write(&path, format!("{HEAD}{phones}")).unwrap();
        let lab = Inventory::load(&path).unwrap();
        assert_eq!((lab.id.as_str(), lab.net), ("berlin", NetKind::Loopback));
        let mine = folder.path().join("mine.yaml").display().to_string();
        let phone = |name: &str, profile: &str| LabPhone { name: name.into(), profile: profile.into() };
        assert_eq!(lab.phones, [phone("a", "baresip"), phone("b-2", &mine)]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let phone = "phones:\n  - name: a\n    profil: x\n";
        assert!(
            wrong(phone).starts_with("berlin.yaml:6:5: phones[0]: unknown field `profil`"),
            "{}",
            wrong(phone)
        );
        let twice = "phones:\n  - { name: a, profile: x }\n  - { name: a, profile: y }\n";
        assert_eq!(wrong(twice), "berlin.yaml: two phones have the name `a`; give each its own");
        assert!(wrong("phones: []\n").contains("there is no phone in this lab; write one below `phones:`"));
        let shouted = "phones:\n  - { name: Desk 1, profile: x }\n";
        assert!(wrong(shouted).contains("\"Desk 1\" is no name; a name is small letters"));
        let newer = Inventory::parse("x.yaml", &HEAD.replace("/1", "/2")).unwrap_err().to_string();
        assert!(newer.contains("phones"), "{newer}");
        let newer = format!("{}phones: [{{ name: a, profile: x }}]", HEAD.replace("/1", "/2"));
        let newer = Inventory::parse("x.yaml", &newer).unwrap_err().to_string();
        assert_eq!(
            newer,
            "x.yaml: `sipfarm.lab/2` is no form of a lab that this version knows; write  schema: sipfarm.lab/1"
        );
    }

    #[test]
    fn a_missing_file_says_what_to_do() {
        let told = Inventory::load(Path::new("nowhere/lab.yaml")).unwrap_err().to_string();
        assert!(
            told.starts_with("nowhere/lab.yaml: No such file") && told.contains("sipfarm new lab"),
            "{told}"
        );
    }
}
