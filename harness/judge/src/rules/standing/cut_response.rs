//! A response in a datagram that ends before the body that its Content-Length says must be discarded (RFC 3261
//! section 18.3): the phone goes on as if it had not come.

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key};

use crate::case::{Case, ClientExchange, SeenRef, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct CutResponse;

impl Rule for CutResponse {
    fn id(&self) -> &'static str {
        "cut-response"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 18.3"]
    }

    fn about(&self) -> &'static str {
        "A response that was cut short counts for nothing: it is neither acted on nor does it end repetitions."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for (at, exchange) in case.client.iter().enumerate() {
            // What comes after a response that counts cannot be told from what comes after the cut one.
            let whole =
                exchange.responses.iter().filter(|response| !response.is_cut()).map(|response| response.at);
            let heard = whole.min().unwrap_or(Instant::FAR_FUTURE);
            let cut = exchange.responses.iter().find(|response| response.is_cut() && response.at < heard);
            if let (Transport::Udp, Some(cut)) = (exchange.transport, cut) {
                judge_one(case, &mut docket, at, cut, heard);
            }
        }
        docket.close()
    }
}

/// The exchange at that place, whose first response is `cut` and whose first whole one comes at `heard`.
fn judge_one<'c, 'a>(
    case: &'c Case<'a>,
    docket: &mut Docket<'c, 'a>,
    at: usize,
    cut: &SeenRef<'a>,
    heard: Instant,
) {
    let exchange = &case.client[at];
    let draft = docket.draft(format!("{} as if the response had not come", exchange.what(&case.names)));
    let draft = draft.message(exchange.first()).message(cut);
    if let Some(acted) = acted_on(case, at, cut, heard) {
        let what = acted.method.as_ref().map_or("a request", Method::as_str);
        let seen = format!("{what} (packet {}) for {}, which was cut short", acted.packet(), cut.what());
        return docket
            .add(draft.message(acted).seen(seen).fail_unless_lossy("a whole one may have been lost"));
    }
    if exchange.sends.iter().any(|send| send.at > cut.at + case.limits.reaction() && send.at < heard) {
        return docket.kept(cut.packets);
    }
    let Some(window) = next_send(case, exchange, cut.at) else { return };
    let stopped = case.interrupted(exchange.t0(), window.to)
        || exchange.failures.iter().any(|failure| failure.at <= window.to);
    if heard <= window.to || case.horizon <= window.to || stopped {
        return;
    }
    let seen = format!("no repetition after {} (packet {}), which was cut short", cut.what(), cut.packet());
    docket.add(draft.window(window).absent(seen).fail_unless_lossy("a repetition may have been lost"));
}

/// What the phone sent that only the response can have led to: the ACK of a final one, or the request once more
/// with what the refusal asked for.
fn acted_on<'c, 'a>(
    case: &'c Case<'a>,
    at: usize,
    cut: &SeenRef<'a>,
    heard: Instant,
) -> Option<&'c SeenRef<'a>> {
    let exchange = &case.client[at];
    if status(cut) < 200 {
        return None;
    }
    let known = |send: &&'c SeenRef<'a>| send.at >= cut.at && send.at < heard;
    let made_good = || {
        let next = (at + 1..case.client.len()).find(|&next| case.makes_good(next) == Some(at))?;
        let next = case.client[next].first();
        // A phone that has credentials may begin anew with them at any time.
        let at_once = next.at <= cut.at + case.limits.at_once();
        let asked = case.notes.commanded(Key::is_for_registration, cut.at, next.at);
        Some(next).filter(|_| at_once && !asked && !case.interrupted(cut.at, next.at))
    };
    exchange.acks.first().filter(known).or_else(|| made_good().filter(known))
}

/// When the request is due once more after a response that counts for nothing, if the phone has to send it:
/// the profile may let it leave the server before.
fn next_send(case: &Case<'_>, exchange: &ClientExchange<'_>, cut: Instant) -> Option<Window> {
    let slots = case.slots_of(exchange);
    let made = exchange.sends.len();
    let due = (made < case.fewest_sends(exchange)).then(|| slots.get(made)).flatten()?;
    let window = case.limits.repetition(exchange.t0(), slots[made - 1], *due);
    (window.from > cut).then_some(window)
}
