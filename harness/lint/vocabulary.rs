//! What each step means, with an example: the table that authors read, `harness/steps/README.md`, laid
//! beside the steps that there are.

use super::catalogue::{StepCatalogue, StepPattern};

/// The table that says every step.
const README: &str = include_str!("../steps/README.md");

/// What the table says of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// A sentence that the step takes.
    pub example: String,
    /// What it means.
    pub meaning: String,
}

/// What the table says of all steps.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// Of each step of the catalogue, in its order; none where the table has no row for it.
    pub meanings: Vec<Option<Meaning>>,
    /// Phrases of the table that no step takes.
    pub unknown: Vec<String>,
}

impl Vocabulary {
    /// Of these steps.
    pub fn of(catalogue: &StepCatalogue) -> Self {
        let mut vocabulary = Vocabulary { meanings: vec![None; catalogue.steps.len()], unknown: Vec::new() };
        let mut whole = String::new();
        for line in README.lines().skip_while(|line| *line != "## The vocabulary") {
            let Some(row) = line.strip_prefix("| `") else { continue };
            let Some((phrases, meaning)) = row.split_once(" | ") else { continue };
            for phrase in phrases.split('`').step_by(2) {
                vocabulary.take(catalogue, phrase, &whole, meaning.trim_end_matches(" |"));
                if !phrase.starts_with('…') && takes(catalogue, phrase) {
                    whole = phrase.to_owned();
                }
            }
        }
        vocabulary
    }

    /// Takes over what a row says of the steps that its phrase matches; `whole` is the phrase before it,
    /// whose beginning it may leave away.
    fn take(&mut self, catalogue: &StepCatalogue, phrase: &str, whole: &str, meaning: &str) {
        let sentences = sentences(phrase, whole);
        let mut known = false;
        for (step, known_as) in catalogue.steps.iter().zip(&mut self.meanings) {
            let example =
                |step: &StepPattern| sentences.iter().find(|text| step.regex.is_match(text)).cloned();
            let Some(example) = example(step) else { continue };
            known = true;
            known_as.get_or_insert_with(|| Meaning { example, meaning: meaning.to_owned() });
        }
        if !known {
            self.unknown.push(phrase.to_owned());
        }
    }
}

fn takes(catalogue: &StepCatalogue, text: &str) -> bool {
    catalogue.steps.iter().any(|step| step.regex.is_match(text))
}

/// What a phrase may stand for: itself, or, after `…`, with a beginning of the phrase before it, the longest
/// first.
fn sentences(phrase: &str, whole: &str) -> Vec<String> {
    let rest = phrase.trim_start_matches("… ");
    let ends = (0..=whole.len()).rev().filter(|at| whole.is_char_boundary(*at));
    let with_beginning =
        ends.map(|at| &whole[..at]).flat_map(|begin| [format!("{begin}{rest}"), format!("{begin} {rest}")]);
    [rest.to_owned()].into_iter().chain(with_beginning).collect()
}
