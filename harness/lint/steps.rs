//! Steps: each must be one that exists, and the names in it must be known.
//!
//! In the vocabulary of the steps a quoted word is a name: of a fault after `fault`, of a profile
//! after `profile`, of a header field after `header`, of what a system notes after `notes`, `noted` and
//! `no`, of a call after `call`, `calls` and `before`, of a node anywhere else; what stands after
//! `Resource-Priority`, `Alert-Info`, `Reason` and `dials` is sent as it is. The step `a farm with servers …`
//! declares its nodes; the tables of calls, and the steps in which calls arrive or are dialled, declare calls.

use std::sync::LazyLock;

use gherkin::{Scenario, Step, StepType};
use regex::Regex;
use sipfarm_core::Fact;
use sipfarm_core::machine::Transport;
use sipfarm_core::nearest::nearest;

use super::catalogue::keyword;
use super::tables::TABLES;
use super::{Complaint, FileLint, at_line};
use crate::error::Diagnostic;
use crate::world::FAR_END_NODE;

/// The methods that SIP has.
pub const METHODS: &[&str] = &[
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "REGISTER",
    "OPTIONS",
    "SUBSCRIBE",
    "NOTIFY",
    "REFER",
    "UPDATE",
    "PRACK",
    "INFO",
    "MESSAGE",
    "PUBLISH",
];

/// How a step that declares nodes begins.
pub(super) const DECLARES_NODES: &str = "a farm with server";

/// How a step begins that adds the node `dns`.
const DECLARES_DNS: &str = "DNS for ";

/// How a step begins that asks somebody at the phone.
const SEES: &str = "the person at the phone sees that ";

/// How steps go on, or begin, that may name the far end beside the nodes: it has faults of its own.
const MAY_NAME_FAR_END: [&str; 2] = [" has fault ", "the faults at "];

/// The types of records that a step may ask for.
const RECORDS: &[&str] = &["AAAA", "SRV", "NAPTR", "CNAME"];

impl FileLint<'_> {
    pub(super) fn scenario_steps(&mut self, scenario: &Scenario, before: &[&Step]) {
        let all: Vec<&Step> = before.iter().copied().chain(&scenario.steps).collect();
        let nodes: Vec<String> = all
            .iter()
            .filter(|step| step.value.starts_with(DECLARES_NODES))
            .flat_map(|step| quoted(&step.value))
            .map(|word| word.text)
            .chain(all.iter().any(|step| step.value.starts_with(DECLARES_DNS)).then(|| "dns".to_owned()))
            .collect();
        self.before_any_when(&all);
        self.impossible_windows(&all);
        let calls: Vec<String> = all.iter().flat_map(|step| declared_calls(step)).collect();
        self.nodes_twice(&all);
        self.levels(&all);
        for step in all {
            self.matches_one(step);
            self.times(step);
            self.counts(step);
            self.names(step, &nodes, &calls);
            self.fault_at_node(step, &nodes);
            self.settings(step);
            self.methods(step);
            self.codes(step);
            self.facts_at_phone(step);
        }
    }

    /// What a `Then` expects is counted from the last `When`.
    fn before_any_when(&mut self, steps: &[&Step]) {
        let before = steps.iter().take_while(|step| step.ty != StepType::When);
        if let Some(step) = before.copied().find(|step| step.ty == StepType::Then) {
            let mut diagnostic = self.at_step(step, "then-before-when");
            diagnostic.message = "nothing has been done yet that this could be counted from".to_owned();
            diagnostic.help.push(
                "write a When before it:  When the phone dials the far end,  or  When the phone is left alone"
                    .to_owned(),
            );
            self.found.push(diagnostic);
        }
    }

    /// Exactly one pattern must match.
    fn matches_one(&mut self, step: &Step) {
        let matching = self.steps.matching(step.ty, &step.value);
        let diagnostic = match matching.as_slice() {
            [_] => return,
            [] => self.undefined(step),
            several => {
                let mut diagnostic = self.at_step(step, "step-ambiguous");
                diagnostic.message = format!("{} steps match", several.len());
                let one = |step: &&super::catalogue::StepPattern| {
                    format!("\"{}\"   ({})", step.readable, step.place())
                };
                diagnostic.help = several.iter().map(one).collect();
                diagnostic
            }
        };
        self.found.push(diagnostic);
    }

    fn undefined(&self, step: &Step) -> Diagnostic {
        if let Some(with_unit) = self.with_unit(step) {
            let mut diagnostic = self.at_step(step, "number-without-unit");
            diagnostic.message = "a time is written in seconds, with its unit".to_owned();
            diagnostic.help.push(format!("did you mean  \"{with_unit}\""));
            return diagnostic;
        }
        let mut diagnostic = self.at_step(step, "step-undefined");
        diagnostic.message = "no step matches".to_owned();
        let others = [StepType::Given, StepType::When, StepType::Then];
        let other = others.into_iter().find(|ty| !self.steps.matching(*ty, &step.value).is_empty());
        let straight = step.value.replace(['“', '”', '„', '‟', '«', '»'], "\"");
        let is_straight = straight != step.value && !self.steps.matching(step.ty, &straight).is_empty();
        if is_straight {
            diagnostic.help = vec![format!("write straight quotes:  {straight}")];
            return diagnostic;
        }
        diagnostic.help = match (other, self.steps.nearest(&step.value)) {
            (Some(ty), _) => {
                vec![format!("this is a `{}` step, and stands here as `{}`", keyword(ty), keyword(step.ty))]
            }
            (None, Some(near)) => vec![format!("did you mean  \"{}\"   ({})", near.readable, near.place())],
            (None, None) => vec!["see the sentences that there are:  sipfarm steps".to_owned()],
        };
        diagnostic
    }

    /// The same text with ` s` after one of its numbers, if that is a step.
    fn with_unit(&self, step: &Step) -> Option<String> {
        static TIME: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"\b(\d+(?:\.\d+)?)\s*(?:sec(?:ond)?s?|s)?(?:\s|$)").ok());
        let candidates = TIME.as_ref()?.captures_iter(&step.value).filter_map(|found| {
            let (whole, number) = (found.get(0)?, found.get(1)?);
            let rest = &step.value[whole.end()..];
            let gap = if rest.is_empty() { "" } else { " " };
            Some(format!("{}{} s{gap}{rest}", &step.value[..whole.start()], number.as_str()))
        });
        candidates.into_iter().find(|text| !self.steps.matching(step.ty, text).is_empty())
    }

    /// A time must be a number of seconds, and a day at most; what must happen within no time, or
    /// must not happen for no time, says nothing.
    fn times(&mut self, step: &Step) {
        static TIME: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"\b(within|for|after) (\S+) s\b").ok());
        let written = TIME.as_ref().into_iter().flat_map(|form| form.captures_iter(&step.value));
        for found in written {
            let seconds = found.get(2).and_then(|number| number.as_str().parse::<f64>().ok());
            let vacuous = match &found[1] {
                "within" => Some("leave `within` away, and the profile says how long it may take"),
                "for" => Some("write how long it must stay so, as in `for 40 s`"),
                _ => None,
            };
            if let (Some(help), Some(0.0)) = (vacuous, seconds) {
                self.vacuous(step, &found[0], help);
                continue;
            }
            if !seconds.is_some_and(|seconds| (0.0..=86_400.0).contains(&seconds)) {
                let place = self.place_of(step.position.line, &found[0]);
                let message = "this is no number of seconds from 0 to 86400";
                self.add(step.position.line, "number-expected", message, None).place = place;
            }
        }
    }

    /// A count of nothing expects nothing.
    fn counts(&mut self, step: &Step) {
        static COUNT: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"\b(?:in 0+ rounds|(?:exactly )?0+ times)$").ok());
        if let Some(found) = COUNT.as_ref().and_then(|form| form.find(&step.value)) {
            let help =
                "count from 1; that nothing is sent is  the phone sends no INVITE to \"primary\" for 40 s";
            self.vacuous(step, found.as_str(), help);
        }
    }

    fn vacuous(&mut self, step: &Step, words: &str, help: &str) {
        let place = self.place_of(step.position.line, words);
        let message = "this expects nothing, whatever the phone does";
        self.add(step.position.line, "vacuous", message, Some(help)).place = place;
    }

    /// Nodes, calls, faults and profiles must exist.
    fn names(&mut self, step: &Step, nodes: &[String], calls: &[String]) {
        if step.value.starts_with(DECLARES_NODES) {
            return;
        }
        for word in quoted(&step.value).into_iter().filter(|word| !is_domain(step, &word.text)) {
            let (code, checked) = match word.kind {
                Name::Fault => ("unknown-fault", (self.facts.fault)(&word.text)),
                Name::Profile => ("unknown-profile", (self.facts.profile)(&word.text)),
                Name::Note => ("unknown-note", (self.facts.note)(&word.text)),
                Name::Header => ("no-header-field", check_header(&word.text)),
                Name::Text => continue,
                Name::Call => ("unknown-call", check_call(&word.text, calls)),
                Name::Node if may_be_far_end(step, &word.text) => continue,
                Name::Node => ("unknown-node", check_node(&word.text, nodes)),
            };
            if let Err(complaint) = checked {
                let place = self.place_of(step.position.line, &format!("\"{}\"", word.text));
                let diagnostic =
                    self.add(step.position.line, code, complaint.message, complaint.help.as_deref());
                diagnostic.place = place;
            }
        }
    }

    /// What stands in capitals outside of quotes is a method, a transport, a type of record, or SIP itself.
    fn methods(&mut self, step: &Step) {
        let outside = outside_of_quotes(&step.value);
        for word in outside.split(|c: char| !c.is_ascii_alphanumeric()) {
            let in_capitals = word.len() > 1 && word.bytes().all(|octet| octet.is_ascii_uppercase());
            let of_dns = word == "DNS" || outside.contains("DNS") && RECORDS.contains(&word);
            let is_known = METHODS.contains(&word) || Transport::of_parameter(word).is_some();
            if !in_capitals || is_known || of_dns || word == "SIP" {
                continue;
            }
            let place = self.place_of(step.position.line, word);
            let help = nearest(word, METHODS.iter().copied()).map(|near| format!("did you mean {near}?"));
            let message = format!("SIP has no method {word}");
            self.add(step.position.line, "unknown-method", message, help.as_deref()).place = place;
        }
    }

    /// A status code is one that such a response can have.
    fn codes(&mut self, step: &Step) {
        static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| {
            let verbs = "rejects|refuses|refused|fails|answers|sends|repeats|acknowledges";
            Regex::new(&format!(r"\b({verbs})\b.*?\b(\d{{3}})\b")).ok()
        });
        let outside = outside_of_quotes(&step.value);
        let Some(found) = CODE.as_ref().and_then(|form| form.captures(&outside)) else { return };
        let is_time = found.get(2).is_some_and(|number| outside[number.end()..].starts_with(" s"));
        if is_time {
            return;
        }
        let range = match &found[1] {
            "rejects" | "refuses" | "refused" | "fails" | "acknowledges" => 300..=699,
            _ => 100..=699,
        };
        if found[2].parse().is_ok_and(|code: u16| range.contains(&code)) || step.value.contains(" times") {
            return;
        }
        let place = self.place_of(step.position.line, &found[2]);
        let message =
            format!("{} is no such response: those are {} to {}", &found[2], range.start(), range.end());
        self.add(step.position.line, "no-status-code", message, None).place = place;
    }

    /// What somebody at the phone is asked is worded as in the vocabulary.
    fn facts_at_phone(&mut self, step: &Step) {
        let Some(sentence) = step.value.strip_prefix(SEES) else { return };
        if let Err(message) = Fact::read(sentence) {
            let place = self.place_of(step.position.line, sentence);
            self.add(step.position.line, "unknown-fact", message, None).place = place;
        }
    }

    fn at_step(&self, step: &Step, code: &str) -> Diagnostic {
        let mut diagnostic = at_line(self.file, step.position.line, code);
        let keyword = step.keyword.chars().count();
        diagnostic.place.column += keyword;
        diagnostic.place.length = diagnostic.place.length.saturating_sub(keyword).max(1);
        diagnostic
    }
}

fn outside_of_quotes(text: &str) -> String {
    text.split('"').step_by(2).collect::<Vec<_>>().join(" ")
}

/// Whether a quoted word is a domain name: it has a dot, in a step about DNS or the phone's servers.
fn is_domain(step: &Step, word: &str) -> bool {
    let about_names = step.value.contains("DNS for") || step.value.starts_with("the phone's server");
    about_names && word.contains('.')
}

/// Whether a name is that of the far end, in a step that may name it.
fn may_be_far_end(step: &Step, name: &str) -> bool {
    name == FAR_END_NODE && MAY_NAME_FAR_END.iter().any(|part| step.value.contains(part))
}

fn check_node(name: &str, nodes: &[String]) -> Result<(), Complaint> {
    if nodes.iter().any(|node| node == name) {
        return Ok(());
    }
    let help = match (nearest(name, nodes.iter().map(String::as_str)), nodes) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, []) => {
            "declare the nodes first:  Given a farm with servers \"primary\" and \"secondary\"".to_owned()
        }
        (None, nodes) => format!("the farm has \"{}\"", nodes.join("\", \"")),
    };
    Err(Complaint { message: format!("the farm has no node \"{name}\""), help: Some(help) })
}

/// The calls to which a step gives their names.
fn declared_calls(step: &Step) -> Vec<String> {
    let is_of_calls =
        |(end, headings): &(&str, &[&str])| step.value.ends_with(end) && headings.contains(&"call");
    if TABLES.iter().any(is_of_calls) {
        let rows = step.table.as_ref().map(|table| table.rows.as_slice()).unwrap_or_default();
        let Some((head, rows)) = rows.split_first() else { return Vec::new() };
        let Some(column) = head.iter().position(|heading| heading == "call") else { return Vec::new() };
        return rows.iter().filter_map(|row| row.get(column).cloned()).collect();
    }
    let declares = step.value.contains(" arrive") || step.value.contains(" as call ");
    let named = quoted(&step.value).into_iter().filter(|word| declares && word.kind == Name::Call);
    named.map(|word| word.text).collect()
}

fn check_call(name: &str, calls: &[String]) -> Result<(), Complaint> {
    if calls.iter().any(|call| call == name) {
        return Ok(());
    }
    let help = match (nearest(name, calls.iter().map(String::as_str)), calls) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, []) => "give a call its name first:  When a call \"x\" without precedence arrives".to_owned(),
        (None, calls) => format!("there are \"{}\"", calls.join("\", \"")),
    };
    Err(Complaint { message: format!("no call is named \"{name}\""), help: Some(help) })
}

/// The form of a header field, not whether there is one of that name.
fn check_header(field: &str) -> Result<(), Complaint> {
    let name = field.split_once(':').map_or(field, |(name, _)| name).trim();
    let of_token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
    if !name.is_empty() && name.chars().all(of_token) {
        return Ok(());
    }
    let help = "write \"Supported\", or \"Expires: 120\" where its value counts, too".to_owned();
    Err(Complaint { message: format!("{name:?} is no name of a header field"), help: Some(help) })
}

/// What a quoted word names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Node,
    Fault,
    Profile,
    Header,
    /// What a system notes.
    Note,
    Call,
    /// What is sent as it is.
    Text,
}

pub(super) struct Quoted {
    pub text: String,
    pub kind: Name,
}

pub(super) fn quoted(text: &str) -> Vec<Quoted> {
    let mut words = Vec::new();
    let mut before = "";
    let mut last = Name::Node;
    for (number, part) in text.split('"').enumerate() {
        let kind = match before.split_whitespace().next_back() {
            Some("call" | "calls" | "before") => Name::Call,
            Some("Resource-Priority" | "Alert-Info" | "Reason" | "dials" | "show" | "shows") => Name::Text,
            Some("to") if before.ends_with("addressed to ") => Name::Text,
            // One more of the same.
            Some("and" | ",") if matches!(last, Name::Call | Name::Text) && before.len() < 6 => last,
            Some("fault") => Name::Fault,
            Some("profile") => Name::Profile,
            Some("header") => Name::Header,
            Some("notes" | "noted" | "no") => Name::Note,
            _ => Name::Node,
        };
        if number % 2 == 1 {
            last = kind;
            words.push(Quoted { text: part.to_owned(), kind });
        }
        before = part;
    }
    words
}
