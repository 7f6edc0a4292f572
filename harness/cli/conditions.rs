//! Under which conditions scenarios run: where, with which phone, over what link, with which defects. A bundle keeps them,
//! so that `run --failed` runs what failed as it ran.

use clap::{Args as _, FromArgMatches as _};
use sipfarm_ua::Defect;

use super::stage::{Stage, StageArgs};
use crate::error::{Error, Result};
use crate::net::{Link, NetKind};
use crate::report::quoted;
use crate::world::PhoneChoice;

/// Options that a verdict may depend on, but for the seed.
#[derive(Debug, clap::Args)]
pub struct Conditions {
    #[command(flatten)]
    pub stage: StageArgs,
    /// Have the reference phone do something wrong; `sipfarm mutants --list` names the defects
    #[arg(long = "defect", value_name = "NAME")]
    pub defects: Vec<Defect>,
    /// A worse link between phone and farm than a cable, in the simulated network: what every packet takes,
    /// what it takes at most on top, how many are lost, arrive twice or are overtaken, such as
    /// delay=40ms,jitter=20ms,loss=5%,duplicate=2%,reorder=1%
    #[arg(long, value_name = "PROPERTY=VALUE,…")]
    pub link: Option<Link>,
    /// Multiply the policy times of scenarios with the tag @time-scale, which the timers of RFC 3261 are not,
    /// from 0.1 to 1 [default: what the profile says, else 0.1 on real sockets, in virtual time 1]
    #[arg(long, value_name = "SCALE", value_parser = super::time_scale)]
    pub time_scale: Option<f64>,
}

impl Conditions {
    /// Those that words of a command line ask for.
    ///
    /// # Errors
    /// This version knows no such options.
    pub fn of(words: &[String]) -> Result<Self> {
        Self::augment_args(clap::Command::new("sipfarm").no_binary_name(true))
            .try_get_matches_from(words)
            .and_then(|matches| Self::from_arg_matches(&matches))
            .map_err(|error| {
                let what = error.to_string();
                let what = what.lines().next().unwrap_or_default().trim_start_matches("error: ");
                Error::usage(
                    format!("the bundle ran with {}, which cannot be had again: {what}", written(words)),
                    "name the scenarios themselves, with options of this version",
                )
            })
    }

    /// Whether none is asked for.
    pub fn are_default(&self) -> bool {
        self.stage.words().is_empty()
            && self.defects.is_empty()
            && self.link.is_none()
            && self.time_scale.is_none()
    }

    /// The words that ask for the same again on that stage.
    pub fn words_in(&self, stage: &Stage) -> Vec<String> {
        let mut words = stage.words.clone();
        let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
        if let Some(link) = &self.link {
            option("link", link.to_string());
        }
        if let Some(scale) = self.time_scale {
            option("time-scale", scale.to_string());
        }
        for defect in &self.defects {
            option("defect", defect.to_string());
        }
        words
    }

    /// That they fit each other, and the place.
    ///
    /// # Errors
    /// They do not; the message says what to do.
    pub fn check_fit(&self, stage: &Stage) -> Result<()> {
        if self.link.is_some() && stage.net == NetKind::Loopback {
            let why = "--link is for the simulated network: the loopback interface of the kernel delays and loses nothing";
            return Err(Error::usage(why, "leave --link out, or run with --net virtual"));
        }
        if let (Some(_), PhoneChoice::Profile { profile, .. }, NetKind::Loopback) =
            (self.time_scale, &stage.phone, stage.net)
            && profile.control.driver == "process"
        {
            let id = &profile.id;
            let why =
                format!("--time-scale cannot shorten the times of a program: they are what \"{id}\" says");
            return Err(Error::usage(
                why,
                "leave it out, or write time_scale into the profile, and let the program's files follow",
            ));
        }
        Ok(())
    }
}

/// Words as a shell takes them, each after a blank.
pub fn written(words: &[String]) -> String {
    words.iter().map(|word| format!(" {}", quoted(word))).collect()
}
