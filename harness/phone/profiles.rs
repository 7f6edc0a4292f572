//! Profiles by name. Those of `fixtures/profiles/` are part of the program, so that a run needs no
//! file of the user's.

use std::path::Path;

use sipfarm_core::nearest::nearest;
use sipfarm_core::profile::{LoadError, Profile, Source, load, load_for};

/// The profiles that are part of the program: name and YAML.
const EMBEDDED: &[(&str, &str)] = &[
    ("rfc3261", include_str!("../../fixtures/profiles/rfc3261.yaml")),
    ("ascip-ucr", include_str!("../../fixtures/profiles/ascip-ucr.yaml")),
    ("avaya-j100-aura", include_str!("../../fixtures/profiles/avaya-j100-aura.yaml")),
    ("avaya-j100-ipo", include_str!("../../fixtures/profiles/avaya-j100-ipo.yaml")),
    ("baresip", include_str!("../../fixtures/profiles/baresip.yaml")),
    ("cisco-sip-enterprise", include_str!("../../fixtures/profiles/cisco-sip-enterprise.yaml")),
    ("polycom-vvx", include_str!("../../fixtures/profiles/polycom-vvx.yaml")),
    ("polycom-vvx-ucs58", include_str!("../../fixtures/profiles/polycom-vvx-ucs58.yaml")),
    ("polycom-vvx-ucs59", include_str!("../../fixtures/profiles/polycom-vvx-ucs59.yaml")),
    ("yealink-t5x", include_str!("../../fixtures/profiles/yealink-t5x.yaml")),
];

/// The names of the profiles that are part of the program.
pub fn names() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|(name, _)| *name)
}

/// The profile of that name, or the one in that file: what contains a slash or ends in `.yaml` or
/// `.yml` is a file. A profile in a file may extend one beside it, or an embedded one.
///
/// # Errors
/// There is no such profile, the file cannot be read, or it is not a profile.
pub fn find(name_or_path: &str) -> Result<Profile, LoadError> {
    find_with(name_or_path, &load)
}

/// The same for a judge with these rules: what the profile knows to be broken must be one of them.
///
/// # Errors
/// Those of [`find`], and a known issue of a rule that there is not.
pub fn find_for(name_or_path: &str, rules: &[&str]) -> Result<Profile, LoadError> {
    find_with(name_or_path, &|source, lookup| load_for(source, lookup, rules))
}

/// Reads a profile whose bases the second argument finds.
type Load<'a> = &'a dyn Fn(&Source, &dyn Fn(&str) -> Option<Source>) -> Result<Profile, LoadError>;

fn find_with(name_or_path: &str, load: Load<'_>) -> Result<Profile, LoadError> {
    if is_file(name_or_path) { from_file(Path::new(name_or_path), load) } else { by_name(name_or_path, load) }
}

/// Whether that is a file, and no name.
pub fn is_file(name_or_path: &str) -> bool {
    name_or_path.contains('/') || is_yaml(Path::new(name_or_path))
}

fn by_name(name: &str, load: Load<'_>) -> Result<Profile, LoadError> {
    let Some(source) = embedded(name) else {
        let help = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}; a file needs its `.yaml`", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(failure(name, "there is no profile of this name".to_owned(), Some(help)));
    };
    load(&source, &embedded)
}

fn from_file(path: &Path, load: Load<'_>) -> Result<Profile, LoadError> {
    let missing = |error: std::io::Error| {
        let help = "a path counts from the folder in which sipfarm is started";
        let help =
            (error.kind() == std::io::ErrorKind::NotFound && path.is_relative()).then(|| help.to_owned());
        failure(&path.display().to_string(), error.to_string(), help)
    };
    let source = read(path).map_err(missing)?;
    load(&source, &|base| {
        let beside = path.with_file_name(format!("{base}.yaml"));
        read(&beside).ok().or_else(|| embedded(base))
    })
}

fn embedded(name: &str) -> Option<Source> {
    let (_, text) = EMBEDDED.iter().find(|(known, _)| *known == name)?;
    Some(Source { origin: format!("fixtures/profiles/{name}.yaml"), text: (*text).to_owned() })
}

fn read(path: &Path) -> std::io::Result<Source> {
    Ok(Source { origin: path.display().to_string(), text: std::fs::read_to_string(path)? })
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn failure(origin: &str, problem: String, help: Option<String>) -> LoadError {
    LoadError { origin: origin.to_owned(), place: None, problem, help }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use sipfarm_core::profile::{Counts, RetryRule, Trigger};

    use super::*;

    #[test]
    fn rfc3261_is_the_default_and_writes_every_field() {
        assert_eq!(find("rfc3261").unwrap(), Profile::default());
        let text = embedded("rfc3261").unwrap().text;
        let written: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        let all = serde_yaml::to_value(Profile::default()).unwrap();
        assert_eq!(paths(&written), paths(&all));
    }

    #[test]
    fn the_readme_explains_every_field() {
        let readme = include_str!("../../fixtures/profiles/README.md");
        let words: BTreeSet<&str> = readme.split('`').flat_map(|text| text.split('.')).collect();
        let mut profile = Profile::default();
        profile.failback.token = Some(Default::default());
        let all = serde_yaml::to_value(profile).unwrap();
        for path in paths(&all) {
            // `mlpp.tie.held` is explained by `mlpp.tie`, so two levels are enough.
            for name in path.split('.').filter(|name| !name.is_empty()).take(2) {
                assert!(words.contains(name), "{path} is not in fixtures/profiles/README.md");
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_embedded_under_its_id() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/profiles");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| is_yaml(path))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        let known: BTreeSet<String> = names().map(str::to_owned).collect();
        assert_eq!(
            files, known,
            "each file of fixtures/profiles wants its line in EMBEDDED, and each line its file"
        );
        for name in names() {
            let profile = find(name).unwrap();
            assert_eq!(profile.id, name);
            if let Some(pattern) = &profile.r#match.user_agent {
                regex::Regex::new(pattern).unwrap();
            }
        }
    }

    #[test]
    fn yealink_counts_retries_and_waits_out_the_last_server() {
        let profile = find("yealink-t5x").unwrap();
        assert_eq!(profile.failover.retry_rule, RetryRule::RetryCount);
        assert_eq!(
            (profile.failover.retry_count.value, profile.failover.retry_count.counts),
            (3, Counts::Either)
        );
        assert_eq!(profile.failover.last_server, RetryRule::TimerB);
        assert!(profile.failover.triggers.contains(&Trigger::ServiceUnavailable));
        let user_agent = regex::Regex::new(&profile.r#match.user_agent.unwrap()).unwrap();
        assert!(
            user_agent.is_match("Yealink SIP-T58V 58.86.0.20")
                && user_agent.is_match("Yealink CP960 73.85.0.5")
        );
        assert!(!user_agent.is_match("Yealink SIP-T46U 108.86.0.20"));
    }

    #[test]
    fn a_file_extends_its_neighbour_before_an_embedded_profile() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_string_lossy().into_owned()
        };
        let head = "schema: sipfarm.profile/1\n";
        write("base.yaml", &format!("{head}id: base\nextends: yealink-t5x\ntimers: {{t1_ms: 700}}\n"));
        let mine = write("mine.yaml", &format!("{head}id: mine\nextends: base\ntimers: {{t2_ms: 5000}}\n"));
        let profile = find(&mine).unwrap();
        assert_eq!((profile.timers.t1_ms, profile.timers.t2_ms, profile.timers.t4_ms), (700, 5000, 5000));
        assert_eq!(profile.failover.retry_rule, RetryRule::RetryCount);
        assert_eq!(profile.id, "mine");
    }

    #[test]
    fn unknown_names_and_missing_files_say_what_to_do() {
        assert_eq!(
            find("yealink-t5").unwrap_err().to_string(),
            "yealink-t5: there is no profile of this name; did you mean `yealink-t5x`?"
        );
        let known = names().collect::<Vec<_>>();
        assert!(known.contains(&"rfc3261") && known.contains(&"yealink-t5x"), "{known:?}");
        assert_eq!(
            find("grandstream").unwrap_err().help.unwrap(),
            format!("known are {}; a file needs its `.yaml`", known.join(", "))
        );
        assert!(
            find("nowhere/phone.yaml")
                .unwrap_err()
                .to_string()
                .starts_with("nowhere/phone.yaml: No such file")
        );
    }

    fn paths(value: &serde_yaml::Value) -> BTreeSet<String> {
        let Some(mapping) = value.as_mapping() else { return BTreeSet::from([String::new()]) };
        let below = |(key, value): (&serde_yaml::Value, &serde_yaml::Value)| {
            let key = key.as_str().unwrap().to_owned();
            paths(value).into_iter().map(move |path| format!("{key}.{path}"))
        };
        mapping.iter().flat_map(below).collect()
    }
}
