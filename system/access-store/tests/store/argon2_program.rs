//! Our hashes against the reference implementation of Argon2, as Debian ships it.

use std::io::Write;
use std::process::Stdio;

use access::password::Password;
use access::password_hash::{Cost, PasswordHash};
use access_store::password_hasher::PasswordHasher;

fn reference(password: &str, salt: &str, cost: Cost) -> PasswordHash {
    #[expect(clippy::disallowed_methods, reason = "a test asks an oracle; it is no part of the product")]
    let mut command = std::process::Command::new("argon2");
    let Cost { memory, passes, lanes } = cost;
    command.args([salt, "-id", "-v", "13", "-l", "32", "-e"]);
    command.args(["-t", &passes.to_string(), "-k", &memory.to_string(), "-p", &lanes.to_string()]);
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.expect("the program argon2 is missing: apt-get install argon2");
    child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn a_hash_of_the_reference_program_is_recognised() {
    let hasher = PasswordHasher::default();
    let costs = [Cost::CURRENT, Cost { memory: 64, passes: 1, lanes: 1 }, Cost { memory: 256, passes: 3, lanes: 4 }];
    for (at, cost) in costs.into_iter().enumerate() {
        let text = format!("zwölf Boxkämpfer jagen {at}");
        let hash = reference(&text, "somesaltsomesalt", cost);
        assert!(hasher.verify(&Password::presented(&text).unwrap(), Some(&hash)).unwrap(), "{cost:?}");
        assert!(!hasher.verify(&Password::presented("zwölf").unwrap(), Some(&hash)).unwrap());
    }
}
