//! Contents of UEFI variables as efivarfs shows them: four bytes of attributes, then the data.

/// Attributes of the variable (UEFI 2.10, section 8.2), before its data.
const ATTRIBUTE_BYTES: usize = 4;

/// A variable of one byte that is 0 or 1.
pub fn boolean(file: &[u8]) -> Option<bool> {
    match file.get(ATTRIBUTE_BYTES..)? {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

/// A variable that holds UTF-16 little endian text, up to its first NUL.
pub fn string(file: &[u8]) -> Option<String> {
    let (units, rest) = file.get(ATTRIBUTE_BYTES..)?.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let text = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
    char::decode_utf16(text).collect::<Result<String, _>>().ok()
}
