//! What the judge says of packets, as comments on them in a capture that is written already: findings are
//! known only when the scenario is over.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use sipfarm_core::Instant;
use sipfarm_judge::{Finding, Verdict};

use super::blocks::{broken, next, word};
use super::write::{ENHANCED_PACKET, shortened};

/// The type of a comment among the options of a block, and of the end of them.
const OPT_COMMENT: u16 = 1;
const OPT_END: [u8; 4] = [0; 4];
/// The octets of an enhanced packet block before the packet, after its type and length.
const BEFORE_PACKET: usize = 20;
/// Comments on one packet; nobody reads on.
const MAX_COMMENTS: usize = 16;

/// Comments by the number of the packet that they stand at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comments(BTreeMap<u32, Vec<String>>);

impl Comments {
    /// A comment on each packet that a finding names: the verdict with its rule, what was allowed when, in
    /// seconds from `begun`, the time of the first packet; and where the finding is no pass, on those that
    /// came near.
    pub fn of(findings: &[Finding], begun: Instant) -> Comments {
        let mut comments = Comments::default();
        let judged = |finding: &&Finding| {
            !matches!(finding.verdict, Verdict::NotApplicable | Verdict::NotExercised | Verdict::Pending)
        };
        for finding in findings.iter().filter(judged) {
            let words = words(finding, begun);
            for packet in &finding.packets {
                comments.add(*packet, words.clone());
            }
            if finding.verdict != Verdict::Pass {
                for near in &finding.nearest {
                    let why = format!("came near, {}: {}; {}", rule(finding), near.what, near.why);
                    comments.add(near.packet, why);
                }
            }
        }
        comments
    }

    /// Adds what stands there not yet.
    fn add(&mut self, packet: u32, words: String) {
        let there = self.0.entry(packet).or_default();
        if there.len() < MAX_COMMENTS && !there.contains(&words) {
            there.push(words);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Copies a capture of `super::write::Writer` and puts the comments in. Nothing else changes: packets
    /// keep their numbers.
    ///
    /// # Errors
    /// It cannot be read or written, or ends within a block.
    pub fn put_into(&self, mut capture: impl Read, mut copy: impl Write) -> io::Result<()> {
        let mut packet = 0;
        let mut block = Vec::new();
        while next(&mut capture, &mut block)? {
            if word(&block, 0) == Some(ENHANCED_PACKET) {
                packet += 1;
                if let Some(comments) = self.0.get(&packet) {
                    append(&mut block, comments).ok_or_else(|| broken("an enhanced packet block"))?;
                }
            }
            copy.write_all(&block)?;
        }
        Ok(())
    }
}

/// A finding in a line, with its window as Wireshark counts time.
fn words(finding: &Finding, begun: Instant) -> String {
    let mut words = format!("{}: {}: {}", finding.verdict, rule(finding), finding.expectation());
    if let Some(window) = finding.window {
        let (from, to) = (window.from - begun, window.to - begun);
        let kind = finding.window_kind;
        words += &format!("; {kind} from {from:.3} to {to:.3} of the capture");
    }
    if finding.verdict != Verdict::Pass && !finding.seen.is_empty() {
        words += &format!("; seen: {}", finding.seen);
    }
    words
}

/// The rule with its requirements.
fn rule(finding: &Finding) -> String {
    match finding.requirements.as_slice() {
        [] => finding.rule.clone(),
        ids => format!("{} ({})", finding.rule, ids.join(", ")),
    }
}

/// Appends comments to the options of an enhanced packet block.
fn append(block: &mut Vec<u8>, comments: &[String]) -> Option<()> {
    let packet_octets = usize::try_from(word(block, 20)?).ok()?;
    let options = 8 + BEFORE_PACKET + packet_octets.next_multiple_of(4);
    let mut end = block.len().checked_sub(4).filter(|end| *end >= options)?;
    if end > options {
        // Behind the options there is their end, which moves.
        end -= OPT_END.len();
    }
    block.truncate(end);
    for comment in comments {
        let text = shortened(comment).as_bytes();
        block.extend_from_slice(&OPT_COMMENT.to_le_bytes());
        block.extend_from_slice(&(text.len() as u16).to_le_bytes());
        block.extend_from_slice(text);
        block.resize(block.len().next_multiple_of(4), 0);
    }
    block.extend_from_slice(&OPT_END);
    let octets = u32::try_from(block.len() + 4).ok()?.to_le_bytes();
    block.extend_from_slice(&octets);
    block.get_mut(4..8)?.copy_from_slice(&octets);
    Some(())
}
