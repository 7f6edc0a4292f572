//! A registration rests while a call is preserved: no REGISTER to the server that was lost (AM-15), and
//! none to another (AM-16), until the call has ended (AM-31).

use sipfarm_core::{Instant, Span};

use super::{Failback, Registration};
use crate::core::Core;
use crate::defect::Defect;

impl Registration {
    /// A call is preserved from now on. A REGISTER that is on its way may come to its end.
    pub fn suspend(&mut self, core: &Core) {
        let goes_on = [Defect::ReRegistersWhilePreserved, Defect::FailsOverWhilePreserved];
        self.suspended = !goes_on.into_iter().any(|defect| core.has(defect));
    }

    /// The preserved call has ended: registering begins anew, within the time that the profile says.
    pub fn resume(&mut self, core: &mut Core, now: Instant) {
        if !std::mem::take(&mut self.suspended) || !self.wanted {
            return;
        }
        self.drop_standing(core);
        self.failback = Failback::Never;
        let longest = core.profile().mcp.restart_after_end_s.map(|seconds| Span::from_secs(seconds.into()));
        let pause = self.pause(core);
        // Half of the longest, so that the first REGISTER is there in time.
        let wait = longest.map_or(pause, |longest| pause.min(longest.scale(0.5)));
        self.retry_at = (!core.has(Defect::ForgetsToRecover)).then(|| now + wait);
    }
}
