//! Random situations on a line, and a call that comes: the phone and an oracle of a few lines agree on who falls
//! (PA-06 to PA-08).

use crate::common::*;
use proptest::prelude::*;
use sipfarm_core::profile::{PreemptState, Profile, Tie};

const LEVELS: [&str; 5] = ["routine", "priority", "immediate", "flash", "flash-override"];
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// What happens to a call before the one that counts comes.
#[derive(Debug, Clone)]
struct Story {
    level: Option<usize>,
    /// How long after the one before it comes, in seconds.
    after: u32,
    /// When it is answered, in the order of these numbers; `None`: it rings on.
    answered: Option<u32>,
}

#[derive(Debug, Clone)]
struct Situation {
    stories: Vec<Story>,
    free: u8,
    last_is_held: bool,
    new: usize,
    order: Vec<PreemptState>,
    ties: [Tie; 3],
}

/// A call as the oracle sees it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    level: usize,
    state: PreemptState,
    created: f64,
    since: f64,
}

fn situations() -> impl Strategy<Value = Situation> {
    let story = (proptest::option::of(0..LEVELS.len()), 1..20u32, proptest::option::of(any::<u32>()));
    let story = story.prop_map(|(level, after, answered)| Story { level, after, answered });
    let tie = || prop::sample::select(vec![Tie::Newest, Tie::Oldest, Tie::Shortest, Tie::Longest]);
    let order = Just(vec![PreemptState::Alerting, PreemptState::Held, PreemptState::Active]).prop_shuffle();
    let free = prop_oneof![4 => Just(0u8), 1 => 1..3u8];
    (
        prop::collection::vec(story, 1..=NAMES.len()),
        free,
        any::<bool>(),
        0..LEVELS.len(),
        order,
        [tie(), tie(), tie()],
    )
        .prop_map(|(stories, free, last_is_held, new, order, ties)| Situation {
            stories,
            free,
            last_is_held,
            new,
            order,
            ties,
        })
}

/// Brings the line into the situation, and tells what is there.
fn arrange(bench: &mut Bench, situation: &Situation) -> Vec<Seen> {
    let mut seen = Vec::new();
    for (name, story) in NAMES.iter().zip(&situation.stories) {
        bench.run(story.after.into());
        let value = story.level.map(|level| format!("dsn.{}", LEVELS[level]));
        let field = value.as_deref().map(|value| ("Resource-Priority", value));
        bench.ring(name, "1001", field.as_slice());
        let (level, at) = (story.level.unwrap_or(0), bench.time());
        seen.push(Seen { level, state: PreemptState::Alerting, created: at, since: at });
    }
    let mut answers: Vec<(u32, usize)> =
        situation.stories.iter().enumerate().filter_map(|(at, story)| Some((story.answered?, at))).collect();
    answers.sort();
    let mut active: Option<usize> = None;
    for (number, at) in answers {
        bench.run(f64::from(1 + number % 20));
        bench.tell(|phone, now| {
            phone.select(NAMES[at]).unwrap();
            phone.answer(now).unwrap();
        });
        bench.acknowledge(NAMES[at]);
        if let Some(before) = active.replace(at) {
            (seen[before].state, seen[before].since) = (PreemptState::Held, bench.time());
        }
        (seen[at].state, seen[at].since) = (PreemptState::Active, bench.time());
    }
    bench.run(3.0);
    if let Some(last) = active.filter(|_| situation.last_is_held) {
        bench.tell(|phone, now| phone.hold(true, now)).unwrap();
        (seen[last].state, seen[last].since) = (PreemptState::Held, bench.time());
    }
    bench.run(2.0);
    seen
}

/// Who falls.
fn oracle(situation: &Situation, seen: &[Seen]) -> Option<usize> {
    let lowest = seen.iter().map(|call| call.level).min().filter(|lowest| *lowest < situation.new)?;
    let low = || (0..seen.len()).filter(|at| seen[*at].level == lowest);
    let state = situation.order.iter().find(|state| low().any(|at| seen[at].state == **state))?;
    let key = |at: usize| match situation.ties[*state as usize] {
        Tie::Newest | Tie::Any => seen[at].created,
        Tie::Oldest => -seen[at].created,
        Tie::Shortest => seen[at].since,
        Tie::Longest => -seen[at].since,
    };
    low().filter(|at| seen[*at].state == *state).max_by(|a, b| key(*a).total_cmp(&key(*b)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]
    #[test]
    fn the_phone_and_the_oracle_agree_on_who_falls(situation in situations()) {
        let mut profile = Profile::default();
        profile.lines.appearances = situation.stories.len() as u8 + situation.free;
        let mlpp = &mut profile.mlpp;
        (mlpp.enabled, mlpp.namespace) = (true, Some("dsn".to_owned()));
        mlpp.levels = LEVELS.map(str::to_owned).to_vec();
        mlpp.order.clone_from(&situation.order);
        [mlpp.tie.alerting, mlpp.tie.held, mlpp.tie.active] = situation.ties;
        let mut bench = Bench::for_calls(profile);
        let seen = arrange(&mut bench, &situation);
        let before = bench.sent.len();
        bench.ring("new", "1001", &[("Resource-Priority", &format!("dsn.{}", LEVELS[situation.new]))]);
        let victim = oracle(&situation, &seen).filter(|_| situation.free == 0);
        let said: Vec<(String, bool)> = bench.sent[before..]
            .iter()
            .map(|sent| (sent.message.call_id().unwrap().to_owned(), sent.message.preemption().is_some()))
            .collect();
        let mut expected = vec![("new".to_owned(), false)];
        expected.extend(victim.map(|at| (NAMES[at].to_owned(), true)));
        prop_assert_eq!(said, expected);
        let code = if victim.is_some() || situation.free > 0 { "180" } else { "486" };
        prop_assert_eq!(bench.said_of("new"), [code]);
    }
}
