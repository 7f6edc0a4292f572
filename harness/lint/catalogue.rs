//! The steps there are: their patterns, read from cucumber's registry, their places in the
//! source, and a form of each that a person can read and a misspelt step be compared with.

use cucumber::codegen::{Regex, StepConstructor, WorldInventory, inventory};
use gherkin::StepType;
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Ast, ClassPerlKind, RepetitionKind, RepetitionRange};
use sipfarm_core::nearest::distance;

/// All steps of a world.
#[derive(Debug, Clone, Default)]
pub struct StepCatalogue {
    /// In order of keyword, then of place.
    pub steps: Vec<StepPattern>,
}

/// A step that a feature file may use.
#[derive(Debug, Clone)]
pub struct StepPattern {
    /// `Given`, `When` or `Then`.
    pub ty: StepType,
    /// What its text must match.
    pub regex: Regex,
    /// As a person would write it: `a farm with servers {names}`.
    pub readable: String,
    /// The file that holds it.
    pub path: &'static str,
    /// The line in that file.
    pub line: u32,
    /// Each way of writing it, with `{}` for what varies.
    shapes: Vec<String>,
}

impl StepCatalogue {
    /// The steps that were declared for a world.
    pub fn of<W: WorldInventory>() -> Self {
        let mut steps = Vec::new();
        for step in inventory::iter::<W::Given> {
            steps.push(StepPattern::read(StepType::Given, step));
        }
        for step in inventory::iter::<W::When> {
            steps.push(StepPattern::read(StepType::When, step));
        }
        for step in inventory::iter::<W::Then> {
            steps.push(StepPattern::read(StepType::Then, step));
        }
        steps.sort_by_key(|step| (keyword(step.ty), step.path, step.line));
        StepCatalogue { steps }
    }

    /// The steps whose pattern that text matches; exactly one in a sound feature file.
    pub fn matching(&self, ty: StepType, text: &str) -> Vec<&StepPattern> {
        self.steps.iter().filter(|step| step.ty == ty && step.regex.is_match(text)).collect()
    }

    /// Whether a text is a step of any keyword, or nearly one.
    pub fn knows(&self, text: &str) -> bool {
        self.steps.iter().any(|step| step.regex.is_match(text)) || self.nearest(text).is_some()
    }

    /// The step that was probably meant, of whatever keyword: at most a quarter of it differs.
    pub fn nearest(&self, text: &str) -> Option<&StepPattern> {
        let text = shape_of(text);
        let slips = |step: &StepPattern| step.shapes.iter().map(|shape| distance(&text, shape)).min();
        let near = |step| Some((slips(step)?, step));
        let (slips, step) = self.steps.iter().filter_map(near).min_by_key(|(slips, _)| *slips)?;
        (slips * 4 <= text.chars().count()).then_some(step)
    }
}

impl StepPattern {
    fn read<W>(ty: StepType, step: &impl StepConstructor<W>) -> Self {
        let (location, regex, _) = step.inner();
        StepPattern::new(ty, regex(), location.path, location.line)
    }

    fn new(ty: StepType, regex: Regex, path: &'static str, line: u32) -> Self {
        let (readable, mut shapes) = match Parser::new().parse(regex.as_str()) {
            Ok(ast) => (readable(&ast), shapes(&ast)),
            Err(_) => (regex.as_str().to_owned(), vec![regex.as_str().to_owned()]),
        };
        for shape in &mut shapes {
            *shape = shape_of(shape);
        }
        StepPattern { ty, regex, readable, path, line, shapes }
    }

    /// `harness/steps/farm.rs:8`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

/// The keyword of a kind of step.
pub fn keyword(ty: StepType) -> &'static str {
    match ty {
        StepType::Given => "Given",
        StepType::When => "When",
        StepType::Then => "Then",
    }
}

/// A text with `{}` for each quoted word, each number and each word in capitals.
fn shape_of(text: &str) -> String {
    let mut shape = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let run = |of: fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
        let quoted = rest.strip_prefix('"').and_then(|inner| inner.find('"')).map_or(0, |end| end + 2);
        let number = if c.is_ascii_digit() { run(|c| c.is_ascii_digit() || c == '.') } else { 0 };
        let capitals = run(|c| c.is_ascii_uppercase());
        let varies = quoted.max(number).max(if capitals > 1 { capitals } else { 0 });
        if varies > 0 {
            shape.push_str("{}");
            rest = &rest[varies..];
        } else {
            shape.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    shape
}

/// A pattern as its author would write the step: what varies in braces, what may be left out in
/// brackets, a choice with bars.
fn readable(ast: &Ast) -> String {
    match ast {
        Ast::Literal(literal) => literal.c.to_string(),
        Ast::Concat(concat) => concat.asts.iter().map(readable).collect(),
        Ast::Group(group) => match &*group.ast {
            inner if varying(inner).is_some() => format!("{{{}}}", varying(inner).unwrap_or_default()),
            choice @ Ast::Alternation(_) => format!("({})", readable(choice)),
            inner => readable(inner),
        },
        Ast::Alternation(choice) => choice.asts.iter().map(readable).collect::<Vec<_>>().join("|"),
        Ast::Repetition(repetition) => {
            let inner = readable(&repetition.ast);
            match &repetition.op.kind {
                _ if varying(ast).is_some() => format!("{{{}}}", varying(ast).unwrap_or_default()),
                RepetitionKind::ZeroOrOne => format!("[{inner}]"),
                RepetitionKind::ZeroOrMore => format!("[{inner} …]"),
                _ => format!("{inner} …"),
            }
        }
        Ast::Assertion(_) | Ast::Flags(_) | Ast::Empty(_) => String::new(),
        _ => format!("{{{}}}", varying(ast).unwrap_or("text")),
    }
}

/// Each way of writing a step, at most [`MAX_SHAPES`] of them.
fn shapes(ast: &Ast) -> Vec<String> {
    let hole = || vec!["{}".to_owned()];
    if varying(ast).is_some() {
        return hole();
    }
    let mut shapes = match ast {
        Ast::Literal(literal) => vec![literal.c.to_string()],
        Ast::Concat(concat) => concat.asts.iter().fold(vec![String::new()], |shapes_so_far, part| {
            let parts = shapes(part);
            let longer =
                |shape: &String| parts.iter().map(|part| format!("{shape}{part}")).collect::<Vec<_>>();
            shapes_so_far.iter().flat_map(longer).take(MAX_SHAPES).collect()
        }),
        Ast::Group(group) => shapes(&group.ast),
        Ast::Alternation(choice) => choice.asts.iter().flat_map(shapes).collect(),
        Ast::Repetition(repetition) => {
            let mut inner = shapes(&repetition.ast);
            if matches!(repetition.op.kind, RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore) {
                inner.push(String::new());
            }
            inner
        }
        _ => vec![String::new()],
    };
    shapes.truncate(MAX_SHAPES);
    shapes
}

/// More ways than this of writing one step are not compared.
const MAX_SHAPES: usize = 64;

/// What a part of a pattern stands for, when it stands for no fixed words.
fn varying(ast: &Ast) -> Option<&'static str> {
    match ast {
        Ast::Dot(_) => Some("text"),
        Ast::ClassPerl(class) => Some(match class.kind {
            ClassPerlKind::Digit if !class.negated => "number",
            ClassPerlKind::Space if class.negated => "value",
            ClassPerlKind::Word if !class.negated => "word",
            _ => "text",
        }),
        Ast::ClassBracketed(class) if class.negated => Some("name"),
        Ast::ClassBracketed(_) | Ast::ClassUnicode(_) => Some("word"),
        Ast::Group(group) => varying(&group.ast),
        Ast::Repetition(repetition) => match (&repetition.op.kind, varying(&repetition.ast)) {
            // One of something that may be missing, as the fraction of a number.
            (RepetitionKind::Range(RepetitionRange::Exactly(_)), Some(what)) => Some(what),
            (_, what) => what,
        },
        Ast::Concat(concat) => {
            let mut parts = concat.asts.iter();
            let first = varying(parts.next()?)?;
            let number = |part: &Ast| matches!(part, Ast::Literal(_)) || all_number(part);
            (first == "number" && parts.all(number)).then_some(first)
        }
        _ => None,
    }
}

/// Digits, points and groups of them.
fn all_number(ast: &Ast) -> bool {
    match ast {
        Ast::Literal(literal) => literal.c == '.',
        Ast::Group(group) => all_number(&group.ast),
        Ast::Repetition(repetition) => all_number(&repetition.ast),
        Ast::Concat(concat) => concat.asts.iter().all(all_number),
        other => varying(other) == Some("number"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cucumber::{World, given, then, when};

    /// A world with a few steps, so that the registry has something to hold.
    #[derive(Debug, Default, World)]
    pub(crate) struct SmallWorld;

    #[given(regex = r#"^a farm with servers ("[^"]+"(?:(?:,| and) "[^"]+")*)$"#)]
    fn farm(_: &mut SmallWorld, _names: String) {}

    #[given("a phone")]
    fn phone(_: &mut SmallWorld) {}

    #[given(regex = r#"^a phone with profile "([^"]+)"$"#)]
    fn phone_with_profile(_: &mut SmallWorld, _profile: String) {}

    #[given(regex = r#"^"([^"]+)" has fault "([^"]+)"$"#)]
    fn fault(_: &mut SmallWorld, _node: String, _fault: String) {}

    #[when(regex = r"^the phone dials the far end$")]
    fn dials(_: &mut SmallWorld) {}

    #[then(regex = r#"^the phone sends ([A-Z]+) to "([^"]+)"(?: within (\S+) s)?$"#)]
    fn sends(_: &mut SmallWorld, _method: String, _node: String, _within: String) {}

    #[then(regex = r"^the call (ends|fails) after (\d+(?:\.\d+)?) s$")]
    fn ends(_: &mut SmallWorld, _how: String, _after: String) {}

    #[then(regex = r"^the call (?:ends|is over)")]
    fn over(_: &mut SmallWorld) {}

    #[test]
    fn the_registry_is_read_with_places() {
        let catalogue = StepCatalogue::of::<SmallWorld>();
        let steps = &catalogue.steps;
        let text: Vec<String> =
            steps.iter().map(|step| format!("{} {}", keyword(step.ty), step.readable)).collect();
        assert_eq!(
            text,
            [
                r#"Given a farm with servers "{name}"[(,| and) "{name}" …]"#,
                r#"Given a phone"#,
                r#"Given a phone with profile "{name}""#,
                r#"Given "{name}" has fault "{name}""#,
                r#"Then the phone sends {word} to "{name}"[ within {value} s]"#,
                r#"Then the call (ends|fails) after {number} s"#,
                r#"Then the call (ends|is over)"#,
                r#"When the phone dials the far end"#,
            ]
        );
        assert!(steps.iter().all(|step| step.place().starts_with("harness/lint/catalogue.rs:")), "{steps:?}");
    }

    #[test]
    fn a_step_matches_under_its_own_keyword_only() {
        let catalogue = StepCatalogue::of::<SmallWorld>();
        assert_eq!(catalogue.matching(StepType::Given, "a phone").len(), 1);
        assert_eq!(catalogue.matching(StepType::When, "a phone").len(), 0);
        assert_eq!(catalogue.matching(StepType::Then, "the call ends after 2 s").len(), 2);
    }

    #[test]
    fn the_nearest_step_is_found_whatever_its_numbers_and_names() {
        let catalogue = StepCatalogue::of::<SmallWorld>();
        let nearest = |text: &str| catalogue.nearest(text).map(|step| step.readable.as_str());
        assert_eq!(nearest("the phone dial the far end"), Some("the phone dials the far end"));
        assert_eq!(nearest(r#"a phone with the profile "x""#), Some(r#"a phone with profile "{name}""#));
        let sends = Some(r#"the phone sends {word} to "{name}"[ within {value} s]"#);
        assert_eq!(nearest(r#"the phone send INVITE to "a very long name of a node""#), sends);
        assert_eq!(nearest(r#"the phone sends INVITE to "primary" in 100 s"#), sends);
        assert_eq!(nearest("the moon is full tonight"), None);
    }
}
