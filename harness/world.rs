//! What a scenario owns: its plan, its lab, and what it has been told to expect.

mod ask;
mod call_state;
mod calls;
mod context;
mod dns;
mod expect;
mod failure;
mod glance;
mod group;
mod lab;
mod lines;
mod occupied;
mod plan;
mod ring;
mod trunks;

use std::rc::Rc;
use std::sync::Arc;

use cucumber::gherkin;
use sipfarm_core::{Instant, Key, Span};
use sipfarm_judge::mark::Which;
use sipfarm_judge::{Finding, Mark};

use crate::farm::FaultSpec;

pub use self::call_state::CallState;
pub use self::calls::{Arrival, Calls};
pub use self::context::{Context, PhoneChoice};
pub use self::dns::{DNS_NODE, DnsPlan};
pub use self::failure::{StepFailure, fix};
pub use self::glance::LastMessage;
pub use self::group::GroupPlan;
pub use self::lab::{Closed, FAR_END_USER, Lab, Look, PHONE_USER, TIME_SCALE};
pub use self::lines::{LINE_USERS, LinePlan};
pub use self::occupied::{Occupant, Occupation, check};
pub use self::plan::Plan;
pub use self::trunks::TrunkPlan;
pub use crate::net::NetKind;

/// The name of the far end where a step names it as it names a node.
pub const FAR_END_NODE: &str = "far end";
/// The tag of scenarios that are for phones with precedence only.
pub const PRECEDENCE: &str = "precedence";

/// How long the harness waits for what its own farm does. Not a time of the phone.
const FARM_PATIENCE: Span = Span::from_secs(10);

/// How soon after a packet a person acts at the earliest.
const REACTION: Span = Span::from_millis(100);

/// What a scenario waits for, for those who watch it run.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// What reports call the phone.
    pub phone: String,
    /// For what: the step's text.
    pub what: String,
    /// How long the lab has stood.
    pub elapsed: Span,
    /// How long the lab will have stood when the wait is over at the latest.
    pub window: Option<Span>,
    /// What was on the wire last.
    pub last: Option<LastMessage>,
    /// The faults that are on.
    pub faults: Vec<String>,
}

/// Who is told of each wait.
pub type Progress = Rc<dyn Fn(Waiting)>;

/// A scenario's state.
#[derive(Default, cucumber::World)]
pub struct World {
    context: Option<Arc<Context>>,
    progress: Option<Progress>,
    /// Which scenario this is.
    pub(crate) place: Place,
    /// What the `Given` steps have asked for.
    pub plan: Plan,
    lab: Option<Lab>,
    /// The calls that have names.
    calls: Calls,
    /// The node where the phone was registered last by a step.
    home: Option<String>,
    /// Marks made before the lab stands.
    early: Vec<Mark>,
    /// Since when events count: the beginning of the last trigger.
    since: Instant,
    /// The line of that trigger.
    since_line: Option<u32>,
    /// Whether a `When` has begun.
    triggered: bool,
    expected: u32,
    /// What the steps found while the scenario ran.
    pub(crate) live: Vec<Finding>,
    line: u32,
    keyword: &'static str,
    /// Whether the step is the first When after something else.
    opens_action: bool,
    text: String,
    /// Why the scenario stopped, when it did.
    pub(crate) failure: Option<StepFailure>,
}

/// Where a scenario stands.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Its number within the run, from 1.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its feature file.
    pub feature: String,
    /// Its line.
    pub line: u32,
    /// Its tags with those of its feature and rule.
    pub tags: Vec<String>,
    /// The run's seed.
    pub run_seed: u64,
    /// Its seed, drawn from the run's seed and its place.
    pub seed: u64,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("place", &self.place).field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// What a step returns; a failure ends the scenario.
pub type StepResult = Result<(), StepFailure>;

impl World {
    /// Tells the world where it is, before its first step.
    pub fn enter(&mut self, context: Arc<Context>, place: Place, progress: Progress) {
        self.context = Some(context);
        self.progress = Some(progress);
        self.place = place;
    }

    /// Notes that a step begins. Every step calls it first.
    pub fn begin(&mut self, step: &gherkin::Step) {
        let keyword = match step.ty {
            gherkin::StepType::Given => "Given",
            gherkin::StepType::When => "When",
            gherkin::StepType::Then => "Then",
        };
        self.opens_action = keyword == "When" && self.keyword != "When";
        self.keyword = keyword;
        self.line = u32::try_from(step.position.line).unwrap_or(u32::MAX);
        self.text.clone_from(&step.value);
        tracing::debug!(scenario = self.place.id, line = self.line, keyword, step = self.text, "step");
        let mark = Mark::Step { keyword: keyword.to_owned(), text: self.text.clone(), line: self.line };
        match &mut self.lab {
            Some(lab) => lab.mark(mark),
            None => self.early.push(mark),
        }
        if keyword == "When" {
            self.triggered = true;
            self.calls.preempted.clear();
            self.since = self.lab.as_mut().map_or(Instant::EPOCH, Lab::now);
            self.since_line = Some(self.line);
        }
    }

    /// The lab, built from the plan at the first need of it.
    ///
    /// # Errors
    /// The plan does not fit together, or the lab cannot be built here.
    pub async fn lab(&mut self) -> Result<&mut Lab, StepFailure> {
        if self.lab.is_none() {
            let context =
                self.context.clone().ok_or_else(|| StepFailure::bug("a step ran outside a scenario"))?;
            let lab = match Lab::build(context, &self.place, &self.plan).await {
                Ok(mut lab) => {
                    for mark in self.early.drain(..) {
                        lab.mark(mark);
                    }
                    self.since = lab.now();
                    lab
                }
                Err(failure) => return Err(self.stop(failure)),
            };
            self.lab = Some(lab);
        }
        self.lab.as_mut().ok_or_else(|| StepFailure::bug("the lab was not built"))
    }

    /// Whether the lab stands already.
    pub fn has_lab(&self) -> bool {
        self.lab.is_some()
    }

    /// Makes sure that the plan can still change.
    ///
    /// # Errors
    /// The lab stands already; the message says what to do.
    pub fn still_planning(&mut self) -> StepResult {
        match self.has_lab() {
            false => Ok(()),
            true => Err(self.stop(StepFailure::Setup(
                "this step describes the farm or the phone and must stand before the first step that uses them"
                    .to_owned(),
            ))),
        }
    }

    /// Lets what is in flight arrive before the farm changes: the first `When` after a `Given` or a
    /// `Then` finds everybody at rest, the next ones follow at once.
    ///
    /// # Errors
    /// The lab cannot be built, or the phone was lost.
    pub async fn come_to_rest(&mut self) -> StepResult {
        if self.opens_action && self.has_lab() { self.react().await } else { Ok(()) }
    }

    /// Presses a key of the phone.
    ///
    /// # Errors
    /// The phone does not take it; then the scenario was not exercised.
    pub async fn press(&mut self, key: Key) -> StepResult {
        self.press_of(Which::First, key).await
    }

    /// Presses a key of either phone.
    ///
    /// # Errors
    /// As [`World::press`]; and there may be no second phone.
    pub async fn press_of(&mut self, which: Which, key: Key) -> StepResult {
        self.check_phones(&[which])?;
        self.react().await?;
        let pressed = self.lab().await?.press(which, key).await;
        pressed.map_err(|failure| self.stop(failure))
    }

    /// Lets the time of a person's reaction pass, so that what the phone was sent has reached it
    /// before somebody acts on it; what follows is counted from then.
    ///
    /// # Errors
    /// The lab cannot be built, or the phone was lost.
    pub async fn react(&mut self) -> StepResult {
        self.wait(REACTION).await?;
        self.since = self.lab().await?.now();
        self.since_line = Some(self.line);
        Ok(())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// The lab cannot be built, or the phone was lost.
    pub async fn wait(&mut self, during: Span) -> StepResult {
        let lab = self.lab().await?;
        let then = lab.now() + during;
        let passed = lab.watch(|_, now| if now >= then { Look::Done(()) } else { Look::Until(then) }).await;
        passed.map_err(|failure| self.stop(failure))
    }

    /// Presses a key that is for the call which rings, once it does: on a slow link, or when the
    /// INVITE was lost and comes again, that takes longer than a person's reaction. Where nothing
    /// rings for all that time, the phone itself refuses the key.
    ///
    /// # Errors
    /// The phone does not take it; then the scenario was not exercised.
    pub async fn press_at_ring(&mut self, key: Key) -> StepResult {
        let lab = self.lab().await?;
        let user = lab.phone_user();
        let limit = lab.now() + FARM_PATIENCE;
        let rung = lab
            .watch(|timeline, now| match ring::rings(timeline, user) || now >= limit {
                true => Look::Done(()),
                false => Look::Until(limit),
            })
            .await;
        rung.map_err(|failure| self.stop(failure))?;
        self.press(key).await
    }

    /// Notes that something did not come to pass on which the rest of the scenario rests.
    pub async fn unmet(&mut self, precondition: String) -> StepFailure {
        if let Ok(lab) = self.lab().await {
            lab.mark(Mark::Unmet { precondition: precondition.clone() });
        }
        self.stop(StepFailure::Unmet(precondition))
    }

    /// So long as a step says that something lasts; a policy time, which is scaled where the scenario's are.
    ///
    /// # Errors
    /// The lab cannot be built.
    pub async fn lasting(&mut self, said: Span) -> Result<Span, StepFailure> {
        Ok(said.scale(self.lab().await?.time_scale()))
    }

    /// How long ago the last trigger was.
    ///
    /// # Errors
    /// The lab cannot be built.
    pub async fn since_trigger(&mut self) -> Result<Span, StepFailure> {
        let now = self.lab().await?.now();
        Ok(now - self.since)
    }

    /// Keeps why the scenario stopped, for its result.
    pub fn stop(&mut self, failure: StepFailure) -> StepFailure {
        self.failure = Some(failure.clone());
        failure
    }

    /// Hands the lab over when the scenario is over; none when no step needed it.
    pub(crate) fn take_lab(&mut self) -> Option<Lab> {
        self.lab.take()
    }

    /// The last step that began: its line, keyword and text.
    pub(crate) fn last_step(&self) -> (u32, &'static str, &str) {
        (self.line, self.keyword, &self.text)
    }

    /// A call outlives only a server that its audio does not need (F-25): where the author wants calls to be
    /// preserved, a node that anchors their audio is not taken away.
    ///
    /// # Errors
    /// That node anchors the audio.
    pub async fn check_audio_past(&mut self, node: &str, fault: &FaultSpec) -> StepResult {
        let takes_away = matches!(fault.name(), "silent" | "closed" | "restart" | "kill");
        if !takes_away || !self.plan.anchors.iter().any(|anchor| anchor == node) {
            return Ok(());
        }
        if self.phone_was_chosen() || !self.lab().await?.profile().mcp.supported {
            return Ok(());
        }
        let problem = format!(
            "no call can outlive \"{node}\", as its audio runs through it: leave out that \"{node}\" anchors the audio, or that the phone preserves calls (mcp.supported)"
        );
        Err(self.stop(StepFailure::Setup(problem)))
    }

    /// Whether somebody has chosen the phone for all scenarios: he is not the author of this one.
    fn phone_was_chosen(&self) -> bool {
        matches!(self.context.as_deref(), Some(Context { phone: PhoneChoice::Profile { .. }, .. }))
    }
}
