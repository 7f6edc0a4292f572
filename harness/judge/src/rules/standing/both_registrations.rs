//! A phone that registers with its first server and with its fallback at once sends both REGISTERs
//! within two seconds of each other (YL-18). What becomes of either is another rule's business.

use sipfarm_core::{Instant, Key, Span};

use crate::case::{Case, ClientExchange};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// How far apart both may be (YL-18).
const TOGETHER: Span = Span::from_secs(2);

/// See the module.
pub struct BothRegistrations;

impl Rule for BothRegistrations {
    fn id(&self) -> &'static str {
        "both-registrations"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["YL-18", "YL-25"]
    }

    fn about(&self) -> &'static str {
        "Told to register, the phone does so with its first server and with its fallback within 2 s."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.registers_with_both() {
            return docket.close();
        }
        let told: Vec<Instant> = registers(case).collect();
        for (place, &at) in told.iter().enumerate() {
            let until = told.get(place + 1).copied().unwrap_or(Instant::FAR_FUTURE);
            let sets = case.sets();
            let tries: Vec<Option<Try<'_>>> =
                sets.iter().map(|set| first_try(case, set, at, until)).collect();
            let Some(first) = tries.iter().flatten().map(|found| found.at).min() else { continue };
            let window = Window { from: first, to: first + TOGETHER + case.limits.grace() };
            let together = |found: &Try<'_>| found.at <= window.to;
            if tries.iter().all(|found| found.as_ref().is_some_and(together)) {
                tries.iter().flatten().for_each(|found| docket.kept(found.packets));
                continue;
            }
            for (set, found) in sets.iter().zip(&tries) {
                match found {
                    Some(found) if together(found) => {}
                    _ if case.horizon <= window.to
                        || until <= window.to
                        || case.interrupted(at, window.to) => {}
                    _ => {
                        let server = case.names.show_node(&case.names.order()[set.start]);
                        let draft = docket.draft(format!("REGISTER to {server}, together with the other"));
                        let draft = tries.iter().flatten().fold(draft.window(window), |draft, found| {
                            draft.packets(found.packets, found.at)
                        });
                        let draft = match found {
                            Some(found) => draft.seen(format!("{:.2} after the other", found.at - first)),
                            None => draft.absent("none"),
                        };
                        docket.add(draft.fail_unless_lossy("a REGISTER may have been lost"));
                    }
                }
            }
        }
        docket.close()
    }
}

/// When the phone was told to register, or to start.
fn registers(case: &Case<'_>) -> impl Iterator<Item = Instant> {
    case.notes.when_commanded(|key| matches!(key, Key::Register | Key::Reboot))
}

/// The phone's first sign of a registration with the servers of a group.
struct Try<'a> {
    at: Instant,
    packets: &'a [u32],
}

fn first_try<'a>(
    case: &Case<'a>,
    set: &std::ops::Range<usize>,
    from: Instant,
    until: Instant,
) -> Option<Try<'a>> {
    let in_set = |exchange: &ClientExchange<'_>| case.place_of(exchange).is_some_and(|p| set.contains(&p));
    let requests = case.registrations.iter().filter(|registration| registration.purpose.is_attempt());
    let requests = requests.map(|registration| &case.client[registration.exchange]).filter(|e| in_set(e));
    let requests = requests.map(|e| Try { at: e.t0(), packets: e.first().packets });
    // Over TCP a try may end before there is any SIP.
    let connects = case.connects.iter().filter(|connect| {
        let place = case.names.place(connect.to, sipfarm_core::machine::Transport::Tcp);
        place.is_some_and(|place| set.contains(&place))
    });
    let connects = connects
        .filter_map(|connect| Some(Try { at: connect.at, packets: connect.packets.first().copied()? }));
    requests.chain(connects).filter(|found| found.at >= from && found.at < until).min_by_key(|found| found.at)
}
