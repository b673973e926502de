//! Apps: what is found in them, and what is wrong with them.

mod difference;
mod hostile;
mod inventory;
mod limits;
mod privileges;
mod validation;
mod values;

use quadlet::app::{App, Surroundings};

/// An app of files.
fn app(files: &[(&str, &str)]) -> App {
    App::read(files.iter().map(|(name, text)| (*name, text.as_bytes())))
}

/// All findings about an app, as they are shown.
fn findings(files: &[(&str, &str)]) -> Vec<String> {
    app(files).check(&Surroundings::default()).iter().map(ToString::to_string).collect()
}

/// The findings about one container with these lines.
fn findings_of_container(lines: &str) -> Vec<String> {
    findings(&[("web.container", &format!("[Container]\nImage=registry.example/web:1\n{lines}\n"))])
}
