//! Runs selected scenarios through cucumber and turns each into a result.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant as RealInstant;

use cucumber::event::{ScenarioFinished, StepError};
use cucumber::{World as _, cli, gherkin, parser, writer};
use futures::stream;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::{Finding, Mark, Verdict, calls_up, judge};

use super::applies::set_aside;
use super::events::{FailedStep, RunEvent, ScenarioId, ScenarioResult, SourceStep, Trouble};
use super::select::{Chosen, Selected};
use crate::capture::comments::Comments;
use crate::error::{Blame, bug};
use crate::world::{Context, NetKind, PhoneChoice, Place, StepFailure, World};

/// What is to be run.
pub struct Execution {
    /// The scenarios, with their features.
    pub selected: Selected,
    /// What the scenarios share.
    pub context: Arc<Context>,
    /// The seed of the run.
    pub seed: u64,
    /// How many scenarios may run at once. When `None`: all on real sockets, in virtual time one.
    pub jobs: Option<usize>,
    /// The command that repeats one scenario.
    pub repeat: Box<dyn Fn(&Place) -> String>,
    /// Which captures are kept.
    pub keep: Keep,
}

/// Which captures are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of them.
    All,
    /// Those of scenarios that did not simply pass.
    Doubts,
}

/// Runs everything, and reports each event as it comes. Yields the results in order of ending, and
/// when the run was interrupted, how many scenarios were cut short by that; others may not have begun.
pub async fn execute(
    execution: Execution,
    report: impl FnMut(RunEvent) + 'static,
) -> (Vec<ScenarioResult>, Option<usize>) {
    let Execution { mut selected, context, seed, jobs, repeat, keep } = execution;
    // Virtual time waits for nothing, so nothing is gained by more at once.
    let jobs = jobs.or((context.net == NetKind::Virtual).then_some(1));
    let ledger = Rc::new(Ledger {
        context: Arc::clone(&context),
        seed,
        ids: selected.scenarios.iter().map(|s| ((s.path.display().to_string(), s.line), s.id)).collect(),
        begun: RefCell::default(),
        results: RefCell::default(),
        report: RefCell::new(Box::new(report)),
        repeat,
        keep,
    });
    for (chosen, why) in set_aside(&mut selected, &context.phone) {
        ledger.does_not_apply(&chosen, why);
    }
    let (before, after) = (Rc::clone(&ledger), Rc::clone(&ledger));
    let run = World::cucumber::<&'static str>()
        .with_parser(Features(selected.features))
        .with_writer(Silent)
        .max_concurrent_scenarios(jobs)
        .before(move |feature, rule, scenario, world| {
            bug::only_note_places();
            let place = before.place(feature, rule, scenario);
            before.begin(&place);
            let (id, ledger) = (place.id, Rc::clone(&before));
            let progress = move |waiting| ledger.tell(RunEvent::Waiting { id, waiting });
            world.enter(Arc::clone(&context), place, Rc::new(progress));
            Box::pin(futures::future::ready(()))
        })
        .after(move |feature, rule, scenario, finished, world| {
            let ledger = Rc::clone(&after);
            let place = ledger.place(feature, rule, scenario);
            let mut result = ledger.empty_result(&place);
            result.feature_name.clone_from(&feature.name);
            result.source = source(feature, rule, scenario);
            result.example = example(scenario);
            Box::pin(async move { ledger.end(result, finished, world).await })
        })
        .with_default_cli()
        .run("");
    // When interrupted, the run is dropped here, and with it every lab: faults end, captures close.
    let was_interrupted = tokio::select! {
        _ = run => false,
        () = interruption() => true,
    };
    let cut_short = was_interrupted.then(|| ledger.cut_short());
    (ledger.results.take(), cut_short)
}

/// Waits until somebody asks the run to end, by Ctrl-C or by a signal of the system.
async fn interruption() {
    use tokio::signal::unix::{SignalKind, signal};
    let asked = |kind| async move {
        match signal(kind) {
            Ok(mut signals) => _ = signals.recv().await,
            // Without a handler for the signal, the process ends by it, which is an interruption too.
            Err(_) => futures::future::pending::<()>().await,
        }
    };
    tokio::select! {
        () = asked(SignalKind::interrupt()) => (),
        () = asked(SignalKind::terminate()) => (),
    }
}

fn path_of(feature: &gherkin::Feature) -> String {
    feature.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
}

/// The steps of a scenario as its file has them, after those of the backgrounds that it has.
fn source(
    feature: &gherkin::Feature,
    rule: Option<&gherkin::Rule>,
    scenario: &gherkin::Scenario,
) -> Vec<SourceStep> {
    let backgrounds = feature.background.iter().chain(rule.and_then(|rule| rule.background.as_ref()));
    let steps = backgrounds.flat_map(|background| &background.steps).chain(&scenario.steps);
    let step = |step: &gherkin::Step| SourceStep {
        keyword: step.keyword.clone(),
        text: step.value.clone(),
        line: u32::try_from(step.position.line).unwrap_or(u32::MAX),
        table: step.table.as_ref().map(|table| table.rows.clone()).unwrap_or_default(),
    };
    steps.map(step).collect()
}

/// The row of examples that an expanded scenario outline stands for; nothing for another scenario.
fn example(scenario: &gherkin::Scenario) -> Vec<(String, String)> {
    let rows =
        scenario.examples.first().and_then(|examples| examples.table.as_ref()).map(|table| &*table.rows);
    let Some([names, values]) = rows else { return Vec::new() };
    names.iter().cloned().zip(values.iter().cloned()).collect()
}

fn line_of(scenario: &gherkin::Scenario) -> u32 {
    u32::try_from(scenario.position.line).unwrap_or(u32::MAX)
}

/// The seed of one scenario: the run's seed mixed with what the scenario says (FNV-1a), so that it is the
/// same wherever the file lies and whatever stands above it.
fn mix(seed: u64, feature: &gherkin::Feature, scenario: &gherkin::Scenario) -> u64 {
    let steps = scenario.steps.iter().map(|step| &step.value);
    let text =
        [&feature.name, &scenario.name].into_iter().chain(steps).flat_map(|text| text.bytes().chain([0]));
    text.fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What has begun and what has ended.
struct Ledger {
    context: Arc<Context>,
    seed: u64,
    ids: BTreeMap<(String, u32), ScenarioId>,
    begun: RefCell<BTreeMap<ScenarioId, (RealInstant, Place)>>,
    results: RefCell<Vec<ScenarioResult>>,
    report: RefCell<Box<dyn FnMut(RunEvent)>>,
    repeat: Box<dyn Fn(&Place) -> String>,
    keep: Keep,
}

impl Ledger {
    fn place(
        &self,
        feature: &gherkin::Feature,
        rule: Option<&gherkin::Rule>,
        scenario: &gherkin::Scenario,
    ) -> Place {
        let (path, line) = (path_of(feature), line_of(scenario));
        let tags =
            feature.tags.iter().chain(rule.into_iter().flat_map(|rule| &rule.tags)).chain(&scenario.tags);
        Place {
            id: self.ids.get(&(path.clone(), line)).copied().unwrap_or(0),
            name: scenario.name.clone(),
            line,
            tags: tags.map(|tag| tag.trim_start_matches('@').to_owned()).collect(),
            run_seed: self.seed,
            seed: mix(self.seed, feature, scenario),
            feature: path,
        }
    }

    fn begin(&self, place: &Place) {
        self.begun.borrow_mut().insert(place.id, (RealInstant::now(), place.clone()));
        self.tell(RunEvent::ScenarioStarted { id: place.id, name: place.name.clone() });
    }

    async fn end(&self, mut result: ScenarioResult, finished: &ScenarioFinished, world: Option<&mut World>) {
        let begun = self.begun.borrow_mut().remove(&result.id);
        let begun = begun.map_or_else(RealInstant::now, |(begun, _)| begun);
        match world {
            Some(world) => self.close(&mut result, world, finished).await,
            None => result.trouble = Some(ours("the scenario has no world")),
        }
        result.conclude();
        result.real_time = elapsed(begun);
        self.tell(RunEvent::ScenarioFinished(Box::new(result.clone())));
        self.results.borrow_mut().push(result);
        // Virtual time waits for nothing: without this, Ctrl-C would be heard only at the end of the run.
        give_way().await;
    }

    /// Notes a scenario that is not run, as it does not apply to the phone that was chosen.
    fn does_not_apply(&self, chosen: &Chosen, why: Finding) {
        let place = Place {
            id: chosen.id,
            name: chosen.name.clone(),
            line: chosen.line,
            tags: chosen.tags.clone(),
            run_seed: self.seed,
            seed: self.seed,
            feature: chosen.path.display().to_string(),
        };
        let mut result = self.empty_result(&place);
        result.feature_name.clone_from(&chosen.feature);
        if let PhoneChoice::Profile { name, .. } = &self.context.phone {
            result.phone.clone_from(name);
        }
        result.findings.push(why);
        result.conclude();
        self.tell(RunEvent::ScenarioFinished(Box::new(result.clone())));
        self.results.borrow_mut().push(result);
    }

    /// Tells of the scenarios that had begun and will not end, and yields how many they are.
    fn cut_short(&self) -> usize {
        let begun = self.begun.take();
        for (id, (begun, place)) in &begun {
            self.tell(RunEvent::ScenarioInterrupted {
                id: *id,
                name: place.name.clone(),
                feature: PathBuf::from(&place.feature),
                line: place.line,
                real_time: elapsed(*begun),
            });
        }
        begun.len()
    }

    /// Ends the lab, judges the whole capture, and notes what went wrong on our side.
    async fn close(&self, result: &mut ScenarioResult, world: &mut World, finished: &ScenarioFinished) {
        let failure = world.failure.take();
        let (line, keyword, text) = world.last_step();
        if let Some(failure) = &failure {
            result.failed_step = Some(FailedStep {
                keyword: keyword.to_owned(),
                text: text.to_owned(),
                line,
                message: failure.to_string(),
            });
        }
        result.trouble = match (&failure, finished) {
            (Some(failure), _) => trouble_of(failure),
            (None, ScenarioFinished::StepPassed) => None,
            (None, ScenarioFinished::StepFailed(_, _, StepError::AmbiguousMatch(error))) => {
                Some(Trouble { blame: Blame::Ours, message: error.to_string(), hint: None })
            }
            (None, ScenarioFinished::StepFailed(_, _, StepError::Panic(info))) => {
                let message = bug::message_of(&**info);
                let place =
                    bug::noted_place(&message).map(|place| format!(" at {place}")).unwrap_or_default();
                Some(ours(&format!("a step panicked{place}: {message}")))
            }
            (None, other) => Some(ours(&format!("the scenario ended by {other:?}"))),
        };
        let Some(mut lab) = world.take_lab() else { return };
        if let Some(trouble) = &result.trouble {
            // Who audits the capture must know, too, that the scenario did not go on.
            lab.mark(Mark::Unmet { precondition: format!("the scenario goes on: {}", trouble.message) });
        }
        result.phone = lab.phone_name();
        let outlives_calls = lab.phone_is_a_program();
        let closed = lab
            .finish(|timeline, profile, end| {
                result.findings = judge(timeline, profile, end);
                result.read(timeline);
                if outlives_calls {
                    result.calls_up = calls_up(timeline, profile, end);
                }
                result.virtual_time = (self.context.net == NetKind::Virtual).then(|| end - result.started);
                check_live(result, &world.live);
                result.conclude();
                let is_kept = self.keep == Keep::All || !result.simply_passed();
                ((), is_kept.then(|| Comments::of(&result.findings, result.started)))
            })
            .await;
        if let Some(trouble) = closed.failure.as_ref().and_then(trouble_of) {
            result.trouble.get_or_insert(trouble);
        }
        match closed.capture {
            Ok(capture) => result.capture = capture,
            Err(error) => {
                result.trouble.get_or_insert(Trouble {
                    blame: Blame::Lab,
                    message: format!("the capture cannot be written: {error}"),
                    hint: Some("choose another folder with --out".to_owned()),
                });
            }
        }
    }

    fn empty_result(&self, place: &Place) -> ScenarioResult {
        ScenarioResult {
            id: place.id,
            feature: PathBuf::from(&place.feature),
            feature_name: String::new(),
            line: place.line,
            name: place.name.clone(),
            example: Vec::new(),
            tries: Vec::new(),
            flaky_passes: false,
            source: Vec::new(),
            tags: place.tags.clone(),
            phone: String::new(),
            time_scale: None,
            known_issues: BTreeMap::new(),
            verdict: Verdict::NotExercised,
            findings: Vec::new(),
            started: Instant::EPOCH,
            steps: Vec::new(),
            expected: Vec::new(),
            failed_step: None,
            virtual_time: None,
            real_time: Span::ZERO,
            capture: None,
            repeat: (self.repeat)(place),
            calls_up: Vec::new(),
            trouble: None,
        }
    }

    fn tell(&self, event: RunEvent) {
        (self.report.borrow_mut())(event);
    }
}

/// Lets others have a turn before this goes on. It wakes itself at once, which those who hold many
/// futures take for a sign to give way themselves; `yield_now` of tokio wakes later.
async fn give_way() {
    let mut given = false;
    poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What a step decided live must be what the whole capture says. If it is not, one of the two is
/// wrong, and that is a bug of ours whichever it is.
fn check_live(result: &mut ScenarioResult, live: &[Finding]) {
    let definite = |finding: &&Finding| matches!(finding.verdict, Verdict::Pass | Verdict::Fail);
    let flipped = live.iter().filter(definite).find_map(|before| {
        let after = result.findings.iter().find(|finding| finding.expected_id == before.expected_id)?;
        (definite(&after) && after.verdict != before.verdict).then_some((before, after))
    });
    if let Some((before, after)) = flipped {
        result.trouble = Some(ours(&format!(
            "the step at line {} was judged {} live, and {} from the whole capture",
            before.line.unwrap_or(0),
            before.verdict,
            after.verdict
        )));
    }
}

fn elapsed(since: RealInstant) -> Span {
    Span::from_nanos(i64::try_from(since.elapsed().as_nanos()).unwrap_or(i64::MAX))
}

fn ours(message: &str) -> Trouble {
    Trouble { blame: Blame::Ours, message: message.to_owned(), hint: None }
}

/// Whose matter a failed step is; none where the timeline's findings speak for themselves.
fn trouble_of(failure: &StepFailure) -> Option<Trouble> {
    let blame = match failure {
        StepFailure::Finding(_) | StepFailure::Unmet(_) | StepFailure::NotExercised(_) => return None,
        StepFailure::Setup(_) => Blame::Author,
        StepFailure::Lab { .. } => Blame::Lab,
        StepFailure::Bug(_) => Blame::Ours,
    };
    Some(Trouble { blame, message: failure.to_string(), hint: failure.hint() })
}

/// Hands features that were read and selected already to cucumber.
struct Features(Vec<gherkin::Feature>);

impl parser::Parser<&'static str> for Features {
    type Cli = cli::Empty;
    type Output = stream::Iter<std::vec::IntoIter<parser::Result<gherkin::Feature>>>;

    fn parse(self, _: &'static str, _: cli::Empty) -> Self::Output {
        stream::iter(self.0.into_iter().map(Ok).collect::<Vec<_>>())
    }
}

/// Says nothing: results come from the hooks.
struct Silent;

impl cucumber::Writer<World> for Silent {
    type Cli = cli::Empty;

    async fn handle_event(
        &mut self,
        _: parser::Result<cucumber::Event<cucumber::event::Cucumber<World>>>,
        _: &cli::Empty,
    ) {
    }
}

impl writer::Normalized for Silent {}
