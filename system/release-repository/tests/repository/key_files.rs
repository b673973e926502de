//! Files of keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use release_repository::keys::{FileKey, KeyError};
use signed_metadata::signed::Signer;

#[test]
fn a_key_file_is_its_owners_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let key = FileKey::make(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!format!("{key:?}").contains(&fs::read_to_string(&path).unwrap()[30..60]));
    assert!(matches!(FileKey::make(&path), Err(KeyError::Exists { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(FileKey::read(&path), Err(KeyError::Exposed { .. })));
}

#[test]
fn what_a_key_signed_verifies_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let key = FileKey::make(&directory.path().join("a.key")).unwrap();
    let again = FileKey::read(&directory.path().join("a.key")).unwrap();
    let signature = again.sign(b"message").unwrap();
    assert!(key.key().verifies(b"message", &signature));
    assert!(!key.key().verifies(b"massage", &signature));
    assert!(!FileKey::make(&directory.path().join("b.key")).unwrap().key().verifies(b"message", &signature));
}

#[test]
fn what_is_no_key_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    for text in ["", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(FileKey::read(&path), Err(KeyError::Format { .. })), "{text}");
    }
}
