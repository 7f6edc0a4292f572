//! `sipfarm audit`: a capture is judged again.

mod cast;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sipfarm_core::profile::{Profile, SERVERS_MAX, check_time_scale};
use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::Scene;
use sipfarm_judge::{Mark, Timeline, Verdict, judge, verdict};

pub use self::cast::{CastArgs, ServerSeen, WhoIsWho};
use crate::capture::read::{CaptureError, Recording, read};
use crate::error::{Error, Exit, Result, clean};
use crate::phone::profiles;
use crate::report::{html, quoted, render_failure};
use crate::requirements::Requirements;
use crate::run::events::{ScenarioResult, Summary};
use crate::run::record::{self, Header, Recorded, Scenario};

/// Arguments of `sipfarm audit`.
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    /// A capture, ours or not: pcapng or pcap
    file: PathBuf,
    /// What to hold the phone to [default: the profile in the capture, else rfc3261]
    #[arg(long)]
    profile: Option<String>,
    #[command(flatten)]
    cast: CastArgs,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
    format: AuditFormat,
}

/// How an audit prints what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AuditFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// A page for a browser, as that of a run.
    Html,
}

impl AuditArgs {
    /// The command that gives the same verdict again.
    fn repeat(&self) -> String {
        let profile = self
            .profile
            .as_ref()
            .map_or_else(String::new, |profile| format!(" --profile {}", quoted(profile)));
        let file = quoted(&self.file.display().to_string());
        format!("sipfarm audit {file}{profile}{}", self.cast.words())
    }
}

/// What an audit found, as `--format json` prints it.
#[derive(Debug, Serialize)]
struct Audit {
    schema: &'static str,
    scenario: Option<String>,
    profile: String,
    who: WhoIsWho,
    packets: u32,
    notes: Vec<String>,
    verdict: Verdict,
    findings: Vec<record::Finding>,
    not_judged: Vec<NotJudged>,
}

/// A rule that says nothing for or against the phone here.
#[derive(Debug, Serialize)]
struct NotJudged {
    rule: String,
    verdict: Verdict,
    reason: String,
}

/// Judges a capture.
///
/// # Errors
/// The file is no capture or holds several scenarios, there is no such profile, or who is who is told wrongly.
pub fn audit(args: &AuditArgs) -> Result<Exit> {
    let named = args.profile.as_deref().map(super::check::profile).transpose()?;
    let Heard { recording, scene, who } = heard(&args.file, &args.cast)?;
    let profile = match (named, &scene) {
        (Some(named), Some(scene)) => named.at_scale(scene.time_scale),
        (Some(named), None) => named.at_own_scale(),
        (None, Some(scene)) => scene.profile.clone(),
        (None, None) => Profile::default(),
    };
    let live = examine(args, &recording, scene.as_ref(), &profile);
    let result = Scenario::of(&live, Path::new(""));
    let audit_seed = scene.as_ref().map_or(0, |scene| scene.seed);
    let audit = Audit {
        schema: "sipfarm.audit/2",
        scenario: scene.map(|scene| scene.name),
        profile: profile.id,
        who,
        packets: recording.packets,
        notes: recording.notes.iter().map(ToString::to_string).collect(),
        verdict: result.verdict,
        findings: result.findings.clone(),
        not_judged: not_judged(&result.findings),
    };
    match args.format {
        AuditFormat::Json => println!("{}", super::json(&audit)),
        AuditFormat::Text => print_text(args, &audit, &result),
        AuditFormat::Html => print!("{}", page(&live, result, &recording.timeline, audit_seed)),
    }
    Ok(exit_of(audit.verdict))
}

/// The scenario that the harness noted in the capture.
fn only_scene(file: &Path, timeline: &Timeline) -> Result<Option<Scene>> {
    let scenes: Vec<&Scene> = timeline.marks().filter_map(|(_, mark)| scene_of(mark)).collect();
    match scenes[..] {
        [] => Ok(None),
        [scene] => sound(file, scene).map(Some),
        _ => {
            let names =
                scenes.iter().map(|scene| format!("\"{}\" ({}:{})", scene.name, scene.feature, scene.line));
            let names = names.collect::<Vec<_>>().join(", ");
            let file = file.display();
            // Their times may overlap: nothing says which packet and which expectation belongs to which.
            let message = format!("{file} holds the captures of {} scenarios: {names}", scenes.len());
            Err(Error::usage(message, "audit each capture by itself, as the run left it"))
        }
    }
}

/// The scene of a capture, unless it cannot be: a file can say anything.
fn sound(file: &Path, scene: &Scene) -> Result<Scene> {
    let problem = match scene.profile.out_of_range() {
        Some((path, problem)) => format!("{path}: {problem}"),
        None if check_time_scale(scene.time_scale).is_err() => {
            format!("the time scale {} is none", scene.time_scale)
        }
        None if scene.servers.len() > SERVERS_MAX => {
            format!("the phone knows more than {SERVERS_MAX} servers")
        }
        None => return Ok(scene.clone()),
    };
    let message = format!("{}: what it says of its scenario makes no sense: {problem}", file.display());
    Err(Error::usage(message, "audit the capture as the run left it"))
}

/// A capture, and who is who there.
pub struct Heard {
    /// What is in it.
    pub recording: Recording,
    /// The scenario that it is of, where it is ours.
    scene: Option<Scene>,
    /// Whom it is about.
    pub who: WhoIsWho,
}

impl Heard {
    /// The profile of the phone, where the capture says it and it is one of ours.
    pub fn model(&self) -> Option<String> {
        let profile = &self.scene.as_ref()?.profile;
        profiles::names().any(|name| name == profile.id).then(|| profile.id.clone())
    }
}

/// Reads a capture.
///
/// # Errors
/// The file is no capture, holds several scenarios or no SIP, or who is who is told wrongly.
pub fn heard(file: &Path, args: &CastArgs) -> Result<Heard> {
    let mut recording = read(file).map_err(|error| unreadable(file, &error))?;
    let scene = only_scene(file, &recording.timeline)?;
    if scene.is_none() && recording.timeline.sip().next().is_none() {
        return Err(without_sip(file, &recording));
    }
    let who = cast::cast(args, scene.as_ref(), &mut recording.timeline)?;
    Ok(Heard { recording, scene, who })
}

fn scene_of(mark: &Mark) -> Option<&Scene> {
    match mark {
        Mark::Scenario(scene) => Some(scene),
        _ => None,
    }
}

/// The capture, judged, in the shape of a scenario's result, so that a failure looks the same.
fn examine(
    args: &AuditArgs,
    recording: &Recording,
    scene: Option<&Scene>,
    profile: &Profile,
) -> ScenarioResult {
    let timeline = &recording.timeline;
    let findings = judge(timeline, profile, recording.until);
    let mut result = ScenarioResult {
        id: 1,
        feature: scene.map(|scene| scene.feature.clone().into()).unwrap_or_default(),
        feature_name: String::new(),
        line: scene.map_or(0, |scene| scene.line),
        name: scene.map_or("a capture without a scenario", |scene| &scene.name).to_owned(),
        example: Vec::new(),
        tries: Vec::new(),
        flaky_passes: false,
        source: Vec::new(),
        tags: scene.map(|scene| scene.tags.clone()).unwrap_or_default(),
        phone: profile.id.clone(),
        time_scale: None,
        known_issues: BTreeMap::new(),
        verdict: verdict(&findings),
        findings,
        started: timeline.events().first().map_or(Instant::EPOCH, |event| event.at),
        steps: Vec::new(),
        expected: Vec::new(),
        failed_step: None,
        virtual_time: None,
        real_time: Span::ZERO,
        capture: Some(args.file.clone()),
        repeat: args.repeat(),
        calls_up: Vec::new(),
        trouble: None,
    };
    result.read(timeline);
    result
}

/// The report of a run of that scenario alone.
fn page(live: &ScenarioResult, scenario: Scenario, timeline: &Timeline, seed: u64) -> String {
    let known = Requirements::load_embedded();
    let pages = BTreeMap::from([(scenario.id, html::page(&scenario, Ok(timeline), &known))]);
    let header = Header::new(seed, "capture", &scenario.phone, scenario.started);
    let summary = Summary::of_part(1, std::slice::from_ref(live), None, Span::ZERO);
    let events =
        vec![record::Event::ScenarioFinished(Box::new(scenario)), record::Event::Finished((&summary).into())];
    html::render(&Recorded { folder: PathBuf::new(), header, events }, &pages, &known)
}

fn print_text(args: &AuditArgs, audit: &Audit, result: &Scenario) {
    println!("{}: {} packets, profile {}", args.file.display(), audit.packets, clean(&audit.profile));
    audit.who.print();
    for note in &audit.notes {
        println!("note: {}", clean(note));
    }
    for finding in &audit.findings {
        let id = finding.requirements.join(" ");
        match finding.verdict {
            Verdict::Pass => println!("  {:<14} {}  {id}", "pass", finding.rule),
            Verdict::NotApplicable | Verdict::NotExercised if finding.line.is_none() => {}
            verdict => {
                println!("  {:<14} {}  {id}: {}", verdict.to_string(), finding.rule, clean(&finding.seen))
            }
        }
    }
    for (reason, rules) in by_reason(&audit.not_judged) {
        println!("not judged: {}: {}", rules.join(", "), clean(reason));
    }
    if audit.verdict == Verdict::Fail {
        println!("\n{}", render_failure(result, Path::new("")));
    }
    println!("verdict: {}", audit.verdict);
}

/// The rules that say nothing, with what they lack.
fn not_judged(findings: &[record::Finding]) -> Vec<NotJudged> {
    let silent =
        |verdict| matches!(verdict, Verdict::NotApplicable | Verdict::NotExercised | Verdict::Inconclusive);
    let silent = findings.iter().filter(|finding| silent(finding.verdict));
    silent
        .map(|finding| NotJudged {
            rule: finding.rule.clone(),
            verdict: finding.verdict,
            reason: finding.seen.clone(),
        })
        .collect()
}

/// For people: many rules have the same reason. What is inconclusive stands among the findings already.
fn by_reason(not_judged: &[NotJudged]) -> BTreeMap<&str, Vec<&str>> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let silent = not_judged.iter().filter(|rule| rule.verdict != Verdict::Inconclusive);
    for NotJudged { rule, reason, .. } in silent {
        let rules = reasons.entry(reason).or_default();
        if !rules.contains(&rule.as_str()) {
            rules.push(rule);
        }
    }
    reasons
}

/// Nothing is said of a phone that is not in the capture.
fn without_sip(file: &Path, recording: &Recording) -> Error {
    let notes = recording.notes.iter().map(|note| format!("; {note}")).collect::<String>();
    let message = format!("{}: there is no SIP in its {} packets{notes}", file.display(), recording.packets);
    let hint = match recording.unread.is_empty() {
        true => {
            "capture where the phone speaks with its servers; SIP over TLS is read only with its secrets \
             (editcap --inject-secrets tls,KEYLOG IN OUT)"
        }
        false => "capture on an Ethernet interface, on `lo`, or on `any`",
    };
    Error::usage(message, hint)
}

fn unreadable(file: &Path, error: &CaptureError) -> Error {
    let hint = match error {
        CaptureError::Unreadable { .. } => "see whether it is there, and who may read it",
        CaptureError::Empty(_) => "was the capture ended before it was copied? Capture again",
        CaptureError::Folder(_) => "of a bundle: sipfarm audit FOLDER/001.pcapng",
        CaptureError::NotACapture { .. } => "sipfarm reads pcapng and pcap",
    };
    let file = file.display().to_string();
    let error = error.to_string();
    Error::usage(if error.contains(&file) { error } else { format!("{file}: {error}") }, hint)
}

fn exit_of(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Fail => Exit::Finding,
        Verdict::Inconclusive | Verdict::NotExercised | Verdict::Pending => Exit::Inconclusive,
        Verdict::UnexpectedPass => Exit::KnownIssuePassed,
        Verdict::Pass | Verdict::Warn | Verdict::KnownIssue | Verdict::NotApplicable => Exit::Passed,
    }
}
