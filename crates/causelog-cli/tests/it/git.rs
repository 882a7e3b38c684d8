//! Real input: the history of git repositories, held against git's own answers.

use std::collections::HashMap;

use serde_json::Value;

use crate::helpers::{Place, run, run_with};
use crate::history::Repository;

const FORMAT: &str = r#"--format={"id":"%H","parents":"%P","author":"%ae","time":"%aI","subject":"%f"}"#;
const FIELDS: &[&str] =
    &["--entity=/author", "--scope==repo", "--kind==0x1001", "--id=/id", "--causes=/parents", "--time=/time"];

/// Imports a repository's history and gives the summary.
fn import(repository: &Repository, place: &Place) -> Value {
    let lines = repository.git(&["log", "--topo-order", "--reverse", FORMAT]);
    let store = place.store();
    run_with(lines.as_bytes(), &[&["import", &store, "-", "--format=json"], FIELDS].concat()).json()
}

/// The topological level of each commit, as git's parents give it: 1 for a root.
fn levels(repository: &Repository) -> HashMap<String, u64> {
    let lines = repository.git(&["rev-list", "--topo-order", "--reverse", "--parents", "HEAD"]);
    let mut levels = HashMap::new();
    for line in lines.lines() {
        let (commit, parents) = line.split_once(' ').unwrap_or((line, ""));
        let level = parents.split_whitespace().map(|parent| levels[parent]).max().unwrap_or(0) + 1;
        levels.insert(commit.to_owned(), level);
    }
    levels
}

fn check_against_git(repository: &Repository, place: &Place) {
    let levels = levels(repository);
    let summary = import(repository, place);
    let all = u64::try_from(levels.len()).unwrap();
    assert_eq!((summary["read"].as_u64(), summary["added"].as_u64()), (Some(all), Some(all)));
    assert_eq!(run(&["verify", &place.store(), "--format=json"]).json()["events"], all);

    let head = repository.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let trace = ["trace", &place.store(), "ancestors", &head, "--label=/id", "--format=json"];
    let nodes = run(&trace).json();
    let depths: HashMap<String, u64> = nodes
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["label"].as_str().unwrap().to_owned(), node["depth"].as_u64().unwrap() + 1))
        .collect();
    assert!(depths == levels, "depth is git's topological level less one");

    let mut commits: Vec<&String> = levels.keys().collect();
    commits.sort();
    for commit in commits.iter().step_by(levels.len().div_ceil(24)).copied().chain([&head]) {
        let counted = repository.git(&["rev-list", "--count", commit]);
        let traced = run(&["trace", &place.store(), "ancestors", commit, "--format", "ids"]).fine();
        assert_eq!(traced.lines().count().to_string(), counted.trim(), "{commit}");
        let named =
            run(&["trace", &place.store(), "ancestors", commit, "--format=ids", "--label=/id"]).fine();
        let mut named: Vec<&str> = named.lines().collect();
        let listed = repository.git(&["rev-list", commit]);
        let mut listed: Vec<&str> = listed.lines().collect();
        named.sort_unstable();
        listed.sort_unstable();
        assert_eq!(named, listed, "{commit}");
    }

    let again = import(repository, place);
    assert_eq!((again["added"].as_u64(), again["already_stored"].as_u64()), (Some(0), Some(all)));
    assert_eq!(again["head"], summary["head"]);
}

/// Set to 1 where there is no git, or no history of the checkout.
const WITHOUT_GIT: &str = "CAUSELOG_TESTS_WITHOUT_GIT";

/// A test that silently does nothing shows nothing: whoever goes without git says so.
fn there(repository: Option<Repository>, missing: &str) -> Option<Repository> {
    let may_be_missing = std::env::var_os(WITHOUT_GIT).is_some_and(|value| value == "1");
    assert!(
        repository.is_some() || may_be_missing,
        "{missing}; {WITHOUT_GIT}=1 leaves out the tests that need it"
    );
    repository
}

#[test]
fn a_made_history_with_merges_answers_as_git_does() {
    let place = Place::new();
    let made = Repository::made(&place);
    let Some(repository) = there(made, "git is not there, or cannot make a repository") else { return };
    let merges = repository.git(&["rev-list", "--count", "--min-parents=2", "HEAD"]);
    let octopuses = repository.git(&["rev-list", "--count", "--min-parents=3", "HEAD"]);
    let at_least = |text: &str, least: u32| text.trim().parse::<u32>().unwrap() >= least;
    assert!(at_least(&merges, 100) && at_least(&octopuses, 10), "{merges} {octopuses}");
    check_against_git(&repository, &place);
}

#[test]
fn the_history_of_this_checkout_answers_as_git_does() {
    let place = Place::new();
    let missing = "git is not there, or this checkout is no git repository, has no commit, or is shallow";
    let Some(repository) = there(Repository::own(), missing) else { return };
    check_against_git(&repository, &place);
}
