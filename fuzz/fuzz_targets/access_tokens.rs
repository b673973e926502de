//! What clients present in place of secrets: a token is refused or is exactly what would be written for it, and names, codes and passwords are within their limits.
#![no_main]

use access::name::{LABEL_LIMIT, Label, NAME_LIMIT, UserName};
use access::pairing::Code;
use access::password::{Context, LONGEST, Password};
use access::password_hash::{Cost, PasswordHash};
use access::token::{RandomBytes, TEXT_BYTES, TokenKind, TokenText};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(random) = <[u8; 32]>::try_from(bytes) {
        for kind in TokenKind::ALL {
            let token = TokenText::new(kind, &RandomBytes(random));
            assert_eq!(TokenText::parse(kind, token.reveal()).as_ref(), Some(&token));
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let kinds = TokenKind::ALL.iter().filter(|kind| TokenText::parse(**kind, text).is_some()).count();
    assert!(kinds <= 1 && (kinds == 0 || text.len() == TEXT_BYTES));
    if let Some(code) = Code::parse(text) {
        assert_eq!(Code::parse(&code.reveal()), Some(code));
    }
    if let Ok(name) = UserName::new(text) {
        assert!(name.as_str() == text && text.len() <= NAME_LIMIT);
        let _answer = Password::chosen(text, Context { user: &name, device: text });
    }
    if let Ok(label) = Label::new(text) {
        assert!(label.as_str().chars().count() <= LABEL_LIMIT && !label.as_str().contains(char::is_control));
    }
    if let Ok(password) = Password::presented(text) {
        assert!(text.chars().count() <= LONGEST && password.bytes().len() <= LONGEST * 4 * 18);
    }
    if let Ok(hash) = text.parse::<PasswordHash>() {
        assert_eq!(hash.to_string(), text);
        assert!(hash.cost().memory <= Cost::LIMIT.memory);
    }
});
