//! Takes the feature files of the repository into the program: a list of names and texts.

use std::fmt::Write as _;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=features");
    println!("cargo::rerun-if-changed=harness/run/build.rs");
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
