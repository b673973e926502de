//! SBAT: the revocation generations of every component in an image, one CSV line each
//! (<https://github.com/rhboot/shim/blob/main/SBAT.md>).

use thiserror::Error;

/// The first line of every SBAT section, with the generation of the format itself.
const FORMAT_LINE: &str = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md";

/// The line by which all images of this kind could be revoked, as the UKI specification asks.
const UKI_LINE: &str = "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/";

/// Why SBAT data cannot be merged.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SbatError {
    /// Not text.
    #[error("the SBAT section of the {part} is not UTF-8 text")]
    NotText {
        /// Which input.
        part: &'static str,
    },
    /// Not SBAT.
    #[error("the SBAT section of the {part} does not start with the line \"sbat,…\"")]
    NoFormatLine {
        /// Which input.
        part: &'static str,
    },
    /// A line for the image is not component, generation and four more fields.
    #[error("SBAT line {line:?} must be component,generation,vendor,package,version,url with a generation from 1")]
    Line {
        /// As given.
        line: String,
    },
}

/// The merged section: the format's line, the stub's components, the kernel's, then the image's own. Ends with a newline and a NUL
/// byte, as the stub's own section and ukify's do, and all of it is measured.
pub(crate) fn merge(stub: Option<&[u8]>, kernel: Option<&[u8]>, components: &[&str]) -> Result<Vec<u8>, SbatError> {
    let mut lines = vec![FORMAT_LINE];
    for (part, section) in [("stub", stub), ("kernel", kernel)] {
        if let Some(section) = section {
            lines.extend(component_lines(part, section)?);
        }
    }
    lines.push(UKI_LINE);
    for line in components {
        lines.push(checked(line)?);
    }
    let mut text = lines.join("\n").into_bytes();
    text.extend_from_slice(b"\n\0");
    Ok(text)
}

/// The lines of a section without its format line.
fn component_lines<'a>(part: &'static str, section: &'a [u8]) -> Result<Vec<&'a str>, SbatError> {
    let end = section.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = std::str::from_utf8(&section[..end]).map_err(|_not_utf8| SbatError::NotText { part })?;
    let mut lines = text.lines();
    if !lines.next().is_some_and(|line| line.starts_with("sbat,")) {
        return Err(SbatError::NoFormatLine { part });
    }
    Ok(lines.filter(|line| !line.is_empty()).collect())
}

fn checked(line: &str) -> Result<&str, SbatError> {
    let fields: Vec<&str> = line.split(',').collect();
    let has_generation =
        fields.get(1).and_then(|generation| generation.parse::<u16>().ok()).is_some_and(|generation| generation >= 1);
    let is_one_line = !line.contains(char::is_control);
    if fields.len() == 6 && !fields[0].is_empty() && has_generation && is_one_line {
        Ok(line)
    } else {
        Err(SbatError::Line { line: line.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{FORMAT_LINE, SbatError, UKI_LINE, merge};

    #[test]
    fn the_format_line_stands_once_and_first() {
        let stub = format!("{FORMAT_LINE}\nsystemd-stub,1,a,b,c,d\n\0\0");
        let kernel = format!("{FORMAT_LINE}\nlinux,1,a,b,c,d\n");
        let merged = merge(Some(stub.as_bytes()), Some(kernel.as_bytes()), &["piccolo,1,a,b,c,d"]);
        let expected =
            format!("{FORMAT_LINE}\nsystemd-stub,1,a,b,c,d\nlinux,1,a,b,c,d\n{UKI_LINE}\npiccolo,1,a,b,c,d\n\0");
        assert_eq!(merged, Ok(expected.into_bytes()));
    }

    #[test]
    fn an_input_that_is_not_sbat_is_named() {
        assert_eq!(merge(Some(b"hello\n"), None, &[]), Err(SbatError::NoFormatLine { part: "stub" }));
        assert_eq!(merge(None, Some(b"sbat,1\n\xff"), &[]), Err(SbatError::NotText { part: "kernel" }));
    }

    #[test]
    fn a_component_line_needs_six_fields_and_a_generation() {
        for line in ["piccolo", "piccolo,0,a,b,c,d", "a,1,b,c,d", "a,1,b,c,d,e\nf,1,b,c,d,e"] {
            assert!(merge(None, None, &[line]).is_err(), "{line:?}");
        }
    }
}
