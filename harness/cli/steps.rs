//! `sipfarm steps`: the sentences that a scenario can be written with.

mod values;

use serde::Serialize;
use sipfarm_core::nearest::nearest;

use self::values::Value;
use crate::error::{Error, Exit, Result, count};
use crate::lint::{StepCatalogue, Vocabulary, keyword};
use crate::world::World;

/// Arguments of `sipfarm steps`.
#[derive(Debug, clap::Args)]
pub struct StepsArgs {
    /// Only steps that have this in their sentence, example or meaning
    text: Option<String>,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For a page.
    Markdown,
}

/// A step as a list shows it.
#[derive(Debug, Serialize)]
struct Listed {
    keyword: &'static str,
    /// As an author writes it, with `{…}` for what varies.
    sentence: String,
    example: String,
    meaning: String,
    /// What can stand in the places that vary.
    values: Vec<Value>,
    /// `harness/steps/farm.rs:8`.
    place: String,
}

/// Prints the steps.
///
/// # Errors
/// None has that text.
pub fn steps(args: &StepsArgs) -> Result<Exit> {
    let all = list();
    let text = args.text.as_deref().unwrap_or_default().to_lowercase();
    let has = |listed: &&Listed| {
        [&listed.sentence, &listed.example, &listed.meaning]
            .iter()
            .any(|part| part.to_lowercase().contains(&text))
    };
    let found: Vec<&Listed> = all.iter().filter(has).collect();
    if found.is_empty() {
        return Err(nothing(&text, &all));
    }
    match args.format {
        Format::Json => println!("{}", super::json(&found)),
        Format::Markdown => {
            println!("| keyword | step | example | meaning | values |\n|---|---|---|---|---|");
            for Listed { keyword, sentence, example, meaning, values, .. } in found {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                let (sentence, values) = (sentence.replace('|', "\\|"), values.join("; "));
                println!("| {keyword} | `{sentence}` | `{example}` | {meaning} | {values} |");
            }
        }
        Format::Text => {
            for listed in &found {
                println!("{} {}", listed.keyword, listed.sentence);
                println!("      {}\n      such as: {} {}", listed.meaning, listed.keyword, listed.example);
                for value in &listed.values {
                    println!("      {value}");
                }
                println!();
            }
            println!("{}", count(found.len(), "step"));
        }
    }
    Ok(Exit::Passed)
}

/// All steps, each with its row of the table for authors; a test sees to it that each has one.
fn list() -> Vec<Listed> {
    let catalogue = StepCatalogue::of::<World>();
    let meanings = Vocabulary::of(&catalogue).meanings;
    let listed = catalogue.steps.iter().zip(meanings).map(|(step, meaning)| {
        let (example, meaning) = meaning.map(|m| (m.example, m.meaning)).unwrap_or_default();
        Listed {
            keyword: keyword(step.ty),
            sentence: step.readable.clone(),
            example,
            meaning,
            values: values::of(&step.readable),
            place: step.place(),
        }
    });
    listed.collect()
}

fn nothing(text: &str, all: &[Listed]) -> Error {
    let words = all.iter().flat_map(|listed| listed.example.split(|c: char| !c.is_alphanumeric()));
    let hint = match nearest(text, words) {
        Some(word) => format!("did you mean {word}? `sipfarm steps` without a text lists all"),
        None => "`sipfarm steps` without a text lists all".to_owned(),
    };
    Error::usage(format!("no step has \"{text}\" in its sentence or meaning"), hint)
}
