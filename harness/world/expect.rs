//! How a scenario waits: for what it expects of its phones, which the judge decides, and for what the farm is to do.

use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::Which;
use sipfarm_judge::{Expectation, Finding, Mark, Verdict, judge_one_of, mark};

use super::glance::{LastMessage, faults, last_message};
use super::{FARM_PATIENCE, Lab, Look, Progress, StepFailure, StepResult, Waiting, World, ask};

/// How often it looks for that at least.
const FARM_LOOK: Span = Span::from_secs(1);

impl World {
    /// Expects something of the phone, and waits until it is decided.
    ///
    /// # Errors
    /// The finding, when it is not a pass.
    pub async fn expect(&mut self, expectation: Expectation) -> StepResult {
        self.expect_of(&[Which::First], expectation).await
    }

    /// Expects the same of these phones, of each by itself and from the same moment on.
    ///
    /// # Errors
    /// The first finding that is not a pass.
    pub async fn expect_of(&mut self, phones: &[Which], expectation: Expectation) -> StepResult {
        self.check_phones(phones)?;
        if !self.triggered {
            let help = "nothing has been done yet that this could be counted from: write a When before it";
            return Err(self.stop(StepFailure::Setup(help.to_owned())));
        }
        self.check_nodes(&expectation)?;
        self.check_servers(&expectation).await?;
        let mut asked = Vec::new();
        for which in phones {
            self.expected += 1;
            let expected = self.expectation(expectation.clone());
            self.lab().await?.mark(which.concerned_by(Mark::Expect(expected.clone())));
            asked.push((*which, expected));
        }
        let progress = self.progress.clone();
        for (which, expected) in asked {
            let lab = self.lab().await?;
            let found = match ask::ask(lab, &expected).await {
                Ok(()) => decide(lab, which, &expected, progress.as_ref()).await,
                Err(lost) => Err(lost),
            };
            let finding = found.map_err(|failure| self.stop(failure))?;
            self.live.push(finding.clone());
            if matches!(finding.verdict, Verdict::Fail | Verdict::Inconclusive | Verdict::NotExercised) {
                return Err(self.stop(StepFailure::Finding(Box::new(finding))));
            }
        }
        Ok(())
    }

    pub(super) fn check_phones(&mut self, phones: &[Which]) -> StepResult {
        if !phones.contains(&Which::Second) || self.plan.second_phone {
            return Ok(());
        }
        let help = "the scenario has one phone: write  Given a second phone";
        Err(self.stop(StepFailure::Setup(help.to_owned())))
    }

    /// For what a node or the far end does to *the* phone: two phones have one user, and whoever registered last
    /// would be taken for it.
    ///
    /// # Errors
    /// There is a second phone.
    pub fn the_only_phone(&mut self) -> StepResult {
        if !self.plan.second_phone {
            return Ok(());
        }
        let help = "a scenario with a second phone cannot say which of the two this is for: \
                    write it with one phone";
        Err(self.stop(StepFailure::Setup(help.to_owned())))
    }

    /// Waits for something of the phone on which the rest of the scenario rests.
    ///
    /// # Errors
    /// It does not come to pass: nothing more can be judged.
    pub async fn require(&mut self, expectation: Expectation) -> StepResult {
        self.require_of(Which::First, expectation).await
    }

    /// As [`World::require`], of either phone.
    ///
    /// # Errors
    /// As there.
    pub async fn require_of(&mut self, which: Which, expectation: Expectation) -> StepResult {
        self.check_phones(&[which])?;
        self.check_nodes(&expectation)?;
        self.lab().await?;
        let expected = self.expectation(expectation);
        let progress = self.progress.clone();
        let lab = self.lab().await?;
        let finding =
            decide(lab, which, &expected, progress.as_ref()).await.map_err(|failure| self.stop(failure))?;
        if matches!(finding.verdict, Verdict::Pass | Verdict::Warn) {
            return Ok(());
        }
        let precondition = format!("{}: {}", self.text, finding.seen);
        Err(self.unmet(precondition).await)
    }

    /// Waits until the farm has done something that the rest of the scenario rests on.
    ///
    /// # Errors
    /// The farm has not done it: a fault of ours or of the scenario, never of the phone.
    pub async fn await_farm<T>(
        &mut self,
        what: &str,
        seen: impl FnMut(&sipfarm_judge::Timeline, Instant) -> Option<T>,
    ) -> Result<T, StepFailure> {
        let limit = self.lab().await?.now() + FARM_PATIENCE;
        self.await_farm_until(limit, what, seen).await
    }

    /// As [`World::await_farm`], for what the farm takes its time with: so long after the last trigger at
    /// most.
    ///
    /// # Errors
    /// As there.
    pub async fn await_farm_within<T>(
        &mut self,
        within: Span,
        what: &str,
        seen: impl FnMut(&sipfarm_judge::Timeline, Instant) -> Option<T>,
    ) -> Result<T, StepFailure> {
        self.lab().await?;
        self.await_farm_until(self.since + within, what, seen).await
    }

    async fn await_farm_until<T>(
        &mut self,
        limit: Instant,
        what: &str,
        mut seen: impl FnMut(&sipfarm_judge::Timeline, Instant) -> Option<T>,
    ) -> Result<T, StepFailure> {
        let since = self.since;
        let lab = self.lab().await?;
        let found = lab
            .watch(|timeline, now| match seen(timeline, since) {
                Some(found) => Look::Done(Some(found)),
                None if now >= limit => Look::Done(None),
                // What makes no packet is taken note of when somebody looks.
                None => Look::Until(limit.min(now + FARM_LOOK)),
            })
            .await;
        match found.map_err(|failure| self.stop(failure))? {
            Some(found) => Ok(found),
            None => {
                let precondition = format!("{what}: not until {} after the trigger", limit - since);
                Err(self.unmet(precondition).await)
            }
        }
    }

    fn expectation(&self, expectation: Expectation) -> mark::Expected {
        mark::Expected {
            id: self.expected,
            text: self.text.clone(),
            line: self.line,
            since: self.since,
            since_line: self.since_line,
            expectation,
        }
    }

    /// Only what a phone has in its list can it be expected to try.
    async fn check_servers(&mut self, expectation: &Expectation) -> StepResult {
        let order = self.lab().await?.profile().servers.order.clone();
        let stranger =
            expectation.nodes().into_iter().find(|node| !order.iter().any(|server| server == node));
        match (expectation, stranger) {
            (Expectation::SendsNothing { .. }, _) | (_, None) => Ok(()),
            (_, Some(node)) => {
                let problem = format!(
                    "the phone does not know \"{node}\": its profile has servers.order: [{}]",
                    order.join(", ")
                );
                if !self.phone_was_chosen() {
                    return Err(self.stop(StepFailure::Setup(problem)));
                }
                let command = format!("use \"{node}\"");
                self.lab().await?.mark(Mark::CommandFailed { command, reason: problem.clone() });
                Err(self.stop(StepFailure::NotExercised(problem)))
            }
        }
    }

    fn check_nodes(&mut self, expectation: &Expectation) -> StepResult {
        for node in expectation.nodes() {
            if let Err(failure) = self.plan.check_node(node) {
                return Err(self.stop(failure));
            }
        }
        Ok(())
    }
}

/// Waits until an expectation is decided, and says for what: once, and on a real clock again with every message.
async fn decide(
    lab: &mut Lab,
    which: Which,
    expected: &mark::Expected,
    progress: Option<&Progress>,
) -> Result<Finding, StepFailure> {
    let (profile, phone) = (lab.profile().clone(), lab.phone_name());
    let (begun, real) = (lab.begun(), lab.is_real());
    let mut told: Option<Option<LastMessage>> = None;
    lab.watch(|timeline, now| {
        let finding = judge_one_of(which, timeline, &profile, expected, now);
        let (Verdict::Pending, Some(until)) = (finding.verdict, finding.until) else {
            return Look::Done(finding);
        };
        if let (true, Some(progress)) = (told.is_none() || real, progress) {
            let last = last_message(timeline, begun);
            if told.as_ref() != Some(&last) {
                told = Some(last.clone());
                progress(Waiting {
                    phone: phone.clone(),
                    what: expected.text.clone(),
                    elapsed: now - begun,
                    window: Some(until - begun),
                    last,
                    faults: faults(timeline),
                });
            }
        }
        Look::Until(until)
    })
    .await
}
