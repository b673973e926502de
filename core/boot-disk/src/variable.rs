//! Values of EFI variables as efivarfs gives them: four bytes of attributes, then the data (UEFI 2.10, 8.2).

use uuid::Uuid;

/// Longest string accepted in a variable, in UTF-16 code units. Loader strings are far shorter.
const MAXIMUM_STRING: usize = 4096;

/// Why a variable's value makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VariableError {
    /// The value ends before what it must hold.
    #[error("the EFI variable holds {length} bytes, too few")]
    TooShort {
        /// Bytes found.
        length: usize,
    },
    /// The string is not well-formed UTF-16, or oversized.
    #[error("the EFI variable does not hold a readable string")]
    NotAString,
    /// The string is not a UUID.
    #[error("the EFI variable holds {text:?}, not a partition UUID")]
    NotAUuid {
        /// What it holds.
        text: String,
    },
}

/// The data of a variable, behind its attributes.
///
/// # Errors
/// When there are not even attributes.
pub fn data(value: &[u8]) -> Result<&[u8], VariableError> {
    value.get(4..).ok_or(VariableError::TooShort { length: value.len() })
}

/// A UTF-16LE string, up to the first NUL.
///
/// # Errors
/// When it is cut, malformed or oversized.
pub fn string(value: &[u8]) -> Result<String, VariableError> {
    let data = data(value)?;
    if data.len() > MAXIMUM_STRING * 2 || data.len() % 2 != 0 {
        return Err(VariableError::NotAString);
    }
    let units: Vec<u16> =
        data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).take_while(|unit| *unit != 0).collect();
    String::from_utf16(&units).map_err(|_| VariableError::NotAString)
}

/// A partition UUID as `LoaderDevicePartUUID` holds it: text in upper or lower case.
///
/// # Errors
/// When it is no string or no UUID.
pub fn partition_uuid(value: &[u8]) -> Result<Uuid, VariableError> {
    let text = string(value)?;
    Uuid::try_parse(&text).map_err(|_| VariableError::NotAUuid { text })
}

/// A 16-bit number, as `BootCurrent` holds it.
///
/// # Errors
/// When there are fewer than two bytes.
pub fn number(value: &[u8]) -> Result<u16, VariableError> {
    match data(value)? {
        [low, high, ..] => Ok(u16::from_le_bytes([*low, *high])),
        _ => Err(VariableError::TooShort { length: value.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::{VariableError, number, partition_uuid};

    fn variable(text: &str) -> Vec<u8> {
        [6, 0, 0, 0].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    }

    #[test]
    fn reads_the_loader_partition_in_either_case_with_or_without_terminator() {
        for text in ["4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\0", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"] {
            let uuid = partition_uuid(&variable(text)).unwrap();
            assert_eq!(uuid.to_string(), "4f68bce3-e8cd-4db1-96e7-fbcaf984b709");
        }
    }

    #[test]
    fn refuses_what_is_not_a_uuid() {
        assert!(matches!(partition_uuid(&variable("root-a")), Err(VariableError::NotAUuid { .. })));
        assert!(matches!(partition_uuid(&[0, 0, 0]), Err(VariableError::TooShort { .. })));
        assert!(matches!(partition_uuid(&[6, 0, 0, 0, 1]), Err(VariableError::NotAString)));
    }

    #[test]
    fn reads_boot_current() {
        assert_eq!(number(&[6, 0, 0, 0, 3, 0]), Ok(3));
        assert!(number(&[6, 0, 0, 0, 3]).is_err());
    }
}
