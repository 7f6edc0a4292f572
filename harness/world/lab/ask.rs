//! Who is asked what shows at the phone.

use sipfarm_core::{Answer, Fact};
use sipfarm_judge::mark::Witness;

use super::{Lab, StepFailure};

impl Lab {
    /// Asks whoever is at the phone: the reference phone knows of itself.
    ///
    /// # Errors
    /// The phone is lost.
    pub async fn ask(&mut self, fact: &Fact) -> Result<(Witness, Answer), StepFailure> {
        tracing::debug!(%fact, "somebody at the phone is asked");
        let by = if self.phone.answers_itself() { Witness::ReferencePhone } else { Witness::Person };
        match self.phone.ask(&mut self.bench, fact.clone()).await {
            Ok(answer) => Ok((by, answer)),
            Err(lost) => Err(self.lose(lost)),
        }
    }
}
