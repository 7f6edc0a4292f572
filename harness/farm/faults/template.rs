//! `template count=2` loses the first two messages in its scope: say here what the fault does, and what of a phone it
//! puts to the test.

use super::declare::{Count, fault};
use super::{Action, Rule, Seen};

fault! {
    /// Loses the first messages in its scope.
    pub struct Template = "template", acts on Messages {
        /// how many are lost
        count: Count = "1",
    }
    state {
        /// How many were lost so far.
        lost: u32,
    }
}

impl Rule for Template {
    fn see(&mut self, _: &Seen<'_>) -> Option<Action> {
        let loses = self.lost < self.count.0;
        self.lost += u32::from(loses);
        loses.then_some(Action::Drop)
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, register};

    /// The CSeq numbers of the answers to three REGISTERs.
    fn answered(lab: &mut Lab) -> Vec<u32> {
        for n in 1..=3 {
            lab.say(&register(n));
            lab.run_ms(100);
        }
        lab.heard().iter().filter_map(|response| Some(response.cseq()?.number)).collect()
    }

    #[test]
    fn it_loses_as_many_as_it_says_and_no_more() {
        let mut lab = Lab::new();
        lab.fault_on("template count=2 direction=in");
        assert_eq!(answered(&mut lab), [3]);
    }

    #[test]
    fn it_leaves_alone_what_is_not_in_its_scope_and_it_ends() {
        let mut lab = Lab::new();
        lab.fault_on("template count=2 method=INVITE");
        assert_eq!(answered(&mut lab), [1, 2, 3]);
        let mut lab = Lab::new();
        lab.fault_on("template count=2 direction=in");
        lab.fault_off("template");
        assert_eq!(answered(&mut lab), [1, 2, 3]);
    }
}
