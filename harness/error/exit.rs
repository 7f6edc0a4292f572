//! The process's exit codes, and which of them wins.

use serde::{Deserialize, Serialize};

/// How a command ended, for whoever called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// 0: all selected scenarios passed; known issues and warnings are allowed.
    Passed,
    /// 1: at least one finding against the phone.
    Finding,
    /// 2: the command line, a configuration or a feature file is wrong.
    Usage,
    /// 3: nothing was selected, or nothing of it applies to this phone.
    NothingSelected,
    /// 4: no failure, but something could not be judged.
    Inconclusive,
    /// 5: the lab is not fit.
    LabUnfit,
    /// 6: a known issue passed; the profile is out of date.
    KnownIssuePassed,
    /// 70: a bug of ours.
    Bug,
    /// 130: interrupted; the bundle is complete up to that point.
    Interrupted,
}

impl Exit {
    /// All of them, the one that wins over all others first. A bug of ours makes every other
    /// verdict doubtful; an interrupted run proves neither success nor the whole of a failure; and an
    /// author's slip that shows itself in mid-run must not hide what was found against the phone.
    pub const BY_PRECEDENCE: [Exit; 9] = [
        Exit::Bug,
        Exit::Interrupted,
        Exit::LabUnfit,
        Exit::Finding,
        Exit::Usage,
        Exit::NothingSelected,
        Exit::Inconclusive,
        Exit::KnownIssuePassed,
        Exit::Passed,
    ];

    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Passed => 0,
            Exit::Finding => 1,
            Exit::Usage => 2,
            Exit::NothingSelected => 3,
            Exit::Inconclusive => 4,
            Exit::LabUnfit => 5,
            Exit::KnownIssuePassed => 6,
            Exit::Bug => 70,
            Exit::Interrupted => 130,
        }
    }

    /// The one that wins.
    pub fn or(self, other: Exit) -> Exit {
        let rank = |exit| Exit::BY_PRECEDENCE.iter().position(|e| *e == exit);
        if rank(other) < rank(self) { other } else { self }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_code_wins_both_ways_round() {
        let by_number = [70, 130, 5, 1, 2, 3, 4, 6, 0];
        assert_eq!(Exit::BY_PRECEDENCE.map(Exit::code), by_number);
        for (at, winner) in Exit::BY_PRECEDENCE.into_iter().enumerate() {
            for loser in Exit::BY_PRECEDENCE.into_iter().skip(at) {
                assert_eq!(
                    (winner.or(loser), loser.or(winner)),
                    (winner, winner),
                    "{winner:?} over {loser:?}"
                );
            }
        }
    }

    #[test]
    fn the_numbers_are_those_that_scripts_rely_on() {
        let mut codes: Vec<u8> = Exit::BY_PRECEDENCE.iter().map(|e| e.code()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 70, 130]);
    }
}
