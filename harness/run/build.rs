//! Takes into the program the feature files of the repository, a list of names and texts, and the commit.

use std::fmt::Write as _;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=features");
    println!("cargo::rerun-if-changed=harness/run/build.rs");
    tell_commit();
    let folder =
        |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| Error::other(name.to_owned()));
    let (root, out) = (folder("CARGO_MANIFEST_DIR")?, folder("OUT_DIR")?);
    let mut files = Vec::new();
    collect(&root.join("features"), &mut files)?;
    files.sort();
    let mut list = String::from("/// Names and texts, in order.\nconst FEATURES: &[(&str, &str)] = &[\n");
    for file in files {
        let name = file.strip_prefix(&root).map_err(Error::other)?;
        let _ = writeln!(list, "    ({:?}, include_str!({:?})),", name.display().to_string(), file);
    }
    fs::write(out.join("features.rs"), list + "];\n")
}

/// Tells the program which commit it is built from, where there is a repository to say so.
fn tell_commit() {
    let git = |words: &[&str]| {
        let output =
            Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return };
    println!("cargo::rustc-env=SIPFARM_COMMIT={commit}");
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "feature") {
            files.push(path);
        }
    }
    Ok(())
}
