//! Files made by hand, field by field, as the drafts of pcap and pcapng describe them.
#![allow(clippy::unwrap_used)]

use super::super::frames::datagram;
use super::source::MAX_OCTETS;
use super::*;

const MESSAGE: &[u8] = b"OPTIONS sip:primary SIP/2.0\r\nContent-Length: 0\r\n\r\n";
/// 2026-09-21T14:13:20Z and 123456789 ns.
const SECONDS: u64 = 1_790_000_000;
const NANOS: u64 = 123_456_789;

fn packet() -> Vec<u8> {
    datagram(0, "127.0.1.1:5060", "127.0.1.2:5060", MESSAGE).data
}

fn read_octets(file: &[u8]) -> Recording {
    read_from(file).unwrap()
}

/// The times of the SIP messages, in nanoseconds.
fn times(recording: &Recording) -> Vec<i64> {
    recording.timeline.sip().map(|(event, _)| event.at.as_nanos()).collect()
}

fn troubles(recording: &Recording) -> usize {
    recording.timeline.marks().filter(|(_, mark)| matches!(mark, Mark::Trouble { .. })).count()
}

/// Writes numbers in one order of octets or the other.
#[derive(Clone, Copy)]
struct Made {
    big: bool,
}

const LITTLE: Made = Made { big: false };
const BIG: Made = Made { big: true };

impl Made {
    fn number<const N: usize>(self, little: [u8; N]) -> Vec<u8> {
        let mut octets = little.to_vec();
        if self.big {
            octets.reverse();
        }
        octets
    }
    fn u16(self, value: u16) -> Vec<u8> {
        self.number(value.to_le_bytes())
    }
    fn u32(self, value: u32) -> Vec<u8> {
        self.number(value.to_le_bytes())
    }
    fn u64(self, value: u64) -> Vec<u8> {
        self.number(value.to_le_bytes())
    }

    fn block(self, kind: u32, body: &[Vec<u8>]) -> Vec<u8> {
        let mut body = body.concat();
        body.resize(body.len().next_multiple_of(4), 0);
        let octets = self.u32(body.len() as u32 + 12);
        [self.u32(kind), octets.clone(), body, octets].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut padded = value.to_vec();
        padded.resize(value.len().next_multiple_of(4), 0);
        [self.u16(code), self.u16(value.len() as u16), padded].concat()
    }

    fn section(self) -> Vec<u8> {
        let head = [self.u32(0x1a2b_3c4d), self.u16(1), self.u16(0), self.u64(u64::MAX)];
        self.block(0x0a0d_0d0a, &head)
    }

    fn interface(self, link: u16, options: &[Vec<u8>]) -> Vec<u8> {
        self.block(1, &[self.u16(link), self.u16(0), self.u32(0), options.concat()])
    }

    fn enhanced(self, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
        let octets = self.u32(data.len() as u32);
        let (high, low) = (self.u32((ticks >> 32) as u32), self.u32(ticks as u32));
        self.block(6, &[self.u32(interface), high, low, octets.clone(), octets, data.to_vec()])
    }

    fn pcap(self, magic: u32, fraction: u32, data: &[u8]) -> Vec<u8> {
        let header = [self.u32(magic), self.u16(2), self.u16(4), self.u32(0), self.u32(0)].concat();
        let octets = self.u32(data.len() as u32);
        let record = [self.u32(SECONDS as u32), self.u32(fraction), octets.clone(), octets].concat();
        [header, self.u32(65535), self.u32(1), record, data.to_vec()].concat()
    }
}

#[test]
fn pcapng_with_any_resolution_of_time() {
    let nanos = (SECONDS * 1_000_000_000 + NANOS) as i64;
    let cases: [(Option<u8>, u64, i64); 6] = [
        (None, SECONDS * 1_000_000 + 123_456, nanos - 789), // microseconds unless it says otherwise
        (Some(3), SECONDS * 1_000 + 123, nanos - 456_789),
        (Some(9), nanos as u64, nanos),
        (Some(10), nanos as u64 * 10 + 7, nanos),
        (Some(0x80), SECONDS, SECONDS as i64 * 1_000_000_000),
        (Some(0x80 | 1), SECONDS * 2 + 1, SECONDS as i64 * 1_000_000_000 + 500_000_000),
    ];
    for made in [LITTLE, BIG] {
        for (resolution, ticks, expected) in cases {
            let options: Vec<_> = resolution.iter().map(|octet| made.option(9, &[*octet])).collect();
            let file =
                [made.section(), made.interface(1, &options), made.enhanced(0, ticks, &packet())].concat();
            assert_eq!(times(&read_octets(&file)), [expected], "if_tsresol {resolution:?}");
        }
    }
}

#[test]
fn resolutions_beyond_reason_are_no_overflow() {
    for resolution in [38, 47, 48, 127, 0x80 | 64, 0x80 | 127] {
        let file = [
            LITTLE.section(),
            LITTLE.interface(1, &[LITTLE.option(9, &[resolution])]),
            LITTLE.enhanced(0, u64::MAX, &packet()),
        ];
        assert_eq!(times(&read_octets(&file.concat())).len(), 1);
    }
}

#[test]
fn offset_of_time_counts() {
    let options = [LITTLE.option(9, &[0]), LITTLE.option(14, &LITTLE.u64(SECONDS))];
    let file = [LITTLE.section(), LITTLE.interface(1, &options), LITTLE.enhanced(0, 1, &packet())];
    assert_eq!(times(&read_octets(&file.concat())), [(SECONDS as i64 + 1) * 1_000_000_000]);
}

#[test]
fn interfaces_and_sections_count_anew_and_packets_go_on() {
    let raw = &packet()[14..];
    let file = [
        LITTLE.section(),
        LITTLE.interface(1, &[]),
        LITTLE.interface(101, &[LITTLE.option(9, &[9])]),
        LITTLE.enhanced(1, 2_000, raw),
        LITTLE.enhanced(0, 1, &packet()),
        BIG.section(),
        BIG.interface(101, &[BIG.option(9, &[9])]),
        BIG.enhanced(0, 3_000, raw),
    ];
    let recording = read_octets(&file.concat());
    assert_eq!(times(&recording), [1_000, 2_000, 3_000]);
    let numbers: Vec<_> = recording.timeline.sip().map(|(event, _)| event.packets[0]).collect();
    assert_eq!((numbers, recording.packets), (vec![2, 1, 3], 3));
    assert_eq!(recording.notes, []);
}

#[test]
fn old_and_simple_packet_blocks_and_blocks_that_only_count() {
    let octets = LITTLE.u32(packet().len() as u32);
    let obsolete = [LITTLE.u16(0), LITTLE.u16(7), LITTLE.u32(0), LITTLE.u32(5)];
    let file = [
        LITTLE.section(),
        LITTLE.interface(1, &[]),
        LITTLE.block(2, &[obsolete.concat(), octets.clone(), octets.clone(), packet()]),
        LITTLE.block(0x0bad, &[LITTLE.u32(1)]),
        LITTLE.block(9, &[b"A=b\n".to_vec()]),
        LITTLE.block(0x77, &[b"of somebody".to_vec()]),
        LITTLE.block(3, &[octets, packet()]),
    ];
    let recording = read_octets(&file.concat());
    assert_eq!(times(&recording), [5_000, 5_000], "the second has no time of its own");
    assert_eq!((recording.packets, recording.notes.len()), (4, 2));
    assert_eq!(recording.timeline.marks().count(), 1, "nothing is certain that rests on time");
}

#[test]
fn times_that_say_nothing_are_trouble_and_cut_packets_are_told() {
    let trouble = |recording: &Recording| {
        let marks = recording.timeline.marks();
        marks.filter(|(_, mark)| matches!(mark, Mark::Trouble { since: Some(_), .. })).count()
    };
    let of = |resolution: u8, ticks: &[u64]| {
        let mut file = vec![LITTLE.section(), LITTLE.interface(1, &[LITTLE.option(9, &[resolution])])];
        file.extend(ticks.iter().map(|ticks| LITTLE.enhanced(0, *ticks, &packet())));
        trouble(&read_octets(&file.concat()))
    };
    assert_eq!(of(0, &[1, 2]), 1, "seconds");
    assert_eq!(of(0x80 | 5, &[1, 2]), 1, "a 32nd of a second");
    assert_eq!(of(3, &[1, 2]), 0, "milliseconds do");
    assert_eq!(of(6, &[0; 9]), 1, "many at once");
    assert_eq!(of(6, &[0; 3]), 0, "few may be");
    let (kept, whole) = (LITTLE.u32(20), LITTLE.u32(500));
    let head = [LITTLE.u32(0), LITTLE.u32(0), LITTLE.u32(7), kept, whole].concat();
    let file =
        [LITTLE.section(), LITTLE.interface(1, &[]), LITTLE.block(6, &[head, packet()[..20].to_vec()])];
    let notes = read_octets(&file.concat()).notes;
    assert!(notes[0].what.contains("1 packets are cut, the first is packet 1"), "{notes:?}");
}

#[test]
fn pcap_in_both_orders_and_resolutions() {
    let seconds = SECONDS as i64 * 1_000_000_000;
    for made in [LITTLE, BIG] {
        let micros = made.pcap(0xa1b2_c3d4, 123_456, &packet());
        assert_eq!(times(&read_octets(&micros)), [seconds + 123_456_000]);
        let nanos = made.pcap(0xa1b2_3c4d, 123_456_789, &packet());
        assert_eq!(times(&read_octets(&nanos)), [seconds + 123_456_789]);
    }
}

#[test]
fn a_file_cut_anywhere_keeps_what_was_whole_and_says_so() {
    let header = [LITTLE.section(), LITTLE.interface(1, &[])].concat();
    let packets: Vec<_> = (0..3).map(|at| LITTLE.enhanced(0, at, &packet())).collect();
    let file = [header.clone(), packets.concat()].concat();
    let starts: Vec<_> = (0..3).map(|n| header.len() + n * packets[0].len()).collect();
    for cut in header.len()..file.len() {
        let recording = read_octets(&file[..cut]);
        let whole = starts.iter().filter(|start| **start + packets[0].len() <= cut).count();
        assert_eq!(recording.packets as usize, whole, "cut at {cut}");
        let notes = usize::from(!starts.contains(&cut));
        assert_eq!((recording.notes.len(), troubles(&recording)), (notes, notes), "cut at {cut}");
    }
}

#[test]
fn damage_further_on_is_noted_with_its_place() {
    let good = [LITTLE.section(), LITTLE.interface(1, &[]), LITTLE.enhanced(0, 1, &packet())].concat();
    let unknown_interface = LITTLE.enhanced(7, 1, &packet());
    let mut wrong_trailer = LITTLE.enhanced(0, 1, &packet());
    let end = wrong_trailer.len();
    wrong_trailer[end - 4] ^= 4;
    let endless = [LITTLE.u32(6), LITTLE.u32(u32::MAX - 3)].concat();
    let garbage = b"what is this doing here?".to_vec();
    for damage in [unknown_interface, wrong_trailer, endless, garbage] {
        let recording = read_octets(&[good.clone(), damage].concat());
        assert_eq!((recording.packets, times(&recording)), (1, vec![1_000]));
        assert_eq!(recording.notes.len(), 1);
        assert_eq!(recording.notes[0].offset, good.len() as u64, "{}", recording.notes[0]);
        assert_eq!(troubles(&recording), 1);
    }
}

#[test]
fn what_is_no_capture_is_an_error_with_its_place() {
    let error = |file: &[u8]| match read_from(file) {
        Err(Stop::Damage(note)) => note.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(error(b"GIF89a"), "it begins with [47, 49, 46, 38] (octet 0 of the file)");
    assert_eq!(error(b""), "the file ends within the file header (octet 0 of the file)");
    assert!(error(&[0x1f, 0x8b, 8, 0]).starts_with("it is compressed with gzip"));
    let mut bad_order = LITTLE.section();
    bad_order[8] = 0;
    assert_eq!(error(&bad_order), "no byte-order magic in a section header (octet 8 of the file)");
}

#[test]
fn packets_that_the_capturing_host_lost_are_trouble() {
    let statistics = LITTLE.block(5, &[LITTLE.u32(0), LITTLE.u64(0), LITTLE.option(5, &LITTLE.u64(3))]);
    let file = [LITTLE.section(), LITTLE.interface(1, &[]), LITTLE.enhanced(0, 1, &packet()), statistics];
    let recording = read_octets(&file.concat());
    assert_eq!(recording.notes[0].what, "3 packets were lost while capturing");
    assert_eq!(troubles(&recording), 1);
}

/// The longest block is read whole; the next longer one ends the reading there, without its memory.
#[test]
fn a_block_may_have_so_many_octets_and_not_one_word_more() {
    let head = [LITTLE.section(), LITTLE.interface(1, &[]), LITTLE.enhanced(0, 1, &packet())].concat();
    let with = |octets: usize| {
        let custom = LITTLE.block(0x77, &[vec![b'x'; octets]]);
        read_octets(&[head.clone(), custom, LITTLE.enhanced(0, 2, &packet())].concat())
    };
    let longest = with(MAX_OCTETS);
    assert_eq!((times(&longest), longest.notes), (vec![1_000, 2_000], vec![]));
    let longer = with(MAX_OCTETS + 4);
    assert_eq!((times(&longer), troubles(&longer)), (vec![1_000], 1));
    assert_eq!((longer.notes.len(), longer.notes[0].offset), (1, head.len() as u64));
    assert_eq!(longer.notes[0].what, format!("a block of {} octets", MAX_OCTETS + 16));
}

#[test]
fn a_packet_of_the_older_format_may_be_no_longer_either() {
    let with = |octets: usize| read_octets(&LITTLE.pcap(0xa1b2_3c4d, 0, &vec![0; octets]));
    let (longest, longer) = (with(MAX_OCTETS), with(MAX_OCTETS + 1));
    assert_eq!((longest.packets, longest.notes), (1, vec![]));
    assert_eq!((longer.packets, troubles(&longer)), (0, 1));
    assert_eq!((longer.notes[0].offset, &*longer.notes[0].what), (24, "a packet of 16777217 octets"));
}

#[test]
fn a_file_that_is_more_than_fits_in_memory_is_trouble_from_there_on() {
    let packets = (0..20).map(|at| LITTLE.enhanced(0, at, &packet()));
    let file = [vec![LITTLE.section(), LITTLE.interface(1, &[])], packets.collect()].concat().concat();
    let limit = Limit::new(10 * (256 + MESSAGE.len()));
    let recording = collect(&*file, Collector { limit, ..Collector::default() }).unwrap();
    assert_eq!((recording.packets, recording.timeline.sip().count()), (20, 10));
    let notes: Vec<&str> = recording.notes.iter().map(|note| &*note.what).collect();
    assert_eq!(notes, ["more than fits in memory from packet 11 on"]);
    let from = |(at, mark): (Instant, &Mark)| matches!(mark, Mark::Trouble { since: None, .. }).then_some(at);
    let troubles: Vec<_> = recording.timeline.marks().filter_map(from).collect();
    assert_eq!(troubles, [Instant::from_nanos(10_000)], "all that is judged from later packets is in doubt");
}
