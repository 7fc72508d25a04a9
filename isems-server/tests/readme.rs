//! The tasks of the README, run exactly as they are written.

mod common;

use std::{fs, path::Path, process::Command};

use common::{Running, text};

const TOKEN: &str = "0123456789abcdef";

/// Returns the command blocks of a section, each with its commands and the output shown.
fn blocks(readme: &str, heading: &str) -> Vec<(String, String)> {
    let (_, section) = readme.split_once(heading).expect("the section is there");
    let section = section.split("\n## ").next().expect("a text has a first part");
    let block = |block: &str| {
        let block = block.split("```").next().expect("a text has a first part");
        let (commands, output): (Vec<&str>, Vec<&str>) = block.lines().partition(|line| line.starts_with("$ "));
        let commands: Vec<&str> = commands.iter().map(|command| &command[2..]).collect();
        (commands.join("\n"), output.join("\n"))
    };
    section.split("```console\n").skip(1).map(block).collect()
}

/// Returns the first member names of JSON that may be truncated.
fn members(json: &str) -> Vec<&str> {
    let parts: Vec<&str> = json.split('"').collect();
    let names = parts.windows(2).filter(|pair| pair[1].starts_with(':')).map(|pair| pair[0]);
    names.take(8).collect()
}

/// Returns whether a line looks like that of the README, apart from its values.
fn is_like(line: &str, expected: &str) -> bool {
    if expected.starts_with('{') || expected.starts_with("data: {") {
        !members(expected).is_empty() && members(line) == members(expected)
    } else {
        let has_as_many = |separator| line.matches(separator).count() == expected.matches(separator).count();
        let is_data = |separator| expected.starts_with(&format!("Elektra-Dach{separator}")) && has_as_many(separator);
        line == expected || is_data(',') || is_data(';')
    }
}

#[test]
#[ignore = "it needs curl, which a machine with Rust alone may lack"]
fn readme_tasks_do_what_they_say() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let blocks = blocks(&readme, "### Six things to do with it");
    assert_eq!(blocks.len(), 6);
    let folder = tempfile::tempdir().unwrap();
    let tokens = format!("admin:{TOKEN}");
    let mut server = Running::start(folder.path(), &["--demo"], &[("ISEMS_API_TOKENS", &tokens)]);
    server.wait_for("/api/v1/network", "\"total\":20");
    server.wait_for("/api/v1/nodes/Elektra-Dach", "\"nodeId\"");
    server.wait_for("/api/v1/insight", "\"code\"");
    for (commands, expected) in blocks {
        let address = server.address.to_string();
        let commands = commands.replace("127.0.0.1:5000", &address).replace("THE-TOKEN", TOKEN);
        let output = Command::new("sh").args(["-ec", &commands]).current_dir(folder.path()).output().unwrap();
        let (found, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{commands}\n{found}\n{errors}");
        let (found, expected): (Vec<&str>, Vec<&str>) = (found.lines().collect(), expected.lines().collect());
        assert_eq!(found.len(), expected.len(), "{commands}\n{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(is_like(found, expected), "{commands}\nfound:    {found}\nexpected: {expected}");
        }
    }
}
