//! Files with places for the recipe's own values.

use crate::decode::shortened;

/// The names that a template may use.
pub(crate) const NAMES: [&str; 4] = ["name", "version", "stream", "architecture"];

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}` on the same line.
    #[error(
        "line {line} of the template opens `{{{{` and does not close it; write `{{{{ \"{{{{\" }}}}` for the two characters"
    )]
    Unclosed {
        /// The line of the template, counted from 1.
        line: usize,
    },
    /// A name that does not exist.
    #[error("line {line} of the template uses `{name}`; a template knows name, version, stream and architecture")]
    UnknownName {
        /// The line of the template, counted from 1.
        line: usize,
        /// The name.
        name: String,
    },
}

/// Checks a template without having values.
pub(crate) fn check(text: &str) -> Result<(), TemplateError> {
    render(text, |_| String::new()).map(|_| ())
}

/// Puts values in the places of their names. `{{ "{{" }}` gives two braces.
pub(crate) fn render(text: &str, value: impl Fn(&'static str) -> String) -> Result<String, TemplateError> {
    let mut rendered = String::with_capacity(text.len());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("{{") {
            rendered.push_str(before);
            if let Some(after) = after.strip_prefix(r#" "{{" }}"#) {
                rendered.push_str("{{");
                rest = after;
                continue;
            }
            let Some((inside, after)) = after.split_once("}}") else {
                return Err(TemplateError::Unclosed { line: number });
            };
            let written = inside.trim();
            let Some(name) = NAMES.iter().find(|name| **name == written) else {
                return Err(TemplateError::UnknownName { line: number, name: shortened(written) });
            };
            rendered.push_str(&value(name));
            rest = after;
        }
        rendered.push_str(rest);
    }
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use super::{TemplateError, check, render};

    #[test]
    fn names_are_replaced_by_values() {
        let rendered = render("{{ name }} {{version}}\n{{ \"{{\" }} } }}\n", |name| format!("<{name}>"));
        assert_eq!(rendered.unwrap(), "<name> <version>\n{{ } }}\n");
    }

    #[test]
    fn what_is_no_template_is_refused_with_its_line() {
        assert_eq!(check("a\n{{ name\n}}"), Err(TemplateError::Unclosed { line: 2 }));
        assert_eq!(check("{{ hostname }}"), Err(TemplateError::UnknownName { line: 1, name: "hostname".to_owned() }));
        assert!(check("{{ hostname }}").unwrap_err().to_string().contains("`hostname`"));
    }
}
