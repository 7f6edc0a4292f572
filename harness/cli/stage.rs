//! Where a run takes place, and which phone is put to the test there.

use std::path::{Path, PathBuf};

use super::check::profile;
use crate::error::{Error, Result};
use crate::net::NetKind;
use crate::phone::lab::{Inventory, LabPhone, REFERENCE};
use crate::phone::profiles;
use crate::world::PhoneChoice;

/// Options that say where and with which phone.
#[derive(Debug, clap::Args)]
pub struct StageArgs {
    /// Where the farm stands [default: where the lab says, without a lab virtual]
    #[arg(long, value_enum)]
    net: Option<NetKind>,
    /// The phone under test: `reference` behaves by whichever profile a scenario asks for; a profile, by name or file,
    /// puts every scenario to a phone of that model; with --lab, the name of a phone of that lab [default: reference, or
    /// the only one of the lab]
    #[arg(long, value_name = "reference|PROFILE|NAME")]
    phone: Option<String>,
    /// A lab: a file that says where the farm stands and which phones are there; `sipfarm new lab` writes one
    #[arg(long, value_name = "FILE")]
    lab: Option<PathBuf>,
}

/// Where a run takes place.
pub struct Stage {
    /// The network.
    pub net: NetKind,
    /// The phone.
    pub phone: PhoneChoice,
    /// The phone as it was asked for.
    pub asked: String,
    /// The lab's name, where it has an inventory.
    pub lab: Option<String>,
    /// The words that ask for the same again.
    pub words: Vec<String>,
}

impl StageArgs {
    /// What they come to.
    ///
    /// # Errors
    /// There is no such lab, no such phone in it, or no such profile.
    pub fn stage(&self) -> Result<Stage> {
        match &self.lab {
            Some(file) => self.in_lab(file),
            None => self.without_lab(),
        }
    }

    /// The words that ask for the same again; none where none was given.
    pub fn words(&self) -> Vec<String> {
        words(self.lab.as_deref(), self.phone.as_deref(), self.net)
    }

    /// The files among them, as written.
    pub fn files(&self) -> impl Iterator<Item = String> + '_ {
        let profile = self.phone.clone().filter(|phone| profiles::is_file(phone));
        self.lab.iter().map(|lab| lab.display().to_string()).chain(profile)
    }

    fn without_lab(&self) -> Result<Stage> {
        let net = self.net.unwrap_or(NetKind::Virtual);
        let asked = self.phone.clone().unwrap_or_else(|| REFERENCE.to_owned());
        let phone = match asked.as_str() {
            REFERENCE => PhoneChoice::Reference { name: None },
            name => PhoneChoice::of(profile(name)?),
        };
        Ok(Stage { net, phone, asked, lab: None, words: self.words() })
    }

    fn in_lab(&self, file: &Path) -> Result<Stage> {
        let help = "fixtures/labs/README.md explains labs";
        let lab = Inventory::load(file).map_err(|error| Error::usage(error.to_string(), help))?;
        let chosen = self.of_lab(file, &lab)?;
        if profiles::is_file(&chosen.profile) && !Path::new(&chosen.profile).is_file() {
            return Err(Error::usage(
                format!(
                    "{}: the phone `{}` has the profile {}, which is not there",
                    file.display(),
                    chosen.name,
                    chosen.profile
                ),
                "a path in a lab counts from the folder of the lab; `sipfarm new profile` writes a profile",
            ));
        }
        let phone = match chosen.profile.as_str() {
            REFERENCE => PhoneChoice::Reference { name: Some(chosen.name.clone()) },
            held_to => {
                PhoneChoice::Profile { name: chosen.name.clone(), profile: Box::new(profile(held_to)?) }
            }
        };
        let net = self.net.unwrap_or(lab.net);
        let words = words(Some(file), Some(&chosen.name), self.net);
        Ok(Stage { net, phone, asked: chosen.name.clone(), lab: Some(lab.id), words })
    }

    fn of_lab<'a>(&self, file: &Path, lab: &'a Inventory) -> Result<&'a LabPhone> {
        let names: Vec<&str> = lab.phones.iter().map(|phone| phone.name.as_str()).collect();
        let (known, file) = (names.join(", "), file.display());
        match (&self.phone, lab.phones.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(Error::usage(
                format!("{file} has {} phones, and a run puts one to the test: {known}", names.len()),
                format!("name it, as in --phone {}; `sipfarm merge` joins the bundles of several", names[0]),
            )),
            (Some(name), phones) => phones.iter().find(|phone| phone.name == *name).ok_or_else(|| {
                Error::usage(format!("there is no phone `{name}` in {file}"), format!("there are {known}"))
            }),
        }
    }
}

/// The words that ask for a place and a phone.
fn words(lab: Option<&Path>, phone: Option<&str>, net: Option<NetKind>) -> Vec<String> {
    let lab = lab.map(|file| file.display().to_string());
    let options = [("--lab", lab.as_deref()), ("--phone", phone), ("--net", net.map(NetKind::as_str))];
    let given = options.into_iter().filter_map(|(name, value)| Some([name, value?]));
    given.flatten().map(str::to_owned).collect()
}
