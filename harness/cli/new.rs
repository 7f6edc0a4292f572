//! `sipfarm new`: a file to begin with, which is sound as it stands.

mod draft;
mod exchanges;

use std::path::{Path, PathBuf};

use self::draft::Draft;
use super::audit::{CastArgs, heard};
use crate::error::{Error, Exit, Result};

const SCENARIO: &str = include_str!("new/scenario.feature");
const PROFILE: &str = include_str!("new/profile.yaml");
const LAB: &str = include_str!("new/lab.yaml");
const FAULT: &str = include_str!("../farm/faults/template.rs");
const RULE: &str = include_str!("../judge/src/rules/standing/template.rs");

/// Where faults are, in a checkout.
const FAULTS: &str = "harness/farm/faults";
/// Where standing rules are.
const RULES: &str = "harness/judge/src/rules/standing";
/// Where the profiles are that sipfarm brings along.
const PROFILES: &str = "fixtures/profiles";
/// Where labs are, in a checkout.
const LABS: &str = "fixtures/labs";

/// Arguments of `sipfarm new`.
#[derive(Debug, clap::Args)]
pub struct NewArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// A feature file with a scenario that passes
    Scenario {
        /// What it is about, such as "The primary refuses"
        name: String,
        /// Where it is written [default: features/NAME.feature]
        #[arg(long)]
        out: Option<PathBuf>,
        /// Draft the steps from a capture: what the phone and its servers did there
        #[arg(long, value_name = "CAPTURE")]
        from: Option<PathBuf>,
        /// The phone of that capture, by the name or the file of its profile
        #[arg(long, requires = "from")]
        profile: Option<String>,
        #[command(flatten)]
        cast: CastArgs,
    },
    /// A profile of a phone
    Profile {
        /// Its id, such as acme-9000
        name: String,
        /// Where it is written [default: NAME.yaml, beside the profiles of sipfarm where they are]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// A lab: where the farm stands, and which phones are there
    Lab {
        /// Its name in reports, such as berlin
        name: String,
        /// Where it is written [default: NAME.yaml, beside the labs of sipfarm where they are]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// A fault of the farm, in a checkout of sipfarm
    Fault {
        /// As scenarios will call it, such as answers-late
        name: String,
    },
    /// A standing rule of the judge, in a checkout of sipfarm
    Rule {
        /// Its id, such as user-agent
        name: String,
    },
}

/// Writes the file, and says what to do next.
///
/// # Errors
/// The name does not do, the file is there already, or there is no checkout for what is written in Rust.
pub fn new(args: &NewArgs) -> Result<Exit> {
    match &args.what {
        What::Scenario { name, out, from: None, cast, .. } if cast.words().is_empty() => {
            scenario(name, out.clone(), |title| Ok(SCENARIO.replace("NAME", title)))
        }
        What::Scenario { from: None, cast, .. } => {
            let help = "name the capture with --from, or leave these away";
            Err(Error::usage(format!("{} is about a capture, and there is none", cast.words().trim()), help))
        }
        What::Scenario { name, out, from: Some(capture), profile, cast } => {
            scenario(name, out.clone(), |title| drafted(title, capture, profile.as_deref(), cast))
        }
        What::Profile { name, out } => profile(name, out.clone()),
        What::Lab { name, out } => lab(name, out.clone()),
        What::Fault { name } => fault(name),
        What::Rule { name } => rule(name),
    }?;
    Ok(Exit::Passed)
}

fn scenario(name: &str, out: Option<PathBuf>, text: impl Fn(&str) -> Result<String>) -> Result<()> {
    let title = name.trim();
    let slug = slug(title);
    if slug.is_empty() || title.contains(['\n', '<', '>']) {
        let help = "say in some words what it is about, as in  sipfarm new scenario \"The primary refuses\"";
        return Err(Error::usage(format!("{name:?} is no name of a scenario"), help));
    }
    let path = out.unwrap_or_else(|| beside("features", &format!("{slug}.feature")));
    write(&path, &text(title)?)?;
    let file = crate::report::quoted(&path.display().to_string());
    println!("check it:     sipfarm lint {file}");
    println!("run it:       sipfarm run {file}");
    println!("what to say:  sipfarm steps");
    Ok(())
}

/// The steps of what happened in a capture.
fn drafted(title: &str, capture: &Path, profile: Option<&str>, cast: &CastArgs) -> Result<String> {
    let heard = heard(capture, cast)?;
    let named = profile.map(|name| super::check::profile(name).map(|profile| profile.id)).transpose()?;
    let phone = match named.or_else(|| heard.model()) {
        Some(id) => format!("a phone with profile \"{id}\""),
        None => "a phone".to_owned(),
    };
    let draft = Draft::of(&heard.recording.timeline, &heard.who);
    if draft.is_empty() {
        let help = "capture from before the phone acts, where it speaks with its servers";
        let problem =
            format!("{}: nothing in it makes a step: no registration and no call", capture.display());
        return Err(Error::usage(problem, help));
    }
    Ok(draft.text(title, &capture.display().to_string(), &phone))
}

fn profile(name: &str, out: Option<PathBuf>) -> Result<()> {
    let file = yaml(name, out, PROFILES, "profile.schema.json", PROFILE)?;
    println!("run the suite as this phone:  sipfarm run --phone {file}");
    println!("what can stand in it:         {PROFILES}/README.md, or for editors  sipfarm schema");
    Ok(())
}

fn lab(name: &str, out: Option<PathBuf>) -> Result<()> {
    let file = yaml(name, out, LABS, "lab.schema.json", LAB)?;
    println!("run the suite there:   sipfarm run --lab {file}");
    println!("what can stand in it:  {LABS}/README.md, or for editors  sipfarm schema lab");
    Ok(())
}

/// Writes a file of YAML from a template whose first line names its schema. Yields it as a shell wants it.
fn yaml(name: &str, out: Option<PathBuf>, folder: &str, schema: &str, template: &str) -> Result<String> {
    let id = word(name)?;
    let path = out.unwrap_or_else(|| beside(folder, &format!("{id}.yaml")));
    let with_schema = path.parent().is_some_and(|folder| folder.join(schema).is_file());
    let text = template.replace("NAME", id);
    // The schema is for editors, and only where it is.
    let text = if with_schema { &text } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
    write(&path, text)?;
    Ok(crate::report::quoted(&path.display().to_string()))
}

fn fault(name: &str) -> Result<()> {
    let path = in_rust(name, "a fault", FAULTS, FAULT)?;
    let (module, name_of_type) = (module(name), camel(name));
    println!("next, as {FAULTS}/README.md says under \"Adding a fault\":");
    println!("  `mod {module};` and `{module}::{name_of_type}::DECLARATION` in {FAULTS}/mod.rs");
    println!("  what it does, and tests for that, in {}", path.display());
    println!("  its row in README.md, which  cargo test -p sipfarm --lib farm::faults  prints");
    println!("  a scenario with it, and a defect that fails there");
    Ok(())
}

fn rule(name: &str) -> Result<()> {
    let path = in_rust(name, "a rule", RULES, RULE)?;
    let (module, name_of_type) = (module(name), camel(name));
    println!("next, as harness/judge/src/rules/README.md says under \"Adding a standing rule\":");
    println!("  `mod {module};` and `&{module}::{name_of_type}` in {RULES}/mod.rs");
    println!("  what it judges, in {}", path.display());
    println!("  its row in README.md; timelines that pass, fail and must not be accused");
    println!("  a defect of the reference phone, and a scenario in which it shows");
    Ok(())
}

/// Writes a file of Rust from a template that is a module of its own.
fn in_rust(name: &str, what: &str, folder: &str, template: &str) -> Result<PathBuf> {
    let name = word(name)?;
    if !Path::new(folder).join("mod.rs").is_file() {
        return Err(Error::usage(
            format!(
                "{what} is written in Rust, and this folder is no checkout of sipfarm: there is no {folder}"
            ),
            "go to the top of a checkout, and say it again there",
        ));
    }
    let path = Path::new(folder).join(format!("{}.rs", module(name)));
    let text = template.replace("Template", &camel(name)).replace("template", name);
    write(&path, &text)?;
    Ok(path)
}

/// In that folder where there is one, otherwise here.
fn beside(folder: &str, file: &str) -> PathBuf {
    if Path::new(folder).is_dir() { Path::new(folder).join(file) } else { PathBuf::from(file) }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    match written {
        Ok(()) => println!("{}", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let problem = format!("{} is there already; nothing was written", path.display());
            return Err(Error::usage(problem, "take another name, or remove that file first"));
        }
        Err(error) => {
            let problem = format!("{} cannot be written: {error}", path.display());
            return Err(Error::lab(problem, "is its folder there, and may you write into it?"));
        }
    }
    Ok(())
}

/// Whether it is small letters, digits and hyphens, as ids are.
fn word(name: &str) -> Result<&str> {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if begins && name.chars().all(is_word) && !name.ends_with('-') && !name.contains("--") {
        return Ok(name);
    }
    let (near, help) = (slug(name), "a name is small letters, digits and hyphens");
    let near = near.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let help = if near.is_empty() { help.to_owned() } else { format!("{help}, such as {near}") };
    Err(Error::usage(format!("{name:?} is no name for it"), help))
}

/// `The primary refuses` as `the-primary-refuses`.
fn slug(title: &str) -> String {
    let letters = title.to_lowercase();
    let words = letters.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

fn module(name: &str) -> String {
    name.replace('-', "_")
}

/// `answers-late` as `AnswersLate`.
fn camel(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').filter(|word| !word.is_empty()).map(capital).collect()
}
