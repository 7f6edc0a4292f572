//! Asking somebody at the phone what shows there and in no packet.

use sipfarm_core::Fact;
use sipfarm_judge::mark::Expected;
use sipfarm_judge::{Expectation, Mark};

use super::lab::Lab;
use super::{REACTION, StepFailure, StepResult, World};

impl World {
    /// Expects that something shows at the phone, or does not, and asks. The phone has the time of a person's
    /// reaction to show it.
    ///
    /// # Errors
    /// The finding, when it is not a pass.
    pub async fn expect_to_see(&mut self, fact: Fact, is: bool) -> StepResult {
        self.wait(REACTION).await?;
        self.expect(Expectation::Sees { fact, is }).await
    }
}

/// Asks where an expectation wants to know, and notes what came of it.
///
/// # Errors
/// The phone was lost.
pub(super) async fn ask(lab: &mut Lab, expected: &Expected) -> Result<(), StepFailure> {
    let Expectation::Sees { fact, .. } = &expected.expectation else { return Ok(()) };
    let (by, answer) = lab.ask(fact).await?;
    let fact = fact.clone();
    lab.mark(Mark::Observed { expected: expected.id, fact, answer, by });
    Ok(())
}
