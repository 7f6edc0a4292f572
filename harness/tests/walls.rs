//! The walls of the house, checked: which room may see which, and that the stones (`core`, `ua`,
//! `judge`) own no clock, socket or thread. ARCHITECTURE.md shows the same arrows as a picture.

#[path = "walls/paths.rs"]
mod paths;
#[path = "support/skip.rs"]
mod skip;
#[path = "walls/skips.rs"]
mod skips;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use paths::paths;

/// Each room, and which others it may see. `run::events` is a part of a room.
const ROOMS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("ua", &["core"]),
    // Never ua: a bug there must not hide in both (promise 2).
    ("judge", &["core"]),
    ("error", &[]),
    ("requirements", &[]),
    ("net", &["core"]),
    ("capture", &["core", "judge"]),
    ("farm", &["core"]),
    // Never farm: the phone is the other side.
    ("phone", &["core", "ua", "net", "error"]),
    ("world", &["core", "ua", "judge", "net", "capture", "farm", "phone"]),
    ("steps", &["core", "judge", "net", "farm", "world"]),
    ("lint", &["core", "world", "steps", "error", "requirements"]),
    ("run", &["core", "judge", "capture", "world", "lint", "error", "requirements"]),
    // A report is made from what a run left behind, so it sees no live part.
    ("report", &["core", "judge", "run::events", "run::record", "error", "requirements"]),
    (
        "cli",
        &[
            "core",
            "ua",
            "judge",
            "net",
            "capture",
            "farm",
            "phone",
            "world",
            "lint",
            "run",
            "report",
            "error",
            "requirements",
        ],
    ),
];

/// What a room may see besides in files of tests alone (`tests.rs`, `testing.rs`, `*_tests.rs`).
const ROOMS_IN_TESTS: &[(&str, &[&str])] = &[
    // A fault is proven on the wire, and what was on the wire stands in the timeline.
    ("farm", &["net", "capture", "judge::timeline"]),
    // What cannot run here says so in one way (`tests/support/skip.rs`).
    ("net", &["skip"]),
    ("capture", &["skip"]),
];

/// Rooms that are crates of their own.
const STONES: &[&str] = &["core", "ua", "judge"];

/// What no stone names: clocks, sockets, threads and the crates that bring them. A path that ends
/// here or goes on below is meant.
const NOT_IN_STONES: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::os",
    "std::thread",
    "async",
    "await",
    "futures",
    "libc",
    "mio",
    "pnet",
    "socket2",
    "tokio",
];

/// Modules that no stone takes in whole, so that nothing forbidden can be reached through them.
const NOT_WHOLE: &[&str] = &["std", "std::time", "std::net"];

/// A line that breaks a wall.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    line: usize,
    what: String,
}

/// Where a source stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    room: String,
    /// How many modules it is below the crate's root: 1 for `harness/farm/mod.rs`.
    depth: usize,
    /// Whether it is compiled for tests only.
    is_test: bool,
    /// Whether it is part of a stone. The folder of tests beside it is not: a test may ask how long
    /// something takes.
    is_stone: bool,
}

/// What is wrong in a source.
fn breaches(place: &Place, source: &str) -> Vec<Breach> {
    let (room, depth) = (place.room.as_str(), place.depth);
    let Some(seen) = seen_by(room, ROOMS) else {
        return vec![Breach {
            line: 1,
            what: format!("harness/tests/walls.rs does not say what {room} may see"),
        }];
    };
    let in_tests = seen_by(room, ROOMS_IN_TESTS).filter(|_| place.is_test).unwrap_or_default();
    let mut breaches = Vec::new();
    for path in paths(source) {
        let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
        let mut report = |what: String| breaches.push(Breach { line: path.line, what });
        if let Some(target) = target_room(room, depth, &segments)
            && !may_see(seen, &target)
            && !may_see(in_tests, &target)
        {
            report(format!("{room} may not see {}", target.join("::")));
        }
        let whole = segments.strip_suffix(&["self"]).or(segments.strip_suffix(&["*"])).unwrap_or(&segments);
        if place.is_stone {
            let forbidden = NOT_IN_STONES.iter().find(|&&name| starts_with(whole, name));
            let taken = NOT_WHOLE.iter().find(|&&name| whole.join("::") == name);
            if let Some(name) = forbidden.or(taken) {
                report(format!("{room} may not use {name}"));
            }
        }
    }
    breaches
}

/// The room that a path leads to, and the path within it, when it leads out of `room`.
fn target_room<'a>(room: &str, depth: usize, segments: &[&'a str]) -> Option<Vec<&'a str>> {
    let (first, rest) = segments.split_first()?;
    if let Some(stone) = first.strip_prefix("sipfarm_") {
        let path: Vec<&str> = std::iter::once(stone).chain(rest.iter().copied()).collect();
        return (stone != room && STONES.contains(&stone)).then_some(path);
    }
    if STONES.contains(&room) {
        return None;
    }
    // `super` out of the room arrives where `crate` does. In an inner module one more is needed,
    // so a name that is no room stays within.
    let ups = segments.iter().take_while(|segment| **segment == "super").count();
    let path = if *first == "crate" || *first == "sipfarm" { rest } else { &segments[ups..] };
    let from_root = *first == "crate" || *first == "sipfarm" || ups >= depth;
    let is_room = |name: &str| ROOMS.iter().any(|(known, _)| *known == name);
    match path.first() {
        Some(name) if from_root && *name != room && (*first == "crate" || is_room(name)) => {
            Some(path.to_vec())
        }
        _ => None,
    }
}

fn seen_by<'a>(room: &str, table: &[(&str, &'a [&'a str])]) -> Option<&'a [&'a str]> {
    table.iter().find(|(name, _)| *name == room).map(|(_, seen)| *seen)
}

fn may_see(seen: &[&str], target: &[&str]) -> bool {
    seen.iter().any(|allowed| starts_with(target, allowed))
}

fn starts_with(path: &[&str], prefix: &str) -> bool {
    let prefix: Vec<&str> = prefix.split("::").collect();
    path.starts_with(&prefix)
}

/// The names in the dependency tables of a Cargo.toml, those for tests included.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut in_table = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            in_table = header.ends_with("dependencies");
            if let Some((_, name)) = header.split_once("dependencies.") {
                names.insert(name.to_owned());
            }
        } else if in_table && let Some(end) = line.find(['=', '.', ' ']) {
            names.insert(line[..end].trim_matches('"').to_owned());
        }
    }
    names.remove("#");
    names
}

/// Every package that `package` needs, directly or not, as Cargo.lock has it.
fn needed_by(package: &str, lock: &str) -> BTreeSet<String> {
    let mut table: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in lock.split("[[package]]").skip(1) {
        let quoted: Vec<&str> = entry.lines().filter_map(|line| line.split('"').nth(1)).collect();
        let dependencies = entry.split_once("dependencies = [").map_or("", |(_, list)| list);
        let names = dependencies.split('"').skip(1).step_by(2).filter_map(|name| name.split(' ').next());
        table.entry(quoted[0]).or_default().extend(names);
    }
    let mut open = vec![package];
    let mut needed = BTreeSet::new();
    while let Some(name) = open.pop() {
        for dependency in table.get(name).into_iter().flatten() {
            if needed.insert((*dependency).to_owned()) {
                open.push(dependency);
            }
        }
    }
    needed
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The place of a file under `harness/`; `None` for the entrances and for what tests, measures and
/// fuzzes the whole.
fn place(below_harness: &Path) -> Option<Place> {
    let mut parts: Vec<String> =
        below_harness.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(parts[0].as_str(), "lib" | "main" | "tests" | "benches" | "fuzz") {
        return None;
    }
    let last = parts.last().map_or("", String::as_str);
    let of_stone = STONES.contains(&parts[0].as_str());
    let is_stone = of_stone && parts[1] != "tests";
    let is_test = of_stone != is_stone || matches!(last, "tests" | "testing") || last.ends_with("_tests");
    let depth = if of_stone { 1 } else { parts.len() - usize::from(last == "mod") };
    Some(Place { room: parts.swap_remove(0), depth, is_test, is_stone })
}

#[test]
fn no_room_sees_more_than_it_may() {
    let harness = root().join("harness");
    let mut found = Vec::new();
    let mut rooms = BTreeSet::new();
    for file in rust_files(&harness) {
        let below = file.strip_prefix(&harness).expect("it was found there");
        let Some(place) = place(below) else { continue };
        let source = std::fs::read_to_string(&file).expect("a source is text");
        for breach in breaches(&place, &source) {
            found.push(format!("harness/{}:{}: {}", below.display(), breach.line, breach.what));
        }
        rooms.insert(place.room);
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    for room in ["core", "ua", "judge", "net", "capture", "farm", "phone"] {
        assert!(rooms.contains(room), "no source of {room} was read");
    }
}

/// A wall with a door that nobody uses is opened by the first who leans on it.
#[test]
fn every_arrow_that_is_allowed_is_used() {
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    let harness = root().join("harness");
    for file in rust_files(&harness) {
        let below = file.strip_prefix(&harness).expect("it was found there");
        let Some(place) = place(below).filter(|place| !place.is_test) else { continue };
        let Some(seen) = seen_by(&place.room, ROOMS) else { continue };
        for path in paths(&std::fs::read_to_string(&file).expect("a source is text")) {
            let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
            let Some(target) = target_room(&place.room, place.depth, &segments) else { continue };
            let allowed = seen.iter().filter(|allowed| starts_with(&target, allowed));
            used.extend(allowed.map(|allowed| (place.room.clone(), (*allowed).to_owned())));
        }
    }
    let allowed = ROOMS.iter().flat_map(|(room, seen)| seen.iter().map(|seen| (*room, *seen)));
    let unused: Vec<String> = allowed
        .filter(|(room, seen)| !used.contains(&((*room).to_owned(), (*seen).to_owned())))
        .map(|(room, seen)| format!("{room} may see {seen}, and does not"))
        .collect();
    assert!(unused.is_empty(), "\n{}", unused.join("\n"));
}

#[test]
fn stones_depend_on_no_other_room_than_they_may() {
    for stone in STONES {
        let names = dependencies(&read(format!("harness/{stone}/Cargo.toml")));
        let (_, seen) = ROOMS.iter().find(|(name, _)| name == stone).expect("every stone is a room");
        for name in &names {
            let other = name.strip_prefix("sipfarm-").or((name == "sipfarm").then_some("the house"));
            if let Some(other) = other {
                assert!(seen.contains(&other), "harness/{stone}/Cargo.toml: {stone} may not see {other}");
            }
        }
        assert_eq!(
            names.contains("sipfarm-core"),
            *stone != "core",
            "{stone}: the tables were not understood"
        );
    }
}

#[test]
fn stones_need_no_crate_that_brings_clocks_or_sockets() {
    let lock = read("Cargo.lock");
    let forbidden =
        ["tokio", "mio", "socket2", "pnet", "async-io", "smol", "hickory-resolver", "chrono", "time"];
    for stone in STONES {
        let needed = needed_by(&format!("sipfarm-{stone}"), &lock);
        assert!(needed.contains("serde"), "{stone}: Cargo.lock was not understood");
        for name in forbidden {
            assert!(!needed.contains(name), "{stone} needs {name}");
        }
    }
    assert!(needed_by("sipfarm", &lock).contains("mio"), "what the house needs is found through others too");
}

fn breach(room: &str, depth: usize, source: &str) -> String {
    let place = Place { room: room.to_owned(), depth, is_test: false, is_stone: STONES.contains(&room) };
    breaches(&place, source).into_iter().map(|breach| format!("{}: {}", breach.line, breach.what)).collect()
}

#[test]
fn arrows_that_point_the_wrong_way_are_found() {
    assert_eq!(breach("judge", 1, "\nuse sipfarm_ua::Phone;"), "2: judge may not see ua::Phone");
    assert_eq!(breach("judge", 1, "use sipfarm_ua as other;"), "1: judge may not see ua");
    assert_eq!(breach("core", 1, "fn f() { sipfarm_judge::judge(); }"), "1: core may not see judge::judge");
    assert_eq!(breach("phone", 1, "use crate::{net::Net, farm::Node};"), "1: phone may not see farm::Node");
    assert_eq!(breach("farm", 1, "use sipfarm_judge::Finding;"), "1: farm may not see judge::Finding");
    assert_eq!(breach("net", 2, "use super::super::capture::Tap;"), "1: net may not see capture::Tap");
    assert_eq!(breach("run", 2, "use crate::report::Html;"), "1: run may not see report::Html");
    assert_eq!(breach("report", 1, "use crate::run::execute;"), "1: report may not see run::execute");
    assert_eq!(breach("steps", 1, "use crate::*;"), "1: steps may not see *");
    assert_eq!(breach("cellar", 1, ""), "1: harness/tests/walls.rs does not say what cellar may see");
}

#[test]
fn arrows_that_point_the_right_way_are_not() {
    assert_eq!(breach("report", 1, "use crate::run::events::Event; use sipfarm_judge::Finding;"), "");
    assert_eq!(breach("farm", 2, "use crate::farm::faults; use super::node; use sipfarm_core::Instant;"), "");
    assert_eq!(breach("farm", 1, "mod tests { use super::node; use super::super::farm; }"), "");
    assert_eq!(
        breach("judge", 1, "use crate::timeline; use sipfarm_core::profile; // sipfarm_ua::Phone"),
        ""
    );
    assert_eq!(breach("net", 1, "let words = \"crate::farm\";"), "");
}

#[test]
fn files_have_their_place() {
    let place = |path: &str| place(Path::new(path));
    let of = |path: &str| place(path).map(|place| (place.room, place.depth, place.is_test));
    assert_eq!(of("farm/mod.rs"), Some(("farm".to_owned(), 1, false)));
    assert_eq!(of("farm/faults/drop.rs"), Some(("farm".to_owned(), 3, false)));
    assert_eq!(of("world.rs"), Some(("world".to_owned(), 1, false)));
    assert_eq!(of("net/real/tests.rs"), Some(("net".to_owned(), 3, true)));
    assert_eq!(of("judge/src/rules/order.rs"), Some(("judge".to_owned(), 1, false)));
    assert_eq!(of("tests/walls.rs"), None);
    assert_eq!(of("core/tests/hostile.rs"), Some(("core".to_owned(), 1, true)));
    let stopwatch = "use std::time::Instant;";
    assert_eq!(breaches(&place("core/tests/hostile.rs").expect("a place"), stopwatch), []);
    assert_eq!(breaches(&place("core/src/profile/tests.rs").expect("a place"), stopwatch).len(), 1);
    assert_eq!(breaches(&place("judge/tests/x.rs").expect("a place"), "use sipfarm_ua::Phone;").len(), 1);
    let proof = place("farm/testing.rs").expect("a place");
    assert_eq!(breaches(&proof, "use sipfarm_judge::timeline::Timeline;"), []);
    assert_eq!(breaches(&proof, "use sipfarm_judge::judge;").len(), 1);
}

#[test]
fn clocks_sockets_and_threads_in_stones_are_found() {
    for source in [
        "use std::time::Instant;",
        "use std::{net::{IpAddr, UdpSocket}, fmt};",
        "use std::time;",
        "use std::time::{self, Duration};",
        "use std::net::*;",
        "use std as other;",
        "fn f() { std::thread::sleep(d); }",
        "let now = ::std::time::SystemTime::now();",
        "async fn f() {}",
        "use tokio::net::UdpSocket;",
    ] {
        assert!(breach("ua", 1, source).contains("ua may not use "), "{source}");
        assert_eq!(breach("farm", 1, source), "", "{source}");
    }
    let fine = "use std::net::{IpAddr, SocketAddr}; use std::time::Duration; use sipfarm_core::Instant; use std::fmt;";
    assert_eq!(breach("ua", 1, fine), "");
}

#[test]
fn dependency_tables_are_read() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\n# why\na.workspace = true\nb = \"1\"\n\n[lints]\nc = 1\n\
                    [target.'cfg(unix)'.dev-dependencies]\n\"d\" = { path = \"x\" }\n[build-dependencies.e]\nversion = \"1\"\n";
    let names: Vec<String> = dependencies(manifest).into_iter().collect();
    assert_eq!(names, ["a", "b", "d", "e"]);
}
