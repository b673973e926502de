//! Canonical JSON: the bytes that are signed.
//!
//! The form of OLPC that the specification names (section 4.1): no white space, keys in the order of their UTF-8 bytes, text with only
//! `"` and `\` escaped, whole numbers only. Equal values have equal bytes, whatever a file looked like.

use serde_json::Value;
use thiserror::Error;

/// Deepest nesting that is written. `serde_json` reads no deeper one.
const MAXIMUM_DEPTH: usize = 128;

/// The value has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CanonicalError {
    /// A number with a fraction or exponent.
    #[error("it has a number that is not whole, which cannot be signed")]
    Fraction,
    /// Nested too deeply.
    #[error("it is nested more than {MAXIMUM_DEPTH} deep")]
    Depth,
}

/// The canonical form of a value.
///
/// # Errors
/// When the value has none.
pub fn canonical(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    write(value, 0, &mut out)?;
    Ok(out)
}

fn write(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    if depth > MAXIMUM_DEPTH {
        return Err(CanonicalError::Depth);
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if number.is_f64() => return Err(CanonicalError::Fraction),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, depth + 1, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            // The map's own order depends on how serde_json was compiled.
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            out.push(b'{');
            for (index, (name, field)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write(field, depth + 1, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{CanonicalError, canonical};

    #[test]
    fn keys_are_sorted_and_only_quotes_and_backslashes_escaped() {
        let value = json!({ "b": [1, -2, true, null], "a": { "é": "line\nend", "\"": "\\" }, "B": "" });
        let bytes = canonical(&value).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "{\"B\":\"\",\"a\":{\"\\\"\":\"\\\\\",\"é\":\"line\nend\"},\"b\":[1,-2,true,null]}"
        );
    }

    #[test]
    fn a_fraction_cannot_be_signed() {
        assert_eq!(canonical(&json!([1.5])), Err(CanonicalError::Fraction));
    }
}
